"""What the five studies share: arguments, data, the record of what was printed and what we get, and its checks.

A study is a function of a Study. It calls `compare` for every printed number, `table`, `picture` and `say` for what the
reader should see, and `check` for what must hold. `run` prints everything, writes it to a folder as result.json with
the pictures beside it, and ends with status 1 if a check failed. A study that breaks off leaves no result. run_all.py
makes one page of the folders.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from pathlib import Path

INSTALL = "Install what the examples need: pip install '.[examples]' in the project's folder"
try:
    import numpy as np
    from matplotlib.figure import Figure

    import tinygrad_mnist as tg
    from tinygrad_mnist.core.files import write_whole
    from tinygrad_mnist.data import open_dataset
except ImportError as error:
    sys.exit(f"{error}. {INSTALL}")

INK, PRINTED, CORRECTED, GRID = "#22303c", "#d9822b", "#3b75af", "#d5dbe1"
RESULT = "result.json"
QUICK = "This is a quick run: its figures and verdicts are not the study's. Those are the full run's."
COLOURS = ["#3b75af", "#d9822b", "#4c9a5b", "#b0433f", "#7d5ba6", "#6b7785", "#c2a33a", "#3aa6a6"]


class Study:
    """The record of one study: facts go in, in the order in which they are to be read."""

    def __init__(self, name, title, args):
        self.name, self.title = name, title
        self.quick, self.data_dir, self.out = args.quick, args.data_dir, folder(args.out)
        self.items, self.failures = [], []
        self.when, self.began = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), time.perf_counter()
        (self.out / RESULT).unlink(missing_ok=True)  # what an older run left is no result of this one
        print(title)
        if self.quick:
            self._add({"kind": "quick", "text": QUICK}, QUICK)

    def data(self):
        """Open MNIST: a training and a test set with .arrays(...). Anything else would not be the study."""
        training, test, _ = open_dataset("mnist", self.data_dir)
        return training, test

    # ------------------------------------------------------------ what the reader sees

    def section(self, title):
        """Begin a part."""
        self._add({"kind": "section", "text": title}, f"\n== {title} ({time.perf_counter() - self.began:.0f} s)")

    def say(self, text):
        """State a fact or a cause, with the figures that show it."""
        self._add({"kind": "text", "text": " ".join(text.split())}, " ".join(text.split()))

    def compare(self, what, printed, as_written, corrected="", why=""):
        """Put a printed number beside ours, as written and corrected; strings, with their units.

        `why` says, in a line and with evidence, why ours differs from the printed one where it does.
        """
        why = " ".join(why.split())
        row = {"what": what, "printed": printed, "as written": as_written, "corrected": corrected, "why": why}
        line = f"{what}: printed {printed}; as written {as_written}" + (f"; corrected {corrected}" if corrected else "")
        self._add({"kind": "compare", "row": row}, line + (f"\n    {why}" if why else ""))

    def table(self, title, columns, rows):
        """Show rows of strings or numbers under column heads."""
        cells = [[_text(x) for x in row] for row in rows]
        lines = [list(columns), *cells]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        drawn = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines]
        self._add({"kind": "table", "title": title, "columns": lines[0], "rows": cells}, "\n".join([title, *drawn]))

    def picture(self, figure, name, caption):
        """Write a matplotlib figure beside the result, with a sentence or two on what it shows."""
        path = self.out / f"{name}.png"
        caption = " ".join(caption.split())
        stream = io.BytesIO()
        figure.savefig(stream, dpi=110, facecolor="white", format="png")
        write_whole(path, stream.getvalue(), "study")
        self._add({"kind": "picture", "file": path.name, "caption": caption}, f"[{path}] {caption}")

    def check(self, what, value, low, high, *, timed=False):
        """Require a value to lie in [low, high]; the study ends with status 1 if it does not.

        timed: the value comes from a clock, which other programs on the machine disturb, so that it is said alone.
        """
        held = bool(low <= value <= high)
        verdict = "holds" if held else "not so here, where other programs may have run" if timed else "FAILED"
        text = f"{verdict}: {what}: {_text(value)} in [{_text(low)}, {_text(high)}]"
        if not (held or timed):
            self.failures.append(text)
        self._add({"kind": "check", "text": text, "held": held or timed}, text)

    def _add(self, item, line):
        self.items.append(item)
        print(line, flush=True)

    def finish(self):
        """Write the record; give the exit status."""
        seconds = time.perf_counter() - self.began
        record = {
            "name": self.name, "title": self.title, "quick": self.quick, "when": self.when, "version": tg.__version__,
            "seconds": seconds, "items": self.items, "failures": self.failures,
        }  # fmt: skip
        write(self.out / RESULT, json.dumps(record, indent=1))
        verdict = f"{len(self.failures)} checks FAILED" if self.failures else "all checks hold"
        print(f"\n{self.name}: {verdict}; {seconds:.0f} s; {self.out / RESULT}")
        for failure in self.failures:
            print(failure)
        return 1 if self.failures else 0


def folder(path):
    """Make a folder for what a run writes, if it is not there."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"{path} cannot be made a folder for the results: {error.strerror}. Choose another with --out")
    return path


def write(path, text):
    """Write a file so that it is whole at any moment: another name first, then the new one takes the old one's."""
    write_whole(path, text.encode(), "study")


def figure(width=9.0, height=3.6, columns=1, rows=1, **kwargs):
    """Make a figure in the studies' style; gives it with its axes (one, or an array)."""
    made = Figure(figsize=(width, height), layout="constrained")
    axes = made.subplots(rows, columns, **kwargs)
    for ax in np.ravel(axes):
        ax.grid(color=GRID)
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
    return made, axes


def _text(x):
    """Write a number as a reader wants it."""
    if isinstance(x, bool | np.bool_) or not isinstance(x, int | float | np.number):
        return str(x)
    return f"{x:,}" if isinstance(x, int | np.integer) else f"{x:.4g}"


def run(name, title, whole, description, argv=None):
    """Run a study as a program: `python examples/studies/NAME.py [--quick]`; `whole` does all of it, with a Study."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less work, within a minute; looser checks")
    parser.add_argument("--data-dir", help="folder with the MNIST files, asked before all other sources")
    parser.add_argument("--out", default=f"runs/studies/{name}", help="folder for result.json and pictures")
    try:
        record = Study(name, title, parser.parse_args(argv))
        whole(record)
    except tg.TinygradError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    sys.exit(record.finish())
