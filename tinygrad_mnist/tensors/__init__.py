"""Spelling: the Tensor with its operators and PyTorch's names, how tensors are made, changed in place and saved.

Read in this order: tensor.py, in_place.py, creation.py, numpy_protocol.py, saving.py.
"""
