"""
4. A network on MNIST
=====================

You will train a network that reads handwritten digits, with every line of the training loop written out. You will take
each line away in turn and see what goes wrong, and you will look at the digits that the network gets wrong. Reading
takes about 25 minutes. The code runs in a few seconds.

What a gradient is, and how ``backward`` finds it, is in :doc:`/learn/02_tensors`.
"""

import math

import numpy as np
from matplotlib.figure import Figure

import tinygrad_mnist as tg
from tinygrad_mnist import nn

# %%
# The data
# --------
# MNIST is 60,000 images for training and 10,000 for testing. Each is 28 by 28 pixels, with a label from 0 to 9. They
# are downloaded once. Where that cannot be done, ``open_dataset`` takes 1,797 smaller digits of scikit-learn instead,
# and says so: this lesson runs on both, but only MNIST gives the accuracies that people quote.

tg.manual_seed(0)  # the same numbers each time that this is run
train_set, test_set, notice = tg.data.open_dataset()
print(notice or "These are MNIST's own digits.")
print(len(train_set), "images for training,", len(test_set), "for testing")

# %%
# An image is a square of numbers: 0 is paper, 255 is ink. Here is a part of the first one, and then 20 whole ones.

first = train_set.images[0]
print(first[5:20, 6:24])
figure = Figure(figsize=(8, 3.4), layout="constrained")
places = figure.subplots(2, 10).flat
for axes, image, label in zip(places, train_set.images, train_set.labels, strict=False):
    axes.imshow(image, cmap="gray_r")
    axes.set_title(str(label))
    axes.axis("off")
figure

# %%
# A network wants small numbers, around 1. So pixels are divided by 255. An index does that: it gives an image of floats
# from 0 to 1 and its label. The extra 1 in the shape is the number of colour channels.

image, label = train_set[0]
print(image.shape, image.dtype, "from", image.min(), "to", image.max(), "is a", label)
assert np.allclose(image[0], first / 255)

# %%
# **Three parts.** The network learns from the *training* part. The *validation* part tells, while you work, how well it
# does on images that it has not learned from; you may look at it as often as you like. The *test* part is used once, at
# the end. If you choose your settings by the test part, its accuracy is no longer that of new images.

held_out = len(train_set) // 12
train, valid = tg.data.random_split(train_set, [len(train_set) - held_out, held_out])
loader = tg.data.DataLoader(train, batch_size=64, shuffle=True)
images, labels = next(iter(loader))
print(len(train), len(valid), len(test_set))
print("a batch:", tuple(images.shape), "and", tuple(labels.shape))

# %%
# A *batch* is a handful of images that are computed together. ``shuffle=True`` draws a new order for each *epoch*,
# which is one pass over all training images.
#
# The model
# ---------
# 784 pixels go in. A ``Linear`` layer makes 128 numbers of them: each is a sum of all pixels, with one weight per
# pixel, plus a bias. ``ReLU`` replaces negative numbers by 0. A second ``Linear`` layer makes 10 numbers, one per
# digit. These are called *logits*: the largest one is the network's guess.

model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
count = sum(p.numel() for p in model.parameters())
print(model)
print(f"{count:,} parameters")
assert count == 784 * 128 + 128 + 128 * 10 + 10

# %%
# Why the ReLU? Without it the two layers would be one: a sum of sums is a sum. Two ``Linear`` layers in a row compute
# *B(Ax + a) + b*, which is *(BA)x + (Ba + b)*: a single ``Linear`` layer, with the weights *BA*.

a, b = nn.Linear(784, 128), nn.Linear(128, 10)
x = images.flatten(1)
with tg.no_grad():
    merged = x @ (b.weight @ a.weight).T + (b.weight @ a.bias + b.bias)
    assert tg.allclose(b(a(x)), merged, atol=1e-5)

# %%
# The loss
# --------
# Training needs one number that says how wrong the guesses are. *Softmax* makes probabilities of logits: it takes e to
# the power of each and divides by their sum. *Cross-entropy* is the mean of −log p, where p is the probability that the
# network gave to the true digit. It is 0 if the network is sure and right, and grows without bound if it is sure and
# wrong.

loss_function = nn.CrossEntropyLoss()
with tg.no_grad():
    logits = model(images)
    p = logits.softmax(1)
    by_hand = -p[tg.arange(len(labels)), labels].log().mean()
    start = loss_function(logits, labels)
print("probabilities of the first image:", np.round(p[0].numpy(), 3))
print(f"loss: {start:.4f}, by hand {by_hand:.4f}; with 1/10 for each it is {math.log(10):.4f}")
assert abs(start - by_hand) < 1e-5 and abs(start - math.log(10)) < 0.5

# %%
# An untrained network knows nothing, so its first loss is near log 10 = 2.3026. This is worth a look in any training:
# a first loss far above it means that something is wrong before the first step.
#
# The loop
# --------
# Five lines do the work, and they are numbered below. The rest of this cell counts and records
# how well it goes.


