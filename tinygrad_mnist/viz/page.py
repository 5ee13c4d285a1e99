"""One self-contained page: text, numbers and a script in one file that opens without a network, light or dark.

What comes from outside is escaped here: titles as HTML, numbers as JSON that cannot end its block. The look, and what
all pages draw with (heat maps, numbers, elements), are assets/page.css and assets/page.js. A page that was written is a
`Page` or a `PageName`: its path, which shows the page in a notebook. Knows no graph; the pages of graphs and of the
player are written with it.
"""

from __future__ import annotations

import base64
import html
import importlib.resources
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.files import output_folder, output_path, write_whole
from ..core.graph import Var

# nothing is loaded and nothing is sent: what is in the file is all there is
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'"
SHARED = ("page.css", "page.js")
PAGES = (".html", ".htm")

if TYPE_CHECKING:
    OwnPath = Path
else:
    OwnPath = type(Path())  # which before Python 3.12 alone can be refined


def frame(path: str | os.PathLike[str]) -> str | None:
    """Show a page inside another, where its scripts run and can reach nothing else; None where there is no page."""
    try:
        text = Path(path).read_text("utf-8") if Path(path).suffix.lower() in PAGES else None
    except (OSError, ValueError):  # it was moved, or is no text
        text = None
    if text is None:
        return None
    look = 'class="page" sandbox="allow-scripts" width="100%" height="640" frameborder="0"'
    return f'<iframe {look} title="{html.escape(Path(path).name)}" srcdoc="{html.escape(text)}"></iframe>'


class Page(OwnPath):
    """The path of a page, which a notebook shows as the page itself."""

    _repr_html_ = frame


class PageName(str):
    """The same as text, for those who give names of files."""

    __slots__ = ()
    _repr_html_ = frame


def asset(name: str) -> str:
    """Read a style or a script that comes with the package."""
    return importlib.resources.files(__package__).joinpath("assets", name).read_text("utf-8")


def page(title: str, body: str, *, assets: tuple[str, ...] = (), data: Any = None, policy: str = POLICY) -> str:
    """Write a page.

    Args:
        title: any text
        body: HTML, in which the caller has escaped what is not its own
        assets: names of further styles and scripts, which run after the body is there
        data: what the scripts find with `data()`: numbers, text, arrays, lists and dicts of these
    """
    names = [*SHARED, *assets]
    styles = "\n".join(asset(name) for name in names if name.endswith(".css"))
    scripts = "".join(f"<script>\n{asset(name)}</script>\n" for name in names if name.endswith(".js"))
    held = f'<script type="application/json" id="data">{as_json(data)}</script>\n'
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{styles}</style>\n</head>\n"
        f"<body>\n{body}\n{held}{scripts}</body>\n</html>\n"
    )


def save_page(path: str | os.PathLike[str], text: str, owner: str) -> Page:
    """Write a page to a file, whole or not at all.

    Returns:
        its path, which shows the page
    Raises:
        ArgumentError: for a name that no browser would show as a page
        OutputError: if it cannot be written
    """
    final = output_path(path, owner)
    if final.suffix.lower() not in PAGES and not final.is_dir():
        what = f"{owner}: a page's file name tells its form."
        raise ArgumentError(what, got=os.fspath(path), expected="a name that ends in .html")
    output_folder(final.parent)
    write_whole(final, text.encode(errors="replace"), owner)  # half a surrogate in a name, say
    return Page(final)


def as_json(data: Any) -> str:
    """Write data so that neither `</script>` nor `<!--` in a name ends the block that holds it."""
    text = json.dumps(plain(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def plain(x: Any) -> Any:
    """Bring data to what JSON knows; what is not finite becomes the words that JavaScript's Number reads."""
    if isinstance(x, Var):
        x = x.array
    if isinstance(x, np.ndarray | np.generic):
        x = x.tolist()
    if isinstance(x, float):
        return x if math.isfinite(x) else "NaN" if x != x else "Infinity" if x > 0 else "-Infinity"
    if isinstance(x, Mapping):
        return {str(key): plain(value) for key, value in x.items()}
    return [plain(value) for value in x] if isinstance(x, list | tuple) else x


def floats(array: Any) -> dict[str, Any]:
    """Pack an array as float32 for the function `floats` of page.js: a third of what its digits take."""
    values = np.ascontiguousarray(array.array if isinstance(array, Var) else array, np.float32)
    return {"shape": values.shape, "float32": base64.b64encode(values.astype("<f4").tobytes()).decode()}
