"""
7. When training fails
======================

A network that does not learn says nothing: there is no error, only a loss that stays. You will make each mistake that
``tg.training.Doctor`` knows, see what it looks like, read what the doctor says, and train again without it. Reading
takes about 40 minutes; you may also come here with a verdict and read its section alone. The code runs in about 15
seconds: it trains on 1,437 digits of 8 by 8 pixels, which come with scikit-learn.
"""

import math
import warnings
from functools import partial

import numpy as np
from matplotlib.figure import Figure

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.training.doctor import RULES

# some mistakes are warned of as well: here the doctor shall find them alone
warnings.filterwarnings("ignore", "cross_entropy: the input")
warnings.filterwarnings("ignore", category=RuntimeWarning)  # NumPy's, of what is not finite
X, Y = tg.data.Digits(train=True).arrays(flatten=True)
UNSEEN = [tg.tensor(part) for part in tg.data.Digits(train=False).arrays(flatten=True)]

# %%
# A first verdict
# ---------------
# Here is a loop as everybody writes it. The doctor looks on, and changes nothing. It is told of the model and the
# optimizer before the loop, and of each step between the loss and ``backward``. (With ``fit`` you write
# ``callbacks=[Doctor()]``, and that is all.) Something is wrong with the model. Can you see it?

tg.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10), nn.Softmax(1))
optimizer, doctor = tg.optim.Adam(model.parameters(), lr=3e-3), tg.training.Doctor()
doctor.watch(model, optimizer)
for x, y in tg.data.DataLoader(tg.data.TensorDataset(X, Y), batch_size=64, shuffle=True):
    outputs = model(x)
    loss = F.cross_entropy(outputs, y)
    doctor.step(loss, outputs, y, x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
assert [verdict.name for verdict in doctor.verdicts] == ["double_softmax"]

# %%
# A verdict has the step, the name, what was *seen*, the *figure* that gave it away, beside what healthy trainings have,
# and what to *try*. These are all that there are:
#
# - found in the record of a step: `double softmax`_, `evaluation mode`_, `zero grad`_, unreached_
# - found in numbers of the first steps: `unscaled input`_, exploding_, `rate too high`_, unshuffled_, saturated_,
#   `wrong start`_, `dead relu`_
# - found after a while: vanishing_, `rate too low`_, `constant predictor`_, `shuffled labels`_, overfitting_
# - found before any training: stuck_
#
# Tools of this lesson
# --------------------
# Each section below makes a mistake, trains with it and without it, and draws both. The next two cells do the training
# and the drawing. You can skip them, and come back to look something up.


def step(model, optimizer, loss_function, doctor, x, y, zero_grad=True):
    """Make one step of training, as above."""
    outputs = model(x)
    loss = loss_function(outputs, y)
    doctor.step(loss, outputs, y, x)
    if zero_grad:
        optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def train(
    model, make=tg.optim.Adam, lr=3e-3, x=X, y=Y, loss=F.cross_entropy, step=step,
    epochs=3, batches=90, shuffle=True, **settings,
):  # fmt: skip
    """Train on batches of 64 samples, watched by a doctor; keep what the pictures need."""
    optimizer, draw = make(model.parameters(), lr=lr, **settings), np.random.default_rng(0)
    doctor = tg.training.Doctor(say=lambda text: None)
    doctor.watch(model, optimizer)
    weights = [p for p in model.parameters() if p.ndim > 1]
    run = {name: [] for name in ("losses", "labels", "changes", "epochs")}
    run.update(doctor=doctor, model=model, x=x)
    for _ in range(epochs):
        order = draw.permutation(len(x)) if shuffle else np.arange(len(x))
        for at in np.resize(order, (batches, 64)):
            old = [p.array.copy() for p in weights]
            value = step(model, optimizer, loss, doctor, tg.tensor(x[at]), tg.tensor(y[at]))
            run["losses"].append(value)
            run["labels"].append(y[at])
            moves = [(p.array - w, w) for p, w in zip(weights, old, strict=True)]
            run["changes"].append([np.linalg.norm(m) / np.linalg.norm(w) for m, w in moves])
            if not math.isfinite(value):
                return run
        outputs = model.eval()(UNSEEN[0])
        unseen = F.cross_entropy(outputs, UNSEEN[1]).item()
        run["epochs"].append((np.mean(run["losses"][-batches:]), unseen))
        run["guesses"] = outputs.argmax(1).numpy()
        doctor.epoch(valid_loss=unseen)
        model.train()
    return run


def net(*hidden, act=nn.ReLU, last=()):
    """Make a network of Linear layers, the same each time."""
    tg.manual_seed(0)
    parts, width = [], 64
    for units in hidden:
        parts += [nn.Linear(width, units), act()]
        width = units
    return nn.Sequential(*parts, nn.Linear(width, 10), *last)


def changed(model, layer, weights=1.0, biases=0.0):
    """Multiply the weights of a layer, and add to its biases."""
    with tg.no_grad():
        model[layer].weight.mul_(weights)
        model[layer].bias.add_(biases)
    return model


# %%
# ``compare`` gets a broken and a healthy run. It holds the doctor to its word: the mistake must be the first verdict of
# the broken run, and the healthy run must have none. It draws the losses of both (orange is broken, blue healthy), and
# beside them what tells this mistake from others: by how much of its size each layer changes in a step (the largest of
# the first 20; between 1 in 10,000 and 1 in 10 is usual), what the first hidden layer gives, how often each class is
# guessed, the labels, or both losses of an epoch.

ORANGE, BLUE = "#d9822b", "#3b75af"
shown = set()  # verdicts that have their section


def panel(axes, kind, run, colour, shift):
    """Draw what tells a mistake from others, for one run."""
    if kind == "changes":
        most = np.max(run["changes"][:20], axis=0)
        axes.bar(np.arange(len(most)) + shift, np.maximum(most, 1e-10), 0.4, color=colour)
        axes.set(yscale="log", ylim=(1e-10, 10), xticks=range(len(most)))
        axes.set(xlabel="layer", title="change / size")
    elif kind == "values":
        values = run["model"][:2](tg.tensor(run["x"][:300])).detach().numpy().ravel()
        axes.hist(values, 40, color=colour, alpha=0.6, density=True)
        axes.set(yscale="log", title="first hidden layer: values")
    elif kind == "guesses":
        counts = np.bincount(run["guesses"], minlength=10)
        axes.bar(np.arange(10) + shift, counts, 0.4, color=colour)
        axes.set(xticks=range(10), title="guesses of each class")
    elif kind == "epochs":
        for losses, line in zip(zip(*run["epochs"], strict=True), ("-", "--"), strict=True):
            axes.plot(losses, line, color=colour)
        axes.set(yscale="log", xlabel="epoch", title="loss; dashes: validation")
    elif shift < 0:
        axes.imshow(np.array(run["labels"][:20]), cmap="tab10", aspect="auto")
        axes.set(ylabel="batch", title="labels of the broken run")


def compare(name, broken, healthy, kind="changes"):
    """Check what the doctor says of a broken and of a healthy run, print it, and draw both."""
    verdicts = broken["doctor"].verdicts
    assert verdicts and verdicts[0].name == name and not healthy["doctor"].verdicts
    shown.add(name)
    print(verdicts[0])
    figure = Figure(figsize=(6, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for run, colour, shift in ((broken, ORANGE, -0.2), (healthy, BLUE, 0.2)):
        left.plot(np.arange(len(run["losses"])) + 1, run["losses"], color=colour, linewidth=0.8)
        panel(right, kind, run, colour, shift)
    left.axvline(verdicts[0].step, color=ORANGE, linestyle=":")
    left.set(yscale="log" if min(broken["losses"]) > 0 else "symlog")
    left.set(title="loss; dotted: the verdict", xlabel="step")
    return figure


# %%
# Without a mistake the doctor finds nothing:
healthy = train(net(64))
print(healthy["doctor"], "loss", round(healthy["losses"][-1], 3))

# %%
# double softmax
# --------------
# ``cross_entropy`` makes probabilities of its inputs itself. A model that ends with ``Softmax`` gives it numbers from 0
# to 1. The softmax of those is never far from even: the loss cannot fall below log(1 + 9/e) = 1.46. This was
# the mistake above.
broken = train(net(64, last=[nn.Softmax(1)]))
assert min(broken["losses"]) > math.log(1 + 9 / math.e) - 1e-6
compare("double_softmax", broken, healthy)

# %%
# evaluation mode
# ---------------
# ``BatchNorm`` and ``Dropout`` do one thing in training and another one afterwards. Whoever calls ``model.eval()`` for
# a validation, and not ``model.train()`` after it, trains with layers that do the second. The loss falls all the same,
# only more slowly, so nobody looks for a mistake.
act = {"act": lambda: nn.Sequential(nn.BatchNorm1d(64), nn.ReLU())}
broken = train(net(64, **act), step=lambda model, *others: step(model.eval(), *others))
cured = train(net(64, **act))
assert not broken["model"][1][0].running_mean.any() and cured["model"][1][0].running_mean.any()
ends = [np.mean(run["losses"][-20:]) for run in (broken, cured)]
print("loss at the end: broken {:.3f}, healthy {:.3f}".format(*ends))
assert ends[1] < ends[0] < broken["losses"][0] / 4
compare("evaluation_mode", broken, cured, "values")

# %%
# zero grad
# ---------
# ``backward`` adds to ``.grad``. Without ``zero_grad`` each step repeats all those before it, and the loss swings.
sgd = {"make": tg.optim.SGD, "lr": 0.1}
broken = train(net(64), **sgd, step=partial(step, zero_grad=False))
compare("zero_grad", broken, train(net(64), **sgd))

# %%
# unreached
# ---------
# Something in ``forward`` cuts the record: ``detach()``, ``.numpy()``, ``no_grad()``, or a layer that is made and never
# called. What lies before it gets no gradient and stays as it was drawn. The loss may fall all the same.


class Cut(nn.Module):
    def forward(self, x):
        return x.detach()


broken = train(net(64, act=Cut))
assert broken["model"][0].weight.grad is None
compare("unreached", broken, healthy)

# %%
# unscaled input
# --------------
# Layers start with weights for inputs of about 1. Pixels from 0 to 255 make sums that are 255 times too large.
compare("unscaled_input", train(net(64), x=X * 255), healthy, "values")

# %%
# exploding
# ---------
# The loss grows without end, or is no number any more. Here the sign of the loss is wrong, so it is driven away from 0.
broken = train(net(64), loss=lambda outputs, y: -F.cross_entropy(outputs, y))
compare("exploding", broken, healthy)

# %%
# Here the logarithm of a probability that was rounded to 0 is infinite. The verdict names the operation; the page
# :doc:`/howto/nan` finds the line, too. The cure is ``cross_entropy``, or ``log_softmax``, which never round to 0.



def rounded(outputs, y):
    return -(outputs * 400).softmax(1).log().gather(1, y[:, None]).mean()


broken = train(net(64), tg.optim.SGD, 1e-4, loss=rounded)
print(broken["doctor"].verdicts[0])
assert broken["doctor"].verdicts[0].name == "exploding" and not math.isfinite(broken["losses"][-1])

# %%
# rate too high
# -------------
# A step changes a layer by a large part of itself. It jumps over the valley that it should walk down.
compare("rate_too_high", train(net(64), tg.optim.SGD, 10), train(net(64), **sgd))

# %%
# unshuffled
# ----------
# The batches come sorted by class. The network learns to repeat the class of the last batch, and forgets the others.
# The loss jumps where a new class begins.
order = np.argsort(Y, kind="stable")
compare("unshuffled", train(net(64), x=X[order], y=Y[order], shuffle=False), healthy, "labels")

# %%
# saturated
# ---------
# ``tanh`` is flat beyond −3 and 3. Where sums are large, its values are −1 or 1, and hardly any gradient passes. Either
# the weights were drawn too large, or the inputs are too large.
broken = train(changed(net(64, act=nn.Tanh), 0, weights=40), lr=1e-3)
compare("saturated", broken, train(net(64, act=nn.Tanh)), "values")

# %%
# wrong start
# -----------
# Guessing costs log 10 = 2.3. If the first loss is far above that, the last layer is sure of nonsense: its weights were
# drawn too large. The training spends its first steps on taking that back.
compare("wrong_start", train(changed(net(64), 2, weights=100), lr=1e-3), healthy)

# %%
# dead relu
# ---------
# A unit whose sum is negative for every sample gives 0. The slope of ``relu`` is 0 there, so no gradient will wake it.
# Large negative biases do it, and so does one step that was too long.
compare("dead_relu", train(changed(net(64), 0, biases=-5.0)), healthy, "values")

# %%
# vanishing
# ---------
# The slope of a sigmoid is 1/4 at most. Seven in a row leave the first layer a gradient of hardly anything: in the
# picture each layer to the left changes less. ReLU and Adam cure it.
compare("vanishing", train(net(*[64] * 7, act=nn.Sigmoid), **sgd), train(net(*[64] * 7), lr=1e-3))

# %%
# rate too low
# ------------
# All layers move, but by so little that the loss stays where it is.
compare("rate_too_low", train(net(64), tg.optim.SGD, 1e-6), train(net(64), **sgd))

# %%
# constant predictor
# ------------------
# The network gives one class to everything. Here far too much weight decay pulls all weights to 0, so that only the
# biases are left.
compare("constant_predictor", train(net(64), weight_decay=10.0, epochs=7), healthy, "guesses")

# %%
# shuffled labels
# ---------------
# Images and labels no longer belong together: somebody sorted one and not the other, say. All layers move as they
# should, but the loss stays at log 10, since there is nothing to learn. Look at ten images beside their labels before
# any training.
short = {"lr": 1e-3, "epochs": 1, "batches": 45}
broken = train(net(128), y=np.random.default_rng(0).permutation(Y), **short)
compare("shuffled_labels", broken, train(net(128), **short), "guesses")

# %%
# overfitting
# -----------
# There are too few samples for so many parameters: they are learned by heart. The training loss goes on falling, and
# the loss of unseen digits rises. Cures are more data, a smaller model, dropout, or to stop early.
long = {"epochs": 40, "batches": 2}
broken = train(net(256, 128), x=X[:50], y=Y[:50], **long)
compare("overfitting", broken, train(net(256, 128), **long), "epochs")

# %%
# stuck
# -----
# This is no training but a question to ask before one: can the model learn 16 samples by heart? If not, there is no
# need to train on 60,000. Here a ReLU stands behind the last layer, and that layer's biases are low: no output gets a
# gradient.
batch = tg.tensor(X[:64]), tg.tensor(Y[:64])
models = [changed(net(64, last=[nn.ReLU()]), 2, biases=-5.0), net(64)]
found, cured = (tg.training.Doctor().check(model, batch, steps=300) for model in models)
print(found, "without the last ReLU:", cured, sep="\n")
assert [v.name for v in found.verdicts] == ["stuck"] and cured.healthy
shown.add("stuck")
figure = Figure(figsize=(6, 2.2), layout="constrained")
for axes, model, title in zip(figure.subplots(1, 2), models, ("broken", "healthy"), strict=True):
    outputs = model(batch[0]).detach().numpy()
    axes.imshow(outputs.T, cmap="PuOr_r", vmin=-0.5, vmax=0.5, aspect="auto")
    axes.set(title=f"{title}: 10 outputs", xlabel="sample", yticks=[])
figure

# %%
# These are all that it knows:
assert shown == set(RULES), set(RULES) - shown
print(len(shown), "verdicts, each with a section of this lesson")

# %%
# Exercises
# ---------
# Stuck for ten minutes? There are :doc:`hints </hints>`.
#
# 1. (5 minutes) Find the largest rate of SGD at which the doctor finds nothing in ``train(net(64), tg.optim.SGD, lr)``.
#    Check: at the double of it, ``run["doctor"].verdicts`` is not empty.
# 2. (10 minutes) Cure ``vanishing`` and keep the sigmoids. Check: no verdict, and the last loss is below 1.
# 3. (15 minutes) How many units are dead in your healthy runs? ``doctor.worst["dead_relu"]`` has the largest share.
# 4. (open) Make the doctor be wrong in a training of your own, ``fit(..., callbacks=[Doctor()])``: a healthy run with a
#    verdict, or a broken one with none. ``examples/training_doctor.py`` has the 52 that it was measured on.
