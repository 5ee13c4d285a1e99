"""The grid of study a: 24 candidates on two folds, with scikit-learn's MLPClassifier and with our NeuralClassifier.

A part of weight_init.py, which runs it. Both makers get the same grid, folds and limit of epochs, and one thread.
"""

from __future__ import annotations

import functools
import itertools
import os
import time
import timeit
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.utils import parallel  # joblib's, which also tells its processes which warnings are wanted
from study import COLOURS, CORRECTED, INK, PRINTED, figure

import tinygrad_mnist as tg
from tinygrad_mnist.sklearn import NeuralClassifier

GRID = {  # MLPClassifier's names are ours, so one dict serves both
    "hidden_layer_sizes": [(300,), (300, 100), (100, 50)], "activation": ["tanh", "relu"],
    "solver": ["adam", "sgd"], "learning_rate_init": [1e-4, 1e-3],
}  # fmt: skip
EPOCHS = 30  # the study had 200, which would take a quarter of an hour here
OURS, THEIRS, DOUBLE = "ours", "scikit-learn, float32", "scikit-learn, float64"
# float32 whatever the pixels come as; scikit-learn computes in the dtype that it is given
MAKERS = {OURS: functools.partial(NeuralClassifier, dtype="float32"), THEIRS: MLPClassifier, DOUBLE: MLPClassifier}


@dataclass
class Search:
    """What one search took, and its candidates by their words: parameters, mean score, seconds and epochs per fit."""

    rows: dict
    wall: float
    cpu: float

    def add(self, other):
        self.rows.update(other.rows)
        self.wall += other.wall
        self.cpu += other.cpu

    @property
    def epochs(self):
        return np.array([row["epochs"] for row in self.rows.values()])

    @property
    def accuracy(self):
        return np.array([row["accuracy"] for row in self.rows.values()])

    @property
    def seconds(self):
        return np.array([row["seconds"] for row in self.rows.values()])

    def best(self):
        return max(self.rows, key=lambda name: self.rows[name]["accuracy"])


def words(params):
    return " ".join(str(params[k]).replace(" ", "") for k in GRID)


def measure(model, x, y):
    """Score a fit; note too which process did it, and what processor time that process has used so far."""
    return dict(accuracy=model.score(x, y), epochs=model.n_iter_, process=os.getpid(), clock=time.process_time())


def search(estimator, grid, x, y, workers=None):
    """Run GridSearchCV on the study's folds (cv=2: by class, not shuffled).

    Args:    workers: processor time by process, when there are workers to do it; cpu is then what these use
    """
    wall, cpu = time.perf_counter(), time.process_time()
    r = GridSearchCV(estimator, grid, scoring=measure, refit=False, cv=2, n_jobs=workers and 2).fit(x, y).cv_results_
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    folds = {k: np.stack([r[f"split{i}_test_{k}"] for i in range(2)], 1) for k in ("epochs", "process", "clock")}
    if workers:
        clocks = {p: folds["clock"][folds["process"] == p].max() for p in np.unique(folds["process"])}
        cpu = sum(clock - workers.get(p, 0.0) for p, clock in clocks.items())
    parts = zip(r["params"], r["mean_test_accuracy"], r["mean_fit_time"], folds["epochs"].astype(int), strict=True)
    rows = {words(p): dict(params=p, accuracy=a, seconds=s, epochs=e) for p, a, s, e in parts}
    return Search(rows, wall, float(cpu))


def search_all(grid, settings, x, y):
    """Search with every maker, one group of candidates after another; give a Search per maker."""
    found = {name: Search({}, 0.0, 0.0) for name in MAKERS}
    for i, (sizes, activation) in enumerate(itertools.product(grid["hidden_layer_sizes"], grid["activation"])):
        part = {**grid, "hidden_layer_sizes": [sizes], "activation": [activation]}
        for name in list(MAKERS)[:: 1 if i % 2 else -1]:  # in turn, so that a slow minute of the machine hits all
            data = x if name == THEIRS else x.astype(np.float64)  # float64 is what fetch_openml gives
            found[name].add(search(MAKERS[name](**settings), part, data, y))
    return found


def products(sizes, samples):
    """Measure the seconds that the matrix products of one epoch take, in float32: no MLP can do without these."""
    rng, total = np.random.default_rng(0), 0.0
    for i, (a, b) in enumerate(itertools.pairwise((784, *sizes, 10))):
        x, w, d = (rng.normal(size=s).astype(np.float32) for s in ((200, a), (a, b), (200, b)))
        for left, right in ((x, w), (x.T, d), (d, w.T))[: 3 if i else 2]:  # pixels need no gradient
            spent = timeit.repeat("a @ b", globals={"a": left, "b": right}, number=1, repeat=25)
            total += np.median(spent) * samples / 200
    return total


