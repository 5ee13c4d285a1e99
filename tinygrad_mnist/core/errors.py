"""The error types, and the one form that every message takes.

A message says what was called, what was got, what was expected and what to do. Each type also derives from the
built-in exception that a Python user would expect, so `except ValueError` keeps working.

Knows nothing of the package. Look next at backend.py.
"""

from __future__ import annotations

from collections.abc import Callable


def shown(x: object) -> str:
    """Name a value that was got: its type, and how it begins."""
    return f"{type(x).__name__} {x!r:.60}"


def reason(error: BaseException) -> str:
    """Say in one line why something failed: in the system's words where it was the system that refused."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


class TinygradError(Exception):
    """Any error raised on purpose by this package.

    Args:
        problem: one sentence that opens with what was called
        got, expected, hint: one line each, left out when empty ("hint" is printed as "try"). `where` is filled in by
            the primitive that failed: the module that called it.
    """

    def __init__(self, problem: str, *, got: str = "", expected: str = "", hint: str = "") -> None:
        self.problem, self.got, self.expected, self.hint = problem, got, expected, hint
        self.where = ""
        super().__init__(problem)

    def __str__(self) -> str:
        rows = [("in", self.where), ("got", self.got), ("expected", self.expected), ("try", self.hint)]
        return "\n".join([self.problem, *(f"  {label:<10}{text}" for label, text in rows if text)])


class ShapeError(TinygradError, ValueError):
    """Shapes that do not fit the operation or each other."""


class DTypeError(TinygradError, TypeError):
    """A dtype or a Python type that the operation cannot take."""


class IndexRangeError(TinygradError, IndexError):
    """An index that the tensor does not have."""


class ArgumentError(TinygradError, ValueError):
    """A value outside the range that the argument allows."""


class CallError(TinygradError, TypeError):
    """Arguments that a function does not have, or lacks."""


class LinAlgError(ArgumentError, RuntimeError):
    """A matrix that has no inverse, no Cholesky factor, or for which an algorithm does not converge."""


class DeviceError(ArgumentError, RuntimeError):
    """A device that this package does not have: any but the CPU."""


class GradientError(TinygradError, RuntimeError):
    """A derivative that is not defined or was asked for in the wrong way."""


class GraphFreedError(GradientError):
    """A second backward through a graph whose saved values the first one freed."""


class InPlaceError(GradientError):
    """A tensor changed in place in a way that would make a gradient wrong."""


class AnomalyError(GradientError):
    """A value that is not finite, where `detect_anomaly` looks for one; node names the call whose gradient it is."""

    node: object = None


class GradcheckError(GradientError, AssertionError):
    """A derivative that disagrees with its numeric estimate."""


class CaptureError(TinygradError, RuntimeError):
    """A step that cannot be compiled: something in it depends on values, or happens outside the tensors."""


class ExportError(TinygradError, RuntimeError):
    """A model that another format cannot hold: an operation that it does not have, or a size that cannot vary."""


class TrainingError(TinygradError, ArithmeticError):
    """A training that cannot go on: its loss is no longer a finite number, or there is nothing to train on."""


class StateDictError(TinygradError, RuntimeError):
    """A state dict that does not belong to the model or optimizer it was loaded into."""


class AbsentError(TinygradError, AttributeError):
    """A name that is not here; what may have been meant is looked up when the error is shown."""

    explain: Callable[[], tuple[str, str]] | None = None

    def __str__(self) -> str:
        if self.explain is not None:
            (self.problem, self.hint), self.explain = self.explain(), None
        return super().__str__()


class AbsentImportError(TinygradError, ImportError):
    """A name that is not here, asked for by `from ... import`."""


class SharingError(TinygradError, BufferError):
    """Memory that cannot be shared with another library."""


class DataError(TinygradError, RuntimeError):
    """Data files that are missing, damaged or of the wrong kind."""


class OutputError(TinygradError, OSError):
    """A place that results cannot be written to."""


class UnsavableError(DTypeError, OutputError):
    """Something that no file of this package can hold."""


class MissingDependencyError(TinygradError, ImportError):
    """An optional package or program that is not installed."""
