"""Study c: the gradient of a 784-20-10 net by backpropagation, and by perturbing its 15,910 weights.

    python examples/studies/weight_perturbation.py            # 20 epochs; central differences with h = 0.1: 10
    python examples/studies/weight_perturbation.py --quick    # one or two epochs of perturbation

The study trained by backpropagation, and by (L(w + h e_k) - L(w)) / h with a forward pass for each weight and h = 0.1;
that run was stopped by hand in epoch 10. Here five ways to a gradient stand behind one switch, `gradient(method, ...)`
in perturbed_gradients.py, and the 15,911 losses of a step come from tables: the same to round-off, and hundreds of
times faster.

Expected: the printed accuracies to the image; after 20 epochs 92.1 % by backpropagation, 89.8 % by the study's
perturbation, 91.9 % by its correction, 73 % by SPSA, 76 % by forward gradients. 4 minutes; --quick 40 seconds.
"""

from __future__ import annotations

import time
from functools import partial
from timeit import repeat

import numpy as np
from perturbed_gradients import (
    BACKPROP,
    BATCH,
    CENTRAL,
    CLASSES,
    FIRST,
    FORWARD,
    HIDDEN,
    INPUTS,
    PERTURBATION,
    SPSA,
    STEPS,
    WEIGHTS,
    changes_by_table,
    changes_in_batches,
    changes_one_by_one,
    deviation,
    gradient,
    logits,
    pixels,
    slope,
    split,
    train,
)
from study import COLOURS, INK, figure, run

import tinygrad_mnist as tg

PRINTED = {BACKPROP: {1: 74.04, 2: 81.60, 5: 87.20, 9: 89.73, 13: 91.19},
           PERTURBATION: {1: 73.55, 2: 80.54, 5: 85.50, 9: 87.57}}  # fmt: skip
EACH = 32  # where one forward pass per weight is too slow, it is done for one weight in so many


def whole_study(study):
    parts = study.data()
    images = np.concatenate([part.images for part in parts]).reshape(-1, INPUTS - 1)
    images = np.pad(images, ((0, 0), (0, 1)), constant_values=255)
    y = np.concatenate([part.labels for part in parts]).astype(np.int64)
    order = np.random.RandomState(42).permutation(len(y))  # as scikit-learn splits: the 7,000 to judge come first
    data = images[order[7000:]], y[order[7000:]], images[order[:7000]], y[order[:7000]]
    random, shapes = np.random.RandomState(2), [(HIDDEN, INPUTS - 1), (CLASSES, HIDDEN)]  # weights, then biases
    drawn = [(random.uniform(-0.5, 0.5, shape), random.uniform(-0.5, 0.5, shape[0])) for shape in shapes]
    w = np.concatenate([np.column_stack(layer).ravel() for layer in drawn])
    curves, ends = exact_methods(study, w, data)
    random_directions(study, w, data, curves)
    draw_training(study, curves)
    u_curve(study, w, (images[:63], y[:63]))
    batches = (images[:63], y[:63]), (data[0][:BATCH], data[1][:BATCH])
    cost(study, w, *batches)
    agreement(study, {"first weights": w, **ends}, *batches)