# ------------------------------------------------------------ how long it takes


def show_times(study, found, limit, samples):
    """Put the times of the searches beside the printed ones."""
    rows = [
        [name, 2 * len(s.rows), f"{s.wall:.1f}", f"{s.cpu:.1f}", f"{s.seconds.min():.2f}-{s.seconds.max():.2f}",
         s.epochs.sum(), f"{1e3 * s.wall / s.epochs.sum():.1f}", (s.epochs == limit).sum()] for name, s in found.items()
    ]  # fmt: skip
    columns = ["", "fits", "seconds", "processor s", "s per fit", "epochs", "ms per epoch", "at the limit"]
    study.table(f"The searches, one thread each, at most {limit} epochs a fit (the study: 200)", columns, rows)
    ours, double = found[OURS], found[DOUBLE]
    most = [9600 * s.wall / s.epochs.sum() for s in (double, *found.values())]
    why = f"at most {limit} epochs a fit, which end {rows[2][-1]} of {rows[2][1]} fits, where the study had 200: "
    why += f"with 200 and 48 fits the three searches could take {sum(most[1:]):.0f} s, MLPClassifier on float64 "
    why += f"{most[0] / 60:.1f} min of them; whatever else differs is the machine and the library's version"
    study.compare(f"{rows[0][1]} fits, serial", "16.4 min (48 fits)", f"{double.wall:.0f} s (MLPClassifier on float64)",
                  f"{ours.wall:.0f} s (ours on float32)", why)  # fmt: skip
    study.compare("seconds per fit, fastest and slowest candidate", "4.4-46.7", rows[2][4], rows[0][4], "the same")
    show_ratios(study, found, samples)


def show_ratios(study, found, samples):
    """Say how much faster ours is, at whose precision, and what cannot be faster."""
    ours, theirs, double = (found[name] for name in MAKERS)
    cost = functools.cache(lambda sizes: products(sizes, samples))
    alone = [sum(cost(row["params"]["hidden_layer_sizes"]) * row["epochs"].sum() for row in s.rows.values())
             for s in (ours, theirs, double)]  # fmt: skip
    ratio, equal = double.wall / ours.wall, theirs.wall / ours.wall
    bound, widest = theirs.cpu / alone[1], double.cpu / alone[2]
    study.table("Total time: how many times as fast as MLPClassifier ours is (ours always in float32)",
                ["MLPClassifier", "ours", "if nothing but its matrix products were left, in float32"],
                [["on float64, as the study had it", ratio, widest],
                 ["on float32, equal precision", equal, bound]])  # fmt: skip
    rest = [1e3 * (s.cpu - a) / s.epochs.sum() for s, a in ((ours, alone[0]), (theirs, alone[1]))]
    study.say(f"""Total time of the searches: ours in float32 is {ratio:.2f} times as fast as MLPClassifier on the
        float64 that fetch_openml gives and that the study fitted; MLPClassifier on float32 is itself
        {double.wall / theirs.wall:.2f} times as fast as that. At equal precision, float32, ours is {equal:.2f} times as
        fast as MLPClassifier{", not twice" * (equal < 2)}:
        the matrix products, which both leave to the same BLAS, are {alone[0] / ours.cpu:.0%} of our processor time and
        {alone[1] / theirs.cpu:.0%} of theirs, so nothing could be more than {bound:.2f} times as fast; outside them
        ours spends {rest[0]:.1f} ms an epoch and theirs {rest[1]:.1f} ms.""")
    if not study.quick:  # short fits are mostly start-up
        study.check(
            "total time: times as fast as scikit-learn on float64, as the study had it", ratio, 2, widest, timed=True
        )
        study.check(
            "total time: times as fast as scikit-learn on float32, equal precision", equal, 1, bound, timed=True
        )


def begin():
    """Give this worker's number and processor time, once it has imported all of this; leave time for the other."""
    time.sleep(0.3)
    return os.getpid(), time.process_time()


