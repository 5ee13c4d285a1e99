"""Study a: five ways to start the weights, and 48 fits of a grid search.

    python examples/studies/weight_init.py            # all of it: about 7 minutes on 2 cores
    python examples/studies/weight_init.py --quick    # few iterations, 4 of 24 candidates: about 25 seconds

784-100-10 with tanh and softmax, full-batch gradient descent on 4,200 images of MNIST. The study left the pixels at
0..255, where 95 % or more of the tanh outputs are saturated before training. It printed .9011 (uniform) to .7146
(random), and .0925 from zeros. Expected: the same but for .11 from zeros; corrected .91 to .76, from zeros .11 still.

The grid has scikit-learn's MLPClassifier and our NeuralClassifier on the same folds, with one thread each. Expected:
the same accuracy; ours, in float32, more than twice as fast as scikit-learn on the study's float64.
"""

from __future__ import annotations

import functools
import itertools
import time
import timeit
import warnings

import numpy as np
from joblib import Parallel, delayed, parallel_config
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier
from study import COLOURS, CORRECTED, INK, PRINTED, figure, run

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.sklearn import NeuralClassifier

F = nn.functional
PRINTED_ACCURACY = {"xavier": 0.8989, "uniform": 0.9011, "normal": 0.7754, "zeros": 0.0925, "random": 0.7146}
CORRECTED_ACCURACY = dict(xavier=(0.9, 0.925), uniform=(0.895, 0.92), normal=(0.825, 0.86), zeros=(0.1, 0.12),
                          random=(0.74, 0.78))  # fmt: skip
SD = {"normal": 0.5, "normal, variance .5": 0.5**0.5, "zeros": 0.0, "random": 1.0}
LR = 1e-4  # on the gradient of the sum over 4,200 images: .42 on that of the mean
GRID = {  # MLPClassifier's names are ours, so one dict serves both
    "hidden_layer_sizes": [(300,), (300, 100), (100, 50)], "activation": ["tanh", "relu"],
    "solver": ["adam", "sgd"], "learning_rate_init": [1e-4, 1e-3],
}  # fmt: skip


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


def descend(name, seed, corrected, iterations, pixels, labels, dtype=np.float32):
    """Train once, on the split of this seed; give test accuracy, and the layers before and after."""
    tg.set_num_threads(1)
    x, x_test, y, y_test = train_test_split(pixels.astype(dtype), labels, test_size=0.4, random_state=seed)
    if corrected:
        x, x_test = x / dtype(255), x_test / dtype(255)
    model = build(name, seed, corrected, dtype)
    optimizer = tg.optim.SGD(model.parameters(), lr=LR * len(x) if corrected else LR)
    x, y, hot = tg.tensor(x), tg.tensor(y), tg.tensor(np.eye(10, dtype=dtype)[y])

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


