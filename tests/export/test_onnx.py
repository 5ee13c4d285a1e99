"""Every module, and what else has ONNX operators, gives in onnxruntime what it gives here, for other batches too."""

import sys

import numpy as np
import pytest
from cases import CASES
from strategies import seeded

import tinygrad_mnist as tg
from tinygrad_mnist.core import errors
from tinygrad_mnist.core.primitive import registry
from tinygrad_mnist.ops.broadcast import elementwise

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
nn, F = tg.nn, tg.nn.functional


def values(*shape, seed=0):
    return np.random.default_rng(seed + sum(shape)).standard_normal(shape).astype(np.float32)


def of(*args, **kwargs):
    return args, kwargs


ROWS, OTHER, STEPS = values(5, 4), values(5, 4, seed=1), values(4, 5, 6)
SPREAD = np.concatenate([np.linspace(-9, 9, 24) + 0.013, [-1e4, 1e4, 0.5, -0.5, 3, -3, 0, 20]])
SPREAD = SPREAD.astype(np.float32).reshape(8, 4)
IMAGES = {1: values(2, 4, 7), 2: values(2, 4, 6, 8), 3: values(2, 4, 3, 4, 2)}
LABELS, IMAGE_LABELS = np.array([0, 3, 1, 1, 2]), np.random.default_rng(2).integers(0, 4, (2, 6, 8))
YES, SIGNS, SHARES = (ROWS > 0).astype("f"), np.where(ROWS > 0, 1, -1).astype("f"), 1 / (1 + np.exp(-ROWS))
SEVERAL = np.array([[3, 0, -1, 1], [-1, 1, 2, 3], [0, 1, 2, 3], [2, -1, 2, 0], [1, 1, -1, 0]])
ONE = {  # layers of one input
    **dict.fromkeys(["ReLU", "Tanh", "Sigmoid", "ReLU6", "SELU", "SiLU", "Mish", "Softsign", "LogSigmoid", "Tanhshrink",
                     "Hardsigmoid", "Hardswish", "RReLU", "Identity", "Dropout", "AlphaDropout", "FeatureAlphaDropout",
                     "LeakyReLU", "ELU", "GELU", "Softplus", "Hardtanh", "Hardshrink", "Softshrink", "PReLU"], [of()]),
    "CELU": [of(0.5)], "GLU": [of(1)], "Threshold": [of(0.1, 7)], "Softmin": [of(1)], "Softmax": [of(0), of(1)],
    "LogSoftmax": [of(-1)], "Linear": [of(4, 3), of(4, 3, bias=False)], "Unflatten": [of(1, (2, 2))],
    "BatchNorm1d": [of(4)], "GroupNorm": [of(4, 4, affine=False)],
}  # fmt: skip
LOSSES = {
    **dict.fromkeys(["L1Loss", "SmoothL1Loss", "MSELoss", "HuberLoss"], [({}, ROWS, OTHER)]),
    **dict.fromkeys(["HingeEmbeddingLoss", "SoftMarginLoss"], [({}, ROWS, SIGNS)]), "BCELoss": [({}, SHARES, YES)],
    "BCEWithLogitsLoss": [({}, SPREAD, (SPREAD > 1).astype("f"))], "KLDivLoss": [({"log_target": True}, ROWS, OTHER)],
    "PoissonNLLLoss": [({"log_input": False, "full": True}, SHARES, YES * 3 + 0.5)],
    "GaussianNLLLoss": [({"full": True}, ROWS, OTHER, SHARES)], "MarginRankingLoss": [({}, ROWS, OTHER, SIGNS)],
    "CosineEmbeddingLoss": [({"margin": 0.1}, ROWS, OTHER, SIGNS[:, 0].copy())],
    "MultiMarginLoss": [({"p": 2}, ROWS, LABELS)], "MultiLabelMarginLoss": [({}, ROWS, SEVERAL)],
    "MultiLabelSoftMarginLoss": [({}, ROWS, YES)], "TripletMarginLoss": [({"swap": True}, ROWS, OTHER, SPREAD[:5])],
    "TripletMarginWithDistanceLoss": [({}, ROWS, OTHER, OTHER + 1)],
    "NLLLoss": [({"ignore_index": 1}, ROWS, LABELS), ({}, IMAGES[2], IMAGE_LABELS)],
    "CrossEntropyLoss": [({}, ROWS, LABELS), ({}, ROWS, SHARES), ({"label_smoothing": 0.2}, IMAGES[2], IMAGE_LABELS)],
}  # fmt: skip
ON_IMAGES = {
    "MaxPool{}d": [of(2), of(3, 2, 1, 1, True), of(3, 1, 1, 2)], "LPPool{}d": [of(2, 2)], "AdaptiveMaxPool{}d": [of(3)],
    "AvgPool{}d": [of(2), of(3, 2, 1, True), of(3, 2, 1, True, False)], "AdaptiveAvgPool{}d": [of(3), of(1)],
    "ZeroPad{}d": [of(1)], "ConstantPad{}d": [of(2, 2.5)], "ReflectionPad{}d": [of(1)], "ReplicationPad{}d": [of(2)],
    "CircularPad{}d": [of(1)], "Dropout{}d": [of()], "BatchNorm{}d": [of(4), of(4, track_running_stats=False)],
    "InstanceNorm{}d": [of(4), of(4, affine=True, track_running_stats=True)],
    "Conv{}d": [of(4, 6, 3), of(4, 6, 3, 2, 1, 1, 2, bias=False), of(4, 6, 3, padding="same", dilation=2),
                of(4, 6, 3, padding=1, padding_mode="reflect")],
    "ConvTranspose{}d": [of(4, 6, 3), of(4, 6, 3, 2, 1, output_padding=1), of(4, 6, 3, 2, 0, 1, 2),
                         of(4, 6, 3, dilation=3, output_padding=2)],
}  # fmt: skip
ON_PLANES = {
    "Softmax2d": [of()], "Linear": [of(8, 3)], "Flatten": [of()], "LayerNorm": [of(8), of((6, 8), bias=False)],
    "RMSNorm": [of(8)], "GroupNorm": [of(2, 4)], "LocalResponseNorm": [of(3, 0.1)], "PixelShuffle": [of(2)],
    "Upsample": [of(None, 1.5, "bilinear"), of(None, 2), of((9, 5), None, "bicubic", True)], "PixelUnshuffle": [of(2)],
    "UpsamplingNearest2d": [of(None, 2)], "UpsamplingBilinear2d": [of((4, 7))], "ChannelShuffle": [of(2)],
    "Unfold": [of(2, 1, 1, 2)], "AdaptiveMaxPool2d": [of(3, True)], "MaxPool2d": [of(2, return_indices=True)],
}  # fmt: skip
STATES = values(1, 5, 3), values(1, 5, 3, seed=1)
LAYERS = [
    *((name, given, SPREAD) for name, settings in ONE.items() for given in settings),
    *((name, given, IMAGES[2]) for name, settings in ON_PLANES.items() for given in settings),
    *((name, of(reduction=r, **given), *xs) for name, calls in LOSSES.items() for given, *xs in calls
      for r in ("mean", "sum", "none")),
    *((name.format(n), given, IMAGES[n]) for name, settings in ON_IMAGES.items() for given in settings
      for n in IMAGES if hasattr(nn, name.format(n))),
    ("Bilinear", of(4, 4, 3), ROWS, OTHER), ("Embedding", of(6, 3, 2), LABELS), ("CosineSimilarity", of(), ROWS, OTHER),
    ("PairwiseDistance", of(3.0, keepdim=True), ROWS, OTHER), ("Fold", of((4, 5), 2), values(2, 8, 12)),
    ("MaxPool1d", of(3, 2, 1, return_indices=True), IMAGES[1]),
    ("MaxUnpool2d", of(2), values(1, 1, 1, 2), np.array([[[[0, 6]]]])),
    ("MaxUnpool1d", of(2), values(2, 1, 2), np.array([[[1, 2]], [[0, 3]]])),
    *((name, of(6, 3, **given), STEPS) for name in ("RNN", "LSTM", "GRU") for given in (
        {}, {"num_layers": 2, "bidirectional": True}, {"bias": False}, {"num_layers": 2, "dropout": 0.5})),
    *((name, of(6, 3), STEPS[0]) for name in ("RNNCell", "GRUCell", "LSTMCell")), ("LSTM", of(6, 3), STEPS, STATES),
    ("RNN", of(6, 3, nonlinearity="relu"), STEPS), ("GRU", of(6, 3), STEPS, STATES[0]),
    *(("MultiheadAttention", of(6, 2, **given), STEPS, STEPS + 1, STEPS) for given in (
        {}, {"bias": False}, {"add_bias_kv": True, "add_zero_attn": True})),
    *(("TransformerEncoderLayer", of(6, 2, 8, **given), STEPS) for given in (
        {}, {"norm_first": True, "activation": "gelu"})),
    ("TransformerDecoderLayer", of(6, 2, 8), STEPS, STEPS[:3]), ("Transformer", of(6, 2, 1, 1, 8), STEPS, STEPS[:3]),
]  # fmt: skip
PARTS = {"Module", "Loss", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict",
         "TransformerEncoder", "TransformerDecoder"}  # fmt: skip


