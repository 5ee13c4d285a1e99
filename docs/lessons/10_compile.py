"""
10. What a step really computes
===============================

A training step is five lines of Python. What does the machine do? At the end of this lesson you
can list every operation of a step with its shapes, memory and time, draw it, run it again
without Python's overhead, measure whether that helped, and read the error when a step cannot be
repeated. It runs in about 10 seconds (longer the first time, where numba is installed) and
reads in half an hour. You need a training loop, as in lesson 4.
"""

import random
import re
import time
import tracemalloc
from textwrap import fill

import numpy as np
from matplotlib.figure import Figure

import tinygrad_mnist as tg
from tinygrad_mnist import nn

rng = np.random.default_rng(0)
images = rng.random((64, 784), dtype=np.float32)  # noise will do: the operations are the same
labels = rng.integers(0, 10, 64)

# %%
# A step, plain and compiled
# --------------------------
#
# This function makes a network, its optimizer and its step. As it stands, each call builds a
# graph of the computation, walks back through it, and throws it away. The next call does all of
# it again, although only the batch is new.


def new_step(compiled, backend="numpy", hidden=128):
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, 10))
    optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
    loss_function = nn.CrossEntropyLoss()

    def step(images, labels):
        optimizer.zero_grad()
        loss = loss_function(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    return tg.compile(step, backend=backend) if compiled else step, model, optimizer


# %%
# ``tg.compile`` (or ``@tg.compile`` above the function) changes that. The first call runs the
# step as usual, and writes down which operations it makes. The following calls *replay* this
# list. The second call does both and compares, so you are told if a step is not the same twice.
# Plain and compiled steps give the same numbers, to the last bit:

plain, plain_model, _ = new_step(compiled=False)
step, model, optimizer = new_step(compiled=True)
for _ in range(20):
    a, b = plain(images, labels), step(images, labels)
    assert a.item() == b.item()
for p, q in zip(plain_model.parameters(), model.parameters(), strict=True):
    assert np.array_equal(p.detach().numpy(), q.detach().numpy())
print("after 20 steps: loss", b.item(), "and all weights have the same bits")

# %%
# The program
# -----------
#
# Here is the list, one operation a line, in order: the shapes that go in and come out, how long
# it takes on this machine (µs are millionths of a second), and the module that it belongs to.
# ``print(program)`` has this and more, in lines of 170 characters. We take the columns that we
# want.

program = step.program()


def table(*names):
    head, *rows = program.rows()
    columns = [[row[head.index(name)] for row in (head, *rows)] for name in names]
    widths = [max(map(len, column)) for column in columns]
    for row in zip(*columns, strict=True):
        print("  ".join(map(str.ljust, row, widths)).rstrip())


table("#", "op", "shapes", "µs", "module")
print(program.totals()[-1])

# %%
# Read it from above. ``module`` says which layer each line belongs to. Things to find:
#
# - **Five products of matrices**: two forward (``linear``), three backward. Why not four backward, two for each layer?
#   The gradient of the first layer's *input* would be the gradient of the pixels. No update needs it, so it is not
#   computed.
# - **Two lines take most of the time**: the products with all 784 numbers of each image, forward and backward.
# - ``transpose`` costs nothing, because it is another *view* of numbers that stay where they
#   are.

products = [op for op in program.instructions if op.name in ("linear", "matmul")]
assert len(products) == 5
made = [v.shape for op in program.instructions for v in op.outputs]
assert (64, 784) not in made  # no gradient of pixels
largest = sorted(op.microseconds for op in products)[-2:]
print(f"two products take {sum(largest) / program.time:.0%} of the time")

# %%
# As a picture: forward runs down on the left, backward comes up on the right, beside the layer it belongs to. A box is
# as high as it takes time. Coloured bars name the piece of memory that is written to.

tg.viz.program(step, measure=False)

# %%
# And as a *flame graph*: the width is time. A layer lies above the operations that it runs.

tg.viz.flame(step)

# %%
# Memory
# ------
#
# Where does each result lie? Further columns say so:

table("#", "op", "result", "buffer", "bytes", "in place")
print("\n".join(program.totals()[:-1]))

# %%
# A result is needed until the last operation that reads it has run. After that its place is
# free for another result. So the plan puts all of them into one block, the *arena*, where
# several results use the same place in turn. ``relu`` has "yes" under *in place*: its result
# overwrites its input, because nothing reads that again. The arena is made once. A replay then
# allocates no array at all, while the plain step makes all of its arrays anew.


def most_memory(function):
    function(images, labels)
    tracemalloc.start()
    function(images, labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


peaks = most_memory(plain), most_memory(step)
print(f"made anew in a step: plain {peaks[0]:,} bytes, replayed {peaks[1]:,} bytes")
print(f"the arena has {program.size:,} bytes")
assert peaks[1] < peaks[0] / 20

# %%
# The source
# ----------
#
# What is replayed is a Python function that was written for this step: about one line of NumPy
# for each instruction, and ``out=`` says where the result goes. If you wrote this network's
# backpropagation by hand, to be as fast as NumPy can, it would look much like this. (``show``
# wraps long lines, so that they fit this page.)


def show(text):
    for line in text.splitlines():
        print(fill(line, 96, subsequent_indent=12 * " "))


show(step.source())

# %%
# Is it faster?
# -------------
#
# Measure it like this, whatever you compare:
#
# - **In turns**: A B A B. A computer gets slower and faster while it works: it gets warm, and
#   other programs use it. If you measure all of A first, A may have had the better minute.
# - **Many short runs, and the median.** One interruption spoils the mean of ten runs, but not
#   their median.
# - **Compare within a round.** A and B of the same round met the same conditions, so take the
#   ratio of their times, one for each round. If the middle half of the ratios lies above 1
#   throughout, B was faster in at least three of four rounds. In 60 rounds that is no accident.
#   Whether the times of A and B themselves overlap says little, because what makes them vary
#   often makes both vary together.


def in_turns(functions, rounds=60, repeat=10):
    """Give microseconds per call of each function, a row for each round."""
    times = np.zeros((rounds, len(functions)))
    for row in times:
        for i, function in enumerate(functions.values()):
            start = time.perf_counter()
            for _ in range(repeat):
                function(images, labels)
            row[i] = (time.perf_counter() - start) / repeat * 1e6
    for name, column in zip(functions, times.T, strict=True):
        low, middle, high = np.percentile(column, [25, 50, 75])
        print(f"{name:22} median {middle:6.0f} µs, middle half {low:.0f} to {high:.0f}")
    return times


functions = {"plain": plain, "replayed": step}
small = {f"{name}, 8 units": new_step(name == "replayed", hidden=8)[0] for name in functions}
functions |= small
times = in_turns(functions)


def gain(name, slow, fast):
    low, middle, high = np.percentile(slow / fast, [25, 50, 75])
    print(f"{name} is {middle:.2f} times as fast, middle half {low:.2f} to {high:.2f}")


gain("replayed, 128 units,", times[:, 0], times[:, 1])
gain("replayed, 8 units,", times[:, 2], times[:, 3])

# %%

figure = Figure(figsize=(7, 3), layout="constrained")
axes = figure.subplots()
axes.boxplot(times, showfliers=False)
axes.set_xticks(range(1, len(functions) + 1), list(functions))
axes.set_ylabel("µs of a step;\nbox: middle half of the rounds")
axes.set_ylim(bottom=0)
figure

# %%
# Compare the two pairs. A replay saves Python's work, which is about the same for every step of
# this form. It does not save arithmetic. So a small network gains much, and one that spends its
# time in large products gains little. Before you compile, look at the program: if one product
# takes 90 % of the step, no replay will help you.
#
# Machine code
# ------------
#
# With numba installed (``pip install 'tinygrad_mnist[fast]'``), ``backend="numba"`` turns the list into machine code:
# operations between the products are joined into loops, and no Python is left in the step. It is compiled at the first
# call, for some seconds, and kept in your cache folder for the next time. Numbers are added in another order there, so
# the last digits may differ.

try:
    fast, again = new_step(compiled=True, backend="numba")[0], new_step(compiled=False)[0]
    start = time.perf_counter()
    fast(images, labels), again(images, labels)
    print(f"first call: {time.perf_counter() - start:.1f} s")
    losses = np.array([[each(images, labels).item() for each in (fast, again)] for _ in range(10)])
    assert np.allclose(*losses.T, rtol=1e-4)
    times = in_turns({"plain": plain, "replayed": step, "numba": fast})
    gain("numba, against plain,", times[:, 0], times[:, 2])
except tg.errors.MissingDependencyError as error:
    print(error)

# %%
# When the list no longer fits
# ----------------------------
#
# A list that was written down once could be wrong the next time. What usually changes is read
# anew at every call: the batch, the learning rate, the random numbers of dropout. Everything
# else that the step looked at is compared before each replay. If it changed, another plan is
# made, and kept beside the first. ``print(step)`` says how many there are.


factor = 2.0


@tg.compile
def scaled(x):
    return x * factor


print(scaled(tg.ones(3)), scaled)
factor = 5.0  # a global that the step reads
print(scaled(tg.ones(3)), scaled)
assert scaled(tg.ones(3)).tolist() == [5, 5, 5]
scaled(tg.ones(4))  # another shape
print(scaled)
optimizer.param_groups[0]["lr"] = 0.01  # read at every call: no further plan
step(images, labels)
print(step)

# %%
# Some things can neither be read nor compared. They are refused when the step is first run, with the line:


def refused(function):
    try:
        tg.compile(function)(tg.ones(3))
    except tg.errors.CaptureError as error:
        show(re.sub(r"\S*/(?=\w+\.py)", "", str(error)) + "\n\n")  # files without their folders
    else:
        raise AssertionError("this should have been refused")


def branches(x):
    if x.sum() > 0:  # the list would have one of the branches only
        return x
    return -x


def looks(x):
    print("the sum is", x.sum().item())  # ... and would print the same number for ever
    return 2 * x


def rolls_dice(x):
    return x * random.random()  # ... and would always roll what it rolled first


for function in (branches, looks, rolls_dice):
    refused(function)

# %%
# The cures: choose by ``tg.where``, which computes both sides and takes, for each element, one of them; return what
# you want to look at; draw with ``tg.rand``, which a replay draws again.


@tg.compile
def cured(x):
    return tg.where(x.sum() > 0, x, -x) * tg.rand(()), x.sum()


draws = [cured(tg.ones(3))[0][0].item() for _ in range(4)]
print("four draws:", [round(x, 3) for x in draws], cured)
assert len(set(draws)) == 4 and cured(-tg.ones(3))[0][0].item() > 0

# %%
# Exercises
# ---------
# Stuck for ten minutes? There are :doc:`hints </hints>`.
#
# 1. (5 minutes) Predict the number of matrix products of a step with three ``Linear`` layers, then assert it.
# 2. (10 minutes) Let the images require a gradient:
#    ``x = tg.tensor(images, requires_grad=True)``, and ``x.grad = None`` before each call (the
#    error says so where you forget). Which product is added to the program, and which line that
#    costs nothing? Assert how many multiplications the product makes.
# 3. (15 minutes) Replace SGD by ``tg.optim.Adam``. What share of the step do updates take now? Read it from
#    ``op.name == "update"`` and ``op.microseconds``. With which ``hidden`` is the share the largest?
# 4. (20 minutes) Measure plain against replayed for batches of 1, 8, 64 and 512 images, in turns, and draw the gain.
#    Where does it fall below 1.1 on your machine?
# 5. (open) Write the step by hand in NumPy, without any framework, and beat ``step.source()`` in turns. Your weights
#    after 20 steps must agree with the lesson's to 1e-5.
