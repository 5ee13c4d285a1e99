"""The spelling: argument names and defaults are PyTorch's wherever PyTorch has the thing; exceptions have reasons."""

import inspect
from operator import attrgetter

import numpy as np
import pytest

import tinygrad_mnist as tg

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # tiny tensors: a second thread only waits


X, M = np.array([[0.5, 2.0, 1.0], [1.5, 0.25, 3.0]]), np.ones((3, 2))

# by argument: what is given for those without a default, as keywords for both; by function: what else is needed
GIVEN = {
    "condition": X > 1, "dim": 1, "dim0": 0, "dim1": 1, "exponent": 2, "index": np.array([[0], [1]]), "input": X,
    "elements": X, "end": X + 1, "max": 2.0, "min": 1.0, "n": 1, "q": 0.3, "tensor1": X, "tensor2": X * 3,
    "test_elements": X[0], "values": X * 2, "weight": 0.25,
    "other": X * 2, "split_size_or_sections": 2, "tensor": X, "tensors": [X, X],
    "a": X, "axis0": 0, "axis1": 1, "chunks": 2, "destination": 1, "indices": np.array([[0], [1]]), "mask": X > 1,
    "indices_or_sections": 1, "k": 1, "length": 1, "repeats": 2, "shifts": 1, "size": (4, 2, 3), "sizes": (3, 1),
    "source": 0, "start": 1, "value": 2.0, "src": X,
}  # fmt: skip
WHOLE = {"input": np.array([6, 1, 0]), "other": np.array([3, 5, 2])}
INNER = {"input": X / 4}
S, V, B = X @ X.T, X[0], np.stack([M, M])
BESIDES = {
    "softmax": {"dim": 0}, "log_softmax": {"dim": 0},  # which nn.functional's may leave out
    **{name: WHOLE for name in "bitwise_and bitwise_or bitwise_xor".split()},
    "bitwise_left_shift": WHOLE, "bitwise_right_shift": WHOLE, "bitwise_not": {"input": WHOLE["input"]},
    "bincount": {"input": WHOLE["input"]}, "acosh": {"input": X + 1}, "arccosh": {"input": X + 1},
    **{name: INNER for name in "acos arccos arcsin arctanh asin atanh logit".split()},
    "clamp": {"min": 1.0}, "clip": {"min": 1.0}, "flip": {"dims": (0, 1)}, "matmul": {"other": M},
    "permute": {"dims": (1, 0)}, "repeat_interleave": {"repeats": 2}, "reshape": {"shape": (3, 2)},
    "addmm": {"mat1": M[:2], "mat2": X},
    "addmv": {"input": V, "mat": M, "vec": V[:2]}, "baddbmm": {"input": B, "batch1": B, "batch2": B[:, :2]},
    "bernoulli": {"input": X * 0}, "b": {},
    "bmm": {"input": B, "mat2": B[:, :2]}, "broadcast_to": {}, "bucketize": {"boundaries": V[:1]},
    "cdist": {"x1": X, "x2": X * 2}, "cross": {"other": X * 2},
    "dot": {"input": V, "tensor": V}, "gather": {}, "ger": {"input": V, "vec2": V}, "outer": {"input": V, "vec2": V},
    "index_add": {"index": np.array([0]), "source": X[:, :1]},
        "index_copy": {"index": np.array([0]), "source": X[:, :1]},
    "index_fill": {"index": np.array([0])}, "index_select": {"index": np.array([0])},
    "masked_scatter": {"source": X}, "mm": {"mat2": M}, "multinomial": {"input": np.array([0.0, 1.0]),
        "num_samples": 1},
    "mv": {"vec": V}, "scatter": {"src": X}, "scatter_reduce": {"reduce": "sum"},
    "searchsorted": {"sorted_sequence": V[:1]}, "select": {"index": 0}, "take": {}, "tensordot": {"b": X.T, "dims": 1},
    "tile": {"dims": (2, 1)}, "unflatten": {"dim": 1}, "roll": {}, "hstack": {}, "t": {}, "logdet": {"input": S},
    **{name: {"input": S} for name in "det inverse".split()},
    **{name: {"other": X**2} for name in "eq ne lt le gt ge".split()},
}  # fmt: skip

