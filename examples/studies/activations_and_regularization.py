"""Study b: a NumPy net against sigmoid, ReLU and convolutional ones; dropout and L2 in a grid.

    python examples/studies/activations_and_regularization.py            # 8 minutes on 2 cores
    python examples/studies/activations_and_regularization.py --quick    # 40 seconds

The study trained a 784-128-10 net sample by sample, then nets in Keras (sigmoid, ReLU, a grid of dropout and L2 over
three sigmoid layers, a convolution), and printed .0986 for its own net and .1135 for the convolution. Both numbers are
the share of one class: a net that gives the same answer to every image. Here every part runs as written and corrected;
the grid is in regularization_grid.py. Expected: the printed rule reaches .86-.88 test accuracy after 8,000 samples; the
best cell of the corrected grid .97 (printed: .59 in cross-validation); at one learning rate and batch the convolution
with ReLU is first with .98. The .1135 is not reproduced: the net as it was recorded learns.
"""

from __future__ import annotations

import time
from functools import partial

import numpy as np
import regularization_grid as grid
from regularization_grid import constant_predictor, constants_that_score, delayed, dense, listed, spread, start, train
from study import COLOURS, INK, figure, run

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.training import predict

NETS = {  # the matched nets: how each is made, and the lowest test accuracy that is right after 3 epochs
    "sigmoid, U(±.5)": (partial(dense, nn.Sigmoid, bound=0.5), 0.94), "sigmoid": (partial(dense, nn.Sigmoid), 0.94),
    "ReLU": (partial(dense, nn.ReLU), 0.963),
}  # fmt: skip


def convolutional(activation, **how):
    """32 filters of 3x3, pooled by 2, then 128 units."""
    filters = nn.Conv2d(1, 32, 3), activation(), nn.MaxPool2d(2), nn.Flatten()
    return start(nn.Sequential(*filters, nn.Linear(32 * 13 * 13, 128), activation(), nn.Linear(128, 10)), **how)


NETS["convolution, ReLU"] = partial(convolutional, nn.ReLU), 0.98

# ---------------------------------------------------------------- part 2


def halves(seed):
    """Start as the study does: weights and biases from U(-.5, .5)."""
    rng = np.random.default_rng(seed)
    return [rng.uniform(-0.5, 0.5, shape) for shape in ((784, 128), (128,), (128, 10), (10,))]


def printed_rule(weights, images, labels, lr=0.2):
    """Change weights after every sample, in the order of the file: the study's own lines, to compare ours with."""
    w1, b1, w2, b2 = weights
    for x, label in zip(images, labels, strict=True):
        h = 1 / (1 + np.exp(-(x @ w1 + b1)))
        e = np.exp(h @ w2 + b2)
        delta2 = e / e.sum()
        delta2[label] -= 1  # softmax minus one-hot
        delta1 = (w2 @ delta2) * h * (1 - h)
        w2 -= lr * np.outer(h, delta2)
        b2 -= lr * delta2
        w1 -= lr * np.outer(x, delta1)
        b1 -= lr * delta1


def numpy_net(seed):
    """Make the study's net of our layers."""
    model = nn.Sequential(nn.Linear(784, 128, dtype=np.float64), nn.Sigmoid(), nn.Linear(128, 10, dtype=np.float64))
    for parameter, w in zip(model.parameters(), halves(seed), strict=True):
        parameter.array[...] = w.T
    return model


def sample_by_sample(x, y, xt, yt, seed, stops, compared=0):
    """Train by our SGD with batches of one; give test accuracy at every stop, and what the first weights came to."""
    tg.set_num_threads(1)
    model, cross_entropy = numpy_net(seed), nn.CrossEntropyLoss()
    optimizer = tg.optim.SGD(model.parameters(), lr=0.2)

    @tg.compile
    def step(image, label):
        optimizer.zero_grad()
        cross_entropy(model(image), label).backward()
        optimizer.step()

    curve, seconds, weights = {}, 0.0, None
    for begin, end in zip([0, *stops], stops, strict=False):
        began = time.perf_counter()
        for i in range(begin, end):
            k = i % len(x)
            step(x[k : k + 1].astype(np.float64), y[k : k + 1])
        seconds += time.perf_counter() - began
        curve[end] = float((predict(model, xt.astype(np.float64)).argmax(1) == yt).mean())
        if end == compared:
            weights = [np.array(p.array.T) for p in model.parameters()]
    training = float((predict(model, x.astype(np.float64)).argmax(1) == y).mean())
    return {"curve": curve, "seconds": seconds, "weights": weights, "training": training}


