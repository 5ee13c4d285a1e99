"""Examples of the reference: a small call, what comes out, and the gradient of its sum, all computed here.

The numbers of tests/cases come first, where the tests can be imported, and what was written there by hand is compared
with what comes out; calls.py has arguments for what has no such numbers. Must not know: pages. Look next at calls.py.
"""

from __future__ import annotations

import functools
import inspect
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from calls import CALLS, DRAWN, MOVED

import tinygrad_mnist as tg

NAMES = "xyzuvw"
PLACES = ("{}", "nn.functional.{}", "linalg.{}")  # where the operation of a case may be public
MOST = 12  # numbers an argument or a result may have


def written(value: Any) -> str:
    """Write an argument as a user would."""
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, float) and np.isfinite(value):
        return f"{int(value)}." if value == int(value) else f"{value:.4g}"
    if isinstance(value, tg.Tensor):
        return f"tg.{value!r}"
    return f'float("{value}")' if isinstance(value, float) else f'"{value}"' if isinstance(value, str) else repr(value)


def run(name: str, args: tuple[Any, ...], static: dict[str, Any], slopes: bool) -> tuple[list[str], Any, Any]:
    """Call a public thing: the lines of the example, the result, and the gradients of its sum (None: there are none).

    Lists are tensors, tuples that begin with one are tuples of them.
    """
    made, letters, space, named = [], iter(NAMES), {"tg": tg, "F": tg.nn.functional, "nn": tg.nn}, []

    def given(value: Any) -> str:
        if isinstance(value, tuple) and value and isinstance(value[0], list):
            return f"({', '.join(map(given, value))})"
        if not isinstance(value, list):
            return written(value)
        letter = next(letters)
        named.append(letter)
        made.append(f"tg.tensor({written(value)})")
        return letter

    shown = [given(x) for x in args] + [f"{k}={given(v)}" for k, v in static.items()]
    bare = name.rpartition(".")[2]
    call = {"nn.functional": f"F.{bare}", "Tensor": f"{shown[0]}.{bare}"}.get(name.rpartition(".")[0], f"tg.{name}")
    call = f"{call}({', '.join(shown[name.startswith('Tensor.'):])})"
    together = f">>> {', '.join(named)} = {', '.join(made)}"
    each = [f">>> {n} = {m}" for n, m in zip(named, made, strict=True)]
    lines = [together] if named and len(together) < 90 else each
    for line in lines:
        exec(line[4:], space)
    seeded = bare in DRAWN
    if seeded:
        tg.manual_seed(0)
        lines.append(">>> _ = tg.manual_seed(0)")
    result = eval(call, space)
    deep = "\n\n" in repr(result) and isinstance(result, tg.Tensor)  # doctest takes no blank line
    lines += [f">>> {call}.tolist()", repr(result.tolist())] if deep else [f">>> {call}", *repr(result).splitlines()]
    floating = [n for n in named if space[n].dtype.kind == "f"]
    if not slopes or seeded or not isinstance(result, tg.Tensor) or result.dtype.kind != "f" or not floating:
        return lines, result, None
    which = [i for i, n in enumerate(named) if n in floating][: 1 if name[:3] == "nn." else 3]
    which_text = "" if which == [0] else f", argnums={which[0] if len(which) == 1 else tuple(which)}"
    total = call if result.ndim == 0 else f"{call}.sum()"
    expression = f"tg.func.grad(lambda {', '.join(named)}: {total}{which_text})({', '.join(named)})"
    try:
        found = eval(expression, space)
    except tg.TinygradError:  # nothing of it can be differentiated
        return lines, result, None
    found = found if isinstance(found, tuple) else (found,)
    tiny = any(((g.numpy() != 0) & (abs(g.numpy()) < 1e-6)).any() for g in found)  # what rounding left
    if tiny or "\n\n" in repr(found):
        return lines, result, found
    note = "  # the gradient" + (" of the sum" if result.ndim else "")
    said = [f">>> {expression}{note if len(expression) < 76 else ''}"]
    said += repr(found if len(found) > 1 else found[0]).splitlines()
    return [*lines, *said], result, found


def small(*values: Any) -> bool:
    """Tell whether arrays are few finite numbers."""
    arrays = [np.asarray(v) for v in values]
    return all(v.size <= MOST and (v.dtype.kind != "f" or bool(np.isfinite(v).all())) for v in arrays)


def agree(got: Any, wanted: Any) -> bool:
    """Compare with what was written by hand, as far as the arguments are shown."""
    return np.shape(got) == np.shape(wanted) and np.allclose(got, wanted, rtol=5e-3, atol=5e-3)


@functools.cache
def by_hand() -> dict[str, list[Any]]:
    """Give the cases with numbers written by hand, by public name; none where the tests cannot be imported."""
    tests = str(Path(__file__).parents[2] / "tests")
    if tests not in sys.path:
        sys.path.append(tests)
    try:
        from cases import CASES
    except ImportError:
        return {}
    found: dict[str, list[Any]] = {}
    for case in CASES.values():
        for place in PLACES:
            found.setdefault(place.format(case.name.partition(" ")[0]), []).append(case)
    return found


def options(name: str, static: dict[str, Any]) -> dict[str, Any]:
    """Write the options of an operation as its function's, without those that are its defaults."""
    function = functools.reduce(getattr, name.split("."), tg)
    known = inspect.signature(function).parameters
    renamed = {{"axis": "dim", "keepdims": "keepdim"}.get(k, k): v for k, v in static.items()}
    return {k: v for k, v in renamed.items() if k not in known or known[k].default != v}


def from_case(name: str, slopes: bool) -> list[str]:
    """Write the first example of a name's cases that is small, and that the public function takes as it stands."""
    for case in by_hand().get(name, []):
        for e in case.examples:
            if e.warns or e.g is not None or not small(*e.args, e.out) or isinstance(e.gradients, type):
                continue
            args = tuple(x.tolist() if isinstance(x, np.ndarray) and x.ndim else x for x in e.args)
            try:
                lines, result, found = run(name, args, options(name, e.static or {}), slopes)
            except (TypeError, tg.TinygradError, AttributeError):
                continue  # the operation below is called otherwise
            wanted = [g for g in e.gradients if g is not None]
            if not isinstance(result, tg.Tensor) or not agree(result.detach().numpy(), e.out):
                continue  # or has another order of arguments
            if found and len(found) <= len(wanted) and not all(map(agree, [g.numpy() for g in found], wanted)):
                raise ValueError(f"{name}: the gradients are not what tests/cases has by hand")
            return lines
    return []


@functools.cache
def example(name: str) -> str:
    """Write the example of a public name; "" if there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        slopes = name not in MOVED and name[:7] not in ("nn.init", "nn.util")
        if name not in CALLS | MOVED:
            return "\n".join(from_case(name, slopes))
        args, static = eval(f"(lambda *args, **static: (args, static))({(CALLS | MOVED)[name]})", {"tg": tg})
        return "\n".join(run(name, args, static, slopes)[0])
