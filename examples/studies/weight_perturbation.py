"""Study c: the gradient of a 784-20-10 net by backpropagation, and by perturbing its 15,910 weights.

    python examples/studies/weight_perturbation.py            # 20 epochs; central differences with h = 0.1: 10
    python examples/studies/weight_perturbation.py --quick    # one or two epochs of perturbation

The study trained by backpropagation, and by (L(w + h e_k) - L(w)) / h with a forward pass for each weight and h = 0.1;
that run was stopped by hand in epoch 10. Here five ways to a gradient stand behind one switch, `gradient(method, ...)`,
and the 15,911 losses of a step come from tables: exact to round-off, and hundreds of times faster.

Expected: the printed accuracies to the image; after 20 epochs 92.1 % by backpropagation, 89.8 % by the study's
perturbation, 91.9 % by its correction, 73 % by SPSA, 76 % by forward gradients. 4 minutes; --quick 40 seconds.
"""

from __future__ import annotations

import time
from functools import partial
from timeit import repeat

import numpy as np
from study import COLOURS, INK, figure, run

import tinygrad_mnist as tg
from tinygrad_mnist.nn import functional as F

INPUTS, HIDDEN, CLASSES = 785, 20, 10  # the 785th pixel is white in all images: its weights are the biases
FIRST, WEIGHTS = HIDDEN * INPUTS, HIDDEN * INPUTS + CLASSES * (HIDDEN + 1)
BATCH, STEPS, BACKPROP, PERTURBATION = 630, 100, "backprop", "weight perturbation"
PRINTED = {BACKPROP: {1: 74.04, 2: 81.60, 5: 87.20, 9: 89.73, 13: 91.19},
           PERTURBATION: {1: 73.55, 2: 80.54, 5: 85.50, 9: 87.57}}  # fmt: skip


def split(w):
    """Read the one vector of all weights as two layers (20, 785) and (10, 21), biases in the last column."""
    return w[:FIRST].reshape(HIDDEN, INPUTS), w[FIRST:].reshape(CLASSES, HIDDEN + 1)


def logits(w, x):
    first, second = split(w)
    return F.linear(tg.relu(F.linear(x, first)), second[:, :HIDDEN], second[:, HIDDEN])


def loss(w, x, y):
    return F.cross_entropy(logits(w, x), y)


def loss_at(w, x, y):
    return loss(tg.from_numpy(w), tg.from_numpy(x), y).item()


def pixels(images, dtype):
    return images.astype(dtype) / dtype(255)


def changes_one_by_one(w, images, y, h, which):
    """Compute L(w + h e_k) - L(w) as the study did: for each k a copy of all weights and a forward pass."""
    x, found = pixels(images, w.dtype.type), []
    for k in which:
        moved = w.copy()
        moved[k] += h
        found.append(loss_at(moved, x, y))
    return np.array(found) - loss_at(w, x, y)


def changes_in_batches(w, images, y, h):
    """Compute the same for all weights of a unit at once: those of hidden unit j move the logits along column j of the
    second layer, those of class c move logit c."""
    x, (first, second) = tg.from_numpy(pixels(images, w.dtype.type)), split(tg.from_numpy(w))
    z, one_hot = F.linear(x, first), tg.eye(CLASSES, dtype=x.dtype)
    a1 = tg.cat([tg.relu(z), tg.ones(len(y), 1, dtype=x.dtype)], 1)
    out = tg.unsqueeze(F.linear(a1, second), 1)

    def losses(moves):  # (N, weights, classes): what each weight's perturbation adds to the logits
        return (tg.logsumexp(out + moves, 2) - ((out + moves) * tg.unsqueeze(one_hot[y], 1)).sum(2)).mean(0)

    of_units = [tg.relu(z[:, j : j + 1] + h * x) - a1[:, j : j + 1] for j in range(HIDDEN)]
    found = [losses(tg.unsqueeze(moves, 2) * second[:, j]) for j, moves in enumerate(of_units)]
    found += [losses(h * tg.unsqueeze(a1, 2) * one_hot[c]) for c in range(CLASSES)]
    here = losses(tg.zeros(len(y), INPUTS, CLASSES, dtype=x.dtype))[0]  # summed in the same order as the others
    return (tg.cat(found, 0) - here).numpy()