def flat(x):
    if isinstance(x, tuple | list):
        return [t for part in x for t in flat(part)]
    return [] if x is None else [np.asarray(x.detach() if isinstance(x, tg.Tensor) else x)]


def compare(model, file, *inputs, tolerance=2e-5):
    with tg.no_grad(), np.errstate(all="ignore"):
        ours = flat(model(*[tuple(map(tg.tensor, x)) if isinstance(x, tuple) else tg.tensor(x) for x in inputs]))
    session = runtime.InferenceSession(str(file))
    names = [x.name for x in session.get_inputs()]
    theirs = session.run(None, dict(zip(names, flat(inputs), strict=True)))
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        largest = np.abs(a[np.isfinite(a)]).max(initial=1)
        np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance / 10 * largest)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("number", range(len(LAYERS)), ids=[name for name, *_ in LAYERS])
def test_layers(number, tmp_path):
    (name, (args, kwargs), *inputs), file = LAYERS[number], tmp_path / "model.onnx"
    tg.manual_seed(0)
    model = getattr(nn, name)(*args, **kwargs)
    names = [x.name for x in tg.export_onnx(model, tuple(inputs), file).graph.input]
    assert model.training  # again: it was exported as it is in evaluation
    compare(model.eval(), file, *inputs)
    axis = 1 if inputs[0] is STEPS else 0
    tg.export_onnx(model, tuple(inputs), file, dynamic_axes={x: {axis: "batch"} for x in names})
    for n in (1, 3, 7):
        compare(model, file, *(type(x)(y.take(np.arange(n) % y.shape[axis], axis) for y in x) if isinstance(x, tuple)
                               else x.take(np.arange(n) % x.shape[axis], axis) for x in inputs))  # fmt: skip


