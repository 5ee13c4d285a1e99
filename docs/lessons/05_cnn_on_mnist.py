"""
5. A network that slides over the image
=======================================

You will compute a convolution by hand, see what pooling is for, and train a convolutional
network that beats an equally trained MLP, the network of lesson 4, with a tenth of its
parameters. Reading takes about 20 minutes. The code runs in about ten seconds, because it
trains on 20,000 images of MNIST only, where lesson 4 took 55,000.
"""

import numpy as np
from matplotlib.figure import Figure

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.nn import functional as F

# %%
# Why not a Linear layer?
# -----------------------
# A ``Linear`` layer has one weight for each pixel. If a stroke moves by one pixel, it meets
# other weights, and the layer must learn it again there. But a stroke is a stroke, wherever it
# is. So: take one *small* square of weights, and slide it over the image. At each place
# multiply the weights with the pixels below, and add up. That is a **convolution**, and the
# square of weights is its **filter**. (Mathematicians call this a *cross-correlation*: their
# convolution turns the filter by 180 degrees first. All libraries for neural networks leave
# that out, and so do we, because a learned filter can be learned either way round.)
#
# By hand
# -------
# Here is an image of 5 by 5 with a bright stripe, and a filter of 3 by 3. The filter subtracts what is to the left from
# what is to the right, so it answers to edges.

image = np.array([[0, 0, 1, 1, 0]] * 5, np.float32)
edge = np.array([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]], np.float32)


def slide(image, filter):
    """Multiply a filter with the pixels below it and add up, at each place where it fits."""
    size = len(filter)
    result = np.zeros((len(image) - size + 1, image.shape[1] - size + 1), np.float32)
    for row in range(result.shape[0]):
        for column in range(result.shape[1]):
            window = image[row : row + size, column : column + size]
            result[row, column] = (window * filter).sum()
    return result


by_hand = slide(image, edge)
print("the window in the upper left corner:\n", image[:3, :3])
print("its sum:", (image[:3, :3] * edge).sum())
print("all sums:\n", by_hand)
assert by_hand.tolist() == [[3, 3, -3]] * 3

# %%
# +3 where it gets brighter to the right, -3 where it gets darker. The filter fits at 3 places along each side, so 5 by
# 5 becomes 3 by 3: in general *n − size + 1*. The package does the same. It wants four axes: images, channels, rows,
# columns.

result = F.conv2d(tg.tensor(image[None, None]), tg.tensor(edge[None, None]))
print(tuple(result.shape))
assert np.array_equal(result.numpy()[0, 0], by_hand)


def show(pictures, titles, width=8.0, **how):
    """Draw small pictures in a row, with their numbers: blue below 0, orange above."""
    figure = Figure(figsize=(width, width / len(pictures) + 0.3), layout="constrained")
    places = figure.subplots(1, len(pictures))
    for axes, picture, title in zip(places, pictures, titles, strict=True):
        limit = np.abs(picture).max() or 1
        axes.imshow(picture, cmap="PuOr_r", vmin=-limit, vmax=limit)
        if picture.size <= 36:
            for (row, column), value in np.ndenumerate(picture):
                ink = "w" if abs(value) > 0.6 * limit else "k"
                axes.text(column, row, f"{value:g}", ha="center", va="center", color=ink)
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    return figure


show([image, edge, by_hand], ["image", "filter", "what comes out"], 6)

# %%
# The same on a digit, with two filters: one for edges to the right, one for edges downwards.

tg.manual_seed(0)
train_set, test_set, notice = tg.data.open_dataset()
print(notice or "These are MNIST's own digits.")
digit = train_set[7][0][0]
across, down = slide(digit, edge), slide(digit, edge.T)
show([digit, across, down], ["a digit", "brighter to the right", "brighter downwards"])

# %%
# In a network we do not choose the filters: they are parameters, and training finds them as it
# finds all others, by gradients. What is the gradient of a filter? Each of its weights was used
# at every place, so its gradient is a sum over all places. You can check that by hand.