def part_2(study, x, y, found):
    """Show what the printed rule does."""
    study.section("Part 2: the net of the study, sample by sample")
    by_hand = halves(0)
    printed_rule(by_hand, x[:2000].astype(np.float64), y[:2000])  # later rounding, which grows, would be what differs
    gap = max(abs(a - b).max() for a, b in zip(found[0]["weights"], by_hand, strict=True))
    study.check("2,000 samples: printed rule against our SGD on cross-entropy, weights apart", gap, 0, 1e-10)
    curves, longest = [f["curve"] for f in found], max(found[2]["curve"])
    trained, seconds = found[2]["curve"][longest], found[2]["seconds"]
    fresh = [np.bincount(predict(numpy_net(s), x[:5000].astype(np.float64)).argmax(1)).max() / 50 for s in range(10)]
    study.compare(
        "accuracy of the NumPy net on its training set", ".0986333", f"{found[2]['training']:.4f} once trained",
        f"{trained:.4f} on the test set, {longest:,} samples",
        f"printed is a constant predictor: {constants_that_score(0.0986333, y, 'training')}; no other class has this "
        "count. It was computed (cell 107) before the class was defined (108) and trained (110); what had run is not "
        f"known. Ten untrained nets of the class give {min(fresh):.0f}-{max(fresh):.0f} % of the images one answer",
    )  # fmt: skip
    near = [a for curve in curves for n, a in curve.items() if 7000 <= n <= 9000]
    study.compare(
        "the printed rule after 8,000 samples", ".882 test, when re-run", listed(c[8000] for c in curves), "see above",
        f"three seeds; steps of .2 from single samples swing: {min(near):.3f}-{max(near):.3f} within 1,000 samples",
    )  # fmt: skip
    study.compare(
        "time of 5 epochs", "3 min (11 min 47 s CPU)", f"{seconds:.0f} s for {longest:,} samples, one thread", "",
        "a compiled step, another machine; %time alone on its line timed nothing (6 us)",
    )  # fmt: skip
    study.check("printed rule after 8,000 samples, mean of three seeds", np.mean([c[8000] for c in curves]), 0.84, 0.9)
    bounds = (0.8, 0.93) if study.quick else (0.945, 0.97)
    study.check(f"NumPy net after {longest:,} samples, test", trained, *bounds)
    return curves


# ---------------------------------------------------------------- parts 3 and 4


