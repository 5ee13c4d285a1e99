"""Draw what was recorded: a step of an MLP and of a CNN, a gradient of a gradient, a GPT, a loop, a mistake.

    python examples/draw_graph.py                                # SVG files in runs/graphs
    python examples/draw_graph.py --format png --out pictures    # PNG, somewhere else
    python examples/draw_graph.py --format html                  # pages: modules open and close on a click
    python examples/draw_graph.py --depth 1                      # one box for each layer
    python examples/draw_graph.py --only mlp cnn --out docs      # the pictures in docs/, as the README shows them

Expected: one picture for each, in about two seconds. The program `dot` of graphviz or pygraphviz (pip install
pygraphviz) lays the pictures out; without them, DOT text is written and a line says how to get them.
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


class Block(nn.Module):
    """A block of a GPT: attention and a small MLP, each beside a shortcut."""

    def __init__(self, width=32):
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    """Letters -> blocks -> logits."""

    def __init__(self, blocks=2):
        self.embedding, self.head = nn.Embedding(50, 32), nn.Linear(32, 50)
        self.blocks = nn.Sequential(*(Block() for _ in range(blocks)))

    def forward(self, letters):
        return self.head(self.blocks(self.embedding(letters)))


class Loop(nn.Module):
    """A recurrent cell that reads a sequence, step by step."""

    def __init__(self):
        self.cell, self.head = nn.RNNCell(8, 16), nn.Linear(16, 3)

    def forward(self, sequence):
        h = tg.zeros(len(sequence), 16)
        for t in range(sequence.shape[1]):
            h = self.cell(sequence[:, t], h)
        return self.head(h)


def draw_step(model, *image_shape, **options):
    """Draw a forward pass with the gradients of all that it computes."""
    x, target = tg.rand(64, *image_shape), tg.randint(0, 10, (64,))
    logits = model(x)
    loss = nn.CrossEntropyLoss()(logits, target)
    names = {"x": x, "target": target, "logits": logits, "loss": loss}
    return tg.viz.graph(loss, names, gradients=True, **options)


def draw_second_derivative(**options):
    """Draw y = Σ x³, its gradient 3x², and how far the squared length of that gradient depends on x."""
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = (x**3).sum()
    (gradient,) = tg.autograd.grad(y, x, create_graph=True)
    penalty = (gradient * gradient).sum()
    penalty.backward(retain_graph=True)
    return tg.viz.graph([y, penalty], {"x": x, "y": y, "dy/dx": gradient, "penalty": penalty}, **options)


def draw_gpt(**options):
    """Draw a GPT of two blocks, which are drawn once."""
    letters = tg.randint(0, 50, (2, 10))
    return tg.viz.graph(GPT()(letters), {"letters": letters}, **options)


def draw_loop(**options):
    """Draw a loop of 120 steps, of which one is drawn."""
    sequence = tg.rand(4, 120, 8)
    return tg.viz.graph(Loop()(sequence), {"sequence": sequence}, **options)


def draw_mistake(**options):
    """Draw a forward pass that fails: Linear expects other features than come."""
    x = tg.rand(4, 1, 28, 28)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(800, 10))
    try:
        model(x)
    except tg.errors.ShapeError as error:
        return tg.viz.failed(error, {"x": x}, **options)


PICTURES = {
    "mlp": lambda **options: draw_step(MLP(), 784, **options),
    "cnn": lambda **options: draw_step(cnn(), 1, 28, 28, **options),
    "second_derivative": draw_second_derivative, "gpt": draw_gpt, "loop": draw_loop, "mistake": draw_mistake,
}  # fmt: skip


def levels(text):
    """Read a number of levels, "all", or "page": as many as it holds."""
    return {"all": None, "page": text}[text] if text in ("all", "page") else int(text)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="runs/graphs", help="folder for the pictures (default: %(default)s)")
    parser.add_argument("--format", choices=["svg", "png", "pdf", "html"], default="svg")
    parser.add_argument("--only", nargs="+", choices=list(PICTURES), default=list(PICTURES), metavar="NAME")
    parser.add_argument("--depth", type=levels, default="page", help="levels to open, all, or page: what fits")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)

    out = output_folder(args.out)
    missing = None
    for name in args.only:
        tg.manual_seed(args.seed)
        picture = PICTURES[name](depth=args.depth)
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
