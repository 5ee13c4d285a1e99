"""
10. What a step really computes
===============================

A training step is six lines of Python. What does the machine do? At the end of this lesson you can list every operation
of a step with its shapes, memory and time, draw it, run it again without Python's overhead, measure whether that
helped, and read the error when a step cannot be repeated. It runs in about 10 seconds (longer the first time, where
numba is installed) and reads in half an hour. You need a training loop, as in :doc:`/learn/04_mlp_on_mnist`.
"""

import random
import re
import time
import tracemalloc

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
# This function makes a network, its optimizer and its step. Run like this, each call builds a graph of the computation,
# walks back through it, and throws it away. The next call does all of it again, though nothing but the batch is new.


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
# ``tg.compile`` (or ``@tg.compile`` above the function) changes that. The first call runs the step as usual, and writes
# down which operations it makes. The following calls *replay* this list. The second call does both and compares, so a
# step that is not the same twice is found out. Nothing may differ, not even in the last bit, and nothing does:

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
# Here is the list, one operation a line, in order: the shapes that go in and come out, where the result lies in memory,
# and how long it takes on this machine (µs are millionths of a second; % is the share of the step).

program = step.program()
print(program)

# %%
# Read it from above. ``module`` says which layer each line belongs to. Things to find:
#
# - **Five products of matrices**: two forward (``linear``), three backward. Why not four backward, two for each layer?
#   The gradient of the first layer's *input* would be the gradient of the pixels. Nobody asks for it, so it is not
#   computed.
# - **Two lines take most of the time**: the products with all 784 numbers of each image, forward and backward.
# - ``relu`` has "yes" under *in place*: its result overwrites its input, since nobody needs that any more.
# - ``transpose`` costs nothing: it is another *view* of numbers that stay where they are.

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
# The last lines of the table count it. A result is needed until its last reader has read it. After that its place is
# free for another result. So the plan lays all of them into one block, the *arena*, where some lie upon each other in
# turn. It is made once. A replay then allocates no array at all; the plain step makes all of its arrays anew.


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
# What is replayed is a Python function that was written for this step: one line of NumPy for each instruction,
# ``out=`` says where the result goes. If you had to write this network's backpropagation by hand, as fast as NumPy can,
# you would arrive at something like this.

print(step.source())

# %%
# Is it faster?
# -------------
#
# Measure it like this, whatever you compare:
#
# - **In turns**: A B A B. A computer gets slower and faster while it works, when it is warm, when others use it.
#   Measured one after the other, A may have had the better minute.
# - **Many short runs, and the median.** The mean of ten runs is spoilt by one interruption. The median is not.
# - **Look at the spread.** If the middle halves of A and B overlap, you have not shown a difference yet.


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
gain = np.median(times[:, 0::2] / times[:, 1::2], axis=0)
print(f"replayed, a step is {gain[0]:.2f} times as fast with 128 units, {gain[1]:.2f} times with 8")

# %%

figure = Figure(figsize=(7, 3), layout="constrained")
axes = figure.subplots()
axes.boxplot(times, showfliers=False)
axes.set_xticks(range(1, len(functions) + 1), list(functions))
axes.set_ylabel("µs of a step;\nbox: middle half of the rounds")
axes.set_ylim(bottom=0)
figure

# %%
# Compare the two pairs. What a replay saves is Python's work, which is about the same for every step of this form. What
# it does not save is arithmetic. So a small network gains much, and one that spends its time in large products little.
# Before you compile, look at the program: if one product takes 90 % of the step, no replay will help you.
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
    print(f"numba: {np.median(times[:, 0] / times[:, 2]):.2f} times as fast as plain")
except tg.errors.MissingDependencyError as error:
    print(error)

# %%
# When the list no longer fits
# ----------------------------
#
# A list that was written down once could be wrong the next time. What may change is read at every call: the batch, the
# learning rate, dropout's dice. Everything else that the step looked at is compared before each replay. If it changed,
# a further plan is made, and kept beside the first. ``print(step)`` says how many there are.


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
        print(re.sub(r"\S*/(?=\w+\.py)", "", str(error)), "\n")  # files without their folders
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
#
# 1. (5 minutes) Predict the number of matrix products of a step with three ``Linear`` layers, then assert it.
# 2. (10 minutes) Let the images require a gradient: ``x = tg.tensor(images, requires_grad=True)``, and ``x.grad =
#    None`` before each call (the error says so where you forget). Which line is added to the program? Assert how many
#    multiplications it makes.
# 3. (15 minutes) Replace SGD by ``tg.optim.Adam``. What share of the step do updates take now? Read it from
#    ``op.name == "update"`` and ``op.microseconds``. With which ``hidden`` is the share the largest?
# 4. (20 minutes) Measure plain against replayed for batches of 1, 8, 64 and 512 images, in turns, and draw the gain.
#    Where does it fall below 1.1 on your machine?
# 5. (open) Write the step by hand in NumPy, without any framework, and beat ``step.source()`` in turns. Your weights
#    after 20 steps must agree with the lesson's to 1e-5.
