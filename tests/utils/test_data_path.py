"""`utils.data` is PyTorch's path to what stands in data/, and has what PyTorch has there."""

from __future__ import annotations

import importlib
import inspect

import pytest

import tinygrad_mnist as tg


def test_the_path_only_re_exports():
    module = importlib.import_module("tinygrad_mnist.utils.data")
    assert module is tg.utils.data
    assert all(getattr(module, name) is getattr(tg.data, name) for name in module.__all__)


@pytest.mark.parametrize("name", sorted(tg.utils.data.__all__))
def test_arguments_are_pytorchs_in_pytorchs_order(name):
    torch = pytest.importorskip("torch")
    ours, theirs = (inspect.signature(getattr(m.utils.data, name)).parameters for m in (tg, torch))
    if name not in ("ChainDataset", "ConcatDataset", "Dataset", "IterableDataset", "get_worker_info"):
        assert [*ours] == [n for n in theirs if n != "collate_fn_map"]
        for key, parameter in ours.items():
            assert key == "generator" or parameter.default == theirs[key].default, f"{name}: {key}"
