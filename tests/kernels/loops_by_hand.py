"""Convolution and pooling as loops, one output value at a time, and the inputs they are tried on."""

import numpy as np
from hypothesis import strategies as st

PLAIN = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}


def layouts(x):
    """The same values of a 4-d array in every memory order that turns up, read-only."""
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    wider = np.zeros((*x.shape[:3], 2 * x.shape[3]), x.dtype)
    wider[..., ::2] = x
    found = {
        "C": np.ascontiguousarray(x), "F": np.asfortranarray(x), "channels-last": last,
        "channels-last, flipped": np.ascontiguousarray(last[:, ::-1, ::-1, ::-1])[:, ::-1, ::-1, ::-1],
        "flipped": np.ascontiguousarray(x[::-1, ::-1, ::-1, ::-1])[::-1, ::-1, ::-1, ::-1], "strided": wider[..., ::2],
        "swapped": np.ascontiguousarray(x.transpose(0, 1, 3, 2)).transpose(0, 1, 3, 2),
    }  # fmt: skip
    for name, array in found.items():
        np.testing.assert_array_equal(array, x, err_msg=name)
        array.flags.writeable = False
    return found


LAYOUTS = sorted(layouts(np.zeros((1, 1, 1, 1))))


def pairs(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high))
