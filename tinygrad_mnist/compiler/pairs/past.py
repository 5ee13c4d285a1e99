"""What a forward pass may change besides its result, as it was before: to run the same pass once more.

Knows no program. Look next at pairs.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...core.backend import Generator
from ...core.graph import Var

Source = Generator | np.random.Generator


class Past:
    """The states of generators, and copies of what tensors held."""

    def __init__(self, generators: Iterable[Source], tensors: Iterable[Var]) -> None:
        self.dice: list[tuple[Source, np.random.Generator, Any]] = []
        for source in generators:
            numpy = source.numpy if isinstance(source, Generator) else source
            self.dice.append((source, numpy, numpy.bit_generator.state))
        self.memory = [(t, t.array, t.array.copy("K")) for t in tensors]

    def note(self, var: Var) -> None:
        """Note what a tensor holds, unless that is noted already."""
        if not any(array is var.array for _, array, _ in self.memory):
            self.memory.append((var, var.array, var.array.copy("K")))

    def restore(self) -> Past:
        """Put all back. Returns: what was there instead, to be put back in its turn."""
        present = Past([source for source, *_ in self.dice], [])
        present.memory = [(var, array, array.copy("K")) for var, array, _ in self.memory]
        for source, numpy, state in self.dice:
            if isinstance(source, Generator):
                source._numpy = numpy  # it may have been seeded anew
            numpy.bit_generator.state = state
        for _, array, before in self.memory:
            array[...] = before
        return present
