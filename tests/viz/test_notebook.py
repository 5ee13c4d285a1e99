"""What notebooks show: facts and pictures against the arrays, names escaped, nothing consumed, and IPython itself."""

import base64
import copy
import pickle
import random
import re
import struct
import sys
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest
from training_data import samples, trained

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core import backend
from tinygrad_mnist.core.errors import CaptureError, MissingDependencyError
from tinygrad_mnist.data import DataLoader, Dataset, IterableDataset, TensorDataset
from tinygrad_mnist.training import History, KeepBest, fit
from tinygrad_mnist.viz.notebooks.heat import AROUND_ZERO, FROM_ZERO, LARGEST_CELL, heat_map

EVIL = "<script>alert('x')</script>"


class Cells(HTMLParser):
    """The texts of the cells of tables, row by row, and all tags."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.tags, self.open = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.open = True

    def handle_endtag(self, tag):
        self.open = self.open and tag not in ("td", "th")

    def handle_data(self, text):
        if self.open:
            self.rows[-1][-1] += text


@pytest.fixture
def plain(monkeypatch):
    """Notebooks without treescope."""
    monkeypatch.setitem(sys.modules, "treescope", None)


def pixels(address):
    """Read a PNG without filters, as its specification says."""
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (size,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        chunks[kind] = data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size]) == (zlib.crc32(kind + chunks[kind]),)
        at += size + 12
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    assert list(chunks) == [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"] and chunks[b"IHDR"][8:] == b"\x08\3\0\0\0"
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width)
    colours = np.full((256, 4), 255, np.uint8)
    colours[:, :3] = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(256, 3)
    colours[: len(chunks[b"tRNS"]), 3] = list(chunks[b"tRNS"])
    assert not rows[:, 0].any()
    return colours[rows[:, 1:]]


def picture_in(text):
    return pixels(re.search(r'src="(data:[^"]*)"', text).group(1))


def test_a_tensor_is_facts_a_heat_map_and_numbers(plain):
    x = tg.tensor([[1.0, -2.0, 0.0], [float("nan"), 2.0, float("-inf")]], requires_grad=True)
    text = x._repr_html_()
    for fact in ("(2, 3) float32", "24 B", "-2 to 2, mean 0.25", "1 NaN", "1 infinite", "requires_grad"):
        assert fact in text
    cells = picture_in(text)[:: LARGEST_CELL, :: LARGEST_CELL]
    middle = picture_in(text)[LARGEST_CELL // 2 :: LARGEST_CELL, 1 :: LARGEST_CELL]
    blue, white, orange = AROUND_ZERO[0], AROUND_ZERO[2], AROUND_ZERO[4]
    assert cells.shape == (2, 3, 4) and (cells[..., 3] == 255).all()
    assert [tuple(cells[0, i, :3]) for i in range(1, 3)] == [blue, white] and tuple(cells[1, 1, :3]) == orange
    assert tuple(cells[1, 0, :3]) == (255, 255, 255) and tuple(middle[1, 0, :3]) == (0, 0, 0)  # a cross on black
    assert "<details open>" in text and "nan" in text and not {"script", "style"} & {*Cells(text).tags}
    big = tg.zeros(50, 50)._repr_html_()
    assert "<details>" in big and "0 to 0, mean 0" in big
    y = (x.detach() * 2).requires_grad_()
    assert "grad_fn" in (y * y)._repr_html_() and "multiply" in (y * y)._repr_html_()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (5000,), (2, 3), (3, 2000), (40, 1, 28, 28), (16, 8, 3, 3),
                                   (2, 3, 2, 4, 5), (1, 1, 1, 1), (500, 9, 2), (9, 9, 60, 600)])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float16", "float64", "int64", "uint8", "bool"])
def test_every_tensor_has_html(plain, shape, dtype):
    x = tg.from_numpy((np.arange(np.prod(shape, dtype=int)) % 99).reshape(shape).astype(dtype))
    text = x._repr_html_()
    assert f"{shape} {dtype}" in text and len(text) < 3_000_000
    if x.numel() > 1:
        picture = picture_in(text)
        assert picture.shape[0] <= 1100 and picture.shape[1] <= 1100
    else:
        assert "<img" not in text


def test_tiles_are_the_matrices():
    x = np.arange(24, dtype=np.float64).reshape(4, 2, 3)
    address, left_out = heat_map(x)
    picture = pixels(address)
    assert left_out == "" and picture.shape == (2 * 2 * 12 + 6, 2 * 3 * 12 + 6, 4)  # 2 x 2 tiles with a gap
    assert tuple(picture[0, 0, :3]) == FROM_ZERO[0] and tuple(picture[-1, -1, :3]) == FROM_ZERO[-1]
    assert not picture[24:30].any() and not picture[:, 36:42].any()
    half = np.zeros((1, 5))
    half[0] = [0, 1, 2, 3, 4]
    assert [tuple(c[:3]) for c in pixels(heat_map(half)[0])[0, ::12]] == list(FROM_ZERO)
    assert heat_map(np.ones((100, 2, 2)))[1] == "the first 64 of 100 matrices"
    assert heat_map(np.ones((3, 1100)))[1] == "every 3rd column"
    assert heat_map(np.ones((9, 12, 2, 2)))[1] == "[:8, :8] of the first two dimensions"


def test_treescope_draws_where_it_is_installed():
    treescope = pytest.importorskip("treescope")
    x = tg.tensor([[1.0, 2.0]])
    text = x._repr_html_()
    assert "treescope" in text and "(1, 2) float32" in text and "data:image/png" not in text
    with treescope.active_autovisualizer.set_scoped(treescope.ArrayAutovisualizer()):
        tree = treescope.render_to_html({"w": nn.Linear(3, 2).weight, "x": x}, compressed=False)
    assert "Tensor float32(1, 2) 1 to 2, mean 1.5" in tree and "Parameter float32(2, 3)" in tree
    assert tree.count("arrayviz") >= 2


def test_broken_treescope_is_no_reason_to_show_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "treescope", object())
    assert "<img" in tg.ones(2, 2)._repr_html_()


def test_names_are_escaped(plain):
    model = type(EVIL, (nn.Module,), {"forward": lambda self, x: self.fc(x).tanh()})()
    model.fc = nn.Linear(5, 3)
    x, y = samples()
    step = tg.compile(trained(model, tg.optim.SGD(model.parameters(), lr=0.1)))
    step.name = EVIL
    step(x, y)
    history = History([{EVIL: 1.0}])
    history.ended = EVIL
    things = {
        "tensor": model(tg.tensor(x[:2])), "program": step.program(), "history": history, "compiled": step,
        "summary": tg.summary(model, (2, 5)), "model": tg.compile(model), "loader": DataLoader([{EVIL: x}]),
    }  # fmt: skip
    for name, thing in things.items():
        text = thing._repr_html_()
        assert "script" not in Cells(text).tags, name
        assert "&lt;script&gt;alert" in text, name


def test_a_program_is_its_table():
    model = nn.Linear(5, 3)
    x, y = samples()
    step = tg.compile(trained(model, tg.optim.SGD(model.parameters(), lr=0.1)))
    assert "not captured yet" in step._repr_html_() and "0 plans" in repr(step)
    step(x, y)
    program = step.program()
    head, *rows = Cells(program._repr_html_()).rows
    assert len(rows) == len(program.instructions) and head[1] == "op"
    for i, (row, s, text) in enumerate(zip(rows, program.instructions, program.rows()[1:], strict=True)):
        assert row[0] == str(i) and row[1].split() == [{True: "◆"}.get(s.backward, "●" if s.name == "update" else "■"),
                                                        s.name]  # fmt: skip
        assert row[7] == f"{s.microseconds:.1f}" and row[:9:2] == list(text[:9:2])
    assert all(line in program._repr_html_() for line in program.totals() if "<" not in line)
    assert len(str(program).splitlines()) == len(rows) + 2 + 1 + len(program.totals())


def test_a_compiled_step_tells_its_plans():
    model = nn.Linear(5, 3)
    x, y = samples()
    step = tg.compile(trained(model, tg.optim.SGD(model.parameters(), lr=0.1)))
    for n in (20, 20, 30):
        step(x[:n], y[:n])
    text = step._repr_html_()
    _, first, second = Cells(text).rows
    assert first[0] == "x (20, 5) float32, y (20,) int64" and second[0] == "x (30, 5) float32, y (30,) int64"
    assert [first[3], second[3]] == ["yes", "at the next call"] and int(second[1]) == len(step.program().instructions)
    assert "2 plans" in text and "backend numpy" in text and "training_data.py" in text and "2 plans" in repr(step)
    compiled = tg.compile(nn.Sequential(nn.Linear(5, 3), nn.ReLU()))
    compiled(x).sum().backward()
    text = compiled._repr_html_()
    assert "with gradients" in text and "(60, 5) float32" in text and "Linear(in_features=5" in text


def test_a_history_is_a_table_and_a_frame(monkeypatch):
    history = fit(nn.Linear(5, 3), samples(), valid=samples(), epochs=3, callbacks=[KeepBest()], progress=False)
    head, *rows = Cells(history._repr_html_()).rows
    assert head == list(history[0]) and [row[0] for row in rows] == ["1", "2", "3"]
    assert [float(row[1]) for row in rows] == pytest.approx(history["train_loss"], rel=1e-3)
    assert "all epochs done" in history._repr_html_() and "weights of epoch" in history._repr_html_()
    assert "0 epochs" in History()._repr_html_()
    pandas = pytest.importorskip("pandas")
    frame = history.to_pandas()
    assert isinstance(frame, pandas.DataFrame) and list(frame) == head and len(frame) == 3
    assert frame["valid_loss"].tolist() == history["valid_loss"] and len(History().to_pandas()) == 0
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependencyError, match="pip install pandas"):
        history.to_pandas()


def test_a_summary_has_bars():
    found = tg.summary(nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2)), (7, 5))
    head, *rows = Cells(found._repr_html_()).rows
    assert [row[0] for row in rows] == [row.name for row in found.rows]
    assert [row[2] for row in rows] == ["-", "24", "-", "10"] and [row[4] for row in rows] == ["-", "140", "-", "56"]
    widths = [float(w) for w in re.findall(r";width:([\d.]+)%", found._repr_html_())]
    assert widths == pytest.approx([100, 100, 1000 / 24, 5600 / 140], abs=0.05)
    failed = tg.summary(nn.Sequential(nn.Linear(5, 4), nn.Linear(3, 2)), (7, 5))._repr_html_()
    assert "FAILED" in failed and "ShapeError" in failed


# ---------------------------------------------------------------- loaders


class Drawing(Dataset):
    """Draws whatever can be drawn, and counts how often it was asked."""

    asked = 0

    def __len__(self):
        return 10

    def __getitem__(self, index):
        self.asked += 1
        return tg.rand(3, 4), random.random() + np.random.random(), {"label": index}  # noqa: NPY002


class Stream(IterableDataset):
    def __iter__(self):
        raise AssertionError("consumed")


def draws():
    return backend.default_generator.get_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002


def test_a_loader_tells_what_it_gives_and_draws_nothing():
    x, y = samples(70)
    loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
    before = draws()
    rows = dict(Cells(loader._repr_html_()).rows)
    assert rows == {
        "dataset": "TensorDataset, 70 samples", "batches": "3: batches of 32, the last of 6", "order": "shuffled",
        "a batch[0]": "float32 (32, 5)", "a batch[1]": "int64 (32,)",
    }  # fmt: skip
    drawing = Drawing()
    rows = dict(Cells(DataLoader(drawing, batch_size=4, drop_last=True)._repr_html_()).rows)
    assert rows["a sample[0]"] == "float32 (3, 4)" and rows["a sample[1]"] == "float"
    assert rows["a sample[2]['label']"] == "int" and rows["batches"] == "2: batches of 4, 2 left out"
    assert drawing.asked == 1 and draws() == before
    first = next(iter(loader))
    assert first[0].shape == (32, 5)
    assert repr(loader) == "DataLoader(TensorDataset, batch_size=32, shuffle=True)"


def test_loaders_that_cannot_be_looked_at():
    class Broken(Dataset):
        def __len__(self):
            return 3

        def __repr__(self):
            raise ValueError

    def collate(batch):
        raise AssertionError("called")

    stream = dict(Cells(DataLoader(Stream(), batch_size=8)._repr_html_()).rows)
    assert stream == {"dataset": "Stream", "batches": "unknown number: batches of 8", "order": "in its own order"}
    assert "Broken, 3 samples" in DataLoader(Broken())._repr_html_() and "Broken" in repr(DataLoader(Broken()))
    listed = dict(Cells(DataLoader([1, 2, 3], batch_sampler=[[0, 1], [2]])._repr_html_()).rows)
    assert listed["batches"].startswith("2: ") and listed["a sample"] == "int"
    assert "3: single samples" in DataLoader([1, 2, 3], batch_size=None)._repr_html_()
    assert "a sample" in DataLoader([1, 2, 3], collate_fn=collate)._repr_html_()
    assert "no sample" not in DataLoader([])._repr_html_()


# ---------------------------------------------------------------- what IPython and others make of it


def test_copies_and_pickles_are_as_before(plain):
    x = tg.ones(2, 2, requires_grad=True)
    text = x._repr_html_()
    for twin in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert twin._repr_html_() == text and twin.requires_grad
    loader = DataLoader(TensorDataset(*samples()), batch_size=7)
    assert pickle.loads(pickle.dumps(loader))._repr_html_() == loader._repr_html_()
    history = History([{"epoch": 1, "train_loss": 0.5}])
    assert copy.deepcopy(history)._repr_html_() == history._repr_html_()


def test_nothing_is_shown_while_a_step_is_captured():
    @tg.compile
    def step(x):
        x._repr_html_()
        return x * 2

    with pytest.raises(CaptureError, match="printing"):
        step(tg.ones(3))


def test_ipython_shows_html_and_text(plain):
    formatters = pytest.importorskip("IPython.core.formatters", reason="needs IPython")
    for thing in (tg.ones(2, 2), History([{"epoch": 1}]), DataLoader([1, 2]), tg.summary(nn.Linear(2, 2), (1, 2)),
                  nn.Linear(2, 2).weight, tg.compile(abs)):  # fmt: skip
        shown, _ = formatters.DisplayFormatter().format(thing)
        assert shown["text/html"].startswith("<div") and shown["text/plain"] == repr(thing)
    assert "text/html" not in formatters.DisplayFormatter().format(tg.Tensor)[0]


def test_a_browser_draws_it(browser, plain, tmp_path):
    model = type(EVIL, (nn.Module,), {"forward": lambda self, x: self.fc(x).tanh()})()
    model.fc = nn.Linear(5, 3)
    parts = [model(tg.tensor(samples()[0][:4])), tg.summary(model, (2, 5)), DataLoader(TensorDataset(*samples()))]
    page = tmp_path / "shown.html"
    page.write_text(f"<!DOCTYPE html><meta charset=utf-8>{''.join(x._repr_html_() for x in parts)}", "utf-8")
    browser.open(page)
    assert browser.problems() == [] and browser.all("script") == []
    assert browser.run("document.images[0].naturalWidth") == 3 * LARGEST_CELL
    assert EVIL in browser.one("pre:not([style*='margin:0'])").text + browser.run("document.body.innerText")
