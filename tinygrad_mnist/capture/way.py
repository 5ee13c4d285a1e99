"""How a backward pass goes while a step is captured: rules get Vars, so that every call inside them is written down.

Read after core/engine.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.engine import RECORDED, Way
from ..core.faults import no_cotangent
from ..core.graph import Node, Var
from ..core.hooks import changed
from ..core.scope import Recorder
from ..ops import elementwise


class CapturedWay(Way):
    """Rules get Vars without history and residuals at hand, or what RECORDED gives; the recorder is told everything."""

    def __init__(self, recorder: Recorder, create_graph: bool) -> None:
        self.recorder, self.create_graph = recorder, create_graph
        recorder.depends(changed, "the hooks of leaves")

    def begins(self, node: Node, g: Any) -> tuple[tuple[Any, ...], Any]:
        """Note whose rules run, and give what they see."""
        self.recorder.pulls_back(node)
        if self.create_graph:
            return RECORDED.begins(node, g)
        wrap = type(g).result_type.wrap
        args = [x if parent is None else wrap(x) for x, parent in zip(node.args, node.parents, strict=True)]
        return (g, wrap(node.out), *args), None if node.saved is None else wrap(node.saved)

    def is_new(self, node: Node, position: int, g: Any, gx: Any) -> bool:
        """Tell it by identity, since the recorder keeps all arrays; refuse an array, of which it cannot know."""
        if self.create_graph:
            return False
        if not isinstance(gx, Var):
            raise no_cotangent(node.primitive, position, gx)
        array = gx.array
        known = any(x is gx or x is array for x in (g, node.out, node.saved, *node.args))
        return type(array) is np.ndarray and array.base is None and not known

    def add(self, total: Any, g: Any, fresh: bool) -> Any:
        """Add in the memory order of a sum to which eager mode adds in place: later sums of it must run in that."""
        if not fresh or total.node is not None or g.node is not None:
            return total + g
        result = total.result_type.wrap(np.empty_like(total.array))
        np.add(total.array, g.array, out=result.array)
        self.recorder.call(elementwise.add, (total, g), (total.array, g.array), {}, result, None)
        return result

    def deposit(self, leaf: Var, g: Any) -> None:
        """Add to `.grad` in place, as eager mode does; a gradient with history is a new tensor."""
        if leaf.gradient is None or g.node is not None:
            super().deposit(leaf, g)
            return
        self.recorder.changes(leaf.gradient, "backward")
        total = leaf.gradient + g
        leaf.gradient.array[...] = total.array
        leaf.gradient.version.bump()
        self.recorder.write(leaf.gradient, total)

    def ends(self) -> None:
        """Note that no rules run any more."""
        self.recorder.pulls_back(None)
