"""Buffers: tensors that belong to a module and are not learned. Against PyTorch, by random trees of modules.

Look next at compiler/test_buffers_compiled.py for steps that change them.
"""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import ArgumentError, DTypeError, StateDictError


class Counting(nn.Module):
    """A layer with a buffer that is saved, one that is not, and one that is none yet."""

    def __init__(self, n=3):
        self.register_buffer("mean", tg.zeros(n))
        self.scale = nn.Parameter(tg.ones(n))
        self.register_buffer("seen", tg.tensor(0))
        self.register_buffer("mask", tg.ones(n), persistent=False)
        self.register_buffer("later", None)


def names(found):
    return [name for name, _ in found]


def test_what_is_found_and_saved():
    net = nn.Sequential(Counting(), nn.ModuleList([Counting(2)]))
    inside = ["mean", "seen", "mask"]
    assert names(net.named_buffers()) == [f"{at}.{name}" for at in ("0", "1.0") for name in inside]
    assert names(net[0].named_buffers(prefix="net")) == ["net.mean", "net.seen", "net.mask"]
    assert names(net.named_buffers(recurse=False)) == [] and len(list(net.buffers())) == 6
    assert list(net.state_dict()) == [f"{at}.{name}" for at in ("0", "1.0") for name in ("scale", "mean", "seen")]
    assert names(net.named_parameters()) == ["0.scale", "1.0.scale"]
    assert repr(Counting()) == "Counting()" and not any(b.requires_grad for b in net.requires_grad_().buffers())
    saved = net.state_dict()
    assert saved["0.mean"].array is net[0].mean.array and saved["0.seen"].dtype == tg.int64


def test_a_buffer_stays_one_when_it_is_set_anew():
    net = Counting()
    net.mean, net.later = tg.ones(3) * 2, tg.tensor([1.0])
    assert names(net.named_buffers()) == ["mean", "seen", "mask", "later"] and list(net.state_dict())[-1] == "later"
    net.mean = None
    assert names(net.named_buffers()) == ["seen", "mask", "later"]
    del net.later
    net.later = tg.ones(1)  # an attribute like any other
    assert names(net.named_buffers()) == ["seen", "mask"]
    net.mask = nn.Parameter(tg.ones(3))
    net.seen = nn.Linear(1, 1)
    assert names(net.named_buffers()) == [] and names(net.named_parameters()) == [
        "scale", "mask", "seen.weight", "seen.bias"
    ]  # fmt: skip
    net.register_buffer("mean", tg.ones(3), persistent=False)  # again: its value, and whether it is saved
    assert names(net.named_buffers()) == ["mean"] and "mean" not in net.state_dict()


def test_a_tensor_with_a_history_may_be_a_buffer():
    net, w = Counting(), nn.Parameter(tg.ones(3))
    net.mean = w * 2
    assert next(net.buffers()).requires_grad and not net.state_dict()["mean"].requires_grad
    net.load_state_dict(Counting().state_dict())
    assert net.mean.tolist() == [0, 0, 0]


@pytest.mark.parametrize(("name", "tensor", "kind", "said"), [
    ("scale", tg.ones(1), ArgumentError, "there is an attribute 'scale' already"),
    ("training", tg.ones(1), ArgumentError, "there is an attribute 'training' already"),
    ("a.b", tg.ones(1), ArgumentError, "cannot have this name"),
    ("", tg.ones(1), ArgumentError, "cannot have this name"), (3, tg.ones(1), DTypeError, "must be a string"),
    ("new", np.ones(1), DTypeError, "'new' must be a tensor or None(.|\n)*ndarray"),
    ("new", nn.Parameter([1.0]), DTypeError, "assign a Parameter"),
])  # fmt: skip
def test_names_and_values_that_are_refused(name, tensor, kind, said):
    net = Counting()
    with pytest.raises(kind, match=said):
        net.register_buffer(name, tensor)
    assert names(net.named_buffers()) == ["mean", "seen", "mask"] and not hasattr(net, "new")