def changes_by_table(w, images, y, h):
    """Compute the same without subtracting losses, in plain NumPy, because it is look-ups.

    A pixel has 256 levels, so moving a weight of hidden unit j changes the loss of image n by one of 256 numbers,
    table[n, level, j], and by none where the pixel is black, as four of five are. With probabilities p, logits moved
    by m change the loss by log(sum_c p_c exp(m_c)) - m_y.
    """
    real = w.dtype.type
    first, second = split(w)
    columns, one_hot = np.ascontiguousarray(second[:, :HIDDEN].T), np.eye(CLASSES, dtype=real)[y]
    z = pixels(images, real) @ first.T
    a = np.maximum(z, 0)
    p = tg.softmax(tg.from_numpy(a @ columns + second[:, HIDDEN]), 1).numpy()

    # A unit that stays on moves by h * level / 255 in every image, so the images share their exponentials.
    shift = np.arange(256, dtype=real) * real(h / 255)
    grown = np.expm1(shift[:, None, None] * columns).reshape(256 * HIDDEN, CLASSES)
    table = np.log1p(p @ grown.T).reshape(len(y), 256, HIDDEN)
    table -= shift[:, None] * columns.T[y][:, None, :]
    table *= (z > 0)[:, None, :]
    # A unit within h of its kink may go on or off on the way: these few have exponentials of their own.
    row, unit = np.nonzero(np.abs(z) <= abs(h))
    moved = np.maximum(z[row, unit][:, None] + shift, 0) - a[row, unit][:, None]
    grown = np.expm1(moved[:, :, None] * columns[unit][:, None, :])
    table[row, :, unit] = np.log1p((grown @ p[row][:, :, None])[:, :, 0]) - moved * columns[unit, y[row]][:, None]

    of_units = np.zeros((INPUTS, HIDDEN), real)
    pixel, row = np.nonzero(images.T)  # in the order of pixels
    starts = np.flatnonzero(np.diff(pixel, prepend=-1))
    of_units[pixel[starts]] = np.add.reduceat(table.reshape(-1, HIDDEN)[row * 256 + images[row, pixel]], starts)
    moved = real(h) * np.column_stack([a, np.ones(len(y), real)])[:, None, :]
    of_classes = (np.log1p(p[:, :, None] * np.expm1(moved)) - moved * one_hot[:, :, None]).sum(0)
    return np.concatenate([of_units.T.ravel(), of_classes.ravel()]) / real(len(y))


def slope(w, x, y, v):
    """Compute the derivative of the loss along v by two backward passes: g = u dL/dw is linear in its cotangent u, so
    that of g . v by u is dL/dw . v. True forward mode, which the package lacks, would be one pass of twice the work."""
    leaf, u = tg.tensor(w, requires_grad=True), tg.ones((), dtype=w.dtype, requires_grad=True)
    (g,) = tg.autograd.grad(loss(leaf, x, y), leaf, grad_outputs=u, create_graph=True)
    return tg.autograd.grad((g * v).sum(), u)[0].item()


def gradient(method, w, images, y, h=None, rng=None):
    """Compute or estimate the gradient of the mean loss of a batch by all weights, an array like w."""
    real = w.dtype.type
    x, leaf = pixels(images, real), tg.tensor(w, requires_grad=True)
    if method == BACKPROP:
        return tg.autograd.grad(loss(leaf, x, y), leaf)[0].numpy()
    if method == PERTURBATION:
        return changes_by_table(w, images, y, h) / real(h)
    if method == "central differences":
        return (changes_by_table(w, images, y, h) - changes_by_table(w, images, y, -h)) / real(2 * h)
    if method == "SPSA":
        signs = rng.choice(np.array([-1, 1], real), w.size)
        return signs * real((loss_at(w + real(h) * signs, x, y) - loss_at(w - real(h) * signs, x, y)) / (2 * h))
    assert method == "forward gradient", method
    v = rng.standard_normal(w.size, real)
    return v * real(slope(w, x, y, v))


def deviation(g, truth):
    """Give the angle of g to the true gradient in degrees, good to round-off, and |g - truth| / |truth|."""
    g, truth = g.astype(np.float64), truth.astype(np.float64)
    a, b = (v / (np.linalg.norm(v) or 1) for v in (g, truth))
    angle = 2 * np.degrees(np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b)))
    return angle, np.linalg.norm(g - truth) / np.linalg.norm(truth)


