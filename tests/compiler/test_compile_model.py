"""`tg.compile(model)`: a Module that trains as the model does, bit for bit, however it is used."""

import copy
import pickle
import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pytest
from models import Dropping, Two, Y, batch, ended

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn, optim
from tinygrad_mnist.compiler.pairs.model import CompiledModule
from tinygrad_mnist.core.errors import CaptureError, InPlaceError

# ---------------------------------------------------------------- a Module


def test_it_is_a_module_with_the_names_of_the_model():
    plain = Dropping()
    model = tg.compile(plain)
    assert isinstance(model, nn.Module) and model._orig_mod is plain and model.a is plain.a
    assert [n for n, _ in model.named_parameters()] == [n for n, _ in plain.named_parameters()]
    assert all(p is q for p, q in zip(model.parameters(), plain.parameters(), strict=True))
    assert not model.eval().training and not plain.training and not plain.drop.training
    other = Dropping()
    other.load_state_dict(model.state_dict())
    assert (other.b.weight == plain.b.weight).all()
    assert "Dropping" in repr(model) and "Dropout" in repr(model)


class Unpaired(nn.Linear):
    """Has a backward of its own in forward, which no pair repeats."""

    def forward(self, x):
        (self.weight * 2).sum().backward()
        return super().forward(x)


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.parametrize("kind", [nn.Linear, Unpaired])
def test_nothing_is_left_of_signatures_that_are_gone(kind):
    model = tg.compile(kind(5, 3))
    waiting = [model(tg.zeros(n, 5)) for n in range(1, 50)]
    for out in waiting:  # of pairs that are gone by now, too
        out.sum().backward()
    for n in range(50, 120):
        model(tg.zeros(n, 5)).sum().backward()
    pairs = model._trained
    assert all(len(x) <= 32 for x in (pairs.plans, pairs.order, pairs.captures)) and pairs.plans


def test_an_array_that_comes_back_is_a_tensor_as_of_the_model_itself():
    class Passing(nn.Linear):
        def forward(self, x):
            return super().forward(x), x, {"again": x}

    model, array = tg.compile(Passing(5, 3)), np.ones((2, 5), np.float32)
    for recording in (True, True, False, False):
        with nullcontext() if recording else tg.no_grad():
            out, x, named = model(array)
        assert out.shape == (2, 3) and isinstance(x, tg.Tensor) and named["again"] is x


@pytest.mark.parametrize("how", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_models_of_their_own(how):
    model = tg.compile(Dropping().eval())
    x = batch("dropping", 0)
    model(x).sum().backward()
    other = how(model)
    assert other._orig_mod is not model._orig_mod and other.a is other._orig_mod.a
    with tg.no_grad():
        other.b.bias.add_(1)
    np.testing.assert_allclose(other(x).detach().numpy(), model(x).detach().numpy() + 1, rtol=1e-5)


def test_the_backward_is_replayed():
    calls = []

    class Counted(Dropping):
        def forward(self, x):
            return super().forward(x)

    plain = Counted()
    model = tg.compile(plain)
    for i in range(4):
        if i == 1:
            plain.a.weight.grad = None
        model(batch("dropping", i)).mean().backward()
        calls.append(len(model._trained.plans))
    assert "def step" in model.source() and model.source().count("def step") == 2 and calls[-1] == 1
    assert "linear" in str(model.program())


def test_a_parameter_changed_between_forward_and_backward():
    for changed in ("a.weight", "b.weight"):
        model = tg.compile(nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)))
        x = batch("", 0).requires_grad_()
        for _ in range(3):
            loss = model(x).sum()
            with tg.no_grad():
                dict(model.named_parameters())["0.weight" if changed == "a.weight" else "2.weight"].add_(1)
            with pytest.raises(InPlaceError):
                loss.backward()


def test_a_bias_may_change_before_backward():
    plain = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    model = tg.compile(copy.deepcopy(plain))
    for i in range(4):
        grads = []
        for m in (plain, model):
            m.zero_grad()
            loss = F.cross_entropy(m(batch("", i)), Y)
            with tg.no_grad():
                dict(m.named_parameters())["0.bias"].add_(1)
            loss.backward()
            grads.append([p.grad.tolist() for p in m.parameters()])
        assert grads[0] == grads[1]


def test_an_argument_changed_before_backward():
    model = tg.compile(nn.Linear(5, 3))
    for _ in range(3):
        x = batch("", 0)
        loss = model(x).sum()
        x.mul_(2)
        with pytest.raises(InPlaceError):
            loss.backward()


