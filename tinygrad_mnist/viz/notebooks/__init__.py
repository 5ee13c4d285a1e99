"""What notebooks show of tensors, programs, histories, loaders and models.

Read notebook.py, heat.py.
"""