def accuracy(model, dataset):
    """Give the share of images that are guessed right."""
    right = 0
    with tg.no_grad():
        for images, labels in tg.data.DataLoader(dataset, batch_size=500):
            right += int((model(images).argmax(1) == labels).sum())
    return right / len(dataset)


optimizer = tg.optim.Adam(model.parameters(), lr=1e-3)
epochs = 4 if notice is None else 40  # of the small digits an epoch is only 21 steps
losses, curve = [], [accuracy(model, valid)]
for _ in range(epochs):
    for images, labels in loader:
        logits = model(images)  # 1. guess
        loss = loss_function(logits, labels)  # 2. how wrong is it?
        optimizer.zero_grad()  # 3. forget the gradients of the last step
        loss.backward()  # 4. how does the loss depend on each parameter?
        optimizer.step()  # 5. move each parameter a little, so that the loss falls
        losses.append(loss.item())
    curve.append(accuracy(model, valid))
print(f"{len(losses):,} steps; validation accuracy before and after each epoch:")
print("  ".join(f"{100 * a:.2f} %" for a in curve[:6]), "..." if len(curve) > 6 else "")
assert curve[0] < 0.3 and curve[-1] > 0.9

# %%
# ``loss.item()`` gives a plain Python number. Keep that, not ``loss``: a loss tensor holds on to everything that it was
# computed from. ``tg.no_grad()`` in ``accuracy`` says that no gradient will be asked for, so nothing is recorded.

figure = Figure(figsize=(8, 3), layout="constrained")
left, right = figure.subplots(1, 2)
left.plot(losses, color="#9db8d2", linewidth=0.5)
smooth = np.convolve(losses, np.ones(25) / 25, "valid")
left.plot(np.arange(len(smooth)) + 25, smooth, color="#3b75af")
left.axhline(math.log(10), color="#777", linestyle=":")
left.set(title="loss of each step; mean of 25 steps", xlabel="step", yscale="log")
right.plot(curve, "o-", color="#d9822b")
right.set(title="validation accuracy", xlabel="epoch", ylim=(0, 1))
figure

# %%
# The single losses jump: each batch is another handful of images, some harder than others. Their mean falls. The dotted
# line is the loss of guessing.
#
# What goes wrong without each line
# ---------------------------------
# Now take the lines away, one at a time. First the facts that are exact.
#
# **Without** ``loss.backward()`` there is no gradient at all: ``.grad`` is ``None``, so
# ``optimizer.step()`` has no direction to go. No parameter moves, and there is no error.
# **Without** ``optimizer.step()`` there are gradients, but no parameter moves either.


def fresh():
    """Make the same new model each time, and its optimizer."""
    tg.manual_seed(1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    return model, tg.optim.SGD(model.parameters(), lr=0.1)


images, labels = map(tg.tensor, train_set[:64])
other, opt = fresh()
before = other[1].weight.clone()
loss_function(other(images), labels)
opt.step()
assert other[1].weight.grad is None and tg.equal(other[1].weight, before)
loss_function(other(images), labels).backward()
assert other[1].weight.grad is not None and tg.equal(other[1].weight, before)

# %%
# **Without** ``optimizer.zero_grad()`` the new gradient is added to the old one. ``backward``
# does that on purpose, because it lets you add up the gradients of several losses. But in a
# training loop it means that each step also repeats all the steps before it.

other, opt = fresh()
grads = []
for start in (0, 32):
    opt.zero_grad()
    loss_function(other(images[start : start + 32]), labels[start : start + 32]).backward()
    grads.append(other[1].weight.grad.clone())
opt.zero_grad()
for start in (0, 32):
    loss_function(other(images[start : start + 32]), labels[start : start + 32]).backward()
assert tg.allclose(other[1].weight.grad, grads[0] + grads[1], atol=1e-6)
print("without zero_grad the second gradient is the sum of both")

# %%
# Now whole trainings, of 300 steps each, with one thing left out or changed. ``leave_out`` names it.


def train_without(leave_out, steps=300):
    """Train for some steps, without one of the things that a training needs."""
    model, optimizer = fresh()
    if leave_out == "ReLU":
        model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.Linear(128, 10))
        optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
    source, shuffle = train, leave_out != "shuffle"
    if not shuffle:  # the same images sorted by their digit, as many of each as 300 steps can take
        order = np.argsort(train_set.labels[train.indices], kind="stable")
        places = np.linspace(0, len(order) - 1, min(len(order), 64 * steps)).astype(int)
        source = tg.data.Subset(train, order[places])
    batches, losses = [], []
    while len(batches) < steps:
        batches += list(tg.data.DataLoader(source, batch_size=64, shuffle=shuffle))
    for images, labels in batches[:steps]:
        loss = loss_function(model(images * 255 if leave_out == "/ 255" else images), labels)
        if leave_out != "zero_grad":
            optimizer.zero_grad()
        if leave_out != "backward":
            loss.backward()
        if leave_out != "step":
            optimizer.step()
        losses.append(loss.item())
    return model, losses


