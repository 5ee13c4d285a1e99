"""Five ways to the gradient of a 784-20-10 net by its 15,910 weights, behind one switch, and training with each.

Backpropagation; perturbation of every weight, one-sided or central; and two estimators that look along one random
direction. The 15,911 losses of a perturbation step are computed in three ways: a forward pass for each weight, as the
study did; batches of tensors; and tables, in plain NumPy, which is what trains. weight_perturbation.py compares them.
"""

from __future__ import annotations

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist.nn import functional as F

INPUTS, HIDDEN, CLASSES = 785, 20, 10  # the 785th pixel is white in all images: its weights are the biases
FIRST, WEIGHTS = HIDDEN * INPUTS, HIDDEN * INPUTS + CLASSES * (HIDDEN + 1)
BATCH, STEPS = 630, 100
BACKPROP, PERTURBATION, CENTRAL = "backprop", "weight perturbation", "central differences"
SPSA, FORWARD = "SPSA", "forward gradient"


def split(w):
    """Read the one vector of all weights as two layers (20, 785) and (10, 21), biases in the last column."""
    return w[:FIRST].reshape(HIDDEN, INPUTS), w[FIRST:].reshape(CLASSES, HIDDEN + 1)


def logits(w, x):
    first, second = split(w)
    return F.linear(tg.relu(F.linear(x, first)), second[:, :HIDDEN], second[:, HIDDEN])


def loss(w, x, y):
    return F.cross_entropy(logits(w, x), y)


def loss_at(w, x, y):
    return loss(tg.from_numpy(w), tg.from_numpy(x), y).item()


def pixels(images, dtype):
    return images.astype(dtype) / dtype(255)


def changes_one_by_one(w, images, y, h, which):
    """Compute L(w + h e_k) - L(w) as the study did: for each k a copy of all weights and a forward pass."""
    x, found = pixels(images, w.dtype.type), []
    for k in which:
        moved = w.copy()
        moved[k] += h
        found.append(loss_at(moved, x, y))
    return np.array(found) - loss_at(w, x, y)


def changes_in_batches(w, images, y, h):
    """Compute the same for all weights of a unit at once: those of hidden unit j move the logits along column j of the
    second layer, those of class c move logit c."""
    x, (first, second) = tg.from_numpy(pixels(images, w.dtype.type)), split(tg.from_numpy(w))
    z, one_hot = F.linear(x, first), tg.eye(CLASSES, dtype=x.dtype)
    a1 = tg.cat([tg.relu(z), tg.ones(len(y), 1, dtype=x.dtype)], 1)
    out = tg.unsqueeze(F.linear(a1, second), 1)

    def losses(moves):  # (N, weights, classes): what each weight's perturbation adds to the logits
        return (tg.logsumexp(out + moves, 2) - ((out + moves) * tg.unsqueeze(one_hot[y], 1)).sum(2)).mean(0)

    of_units = [tg.relu(z[:, j : j + 1] + h * x) - a1[:, j : j + 1] for j in range(HIDDEN)]
    found = [losses(tg.unsqueeze(moves, 2) * second[:, j]) for j, moves in enumerate(of_units)]
    found += [losses(h * tg.unsqueeze(a1, 2) * one_hot[c]) for c in range(CLASSES)]
    here = losses(tg.zeros(len(y), INPUTS, CLASSES, dtype=x.dtype))[0]  # summed in the same order as the others
    return (tg.cat(found, 0) - here).numpy()


