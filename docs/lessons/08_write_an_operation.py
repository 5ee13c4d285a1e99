"""
8. Write an operation and check it
==================================

You will give the package an operation that it lacks, with its gradient, and be sure that it is right. You will see
which mistakes a check catches, and what to do where there is no derivative. You should have read lesson 3 first.
Reading takes 30 minutes, running a few seconds. Run it as a notebook (download it at the end of the page): pictures
appear there, a script prints its text alone.
"""

# %%
# First: do you need it?
# ----------------------
#
# Whatever you compute with tensors has a gradient already. ``log(cosh(x))`` is a smooth loss: a parabola in the middle
# and almost straight outside. Written with the package's own operations it just works. Until ``x`` is large:

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist.primitive import elementwise, primitive

x = tg.tensor([-2.0, 0.5, 800.0], dtype=tg.float64, requires_grad=True)
with np.errstate(over="ignore", invalid="ignore"):
    y = tg.log((tg.exp(x) + tg.exp(-x)) / 2)
    y.sum().backward()
print(y)
print(x.grad)
assert tg.isinf(y[2]) and tg.isnan(x.grad[2])

# %%
# ``exp(800)`` is too large for a number. There are three reasons to write an operation: a formula that is safe, one
# that is faster, or a function that cannot be put together from others.
#
# The function and its rule
# -------------------------
#
# An operation is a function of NumPy arrays. ``@elementwise`` says that each element is computed by itself. Then
# comes one *rule* per argument. It gets ``g``, the gradient of the result, then the result ``out``, then the
# arguments, and gives the gradient of its argument. The derivative of log cosh is tanh:


@elementwise()
def log_cosh(x):
    """Logarithm of the hyperbolic cosine."""
    return np.logaddexp(x, -x) - np.log(2.0)


@log_cosh.vjp("x")
def log_cosh_vjp_x(g, out, x):
    return g * tg.tanh(x)


x.grad = None
y = log_cosh(x)
y.sum().backward()
print(y)
print(x.grad)
assert y[2] == 800 - np.log(2) and x.grad[2] == 1

# %%
# Write rules with operators and with the package's operations, not with NumPy's. Then one text serves all uses. Given
# arrays it computes; given tensors it is recorded, and can be differentiated again.
#
# Check it
# --------
#
# ``gradcheck`` moves the inputs a little and compares. ``gradgradcheck`` does that with the gradient itself. Both
# want float64, because in float32 rounding is larger than the differences that they look for.

tg.manual_seed(0)
points = tg.randn(2, 3, dtype=tg.float64, requires_grad=True)
assert tg.autograd.gradcheck(log_cosh, points)
assert tg.autograd.gradgradcheck(log_cosh, points)
print("right at orders 1 and 2")

# %%
# The rest comes for free: derivatives forward, a function over a batch, compiled steps, pictures.

value, slope = tg.func.jvp(log_cosh, (points,), (tg.ones_like(points),))
compiled = tg.compile(lambda x: tg.autograd.grad(log_cosh(x).sum(), x)[0])
assert tg.allclose(slope, tg.tanh(points)) and tg.allclose(compiled(points), tg.tanh(points))
assert tg.allclose(tg.func.vmap(log_cosh)(points), log_cosh(points))
tg.viz.graph(log_cosh(points).sum(), {"points": points}, gradients=True)

# %%
# Two arguments that broadcast
# ----------------------------
#
# The long side of a triangle, ``sqrt(a² + b²)``. Its derivative by ``a`` is ``a / out``: rules may use the result.
# They need not mention broadcasting: ``elementwise`` sums what was stretched. That is lesson 2, done once and for all.


@elementwise()
def long_side(a, b):
    """Hypotenuse of a triangle."""
    return np.sqrt(a * a + b * b)


@long_side.vjp("a")
def long_side_vjp_a(g, out, a, b):
    return g * a / out


@long_side.vjp("b")
def long_side_vjp_b(g, out, a, b):
    return g * b / out


a = tg.rand(2, 3, dtype=tg.float64).add(0.5).requires_grad_()
b = tg.rand(2, 1, dtype=tg.float64).add(0.5).requires_grad_()
assert tg.autograd.gradcheck(long_side, (a, b)) and tg.autograd.gradgradcheck(long_side, (a, b))

# %%
# Is the check any good?
# ----------------------
#
# A test that cannot fail proves nothing. So plant mistakes and watch. These are the four that people make: a sign, a
# factor, the wrong argument, and the forgotten ``g``.


def planted(rule_of_a, rule_of_b=lambda g, out, a, b: g * b / out):
    """Make the same operation with another rule."""
    made = elementwise(registered=False)(lambda a, b: np.sqrt(a * a + b * b))
    made.vjp("a")(rule_of_a)
    made.vjp("b")(rule_of_b)
    return made


mistakes = {
    "sign": lambda g, out, a, b: -g * a / out,
    "factor": lambda g, out, a, b: g * 2 * a / out,
    "wrong argument": lambda g, out, a, b: g * b / out,
    "no g": lambda g, out, a, b: a / out,
}
for name, rule in mistakes.items():
    try:
        tg.autograd.gradcheck(planted(rule), (a, b))
    except tg.errors.GradcheckError as error:
        print(f"{name:<15}", error.got)
    else:
        raise RuntimeError(f"{name} was not noticed")

# %%
# The message names the input, the entry of it, what the rule computed and what is true. Where the numbers differ by a
# sign or by a factor of 2, you know where to look.
#
# Some mistakes hide from the first check. This rule leaves tensors and computes with NumPy. Its *value* is right, but
# what it does is not recorded. For the second derivative it looks like a constant:


