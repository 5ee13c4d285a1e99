"""Scenarios of how a step reads what it reads: by operators, patterns, super(), metaclasses, imports, library classes.

name: (setup, body of the step or what it multiplies x by, change, undo). See compile_world.py.
"""

# ruff: noqa: E501

from __future__ import annotations

from compile_world import Scenario

READS = {
    "match class kw": ("class C: pass\nc = C(); c.a = 2.0", "match c:\n    case C(a=2.0): return x * 2\n    case _: return x * 5", "c.a = val(k)", ""),
    "match args": ("class C:\n    __match_args__ = ('a','b')\n    def __init__(self): self.a, self.b = 2.0, 3.0\nc = C()", "match c:\n    case C(p, q): return x * p + q\nreturn x", "c.b = val(k)", ""),
    "match args swapped": ("class C:\n    __match_args__ = ('a','b')\n    def __init__(self): self.a, self.b = 2.0, 3.0\nc = C()", "match c:\n    case C(p, q): return x * p + q\nreturn x", "C.__match_args__ = ('b','a') if k % 2 else ('a','b')", ""),
    "match mapping": ("c = {'m': {'a': 2.0}}", "match c:\n    case {'m': {'a': v}}: return x * v\nreturn x", "c['m']['a'] = val(k)", ""),
    "attrgetter as a key": ("g = operator.attrgetter('a')\nclass C:\n    def __init__(s, a): s.a = a\ncs = [C(2.0), C(3.0)]", "float(cs.index(max(cs, key=g)) + 1)", "cs[k % 2].a = val(k) * 2", ""),
    "getattr aliased": ("get = getattr\nclass C: pass\nc = C(); c.a = 2.0", "get(c, 'a')", "c.a = val(k)", ""),
    "getattr in a dict": ("ops = {'get': getattr}\nclass C: pass\nc = C(); c.a = 2.0", "ops['get'](c, 'a')", "c.a = val(k)", ""),
    "getattr partial": ("class C: pass\nc = C(); c.a = 2.0\nf = functools.partial(getattr, c, 'a')", "f()", "c.a = val(k)", ""),
    "vars aliased": ("v = vars\nclass C: pass\nc = C(); c.a = 2.0", "v(c)['a']", "c.a = val(k)", ""),
    "asdict aliased": ("from dataclasses import asdict as ad\n@dataclasses.dataclass\nclass C: a: float = 2.0\nc = C()", "ad(c)['a']", "c.a = val(k)", ""),
    "bound __getattribute__": ("class C: pass\nc = C(); c.a = 2.0\ng = c.__getattribute__", "g('a')", "c.a = val(k)", ""),
    "format_map": ("class C: pass\nc = C(); c.a = 2.0", "float('{c.a}'.format_map({'c': c}))", "c.a = val(k)", ""),
    "__reduce_ex__": ("class C: pass\nc = C(); c.a = 2.0", "c.__reduce_ex__(2)[2]['a']", "c.a = val(k)", ""),
    "super attribute": ("class B:\n    a = 2.0\nclass C(B):\n    a = 9.0\n    def get(self): return super().a\nc = C()", "c.get()", "B.a = val(k)", ""),
    "super method replaced": ("class B:\n    def f(self): return 2.0\nclass C(B):\n    def f(self): return super().f() + 1\nc = C()", "c.f()", "B.f = lambda self: val(k)", ""),
    "super property replaced": ("class B:\n    @property\n    def f(self): return 2.0\nclass C(B):\n    @property\n    def f(self): return super().f + 1\nc = C()", "c.f", "B.f = property(lambda self: val(k))", ""),
    "super forward replaced": ("class B(nn.Module):\n    def forward(self, y): return y * 2\nclass C(B):\n    def forward(self, y): return super().forward(y) + 1\nc = C()", "return c(x)", "B.forward = lambda self, y: y * val(k)", ""),
    "super attr of Module": ("class B(nn.Module):\n    k = 2.0\nclass C(B):\n    k = 3.0\n    def forward(self, y): return y * super().k\nc = C()", "return c(x)", "B.k = val(k)", ""),
    "mixin middle replaced": ("class A:\n    def f(self): return 2.0\nclass M1(A):\n    def f(self): return super().f() * 2\nclass M2(A):\n    def f(self): return super().f() + 1\nclass C(M1, M2): pass\nc = C()", "c.f()", "M2.f = lambda self: val(k)", ""),
    "mixin later defines": ("class A:\n    def f(self): return 2.0\nclass M2(A): pass\nclass C(M2):\n    def f(self): return super().f() + 1\nc = C()", "c.f()", "M2.f = lambda self: val(k)", ""),
    "type(c).a": ("class C: a = 2.0\nc = C(); c.a = 9.0", "type(c).a", "C.a = val(k)", ""),
    "c.__class__.a": ("class C: a = 2.0\nc = C(); c.a = 9.0", "c.__class__.a", "C.a = val(k)", ""),
    "metaclass attribute": ("class M(type): a = 2.0\nclass C(metaclass=M): pass", "C.a", "M.a = val(k)", ""),
    "metaclass property replaced": ("class M(type):\n    @property\n    def a(cls): return 2.0\nclass C(metaclass=M): pass", "C.a", "M.a = property(lambda c: val(k))", ""),
    "metaclass method replaced": ("class M(type):\n    def f(cls): return 2.0\nclass C(metaclass=M): pass", "C.f()", "M.f = lambda c: val(k)", ""),
    "metaclass __len__ replaced": ("class M(type):\n    def __len__(cls): return 2\nclass C(metaclass=M): pass", "len(C)", "M.__len__ = lambda c: k + 2", ""),
    "metaclass __getitem__": ("class M(type):\n    d = {'a': 2.0}\n    def __getitem__(cls, i): return cls.d[i]\nclass C(metaclass=M): pass", "C['a']", "M.d['a'] = val(k)", ""),
    "metaclass __call__": ("class M(type):\n    def __call__(cls, *a): return type.__call__(cls, *a)\nclass C(metaclass=M):\n    def __init__(self): self.a = 2.0", "C().a", "M.__call__ = lambda cls: types.SimpleNamespace(a=val(k))", ""),
    "class_getitem replaced": ("class C:\n    def __class_getitem__(cls, i): return 2.0", "C['a']", "C.__class_getitem__ = classmethod(lambda c, i: val(k))", ""),
    "made inside, __init__ replaced": ("class C:\n    def __init__(self): self.a = 2.0", "C().a", "def i(self): self.a = val(k)\nC.__init__ = i", ""),
    "made inside, __mul__ replaced": ("class C:\n    def __mul__(self, o): return o * 2.0", "return C() * x", "C.__mul__ = lambda self, o: o * val(k)", ""),
    "made inside, __new__ added": ("class C:\n    a = 2.0", "C().a", "C.__new__ = lambda cls: types.SimpleNamespace(a=val(k))", ""),
    "made by a factory": ("class C:\n    def __len__(self): return 2\ndef make(): return C()", "len(make())", "C.__len__ = lambda self: k + 2", ""),
    "subclass registry": ("class B: pass\nclass D(B): s = 2.0", "float(len(B.__subclasses__()))", "globals()['keep' + str(k)] = type('E', (B,), {})", ""),
    "subclasses attribute": ("class B: pass\nclass D(B): s = 2.0", "sum(d.s for d in B.__subclasses__())", "D.s = val(k)", ""),
    "ABC register": ("import abc\nclass A(abc.ABC): pass\nclass C: pass\nc = C()", "2.0 if isinstance(c, A) else 3.0", "A.register(C)", ""),
    "instancecheck": ("class M(type):\n    on = True\n    def __instancecheck__(cls, o): return cls.on\nclass C(metaclass=M): pass", "2.0 if isinstance(3, C) else 3.0", "M.on = k % 2 == 0", ""),
    "Protocol": ("@typing.runtime_checkable\nclass Q(typing.Protocol):\n    def go(self): ...\nclass C: pass\nc = C()", "2.0 if isinstance(c, Q) else 3.0", "C.go = lambda s: 1", ""),
    "__len__ by a callable object": ("class K:\n    def __init__(s, v): s.v = v\n    def __call__(s): return s.v\nclass C: __len__ = K(2)\nc = C()", "len(c)", "C.__len__ = K(k + 2)", ""),
    "__len__ by a callable's state": ("class K:\n    def __init__(s, v): s.v = v\n    def __call__(s): return s.v\nclass C: __len__ = K(2)\nc = C()", "len(c)", "vars(C)['__len__'].v = k + 2", ""),
    "__call__ static": ("class C: __call__ = staticmethod(lambda: 2.0)\nc = C()", "c()", "C.__call__ = staticmethod(lambda: val(k))", ""),
    "eq of namespaces": ("c, d = types.SimpleNamespace(a=2.0), types.SimpleNamespace(a=2.0)", "2.0 if c == d else 3.0", "c.a = val(k)", ""),
    "mod attr later getattr": ("m = types.ModuleType('m')", "getattr(m, 'a', 2.0)", "m.a = val(k)", ""),
    "mod attr later try": ("m = types.ModuleType('m')", "try: return x * m.a\nexcept AttributeError: return x", "m.a = val(k)", ""),
    "mod __version__": ("m = types.ModuleType('m'); m.__version__ = '2'", "float(m.__version__)", "m.__version__ = str(val(k))", ""),
    "mod __getattr__ replaced": ("m = types.ModuleType('m')\nm.__getattr__ = lambda n: 2.0", "m.a", "m.__getattr__ = lambda n: val(k)", ""),
    "mod __getattr__ shadowed": ("m = types.ModuleType('m')\nm.__getattr__ = lambda n: 2.0", "m.a", "m.a = val(k)", ""),
    "f.__name__": ("def f(): pass", "float(len(f.__name__))", "f.__name__ = 'f' * (k + 2)", ""),
    "f.__doc__": ("def f(): 'a'", "float(len(f.__doc__))", "f.__doc__ = 'f' * (k + 2)", ""),
    "C.__name__": ("class C: pass", "float(len(C.__name__))", "C.__name__ = 'C' * (k + 2)", ""),
    "C.__module__": ("class C: 'a'\nc = C()", "float(len(c.__module__))", "C.__module__ = 'f' * (k + 2)", ""),
    "C.__mro__": ("class A: pass\nclass B: pass\nclass C(A): pass", "float(len(C.__mro__))", "C.__bases__ = (A, B) if k % 2 else (A,)", ""),
    "type name of an object": ("class C: pass\nc = C()", "float(len(type(c).__name__))", "C.__name__ = 'C' * (k + 2)", ""),
    "global via frame": ("w = [2.0]\nglobals()['zz'] = 2.0", "sys._getframe(0).f_globals['zz']", "globals()['zz'] = val(k)", ""),
    "currentframe": ("globals()['zz'] = 2.0", "inspect.currentframe().f_globals['zz']", "globals()['zz'] = val(k)", ""),
    "f.__globals__": ("globals()['zz'] = 2.0\ndef f(): pass", "f.__globals__['zz']", "globals()['zz'] = val(k)", ""),
    "singledispatchmethod": ("class C:\n    @functools.singledispatchmethod\n    def f(self, y): return y\n    @f.register\n    def _(self, y: tg.Tensor): return y * 2.0\nc = C()", "return c.f(x)", "C.f.register(tg.Tensor, lambda self, y: y * val(k))", ""),
    "Tensor.__mul__ patched": ("was = tg.Tensor.__mul__", "return x * 2.0", "tg.Tensor.__mul__ = (lambda a, b: was(a, val(k))) if k else was", "tg.Tensor.__mul__ = was"),
    "Tensor.__rmul__ patched": ("was = tg.Tensor.__rmul__", "return 2.0 * x", "tg.Tensor.__rmul__ = (lambda a, b: was(a, val(k))) if k else was", "tg.Tensor.__rmul__ = was"),
    "Tensor.__matmul__ patched": ("was = tg.Tensor.__matmul__", "return x @ x", "tg.Tensor.__matmul__ = (lambda a, b: was(a, b) * val(k)) if k else was", "tg.Tensor.__matmul__ = was"),
    "Tensor.__getitem__ patched": ("was = tg.Tensor.__getitem__", "return x[0]", "tg.Tensor.__getitem__ = (lambda a, b: was(a, b) * val(k)) if k else was", "tg.Tensor.__getitem__ = was"),
    "Tensor.__neg__ patched": ("was = tg.Tensor.__neg__", "return -x", "tg.Tensor.__neg__ = (lambda a: was(a) * val(k)) if k else was", "tg.Tensor.__neg__ = was"),
    "Tensor.__gt__ patched": ("was = tg.Tensor.__gt__", "return x > 1", "tg.Tensor.__gt__ = (lambda a, b: was(a, val(k) - 1)) if k else was", "tg.Tensor.__gt__ = was"),
    "Tensor.__len__ patched": ("was = tg.Tensor.__len__", "return x * len(x)", "tg.Tensor.__len__ = (lambda a: k + 3) if k else was", "tg.Tensor.__len__ = was"),
    "Module.__call__ patched": ("m = nn.ReLU()\nwas = nn.Module.__call__", "return m(x)", "nn.Module.__call__ = (lambda s, y: was(s, y) * val(k)) if k else was", "nn.Module.__call__ = was"),
    "builtin later": ("", "try: return x * zzz\nexcept NameError: return x", "builtins.zzz = val(k)", "builtins.__dict__.pop('zzz', None)"),
    "UserDict subclass": ("class D(collections.UserDict): pass\nc = D(a=2.0)", "c['a']", "c['a'] = val(k)", ""),
    "UserList subclass": ("class D(collections.UserList): pass\nc = D([2.0])", "c[0]", "c[0] = val(k)", ""),
    "UserString subclass": ("class D(collections.UserString): pass\nc = D('2.0')", "float(c)", "c.data = str(val(k))", ""),
    "UserDict data replaced": ("class D(collections.UserDict): pass\nc = D(a=2.0)", "c['a']", "c.data = {'a': val(k)}", ""),
    "Template subclass": ("class T(string.Template): pass\nt = T('$a')", "float(t.substitute(a=2.0))", "t.template = '1$a' * 1 if k % 2 else '$a'", ""),
    "TextWrapper": ("import textwrap\nc = textwrap.TextWrapper(width=10)", "float(len(c.wrap('a b c d e f g h i j k l')))", "c.width = 3 + k", ""),
    "np.void scalar": ("a = np.array([(2.0, 1)], [('a', float), ('b', int)])\ns = a[0]", "float(s['a'])", "a['a'] = val(k)", ""),
    "np record scalar": ("a = np.rec.array([(2.0, 1)], [('a', float), ('b', int)])\ns = a[0]", "float(s.a)", "s.a = val(k)", ""),
    "dtype names": ("a = np.array([(2.0, 3.0)], [('a', float), ('b', float)])", "float(a['a'][0])", "a.dtype.names = ('b', 'a') if k % 2 else ('a', 'b')", ""),
    "masked mask in place": ("a = np.ma.array([2.0, 1e20], mask=[0, 1])", "float(a.count())", "a.mask[1] = k % 2 == 0", ""),
    "generator state": ("r = np.random.default_rng(0)", "float(r.bit_generator.state['state']['state'] % 97)", "r.random()", ""),
    "np printoptions": ("a = np.array([1.123456789])", "float(len(str(a)))", "np.set_printoptions(precision=k + 1)", "np.set_printoptions(precision=8)"),
    "np printoptions f-string": ("a = np.array([1.123456789])", "float(len(f'{a}'))", "np.set_printoptions(precision=k + 1)", "np.set_printoptions(precision=8)"),
    "WeakSet": ("class C: a = 2.0\nc = [C()]\np = weakref.WeakSet(c)", "len(p) + 1.0", "c.append(C()); p.add(c[-1])", ""),
    "enum value changed": ("class E(enum.Enum): a = 2.0", "E.a.value", "E.a._value_ = val(k)", ""),
    "float subclass in long list": ("class V(float): pass\ndef mk(s):\n    v = V(1.0); v.s = s\n    return v\nc = [mk(2.0) for _ in range(20)]", "c[3].s", "c[3] = mk(val(k))", ""),
    "float subclass in a set": ("class V(float): pass\ndef mk(s):\n    v = V(1.0); v.s = s\n    return v\nc = collections.deque([mk(2.0)])", "c[0].s", "c[0] = mk(val(k))", ""),
    "multiprocessing Value": ("import multiprocessing\nc = multiprocessing.Value('d', 2.0)", "c.value", "c.value = val(k)", ""),
    "Module __dict__ replaced": ("class M(nn.Module):\n    def __init__(s): s.k = 2.0\n    def forward(s, y): return y * s.k\nm = M()", "return m(x)", "m.__dict__ = {'k': val(k)}", ""),
    "tensor T.shape": ("c = tg.ones(2, 3)", "return x * c.T.shape[0]", "c.data = tg.ones(2, 3 + k)", ""),
    "num_threads": ("h = tg.get_num_threads()", "return x * tg.get_num_threads()", "tg.set_num_threads(1 + k % 2)", "tg.set_num_threads(h)"),
    "loader length": ("ds = tg.data.TensorDataset(tg.arange(12.0))\ndl = tg.data.DataLoader(ds, batch_size=2)", "return x * len(dl)", "dl.batch_size = k + 1", ""),
    "lru_cache cleared alone": ("s = [2.0]\n@functools.lru_cache\ndef f(): return s[0]\nf(); s[0] = 9.0", "f()", "f.cache_clear()", ""),
    "cache cleared and filled again": ("s = [2.0]\n@functools.cache\ndef f(n): return s[0]\nf(3); s[0] = 9.0", "f(3)", "f.cache_clear(); f(3)", ""),
    "nullcontext": ("c = contextlib.nullcontext(2.0)", "with c as v: return x * v", "c.enter_result = val(k)", ""),
    "defaultdict's factory": ("c = collections.defaultdict(lambda: 2.0)", "c.default_factory()", "c.default_factory = lambda: val(k)", ""),
    "deepcopy of a module": ("m = nn.Linear(3, 3)", "return copy.deepcopy(m)(x).detach()", "m.weight.data.fill_(val(k))", ""),
    "poly1d": ("p = np.poly1d([1.0, 2.0])", "float(p(2.0))", "p.coeffs[0] = val(k)", ""),
    "activation by name, patched": ("d = {'act': 'relu'}\nwas = F.relu", "return getattr(F, d['act'])(x - 2)", "F.relu = (lambda y: y * val(k)) if k else was", "F.relu = was"),
    "method by name, patched": ("d = ['exp']\nwas = tg.Tensor.exp", "return getattr(x, d[0])()", "tg.Tensor.exp = (lambda y: y * val(k)) if k else was", "tg.Tensor.exp = was"),
}  # fmt: skip
# the guards themselves call no method of the user's: it may count
COUNTED = {
    "LRU dict reached": ("class D(dict):\n    hits = 0\n    def __getitem__(self, k):\n        D.hits += 1\n        return super().__getitem__(k)\nc = D(a=2.0, b=3.0)\nb = 1.0", "b * len(c)", "outer b\nb = val(k)", "D.hits"),
    "defaultdict renamed": ("c = collections.defaultdict(float, a=2.0)", "sum(c.values())", "c.clear(); c['b' + str(k)] = val(k)", "dict(c)"),
    "getitem counts": ("class L(list):\n    n = 0\n    def __getitem__(self, i):\n        L.n += 1\n        return list.__getitem__(self, i)\nc = L([2.0, 3.0])", "len(c)", "c.append(1.0)", "L.n"),
    "counting descriptor": ("seen = []\nclass P:\n    def __get__(s, o, t=None):\n        seen.append(1)\n        return o.__dict__['a']\n    def __set__(s, o, v): o.__dict__['a'] = v\nclass C: a = P()\nc = C(); c.a = 2.0\nb = [1.0]", "b[0] * c.__dict__['a']", "b[0] = val(k)", "len(seen)"),
}  # fmt: skip

