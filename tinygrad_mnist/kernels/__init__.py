"""Arithmetic on raw arrays: arrays in, arrays out. Nothing here knows of tensors, graphs or derivatives."""