def initialisations(study, pixels, labels):
    """Train from each initialisation, as written and corrected, over several splits and seeds."""
    study.section("Five initialisations")
    seeds, iterations = (2, 30) if study.quick else (5, 500)
    jobs = list(itertools.product(PRINTED_ACCURACY, (False, True), range(seeds), [np.float32]))
    if not study.quick:
        jobs += [("xavier", False, 0, np.float64)] + [("normal, variance .5", False, s, np.float32) for s in range(3)]
    with parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        # From zeros the first step settles what the net answers, so one long run is proof enough.
        done = Parallel()(
            delayed(descend)(name, seed, fix, iterations // (10 if name == "zeros" and seed else 1), pixels, labels, d)
            for name, fix, seed, d in jobs
        )
    results = iter(done)
    runs = {name: [[next(results) for _ in range(seeds)] for _ in range(2)] for name in PRINTED_ACCURACY}
    for name, (bad, good) in runs.items():
        got, printed = [r["accuracy"] for r in bad], PRINTED_ACCURACY[name]
        beyond = [100 * np.mean([r["before"]["values"] for r in kind]) for kind in (bad, good)]
        chance = np.sqrt(printed * (1 - printed) / 2800)  # sd from the choice of test images alone
        why = f"splits give {min(got):.4f} to {max(got):.4f}: the printed one is {printed - np.mean(got):+.4f} from "
        why += f"their mean, {(printed - np.mean(got)) / max(np.std(got, ddof=1), chance):+.1f} sd"
        if study.quick:
            why = f"{iterations} of 500 iterations"
        if name == "zeros":
            why = "always the commonest class of the training part, see below"
        why += f"; {beyond[0]:.0f} % of tanh outputs beyond ±.99 at the start, corrected {beyond[1]:.0f} %"
        study.compare(f"test accuracy after {iterations} iterations, {name}", f"{printed:.4f}", spread(got),
                      spread([r["accuracy"] for r in good]), why)  # fmt: skip
        low, high = CORRECTED_ACCURACY[name]
        low -= 0.25 if study.quick and name != "zeros" else 0
        study.check(f"mean accuracy corrected, {name}", np.mean([r["accuracy"] for r in good]), low, high)
    if not study.quick:
        double, *variance = [r["accuracy"] for r in results]
        single, three = runs["xavier"][0][0]["accuracy"], [r["accuracy"] for r in runs["normal"][0][:3]]
        study.say(f"""The sd is that of the splits, or what the choice of 2,800 test images gives, if larger. Rounding
            counts too: xavier on split 0 ends at {single:.4f} in float32, {double:.4f} in float64. Were .5 of N(0, .5)
            a variance, normal would give {spread(variance)} on 3 splits, where sd .5 gives {spread(three)}.""")
    study.say("""Corrected: pixels / 255, the mean loss with lr .42 (the same step), a softmax that cannot overflow,
        biases 0, all seeded. Scaling frees the tanh where weights suit 784 inputs (xavier, uniform); N(0, .5) and
        N(0, 1) still saturate it, and that is now what is seen of them.""")
    return runs


def show_layers(study, runs, when):
    """Draw the histograms of activations and gradients per layer, and count units, before or after training."""
    made, axes = figure(9.5, 9.2, columns=4, rows=len(runs), sharex="col")
    titles, rows = "layer 1: tanh output, layer 2: largest probability, log10 |dW1|, log10 |dW2|".split(", "), []
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
            mean = {k: np.mean([r[when][k] for r in kind]) for k in ("values", "saturated", "dead", "logit")}
            zero = np.mean([(r[when]["gradients"]["0.weight"] == 0).mean() for r in kind])
            rows.append([name, word, f"{100 * mean['values']:.1f} %", f"{mean['saturated']:.1f}",
                         f"{mean['dead']:.1f}", f"{100 * zero:.1f} %", f"{mean['logit']:.3g}"])  # fmt: skip
        line[0].set_ylabel(f"{name}\n% of values", fontsize=9)
    for ax, title in zip(axes[-1], titles, strict=True):
        ax.set_xlabel(title, fontsize=9.5)
    made.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)
    caption = f"Activations, and gradients of the mean loss, {when} training, seed 0; exact 0s are left out."
    study.picture(made, f"layers_{when}", caption)
    study.table(
        f"Of 100 hidden units, {when} training (means over seeds): saturated = beyond ±.99 in over 90 % of images; "
        "dead = the same output for all images",
        ["init", "", "outputs beyond ±.99", "saturated", "dead", "zeros in dW1", "largest logit"], rows,
    )  # fmt: skip


def zero_init(study, runs, labels):
    """Show that from zeros only b2 ever moves, and how likely the printed .0925 is then."""
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

    # Dealing 2,800 of 7,000 labels without replacement is all that a random split does to the shares of classes.
    counts = np.bincount(labels)
    test = np.random.default_rng(0).multivariate_hypergeometric(counts, 2800, size=100_000)
    right, zeros = test[np.arange(len(test)), (counts - test).argmax(1)], test[:, 0]
    low, high = np.quantile(right / 2800, [0.05, 0.95])
    chance, odds = (right <= 259).mean(), (zeros == 259).mean() / (right == 259).mean()
    study.say(f"""100,000 random splits: the commonest class of the 4,200 makes {low:.3f} to {high:.3f} of the 2,800 in
        90 % of them, and .0925 (259 images) or less in {100 * chance:.2f} %. Class 0 makes {zeros.mean() / 2800:.4f}
        ± {zeros.std() / 2800:.4f}: 259 comes up {odds:.0f} times as often for "always 0", which is what argmax makes of
        NaN or of an untrained net (ten equal outputs), as for the code that was printed.""")
    study.check("chance of .0925 or less for the code as printed", chance, 0.007, 0.013)
    study.check("odds for 'always 0' against the code as printed", odds, 10, 100)

    made, (left, ax) = figure(9.5, 3.8, columns=2)
    for i, (name, both) in enumerate(runs.items()):
        left.plot(i - 0.22, PRINTED_ACCURACY[name], "D", color=INK, label="printed")
        for k, word, colour in ((0, "as written", PRINTED), (1, "corrected", CORRECTED)):
            got = [r["accuracy"] for r in both[k]]
            left.plot([i + 0.22 * k] * len(got), got, "o", color=colour, ms=5, alpha=0.6, label=word)
        if i == 0:
            left.legend(frameon=False, loc="lower left")
    left.set(xticks=range(len(runs)), ylabel="test accuracy", ylim=(0, 1), xticklabels=list(runs))
    bins, percent = (np.arange(215, 346, 3) - 0.5) / 2800, np.full(len(test), 100 / len(test))
    ax.hist(right / 2800, bins, weights=percent, color=PRINTED, alpha=0.6, label="commonest training class")
    ax.hist(zeros / 2800, bins, weights=percent, color=COLOURS[5], histtype="step", lw=1.5, label="class 0")
    ax.axvline(0.0925, color=INK, lw=1.5, ls="--", label="printed .0925")
    ax.set(xlabel="share of the test part = accuracy of answering it always", ylabel="% of random splits", ylim=(0, 14))
    ax.legend(frameon=False, loc="upper right", fontsize=8.5)
    caption = "Left: accuracy from each initialisation, one point per split. Right: what it gives to answer one class: "
    study.picture(made, "accuracy", caption + ".0925 fits class 0 better than the commonest class.")


