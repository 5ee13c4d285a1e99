"""The paths of the chain rule that make up one entry of a gradient.

Read factors.py, search.py, explain.py.
"""
