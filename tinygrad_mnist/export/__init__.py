"""A model written down for other runtimes. Read graph.py (nodes and formulas), operators.py, export.py."""