def test_every_module_was_tried():
    kinds = {n for n in nn.__all__ if isinstance(getattr(nn, n), type) and issubclass(getattr(nn, n), nn.Module)}
    assert {getattr(nn, name).__name__ for name in kinds} - {name for name, *_ in LAYERS} <= PARTS


WINNERS = {"pool_positions", "pool_winners", "pool_gather"}  # which are numbered otherwise there


@pytest.mark.parametrize("name", sorted(CASES.keys() - WINNERS))
def test_operations(name, tmp_path):
    case, call = CASES[name], CASES[name].build(seeded(0))
    args = [x.astype(np.float32) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x for x in call.args]
    arrays = [x for x in args if isinstance(x, np.ndarray)]

    def function(*tensors):
        rest = iter(tensors)
        return case.call(*[next(rest) if isinstance(x, np.ndarray) else x for x in args], **call.static)

    try:
        tg.export_onnx(function, tuple(arrays), tmp_path / "model.onnx")
    except (errors.ExportError, errors.CaptureError) as error:
        reasons = "no ONNX operator", "cannot be captured", "nothing else"
        assert any(reason in str(error) for reason in reasons)
    else:
        compare(function, tmp_path / "model.onnx", *arrays, tolerance=1e-4)


class Text(nn.Module):
    def __init__(self):
        self.words, self.places, self.out = nn.Embedding(9, 8), nn.Embedding(12, 8), nn.Linear(8, 9)
        self.layers = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)

    def forward(self, text):
        places = self.places(tg.arange(text.shape[1]))
        return self.out(self.layers(self.words(text) + places))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_names_and_two_sizes_that_vary(tmp_path):
    model, file, text = Text(), tmp_path / "text.onnx", np.arange(12).reshape(2, 6) % 9
    axes = {"text": {0: "n", 1: "t"}}
    proto = tg.export_onnx(model, tg.tensor(text), file, output_names=["logits"], dynamic_axes=axes)
    assert proto.opset_import[0].version == 20 and onnx.load(file) == proto
    assert {*model.state_dict()} <= {x.name for x in proto.graph.initializer}
    (x,), (y,) = proto.graph.input, proto.graph.output
    dims = [[d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in (x, y)]
    assert (x.name, y.name, *dims) == ("text", "logits", ["n", "t"], ["n", "t", 9])
    for shape in ((1, 6), (3, 11), (5, 2)):
        compare(model.eval(), file, np.random.default_rng(0).integers(0, 9, shape))


def test_functions_inputs_that_are_one_and_operations_of_the_users_own(tmp_path):
    @elementwise(loop="math.exp(-x * x) if abs(x) < 3 and x > -2 else 0")
    def bell(x):
        """Fade."""
        return np.where((np.abs(x) < 3) & (x > -2), np.exp(-x * x), 0).astype(x.dtype)

    del registry["bell"]
    x = tg.tensor(SPREAD)
    tg.export_onnx(lambda a, b: {"y": bell(a) - b, "z": a}, (x, x), tmp_path / "f.onnx", input_names=["p", "q"])
    compare(lambda a, b: (bell(a) - b, a), tmp_path / "f.onnx", SPREAD, SPREAD + 1)


REFUSALS = {
    "bitwise_left_shift has no ONNX operator": (lambda x: tg.bitwise_left_shift(x.long(), 2), {}, errors.ExportError),
    "middle": (lambda x: tg.median(x), {}, errors.ExportError), "draw": (F.dropout, {}, errors.ExportError),
    "cannot be captured": (lambda x: x if x.sum() > 0 else -x, {}, errors.CaptureError),
    "otherwise": (lambda x: tg.cat([x[i] for i in range(len(x))], 0), {"dynamic_axes": {"x": [0]}}, errors.ExportError),
    "evenly": (lambda x: x.reshape(-1)[: len(x) ** 2], {"dynamic_axes": {"x": [0]}}, errors.ExportError),
    "axes, counted": (lambda x: x, {"dynamic_axes": {"y": [0]}}, errors.ArgumentError),
    "input_names": (lambda x: x, {"input_names": ["a", "b"]}, errors.ArgumentError),
    "weights": (nn.Linear(4, 4), {"output_names": ["bias"]}, errors.ArgumentError),
}  # fmt: skip


def test_arguments_by_name(tmp_path):
    model, mask = nn.MultiheadAttention(6, 2), np.triu(np.ones((4, 4), bool), 1)
    named = {"attn_mask": tg.tensor(mask), "need_weights": False}
    tg.export_onnx(model, (STEPS,) * 3, tmp_path / "m.onnx", kwargs=named)
    compare(lambda *x: model(*x[:3], attn_mask=x[3], need_weights=False)[0], tmp_path / "m.onnx", *[STEPS] * 3, mask)


@pytest.mark.parametrize("words", REFUSALS)
def test_what_is_refused(words, tmp_path):
    function, options, kind = REFUSALS[words]
    (tmp_path / "model.onnx").write_text("as it was")
    with pytest.raises(kind, match=words) as caught:
        tg.export_onnx(function, ROWS, tmp_path / "model.onnx", **options)
    assert "export_onnx" in str(caught.value) and (tmp_path / "model.onnx").read_text() == "as it was"


def test_without_the_package_or_a_place_to_write(tmp_path, monkeypatch):
    with pytest.raises(errors.OutputError, match="export_onnx"):
        tg.export_onnx(nn.ReLU(), ROWS, tmp_path / "none" / "model.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(errors.MissingDependencyError, match=r"tinygrad_mnist\[onnx\]"):
        tg.export_onnx(nn.ReLU(), ROWS, tmp_path / "model.onnx")
