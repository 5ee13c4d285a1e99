"""What people read when something is wrong: the whole text, so that a message cannot decay unnoticed.

The form: what was called; `in` the module that called; `got`; `expected`; `try`. Files and folders are tested
elsewhere.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from training_data import module

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn, optim
from tinygrad_mnist.core import errors as E
from tinygrad_mnist.core.primitive import primitive


def message(kind, f):
    with pytest.raises(kind) as caught:
        f()
    assert isinstance(caught.value, E.TinygradError)
    return str(caught.value)


def test_every_type_is_the_builtin_that_people_would_catch():
    for kind, builtin in (
        (E.ShapeError, ValueError), (E.DTypeError, TypeError), (E.ArgumentError, ValueError),
        (E.IndexRangeError, IndexError),
        (E.GradientError, RuntimeError), (E.GraphFreedError, RuntimeError), (E.InPlaceError, RuntimeError),
        (E.StateDictError, RuntimeError), (E.OutputError, OSError), (E.MissingDependencyError, ImportError),
    ):  # fmt: skip
        assert issubclass(kind, builtin) and issubclass(kind, E.TinygradError)


def test_the_form_leaves_out_what_is_empty():
    assert str(E.ShapeError("a.")) == "a."
    assert str(E.ShapeError("a.", got="b", hint="c")) == "a.\n  got       b\n  try       c"


class Net(nn.Module):
    def __init__(self):
        self.net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(800, 10))

    def forward(self, x):
        return self.net(x)


PIXELS = nn.Sequential(nn.Linear(784, 10))
SMALL, LARGE = nn.Sequential(nn.Linear(2, 3)), nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1, bias=False))
FORMS = "  expected  target (N,) of integers from 0 to 2, or probabilities of x's shape (cross_entropy)"
WHOLE = {  # what is called, the kind of error, and its whole text
    "shapes that do not broadcast": (lambda: tg.zeros(2, 3) + tg.zeros(4), E.ShapeError, """\
add: shapes (2, 3) and (4,) do not broadcast.
  got       a (2, 3) float32, b (4,) float32
  expected  sizes equal, or 1, axis by axis from the last one
  try       reshape, unsqueeze or expand one of them"""),
    "shapes that do not multiply": (lambda: tg.zeros(4, 3) @ tg.zeros(5, 2), E.ShapeError, """\
matmul: a has 3 columns but b has 5 rows.
  got       a (4, 3), b (5, 2)
  expected  a.shape[-1] == b.shape[-2]
  try       check which axis of each holds the features"""),
    "a layer of the wrong size, its path, the right size": (lambda: Net()(tg.zeros(4, 1, 28, 28)), E.ShapeError, """\
linear: x has 1352 features but the weight expects 800.
  in        net.3 Linear of Net
  got       x (4, 1352), weight (10, 800)
  expected  x.shape[-1] == weight.shape[1]
  try       make this layer Linear(1352, 10), or change what comes before it"""),
    "channels-last images": (lambda: nn.Conv2d(1, 8, 3)(tg.zeros(4, 28, 28, 1)), E.ShapeError, """\
conv2d: x has 28 channels but weight expects 1.
  in        Conv2d
  got       x (4, 28, 28, 1), weight (8, 1, 3, 3), bias (8,)
  expected  x.shape[1] == weight.shape[1]
  try       looks like channels-last; use x.permute(0, 3, 1, 2)"""),
    "reshape": (lambda: tg.zeros(2, 3).reshape(4, 2), E.ShapeError, """\
reshape: 6 elements do not fill (4, 2).
  got       x (2, 3)
  expected  as many elements as before, and -1 at most once
  try       reshape(x.shape[0], -1) keeps the batch and flattens the rest"""),
    "mse_loss": (lambda: F.mse_loss(tg.zeros(5, 1), tg.zeros(5)), E.ShapeError, """\
