"""Containers, hooks, finding and saving parts: each text runs in both packages and says the same."""

import collections
import copy
import pickle

import numpy as np
import pytest

import tinygrad_mnist as tg

torch = pytest.importorskip("torch")

TEXTS = {
    "ordered": "s = nn.Sequential(OrderedDict(a=nn.Linear(2, 2), b=nn.ReLU())); r = [*s.state_dict()], repr(s)",
    "sliced": "s = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)); "
              "r = repr(s[1:]), len(s[:2]), repr(s[-1])",
    "appended": "s = nn.Sequential(nn.ReLU()); s.append(nn.Tanh()).extend([nn.GELU()]); s.insert(0, nn.ELU()); "
                "r = repr(s)",
    "added": "r = repr(nn.Sequential(nn.ReLU()) + nn.Sequential(nn.Tanh()))",
    "deleted": "s = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.ELU()); del s[1]; r = repr(s), repr(s.pop(0)), len(s)",
    "replaced": "s = nn.Sequential(nn.ReLU(), nn.Tanh()); s[0] = nn.Linear(1, 1); r = repr(s)",
    "equal": "f = lambda: nn.Sequential(nn.ReLU(), nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.GELU()])); "
             "r = repr(nn.Sequential(nn.ModuleList([f(), f(), f(), nn.ELU()]), nn.ModuleList()))",
    "list": "l = nn.ModuleList([nn.ReLU()]); l += [nn.Tanh()]; l.insert(1, nn.ELU()); r = repr(l), repr(l[1:]), len(l)",
    "dict": "d = nn.ModuleDict({'x': nn.Linear(1, 2), 'y': nn.ReLU()}); d['z'] = nn.Tanh(); del d['y']; "
            "r = repr(d), [*d], 'x' in d, [*d.state_dict()], repr(d.pop('z')), len(d)",
    "parameters": "l = nn.ParameterList([m.ones(2), nn.Parameter(m.zeros(1, 2))]); l.append(m.ones(3)); "
                  "r = [*l.state_dict()], len(l), l[1].shape[1], [tuple(p.shape) for p in l], l[0].requires_grad",
    "named parameters": "d = nn.ParameterDict({'a': m.ones(2)}); d['b'] = m.zeros(3); "
                        "r = [*d.state_dict()], [*d.keys()], tuple(d['b'].shape), len([*d.parameters()])",
    "add_module": "n = nn.Module(); n.add_module('a', nn.ReLU()); n.register_module('b', nn.Tanh()); r = repr(n), n.b",
    "register_parameter": "n = nn.Module(); n.register_parameter('w', nn.Parameter(m.ones(2))); "
                          "n.register_parameter('v', None); r = [*n.state_dict()], n.v",
    "found": "s = nn.Sequential(nn.Sequential(nn.Linear(2, 3))); r = repr(s.get_submodule('0.0')), "
             "tuple(s.get_parameter('0.0.weight').shape), s.get_submodule('') is s, repr(s.get_submodule('0'))",
    "buffer": "b = nn.BatchNorm1d(3); r = b.get_buffer('running_mean').tolist(), [*b.state_dict()]",
    "missing": "s = nn.Sequential(nn.ReLU())\ntry: s.get_submodule('1')\nexcept AttributeError: r = 'AttributeError'",
    "set_submodule": "s = nn.Sequential(nn.Sequential(nn.ReLU())); s.set_submodule('0.0', nn.Tanh()); r = repr(s)",
    "apply": "r = []; "
             "nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU())).apply(lambda x: r.append(type(x).__name__)); "
             "r = sorted(r), r[-1]",
    "prefix": "d = OrderedDict(); nn.Linear(1, 1).state_dict(destination=d, prefix='net.'); r = [*d]",
    "keep_vars": "l = nn.Linear(1, 1); r = l.state_dict(keep_vars=True)['weight'] is l.weight",
    "assign": "l = nn.Linear(2, 1); w = m.ones(1, 2, dtype=m.float64); "
              "l.load_state_dict({'weight': w, 'bias': m.ones(1)}, "
              "assign=True); r = str(l.weight.dtype)[-7:], l.weight.requires_grad, type(l.weight).__name__",
    "pre-hook": "l = nn.Identity(); h = l.register_forward_pre_hook(lambda o, a: (a[0] * 2,)); "
                "r = [l(m.ones(2)).tolist()]; "
                "h.remove(); r += [l(m.ones(2)).tolist()]",
    "hook": "l = nn.Identity(); h = l.register_forward_hook(lambda o, a, y: y + a[0]); r = l(m.ones(2)).tolist()",
    "hooks in order": "r = []; l = nn.Identity(); l.register_forward_hook(lambda *a: r.append(1)); "
                      "l.register_forward_hook(lambda *a: r.append(2), prepend=True); l(m.ones(1))",
    "hook with keywords": "l = nn.Bilinear(1, 1, 1); y = m.ones(1, 1); l.register_forward_hook(lambda o, a, k, out: "
                          "out * 0 + len(k) + len(a), with_kwargs=True); l.register_forward_pre_hook("
                          "lambda o, a, k: (a[:1], {'input2': a[1]}), with_kwargs=True); r = l(y, y).tolist()",
    "with": "l = nn.Identity()\nwith l.register_forward_hook(lambda o, a, y: y + 1): r = [l(m.ones(1)).item()]\n"
            "r += [l(m.ones(1)).item()]",
    "backward hook": "r = []; l = nn.Linear(2, 2); l.load_state_dict({'weight': m.ones(2, 2), 'bias': m.ones(2)}); "
                     "l.register_full_backward_hook(lambda o, gi, go: r.append((gi[0].tolist(), go[0].tolist()))); "
                     "x = m.ones(1, 2, requires_grad=True); (l(x) * 3).sum().backward(); r += [x.grad.tolist()]",
    "backward hook replaces": "l = nn.Identity(); l.register_full_backward_hook(lambda o, gi, go: (gi[0] * 5,)); "
                              "x = m.ones(2, requires_grad=True); l(x * 2).sum().backward(); r = x.grad.tolist()",
    "backward pre-hook": "l = nn.Identity(); l.register_full_backward_pre_hook(lambda o, go: (go[0] * 7,)); "
                         "x = m.ones(2, requires_grad=True); l(x).sum().backward(); r = x.grad.tolist()",
    "backward hook without inputs":
        "r = []; l = nn.Linear(1, 1); "
        "l.register_full_backward_hook(lambda o, gi, go: r.append((gi[0], go[0].tolist()))); "
        "l(m.ones(1, 1)).sum().backward()",
    "moments": "b = nn.BatchNorm1d(2); b(m.tensor([[1., 2], [3, 6]])); r = b.running_mean.tolist(), "
               "b.running_var.tolist(), b.num_batches_tracked.item(), b.eval()(m.ones(1, 2)).tolist()",
    "averages": "b = nn.BatchNorm1d(1, momentum=None); [b(m.tensor([[1.], [k]])) for k in (3., 5.)]; "
                "r = b.running_mean.tolist(), b.running_var.tolist()",
    "averages in float64": "b = nn.BatchNorm1d(1, momentum=None, dtype=m.float64); "
                           "b(m.tensor([[1.], [2], [4], [9]], dtype=m.float64)); r = b.running_var.tolist()",
    "moments of nothing": "b = nn.BatchNorm1d(2); b.running_mean.fill_(3.); b(m.zeros(0, 2)); "
                          "r = b.running_mean.tolist(), b.running_var.tolist()",
    "norms of nothing": "r = [tuple(layer(m.zeros(*shape)).shape) for layer, shape in ((nn.LayerNorm(5), (0, 5)), "
                        "(nn.LayerNorm(5), (2, 0, 5)), (nn.GroupNorm(2, 4), (0, 4, 3)))]",
    "margin of one row": "f = nn.MultiMarginLoss(reduction='none'); "
                         "r = [tuple(f(m.ones(3), m.tensor(t)).shape) for t in (1, [1])]",
    "names of parameters in groups": "l = nn.Linear(2, 1); group = {'params': l.named_parameters(), 'lr': 1.}; "
                                     "r = m.optim.SGD([group]).state_dict()['param_groups'][0]['param_names']",
    "inplace": "x = m.tensor([-1., 2]); y = nn.functional.leaky_relu(x, 0.5, inplace=True); r = y is x, x.tolist(), "
               "nn.ReLU(inplace=True)(x).tolist(), nn.functional.hardswish(x, True) is x",
    "padding": "e = nn.Embedding(3, 2, padding_idx=0); e(m.tensor([0, 1, 1])).sum().backward(); "
               "r = e.weight[0].tolist(), e.weight.grad.tolist(), repr(e)",
    "pretrained": "e = nn.Embedding.from_pretrained(m.ones(3, 2)); r = e.weight.requires_grad, e(m.tensor(1)).tolist()",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:nn.functional", "ignore:Full backward hook is")
@pytest.mark.parametrize("name", TEXTS)
def test_a_text_says_the_same_in_both(name):
    found = []
    for m in (tg, torch):
        names = {"m": m, "nn": m.nn, "OrderedDict": collections.OrderedDict}
        exec(TEXTS[name], names)
        found.append(names["r"])
    assert str(found[0]) == str(found[1])


def layers():
    yield from (tg.nn.GELU("tanh"), tg.nn.ELU(2.0), tg.nn.Dropout(0.1), tg.nn.CrossEntropyLoss(label_smoothing=0.1))
    yield from (tg.nn.BatchNorm1d(3), tg.nn.LSTM(3, 4, 2), tg.nn.TransformerEncoderLayer(4, 2, 8))
    yield tg.nn.Embedding(3, 2)
    yield tg.nn.Sequential(collections.OrderedDict(a=tg.nn.PReLU(), b=tg.nn.ParameterList([tg.ones(2)])))


@pytest.mark.parametrize("layer", [*layers()], ids=lambda x: type(x).__name__)
def test_layers_are_pickled_and_copied(layer):
    for again in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer), copy.copy(layer)):
        assert repr(again) == repr(layer) and type(again) is type(layer)
        for (name, x), (other, y) in zip(layer.state_dict().items(), again.state_dict().items(), strict=True):
            assert name == other and x.tolist() == y.tolist()