def score_and_epochs(model, x, y):
    return {"accuracy": model.score(x, y), "epochs": model.n_iter_}


def search(estimator, grid, folds, x, y, n_jobs=None):
    """Run GridSearchCV; give the candidates' figures, and the seconds and processor seconds of it all."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = GridSearchCV(estimator, grid, scoring=score_and_epochs, refit=False, cv=folds, n_jobs=n_jobs).fit(x, y)
    wall, cpu, r = time.perf_counter() - wall, time.process_time() - cpu, found.cv_results_
    epochs = np.stack([r["split0_test_epochs"], r["split1_test_epochs"]], 1).astype(int)
    rows = zip(r["mean_test_accuracy"], r["mean_fit_time"], epochs, strict=True)
    return {words(p): (p, *row) for p, row in zip(r["params"], rows, strict=True)}, wall, cpu


def words(params):
    return " ".join(str(params[k]).replace(" ", "") for k in GRID)


def products(sizes, samples):
    """Measure the seconds that the matrix products of one epoch take, in float32: no MLP can do without these."""
    rng, total = np.random.default_rng(0), 0.0
    for i, (a, b) in enumerate(itertools.pairwise((784, *sizes, 10))):
        x, w, d = (rng.normal(size=s).astype(np.float32) for s in ((200, a), (a, b), (200, b)))
        for left, right in ((x, w), (x.T, d), (d, w.T))[: 3 if i else 2]:  # pixels need no gradient
            spent = timeit.repeat("a @ b", globals={"a": left, "b": right}, number=1, repeat=25)
            total += np.median(spent) * samples / 200
    return total


def grids(study, pixels, labels):
    """Search the grid with scikit-learn's classifier and with ours, one group of candidates after another."""
    study.section("The grid of 48 fits")
    tg.set_num_threads(1)  # of NumPy's products, which scikit-learn uses too
    x, x_test, y, y_test = train_test_split(pixels, labels, test_size=0.4, random_state=0)
    folds = list(StratifiedKFold(2, shuffle=True, random_state=0).split(x, y))
    grid = {**GRID, "hidden_layer_sizes": [(100, 50)], "activation": ["relu"]} if study.quick else GRID
    settings = dict(max_iter=6 if study.quick else 30, tol=1e-4, random_state=0)
    # float32 whatever the pixels come as; from some hundred steps a fit on, a compiled step is faster
    single = functools.partial(NeuralClassifier, dtype="float32", compile=not study.quick)
    ours, theirs, double = "ours", "scikit-learn", "scikit-learn, float64"
    makers = {ours: single, theirs: MLPClassifier, double: MLPClassifier}
    found, seconds, cpu = ({n: {} for n in makers}, *(dict.fromkeys(makers, 0.0) for _ in range(2)))
    for i, (sizes, activation) in enumerate(itertools.product(grid["hidden_layer_sizes"], grid["activation"])):
        part = {**grid, "hidden_layer_sizes": [sizes], "activation": [activation]}
        for name in list(makers)[:: 1 if i % 2 else -1]:  # in turn, so that a slow minute of the machine hits all
            data = x if name == theirs else x.astype(np.float64)
            rows, wall, processor = search(makers[name](**settings), part, folds, data, y)
            found[name].update(rows)
            seconds[name] += wall
            cpu[name] += processor
    with parallel_config("loky", inner_max_num_threads=1):  # more threads would fight the processes for the cores
        spread_out, both, _ = search(single(**settings), grid, folds, x, y, n_jobs=2)
        scaled, _, _ = search(single(**settings), grid, folds, x / np.float32(255), y, n_jobs=2)

    floor = {sizes: products(sizes, len(x) // 2) for sizes in grid["hidden_layer_sizes"]}
    lines, alone = [], {}
    for name, rows in found.items():
        fits, epochs = [r[2] for r in rows.values()], np.array([r[3] for r in rows.values()])
        lines.append([name, epochs.size, f"{seconds[name]:.1f}", f"{cpu[name]:.1f}",
                      f"{min(fits):.2f}-{max(fits):.2f}", epochs.sum(), f"{1e3 * cpu[name] / epochs.sum():.1f}",
                      (epochs == settings["max_iter"]).sum()])  # fmt: skip
        alone[name] = sum(floor[p["hidden_layer_sizes"]] * e.sum() for p, _, _, e in rows.values())
    study.table(f"The searches, one thread each, at most {settings['max_iter']} epochs a fit (the study: 200)",
                ["", "fits", "seconds", "processor s", "s per fit", "epochs", "ms per epoch", "not converged"],
                lines)  # fmt: skip
    ratio, fetched = cpu[theirs] / cpu[ours], cpu[double] / cpu[ours]
    study.compare(f"{lines[0][1]} fits, serial", "16.4 min, 4.4-46.7 s per fit (48 fits)",
                  f"{seconds[double]:.0f} s, {lines[2][4]} s per fit (MLPClassifier on float64)",
                  f"{seconds[ours]:.0f} s, {lines[0][4]} s per fit (ours on float32); {both:.0f} s over 2 processes",
                  f"at most {settings['max_iter']} epochs where the study had 200, on another machine")  # fmt: skip
    study.say(f"""Processor time: ours, in float32, is {fetched:.2f} times as fast as scikit-learn on the float64 that
        fetch_openml gives, and {ratio:.2f} times as fast as scikit-learn on float32. Matrix products, in the BLAS that
        both use, are {alone[ours] / cpu[ours]:.0%} of our time and {alone[theirs] / cpu[theirs]:.0%} of theirs: on
        float32 the same epochs on one thread cannot go more than {cpu[theirs] / alone[theirs]:.2f} times as fast. The
        study hid the warnings of fits that had not converged; the table counts them.""")
    study.table("Candidates on pixels of 0..255: cross-validated accuracy, and seconds per fit",
                ["", "ours", "scikit-learn", "ours with 0..1", "ours, s", "scikit-learn, s"],
                [[w, *(f"{r[w][1]:.4f}" for r in (found[ours], found[theirs], scaled)),
                  *(f"{found[n][w][2]:.2f}" for n in (ours, theirs))] for w in found[ours]])  # fmt: skip

    found["0..1, ours"], makers["0..1, ours"], best = scaled, single, {}
    for name in (theirs, ours, "0..1, ours"):
        rows, make, scale = found[name], makers[name], 255 if "0..1" in name else 1
        params, valid, _, _ = max(rows.values(), key=lambda row: row[1])
        model = make(**settings, **params).fit(x / np.float32(scale), y)
        test = model.score(x_test / np.float32(scale), y_test)
        best[name] = valid, test, f"{name}: {words(params)}, cross-validated {valid:.4f}, test {test:.4f}"
    texts = [text for _, _, text in best.values()]
    study.compare("best of the grid", "never printed", "; ".join(texts[:2]), texts[2])
    differ = max(abs(spread_out[w][1] - row[1]) for w, row in found[ours].items())
    study.check("scores over 2 processes less those in one, the largest", differ, 0, 1e-3)
    study.check("test accuracy of our best, pixels 0..1", best["0..1, ours"][1], 0.8 if study.quick else 0.92, 1)
    if not study.quick:  # short fits are mostly start-up, and a shared machine is no clock
        study.check("cross-validated best, ours less theirs", best[ours][0] - best[theirs][0], -0.02, 0.02)
        study.check("times as fast as scikit-learn, float32 both", ratio, 1, 9)
        study.check("times as fast as scikit-learn on float64, as the study had it", fetched, 2, 9)


def study(study):
    warnings.simplefilter("ignore", ConvergenceWarning)  # the fits that end by max_iter are counted instead
    parts = [part.arrays(scale=False, flatten=True) for part in study.data()]
    pixels, labels = (np.concatenate(arrays)[::10] for arrays in zip(*parts, strict=True))  # openml's order
    study.compare("images x pixels", "(7000, 784)", str(pixels.shape))
    runs = initialisations(study, pixels, labels)
    show_layers(study, runs, "before")
    show_layers(study, runs, "after")
    zero_init(study, runs, labels)
    grids(study, pixels, labels)


if __name__ == "__main__":
    run("weight_init", "Study a: five initialisations, and a grid of 48 fits", study, __doc__)
