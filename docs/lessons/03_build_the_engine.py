"""
3. Build the engine in 100 lines
================================

You will write a complete engine for backpropagation: tensors, 13 operations, gradients to any order. It passes the
gradient checks that the package uses for itself, and learns to read handwritten digits. Then you compare it, file by
file, with the package. Reading takes 40 minutes, running a few seconds. You should have read lessons 1 and 2. The
digits come from scikit-learn and the last picture from matplotlib (the extra "examples" installs both). Run it
as a notebook (download it at the end of the page): pictures appear there, a script prints its text alone.
"""

# %%
# What an engine has to know
# --------------------------
#
# In lesson 1 you went back through a formula by hand. For each operation you needed three things: its result, what
# went into it, and its local derivative. A program can do the same if each result *remembers* these three. So a
# tensor is an array with a memory:
#
# * ``inputs``: the tensors that went in, and ``settings``: what else the operation was told,
# * ``rules``: one function per input. It takes the gradient ``g`` of the result and gives the gradient of that input.
# * ``index``: its age. A result is always younger than its inputs. We shall need that.
#
# The comment lines ``the engine begins`` and ``the engine ends`` serve to count the lines later on. Of what is
# imported the engine needs ``itertools`` and NumPy.

# ---- the engine begins
import itertools
import re
from pathlib import Path

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.primitive import registry
from tinygrad_mnist.primitive import primitive


class Tensor:
    """An array that remembers the operation that made it."""

    __array_priority__ = 1000  # so that `array + tensor` asks the tensor
    tick = itertools.count()

    def __init__(self, data, rules=(), inputs=(), settings=None):
        self.data, self.grad = np.asarray(data, dtype=np.float64), None
        self.rules, self.inputs, self.settings = rules, inputs, settings or {}
        self.index, self.shape = next(Tensor.tick), self.data.shape

    def __repr__(self):
        return f"Tensor({self.data})"

    def backward(self):
        """Add the gradient of this result to `.grad` of every tensor that no operation made."""
        for t, g in pull_back(self).items():
            if not t.inputs:
                t.grad = g.data if t.grad is None else t.grad + g.data


# %%
# An operation
# ------------
#
# An operation is a NumPy function and its rules. Calling it computes on arrays, and wraps the result with its memory.


def operation(forward, *rules):
    """Make an operation of a function of arrays and one rule for each of its inputs."""

    def call(*inputs, **settings):
        inputs = [x if isinstance(x, Tensor) else Tensor(x) for x in inputs]
        return Tensor(forward(*[x.data for x in inputs], **settings), rules, inputs, settings)

    return call


# %%
# The rules
# ---------
#
# All calculus that the engine knows stands here. A rule is called with ``g``, the result, the inputs and the
# settings. Read ``multiply`` aloud: *the gradient of a is g times b, the gradient of b is g times a*. The rules are
# written with tensors' own operators. So a rule records what it does like anything else, and a gradient can be
# differentiated again: we get all higher derivatives without another line.

add = operation(np.add, lambda g, out, a, b: g, lambda g, out, a, b: g)
multiply = operation(np.multiply, lambda g, out, a, b: g * b, lambda g, out, a, b: g * a)
divide = operation(np.divide, lambda g, out, a, b: g / b, lambda g, out, a, b: -g * out / b)
power = operation(lambda x, n: x**n, lambda g, out, x, n: g * n * power(x, n=n - 1))
exp = operation(np.exp, lambda g, out, x: g * out)
log = operation(np.log, lambda g, out, x: g / x)
tanh = operation(np.tanh, lambda g, out, x: g * (1 - out * out))
relu = operation(lambda x: np.maximum(x, 0), lambda g, out, x: g * (x.data > 0))
transpose = operation(np.transpose, lambda g, out, x: transpose(g))
matmul = operation(np.matmul, lambda g, out, a, b: g @ transpose(b), lambda g, out, a, b: transpose(a) @ g)
reshape = operation(lambda x, shape: x.reshape(shape), lambda g, out, x, shape: reshape(g, shape=x.shape))

# %%
# The last two are those of lesson 2: to add up along an axis, and to repeat along it. Each is the other's rule.


def added_up(x, shape):
    """Add up what broadcasting repeated, so that the result has this shape."""
    x = x.sum(axis=tuple(range(x.ndim - len(shape))))
    return x.sum(axis=tuple(i for i, n in enumerate(shape) if n != x.shape[i]), keepdims=True)


