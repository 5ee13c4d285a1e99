"""Scenarios of state that changes between the calls of a compiled step: what holds it, how it is read, how it changes.

Families are products: every way of reading a kind of container with every way of changing it. See compile_world.py.
"""

# ruff: noqa: E501

from __future__ import annotations

from compile_world import Scenario

# kind: (how it is made; ways to read; ways to change; which reads must never be refused)
SEQUENCE = ("c[0]", "c[-2]", "sum(c)", "max(c)", "[v for v in c][0]", "next(iter(c))", "tuple(c)[0]", "float(c[0])",
            "(lambda: c[0])()", "operator.itemgetter(0)(c)", "functools.reduce(operator.add, c)", "c[:1][0]",
            "sorted(c)[-1]", "(2.0 if 2.0 in c else 3.0)")  # fmt: skip
MAPPING = (
    "c['a']", "c.get('a')", "sum(c.values())", "next(iter(c.values()))", "list(c.items())[0][1]", "{**c}['a']",
    "operator.getitem(c, 'a')", "c.setdefault('a', 1.0)", "dict(c)['a']", "(2.0 if 'b' in c else c['a'])",
)
ARRAY = (
    "float(c[0])", "c[0]", "c.max()", "c.sum()", "np.max(c)", "c.tolist()[0]", "int(c[0])", "c.item(0)",
    "(2.0 if c[0] > 2.5 else 3.0)", "c[c > 0][0]", "float(np.mean(c))", "min(c)", "np.linalg.norm(c)", "c.data[0]",
)
CONTAINERS = {
    "list": ("[val(0), 1.0]", SEQUENCE, ("c[0] = val(k)", "c[:] = [val(k), 1.0]", "outer c\nc = [val(k), 1.0]",
             "c.insert(0, val(k)); c.insert(-1, val(k))"), ("c[0]", "c[-2]", "sum(c)", "max(c)", "[v for v in c][0]", "float(c[0])")),
    "long list": ("[val(0), *[1.0] * 298, val(0), 1.0]", SEQUENCE, ("c[0] = c[-2] = val(k)", "c[:] = [val(k)] * 300", "c.reverse(); c[0] = val(k)"), ()),
    "tuple": ("(val(0), 1.0)", SEQUENCE, ("outer c\nc = (val(k), 1.0)",), ("c[0]", "c[-2]", "sum(c)", "max(c)")),
    "dict": ("{'a': val(0)}", MAPPING, ("c['a'] = val(k)", "c.update(a=val(k))", "outer c\nc = {'a': val(k)}",
             "c.clear(); c['b'] = 1.0; c['a'] = val(k)"), ("c['a']", "c.get('a')", "sum(c.values())", "{**c}['a']")),
    "long dict": ("{i: 1.0 for i in range(300)} | {'a': val(0)}", MAPPING, ("c['a'] = c[0] = val(k)", "c.update({0: val(k), 'a': val(k)})"), ()),
    "OrderedDict": ("collections.OrderedDict(a=val(0))", MAPPING, ("c['a'] = val(k)",), ()),
    "defaultdict": ("collections.defaultdict(float, a=val(0))", MAPPING, ("c['a'] = val(k)",), ()),
    "UserDict": ("collections.UserDict(a=val(0))", MAPPING, ("c['a'] = val(k)", "c.data['a'] = val(k)"), ()),
    "UserList": ("collections.UserList([val(0), 1.0])", SEQUENCE, ("c[0] = val(k)", "c.data[0] = val(k)"), ()),
    "dict subclass": ("type('D', (dict,), {})(a=val(0))", MAPPING, ("c['a'] = val(k)",), ()),
    "list subclass": ("type('L', (list,), {})([val(0), 1.0])", SEQUENCE, ("c[0] = val(k)",), ()),
    "ChainMap": ("collections.ChainMap({}, {'a': val(0)})", MAPPING, ("c['a'] = val(k)", "c.maps[1]['a'] = val(k)"), ()),
    "mapping proxy": ("types.MappingProxyType(d := {'a': val(0)})", MAPPING[:6], ("d['a'] = val(k)",), ()),
    "dict view": ("(d := {'a': val(0)}).values()", ("sum(c)", "max(c)", "next(iter(c))", "list(c)[0]"), ("d['a'] = val(k)",), ()),
    "deque": ("collections.deque([val(0), 1.0])", tuple(r for r in SEQUENCE if ":" not in r or "lambda" in r),
              ("c[0] = val(k)", "c.rotate(1); c[0] += 2 * k", "c.appendleft(val(k)); c.append(val(k))"), ()),
    "set": ("{val(0), 20.0}", ("sum(c)", "max(c)", "min(c)", "len(c)", "(2.0 if 2.0 in c else 3.0)", "sorted(c)[-1]",
            "len(c & {3.0, 5.0})"), ("c.clear(); c.add(val(k))", "c.symmetric_difference_update({val(0), val(k) + 30})", "c.add(val(k) + 20); c.add(1.0 - k)"), ()),
    "frozenset": ("frozenset({val(0)})", ("sum(c)", "max(c)"), ("outer c\nc = frozenset({val(k)})",), ()),
    "bytearray": ("bytearray([2, 1])", ("c[0]", "sum(c)", "max(c)", "memoryview(c)[0]", "bytes(c)[0]", "c.find(3)"), ("c[0] = int(val(k))",), ()),
    "array.array": ("array.array('d', [val(0), 1.0])", ("c[0]", "sum(c)", "max(c)", "c.tolist()[0]", "c.index(1.0) + c.count(3.0)"), ("c[0] = val(k)", "c.reverse(); c[0] += k"), ()),
    "memoryview": ("memoryview(b := bytearray([2, 1]))", ("c[0]", "sum(c)", "c.tolist()[0]", "bytes(c)[0]"), ("b[0] = int(val(k))",), ()),
    "ndarray": ("np.array([val(0), 1.0])", ARRAY, ("c[0] = val(k)", "c.fill(val(k))", "np.copyto(c, val(k))",
                "outer c\nc = np.array([val(k), 1.0])", "np.add(c, k, out=c)"), ()),
    "ndarray subclass": ("np.array([val(0), 1.0]).view(type('A', (np.ndarray,), {}))", ARRAY[:6], ("c[0] = val(k)",), ()),
    "view of an ndarray": ("(b := np.array([val(0), 1.0, 4.0]))[:2]", ARRAY[:6], ("b[0] = val(k)",), ()),
    "object array": ("np.array([val(0), None], object)", ("c[0]", "c.item(0)", "c.tolist()[0]"), ("c[0] = val(k)",), ()),
    "record array": ("np.zeros(1, [('a', float)])", ("1.0 + c['a'][0]", "1.0 + c[0]['a']"), ("c['a'] = val(k)",), ()),
    "tensor's numbers": ("tg.tensor([val(0), 1.0])", ("c.tolist()[0]", "c[0].item()", "float(c[0])", "c[0]", "c.sum()", "c"[:1] + "[:1]"),
                         ("c.data = tg.tensor([val(k), 1.0])", "c.fill_(val(k))", "outer c\nc = tg.tensor([val(k), 1.0])"), ()),
    "list in a dict": ("{'l': [val(0), 1.0]}", ("c['l'][0]", "sum(c['l'])", "c.get('l')[0]"), ("c['l'][0] = val(k)", "c['l'] = [val(k), 1.0]"), ("c['l'][0]", "sum(c['l'])")),
    "dict in a tuple": ("({'a': val(0)},)", ("c[0]['a']", "sum(sum(d.values()) for d in c)"), ("c[0]['a'] = val(k)",), ("c[0]['a']",)),
    "queue": ("queue.Queue()", ("len(c.queue) + 1.0", "c.qsize() + 1.0", "c.empty() + 1.0"), ("c.put(1)",), ()),
    "heap": ("[val(0), 30.0]", ("heapq.nsmallest(1, c)[0]", "bisect.bisect(c, 4.0) + 1.0"), ("c[0] = val(k)",), ()),
}  # fmt: skip