w = tg.tensor(edge[None, None], requires_grad=True)
F.conv2d(tg.tensor(image[None, None]), w).sum().backward()
print("gradient of the filter:\n", w.grad[0, 0].numpy())
for row in range(3):
    for column in range(3):
        assert w.grad[0, 0, row, column] == image[row : row + 3, column : column + 3].sum()

# %%
# Padding, channels
# -----------------
# With ``padding=1`` a border of zeros is laid around the image. Then a filter of 3 by 3 keeps the size.
#
# A layer has many filters, and each gives an image of its own, a **channel**. The next layer's filters look through all
# channels at once: 16 filters over 8 channels are 16 · 8 · 3 · 3 weights, and 16 biases. The size of the image does not
# matter.

layer = nn.Conv2d(8, 16, kernel_size=3, padding=1)
print(tuple(layer(tg.zeros(1, 8, 28, 28)).shape), tuple(layer(tg.zeros(1, 8, 100, 60)).shape))
assert sum(p.numel() for p in layer.parameters()) == 16 * 8 * 3 * 3 + 16

# %%
# Pooling
# -------
# After a convolution we know where each edge is, to the pixel. That is more than we want: a 7 stays a 7 if its stroke
# moves a little. **Max-pooling** cuts the image into squares of 2 by 2 and keeps the largest number of each. A quarter
# of the numbers is left, and a small move changes few of them.

before = np.array([[0, 3, 1, 0], [1, 2, 0, 0], [0, 0, 5, 4], [0, 1, 0, 2]], np.float32)
after = F.max_pool2d(tg.tensor(before[None, None]), 2).numpy()[0, 0]
assert after.tolist() == [[3, 1], [1, 5]]
show([before, after], ["4 by 4", "largest of each 2 by 2"], 4)

# %%
# In the backward pass only the pixel that was the largest gets the gradient. The others did not matter.

x = tg.tensor(before[None, None], requires_grad=True)
F.max_pool2d(x, 2).sum().backward()
print(x.grad[0, 0].numpy())
assert x.grad.sum() == 4

# %%
# The network
# -----------
# Two convolutions, each with a ReLU and a pooling, and one ``Linear`` layer that reads the 16 small images that are
# left.

cnn = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),  # 28 x 28 -> 8 channels of 14 x 14
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),  # -> 16 channels of 7 x 7
    nn.Flatten(), nn.Linear(16 * 7 * 7, 10),
)  # fmt: skip
mlp = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
tg.viz.summary(cnn, (1, 1, 28, 28))

# %%
# How many parameters are that, compared with the network of lesson 4?


def parameters(model):
    return sum(p.numel() for p in model.parameters())


print(f"CNN {parameters(cnn):,} parameters, MLP {parameters(mlp):,}")
assert parameters(cnn) == (8 * 9 + 8) + (16 * 8 * 9 + 16) + (16 * 7 * 7 * 10 + 10)
assert parameters(mlp) > 10 * parameters(cnn)

# %%
# The table also counts *multiply-adds*. A filter is small, but it is used at every place: the CNN has fewer parameters
# and computes more. That is why it trains more slowly.
#
# Training both
# -------------
# The same loop as in lesson 4, and the same 20,000 images for both. They are compared on the
# last sixth of the training images, which neither learns from. The test images wait until the
# end, as in lesson 4.

held_out = len(train_set) // 6
few = tg.data.Subset(train_set, range(min(20_000, len(train_set) - held_out)))
x, y = train_set[-held_out:]  # for validation
epochs = 3 if notice is None else 25


def train(model):
    """Train by the loop of lesson 4; give the mean loss of each epoch."""
    tg.manual_seed(1)
    optimizer, means = tg.optim.Adam(model.parameters(), lr=2e-3), []
    for _ in range(epochs):
        losses = []
        for images, labels in tg.data.DataLoader(few, batch_size=64, shuffle=True):
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        means.append(np.mean(losses))
    return means


