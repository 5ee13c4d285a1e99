"""Run a step once and write it down: what `compile` starts from.

Read in this order: program.py (what a captured step is), values.py and capture.py with guards/ (run it once,
note what it takes for granted), forms.py, step.py, verify.py. Then compiler/.
"""
