"""
9. Derivatives of any order
===========================

A gradient is a tensor, computed by operations that have gradients of their own. So it can be
differentiated again. At the end of this lesson you can take second and higher derivatives,
multiply by a Jacobian or a Hessian without ever building it, use curvature to reach a minimum
in six steps, put a gradient into a loss, and say by counting when forward mode beats
backpropagation. It runs in about 5 seconds and reads in an hour, in two halves: a line in the
middle says where to stop. You need derivatives from school, and lesson 2.
"""

from textwrap import fill

import numpy as np
from matplotlib.figure import Figure

import tinygrad_mnist as tg
from tinygrad_mnist import nn

# %%
# A gradient of a gradient
# ------------------------
#
# Take *y = x³* at *x = 2*. From school: *y' = 3x² = 12*, *y'' = 6x = 12*, *y''' = 6*.
#
# ``loss.backward()`` stores plain numbers in ``.grad``, without a record of how they were
# computed, because training does not need one. Here we do. ``tg.autograd.grad`` returns the
# gradient as a tensor, and with ``create_graph=True`` this tensor has a record of its own
# computation.

x = tg.tensor(2.0, requires_grad=True)
y = x**3
(first,) = tg.autograd.grad(y, x, create_graph=True)
(second,) = tg.autograd.grad(first, x, create_graph=True)
(third,) = tg.autograd.grad(second, x)
print(first.item(), second.item(), third.item())
assert (first.item(), second.item(), third.item()) == (12, 12, 6)

# %%
# The first derivative has a graph: a formula like any other, *3x²*, read from ``x`` to the end.

tg.viz.graph(first, names={"x": x})

# %%
# Without ``create_graph=True`` the record is missing. A second derivative is refused, with what to do:

(forgetful,) = tg.autograd.grad(x**3, x)
try:
    tg.autograd.grad(forgetful, x)
except tg.errors.GradientError as error:
    for line in str(error).splitlines():
        print(fill(line, 96, subsequent_indent=12 * " "))

# %%
# **A trick for curves.** The gradient of a *sum* holds the slope at every point at once, because each term depends on
# its own point only. So a few lines draw a function with its first three derivatives. For *tanh* we can check
# two of them: *tanh' = 1 − tanh²* and *tanh'' = −2 tanh (1 − tanh²)*.

points = tg.linspace(-3, 3, 201, dtype=tg.float64).requires_grad_()
curves = [tg.tanh(points)]
for _ in range(3):
    curves += tg.autograd.grad(curves[-1].sum(), points, create_graph=True)
value, slope, bend, _ = (c.detach() for c in curves)
assert tg.allclose(slope, 1 - value**2) and tg.allclose(bend, -2 * value * (1 - value**2))

figure = Figure(figsize=(7, 3), layout="constrained")
axes = figure.subplots()
for order, curve in enumerate(curves):
    axes.plot(points.detach().numpy(), curve.detach().numpy(), label="tanh" + "'" * order)
axes.legend(loc="lower right")
figure

# %%
# Jacobians, one row or one column at a time
# ------------------------------------------
#
# A function with *n* inputs and *m* outputs has *m · n* derivatives, the *Jacobian* *J*: row
# *i* is the gradient of output *i*; column *j* says how all outputs move when input *j* moves.
# Here *n = 2* and *m = 3*, so we can write *J* by hand.


def f(x):
    return tg.stack([x[0] * x[1], tg.sin(x[0]), x[1] ** 2])


at = tg.tensor([1.0, 3.0], dtype=tg.float64)
J = tg.func.jacrev(f)(at)
print(J)
assert np.allclose(J.numpy(), [[3, 1], [np.cos(1), 0], [0, 6]])  # by hand

# %%
# Two questions can be answered without all of *J*:
#
# - **jvp** (Jacobian times vector), forward mode: if the inputs move along *v*, how do the
#   outputs move? That is *J v*. A *tangent* of a value says how fast it moves when the inputs
#   move along *v*. The tangents of the inputs are *v*, and each operation computes those of its
#   results, from first to last.
# - **vjp** (vector times Jacobian), reverse mode, backpropagation: if output *i* counts with
#   weight *uᵢ*, how much does each input count? That is *u J*. A *cotangent* of a value says
#   how much the weighted sum of all outputs rises when that value does. If there is one output,
#   a loss, you know it as the gradient. The cotangents of the outputs are *u*, and they are
#   carried from last to first.

