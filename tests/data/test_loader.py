"""Datasets and the loader: batches, order, seeds, lengths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_mnist.data import DataLoader, ImageSet, Subset, TensorDataset, random_split


class Counting:
    """A dataset that gathers batches and counts how often it is asked."""

    takes_index_arrays = True

    def __init__(self, n):
        self.rows, self.calls = np.arange(n, dtype=np.float32), 0

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        self.calls += 1
        return self.rows[index], index


class OneByOne:
    """A dataset as PyTorch's users write it: one sample at a time."""

    def __len__(self):
        return 7

    def __getitem__(self, i):
        assert isinstance(i, int)
        return np.full((2,), i, dtype=np.float32), i, 0.5 * i


@given(n=st.integers(0, 40), batch=st.integers(1, 12), drop=st.booleans(), shuffle=st.booleans())
def test_every_sample_once_in_batches_of_one_gather(n, batch, drop, shuffle):
    dataset = Counting(n)
    loader = DataLoader(dataset, batch_size=batch, shuffle=shuffle, drop_last=drop, generator=tg.Generator(3))
    batches = list(loader)
    assert len(batches) == len(loader) == (n // batch if drop else -(-n // batch))
    assert dataset.calls == len(batches)
    seen = [int(i) for _, indices in batches for i in indices]
    assert len(seen) == len(set(seen)) == (n - n % batch if drop else n)
    if not shuffle:
        assert seen == sorted(seen)
    for rows, indices in batches:
        assert isinstance(rows, tg.Tensor) and rows.dtype == tg.float32
        assert np.array_equal(rows.numpy(), indices.numpy())


def test_a_seed_repeats_the_epochs_and_epochs_differ():
    def orders(seed):
        loader = DataLoader(Counting(50), batch_size=50, shuffle=True, generator=tg.Generator(seed))
        return [next(iter(loader))[1].tolist() for _ in range(2)]

    first, second = orders(1)
    assert [first, second] == orders(1)
    assert first != second and first != orders(2)[0]
    tg.manual_seed(4)
    one = next(iter(DataLoader(Counting(50), batch_size=50, shuffle=True)))[1].tolist()
    tg.manual_seed(4)
    assert one == next(iter(DataLoader(Counting(50), batch_size=50, shuffle=True)))[1].tolist()


def test_samples_one_by_one_are_stacked():
    batches = list(DataLoader(OneByOne(), batch_size=3))
    assert [len(b[0]) for b in batches] == [3, 3, 1]
    rows, numbers, halves = batches[1]
    assert rows.shape == (3, 2) and rows.dtype == tg.float32
    assert numbers.tolist() == [3, 4, 5] and numbers.dtype == tg.int64
    assert halves.tolist() == [1.5, 2.0, 2.5] and halves.dtype == tg.float64
    own = list(DataLoader(OneByOne(), batch_size=4, collate_fn=lambda samples: [s[1] for s in samples]))
    assert own == [[0, 1, 2, 3], [4, 5, 6]]


def test_tensor_dataset_gathers_rows_of_each():
    dataset = TensorDataset(tg.arange(10).reshape(5, 2), np.array([5, 6, 7, 8, 9]))
    assert len(dataset) == 5
    row, label = dataset[2]
    assert row.tolist() == [4, 5] and label.item() == 7
    rows, labels = next(iter(DataLoader(dataset, batch_size=3)))
    assert rows.tolist() == [[0, 1], [2, 3], [4, 5]] and labels.tolist() == [5, 6, 7]
    with pytest.raises(ShapeError, match="differ in length"):
        TensorDataset(tg.zeros(3), tg.zeros(4))


def test_random_split_deals_every_sample_once():
    images = ImageSet(np.arange(12, dtype=np.uint8).reshape(12, 1, 1), np.arange(12), classes="0", source="a test")
    parts = random_split(images, [7, 5], generator=tg.Generator(0))
    assert [len(p) for p in parts] == [7, 5]
    assert sorted(int(p[i][1]) for p in parts for i in range(len(p))) == list(range(12))
    pixels, labels = next(iter(DataLoader(parts[0], batch_size=4)))
    assert pixels.shape == (4, 1, 1, 1) and pixels.dtype == tg.float32
    assert np.allclose(pixels.numpy().reshape(-1) * 255, labels.numpy())
    assert Subset(images, [3, 1])[np.array([1, 0])][1].tolist() == [1, 3]
    with pytest.raises(ArgumentError, match="add up"):
        random_split(images, [7, 6])


@pytest.mark.parametrize("size", [0, -3, 2.5, "4"])
def test_a_bad_batch_size_is_refused(size):
    with pytest.raises(ArgumentError, match="batch_size"):
        DataLoader(Counting(3), batch_size=size)


def test_a_subset_by_mask():
    data = TensorDataset(np.arange(5.0), np.arange(5))
    mask = np.array([True, False, True, False, True])
    assert Subset(data, mask).indices.tolist() == [0, 2, 4] and len(Subset(data, [])) == 0
    with pytest.raises(ShapeError, match="mask"):
        Subset(data, mask[:3])
    with pytest.raises(DTypeError, match="whole numbers"):
        Subset(data, [0.9, 1.9])
