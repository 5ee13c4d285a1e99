"""Worker processes of a DataLoader: the same batches in the same order, made ahead of time, and what goes wrong."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import DataError
from tinygrad_mnist.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info


class Slow(Dataset):
    """Samples that take a while, with the process that made each."""

    def __init__(self, n, seconds=0.0, bad=None):
        self.n, self.seconds, self.bad = n, seconds, bad

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        time.sleep(self.seconds)
        if i == self.bad:
            raise KeyError(f"no sample {i}")
        return i, os.getpid()


class Shared(IterableDataset):
    """Each worker gives its own share, as PyTorch's documentation does it."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        return iter(range(self.n)) if info is None else iter(range(info.id, self.n, info.num_workers))


class Telling(Dataset):
    """What a worker knows of itself, and what it draws."""

    def __len__(self):
        return 4

    def __getitem__(self, i):
        info = get_worker_info()
        drawn = float(np.random.rand()), tg.rand(1).item()
        return i, info.id, info.num_workers, info.seed % 1000, *drawn


class Dying(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        os._exit(3)


SETTINGS = [{}, {"drop_last": True}, {"shuffle": True}, {"prefetch_factor": 1}]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("workers", [1, 3])
def test_workers_give_the_batches_of_one_process(workers, settings):
    x, y = tg.randn(23, 4, generator=tg.Generator(1)), tg.arange(23)
    plain = {k: v for k, v in settings.items() if k in ("drop_last", "shuffle")}
    rows = []
    for more in (plain, {"num_workers": workers, **settings}):
        loader = DataLoader(TensorDataset(x, y), 4, generator=tg.Generator(2), **more)
        rows.append([(a.tolist(), b.tolist()) for a, b in loader])
        assert len(rows[-1]) == len(loader)
    assert rows[0] == rows[1]


def test_batches_are_made_ahead_of_time_in_other_processes():
    loader = DataLoader(Slow(12, 0.05), 3, num_workers=2)
    batches = iter(loader)
    first, who = next(batches)
    assert first.tolist() == [0, 1, 2] and os.getpid() not in who.tolist()
    time.sleep(0.6)  # meanwhile the workers go on: the other three batches are there
    start = time.perf_counter()
    rest = list(batches)
    assert [b.tolist() for b, _ in rest] == [[3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert len({int(w) for _, by in [(first, who), *rest] for w in by}) == 2
    assert time.perf_counter() - start < 2


def test_an_iterable_dataset_is_shared_by_the_workers():
    loader = DataLoader(Shared(11), 2, num_workers=3)
    batches = [b.tolist() for b in loader]
    assert batches == [[0, 3], [1, 4], [2, 5], [6, 9], [7, 10], [8]]  # in turn, as PyTorch's
    assert [b.tolist() for b in DataLoader(Shared(5), 2)] == [[0, 1], [2, 3], [4]]


class Words(IterableDataset):
    def __iter__(self):
        return iter(["start", "end", "more"])


def test_what_a_stream_yields_is_no_signal():
    assert list(DataLoader(Words(), None, num_workers=1)) == ["start", "end", "more"]


def told(workers, **settings):
    tg.manual_seed(7)
    loader = DataLoader(Telling(), None, num_workers=workers, **settings)
    return [list(sample) for sample in loader], loader


def test_a_worker_knows_itself_and_has_a_seed_of_its_own():
    rows, _ = told(2)
    assert [r[:3] for r in rows] == [[0, 0, 2], [1, 1, 2], [2, 0, 2], [3, 1, 2]]
    assert rows[1][3] == rows[0][3] + 1
    assert len({r[4] for r in rows}) == len({r[5] for r in rows}) == 4 and rows == told(2)[0]


def test_persistent_workers_live_through_epochs_and_others_do_not():
    for persistent in (True, False):
        loader = DataLoader(Slow(6), 2, num_workers=2, persistent_workers=persistent)
        epochs = [{int(w) for _, who in loader for w in who} for _ in range(3)]
        assert (epochs[0] == epochs[1] == epochs[2]) is persistent
        next(iter(loader))  # one that is broken off ends its workers
        assert [b.tolist() for b, _ in loader] == [[0, 1], [2, 3], [4, 5]]


def note(worker):
    os.environ["NOTED"] = f"worker {worker}"


class Noted(Slow):
    def __getitem__(self, i):
        return os.environ.get("NOTED")


def test_worker_init_fn_is_called_in_each():
    assert list(DataLoader(Noted(4), 1, num_workers=2, worker_init_fn=note)) == [[f"worker {i % 2}"] for i in range(4)]

    def wrong(worker):
        raise ValueError("not here")

    with pytest.raises(ValueError, match="not here"):
        list(DataLoader(Noted(4), 1, num_workers=1, worker_init_fn=wrong))


def test_an_exception_comes_through_with_its_kind_and_place():
    batches = iter(DataLoader(Slow(8, bad=5), 2, num_workers=2))
    assert [next(batches)[0].tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(KeyError, match="no sample 5") as caught:
        next(batches)
    assert "__getitem__" in str(caught.value.__cause__)  # the traceback in the worker


def test_a_worker_that_dies_or_hangs_is_noticed():
    with pytest.raises(DataError, match="worker process 0 has ended unexpectedly"):
        list(DataLoader(Dying(), num_workers=1))
    with pytest.raises(DataError, match="timeout=0.3"):
        list(DataLoader(Slow(2, 3.0), num_workers=1, timeout=0.3))


def test_workers_can_be_started_anew_instead_of_forked():
    x = tg.arange(6.0)
    loader = DataLoader(TensorDataset(x), 4, num_workers=1, multiprocessing_context="spawn")
    assert [b.tolist() for (b,) in loader] == [[0, 1, 2, 3], [4, 5]]


def test_what_cannot_be_sent_is_an_error_and_no_hang():
    loader = DataLoader(Slow(2), 1, num_workers=1, collate_fn=lambda samples: lambda: samples)
    with pytest.raises(Exception, match="pickle|local object"):  # by the version of Python
        list(loader)