u, v = tg.tensor([1.0, 0.0, 2.0], dtype=tg.float64), tg.tensor([1.0, 0.5], dtype=tg.float64)
_, moved = tg.func.jvp(f, (at,), (v,))
_, pull = tg.func.vjp(f, at)
(counted,) = pull(u)
print("J v =", moved.tolist(), " u J =", counted.tolist())
assert tg.allclose(moved, J @ v) and tg.allclose(counted, u @ J)

# %%
# When forward mode is cheaper, counted
# -------------------------------------
#
# If *v* is 1 in one place and 0 in all others, *J v* is one column of *J*. If *u* is like that,
# *u J* is one row. So all of *J* takes *n* passes in forward mode and *m* in reverse mode.
# Networks are trained in reverse mode because a loss is one output of thousands of inputs. With
# few inputs and many outputs forward mode wins.
#
# You need not believe this, you can count. ``tg.compile`` writes down every operation that a
# call really makes (:doc:`/learn/10_compile` is about it), with its shapes. A product of
# matrices (a, b) and (b, c) takes a · b · c multiplications, and one number by one number takes
# one.


def multiplications(function, *arguments):
    step = tg.compile(function)
    step(*arguments)
    total = 0
    for op in step.program(measure=False).instructions:
        if op.name in ("matmul", "multiply"):
            inner = op.values()[0].shape[-1] if op.name == "matmul" else 1
            total += int(np.prod(op.outputs[0].shape)) * inner
    return total


def network(inputs, outputs, hidden=50):
    rng = np.random.default_rng(0)
    w, u = (tg.tensor(rng.normal(size=size)) for size in ((hidden, inputs), (outputs, hidden)))
    return lambda x: tg.tanh(u @ tg.tanh(w @ x))


print("inputs  outputs   forward   reverse   (multiplications for the whole Jacobian)")
counts = {}
for n, m in ((1, 100), (10, 100), (50, 50), (100, 10), (100, 1)):
    g, start = network(n, m), tg.tensor(np.ones(n) / n)
    ways = tg.func.jacfwd, tg.func.jacrev
    counts[n, m] = [multiplications(jacobian(g), start) for jacobian in ways]
    print(f"{n:6} {m:8} {counts[n, m][0]:9,} {counts[n, m][1]:9,}")
assert counts[1, 100][0] < counts[1, 100][1] / 40 and counts[100, 1][1] < counts[100, 1][0] / 40

# %%
# ``vmap``: write it for one, run it for many
# -------------------------------------------
#
# ``tg.func.vmap`` turns a function of one example into a function of a batch. ``jacrev`` and
# ``jacfwd`` use it to compute all rows or columns at once. It also gives the gradient of *each
# example*, where an ordinary ``backward()`` gives their sum only. Why would you want that? An
# example with a much longer gradient than the others may have a wrong label. Below are 40
# points in two classes, and the label of number 7 is false.

rng = np.random.default_rng(1)
labels = np.arange(40) % 2
places = (rng.normal(size=(40, 2)) + np.where(labels, 3, -3)[:, None]).astype(np.float32)
labels[7] = 1 - labels[7]
places, targets = tg.tensor(places), tg.tensor(labels.astype(np.float32))
w = tg.tensor([0.5, 0.5])


def loss_of_one(w, place, target):
    return nn.functional.binary_cross_entropy_with_logits(place @ w, target)


of_each = tg.func.vmap(tg.func.grad(loss_of_one), in_dims=(None, 0, 0))
pulls = of_each(w, places, targets)  # shape (40, 2)
in_turn = tg.stack([tg.func.grad(loss_of_one)(w, places[i], targets[i]) for i in range(40)])
lengths = pulls.norm(dim=1)
strongest = lengths.argsort(descending=True)[:3].tolist()
print("the strongest pulls:", [(i, round(lengths[i].item(), 3)) for i in strongest])
assert tg.allclose(pulls, in_turn, atol=1e-6) and lengths.argmax() == 7

