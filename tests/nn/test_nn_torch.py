"""Layers give PyTorch's results and gradients with PyTorch's weights; thirty steps of training end where its do."""

import re
import sys

import numpy as np
import pytest
from test_recurrent_torch import NAMES

import tinygrad_mnist as tg

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # tiny tensors: a second thread only waits


def in_both(build, *inputs, seed=0):
    """Build a layer in both, give ours PyTorch's weights, and compare results and gradients (inputs and parameters)."""
    torch.manual_seed(seed)
    theirs, ours = build(torch.nn, torch.float64), build(tg.nn, np.float64)
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    if "Conv" not in repr(ours) and "Pool" not in repr(ours):
        assert repr(ours) == repr(theirs)
    results = []
    for m, layer in ((tg, ours), (torch, theirs)):
        xs = [m.tensor(a, requires_grad=a.dtype.kind == "f" and not {*np.unique(a)} <= {-1, 1}) for a in inputs]
        y = layer(*xs)
        (y * m.tensor(np.cos(np.arange(np.prod(y.shape, dtype=int))).reshape(tuple(y.shape)))).sum().backward()
        found = [y.detach(), *(x.grad for x in xs if x.requires_grad), *(p.grad for p in layer.parameters())]
        results.append([np.asarray(t) for t in found])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10 if build is not SIXTH else 1e-8)  # its 1/6 is a float32