def exact_methods(study, w, data):
    """Train by backpropagation, by the study's perturbation and by its corrections; give curves and last weights."""
    study.section("All 20 epochs, as written and corrected")
    epochs, some, last = (2, 1, 1) if study.quick else (20, 10, 20)
    bp_end, bp, bp_off = train(BACKPROP, w, data, 20)
    start = time.perf_counter()
    wp_end, wp, wp_off = train(PERTURBATION, w, data, epochs, h=0.1)
    seconds = time.perf_counter() - start
    central = train(CENTRAL, w, data, some, h=0.1, dtype=np.float32)[1:]
    bp_new = train(BACKPROP, w, data, last, seed=1, dtype=np.float32)[1]
    new = train(CENTRAL, w, data, last, h=1e-5, seed=1, dtype=np.float32)[1:]
    for method, ours, corrected in ((BACKPROP, bp, bp_new), (PERTURBATION, wp, new[0])):
        for epoch, printed in {**PRINTED[method], 20: None}.items():
            texts = [f"{a[epoch - 1]:.2f} %" if len(a) >= epoch else "not in --quick" for a in (ours, corrected)]
            why = "no share of 7,000: 5,148 are 73.54 %, 5,149 are 73.56 %" if printed == 73.55 else ""
            text = f"{printed:.2f} %" if printed else "not reached"
            study.compare(f"{method}, accuracy after epoch {epoch}", text, *texts, why)
            if printed and epoch <= len(ours):
                study.check("as written minus printed, in points", ours[epoch - 1] - printed, -0.1, 0.1)
    angles = [np.median(a) for a in (wp_off[:STEPS, 0], wp_off[-STEPS:, 0], new[1][:, 0])]
    study.say(f"""Corrected: batches are drawn anew for each epoch, which changes backprop by
        {bp_new[last - 1] - bp[last - 1]:+.2f} points at epoch {last}, and perturbation is central,
        h = 1e-5. As written, {epochs} epochs are {epochs * STEPS * (WEIGHTS + 1):,} losses of {BATCH} images; they took
        {seconds:.0f} s, and the median angle to the gradient is {angles[0]:.0f} degrees in epoch 1, {angles[1]:.0f} in
        epoch {epochs}. Corrected it is {angles[2]:.0e} degrees.""")
    study.check("seconds for the epochs as written", seconds, 0, 600, timed=True)
    study.check(f"corrected, accuracy after epoch {last}", new[0][-1], *((72, 76) if study.quick else (91.4, 92.5)))
    study.check("corrected minus backprop on the same batches, in points", new[0][-1] - bp_new[last - 1], -0.15, 0.15)
    ends = {"after backprop": bp_end, "after perturbation": wp_end}
    causes(study, data, {"first weights": w, **ends})
    study.say(f"""Central differences of the same h and batches have no bend. Epoch {some}: central
        {central[0][-1]:.2f} %, backprop {bp[some - 1]:.2f} %, one-sided {wp[some - 1]:.2f} %.""")
    study.check("central with h = 0.1 minus backprop, in points", central[0][-1] - bp[some - 1], -0.4, 0.4)
    curves = {BACKPROP: (bp, bp_off), "one-sided, h = 0.1 (as written)": (wp, wp_off), "central, h = 0.1": central,
            "central, h = 1e-5, new batches": new}  # fmt: skip
    return curves, ends


def causes(study, data, places):
    """Show what the one-sided h = 0.1 does to a step, and that two of the study's defects did no harm."""
    images, y, rows, lowest = data[0][:6300], data[1][:6300], [], []
    for name, w in places.items():
        parts = [(images[i::10], y[i::10]) for i in range(10)]
        up, down = (np.mean([changes_by_table(w, *part, h) for part in parts], 0) for h in (0.1, -0.1))
        truth, bend = gradient(BACKPROP, w, images, y), (up + down) / 0.2
        off = [f"{100 * e:.1f} %, {a:.1f} deg" for a, e in (deviation(g, truth) for g in (up / 0.1, up / 0.1 - bend))]
        rows.append([name, *off, *map(np.linalg.norm, (truth, bend[:FIRST], bend[FIRST:])), w[FIRST:].mean()])
        lowest.append(tg.softmax(logits(tg.from_numpy(w), pixels(images, np.float64)), 1).min().item())
    heads = ["weights", "one-sided", "central", "|gradient|", "|bend| layer 1", "layer 2", "mean of layer 2"]
    study.table("h = 0.1, 6,300 images; bend = (L(w + h) + L(w - h) - 2 L(w)) / 2h = one-sided - central", heads, rows)
    means, fallen, bends = ([row[i] for row in rows] for i in (-1, 3, 5))
    study.say(f"""The one-sided quotient is the central one plus the bend. In layer 2 that is positive for
        {100 * (bend[FIRST:] > 0).mean():.0f} % of the weights, so each step pushes layer 2 down; and while the gradient
        goes from {fallen[0]:.2f} to {fallen[2]:.2f}, the bend of layer 2 goes from {bends[0]:.2f} to {bends[2]:.2f}.
        A push common to all ten classes changes no probability, so nothing holds against it: the mean of layer 2, which
        backprop keeps within {abs(means[1] - means[0]):.0e}, goes to {means[2]:.3f}.""")
    study.check("mean weight of layer 2, moved by backprop", means[1] - means[0], -1e-12, 1e-12)
    study.check("moved by perturbation", means[2] - means[0], -20, -0.1)
    turned = np.abs(gradient(BACKPROP, w, images[::-1], y[::-1]) - truth).max()
    study.say(f"""Two defects did no harm. Another order inside a batch changes the gradient by {turned:.0e} at most, so
        it is no shuffling. log(0) never came: the lowest probability of a class is {min(lowest):.0e} here.""")


