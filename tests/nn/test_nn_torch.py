"""Layers give PyTorch's results and gradients with PyTorch's weights; thirty steps of training end where its do."""

import re
import sys

import numpy as np
import pytest

import tinygrad_mnist as tg

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # tiny tensors: a second thread only waits


def in_both(build, *inputs, seed=0):
    """Build a layer in both, give ours PyTorch's weights, and compare results and gradients (inputs and parameters)."""
    torch.manual_seed(seed)
    theirs, ours = build(torch.nn, torch.float64), build(tg.nn, np.float64)
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    results = []
    for m, layer in ((tg, ours), (torch, theirs)):
        xs = [m.tensor(a, requires_grad=a.dtype.kind == "f") for a in inputs]
        y = layer(*xs)
        (y * m.tensor(np.cos(np.arange(np.prod(y.shape, dtype=int))).reshape(tuple(y.shape)))).sum().backward()
        found = [y.detach(), *(x.grad for x in xs if x.requires_grad), *(p.grad for p in layer.parameters())]
        results.append([np.asarray(t) for t in found])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


IMAGES = np.random.default_rng(0).standard_normal((2, 4, 6, 7))
ROWS = np.random.default_rng(1).standard_normal((5, 4))
LABELS = np.array([0, 3, 1, 1, 2])
LAYERS = {
    "Linear": (lambda nn, t: nn.Linear(4, 3, dtype=t), ROWS),
    "Linear without bias": (lambda nn, t: nn.Linear(4, 3, bias=False, dtype=t), ROWS),
    "Linear on images": (lambda nn, t: nn.Linear(7, 2, dtype=t), IMAGES),
    "Conv2d": (lambda nn, t: nn.Conv2d(4, 6, 3, dtype=t), IMAGES),
    "Conv2d options": (lambda nn, t: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2, False, dtype=t), IMAGES),
    "Conv2d same": (lambda nn, t: nn.Conv2d(4, 6, 3, padding="same", dtype=t), IMAGES),
    "MaxPool2d": (lambda nn, t: nn.MaxPool2d(2), IMAGES),
    "MaxPool2d options": (lambda nn, t: nn.MaxPool2d(3, 2, 1), IMAGES), "Flatten": (lambda nn, t: nn.Flatten(), IMAGES),
    "Flatten dims": (lambda nn, t: nn.Flatten(0, 2), IMAGES), "ReLU": (lambda nn, t: nn.ReLU(), ROWS),
    "Tanh": (lambda nn, t: nn.Tanh(), ROWS), "Sigmoid": (lambda nn, t: nn.Sigmoid(), ROWS),
    "Softmax": (lambda nn, t: nn.Softmax(dim=1), ROWS), "LogSoftmax": (lambda nn, t: nn.LogSoftmax(dim=-1), ROWS),
    "Dropout off": (lambda nn, t: nn.Dropout(0.5).eval(), ROWS), "Dropout 1": (lambda nn, t: nn.Dropout(1.0), ROWS),
    "CrossEntropyLoss": (lambda nn, t: nn.CrossEntropyLoss(), ROWS, LABELS),
    "NLLLoss": (lambda nn, t: nn.NLLLoss(reduction="sum"), ROWS, LABELS),
    "CrossEntropyLoss smooth": (lambda nn, t: nn.CrossEntropyLoss(reduction="none", label_smoothing=0.2), ROWS, LABELS),
    "MSELoss": (lambda nn, t: nn.MSELoss(), ROWS, ROWS[::-1].copy()),
    "Sequential": (
        lambda nn, t: nn.Sequential(
            nn.Conv2d(4, 3, 3, dtype=t), nn.Sequential(nn.Flatten(), nn.Linear(60, 2, dtype=t))
        ),
        IMAGES,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    in_both(*LAYERS[name])


def test_every_layer_was_tried():
    tried = {name.split()[0] for name in LAYERS}
    files = [module for name, module in sys.modules.items() if re.match(r"tinygrad_mnist\.nn\.(?!utils)", name)]
    for name, kind in [item for module in files for item in vars(module).items() if item[0][0] != "_"]:
        if isinstance(kind, type) and issubclass(kind, tg.nn.Module) and name == kind.__name__:
            assert getattr(tg.nn, name, None) is kind and name in tg.nn.__all__, f"export {name} in nn/__init__.py"
            assert name in tried | {"Module", "ModuleList", "Loss"}, f"add {name} to LAYERS"


def train(m, dtype, build, optimizer, x, target, start):
    model = build(m.nn, dtype)
    model.load_state_dict(start)
    step = optimizer(m.optim, model.parameters())
    loss_of = m.nn.CrossEntropyLoss()
    losses = []
    for k in range(30):
        rows = slice(k * 8 % 32, k * 8 % 32 + 8)
        step.zero_grad()
        loss = loss_of(model(m.tensor(x[rows])), m.tensor(target[rows]))
        loss.backward()
        step.step()
        losses.append(loss.item())
    return losses, [np.asarray(p.detach()) for p in model.parameters()]


MODELS = {
    "MLP": lambda nn, t: nn.Sequential(nn.Flatten(), nn.Linear(64, 16, dtype=t), nn.ReLU(), nn.Linear(16, 10, dtype=t)),
    "CNN": lambda nn, t: nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, dtype=t), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, dtype=t), nn.Tanh(),
        nn.Flatten(), nn.Linear(24, 10, dtype=t),
    ),
}  # fmt: skip
OPTIMIZERS = {
    "SGD": lambda optim, p: optim.SGD(p, lr=0.1, momentum=0.9), "Adam": lambda optim, p: optim.Adam(p, lr=0.01),
    "AdamW": lambda optim, p: optim.AdamW(p, lr=0.01),
}


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_thirty_steps_of_training(model, optimizer, precision):
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((32, 1, 8, 8)).astype(precision), rng.integers(0, 10, 32)
    torch.manual_seed(0)
    start = MODELS[model](torch.nn, getattr(torch, precision)).state_dict()
    results = [
        train(m, t, MODELS[model], OPTIMIZERS[optimizer], x, target, {k: v.clone() for k, v in start.items()})
        for m, t in ((tg, np.dtype(precision)), (torch, getattr(torch, precision)))
    ]
    tolerance = {"rtol": 1e-7, "atol": 1e-9} if precision == "float64" else {"rtol": 2e-3, "atol": 2e-3}
    assert results[1][0][-1] < results[1][0][0] * 0.9
    np.testing.assert_allclose(results[0][0], results[1][0], **tolerance)
    for a, b in zip(results[0][1], results[1][1], strict=True):
        assert a.dtype == b.dtype == precision
        np.testing.assert_allclose(a, b, **tolerance)