mse_loss: input and target differ in shape.
  got       input (5, 1), target (5,)
  expected  equal shapes
  try       target.reshape(input.shape), or input.squeeze(-1) for (N, 1) against (N,)"""),
    "integer pixels": (lambda: nn.Linear(2, 3)(np.zeros((1, 2), np.uint8)), E.DTypeError, """\
linear: the input holds uint8 values but the weight is float32.
  got       x (1, 2) uint8
  expected  x of dtype float32
  try       x.float() / 255 for pixels, x.float() otherwise"""),
    "a label too large": (lambda: F.cross_entropy(tg.zeros(2, 3), tg.tensor([0, 3])), E.ArgumentError, f"""\
cross_entropy: target[1] is 3, but there are 3 classes.
  got       x (2, 3) float32, target (2,) int64
{FORMS}
  try       make the last layer give 4 classes, or number the labels from 0"""),
    "a label below 0": (lambda: F.cross_entropy(tg.zeros(2, 3), tg.tensor([-1, 0])), E.ArgumentError, f"""\
cross_entropy: target[0] is -1, but there are 3 classes.
  got       x (2, 3) float32, target (2,) int64
{FORMS}
  try       number the labels from 0; leave out the rows that have none (there is no ignore_index)"""),
    "float labels": (lambda: F.cross_entropy(tg.zeros(2, 3), tg.tensor([0.0, 1.0])), E.DTypeError, f"""\
cross_entropy: the target must hold class numbers, not float32 values.
  got       x (2, 3) float32, target (2,) float32
{FORMS}
  try       target.long() if the values are whole class numbers"""),
    "one-hot": (lambda: F.cross_entropy(tg.zeros(2, 3), tg.eye(3, dtype=tg.int64)[:2]), E.ShapeError, f"""\
cross_entropy: the target looks one-hot.
  got       x (2, 3) float32, target (2, 3) int64
{FORMS}
  try       target.argmax(1) for one-hot rows"""),
    "a leaf changed in place": (lambda: tg.ones(2, requires_grad=True).add_(1), E.InPlaceError, """\
add: a leaf that requires a gradient cannot be changed in place while recording.
  got       leaf (2,), requires_grad=True
  try       with tg.no_grad(): p -= lr * p.grad  (an update), or p = p - ... (a new tensor)"""),
    "a view": (lambda: [y := tg.ones(2, requires_grad=True) * 2, y.view(2, 1).mul_(2)], E.InPlaceError, """\
multiply: the memory of this tensor is shared with another one (a slice, reshape, transpose or detach).
  got       tensor (2, 1), changed in place while gradients are recorded
  expected  memory of its own, or no_grad
  try       write x = x + 1 instead of x += 1, or clone() first"""),
    "backward on a non-scalar": (lambda: (tg.ones(2, 3, requires_grad=True) * 2).backward(), E.GradientError, """\
backward: the gradient of a tensor with 6 elements needs a starting gradient.
  got       tensor (2, 3)
  expected  a tensor with one element, or gradient=...
  try       loss.mean().backward() or loss.sum().backward()"""),
    "backward without a graph": (tg.ones(1).backward, E.GradientError, """\
backward: this tensor depends on nothing that requires a gradient.
  got       tensor (1,) float32, requires_grad=False
  expected  a result computed, outside no_grad, from a leaf with requires_grad=True
  try       requires_grad_() on the inputs before the forward pass; \
for a second derivative, grad(..., create_graph=True)"""),
    "numpy": (tg.ones(2, requires_grad=True).numpy, E.GradientError, """\
numpy: this tensor requires a gradient, which an array cannot carry.
  got       tensor (2,) float32, requires_grad=True
  try       t.detach().numpy(), or np.asarray(t) to look at or plot it"""),
    "array += tensor": (
        lambda: np.zeros(2, np.float32).__iadd__(tg.ones(2, requires_grad=True)), E.GradientError, """\
np.add: cannot record this call on a tensor that requires grad: the result goes into a plain array \
(out=, or array += tensor).
  got       tensor (2,) float32
  expected  a function that tinygrad_mnist records, writing to a new tensor
  try       array = array + tensor instead of +=; or tensor.detach() where no gradient is wanted"""),
    "a state dict of another model": (lambda: LARGE.load_state_dict(SMALL.state_dict()), E.StateDictError, """\
