"""Layer classes of one's own, a gradient check, and a net trained until it overfits, on MNIST.

    python examples/studies/layers_and_checking.py             # 2 to 3 minutes on 2 cores
    python examples/studies/layers_and_checking.py --quick     # within a minute: 6 epochs, one seed

The study wrote layers with fprop and bprop by hand, checked their gradients by one-sided differences and trained
784-80(relu)-70(tanh)-10 by SGD: 2.390 % test error in 263.8 s. Expected here: central differences below 1e-9, as
written 2.4 %, corrected 2.2 % in 10 s a run (means of three seeds), and 0.84 % with a small convolutional net.
"""

from __future__ import annotations

import time

import numpy as np
from layer_classes import (
    Activation,
    FullyConnectedLayer,
    LinearOutput,
    SoftmaxOutput,
    fully_connected,
    hand_written,
    study_net,
)
from reasonable_network import reasonable
from study import CORRECTED, INK, PRINTED, figure, run

import tinygrad_mnist as tg
from tinygrad_mnist.data import DataLoader, TensorDataset
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.training import Callback, KeepBest, evaluate, fit

ERRORS = {0: 0.1394, 5: 0.0372, 10: 0.0307, 20: 0.0253, 23: 0.0243}  # of validation, as printed; epochs from 0
DIFFERENCES = [2.01e-7, 6.85e-8, 1.54e-7, 2.61e-8, 8.40e-8, 4.22e-8]  # W1 b1 W2 b2 W3 b3
SCIPY_STEP = float(np.sqrt(np.finfo(np.float64).eps))  # the step of scipy.optimize.check_grad, 1.49e-8

SURER = """So the loss grows because the net grows surer of a few mistakes, while it gets better on the other images;
mistakes do not become more, and the epoch of lowest error is kept."""


def defects(study, training):
    tg.manual_seed(0)
    x, w1, w2 = (tg.randn(8, 8, dtype=tg.float64, requires_grad=True) for _ in range(3))
    (right,) = tg.autograd.grad(tg.square(F.relu(F.relu(x @ w1) @ w2)).sum(), w1)
    shared, rows = Activation("relu"), []  # `def __init__(self, activation_fun=Activation("relu"))` makes one for all
    for what, first, second in (("one default object", shared, shared), ("one each", shared, Activation("relu"))):

        def two_layers(w1, w2, first=first, second=second):
            return tg.square(hand_written(hand_written(x @ w1, activation=first) @ w2, activation=second)).sum()

        wrong = tg.autograd.grad(two_layers(w1, w2), w1)[0].array - right.array
        passes = tg.autograd.gradcheck(two_layers, [w1, w2], raise_exception=False)
        rows.append([what, np.linalg.norm(wrong) / np.linalg.norm(right.array), passes])
    study.table("Two relu layers of 8 units", ["activation", "relative error of dW1", "gradcheck passes"], rows)
    study.check("gradcheck refuses the shared object and passes separate ones", not rows[0][2] and rows[1][2], 1, 1)
    study.say("""The default is made once, at the def line. The second layer's input overwrites the first's, so bprop of
        the first masks by the wrong signs. The study's own nets name every activation and so escape.""")
    try:
        FullyConnectedLayer(8, 8, "rleu")
    except tg.errors.ArgumentError as error:
        distance, refusal = np.abs(Activation("rleu").fprop(x.array) - x.array).max(), error.problem
    study.say(f"Activation('rleu') is silently linear: |out - in| = {distance:g}. Ours: ArgumentError: {refusal}")
    missing = np.mean([len(np.unique(b)) < 10 for b in training.labels[: 781 * 64].reshape(-1, 64)])
    scores = tg.tensor([[0.0, 40.0]], dtype=tg.float64, requires_grad=True)
    losses = F.cross_entropy(scores, [0]), -tg.log(F.softmax(scores, 1)[0, 0] + 1e-10)
    slopes = [tg.autograd.grad(loss, scores)[0].array[0, 0] for loss in losses]
    study.say(f"""one_hot by np.unique makes {len(np.unique([3, 3, 7]))} columns of the labels 3, 3, 7, not 10.
        {100 * missing:.1f} % of this training set's batches of 64 lack a class; the study escapes because it encodes
        whole sets. Ours takes class numbers. Where the right score lies 40 below the winner, cross_entropy is
        {losses[0].item():.2f} with slope {slopes[0]:.2f}, but -log(p + 1e-10) is {losses[1].item():.2f} with slope
        {slopes[1]:.0e}: it is not the loss to which the study's bprop, p - y, belongs.""")


