"""Layer classes of one's own, a gradient check, and a net trained until it overfits, on MNIST.

    python examples/studies/layers_and_checking.py             # some 4 minutes on 2 cores
    python examples/studies/layers_and_checking.py --quick     # within a minute: 6 epochs, one seed

The study wrote layers with fprop and bprop by hand, checked their gradients by one-sided differences and trained
784-80(relu)-70(tanh)-10 by SGD: 2.390 % test error in 263.8 s. Expected here: central differences below 1e-9, as
written 2.4 %, corrected 2.2 % in 10 s a run (means of three seeds), and 0.84 % with a small convolutional net.
"""

from __future__ import annotations

import time

import numpy as np
from study import CORRECTED, INK, PRINTED, figure, run

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.data import DataLoader, TensorDataset
from tinygrad_mnist.errors import ArgumentError
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.primitive import primitive
from tinygrad_mnist.training import Callback, KeepBest, evaluate, fit

ERRORS = {0: 0.1394, 5: 0.0372, 10: 0.0307, 20: 0.0253, 23: 0.0243}  # of validation, as printed; epochs from 0
DIFFERENCES = [2.01e-7, 6.85e-8, 1.54e-7, 2.61e-8, 8.40e-8, 4.22e-8]  # W1 b1 W2 b2 W3 b3
SCIPY_STEP = float(np.sqrt(np.finfo(np.float64).eps))  # the step of scipy.optimize.check_grad, 1.49e-8

ACTIVATIONS = {"relu": F.relu, "tanh": F.tanh, "sigmoid": F.sigmoid, "linear": lambda x: x}


class InputLayer(nn.Module):
    def __init__(self, features):
        self.features = features

    def forward(self, x):
        return x.reshape(len(x), self.features)


class FullyConnectedLayer(nn.Module):  # its activation is a function without memory, so layers can share it
    def __init__(self, n_in, n_out, activation="relu", dtype=np.float32):
        if activation not in ACTIVATIONS:
            raise ArgumentError(f"activation {activation!r} is unknown.", expected=", ".join(ACTIVATIONS))
        self.affine, self.activation = nn.Linear(n_in, n_out, dtype=dtype), ACTIVATIONS[activation]

    def forward(self, x):
        return self.activation(self.affine(x))


class SoftmaxOutput(nn.Module):  # takes class numbers: no one-hot rows to shrink, no log(p + 1e-10)
    def forward(self, scores, labels):
        return F.cross_entropy(scores, labels)


class LinearOutput(nn.Module):
    def forward(self, scores, values):
        return F.mse_loss(scores, values) / 2


class NeuralNetwork(nn.Module):  # fprop is forward, params is parameters(), bprop is nobody's work any more
    def __init__(self, *layers, std=None):
        self.layers = nn.Sequential(*layers)
        for p in self.parameters() if std else ():
            nn.init.normal_(p, std=std)

    def forward(self, x):
        return self.layers(x)


class Activation:  # the study's own: it remembers its latest input for bprop, and takes any name
    def __init__(self, name):
        self.name = name

    def fprop(self, x):
        self.last_input = x
        return np.maximum(x, 0) if self.name == "relu" else x

    def bprop(self, g):
        return g * (self.last_input > 0) if self.name == "relu" else g


@primitive()
def hand_written(x, *, activation):
    """Make fprop and bprop an operation of ours, so that gradcheck can judge them."""
    return activation.fprop(x)


@hand_written.vjp("x")
def hand_written_vjp_x(g, out, x, *, activation):
    return activation.bprop(g)


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
    except ArgumentError as error:
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


def fully_connected(sizes, activations, std=None, dtype=np.float32):
    layers = zip(sizes[:-1], sizes[1:], activations, strict=True)
    return NeuralNetwork(InputLayer(sizes[0]), *(FullyConnectedLayer(*each, dtype) for each in layers), std=std)


def study_net(std=None, dtype=np.float32):
    return fully_connected([784, 80, 70, 10], ["relu", "tanh", "linear"], std, dtype)


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


class LastWeights(Callback):  # measures them before KeepBest takes the best ones back
    def __init__(self, images, test):
        self.images, self.test = images, test

    def on_end(self, run):
        self.loss, self.error = evaluate(run.model, self.images)["loss"], 1 - evaluate(run.model, self.test)["accuracy"]


