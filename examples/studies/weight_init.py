"""Study a: five ways to start the weights, and 48 fits of a grid search.

    python examples/studies/weight_init.py            # all of it: about 7 minutes on 2 cores
    python examples/studies/weight_init.py --quick    # few iterations, 4 of 24 candidates: about 30 seconds

784-100-10 with tanh and softmax, full-batch gradient descent on 4,200 images of MNIST. The study left the pixels at
0..255, where 95 % or more of the tanh outputs are saturated before training. It printed .9011 (uniform) to .7146
(random), and .0925 from zeros. Expected: the same but for .11 from zeros; corrected .91 to .76, from zeros .11 still.

The grid, in grid_search.py, has scikit-learn's MLPClassifier and our NeuralClassifier on the same folds, with one
thread each. Expected: the same accuracy; ours, in float32, more than twice as fast as scikit-learn on the study's
float64, and a little faster than scikit-learn on float32.
"""

from __future__ import annotations

import itertools
import sys
import warnings

import numpy as np
from study import COLOURS, CORRECTED, INK, INSTALL, PRINTED, figure, run

import tinygrad_mnist as tg
from tinygrad_mnist import nn

try:
    from grid_search import grids
    from joblib import Parallel, delayed, parallel_config
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split
except ImportError as error:
    sys.exit(f"{error}. {INSTALL}")

F = nn.functional
PRINTED_ACCURACY = {"xavier": 0.8989, "uniform": 0.9011, "normal": 0.7754, "zeros": 0.0925, "random": 0.7146}
CORRECTED_ACCURACY = dict(xavier=(0.9, 0.925), uniform=(0.895, 0.92), normal=(0.825, 0.86), zeros=(0.1, 0.12),
                          random=(0.74, 0.78))  # fmt: skip
WRITTEN_ACCURACY = dict(xavier=(0.89, 0.918), uniform=(0.888, 0.918), normal=(0.77, 0.815), random=(0.705, 0.755))
SD = {"normal": 0.5, "zeros": 0.0, "random": 1.0}
LR = 1e-4  # on the gradient of the sum over 4,200 images: .42 on that of the mean


def draw(name, shape, inputs, outputs, rng):
    """Draw the weights or biases of a layer as an initialisation has it."""
    if name == "xavier":
        return rng.uniform(-1, 1, shape) * np.sqrt(6 / (inputs + outputs))
    if name == "uniform":
        return rng.uniform(-1, 1, shape) / (np.sqrt(inputs) if len(shape) == 2 else 1)
    return rng.normal(0, 1, shape) * SD[name]


def build(name, seed, corrected, dtype):
    """Make the network. As written, biases are drawn like weights, and only "random" is seeded, with 0."""
    seeded = name == "random" and not corrected
    rng = np.random.RandomState(0) if seeded else np.random.default_rng(seed)
    model = nn.Sequential(nn.Linear(784, 100, dtype=dtype), nn.Tanh(), nn.Linear(100, 10, dtype=dtype))
    with tg.no_grad():
        for layer in (model[0], model[2]):
            outputs, inputs = layer.weight.shape
            layer.weight.copy_(draw(name, (inputs, outputs), inputs, outputs, rng).T)
            layer.bias.copy_(np.zeros(outputs) if corrected else draw(name, (outputs,), inputs, outputs, rng))
    return model


def look(model, x, y):
    """See what the layers put out and which gradients (of the mean loss) reach them."""
    hidden = model[1](model[0](x))
    logits = model[2](hidden)
    model.zero_grad()
    F.cross_entropy(logits, y).backward()
    h, p = hidden.detach().numpy(), tg.softmax(logits, 1).detach().numpy()
    flat = np.abs(h) > 0.99
    return {
        "hidden": h[:500].ravel(), "top": p.max(1), "logit": np.abs(logits.detach().numpy()).max(),
        "values": flat.mean(), "saturated": int((flat.mean(0) > 0.9).sum()), "dead": int((np.ptp(h, 0) < 1e-3).sum()),
        "gradients": {name: np.array(q.grad.numpy()) for name, q in model.named_parameters()},
    }  # fmt: skip


