"""Recurrent layers, attention and encoders, and layers on images: PyTorch's results and derivatives of both orders."""

import inspect

import numpy as np
import pytest

import tinygrad_mnist as tg

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # tiny tensors: a second thread only waits

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape)


def hidden(count, least=1):
    """Draw a mask that hides some, and not the first."""
    mask = RNG.random(count) < 0.4
    mask[..., :least] = False
    return mask


def flat(values):
    """List the tensors in a result."""
    if isinstance(values, tuple | list):
        return [t for v in values for t in flat(v)]
    return [] if values is None else [values]


def derivatives(m, layer, args, options, order=2):
    """Give results, gradients with respect to inputs and parameters, and gradients of a sum of their squares."""

    def tensors(x):
        if isinstance(x, tuple):
            return tuple(map(tensors, x))
        return m.tensor(x.copy(), requires_grad=x.dtype.kind == "f") if isinstance(x, np.ndarray) else x

    inputs, rng = [tensors(x) for x in args], np.random.default_rng(1)
    results = flat(layer(*inputs, **{k: tensors(v) for k, v in options.items()}))
    leaves = [t for t in flat(inputs) if t.requires_grad] + list(layer.parameters())
    total = sum((t * m.tensor(rng.standard_normal(tuple(t.shape)))).sum() for t in results if t.requires_grad)
    found = m.autograd.grad(total, leaves, create_graph=order > 1, allow_unused=True)
    results = [*results, *found]
    if order > 1:
        total = sum((g * g * m.tensor(rng.standard_normal(tuple(g.shape)))).sum() for g in found if g is not None)
        results += m.autograd.grad(total, leaves, allow_unused=True) if total.requires_grad else []
    return [np.zeros(()) if t is None else np.asarray(t.detach()) for t in results]


def in_both(build, args, options=None, order=2):
    """Compare a layer, given PyTorch's weights."""
    torch.manual_seed(0)
    theirs, ours = build(torch.nn, torch.float64).eval(), build(tg.nn, np.float64).eval()
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    pairs = zip(*(derivatives(m, x, args, options or {}, order) for m, x in ((tg, ours), (torch, theirs))), strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(a, np.broadcast_to(b, a.shape) if not b.shape else b, rtol=1e-10, atol=1e-10)


# ---------------------------------------------------------------- sequences

SETTINGS = [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False, "batch_first": True},
            {"num_layers": 3, "dropout": 0.5, "batch_first": True}]  # fmt: skip


