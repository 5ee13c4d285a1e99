"""Weight and spectral norm, both forms, and parametrizations beside PyTorch's; vectors of parameters.

Each module of ours is given the state dict of PyTorch's, so that names are compared as well as numbers.
"""

import copy
import pickle
import warnings

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import ArgumentError, ShapeError
from tinygrad_mnist.nn.utils import parametrizations, parametrize

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")

LAYERS = {"Linear": ((5, 3), (4, 5)), "Conv2d": ((2, 3, 3), (4, 2, 6, 6))}
FORMS = [(norm, form, settings) for norm, options in (
    ("weight_norm", [{}, {"dim": 1}, {"dim": None}]),
    ("spectral_norm", [{}, {"dim": 1}, {"n_power_iterations": 3, "eps": 1e-3}]),
) for form in ("new", "old") for settings in options]  # fmt: skip


def rooms(form):
    there = torch.nn.utils.parametrizations if form == "new" else torch.nn.utils
    return (parametrizations if form == "new" else nn.utils), there


def made(layer, norm, form, settings):
    """Make a module of ours and one of PyTorch's."""
    here, there = rooms(form)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = getattr(there, norm)(getattr(torch.nn, layer)(*LAYERS[layer][0]), **settings).double()
    ours = getattr(here, norm)(getattr(nn, layer)(*LAYERS[layer][0]), **settings)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    return ours, theirs


def same_numbers(ours, theirs):
    for name, x in theirs.state_dict().items():
        path, _, last = name.rpartition(".")
        owner = dict(ours.named_modules())[path]
        value = tg.tensor(x.numpy().astype(np.float64).copy())
        if isinstance(vars(owner)[last], nn.Parameter):
            setattr(owner, last, nn.Parameter(value))
        else:
            setattr(owner, last, value)


@pytest.mark.parametrize(("norm", "form", "settings"), FORMS, ids=str)
@pytest.mark.parametrize("layer", LAYERS)
def test_norms_are_pytorchs(layer, norm, form, settings):
    ours, theirs = made(layer, norm, form, settings)
    same_numbers(ours, theirs)
    x = np.random.default_rng(0).standard_normal(LAYERS[layer][1])
    for step in range(4):
        for m in (ours, theirs):
            m.train(step != 2)
            m.zero_grad()
        a, b = ours(tg.tensor(x)), theirs(torch.tensor(x))
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)
        (a**3).sum().backward(), (b**3).sum().backward()
        for (name, p), (other, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
            assert name == other
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-9, atol=1e-10, err_msg=name)
        for (name, p), (other, q) in zip(ours.named_buffers(), theirs.named_buffers(), strict=True):
            assert name == other
            np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-10, atol=1e-12, err_msg=name)
    ours.eval(), theirs.eval()
    if form == "new":
        parametrize.remove_parametrizations(ours, "weight")
        torch.nn.utils.parametrize.remove_parametrizations(theirs, "weight")
    else:
        getattr(nn.utils, f"remove_{norm}")(ours), getattr(torch.nn.utils, f"remove_{norm}")(theirs)
    assert set(ours.state_dict()) == set(theirs.state_dict()) == {"weight", "bias"} and type(ours) is getattr(nn, layer)
    assert isinstance(ours.weight, nn.Parameter)
    np.testing.assert_allclose(ours.weight.detach().numpy(), theirs.weight.detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize(("norm", "form", "settings"), FORMS[::3], ids=str)
def test_modules_are_copied_pickled_saved_and_compiled(norm, form, settings):
    here, _ = rooms(form)

    def make():
        tg.manual_seed(0)
        model = nn.Sequential(getattr(here, norm)(nn.Linear(5, 4), **settings), nn.Tanh(), nn.Linear(4, 1))
        optimizer = tg.optim.SGD(model.parameters(), lr=0.1)

        def step(x):
            optimizer.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        return model, step

    x = tg.tensor(np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32))
    model, step = make()
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), make()[0]):
        twin.load_state_dict(model.state_dict())
        assert type(twin[0]) is type(model[0]) and isinstance(twin[0], nn.Linear)
        np.testing.assert_array_equal(twin.eval()(x).detach().numpy(), model.eval()(x).detach().numpy())
        assert not {id(p) for p in twin.parameters()} & {id(p) for p in model.parameters()}
    model.train()
    for backend in ("numpy", "numba"):
        if backend == "numba":
            pytest.importorskip("numba")
        (plain, step), (other, fast) = make(), make()
        fast = tg.compile(fast, backend=backend)
        for _ in range(5):
            np.testing.assert_allclose(step(x).numpy(), fast(x).numpy(), rtol=0 if backend == "numpy" else 1e-4)
        for a, b in zip(plain.state_dict().values(), other.state_dict().values(), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=0 if backend == "numpy" else 1e-3, atol=1e-6)


