"""The tables that are printed: each step's times with their ratios, the further measurements, and the targets."""

from __future__ import annotations

from .accuracy import typical
from .race import Outcome
from .ratios import BEFORE, NEWER, OURS, Target, best_of_ours, geometric_mean, ratio
from .steps import Step
from .sweeps import Points

COMPARED_WITH = ("torch", "jax", "products")
EXPLANATION = """Times are medians of the rounds; "first call" includes compiling; "peak" is the
process's most memory; ": torch" is how many times faster than PyTorch: median ratio of the rounds (quartiles;
least-most)."""


def times_of(outcomes: dict[str, Outcome]) -> dict[str, list[float]]:
    """Keep the variants that were measured, with their times by round."""
    return {variant: o.micros for variant, o in outcomes.items() if o.failed is None and o.micros}


def step_table(step: Step, outcomes: dict[str, Outcome]) -> str:
    """Give a step's times, and how many times faster each variant is than torch, jax and the products alone."""
    times = times_of(outcomes)
    peers = [p for p in COMPARED_WITH if p in times]
    head = f"{step.name}, batch {step.batch}"
    titles = "".join(f"  {f': {p}':26s}" for p in peers)
    lines = [f"{head:31s}{'µs/step':>10s} {'first call':>10s} {'peak':>8s}{titles}".rstrip()]
    for variant, outcome in outcomes.items():
        if variant not in times:
            lines.append(f"  {variant:14s} left out: {outcome.failed}")
            continue
        peak = f"{outcome.peak_megabytes:,.0f} MB" if outcome.peak_megabytes else "?"
        row = f"  {variant:29s}{outcome.micro:10,.1f} {outcome.first_call_seconds:8.2f} s {peak:>8s}"
        for peer in peers:
            cell = "1"
            if peer != variant:
                s = ratio(times[peer], times[variant])
                rest = (s.lower, s.upper, s.least, s.most)
                cell = f"{figure(s.median)} ({figure(rest[0])}-{figure(rest[1])}; {figure(rest[2])}-{figure(rest[3])})"
            row += f"  {cell:26s}"
        lines.append(row.rstrip())
    return "\n".join(lines)


def figure(value: float) -> str:
    """Write a ratio with as many digits as mean something."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def target_table(rows: list[Target], times: dict[str, dict[str, list[float]]]) -> str:
    """Give, for each target that was measured, whether it was reached."""
    lines = ["Targets (median ratios)"]
    missing: dict[str, list[str]] = {}
    for row in rows:
        if row.got is None:
            missing.setdefault(f"{row.variant} : {row.peer}", []).append(row.what)
            continue
        name = row.variant
        if name == "best" and row.what in times:
            name = f"best ({best_of_ours(times[row.what])})"
        if row.peer == "products":
            claim, limit = f"{name} takes x products", f"<= {row.wanted:g}"
        else:
            claim, limit = f"{name} : {row.peer}", "" if row.wanted is None else f">= {row.wanted:g}"
        verdict = {True: "reached", False: "MISSED", None: ""}[row.reached]
        lines.append(f"  {claim:34s} {row.what:24s} {row.got:7.2f}  {limit:8s} {verdict}".rstrip())
    lines += [f"  {pair:34s} not measured: {', '.join(steps)}" for pair, steps in missing.items()]
    return "\n".join(lines)


def before_table(times: dict[str, dict[str, list[float]]]) -> str:
    """Give, for each step and variant, how many times faster than in the other checkout it is."""
    lines = [f"{'Times faster than before: median (quartiles)':36s}" + "".join(f"{v:>22s}" for v in OURS)]
    medians: dict[str, dict[str, float]] = {v: {} for v in OURS}
    for step, variants in times.items():
        row = f"  {step:42s}"
        for variant in OURS:
            pair = variants.get(variant + BEFORE), variants.get(variant)
            if pair[0] is None or pair[1] is None:
                row += f"{'-':>22s}"
                continue
            s = ratio(pair[0], pair[1])
            medians[variant][step] = s.median
            row += f"{f'{s.median:.3f} ({s.lower:.3f}-{s.upper:.3f})':>22s}"
        lines.append(row)
    for what, chosen in (("geometric mean", [s for s in times if s not in NEWER]), ("of the newer", NEWER)):
        if any(s in times for s in chosen):
            means = ([m[s] for s in chosen if s in m] for m in medians.values())
            lines.append(f"  {what:42s}" + "".join(f"{f'{geometric_mean(m):.3f}' if m else '-':>22s}" for m in means))
    return "\n".join(lines)


def import_table(found: dict[str, dict]) -> str:
    lines = ["Seconds to import, over `import numpy` (median of fresh processes)"]
    for name, row in found.items():
        cost = f"left out: {row['failed']}" if "failed" in row else f"{row['seconds']:8.3f} s"
        lines.append(f"  {name if name != 'numpy' else 'numpy itself':20s} {cost}")
    return "\n".join(lines)


def sweep_table(name: str, points: Points) -> str:
    """Give the µs per step (for depth: per layer) of each variant at each point of a sweep."""
    variants = list(dict.fromkeys(v for outcomes in points.values() for v in outcomes))
    unit = "µs per layer, forward and backward" if name == "depth" else "µs per step"
    lines = [f"{f'{name}: {unit}':36s}" + "".join(f"{v:>12s}" for v in variants)]
    failed: dict[str, None] = {}
    for label, outcomes in points.items():
        cells = []
        for variant in variants:
            outcome = outcomes.get(variant)
            if outcome is None:
                cells.append("")
            elif outcome.failed:
                cells.append("-")
                failed[f"  {variant} left out: {outcome.failed}"] = None
            else:
                cells.append(f"{outcome.micro / (int(label) if name == 'depth' else 1):,.1f}")
        lines.append(f"  {label:34s}" + "".join(f"{cell:>12s}" for cell in cells))
    if name == "depth":
        lines += [f"  {v}: {growth}" for v in variants if (growth := depth_growth(v, points))]
    return "\n".join([*lines, *failed])


def depth_growth(variant: str, points: Points) -> str | None:
    """Say how the cost of a layer in the deepest chain compares with that in the shallowest: about 1 if linear."""
    depths = [label for label, outcomes in points.items() if variant in outcomes and outcomes[variant].failed is None]
    if len(depths) < 2:
        return None
    first, last = ((points[label][variant].micro / int(label)) for label in (depths[0], depths[-1]))
    return f"a layer of {int(depths[-1]):,} costs {last / first:.2f} times a layer of {int(depths[0]):,}"


def accuracy_table(results: dict[str, dict]) -> str:
    lines = []
    for model, found in results.items():
        levels = list(next(iter(found.values()))["seconds"]) if found else []
        lines.append(
            f"{f'{model}: seconds from process start to':36s}"
            + "".join(f"{f'{level} %':>12s}" for level in levels)
            + f"{'accuracy':>12s}{'peak':>12s}"
        )
        for variant, row in found.items():
            if "failed" in row:
                lines.append(f"  {variant:34s}  left out: {row['failed']}")
                continue
            seconds = [typical(row["seconds"][level]) for level in levels]
            cells = ["not reached" if s is None else f"{s:.1f} s" for s in seconds]
            peak = typical(row["peak_megabytes"])
            cells += [f"{typical(row['accuracy']):.2f} %", "?" if peak is None else f"{peak:,.0f} MB"]
            lines.append(f"  {variant:34s}" + "".join(f"{cell:>12s}" for cell in cells))
    return "\n".join(lines)
