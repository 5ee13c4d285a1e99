"""Clipping: by hand, as in PyTorch, and in a compiled step."""

import math

import numpy as np
import pytest
from training_data import network, samples, weights_of

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import ArgumentError, GradientError
from tinygrad_mnist.optim import SGD
from tinygrad_mnist.training import fit


def gradients(model, seed=0, scale=30.0):
    x, y = samples(20, seed=seed)
    (nn.functional.cross_entropy(model(x), y) * scale).backward()
    return [p.grad.numpy().copy() for p in model.parameters()]


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("max_norm", [0.5, 1e6])
def test_the_norm_of_all_gradients_is_clipped_as_in_pytorch(norm_type, max_norm):
    torch = pytest.importorskip("torch")
    model = network()
    before = gradients(model)
    theirs = [torch.nn.Parameter(torch.zeros(g.shape)) for g in before]
    for p, g in zip(theirs, before, strict=True):
        p.grad = torch.from_numpy(g.copy())
    wanted = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm, norm_type)
    assert norm.item() == pytest.approx(wanted.item(), rel=1e-5)
    for p, q in zip(model.parameters(), theirs, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-4, atol=1e-7)


def test_hand_computed_clipping():
    p, q = nn.Parameter([0.0, 0.0]), nn.Parameter([0.0])
    p.grad, q.grad = tg.tensor([3.0, 0.0]), tg.tensor([4.0])
    assert nn.utils.clip_grad_norm_([p, q], 1.0).item() == 5
    np.testing.assert_allclose([*p.grad.tolist(), *q.grad.tolist()], [0.6, 0, 0.8], rtol=1e-5)
    nn.utils.clip_grad_value_([p, q], 0.7)
    np.testing.assert_allclose([*p.grad.tolist(), *q.grad.tolist()], [0.6, 0, 0.7], rtol=1e-5)
    p.grad = None
    assert nn.utils.clip_grad_norm_(p, 1.0).item() == 0
    q.grad = tg.tensor([np.nan])
    with pytest.raises(GradientError, match="not finite"):
        nn.utils.clip_grad_norm_([q], 1.0, error_if_nonfinite=True)
    with pytest.raises(ArgumentError, match="norm_type"):
        nn.utils.clip_grad_norm_([q], 1.0, norm_type=-1.0)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_compiled_step_clips_as_well(backend):
    found = []
    for compile in (False, backend):
        model = network()
        tg.manual_seed(0)
        fit(
            model, samples(40), epochs=3, batch_size=10, clip_norm=0.05, compile=compile,
            optimizer=SGD(model.parameters(), lr=0.5),
        )  # fmt: skip
        found.append(weights_of(model))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    drift = math.sqrt(sum(float(np.square(a - b).sum()) for a, b in zip(found[0], weights_of(network()), strict=True)))
    assert 0 < drift <= 12 * 0.5 * 0.05 * 1.001  # no step was longer than lr · clip_norm