@pytest.mark.parametrize("look", [
    lambda m: list(m.buffers()), lambda m: m.state_dict(), lambda m: m.load_state_dict({}),
])  # fmt: skip
def test_a_number_in_the_place_of_a_buffer_is_told(look):
    net = nn.Sequential(Counting())
    net[0].seen = 3
    with pytest.raises(DTypeError, match=r"Counting: the buffer 'seen' is no tensor any more(.|\n)*int 3"):
        look(net)


def test_load_state_dict_tells_what_is_missing_and_unexpected():
    net = Counting()
    state = {"mean": [1.0, 2.0, 3.0], "mask": [0.0] * 3, "later": [1.0]}
    with pytest.raises(StateDictError, match="missing: scale, seen; unexpected: mask, later"):
        net.load_state_dict(state)
    assert net.mean.tolist() == [0, 0, 0]
    mean = net.mean
    found = net.load_state_dict(state, strict=False)
    assert (found.missing_keys, found.unexpected_keys) == (["scale", "seen"], ["mask", "later"])
    assert net.mean is mean and mean.tolist() == [1, 2, 3] and net.mask.tolist() == [1, 1, 1]
    with pytest.raises(StateDictError, match=r"misshaped: mean \(2,\) instead of \(3,\)"):
        net.load_state_dict({"mean": [1.0, 2.0]}, strict=False)
    assert net.load_state_dict(Counting().state_dict()) == ([], [])


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), tg.compile, copy.copy])
def test_copies_have_buffers_of_their_own(again):
    net = nn.Sequential(Counting(), Counting())
    net[1].mean = net[0].mean
    made = again(net)
    assert names(made.named_buffers()) == ["0.mean", "0.seen", "0.mask", "1.seen", "1.mask"]
    assert made[1].mean is made[0].mean and list(made.state_dict()) == list(net.state_dict())
    made[0].mean.add_(1)
    assert net[0].mean.tolist() == [0, 0, 0] or again in (tg.compile, copy.copy)
    made[0].later = tg.ones(1)
    assert "0.later" in made.state_dict()


def test_a_shallow_copy_registers_and_deletes_for_itself():
    net = Counting()
    made = copy.copy(net)
    made.register_buffer("new", tg.ones(1))
    del made.mean
    assert names(net.named_buffers()) == ["mean", "seen", "mask"]
    assert names(made.named_buffers()) == ["seen", "mask", "new"]


class Changing(Counting):
    """One that changes its buffers in evaluation, too."""

    def forward(self, x):
        self.seen += 1
        self.mean = x.detach().mean(0)
        return (x - self.mean) * self.scale * self.mask


def test_summary_counts_buffers_and_leaves_them_as_they_were():
    model = nn.Sequential(Changing(), nn.Linear(3, 1))
    mean, seen = model[0].mean, model[0].seen
    result = tg.summary(model, (4, 3))
    assert (result.total_parameters, result.total_buffers, result.buffer_bytes) == (7, 7, 32) and result.error is None
    assert "buffers        7, 32 B" in str(result) and "buffers" not in str(tg.summary(model[1], (4, 3)))
    assert model[0].mean is mean and mean.tolist() == [0, 0, 0] and model[0].seen is seen and seen.item() == 0


def test_pictures_name_buffers():
    model = nn.Sequential(Changing(), nn.Linear(3, 1))
    assert "<b>0.mask</b>" in tg.viz.graph(model(tg.ones(4, 3)).sum()).source


