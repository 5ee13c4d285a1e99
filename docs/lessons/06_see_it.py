"""
6. See it
=========

You will read the pictures that ``tg.viz`` makes of a computation: the recorded graph, backpropagation played step by
step, the paths behind one number of a gradient, a failure, and what goes on inside a network that trains. For each:
what it shows, how to read it, and which question it answers. Reading takes about 20 minutes. The code runs in a few
seconds.
"""

import tempfile
from pathlib import Path

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.nn import functional as F

folder = Path(tempfile.mkdtemp())

# %%
# A graph
# -------
# Each operation on a tensor that requires a gradient is recorded. The record is a graph, and ``tg.viz.graph`` draws it.
# Start with three numbers.

w = tg.tensor(2.0, requires_grad=True)
x = tg.tensor(3.0, requires_grad=True)
b = tg.tensor(-5.0, requires_grad=True)
y = (w * x + b) ** 2
tg.viz.graph(y, names={"w": w, "x": x, "b": b}, gradients=True)

# %%
# Read it from the top. The boxes at the start are the tensors that you made; the key at the bottom says which colour is
# what. An arrow means "goes into". ``power_scalar`` is the square: the operation has the engine's name, a power whose
# exponent is a number. With ``gradients=True`` each tensor also has the derivative of the result by it.
# Check one by hand: *y = (wx + b)²*, so *∂y/∂w = 2 (wx + b) x = 2 · 1 · 3 = 6*.

y.backward()
print("w", w.grad.item(), " x", x.grad.item(), " b", b.grad.item())
assert (w.grad.item(), x.grad.item(), b.grad.item()) == (6.0, 4.0, 2.0)

# %%
# A network
# ---------
# A training step has more operations than that. The operations of a layer are drawn in a box with the layer's name, and
# boxes are closed as far as is needed for a picture that fits on a page. ``depth=`` says how far to open them: 0 is one
# box for the whole model, 1 its layers, ``None`` everything.

tg.manual_seed(0)
train_set, test_set, notice = tg.data.open_dataset()
print(notice or "These are MNIST's own digits.")
images, labels = map(tg.tensor, train_set[:64])
cnn = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(16 * 7 * 7, 10),
)  # fmt: skip
loss = F.cross_entropy(cnn(images), labels)
closed = tg.viz.graph(loss, {"images": images, "labels": labels}, depth=0)
closed

# %%
# One level further, each layer is a box.

tg.viz.graph(loss, {"images": images, "labels": labels}, depth=1)

# %%
# On a page you open and close the boxes yourself: click on one. Point at a tensor to see its shape and values, and at
# an operation to see the line of your program that it came from. ``.save("step.html")`` writes such a page, a single
# file that needs no network; ``.save("step.svg")`` and ``.png`` write a picture.

tg.viz.graph(loss, {"images": images, "labels": labels}, gradients=True).save(folder / "step.html")

# %%
# **Which question does it answer?** "What did I really compute?" Look here when a shape surprises you, when a parameter
# gets no gradient (there is no way from it to the loss), or when you take over a model from somebody else.
#
# Backpropagation, played
# -----------------------
# ``tg.viz.player`` writes a page that steps through a real run: first forward, operation by operation, then backward.
# Press the button for the next step; once you have clicked inside the player, the arrow keys work too. Each step shows
# the formula, the numbers, the local derivative, and what is added to the gradient of each input. Here is a neuron
# whose weight *w* is used three times, so that its gradient is a sum. Watch it grow, from right to left.

w, x, b = (tg.tensor(value, requires_grad=True) for value in (0.5, 2.0, -0.6))
out = tg.tanh(w * x + b)
loss_of_neuron = (out - 1.0) ** 2 + 0.1 * w * w
names = {"w": w, "x": x, "b": b, "out": out, "loss": loss_of_neuron}
tg.viz.player(loss_of_neuron, folder / "player.html", names=names, title="A neuron")

# %%
# **Which question does it answer?** "How does backward come to this number?"
#
# Why is this gradient what it is?
# --------------------------------
# A number acts on the loss along one path or many. By the chain rule each path is a product of local derivatives, and
# the gradient is the sum of all paths. ``tg.viz.explain`` lists the largest and counts all. First the weight of the
# neuron, with its three paths: through the tanh, and through both places of *w · w*.

why = tg.viz.explain(loss_of_neuron, w, names=names)
print("\n".join(str(why).splitlines()[:5]))
for path in why.paths:
    print(path)
assert why.agrees and why.count == 3
assert abs(sum(path.value for path in why.paths) - why.exact) < 1e-6

# %%
# Three numbers must be equal, and they come about in three ways: what the *engine* says; the *sum of all paths*; and
# *numeric*, how much the loss changes when the weight is moved a little. ``why.agrees`` compares them. The last three
# lines are the paths. Each is a product, with a factor for each operation on the way from the loss down to the weight.
# The picture has the same paths, drawn from the weight down to the loss, thicker where more comes through:

why.picture("TB")

# %%
# In a network there are thousands: a weight of a filter acts through each sample, and through each place that the
# filter looked at. Ask about one weight of the second convolution.