def stepper(model, corrected, optimizer):
    """Give the function that makes one step of gradient descent, as written or corrected."""

    @tg.compile
    def step(x, y, hot):
        logits = model(x)
        optimizer.zero_grad()
        if corrected:
            F.cross_entropy(logits, y).backward()
        else:  # the study's own: softmax without subtracting the maximum, gradients summed
            with tg.no_grad():
                probs = tg.exp(logits)
                delta3 = probs / probs.sum(1, keepdim=True) - hot
            logits.backward(delta3)
        optimizer.step()

    return step


def descend(name, corrected, seed, iterations, pixels, labels):
    """Train once, on the split of this seed; give test accuracy, and the layers before and after.

    As written in float64, as fetch_openml and NumPy have it; corrected in float32.
    """
    tg.set_num_threads(1)
    dtype = np.float32 if corrected else np.float64
    x, x_test, y, y_test = train_test_split(pixels.astype(dtype), labels, test_size=0.4, random_state=seed)
    if corrected:
        x, x_test = x / dtype(255), x_test / dtype(255)
    model = build(name, seed, corrected, dtype)
    step = stepper(model, corrected, tg.optim.SGD(model.parameters(), lr=LR * len(x) if corrected else LR))
    x, y, hot = tg.tensor(x), tg.tensor(y), tg.tensor(np.eye(10, dtype=dtype)[y])
    before = look(model, x, y)
    for _ in range(iterations):
        step(x, y, hot)
    with tg.no_grad():
        answers = model(tg.tensor(x_test)).numpy().argmax(1)
    commonest = np.bincount(y.numpy()).argmax()
    weights = {n: float(np.abs(p.detach().numpy()).max()) for n, p in model.named_parameters()}
    accuracy, constant = (answers == y_test).mean(), (y_test == commonest).mean()
    return dict(accuracy=accuracy, commonest=constant, weights=weights, before=before, after=look(model, x, y))


def spread(values):
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"


def train_all(study, pixels, labels):
    """Train from each initialisation, as written and corrected, over several splits and seeds, in two processes."""
    seeds, iterations = (2, 30) if study.quick else (5, 500)
    jobs = list(itertools.product(PRINTED_ACCURACY, (False, True), range(seeds)))
    with parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        done = iter(Parallel()(delayed(descend)(*job, iterations, pixels, labels) for job in jobs))
    runs = {name: [[next(done) for _ in range(seeds)] for _ in range(2)] for name in PRINTED_ACCURACY}
    return runs, iterations


def accuracies(runs, name, kind):
    return np.array([r["accuracy"] for r in runs[name][kind]])


def expected_sd(values, p):
    """Give the sd to judge by: that of the splits, or what the choice of 2,800 test images gives, if larger."""
    return max(np.std(values, ddof=1), np.sqrt(p * (1 - p) / 2800))


def compare_runs(study, runs, iterations):
    """Put the printed accuracies beside ours."""
    for name, (bad, good) in runs.items():
        got, fixed, printed = accuracies(runs, name, 0), accuracies(runs, name, 1), PRINTED_ACCURACY[name]
        sds = (printed - got.mean()) / expected_sd(got, printed)
        why = f"{len(got)} splits give {min(got):.4f} to {max(got):.4f}: the printed one is "
        why += f"{printed - got.mean():+.4f} from their mean, {sds:+.1f} sd"
        if name == "zeros":
            why = "not reproduced: always the commonest class of the training part, see below"
        elif study.quick:
            why = f"{iterations} of 500 iterations"
        flat = [100 * np.mean([r["before"]["values"] for r in kind]) for kind in (bad, good)]
        why += f"; {flat[0]:.0f} % of tanh outputs beyond ±.99 at the start, corrected {flat[1]:.0f} %"
        study.compare(f"test accuracy after {iterations} iterations, {name}", f"{printed:.4f}", spread(got),
                      spread(fixed), why)  # fmt: skip
        low, high = CORRECTED_ACCURACY[name]
        low -= 0.25 if study.quick and name != "zeros" else 0
        study.check(f"mean accuracy corrected, {name}", fixed.mean(), low, high)
        if name == "zeros":  # where almost all random splits put the commonest class
            study.check("mean accuracy as written, zeros", got.mean(), 0.098, 0.114)
        elif not study.quick:
            study.check(f"printed accuracy less ours as written, {name}, in sd", sds, -3, 3)
            study.check(f"mean accuracy as written, {name}", got.mean(), *WRITTEN_ACCURACY[name])
    study.say("""The sd is that of the splits, or what the choice of 2,800 test images gives, if larger. As written:
        float64, as the study had it. Corrected: float32, pixels / 255, the mean loss with lr .42 (the same step), a
        softmax that cannot overflow, biases 0, all seeded.""")