def test_a_weight_is_made_a_plain_one_again_as_in_pytorch():
    for library in (tg, torch):
        linear, tools = library.nn.Linear(3, 3), library.nn.utils.parametrize
        library.nn.utils.parametrizations.spectral_norm(linear)
        assert tools.is_parametrized(linear) and tools.is_parametrized(linear, "weight")
        assert not tools.is_parametrized(linear, "bias") and type(linear).__name__ == "ParametrizedLinear"
        original = linear.parametrizations.weight.original
        tools.remove_parametrizations(linear, "weight", leave_parametrized=False)
        assert linear.weight is original and type(linear) is library.nn.Linear
        library.nn.utils.parametrizations.spectral_norm(linear)
        original, value = linear.parametrizations.weight.original, linear.eval().weight.tolist()
        tools.remove_parametrizations(linear, "weight")
        assert linear.weight is original and linear.weight.tolist() == value and not tools.is_parametrized(linear)
        library.nn.utils.parametrizations.weight_norm(linear)
        with pytest.raises(Exception, match=r"leave_parametrized"):
            tools.remove_parametrizations(linear, "weight", leave_parametrized=False)


def test_what_cannot_be_computed_is_refused():
    linear = nn.Linear(3, 2)

    for call, error, message in (
        (lambda: parametrizations.weight_norm(linear, "other"), ArgumentError, "no parameter or buffer Linear.other"),
        (lambda: nn.utils.weight_norm(linear, "other"), ArgumentError, "no parameter or buffer Linear.other"),
        (lambda: nn.utils.remove_weight_norm(linear), ArgumentError, "has no weight_norm"),
        (lambda: parametrize.remove_parametrizations(linear, "weight"), ArgumentError, "has no parametrizations"),
        (lambda: parametrizations.spectral_norm(linear, n_power_iterations=0), ArgumentError, "must be positive"),
        (lambda: parametrizations.spectral_norm(linear, dim=2), ArgumentError, "no such dim"),
    ):
        with pytest.raises(error, match=message):
            call()
    assert type(linear) is nn.Linear and list(linear.state_dict()) == ["weight", "bias"]
    nn.utils.spectral_norm(linear)
    for call, message in (
        (lambda: setattr(linear, "weight", tg.ones(2, 3)), "cannot be assigned"),
        (lambda: nn.utils.spectral_norm(linear), "is computed already"),
        (lambda: nn.utils.remove_weight_norm(linear), "has no weight_norm"),
    ):
        with pytest.raises(ArgumentError, match=message):
            call()


def test_parameters_as_a_vector_and_back():
    found = []
    for library in (tg, torch):
        linear, utils = library.nn.Linear(3, 2), library.nn.utils
        vector = utils.parameters_to_vector(linear.parameters())
        assert vector.shape == (8,) and vector.requires_grad
        new = library.arange(8.0)
        utils.vector_to_parameters(new, linear.parameters())
        found.append([linear.weight.tolist(), linear.bias.tolist()])
        new[0] = 7.0  # shared
        found[-1].append(linear.weight.tolist())
    assert found[0] == found[1]
    with pytest.raises(ShapeError, match="too short"):
        nn.utils.vector_to_parameters(tg.ones(3), nn.Linear(3, 2).parameters())


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.5, float("inf")])
def test_total_norms_and_clipping_with_them(norm_type):
    gs = [np.random.default_rng(i).standard_normal((3, i + 1)) for i in range(3)]
    ours, theirs = [tg.ones(3, i + 1) for i in range(3)], [torch.ones(3, i + 1, dtype=torch.float64) for i in range(3)]
    for p, q, g in zip(ours, theirs, gs, strict=True):
        p.grad, q.grad = tg.tensor(g), torch.tensor(g)
    a = nn.utils.get_total_norm([tg.tensor(g) for g in gs], norm_type)
    b = torch.nn.utils.get_total_norm([torch.tensor(g) for g in gs], norm_type)
    np.testing.assert_allclose(a.item(), b.item(), rtol=1e-12)
    nn.utils.clip_grads_with_norm_(ours, 0.5, a), torch.nn.utils.clip_grads_with_norm_(theirs, 0.5, b)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12)
