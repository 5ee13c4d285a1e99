"""How things answer a notebook that asks for HTML: by a function of viz/, which is loaded when it is first asked.

Tensors, programs and loaders stand below pictures and cannot import them. Knows functions of viz/notebooks/notebook.py
and viz/notebooks/trees.py by name.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from .scope import refuse_captured


def in_html(name: str) -> Callable[[Any], str]:
    """Make the `_repr_html_` of a class: what the function of that name in viz/notebooks/notebook.py writes."""

    def _repr_html_(self: Any) -> str:
        refuse_captured("printing")
        written: str = getattr(importlib.import_module("..viz.notebooks.notebook", __package__), name)(self)
        return written

    return _repr_html_


def for_treescope(self: Any) -> Any:
    """Give treescope what it reads a tensor with."""
    refuse_captured("printing")
    return importlib.import_module("..viz.notebooks.trees", __package__).adapter()