def test_hooks_are_copied_but_not_compiled():
    layer = tg.nn.Linear(2, 2)
    layer.register_forward_hook(lambda m, a, y: y * 0)
    assert copy.deepcopy(layer)(tg.ones(1, 2)).tolist() == [[0, 0]]
    with pytest.raises(tg.errors.CaptureError, match="hooks"):
        tg.compile(lambda x: layer(x).detach())(tg.ones(1, 2))


@pytest.mark.parametrize("backend", ["numpy"])
def test_running_moments_of_a_compiled_step(backend):
    ends = []
    for compiled in (False, True):
        tg.manual_seed(0)
        net = tg.nn.Sequential(tg.nn.Conv2d(1, 4, 3), tg.nn.BatchNorm2d(4), tg.nn.GELU(), tg.nn.Flatten(),
                               tg.nn.Linear(144, 6), tg.nn.BatchNorm1d(6, momentum=None), tg.nn.LayerNorm(6))
        optimizer = tg.optim.SGD(net.parameters(), lr=0.1)

        def step(x, y, net=net, optimizer=optimizer):
            loss = tg.nn.functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss.detach()

        run = tg.compile(step, backend=backend) if compiled else step
        rng = np.random.default_rng(0)
        for _ in range(4):
            run(tg.tensor(rng.standard_normal((8, 1, 8, 8)).astype(np.float32)), tg.tensor(rng.integers(0, 6, 8)))
        ends.append({name: x.tolist() for name, x in net.state_dict().items()})
    assert ends[0] == ends[1] and ends[0]["5.num_batches_tracked"] == 4


@pytest.mark.parametrize("name", [
    "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "logsigmoid", "softsign",
    "tanhshrink", "hardtanh", "hardsigmoid", "hardswish", "hardshrink", "softshrink",
])  # fmt: skip
def test_far_numbers_in_single_and_half_precision(name):
    far = np.array([-1e4, -90, -20, -3, -1, -0.0, 0, 1, 3, 20, 90, 1e4])
    for kind, near in ((np.float32, 2e-6), (np.float16, 2e-3)):
        values, gradients = [], []
        for m in (tg, torch):
            x = m.tensor(far.astype(kind), requires_grad=True)
            y = getattr(m.nn.functional, name)(x)
            y.sum().backward()
            values.append(np.asarray(y.detach()))
            gradients.append(np.asarray(x.grad))
        assert values[0].dtype == values[1].dtype == kind
        np.testing.assert_allclose(values[0], values[1], rtol=near, atol=near)
        np.testing.assert_allclose(gradients[0], gradients[1], rtol=near, atol=near)
