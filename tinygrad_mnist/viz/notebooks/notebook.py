"""What notebooks show of tensors, programs, histories, loaders, compiled steps and summaries: HTML without scripts.

Each function writes one kind; what it writes inherits the notebook's colours, so that it is read on light and on dark,
and whatever comes from outside is escaped. core/reprs.py brings the calls here. Look next at heat.py.
"""

from __future__ import annotations

import html
import importlib
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...core.backend import isolated
from ...core.graph import Array
from ..summary import memory
from .heat import AROUND_ZERO, heat_map, scale_of

FRAME = "font:13px/1.5 Helvetica,Arial,sans-serif;color:inherit;overflow-x:auto;max-width:100%"
CELL = "padding:.1em .8em .1em 0;border:0;background:none;color:inherit;vertical-align:middle;white-space:nowrap"
HEAD = "font-weight:600;border:0;border-bottom:1px solid #808893"
BAR, CHOSEN = "#3b75af", "rgba(217,130,43,.25)"
PHASES = {  # sign and colour, which is seen on white and on black
    "forward": ("■", "#6b7f99"), "backward": ("◆", "#9d6a99"), "update": ("●", "#b0763f"),
}  # fmt: skip
MOST_ROWS = 400
LITTLE = 100  # elements whose numbers are shown at once


class Written(str):
    """HTML, as opposed to text that is yet to be escaped."""


def escaped(x: object) -> str:
    """Make text safe to stand in a page."""
    return x if isinstance(x, Written) else html.escape(str(x))


def framed(title: object, facts: Iterable[object], *parts: str) -> str:
    """Put a bold title, facts beside it and what follows into one frame."""
    line = " · ".join([f"<b>{escaped(title)}</b>", *(escaped(fact) for fact in facts if str(fact))])
    return f'<div style="{FRAME}"><div>{line}</div>{"".join(parts)}</div>'


def code(text: object) -> Written:
    """Write what stands in a program."""
    return Written(f'<code style="color:inherit;background:none">{escaped(text)}</code>')


def bar(share: float, colour: str = BAR) -> Written:
    """Draw a share from 0 to 1 as a bar."""
    width = 100 * min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0
    inner = f'<span style="display:block;height:.65em;width:{width:.1f}%;background:{colour}"></span>'
    return Written(f'<span style="display:block;width:6em">{inner}</span>')


def table(head: Sequence[object], rows: Sequence[Sequence[object]], numbers: str, chosen: int | None = None) -> str:
    """Write a table. numbers: ">" for a column that is set to the right, "<" to the left; chosen: a row to mark."""
    sides = [f"text-align:{'right' if side == '>' else 'left'}" for side in numbers]
    cells = "".join(f'<th style="{CELL};{HEAD};{s}">{escaped(h)}</th>' for h, s in zip(head, sides, strict=False))
    cells = f'<thead><tr style="background:none">{cells}</tr></thead>' if head else ""
    lines = []
    for i, row in enumerate(rows[:MOST_ROWS]):
        mark = f";background:{CHOSEN}" if i == chosen else ""
        inner = "".join(f'<td style="{CELL};{s}{mark}">{escaped(x)}</td>' for x, s in zip(row, sides, strict=True))
        lines.append(f'<tr style="background:none">{inner}</tr>')
    more = len(rows) - MOST_ROWS
    note = f"<div>... and {more:,} more; print() shows all.</div>" if more > 0 else ""
    return (
        f'<div style="max-height:36em;overflow:auto;margin:.4em 0"><table style="border-collapse:collapse;'
        f'font-size:inherit;color:inherit;margin:0">{cells}'
        f"<tbody>{''.join(lines)}</tbody></table>{note}</div>"
    )


# ---------------------------------------------------------------- tensors


