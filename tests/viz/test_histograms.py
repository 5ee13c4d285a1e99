"""Histograms over time: the squares are the shares of the recorded numbers, the lines the recorded figures."""

from types import SimpleNamespace

import numpy as np
import pytest

from tinygrad_mnist import viz
from tinygrad_mnist.core.errors import ArgumentError

pytest.importorskip("matplotlib")


def recorded(layers=2, steps=(1, 11, 21), size=400):
    """Numbers of a training that never was."""
    draw = np.random.default_rng(0)
    names = [f"{i} Linear" for i in range(layers)]

    def table(scale):
        return {n: [draw.normal(size=size).astype(np.float32) * scale * (i + 1) for _ in steps]
                for i, n in enumerate(names)}  # fmt: skip

    ratios = {n: [float(10.0 ** -draw.uniform(1, 5)) for _ in steps] for n in names}
    return SimpleNamespace(
        steps=list(steps), activations=table(1.0), gradients=table(1e-4), updates=table(1e-3), ratios=ratios
    )


def squares(axes):
    """Give (edges of steps, edges of bins, shares by step and bin)."""
    (mesh,) = axes.collections
    corners = mesh.get_coordinates()
    return corners[0, :, 0], corners[:, 0, 1], np.asarray(mesh.get_array()).T


@pytest.mark.parametrize("what", ["activations", "gradients", "updates"])
def test_squares_are_shares_and_lines_are_figures(what):
    statistics = recorded()
    figure = viz.plot_histograms(statistics, what)
    for axes, (name, table) in zip(figure.axes, getattr(statistics, what).items(), strict=True):
        assert axes.get_title(loc="left") == name
        times, bins, shares = squares(axes)
        assert times.tolist() == [-4, 6, 16, 26] and shares.shape == (3, 40)
        for drawn, x in zip(shares, table, strict=True):
            x = x.astype(float) if what == "activations" else np.log10(np.abs(x[x != 0]).astype(float))
            counts = [sum((a <= x) & (x < b)) for a, b in zip(bins, bins[1:], strict=False)]
            counts[0] += sum(x < bins[0])
            counts[-1] += sum(x >= bins[-1])
            assert drawn == pytest.approx(np.array(counts) / len(x), abs=1.1 / len(x))
            assert drawn.sum() == pytest.approx(1)
        (line, *others) = axes.lines
        assert list(line.get_xdata()) == [1, 11, 21]
        wanted = {
            "activations": [np.median(x) for x in table],
            "gradients": [np.log10(np.sqrt(np.mean(x.astype(float) ** 2))) for x in table],
            "updates": np.log10(statistics.ratios[name]),
        }[what]
        assert line.get_ydata() == pytest.approx(np.array(wanted), rel=1e-6)
        assert [o.get_ydata()[0] for o in others] == ([-3.0] if what == "updates" else [])
        low, high = axes.get_ylim()
        assert low <= min(line.get_ydata()) and max(line.get_ydata()) <= high


def test_gradients_share_a_scale_and_activations_have_their_own():
    statistics = recorded()
    statistics.gradients["1 Linear"] = [x * 1e-6 for x in statistics.gradients["1 Linear"]]
    one, two = viz.plot_histograms(statistics, "gradients").axes
    assert squares(one)[1].tolist() == squares(two)[1].tolist()
    assert squares(two)[2][:, :20].sum() == pytest.approx(3) and squares(one)[2][:, 25:].sum() > 2.5
    one, two = viz.plot_histograms(statistics, "activations").axes
    assert squares(two)[1][-1] > 1.5 * squares(one)[1][-1]


@pytest.mark.parametrize("layers", [1, 2, 3, 20])
def test_titles_are_whole_and_nothing_overlaps(layers):
    for what in ("activations", "gradients", "updates")[2 * (layers > 3) :]:  # the longest title
        figure = viz.plot_histograms(recorded(layers), what)
        figure.draw_without_rendering()
        seen = [axes for axes in figure.axes if axes.get_visible()]
        assert len(seen) == layers
        head = figure._suptitle.get_window_extent()
        assert figure.bbox.x0 <= head.x0 and head.x1 <= figure.bbox.x1
        boxes = [axes.get_tightbbox() for axes in seen]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in [*boxes[:i], head])
        assert min(axes.get_window_extent().width for axes in seen) > 150
        assert min(axes.get_window_extent().height for axes in seen) > 80


def test_zeros_missing_steps_and_what_is_not_finite():
    statistics = recorded(1)
    (table,) = statistics.gradients.values()
    table[0][:300] = 0
    table[1] = np.zeros(0, np.float32)
    table[2][:5] = [np.nan, np.inf, -np.inf, 1e-4, 1e-4]
    (axes,) = viz.plot_histograms(statistics, "gradients").axes
    shares = squares(axes)[2]
    assert axes.get_title(loc="left") == "0 Linear  (38 % are 0)"  # 75 % of one step, none of another
    assert shares[0].sum() == pytest.approx(1) and np.isnan(np.ma.filled(shares[1], np.nan)).all()
    assert shares[2].sum() == pytest.approx(1)
    statistics.ratios["0 Linear"] = [np.nan, 0.0, 1e-3]
    line = viz.plot_histograms(statistics, "updates").axes[0].lines[0].get_ydata()
    assert np.isnan(line[:2]).all() and line[2] == pytest.approx(-3)


def test_one_step_constant_numbers_chosen_layers_and_a_file(tmp_path):
    statistics = recorded(3, steps=(7,))
    statistics.activations["1 Linear"] = [np.full(9, 2.0, np.float32)]
    figure = viz.plot_histograms(statistics, path=tmp_path / "a.png", layers=["1 Linear", "0 Linear"])
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    first = figure.axes[0]
    assert first.get_title(loc="left") == "1 Linear" and squares(first)[2].max() == 1


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ArgumentError, match="'weights' is unknown"):
        viz.plot_histograms(recorded(), "weights")
    with pytest.raises(ArgumentError, match="no such layers") as error:
        viz.plot_histograms(recorded(), layers=["2 Linear"])
    assert error.value.got == "['2 Linear']"
    with pytest.raises(ArgumentError, match="there are no gradients"):
        viz.plot_histograms(recorded(steps=()), "gradients")