def say_gains(study, runs):
    """Say what the correction brings to each initialisation, split by split."""
    texts, sure, flat = [], [], []
    for name in runs:
        gain = accuracies(runs, name, 1) - accuracies(runs, name, 0)
        error = np.std(gain, ddof=1) / np.sqrt(len(gain))
        texts.append(f"{name} {gain.mean():+.4f} ± {error:.4f}")
        sure += [name] * bool(gain.mean() > 3 * error)
        flat.append(f"{name} {np.mean([r['before']['values'] for r in runs[name][1]]):.0%}")
    study.say(f"""Corrected less as written, mean over the same splits ± its standard error: {", ".join(texts)}. More
        than three standard errors: {", ".join(sure) or "none"}. Tanh outputs beyond ±.99 at the start, pixels in 0..1:
        {", ".join(flat)}.""")


def same_split(study, runs):
    """Ask whether the printed numbers lie below ours together because all five shared one random split."""
    names = [name for name in runs if name != "zeros"]
    written, corrected = (np.array([accuracies(runs, name, kind) for name in names]) for kind in (0, 1))
    z = np.concatenate([written, corrected])
    z = (z - z.mean(1, keepdims=True)) / z.std(1, ddof=1, keepdims=True)
    printed = [PRINTED_ACCURACY[name] for name in names]
    away = [(p - a.mean()) / expected_sd(a, p) for p, a in zip(printed, written, strict=True)]
    rows = [[str(i), *(f"{v:+.1f}" for v in column[:4]), f"{column[:4].mean():+.2f}", f"{column[4:].mean():+.2f}"]
            for i, column in enumerate(z.T)]  # fmt: skip
    rows.append(["printed", *(f"{v:+.1f}" for v in away), f"{np.mean(away):+.2f}", ""])
    study.table("As written, sd from the mean of our splits", ["split", *names, "mean", "mean, corrected"], rows)
    say_same_split(study, away, z)


def correlation(z):
    """Give the mean correlation of two rows."""
    return (np.corrcoef(z).sum() - len(z)) / (len(z) * (len(z) - 1))


def say_same_split(study, away, z):
    """Weigh the printed deviations, in sd, against what our splits have in common: a row of z per kind of net."""
    both, splits, rng = correlation(z), z.shape[1], np.random.default_rng(0)
    chance = np.mean([correlation(rng.permuted(z, axis=1)) >= both for _ in range(3000)])
    # sd of the mean of four deviations from means over our splits: independent, and correlated as ours are
    alone, shared = (np.mean(away) / np.sqrt((1 + 3 * r) / 4 * (1 + 1 / splits)) for r in (0, max(both, 0)))
    text = f"""{sum(v < 0 for v in away)} of 4 printed numbers (zeros aside) lie below our means, by
        {np.mean(away):+.2f} sd on average: {alone:+.1f} standard errors, were they independent. The study splits once,
        without a seed, so its five nets share one split, and so do ours of one seed. Does a split help or harm all of
        them? Two initialisations correlate over our {splits} splits by {correlation(z[:4]):.2f} on average as written,
        by {both:.2f} with the corrected ones; splits in random order give as much or more in {chance:.0%}. """
    if chance < 0.05:
        text += f"So yes: with this correlation the printed mean is {shared:+.1f} standard errors from ours, which "
        text += "one unlucky split explains." if abs(shared) < 2 else "one unlucky split does not explain."
    elif abs(alone) < 2:
        text += "So our splits do not show it. Chance is enough: all four lie on one side in 1 of 8 cases."
    else:
        text += "So our splits do not show it, and why the printed numbers lie to one side is not known."
    study.say(text)