def train(sets, seed, epochs, as_written=False, std=None, passes=0, lr=0.1, batch=64):
    """Train the study's net: in file order, in float64 and without the last 16 images, or corrected."""
    dtype = np.float64 if as_written else np.float32
    images, valid, test = ((x.astype(dtype), y) for x, y in sets)
    tg.manual_seed(seed)
    net, last = study_net(std, dtype), LastWeights(images, test)
    began = time.perf_counter()
    history = fit(
        net, DataLoader(TensorDataset(*images), batch, shuffle=not as_written, drop_last=as_written), valid=valid,
        epochs=epochs, optimizer=tg.optim.SGD(net.parameters(), lr=lr), loss_function=SoftmaxOutput(),
        metrics=["accuracy"], callbacks=[last, KeepBest("valid_accuracy")], compile=not passes, progress=False,
    )  # fmt: skip
    for _ in range(passes * epochs):  # what the study does to print: two passes after every epoch, for their time
        evaluate(net, images)
    seconds = time.perf_counter() - began
    return {
        "net": net, "error": 1 - np.array(history["valid_accuracy"]), "loss": np.array(history["valid_loss"]),
        "train": np.array(history["train_loss"]), "after": [last.loss], "seconds": seconds,
        "printing": seconds - sum(history["seconds"]), "last": last.error, "best": 1 - evaluate(net, test)["accuracy"],
    }  # fmt: skip


def spread(values, form="{:.4f}"):
    mean, low, high = (form.format(f(values)) for f in (np.mean, np.min, np.max))
    return mean if len(values) == 1 else f"{mean} ({low} to {high})"


def training_study(study, sets):
    epochs, seeds = (6, [0]) if study.quick else (31, [0, 1, 2])
    written = [train(sets, s, epochs, as_written=True, std=0.01, passes=2 * (s == 0)) for s in seeds]
    shuffled = [train(sets, s, epochs, std=0.01) for s in seeds]
    corrected = [train(sets, s, epochs) for s in seeds]
    w, c = written[0], corrected[0]
    study.say(f"{epochs} of the 31 epochs, counted from 0; mean (lowest to highest) over seeds {seeds}.")
    shown = [e for e in ERRORS if e < epochs]
    figures = [
        *((f"validation error, epoch {e}", f"{ERRORS[e]:.4f}", "error", e) for e in shown),
        ("lowest validation error", "0.0243 (epoch 23)", "error", None), ("last validation loss", "0.0975", "loss", -1),
        ("lowest validation loss", "0.0939 (epoch 19)", "loss", None), ("last training loss", "0.0075", "after", -1),
    ]  # fmt: skip
    for what, printed, key, epoch in figures:
        sides = []
        for runs in (written, corrected):
            at = [r[key].argmin() if epoch is None else epoch for r in runs]
            where = f" (epoch {', '.join(map(str, at))})" if epoch is None else ""
            sides.append(spread([r[key][e] for r, e in zip(runs, at, strict=True)]) + where)
        why = f"as a mean while the epoch runs: {w['train'][-1]:.4f} as written" if key == "after" else ""
        study.compare(what, printed, *sides, why)
    names = "as written: file order, float64, N(0, 0.01)", "reshuffled, all images, float32", "and Linear's own start"
    rows = [
        [name, *(spread([100 * r[key] for r in runs], "{:.2f}") + " %" for key in ("last", "best"))]
        for name, runs in zip(names, (written, shuffled, corrected), strict=True)
    ]
    study.table("Test error, by what was changed", ["run", "last epoch", "best epoch"], rows)
    why = "one change at a time in the table above; one standard error of 2.4 % on 10,000 images is 0.15 %"
    study.compare("test error", "2.390 % (last epoch)", f"{rows[0][1]} (last)", f"{rows[2][2]} (best epoch)", why)
    aside = f"{w['seconds']:.1f}, of which {w['printing']:.1f} for {2 * epochs} passes only to print"
    why = "float32, a compiled step, no such passes; the study's machine is not known"
    study.compare("seconds", "263.8", aside, spread([r["seconds"] for r in corrected], "{:.1f}"), why)
    best, last = np.mean([r["best"] for r in corrected]), np.mean([r["last"] for r in written])
    study.check("test error, corrected", best, 0.018, 0.035 if study.quick else 0.0239)
    study.check("test error, as written", last, 0.021, 0.05 if study.quick else 0.027)
    study.check("seconds / 263.8", np.mean([r["seconds"] for r in corrected]) / 263.8, 0, 0.25)
    study.check("validation error as written, epoch 0", w["error"][0], 0.12, 0.16)
    turn = int(c["loss"].argmin())
    if turn < epochs - 1:
        losses = F.cross_entropy(c["net"](sets[1][0]), sets[1][1], reduction="none").detach().numpy()
        sure = losses > np.log(2)  # p of the right class below 1/2: the mistakes, nearly
        study.say(f"""Overfitting begins after epoch {turn}: the validation loss rises from {c["loss"][turn]:.4f} to
            {c["loss"][-1]:.4f}, the training loss falls from {c["train"][turn]:.4f} to {c["train"][-1]:.4f}. The error
            hardly follows ({100 * c["error"][turn]:.2f} % there, {100 * c["error"][-1]:.2f} % at the end), because the
            loss is that of a few mistakes, of which the net grows surer: {100 * sure.mean():.1f} % of the images have
            {100 * losses[sure].sum() / losses.sum():.0f} % of it. So the epoch of lowest error is kept.""")
    made, (left, right) = figure(10, 4, columns=2)
    for r, colour, name in ((w, PRINTED, "as written"), (c, CORRECTED, "corrected")):
        left.semilogy(r["loss"], color=colour, label=f"{name}, validation")
        left.semilogy(r["train"], color=colour, linestyle="--", label=f"{name}, training")
        right.semilogy(100 * r["error"], color=colour, label=name)
        turn, best = int(r["loss"].argmin()), int(r["error"].argmin())
        right.plot(best, 100 * r["error"][best], "*", color=colour, markersize=12, zorder=3)
        if turn < epochs - 1:
            left.plot(turn, r["loss"][turn], "v", color=INK, label=None if r is w else "overfitting begins")
    right.plot(shown, [100 * ERRORS[e] for e in shown], "o", color=INK, label="printed")
    right.set_yticks([2, 3, 4, 6, 10, 15], ["2", "3", "4", "6", "10", "15"])
    right.minorticks_off()
    for ax, unit in ((left, "loss (nats)"), (right, "validation error (%)")):
        ax.set(xlabel="epoch", ylabel=unit)
        ax.legend(frameon=False)
    caption = "784-80-70-10 as written and corrected (seed 0). Triangles: lowest validation loss; stars: lowest "
    study.picture(made, "training", caption + "validation error, whose weights are kept. Training loss: epoch's mean.")
    rows = [["SGD, batch 64", 0.1, epochs * 782, c["seconds"], f"{100 * c['error'][-1]:.2f} %"]]
    for lr in (0.5,) if study.quick else (0.1, 0.5):
        r = train(sets, 0, epochs, lr=lr, batch=50_000)
        rows.append(["full batch", lr, epochs, r["seconds"], f"{100 * r['error'][-1]:.2f} %"])
    study.table(f"The same {epochs} passes", ["method", "lr", "updates", "seconds", "validation error"], rows)
    broken, why = "cannot run: y_batch is undefined", f"{epochs} updates; SGD makes {rows[0][2]:,} in as many passes"
    study.compare("validation error of full-batch descent", "never ran", broken, f"{rows[-1][-1]} (lr 0.5)", why)
    study.check("full batch, lr 0.5: validation error", r["error"][-1], 0.08, 0.6 if study.quick else 0.3)


