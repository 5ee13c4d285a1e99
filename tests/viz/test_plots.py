"""Curves and confusion matrices: what is drawn is what was given, inline in notebooks and in files."""

import importlib
import sys

import numpy as np
import pytest

from tinygrad_mnist import viz
from tinygrad_mnist.core.errors import ArgumentError, DTypeError, IndexRangeError, OutputError, ShapeError
from tinygrad_mnist.training import History
from tinygrad_mnist.viz.curves import plots

pytest.importorskip("matplotlib")


def rows(best, count):
    return [
        {"train_loss": 1 / e, "train_accuracy": 0.5 + e / 40, "valid_loss": 0.4 + abs(e - best), "valid_accuracy": 0.6}
        for e in range(1, count + 1)
    ]


@pytest.mark.parametrize(("best", "count"), [(1, 1), (1, 2), (2, 2), (1, 10), (5, 10), (6, 10), (10, 10), (3, 40)])
def test_the_kept_epoch_is_named_where_no_curve_passes(best, count):
    figure = viz.plot_curves(rows(best, count), title="a title of some length: batch 64, Adam, lr up to 0.003")
    figure.draw_without_rendering()
    axes = figure.axes[1]
    (note,) = axes.texts
    box, inside = note.get_window_extent(), axes.get_window_extent()
    assert note.get_text() == f"kept: epoch {best}, 60.00 %" and note.xy[0] == best
    assert box.y0 >= inside.y1 and figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1  # above, and whole
    assert not box.overlaps(figure._suptitle.get_window_extent())
    low, high = axes.get_xlim()
    assert all(tick == int(tick) for tick in axes.get_xticks() if low <= tick <= high)


def lines(axes):
    """Give the curves of a panel by their labels."""
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines
            if not line.get_label().startswith("_")}  # fmt: skip


def test_the_curves_are_the_columns():
    history = rows(2, 4)
    loss, accuracy = viz.plot_curves(history).axes
    for part, label in (("train", "training"), ("valid", "validation")):
        assert lines(loss)[label] == ([1, 2, 3, 4], [r[f"{part}_loss"] for r in history])
        assert lines(accuracy)[label][1] == pytest.approx([100 * r[f"{part}_accuracy"] for r in history])
    assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("loss (nats)", "accuracy (%)")


def test_a_history_of_fit_with_other_columns():
    history = History([{"epoch": e, "train_loss": 1 / e, "train_error": e, "lr": 0.1, "seconds": 2.0} for e in (3, 4)])
    loss, error = viz.plot_curves(history).axes
    assert lines(loss) == {"training": ([3, 4], [1 / 3, 1 / 4])} and lines(error) == {"training": ([3, 4], [3, 4])}
    assert not loss.texts and not error.texts, "no validation, and no callback chose weights"
    history = History([{"epoch": e, "train_loss": 1.0, "valid_loss": abs(e - 2) + 0.5, "lr": 0.1} for e in (1, 2, 3)])
    (loss,) = viz.plot_curves(history).axes
    assert loss.texts[0].get_text() == "lowest loss: epoch 2, 0.5"
    history.best_epoch = 3
    assert viz.plot_curves(history).axes[0].texts[0].get_text() == "kept: epoch 3, 1.5"


def test_rows_of_a_loop_of_ones_own():
    loss, f1 = viz.plot_curves([{"loss": 2.0, "f1": 0.1}, {"loss": 1.0, "f1": 0.3}]).axes
    assert list(loss.lines[0].get_ydata()) == [2, 1] and f1.get_ylabel() == "f1" and loss.get_legend() is None
    assert len(viz.plot_curves([]).axes) == 2
    with pytest.raises(ArgumentError, match="no figure to draw"):
        viz.plot_curves([{"epoch": 1, "lr": 0.1}])


def test_the_matrix_has_the_counts():
    labels, guesses = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 0, 2])
    (axes,) = viz.plot_confusion(labels, guesses, ["a", "b", "c"], title="Test: ").axes
    shown = {(t.get_position()[1], t.get_position()[0]): int(t.get_text()) for t in axes.texts}
    assert shown == {(0, 0): 1, (0, 1): 1, (1, 1): 1, (2, 0): 2, (2, 2): 1}
    assert axes.images[0].get_array().tolist() == [[0, 1, 0], [0, 0, 0], [2, 0, 0]]
    assert axes.get_title() == "Test: 3 of 6 right; colour shows the mistakes"


@pytest.mark.parametrize(("name", "start"), [
    ("a.png", b"\x89PNG"), ("b.svg", b"<?xml"), ("c.PDF", b"%PDF"), ("without", b"\x89PNG"),
])  # fmt: skip
def test_a_path_is_written_in_the_form_of_its_name(tmp_path, name, start):
    figure = viz.plot_curves(rows(1, 2), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start) and figure.axes
    viz.plot_confusion([0, 1], [0, 1], ["a", "b"], str(tmp_path / name))
    figure.save(tmp_path / name)


def test_other_forms_are_refused(tmp_path):
    with pytest.raises(ArgumentError, match="plot_curves: a picture's file name tells its form") as error:
        viz.plot_curves(rows(1, 2), tmp_path / "a.html")
    assert ".png" in error.value.expected and not list(tmp_path.iterdir())
    with pytest.raises(OutputError, match="plot_confusion"):
        viz.plot_confusion([0], [0], ["a"], tmp_path)


@pytest.mark.parametrize("history", [{"train_loss": [1.0, 2.0]}, [1.0, 2.0], None])
def test_what_is_no_rows_is_told(history):
    with pytest.raises(DTypeError, match="plot_curves: expected rows of figures") as error:
        viz.plot_curves(history)
    assert "train_loss" in error.value.expected


def test_labels_that_do_not_fit_are_told():
    with pytest.raises(IndexRangeError, match="there are 2 classes") as error:
        viz.plot_confusion([0, 1, 2], [0, 1, 1], ["a", "b"])
    assert error.value.got == "0 … 2" and error.value.expected == "0 … 1"
    with pytest.raises(IndexRangeError):
        viz.confusion_matrix([0, 1], [-1, 1], 2)
    with pytest.raises(ShapeError) as error:
        viz.confusion_matrix([0, 1], np.zeros((2, 3)), 3)
    assert error.value.hint == "scores.argmax(1)"


def test_notebooks_show_figures_without_pyplot():
    """As IPython does it: the formatter of PNG is asked for the object that a cell ends with."""
    formatters = pytest.importorskip("IPython.core.formatters")
    figure = viz.plot_curves(rows(1, 3))
    shown, _ = formatters.DisplayFormatter().format(figure)
    assert shown["image/png"].startswith(b"\x89PNG") and "text/plain" in shown
    plain = importlib.import_module("matplotlib.figure").Figure()
    assert "image/png" not in formatters.DisplayFormatter().format(plain)[0], "why there is a class of our own"


def test_importing_the_room_loads_no_matplotlib():
    code = "import sys, tinygrad_mnist; sys.exit('matplotlib' in sys.modules)"
    assert importlib.import_module("subprocess").run([sys.executable, "-c", code]).returncode == 0


def test_other_pictures_begin_in_one_place():
    assert plots.figure(4, 3).get_size_inches().tolist() == [4, 3]
