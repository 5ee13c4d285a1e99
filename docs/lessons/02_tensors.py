"""
2. Tensors, and why gradients of broadcasting sum
=================================================

You will know what a tensor is, what its gradient looks like, and why a value that was repeated gets the *sum* of
gradients. At the end you write the backward pass of a layer by hand. Reading takes 20 minutes, running a second. Run it
as a notebook (download it at the end of the page): pictures and players appear there. A script prints its text, and the
paths of what it writes.
"""

# %%
# From numbers to arrays
# ----------------------
#
# The lesson :doc:`/learn/01_backprop_by_hand` had one number per box. A network has millions, so we put them into
# arrays: a *tensor* is an array of numbers that remembers how it was computed. Its ``shape`` says how many numbers
# lie along each axis.

import tempfile
from pathlib import Path

import numpy as np

import tinygrad_mnist as tg

x = tg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype=tg.float64, requires_grad=True)
print(x.shape, "two rows, three columns")
assert x.shape == (2, 3)

# %%
# Backpropagation starts from **one number**, the loss. The gradient answers for each entry of ``x``: if this entry
# grows a little, how much does the loss grow, per unit? So there are as many answers as entries. *The gradient of a
# tensor has the shape of the tensor.*

loss = (x * x).sum()
loss.backward()
print(x.grad)
assert x.grad.shape == x.shape and (x.grad == 2 * x).all()

# %%
# Each entry goes its own way: the loss is a sum of squares, and the derivative of a square is twice the entry. That
# is lesson 1 six times, side by side. Operations of this kind are called *elementwise*.
#
# What if the shapes differ?
# --------------------------
#
# A bias is a row that is added to every row of a table. Nobody writes the copies. NumPy and PyTorch stretch the
# smaller array as if it were repeated, and that is called *broadcasting*:

b = tg.tensor([10.0, 20.0, 30.0], dtype=tg.float64, requires_grad=True)
print(x + b)
assert (x + b).shape == (2, 3)

# %%
# The rule: line the shapes up at the right. Along each axis the sizes are equal, or one of them is 1 (or missing),
# and that one is stretched.
#
# Now backward. The gradient that arrives at ``x + b`` has shape (2, 3), one number per entry of the result. But ``b``
# has three entries, so its gradient must have three. Which of the two rows should it be? *Both.* The entry ``b[0]``
# was used twice, once in each row. If it grows by a little, two entries of the result grow. In lesson 1 a value that
# was used twice got two gradients, and they were added. This is the same thing:

g = tg.tensor([[1.0, 2.0, 3.0], [100.0, 200.0, 300.0]], dtype=tg.float64)  # as if it came from further on
((x + b) * g).sum().backward()
print(b.grad)
assert b.grad.tolist() == [101, 202, 303]

# %%
# Write the stretching as an operation of its own, and nothing is hidden any more: ``broadcast_to`` repeats, and the
# sum is *its* backward. Below, the same computation in three ways: broadcast, repeated by hand, and each copy a
# tensor of its own. The copies get one gradient each, and these add up to the gradient of ``b``.


def gradient_of(b, computed):
    return tg.autograd.grad((computed * g).sum(), b)


(by_broadcasting,) = gradient_of(b, x + b)
(by_repeating,) = gradient_of(b, x + tg.stack([b, b]))
copies = [b.detach().clone().requires_grad_() for _ in range(2)]
first, second = gradient_of(copies, x + tg.stack(copies))
print(first, "+", second, "=", by_broadcasting)
assert (by_broadcasting == first + second).all() and (by_broadcasting == by_repeating).all()

# %%
# So what a *repeat* does forward, a *sum* undoes backward. And the other way round: forward ``sum`` makes one number
# of many, and backward that number's gradient is handed to each of the many, repeated.

x.grad = None
x.sum().backward()
print(x.grad)
assert (x.grad == 1).all()

# %%
# See it happen
# -------------
#
# The player shows one run of a small layer, step by step. Press its → button until ``add`` runs backward; once you
# have clicked inside the player, the arrow keys work too. A gradient with two rows comes in, and ``b`` gets one row.

w = tg.tensor([[1.0, -1.0], [0.5, 2.0], [-0.5, 1.0]], dtype=tg.float64, requires_grad=True)
c = tg.tensor([0.1, -0.2], dtype=tg.float64, requires_grad=True)
inputs = x.detach() / 10  # of large numbers tanh is flat: there the gradients would be almost 0
layer = (inputs @ w + c).tanh().sum()
folder = Path(tempfile.mkdtemp())
names = {"x": inputs, "w": w, "b": c}
page = tg.viz.player(layer, folder / "layer.html", names=names, title="A layer, forward and back")
print("written to", page)
page

# %%
# By hand
# -------
#
# Now you can write the backward pass of any layer in NumPy. First the sum that undoes broadcasting. Two things happen
# when an array is stretched: axes are put in front, and axes of size 1 grow. Backward both are summed, the first
# away, the second to size 1.


def sum_to(g, shape):
    """Add up a gradient along all axes along which an array of this shape was stretched."""
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