sum_to = operation(added_up, lambda g, out, x, shape: broadcast_to(g, shape=x.shape))
broadcast_to = operation(np.broadcast_to, lambda g, out, x, shape: sum_to(g, shape=x.shape))

Tensor.__add__ = Tensor.__radd__ = add
Tensor.__mul__ = Tensor.__rmul__ = multiply
Tensor.__neg__ = lambda a: a * -1.0
Tensor.__sub__, Tensor.__rsub__ = lambda a, b: a + -b, lambda a, b: -a + b
Tensor.__truediv__, Tensor.__rtruediv__ = divide, lambda a, b: divide(b, a)
Tensor.__pow__ = lambda x, n: power(x, n=n)
Tensor.__matmul__ = matmul
Tensor.sum = lambda x: sum_to(x, shape=())

# %%
# The walk back
# -------------
#
# A value that is used twice gets a gradient from both uses, and the two are *added*. Its own rules may run only when
# the sum is complete, after all who used the value. So we go from young to old: whenever a tensor's turn comes, all
# who used it are younger, and have been there. The walk is a loop, no recursion, so that long graphs are no problem.


def reachable(out):
    """List all tensors that a result depends on, youngest first."""
    found, waiting = {out}, [out]
    while waiting:
        for x in waiting.pop().inputs:
            if x not in found:
                found.add(x)
                waiting.append(x)
    return sorted(found, key=lambda t: t.index, reverse=True)


def pull_back(out, g=None):
    """Give the gradient of a result in every tensor that it depends on. g: where to begin, unless with ones."""
    sums = {out: Tensor(np.ones(out.shape)) if g is None else g}
    for t in reachable(out):
        for x, rule in zip(t.inputs, t.rules, strict=True):
            gx = rule(sums[t], t, *t.inputs, **t.settings)
            gx = gx if gx.shape == x.shape else sum_to(gx, shape=x.shape)
            sums[x] = sums[x] + gx if x in sums else gx
    return sums


def gradient(out, inputs, g=None):
    """Give the gradients of a result in some tensors, which can be differentiated again."""
    sums = pull_back(out, g)
    return [sums[x] if x in sums else Tensor(np.zeros(x.shape)) for x in inputs]


# ---- the engine ends

# %%
# That is the engine. Is it as short as promised? All lines count but empty ones and comments.

notebook = globals().get("In")
text = "\n".join(notebook) if notebook else Path(added_up.__code__.co_filename).read_text("utf-8")
text = text.rpartition("# ---- the engine begins\n")[2].partition("# ---- the engine ends\n")[0]
lines = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
print(len(lines), "lines")
assert len(lines) <= 100

# %%
# Try it. For ``x³`` the derivatives are ``3x²``, ``6x`` and ``6``:

x = Tensor(3.0)
y = x**3
for order in (1, 2, 3):
    (y,) = gradient(y, [x])
    print("derivative of order", order, "at 3:", y.data)
    assert y.data == {1: 27, 2: 18, 3: 6}[order]

# %%
# Is it right?
# ------------
#
# ``tg.autograd.gradcheck`` compares a gradient with what really happens when the inputs move a little. All rules of
# the package pass it, and so shall ours. It expects a function of the package's tensors. As in lesson 2 we make one
# with ``autograd.Function``: ``forward`` gives the arrays to our engine and keeps our tensors in ``ctx``, where
# ``backward`` finds them for its walk. The package sees none of what we compute, so it could not differentiate
# ``backward`` again, and ``once_differentiable`` says so. Order 2 we check ourselves: our gradient is a function too.


def checkable(function):
    """Make a function of our tensors one of the package's, whose backward is our walk."""

    class Ours(tg.autograd.Function):
        @staticmethod
        def forward(ctx, *xs):
            ctx.inputs = [Tensor(x.detach().numpy()) for x in xs]
            ctx.out = function(*ctx.inputs)
            return tg.tensor(ctx.out.data)

        @staticmethod
        @tg.autograd.function.once_differentiable
        def backward(ctx, g):
            return tuple(tg.tensor(gx.data) for gx in gradient(ctx.out, ctx.inputs, Tensor(g.numpy())))

    return Ours.apply