class Pair:
    """The same tree of modules here and in PyTorch, changed alike."""

    def __init__(self, torch, draw):
        self.torch, self.draw = torch, draw
        self.modules = [(nn.Module(), torch.nn.Module())]
        self.tensors = []
        self.in_order = True  # until a parameter or module takes another thing's place: here it stands there

    def tensor(self):
        """Make a tensor, or take one that is a buffer already."""
        if self.tensors and self.draw.random() < 0.3:
            return self.tensors[self.draw.integers(len(self.tensors))]
        values = self.draw.standard_normal(self.draw.integers(1, 4)).astype(np.float32)
        values = values if self.draw.random() < 0.7 else (values * 9).astype(np.int64)
        self.tensors.append((tg.tensor(values), self.torch.tensor(values)))
        return self.tensors[-1]

    def change(self):
        """Do something to a module; what PyTorch refuses in an assignment is not tried here."""
        ours, theirs = self.modules[self.draw.integers(len(self.modules))]
        name, kind = "abcd"[self.draw.integers(4)], self.draw.integers(7)
        was_buffer, held = name in theirs._buffers, getattr(theirs, name, self)
        if kind < 2:
            x, persistent = (None, None) if self.draw.random() < 0.1 else self.tensor(), self.draw.random() < 0.6
            refused = []
            for module, value, errors in ((theirs, x[1], KeyError), (ours, x[0], ArgumentError)):
                try:
                    module.register_buffer(name, value, persistent)
                except errors:
                    refused.append(module)
            assert refused in ([], [theirs, ours]), name
            return
        if kind == 2:
            if hasattr(theirs, name):
                delattr(theirs, name)
                delattr(ours, name)
            return
        if kind == 3:
            values = self.draw.standard_normal(2).astype(np.float32)
            x = nn.Parameter(values), self.torch.nn.Parameter(self.torch.tensor(values))
        elif kind == 4:
            x = nn.Module(), self.torch.nn.Module()
        elif kind == 5:
            x = (None, None) if was_buffer else self.tensor()
        else:
            x = self.tensor()
        if kind in (3, 4) and held is not self and type(held) is not type(x[1]) and self.draw.random() < 0.9:
            return
        try:
            setattr(theirs, name, x[1])
        except TypeError:  # a tensor in the place of a parameter or module
            return
        setattr(ours, name, x[0])
        self.in_order &= kind > 4 or held is self or type(held) is type(x[1])
        if kind == 4:
            self.modules.append(x)

    def agree(self):
        """Compare all that is listed, and what a state dict has and lacks."""
        for ours, theirs in self.modules:
            for found, wanted in (
                (ours.named_buffers("x", False), theirs.named_buffers("x", False)),
                (ours.named_parameters("", False), theirs.named_parameters("", False)),
                (ours.named_modules("m", False), theirs.named_modules(None, "m", False)),
            ):
                assert sorted(names(found)) == sorted(names(wanted))
        if not self.in_order:  # nor is the first name of what is shared the same
            return
        ours, theirs = self.modules[0]
        assert names(ours.named_buffers()) == names(theirs.named_buffers())
        assert names(ours.named_parameters()) == names(theirs.named_parameters())
        state = {k: x.numpy().copy() for k, x in theirs.state_dict().items()}  # what is shared under each of its names
        found = {k: v.numpy() for k, v in ours.state_dict().items()}
        assert list(found) == list(state)
        for name, array in state.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)
        given = {k: np.zeros_like(v) for k, v in state.items() if self.draw.random() < 0.5}
        given |= {k: np.zeros(1) for k in ("no", "a.no", "d") if self.draw.random() < 0.3 and k not in state}
        wanted = theirs.load_state_dict({k: self.torch.tensor(v) for k, v in given.items()}, strict=False)
        got = ours.load_state_dict(given, strict=False)
        assert got.missing_keys == wanted.missing_keys
        assert sorted(got.unexpected_keys) == sorted(wanted.unexpected_keys)
        if any(got):
            with pytest.raises(StateDictError):
                ours.load_state_dict(given)
        else:
            ours.load_state_dict(given)


@pytest.mark.parametrize("seed", range(60))
def test_trees_of_modules_are_as_pytorch_s(seed):
    pair = Pair(pytest.importorskip("torch"), np.random.default_rng(seed))
    for step in range(40):
        pair.change()
        if step % 4 == 3:
            pair.agree()
    ours, theirs = pair.modules[0]
    pair.modules[0] = copy.deepcopy(ours), copy.deepcopy(theirs)
    pair.agree()