def random_directions(study, w, data, curves):
    """Train with the two estimators that look along one random direction per step; add their curves."""
    study.section("SPSA and the forward gradient: one random direction per step")
    epochs, tried, slack = (3, 1, 0.4) if study.quick else (20, 8, 0.15)
    slow = train(BACKPROP, w, data, epochs, 0.01, dtype=np.float32)[1]
    rows = []
    for method, h in ((SPSA, 1e-3), (FORWARD, None)):
        _, accuracy, off = train(method, w, data, epochs, 0.01, h, dtype=np.float32)
        curves[f"{method}, lr 0.01"] = accuracy, off
        others = {lr: train(method, w, data, tried, lr, h, dtype=np.float32)[1][-1] for lr in (0.003, 0.03)}
        at = {0.003: others[0.003], 0.01: accuracy[tried - 1], 0.03: others[0.03]}
        at[0.1] = train(method, w, data, 1, 0.1, h)[1][0]
        rows.append([method, *(f"{a:.1f} %" for a in at.values())])
        best = max((0.003, 0.01, 0.03), key=at.get)
        study.say(f"""{method}: median angle {np.median(off[:, 0]):.2f} degrees, median error {np.median(off[:, 1]):.0f}
            gradients; {accuracy[-1]:.1f} % after {epochs * STEPS} steps of lr 0.01. Of 0.003, 0.01 and 0.03 the best
            after {tried} epochs is {best}.""")
        share = (np.cos(np.radians(off[:, 0])) ** 2).mean() * WEIGHTS
        study.check(f"mean squared cosine times {WEIGHTS:,} weights (in theory 1)", share, 1 - slack, 1 + slack)
        study.check("accuracy in percent", accuracy[-1], *((20, 55) if study.quick else (69, 79)))
        if not study.quick:
            study.check("best rate of the three", best, 0.01, 0.01)
    study.table(f"Accuracy by learning rate after {tried} epochs, at 0.1 after one",
                ["method", "0.003", "0.01", "0.03", "0.1, the study's"], rows)  # fmt: skip
    fast = curves[BACKPROP][0][epochs - 1]
    ahead = [f"{slow[-1] - curves[f'{method}, lr 0.01'][0][-1]:.1f}" for method in (SPSA, FORWARD)]
    study.say(f"""Right on average, wrong at every step: of the square of a random direction, 1 / {WEIGHTS:,} is on the
        gradient, so its error (root mean square) is {WEIGHTS**0.5:.0f} gradients. Small steps average it, larger ones
        do not, so these two need a smaller rate than the study's 0.1. With their rate, 0.01, backprop reaches
        {slow[-1]:.1f} % in as many steps, {" and ".join(ahead)} points ahead; the rest of its lead, to {fast:.1f} %, is
        that of the larger rate which an exact gradient allows.""")
    study.check("backprop with lr 0.01, percent", slow[-1], *((30, 75) if study.quick else (78, 82)))


def draw_training(study, curves):
    """Draw errors by epoch, and for each step its angle to the gradient, and 1 - cosine for the small ones."""
    made, (left, middle, right) = figure(13, 4.2, columns=3)
    for (name, (accuracy, off)), colour in zip(curves.items(), [INK, *COLOURS], strict=False):
        left.plot(range(1, len(accuracy) + 1), 100 - np.array(accuracy), ".-", ms=4, color=colour, label=name)
        steps = np.arange(1, len(off) + 1)
        middle.plot(steps, off[:, 0], color=colour, linewidth=0.7)
        right.plot(steps, 2 * np.sin(np.radians(off[:, 0]) / 2) ** 2, color=colour, linewidth=0.7)
    rings = [(epoch, 100 - accuracy) for printed in PRINTED.values() for epoch, accuracy in printed.items()]
    left.plot(*zip(*rings, strict=True), "o", mfc="none", mec=INK, label="printed")
    left.set(xlabel="epoch", ylabel="validation error (%)", xticks=range(0, 21, 5), ylim=(5, 90), yscale="log")
    left.set_yticks([5, 10, 20, 40, 80], ["5", "10", "20", "40", "80"], minor=False)
    left.minorticks_off()
    middle.set(xlabel="step", ylabel="angle to the gradient (degrees)", ylim=(-3, 95), yticks=range(0, 91, 15))
    right.set(xlabel="step", ylabel="1 - cosine to the gradient", yscale="log")
    made.legend(*left.get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=4)
    study.picture(made, "training", """Errors (rings are printed), and the angle and the cosine of each step to its
        gradient: 1 - cosine is 0 for the gradient itself and 1 for a direction that knows nothing.""")  # fmt: skip


