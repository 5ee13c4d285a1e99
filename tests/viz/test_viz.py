"""Pictures of graphs and tables of layers: structure of the DOT text, words in the boxes, folding, life without dot."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from drawn import Dot, Mlp, step
from training_data import module

import tinygrad_mnist as tg
from tinygrad_mnist import nn, viz
from tinygrad_mnist.core.errors import ArgumentError, DTypeError, GradientError, MissingDependencyError, OutputError
from tinygrad_mnist.core.scope import Scope, state

ROOT = Path(__file__).parents[2]
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="the program `dot` of graphviz is not installed")


# ---------------------------------------------------------------- what is drawn


def test_mlp_structure():
    loss, names = step()
    dot = Dot(viz.graph(loss, names))
    assert dot.operations() == ["linear", "relu", "linear", "cross_entropy", "mean"]
    assert dot.count("v") == 2 + 4 + 2  # results that are named, parameters, x and target
    assert dot.label("fc1.weight").startswith("fc1.weight|(4, 6) float32|")
    edges = set(dot.edges)
    first = next(head for tail, head in edges if tail == dot.one("x"))
    assert dot.labels[first] == "linear" and (dot.one("fc1.bias"), first) in edges
    assert len(edges) == 2 + 3 + 1 + 3 + 2 + 1
    (between,) = [label for tail, head, label in dot.passing if dot.labels[head] == "relu"]
    assert between == "(5, 4)"
    assert dot.label("loss") == f"loss|() float32|{loss.item():.4g}"


def test_frames_follow_the_modules():
    loss, names = step()
    dot = Dot(viz.graph(loss, names))
    frames = {title: (depth, ids) for title, depth, ids in dot.frames()}
    assert list(frames) == ["Mlp", "fc1 Linear(6, 4)", "fc2 Linear(4, 3)", "CrossEntropyLoss"]
    assert [depth for depth, _ in frames.values()] == [0, 1, 1, 0]
    assert {dot.labels[i].split("|")[0] for i in frames["fc2 Linear(4, 3)"][1]} == {
        "fc2.weight", "fc2.bias", "linear", "logits",
    }  # fmt: skip
    assert not any(dot.one("x") in ids or dot.one("target") in ids for _, ids in frames.values())


def test_before_backward_gradients_are_not_computed_never_zero():
    loss, names = step()
    names["logits"].retain_grad()
    dot = Dot(viz.graph(loss, names))
    assert dot.label("fc1.weight").endswith("|grad: not computed yet")
    assert dot.label("logits").endswith("|grad: not computed yet")
    assert "grad" not in dot.label("x") and "grad" not in dot.label("target")
    assert dot.source.count("grad") == 5, "of parameters, and where it was asked for"
    assert not re.search(r"grad: (all )?0\b", dot.source)


def test_after_backward_with_retain_graph_shows_ranges():
    model = Mlp()
    loss, names = step(model)
    names["logits"].retain_grad()
    loss.backward(retain_graph=True)
    dot = Dot(viz.graph(loss, names))
    g = model.fc1.weight.grad.array
    assert dot.label("fc1.weight").endswith(f"|grad: {g.min():.3g} … {g.max():.3g}")
    g, v = names["logits"].grad.array, names["logits"].array
    assert dot.label("logits") == (
        f"logits|(5, 3) float32|{v.min():.3g} … {v.max():.3g}|grad: {g.min():.3g} … {g.max():.3g}"
    )
    assert "freed" not in dot.source and "not computed" not in dot.source


def test_after_backward_freed_values_are_said_and_leaves_still_shown():
    model = Mlp()
    loss, names = step(model)
    loss.backward()
    del names["loss"]
    dot = Dot(viz.graph(loss, names))
    assert sorted(label for _, _, label in dot.passing) == ["(5, 4)", "(5, 4)", "(5,)"]  # fc1, relu, cross_entropy
    assert dot.source.count("freed") == 1, "the key says so, once"
    assert dot.label("output") == f"output|() float32|{loss.item():.4g}"  # the tensor itself still lives
    assert dot.label("logits").startswith("logits|(5, 3) float32|-")
    w = model.fc2.weight
    assert dot.label("fc2.weight") == (
        f"fc2.weight|(3, 4) float32|{w.array.min():.3g} … {w.array.max():.3g}"
        f"|grad: {w.grad.array.min():.3g} … {w.grad.array.max():.3g}"
    )
    unnamed = Dot(viz.graph(loss))
    constants = [label for label in unnamed.labels.values() if label.startswith("constant")]
    assert sorted(constants) == ["constant|(5, 6) float32", "constant|(5,) int64"]


def test_values_can_be_left_out():
    loss, names = step()
    source = viz.graph(loss, names, show_values=False).source
    assert "…" not in source and "grad" not in source and "(4, 6) float32" in source


@pytest.mark.parametrize(("data", "text"), [
    (np.float32([[1.5]]), "1.5"), (np.float32([1, 2, np.nan]), "1 … 2, 1 NaN"), (np.float32([np.nan, np.nan]), "2 NaN"),
    (np.float32([1, np.inf]), "1 … inf"), (np.float32([3, 3]), "all 3"), (np.zeros((0, 3), np.float32), "no elements"),
    (np.array([True, False, True]), "2 of 3 true"), (np.array([7, -2]), "-2 … 7"),
])  # fmt: skip
def test_ranges(data, text):
    assert Dot(viz.graph(tg.from_numpy(data))).labels["v0"].split("|")[2] == text


def test_a_leaf_alone_and_several_roots():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    assert Dot(viz.graph(x)).labels == {"v0": "output|(2,) float32|1 … 2|grad: not computed yet"}
    dot = Dot(viz.graph([x.exp(), x.sin()], {"x": x}))
    assert sorted(label.split("|")[0] for label in dot.labels.values()) == ["exp", "output 0", "output 1", "sin", "x"]


def test_settings_and_small_numbers_stand_in_the_operation():
    x = tg.rand(1, 2, 9, 9).requires_grad_()
    y = nn.functional.conv2d(x, tg.rand(4, 2, 3, 3), None, stride=2, padding=1)
    y = nn.functional.max_pool2d(y, (3, 2), 1) * 2.0
    dot = Dot(viz.graph(y[0, :, 1:3].softmax(dim=0)))
    assert dot.operations() == [
        "conv2d|stride = 2|padding = 1", "max_pool2d|kernel_size = (3, 2)", "multiply|(·, 2)",
        "getitem|index = (0, :, 1:3)", "softmax|axis = 0",
    ]  # fmt: skip


def test_an_array_used_twice_is_one_box_and_a_view_is_named():
    x, array = tg.tensor([1.0, 2.0], requires_grad=True), np.float32([3, 4])
    dot = Dot(viz.graph((x * array + array).sum()))
    box = dot.one("constant")
    assert "dashed" in dot.attributes[box] and sum(tail == box for tail, _ in dot.edges) == 2
    images = np.ones((5, 2, 3), np.float32)
    dot = Dot(viz.graph(nn.Sequential(nn.Flatten(), nn.Linear(6, 1))(images), {"images": images}))
    assert dot.label("images (view)").startswith("images (view)|(5, 6)")


def test_a_shared_parameter_is_drawn_once_in_the_frame_around_its_users():
    tied = module(lambda self, x: self.b(self.a(x)), called="Tied", a=nn.Linear(3, 3), b=nn.Linear(3, 3))
    tied.b.weight = tied.a.weight
    dot = Dot(viz.graph(tied(tg.rand(2, 3))))
    frames = {title: ids for title, _, ids in dot.frames()}
    weight = dot.one("a.weight")
    assert sum(tail == weight for tail, _ in dot.edges) == 2
    assert frames["Tied"] == [weight] and dot.one("b.bias") in frames["b Linear(3, 3)"]


def test_a_module_called_twice_gives_two_frames():
    y = module(lambda self, x: self.fc(self.fc(x)), called="Twice", fc=nn.Linear(3, 3))(tg.rand(2, 3))
    dot = Dot(viz.graph(y))
    assert [title for title, _, _ in dot.frames()] == ["Twice", "fc Linear(3, 3)", "fc Linear(3, 3)"]
    folded = Dot(viz.graph(y, depth=1))  # then both boxes count the parameters, and none is drawn
    assert [folded.labels[n] for n in folded.labels if n.startswith("f")] == [
        "fc Linear(3, 3)|1 operation folded|12 parameters"
    ] * 2
    assert folded.count("v") == 2


def test_frozen_parameters_keep_their_names():
    model = Mlp()
    model.fc1.weight.requires_grad_(False)
    dot = Dot(viz.graph(model(tg.rand(2, 6))))
    assert "grad" not in dot.label("fc1.weight") and "#d3e5fb" in dot.attributes[dot.one("fc1.weight")]


def test_two_models_are_told_apart():
    a, b = nn.Sequential(nn.Linear(2, 2)), Mlp()
    dot = Dot(viz.graph(a(tg.rand(5, 2)).sum() + b(tg.rand(1, 6)).sum()))
    assert dot.one("Sequential.0.weight") and dot.one("Mlp.fc1.weight")


def second_derivative():
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = (x**3).sum()
    (g,) = tg.autograd.grad(y, x, create_graph=True)
    return x, y, g


def test_a_gradient_is_drawn_as_it_was_computed():
    x, y, g = second_derivative()
    (g2,) = tg.autograd.grad(g.sum(), x, create_graph=True)
    for result in (g, g2):
        dot = Dot(viz.graph([y, result], {"x": x, "y": y, "g": result}))
        assert dot.one("x") and dot.one("y") and dot.one("g")
        assert all(tail in dot.labels and head in dot.labels for tail, head in dot.edges)
    assert "power_scalar|exponent = 2" in Dot(viz.graph(g)).labels.values()


def test_a_backward_pass_that_says_so_has_its_own_frame_and_colour():
    class Recorded:
        is_backward = True

        def name_of(self, module):
            return None

    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    state.scope = Scope(Recorded(), None)
    try:
        z = y.sin()
    finally:
        state.scope = None
    dot = Dot(viz.graph(z))
    assert [title for title, _, _ in dot.frames()] == ["backward pass"]
    assert "#475569" in dot.attributes[dot.one("exp")] and "#7c4d79" in dot.attributes[dot.one("sin")]


NASTY = [
    'a"b', "<b>&amp;</b>", "a|b{c}", "back\\slash\\n", "two\nlines", "nul\x00", "\ud800", "", "ünï…", "]; } digraph {",
]  # fmt: skip


def test_names_of_every_kind_give_valid_labels():
    xs = [tg.tensor([float(i), 1.0], requires_grad=True) for i in range(len(NASTY))]
    total = xs[0]
    for x in xs[1:]:
        total = total + x
    picture = viz.graph(total, dict(zip(NASTY, xs, strict=True)))
    picture.source.encode("utf-8")
    assert "&lt;b&gt;&amp;amp;&lt;/b&gt;" in picture.source and "two\\nlines" in picture.source
    assert "\x00" not in picture.source
    if shutil.which("dot"):
        assert len(re.findall('class="node"', picture.pipe("svg", encoding="utf-8"))) == 2 * len(NASTY)


def test_module_names_of_every_kind():
    class Odd(nn.Module):
        def __init__(self):
            self.parts = {'q"<|{\n': nn.Linear(2, 2)}

        def forward(self, x):
            return next(iter(self.parts.values()))(x)

        def extra_repr(self):
            return 'a <b> "c" & \\ d'

    picture = viz.graph(Odd()(tg.rand(1, 2)))
    assert "parts.q&quot;&lt;|{" in picture.source
    if shutil.which("dot"):
        assert "<svg" in picture.pipe("svg", encoding="utf-8")


# ---------------------------------------------------------------- depth, size


def test_depth_folds_modules():
    loss, names = step()
    dot = Dot(viz.graph(loss, names, depth=1))
    assert dot.label("fc1 Linear(6, 4)") == "fc1 Linear(6, 4)|1 operation folded|28 parameters"
    assert ".weight" not in dot.source and dot.one("relu") and dot.one("x")
    dot = Dot(viz.graph(loss, names, depth=0))
    assert dot.label("Mlp") == "Mlp|3 operations folded|43 parameters"
    assert dot.label("CrossEntropyLoss") == "CrossEntropyLoss|2 operations folded"
    assert not dot.frames()
    chain = ["x", "Mlp", "logits", "CrossEntropyLoss", "loss"]
    assert {(dot.one(a), dot.one(b)) for a, b in zip(chain, chain[1:], strict=False)} < set(dot.edges)


def test_a_dropout_mask_is_a_detail_of_its_module():
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    y = model(tg.rand(4, 3))
    constants = [label for label in Dot(viz.graph(y)).labels.values() if label.startswith("constant|(4, 3)")]
    assert len(constants) == 2, "x and the mask"
    assert Dot(viz.graph(y, depth=1)).source.count("<b>constant") == 1


def test_a_long_chain_is_folded_and_fast():
    x = tg.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(2500):
        y = y * 1.0001 + 0.5
    start = time.perf_counter()
    dot = Dot(viz.graph(y, {"x": x}, repeats=False))
    everything = viz.graph(y, max_nodes=5000, depth=None).source
    assert time.perf_counter() - start < 10
    assert "4,601 operations folded" in dot.source and dot.count("o") == 399 and dot.count("f") == 1
    fold = dot.one("4,601 operations folded")
    assert sorted(edge.index(fold) for edge in dot.edges if fold in edge) == [0, 1]
    assert "folded" not in everything and everything.count("->") == 5001
    once = Dot(viz.graph(y, {"x": x}))
    assert once.operations() == ["multiply|(·, 1)", "add|(·, 0.5)"]
    assert [title for title, _, _ in once.frames()] == ["repeated × 2500"]


def test_a_large_model_is_folded_by_levels_first():
    model = nn.Sequential(*(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)) for _ in range(6)))
    y = model(tg.rand(1, 2))
    dot = Dot(viz.graph(y, depth=1, repeats=False))
    assert [dot.labels[n].split("|")[:2] for n in dot.labels if n.startswith("f")] == [
        [f"{i} Sequential", "3 operations folded"] for i in range(6)
    ]
    dot = Dot(viz.graph(y, max_nodes=4, depth=1, repeats=False))
    assert dot.one("9 operations folded") and dot.count("f") == 4


@needs_dot
def test_dot_lays_out_a_folded_chain_in_seconds():
    y = x = tg.tensor(1.0, requires_grad=True)
    for _ in range(5000):
        y = y.sin()
    start = time.perf_counter()
    assert "4,601 operations folded" in viz.graph(y, {"x": x}, repeats=False).pipe("svg", encoding="utf-8")
    assert time.perf_counter() - start < 10


def test_wrong_arguments_are_explained():
    with pytest.raises(DTypeError, match="expected a tensor") as error:
        viz.graph(Mlp())
    assert "summary(model" in str(error.value)
    x = tg.tensor([1.0])
    for of, options, kind, said in (
        ([], {}, DTypeError, "expected a tensor"), (x, {"names": {"x": 3}}, DTypeError, "names must give"),
        (x, {"names": ["x"]}, DTypeError, "names must give"),
        (x, {"direction": "up"}, ArgumentError, "direction"), (x, {"depth": -1}, ArgumentError, "depth counts"),
        (x, {"depth": "all"}, ArgumentError, "depth counts"), (x, {"gradients": True}, GradientError, "requires"),
    ):  # fmt: skip
        with pytest.raises(kind, match=said):
            viz.graph(of, **options)


def test_drawing_changes_nothing():
    model = Mlp()
    loss, names = step(model)
    before = viz.graph(loss, names).source
    assert viz.graph(loss, names).source == before
    loss.backward()
    assert model.fc1.weight.grad is not None


# ---------------------------------------------------------------- notebooks and files, with dot and without


@needs_dot
def test_render_leaves_the_old_file_where_writing_fails(tmp_path, monkeypatch):
    picture = viz.graph((tg.ones(2, requires_grad=True) * 2).sum())
    path = tmp_path / "a.svg"
    path.write_text("old")
    for how in ({"filename": path}, {"outfile": path, "cleanup": True}):
        monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OutputError):
            picture.render(**how)
        assert path.read_text() == "old" and not list(tmp_path.glob("*.part"))
        monkeypatch.undo()
    assert picture.render(tmp_path / "b", format="svg") == str(tmp_path / "b.svg")
    assert "<svg" in (tmp_path / "b.svg").read_text()
    picture.render(path)
    assert "<svg" in path.read_text()


@needs_dot
def test_shows_in_a_notebook_and_renders(tmp_path):
    loss, names = step()
    picture = viz.graph(loss, names, direction="LR")
    bundle = picture._repr_mimebundle_()
    assert bundle["image/svg+xml"].lstrip().startswith("<?xml") and "fc1.weight" in bundle["image/svg+xml"]
    assert picture._repr_svg_() == bundle["image/svg+xml"] and repr(picture) == bundle["text/plain"]
    path = tmp_path / "graph.png"
    picture.render(outfile=path, cleanup=True)
    assert path.read_bytes().startswith(b"\x89PNG") and list(tmp_path.iterdir()) == [path]
    assert "rankdir=LR" in picture.source


def test_without_dot_pygraphviz_lays_out(monkeypatch, tmp_path, capfd):
    pytest.importorskip("pygraphviz")
    monkeypatch.setenv("PATH", str(tmp_path))
    loss, names = step()
    picture = viz.graph(loss, names)
    for suffix, start in ((".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF")):
        assert Path(picture.save(tmp_path / f"a{suffix}")).read_bytes().startswith(start)
    assert picture.render(tmp_path / "b", format="svg", cleanup=True) == str(tmp_path / "b.svg")
    assert "fc1.weight" in (tmp_path / "b.svg").read_text() and not (tmp_path / "b").exists()
    assert picture._repr_svg_().count("<g ") > 20
    assert capfd.readouterr() == ("", ""), "fontconfig's noise"


def test_without_dot_the_text_is_shown_with_one_clear_line(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    loss, names = step()
    picture = viz.graph(loss, names)
    bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"} and picture._repr_svg_() is None
    first, blank, *rest = bundle["text/plain"].splitlines()
    assert "pip install pygraphviz" in first
    assert "apt install graphviz" in first and "brew" in first and "choco" in first and "conda" in first
    assert blank == "" and rest[0] == "digraph {" and rest[-1] == "}"
    assert "&lt;b&gt;" in bundle["text/html"]
    for draw in (lambda: picture.render(tmp_path / "x"), lambda: picture.pipe("svg"), picture._repr_image_svg_xml):
        with pytest.raises(MissingDependencyError, match="`dot`") as error:
            draw()
        assert "apt install graphviz" in str(error.value)
    saved = Path(picture.save(tmp_path / "graph.dot"))
    assert saved.read_text(encoding="utf-8") == picture.source


@needs_dot
def test_the_example_draws_its_pictures(tmp_path):
    run = [sys.executable, str(ROOT / "examples" / "draw_graph.py"), "--out", str(tmp_path)]
    result = subprocess.run(run, capture_output=True, text=True, check=True)
    drawn = "mlp cnn second_derivative gpt loop mistake".split()
    assert {p.name for p in tmp_path.iterdir()} == {f"graph_{name}.svg" for name in drawn}
    pages = [ROOT / "docs" / f"graph_{name}.svg" for name in ("mlp", "cnn")]
    assert pages == sorted((ROOT / "docs").glob("graph_*.svg"), reverse=True)
    for page in pages:  # what docs/ shows is what is drawn now, but for the numbers
        files = (tmp_path / page.name).read_text("utf-8"), page.read_text("utf-8")
        drawn, shown = (sorted(re.findall(r">([^<>…]*[a-z][^<>…]*)</text>", text)) for text in files)
        assert drawn == shown and drawn, f"examples/draw_graph.py draws another {page.name}: copy it to docs/"
    assert result.stdout.count("wrote ") == 6
    assert all(p.stat().st_size < 60_000 for p in tmp_path.iterdir())


def test_the_example_without_dot_writes_text(tmp_path):
    pytest.importorskip("graphviz")
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "pygraphviz.py").write_text("raise ImportError")
    out = tmp_path / "out"
    run = [sys.executable, str(ROOT / "examples" / "draw_graph.py"), "--out", str(out), "--only", "mlp"]
    path = os.pathsep.join([str(hidden), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PATH": str(tmp_path), "PYTHONPATH": path}
    result = subprocess.run(run, capture_output=True, text=True, check=True, env=environment)
    assert [p.name for p in out.iterdir()] == ["graph_mlp.dot"]
    assert "apt install graphviz" in result.stdout and result.stderr == ""


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs graphviz's dot")
def test_the_suffix_decides_what_is_saved(tmp_path):
    picture = tg.viz.graph((tg.ones(2, requires_grad=True) * 2).sum())
    assert picture.save(tmp_path / "g.svg") == str(tmp_path / "g.svg")
    assert "<svg" in (tmp_path / "g.svg").read_text()
    picture.save(tmp_path / "g.png")
    assert (tmp_path / "g.png").read_bytes().startswith(b"\x89PNG")
    picture.save(tmp_path / "g.gv")
    assert (tmp_path / "g.gv").read_text() == picture.source
    picture.render(tmp_path / "r.svg")
    with pytest.raises(tg.errors.ArgumentError, match="file name tells its form") as error:
        picture.save(tmp_path / "g.gif")  # no DOT text by the name of an image
    assert ".svg, .png, .pdf, .html, .dot, .gv" in error.value.expected
    assert sorted(p.name for p in tmp_path.iterdir()) == ["g.gv", "g.png", "g.svg", "r.svg"]


def test_gradients_are_drawn_when_asked_and_nothing_is_changed():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    kept = x * 3
    kept.retain_grad()
    loss = (kept * kept).sum()
    x.grad = tg.tensor([7.0, 7.0])
    dot = Dot(viz.graph(loss, {"x": x, "kept": kept}, gradients=True))
    assert dot.label("x").endswith("|grad: 18 … 36") and dot.label("kept").endswith("|grad: 6 … 12")
    assert [label for _, _, label in dot.passing] == ["(2,)|grad: all 1"]
    assert kept.grad is None and x.grad.tolist() == [7.0, 7.0]
    loss.backward()
    assert x.grad.tolist() == [25.0, 43.0]
    with pytest.raises(tg.errors.GraphFreedError, match=r"graph\(gradients=True\)"):
        viz.graph(loss, gradients=True)
    with pytest.raises(ArgumentError, match="one tensor"):
        viz.graph([loss, kept], gradients=True)


def test_gradients_of_several_outputs_of_a_function():
    class Two(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x + 1

        @staticmethod
        def backward(ctx, g, h):
            return g * 2 + h

    x = tg.tensor([1.0, 2.0], requires_grad=True)
    a, b = Two.apply(x)
    assert Dot(viz.graph((a + b * 5).sum(), {"x": x}, gradients=True)).label("x").endswith("|grad: all 7")


def test_what_cannot_be_drawn_says_so(tmp_path):
    x = tg.tensor([1e308, -1e308], dtype=tg.float64, requires_grad=True)
    with pytest.raises(tg.errors.DTypeError, match="names must give"):
        viz.graph(x, [1])
    with pytest.raises(tg.errors.CaptureError, match="viz.graph"):
        tg.compile(lambda x: viz.graph(x * 2))(tg.rand(2))
    viz.graph(x * 1).render(tmp_path / "large.html")  # squares of its values are too large, which warns of nothing
    assert "</html>" in (tmp_path / "large.html").read_text()