why = tg.viz.explain(loss, cnn[3].weight[4, 2, 1, 1], k=2)
print("\n".join(str(why).splitlines()[:20]))
assert why.agrees and why.count > 1000

# %%
# Here each path has a column, and each line an operation: the place where the path goes on, as ``[image, channel, row,
# column]``, and the factor. The product stands at the bottom. Compare the sum of all sizes with the gradient: paths of
# both signs cancel each other.
#
# Which of the 64 images are behind it? ``shares`` splits the gradient by samples.

shares = why.shares(images)
largest = abs(shares).argmax()
print(f"largest share: image {largest} with {shares[largest]:.2e} of {why.exact:.2e}")
assert abs(shares.sum() - why.exact) < 1e-6
why.plot_samples(images, labels, count=6)

# %%
# **Which question does it answer?** "Why does this weight want to grow?"
#
# When something fails
# --------------------
# A wrong size: the last layer expects 400 numbers and gets 784. The error says where and what. ``tg.viz.failed`` draws
# all that ran until then, and the culprit in red, with what it was given and what it expected.

wrong = nn.Sequential(*list(cnn)[:7], nn.Linear(400, 10))
try:
    wrong(images)
except tg.errors.ShapeError as error:
    print(error)
    picture = tg.viz.failed(error, depth=1)
picture

# %%
# **Which question does it answer?** "Which step of mine broke it?" A gradient that is not finite is drawn in the same
# way, after ``tg.autograd.detect_anomaly()``.
#
# Inside a training
# -----------------
# ``tg.training.Statistics`` keeps what comes out of each layer, the gradients, and how far the weights move, at some of
# the steps. Train the network, with it as a callback.

statistics = tg.training.Statistics()
few = tg.data.Subset(train_set, range(min(8000, len(train_set))))
optimizer, epochs = tg.optim.Adam(cnn.parameters(), lr=2e-3), 2 if notice is None else 15
watched = {"callbacks": [statistics], "progress": False}
tg.training.fit(cnn, few, epochs=epochs, optimizer=optimizer, **watched)
tg.viz.plot_histograms(statistics, "activations")

# %%
# A small picture for each layer. From left to right goes the training, step by step. Each column is a histogram: darker
# where more numbers are. The orange line is the median. Healthy: after the first steps the columns are alike, neither
# creeping to a bound nor spreading without end. After a ReLU a part of the numbers is 0; if it is nearly all, units are
# dead.

tg.viz.plot_histograms(statistics, "updates")

# %%
# How far weights move in a step, compared with their size, in powers of ten. The dotted line is the rule of thumb, 1 in
# 1,000. A layer far below it learns nothing; far above it, the learning rate is too high. ``"gradients"`` is the third
# kind: there look for layers that are many powers of ten apart.
#
# What did the network look at?
# -----------------------------
# **Saliency** asks the engine for another gradient: that of the score of a class by each *pixel*. Yellow pixels are
# those where a small change would move the score most. It can be steep where there is no ink at all: ink put there
# would change the digit.

some = test_set[:4][0]
tg.viz.plot_saliency(cnn, some)

# %%
# **Occlusion** needs no gradient. It hides a square of the image and looks how much of the probability is lost, place
# after place. Orange places speak for the class, blue ones against it. The two maps often differ: one asks about small
# changes, the other about large ones. If both point at the background, your network may have learned something else
# than you think.

tg.viz.plot_occlusion(cnn, some)

# %%
# A saliency map is a gradient like any other, so it can be checked like any other. Move one pixel and look at the
# score.

cnn.double()  # float64, for a difference of tiny steps
pixels = some[:1].astype("float64")
steep = tg.viz.saliency(cnn, pixels)[0, 0]
row, column = divmod(int(abs(steep).argmax()), 28)
with tg.no_grad():
    before = cnn(tg.tensor(pixels))[0]
    pixels[0, 0, row, column] += 1e-7
    change = (cnn(tg.tensor(pixels))[0] - before)[before.argmax()].item() / 1e-7
print(f"steepest pixel ({row}, {column}): saliency {steep[row, column]:.6f}, measured {change:.6f}")
assert abs(change - steep[row, column]) < 1e-4 * abs(change)

# %%
# Exercises
# ---------
# Stuck for ten minutes? There are :doc:`hints </hints>`.
#
# 1. (5 minutes) Draw ``(a * b + a).sum()`` with ``gradients=True``, for two vectors of 3. Predict the gradient of ``a``
#    first. Check: ``assert tg.allclose(a.grad, b + 1)`` after ``backward``.
# 2. (10 minutes) Play two steps of a loop, ``h = tanh(w * h)`` twice, from ``h = 1``. In how many steps of the player
#    does the gradient of ``w`` grow?
# 3. (10 minutes) Take a weight of the *first* layer and ``explain`` it. How many paths are there, against the weight
#    above? Check with ``found.count``.
# 4. (15 minutes) Make a network with ``Sigmoid`` in eight layers, train it with ``Statistics``, and find in
#    ``plot_histograms(statistics, "gradients")`` how many powers of ten lie between the first and the last layer.
# 5. (open) Find a test image that is misread (``tg.viz.mistakes``). Change as few pixels as you can, led by the
#    saliency, until it is read rightly. Check: the guess is right, and you changed fewer than 10 pixels.