def check(function, *shapes):
    """Check derivatives of order 1, and those of order 2: of the gradient as a function of the inputs and of g."""
    tg.manual_seed(0)
    xs = [(tg.rand(shape, dtype=tg.float64) + 0.5).requires_grad_() for shape in shapes]
    tg.autograd.gradcheck(checkable(function), xs)
    g = tg.randn(function(*[Tensor(x.detach().numpy()) for x in xs]).shape, dtype=tg.float64, requires_grad=True)
    for i in range(len(xs)):
        slope = checkable(lambda *v, i=i: gradient(function(*v[:-1]), v[:-1], v[-1])[i])
        tg.autograd.gradcheck(slope, [*xs, g])


checks = {
    "add": (add, (2, 3), (3,)), "multiply": (multiply, (2, 3), (2, 1)), "divide": (divide, (3,), (2, 3)),
    "power": (lambda x: x**3, (4,)), "exp": (exp, (2, 2)), "log": (log, (3,)), "tanh": (tanh, (3,)),
    "relu": (lambda x: relu(x - 1.0), (6,)), "transpose": (transpose, (2, 3)), "matmul": (matmul, (2, 3), (3, 4)),
    "reshape": (lambda x: reshape(x, shape=(3, 2)), (2, 3)), "sum_to": (lambda x: sum_to(x, shape=(2, 1)), (4, 2, 3)),
    "broadcast_to": (lambda x: broadcast_to(x, shape=(2, 3)), (3,)),
    "used three times": (lambda a, b: tanh(a * b + a) * a, (2, 3), (3,)),
}  # fmt: skip
assert len(checks) >= 13 + 1  # each operation, and several at once
for name, (function, *shapes) in checks.items():
    check(function, *shapes)
    print("right at orders 1 and 2:", name)

# %%
# A check that nothing can fail is worth nothing. So we plant a mistake: the second rule forgets a factor.


def refused(kind, call, *inputs):
    """Print the error that a call has to end with, without the place of this file."""
    try:
        call(*inputs)
    except kind as error:
        print(re.sub(rf" at {re.escape(added_up.__code__.co_filename)}:\d+", " in this lesson", str(error)))
    else:
        raise AssertionError(f"no {kind.__name__}")


wrong = operation(np.multiply, lambda g, out, a, b: g * b, lambda g, out, a, b: g)
refused(tg.errors.GradcheckError, check, wrong, (2, 3), (3,))

# %%
# It learns
# ---------
#
# Handwritten digits of 8 by 8 pixels (they come with scikit-learn), a network of two layers, plain gradient
# descent. The loss is the mean of ``-log p``, where ``p`` is the probability given to the true digit; it is
# picked out by a product with rows ``truth`` that are 1 in one place and 0 elsewhere.

images, labels = tg.data.load_digits_arrays(train=True)
images, truth = images.reshape(-1, 64) / 255, np.eye(10)[labels]
rng = np.random.default_rng(0)
parameters = [Tensor(rng.normal(0, 0.15, shape)) for shape in ((64, 32), (32,), (32, 10), (10,))]
w1, b1, w2, b2 = parameters


def scores(x):
    return relu(x @ w1 + b1) @ w2 + b2


def loss_of(x, truth):
    powers = exp(scores(x))
    probabilities = powers / sum_to(powers, shape=(len(truth), 1))
    return -(log(probabilities) * truth).sum() / len(truth)


for _ in range(30):
    for batch in np.array_split(rng.permutation(len(images)), 24):
        loss = loss_of(Tensor(images[batch]), truth[batch])
        for p in parameters:
            p.grad = None
        loss.backward()
        for p in parameters:
            p.data -= 0.3 * p.grad
test_images, test_labels = tg.data.load_digits_arrays(train=False)
guesses = scores(Tensor(test_images.reshape(-1, 64) / 255)).data.argmax(axis=1)
right = (guesses == test_labels).mean()
print(f"loss {loss.data:.3f}; of {len(test_labels)} digits that it never saw {right:.1%} are read right")
assert right > 0.93

# %%
# Given our numbers, the package makes the same guesses, and draws what each of the 32 units has learned to look for.

model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).double()
with tg.no_grad():
    for theirs, ours in zip(model.parameters(), [w1.data.T, b1.data, w2.data.T, b2.data], strict=True):
        theirs.copy_(tg.tensor(ours))
    assert (model(tg.tensor(test_images.reshape(-1, 64) / 255)).argmax(1).numpy() == guesses).all()
tg.viz.plot_weights(model)

