"""Draw what was recorded: one step of an MLP, one of a CNN, and a gradient of a gradient.

    python examples/draw_graph.py                                # SVG files in runs/graphs
    python examples/draw_graph.py --format png --out pictures    # PNG, somewhere else
    python examples/draw_graph.py --depth 1                      # one box for each layer
    python examples/draw_graph.py --only mlp cnn --out docs      # the pictures in docs/, as the README shows them

Expected: one picture for each, in about a second. The program `dot` of graphviz lays the pictures out; without it, DOT
text is written and a line says how to get it.
"""

from __future__ import annotations

import argparse
import sys

try:
    import tinygrad_mnist as tg
    from tinygrad_mnist import nn
    from tinygrad_mnist.core.files import output_folder
except ImportError as error:
    sys.exit(f"{error}. Install the project first: pip install . in its folder")


class MLP(nn.Module):
    """784 pixels -> 128 rectified units -> 10 logits."""

    def __init__(self):
        self.fc1 = nn.Linear(784, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        return self.fc2(self.fc1(x).relu())


def cnn():
    """8 filters of 3x3, pooled to 14x14, then 10 logits."""
    return nn.Sequential(
        nn.Conv2d(1, 8, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 14 * 14, 10)
    )


def draw_step(model, *image_shape, depth=None):
    """Draw a forward pass with the gradients that backward left."""
    x, target = tg.rand(64, *image_shape), tg.randint(0, 10, (64,))
    logits = model(x)
    logits.retain_grad()
    loss = nn.CrossEntropyLoss()(logits, target)
    loss.backward(retain_graph=True)  # retain_graph, because backward frees the values of the graph otherwise
    return tg.viz.graph(loss, {"x": x, "target": target, "logits": logits, "loss": loss}, depth=depth)


def draw_second_derivative(depth=None):
    """Draw y = Σ x³, its gradient 3x², and how far the squared length of that gradient depends on x."""
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = (x**3).sum()
    (gradient,) = tg.autograd.grad(y, x, create_graph=True)
    penalty = (gradient * gradient).sum()
    penalty.backward(retain_graph=True)
    return tg.viz.graph([y, penalty], {"x": x, "y": y, "dy/dx": gradient, "penalty": penalty}, depth=depth)


PICTURES = {
    "mlp": lambda depth: draw_step(MLP(), 784, depth=depth),
    "cnn": lambda depth: draw_step(cnn(), 1, 28, 28, depth=depth),
    "second_derivative": draw_second_derivative,
}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="runs/graphs", help="folder for the pictures (default: %(default)s)")
    parser.add_argument("--format", choices=["svg", "png", "pdf"], default="svg")
    parser.add_argument("--only", nargs="+", choices=list(PICTURES), default=list(PICTURES), metavar="NAME")
    parser.add_argument("--depth", type=int, help="levels of modules to open (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)

    out = output_folder(args.out)
    missing = None
    for name in args.only:
        tg.manual_seed(args.seed)
        picture = PICTURES[name](args.depth)
        path = out / f"graph_{name}.{args.format}"
        try:
            picture.save(path)
        except tg.errors.MissingDependencyError as error:
            missing, path = error, path.with_suffix(".dot")
            picture.save(path)
        print(f"wrote {path}")
    if missing is not None:
        print(missing)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except tg.TinygradError as error:
        sys.exit(f"{type(error).__name__}: {error}")