# %%
# **Half-way.** This is a good place to stop. Exercises 1 to 3 need nothing of what follows. The
# second half is about curvature: what second derivatives are good for.
#
# The Hessian, and the Hessian times a vector
# -------------------------------------------
#
# The Hessian *H* has the second derivatives of a loss in every pair of inputs. With *n* inputs
# it is *n × n*: for a million weights a million times a million numbers. But *H v* says how the
# *gradient* moves when the inputs move along *v*. So it is the jvp of the gradient, and costs
# only a few times as much as the gradient itself.


def loss(x):
    return (tg.tanh(mix @ x) ** 2).mean() + 0.1 * (x**4).sum()


n = 200
rng = np.random.default_rng(0)
mix, x, v = (tg.tensor(rng.normal(size=size)) for size in ((n, n), n, n))
_, product = tg.autograd.functional.hvp(loss, x, v)
assert tg.allclose(product, tg.func.hessian(loss)(x) @ v)

gradient = multiplications(tg.func.grad(loss), x)
along = multiplications(lambda x, v: tg.func.jvp(tg.func.grad(loss), (x,), (v,))[1], x, v)
whole = multiplications(tg.func.hessian(loss), x)
print(f"multiplications: gradient {gradient:,}, H v {along:,}, all of H {whole:,}")
assert along < 4 * gradient and whole > 50 * along

# %%
# Newton's method against gradient descent
# ----------------------------------------
#
# Gradient descent knows only the slope, so it must take small steps, or it overshoots where the
# ground bends. Newton's method knows how the ground bends. It goes to the minimum of the
# parabola that fits here, which is the step *−H⁻¹ g*, with the gradient *g*. The test is
# Rosenbrock's valley, *(1 − a)² + 100 (b − a²)²*: a narrow, curved valley with its lowest point
# at (1, 1).


def valley(p):
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def descend(step, count):
    path = [tg.tensor([-1.2, 1.0], dtype=tg.float64)]
    for _ in range(count):
        path.append(path[-1] - step(path[-1]))
    return np.stack([p.numpy() for p in path])


slope, bend = tg.func.grad(valley), tg.func.hessian(valley)
newton = descend(lambda p: tg.linalg.solve(bend(p), slope(p)), 6)
plain = descend(lambda p: 0.001 * slope(p), 2000)
far = [np.abs(path[-1] - 1).max() for path in (newton, plain)]
print(f"distance from (1, 1) after {len(newton) - 1} steps of Newton: {far[0]:.1e}")
print(f"... and after {len(plain) - 1} steps of gradient descent: {far[1]:.1e}")
assert far[0] < 1e-6 and far[1] > 0.1

# %%

figure = Figure(figsize=(7, 4), layout="constrained")
axes = figure.subplots()
a, b = np.meshgrid(np.linspace(-1.6, 1.6, 200), np.linspace(-3.5, 2, 200))
depth = np.log10((1 - a) ** 2 + 100 * (b - a**2) ** 2 + 1e-3)
axes.contourf(a, b, depth, 20, cmap="Greys", alpha=0.6)
axes.plot(*plain.T, color="#d9822b", lw=3, label=f"gradient descent, {len(plain) - 1} steps")
axes.plot(*newton.T, "o-", color="#3b75af", label=f"Newton, {len(newton) - 1} steps")
axes.plot(1, 1, "*", color="#b0433f", ms=14, label="the minimum")
axes.legend(loc="lower center")
figure

# %%
# Why are networks not trained like this? *H* is too large to build, and far from a minimum its
# parabola may open downwards: then Newton's step leads *up*. For large problems *H x = g* is
# solved by conjugate gradients, which need *H v* only (exercise 4).
#
# A gradient inside the loss: the gradient penalty
# ------------------------------------------------
#
# A network that fits 20 noisy points exactly wiggles between them. We can forbid steep slopes:
# add to the loss the mean square of the slope of the output in the *input*. Training then
# differentiates a gradient, which is what ``create_graph=True`` is for. (A related term is used
# in Wasserstein GANs. It asks for a slope of length 1, not 0.) The points at which the slope
# counts are drawn anew in every step; exercise 5 shows why.

