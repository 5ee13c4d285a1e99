"""A matplotlib Figure that notebooks show without pyplot, and that is written to a file whole or not at all.

A plain Figure has no picture of itself: IPython draws figures only after pyplot has installed a formatter for them.
This is the one module that imports matplotlib; plots.py loads it at the first drawing. Knows no data.
"""

from __future__ import annotations

import io
import os

import matplotlib.figure

from ...core.errors import ArgumentError
from ...core.files import output_path, write_whole


class Figure(matplotlib.figure.Figure):
    """A Figure of matplotlib, drawn inline by notebooks; `.save("curves.png")` writes a file."""

    def drawn(self, form: str = "png") -> bytes:
        """Draw the picture. form: png, svg, pdf, or another that matplotlib knows."""
        stream = io.BytesIO()
        self.savefig(stream, format=form, facecolor="white")
        return stream.getvalue()

    def save(self, path: str | os.PathLike[str], who: str = "viz") -> None:
        """Write the picture, in the form that the name ends in, or as PNG.

        Raises:
            ArgumentError: for an ending that matplotlib has no form for
            OutputError: if it cannot be written
        """
        form = output_path(path, who).suffix[1:].lower() or "png"
        known = self.canvas.get_supported_filetypes()
        if form not in known:
            what = f"{who}: a picture's file name tells its form."
            raise ArgumentError(what, got=os.fspath(path), expected="a name that ends in ." + ", .".join(sorted(known)))
        write_whole(path, self.drawn(form), who)

    def _repr_png_(self) -> bytes:
        return self.drawn()
