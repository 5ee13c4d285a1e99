"""Why an operation takes more than three times PyTorch's time, which operations.py writes beside its row.

What is not named here has no excuse yet. Look next at operations.py.
"""

VIEW = "a view: 3 µs of Python for 1 of C++; its gradient is a copy, as each owns its memory here, PyTorch's a view"
PASSES = "NumPy passes over the block in cache several times, PyTorch once with all in registers"
REASONS = {
    **dict.fromkeys((
        "swapaxes transpose movedim permute t reshape ravel squeeze atleast_1d atleast_2d unflatten flatten unsqueeze "
        "broadcast_tensors broadcast_to expand diagonal meshgrid chunk trace select alpha_dropout "
        "feature_alpha_dropout"
    ).split(), VIEW),
    **dict.fromkeys("gelu hardswish hardshrink threshold prelu".split(), PASSES),
    "equal": "PyTorch stops at the first difference, which is at once here",
    "prod": "halves are multiplied 20 times, so that the gradient is right where elements are 0",
    "unbind": "1000 views of 2 µs",
    "nll_loss": "a thousand numbers: 15 µs of calls",
    "cumsum": "NumPy accumulates element by element, in double precision", "cumprod": "as cumsum",
}  # fmt: skip