def check_net(seed, last):
    tg.manual_seed(seed)
    net = fully_connected([10, 15, 6, 6], ["relu", "tanh", last], 0.1, tg.float64)
    return net, tg.randn(5, 10, dtype=tg.float64), tg.randint(0, 6, (5,))


def differences(net, x, y, step, central):
    """Root of the summed squares of (computed - numeric), per parameter, as scipy's check_grad gives it."""
    net.zero_grad()
    SoftmaxOutput()(net(x), y).backward()
    found = []
    with tg.no_grad():
        for p in net.parameters():
            numeric = np.zeros(p.shape)
            for at in np.ndindex(*p.shape):
                value, ends = p.array[at], []
                for end in (value + step, value - step if central else value):
                    p.array[at] = end
                    ends.append(SoftmaxOutput()(net(x), y).item())
                numeric[at], p.array[at] = (ends[0] - ends[1]) / (step * (1 + central)), value
            found.append(float(np.linalg.norm(p.grad.array - numeric)))
    return found


def gradient_check(study):
    nets = [check_net(seed, "relu") for seed in range(2 if study.quick else 6)]
    one_sided = np.array([differences(*net, SCIPY_STEP, central=False) for net in nets])
    central = np.array([differences(*net, 1e-5, central=True) for net in nets])
    net, x, y = nets[0]
    rounding = np.spacing(SoftmaxOutput()(net(x), y).item()) / SCIPY_STEP
    each = DIFFERENCES / np.sqrt([p.numel() for p in net.parameters()])
    for i, name in enumerate(["W1", "b1", "W2", "b2", "W3", "b3"]):
        low, high = f"{one_sided[:, i].min():.1e}", f"{one_sided[:, i].max():.1e} ({len(nets)} seeds)"
        ours = f"{central[:, i].max():.1e} at most (central)"
        study.compare(f"gradient check of {name}", f"{DIFFERENCES[i]:.2e}", f"{low} to {high}", ours)
    study.say(f"""Divided by the root of the number of entries the printed distances are all alike, {each.min():.1e} to
        {each.max():.1e}, and one rounding of the loss over scipy's step is {rounding:.1e}: the gradients are right, and
        what was printed is the round-off of the check.""")
    study.check("largest central difference (asked for: below 1e-7)", float(central.max()), 0, 1e-9)
    zeros = {}
    for last, output in (("relu", SoftmaxOutput()), ("linear", SoftmaxOutput()), ("linear", LinearOutput())):
        net, x, y = check_net(0, last)
        target = y if isinstance(output, SoftmaxOutput) else tg.randn(5, 6, dtype=tg.float64)

        def loss_of(*values, net=net, output=output, x=x, target=target):
            for i, layer in enumerate(list(net.layers)[1:]):
                layer.affine.weight, layer.affine.bias = values[2 * i : 2 * i + 2]
            return output(net(x), target)

        values = [p.detach().requires_grad_() for p in net.parameters()]
        zeros[last] = np.mean([x == 0 for g in tg.autograd.grad(loss_of(*values), values) for x in g.array.flat])
        passed = tg.autograd.gradcheck(loss_of, values) and tg.autograd.gradgradcheck(loss_of, values)
        study.check(f"gradcheck and gradgradcheck: last layer {last}, {type(output).__name__}", passed, 1, 1)
    study.say(f"""Exactly 0, so hardly checked: {100 * zeros["relu"]:.0f} % of the gradients with relu before softmax,
        as in the study's check, {100 * zeros["linear"]:.0f} % with a linear last layer.""")
    steps = 10.0 ** np.arange(-12, -0.5, 1 if study.quick else 0.5)
    net, (made, ax) = check_net(0, "linear"), figure(9, 3.8)
    for sided, colour, label in ((False, PRINTED, "one-sided"), (True, CORRECTED, "central")):
        norms = [np.linalg.norm(differences(*net, h, sided)) for h in steps]
        ax.loglog(steps, norms, marker="o", markersize=4, color=colour, label=label)
    ax.scatter([SCIPY_STEP] * 6, DIFFERENCES, marker="_", s=160, color=INK, label="printed, per parameter", zorder=3)
    ax.set(xlabel="step h", ylabel="|computed - numeric|")
    ax.legend(frameon=False, loc="lower left")
    caption = "Distance of numeric from computed gradients (all parameters): on the left round-off; on the right "
    study.picture(made, "gradient_check", caption + "truncation, as h or h², and from 0.003 the kinks of relu.")


