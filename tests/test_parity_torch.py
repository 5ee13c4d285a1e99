"""PyTorch as the judge: every Case and its twin give the same values, first and second derivatives."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from cases import CASES, Call
from hypothesis import given, settings
from public_names import ALIASES
from strategies import calls, seeded

import tinygrad_mnist as tg

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # tiny tensors: a second thread only waits

# how far apart results of order 1 with few terms may be
NEAR = {"float64": {"rtol": 1e-8, "atol": 1e-9}, "float32": {"rtol": 2e-5, "atol": 2e-5}}
OURS = {"axis": "dim", "keepdims": "keepdim", "low": "min", "high": "max"}  # below tensor.py the names are NumPy's
# dim=None means "all" for ours and for most of PyTorch; these of PyTorch's take no None where they take dim at all
NO_NONE = {"amax", "amin", "prod", "max", "min", "squeeze"}


def twin(m, case, static):
    """Give a Case's twin as a function of tensors; None if the module has no function or method of the name."""
    if callable(case.torch):
        return partial(case.torch, m, **static)
    static = {OURS.get(k, k): v for k, v in static.items()}
    if case.torch in NO_NONE and static.get("dim", 0) is None:
        del static["dim"]
    places = (m, m.nn.functional, m.Tensor)
    found = next((getattr(place, case.torch) for place in places if hasattr(place, case.torch)), None)
    return found and partial(found, **static)


def derivatives(m, f, case, call, order, g=None):
    """Value, gradients, and the gradients of a weighed sum of those with respect to the inputs and the cotangent."""
    rng, wrt = np.random.default_rng(call.seed), case.wrt(call.args)
    args = [m.tensor(np.array(x, order="C"), requires_grad=i in wrt) if isinstance(x, np.ndarray) else x
            for i, x in enumerate(call.args)]  # fmt: skip
    xs = [args[i] for i in wrt]
    found, order = [f(*args)], order if xs else 0
    if order:
        u = m.tensor(rng.uniform(-1, 1, found[0].shape) if g is None else np.array(g), requires_grad=True)
        found += m.autograd.grad(found[0], xs, u, create_graph=order > 1, allow_unused=True)
    if order > 1:
        total = sum((g * m.tensor(rng.uniform(-1, 1, g.shape))).sum() for g in found[1:])
        constant = not total.requires_grad  # in a graph of its own PyTorch says so
        found += [None] * len([*xs, u]) if constant else m.autograd.grad(total, [*xs, u], allow_unused=True)
    return [np.zeros(()) if t is None else t.numpy(force=True) if m is torch else t.array for t in found]


def compare(case, call, order, **options):
    """Compare the Case's call, and our function of the twin's name, with the twin."""
    try:
        theirs = derivatives(torch, twin(torch, case, call.static), case, call, order, **options)
    except RuntimeError as error:  # PyTorch has no second derivative
        if order < 2 or "is not implemented" not in str(error):
            raise
        return compare(case, call, 1, **options)
    public = None if callable(case.torch) else twin(tg, case, call.static)
    for f in filter(None, (partial(case.call, **call.static), public)):
        ours = derivatives(tg, f, case, call, order, **options)
        assert ours[0].shape == theirs[0].shape and ours[0].dtype == theirs[0].dtype, f"{ours[0]} and {theirs[0]}"
        for a, b in zip(ours, theirs, strict=True):
            near = NEAR["float32" if a.dtype == np.float32 else "float64"]
            np.testing.assert_allclose(a, b if b.shape else np.broadcast_to(b, a.shape), **near)


twins = [c for c in CASES.values() if c.torch]


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")  # PyTorch's remark on even kernels
@pytest.mark.filterwarnings("ignore:torch.* is deprecated:UserWarning")
@pytest.mark.parametrize("dtype", NEAR)
@pytest.mark.parametrize("case", twins, ids=[c.name for c in twins])
def test_a_case_and_its_twin(case, dtype):
    @settings(max_examples=max(15, settings().max_examples))
    @given(calls(case.build, dtype, exact=True))
    def body(call):
        compare(case, call, min(case.order, 2) if dtype == "float64" else 0)

    body()


EXAMPLES = [pytest.param(c, e, id=f"{c.name}-{i}") for c in twins for i, e in enumerate(c.examples)]


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore:var:UserWarning")
@pytest.mark.parametrize(("case", "example"), EXAMPLES)
def test_kinks_ties_and_other_numbers_by_hand(case, example):
    call = Call(list(example.args), example.static or {})
    compare(case, call, min(case.order, 1), g=np.ones(np.shape(example.out)) if example.g is None else example.g)


@pytest.mark.parametrize("wrong", [
    "sin", lambda m, x: m.exp(x) + (x - x.detach()), lambda m, x: m.exp(x) + (x - x.detach()) ** 2,
], ids=["value", "gradient", "second derivative"])  # fmt: skip
def test_a_wrong_twin_is_noticed(wrong):
    case = replace(CASES["exp"], torch=wrong)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        compare(case, case.build(seeded(1)), 2)


def test_every_public_function_has_a_case():
    tried = {c.torch for c in twins} | {c.name.split()[0] for c in twins}
    # results that are no tensor or of a shape that is not known: tests/functions/test_breadth_torch.py
    tried |= {"allclose", "bincount", "equal", "unique"}
    # drawn, or made of others: their modules are tried in tests/nn/test_nn_torch.py
    tried |= {"alpha_dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout", "rrelu"}
    tried |= {"triplet_margin_with_distance_loss", "upsample"}
    missing = [n for n in (*tg.functions.__all__, *tg.nn.functional.__all__) if not {n, ALIASES.get(n)} & tried]
    assert not missing, f"add a Case to tests/cases whose call is the function, or whose twin is torch={missing}"
