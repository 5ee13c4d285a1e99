"""Links to PyTorch's pages, for what docs/from_pytorch.md says is the same there. Knows nothing of the package.

Where PyTorch documents a module on one page, the link goes to the name on it. Look next at reference.py.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path


@functools.cache
def same_as_pytorch() -> dict[str, str]:
    """Read from from_pytorch.md what is the same there: our names and PyTorch's."""
    path, found = Path(__file__).parents[1] / "from_pytorch.md", {}
    for room in path.read_text(encoding="utf-8").split("\n## ")[1:]:
        ours, theirs = re.findall(r"`([\w.]+)`", room.partition("\n")[0])
        if same := re.search(r"\*\*The same\*\* \(\d+\)\n\n(.*?)\n\n", room, re.DOTALL):
            found |= {f"{ours}.{n}".removeprefix("tg."): f"{theirs}.{n}" for n in re.findall(r"`(\w+)`", same[1])}
    return found


def pytorch_link(name: str) -> str:
    """Link the page of PyTorch's own."""
    there = same_as_pytorch().get(name, "")
    pages = {"torch.utils.data.": "data.html#", "torch.nn.init.": "nn.init.html#", "torchvision.": ""}
    page = next((p and p + there for start, p in pages.items() if there.startswith(start)), f"generated/{there}.html")
    return f"*The same as* `{there} <https://docs.pytorch.org/docs/stable/{page}>`__." if there and page else ""