def train(method, w, data, epochs, lr=0.1, h=None, seed=None, dtype=np.float64):
    """Train as the study did, with a seed on new batches in each epoch; give weights, accuracy after each epoch, and
    angle and error of each step."""
    images, y, judge_images, judge_y = data
    weights = tg.tensor(w.astype(dtype), requires_grad=True)
    optimizer = tg.optim.SGD([weights], lr=lr)
    shuffler, directions = np.random.default_rng(seed), np.random.default_rng(0)
    accuracy, off, order = [], [], np.arange(len(y))
    for _ in range(epochs):
        order = order if seed is None else shuffler.permutation(len(y))
        for rows in order.reshape(STEPS, BATCH):
            g = gradient(method, weights.array, images[rows], y[rows], h, directions)
            if method != BACKPROP:
                off.append(deviation(g, gradient(BACKPROP, weights.array, images[rows], y[rows])))
            weights.grad = tg.from_numpy(g)
            optimizer.step()
        guesses = logits(weights.detach(), pixels(judge_images, dtype)).argmax(1).numpy()
        accuracy.append(100 * float((guesses == judge_y).mean()))
    return weights.array, accuracy, np.array(off).reshape(-1, 2)


def study(study):
    parts = study.data()
    images = np.concatenate([part.images for part in parts]).reshape(-1, INPUTS - 1)
    images = np.pad(images, ((0, 0), (0, 1)), constant_values=255)
    y = np.concatenate([part.labels for part in parts]).astype(np.int64)
    order = np.random.RandomState(42).permutation(len(y))  # as scikit-learn splits: the 7,000 to judge come first
    data = images[order[7000:]], y[order[7000:]], images[order[:7000]], y[order[:7000]]
    random, shapes = np.random.RandomState(2), [(HIDDEN, INPUTS - 1), (CLASSES, HIDDEN)]  # weights, then biases
    drawn = [(random.uniform(-0.5, 0.5, shape), random.uniform(-0.5, 0.5, shape[0])) for shape in shapes]
    w = np.concatenate([np.column_stack(layer).ravel() for layer in drawn])
    curves = exact_methods(study, w, data)
    random_directions(study, w, data, curves)
    draw_training(study, curves)
    u_curve(study, w, (images[:63], y[:63]))
    cost(study, w, (images[:63], y[:63]), (data[0][:BATCH], data[1][:BATCH]))