def changes_by_table(w, images, y, h):
    """Compute the same without subtracting losses, in plain NumPy, because it is look-ups.

    A pixel has 256 levels, so moving a weight of hidden unit j changes the loss of image n by one of 256 numbers,
    table[n, level, j], and by none where the pixel is black, as four of five are. With probabilities p, logits moved
    by m change the loss by log(sum_c p_c exp(m_c)) - m_y.
    """
    real = w.dtype.type
    first, second = split(w)
    columns, one_hot = np.ascontiguousarray(second[:, :HIDDEN].T), np.eye(CLASSES, dtype=real)[y]
    z = pixels(images, real) @ first.T
    a = np.maximum(z, 0)
    p = tg.softmax(tg.from_numpy(a @ columns + second[:, HIDDEN]), 1).numpy()

    # A unit that stays on moves by h * level / 255 in every image, so the images share their exponentials.
    shift = np.arange(256, dtype=real) * real(h / 255)
    grown = np.expm1(shift[:, None, None] * columns).reshape(256 * HIDDEN, CLASSES)
    table = np.log1p(p @ grown.T).reshape(len(y), 256, HIDDEN)
    table -= shift[:, None] * columns.T[y][:, None, :]
    table *= (z > 0)[:, None, :]
    # A unit within h of its kink may go on or off on the way: these few have exponentials of their own.
    row, unit = np.nonzero(np.abs(z) <= abs(h))
    moved = np.maximum(z[row, unit][:, None] + shift, 0) - a[row, unit][:, None]
    grown = np.expm1(moved[:, :, None] * columns[unit][:, None, :])
    table[row, :, unit] = np.log1p((grown @ p[row][:, :, None])[:, :, 0]) - moved * columns[unit, y[row]][:, None]

    of_units = np.zeros((INPUTS, HIDDEN), real)
    pixel, row = np.nonzero(images.T)  # in the order of pixels
    starts = np.flatnonzero(np.diff(pixel, prepend=-1))
    of_units[pixel[starts]] = np.add.reduceat(table.reshape(-1, HIDDEN)[row * 256 + images[row, pixel]], starts)
    moved = real(h) * np.column_stack([a, np.ones(len(y), real)])[:, None, :]
    of_classes = (np.log1p(p[:, :, None] * np.expm1(moved)) - moved * one_hot[:, :, None]).sum(0)
    return np.concatenate([of_units.T.ravel(), of_classes.ravel()]) / real(len(y))


def slope(w, x, y, v):
    """Compute the derivative of the loss along v by two backward passes: g = u dL/dw is linear in its cotangent u, so
    that of g . v by u is dL/dw . v. True forward mode, which the package lacks, would be one pass of twice the work."""
    leaf, u = tg.tensor(w, requires_grad=True), tg.ones((), dtype=w.dtype, requires_grad=True)
    (g,) = tg.autograd.grad(loss(leaf, x, y), leaf, grad_outputs=u, create_graph=True)
    return tg.autograd.grad((g * v).sum(), u)[0].item()


def gradient(method, w, images, y, h=None, rng=None):
    """Compute or estimate the gradient of the mean loss of a batch by all weights, an array like w."""
    real = w.dtype.type
    x, leaf = pixels(images, real), tg.tensor(w, requires_grad=True)
    if method == BACKPROP:
        return tg.autograd.grad(loss(leaf, x, y), leaf)[0].numpy()
    if method == PERTURBATION:
        return changes_by_table(w, images, y, h) / real(h)
    if method == CENTRAL:
        return (changes_by_table(w, images, y, h) - changes_by_table(w, images, y, -h)) / real(2 * h)
    if method == SPSA:
        signs = rng.choice(np.array([-1, 1], real), w.size)
        return signs * real((loss_at(w + real(h) * signs, x, y) - loss_at(w - real(h) * signs, x, y)) / (2 * h))
    assert method == FORWARD, method
    v = rng.standard_normal(w.size, real)
    return v * real(slope(w, x, y, v))


def deviation(g, truth):
    """Give the angle of g to the true gradient in degrees, good to round-off, and |g - truth| / |truth|."""
    g, truth = g.astype(np.float64), truth.astype(np.float64)
    a, b = (v / (np.linalg.norm(v) or 1) for v in (g, truth))
    angle = 2 * np.degrees(np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b)))
    return angle, np.linalg.norm(g - truth) / np.linalg.norm(truth)


def train(method, w, data, epochs, lr=0.1, h=None, seed=None, dtype=np.float64):
    """Train as the study did, with a seed on new batches in each epoch; give weights, accuracy after each epoch, and
    angle and error of each step."""
    images, y, judge_images, judge_y = data
    weights = tg.tensor(w.astype(dtype), requires_grad=True)
    optimizer = tg.optim.SGD([weights], lr=lr)
    shuffler, directions = np.random.default_rng(seed), np.random.default_rng(0)
    accuracy, off, order = [], [], np.arange(len(y))
    for _ in range(epochs):
        order = order if seed is None else shuffler.permutation(len(y))
        for rows in order.reshape(STEPS, BATCH):
            g = gradient(method, weights.array, images[rows], y[rows], h, directions)
            if method != BACKPROP:
                off.append(deviation(g, gradient(BACKPROP, weights.array, images[rows], y[rows])))
            weights.grad = tg.from_numpy(g)
            optimizer.step()
        guesses = logits(weights.detach(), pixels(judge_images, dtype)).argmax(1).numpy()
        accuracy.append(100 * float((guesses == judge_y).mean()))
    return weights.array, accuracy, np.array(off).reshape(-1, 2)
