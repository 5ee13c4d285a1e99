"""Pictures of what failed: everything that ran, the culprit in red, what it got and expected."""

import gc
import weakref

import numpy as np
import pytest
from drawn import Dot
from training_data import module

import tinygrad_mnist as tg
from tinygrad_mnist import nn, viz
from tinygrad_mnist.core.scope import state
from tinygrad_mnist.viz.colors import CULPRIT


@pytest.fixture(autouse=True)
def nothing_failed_before():
    state.failed = None
    yield
    state.failed = None


def culprit(dot):
    (name,) = [name for name, attributes in dot.attributes.items() if CULPRIT in attributes]
    return name


def test_a_shape_error_in_a_model():
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(800, 10))
    x = tg.rand(4, 1, 28, 28)
    with pytest.raises(tg.errors.ShapeError):
        model(x)
    dot = Dot(viz.failed(names={"x": x}))
    label = " ".join(dot.labels[culprit(dot)].replace("|", " ").split())
    assert label.startswith("✗ linear linear: x has 1352 features but the weight expects 800. got x (4, 1352), weight")
    assert "expected x.shape[-1] == weight.shape[1]" in label and "try make this layer Linear(1352, 10)" in label
    assert [name.split("|")[0] for name in dot.operations()] == ["conv2d", "relu", "max_pool2d", "reshape", "✗ linear"]
    before = {dot.labels[tail].split("|")[0] for tail, head in dot.edges if head == culprit(dot)}
    assert before == {"reshape", "4.weight", "4.bias"}
    frames = {title: ids for title, _, ids in dot.frames()}
    assert culprit(dot) in frames["4 Linear(800, 10)"]
    assert "output" not in dot.source.replace("operation", ""), "nothing came out"


CALLS = {
    "add": lambda: tg.ones(2, 3) + tg.ones(4), "matmul": lambda: tg.ones(2, 3) @ tg.ones(2, 3),
    "cross_entropy": lambda: nn.functional.cross_entropy(tg.ones(3, 4), tg.tensor([0, 1])),
    "conv2d": lambda: nn.functional.conv2d(tg.ones(1, 2, 5, 5), tg.ones(3, 4, 3, 3)),
    "cat": lambda: tg.cat([tg.ones(2, 3), tg.ones(2, 4)]), "Linear": lambda: nn.Linear(3, 2)("text"),
    "getitem": lambda: tg.ones(2)[5], "reshape": lambda: tg.ones(6).reshape(4, 2),
    "Dropout": lambda: nn.Dropout(0.5)(None), "linear": lambda: nn.functional.linear(tg.ones(2, 3), tg.ones(4, 5)),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_whatever_fails_can_be_drawn(name):
    with pytest.raises(Exception) as caught:
        CALLS[name]()
    for picture in (viz.failed(), viz.failed(caught.value)):
        dot = Dot(picture)
        assert dot.labels[culprit(dot)].startswith("✗ ")
        words = dot.labels[culprit(dot)].replace("|", " ").split()
        assert str(caught.value).split("\n")[0].split()[:4] == [w for w in words if w][2:6] or name in words[1]


def test_the_users_own_error_shows_what_ran_inside():
    def forward(self, x):
        hidden = self.fc(x)  # noqa: F841
        raise RuntimeError("of my own <b>")

    with pytest.raises(RuntimeError) as caught:
        module(forward, called="Net", fc=nn.Linear(3, 3))(tg.rand(2, 3))
    dot = Dot(viz.failed(caught.value))
    assert "RuntimeError: of my own &lt;b&gt;" in dot.source
    assert dot.label("hidden").startswith("hidden|(2, 3) float32") and "linear" in dot.operations()
    assert sum(label.startswith("x|") for label in dot.labels.values()) == 1


def test_inside_folded_blocks_the_way_to_the_culprit_is_open():
    blocks = nn.Sequential(*(nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh()) for _ in range(9)))
    blocks[6][2] = nn.Linear(9, 8)
    with pytest.raises(tg.errors.ShapeError):
        blocks(tg.rand(2, 8))
    for depth in ("page", 0, 1, None):
        dot = Dot(viz.failed(depth=depth))
        assert "6.2 Linear(9, 8)" in dot.source and culprit(dot)
    assert "× 6: 0 … 5" in viz.failed().source


def test_values_that_are_not_finite():
    w = tg.tensor([1.0, 0.0], requires_grad=True)
    with tg.autograd.detect_anomaly(), np.errstate(all="ignore"):
        with pytest.raises(tg.errors.AnomalyError):
            (w * 2).log().sum()
        forward = Dot(viz.failed(names={"w": w}))
        assert forward.operations()[0] == "multiply|(·, 2)" and forward.operations()[1].startswith("✗ log|")
        with pytest.raises(tg.errors.AnomalyError):
            ((w * 2).sqrt() * 0.0).sum().backward()
    back = Dot(viz.failed(names={"w": w}))
    assert [x.split("|")[0] for x in back.operations()] == ["multiply", "✗ sqrt, backward", "multiply", "sum"]
    assert "the gradient of x has NaN" in back.labels[culprit(back)].replace("|", " ")