class Weights(Callback):
    """Copies of the weights after every epoch, taken before KeepBest gives the best ones back."""

    def __init__(self):
        self.epochs = []

    def on_epoch_end(self, run):
        self.epochs.append({name: p.array.copy() for name, p in run.model.state_dict().items()})


def train(sets, seed, epochs, as_written=False, std=None, passes=0, lr=0.1, batch=64):
    """Train the study's net: in file order, in float64 and without the last 16 images, or corrected."""
    dtype = np.float64 if as_written else np.float32
    images, valid, test = ((x.astype(dtype), y) for x, y in sets)
    tg.manual_seed(seed)
    net, weights = study_net(std, dtype), Weights()
    began = time.perf_counter()
    history = fit(
        net, DataLoader(TensorDataset(*images), batch, shuffle=not as_written, drop_last=as_written), valid=valid,
        epochs=epochs, optimizer=tg.optim.SGD(net.parameters(), lr=lr), loss_function=SoftmaxOutput(),
        metrics=["accuracy"], callbacks=[weights, KeepBest("valid_accuracy")], compile=not passes, progress=False,
    )  # fmt: skip
    for _ in range(passes * epochs):  # what the study does to print: two passes after every epoch, for their time
        evaluate(net, images)
    seconds = time.perf_counter() - began
    best = 1 - evaluate(net, test)["accuracy"]
    net.load_state_dict(weights.epochs[-1])
    return {
        "net": net, "weights": weights.epochs, "error": 1 - np.array(history["valid_accuracy"]),
        "loss": np.array(history["valid_loss"]), "train": np.array(history["train_loss"]), "seconds": seconds,
        "printing": seconds - sum(history["seconds"]), "best": best,
        "last": 1 - evaluate(net, test)["accuracy"], "after": [evaluate(net, images)["loss"]],
    }  # fmt: skip


def spread(values, form="{:.4f}"):
    mean, low, high = (form.format(f(values)) for f in (np.mean, np.min, np.max))
    return mean if len(values) == 1 else f"{mean} ({low} to {high})"


def training_study(study, sets):
    """Train as written, and with one correction after the other; compare, and show where overfitting begins."""
    epochs, seeds = (6, [0]) if study.quick else (31, [0, 1, 2])
    written = [train(sets, s, epochs, as_written=True, std=0.01, passes=2 * (s == 0)) for s in seeds]
    shuffled = [train(sets, s, epochs, std=0.01) for s in seeds]
    corrected = [train(sets, s, epochs) for s in seeds]
    shown = [e for e in ERRORS if e < epochs]
    study.say(f"{epochs} of the 31 epochs, counted from 0; mean (lowest to highest) over seeds {seeds}.")
    compare_curves(study, written, corrected, shown)
    compare_ends(study, written, shuffled, corrected, epochs)
    if not study.quick:
        overfitting(study, written, corrected, sets[1])
    draw_training(study, written, corrected, shown)
    full_batch(study, sets, epochs, corrected[0])


def compare_curves(study, written, corrected, shown):
    """Put the printed errors and losses beside ours."""
    rows = [
        *((f"validation error, epoch {e}", f"{ERRORS[e]:.4f}", "error", e) for e in shown),
        ("lowest validation error", "0.0243 (epoch 23)", "error", None), ("last validation loss", "0.0975", "loss", -1),
        ("lowest validation loss", "0.0939 (epoch 19)", "loss", None), ("last training loss", "0.0075", "after", -1),
    ]  # fmt: skip
    for what, printed, key, epoch in rows:
        sides, found = [], []
        for runs in (written, corrected):
            at = [r[key].argmin() if epoch is None else epoch for r in runs]
            where = f" (epoch {', '.join(map(str, at))})" if epoch is None else ""
            found.append([r[key][e] for r, e in zip(runs, at, strict=True)])
            sides.append(spread(found[-1]) + where)
        ours, number = found[0], float(printed.split()[0])
        why = where_printed_lies(number, ours, study.quick and epoch not in shown)
        mean = f"; as a mean while the epoch runs: {written[0]['train'][-1]:.4f} as written"
        study.compare(what, printed, *sides, why + (mean if key == "after" else ""))
        if not study.quick:
            study.check(f"{what}: printed over mean of ours, as written", number / np.mean(ours), 0.9, 1.1)


