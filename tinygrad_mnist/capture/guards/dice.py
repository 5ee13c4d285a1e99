"""NumPy's generators, of whose draws Python tells no profiler: their state shows them.

Of whose hand it was the state says nothing: other threads wait with their draws as long as one looks (core/alone.py).
Look next at watch.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...core.alone import alone
from ...core.backend import Array, default_generator, isolated

NumpySource = np.random.Generator | np.random.RandomState


class Dice:
    """NumPy's generators that a step can reach: has it drawn from one by hand, which nothing tells of?"""

    def __init__(self, others: Iterable[NumpySource] = ()) -> None:
        self.generators: list[NumpySource] = [default_generator.numpy, np.random.mtrand._rand, *others]
        self.now: dict[int, tuple[NumpySource, Any]] = {}
        self.by_hand: list[NumpySource] = []

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at all draws meanwhile."""
        with alone():
            self.now = {id(g): (g, state_of(g)) for g in self.generators}
            yield
            self.by_hand += [g for g, state in self.now.values() if not alike(state_of(g), state)]

    def drawn(self, fill: Callable[..., None], generator: Any, settings: dict[str, Any], out: Array) -> None:
        """Follow a draw that tensors were made of: whatever else has moved the generator was done by hand."""
        if id(generator) in self.now:
            twin = type(generator)(isolated(type(generator.bit_generator)))
            twin.bit_generator.state = self.now[id(generator)][1]
            fill(np.empty_like(out), twin, **settings)
            if not alike(state_of(twin), state_of(generator)):
                self.by_hand.append(generator)
        elif generator is default_generator.numpy:
            return  # another thread has seeded it anew, and may draw from it
        self.now[id(generator)] = generator, state_of(generator)


def state_of(generator: NumpySource) -> Any:
    """Give the state of one of NumPy's generators."""
    if isinstance(generator, np.random.RandomState):
        return generator.get_state(legacy=False)
    return generator.bit_generator.state


def alike(a: Any, b: Any) -> bool:
    """Compare two states: dicts of words, numbers and arrays. (np.testing would be imported at its first use.)"""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(alike(a[k], b[k]) for k in a)
    return bool(np.array_equal(a, b))