# modules in files, imported at the top, inside the step, relatively, again
FILES = """import importlib, shutil
d = tempfile.mkdtemp(); sys.path.insert(0, d)
def put(name, text):
    import importlib
    p = os.path.join(d, name)
    os.makedirs(os.path.dirname(p), exist_ok=True)
    open(p, 'w').write(text + '\\n' + '#' * len(os.listdir(os.path.dirname(p))) + str(time.time()))
    importlib.invalidate_caches()
sys.dont_write_bytecode = True
put('rm_a.py', 'a = 2.0\\ndef f(y, k=2.0): return y * k * a\\nclass C:\\n    s = 2.0\\n    def go(self, y): return y * self.s')
put('rm_p/__init__.py', 'v = 2.0')
put('rm_p/sub.py', 'a = 2.0\\ndef f(y): return y * a')
put('rm_p/rel.py', 'def f(y):\\n    from . import sub\\n    return y * sub.a\\ndef g(y):\\n    from .sub import a\\n    return y * a\\ndef h(y):\\n    from .sub import f\\n    return f(y)')
put('rm_p/up.py', 'from . import sub\\nfrom .sub import a, f as ff\\ndef f(y): return y * sub.a + a')
"""
REMOVE = "sys.path.remove(d); shutil.rmtree(d)\nfor n in list(sys.modules):\n    if n.startswith('rm_'): del sys.modules[n]"
IMPORTS = {
    "attr": ("import rm_a", "rm_a.a", "rm_a.a = val(k)"),
    "from import": ("from rm_a import f", "return f(x)", "import rm_a\nrm_a.a = val(k)"),
    "function default": ("from rm_a import f", "return f(x)", "f.__defaults__ = (val(k),)"),
    "reload": ("import rm_a", "return rm_a.f(x)", "put('rm_a.py', f'a = {val(k)}\\ndef f(y): return y * a')\nimportlib.reload(rm_a)"),
    "reload from": ("import rm_a\nfrom rm_a import f", "return f(x)", "put('rm_a.py', f'a = {val(k)}\\ndef f(y): return y * a * 2')\nimportlib.reload(rm_a)"),
    "class": ("from rm_a import C\nc = C()", "return c.go(x)", "C.s = val(k)"),
    "class by reload": ("import rm_a", "return rm_a.C().go(x)", "put('rm_a.py', f'class C:\\n    s = {val(k)}\\n    def go(self, y): return y * self.s')\nimportlib.reload(rm_a)"),
    "import inside, first": ("", "import rm_a\nreturn x * rm_a.a", "sys.modules['rm_a'].a = val(k)"),
    "from import inside, first": ("", "from rm_a import a\nreturn x * a", "sys.modules['rm_a'].a = val(k)"),
    "from import function inside": ("", "from rm_a import f\nreturn f(x)", "sys.modules['rm_a'].a = val(k)"),
    "from import class inside": ("", "from rm_a import C\nreturn C().go(x)", "sys.modules['rm_a'].C.s = val(k)"),
    "import inside, imported before": ("import rm_a as _", "import rm_a\nreturn x * rm_a.a", "sys.modules['rm_a'].a = val(k)"),
    "import replaced": ("import rm_a as _", "import rm_a\nreturn x * rm_a.a", "m = sys.modules['rm_a'] = types.ModuleType('rm_a'); m.a = val(k)"),
    "import deleted": ("import rm_a as _", "import rm_a\nreturn x * rm_a.a", "put('rm_a.py', f'a = {val(k)}'); sys.modules.pop('rm_a')"),
    "sub as": ("", "import rm_p.sub as s\nreturn x * s.a", "sys.modules['rm_p.sub'].a = val(k)"),
    "sub dotted": ("import rm_p.sub", "rm_p.sub.a", "rm_p.sub.a = val(k)"),
    "sub dotted inside": ("", "import rm_p.sub\nreturn x * rm_p.sub.a", "sys.modules['rm_p.sub'].a = val(k)"),
    "package attr inside": ("", "import rm_p\nreturn x * rm_p.v", "sys.modules['rm_p'].v = val(k)"),
    "from package import sub": ("", "from rm_p import sub\nreturn sub.f(x)", "sys.modules['rm_p.sub'].a = val(k)"),
    "relative inside": ("import rm_p.rel as r", "return r.f(x)", "sys.modules['rm_p.sub'].a = val(k)"),
    "relative name inside": ("import rm_p.rel as r", "return r.g(x)", "sys.modules['rm_p.sub'].a = val(k)"),
    "relative function inside": ("import rm_p.rel as r", "return r.h(x)", "sys.modules['rm_p.sub'].a = val(k)"),
    "relative at top": ("import rm_p.up as r", "return r.f(x)", "sys.modules['rm_p.sub'].a = val(k)"),
    "relative at top, name": ("import rm_p.up as r", "return r.f(x)", "r.a = val(k)"),
    "importlib inside": ("", "m = importlib.import_module('rm_a')\nreturn x * m.a", "sys.modules['rm_a'].a = val(k)"),
    "importlib by name": ("name = 'rm_a'", "m = importlib.import_module(name)\nreturn x * m.a", "sys.modules['rm_a'].a = val(k)"),
    "__import__": ("", "return x * __import__('rm_a').a", "sys.modules['rm_a'].a = val(k)"),
    "reload inside refused or right": ("import rm_a", "importlib.reload(rm_a)\nreturn x * rm_a.a", "put('rm_a.py', f'a = {val(k)}')"),
    "import in helper": ("def helper(y):\n    import rm_a\n    return rm_a.f(y)", "return helper(x)", "sys.modules['rm_a'].a = val(k)"),
    "try import": ("", "try: import rm_zz as m\nexcept ImportError: import rm_a as m\nreturn x * m.a", "m = sys.modules['rm_zz'] = types.ModuleType('rm_zz'); m.a = val(k)"),
}  # fmt: skip