def exact_methods(study, w, data):
    """Train by backpropagation, by the study's perturbation and by its corrections; give their curves."""
    study.section("All 20 epochs, as written and corrected")
    epochs, some, last = (2, 1, 1) if study.quick else (20, 10, 20)
    bp_end, bp, bp_off = train(BACKPROP, w, data, 20)
    start = time.perf_counter()
    wp_end, wp, wp_off = train(PERTURBATION, w, data, epochs, h=0.1)
    seconds = time.perf_counter() - start
    central = train("central differences", w, data, some, h=0.1, dtype=np.float32)[1:]
    bp_new = train(BACKPROP, w, data, last, seed=1, dtype=np.float32)[1]
    new = train("central differences", w, data, last, h=1e-5, seed=1, dtype=np.float32)[1:]
    for method, ours, corrected in ((BACKPROP, bp, bp_new), (PERTURBATION, wp, new[0])):
        for epoch, printed in {**PRINTED[method], 20: None}.items():
            texts = [f"{a[epoch - 1]:.2f} %" if len(a) >= epoch else "not in --quick" for a in (ours, corrected)]
            why = "no share of 7,000: 5,148 are 73.54 %, 5,149 are 73.56 %" if printed == 73.55 else ""
            text = f"{printed:.2f} %" if printed else "not reached"
            study.compare(f"{method}, accuracy after epoch {epoch}", text, *texts, why)
            if printed and epoch <= len(ours):
                study.check("as written minus printed, in points", ours[epoch - 1] - printed, -0.1, 0.1)
    angles = [np.median(a) for a in (wp_off[:STEPS, 0], wp_off[-STEPS:, 0], new[1][:, 0])]
    study.say(f"""Corrected: batches are drawn anew for each epoch (no gain: see backprop), and perturbation is central,
        h = 1e-5. As written, {epochs} epochs are {epochs * STEPS * (WEIGHTS + 1):,} losses of {BATCH} images; they took
        {seconds:.0f} s, and the median angle to the gradient is {angles[0]:.0f} degrees in epoch 1, {angles[1]:.0f} in
        epoch {epochs}. Corrected it is {angles[2]:.0e} degrees.""")
    study.check("seconds for the epochs as written", seconds, 0, 600)
    study.check(f"corrected, accuracy after epoch {last}", new[0][-1], *((72, 76) if study.quick else (91.4, 92.5)))
    study.check("corrected minus backprop on the same batches, in points", new[0][-1] - bp_new[last - 1], -0.15, 0.15)
    causes(study, data, {"first weights": w, "after backprop": bp_end, "after perturbation": wp_end})
    study.say(f"""Without bend, central differences of the same h and batches keep up, so the bend is what costs: epoch
        {some}, central {central[0][-1]:.2f} %, backprop {bp[some - 1]:.2f} %, one-sided {wp[some - 1]:.2f} %.""")
    study.check("central with h = 0.1 minus backprop, in points", central[0][-1] - bp[some - 1], -0.4, 0.4)
    return {BACKPROP: (bp, bp_off), "one-sided, h = 0.1 (as written)": (wp, wp_off), "central, h = 0.1": central,
            "central, h = 1e-5, new batches": new}  # fmt: skip


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
    means = [row[-1] for row in rows]
    study.say(f"""The one-sided quotient is the central one plus the bend. That is mostly of layer 2, is positive for
        {100 * (bend[FIRST:] > 0).mean():.0f} % of its weights, and does not fall as the gradient falls: each step
        pushes layer 2 down. A push common to all ten classes changes no probability, so nothing holds against it: the
        mean of layer 2, which backprop keeps within {abs(means[1] - means[0]):.0e}, goes to {means[2]:.3f}.""")
    study.check("mean weight of layer 2, moved by backprop", means[1] - means[0], -1e-12, 1e-12)
    study.check("moved by perturbation", means[2] - means[0], -20, -0.1)
    turned = np.abs(gradient(BACKPROP, w, images[::-1], y[::-1]) - truth).max()
    study.say(f"""Two defects did no harm. Another order inside a batch changes the gradient by {turned:.0e} at most, so
        it is no shuffling. log(0) never came: the lowest probability of a class is {min(lowest):.0e} here.""")


def random_directions(study, w, data, curves):
    """Train with the two estimators that look along one random direction per step; add their curves."""
    study.section("SPSA and the forward gradient: one random direction per step")
    epochs, slack = (3, 0.4) if study.quick else (20, 0.15)
    for method, h in (("SPSA", 1e-3), ("forward gradient", None)):
        _, accuracy, off = train(method, w, data, epochs, 0.01, h, dtype=np.float32)
        curves[f"{method}, lr 0.01"] = accuracy, off
        passed = next(epoch for epoch, a in enumerate(curves[BACKPROP][0], 1) if a > accuracy[-1])
        study.say(f"""{method}: median angle {np.median(off[:, 0]):.2f} degrees, median error {np.median(off[:, 1]):.0f}
            gradients; {accuracy[-1]:.1f} % after {epochs * STEPS} steps, which backprop passes within {passed * STEPS}.
            With the study's lr = 0.1 it falls to {train(method, w, data, 1, 0.1, h)[1][0]:.1f} % in one epoch.""")
        share = (np.cos(np.radians(off[:, 0])) ** 2).mean() * WEIGHTS
        study.check(f"mean squared cosine times {WEIGHTS:,} weights (in theory 1)", share, 1 - slack, 1 + slack)
        study.check("accuracy in percent", accuracy[-1], *((20, 55) if study.quick else (66, 80)))
    study.say(f"""Right on average, wrong at every step: of the square of a random direction, 1 / {WEIGHTS:,} is on the
        gradient, so its error (root mean square) is {WEIGHTS**0.5:.0f} gradients; small steps average it, slowly.""")


