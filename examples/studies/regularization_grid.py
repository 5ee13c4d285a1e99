"""Study b, part 5: dropout and L2 over three sigmoid layers, as written, chosen on the test set, and corrected.

activations_and_regularization.py runs this. Its nets, and the way they are trained over two processes, are here too.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from study import COLOURS, INK, INSTALL, figure

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.data import DataLoader, TensorDataset
from tinygrad_mnist.training import EarlyStopping, evaluate, fit, predict

try:
    from joblib import Parallel, delayed, parallel_config
except ImportError as error:
    sys.exit(f"{error}. {INSTALL}")

DROPOUTS, PENALTIES = (0.2, 0.4, 0.6, 0.8), (1e-4, 1e-3, 1e-2)
CELLS = {(p, l2): f"{p:g}/{l2:.0e}".replace("e-0", "e-") for p in DROPOUTS for l2 in PENALTIES}
PRINTED_CELLS = {(0.2, 1e-4): 0.5898, (0.2, 1e-3): 0.402, (0.4, 1e-4): 0.361, (0.4, 1e-3): 0.188}
BEST = (0.2, 1e-4)
SETTLED = {"adam": 2e-3, "batch_size": 128, "patience": 7}  # how the corrected grid is trained, with GAIN at the start
GAIN = 4.0  # a sigmoid's slope is 1/4 at most: with weights four times as large a signal comes through

# ---------------------------------------------------------------- nets, and how they are trained


def start(model, bound=None, gain=1.0):
    """Give weights Keras's start, Glorot's uniform law and no bias; or all of them U(-bound, bound)."""
    for p in model.parameters():
        if bound:
            nn.init.uniform_(p, -bound, bound)
        elif p.ndim > 1:
            nn.init.xavier_uniform_(p, gain=gain)
        else:
            nn.init.zeros_(p)
    return model


def dense(activation, layers=1, dropout=0.0, **how):
    """784 pixels -> layers of 128 -> 10 logits."""
    blocks = []
    for i in range(layers):
        blocks += [nn.Linear(128 if i else 784, 128), activation()] + [nn.Dropout(dropout)] * (dropout > 0)
    return start(nn.Sequential(nn.Flatten(), *blocks, nn.Linear(128, 10)), **how)


@dataclass
class Trial:
    """A trained net, the history of its training, and what it answers to images that it was not trained on."""

    model: Any
    history: Any
    answers: Any
    labels: Any

    @property
    def accuracy(self):
        return float((self.answers == self.labels).mean())

    @property
    def constant(self):
        return len(np.unique(self.answers)) == 1


class Settled(EarlyStopping):
    """Lower the lr, then stop, when the validation loss no longer falls.

    A net that knows no more than the shares of the classes (loss 2.30) gets 30 epochs before any are counted: the flat
    stretch at the start of a deep sigmoid net is not its end.
    """

    def on_epoch_end(self, run):
        """Count epochs without progress; every third lowers the lr."""
        if run.history[-1]["valid_loss"] > 2.28 and run.epoch < 30:
            return
        super().on_epoch_end(run)
        if self.waited and self.waited % 3 == 0:
            for group in run.optimizer.param_groups:
                group["lr"] *= 0.3


def train(
    make,
    data,
    test,
    seed=0,
    *,
    lr=0.02,
    adam=None,
    keras_l2=0.0,
    patience=None,
    in_order=False,
    batch_size=32,
    **settings,
):
    """Make a net and fit it, with `patience` until it is settled. Keras's penalty is l2 · Σ w², ours l2 / 2 · Σ w²."""
    tg.set_num_threads(1)
    tg.manual_seed(seed)
    model = make()
    optimizer = tg.optim.Adam(model.parameters(), lr=adam) if adam else tg.optim.SGD(model.parameters(), lr=lr)
    if patience:
        settings["callbacks"] = [Settled(patience, min_delta=2e-4)]
    if in_order:
        data = DataLoader(TensorDataset(*data), batch_size=batch_size)
    settings |= {"batch_size": batch_size, "l2": 2 * keras_l2, "compile": True, "progress": False}
    history = fit(model, data, optimizer=optimizer, **settings)
    return Trial(model, history, predict(model, test[0]).argmax(1), test[1])


def spread(jobs):
    """Do independent jobs over two processes, each with one thread; a dict of jobs gives a dict of results."""
    with parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        return dict(zip(jobs, Parallel()(jobs.values()), strict=True))


def constants_that_score(accuracy, labels, where, classes=range(10)):
    """Name the classes that have this accuracy if they are the answer to everything."""
    counts = [(c, int((labels == c).sum())) for c in classes]
    found = [f"always {c}, its share of the {where} set {k / len(labels):.6g} ({k:,} of {len(labels):,})"
             for c, k in counts if k == round(accuracy * len(labels))]  # fmt: skip
    return " or ".join(found)