OBJECTS = {
    "class": ("class C: pass\nc = C()", True), "class attribute": ("class C: a = 1.0\nc = C", True),
    "inherited": ("class B: a = 1.0\nclass C(B): pass\nc = C()", True),
    "dataclass": ("@dataclasses.dataclass\nclass C:\n    a: float = 1.0\nc = C()", True),
    "SimpleNamespace": ("c = types.SimpleNamespace()", True), "function": ("def c(): pass", False),
    "lambda": ("c = lambda: 1", False), "list subclass": ("class C(list): pass\nc = C()", False),
    "dict subclass": ("class C(dict): pass\nc = C()", False),
    "float subclass": ("class C(float): pass\nc = C(2.0)", False),
    "int subclass": ("class C(int): pass\nc = C(2)", False), "str subclass": ("class C(str): pass\nc = C('s')", False),
    "tuple subclass": ("class C(tuple): pass\nc = C()", False), "set subclass": ("class C(set): pass\nc = C()", False),
    "deque subclass": ("class C(collections.deque): pass\nc = C()", False),
    "ndarray subclass": ("class C(np.ndarray): pass\nc = np.zeros(2).view(C)", False),
    "exception": ("c = ValueError('no')", False), "module": ("c = types.ModuleType('settings')", False),
    "nn.Module": ("class C(nn.Module): pass\nc = C()", False), "nn.Linear": ("c = nn.Linear(3, 3)", False),
    "partial": ("c = functools.partial(max)", False), "thread local": ("c = threading.local()", False),
    "with a metaclass": ("class M(type): pass\nclass C(metaclass=M): pass\nc = C", False),
    "callable": ("class C:\n    def __call__(self): return self.a\nc = C()", True),
    "enum member": ("class C(enum.Enum): one = 1\nc = C.one", False),
    "namespace class": ("class C:\n    class inner: pass\nc = C.inner", False),
}  # fmt: skip
ATTRIBUTE_READS = ("c.a", "getattr(c, 'a')", "getattr(c, 'a', 0.0)", "vars(c)['a']", "c.__dict__['a']", "operator.attrgetter('a')(c)",
                   "getattr(c, n)", "(c.a if hasattr(c, 'a') else 1.0)", "c.__getattribute__('a')", "object.__getattribute__(c, 'a')",
                   "(lambda o: o.a)(c)", "sum(v for n, v in vars(c).items() if n == 'a')", "inspect.getattr_static(c, 'a')")  # fmt: skip
