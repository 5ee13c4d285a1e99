"""A graphviz.Digraph that stays useful on a machine without graphviz's program `dot`, which does the layout.

Without `dot`, pygraphviz lays out in this process. With neither, `.source` and `.save()` still give valid DOT text, a
notebook shows that text and how to get them, and `.render()` says the same in one error. Knows no graph of ours. This
is the one module that imports graphviz; graph.py loads it at the first drawing.
"""

from __future__ import annotations

import html
import importlib
import inspect
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError, MissingDependencyError
from ..core.files import output_folder, output_path, write_whole
from .page import PAGES, PageName, page, save_page

try:
    import graphviz  # type: ignore[import-untyped]
except ImportError:  # the package is used where it lies, without having been installed
    missing = "viz: the text of graphs is written by the package graphviz, which is not installed."
    raise MissingDependencyError(missing, hint="pip install graphviz pygraphviz") from None

PICTURES, TEXTS = (".svg", ".png", ".pdf"), ("", ".dot", ".gv")

GET_DOT = (
    "pip install pygraphviz | apt install graphviz | brew install graphviz | choco install graphviz | "
    "conda install graphviz; or paste .source into an online viewer of DOT"
)
_one_at_a_time = threading.Lock()  # graphviz's library has global state


def without_dot() -> MissingDependencyError:
    """Explain what lays pictures out and how to get it."""
    what = "viz.graph: neither the program `dot` of graphviz, which lays pictures out, nor pygraphviz is installed."
    got = "the DOT text (.source, .save('graph.dot')), which is complete"
    return MissingDependencyError(what, got=got, hint=GET_DOT)