def draw_layers(study, runs, when):
    """Draw the histograms of activations and gradients per layer, before or after training."""
    made, axes = figure(9.5, 9.2, columns=4, rows=len(runs), sharex="col")
    titles = "layer 1: tanh output, layer 2: largest probability, log10 |dW1|, log10 |dW2|".split(", ")
    for line, (name, both) in zip(axes, runs.items(), strict=True):
        for kind, word, colour in zip(both, ("as written", "corrected"), (PRINTED, CORRECTED), strict=True):
            first = kind[0][when]
            drawn = [(first["hidden"], (-1, 1)), (first["top"], (0, 1))]
            for layer in ("0.weight", "2.weight"):
                gradient = first["gradients"][layer]
                drawn.append((np.log10(np.abs(gradient[gradient != 0])), (-10, 0)))
            for ax, (values, limits) in zip(line, drawn, strict=True):
                share = np.full(len(values), 100 / max(len(values), 1))
                ax.hist(values, 40, range=limits, weights=share, color=colour, alpha=0.3)
                ax.hist(values, 40, range=limits, weights=share, color=colour, histtype="step", lw=1.3, label=word)
                ax.tick_params(labelsize=8)
                if not len(values):
                    ax.text(-5, 0.5, "all are 0", ha="center", color=INK)
                    ax.set(ylim=(0, 1), yticks=[])
        line[0].set_ylabel(f"{name}\n% of values", fontsize=9)
    for ax, title in zip(axes[-1], titles, strict=True):
        ax.set_xlabel(title, fontsize=9.5)
    made.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)
    caption = f"Activations, and gradients of the mean loss, {when} training, seed 0; exact 0s are left out."
    study.picture(made, f"layers_{when}", caption)


def count_units(study, runs, when):
    """Count saturated and dead hidden units, and gradients that are exactly 0."""
    rows = []
    for name, both in runs.items():
        for kind, word in zip(both, ("as written", "corrected"), strict=True):
            mean = {k: np.mean([r[when][k] for r in kind]) for k in ("values", "saturated", "dead", "logit")}
            zero = np.mean([(r[when]["gradients"]["0.weight"] == 0).mean() for r in kind])
            rows.append([name, word, f"{100 * mean['values']:.1f} %", f"{mean['saturated']:.1f}",
                         f"{mean['dead']:.1f}", f"{100 * zero:.1f} %", f"{mean['logit']:.3g}"])  # fmt: skip
    study.table(
        f"Of 100 hidden units, {when} training (means over seeds): saturated = beyond ±.99 in over 90 % of images; "
        "dead = the same output for all images",
        ["init", "", "outputs beyond ±.99", "saturated", "dead", "zeros in dW1", "largest logit"], rows,
    )  # fmt: skip


def zero_gradients(study, runs):
    """Show that from zeros only b2 ever moves."""
    study.section("From zeros")
    bad, good = runs["zeros"]
    other, rows = runs["xavier"][0][0]["before"]["gradients"], []
    for name, word in (("0.weight", "dW1"), ("0.bias", "db1"), ("2.weight", "dW2"), ("2.bias", "db2")):
        counts = [np.count_nonzero(r[0][when]["gradients"][name]) for r in (bad, good) for when in ("before", "after")]
        largest = max(bad[0]["weights"][name], good[0]["weights"][name])
        rows.append([word, other[name].size, *counts, f"{largest:.3g}", np.count_nonzero(other[name])])
    columns = ", entries, as written: first, last, corrected: first, last, largest parameter, xavier: first".split(", ")
    study.table("Gradients from zeros that are not exactly 0, at the first and after the last iteration", columns, rows)
    moved = max(r["weights"][n] for r in bad + good for n in ("0.weight", "0.bias", "2.weight"))
    study.check("from zeros: the largest of all W1, b1, W2 after training", moved, 0, 0)
    off = max(abs(r["accuracy"] - r["commonest"]) for r in bad + good)
    study.check("from zeros: accuracy less the test share of the commonest training class", off, 0, 0)
    study.say("""tanh(0) = 0, so dW2 = h' delta = 0; W2 = 0, so nothing reaches W1 and b1. Only b2 learns (how common
        classes are): the net gives one class to all images, corrected or not, which is more than symmetry.""")


