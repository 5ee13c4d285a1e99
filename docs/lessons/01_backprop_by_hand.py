"""
1. Backpropagation by hand
==========================

You will compute the derivatives of a small formula by hand, see that they are right, and watch the package do the same.
You need to know what a derivative is, and no more. Reading takes 20 minutes, running a second. Run it as a notebook
(download it at the end of the page): pictures and players appear there. A script prints its text, and the paths of
what it writes.
"""

# %%
# What we want
# ------------
#
# A neural network is a formula with numbers in it that can be changed, its *weights*. One more number, the *loss*,
# says how badly it does. To make it better we have to know for each weight: if I raise it a little, does the loss
# rise or fall, and how fast? That is the derivative of the loss by that weight.
#
# Here is the smallest network, one neuron. It has an input ``x``, a weight ``w`` and a bias ``b``. What comes out
# should be ``target``; the loss is the square of how far it is off.

import math
import tempfile
from pathlib import Path

import tinygrad_mnist as tg


def neuron(x, w, b, target):
    return (math.tanh(w * x + b) - target) ** 2


at = 2.0, -0.5, 0.8, 1.0
print("loss:", neuron(*at))

# %%
# The simplest way: try it
# ------------------------
#
# Raise one number by a millionth, lower it by a millionth, and see how much the loss changes.


def slopes(function, *numbers, step=1e-6):
    """Give the derivatives of a function by each number, by trying."""
    found = []
    for i in range(len(numbers)):
        up, down = list(numbers), list(numbers)
        up[i], down[i] = numbers[i] + step, numbers[i] - step
        found.append((function(*up) - function(*down)) / (2 * step))
    return found


tried = slopes(neuron, *at)
print("by trying:", [f"{slope:.6f}" for slope in tried])

# %%
# This works, but it takes two runs for each number, and a network has many thousands. Backpropagation finds *all*
# derivatives with one run forward and one back. That is why it matters.
#
# One step at a time
# ------------------
#
# Cut the formula into steps so small that each has a derivative you know:
#
# ==================  ==========================================================
# step                local derivative
# ==================  ==========================================================
# ``p = w * x``       by ``w``: ``x``; by ``x``: ``w``
# ``s = p + b``       by ``p``: ``1``; by ``b``: ``1``
# ``o = tanh(s)``     by ``s``: ``1 - o * o``
# ``e = o - target``  by ``o``: ``1``; by ``target``: ``-1``
# ``loss = e * e``    by ``e``: ``2 * e``
# ==================  ==========================================================
#
# Now the *chain rule*. If ``e`` rises by a little, ``loss`` rises ``2 * e`` times as much. If ``s`` rises by a
# little, ``o`` rises ``1 - o * o`` times as much, and that goes on to ``e`` and ``loss``. So along the chain the
# factors are multiplied. Start at the loss, whose derivative by itself is 1, and go back one step at a time. Write
# ``d_s`` for *the derivative of the loss by s*.


def neuron_backward(x, w, b, target):
    """Give the derivatives of the loss by x, w, b and target."""
    p = w * x
    s = p + b
    o = math.tanh(s)
    e = o - target
    d_loss = 1.0
    d_e = d_loss * 2 * e
    d_o = d_e * 1
    d_target = d_e * -1
    d_s = d_o * (1 - o * o)
    d_p = d_s * 1
    d_b = d_s * 1
    d_w = d_p * x
    d_x = d_p * w
    return d_x, d_w, d_b, d_target


by_hand = neuron_backward(*at)
for name, hand, trial in zip(("x", "w", "b", "target"), by_hand, tried, strict=True):
    print(f"{name:>6}: by hand {hand:.6f}, by trying {trial:.6f}")
    assert math.isclose(hand, trial, rel_tol=1e-6)

# %%
# Look at the pattern. Each line takes what came from further on, ``d_o`` say, and multiplies it with the local
# derivative of its step. No line needs to know what the rest of the network is. So a program can do it: it needs one
# rule for each kind of step, and the numbers of the forward run.
#
# Used twice: add
# ---------------
#
# What if a number is used in two places? Then it changes the loss along two paths, and the two changes *add up*. In
# the next formula ``a`` goes into ``c`` and once more into the product at the end. And ``c`` is used three times.


def shared(a, b):
    c = a * b
    return c * c + c * a