@pytest.mark.parametrize("form", ["batch", "state", "one"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("name", ["GRU", "LSTM", "RNN", "RNN relu"])
def test_recurrent_layers(name, settings, form):
    kind, *rest = name.split()
    settings = settings | ({"nonlinearity": rest[0]} if rest else {})
    count = settings.get("num_layers", 1) * (1 + settings.get("bidirectional", False))
    x, h = (normal(4, 3), normal(count, 2)) if form == "one" else (normal(4, 5, 3), normal(count, 5, 2))
    x = x.swapaxes(0, 1).copy() if settings.get("batch_first") and form != "one" else x
    state = [(h, normal(*h.shape)) if kind == "LSTM" else h] if form != "batch" else []
    in_both(lambda nn, t: getattr(nn, kind)(3, 2, **settings, dtype=t), [x, *state])


@pytest.mark.parametrize("shape", [(), (4,)], ids=["one", "batch"])
@pytest.mark.parametrize("given", [False, True], ids=["zeros", "state"])
@pytest.mark.parametrize("name", ["GRUCell", "LSTMCell", "RNNCell"])
def test_cells(name, given, shape):
    h = normal(*shape, 2)
    state = [(h, normal(*shape, 2)) if name == "LSTMCell" else h] if given else []
    in_both(lambda nn, t: getattr(nn, name)(3, 2, dtype=t), [normal(*shape, 3), *state])


def test_a_gradient_that_is_changed_in_place_is_looked_at_anew():
    layer, x, g = tg.nn.GRU(2, 3, dtype=np.float64), tg.tensor(normal(4, 1, 2)), tg.tensor(normal(4, 1, 3))
    out, _ = layer(x)
    first = tg.autograd.grad(out, [layer.weight_hh_l0], g, retain_graph=True)[0].array.copy()
    with tg.no_grad():
        g *= 2
    np.testing.assert_allclose(tg.autograd.grad(out, [layer.weight_hh_l0], g)[0].array, 2 * first)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", ["GRU", "LSTM", "RNN"])
def test_compiled_steps_agree_with_eager_ones(name, backend):
    if backend == "numba":
        pytest.importorskip("numba")
    layer = getattr(tg.nn, name)(3, 4, 2)

    def step(x):
        layer.zero_grad()
        (layer(x)[0][-1] ** 2).sum().backward()
        return [p.grad for p in layer.parameters()]

    compiled = tg.compile(step, backend=backend)
    for k in range(3):
        x = np.random.default_rng(k).standard_normal((5, 2, 3)).astype(np.float32)
        for a, b in zip([g.array.copy() for g in step(x)], compiled(x), strict=True):
            np.testing.assert_allclose(a, b.array, rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------- attention

CAUSAL = np.triu(np.ones((4, 4), bool), 1)
ATTENTION = {
    "plain": ({}, {}), "no weights": ({}, {"need_weights": False}), "no bias": ({"bias": False}, {}),
    "each head": ({"batch_first": True}, {"average_attn_weights": False}),
    "padding": ({}, {"key_padding_mask": hidden((2, 4))}),
    "additive": ({}, {"attn_mask": np.where(CAUSAL, -np.inf, 0)}),
    "both masks": ({"batch_first": True}, {"attn_mask": CAUSAL, "key_padding_mask": hidden((2, 4))}),
    "mask by head": ({}, {"attn_mask": hidden((4, 4, 4)), "need_weights": False}),
    "causal": ({}, {"attn_mask": CAUSAL, "is_causal": True, "need_weights": False}),
    "more keys": ({"add_bias_kv": True, "add_zero_attn": True},
                  {"attn_mask": CAUSAL, "key_padding_mask": hidden((2, 4))}),
    "more keys, plain": ({"add_bias_kv": True}, {}),
}  # fmt: skip


@pytest.fixture(autouse=True)
def twice_differentiable():
    """Let PyTorch compute attention the way that it can differentiate twice."""
    torch.backends.cuda.enable_flash_sdp(False)
    torch.backends.cuda.enable_mem_efficient_sdp(False)
    yield
    torch.backends.cuda.enable_flash_sdp(True)
    torch.backends.cuda.enable_mem_efficient_sdp(True)


@pytest.mark.parametrize("name", ATTENTION)
def test_attention(name):
    settings, options = ATTENTION[name]
    x = normal(2, 4, 6) if settings.get("batch_first") else normal(4, 2, 6)
    in_both(lambda nn, t: nn.MultiheadAttention(6, 2, **settings, dtype=t), [x, x, x], options)


def test_attention_to_other_features_and_of_one_sequence():
    in_both(lambda nn, t: nn.MultiheadAttention(6, 3, kdim=5, vdim=4, dtype=t),
            [normal(3, 2, 6), normal(4, 2, 5), normal(4, 2, 4)])  # fmt: skip
    in_both(lambda nn, t: nn.MultiheadAttention(6, 3, dtype=t), [normal(3, 6), normal(4, 6), normal(4, 6)],
            {"key_padding_mask": hidden((4,))})  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("settings", [
    {}, {"norm_first": True, "batch_first": True}, {"activation": "gelu", "bias": False},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("masks", [{}, {"mask": CAUSAL}, {"src_key_padding_mask": hidden((2, 4))}], ids=[*"abc"])
def test_encoders(settings, masks):
    x = normal(2, 4, 6) if settings.get("batch_first") else normal(4, 2, 6)
    layer = {"src_mask" if k == "mask" else k: v for k, v in masks.items()}
    in_both(lambda nn, t: nn.TransformerEncoderLayer(6, 2, 8, **settings, dtype=t), [x], layer)
    in_both(lambda nn, t: nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 8, **settings, dtype=t), 2,
                                                nn.LayerNorm(6, dtype=t), enable_nested_tensor=False), [x], masks)


# ---------------------------------------------------------------- images

CONVOLUTIONS = {
    "Conv1d": ({"padding": 1, "stride": 2, "groups": 2}, (2, 4, 7)), "Conv2d": ({"padding": 1, "groups": 2}, (4, 5, 6)),
    "Conv1d reflect": ({"padding": 2, "padding_mode": "reflect"}, (2, 4, 7)),
    "Conv2d circular": ({"padding": "same", "padding_mode": "circular", "dilation": 2}, (2, 4, 5, 6)),
    "Conv2d replicate": ({"padding": (0, 1), "padding_mode": "replicate"}, (2, 4, 5, 6)),
    "ConvTranspose1d": ({"stride": 2, "output_padding": 1, "groups": 2}, (4, 7)),
    "ConvTranspose2d": ({"stride": 2, "padding": 1, "output_padding": (1, 0), "bias": False}, (2, 4, 3, 4)),
    "ConvTranspose2d dilated": ({"dilation": 3, "output_padding": 2}, (2, 4, 3, 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions(name):
    settings, shape = CONVOLUTIONS[name]
    in_both(lambda nn, t: getattr(nn, name.split()[0])(4, 6, 3, **settings, dtype=t), [normal(*shape)])


def test_the_size_of_a_transposed_convolution():
    in_both(lambda nn, t: nn.ConvTranspose2d(4, 6, 3, 2, 1, dtype=t), [normal(2, 4, 4, 5)], {"output_size": (8, 9)})
    with pytest.raises(tg.errors.ArgumentError, match="output_size"):
        tg.nn.ConvTranspose2d(1, 1, 3, 2)(tg.zeros(1, 1, 3, 3), output_size=(99, 9))


IMAGES = {
    "MaxPool1d": (2, 1), "MaxPool2d": (3, 2, 1, 1, True, True), "AvgPool1d": (3, 2, 1, True),
    "AvgPool2d": (2, None, 1, True, False),
    "LPPool1d": (2, 2), "LPPool2d": (2, (2, 3), 1), "AdaptiveAvgPool1d": (4,), "AdaptiveAvgPool2d": ((3, None),),
    "AdaptiveMaxPool1d": (4, True), "AdaptiveMaxPool2d": ((3, 4), True), "Unfold": (2, 1, 1, 2),
    "Upsample": (None, 2, "bilinear"),
    "UpsamplingNearest2d": (None, 2), "UpsamplingBilinear2d": ((4, 7),), "PixelShuffle": (2,), "PixelUnshuffle": (2,),
    "ChannelShuffle": (2,), **{f"ZeroPad{n}d": (tuple(range(2 * n)),) for n in (1, 2, 3)},
    **{f"ConstantPad{n}d": (1, 2.5) for n in (1, 2, 3)},
    **{f"{kind}Pad{n}d": (1,) for kind in ("Reflection", "Replication", "Circular") for n in (1, 2, 3)},
}  # fmt: skip


@pytest.mark.parametrize("name", IMAGES)
def test_layers_on_images(name):
    shape = {"1": (2, 4, 7), "3": (2, 4, 3, 4, 2)}.get(name[-2], (2, 4, 4, 6))
    in_both(lambda nn, t: getattr(nn, name)(*IMAGES[name]), [normal(*shape)], order=1)


def test_maxima_put_back_and_columns_added():
    x = np.array([[[[9.0, 1, 7, 2], [3, 8, 4, 6]]]])
    for m in (torch, tg):
        values, where = m.nn.MaxPool2d(2, return_indices=True)(m.tensor(x))
        np.testing.assert_array_equal(np.asarray(m.nn.MaxUnpool2d(2)(values, where)), [[[[9, 0, 7, 0], [0, 0, 0, 0]]]])
        values, where = m.nn.MaxPool1d(2, return_indices=True)(m.tensor(x[0]))
        np.testing.assert_array_equal(np.asarray(m.nn.MaxUnpool1d(2)(values, where)), [[[9, 0, 7, 0], [0, 8, 0, 6]]])
    in_both(lambda nn, t: nn.Fold((4, 5), 2), [normal(2, 8, 12)], order=1)


NAMES = [*{n.split()[0] for n in (*CONVOLUTIONS, *IMAGES)}, "GRUCell", "LSTMCell", "RNNCell", "MultiheadAttention",
         "TransformerEncoder", "TransformerEncoderLayer", "Fold", "MaxUnpool1d", "MaxUnpool2d"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_signatures_are_pytorchs(name):
    ours, theirs = (inspect.signature(getattr(m.nn, name)).parameters for m in (tg, torch))
    assert [k for k in ours if k != "generator"] == [*theirs]
    for key, parameter in theirs.items():
        if key not in ("activation",):  # a function of each
            assert ours[key].default == parameter.default, key
