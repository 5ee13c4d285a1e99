"""A training over time: curves, histograms; and the Figure that all plots begin with.

Read plots.py.
"""
