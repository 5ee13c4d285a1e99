"""The pieces of examples/benchmark.py. Start reading with steps.py, then in_torch.py beside in_tinygrad_mnist.py.

steps.py            what is trained: the eleven steps; models.py has the five newer models, once for both packages
material.py         the first weights and the batches, of images or text
in_<framework>.py   the training step as a user of that framework writes it
worker.py, race.py  the process that runs one step in one framework; starting such processes and letting them take turns
ratios.py           medians, ratios, quartiles, targets; tables.py and charts.py show them
operations.py       every operation against PyTorch's (--operations)
imports.py, sweeps.py, accuracy.py (which runs train_in_*.py)   the further measurements
"""