def show_processes(study, serial, spread_out, start):
    """Say what two processes bring, and where the time goes if that is not half."""
    fits = [s.seconds.mean() for s in (serial, spread_out)]
    cost = [1e3 * s.cpu / s.epochs.sum() for s in (serial, spread_out)]
    used = min(spread_out.cpu / (2 * spread_out.wall), 1.0)
    gain, ready = serial.wall / (start + spread_out.wall), serial.wall / spread_out.wall
    study.table("Our search in one process and over two (joblib's loky), one thread each",
                ["", "start of the workers, s", "search, s", "s per fit", "processor ms per epoch"],
                [["one", "", f"{serial.wall:.1f}", fits[0], cost[0]],
                 ["two", f"{start:.1f}", f"{spread_out.wall:.1f}", fits[1], cost[1]]])  # fmt: skip
    text = f"""Two processes: {gain:.2f} times as fast with the start of the workers, {ready:.2f} times without it. They
        were at work for {used:.0%} of the time of two cores; an epoch there takes {cost[1] / cost[0]:.2f} times the
        processor time that it takes alone. """
    if ready < 1.5:
        parts = {
            "the cores, which other programs or other guests of the machine used": used,
            "the dearer epochs: each process has one thread, but cache and memory are shared": cost[0] / cost[1],
            "the time between fits, and the end, where one process waits": 2 * fits[0] / fits[1] / ready / 2,
        }
        text += f"What keeps it from half the time is most of all {min(parts, key=parts.get)}."
    study.say(text)
    differ = max(abs(row["accuracy"] - serial.rows[w]["accuracy"]) for w, row in spread_out.rows.items())
    study.check("scores over 2 processes less those in one, the largest", differ, 0, 1e-3)
    if not study.quick:  # threads that fight for the cores would spin, and use processor time
        study.check(
            "processor time of an epoch over two processes, against alone", cost[1] / cost[0], 0.7, 1.5, timed=True
        )
    if not study.quick and used > 0.85:
        study.check("over two processes, times as fast as in one, workers started", ready, 1.2, 2.2, timed=True)


# ------------------------------------------------------------ what it finds


def compare_candidates(study, found, scaled):
    """Compare every candidate's score with MLPClassifier's; give the one that differs most."""
    ours, theirs = found[OURS], found[THEIRS]
    rows = [[w, *(f"{s.rows[w]['accuracy']:.4f}" for s in (ours, theirs, found[DOUBLE], scaled)),
             *(f"{s.rows[w]['seconds']:.2f}" for s in found.values())] for w in ours.rows]  # fmt: skip
    columns = ["", *found, "ours, pixels 0..1", *(f"{name}, s" for name in found)]
    study.table("Candidates on pixels of 0..255: cross-validated accuracy, and seconds per fit", columns, rows)
    gap, between = ours.accuracy - theirs.accuracy, np.abs(theirs.accuracy - found[DOUBLE].accuracy)
    names, order = list(ours.rows), np.argsort(-np.abs(gap))
    far = [f"{names[i]} {gap[i]:+.3f}" for i in order if abs(gap[i]) > 0.02]
    study.say(f"""Ours less MLPClassifier's (float32), {len(names)} candidates: median {np.median(gap):+.4f}, median
        size {np.median(np.abs(gap)):.4f}, largest {gap[order[0]]:+.4f}. More than .02 apart:
        {", ".join(far) or "none"}. MLPClassifier itself, from one random_state, moves by up to {between.max():.4f}
        (median {np.median(between):.4f}) from float32 to float64. Both makers draw their first weights from one
        distribution, but not the same numbers; our biases begin at 0, theirs are drawn too.""")
    if not study.quick:
        study.check("ours less theirs, median of the candidates", np.median(gap), -0.012, 0.012)
        study.check("ours less theirs, median size", np.median(np.abs(gap)), 0, 0.02)
    return ours.rows[names[order[0]]]["params"]


def try_starts(study, params, settings, x, y):
    """Train the candidate that differs most from more random starts."""
    starts = range(1, 3 if study.quick else 9)  # not 0, by which it was picked
    models = [MAKERS[name](**params, **{**settings, "random_state": s}) for name in (OURS, THEIRS) for s in starts]
    with parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        scores = parallel.Parallel()(parallel.delayed(cross_val_score)(model, x, y, cv=2) for model in models)
    scores = np.reshape(np.mean(scores, 1), (2, len(starts)))
    mean, sd = scores.mean(1), scores.std(1, ddof=1)
    apart = abs(mean[0] - mean[1]) / max(np.sqrt((sd**2).sum() / len(starts)), 1e-9)
    study.table(f"The candidate that differs most, {words(params)}, from other random starts",
                ["random_state", *map(str, starts)],
                [[n, *(f"{v:.4f}" for v in s)] for n, s in zip((OURS, THEIRS), scores, strict=True)])  # fmt: skip
    verdict = "which the random start alone can give"
    if apart >= 3:
        verdict = "more than the random start is likely to give; the cause is not known"
    study.say(f"""Its means are {mean[0]:.4f} ± {sd[0]:.4f} (ours) and {mean[1]:.4f} ± {sd[1]:.4f}, {apart:.1f} standard
        errors apart, {verdict}.""")
    if not study.quick:
        study.check("the candidate that differs most: standard errors between the means", apart, 0, 5)


