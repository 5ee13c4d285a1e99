"""What calls answer whose arguments do not fit: every public function and class, and those that take NumPy's names."""

import inspect
import pickle
from types import FunctionType

import numpy as np
import pytest
from tinygrad_mnist.errors import ArgumentError, CallError, TinygradError

import tinygrad_mnist as tg
from tinygrad_mnist.core.calls import NUMPYS

INTEGERS = {"bitwise_not", "bincount"}  # of them alone
X = tg.tensor([[1.0, 2.0], [3.0, 5.0]])
ROOMS = (
    tg, tg.linalg, tg.nn, tg.nn.functional, tg.optim, tg.utils.data, tg.datasets, tg.transforms, tg.autograd, tg.func,
    tg.nn.utils,
)  # fmt: skip


def public():
    for room in ROOMS:
        for name in room.__all__:
            thing = getattr(room, name)
            ours = getattr(thing, "__module__", "").startswith("tinygrad_mnist") and not issubclass(
                thing if isinstance(thing, type) else object, BaseException
            )
            start = thing.__init__ if isinstance(thing, type) else thing
            if ours and isinstance(start, FunctionType):
                kinds = {p.kind for p in inspect.signature(start).parameters.values()}
                layer = bool(getattr(thing, "settings", None)) and thing is not tg.nn.Loss
                if (inspect.Parameter.VAR_KEYWORD not in kinds or layer) and thing is not tg.inference_mode:
                    yield pytest.param(thing, id=f"{room.__name__.rpartition('.')[2]}.{name}")


@pytest.mark.parametrize("thing", [*public()])
def test_an_unknown_argument_is_named_beside_those_that_are_known(thing):
    with pytest.raises(TinygradError) as caught:
        thing(nothing_of_the_kind=1)
    assert isinstance(caught.value, CallError | ArgumentError)
    assert "nothing_of_the_kind" in str(caught.value)
    for name in inspect.signature(thing).parameters:
        assert name in caught.value.expected


@pytest.mark.parametrize(
    ("call", "problem", "hint"),
    [
        (lambda: tg.exp(X, out=X), "exp has no argument 'out'.", "out.copy_(exp(...)): results are new tensors"),
        (lambda: X.add(X, betta=2), "add has no argument 'betta'.", ""),
        (lambda: X.add(X, alfa=2), "add has no argument 'alfa'.", "alpha="),
        (lambda: tg.unbind(), "unbind: missing a required argument: 'input'.", ""),
        (lambda: tg.exp(X, 1, 2), "exp: too many positional arguments.", ""),
        (lambda: tg.nn.Linear(2), "Linear: missing a required argument: 'out_features'.", ""),
        (lambda: tg.nn.LSTM(2), "LSTM: missing a required argument: 'hidden_size'.", ""),
        (lambda: tg.nn.functional.mse_loss(X, X, size_average=True), "mse_loss has no argument 'size_average'.",
         'reduction="mean" or "sum"'),
        (lambda: tg.sum(X, dim=0, axis=1), "sum: dim and axis say the same.", ""),
        (lambda: tg.zeros(2, layout=1), "zeros has no argument 'layout'.", "leave it out"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_was_meant(call, problem, hint):
    with pytest.raises(CallError) as caught:
        call()
    assert (caught.value.problem, caught.value.hint) == (problem, hint)
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_a_type_error_from_within_stays_what_it_is():
    with pytest.raises(TypeError) as caught:
        tg.func.grad(lambda x: len(3))(X)
    assert not isinstance(caught.value, CallError)


def test_numpys_names_are_taken_where_the_function_has_pytorchs():
    assert tg.sum(X, axis=1, keepdims=True).tolist() == X.sum(1, keepdim=True).tolist()
    assert tg.cat([X, X], axis=1).shape == (2, 4) and tg.add(x1=X, x2=X).tolist() == (X + X).tolist()
    assert X.softmax(axis=0).tolist() == X.softmax(0).tolist()
    for name in sorted({*tg.functions.__all__} - INTEGERS):
        function = getattr(tg, name)
        parameters = [*inspect.signature(function).parameters]
        for numpys, torchs in NUMPYS.items():
            if torchs == parameters[0] and numpys not in parameters and len(parameters) == 1:
                with np.errstate(all="ignore"):
                    ours = function(X), function(**{numpys: X})
                for a, b in zip(*([*y] if isinstance(y, tuple) else [y] for y in ours), strict=True):
                    assert np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True), name


def test_functions_are_one_object_under_all_their_names():
    for function in (tg.exp, tg.sum, tg.nn.functional.relu, tg.nn.functional.gelu, tg.reshape, tg.linalg.inv, tg.zeros):
        assert pickle.loads(pickle.dumps(function)) is function
    assert tg.view is tg.reshape and tg.nn.functional.relu is not tg.relu
    assert [*inspect.signature(tg.add).parameters] == ["input", "other", "alpha"] and "sum" in tg.add.__doc__.lower()
