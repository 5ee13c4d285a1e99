"""What a network sees in single images, and where it is wrong.

Read images.py, attribution.py, features.py, mistakes.py.
"""
