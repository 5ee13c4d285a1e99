"""A compiled step: its program as a picture, and its time as a flame chart.

Read rows.py, program.py, flame.py.
"""