def where_printed_lies(printed, ours, early):
    """Say where a printed number lies among those of our seeds."""
    if early:
        return "of 31 epochs there, of fewer here"
    if min(ours) <= printed <= max(ours):
        return "as written: within our seeds"
    return f"as written: printed is {100 * (printed / np.mean(ours) - 1):+.1f} % off ours, mean of seeds: {len(ours)}"


def compare_ends(study, written, shuffled, corrected, epochs):
    """Put the printed test error and time beside ours, and say what each correction changed."""
    names = "as written: file order, float64, N(0, 0.01)", "reshuffled, all images, float32", "and Linear's own start"
    rows = [
        [name, *(spread([100 * r[key] for r in runs], "{:.2f}") + " %" for key in ("last", "best"))]
        for name, runs in zip(names, (written, shuffled, corrected), strict=True)
    ]
    study.table("Test error, by what was changed", ["run", "last epoch", "best epoch"], rows)
    why = "one change at a time in the table of test errors; one standard error of 2.4 % on 10,000 images is 0.15 %"
    study.compare("test error", "2.390 % (last epoch)", f"{rows[0][1]} (last)", f"{rows[2][2]} (best epoch)", why)
    w, seconds = written[0], [r["seconds"] for r in corrected]
    aside = f"{w['seconds']:.1f}, of which {w['printing']:.1f} for {2 * epochs} passes only to print"
    why = "float32, a compiled step, no such passes; the study's machine is not known"
    study.compare("seconds", "263.8", aside, spread(seconds, "{:.1f}"), why)
    best, last = np.mean([r["best"] for r in corrected]), np.mean([r["last"] for r in written])
    study.check("test error, corrected", best, *((0.022, 0.035) if study.quick else (0.0195, 0.0239)))
    study.check("test error, as written", last, *((0.03, 0.05) if study.quick else (0.0215, 0.0265)))
    study.check("seconds / 263.8", np.mean(seconds) / 263.8, 0, 0.12, timed=True)
    study.check("validation error as written, epoch 0", w["error"][0], 0.125, 0.155)


def smooth(losses):
    """Give medians over 5 epochs, which spikes do not move; entry i is of the epochs around i + 2."""
    return np.median(np.lib.stride_tricks.sliding_window_view(losses, 5), axis=-1)


def turning_point(runs):
    """Give the epoch around which the smoothed validation loss is lowest, mean over seeds, with that mean."""
    mean = np.mean([smooth(r["loss"]) for r in runs], 0)
    return int(mean.argmin()) + 2, mean


def mistakes(net, weights, valid):
    """Measure wrong answers with some weights: count, mean loss, share of the whole; mean loss of the others."""
    net.load_state_dict(weights)
    scores = net(valid[0]).detach()
    losses = F.cross_entropy(scores, valid[1], reduction="none").numpy()
    wrong = scores.numpy().argmax(1) != valid[1]
    share = 100 * losses[wrong].sum() / losses.sum()
    return int(wrong.sum()), float(losses[wrong].mean()), float(share), float(losses[~wrong].mean())


def overfitting(study, written, corrected, valid):
    """Say where overfitting begins, by medians over epochs and means over seeds, and what the later loss is made of."""
    for name, runs in (("As written", written), ("Corrected", corrected)):
        turn, mean = turning_point(runs)
        own = ", ".join(str(turning_point([r])[0]) for r in runs)
        moves = np.abs([np.diff(r["loss"])[10:] for r in runs])
        first, end = (np.mean([r["train"][e] for r in runs]) for e in (turn, -1))
        study.say(f"""{name}: validation loss, median of 5 epochs, mean over seeds, is lowest around epoch {turn} (by
            seed {own}), {mean.min():.4f}, and {mean[-1]:.4f} at the end, while the training loss falls from {first:.4f}
            to {end:.4f}. From one epoch to the next a single curve moves by {np.median(moves):.4f} (median;
            {moves.max():.3f} at most).""")
        study.check(f"{name}: epoch around which overfitting begins", turn, 10, 25)
        study.check(f"{name}: smoothed validation loss at the end over its lowest", mean[-1] / mean.min(), 1.005, 1.15)
    rows = []
    for seed, r in enumerate(corrected):
        near = range(turn - 2, turn + 3)
        usual = sorted(near, key=lambda e: r["loss"][e])[2]  # the epoch whose loss is the median there
        for what, epoch in (("lowest error", r["error"].argmin()), ("where it turns", usual), ("the last", -1)):
            found = mistakes(r["net"], r["weights"][epoch], valid)
            rows.append([seed, what, int(epoch) % len(r["loss"]), *found])
    columns = ["seed", "epoch of", "epoch", "wrong images", "their mean loss", "their share of the loss, %",
               "mean loss of the others"]  # fmt: skip
    study.table("10,000 validation images, corrected runs", columns, rows)
    low, last = ([np.mean([row[i] for row in rows[start::3]]) for i in (3, 4, 5, 6)] for start in (1, 2))
    surer = last[1] > low[1] and last[3] < low[3] and last[0] <= low[0]
    study.say(f"""From where it turns to the end (means over seeds) wrong images go from {low[0]:.0f} to {last[0]:.0f},
        their mean loss from {low[1]:.2f} to {last[1]:.2f}, their share of the loss from {low[2]:.0f} to
        {last[2]:.0f} %, the mean loss of the others from {low[3]:.4f} to {last[3]:.4f}. {SURER if surer else ""}""")
    study.check("mean loss of wrong images, at the end over there", last[1] / low[1], 1.05, 2)
    study.check("wrong images, at the end over there", last[0] / low[0], 0.85, 1.1)
    study.check("mean loss of the others, at the end over there", last[3] / low[3], 0.2, 1)


