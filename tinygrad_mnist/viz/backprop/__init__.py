"""Backpropagation played: a page that goes forward and backward through a real run.

Read backward.py, lesson.py, player.py.
"""
