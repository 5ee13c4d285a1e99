"""What everything stands on: values, calls of operations, and reverse-mode differentiation, which knows no operation.

Read in this order: graph.py (what is recorded), primitive.py (how), engine.py (how it is differentiated).
"""
