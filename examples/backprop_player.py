"""Step through backpropagation in a browser: lesson one with single numbers, lesson two with digits and a network.

    python examples/backprop_player.py                     # both pages in runs/backprop
    python examples/backprop_player.py --only scalars      # the first lesson
    python examples/backprop_player.py --data digits       # without MNIST: scikit-learn's digits

Expected: two pages of less than 1 MB each, in a few seconds; no network is needed to open them. Lesson one is an
expression with a value that is used three times, whose gradient is therefore a sum; lesson two is one step of training
of the multilayer perceptron 784-128-10 on four images.
"""

from __future__ import annotations

import argparse
import sys

try:
    import tinygrad_mnist as tg
    from tinygrad_mnist import nn
    from tinygrad_mnist.core.files import output_folder
    from tinygrad_mnist.data import open_dataset
except ImportError as error:
    sys.exit(f"{error}. Install the project first: pip install . in its folder")


def scalars(path, *source):
    """Play a neuron with two inputs, and a penalty of one weight: w1 is used three times, and the sum s twice."""
    x1, x2 = tg.tensor(2.0, requires_grad=True), tg.tensor(-1.0, requires_grad=True)
    w1, w2, b = (tg.tensor(value, requires_grad=True) for value in (-3.0, 1.0, 6.5))
    s = w1 * x1 + w2 * x2 + b
    out = tg.tanh(s) * s
    loss = (out - 1.0) ** 2 + w1 * w1 * 0.1
    names = {"x1": x1, "x2": x2, "w1": w1, "w2": w2, "b": b, "s": s, "out": out, "loss": loss}
    return tg.viz.player(loss, path, names=names, title="Backpropagation: a neuron, number by number")


def mlp(path, *source):
    """Play a network on four images, half trained, so that its gradients show what it has learned to look for."""
    opened = open_dataset(*source)
    if opened.notice:
        print(opened.notice)
    images, labels = map(tg.tensor, opened.train[:2000])
    model = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = tg.optim.Adam(model.parameters(), lr=1e-3)
    for start in range(0, len(images), 50):
        loss = nn.functional.cross_entropy(model(images[start : start + 50]), labels[start : start + 50])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x, target = images[:4], labels[:4]
    logits = model(x)
    loss = nn.functional.cross_entropy(logits, target)
    names = {"images": x, "target": target, "logits": logits, "loss": loss}
    return tg.viz.player(loss, path, names=names, title="Backpropagation: 784 pixels, 128 units, 10 logits")


LESSONS = {"scalars": scalars, "mlp": mlp}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="runs/backprop", help="folder for the pages (default: runs/backprop)")
    parser.add_argument("--only", nargs="+", choices=list(LESSONS), default=list(LESSONS), metavar="NAME")
    parser.add_argument("--data", choices=("auto", "mnist", "digits"), default="auto")
    parser.add_argument("--data-dir", help="folder with the MNIST files, asked before all other sources")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)

    out = output_folder(args.out)
    for name in args.only:
        tg.manual_seed(args.seed)
        path = LESSONS[name](out / f"backprop_{name}.html", args.data, args.data_dir)
        print(f"wrote {path}, {path.stat().st_size / 1e3:,.0f} KB")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except tg.TinygradError as error:
        sys.exit(f"{type(error).__name__}: {error}")
