"""Scenarios of steps as people write them: none may be refused, whatever else becomes stricter.

name: (setup, body of the step). See compile_world.py.
"""

# ruff: noqa: E501

from __future__ import annotations

from compile_world import Scenario

NET = "net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))\nopt = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)\nxb = tg.randn(5, 3)\nyb = tg.tensor([0, 1, 0, 1, 1])\nloss_fn = nn.CrossEntropyLoss()"
TRAIN = "opt.zero_grad()\nloss = loss_fn(net(xb * x), yb)\nloss.backward()\nopt.step()\nreturn loss.detach()"
DATA = "@dataclasses.dataclass\nclass Settings:\n    scale: float = 2.0\n    layers: int = 3\n    name: str = 'relu'\n    dims: list = dataclasses.field(default_factory=lambda: [1, 2])\ns = Settings()"
TRAINER = NET + """
class Trainer:
    def __init__(self):
        self.net, self.opt, self.loss_fn, self.name, self.history = net, opt, loss_fn, 'a_b', []
        self.lock, self.rng, self.log, self.file = threading.Lock(), np.random.default_rng(0), logging.getLogger('t'), io.StringIO()
        self.loader = tg.data.DataLoader(tg.data.TensorDataset(xb, yb), batch_size=2, shuffle=True)
        self.batches = iter(self.loader)
    def train(self, xb, yb):
        self.net.train()
        self.opt.zero_grad()
        loss = self.loss_fn(self.net(xb), yb)
        loss.backward()
        if 'a' in self.name.replace('_', '-'): nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.opt.step()
        return loss.detach()
    def epoch(self): return [self.train(*next(self.batches)) for _ in self.history]
t = Trainer()
"""
BLOCK = "class Block(nn.Module):\n    '''A layer with a shortcut.'''\n    def __init__(self, size, p=0.0):\n        super().__init__()\n        self.size = size\n        self.lin = nn.Linear(size, size)\n        self.drop = nn.Dropout(p)\n    def forward(self, y):\n        return y + self.drop(F.relu(self.lin(y)))\n    def extra_repr(self): return f'{self.size}'"

SOFTPLUS = "from tinygrad_mnist.core.primitive import primitive, registry\nregistry.pop('softplus_', None)\n@primitive()\ndef softplus_(v): return np.logaddexp(v, 0)\n@softplus_.vjp('v')\ndef back(g, out, v): return g * tg.sigmoid(v)"


def swapped(old: str, new: str) -> str:
    """Write the training step with one part exchanged."""
    assert old in TRAIN
    return TRAIN.replace(old, new)


def of(optimizer: str) -> str:
    """Write the setup with another optimizer."""
    return NET.replace("optim.SGD(net.parameters(), lr=0.1, momentum=0.9)", optimizer)


