"""What forward mode costs: func.jvp of a function against the function itself, in turns, on one thread.

    PYTHONPATH=examples python -P -m benchmarks.tangents [NAME ...] [--elements N]      about a minute

Of matrices of so many elements in float32, all arguments with a tangent. At most 3 is wanted; what lies above has its
reason in ABOVE.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable
from statistics import median
from time import thread_time
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import tinygrad_mnist as tg  # noqa: E402
import tinygrad_mnist.nn.functional as F  # noqa: E402

MOST = 3.0
QUICK = "the function is one quick pass, its derivative several"
BOTH = "of two factors that both change there are two more products, and their sum"
ABOVE = {
    **dict.fromkeys(("square", "tanh", "relu", "atan2", "maximum", "clamp", "amax", "var", "prod"), QUICK),
    **dict.fromkeys(("x * x", "x * y", "x / y", "x @ y", "linear", "conv2d", "tanh(x @ y).sum()"), BOTH),
    "max_pool2d": "without a tangent nobody asks who won",
}
FUNCTIONS: dict[str, Callable[..., Any]] = {  # of matrices x, y and images
    "x + y": lambda x, y: x + y, "x - 2": lambda x: x - 2, "x * 2": lambda x: x * 2, "x * x": lambda x: x * x,
    "x * y": lambda x, y: x * y, "x / y": lambda x, y: x / y, "x ** 3": lambda x: x**3,
    "square": lambda x: tg.square(x), "exp": lambda x: tg.exp(x), "log": lambda x: x.log(),
    "sin": lambda x: tg.sin(x), "tanh": lambda x: tg.tanh(x), "sigmoid": lambda x: tg.sigmoid(x),
    "relu": lambda x: tg.relu(x), "gelu": lambda x: F.gelu(x), "silu": lambda x: F.silu(x),
    "softplus": lambda x: F.softplus(x), "erf": lambda x: tg.erf(x), "atan2": lambda x, y: tg.atan2(x, y),
    "maximum": lambda x, y: tg.maximum(x, y), "where": lambda x, y: tg.where(x > 1, x, y),
    "clamp": lambda x: tg.clamp(x, 0.5, 1.2), "sum": lambda x: x.sum(1), "mean": lambda x: x.mean(),
    "amax": lambda x: x.amax(1), "var": lambda x: x.var(1), "norm": lambda x: tg.linalg.norm(x),
    "logsumexp": lambda x: x.logsumexp(1), "cumsum": lambda x: x.cumsum(1), "prod": lambda x: x.prod(1),
    "softmax": lambda x: x.softmax(1), "log_softmax": lambda x: x.log_softmax(1),
    "layer_norm": lambda x: F.layer_norm(x, x.shape[1:]), "sort": lambda x: x.sort(1)[0], "x.T": lambda x: x.T + 0,
    "cat": lambda x, y: tg.cat([x, y]), "pad": lambda x: F.pad(x, (1, 1)), "x[::2]": lambda x: x[::2] + 0,
    "x @ y": lambda x, y: x @ y, "x @ c": lambda x: x @ x.detach(), "linear": lambda x, y: F.linear(x, y, y[0]),
    "conv2d": lambda images, w: F.conv2d(images, w, padding=1), "max_pool2d": lambda images: F.max_pool2d(images, 2),
    "avg_pool2d": lambda images: F.avg_pool2d(images, 2),
    "batch_norm": lambda images: F.batch_norm(images, None, None, training=True),
    "cross_entropy": lambda x: F.cross_entropy(x, tg.zeros(len(x), dtype=tg.int64)),
    "tanh(x @ y).sum()": lambda x, y: (x @ y).tanh().sum(),
}  # fmt: skip


def cost(function: Callable[..., Any], elements: int) -> float:
    """Give how many times as long as the function its jvp takes."""
    side, code = math.isqrt(elements), function.__code__
    made = [tg.rand(side, side) + 0.5 for _ in range(code.co_argcount)]
    if code.co_varnames[0] == "images":
        made = [tg.rand(elements // (16 * 32 * 32) or 1, 16, 32, 32), tg.rand(16, 16, 3, 3)][: code.co_argcount]
    primals, tangents = tuple(made), tuple(tg.rand_like(x) for x in made)
    plain, pushed = [], []
    start = thread_time()
    while len(plain) < 5 or (thread_time() - start < 0.5 and len(plain) < 50):
        a = thread_time()
        function(*primals)
        b = thread_time()
        tg.func.jvp(function, primals, tangents)
        plain.append(b - a)
        pushed.append(thread_time() - b)
    return median(pushed) / median(plain)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*FUNCTIONS, []], metavar="NAME")
    parser.add_argument("--elements", type=int, default=10**6)
    args = parser.parse_args()
    tg.set_num_threads(1)
    tg.rand(3 * 10**6).sum()  # once this is freed, glibc keeps memory, as in a program that has run for a while
    for name in args.names or FUNCTIONS:
        times = cost(FUNCTIONS[name], args.elements)
        reason = f"  {ABOVE.get(name, 'MORE THAN WANTED')}" if times > MOST else ""
        print(f"{name:20s} {times:6.2f}{reason}", flush=True)


if __name__ == "__main__":
    main()