# What differs on purpose, and why
METHODS_ONLY = {"view", "expand", "pad"}  # pad is in torch.nn.functional
# overloads: of PyTorch's each takes its own keywords
METHODS_ONLY |= {"scatter", "concatenate", "cross", "where"}
# dim=None means "all" for ours and for most of PyTorch; these of PyTorch's take no None where they take dim at all
NO_NONE = {"amax", "amin", "median", "prod", "max", "min", "squeeze"}


def call(m, name, given):
    return getattr(m, name)(**{k: convert(m, v) for k, v in given.items()})


def convert(m, value):
    if isinstance(value, list):
        return [convert(m, v) for v in value]
    return m.tensor(value) if isinstance(value, np.ndarray) else value


def flat(result):
    return [np.asarray(r) for r in (result if isinstance(result, tuple | list) else [result])]


STARRED = {n for n in tg.functions.__all__ for p in inspect.signature(getattr(tg, n)).parameters.values()
           if p.kind is p.VAR_POSITIONAL and p.name != "more"}  # fmt: skip


@pytest.mark.filterwarnings("ignore:torch.* is deprecated:UserWarning")
@pytest.mark.parametrize("name", sorted(set(tg.functions.__all__) - METHODS_ONLY - STARRED))
def test_functions_take_pytorchs_names_and_defaults(name):
    required = [p.name for p in inspect.signature(getattr(tg, name)).parameters.values() if p.default is p.empty]
    besides = BESIDES.get(name, {})
    given = {p: GIVEN[p] for p in required if p != "more" and p not in besides} | besides
    ours, theirs = flat(call(tg, name, given)), flat(call(torch, name, given))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-13)
    function = getattr(tg, name)
    for key, parameter in inspect.signature(function).parameters.items():
        if parameter.default is parameter.empty or key in given or (parameter.default is None and name in NO_NONE):
            continue
        extra = {key: parameter.default}
        if key == "keepdim" and name in NO_NONE | {"sum", "mean"}:
            extra["dim"] = 0  # PyTorch takes keepdim only together with dim
            assert inspect.signature(function).parameters["keepdim"].default is False
        named = flat(call(torch, name, {**given, **extra}))
        plain = flat(call(torch, name, {**given, **{k: v for k, v in extra.items() if k != key}}))
        np.testing.assert_equal(named, plain, err_msg=f"{name}({key}={parameter.default})")
        if key == "keepdim":
            kept = {**given, "dim": 1, "keepdim": True}
            sizes = [[x.shape for x in flat(call(m, name, kept))] for m in (tg, torch)]
            assert sizes[0] == sizes[1], f"{name}(keepdim=True) does not keep the dimension"


DIFFERENT_DEFAULTS: dict[tuple[str, str], str] = {}  # (name, argument): why


def compare_signatures(name, ours, theirs):
    mine, other = inspect.signature(ours).parameters, inspect.signature(theirs).parameters
    for key, parameter in mine.items():
        if key == "generator" or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        assert key in other, f"{name}: {key} is not an argument of PyTorch's"
        if (name, key) not in DIFFERENT_DEFAULTS:
            assert parameter.default == other[key].default, (
                f"{name}: {key}={parameter.default}, PyTorch {other[key].default}"
            )
        else:
            assert parameter.default != other[key].default, f"{name}: {key} no longer differs"
    order = [k for k in mine if k in other and mine[k].kind is mine[k].POSITIONAL_OR_KEYWORD]
    assert order == sorted(order, key=list(other).index), f"{name}: the order of arguments differs"


SIGNED = {
    "nn": "Linear Flatten Conv2d ReLU Tanh Sigmoid Softmax LogSoftmax Dropout NLLLoss MSELoss CrossEntropyLoss",
    "nn.functional": "cross_entropy nll_loss mse_loss dropout",
    "nn.init": "uniform_ normal_ constant_ ones_ zeros_ calculate_gain xavier_uniform_ xavier_normal_ kaiming_uniform_ "
               "kaiming_normal_",
    "optim": "SGD Adam AdamW",
    "optim.lr_scheduler": "StepLR ExponentialLR CosineAnnealingLR OneCycleLR LambdaLR ReduceLROnPlateau",
}  # fmt: skip


@pytest.mark.parametrize("name", [f"{place}.{name}" for place, names in SIGNED.items() for name in names.split()])
def test_signatures_are_pytorchs(name):
    ours, theirs = (attrgetter(name)(m) for m in (tg, torch))
    compare_signatures(name.rpartition(".")[2], ours, theirs)
    if name.startswith("optim.lr_scheduler"):  # whole, not a part
        assert [*inspect.signature(ours).parameters] == [*inspect.signature(theirs).parameters]


