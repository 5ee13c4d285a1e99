"""Why an operation takes more than three times PyTorch's time, which operations.py writes beside its row.

What is not named here has no excuse yet. Look next at operations.py.
"""

VIEW = "a view: 3 µs of Python for 1 of C++; its gradient is a copy, as each owns its memory here, PyTorch's a view"
PASSES = "a mask is made (.05 ms), brought to the width of the numbers (.09), applied (.08); PyTorch takes .08 in all"
REASONS = {
    **dict.fromkeys((
        "swapaxes transpose movedim permute t reshape ravel squeeze atleast_1d atleast_2d unflatten flatten unsqueeze "
        "broadcast_tensors broadcast_to expand diagonal meshgrid chunk trace select alpha_dropout "
        "feature_alpha_dropout"
    ).split(), VIEW),
    **dict.fromkeys("hardshrink threshold".split(), PASSES),
    "hardswish": "four passes in cache of .05 to .12 ms; PyTorch takes .08 in all",
    "prelu": "slopes above 1 here: four passes in cache of .08 ms; up to 1 they are two",
    "nll_loss": "a thousand numbers: 11 µs, of which 9 are three calls of operations; PyTorch takes 3",
}  # fmt: skip