def in_process(source: str, format: str) -> bytes:
    """Lay DOT text out with pygraphviz, whose wheels carry graphviz's library.

    Raises:
        MissingDependencyError: without pygraphviz
    """
    try:
        pygraphviz = importlib.import_module("pygraphviz")
    except ImportError:
        raise without_dot() from None
    with _one_at_a_time, quiet():
        drawn: bytes = pygraphviz.AGraph(string=source).draw(format=format, prog="dot")
    return drawn


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what C libraries write to stderr, as fontconfig does of settings that it does not know, from the screen."""
    try:
        held = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(held, 2)
        os.close(held)
        os.close(nowhere)


def render_whole(
    engine: str, format: str, filepath: str | os.PathLike[str], *, outfile: Any = None,
    raise_if_result_exists: bool = False, **options: Any,
) -> str:  # fmt: skip
    """Lay a DOT file out as graphviz.render does, which lets `dot` write to the final file: whole, or not at all."""
    kinds = [k for k in (options.get("formatter"), options.get("renderer"), format) if k]
    final = Path(f"{filepath}.{'.'.join(kinds)}" if outfile is None else outfile)
    over_source = not options.get("overwrite_filepath") and final.resolve() == Path(filepath).resolve()
    if over_source or (raise_if_result_exists and final.exists()):  # both are refused in graphviz's words
        checks = {"outfile": final, "raise_if_result_exists": raise_if_result_exists}
        return str(graphviz.render(engine, format, filepath, **checks, **options))
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder, f"picture{final.suffix}")  # not the final name, to which `dot` adds
        try:
            graphviz.render(engine, format, filepath, outfile=part, **options)
        except graphviz.ExecutableNotFound:
            part.write_bytes(in_process(Path(filepath).read_text("utf-8"), format))
        write_whole(final, part.read_bytes(), "viz.graph")
    return str(final)


class Picture(graphviz.Digraph):  # type: ignore[misc]
    """A drawing: `.source` is its DOT text, `.save("name.svg")` writes a file, notebooks show it.

    Raises:
        MissingDependencyError: from render, view and pipe where `dot` and pygraphviz are missing
    """

    written: Callable[[], str] | None = None  # writes the page that explains the picture

    def save(self, filename: Any = None, directory: Any = None, *, skip_existing: bool | None = False) -> str:
        """Write the picture (name.svg, .png, .pdf), a page that opens modules (.html), or the DOT text (.dot, .gv).

        Returns:
            the path; a notebook shows that of a page as the page
        Raises:
            ArgumentError: for another ending
            OutputError: if it cannot be written
            MissingDependencyError: for a picture or a page without `dot` and pygraphviz
        """
        suffix = output_path(filename or "", "viz.graph").suffix.lower()
        if suffix not in (*PICTURES, *PAGES, *TEXTS):
            known = ", ".join((*PICTURES, PAGES[0], *TEXTS[1:]))
            what = "viz.graph: a picture's file name tells its form."
            raise ArgumentError(what, got=os.fspath(filename), expected=f"a name that ends in {known}")
        if suffix in PAGES:
            path = output_path(directory or "", "viz.graph") / filename
            return PageName(save_page(path, self.page() if self.written is None else self.written(), "viz.graph"))
        if suffix in PICTURES:
            path = output_path(directory or "", "viz.graph") / filename
            write_whole(path, self.pipe(format=suffix[1:]), "viz.graph")
            return str(path)
        if filename is not None:
            self.filename = os.fspath(filename)
        if directory is not None:
            self.directory = os.fspath(directory)
        if not (skip_existing and os.path.exists(self.filepath)):
            output_folder(os.path.dirname(self.filepath) or ".")
            write_whole(self.filepath, self.source.encode(self.encoding), "viz.graph")
        return str(self.filepath)

    def page(self) -> str:
        """Write a page that shows the picture alone."""
        return page("picture", f"<main>{svg_of(self)}</main>")

    def render(self, filename: Any = None, *args: Any, **kwargs: Any) -> str:
        """Lay out and write a file; arguments as in graphviz.Digraph.render, and the name may end in its format."""
        suffix = output_path(filename or "", "viz.graph").suffix.lower()
        if suffix in PAGES:
            return self.save(filename, *args, **kwargs)
        if suffix in PICTURES and not args and "format" not in kwargs:
            filename, kwargs = str(Path(filename).with_suffix("")), {"format": suffix[1:], "cleanup": True, **kwargs}
        return str(super().render(filename, *args, **kwargs))

    @property
    def _render(self) -> Callable[..., str]:  # which Digraph.render calls to run `dot`
        return render_whole

    def pipe(self, *args: Any, **kwargs: Any) -> Any:
        """Lay out and return the picture; arguments as in graphviz.Digraph.pipe."""
        try:
            return super().pipe(*args, **kwargs)
        except graphviz.ExecutableNotFound:
            given = inspect.signature(graphviz.Digraph.pipe).bind(self, *args, **kwargs).arguments
            drawn = in_process(self.source, given.get("format") or self.format)
            return drawn if given.get("encoding") is None else drawn.decode(given["encoding"])

    def __repr__(self) -> str:
        return f"<Picture: {len(self.source):,} characters of DOT; .save('graph.svg') writes a file>"

    def _repr_svg_(self) -> str | None:
        try:
            return str(self.pipe(format="svg", encoding="utf-8"))
        except MissingDependencyError:
            return None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, str]:
        svg = self._repr_svg_()
        if svg is not None:
            return {"image/svg+xml": svg, "text/plain": repr(self)}
        hint = f"This graph needs pygraphviz or the program `dot` to be drawn: {GET_DOT}"
        text = f"<details><summary>DOT text</summary><pre>{html.escape(self.source)}</pre></details>"
        return {"text/html": f"<p>{html.escape(hint)}</p>{text}", "text/plain": f"{hint}\n\n{self.source}"}


def svg_of(picture: Picture) -> str:
    """Draw a picture as an element of a page: without the lines that make a file of it."""
    text: str = picture.pipe(format="svg", encoding="utf-8")
    return text[text.index("<svg") :]