def draw_training(study, written, corrected, shown):
    made, (left, right) = figure(10, 4, columns=2)
    for runs, colour, name in ((written, PRINTED, "as written"), (corrected, CORRECTED, "corrected")):
        r = runs[0]
        left.semilogy(r["loss"], color=colour, label=f"{name}, validation")
        left.semilogy(r["train"], color=colour, linestyle="--", label=f"{name}, training")
        right.semilogy(100 * r["error"], color=colour, label=name)
        best = int(r["error"].argmin())
        right.plot(best, 100 * r["error"][best], "*", color=colour, markersize=12, zorder=3)
        if not study.quick:
            turn, mean = turning_point(runs)
            left.plot(np.arange(len(mean)) + 2, mean, color=INK, linewidth=0.8)
            left.plot(turn, mean.min(), "v", color=INK, label=None if runs is written else "overfitting begins")
    right.plot(shown, [100 * ERRORS[e] for e in shown], "o", color=INK, label="printed")
    right.set_yticks([2, 3, 4, 6, 10, 15], ["2", "3", "4", "6", "10", "15"])
    right.minorticks_off()
    for ax, unit in ((left, "loss (nats)"), (right, "validation error (%)")):
        ax.set(xlabel="epoch", ylabel=unit)
        ax.legend(frameon=False, fontsize=8)
    caption = """784-80-70-10 as written and corrected (seed 0). Dark lines: validation loss, median of 5 epochs and
        mean over seeds; triangles where it is lowest and overfitting begins. Stars: lowest validation error, whose
        weights are kept. Training loss: the epoch's mean."""
    study.picture(made, "training", caption)


def full_batch(study, sets, epochs, c):
    """Run the full-batch descent that the study meant to have, in as many passes."""
    rows = [["SGD, batch 64", 0.1, epochs * 782, c["seconds"], f"{100 * c['error'][-1]:.2f} %"]]
    for lr in (0.5,) if study.quick else (0.1, 0.5):
        r = train(sets, 0, epochs, lr=lr, batch=50_000)
        rows.append(["full batch", lr, epochs, r["seconds"], f"{100 * r['error'][-1]:.2f} %"])
    study.table(f"The same {epochs} passes", ["method", "lr", "updates", "seconds", "validation error"], rows)
    broken, why = "cannot run: y_batch is undefined", f"{epochs} updates; SGD makes {rows[0][2]:,} in as many passes"
    study.compare("validation error of full-batch descent", "never ran", broken, f"{rows[-1][-1]} (lr 0.5)", why)
    study.check("full batch, lr 0.5: validation error", r["error"][-1], *((0.25, 0.5) if study.quick else (0.15, 0.25)))


def whole_study(study):
    training, test = study.data()
    images, labels = training.arrays(flatten=True)
    sets = (images[:50_000], labels[:50_000]), (images[50_000:], labels[50_000:]), test.arrays(flatten=True)
    study.section("The classes, and what they let pass")
    defects(study, training)
    study.section("The gradient check")
    gradient_check(study)
    study.section("784-80-70-10, as written and corrected")
    training_study(study, sets)
    study.section("A reasonable network")
    reasonable(study, training, test)


if __name__ == "__main__":
    run("layers_and_checking", "Study e: layer classes, a gradient check, and overfitting", whole_study, __doc__)