def tensor(x: Any) -> str:
    """Show a tensor: facts, a heat map (treescope's where it is installed), the numbers."""
    facts = [f"{x.shape} {x.dtype}", memory(x.nbytes), *numbers(x.array)]
    if x.node is not None:
        facts += [Written(f"grad_fn {code(x.node.where())}")]
    elif x.requires_grad:
        facts += ["requires_grad"]
    if x.gradient is not None:
        facts += [".grad is there"]
    text = f'<pre style="color:inherit;background:none;margin:.3em 0">{html.escape(repr(x))}</pre>'
    opened = " open" if x.array.size <= LITTLE else ""
    picture = drawn(x) if x.array.size > 1 else ""
    return framed(type(x).__name__, facts, picture, f"<details{opened}><summary>numbers</summary>{text}</details>")


def numbers(array: Array) -> list[str]:
    """Say in which range the numbers are, their mean, and how many are none."""
    if not array.size:
        return ["no element"]
    if array.dtype.kind == "b":
        return [f"{int(array.sum()):,} of {array.size:,} True"]
    finite = np.isfinite(array)
    inside = array if finite.all() else array[finite]
    facts = []
    if inside.size:
        with np.errstate(all="ignore"):
            mean = inside.mean(dtype=np.float64)
        facts.append(f"{figure(inside.min())} to {figure(inside.max())}, mean {figure(mean)}")
    missing = int(np.isnan(array).sum())
    endless = int(array.size - finite.sum()) - missing
    return facts + [f"{n:,} {what}" for n, what in ((missing, "NaN"), (endless, "infinite")) if n]


def figure(x: Any) -> str:
    """Write a number in four digits, a whole one as it is."""
    return f"{x:,}" if np.asarray(x).dtype.kind in "iu" else f"{float(x):.4g}"


def drawn(x: Any) -> str:
    """Draw a tensor by treescope where it is installed, else as a heat map with its scale."""
    try:
        scope = importlib.import_module("treescope")  # optional, and slow to import
        return str(isolated(scope.render_array, x, truncate=True)._repr_html_())
    except Exception:  # not installed, broken, or an array that it does not know
        pass
    address, left_out = heat_map(x.array)
    scale, limit = scale_of(x.array)
    steps = ",".join(f"rgb{colour}" for colour in scale).replace(" ", "")
    low = figure(-limit if scale is AROUND_ZERO else 0.0)
    strip = f"display:inline-block;width:8em;height:.7em;background:linear-gradient(to right,{steps})"
    style = "display:block;margin:.4em 0;image-rendering:pixelated;max-width:100%"
    note = f"; shown: {left_out}" if left_out else ""
    return (
        f'<img alt="heat map" src="{address}" style="{style}">'
        f'<div>{low} <span style="{strip}"></span> {figure(limit)}{html.escape(note)}</div>'
    )


# ---------------------------------------------------------------- trainings and data


def history(x: Any) -> str:
    """Show a history: a row per epoch, the one whose weights were kept marked."""
    facts = [f"{len(x)} epoch{'s' * (len(x) != 1)}", x.ended or "not ended"]
    if x.best_epoch is not None:
        facts.append(f"weights of epoch {x.best_epoch}, which is marked")
    if not x.rows:
        return framed("History", facts)
    head = list(x.rows[0])
    rows = [[f"{row[k]:g}" if k == "epoch" else f"{row[k]:.4g}" for k in head] for row in x.rows]
    chosen = None if x.best_epoch is None else x.best_epoch - 1
    return framed("History", facts, table(head, rows, ">" * len(head), chosen))


def loader(x: Any) -> str:
    """Show a loader: its dataset, how many batches of what size, the shapes of a first look."""
    look, order = x._look(), "shuffled" if x.shuffle else "in order" if x.sampler is not None else "in its own order"
    rows: list[tuple[object, object]] = [("dataset", look.dataset), ("batches", look.batches), ("order", order)]
    rows += [("workers", x.num_workers)] if x.num_workers else []
    rows += [(what, code(text)) for what, text in look.shapes]
    return framed("DataLoader", (), table((), rows, "<<"))


# ---------------------------------------------------------------- compiled steps and models


