"""Examples of what has no docstring of its own in the source: what a factory makes, or what stands in a full file.

By public name; the package puts each below its thing's docstring when it is imported, and tests run them all. Others
stand where they belong, in docstrings. Knows nothing of the package.
"""

from __future__ import annotations

from inspect import cleandoc
from textwrap import indent
from typing import Any

EXAMPLES = {
    "Tensor.backward": """
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad  # of Σ x² it is 2 x
        tensor([2., 4.])
    """,
    "Tensor.detach": """
        >>> x = tg.ones(2, requires_grad=True)
        >>> (x * 2).detach().requires_grad
        False
    """,
    "Tensor.item": """
        >>> tg.tensor([1.5, 2.0]).sum().item()
        3.5
    """,
    "Tensor.numpy": """
        >>> tg.ones(2, requires_grad=True).detach().numpy()
        array([1., 1.], dtype=float32)
    """,
    "argmax": """
        >>> tg.argmax(tg.tensor([[0.1, 0.9], [0.7, 0.3]]), dim=1)  # the class of each row
        tensor([1, 0])
    """,
    "compile": """
        >>> model = nn.Linear(3, 1)
        >>> optimizer = tg.optim.SGD(model.parameters(), lr=0.01)
        >>> @tg.compile
        ... def step(x, y):
        ...     loss = (model(x) - y).square().mean()
        ...     optimizer.zero_grad()
        ...     loss.backward()
        ...     optimizer.step()
        ...     return loss.detach()
        >>> losses = [step(tg.ones(8, 3), tg.zeros(8, 1)).item() for _ in range(3)]
        >>> losses[0] > losses[1] > losses[2]
        True
    """,
    "ones": """
        >>> tg.ones(2, 3).tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """,
    "zeros": """
        >>> tg.zeros(3, dtype=tg.int64)
        tensor([0, 0, 0])
    """,
    "rand": """
        >>> x = tg.rand(1000)
        >>> 0 <= x.min().item() <= x.max().item() < 1
        True
    """,
    "randn": """
        >>> tg.randn(64, 784).shape
        (64, 784)
    """,
    "relu": """
        >>> tg.relu(tg.tensor([-1.0, 0.0, 2.0]))
        tensor([0., 0., 2.])
    """,
    "nn.functional.relu": """
        >>> nn.functional.relu(tg.tensor([-1.0, 0.0, 2.0]))
        tensor([0., 0., 2.])
    """,
    "nn.ReLU": """
        >>> nn.ReLU()(tg.tensor([-1.0, 0.0, 2.0]))
        tensor([0., 0., 2.])
    """,
    "nn.Sigmoid": """
        >>> nn.Sigmoid()(tg.tensor([0.0])).item()
        0.5
    """,
    "nn.Tanh": """
        >>> nn.Tanh()(tg.tensor([0.0])).item()
        0.0
    """,
    "nn.Flatten": """
        >>> nn.Flatten()(tg.ones(64, 1, 28, 28)).shape
        (64, 784)
    """,
    "nn.MaxPool2d": """
        >>> nn.MaxPool2d(2)(tg.rand(64, 8, 28, 28)).shape
        (64, 8, 14, 14)
    """,
    "nn.Dropout": """
        >>> x = nn.Dropout(0.5)(tg.ones(1000))
        >>> sorted(set(x.tolist()))  # what stays is doubled, so that the mean does
        [0.0, 2.0]
    """,
    "nn.BatchNorm2d": """
        >>> x = nn.BatchNorm2d(8)(5 + 3 * tg.randn(64, 8, 14, 14))
        >>> abs(x.mean().item()) < 1e-5, abs(x.std().item() - 1) < 1e-3
        (True, True)
    """,
    "nn.LayerNorm": """
        >>> x = nn.LayerNorm(100)(5 + 3 * tg.randn(64, 100))
        >>> x.mean(1).abs().max().item() < 1e-5
        True
    """,
    "nn.CrossEntropyLoss": """
        >>> loss = nn.CrossEntropyLoss()(tg.zeros(2, 10), tg.tensor([3, 7]))
        >>> round(loss.item(), 4)  # log 10: all ten are equally probable
        2.3026
    """,
}  # fmt: skip
__test__ = EXAMPLES  # where doctest looks, too


def add_examples(package: Any) -> None:
    """Put each below the docstring of its thing."""
    for name, text in EXAMPLES.items():
        thing = package
        for part in name.split("."):
            thing = getattr(thing, part)
        thing.__doc__ = f"{cleandoc(thing.__doc__ or '')}\n\nExample:\n{indent(cleandoc(text), '    ')}"
