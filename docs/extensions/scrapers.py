"""Pictures in lessons: what a cell ends with and can draw itself as SVG or PNG, as a notebook would show it.

sphinx-gallery asks after each cell, and shows HTML and text by itself (`capture_repr` in conf.py).
"""

import ast
import io
from pathlib import Path
from typing import Any

from sphinx_gallery.scrapers import figure_rst

FORMS = {"_repr_svg_": ".svg", "_repr_png_": ".png"}


def pictures(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any], **_: Any) -> str:
    """Save what the cell ended with, if it can be drawn, and give the text that shows it."""
    last = ast.parse(block[1]).body[-1:]
    # sphinx-gallery's name for a cell's last value, which stays when a cell ends with none
    value = block_vars["example_globals"].get("___") if last and isinstance(last[0], ast.Expr) else None
    for method, ending in FORMS.items():
        html = getattr(value, "_repr_html_", lambda: None)()  # which figures of matplotlib have, and mostly give None
        drawn = getattr(value, method, lambda: None)() if html is None else None
        if drawn is None and method == "_repr_png_" and hasattr(value, "savefig"):  # a figure of matplotlib's own
            value.savefig(stream := io.BytesIO(), format="png", dpi=110, facecolor="white")
            drawn = stream.getvalue()
        if drawn is not None:
            path = Path(next(block_vars["image_path_iterator"])).with_suffix(ending)
            path.write_bytes(drawn if isinstance(drawn, bytes) else drawn.encode())
            return str(figure_rst([str(path)], gallery_conf["src_dir"]))
    return ""