def convolutions():
    features = nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 5), nn.ReLU(), nn.MaxPool2d(2)
    head = FullyConnectedLayer(256, 128), nn.Dropout(0.25), FullyConnectedLayer(128, 10, "linear")
    return NeuralNetwork(*features, InputLayer(256), *head)


def train_reasonable(make, images, labels, epochs, valid=None):
    """Train with Adam and one cycle of the learning rate to its end, so that no epoch needs to be chosen."""
    tg.manual_seed(0)
    net, loader = make(), DataLoader(TensorDataset(images, labels), 64, shuffle=True)
    optimizer = tg.optim.Adam(net.parameters(), lr=3e-3)
    schedule = tg.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=epochs * len(loader))
    how = {"optimizer": optimizer, "schedule": schedule, "schedule_every": "batch", "compile": True, "progress": False}
    return net, fit(net, loader, valid=valid, epochs=epochs, **how)


def reasonable(study, training, test):
    """Choose between nets by validation images, train the choice on all 60,000, test it once."""
    images, labels = training.arrays(channel=True)
    valid, first, rows = (images[50_000:], labels[50_000:]), 10_000 if study.quick else 50_000, []
    plans = ("784-80-70-10", study_net, 8), ("2 convolutions", convolutions, 4)
    for name, make, epochs in plans if not study.quick else [(*plan[:2], 1) for plan in plans]:
        net, history = train_reasonable(make, images[:first], labels[:first], epochs, valid)
        rows.append([name, epochs, sum(history["seconds"]), 1 - history["valid_accuracy"][-1], make])
    columns = ["Adam, one cycle", "epochs", "seconds", "validation error"]
    study.table(f"Candidates, trained on {first:,} images", columns, [row[:4] for row in rows])
    name, epochs, _, _, make = min(rows, key=lambda row: row[3])
    net, history = train_reasonable(make, images, labels, epochs)
    error = 1 - evaluate(net, test.arrays(channel=True))["accuracy"]
    got = f"{100 * error:.2f} % ({name}, {sum(history['seconds']):.0f} s on all {len(images):,} images, tested once)"
    study.compare("test error of a reasonable network", "1.5 % or less is asked for", "none was built", got)
    study.check("test error of the reasonable network", error, 0.005, 0.03 if study.quick else 0.0135)


def study(study):
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
    run("layers_and_checking", "Study e: layer classes, a gradient check, and overfitting", study, __doc__)
