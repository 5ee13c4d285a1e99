"""A first look at what a loader will give: nothing is gone through, and no random number is used up.

One sample, the first of the dataset, is fetched and forgotten; the generators that its transform draws from are put
back. What can only be gone through is not touched, and a sampler is not asked. loader.py calls this.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import numpy as np

from ..core.backend import default_generator
from ..core.graph import Var, no_grad

MOST_FIELDS, LONGEST = 8, 120


class Look(NamedTuple):
    """What was seen. shapes: (what it is, its shape and dtype); empty where there is nothing to look at."""

    dataset: str
    batches: str
    shapes: list[tuple[str, str]]


def look(loader: Any) -> Look:
    """Look at a loader."""
    samples = counted(loader.dataset)
    batches, size = counted(loader), loader.batch_size
    each = "batches of sizes that the batch_sampler chooses" if loader.batch_sampler is not None else (
        "single samples" if size is None else f"batches of {size:,}")  # fmt: skip
    if size and samples and batches and samples % size and loader.sampler is not None:
        rest = counted(loader.sampler) or samples
        if rest % size:
            each += f", {rest % size} left out" if loader.drop_last else f", the last of {rest % size}"
    counts = "unknown number" if batches is None else f"{batches:,}"
    known = f", {samples:,} samples" if samples is not None else ""
    return Look(named(loader.dataset) + known, f"{counts}: {each}", first_shapes(loader, samples))


def counted(x: Any) -> int | None:
    """Count what has a length."""
    try:
        return len(x)
    except Exception:  # of a user's own, it may fail in any way
        return None


def named(dataset: Any) -> str:
    """Name a dataset: in its own words where it has some of its own, which are no list of its samples."""
    kind: Any = type(dataset)
    text: str = kind.__name__
    if kind.__repr__ is not object.__repr__ and not isinstance(dataset, list | tuple | dict | np.ndarray | Var):
        with suppress(Exception):
            text = " ".join(repr(dataset).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def first_shapes(loader: Any, samples: int | None) -> list[tuple[str, str]]:
    """Fetch a sample, or a batch where that is one gather, and name the shapes in it."""
    if loader.iterable or not samples:
        return []
    whole = loader.collate_fn is None and getattr(loader.dataset, "takes_index_arrays", False) and loader.batch_size
    try:
        with undrawn(), no_grad():
            if whole:  # of which one sample is enough to know it
                return list(fields("a batch", loader.fetch(range(1)), min(loader.batch_size, samples)))
            return list(fields("a sample", loader.dataset[0]))
    except Exception:  # a dataset of other keys, files that are away: then there is no look
        return []


@contextmanager
def undrawn() -> Iterator[None]:
    """Put back what the default generator, NumPy's and Python's give next."""
    ours, numpys, pythons = default_generator.get_state(), np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        default_generator.set_state(ours)
        np.random.set_state(numpys)
        random.setstate(pythons)


def fields(name: str, x: Any, count: int | None = None) -> Iterator[tuple[str, str]]:
    """Name the shapes of what is in a sample, or in a batch of so many."""
    if isinstance(x, Mapping):
        parts = [(f"{key!r}", value) for key, value in x.items()]
    elif isinstance(x, list | tuple) and x and not all(isinstance(v, int | float) for v in x):
        parts = [(str(i), value) for i, value in enumerate(x)]
    else:
        is_array = isinstance(x, Var | np.ndarray)
        shape = (tuple(x.shape) if count is None else (count, *x.shape[1:])) if is_array else ()
        yield name, f"{x.dtype} {shape}" if is_array else type(x).__name__
        return
    for key, value in parts[:MOST_FIELDS]:
        yield from fields(f"{name}[{key}]", value, count)