rng = np.random.default_rng(1)
seen = np.sort(rng.uniform(-3, 3, 20))[:, None].astype(np.float32)
noisy = np.sin(seen) + rng.normal(0, 0.4, seen.shape).astype(np.float32)
grid = np.linspace(-3, 3, 200, dtype=np.float32)[:, None]


def train(penalty):
    tg.manual_seed(0)
    hidden = nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh()
    model = nn.Sequential(*hidden, nn.Linear(64, 1))
    optimizer = tg.optim.Adam(model.parameters(), lr=0.01)
    x, y = tg.tensor(seen), tg.tensor(noisy)
    for _ in range(1500):
        loss = nn.functional.mse_loss(model(x), y)
        if penalty:
            anywhere = (6 * tg.rand(40, 1) - 3).requires_grad_()
            (slope,) = tg.autograd.grad(model(anywhere).sum(), anywhere, create_graph=True)
            loss = loss + penalty * (slope**2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model(tg.tensor(grid)).detach().numpy()


figure, found = Figure(figsize=(7, 3), layout="constrained"), {}
axes = figure.subplots()
axes.plot(grid, np.sin(grid), color="#6b7785", ls="--", label="sin, without noise")
axes.plot(seen, noisy, "o", color="#22303c", label="what training saw")
for penalty, color in ((0.0, "#d9822b"), (0.1, "#3b75af")):
    curve = train(penalty)
    steepest = np.abs(np.diff(curve[:, 0]) / np.diff(grid[:, 0])).max()
    found[penalty] = steepest, np.abs(curve - np.sin(grid)).mean()
    distance = found[penalty][1]
    print(f"penalty {penalty}: steepest slope {steepest:4.1f}, mean distance from sin {distance:.3f}")
    axes.plot(grid, curve, color=color, label=f"penalty {penalty}")
axes.legend(fontsize=8)
assert found[0.1][0] < found[0.0][0] / 3 and found[0.1][1] < found[0.0][1] / 1.5
figure

# %%
# Exercises
# ---------
# Stuck for ten minutes? There are :doc:`hints </hints>`.
#
# 1. (5 minutes) Draw *exp(−x²)* with its first four derivatives. Check the second by hand:
#    *(4x² − 2) exp(−x²)*. How often does the derivative of order *k* cross zero? An ``assert`` can count it.
# 2. (10 minutes) A polynomial *p(x) = x⁵* vanishes after six derivatives. Take them in a loop and assert that
#    the fifth is 120 everywhere and the sixth 0. What does ``tg.autograd.grad`` say at the seventh, and why?
# 3. (15 minutes) Find the number of inputs at which ``jacfwd`` and ``jacrev`` of ``network(n, 30)`` need about the same
#    number of multiplications. Predict it first.
# 4. (40 minutes) Minimise ``loss`` of the section on Hessians, with n = 200, by Newton's method without a Hessian:
#    solve *H d = g* by conjugate gradients with ``hvp``. Stop them where *dᵀ H d* is not positive, and
#    halve a step until the loss falls. Assert that the gradient's norm falls below 1e-8.
# 5. (20 minutes) Let the gradient penalty use the same 40 points, ``tg.linspace(-3, 3, 40)``, in every step. The
#    steepest slope of the curve is then above 20. Draw the curve with the 40 points, and say what the network has
#    found.
# 6. (open) Gradient descent loses in the valley because of its narrowness, 100. For which
#    narrowness does it come within 1e-3 of the minimum in 2000 steps, with the rate 0.1 /
#    narrowness? (10 works, 15 does not.) How does that compare with the ratio of the largest to
#    the smallest eigenvalue of the Hessian at (1, 1)? (``np.linalg.eigvalsh`` computes them.)