# %%
# What the package has besides, file by file
# ------------------------------------------
#
# The package works in the same way: a memory of calls, rules written with operators, a walk from young to old. Why
# then is it longer? Open each file beside this lesson.

folder = Path(tg.__file__).parent
for name in ("core/graph.py", "core/primitive.py", "core/engine.py", "ops", "tensors"):
    files = [folder / name] if name.endswith(".py") else sorted((folder / name).glob("*.py"))
    print(f"{name:<18}{len(files):>3} files {sum(len(f.read_text('utf-8').splitlines()) for f in files):>6} lines")

# %%
# **core/graph.py** is our class ``Tensor``, cut in two: ``Var`` is the array, ``Node`` the memory of a call. It
# notices when an array is changed between its use and the walk back. Ours does not, and gives a wrong number without
# a word:

w = Tensor(2.0)
y = w * w
w.data = w.data + 1.0
y.backward()
print("at 2, where w was used, the derivative is 4; we say", w.grad)
assert w.grad == 6

w = tg.tensor(2.0, requires_grad=True)
y = w * w
with tg.no_grad():
    w.add_(1.0)
refused(tg.errors.InPlaceError, y.backward)

# %%
# It also knows which tensors want a gradient (``requires_grad``). Ours computes one for everything, for the images too:

x, x_theirs = Tensor(images), tg.tensor(images)
loss_of(x, truth).backward()
loss = nn.functional.cross_entropy(model(x_theirs), tg.tensor(labels.astype(np.int64)))
loss.backward()
print("a gradient for the pixels: ours", x.grad.shape, "- the package's", x_theirs.grad)
assert x.grad.shape == images.shape and x_theirs.grad is None

# %%
# **core/primitive.py** is our ``operation``. It keeps float32 as it is (ours makes everything twice as large), names
# the operation and the module when shapes do not fit, and looks at a rule when it is written, not when it first runs:

assert Tensor(np.float32(1)).data.dtype == np.float64 and (tg.tensor(1.0) * 2.0).dtype == tg.float32


@primitive()
def cube_of(x):
    return x**3


refused(TypeError, cube_of.vjp("x"), lambda g, x: g * 3 * x**2)

# %%
# **core/engine.py** is our ``pull_back``. Our rules always record, since somebody might want a second derivative. The
# package's walk gives plain arrays to the same rules, unless you ask for more (``create_graph=True``). It adds in
# place, goes only where a gradient is wanted, and lets go of each array once it has been used:

(g,) = gradient(loss_of(Tensor(images), truth), [w1])
print("recorded behind one gradient: ours", len(reachable(g)), "tensors")
print("                      the package's", model[0].weight.grad.grad_fn)
assert len(reachable(g)) > 30 and model[0].weight.grad.grad_fn is None
refused(tg.errors.GraphFreedError, loss.backward)

# %%
# **ops/** has our 13 operations and many more, and does some of what we put together in one piece. Our loss takes
# ``exp(s)`` of scores, which for 1,000 is too large for a number. The package's ``cross_entropy`` subtracts the largest
# score first:

print(len(registry), "operations")
with np.errstate(all="ignore"):
    ours = log(exp(Tensor([1000.0])).sum())
theirs = tg.logsumexp(tg.tensor([1000.0]), 0)
print("log exp 1000: ours", ours.data, "- the package's", theirs.item())
assert len(registry) > 150 and np.isinf(ours.data) and theirs.item() == 1000

# %%
# **tensors/** is what people touch: PyTorch's names, printing, indexing, saving, changes in place. It is long, and
# there is no calculus in it.
#
# Exercises
# ---------
# Stuck for ten minutes? There are :doc:`hints </hints>`.
#
# 1. (5 minutes) Add ``sin`` and ``cos``, each with the other in its rule, and put both into ``checks``.
# 2. (10 minutes) In ``reachable`` take ``reverse=True`` away. ``x**3`` still has the right slope. Which line fails
#    first, and why?
# 3. (15 minutes) Add ``maximum(a, b)``. What do you do where ``a == b``? ``check`` does not go there. Say why.
# 4. (30 minutes) Give ``Tensor`` a mark ``wants``, and skip what nobody wants. Assert that ``x.grad`` above is None.
# 5. (an hour) Write Adam in 24 lines, which are left of the 100, and reach 95 % on the test digits in 10 epochs.
# 6. (open) Write ``conv2d`` of images and filters as an operation with two rules. ``check`` is your judge.