figure = Figure(figsize=(8, 4), layout="constrained")
axes = figure.subplots()
results, dead = {}, {}
for name in ("nothing", "zero_grad", "backward", "step", "shuffle", "/ 255", "ReLU"):
    trained, course = train_without(name)
    scale = 255 if name == "/ 255" else 1
    results[name] = accuracy(lambda x, m=trained, s=scale: m(x * s), valid)
    last = np.mean(course[-20:])
    print(f"without {name:10} last loss {last:10.3f}   accuracy {100 * results[name]:6.2f} %")
    with tg.no_grad():  # hidden units that are never above 0 for 1,000 images
        hidden = trained[:3](tg.tensor(train[:1000][0]) * scale)
    dead[name], highest = int((hidden.amax(0) <= 0).sum()), max(course)
    if name in ("nothing", "/ 255"):
        print(f"    largest loss {highest:,.1f}; {dead[name]} of 128 hidden units always give 0")
    dashes = {"backward": (0, (4, 8)), "step": (8, (4, 8))}.get(name)  # these lie on that without / 255
    label = f"without {name}" if name != "nothing" else "nothing left out"
    axes.plot(np.convolve(course, np.ones(15) / 15, "valid"), label=label, ls=dashes, zorder=3 if dashes else 2)
axes.set(title="loss (mean of 15 steps)", xlabel="step", yscale="log", ylim=(1e-2, 1e3))
axes.legend(ncols=2)
for name in ("zero_grad", "backward", "step", "shuffle"):
    assert results["nothing"] > results[name]
assert dead["nothing"] < 64 and dead["/ 255"] > 120
figure

# %%
# How to read it:
#
# - *backward*, *step*: a flat line at the loss of guessing.
# - *zero_grad*: the steps get larger and larger, as old gradients never leave. The loss swings and is far higher.
# - *shuffle*: the images come sorted by digit. The loss looks wonderful, since the network only has to say "still a 3".
#   Then the digit changes. What it knew of the earlier ones is lost. **A low training loss alone proves nothing.**
# - */ 255*: inputs are 255 times larger, and gradients of the weights even more so. The first
#   steps are so large that the ReLUs die: they give 0 for each of 1,000 images, so their slope is
#   0 and no gradient comes through. Only the last bias can still learn, and the loss stays at
#   that of guessing. (Bumps in the curve are rare images that still wake a unit.) Lesson 7 has
#   more about dead ReLUs.
# - *ReLU*: the network still learns, because straight lines between the digits already tell
#   most of them apart. With the ReLU it ends higher once training is longer; this is exercise
#   3.
#
# :doc:`/learn/07_when_training_fails` has a doctor that finds such mistakes by itself.
#
# How good is it?
# ---------------
# Now, once, the test images. A *confusion matrix* counts, for each true digit, what it was taken for.

test_accuracy = accuracy(model, test_set)
print(f"test accuracy {100 * test_accuracy:.2f} %")
if notice is None:
    assert test_accuracy > 0.96
with tg.no_grad():
    x, y = test_set[:]
    guesses = model(tg.tensor(x)).argmax(1).numpy()
tg.viz.plot_confusion(y, guesses, test_set.classes, title="Test set: ")

# %%
# Look at the mistakes, always. Some are digits that you would misread too. Others teach you what the network looks at.
# The bars are its probabilities: blue for the true digit, orange for the guess.

tg.viz.plot_mistakes(model, tg.data.DataLoader(test_set, batch_size=500), count=12)

# %%
# And look at what it has learned: the weights of the first hidden units, drawn as images. Ink
# on an orange pixel makes the unit's number larger, ink on a blue one makes it smaller. Many
# look like pieces of strokes, though nobody told the network about strokes.

tg.viz.plot_weights(model, count=24)

# %%
# Exercises
# ---------
# Stuck for ten minutes? There are :doc:`hints </hints>`.
#
# 1. (5 minutes) Print the loss that the trained network has on the first 1,000 test images, and compare with
#    log 10. Check: ``assert loss < 0.5 * math.log(10)``.
# 2. (10 minutes) The rate: train 300 steps with SGD and ``lr`` 0.001, 0.01, 0.1, 1 and 10. Draw the losses in one
#    picture. Which rate is best, and what does the curve of the largest one look like?
# 3. (15 minutes) Train with and without the ReLU for four epochs. Check: with it the validation accuracy is higher by
#    more than 3 percentage points on MNIST.
# 4. (20 minutes) Write ``optimizer.step()`` of SGD yourself, in a loop over ``model.parameters()`` inside
#    ``tg.no_grad()``. Check: from the same start, ten steps give the same weights as ``tg.optim.SGD``
#    (``assert tg.allclose(mine, theirs)``).
# 5. (open) Reach 98.2 % on MNIST's test images with this network of 101,770 parameters. ``examples/mnist_mlp.py`` does
#    it with a rate that rises and falls, smoothed labels and 10 epochs.
