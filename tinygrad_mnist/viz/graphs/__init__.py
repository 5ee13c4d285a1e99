"""The recorded graph: what is drawn, where it stands, in which words; its page, and what failed.

Read trace.py, repeat.py, fold.py, layout.py, graph.py.
"""