def constant_predictor(trial, where):
    """Warn of a net that gives one answer to everything; an empty string if it does not."""
    only = trial.answers[:1]
    return constants_that_score((trial.labels == only).mean(), trial.labels, where, only) if trial.constant else ""


def listed(values, digits=3):
    return ", ".join(f"{v:.{digits}f}" for v in values)


def deviation(printed, values, runs=1):
    """Give how far a printed mean of some runs lies from ours, in standard deviations of such a difference."""
    return (printed - np.mean(values)) / (np.std(values, ddof=1) * np.sqrt(1 / runs + 1 / len(values)))


# ---------------------------------------------------------------- part 5, as written


def one_fold(x, y, n, fold, cell, activation=nn.Sigmoid, layers=3, epochs=5):
    """Train on four fifths of n images, judge on the rest. Folds are cut in order, as for a Keras net in a search."""
    out = slice(fold * n // 5, (fold + 1) * n // 5)
    rest, held_out = (np.delete(x[:n], out, 0), np.delete(y[:n], out)), (x[out], y[out])
    make = partial(dense, activation, layers, cell[0])
    return train(make, rest, held_out, fold, keras_l2=cell[1], epochs=epochs, valid=held_out)


def as_written(study, x, y):
    """Cross-validate all cells; give the mean accuracy of each."""
    study.section("Part 5: three sigmoid layers, dropout x L2, as written")
    n, epochs, folds = (10_000, 2, 2) if study.quick else (len(x), 5, 5)
    changes = {
        "no dropout, no L2": ((0.0, 0.0), nn.Sigmoid, 3), "one sigmoid layer": (BEST, nn.Sigmoid, 1),
        "three ReLU layers": (BEST, nn.ReLU, 3),
    }  # fmt: skip
    jobs = {(c, f): delayed(one_fold)(x, y, n, f, c, epochs=epochs) for c in CELLS for f in range(folds)}
    for what, (cell, activation, layers) in changes.items():
        jobs |= {(what, f): delayed(one_fold)(x, y, n, f, cell, activation, layers, epochs) for f in range(2)}
    done = spread(jobs)
    trials = {cell: [done[cell, f] for f in range(folds)] for cell in CELLS}
    scores = {cell: [t.accuracy for t in found] for cell, found in trials.items()}
    for cell, printed in PRINTED_CELLS.items():
        compare_cell(study, CELLS[cell], printed, trials[cell], scores[cell])
    others = [cell for cell in CELLS if cell not in PRINTED_CELLS]
    means = [np.mean(scores[cell]) for cell in others]
    counts = {CELLS[cell]: sum(t.constant for t in trials[cell]) for cell in others}
    constant = [f"{name} {count}" for name, count in counts.items() if count]
    study.compare(
        "grid, the other eight cells", "most .10-.12; two rows cut off",
        f"{sum(0.095 <= m < 0.125 for m in means)} of 8 in .10-.12; {listed(means)}", "see the corrected grid",
        f"means of {folds} folds, in the order {', '.join(CELLS[c] for c in others)}. Constant predictors, in how many "
        f"folds: {', '.join(constant) or 'none'}",
    )  # fmt: skip
    rows = [["none: 0.2/1e-4 as written", *(f"{a:.3f}" for a in scores[BEST][:2])]]
    rows += [[what, *(f"{done[what, f].accuracy:.3f}" for f in range(2))] for what in changes]
    study.table(f"What holds the best cell back: {epochs} epochs, two folds", ["change", "fold 1", "fold 2"], rows)
    gains = {what: np.mean([done[what, f].accuracy - scores[BEST][f] for f in range(2)]) for what in changes}
    ordered = sorted(gains, key=gains.get, reverse=True)
    study.say("Most is gained by the change first named: " + ", ".join(f"{w} {gains[w]:+.2f}" for w in ordered) + ".")
    relu = done["three ReLU layers", 0].accuracy
    study.check("three ReLU layers, a held-out fold", relu, 0.7 if study.quick else 0.95, 0.98)
    if not study.quick:
        more = gains["three ReLU layers"] - gains["no dropout, no L2"]
        study.check("three ReLU layers gain more than no dropout and no L2, by", more, 0.05, 0.5)
    return {cell: float(np.mean(a)) for cell, a in scores.items()}


def compare_cell(study, name, printed, trials, scores):
    """Put a printed mean beside ours, with the spread of the folds and how far training had come."""
    why = f"folds {listed(scores)}"
    if not study.quick:
        gain = np.mean([t.history[-1]["valid_accuracy"] - t.history[-2]["valid_accuracy"] for t in trials])
        away = deviation(printed, scores, runs=5)
        usual = "no more than folds make it" if abs(away) < 2.5 else "not reproduced, cause unknown"
        why += (
            f"; printed lies {away:+.1f} standard deviations of such a mean from ours, {usual}. The last epoch alone "
            f"changed the accuracy by {gain:+.3f}"
        )
        less = f"cell {name} as written, mean of folds less the printed one"
        study.check(less, np.mean(scores) - printed, -0.1, 0.05)
    study.compare(
        f"grid, dropout/L2 {name}", f"{printed:g} (mean of 5 folds)", f"{np.mean(scores):.3f} ({len(scores)} folds)",
        "see the corrected grid", why,
    )  # fmt: skip


# ---------------------------------------------------------------- part 5b, chosen on the test set


def chosen_on_test(study, x, y, xt, yt):
    """Train every cell for one epoch and pick the best on the test set, three times over."""
    study.section("Part 5b: every cell for one epoch, the best chosen on the test set")
    n, seeds = 5_000 if study.quick else len(x), (1, 2, 3)
    data, test = (x[:n], y[:n]), (xt, yt)
    done = spread({
        (seed, cell): delayed(train)(
            partial(dense, nn.Sigmoid, 3, cell[0]), data, test, 100 * seed + i, keras_l2=cell[1], epochs=1
        ) for seed in seeds for i, cell in enumerate(CELLS)
    })  # fmt: skip
    made, ax = figure(9.0, 3.4)
    ax.grid(False)
    ax.hlines(np.bincount(yt) / len(yt), -0.4, 11.4, color="#b5bec6", lw=0.8)
    best = []
    for seed, marker, colour in zip(seeds, "os^", COLOURS, strict=False):
        found = {cell: done[seed, cell].accuracy for cell in CELLS}
        best.append(max(found, key=found.get))
        ax.plot(list(CELLS.values()), list(found.values()), marker, color=colour, alpha=0.85, label=f"seed {seed}")
    ax.set(xlabel="dropout/L2", ylabel="test accuracy after 1 epoch")
    ax.tick_params(axis="x", rotation=30)
    made.legend(loc="outside right upper", frameon=False)
    study.picture(made, "chosen_on_test", "Chosen on the test set: grey lines are the shares of the ten classes in it.")
    constant = sum(t.constant for t in done.values())
    study.compare(
        "best cell on the test set after 1 epoch", "0.4/1e-3 (cross-validated: .188)",
        ", ".join(f"{CELLS[cell]} ({done[seed, cell].accuracy:.4f})" for seed, cell in zip(seeds, best, strict=True)),
        "see the corrected grid",
        f"{constant} of {len(done)} nets (three seeds) are constant predictors: each scores its one class's share. The "
        f"three seeds choose {len(set(best))} different cells",
    )  # fmt: skip
    if not study.quick:
        study.check("constant predictors among the nets of one epoch", constant, len(done) // 2, len(done))


# ---------------------------------------------------------------- part 5, corrected


def corrected(study, x, y, xt, yt, written):
    """Train every cell until its validation loss has stopped falling."""
    study.section("Part 5 corrected: every cell until its validation loss no longer falls")
    n, epochs = (6_000, 3) if study.quick else (len(x), 80)
    data, valid = (x[n // 12 : n], y[n // 12 : n]), (x[: n // 12], y[: n // 12])
    settings = {**SETTLED, "epochs": epochs, "valid": valid}
    done = spread({
        cell: delayed(train)(
            partial(dense, nn.Sigmoid, 3, cell[0], gain=GAIN), data, valid, i, keras_l2=cell[1], **settings
        ) for i, cell in enumerate(CELLS)
    })  # fmt: skip
    scores = {cell: t.accuracy for cell, t in done.items()}
    best, rows = max(CELLS, key=scores.get), []
    for cell, t in done.items():
        tested = predict(t.model, xt).argmax(1) == yt
        low, last = min(t.history["valid_loss"]), t.history[-1]
        rows.append([
            CELLS[cell], len(t.history), t.history.best_epoch, low, last["valid_loss"], scores[cell], tested.mean(),
            "yes" if t.constant else "",
        ])  # fmt: skip
    heads = ["dropout/L2", "epochs", "best epoch", "lowest loss", "loss at the end", "validation", "test", "constant"]
    study.table("Weights of the best epoch; validation loss without the penalty", heads, rows)
    test = next(row[6] for row in rows if row[0] == CELLS[best])
    limited = [CELLS[cell] for cell, t in done.items() if "early stopping" not in t.history.ended]
    study.compare(
        "best cell of the grid", ".5898, 0.2/1e-4", f"{written[BEST]:.3f}, 0.2/1e-4",
        f"{scores[best]:.4f} validation, {test:.4f} test, {CELLS[best]}",
        f"Adam with lr {SETTLED['adam']:g}, falling, batch {SETTLED['batch_size']}, Glorot's start times {GAIN:g}; "
        f"a cell, of one seed, ends when the loss on {len(valid[1]):,} held-out images has not fallen for "
        f"{SETTLED['patience']} epochs (counted only after 30 while it is constant). "
        f"{len(limited)} of 12 cells met the limit of {epochs} epochs"
        + f" ({', '.join(limited)})" * bool(limited),
    )  # fmt: skip
    constant = [cell for cell, t in done.items() if t.constant]
    collapsed(study, {cell: done[cell] for cell in constant}, done[best].model, data, valid, (xt, yt))
    study.check("corrected grid, test accuracy of the chosen cell", test, 0.75 if study.quick else 0.968, 0.983)
    if not study.quick:
        study.check("corrected cells that met the limit of epochs", len(limited), 0, 1)
        study.check("corrected grid, constant cells", len(constant), 0, 4)
    draw_grids(study, written, scores)


def collapsed(study, constant, trained, data, valid, test):
    """Show of every constant cell what became of its weights, and of trained ones under the same penalty."""
    if not constant:
        study.say("No cell of the corrected grid is a constant predictor.")
        return
    began = evaluate(trained, valid)["loss"]
    again = spread({
        cell: delayed(train)(
            partial(copy_of, trained, cell[0]), data, valid, 0, adam=SETTLED["adam"], batch_size=SETTLED["batch_size"],
            keras_l2=cell[1], epochs=3 if study.quick else 12, valid=valid,
        ) for cell in constant
    })  # fmt: skip
    shares = np.bincount(data[1], minlength=10) / len(data[1])
    knows_nothing, rows, moves = -np.log(shares[valid[1]]).mean(), [], []
    for cell, t in constant.items():
        weights = [abs(p.array).max() for p in t.model.parameters() if p.ndim > 1]
        moves.append(np.ptp(predict(t.model, test[0]), axis=0).max())
        last = again[cell].history[-1]
        rows.append([
            CELLS[cell], ", ".join(f"{w:.0e}" for w in weights), f"{moves[-1]:.0e}", min(t.history["valid_loss"]),
            last["valid_loss"], last["valid_accuracy"],
        ])  # fmt: skip
    heads = ["dropout/L2", "largest weight by layer", "outputs differ by", "loss", "trained start: loss", "accuracy"]
    study.table("Constant cells: their own end, and what the best cell's weights become there", heads, rows)
    alive = [row[0] for cell, row in zip(constant, rows, strict=True) if not again[cell].constant]
    study.say(
        f"The shares of the classes alone have the loss {knows_nothing:.4f}; in these cells no output changes by more "
        f"than {max(moves):.0e} between any two test images. The best cell's weights (loss {began:.3f}), trained on "
        f"under the same dropout and penalty, stay more than a constant in {len(alive)} of {len(rows)} cells"
        + (f" ({', '.join(alive)}): there the start decides, not the penalty alone." if alive else ": it is the cell.")
    )
    if not study.quick:
        study.check("largest change of an output between test images, constant cells", max(moves), 0, 1e-4)


def copy_of(trained, dropout):
    """Make the net of another cell with the weights of a trained one."""
    model = dense(nn.Sigmoid, 3, dropout)
    for p, q in zip(model.parameters(), trained.parameters(), strict=True):
        p.array[...] = q.array
    return model


def draw_grids(study, written, scores):
    """Draw the grid as printed, as written and corrected."""
    made, axes = figure(10.0, 3.5, columns=3, sharey=True)
    panels = {"printed": PRINTED_CELLS, "as written": written, "corrected": scores}
    for ax, (title, values) in zip(axes, panels.items(), strict=True):
        for i, j in np.ndindex(4, 3):
            value = values.get((DROPOUTS[i], PENALTIES[j]))
            text = f"{value:.3f}" if value else ".10-.12\nor cut off"
            ax.text(j, i, text, ha="center", va="center", color="white" if (value or 0) > 0.6 else INK, fontsize=9)
        shown = np.array([[values.get((p, l2), 0.11) for l2 in PENALTIES] for p in DROPOUTS])
        image = ax.imshow(shown, vmin=0, vmax=1, cmap="Blues", aspect="auto")
        ax.set(title=title, xlabel="L2", xticks=range(3), xticklabels=PENALTIES, yticks=range(4), yticklabels=DROPOUTS)
        ax.grid(False)
    axes[0].set_ylabel("dropout")
    made.colorbar(image, ax=axes, label="held-out accuracy")
    study.picture(made, "grid", "Dropout x L2 over three sigmoid layers: accuracy on images kept from training.")