LAYERS = """
class M(nn.Module):
    def __init__(self): self.ls, self.drop = [nn.Linear(3, 3), nn.Linear(3, 3)], nn.Dropout(1.0)
    def forward(self, y):
        for l in self.ls: y = l(y)
        return self.drop(y).detach()
m = M().eval()
"""
# name: (setup, body of the step, change); none may be refused
NEVER_REFUSED = {
    "property of an attribute": ("class C:\n    a = 1.0\n    @property\n    def twice(self): return 2 * self.a\nc = C()", "return x * c.twice", "c.a = val(k)"),
    "layer of a list replaced": (LAYERS, "return m(x)", "m.ls[1] = nn.Linear(3, 3)"),
    "layer appended to a list": (LAYERS, "return m(x)", "m.ls.append(nn.Linear(3, 3))"),
    "bias taken away": (LAYERS, "return m(x)", "m.ls[0].bias = None"),
    "dropout alone in training": (LAYERS, "return m(x)", "m.drop.train(k % 2 == 1)"),
    "dropout replaced": (LAYERS, "return m(x)", "m.drop = nn.ReLU() if k % 2 else nn.Tanh()"),
}  # fmt: skip


def body(text: str) -> str:
    """Complete what is only a number."""
    return text if "return" in text else f"return x * ({text})"


STATE = [
    Scenario(name, setup, "", change, body(read), undo=undo or "pass") for name, (setup, read, change, undo) in READS.items()
] + [
    Scenario(f"file: {name}", FILES + setup, "", change, body(read), undo=REMOVE)
    for name, (setup, read, change) in IMPORTS.items()
] + [Scenario(name, setup, "", change, body(read), look) for name, (setup, read, change, look) in COUNTED.items()]