PLAIN = {
    "training": (NET, TRAIN), "Adam": (of("optim.Adam(net.parameters(), lr=0.01)"), TRAIN),
    "AdamW, groups": (of("optim.AdamW([{'params': net[0].parameters()}, {'params': net[2].parameters(), 'lr': 0.1}], lr=0.01)"), TRAIN),
    "clip_grad_norm_": (NET, swapped("opt.step()", "nn.utils.clip_grad_norm_(net.parameters(), 1.0)\nopt.step()")),
    "clip_grad_value_": (NET, swapped("opt.step()", "nn.utils.clip_grad_value_(net.parameters(), 0.1)\nopt.step()")),
    "accumulation": (NET, "opt.zero_grad()\nfor i in range(3):\n    loss = loss_fn(net(xb * x * (i + 1)), yb) / 3\n    loss.backward()\nopt.step()\nreturn loss.detach()"),
    "accumulation over zip": (NET, "opt.zero_grad()\nfor a, b in zip(xb.split(1), yb.split(1), strict=True):\n    loss_fn(net(a * x), b).backward()\nopt.step()\nreturn x * 2"),
    "weights by hand": ("w = tg.ones(3, requires_grad=True)", "w.grad = None\nloss = ((w * x) ** 2).sum()\nloss.backward()\nwith tg.no_grad():\n    w.sub_(0.1 * w.grad)\nreturn loss.detach()"),
    "penalty over parameters": (NET, swapped("loss.backward()", "loss = loss + 0.01 * sum((p ** 2).sum() for p in net.parameters())\nloss.backward()")),
    "penalty over named parameters": (NET, swapped("loss.backward()", "loss = loss + 0.01 * sum((p ** 2).sum() for n, p in net.named_parameters() if 'weight' in n)\nloss.backward()")),
    "penalty by isinstance": (NET, swapped("loss.backward()", "for m in net.modules():\n    if isinstance(m, nn.Linear): loss = loss + 0.01 * m.weight.abs().sum()\nloss.backward()")),
    "gradient norms": (NET, swapped("opt.step()", "norms = [p.grad.norm() if hasattr(p.grad, 'norm') else (p.grad ** 2).sum().sqrt() for p in net.parameters() if p.grad is not None]\nopt.step()")),
    "accuracy": (NET, swapped("loss = loss_fn(net(xb * x), yb)", "out = net(xb * x)\nloss = loss_fn(out, yb)\nacc = (out.argmax(1) == yb).float().mean()").replace("return loss.detach()", "return {'loss': loss.detach(), 'acc': acc}")),
    "dict of results": (NET, TRAIN.replace("return loss.detach()", "return dict(loss=loss.detach(), n=len(xb))")),
    "train() in the step": (NET, "net.train()\n" + TRAIN),
    "eval with no_grad": (NET, "with tg.no_grad():\n    return net(xb * x).argmax(dim=1)"),
    "no_grad decorator": (NET, "@tg.no_grad()\ndef f(a): return net(a)\nreturn f(xb * x)"),
    "ema": (NET + "\nema = [p.detach().clone() for p in net.parameters()]", swapped("return", "with tg.no_grad():\n    for e, p in zip(ema, net.parameters()):\n        e.mul_(0.9).add_(p, alpha=0.1) if 0 else e.mul_(0.9).add_(p * 0.1)\nreturn")),
    "autograd.grad": ("w = tg.ones(3, requires_grad=True)", "(g,) = tg.autograd.grad((w * x).exp().sum(), (w,))\nreturn g"),
    "second order": ("w = tg.ones(3, requires_grad=True)", "(g,) = tg.autograd.grad((w * x).exp().sum(), (w,), create_graph=True)\n(h,) = tg.autograd.grad(g.sum(), (w,))\nreturn h"),
    "dropout": ("m = nn.Dropout(0.5)", "return m(x)"), "functional dropout": ("", "return F.dropout(x, 0.5)"),
    "dropout in eval": ("m = nn.Dropout(0.5).eval()", "return m(x)"), "tg.rand": ("", "return x * tg.rand(3)"),
    "tg.randn": ("", "return x + 0.1 * tg.randn(*x.shape)"), "rand_like": ("", "return x + tg.rand_like(x)"),
    "Generator of tg": ("g = tg.Generator()\ng.manual_seed(3)", "return x * tg.rand(3, generator=g)"),
    "stochastic depth by tg.rand": ("", "return tg.where(tg.rand(1) < 0.9, x * 2, x)"),
    "normalization by hand": ("class Norm(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.mean = tg.zeros(3)\n    def forward(self, y):\n        if not self.training: return y - self.mean\n        with tg.no_grad(): self.mean.mul_(0.9).add_(0.1 * y.mean(0))\n        return y - y.mean(0)\nm = Norm()\nxb = tg.randn(5, 3)", "return m(xb * x)"),
    "layer norm by hand": ("", "return (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True) + 1e-5).sqrt()"),
    "convolution": ("m = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())\nim = tg.randn(2, 1, 8, 8)", "return m(im) * x[0]"),
    "Sequential": ("m = nn.Sequential(nn.Linear(3, 3), nn.Tanh())", "return m(x)"),
    "Sequential by a loop": ("m = nn.Sequential(nn.Linear(3, 3), nn.Tanh())", "for layer in m: x = layer(x)\nreturn x"),
    "Sequential by index": ("m = nn.Sequential(nn.Linear(3, 3), nn.Tanh())", "return m[1](m[0](x)) * len(m)"),
    "ModuleList": ("class M(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.ls = nn.ModuleList([nn.Linear(3, 3) for _ in range(2)])\n    def forward(self, y):\n        for i, layer in enumerate(self.ls): y = layer(y) + i\n        return y\nm = M()", "return m(x)"),
    "list of layers": ("ls = [nn.Linear(3, 3), nn.Linear(3, 3)]", "for layer in ls: x = F.relu(layer(x))\nreturn x"),
    "dict of layers": ("ls = {'a': nn.Linear(3, 3), 'b': nn.Linear(3, 3)}", "for name, layer in ls.items(): x = layer(x) if name == 'a' else layer(x).tanh()\nreturn x"),
    "own module": (BLOCK + "\nm = Block(3)", "return m(x)"),
    "nested own modules": (BLOCK + "\nm = nn.Sequential(Block(3), Block(3, 0.5))", "return m(x)"),
    "super().forward": (BLOCK + "\nclass Big(Block):\n    def forward(self, y): return super().forward(y) * 2\nm = Big(3)", "return m(x)"),
    "super(Class, self)": (BLOCK + "\nclass Big(Block):\n    def forward(self, y): return super(Big, self).forward(y) * 2\nm = Big(3)", "return m(x)"),
    "super of nn.Linear": ("class L(nn.Linear):\n    def forward(self, y): return super().forward(y) + 1\nm = L(3, 3)", "return m(x)"),
    "Class.forward(self)": (BLOCK + "\nclass Big(Block):\n    def forward(self, y): return Block.forward(self, y) * 2\nm = Big(3)", "return m(x)"),
    "class of a module named": (BLOCK + "\nm = Block(3)", "return m(x) if isinstance(m, Block) else x"),
    "nn class named": ("m = nn.Linear(3, 3)", "return m(x) if isinstance(m, nn.Linear) else x"),
    "tuple of classes": ("m = nn.Linear(3, 3)", "return m(x) if isinstance(m, (nn.Linear, nn.ReLU)) else x"),
    "class of a module in a table": ("acts = {'relu': nn.ReLU, 'tanh': nn.Tanh}\nm = nn.Linear(3, 3)", "return x * len(acts) + m(x)"),
    "type(m).__name__": ("m = nn.Linear(3, 3)", "return m(x) if type(m).__name__ == 'Linear' else x"),
    "parameter of one's own": ("class M(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.w = nn.Parameter(tg.ones(3))\n        self.b = tg.ones(3)\n    def forward(self, y): return y * self.w + self.b\nm = M()", "return m(x)"),
    "module's property": (BLOCK + "\nclass P(Block):\n    @property\n    def scale(self): return 1.0 / self.size\n    def forward(self, y): return super().forward(y) * self.scale\nm = P(3)", "return m(x)"),
    "module's training": ("class M(nn.Module):\n    def forward(self, y): return y * 2 if self.training else y\nm = M()", "return m(x)"),
    "module's static method": ("class M(nn.Module):\n    @staticmethod\n    def act(y): return y.relu()\n    def forward(self, y): return self.act(y)\nm = M()", "return m(x)"),
    "module's class method": ("class M(nn.Module):\n    k = 2.0\n    @classmethod\n    def act(cls, y): return y * cls.k\n    def forward(self, y): return self.act(y)\nm = M()", "return m(x)"),
    "module with a dataclass": (DATA + "\nclass M(nn.Module):\n    def __init__(self, s):\n        super().__init__()\n        self.s = s\n    def forward(self, y): return y * self.s.scale\nm = M(s)", "return m(x)"),
    "module with a function": ("class M(nn.Module):\n    def __init__(self, act):\n        super().__init__()\n        self.act = act\n    def forward(self, y): return self.act(y)\nm = M(F.relu)", "return m(x)"),
    "module several outputs": ("class M(nn.Module):\n    def forward(self, y): return y * 2, {'aux': y + 1}\nm = M()", "a, d = m(x)\nreturn a + d['aux']"),
    "module *args": ("class M(nn.Module):\n    def forward(self, *ys, scale=1.0, **kw): return sum(ys) * scale\nm = M()", "return m(x, x * 2, scale=3.0)"),
    "functional": ("", "return F.softmax(F.relu(x - 1), dim=0) + F.log_softmax(x, dim=0)"),
    "function imported by name": ("from tinygrad_mnist.nn.functional import relu, cross_entropy", "return relu(x - 1)"),
    "mse": ("", "return F.mse_loss(x, x * 2)"),
    "own loss": ("def loss(p, t, eps=1e-6): return -((t * (p + eps).log()).sum(-1)).mean()", "return loss(x.softmax(0), x)"),
    "closure": ("scale = 3.0\ndef f(y): return y * scale", "return f(x)"),
    "closure in the step": ("", "k = 3.0\ndef f(y): return y * k\nreturn f(f(x))"),
    "lambda in the step": ("", "f = lambda y, k=2.0: y * k\nreturn f(x)"),
    "recursive helper": ("def f(y, n): return y if n == 0 else f(y * 2, n - 1)", "return f(x, 3)"),
    "nested functions": ("", "def f(y):\n    def g(z): return z + 1\n    return g(y) * 2\nreturn f(x)"),
    "nonlocal counter": ("", "n = 0\ndef up():\n    nonlocal n\n    n += 1\n    return n\nup()\nreturn x * up()"),
    "partial": ("f = functools.partial(lambda y, a: y * a, a=3.0)", "return f(x)"),
    "partial of F": ("f = functools.partial(F.softmax, dim=0)", "return f(x)"),
    "partial in the step": ("", "f = functools.partial(tg.mul, x)\nreturn f(x)"),
    "reduce": ("", "return functools.reduce(lambda a, b: a + b, [x, x * 2, x * 3])"),
    "operator": ("", "return operator.add(x, operator.mul(x, 2.0))"),
    "decorated helper": ("def twice(f):\n    @functools.wraps(f)\n    def g(*a, **k): return f(*a, **k) * 2\n    return g\n@twice\ndef f(y): return y + 1", "return f(x)"),
    "compiled in compiled": ("@tg.compile\ndef f(y): return y * 2", "return f(x) + 1"),
    "callable object": ("class C:\n    def __init__(self): self.k = 2.0\n    def __call__(self, y): return y * self.k\nc = C()", "return c(x)"),
    "object's method": ("class C:\n    k = 2.0\n    def go(self, y): return y * self.k\nc = C()", "return c.go(x)"),
    "dataclass": (DATA, "return x * s.scale * s.layers if s.name == 'relu' else x"),
    "dataclass's list": (DATA, "return x * sum(s.dims)"),
    "dataclass's method": ("@dataclasses.dataclass(frozen=True)\nclass S:\n    a: float = 2.0\n    @property\n    def b(self): return self.a * 2\n    def go(self, y): return y * self.b\ns = S()", "return s.go(x)"),
    "dataclass replace": (DATA, "t = dataclasses.replace(s, scale=5.0)\nreturn x * t.scale"),
    "dataclass made inside": (DATA, "t = Settings(scale=4.0)\nreturn x * t.scale"),
    "dataclass of results": ("@dataclasses.dataclass\nclass R:\n    loss: typing.Any\n    n: int", "r = R(x.sum(), 3)\nreturn r.loss * r.n"),
    "named tuple": ("P = collections.namedtuple('P', 'a b')", "p = P(x * 2, 3.0)\nreturn p.a * p.b"),
    "typing.NamedTuple": ("class P(typing.NamedTuple):\n    a: typing.Any\n    b: float = 2.0", "a, b = P(x)\nreturn a * b"),
    "named tuple outside": ("P = collections.namedtuple('P', 'a b')\np = P(2.0, 3.0)", "return x * p.a + p.b"),
    "enum": ("class E(enum.Enum):\n    sum = 1\n    mean = 2\nmode = E.mean", "return x.sum() if mode is E.sum else x.mean()"),
    "enum by value": ("class E(enum.Enum):\n    sum = 'sum'\n    mean = 'mean'\nmode = E.mean", "return x.sum() if mode.value == 'sum' else x.mean()"),
    "enum by name": ("class E(enum.Enum):\n    sum = 'sum'\n    mean = 'mean'", "return x.sum() if E['mean'] is E.sum else x.mean()"),
    "string enum": ("class E(str, enum.Enum):\n    sum = 'sum'\n    mean = 'mean'", "return x.sum() if E('mean') == 'sum' else x.mean()"),
    "SimpleNamespace": ("c = types.SimpleNamespace(lr=0.1, inner=types.SimpleNamespace(k=2))", "return x * c.lr * c.inner.k"),
    "config dict": ("c = {'lr': 0.1, 'act': 'relu', 'dims': [1, 2], 'opt': {'name': 'sgd'}}", "return x * c['lr'] * c.get('wd', 1.0) * c['dims'][-1] if c['opt']['name'] == 'sgd' else x"),
    "config class": ("class C:\n    lr = 0.1\n    act = 'relu'", "return x * C.lr if C.act == 'relu' else x"),
    "constants": ("EPS, SCALE = 1e-6, 3", "return x / (SCALE + EPS)"),
    "typed": ("T = typing.Optional[float]", "k: float = 2.0\nl: list[float] = [k]\nr: typing.Any = x * l[0]\nreturn typing.cast(tg.Tensor, r)"),
    "annotated helper": ("def f(y: 'tg.Tensor', k: typing.Union[int, float] = 2) -> 'tg.Tensor': return y * k", "return f(x)"),
    "range": ("", "for i in range(3): x = x + i\nreturn x"),
    "enumerate, zip": ("", "return sum(a * b * i for i, (a, b) in enumerate(zip([1.0, 2.0], [x, x])))"),
    "zip strict": ("", "return sum(a * b for a, b in zip((1.0, 2.0), (x, x), strict=True))"),
    "reversed, sorted": ("ks = [3.0, 1.0, 2.0]", "for k in reversed(sorted(ks)): x = x * k + 1\nreturn x"),
    "sorted by key": ("ks = {'b': 1.0, 'a': 2.0}", "for n in sorted(ks, key=lambda n: ks[n]): x = x * ks[n] + 1\nreturn x"),
    "min, max, sum, abs, round": ("ks = [3.0, 1.0, 2.0]", "return x * (min(ks) + max(ks) + sum(ks) + abs(-2) + round(2.6) + pow(2, 3))"),
    "any, all": ("ks = [3.0, 1.0, 2.0]", "return x if any(k > 2 for k in ks) and all(ks) else -x"),
    "map, filter": ("ks = [3.0, 1.0, 2.0]", "return x * sum(map(float, filter(lambda k: k > 1, ks)))"),
    "divmod, int, float, bool": ("", "q, r = divmod(7, 2)\nreturn x * int(q) * float(r) * bool(q)"),
    "math": ("", "return x * math.sqrt(3.0) * math.log(2.0) * math.cos(math.pi) + math.ceil(2.1)"),
    "math.prod of a shape": ("", "return x / math.prod(x.shape)"),
    "cosine of a number": ("total = 10", "return x * 0.5 * (1 + math.cos(math.pi * 3 / total))"),
    "np.prod of a shape": ("", "return x / float(np.prod(x.shape))"), "np.float32": ("", "return x * np.float32(2.5)"),
    "np.sqrt of a number": ("d = 4", "return x / np.sqrt(d)"),
    "np.sqrt of a shape": ("", "return x / float(np.sqrt(x.shape[-1]))"),
    "np.pi, np.log": ("", "return x * np.pi + np.log(2.0) - np.inf * 0 if np.pi < 3 else x * np.pi"),
    "dtype of a tensor": ("", "return x.to(tg.float64) if x.dtype == tg.float32 else x"),
    "shape unpacking": ("", "(n,) = x.shape\nreturn x.reshape(n, 1).expand(n, 2) * n"),
    "size and ndim": ("", "return x * x.size(0) * x.ndim * x.numel() * len(x)"),
    "shape of a batch": ("xb = tg.randn(4, 2, 3)", "b, *rest = xb.shape\nreturn (xb * x).reshape(b, -1).view(b, *rest).sum((1, 2))"),
    "slicing": ("i, j = 1, 3", "return x[i:j] + x[:-1] + x[0] + x[None, 1:][0] + x[..., -2:]"),
    "slicing by steps": ("", "return sum(x[i:i + 1] * i for i in range(len(x)))"),
    "slice object": ("", "s = slice(0, 2)\nreturn x[s]"), "index list": ("", "return x[[0, 2]]"),
    "index tensor": ("i = tg.tensor([0, 2])", "return x[i]"), "arange inside": ("", "return x * tg.arange(3)"),
    "zeros, ones, full inside": ("", "return x + tg.zeros(3) + tg.ones(3) + tg.full((3,), 2.0) + tg.zeros_like(x) + tg.eye(3)[0]"),
    "tensor inside": ("", "return x * tg.tensor([1.0, 2.0, 3.0])"),
    "tensor of a setting": ("ks = [1.0, 2.0, 3.0]", "return x * tg.tensor(ks)"),
    "mask": ("", "m = tg.ones(3, 3).tril() if hasattr(tg.Tensor, 'tril') else tg.eye(3)\nreturn tg.where(m > 0, x, tg.tensor(-1e9))"),
    "attention": ("xb = tg.randn(2, 4, 6)\nheads = 2", "b, t, d = xb.shape\nq = (xb * x[0]).reshape(b, t, heads, d // heads).transpose(1, 2)\na = (q @ q.transpose(-2, -1) / math.sqrt(d // heads)).softmax(-1)\nreturn (a @ q).transpose(1, 2).reshape(b, t, d)"),
    "recurrence": ("w = tg.randn(3, 3)", "h = tg.zeros(3)\nout = []\nfor t in range(4):\n    h = (x + h @ w).tanh()\n    out.append(h)\nreturn tg.stack(out)"),
    "local list": ("", "l = []\nfor i in range(3): l.append(x * i)\nl.extend([x]); l.insert(0, x * 5); l.reverse(); l.pop()\nl[0] = l[0] + 1\nreturn tg.cat(l)"),
    "local list sorted": ("", "l = [3, 1, 2]\nl.sort()\nreturn x * l[0] + l.index(2) + l.count(3)"),
    "local dict": ("", "d = {}\nd['a'] = x\nd.update(b=x * 2)\nd.setdefault('c', x * 3)\nd.pop('b')\nreturn sum(v for k, v in d.items() if k in d.keys()) + len(d)"),
    "local set": ("", "s = set()\ns.add(1); s |= {2}\nreturn x * len(s)"),
    "local deque": ("", "q = collections.deque([x], maxlen=2)\nq.append(x * 2)\nreturn q[0] + q.popleft() + q[-1]"),
    "local defaultdict": ("", "d = collections.defaultdict(list)\nd['a'].append(x)\nreturn d['a'][0]"),
    "local Counter": ("", "c = collections.Counter('aab')\nreturn x * c['a']"),
    "local counter": ("", "n = 0\nwhile n < 3: n += 1\nreturn x * n"),
    "local array": ("", "a = np.zeros(2)\na[0] += 3\nreturn x * float(a[0])"),
    "local array, arange": ("", "a = np.arange(3)\nreturn x * int(a.sum()) + float(a.max())"),
    "local object": ("class C:\n    def __init__(self): self.k, self.l = 0, []", "c = C()\nc.k += 2\nc.l.append(x)\nsetattr(c, 'z', 3)\nreturn c.l[0] * c.k * c.z"),
    "local generator": ("", "def g():\n    for i in range(3): yield x * i\nreturn sum(g())"),
    "local iterator": ("", "it = iter([x, x * 2])\nreturn next(it) + next(it)"),
    "local itertools": ("", "return sum(a * b for a, b in itertools.product([1.0, 2.0], [x, x * 2])) + sum(itertools.chain([x], [x]))"),
    "local count": ("", "c = itertools.count(1)\nreturn x * next(c) * next(c)"),
    "pairwise, islice": ("ks = [1.0, 2.0, 3.0]", "return x * sum(a * b for a, b in itertools.pairwise(ks)) + sum(itertools.islice(ks, 2))"),
    "accumulate": ("ks = [1.0, 2.0, 3.0]", "return x * list(itertools.accumulate(ks))[-1]"),
    "combinations": ("", "return sum(a * b for a, b in itertools.combinations([x, x * 2, x * 3], 2))"),
    "comprehensions": ("", "l = [x * i for i in range(3)]\nd = {str(i): v for i, v in enumerate(l)}\ns = {i % 2 for i in range(4)}\nreturn sum(d.values()) * len(s)"),
    "nested comprehension": ("", "return sum(sum([x * i * j for i in range(2)]) for j in range(2))"),
    "star": ("", "a, *b = [x, x * 2, x * 3]\nd = {**{'k': a}, 'j': b[0]}\nf = lambda *v, **k: sum(v) + sum(k.values())\nreturn f(*b, **d)"),
    "walrus": ("", "return (y := x * 2) + y"),
    "ternary and match": ("mode = 'a'", "match mode:\n    case 'a': y = x * 2\n    case _: y = x\nreturn y if mode else x"),
    "try": ("c = {}", "try: k = c['a']\nexcept KeyError: k = 2.0\nelse: k = 3.0\nfinally: z = 1.0\nreturn x * k * z"),
    "try AttributeError": ("class C: pass\nc = C()", "try: k = c.a\nexcept AttributeError: k = 2.0\nreturn x * k"),
    "with": ("@contextlib.contextmanager\ndef scope(k): yield k * 2", "with scope(2.0) as k: y = x * k\nreturn y"),
    "with nullcontext": ("", "with contextlib.nullcontext(): return x * 2"),
    "with suppress": ("", "with contextlib.suppress(KeyError): x = x * {}['a']\nreturn x"),
    "own context manager": ("class C:\n    def __enter__(self): return 2.0\n    def __exit__(self, *e): return False", "with C() as k: return x * k"),
    "assert": ("", "assert x.shape == (3,), f'bad shape {x.shape}'\nassert x.ndim == 1 and isinstance(x, tg.Tensor)\nreturn x * 2"),
    "raise not taken": ("", "if x.shape[0] != 3: raise ValueError(f'got {x.shape}')\nreturn x"),
    "f-string": ("c = {'layer1': 2.0}", "return x * c[f'layer{1:d}']"),
    "text methods": ("name = 'ReLU-Tanh'", "a, b = name.lower().split('-')\nreturn x.relu() if a.startswith('re') and 'tan' in b and a.replace('u', '') else x"),
    "text join and format": ("c = {'a.b': 2.0}", "return x * c['.'.join(['a', 'b'])] * c['{}.{}'.format('a', 'b')] * c['%s.b' % 'a']"),
    "getattr of F": ("act = 'relu'", "return getattr(F, act)(x - 1)"),
    "getattr of a tensor": ("act = 'sigmoid'", "return getattr(x, act)()"),
    "getattr with a default": ("class C: a = 2.0\nc = C()", "return x * getattr(c, 'a', 1.0)"),
    "hasattr": ("class C: a = 2.0\nc = C()", "return x * c.a if hasattr(c, 'a') else x"),
    "callable": ("f = F.relu", "return f(x) if callable(f) else x"),
    "isinstance of a number": ("k = 2", "return x * k if isinstance(k, (int, float)) else x"),
    "issubclass": ("class A: pass\nclass B(A): pass", "return x if issubclass(B, A) else -x"),
    "dispatch table": ("def a(y): return y + 1\ndef b(y): return y * 2\nt = {'a': a, 'b': b}", "return t['b'](t['a'](x))"),
    "pipeline of functions": ("fs = (F.relu, tg.exp, lambda y: y * 2)", "for f in fs: x = f(x)\nreturn x"),
    "str, repr, print-free": ("", "t = str(x.shape) + repr(2)\nreturn x * len(t)"),
    "version check": ("", "return x * (2.0 if sys.version_info >= (3, 8) else 1.0)"),
    "__name__ and __debug__": ("", "return x * (2.0 if __debug__ and __name__ else 1.0)"),
    "docstring": ("", "'''Double.'''\nreturn x * 2"),
    "None result": (NET, TRAIN.replace("return loss.detach()", "return None")),
    "float result": ("", "return x.sum(), 2.0, 'a', None"),
    "detach, clone, requires_grad_": ("", "y = x.detach().clone().requires_grad_(True)\n(y * y).sum().backward()\nreturn y.grad"),
    "in place on a local": ("", "y = x.clone()\ny += 1\ny.mul_(2)\ny[0] = 5.0\nreturn y"),
    "operators": ("", "return -x + 1 - x * 2 / (x + 1) ** 2 + (x > 1).float() + abs(x) + x @ x"),
    "max with indices": ("", "v, i = x.max(0)\nreturn v + i"),
    "chunk, split, cat": ("", "a, b = x.split([1, 2])\nreturn tg.cat([b, a])"),
    "einsum-like": ("a = tg.randn(2, 3)", "return (a.unsqueeze(1) * a.unsqueeze(0) * x).sum(-1)"),
    "one's own primitive": (SOFTPLUS, "return softplus_(x)"),
    "one's own primitive, trained": (SOFTPLUS + "\nw = tg.ones(3, requires_grad=True)", "w.grad = None\nloss = softplus_(w * x).sum()\nloss.backward()\nreturn loss.detach()"),
    "chain of methods": ("", "return x.exp().log1p().sqrt()"),
    "transposed weights by hand": ("w = tg.randn(2, 3, requires_grad=True)", "w.grad = None\n(x @ w.T).sum().backward()\nreturn x * 2"),
    "stack and sum": ("", "return tg.stack([x, x * 2], 0).sum(0)"), "0-d index": ("", "s = x.sum()\nreturn s[()]"),
    "outside tensor comes back": ("w = tg.ones(3)", "return x * 2, w"),
    "optimizer's rate read": (NET, TRAIN.replace("return loss.detach()", "return loss.detach(), opt.param_groups[0]['lr']")),
    "flags": ("debug, verbose = False, 0", "if debug or verbose > 1: print(x)\nreturn x * 2"),
    "deep import": ("import tinygrad_mnist.nn.functional as FF", "return FF.gelu(x) if hasattr(FF, 'gelu') else FF.relu(x)"),
    "copy of a list": ("ks = [1.0, 2.0]", "l = list(ks)\nl.append(3.0)\nm = ks.copy() + ks[:] + [*ks]\nreturn x * sum(l) * sum(m)"),
    "copy of a dict": ("c = {'a': 1.0}", "d = dict(c, b=2.0) | {'e': 3.0}\nreturn x * sum(d.values())"),
    "copy.deepcopy": ("c = {'a': [1.0]}", "d = copy.deepcopy(c)\nd['a'].append(2.0)\nreturn x * sum(d['a'])"),
    "set of settings": ("frozen = {'bias', 'weight'}", "return x * 2 if 'bias' in frozen else x"),
    "tuple of settings": ("dims = (3, 4)", "a, b = dims\nreturn x * a * b * len(dims)"),
    "string constants": ("LAYERS = ['fc1', 'fc2']", "return x * sum(len(n) for n in LAYERS if n.startswith('fc'))"),
    "array setting times x": ("mean = np.array([1.0, 2.0, 3.0], np.float32)", "return (x - tg.tensor(mean)) / 2"),
    "trainer that holds everything": (TRAINER, "return t.train(xb * x, yb)"),
    "trainer found by name": (TRAINER, "return getattr(t, 'tr' + 'ain')(xb * x, yb) if hasattr(t, 'net') and 'a_b'.replace('_', '') else x"),
    "module with a lock and a file": ("class M(nn.Module):\n    def __init__(self): self.l, self.lock, self.f, self.i = nn.Linear(3, 3), threading.Lock(), io.StringIO(), iter([1])\n    def forward(self, y): return self.l(y)\nm = M()", "return m(x)"),
    "singledispatch": ("@functools.singledispatch\ndef f(a, y): return y\n@f.register\ndef _(a: int, y): return y * a", "return f(2, x)"),
    "weights in a dict": ("p = {'w': tg.ones(3, requires_grad=True), 'b': tg.zeros(1, requires_grad=True)}", "for v in p.values(): v.grad = None\n((x * p['w'] + p['b']) ** 2).sum().backward()\nwith tg.no_grad():\n    for v in p.values(): v -= 0.1 * v.grad\nreturn p['w'].detach().clone()"),
    "weights in a list": ("p = [tg.ones(3, requires_grad=True) for _ in range(2)]", "for v in p: v.grad = None\n((x * p[0] + p[1]) ** 2).sum().backward()\nwith tg.no_grad():\n    for v in p: v.sub_(0.1 * v.grad)\nreturn p[0].detach().clone()"),
}  # fmt: skip
# What stays outside a step, between its calls, is free; here a schedule, reading states, logging.
OUTSIDE = {
    "scheduler outside": (NET + "\nsched = optim.lr_scheduler.StepLR(opt, 2)", TRAIN, "sched.step()"),
    "cosine scheduler outside": (NET + "\nsched = optim.lr_scheduler.CosineAnnealingLR(opt, 5)", TRAIN, "sched.step()"),
    "state_dict outside": (NET, TRAIN, "{n: t.clone() for n, t in net.state_dict().items()}"),
    "init outside": (NET, TRAIN, "nn.init.constant_(net[0].bias, val(k))"),
    "zero_grad outside": (NET, TRAIN, "opt.zero_grad()"), "prints outside": (NET, TRAIN, "str(net)"),
    "draws outside": ("m = nn.Dropout(0.5)", "return m(x)", "tg.rand(2); random.random(); np.random.rand()"),
    "eval between": (NET, TRAIN, "net.eval()\nwith tg.no_grad(): net(xb)\nnet.train()"),
    "scheduler outside, its rate given back": (NET + "\nsched = optim.lr_scheduler.StepLR(opt, 1, 0.5)", swapped("return loss.detach()", "return sched.get_last_lr()[0]"), "sched.step()"),
    "optimizer's rate read by hand": ("\nw = tg.ones(3, requires_grad=True)\no = optim.SGD([w], lr=1.0)", "w.grad = None\n(x * w).sum().backward()\nwith tg.no_grad(): w.sub_(w.grad, alpha=o.param_groups[0]['lr'])\nreturn x * 2", "o.param_groups[0]['lr'] = val(k)"),
    "generator with variables of its own": ("", "a, b, c, d, e = 1.0, 2.0, 3.0, 4.0, 5.0\ndef values():\n    f, g, h, i, j = a, b, c, d, e\n    yield from (v() for v in (lambda: f, lambda: g, lambda: h, lambda: i, lambda: j))\nreturn x * sum(values())", "pass"),
}  # fmt: skip
DROPPING = "m = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))"
SETTINGS = """
class S:
    def __init__(self): self.scale, self.table = 2.0, {'shift': 1.0}
    def __getitem__(self, key): return self.table[key]
    def __call__(self, y, power): return (y * self.scale + self['shift'] + m.offset) ** power
m, s = types.ModuleType('m'), S()
m.offset = 0.0
f = functools.partial(s, power=2)
"""
COUNTING = """
class T:
    def __init__(self): self.scale, self.options, self.name, self.seen, self.history = 2.0, {'a': 1.0}, 'a_b', 0, []
    def __repr__(self): return f'T({self.seen})'
    def go(self, y):
        options = self.options.copy()
        return y * self.scale * options['a'] * len(self.name.replace('_', ''))
t = T()
"""
# name: (setup, body, change, how many plans are made; 0: one for each version)
PLANS = {
    "a number of another type": ("c = 2.0", "return x * c + 1", "outer c\nc = (2.0, 3.0, 2, True, 5.0)[k]", 0),
    "a callable object in a partial": (SETTINGS, "return f(x)", "if k == 2: s.table['shift'] = 5.0\nelif k == 3: m.offset = 7.0\nelse: s.scale = val(k)", 0),
    "train and eval": (DROPPING, "with tg.no_grad(): return m(x)", "m.train(k % 2 == 0)", 2),
    "train() where eval() was called": (DROPPING, "m.train()\nwith tg.no_grad(): return m(x), m.training", "m.eval()", 1),
    "what is counted outside": (COUNTING, "return t.go(x)", "t.history.append(k); t.seen += 1", 1),
    "what is read beside it": (COUNTING, "return t.go(x)", "t.scale = val(k)", 0),
}  # fmt: skip
LOOKS = {"opt = ": "[p.detach() for p in net.parameters()]", "\nw = tg": "w, w.grad", "ema = ": "ema"}


def look(setup: str) -> str:
    """Say what shows that a step trained."""
    return next((shown for word, shown in LOOKS.items() if word in "\n" + setup), "None")


def shed(setup: str, body: str) -> str:
    """Let a step give a result without its graph, which cannot leave a compiled step."""
    if not any(word in setup for word in ("nn.Linear", "nn.Conv", "nn.Parameter")) or "no_grad" in body or NET in setup:
        return body
    start, _, result = body.rpartition("return ")
    return f"{start}return ({result}).detach()"


PLAIN_TABLE = [
    Scenario(name, setup, "", "pass", shed(setup, body), look(setup), must=True)
    for name, (setup, body) in PLAIN.items()
] + [
    Scenario(name, setup, "", change, body, look(setup), must=True) for name, (setup, body, change) in OUTSIDE.items()
] + [
    Scenario(name, setup, "", change, body, must=True, plans=plans) for name, (setup, body, change, plans) in PLANS.items()
]  # fmt: skip