def accuracy(model, images, labels):
    """Give the share of images that are guessed right."""
    with tg.no_grad():
        parts = [model(tg.tensor(images[i : i + 500])) for i in range(0, len(images), 500)]
    return float((tg.cat(parts).argmax(1).numpy() == labels).mean())


for name, model in (("MLP", mlp), ("CNN", cnn)):
    means = train(model)
    print(f"{name}: {parameters(model):7,} parameters, loss {means[0]:.3f} -> {means[-1]:.3f}, "
          f"validation accuracy {100 * accuracy(model, x, y):.2f} %")  # fmt: skip
if notice is None:
    assert accuracy(cnn, x, y) > accuracy(mlp, x, y) > 0.9

# %%
# The convolutional network makes fewer mistakes, with a tenth of the parameters, because it did
# not have to learn a stroke anew at each place. So this is the one that we choose. Now, once,
# the test images:

print(f"CNN on {len(test_set):,} test images: {100 * accuracy(cnn, *test_set[:]):.2f} %")

# %%
#
# Does a shift matter less to it?
# -------------------------------
# Move images of the validation part to the right, without training again.

shifts = range(5)
figure = Figure(figsize=(6, 3), layout="constrained")
axes = figure.subplots()
for name, model in (("MLP", mlp), ("CNN", cnn)):
    found = [accuracy(model, np.roll(x[:2000], shift, axis=3), y[:2000]) for shift in shifts]
    print(name, "  ".join(f"{shift} px: {100 * a:5.1f} %" for shift, a in enumerate(found)))
    axes.plot(shifts, found, "o-", label=name)
axes.set(xlabel="pixels to the right", ylabel="accuracy", ylim=(0, 1), xticks=list(shifts))
axes.legend()
figure

# %%
# Both get worse, as the last ``Linear`` layer still has a weight for each place. The convolutions before it help, and
# the pooling forgives a pixel or two. An exact shift by 4 pixels moves the small images by exactly one pixel: the
# convolutions and poolings themselves only move along.

with tg.no_grad():
    body = nn.Sequential(*list(cnn)[:6])
    here, there = body(tg.tensor(x[:50])), body(tg.tensor(np.roll(x[:50], 4, axis=3)))
    assert tg.allclose(here[..., 1:5], there[..., 2:6], atol=1e-5)

# %%
# What it looks for
# -----------------
# The eight filters of the first layer, as training found them. Some answer to edges or strokes
# of one direction: orange on one side, blue on the other. Others have no simple name.

tg.viz.plot_weights(cnn)

# %%
# And what each layer makes of one digit, its channels beside each other. After the first convolution you still see the
# digit. After the second pooling you see where some piece of stroke is, of 7 by 7 places.

tg.viz.plot_feature_maps(cnn, x[:1])

# %%
# Exercises
# ---------
# Stuck for ten minutes? There are :doc:`hints </hints>`.
#
# 1. (5 minutes) What does the filter ``np.ones((3, 3)) / 9`` do to a digit? Guess, then use
#    ``slide`` and ``show``. Check: for ``train_set[7][0][0]`` on MNIST the sum of all numbers
#    stays what it was. For which images is it smaller?
# 2. (10 minutes) How many parameters has the CNN if its filters are 5 by 5? Write the number down first; then count.
#    Check: ``parameters(yours) == 208 + 3216 + 7850`` with ``padding=2``.
# 3. (15 minutes) Replace the poolings by ``stride=2`` in the convolutions. Are shapes, parameters, time and accuracy
#    the same? Check the shapes with ``tg.viz.summary``.
# 4. (20 minutes) Write the backward pass of ``slide`` for the image: each pixel gets the sum of the weights that
#    touched it. Check: it equals ``.grad`` of an image that ``requires_grad``.
# 5. (open) Reach 99 % on all 10,000 test images. ``examples/mnist_cnn.py`` does it in 4 epochs over all 60,000 images.