def test_inside_a_compiled_step_the_step_captures_it():
    plain = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    other = copy.deepcopy(plain)
    model = tg.compile(other)

    def stepper(m):
        optimizer = optim.Adam(m.parameters())

        def step(x):
            optimizer.zero_grad()
            loss = F.cross_entropy(m(x), Y)
            loss.backward()
            optimizer.step()
            return loss.detach()

        return step

    eager, step = stepper(plain), tg.compile(stepper(model))
    for i in range(4):
        assert eager(batch("", i)).item() == step(batch("", i)).item()
    assert not model._trained.plans


def test_what_a_model_changes_of_its_own_is_refused():
    class Counting(Dropping):
        count = 0

        def forward(self, x):
            self.count = self.count + 1
            return super().forward(x)

    with pytest.raises(CaptureError, match="changes"):
        tg.compile(Counting())(batch("dropping", 0))


def test_a_model_inside_another_and_calls_that_are_dropped():
    inner = tg.compile(nn.Sequential(nn.Linear(5, 4), nn.ReLU()))
    outer = nn.Sequential(inner, nn.Linear(4, 3))
    assert [n for n, _ in outer.named_parameters()][0] == "0.0.weight"
    for i in range(5):
        outer(batch("", i))
        ended(F.cross_entropy(outer(batch("", i)), Y))
    assert inner._trained.captures and all(p.grad is not None for p in outer.parameters())


def test_dropout_in_the_first_step_of_a_process():
    code = ("import tinygrad_mnist as tg; f = tg.nn.Dropout(0.3)\nprint(tg.compile(lambda x: f(x))(tg.ones(3)).shape)")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "(3,)"


class Own(nn.Module):
    """A model with methods of its own for all that the engine and people ask of one."""

    kind = "own"
    __slots__ = ("note",)

    def __init__(self, inside, *, width):
        self.a, self.drop, self.b = nn.Linear(inside, width), nn.Dropout(0.5), nn.Linear(width, 3)
        self.note = "n"

    def __init_subclass__(cls, *, needed, **settings):
        raise AssertionError("a class that nobody derived")

    def forward(self, x):
        return self.b(self.drop(self.encode(x)))

    def encode(self, x):
        return self.a(x).tanh()

    def wider(self):
        return type(self)(5, width=self.width + 1)

    @property
    def width(self):
        return self.a.weight.shape[0]

    def train(self, mode=True):
        super().train(mode)
        self.drop.training = False
        return self

    def state_dict(self):
        return {f"own.{k}": v for k, v in super().state_dict().items()}

    def load_state_dict(self, state_dict, strict=True):
        super().load_state_dict({k.removeprefix("own."): v for k, v in state_dict.items()}, strict)

    def named_parameters(self, prefix="", recurse=True):
        return (x for x in super().named_parameters(prefix, recurse) if x[0] != "b.bias")

    def __len__(self):
        return 0

    def __repr__(self):
        return f"Own of {self.width}"


def test_methods_of_the_model_s_class_are_there():
    plain = Own(5, width=4)
    model = tg.compile(plain)
    x = batch("", 0)
    assert isinstance(model, Own) and isinstance(model, CompiledModule) and type(model).__name__ == "Own"
    assert model.kind == "own" and not hasattr(model, "decode")
    for _ in range(3):
        model.encode(x).sum().backward()
    assert not model.train().drop.training and model.training and plain.training
    assert list(model.state_dict()) == [f"own.{k}" for k in ("a.weight", "a.bias", "b.weight", "b.bias")]
    assert (model.width, len(model), repr(model), model.note) == (4, 0, "Own of 4", "n")
    model.note, model.extra = "m", 3
    assert (plain.note, plain.extra) == ("m", 3)
    model.load_state_dict(model.state_dict())
    assert (model.encode(x) == plain.encode(x)).all()
    for _ in range(3):  # no dropout: the same each time
        assert (model(x) == plain(x)).all()
    for other in (copy.copy(model), copy.deepcopy(model), tg.compile(model)):
        assert isinstance(other, Own) and (other(x) == plain(x)).all()
    assert copy.copy(model).a is model.a and copy.deepcopy(model).a is not model.a
    assert tg.compile(model)._orig_mod is plain
    assert type(model.wider()) is Own and model.wider()(x).shape == (6, 3)


