"""Formulas as MathML, which browsers draw themselves: the site needs no network and no script for them."""

from typing import Any

from docutils import nodes
from docutils.utils.math import latex2mathml


def inline(self: Any, node: nodes.math) -> None:
    """Write a formula in a line."""
    self.body.append(latex2mathml.tex2mathml(node.astext()))
    raise nodes.SkipNode


def block(self: Any, node: nodes.math_block) -> None:
    """Write a formula on a line of its own."""
    self.body.append(f'<div class="math">{latex2mathml.tex2mathml(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx of the renderer."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True}
