"""What a training leaves to look at: one row of figures per epoch, and why it ended.

Knows nothing of models. Look next at callbacks.py.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, overload

from ..core.errors import ArgumentError, MissingDependencyError
from ..core.reprs import in_html

Row = dict[str, float]


class History(Sequence[Row]):
    """Rows of figures, one per finished epoch; `history["valid_loss"]` gives a column, `history[-1]` a row.

    Columns: epoch (from 1), train_loss, valid_loss, train_... and valid_... of every metric, lr, seconds. Training
    figures are means over the epoch's batches, measured while the weights change.
    Units:
        losses as the loss function gives them; accuracy from 0 to 1; seconds of the epoch with its validation
    """

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        self.rows: list[Row] = [dict(row) for row in rows]
        self.ended = ""  # "all epochs done", "interrupted", or what a callback said
        self.best_epoch: int | None = None  # whose weights the model has, where a callback chose them

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, key: object) -> bool:
        """Tell whether there is a column of that name, or such a row."""
        return key in self.rows[0] if self.rows and isinstance(key, str) else key in self.rows

    @overload
    def __getitem__(self, key: int) -> Row: ...
    @overload
    def __getitem__(self, key: slice) -> list[Row]: ...
    @overload
    def __getitem__(self, key: str) -> list[float]: ...
    def __getitem__(self, key: int | slice | str) -> Any:
        if not isinstance(key, str):
            return self.rows[key]
        if self.rows and key not in self.rows[0]:
            raise ArgumentError(f"History: there is no column {key!r}.", expected=", ".join(self.rows[0]))
        return [row[key] for row in self.rows]

    def to_pandas(self) -> Any:
        """Give the rows as a pandas DataFrame, a column for each figure.

        Raises:
            MissingDependencyError: without pandas
        """
        try:
            pandas = importlib.import_module("pandas")  # optional, and slow to import
        except ImportError:
            what = "History.to_pandas needs pandas, which is not installed."
            raise MissingDependencyError(what, hint="pip install pandas; history.rows is a list of dicts") from None
        return pandas.DataFrame(self.rows)

    _repr_html_ = in_html("history")

    def __repr__(self) -> str:
        last = ", ".join(f"{k} {v:.4g}" for k, v in self.rows[-1].items()) if self.rows else "no epoch finished"
        best = f"; weights of epoch {self.best_epoch}" if self.best_epoch is not None else ""
        return f"History({len(self)} epochs; {last}; {self.ended or 'not ended'}{best})"