def compare_best(study, found, scaled, settings, data):
    """Refit the best of each search on all 4,200 images, and look at the test part, once each."""
    x, x_test, y, y_test = data
    texts, tests, limit = [], [], settings["max_iter"]
    for name, rows, scale in ((THEIRS, found[THEIRS], 1), (OURS, found[OURS], 1), (OURS, scaled, 255)):
        best, scale = rows.rows[rows.best()], np.float32(scale)
        model = MAKERS[name](**settings, **best["params"]).fit(x / scale, y)
        tests.append(model.score(x_test / scale, y_test))
        ended = " and ".join(map(str, best["epochs"]))
        texts.append(f"{name}: {rows.best()}, cross-validated {best['accuracy']:.4f}, test {tests[-1]:.4f}")
        texts[-1] += f" (folds: {ended} epochs)"
    ends = [f"{(s.epochs == limit).sum()} of {s.epochs.size}" for s in (found[THEIRS], found[OURS], scaled)]
    why = f"at most {limit} epochs end {ends[0]} fits of scikit-learn's, {ends[1]} of ours and {ends[2]} corrected "
    why += "(pixels 0..1): with the study's 200 another candidate may be the best"
    study.compare("best of the grid", "never printed", "; ".join(texts[:2]), texts[2], why)
    study.check("test accuracy of our best, pixels 0..1", tests[2], 0.8 if study.quick else 0.92, 0.96)
    if not study.quick:  # best of 24 on 4,200 images, each with an sd of .005
        gap = found[OURS].accuracy.max() - found[THEIRS].accuracy.max()
        study.check("cross-validated accuracy of the best, ours less theirs", gap, -0.02, 0.02)


def draw(study, found, scaled):
    """Draw accuracy against seconds per fit, and against what the same candidate has on pixels of 0..1."""
    made, (left, right) = figure(9.5, 4.9, columns=2)
    marks = {"adam": "o", "sgd": "^"}
    for name, colour in ((DOUBLE, PRINTED), (THEIRS, COLOURS[5]), (OURS, CORRECTED)):
        for solver, mark in marks.items():
            rows = [r for r in found[name].rows.values() if r["params"]["solver"] == solver]
            left.plot([r["seconds"] for r in rows], [r["accuracy"] for r in rows], mark, color=colour, ms=6, alpha=0.7,
                      mew=0, label=f"{name}: {solver}")  # fmt: skip
    left.set(xlabel="seconds per fit", ylabel="cross-validated accuracy, pixels 0..255", ylim=(0, 1))
    left.set_xlim(left=0)
    for (solver, mark), (rate, colour) in itertools.product(marks.items(), ((1e-3, CORRECTED), (1e-4, PRINTED))):
        both = [(found[OURS].rows[w]["accuracy"], r["accuracy"]) for w, r in scaled.rows.items()
                if (r["params"]["solver"], r["params"]["learning_rate_init"]) == (solver, rate)]  # fmt: skip
        right.plot(*zip(*both, strict=True), mark, color=colour, ms=6, alpha=0.7, mew=0, label=f"{solver}, {rate:g}")
    right.plot([0, 1], [0, 1], color=INK, lw=1, ls="--")
    right.set(xlabel="ours, pixels 0..255", ylabel="ours, pixels 0..1", xlim=(0, 1), ylim=(0, 1))
    for ax in (left, right):
        ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, fontsize=8.5)
    caption = "Left: what a fit takes and what it brings, one point per candidate. Right: what pixels / 255 bring; "
    study.picture(made, "grid", caption + "above the line they help. Solver by shape, learning rate by colour.")


def grids(study, pixels, labels):
    """Search the grid in one process with every maker, then over two with ours, then on pixels of 0..1."""
    study.section("The grid of 48 fits")
    tg.set_num_threads(1)  # of NumPy's products, which scikit-learn uses too
    data = x, _, y, _ = train_test_split(pixels, labels, test_size=0.4, random_state=0)
    grid = {**GRID, "hidden_layer_sizes": [(100, 50)], "activation": ["relu"]} if study.quick else GRID
    settings = dict(max_iter=6 if study.quick else EPOCHS, random_state=0)
    found = search_all(grid, settings, x, y)

    get_reusable_executor().shutdown(wait=True)  # the workers of the initialisations: these here start anew
    ours = MAKERS[OURS](**settings)
    with parallel_config("loky", n_jobs=2, inner_max_num_threads=1):  # more threads would fight for the cores
        began = time.perf_counter()
        workers = dict(Parallel()(delayed(begin)() for _ in range(2)))
        start = time.perf_counter() - began - 0.3
        spread_out = search(ours, grid, x.astype(np.float64), y, workers)
        scaled = search(ours, grid, x / np.float32(255), y, workers)
    show_times(study, found, settings["max_iter"], len(x) // 2)
    show_processes(study, found[OURS], spread_out, start)
    try_starts(study, compare_candidates(study, found, scaled), settings, x, y)
    compare_best(study, found, scaled, settings, data)
    draw(study, found, scaled)