def test_containers_are_indexed_and_walked():
    plain = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    model = tg.compile(plain)
    assert len(model) == 3 and model[0] is plain[0] and list(model) == list(plain) and repr(model) == repr(plain)
    assert type(model[:2]) is nn.Sequential and len(model[:2]) == 2 and model[:2](batch("", 0)).shape == (6, 4)
    assert [n for n, _ in model.append(nn.Tanh()).named_children()] == ["0", "1", "2", "3"] and len(plain) == 4
    listed = tg.compile(nn.ModuleList([nn.Linear(2, 2)]))
    assert listed[0](tg.ones(1, 2)).shape == (1, 2)
    inner = nn.Sequential(tg.compile(nn.Linear(5, 4)), nn.Linear(4, 3))
    for m in (inner, copy.deepcopy(inner), pickle.loads(pickle.dumps(inner)), tg.compile(inner)):
        assert (m(batch("", 1)) == inner(batch("", 1))).all() and isinstance(m[0], CompiledModule)


# ---------------------------------------------------------------- memory that leaves, and the number of captures


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_what_leaves_is_computed_where_it_stays(backend):
    model = tg.compile(nn.Sequential(nn.Linear(5, 40), nn.Tanh(), nn.Linear(40, 3), nn.Tanh()), backend=backend)
    kept = []
    for i in range(4):
        model.zero_grad()
        out = model(batch("", i))
        out.square().sum().backward()
        kept.append([out.detach(), *(p.grad for p in model.parameters())])
        kept[-1] += [x.clone() for x in kept[-1]]
    assert ".copy(" not in model.source()
    for found in kept:  # and no later call wrote to it
        assert all((x == y).all() for x, y in zip(found[:5], found[5:], strict=True))


def test_a_result_changed_in_place_before_backward():
    plain = nn.Sequential(nn.Linear(5, 4), nn.Sigmoid())  # whose gradient needs its result
    for model in (plain, tg.compile(plain)):
        for _ in range(3):
            out = model(batch("", 0))
            loss = out.sum()
            with tg.no_grad():
                out.mul_(2)
            with pytest.raises(InPlaceError):
                loss.backward()


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_outputs_used_in_turn_are_captured_once_each(backend):
    losses = [
        lambda out: out["p"].sum(), lambda out: out["q"][0].mean(), lambda out: out["p"].mean() + out["q"][0].sum(),
        lambda out: (out["p"].T * tg.tensor(np.arange(18.0).reshape(3, 6))).sum(),
    ]  # fmt: skip
    plain = Two()
    model = tg.compile(copy.deepcopy(plain), backend=backend)
    for i in range(24):
        if i == 12:
            model._trained.plain = model._trained.capture = None  # it runs no more as Python
        for m in (plain, model):
            m.zero_grad()
            losses[i % 4](m(batch("", i))).backward()
        for p, q in zip(plain.parameters(), model.parameters(), strict=True):
            assert (p.grad is None) == (q.grad is None)
            if p.grad is not None:
                np.testing.assert_allclose(q.grad.numpy(), p.grad.numpy(), 1e-4, 1e-5)
    assert len(model._trained.order) == 1 and model.source().count("def step") == 5


@pytest.mark.filterwarnings("ignore:compile")
def test_models_that_cannot_be_paired_are_forgotten_too():
    class Holding(nn.Module):
        def __init__(self):
            self.w = nn.Parameter(tg.ones(1))
            self.past = self.w * 2  # has a history from before the call

        def forward(self, x):
            return x * self.past

    model = tg.compile(Holding())
    for i in range(1, 101):
        assert model(tg.ones(i)).shape == (i,)
    trained = model._trained
    assert len(trained.order) == 32 and len(trained.plans) == 32 and len(trained.captures) <= 128


class Handmade(nn.Module):
    """Whose weight's gradient is a transposed view, and whose results are a view and its argument."""

    def __init__(self):
        self.w, self.shift = nn.Parameter(tg.rand(3, 5)), nn.Parameter(tg.zeros(3, 6))

    def forward(self, x):
        h = x @ self.w.T + self.shift.T
        return h, h.T, x, self.w


def test_gradients_and_results_lie_in_memory_as_eager_ones():
    plain = Handmade()
    model = tg.compile(copy.deepcopy(plain))
    for i in range(6):
        found = []
        for m in (plain, model):
            m.zero_grad()
            out = m(batch("", i) if i % 2 else batch("", i).numpy())
            (out[0].sin() * out[1].T).sum().backward()
            assert all(isinstance(x, tg.Tensor) for x in out)
            found.append([*(x.detach().numpy() for x in out), *(p.grad.numpy() for p in m.parameters())])
        for a, b in zip(*found, strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.strides == b.strides


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_gradient_that_cancels_out_is_no_difference(backend):
    model = tg.compile(nn.Sequential(nn.Linear(5, 4), nn.Sigmoid(), nn.Linear(4, 3), nn.Softmax(1)), backend=backend)
    for i in range(4):
        model(batch("", i)).sum().backward()
    assert all(p.grad.abs().max() < 1e-5 for p in model.parameters())
