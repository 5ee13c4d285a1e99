"""Recurrent layers, cells, attention and transformers give PyTorch's results and gradients with PyTorch's weights."""

import itertools

import numpy as np
import pytest

import tinygrad_mnist as tg

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # tiny tensors: a second thread only waits


def values(*shape):
    return np.random.default_rng(len(shape) + sum(shape)).standard_normal(shape)


def convert(m, a):
    if isinstance(a, tuple):
        return tuple(convert(m, x) for x in a)
    return m.tensor(a, requires_grad=a.dtype.kind == "f") if isinstance(a, np.ndarray) else a


def flat(result):
    if isinstance(result, tuple | list):
        return [t for part in result for t in flat(part)]
    return [] if result is None else [result]


def outcome(m, layer, arrays, options):
    xs = [convert(m, a) for a in arrays]
    results = flat(layer(*xs, **{name: convert(m, a) for name, a in options.items()}))
    weights = [np.cos(np.arange(np.prod(tuple(y.shape), dtype=int))).reshape(tuple(y.shape)) for y in results]
    sum((y * m.tensor(w)).sum() for y, w in zip(results, weights, strict=True)).backward()
    leaves = [*layer.parameters(), *flat(xs)]
    return [np.asarray(y.detach()) for y in results] + [np.asarray(t.grad) for t in leaves if t.grad is not None]


def in_both(build, *arrays, **options):
    torch.manual_seed(0)
    theirs, ours = build(torch.nn, torch.float64), build(tg.nn, np.float64)
    assert [*theirs.state_dict()] == [*ours.state_dict()]
    ours.load_state_dict(theirs.state_dict())
    if " x " not in repr(theirs):  # PyTorch folds equal entries of a list
        assert repr(ours) == repr(theirs).replace("NonDynamicallyQuantizable", "")
    found = [outcome(m, layer, arrays, options) for m, layer in ((tg, ours), (torch, theirs))]
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


FLAGS = [*itertools.product((1, 2), (True, False), (True, False), (True, False))]


@pytest.mark.parametrize(("layers", "bias", "batch_first", "both_ways"), FLAGS)
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers(kind, layers, bias, batch_first, both_ways):
    def build(nn, t):
        return getattr(nn, kind)(3, 4, layers, bias=bias, batch_first=batch_first, bidirectional=both_ways, dtype=t)

    state = values(layers * (1 + both_ways), 5 if batch_first else 2, 4)
    in_both(build, values(5, 2, 3))
    in_both(build, values(5, 2, 3), (state, state + 1) if kind == "LSTM" else state)
    in_both(build, values(5, 3))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
def test_cells(kind, bias):
    for shape in ((2, 3), (3,)):
        in_both(lambda nn, t: getattr(nn, kind)(3, 4, bias=bias, dtype=t), values(*shape))


def test_the_other_activation():
    in_both(lambda nn, t: nn.RNN(3, 4, nonlinearity="relu", dtype=t), values(5, 2, 3))
    in_both(lambda nn, t: nn.RNNCell(3, 4, nonlinearity="relu", dtype=t), values(2, 3))


Q, K, V = values(3, 2, 8), values(4, 2, 8), values(4, 2, 8) + 1
PADDING = np.array([[False, True, False, False], [False, False, False, True]])
MASK = np.triu(np.ones((3, 4), bool), 2)
ATTENTION = {
    "self": ({}, (Q, Q, Q), {}), "batch first": ({"batch_first": True}, (Q, Q, Q), {}),
    "no bias": ({"bias": False}, (Q, K, V), {}), "no weights": ({}, (Q, K, V), {"need_weights": False}),
    "more keys": ({"add_bias_kv": True, "add_zero_attn": True}, (Q, K, V), {"attn_mask": MASK}),
    "other sizes": ({"kdim": 5, "vdim": 6}, (Q, values(4, 2, 5), values(4, 2, 6)), {}),
    "masks": ({}, (Q, K, V), {"key_padding_mask": PADDING, "attn_mask": MASK}),
    "mask without weights": ({}, (Q, K, V), {"need_weights": False, "attn_mask": MASK}),
    "weights of each head": ({}, (Q, K, V), {"average_attn_weights": False}),
    "mask of each head": ({}, (Q, K, V), {"attn_mask": values(4, 3, 4)}),
    "unbatched": ({}, (Q[:, 0], K[:, 0], V[:, 0]), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTENTION)
def test_attention(name):
    settings, arrays, options = ATTENTION[name]
    in_both(lambda nn, t: nn.MultiheadAttention(8, 2, dtype=t, **settings), *arrays, **options)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize(("norm_first", "batch_first"), [*itertools.product((True, False), (True, False))])
def test_transformer_layers(norm_first, batch_first, activation):
    settings = {"norm_first": norm_first, "batch_first": batch_first}
    in_both(lambda nn, t: nn.TransformerEncoderLayer(8, 2, 16, 0.0, activation, **settings, dtype=t), Q)
    in_both(lambda nn, t: nn.TransformerDecoderLayer(8, 2, 16, 0.0, activation, **settings, dtype=t), Q, Q + 1)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_transformers():
    layer = {"dropout": 0.0, "dim_feedforward": 16}


    def build(nn, t):
        return nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, **layer, dtype=t), 2, nn.LayerNorm(8, dtype=t))

    in_both(build, Q, mask=np.triu(np.ones((3, 3), bool), 1))
    in_both(lambda nn, t: nn.Transformer(8, 2, 2, 2, **layer, dtype=t), Q, K)
    mask = tg.nn.Transformer.generate_square_subsequent_mask(3)
    assert mask.tolist() == torch.nn.Transformer.generate_square_subsequent_mask(3).tolist()