def shared_backward(a, b):
    """Give the derivatives of the result by a and b."""
    c = a * b
    d_square, d_product = 1.0, 1.0  # of the two terms: a sum passes its gradient on
    d_c = d_square * 2 * c  # c * c
    d_c += d_product * a  # and c * a, which adds to it
    d_a = d_product * c
    d_a += d_c * b  # the path through c
    d_b = d_c * a
    return d_a, d_b


tried = slopes(shared, 3.0, -2.0)
print("by hand", shared_backward(3.0, -2.0), "by trying", [f"{slope:.4f}" for slope in tried])
assert all(math.isclose(a, b, rel_tol=1e-6) for a, b in zip(shared_backward(3.0, -2.0), tried, strict=True))

# %%
# There is a trap here. ``d_c`` may be handed on to ``a`` and ``b`` only when it is complete, after *all* uses of
# ``c`` have added their part. Go back in the wrong order, and a part is missing:

d_c_too_early = 2 * -6.0
print("d_b would be", d_c_too_early * 3.0, "and is", shared_backward(3.0, -2.0)[1])
assert d_c_too_early * 3.0 != shared_backward(3.0, -2.0)[1]

# %%
# Let the package do it
# ---------------------
#
# A tensor notes every step that is computed with it. ``backward`` goes back through its notes, as we did.

x, w, b, target = (tg.tensor(number, dtype=tg.float64, requires_grad=True) for number in at)
loss = ((w * x + b).tanh() - target) ** 2
loss.backward()
for name, tensor, hand in zip(("x", "w", "b", "target"), (x, w, b, target), by_hand, strict=True):
    print(f"{name:>6}: {tensor.grad.item():.6f}")
    assert math.isclose(tensor.grad.item(), hand, rel_tol=1e-12)

# %%
# What it noted can be drawn, each value with its gradient. From top to bottom it is the forward run; from bottom to
# top it is what we did by hand.

x, w, b, target = (tg.tensor(number, dtype=tg.float64, requires_grad=True) for number in at)
loss = ((w * x + b).tanh() - target) ** 2
names = {"x": x, "w": w, "b": b, "target": target, "loss": loss}
tg.viz.graph(loss, names, gradients=True)

# %%
# Step through it
# ---------------
#
# The player below plays the second formula. Press its buttons; once you have clicked inside the player, the arrow keys
# work too. Each step forward shows its formula and the numbers. Each step backward shows the local derivative, what it
# adds, and how the gradient of ``c`` grows part by part before it is passed on.

a, b = (tg.tensor(number, dtype=tg.float64, requires_grad=True) for number in (3.0, -2.0))
c = a * b
result = c * c + c * a
folder = Path(tempfile.mkdtemp())
names = {"a": a, "b": b, "c": c}
page = tg.viz.player(result, folder / "shared.html", names=names, title="c is used three times")
print("written to", page)
page

# %%
# What it is good for
# -------------------
#
# The derivative says which way is up. A step the other way makes the loss smaller. Do it a few times, and the neuron
# has learned its target. That is training. All that comes later is more numbers and better steps.

weight, bias = at[1], at[2]
losses = []
for _ in range(20):
    losses.append(neuron(at[0], weight, bias, at[3]))
    _, d_w, d_b, _ = neuron_backward(at[0], weight, bias, at[3])
    weight, bias = weight - 0.02 * d_w, bias - 0.02 * d_b
print("loss:", ", ".join(f"{value:.3f}" for value in losses[::4]))
assert losses[-1] < losses[0] / 10

# %%
# Exercises
# ---------
# Stuck for ten minutes? There are :doc:`hints </hints>`.
#
# 1. (5 minutes) Which of the four numbers moves the loss of the neuron most, up or down? Compute by how much the loss
#    changes if that number rises by 0.01, and compare with what ``neuron`` says.
# 2. (10 minutes) Replace ``tanh`` with ``1 / (1 + exp(-s))``, whose derivative is ``o * (1 - o)``. Change
#    ``neuron_backward``, and let it agree with ``slopes``.
# 3. (15 minutes) Write ``backward`` of ``(a * b + c) / (a + c)`` by hand. ``slopes`` is your judge.
# 4. (15 minutes) Give the neuron a second input with a weight of its own. Which lines are new? Which did not change?
# 5. (open) Write the steps of ``neuron`` as a list of tuples, and a loop that goes through the list backward. Lesson
#    3, :doc:`/learn/03_build_the_engine`, does this for all formulas at once.