load_state_dict: these values are not of this Sequential; nothing was loaded.
  got       misshaped: 0.weight (3, 2) instead of (4, 2), 0.bias (3,) instead of (4,); missing: 1.weight
  expected  0.weight (4, 2), 0.bias (4,), 1.weight (1, 4)
  try       build the model as it was when saved, or strict=False to skip missing and unexpected keys"""),
    "a state of another optimizer": (
        lambda: optim.SGD([tg.ones(1)], lr=0.1).load_state_dict(optim.SGD([tg.ones(1), tg.ones(1)]).state_dict()),
        E.StateDictError, """\
SGD.load_state_dict: the groups are not those of this optimizer; nothing was loaded.
  got       groups of [2] parameters
  expected  groups of [1] parameters"""),
    "an optimizer without parameters": (lambda: optim.Adam(nn.ReLU().parameters()), E.ArgumentError, """\
Adam: got no parameters.
  expected  at least one tensor
  try       model.parameters(); a generator can be used only once; layers must be attributes of the model"""),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_the_whole_text(name):
    call, kind, text = WHOLE[name]
    assert message(kind, call) == text


def test_what_is_proposed_for_channels_last_images_works():
    nn.Conv2d(1, 8, 3)(tg.zeros(4, 28, 28, 1).permute(0, 3, 1, 2))


def test_integers_asked_for_a_gradient():
    text = (
        ": only floating-point tensors can require a gradient.\n"
        "  got       dtype int64\n"
        "  expected  float32 or float64\n"
        "  try       write 3.0 instead of 3, or .float() first"
    )
    assert message(E.DTypeError, lambda: tg.tensor(3, requires_grad=True)) == "tensor" + text
    assert message(E.DTypeError, lambda: tg.arange(3).requires_grad_()) == "requires_grad_" + text
    assert message(E.DTypeError, lambda: tg.Tensor(np.array([1]), requires_grad=True)) == "Tensor" + text
    assert message(E.DTypeError, lambda: nn.Parameter(np.array([1]))) == "Parameter" + text
    assert message(E.DTypeError, lambda: tg.zeros(2, dtype=tg.int64, requires_grad=True)) == "zeros" + text


def test_labels_in_a_column_or_too_few():
    wrong = "has the wrong shape"
    for shape, told in (((2, 1), wrong), ((1, 2), wrong), ((3,), "3 labels for 2 rows")):
        text = message(E.ShapeError, lambda s=shape: F.cross_entropy(tg.zeros(2, 3), tg.zeros(*s, dtype=tg.int64)))
        assert told in text and ("target.reshape(-1)" in text) == (shape != (3,))


@pytest.mark.parametrize(("call", "kind", "told"), [
    (lambda: tg.zeros(2, 3) * tg.zeros(2), E.ShapeError,
     "try       unsqueeze(1): (2,) -> (2, 1) lines up with axis 0 of (2, 3)"),
    (lambda: tg.zeros(2, 3) - tg.zeros(3, 2), E.ShapeError, "try       one of the two is transposed: use .T"),
    (lambda: tg.zeros(4, 3) @ tg.zeros(5, 3), E.ShapeError, "try       a @ b.T: the last axes match"),
    (lambda: tg.zeros(4, 3) @ tg.zeros(4, 2), E.ShapeError, "try       a.T @ b: the first axes match"),
    (lambda: tg.tensor(1.0) @ tg.zeros(2), E.ShapeError, "a scalar has no rows or columns"),
    (lambda: PIXELS(tg.zeros(4, 1, 28, 28)), E.ShapeError,
     "try       add Flatten() before this layer: (4, 1, 28, 28) -> (4, 784)"),
    (lambda: PIXELS(tg.zeros(4, 3, 28, 28)), E.ShapeError, "  in        0 Linear of Sequential\n"),
    (lambda: PIXELS(tg.zeros(4, 3, 28, 28)), E.ShapeError,
     "add Flatten() before this layer and make it Linear(2352, 10)"),
    (lambda: tg.zeros(2, 3).permute(0, 0), E.ShapeError, "(0, 0) does not name each of the 2 dimensions once"),
    (lambda: tg.stack([tg.zeros(2), tg.zeros(3)]), E.ShapeError, "the tensors differ in shape"),
    (lambda: tg.cat([]), E.ArgumentError, "no tensors were given"),
    (lambda: tg.zeros(2)[3], E.IndexRangeError, "getitem: index 3 is out of bounds"),
    (lambda: nn.Conv2d(1, 1, 1)(np.ones((1, 1, 2, 2), np.uint8)), E.DTypeError, "x.float() / 255 for pixels"),
    (lambda: tg.ones(2) + "a", E.DTypeError, "add: cannot compute with str 'a'."),
    (lambda: tg.ones(2)[tg.ones(1)], E.DTypeError, "an index tensor must hold integers or booleans"),
    (lambda: F.nll_loss(tg.zeros(1, 3), [7]), E.ArgumentError, "nll_loss: target[0] is 7"),
    (lambda: (tg.ones(2, 3, requires_grad=True) * 2).backward(tg.ones(3)), E.ShapeError,
     "gradient (3,), tensor (2, 3)"),
    (lambda: (tg.ones(1, requires_grad=True) * 2).requires_grad_(False), E.GradientError, "the result of multiply"),
    (lambda: nn.CrossEntropyLoss(tg.zeros(2, 3), tg.tensor([0, 1])), E.DTypeError, "make it first: loss"),
    (lambda: nn.MSELoss(tg.zeros(2)), E.DTypeError, "make it first: loss_function ="),
    (lambda: tg.optim.SGD(nn.Linear(2, 2)), E.DTypeError, "model.parameters(), with its parentheses"),
    (lambda: tg.optim.SGD(nn.Linear(2, 2).parameters), E.DTypeError, "model.parameters(), with its parentheses"),
    (lambda: tg.optim.SGD(nn.Linear(2, 2).parameters(), lr="0.1"), E.DTypeError, "lr must be a number"),
    (lambda: tg.optim.Adam(nn.Linear(2, 2).parameters(), lr=None), E.DTypeError, "lr must be a number"),
    (lambda: tg.optim.SGD([{"parms": [tg.ones(1)]}]), E.ArgumentError, "a group without 'params'"),
    (lambda: nn.Linear(2, 2).load_state_dict("best.npz"), E.StateDictError, "model.load_state_dict(tg.load(path))"),
    (lambda: nn.Linear(2, 2).load_state_dict(None), E.StateDictError, "not a state dict"),
    (lambda: nn.Linear(2, 2)([[1.0, 2.0]]), E.DTypeError, "tg.tensor(data)"),
    (lambda: F.linear(nn.Linear(2, 2), tg.ones(2, 2)), E.DTypeError, "call the module on its input first"),
    (lambda: F.cross_entropy(tg.tensor([0, 1]), tg.zeros(2, 3)), E.DTypeError, "are they swapped?"),
    (lambda: F.cross_entropy("logits", tg.tensor([0])), E.DTypeError, "neither a tensor nor an array"),
    (lambda: nn.Sequential([nn.ReLU()]), E.DTypeError, "Sequential(*layers)"),
    (lambda: tg.optim.lr_scheduler.StepLR(nn.Linear(1, 1), 3), E.DTypeError, "must be an optimizer"),
    (lambda: tg.optim.lr_scheduler.StepLR(tg.optim.SGD([tg.ones(1)]), 0), E.ArgumentError, "step_size"),
    (lambda: tg.ones(2, 3) @ tg.ones(2), E.ShapeError, "a (2, 3), b (2,)"),
    (lambda: np.linalg.norm(tg.ones(2, requires_grad=True)), E.GradientError, "it has no rule"),
])  # fmt: skip
def test_the_wrong_kind_of_thing_is_told_with_the_right_one(call, kind, told):
    text = message(kind, call)
    assert told in text and "array = array + tensor" not in text


def test_warnings_point_at_the_line_of_the_caller():
    layer, x = nn.Linear(2, 3), np.zeros((1, 2))
    with pytest.warns(UserWarning, match="the input is converted on every call") as caught:
        y = nn.Sequential(layer)(x)
    with pytest.warns(UserWarning, match="cross_entropy applies softmax itself") as again:
        nn.CrossEntropyLoss()(y.softmax(1), tg.tensor([0]))
    with pytest.warns(UserWarning, match="Use LogSoftmax"):
        F.nll_loss(y.softmax(1), tg.tensor([0]))
    assert [w[0].filename for w in (caught, again)] == [__file__] * 2


def test_arrays_anywhere_among_the_arguments_become_tensors():
    mean = module(lambda self, x, more=(): (x + sum(more)).unsqueeze(0))
    assert mean(x=np.ones(2, dtype=np.float32), more=[np.ones(2, dtype=np.float32)]).tolist() == [[2, 2]]


def test_a_primitive_may_be_defined_again_in_a_notebook_only():
    def twice_defined(x):
        """Do nothing."""
        return x

    twice_defined.__module__ = "__main__"
    assert primitive()(twice_defined) is not primitive()(twice_defined)
    twice_defined.__module__ = "some.module"
    with pytest.raises(TypeError, match="has a primitive called twice_defined: give that of"):
        primitive()(twice_defined)


def test_second_backward():
    net = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    loss = net(tg.ones(1, 2)).sum()
    loss.backward()
    line = test_second_backward.__code__.co_firstlineno + 3
    assert message(E.GraphFreedError, loss.backward) == (
        f"backward: the graph through sum was already used by backward at {__file__}:{line}, which freed it.\n"
        "  got       a second backward through the same graph\n"
        "  expected  one backward per forward pass\n"
        "  try       add the losses and call backward once; detach() what is kept across iterations; "
        "or pass retain_graph=True to the first backward"
    )


def test_tensor_changed_in_place():
    y = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid())(tg.ones(1, 2))
    with tg.no_grad():
        y += 1
    assert message(E.InPlaceError, lambda: y.sum().backward()) == (
        "sigmoid in 1 Sigmoid: its result was changed in place after the forward pass, "
        "and the gradient needs the old value.\n"
        "  got       out (1, 2)\n"
        "  expected  values that stay as they were until backward\n"
        "  try       write y = y + 1 instead of y += 1, clone() first, or step the optimizer after backward"
    )


def test_backward_of_what_was_computed_without_recording():
    x = tg.ones(1, requires_grad=True)
    with tg.no_grad():
        y = x * 2
    assert "depends on nothing" in message(E.GradientError, y.backward)
    assert "backward" not in message(E.GradientError, lambda: tg.autograd.grad(y, x)).split(":")[0]


def test_grad_of_a_non_leaf_explains_itself():
    h = nn.Linear(2, 1)(tg.ones(1, 2))
    (h * 2).sum().backward()
    with pytest.warns(UserWarning) as caught:
        assert h.grad is None
    assert str(caught[0].message) == (
        "`.grad` of a non-leaf: this tensor is the result of linear in Linear, and backward keeps gradients of "
        "leaves only. Call .retain_grad() on it before backward to keep its gradient too."
    )
    assert caught[0].filename == __file__
    k = tg.ones(1, requires_grad=True) * 2
    k.retain_grad()
    k.backward()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert k.grad.item() == 1


def test_the_module_path_is_named_for_any_operation():
    blocks = [nn.ReLU(), {"deep": module(lambda self, x: x + tg.zeros(5), called="Inner")}]
    outer = module(lambda self, x: self.blocks[1]["deep"](self.blocks[0](x)), called="Outer", blocks=blocks)
    assert "\n  in        blocks.1.deep Inner of Outer\n" in message(E.ShapeError, lambda: outer(tg.zeros(3)))
