"""Datasets, samplers and collating beside PyTorch's: the same samples, orders, lengths and refusals."""

from __future__ import annotations

import warnings
from collections import Counter, namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import TinygradError

torch = pytest.importorskip("torch")

Point = namedtuple("Point", "x y")


def worlds(m):
    """The names that a line may use, of one library."""
    data = m.utils.data

    class Squares(data.Dataset):
        def __init__(self, n=7):
            self.n = n

        def __len__(self):
            return self.n

        def __getitem__(self, i):
            if not -self.n <= i < self.n:
                raise IndexError(i)
            return i * i

    class Stream(data.IterableDataset):
        def __init__(self, n=5):
            self.n = n

        def __iter__(self):
            return iter(range(self.n))

        def __len__(self):
            return self.n

    class Batchwise(Squares):
        def __getitems__(self, indices):
            return [i * 10 for i in indices]

    tensors = data.TensorDataset(m.arange(6).reshape(3, 2), m.tensor([5, 6, 7]))
    return {"m": m, "D": data, "np": np, "Squares": Squares, "Stream": Stream, "Batchwise": Batchwise, "Point": Point,
            "tensors": tensors, "L": data.DataLoader, "c": data.default_collate}  # fmt: skip


LINES = [
    "(Squares() + Squares(3))[8]", "(Squares() + Squares(3))[-1]", "len(Squares() + Squares(3))", "list(Squares(4))",
    "(Squares() + Squares(3))[10]", "(Squares() + Squares(3))[-11]", "D.ConcatDataset([])", "D.Dataset()[0]",
    "D.ConcatDataset([Stream()])", "(Squares(2) + Squares(3)).cumulative_sizes",
    "D.Subset(Squares(), [3, 1])[1]", "len(D.Subset(Squares(), [3, 1]))",
    "D.Subset(Squares(), [3, 1])[2]", "list(D.Subset(D.Subset(Squares(), [3, 1, 5]), [2, 0]))", "tensors[1]",
    "len(tensors)", "[len(p) for p in D.random_split(Squares(10), [3, 7])]", "D.random_split(Squares(10), [3, 6])",
    "[len(p) for p in D.random_split(Squares(10), [0.5, 0.5])]", "D.random_split(Squares(10), [0.5, 0.6])",
    "[len(p) for p in D.random_split(Squares(10), [0.33, 0.33, 0.34])]", "D.random_split(Squares(10), [1.5, -0.5])",
    "[len(p) for p in D.random_split(Squares(7), [0.1, 0.2, 0.3, 0.4])]", "len(D.random_split(Squares(1), [1])[0])",
    "sorted(i for p in D.random_split(Squares(9), [0.5, 0.5]) for i in p)", "len(D.random_split(Squares(3), [1.0])[0])",
    "list(D.SequentialSampler(Squares()))", "sorted(D.RandomSampler(Squares()))", "len(D.RandomSampler(Squares()))",
    "len(list(D.RandomSampler(Squares(), replacement=True, num_samples=20)))",
    "D.RandomSampler(Squares(), num_samples=0)",
    "sorted(D.RandomSampler(Squares(4), num_samples=8))", "len(D.RandomSampler(Squares(4), num_samples=9))",
    "sorted(D.SubsetRandomSampler([5, 2, 9]))", "len(D.SubsetRandomSampler([5, 2, 9]))",
    "sorted(D.WeightedRandomSampler([0, 1, 2], 2, replacement=False))", "D.WeightedRandomSampler([1, 2], 0)",
    "len(D.WeightedRandomSampler([1, 2], 5))", "list(D.WeightedRandomSampler([0, 0, 3], 4))",
    "list(D.BatchSampler(range(7), 3, False))", "list(D.BatchSampler(D.SequentialSampler(range(7)), 3, True))",
    "len(D.BatchSampler(range(7), 3, False))", "len(D.BatchSampler(range(7), 3, True))",
    "D.BatchSampler(range(7), 0, 1)",
    "D.BatchSampler(range(7), 2.5, False)", "c([1, 2])", "c([1.5, 2.0])", "c([True, False])",
    "c([np.float64(1.5), np.float64(2)])",
    "c([np.ones(2, np.float32), np.zeros(2, np.float32)])", "c([m.ones(2), m.zeros(2)])", "c(['a', 'b'])", "c([b'a'])",
    "c([(1, 'a'), (2, 'b')])", "c([[1, 2], [3, 4]])", "c([{'a': 1, 'b': m.ones(1)}, {'a': 2, 'b': m.zeros(1)}])",
    "c([Point(1, 2), Point(3, 4)])", "c([(1, 2), (3,)])", "c([m.ones(2), m.ones(3)])", "c([object()])", "c([None])",
    "c([np.array(['a'])])", "c([(1, (2, 3)), (4, (5, 6))])", "c([np.int64(3), np.int64(4)])", "c([()])",
    "c([m.ones(1, requires_grad=True), m.zeros(1)])", "D.default_convert(np.ones(2))", "D.default_convert('a')",
    "D.default_convert({'a': np.ones(1, np.int32)})", "D.default_convert((np.ones(1), 2))", "D.default_convert(3)",
    "D.get_worker_info()", "D.Dataset[int] is not None and L[int] is not None",
]  # fmt: skip
LOADERS = [
    "L(tensors)", "L(tensors, 2)", "L(tensors, 2, drop_last=True)", "L(tensors, None)", "L(Squares(), None)",
    "L(Squares(), 3, sampler=[1, 3, 5, 2])", "L(Squares(), batch_sampler=[[1, 2], [3]])", "L(Squares(), 3)",
    "L(Squares(), batch_sampler=D.BatchSampler(range(5), 2, True))", "L(Stream(), 2)", "L(Stream(), 2, drop_last=True)",
    "L(Stream(), None)", "L(Stream(0), 2)", "L(Squares(0), 2)", "L(Batchwise(), 3)", "L(Squares(), 3, pin_memory=True)",
    "L(Squares(), 2, collate_fn=sum)", "L(Squares(), None, collate_fn=str)", "L(Stream(), None, collate_fn=str)",
    "L(Squares(), 3, sampler=D.SubsetRandomSampler([4]))", "L(D.Subset(tensors, [2, 0]), 2)", "L([1, 2, 3], 2)",
    "L(D.ConcatDataset([Squares(2), Squares(3)]), 2)",
    "L(Squares(), 0)", "L(Squares(), -1)", "L(Squares(), 2.5)", "L(Squares(), 2, sampler=[1], shuffle=True)",
    "L(Squares(), 2, batch_sampler=[[1]])", "L(Squares(), shuffle=True, batch_sampler=[[1]])",
    "L(Stream(), shuffle=True)",
    "L(Stream(), sampler=[1])", "L(Stream(), batch_sampler=[[1]])", "L(Squares(), None, drop_last=True)",
    "L(Squares(), num_workers=-1)", "L(Squares(), timeout=-1)", "L(Squares(), prefetch_factor=2)",
    "L(Squares(), persistent_workers=True)", "L(Squares(), drop_last=True, batch_sampler=[[1]])",
    "L(Stream(), 2, shuffle=False)", "L({'a': 1, 'b': 2}, 2, sampler=['a', 'b'])",
]  # fmt: skip