def not_recorded(g, out, a, b):
    return g * (np.asarray(a) / np.asarray(out))


assert tg.autograd.gradcheck(planted(not_recorded), (a, b)), "order 1 is right"
try:
    tg.autograd.gradgradcheck(planted(not_recorded), (a, b))
except tg.errors.GradcheckError as error:
    print(error)
else:
    raise RuntimeError("order 2 was not noticed")

# %%
# And at badly chosen points every check is blind. Where ``a`` and ``b`` are equal, the rule with the wrong argument
# gives the right number. Check at random points, with shapes whose sizes all differ.

same = tg.ones(3, dtype=tg.float64).requires_grad_()
assert tg.autograd.gradcheck(planted(mistakes["wrong argument"]), (same, same.detach().clone().requires_grad_()))

# %%
# When shapes change
# ------------------
#
# ``@primitive`` is for what is not elementwise. Settings, here ``size``, stand behind the ``*``; rules get them too.
# Mean of neighbours, a sum over a window: each entry is used in several sums, so its gradient is the sum of theirs.


@primitive()
def moving_mean(x, *, size):
    """Mean of each `size` neighbours: (N,) -> (N - size + 1,)."""
    return sum(x[i : len(x) - size + 1 + i] for i in range(size)) / size


@moving_mean.vjp("x")
def moving_mean_vjp_x(g, out, x, *, size):
    shifted = [tg.concatenate([np.zeros(i), g, np.zeros(size - 1 - i)]) for i in range(size)]
    return sum(shifted) / size


row = tg.randn(7, dtype=tg.float64, requires_grad=True)
assert tg.autograd.gradcheck(lambda x: moving_mean(x, size=3), row)
assert tg.autograd.gradgradcheck(lambda x: moving_mean(x, size=3) ** 2, row)

# %%
# The same with ``autograd.Function``
# -----------------------------------
#
# PyTorch's way works too: a class with ``forward`` and ``backward``, which work with tensors. Save what backward
# needs with ``save_for_backward``. One gradient is returned per input, ``None`` for what has none. Choose it for code
# that comes from PyTorch. The form above is shorter, and with a rule per argument only those run that somebody needs.


class LogCosh(tg.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return tg.logaddexp(x, -x) - np.log(2.0)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * tg.tanh(x)


assert tg.autograd.gradcheck(LogCosh.apply, points) and tg.autograd.gradgradcheck(LogCosh.apply, points)

# %%
# Where there is no derivative
# ----------------------------
#
# ``long_side`` has a sharp tip at (0, 0). There the rule computes 0 / 0, which is NaN, and one NaN spoils all
# weights. Any slope between -1 and 1 touches the tip from below. People choose 0, because then a point at the tip
# stays there. Divide by something that is never 0, *before* you choose:


def safe(g, out, a, b):
    return g * a / tg.where(out == 0, 1.0, out)


tip = tg.zeros(1, dtype=tg.float64).requires_grad_()
other = tg.zeros(1, dtype=tg.float64)
with np.errstate(invalid="ignore"):
    (g_plain,) = tg.autograd.grad(long_side(tip, other).sum(), tip)
(g_safe,) = tg.autograd.grad(planted(safe)(tip, other).sum(), tip)
print("at the tip:", g_plain, g_safe)
assert tg.isnan(g_plain).all() and (g_safe == 0).all()

# %%
# At the tip no check can agree: there is nothing to agree with. Check beside it. A check *at* a kink says so:

print("relu at 0 passes:", tg.autograd.gradcheck(tg.relu, tip, raise_exception=False))
assert not tg.autograd.gradcheck(tg.relu, tip, raise_exception=False)
assert tg.autograd.gradcheck(tg.relu, tg.tensor([-0.1, 0.1], dtype=tg.float64, requires_grad=True))

# %%
# Rounding is flat almost everywhere. Its true derivative is 0, and nothing in front of it can learn. If you want to
# train through it, decide to lie: pretend on the way back that it was not there (*straight-through*). ``gradcheck``
# must refuse that, and it does. Write down that you did it on purpose.


class Rounded(tg.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, g):
        return g  # on purpose: as if there were no rounding


assert not tg.autograd.gradcheck(Rounded.apply, points, raise_exception=False)

# %%
# Exercises
# ---------
# Stuck for ten minutes? There are :doc:`hints </hints>`.
#
# 1. (5 minutes) Write ``@elementwise() def cube(x)`` and its rule. Check orders 1 and 2.
# 2. (10 minutes) Plant ``g * a * out`` as a rule of ``long_side``. At which points does ``gradcheck`` not see it?
# 3. (15 minutes) Write ``softsign(x) = x / (1 + |x|)`` with one rule that uses ``out`` but not ``x``. Is there a
#    kink?
# 4. (20 minutes) Write a ``Function`` called ``ClipGradient``, to be used as ``ClipGradient.apply(x, most)``. Forward
#    it gives ``x.clone()``, backward it keeps ``g`` between ``-most`` and ``most``, and gives ``None`` for ``most``.
#    ``gradcheck`` begins the way back with a ``g`` of its own: random numbers between 0.5 and 1.5 in size, of either
#    sign. From which ``most`` on must it pass, and below which must it fail? Assert one of each.
# 5. (open) Give ``log_cosh`` a ``loop=`` and an ``out=`` (``help(tg.primitive.Primitive)``), and see the compiled
#    step become one loop: ``tg.compile(step, backend="numba")``, then ``print(step.program())``.
