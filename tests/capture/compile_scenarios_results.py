"""Scenarios of results that a caller keeps or changes between calls: what eager mode gives back itself is no copy.

Every way to give back what was there before with every way to change it. See compile_world.py.
"""

# ruff: noqa: E501

from __future__ import annotations

from compile_world import Scenario

SETUP = """
w = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
run, m, arr, A = tg.zeros(3), tg.zeros(2, 3), np.zeros(3, np.float32), tg.tensor([1.0, 2.0, 3.0])
l, d, t, o = [1, [2]], {'a': 1}, (1, [2]), types.SimpleNamespace(a=1)
def each(r):
    if isinstance(r, (list, tuple, dict)):
        for v in list(r.values() if isinstance(r, dict) else r): each(v)
    if isinstance(r, list): r.append(0)
    if isinstance(r, dict): r[len(r)] = 0
    if isinstance(r, tg.Tensor):
        with tg.no_grad(): r.add_(1)
"""
GIVEN = {
    "a tensor": "return run", "detach": "return run.detach()", "data": "return w.data", "a slice": "return run[1:]",
    "a row": "return m[0]", "a transpose": "return m.T", "rows": "return m.split(1)", "a clone": "return run.clone()",
    "from_numpy": "return tg.from_numpy(arr)", "a slice from_numpy": "return tg.from_numpy(arr)[1:]",
    "changed, then looked at": "with tg.no_grad(): run.add_(x)\nreturn run[1:]",
    "looked at, then changed": "v = run.detach()\nwith tg.no_grad(): run.add_(x)\nreturn v",
    "trained": "w.grad = None\n(w * w * x).sum().backward()\nwith tg.no_grad(): w.sub_(0.1 * w.grad)\nreturn w.detach()",
    "a gradient": "w.grad = None\n(w * w * x).sum().backward()\nreturn w.grad",
    "a gradient that grows": "(w * x).sum().backward()\nreturn w.grad",
    "a gradient's view": "(w * x).sum().backward()\nreturn w.grad[1:], w.grad.detach()",
    "a tensor and a view": "y = x * 2\nreturn y, y[1:]",
    "a view and its tensor": "y = x.reshape(3, 1) * 2\nreturn y.T, y", "an argument": "return x",
    "an argument's slice": "return x[1:], x[:2]", "a constant": "return tg.ones(3)",
    "a tensor kept": "o.a = x * 2\nreturn o.a", "a list": "return l", "a list in a list": "return [l, x * 2]",
    "a dict": "return x * 2, d", "a tuple": "return t", "a list made inside": "return [x * 2, [1]]",
    "a dict made inside": "return {'a': x * 2, 'l': l}",
}
CHANGES = {
    "the result": "each(results[-1])",
    "what it came from": "with tg.no_grad(): run.add_(k); m.mul_(2); A.add_(1); w.add_(0.5)\narr[0] += 1; l[1].append(k); d[k] = 1",
    "memory": "run.data, w.data = run.data + k, w.data * 2",
}
LOOK = "results, w, w.grad, run, m, arr, A, l, d, t, o.a"
RESULT_TABLE = [
    Scenario(f"{given} | {change}", SETUP, "", CHANGES[change], body, LOOK, "(A,)", must=change != "memory")
    for given, body in GIVEN.items() for change in CHANGES
] + [
    Scenario(f"an argument, {name} | the result", SETUP, "", CHANGES["the result"], "return x * 2, a", LOOK + ", c", f"(A, {a})", "x, a")
    for name, a in {"list": "c", "in a list": "[c]", "in a dict": "{'a': c}", "in a tuple": "(c, 1)"}.items()
]  # fmt: skip
RESULT_TABLE[-4:] = [Scenario(**{**vars(s), "setup": s.setup + "\nc = [1, {'a': [2]}]"}) for s in RESULT_TABLE[-4:]]
