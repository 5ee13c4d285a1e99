"""Module: what is found in it and under which name, modes, saving, containers and their faces.

Look next at test_nn.py for what the layers compute.
"""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import DTypeError, GradientError, StateDictError
from tinygrad_mnist.core.scope import state


class Net(nn.Module):
    """Everything a model may hold, without super().__init__()."""

    def __init__(self):
        self.scale = nn.Parameter([1.0])
        self.first = nn.Linear(2, 3)
        self.items = [nn.Linear(3, 3), [nn.ReLU(), nn.Parameter([2.0])], (nn.Linear(3, 1, bias=False),)]
        self.named = {"a": nn.Linear(1, 1), "b": {"c": nn.Parameter([3.0])}}
        self.shared = self.first
        self.also = self.scale
        self.nothing, self.number, self.constant = None, 3, tg.ones(2)

    def forward(self, x):
        return self.items[2][0](self.items[0](self.first(x)))


NAMES = [
    "scale", "items.1.1", "named.b.c", "first.weight", "first.bias", "items.0.weight", "items.0.bias",
    "items.2.0.weight", "named.a.weight", "named.a.bias",
]  # fmt: skip


def test_parameters_are_found_in_every_container_once_in_order():
    net = Net()
    assert [n for n, _ in net.named_parameters()] == NAMES
    assert list(net.parameters())[3] is net.first.weight and len({id(p) for p in net.parameters()}) == len(NAMES)
    assert [n for n, _ in net.named_parameters(prefix="net")][0] == "net.scale"


def test_order_is_that_of_pytorch():
    torch = pytest.importorskip("torch")

    def build(nn):
        class Inner(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(1, 2)
                self.parameter = nn.Parameter(nn.Linear(1, 1).weight.detach())

        class Outer(nn.Module):
            def __init__(self):
                super().__init__()
                self.z = Inner()
                self.p = nn.Parameter(nn.Linear(1, 1).weight.detach())
                self.layers = nn.ModuleList([nn.Linear(1, 1), Inner()])
                self.net = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU(), nn.Linear(1, 1, bias=False)))
                self.tied = self.z
                self.q = self.p

        return Outer()

    ours, theirs = build(nn), build(torch.nn)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    assert [n for n, _ in ours.named_children()] == [n for n, _ in theirs.named_children()]


def test_modules_and_children():
    net = Net()
    assert [n for n, _ in net.named_modules()] == ["", "first", "items.0", "items.1.0", "items.2.0", "named.a"]
    assert [n for n, _ in net.named_children()] == ["first", "items.0", "items.1.0", "items.2.0", "named.a"]
    assert list(net.modules())[0] is net and next(net.children()) is net.first
    assert net.name_of(net.items[0]) == "items.0" and net.name_of(net) == "" and net.name_of(nn.ReLU()) is None