def test_the_innermost_call_is_the_culprit_and_the_latest_failure_is_drawn():
    for calls in (lambda: tg.ones(2) + tg.ones(3), lambda: tg.ones(2, 3) @ tg.ones(5)):
        with pytest.raises(tg.errors.ShapeError):
            nn.Sequential(module(lambda self, x, calls=calls: calls(), called="Inner"))(tg.ones(1))
    dot = Dot(viz.failed())
    assert dot.labels[culprit(dot)].startswith("✗ matmul")
    assert [title for title, _, _ in dot.frames()] == ["Sequential", "0 Inner"]


def test_nothing_failed():
    with pytest.raises(tg.errors.ArgumentError, match="nothing has failed"):
        viz.failed()
    with pytest.raises(tg.errors.ArgumentError, match="no operation"):
        viz.failed(ValueError("elsewhere"))
    with pytest.raises(tg.errors.ShapeError):
        tg.ones(2) + tg.ones(3)
    tg.ones(2, requires_grad=True).sum().backward()
    with pytest.raises(tg.errors.ArgumentError, match="nothing has failed"):
        viz.failed()


def test_what_failed_is_let_go_by_the_next_backward():
    x = tg.ones(2, requires_grad=True)
    y = x * 2
    held = weakref.ref(y)
    with pytest.raises(tg.errors.ShapeError):
        y + tg.ones(3)
    del y
    assert held() is not None
    tg.ones(2, requires_grad=True).sum().backward()
    gc.collect()
    assert held() is None


def test_where_memory_is_short_nothing_is_held():
    def forward(self, x):
        self.held.append(weakref.ref(x))
        raise MemoryError("no room")

    model = module(forward, called="Large", held=[])
    with pytest.raises(MemoryError):
        model(tg.rand(2, 3, requires_grad=True) * 2)
    gc.collect()
    assert model.held[0]() is None
    with pytest.raises(tg.errors.ArgumentError, match="nothing has failed"):
        viz.failed()


def test_errors_say_what_they_said():
    with pytest.raises(tg.errors.ShapeError) as caught:
        nn.Linear(3, 2)(tg.ones(1, 4))
    assert str(caught.value).startswith("linear: x has 4 features but the weight expects 3.\n  in        Linear")
    assert caught.value.__cause__ is not None or caught.value.__context__ is None


def test_a_call_that_never_ends_can_be_drawn():
    class Endless(nn.Module):
        def __init__(self):
            self.fc = nn.Linear(2, 2)

        def forward(self, x):
            return self(self.fc(x))

    with pytest.raises(RecursionError):
        Endless()(tg.rand(1, 2))
    picture = viz.failed()
    assert max(depth for _, depth, _ in Dot(picture).frames()) == 99
    assert picture.pipe("svg")


class Doubled(tg.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        if x.shape == (1,):
            raise KeyError("too few")
        return x * 2

    @staticmethod
    def backward(ctx, g):
        raise ValueError("no way back")


def hooked(x):
    y = x * 3
    y.register_hook(lambda g: 1 / 0)
    return y.sum()


def changed(x):
    y = x * 1
    loss = (y * y).sum()
    y += 1
    return loss


@pytest.mark.parametrize("how", ["backward", "grad"])
@pytest.mark.parametrize(("made", "name"), [
    (lambda x: Doubled.apply(x * 3).sum(), "Doubled"), (hooked, "multiply"), (changed, "multiply"),
])  # fmt: skip
def test_the_call_whose_rule_failed_is_red(made, name, how):
    x = tg.rand(3, requires_grad=True)
    loss = made(x)
    with pytest.raises(Exception) as caught:
        loss.backward() if how == "backward" else tg.autograd.grad(loss, x)
    for picture in (viz.failed(), viz.failed(caught.value)):
        dot = Dot(picture)
        assert dot.labels[culprit(dot)].startswith(f"✗ {name}, backward")


def test_functions_and_examples_of_a_batch_fail_too():
    for name, call in (
        ("Doubled", lambda: Doubled.apply(tg.rand(1, requires_grad=True))),
        ("matmul", lambda: tg.func.vmap(lambda x: x @ tg.rand(3, 3))(tg.rand(5, 4))),
    ):  # fmt: skip
        with pytest.raises(Exception):  # noqa: B017
            call()
        dot = Dot(viz.failed())
        assert dot.labels[culprit(dot)].startswith(f"✗ {name}")


def test_an_older_failure_is_not_drawn_for_the_one_at_hand():
    with pytest.raises(tg.errors.ShapeError):
        tg.ones(2) + tg.ones(3)
    assert "✗ add" in viz.failed().source
    try:
        {}["of nobody's"]
    except KeyError:
        with pytest.raises(tg.errors.ArgumentError, match="no operation"):
            viz.failed()
    try:
        try:
            tg.ones(2, 3) @ tg.ones(2, 3)
        except tg.errors.ShapeError as error:
            raise RuntimeError("wrapped") from error
    except RuntimeError:
        assert "✗ matmul" in viz.failed().source
    with pytest.raises(tg.errors.ArgumentError, match="gradients=True"):
        viz.failed(gradients=True)