def test_max_pool_has_pytorchs_arguments():
    import torch.nn.modules.pooling as pooling

    compare_signatures("MaxPool2d", tg.nn.MaxPool2d, pooling._MaxPoolNd.__init__)


def test_the_options_of_conv2d_have_pytorchs_defaults():
    parameters = inspect.signature(tg.nn.functional.conv2d).parameters
    options = {k: p.default for k, p in parameters.items() if p.default is not p.empty}
    assert options == {"bias": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}


def test_fans_and_gains():
    for shape in ((3, 4), (6, 2, 3, 5)):
        fans = [m.nn.init._calculate_fan_in_and_fan_out(m.zeros(shape)) for m in (tg, torch)]
        assert fans[0] == fans[1]
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu"):
        assert tg.nn.init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
    assert tg.nn.init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu", 0.3)


def test_backward_and_grad_have_pytorchs_signature():
    compare_signatures("backward", tg.Tensor.backward, torch.Tensor.backward)
    compare_signatures("grad", tg.autograd.grad, torch.autograd.grad)
    ours, theirs = (inspect.signature(m.autograd.gradcheck).parameters for m in (tg, torch))
    assert [k for k in ours if k not in theirs] == ["seed"]


# Methods of Tensor that PyTorch's does not have
EXTRA_METHODS = {
    "wrap": "how graph.py makes a Var", "array": "the NumPy array behind it", "gradient": "where `.grad` is kept",
    "differentiable": "where requires_grad is kept", "node": "what grad_fn gives",
    "version": "what _version counts", "result_type": "what operations give (a method of another meaning in PyTorch)",
}  # fmt: skip


def test_methods_exist_in_pytorch():
    names = {n for n in dir(tg.zeros(1)) if not n.startswith("_")}
    unknown = {n for n in names if not hasattr(torch.Tensor, n)}
    assert unknown <= set(EXTRA_METHODS), unknown - set(EXTRA_METHODS)


def test_module_methods_exist_in_pytorch_with_its_arguments():
    for name in "parameters named_parameters named_modules train eval zero_grad requires_grad_ load_state_dict".split():
        for key, parameter in inspect.signature(getattr(tg.nn.Module, name)).parameters.items():
            theirs = inspect.signature(getattr(torch.nn.Module, name)).parameters
            assert key in theirs and parameter.default == theirs[key].default, (name, key)


def test_creation_takes_pytorchs_names():
    for call_ in (
        lambda m: m.tensor([1.0], dtype=m.float64, requires_grad=True),
        lambda m: m.zeros(2, 3, dtype=m.float64, requires_grad=True), lambda m: m.zeros((2, 3)), lambda m: m.ones(2),
        lambda m: m.full((2,), fill_value=3.0), lambda m: m.full((2,), 3), lambda m: m.arange(5),
        lambda m: m.arange(1, 5, 2), lambda m: m.arange(0.0, 1.0, 0.25), lambda m: m.arange(start=0, end=4, step=2),
        lambda m: m.linspace(0, 1, steps=5), lambda m: m.eye(3), lambda m: m.eye(2, m=3),
        lambda m: m.zeros_like(input=m.ones(2)), lambda m: m.full_like(m.ones(2), 4),
        lambda m: m.ones_like(m.ones(2, dtype=m.int64)), lambda m: m.tensor([True]), lambda m: m.tensor(2),
    ):  # fmt: skip
        ours, theirs = call_(tg), call_(torch)
        np.testing.assert_allclose(np.asarray(ours), theirs.detach().numpy())
        assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
        assert ours.requires_grad == theirs.requires_grad
    for call_ in (
        lambda m: m.rand(2, 3), lambda m: m.randn((2, 3)), lambda m: m.randint(5, (2, 3)),
        lambda m: m.randint(low=1, high=5, size=(2, 3)), lambda m: m.randperm(6), lambda m: m.rand_like(m.ones(2, 3)),
        lambda m: m.randn_like(input=m.ones(2)), lambda m: m.randint_like(m.ones(2), 5),
    ):  # fmt: skip
        ours, theirs = call_(tg), call_(torch)
        assert ours.shape == tuple(theirs.shape) and str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