IMAGES = np.random.default_rng(0).standard_normal((2, 4, 6, 7))
ROWS = np.random.default_rng(1).standard_normal((5, 4))
LABELS, VOLUMES = np.array([0, 3, 1, 1, 2]), IMAGES.reshape(2, 2, 2, 6, 7)
IMAGE_LABELS = np.random.default_rng(2).integers(0, 4, (2, 6, 7))
SPREAD = np.concatenate([np.linspace(-9, 9, 24) + 0.013, [-1e4, 1e4, 0.5, -0.5, 3, -3, 0, 20]]).reshape(8, 4)
OF_ONE = {  # layers of one input, and their settings
    "ReLU6": [{}], "LeakyReLU": [{}, {"negative_slope": 0.2}, {"negative_slope": -2.0}, {"negative_slope": 3}],
    "ELU": [{}, {"alpha": 0.7}], "SELU": [{}], "CELU": [{}, {"alpha": 0.5}], "GELU": [{}, {"approximate": "tanh"}],
    "SiLU": [{}], "Mish": [{}], "Softplus": [{}, {"beta": 2.0, "threshold": 3.0}], "Softsign": [{}], "LogSigmoid": [{}],
    "Tanhshrink": [{}], "Hardtanh": [{}, {"min_val": -2.0, "max_val": 0.5}], "Hardsigmoid": [{}], "Hardswish": [{}],
    "Hardshrink": [{}, {"lambd": 2.0}], "Softshrink": [{}, {"lambd": 2.0}], "GLU": [{}, {"dim": 0}],
    "Threshold": [{"threshold": 0.1, "value": 0}, {"threshold": -0.5, "value": 7.0}], "Softmin": [{"dim": 1}],
}  # fmt: skip
NORMS = {
    "BatchNorm1d": [((4,), ROWS), ((6, 1e-3, 0.3, False), IMAGES[0]), ((4, 1e-5, None), ROWS)],
    "BatchNorm2d": [((4,), IMAGES), ((4, 1e-5, 0.1, True, False), IMAGES)], "BatchNorm3d": [((2,), VOLUMES)],
    "InstanceNorm1d": [((6,), IMAGES[0])], "InstanceNorm2d": [((4, 1e-5, 0.1, True, True), IMAGES)],
    "InstanceNorm3d": [((2,), VOLUMES)], "GroupNorm": [((2, 4), IMAGES), ((4, 4, 1e-3, False), ROWS)],
    "LayerNorm": [((7,), IMAGES), (((6, 7), 1e-3), IMAGES), ((4, 1e-5, False), ROWS), ((4, 1e-5, True, False), ROWS)],
    "RMSNorm": [((7,), IMAGES), (((6, 7), 1e-3), IMAGES), ((4, None, False), ROWS)],
}
YES, SIGNS, SHARES = (ROWS > 0).astype(float), np.where(ROWS > 0, 1.0, -1.0), 1 / (1 + np.exp(-ROWS))
OTHER, LAST = ROWS[::-1] * 0.7, ROWS[[1, 3, 0, 4, 2]] + 0.1
SEVERAL = np.array([[3, 0, -1, 1], [-1, 1, 2, 3], [0, 1, 2, 3], [2, -1, 2, 0], [1, 1, -1, 0]])
LOSSES = {
    "L1Loss": [({}, (ROWS, OTHER))], "SmoothL1Loss": [({}, (ROWS, OTHER)), ({"beta": 0.3}, (ROWS * 3, OTHER))],
    "HuberLoss": [({}, (ROWS * 3, OTHER)), ({"delta": 0.4}, (ROWS, OTHER))], "BCELoss": [({}, (SHARES, YES))],
    "BCEWithLogitsLoss": [({}, (SPREAD, (SPREAD > 1).astype(float)))],
    "KLDivLoss": [({}, (np.log(SHARES), SHARES[::-1].copy())), ({"log_target": True}, (ROWS, OTHER))],
    "PoissonNLLLoss": [({}, (ROWS, YES * 3)), ({"log_input": False, "full": True}, (SHARES, YES * 3 + 0.5))],
    "GaussianNLLLoss": [({}, (ROWS, OTHER, SHARES)), ({"full": True}, (ROWS, OTHER, SHARES[:, :1].copy())),
                        ({}, (ROWS, OTHER, SHARES[:1].copy()))],
    "CosineEmbeddingLoss": [({"margin": 0.1}, (ROWS, OTHER, SIGNS[:, 0].copy()))],
    "HingeEmbeddingLoss": [({}, (ROWS, SIGNS[::-1].copy()))], "SoftMarginLoss": [({}, (ROWS, SIGNS[::-1].copy()))],
    "MarginRankingLoss": [({"margin": 0.2}, (ROWS, OTHER, SIGNS))],
    "MultiMarginLoss": [({}, (ROWS, LABELS % 4)), ({"p": 2, "margin": 0.5}, (ROWS, LABELS % 4))],
    "MultiLabelMarginLoss": [({}, (ROWS, SEVERAL))],
    "MultiLabelSoftMarginLoss": [({}, (ROWS, YES))],
    "TripletMarginLoss": [({}, (ROWS, OTHER, LAST)), ({"p": 1.0, "swap": True, "margin": 2.0}, (ROWS, OTHER, LAST))],
    "TripletMarginWithDistanceLoss": [({}, (ROWS, OTHER, LAST))],
    "CrossEntropyLoss": [({"ignore_index": 1}, (ROWS, LABELS)), ({}, (ROWS, np.array([0, -100, 3, 1, -100]))),
                         ({"label_smoothing": 0.2}, (IMAGES, IMAGE_LABELS)), ({"label_smoothing": 0.2}, (ROWS, SHARES)),
                         ({"ignore_index": -1, "label_smoothing": 0.1}, (IMAGES, IMAGE_LABELS - 1))],
    "NLLLoss": [({"ignore_index": 1}, (ROWS, LABELS)), ({"ignore_index": -1}, (IMAGES, IMAGE_LABELS - 1))],
}  # fmt: skip
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
    **{f"{name} {i}": (lambda nn, t, name=name, given=given: getattr(nn, name)(**given), SPREAD)
       for name, settings in OF_ONE.items() for i, given in enumerate(settings)},
    **{f"{name} {i}": (lambda nn, t, name=name, given=given: getattr(nn, name)(*given, dtype=t), x)
       for name, calls in NORMS.items() for i, (given, x) in enumerate(calls)},
    **{f"{name} {i} {r}": (lambda nn, t, name=name, given=given, r=r: getattr(nn, name)(reduction=r, **given), *xs)
       for name, calls in LOSSES.items() for i, (given, xs) in enumerate(calls) for r in ("mean", "sum", "none")},
    "PReLU": (lambda nn, t: nn.PReLU(dtype=t), SPREAD), "PReLU channels": (lambda nn, t: nn.PReLU(4, dtype=t), IMAGES),
    "RReLU off": (lambda nn, t: nn.RReLU().eval(), SPREAD), "Identity": (lambda nn, t: nn.Identity(1, a=2), ROWS),
    "Unflatten": (lambda nn, t: nn.Unflatten(1, (2, 2)), ROWS), "Softmax2d": (lambda nn, t: nn.Softmax2d(), IMAGES),
    "LocalResponseNorm": (lambda nn, t: nn.LocalResponseNorm(3, alpha=0.1), IMAGES),
    "CosineSimilarity": (lambda nn, t: nn.CosineSimilarity(), ROWS, ROWS[::-1].copy()),
    "PairwiseDistance": (lambda nn, t: nn.PairwiseDistance(3.0, keepdim=True), ROWS, ROWS[::-1].copy()),
    "Bilinear": (lambda nn, t: nn.Bilinear(4, 4, 3, dtype=t), ROWS, ROWS[::-1].copy()),
    "Embedding": (lambda nn, t: nn.Embedding(6, 3, 2, dtype=t), LABELS),
    "Embedding short": (lambda nn, t: nn.Embedding(6, 3, max_norm=1.0, dtype=t), LABELS),
    **{f"{name} 1": (lambda nn, t, name=name: getattr(nn, name)(1.0), IMAGES)
       for name in ("Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout")},
    "Dropout1d 1": (lambda nn, t: nn.Dropout1d(1.0), IMAGES[0]),
    "Sequential": (
        lambda nn, t: nn.Sequential(
            nn.Conv2d(4, 3, 3, dtype=t), nn.Sequential(nn.Flatten(), nn.Linear(60, 2, dtype=t))
        ),
        IMAGES,
    ),
}  # fmt: skip