def test_super_init_may_be_called_all_the_same():
    class WithSuper(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(1, 1)

    assert len(list(WithSuper().parameters())) == 2


def test_a_child_that_knows_its_parent_is_walked_once():
    parent, child = nn.Module(), nn.Linear(1, 1)
    parent.child, child.parent = child, parent
    assert [n for n, _ in parent.named_modules()] == ["", "child"] and len(list(parent.parameters())) == 2


def test_tensors_are_not_parameters_and_reassignment_counts():
    module = nn.Module()
    module.a = tg.ones(1, requires_grad=True)
    assert list(module.parameters()) == []
    module.a = nn.Parameter([1.0])
    module.a = nn.Parameter([2.0])
    assert [p.item() for p in module.parameters()] == [2.0]
    del module.a
    assert list(module.parameters()) == []


def test_parameter():
    p = nn.Parameter(tg.ones(2))
    assert p.requires_grad and p.is_leaf and isinstance(p, tg.Tensor) and type(p * 2) is tg.Tensor
    assert not nn.Parameter([1.0], requires_grad=False).requires_grad
    t = tg.ones(2)
    q = nn.Parameter(t)
    t += 1
    assert q.tolist() == [2, 2] and q._version == t._version
    a = np.ones(2)
    assert nn.Parameter(a).array is a and nn.Parameter(a).dtype == np.float64
    with pytest.raises(DTypeError, match="only floating-point"):
        nn.Parameter([1, 2])


def test_train_and_eval_reach_everything():
    net = Net()
    assert net.training and net.eval() is net
    assert [m.training for m in net.modules()] == [False] * 6
    net.items[0].train()
    assert net.items[0].training and not net.training
    assert net.train() is net and all(m.training for m in net.modules())
    assert nn.Linear(1, 1).training  # one model's mode is not another's


def test_zero_grad_and_requires_grad():
    net = Net()
    net(tg.ones(1, 2)).sum().backward()
    assert net.first.weight.grad is not None
    net.zero_grad(set_to_none=False)
    assert not net.first.weight.grad.array.any() and net.scale.grad is None
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    assert net.requires_grad_(False) is net and not any(p.requires_grad for p in net.parameters())
    with pytest.raises(GradientError):
        net(tg.ones(1, 2)).sum().backward()


def test_a_module_without_forward_says_so():
    with pytest.raises(TypeError, match="Module has no forward method"):
        nn.Module()(1)


def test_arrays_become_tensors_at_the_door():
    seen = []

    class Look(nn.Module):
        def forward(self, x, factor=1):
            seen.append(type(x))
            return x * factor

    out = Look()(np.ones(2, np.float32), factor=3)
    assert seen == [tg.Tensor] and out.tolist() == [3, 3]


def test_the_module_scope_is_left_after_an_error():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(4, 1))
    with pytest.raises(ValueError):
        net(tg.ones(1, 2))
    assert state.scope is None


# ---------------------------------------------------------------- saving


def test_state_dict_shares_and_load_copies():
    a, b = Net(), Net()
    saved = a.state_dict()
    again = [saved.pop(name) for name in ("also", "shared.weight", "shared.bias")]  # as PyTorch, each name
    assert list(saved) == NAMES and not any(t.requires_grad for t in saved.values())
    assert [id(x.array) for x in again] == [id(saved[k].array) for k in ("scale", "first.weight", "first.bias")]
    assert list(dict(a.named_parameters(remove_duplicate=False))) == list(a.state_dict())
    saved = a.state_dict()
    assert saved["scale"].array is a.scale.array
    b.load_state_dict(saved)
    for x, y in zip(a.parameters(), b.parameters(), strict=True):
        np.testing.assert_array_equal(x.array, y.array)
        assert not np.may_share_memory(x.array, y.array) and y.requires_grad and y.is_leaf
    x = tg.randn(4, 2)
    np.testing.assert_array_equal(a(x).array, b(x).array)


def test_state_dict_takes_arrays_lists_and_other_dtypes():
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": np.array([[1.0, 2.0]]), "bias": [3]})
    assert layer.weight.dtype == np.float32 and layer(tg.ones(1, 2)).item() == 6
    layer.load_state_dict(json.loads(json.dumps({k: v.tolist() for k, v in layer.state_dict().items()})))
    assert layer.weight.tolist() == [[1, 2]]


def test_state_dict_of_pytorch_loads():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(8, 3))
    ours = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3))
    ours.load_state_dict(theirs.state_dict())
    x = np.random.default_rng(0).standard_normal((2, 1, 4, 4)).astype(np.float32)
    np.testing.assert_allclose(ours(x).array, theirs(torch.tensor(x)).detach().numpy(), rtol=1e-5, atol=1e-6)
    theirs.load_state_dict({k: torch.tensor(np.asarray(v)) for k, v in ours.state_dict().items()})