for shape in [(2, 3), (3,), (1, 3), (2, 1), (1, 1), ()]:
    print(f"{str(shape):>7}", sum_to(g.numpy(), shape).tolist())
    leaf = tg.ones(shape, dtype=tg.float64).requires_grad_()
    assert np.array_equal(sum_to(g.numpy(), shape), gradient_of(leaf, x + leaf)[0].numpy())

# %%
# A product with a number per row, say, is ``a * b`` with shapes (2, 3) and (2, 1). Each input gets ``g`` times the
# *other* one, and then the sum:


def multiply_backward(g, a, b):
    """Give the gradients of a and b in a * b, which may broadcast."""
    return sum_to(g * b, a.shape), sum_to(g * a, b.shape)


# %%
# A linear layer is ``y = x @ w + b``. An entry ``y[n, o]`` is the sum over ``i`` of ``x[n, i] * w[i, o]``, and
# ``b[o]``. The weight ``w[i, o]`` is used in each row ``n``, with the factor ``x[n, i]``. So its gradient is the sum
# over the rows of ``x[n, i] * g[n, o]``. That sum is a product of matrices again, ``x.T @ g``. There is one more way
# to find it: only one product of ``x`` and ``g`` has the right shape.


def linear_backward(g, x, w, b):
    """Give the gradients of x, w and b in x @ w + b, for x (N, I), w (I, O), b (O,) and g (N, O)."""
    return g @ w.T, x.T @ g, sum_to(g, b.shape)


# %%
# Are they right? ``gradcheck`` moves the inputs by a millionth and looks at what really happens. It takes a function
# of tensors. ``autograd.Function`` is PyTorch's way to write one: a class with a ``forward`` and a ``backward``. What
# ``forward`` keeps with ``save_for_backward``, ``backward`` finds in ``saved_tensors``. Ours computes with NumPy, where
# nothing is recorded, so its gradients cannot be differentiated again: ``once_differentiable`` says so. Then a second
# derivative is an error and not a wrong number. ``ByHand.apply`` is the function. ``checkable`` does all this for any
# such pair:


def checkable(forward, backward):
    """Make a function of tensors of one of arrays and its backward(g, *inputs)."""

    class ByHand(tg.autograd.Function):
        @staticmethod
        def forward(ctx, *xs):
            ctx.save_for_backward(*xs)
            return tg.tensor(forward(*[x.detach().numpy() for x in xs]))

        @staticmethod
        @tg.autograd.function.once_differentiable
        def backward(ctx, g):
            found = backward(g.numpy(), *[x.detach().numpy() for x in ctx.saved_tensors])
            for gx, x in zip(found, ctx.saved_tensors, strict=True):
                assert gx.shape == x.shape, f"a gradient {gx.shape} for an input {x.shape}"
            return tuple(tg.tensor(gx) for gx in found)

    return ByHand.apply


def random(*shapes):
    tg.manual_seed(0)
    return [tg.randn(shape, dtype=tg.float64, requires_grad=True) for shape in shapes]


by_hand = checkable(lambda x, w, b: x @ w + b, linear_backward)
assert tg.autograd.gradcheck(checkable(np.multiply, multiply_backward), random((2, 3), (2, 1)))
assert tg.autograd.gradcheck(by_hand, random((4, 3), (3, 2), (2,)))
print("both are right")

# %%
# The mistake that everybody makes once
# -------------------------------------
#
# Leave the sum out, and the gradient does not have the shape of its input: the ``assert`` above sees it. It is worse
# if somebody makes the shapes fit without a sum. With one row nothing is wrong, until a second row comes. That is why
# checks use sizes that all differ, here 4, 3 and 2.


def forgotten(g, x, w, b):
    return g @ w.T, x.T @ g, g[0]  # one row instead of the sum of all


broken = checkable(lambda x, w, b: x @ w + b, forgotten)
assert tg.autograd.gradcheck(broken, random((1, 3), (3, 2), (2,))), "with one row nothing is seen"
unsummed = checkable(np.multiply, lambda g, a, b: (g * b, g * a))
for function, shapes in [(unsummed, ((2, 3), (2, 1))), (broken, ((4, 3), (3, 2), (2,)))]:
    try:
        tg.autograd.gradcheck(function, random(*shapes))
    except AssertionError as error:
        print(error)
    else:
        raise RuntimeError("the mistake was not noticed")

# %%
# Read ``got`` in the last one: it names the input, the entry, what the rule said, and what is true.
#
# Exercises
# ---------
# Stuck for ten minutes? There are :doc:`hints </hints>`.
#
# 1. (5 minutes) Without running it: which shape has ``a + b`` for (4, 1, 3) and (2, 1), and along which axes are the
#    gradients summed? Check with ``sum_to``.
# 2. (10 minutes) Write ``divide_backward(g, a, b)`` and let ``gradcheck`` agree, for shapes (2, 3) and (3,).
# 3. (15 minutes) ``x.mean(0)`` is a sum and a division. Write its backward in one line, and check it.
# 4. (20 minutes) Subtract from each row its mean: ``x - x.mean(1, keepdims=True)``. Now ``x`` is used twice. Write
#    the backward. Sum each row of what you give: the sums must all be 0. Why?
# 5. (open) Explain in two sentences, without the word "broadcast", why the gradient of a bias grows with the batch.
#    Then say why losses are *means* over the batch.
