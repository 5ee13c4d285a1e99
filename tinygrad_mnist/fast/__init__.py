"""The numba backend of `compile`: a captured step as machine code that all threads run. Loaded when it is asked for.

Read in this order: tasks.py (what threads share), rows.py and lowering.py (from instructions to tasks), source.py with
images.py (the Python that numba compiles), calls.py, plan.py, setup.py. kernels/loops.py does the arithmetic.
"""