def test_all_problems_are_listed_at_once_and_nothing_is_loaded():
    layer = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    before = {k: v.array.copy() for k, v in layer.state_dict().items()}
    bad = {"0.weight": np.zeros((3, 2)), "0.bias": np.zeros(4), "1.bias": np.array(["a"]), "extra": np.zeros(1)}
    with pytest.raises(StateDictError) as caught:
        layer.load_state_dict(bad)
    text = str(caught.value)
    for part in (
        "misshaped: 0.bias (4,) instead of (3,), 1.bias (1,)".split(", 1.bias")[0], "missing: 1.weight",
        "unexpected: extra", "1.bias holds <U1", "nothing was loaded",
    ):  # fmt: skip
        assert part in text
    for k, v in layer.state_dict().items():
        np.testing.assert_array_equal(v.array, before[k])


def test_deepcopy_of_a_model_is_apart():
    net = Net()
    twin = copy.deepcopy(net)
    assert twin.shared is twin.first and twin.also is twin.scale
    with tg.no_grad():
        for p in twin.parameters():
            p.zero_()
    assert net.scale.item() == 1 and net.first.weight.array.any()
    assert [n for n, _ in twin.named_parameters()] == NAMES


# ---------------------------------------------------------------- containers


def test_sequential_calls_in_order_and_indexes():
    a, b, c = nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)
    net = nn.Sequential(a, b, c)
    x = tg.randn(4, 2)
    np.testing.assert_array_equal(net(x).array, c(b(a(x))).array)
    assert len(net) == 3 and net[0] is a and net[-1] is c and list(net) == [a, b, c]
    head = net[:2]
    assert type(head) is nn.Sequential and list(head) == [a, b] and len(list(head.parameters())) == 2
    assert [n for n, _ in net.named_parameters()] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert nn.Sequential()(5) == 5
    with pytest.raises(IndexError):
        net[3]


def test_more_than_ten_layers_stay_in_order():
    net = nn.Sequential(*(nn.Linear(1, 1) for _ in range(12)))
    assert [n for n, _ in net.named_children()] == [str(i) for i in range(12)]
    assert net.append(nn.ReLU()) is net and type(net[12]) is nn.ReLU and len(net) == 13


def test_module_list():
    layers = nn.ModuleList(nn.Linear(i + 1, 1) for i in range(3))
    layers.append(nn.Linear(9, 1))
    assert [layer.in_features for layer in layers] == [1, 2, 3, 9] and type(layers[1:]) is nn.ModuleList
    assert len(list(layers.parameters())) == 8
    with pytest.raises(TypeError, match="forward"):
        layers(tg.ones(1, 1))


def test_containers_refuse_what_is_not_a_module():
    with pytest.raises(DTypeError, match=r"Sequential: entry 1 is not a Module(.|\n)*ReLU\(\) instead of ReLU"):
        nn.Sequential(nn.Linear(1, 1), nn.ReLU)
    with pytest.raises(DTypeError, match="wrap a function"):
        nn.Sequential(tg.relu)
    with pytest.raises(DTypeError, match="ModuleList"):
        nn.ModuleList([3])
    with pytest.raises(DTypeError):
        nn.ModuleList().append(tg.ones(1))


def test_repr_is_a_tree():
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False)),
        nn.Dropout(0.2),
    )  # fmt: skip
    assert repr(net) == (
        "Sequential(\n"
        "  (0): Conv2d(1, 8, kernel_size=(3, 3), padding=(1, 1))\n"
        "  (1): ReLU()\n"
        "  (2): Sequential(\n"
        "    (0): Flatten(start_dim=1, end_dim=-1)\n"
        "    (1): Linear(in_features=4, out_features=2, bias=False)\n"
        "  )\n"
        "  (3): Dropout(p=0.2, inplace=False)\n"
        ")"
    )
    assert repr(nn.MaxPool2d(2)) == "MaxPool2d(kernel_size=(2, 2))"
    assert repr(nn.MaxPool2d(3, 1, 1)) == "MaxPool2d(kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))"
    assert repr(nn.Softmax(1)) == "Softmax(dim=1)" and repr(nn.MSELoss("sum")) == "MSELoss()"
    assert repr(nn.CrossEntropyLoss()) == "CrossEntropyLoss()" and "groups=2" in repr(nn.Conv2d(2, 2, 1, groups=2))