def draw_training(study, curves):
    made, (left, right) = figure(9.6, 4.0, columns=2)
    for (name, (accuracy, off)), colour in zip(curves.items(), [INK, *COLOURS], strict=False):
        left.plot(range(1, len(accuracy) + 1), 100 - np.array(accuracy), ".-", ms=4, color=colour, label=name)
        right.plot(np.arange(1, len(off) + 1), off[:, 0], color=colour, linewidth=0.7)
    rings = [(epoch, 100 - accuracy) for printed in PRINTED.values() for epoch, accuracy in printed.items()]
    left.plot(*zip(*rings, strict=True), "o", mfc="none", mec=INK, label="printed")
    left.set(xlabel="epoch", ylabel="validation error (%)", xticks=range(0, 21, 5), ylim=(3, 90), yscale="log")
    left.set_yticks([5, 10, 20, 40, 80], ["5", "10", "20", "40", "80"], minor=False)
    left.minorticks_off()
    right.set(xlabel="step", ylabel="angle to the gradient (degrees)", ylim=(-3, 95), yticks=range(0, 91, 15))
    left.legend(fontsize=8, loc="lower left", ncols=2)
    study.picture(made, "training", "Errors (rings are printed), and the angle of each step to its gradient.")


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
    kinks = [(np.abs(pixels(batch63[0], np.float64) @ split(w)[0].T) < h).sum() for h in (0.1, 0.01, 0.001)]
    study.say(f"""One-sided error falls as h, central as its square, until round-off of the losses takes over, growing
        as 1 / h. At 0.1 and 0.01 central is worse: {kinks[0]} and {kinks[1]} of 1,260 hidden values lie within h of the
        kink of ReLU, {kinks[2]} within 0.001.""")
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
    study.say("The study printed nothing of this; the following numbers were measured when it was reviewed.")
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


def cost(study, w, batch63, batch):
    """Time one gradient by each method, and show that the ways to the same numbers agree."""
    study.section("What a gradient costs")
    rng, which = np.random.default_rng(0), np.arange(0, WEIGHTS, 32)
    ways = [
        ("backprop", "1, 1 back", 5, lambda *b: gradient(BACKPROP, w, *b)),
        ("perturbation, one pass per weight", "15,911", 1, lambda *b: changes_one_by_one(w, *b, 0.1, which)),
        ("perturbation, in batches", "15,911 at once", 1, lambda *b: changes_in_batches(w, *b, 0.1)),
        ("perturbation, by tables", "15,911 at once", 5, lambda *b: gradient(PERTURBATION, w, *b, 0.1)),
        ("central, by tables", "31,820 at once", 5, lambda *b: gradient("central differences", w, *b, 1e-5)),
        ("SPSA", "2", 5, lambda *b: gradient("SPSA", w, *b, 1e-3, rng)),
        ("forward gradient", "1, 2 back", 5, lambda *b: gradient("forward gradient", w, *b, None, rng)),
    ]
    rows = [
        [name, passes, *(1e3 * min(repeat(partial(way, *b), number=1, repeat=times)) for b in (batch63, batch))]
        for name, passes, times, way in ways
    ]
    rows[1][2:] = [WEIGHTS / len(which) * spent for spent in rows[1][2:]]  # a pass for one in 32 was timed
    study.table("Milliseconds per gradient, float64", ["method", "passes", "batch 63", "batch 630"], rows)
    bp, each, _, table = (row[2] for row in rows[:4])
    study.compare("backprop, pass per weight, batch 63", "0.19 ms, 1.85 s: 9,500x",
                  f"{bp:.2f} ms, {each / 1e3:.2f} s: {each / bp:,.0f}x", f"tables: {table:.1f} ms, {table / bp:.0f}x",
                  f"another machine: a pass takes {each / WEIGHTS:.2f} ms here, 0.12 ms there")  # fmt: skip
    v, x, y = rng.standard_normal(WEIGHTS), pixels(batch[0], np.float64), batch[1]
    passes, tables = changes_one_by_one(w, *batch, 0.1, which), changes_by_table(w, *batch, 0.1)[which]
    tables63, batches63 = changes_by_table(w, *batch63, -0.1), changes_in_batches(w, *batch63, -0.1)
    for what, gap in (
        (f"tables minus one pass per weight, {len(which)} weights", tables - passes),
        ("tables minus batches of tensors, all weights", tables63 - batches63),
        ("slope by two backward passes minus gradient . v", slope(w, x, y, v) - gradient(BACKPROP, w, *batch) @ v),
    ):
        study.check(f"{what}, largest difference", np.abs(gap).max(), 0, 1e-12)
    study.check("one pass per weight against tables, batch 630: times slower", rows[1][3] / rows[3][3], 20, 1e5)


if __name__ == "__main__":
    run("weight_perturbation", "Study c: weight perturbation against backpropagation", study, __doc__)