SIXTH = LAYERS["Hardsigmoid 0"][0]


@pytest.mark.filterwarnings("ignore:.*mean.*divides", "ignore:reduction. 'mean' divides")
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    in_both(*LAYERS[name])


def test_every_layer_was_tried():
    tried = {name.split()[0] for name in LAYERS} | {*NAMES}  # test_recurrent_torch.py
    tried |= {"Module", "ModuleList", "Loss", "ModuleDict", "ParameterList", "ParameterDict"}
    tried |= {"MultiheadAttention"} | {f"{kind}{cell}" for kind in ("RNN", "LSTM", "GRU") for cell in ("", "Cell")}
    tried |= {f"Transformer{part}" for part in ("", "Encoder", "EncoderLayer", "Decoder", "DecoderLayer")}
    bases = {"Layer", "Learned", "Settled", "Windows", "Unpool", "Border"}  # of layers that call functions
    files = [module for name, module in sys.modules.items() if re.match(r"tinygrad_mnist\.nn\.(?!utils)", name)]
    for name, kind in [item for module in files for item in vars(module).items() if item[0][0] != "_"]:
        if isinstance(kind, type) and issubclass(kind, tg.nn.Module) and name == kind.__name__ and name not in bases:
            assert getattr(tg.nn, name, None) is kind and name in tg.nn.__all__, f"export {name} in nn/__init__.py"
            assert name in tried, f"add {name} to LAYERS"


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


@pytest.mark.filterwarnings("ignore:Implicit dimension:UserWarning")
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4), (2, 3, 4, 2)])
def test_probabilities_without_a_dimension_are_along_pytorch_s_and_say_so(name, shape):
    x = np.random.default_rng(0).normal(size=shape)
    with pytest.warns(UserWarning, match="without dim="):
        ours = getattr(tg.nn.functional, name)(tg.tensor(x), dtype=tg.float32)
    theirs = getattr(torch.nn.functional, name)(torch.tensor(x), dtype=torch.float32)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)
