"""Small graphs, the nodes of them that are alive, and work in threads of its own."""

import gc
import threading

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist.core.graph import Node


def leaf(*values, dtype=np.float64):
    return tg.tensor(np.array(values, dtype=dtype), requires_grad=True)


def values(t):
    return np.asarray(t).tolist()


def nodes_alive():
    return sum(type(o) is Node for o in gc.get_objects())


def in_threads(*functions):
    """Run functions in threads of their own and raise what any of them raised."""
    errors = []

    def guarded(f):
        try:
            f()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(f,)) for f in functions]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
        assert not t.is_alive()
    if errors:
        raise errors[0]