def u_curve(study, w, batch63):
    study.section("One gradient, a batch of 63: error against step size")
    truth, steps = gradient(BACKPROP, w, *batch63), 10.0 ** -np.arange(1, 8.1, 1 if study.quick else 0.5)
    found = {f"{kind}, {bits}": [] for bits in ("float64", "float32") for kind in ("one-sided", "central")}
    for h in steps:
        for bits in ("float64", "float32"):
            up, down = (changes_in_batches(w.astype(bits), *batch63, s).astype(np.float64) for s in (h, -h))
            found[f"one-sided, {bits}"].append(deviation(up / h, truth))
            found[f"central, {bits}"].append(deviation((up - down) / (2 * h), truth))
    angles, errors = ({name: np.array(off)[:, i] for name, off in found.items()} for i in (0, 1))
    rows = [[f"{h:.1e}", *(f"{errors[n][i]:.1e}, {angles[n][i]:.1e}" for n in found)] for i, h in enumerate(steps)]
    study.table("Error relative to the gradient, and angle in degrees", ["h", *found], rows)
    say_where_central_loses(study, steps, errors, np.abs(pixels(batch63[0], np.float64) @ split(w)[0].T))
    bounds = [(1e-8, 1e-6, 1e-5), (1e-6, 1e-4, 3e-9), (1e-3, 3e-2, 5e-2), (1e-4, 1e-2, 1e-2)]
    made, ax = figure(7.5, 3.8)
    for i, (name, (low, high, worst)) in enumerate(zip(found, bounds, strict=True)):
        study.check(f"{name}: best h", steps[errors[name].argmin()], low / 1.01, high * 1.01)
        study.check(f"{name}: error there", errors[name].min(), 0, worst)
        ax.loglog(steps, errors[name], ["o-", "o--"][i // 2], color=COLOURS[i % 2], markersize=4, label=name)
    ax.axhline(1, color=INK, linewidth=0.8)
    ax.set(xlabel="step size h", ylabel="error relative to the gradient", yticks=10.0 ** np.arange(-10, 3, 2))
    ax.invert_xaxis()
    ax.legend(fontsize=8, loc="lower left")
    study.picture(made, "u_curve", "Truncation left, round-off right; above the black line, 0 is a better guess.")
    study.say("The study printed nothing of this; the printed numbers of this part were measured later.")
    fine, one, two = int(np.abs(steps - 1e-5).argmin()), "one-sided, float64", "central, float64"
    gap, fine_gap = (2 * np.sin(np.radians(angles[name][i]) / 2) ** 2 for name, i in ((one, 0), (two, fine)))
    error, fine_error, count = errors[one][0], errors[two][fine], np.count_nonzero(truth)
    black = INPUTS - np.any(batch63[0], 0).sum()
    why = f"{black} pixels are black in all 63 images: {black * HIDDEN:,} weights; other units are off"
    study.compare("cosine to backprop, h = 0.1", "0.9968", f"{1 - gap:.4f}", f"1 - {fine_gap:.0e}", "central, h = 1e-5")
    study.compare("relative error, h = 0.1", "8.8 %", f"{100 * error:.1f} %", f"{fine_error:.1e}", "central, h = 1e-5")
    study.compare("central, h = 1e-5: 1 - cosine, error", "3e-16, 7.8e-10", f"{fine_gap:.0e}, {fine_error:.1e}", "",
                  "round-off: the order of sums decides; our cosine is from the angle, so below eps")  # fmt: skip
    study.compare("gradients that are not 0", "8,473 of 15,910", f"{count:,} of {WEIGHTS:,}", "", why)
    study.check("error", error, 0.0875, 0.089)
    study.check("gradients that are not 0", count, 8473, 8473)


def say_where_central_loses(study, steps, errors, hidden):
    """Say how the errors fall with h, and where central differences do worse than their order promises."""
    one, central = errors["one-sided, float64"], errors["central, float64"]
    smooth = (steps < 1.1e-3) & (steps > 0.9e-4)
    orders = [np.polyfit(np.log(steps[smooth]), np.log(e[smooth]), 1)[0] for e in (one, central)]
    worse = [f"{h:.1e}" for h, a, b in zip(steps, one, central, strict=True) if b > a]
    first, second = (int(np.abs(steps - h).argmin()) for h in (0.1, 0.01))
    kinks = [int((hidden < h).sum()) for h in (0.1, 0.01, 0.001)]
    study.say(f"""Between h = 1e-3 and 1e-4 the one-sided error falls as h to the power {orders[0]:.2f}, the central
        one to the power {orders[1]:.2f}; further down round-off of the losses takes over, growing as 1 / h. Above, from
        0.1 to 0.01, central falls only by {central[first] / central[second]:.1f}, where its square law promises 100:
        {kinks[0]} and {kinks[1]} of {hidden.size:,} hidden values lie within h of the kink of ReLU, {kinks[2]} within
        0.001. In float64 the central error is the larger one at h = {", ".join(worse) or "none of these"}.""")
    study.check("order of one-sided differences", orders[0], 0.95, 1.05)
    study.check("order of central differences", orders[1], 1.95, 2.05)
    study.check("central error at 0.1 over that at 0.01 (square law: 100)", central[first] / central[second], 2, 20)


def cost(study, w, batch63, batch):
    """Time one gradient by each method."""
    study.section("What a gradient costs")
    rng, which = np.random.default_rng(0), np.arange(0, WEIGHTS, EACH)
    ways = [
        ("backprop", "1, 1 back", 5, lambda *b: gradient(BACKPROP, w, *b)),
        ("perturbation, one pass per weight", "15,911", 1, lambda *b: changes_one_by_one(w, *b, 0.1, which)),
        ("perturbation, in batches", "15,911 at once", 1, lambda *b: changes_in_batches(w, *b, 0.1)),
        ("perturbation, by tables", "15,911 at once", 5, lambda *b: gradient(PERTURBATION, w, *b, 0.1)),
        ("central, by tables", "31,820 at once", 5, lambda *b: gradient(CENTRAL, w, *b, 1e-5)),
        ("SPSA", "2", 5, lambda *b: gradient("SPSA", w, *b, 1e-3, rng)),
        ("forward gradient", "1, 2 back", 5, lambda *b: gradient("forward gradient", w, *b, None, rng)),
    ]
    rows = [
        [name, passes, *(1e3 * min(repeat(partial(way, *b), number=1, repeat=times)) for b in (batch63, batch))]
        for name, passes, times, way in ways
    ]
    rows[1][2:] = [WEIGHTS / len(which) * spent for spent in rows[1][2:]]  # only some were timed
    study.table("Milliseconds per gradient, float64", ["method", "passes", "batch 63", "batch 630"], rows)
    bp, each, _, table = (row[2] for row in rows[:4])
    study.compare("backprop, pass per weight, batch 63", "0.19 ms, 1.85 s: 9,500x",
                  f"{bp:.2f} ms, {each / 1e3:.2f} s: {each / bp:,.0f}x", f"tables: {table:.1f} ms, {table / bp:.0f}x",
                  f"another machine: a pass takes {each / WEIGHTS:.2f} ms here, 0.12 ms there")  # fmt: skip
    study.check(
        "one pass per weight against tables, batch 630: times slower", rows[1][3] / rows[3][3], 20, 1e5, timed=True
    )


def agreement(study, places, batch63, batch):
    """Show that the ways to the same numbers agree, at the first weights and at those that training ended with."""
    study.section("The fast ways give the same numbers")
    v, which, x, y = np.random.default_rng(0).standard_normal(WEIGHTS), np.arange(0, WEIGHTS, EACH), batch[0], batch[1]
    rows = []
    for name, w in places.items():
        passes, tables = changes_one_by_one(w, *batch, 0.1, which), changes_by_table(w, *batch, 0.1)[which]
        tables63, batches63 = changes_by_table(w, *batch63, -0.1), changes_in_batches(w, *batch63, -0.1)
        turned = slope(w, pixels(x, np.float64), y, v) - gradient(BACKPROP, w, *batch) @ v
        gaps = [np.abs(gap).max() for gap in (tables - passes, tables63 - batches63, turned)]
        rows.append([name, *gaps])
        study.check(f"{name}: largest of these differences", max(gaps), 0, 1e-12)
        study.check(f"{name}: largest change of the loss by one weight", np.abs(passes).max(), 1e-4, 10)
    columns = ["at", f"tables - one pass per weight ({len(which)} weights)", "tables - batches of tensors (all)",
               "slope by two backward passes - gradient . v"]  # fmt: skip
    study.table("Largest differences, float64", columns, rows)


if __name__ == "__main__":
    run("weight_perturbation", "Study c: weight perturbation against backpropagation", whole_study, __doc__)