IMPOSSIBLE = {
    *((kind, "c.__getattribute__('a')") for kind in ("class attribute", "with a metaclass", "namespace class")),
    ("thread local", "object.__getattribute__(c, 'a')"), ("thread local", "inspect.getattr_static(c, 'a')"),
}  # fmt: skip
ATTRIBUTE_CHANGES = ("c.a = val(k)", "setattr(c, 'a', val(k))", "del c.a; c.a = val(k)")


def containers() -> list[Scenario]:
    """Every kind with every read, and every change with the first read; a change is kept with few reads."""
    found = []
    for kind, (make, reads, changes, musts) in CONTAINERS.items():
        pairs = [(r, changes[i % len(changes)]) for i, r in enumerate(reads)]
        pairs += [(r, c) for r in reads[:2] for c in changes]
        for read, change in dict.fromkeys(pairs):
            name = f"{kind}: {read} | {change!r}"
            found.append(Scenario(name, f"b = d = None\nc = {make}", read, change, must=read in musts))
    return found


def attributes() -> list[Scenario]:
    """Every kind of object with every read of an attribute."""
    found = []
    for kind, (make, plain) in OBJECTS.items():
        reads = [r for r in ATTRIBUTE_READS if (kind, r) not in IMPOSSIBLE]
        pairs = [(r, ATTRIBUTE_CHANGES[0]) for r in reads] + [("c.a", c) for c in ATTRIBUTE_CHANGES[1:]]
        for read, change in pairs:
            setup = f"n = 'a'\n{make}\nc.a = val(0)"
            found.append(Scenario(f"{kind}: {read} | {change}", setup, read, change, must=plain and read == "c.a"))
    return found


STATE = containers() + attributes()