def zero_odds(study, labels):
    """Say how likely the printed .0925 is from zeros; give the shares of the commonest class and of class 0."""
    counts = np.bincount(labels)  # to deal 2,800 of these is all that a random split does
    test = np.random.default_rng(0).multivariate_hypergeometric(counts, 2800, size=1_000_000)
    right, zeros = test[np.arange(len(test)), (counts - test).argmax(1)], test[:, 0]
    low, high = np.quantile(right / 2800, [0.05, 0.95])
    at_most, below, equal = (right <= 259).mean(), (right < 259).mean(), (right == 259).mean()
    odds = (zeros == 259).mean() / equal
    source = "(worked out for the study's description, not printed)"
    study.compare("from zeros, test share of the commonest training class in 90 % of splits", f".098-.114 {source}",
                  f"{low:.4f}-{high:.4f}", "", f"a million splits; {(right > 319).mean():.1%} give more than .114, "
                  f"{(right > 317).mean():.1%} more than .1132, {(right < 274).mean():.1%} less than .098")  # fmt: skip
    study.compare("chance of .0925 (259 of 2,800) or less", f".9 % {source}", f"{at_most:.2%}", "",
                  f"fewer than 259 come in {below:.2%}, just 259 in {equal:.2%} of a million splits")  # fmt: skip
    study.say(f"""The code as printed does not give .0925: it would in {equal:.2%} of splits. Class 0 makes
        {zeros.mean() / 2800:.4f} ± {zeros.std() / 2800:.4f} of the test part, and 259 images come up {odds:.0f} times
        as often for "always 0", which is what argmax makes of NaN or of an untrained net (ten equal outputs). Which of
        these it was, if any, the study does not tell.""")
    study.check("chance of .0925 or less for the code as printed", at_most, 0.0096, 0.0104)
    study.check("odds for 'always 0' against the code as printed", odds, 27, 35)
    return right / 2800, zeros / 2800


def draw_accuracy(study, runs, right, zeros):
    """Draw the accuracy of every run, and how random splits deal the classes."""
    made, (left, ax) = figure(9.5, 3.8, columns=2)
    for i, (name, both) in enumerate(runs.items()):
        left.plot(i - 0.22, PRINTED_ACCURACY[name], "D", color=INK, label="printed")
        for k, word, colour in ((0, "as written", PRINTED), (1, "corrected", CORRECTED)):
            got = [r["accuracy"] for r in both[k]]
            left.plot([i + 0.22 * k] * len(got), got, "o", color=colour, ms=5, alpha=0.6, label=word)
        if i == 0:
            left.legend(frameon=False, loc="lower left")
    left.set(xticks=range(len(runs)), ylabel="test accuracy", ylim=(0, 1), xticklabels=list(runs))
    bins, percent = (np.arange(215, 346, 3) - 0.5) / 2800, np.full(len(right), 100 / len(right))
    ax.hist(right, bins, weights=percent, color=PRINTED, alpha=0.6, label="commonest training class")
    ax.hist(zeros, bins, weights=percent, color=COLOURS[5], histtype="step", lw=1.5, label="class 0")
    ax.axvline(0.0925, color=INK, lw=1.5, ls="--", label="printed .0925")
    ax.set(xlabel="share of the test part = accuracy of answering it always", ylabel="% of random splits", ylim=(0, 14))
    ax.legend(frameon=False, loc="upper right", fontsize=8.5)
    caption = "Left: accuracy from each initialisation, one point per split. Right: what it gives to answer one class: "
    study.picture(made, "accuracy", caption + ".0925 fits class 0 better than the commonest class.")


def weight_init(study):
    warnings.simplefilter("ignore", ConvergenceWarning)  # the fits that end by max_iter are counted instead
    parts = [part.arrays(scale=False, flatten=True) for part in study.data()]
    pixels, labels = (np.concatenate(arrays)[::10] for arrays in zip(*parts, strict=True))  # openml's order
    study.compare("images x pixels", "(7000, 784)", str(pixels.shape))
    sizes = "/".join(str(len(part)) for part in train_test_split(labels, test_size=0.4, random_state=0))
    study.compare("images to train on and to test with", "4200/2800", sizes)
    study.section("Five initialisations")
    runs, iterations = train_all(study, pixels, labels)
    compare_runs(study, runs, iterations)
    say_gains(study, runs)
    if not study.quick:  # two short runs show nothing
        same_split(study, runs)
    for when in ("before", "after"):
        draw_layers(study, runs, when)
        count_units(study, runs, when)
    zero_gradients(study, runs)
    draw_accuracy(study, runs, *zero_odds(study, labels))
    grids(study, pixels, labels)


if __name__ == "__main__":
    run("weight_init", "Study a: five initialisations, and a grid of 48 fits", weight_init, __doc__)