def parts_2_to_4(study, x, y, xt, yt):
    """Train all nets of these parts together, the longest first; then show them."""
    n, epochs, seeds = (12_000, 3, 2) if study.quick else (len(x), 10, 4)
    few, rounds = (4_000, 1) if study.quick else (len(x), 3)
    early = [500, 1000, 2000, 4000, 7000, 7500, 8000, 8500, 9000]
    long = early if study.quick else [*early, 15_000, 30_000, *range(60_000, 300_001, 60_000)]
    jobs = {
        ("sample", seed): delayed(sample_by_sample)(x, y, xt, yt, seed, long if seed == 2 else early, 2000)
        for seed in (2, 0, 1)
    }
    images, tests, data = (x[:few].reshape(-1, 1, 28, 28), y[:few]), (xt.reshape(-1, 1, 28, 28), yt), (x[:n], y[:n])
    for name, (make, _) in reversed(NETS.items()):
        for seed in range(seeds // 2 if "conv" in name else seeds):
            jobs[name, seed] = delayed(train)(make, images, tests, seed, lr=0.2, epochs=rounds, valid=tests)
    for activation in (nn.Sigmoid, nn.ReLU):
        for seed in range(seeds):
            jobs[activation, seed] = delayed(train)(
                partial(dense, activation), data, (xt, yt), seed, epochs=epochs, valid=(xt, yt)
            )
    for seed in range(2):
        jobs["in order", seed] = delayed(train)(
            partial(dense, nn.Sigmoid), data, (xt, yt), seed, epochs=epochs, in_order=True
        )
    done = spread(jobs)
    by_sample = part_2(study, x, y, [done["sample", seed] for seed in range(3)])
    study.section("Parts 3 and 4: sigmoid and ReLU, then all nets alike")
    for activation, printed, seconds in ((nn.Sigmoid, 0.9249, "29.9 s"), (nn.ReLU, 0.9674, "67 s")):
        tried = [done["in order", s] for s in range(2)] if activation is nn.Sigmoid else []
        trials = [done[activation, s] for s in range(seeds)]
        as_in_keras(study, activation.__name__, printed, seconds, trials, n, tried)
    alike = {name: [t for key, t in done.items() if key[0] == name] for name in NETS}
    matched(study, alike, rounds)
    draw_learning(study, by_sample, alike, few)


def as_in_keras(study, name, printed, seconds, trials, n, tried):
    """Put a printed accuracy beside ours, with the spread of seeds and of the last epochs."""
    scores, spent = [t.accuracy for t in trials], np.mean([sum(t.history["seconds"]) for t in trials])
    before = [t.history[-2]["valid_accuracy"] for t in trials]
    why = f"{len(scores)} seeds, {n:,} images, {len(trials[0].history)} epochs; one epoch earlier {listed(before, 4)}"
    if not study.quick:
        away = grid.deviation(printed, scores)
        usual = "within what seeds do" if abs(away) < 2.5 else "beyond what seeds do: unexplained"
        why += f". Printed lies {away:+.1f} standard deviations of a single run from our mean, {usual}"
    if tried:
        why += f". Without shuffling {listed([t.accuracy for t in tried], 4)}"
    study.compare(
        f"{name}, lr .02, batch 32", f"{printed} test ({seconds})", f"{listed(scores, 4)} ({spent:.0f} s each)",
        "see the four nets below", why,
    )  # fmt: skip
    less = f"{name} as written, mean test accuracy less the printed one"
    study.check(less, np.mean(scores) - printed, -0.16 if study.quick else -5e-3, 5e-3)


def matched(study, alike, rounds):
    """Compare the four nets at one learning rate and batch."""
    means = {name: np.mean([t.accuracy for t in trials]) for name, trials in alike.items()}
    spreads = {name: np.ptp([t.accuracy for t in trials]) for name, trials in alike.items()}
    rows = [[name, listed([t.accuracy for t in trials], 4), f"{means[name]:.4f}", f"{spreads[name]:.4f}"]
            for name, trials in alike.items()]  # fmt: skip
    study.table(
        f"Alike: lr .2, batch 32, /255, {rounds} epochs", ["net", "test accuracy by seed", "mean", "range"], rows
    )
    half, glorot, relu, conv = means.values()
    starts = (
        f"the two starts of the sigmoid net differ by {abs(half - glorot):.4f}, seeds of one start by up to "
        f"{max(list(spreads.values())[:2]):.4f}"
    )
    first = max(means, key=means.get)
    study.compare(
        "four nets (NumPy, sigmoid, ReLU, convolution)", ".0986, .9249, .9674, .1135", "see the other rows",
        ", ".join(f"{m:.4f}" for m in means.values()) + f" alike: lr .2, batch 32, {rounds} epochs",
        "lr .2 with batch 1 moves 320 times further per sample than lr .02 with batch 32. Set alike, means of seeds: "
        f"{starts}; first is {first}, {means[first] - sorted(means.values())[-2]:.4f} before the next",
    )  # fmt: skip
    for name, (_, low) in NETS.items():
        low = 0.65 if study.quick else low
        study.check(f"{name}: lowest test accuracy of its seeds", min(t.accuracy for t in alike[name]), low, 0.995)
    if not study.quick:
        study.check("the convolution less the ReLU net, means", conv - relu, 0.005, 0.03)
        study.check("the ReLU net less the sigmoid net, means", relu - glorot, 0.01, 0.04)


def draw_learning(study, by_sample, alike, n):
    """Draw test error against images seen."""
    made, ax = figure(8.5, 3.8)
    for seed, curve in enumerate(by_sample):
        error, colour = [1 - a for a in curve.values()], COLOURS[4 + seed]
        ax.plot(list(curve), error, ".-", color=colour, lw=1, label=f"printed rule, seed {seed}")
    for (name, trials), colour in zip(alike.items(), COLOURS, strict=False):
        for seed, trial in enumerate(trials):
            error = [1 - a for a in trial.history["valid_accuracy"]]
            seen = [n * (i + 1) for i in range(len(error))]
            ax.plot(seen, error, "o-", ms=3, lw=1, color=colour, label="_" * (seed > 0) + name)
    ax.axhline(1 - 0.0986333, color=INK, ls="--", label="printed: always 6")
    ax.set(xscale="log", yscale="log", xlabel="training images seen (lr .2)", ylabel="test error (share wrong)")
    made.legend(loc="outside right upper", frameon=False)
    study.picture(
        made, "learning", "The printed rule learns; below it the four nets alike (batch 32), a line per seed."
    )


# ---------------------------------------------------------------- why, and part 6


def norms_on_the_way(x, y, activation, points, epochs):
    """Train three layers without dropout or L2, and measure the gradient of each layer's weights on the way."""
    tg.set_num_threads(1)
    tg.manual_seed(0)
    model, norms, n = dense(activation, 3), [], len(x)
    seen = np.linspace(0, epochs * n, points, dtype=int)
    for begin, end in zip([0, *seen], seen, strict=False):
        if end:
            order = np.arange(begin, end) % n
            train(lambda: model, (x[order], y[order]), (x[:10], y[:10]), int(end), epochs=1)
        loss = nn.CrossEntropyLoss()(model(tg.tensor(x[:1000])), tg.tensor(y[:1000]))
        gradients = tg.autograd.grad(loss, [p for p in model.parameters() if p.ndim > 1])
        norms.append([np.linalg.norm(g.array) for g in gradients])
    return seen, np.array(norms)


def gradient_norms(study, x, y):
    """Draw how much of the gradient reaches each layer."""
    study.section("Why: the gradient of every layer")
    n, epochs, points = (10_000, 2, 11) if study.quick else (len(x), 5, 41)
    short = x[:n], y[:n]
    found = spread({a: delayed(norms_on_the_way)(*short, a, points, epochs) for a in (nn.Sigmoid, nn.ReLU)})
    made, axes = figure(10.0, 3.6, columns=2, sharey=True)
    for ax, (activation, (seen, norms)) in zip(axes, found.items(), strict=True):
        for i, line in enumerate(norms.T):
            ax.plot(seen / 1000, line, color=COLOURS[i], lw=1.5, label=f"layer {i + 1}" if i < 3 else "output")
        ax.set(yscale="log", xlabel="thousand images seen (lr .02)", title=f"three {activation.__name__} layers")
    axes[0].set_ylabel("norm of the gradient")
    made.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    study.picture(made, "gradient_norms", "Gradient of each layer's weights on 1,000 fixed images; no dropout, no L2.")
    sigmoid, relu = (norms[0][0] / norms[0][3] for _, norms in found.values())
    study.say(
        "A sigmoid's slope is 1/4 at most, and every layer takes its part: before training layer 1 has "
        f"{sigmoid:.3f} of the output layer's gradient, with ReLU {relu:.2f}. What that costs the grid, beside dropout "
        "and L2, is in the table of changes of part 5."
    )
    study.check("sigmoid: gradient of layer 1 / of the output layer at the start", sigmoid, 0.002, 0.06)
    study.check("ReLU: gradient of layer 1 / of the output layer at the start", relu, 1, 10)


def one_epoch(data, test, activation, top, seed, lr=0.02, bound=None):
    """Train a convolution for an epoch on pixels of 0 to top; look at it also with test pixels of 0 to 1."""
    make, tests = partial(convolutional, activation, bound=bound), (top * test[0], test[1])
    trial = train(make, (top * data[0], data[1]), tests, seed, lr=lr, epochs=1)
    until_hidden = nn.Sequential(*[trial.model[i] for i in range(6)])
    fixed = int((np.ptp(predict(until_hidden, tests[0][:500]), axis=0) == 0).sum())
    small = predict(trial.model, test[0]).argmax(1)
    trial.model = None  # 3 MB that nobody asks for any more
    return {"trial": trial, "fixed": fixed, "small": float((small == test[1]).mean())}


def part_6(study, x, y, xt, yt):
    """Train the convolution with both activations, with and without /255, and try to get the printed .1135."""
    study.section("Part 6: the convolution, with and without /255")
    n, few, seeds = (2_000, 1_000, 2) if study.quick else (len(x), 20_000, 3)
    images, tests = x.reshape(-1, 1, 28, 28), (xt.reshape(-1, 1, 28, 28), yt)
    data, part = (images[:n], y[:n]), (images[:few], y[:few])
    kinds = [(a, top) for a in (nn.Sigmoid, nn.ReLU) for top in (255, 1)]
    tried = {  # sigmoid, pixels to 255, on fewer images
        "lr .2": {"lr": 0.2}, "lr 1": {"lr": 1.0}, "start U(±.05)": {"bound": 0.05}, "start U(±.5)": {"bound": 0.5},
    }  # fmt: skip
    jobs = {(*kind, s): delayed(one_epoch)(data, tests, *kind, s) for kind in kinds for s in range(seeds)}
    jobs |= {what: delayed(one_epoch)(part, tests, nn.Sigmoid, 255, 0, **how) for what, how in tried.items()}
    done = spread(jobs)
    scores = {kind: [done[(*kind, s)]["trial"].accuracy for s in range(seeds)] for kind in kinds}
    rows = []
    for a, top in kinds:
        found = [done[a, top, s] for s in range(seeds)]
        warnings = {constant_predictor(f["trial"], "test") for f in found} - {""}
        fixed = ", ".join(str(f["fixed"]) for f in found)
        rows.append(
            [f"{a.__name__}, 0 to {top}", listed(scores[a, top], 4), fixed, "; ".join(sorted(warnings)) or "no"]
        )
    heads = ["net, pixels", f"test accuracy of {seeds} seeds", "of 128 units never change", "constant predictor?"]
    study.table(f"lr .02, batch 32, 1 epoch of {n:,} images", heads, rows)
    shown = {what: done[what] for what in tried}
    shown |= {f"as written, seed {s}": done[nn.Sigmoid, 255, s] for s in range(seeds)}
    rows = [[what, r["trial"].accuracy, r["small"], constant_predictor(r["trial"], "test") or "no"]
            for what, r in shown.items()]  # fmt: skip
    heads = ["sigmoid, 0 to 255", "test accuracy", "the same, test images /255 only", "constant predictor?"]
    study.table(f"Tried for the printed .1135 (all but the last rows on {few:,} images)", heads, rows)
    why_not_printed(study, scores, [row[1] for row in rows] + [row[2] for row in rows], yt)
    if study.quick:
        study.check("convolution with ReLU and /255, lowest of its seeds", min(scores[nn.ReLU, 1]), 0.6, 0.955)
    else:
        for (activation, top), low, high in zip(kinds, (0.9, 0.75, 0.09, 0.93), (0.96, 0.88, 0.5, 0.955), strict=True):
            name = f"convolution, {activation.__name__}, 0 to {top}, mean"
            study.check(name, np.mean(scores[activation, top]), low, high)


def why_not_printed(study, scores, tries, labels):
    """Say what the printed number is, and how far ours is from it."""
    written, scaled, relu, both = scores.values()
    again = [a for a in (*written, *tries) if round(a * len(labels)) == int((labels == 1).sum())]
    verdict = "not reproduced, cause unknown" if 0.1135 not in np.round(written, 4) else "reproduced"
    study.compare(
        "test accuracy of the convolution", ".1135", f"{listed(written, 4)} ({verdict})",
        f"{listed(both, 4)} (ReLU and /255)",
        f"printed is a constant predictor: {constants_that_score(0.1135, labels, 'test')}; no other class has this "
        "count, and 1 is the commonest class in training: so answers a net that has learnt the shares of the classes "
        f"alone. The recorded net (sigmoid, pixels to 255) scores {np.mean(written):.3f} here, with /255 "
        f"{np.mean(scaled):.3f}; with ReLU instead {np.mean(relu):.3f} and {np.mean(both):.3f} (means of seeds). Tried "
        f"for it: the second table, where {len(again)} of {len(tries)} figures are .1135; none of its changes is on "
        "record. 'No better than a dense net' was said of a net that looks at nothing",
    )  # fmt: skip


def parts(study):
    training, test = study.data()
    data = x, y, xt, yt = *training.arrays(flatten=True), *test.arrays(flatten=True)
    parts_2_to_4(study, *data)
    written = grid.as_written(study, x, y)
    grid.chosen_on_test(study, *data)
    grid.corrected(study, *data, written)
    gradient_norms(study, x, y)
    part_6(study, *data)


if __name__ == "__main__":
    run("activations_and_regularization", "Study b: activations, dropout and L2", parts, __doc__)