def program(x: Any) -> str:
    """Show a program: its instructions, with bars for their times, and the totals."""
    head, *rows = x.rows()
    slowest = max([s.microseconds or 0.0 for s in x.instructions], default=0.0)
    shown = []
    for s, row in zip(x.instructions, rows, strict=True):
        phase = "update" if s.name in ("update", "write", "effect") else "backward" if s.backward else "forward"
        time = bar((s.microseconds or 0.0) / slowest, PHASES[phase][1]) if slowest else ""
        shown.append([row[0], Written(f"{sign(phase)} {code(row[1])}"), *row[2:9], time, row[9]])
    key = " ".join(f"{sign(phase)} {phase}" for phase in PHASES)
    body = table([*head[:9], "", head[9]], shown, "><<<<><>><<")
    return framed("Program", [Written(key)], body, *(f"<div>{escaped(line)}</div>" for line in x.totals()))


def sign(phase: str) -> str:
    """Write the coloured sign of a phase."""
    return f'<span style="color:{PHASES[phase][1]}">{PHASES[phase][0]}</span>'


def compiled(x: Any, title: str = "compiled") -> str:
    """Show a compiled function: its backend, and the plans for the signatures that it was called with."""
    plans = [plan for _, plan in list(x.order)]
    state = f"{len(plans)} plan{'s' * (len(plans) != 1)}" if plans else "not captured yet: call it once"
    facts = [code(x.name), f"backend {x.backend}", state, *{p.guard.home: "" for p in plans}]
    rows = []
    for plan in plans:
        drawn_up = plan.replay.program if plan.replay is not None else None
        values = [] if drawn_up is None else [f"{v.name} {v.shape} {v.dtype}" for v in drawn_up.inputs]
        values += [f"{n}={v!r:.30}" for n, v in zip(plan.names, plan.numbers, strict=False)]
        count, size = ("", "runs as it is") if drawn_up is None else (
            f"{len(drawn_up.instructions):,}", memory(drawn_up.size))  # fmt: skip
        seen = "yes" if plan.verified or hasattr(plan, "halves") else "at the next call"
        rows.append((code(", ".join(values) or "no arguments"), count, size, seen))
    chosen = plans.index(x.latest) if x.latest in plans else None
    head = ("signature", "instructions", "block of memory", "compared with the function")
    note = "<div>Marked: the latest call. .program() lists its instructions, .source() is the Python that runs.</div>"
    return framed(title, facts, *([table(head, rows, "<>><", chosen), note] if plans else []))


def model(x: Any) -> str:
    """Show a compiled model: its layers, and the plans of calls with and without gradients."""
    layers = f'<pre style="color:inherit;background:none;margin:.3em 0">{html.escape(repr(x))}</pre>'
    halves = compiled(x._trained, "with gradients"), compiled(x._alone, "without gradients")
    return framed("compiled model", (), layers, *halves)


def summary(x: Any) -> str:
    """Show a summary: a row per module call, with bars for parameters and multiply-adds."""
    most = [max([getattr(row, name) for row in x.rows], default=0) or 1 for name in ("parameters", "multiply_adds")]
    rows, chosen = [], None
    for i, row in enumerate(x.rows):
        shapes = ", ".join(map(str, row.output_shapes)) or ("FAILED" if row.failed else "-")
        chosen = i if row.failed else chosen
        name = Written(f'<span style="padding-left:{1.2 * row.depth:.1f}em">{html.escape(row.name)}</span>')
        figures = ((row.parameters, most[0]), (row.multiply_adds, most[1]))
        counted = [y for n, of in figures for y in ((f"{n:,}", bar(n / of)) if n else ("-", ""))]
        rows.append((name, shapes, *counted, memory(row.output_bytes) if row.output_shapes else "-"))
    head = ("layer", "output shape", "parameters", "", "multiply-adds", "", "output")
    totals = f'<pre style="color:inherit;background:none;margin:0">{html.escape(chr(10).join(x.totals()))}</pre>'
    return framed("Summary", [f"{len(x.rows)} module calls"], table(head, rows, "<<><><>", chosen), totals)
