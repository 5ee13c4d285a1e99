"""
1. Backpropagation by hand
==========================

(to be written)
"""

# %%
# Exercises
# ---------

import tinygrad_mnist as tg

tg.viz.graph(tg.tensor(3.0, requires_grad=True) * 2)