def plain(x):
    if isinstance(x, torch.Tensor | tg.Tensor):
        return str(x.dtype).removeprefix("torch."), x.requires_grad, x.tolist()
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, Point):
        return ("Point", *map(plain, x))
    return (type(x).__name__, *map(plain, x)) if isinstance(x, list | tuple) else x


def answer(m, text):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's, of empty parts and pinned memory
            return plain(eval(text, worlds(m)))
    except Exception as error:
        return error


@pytest.mark.parametrize("text", [*LINES, *[f"{of}({text})" for text in LOADERS for of in ("list", "len")]])
def test_a_line_gives_what_pytorch_gives(text):
    theirs, ours = answer(torch, text), answer(tg, text)
    if isinstance(theirs, Exception):
        own = isinstance(ours, TinygradError | NotImplementedError | IndexError)
        assert own or type(ours) is type(theirs), f"{text}: {ours!r}, PyTorch {theirs!r}"
    else:
        assert ours == theirs


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 50))
def test_fractions_are_dealt_as_pytorch_deals_them(weights, n):
    fractions = [w / sum(weights) for w in weights]
    ours, theirs = (
        answer(m, f"[len(p) for p in D.random_split(Squares({n}), {fractions})]") for m in (tg, torch)
    )
    assert type(ours) is type(theirs) or isinstance(ours, TinygradError)
    assert isinstance(ours, Exception) or ours == theirs


def test_weights_are_the_odds():
    sampler = tg.data.WeightedRandomSampler([1.0, 0.0, 3.0], 20_000, generator=tg.Generator(0))
    counts = Counter(sampler)
    assert counts[1] == 0 and counts[2] / counts[0] == pytest.approx(3, rel=0.1)


def test_samplers_repeat_by_their_seed_and_cover_every_sample():
    for kind in (tg.data.RandomSampler, tg.data.SubsetRandomSampler):
        one, two = (list(kind(range(30), generator=tg.Generator(4))) for _ in range(2))
        assert one == two != list(range(30)) and sorted(one) == list(range(30))
