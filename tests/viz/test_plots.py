"""The curves of a training: where the note of the kept epoch stands, and which epochs the axes name."""

import pytest

from tinygrad_mnist import viz
from tinygrad_mnist.viz import plots

pytest.importorskip("matplotlib")


def drawn(best, count, patch, path):
    """Draw a training whose validation loss is least in one epoch; give the figure, laid out."""
    figures = []
    patch.setattr(plots, "_write", lambda figure, path: figures.append(figure) or path)
    rows = [
        {"train_loss": 1 / e, "train_accuracy": 0.5 + e / 40, "valid_loss": 0.4 + abs(e - best), "valid_accuracy": 0.6}
        for e in range(1, count + 1)
    ]
    viz.plot_curves(rows, path, title="a title of some length: batch 64, Adam, lr up to 0.003")
    figures[0].draw_without_rendering()
    return figures[0]


@pytest.mark.parametrize(("best", "count"), [(1, 1), (1, 2), (2, 2), (1, 10), (5, 10), (6, 10), (10, 10), (3, 40)])
def test_the_kept_epoch_is_named_where_no_curve_passes(best, count, monkeypatch, tmp_path):
    figure = drawn(best, count, monkeypatch, tmp_path / "curves.png")
    axes = figure.axes[1]
    (note,) = axes.texts
    box, inside = note.get_window_extent(), axes.get_window_extent()
    assert note.get_text() == f"kept: epoch {best}, 60.00 %" and note.xy[0] == best
    assert box.y0 >= inside.y1 and figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1  # above, and whole
    assert not box.overlaps(figure._suptitle.get_window_extent())
    low, high = axes.get_xlim()
    assert all(tick == int(tick) for tick in axes.get_xticks() if low <= tick <= high)
