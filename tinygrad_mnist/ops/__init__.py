"""The primitives, one family a file: what is computed forward and, beside it, one rule per argument.

Every rule is built from operators and other primitives, so that it holds at any order. Names and arguments are
NumPy's (`axis`, `keepdims`); functions/, one floor up, spells them PyTorch's way.
"""
