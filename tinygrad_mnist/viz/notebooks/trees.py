"""Tensors inside what treescope shows: trees of dicts, lists and models have them as arrays, with its heat maps.

treescope asks a tensor for an adapter (core/reprs.py answers), which hands it the array and the facts. Read after
notebook.py.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from .notebook import numbers


@functools.cache
def adapter() -> Any:
    """Make the adapter: treescope's of NumPy's arrays, given the array of a tensor."""
    base = importlib.import_module("treescope.external.numpy_support").NumpyArrayAdapter
    text = importlib.import_module("treescope.rendering_parts").text

    def axes(self: Any, array: Any) -> Any:
        return base.get_axis_info_for_array_data(self, array.array)

    def data(self: Any, array: Any, mask: Any, edge_items_per_axis: Any) -> Any:
        return base.get_array_data_with_truncation(self, array.array, mask, edge_items_per_axis)

    def facts(self: Any, array: Any, fast: bool) -> Any:
        known = [] if fast else [*numbers(array.array), *["requires_grad"] * array.requires_grad]
        return text(f"{type(array).__name__} {array.dtype}{array.shape} {', '.join(known)}".strip())

    methods = {"get_axis_info_for_array_data": axes, "get_array_data_with_truncation": data, "get_array_summary": facts}
    return type("TensorAdapter", (base,), methods)()
