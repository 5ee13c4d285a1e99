"""The player in a real browser: every step walked, numbers against the engine's, keys, sizes, dark, no overflow."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from browser import PHONE
from lessons import attention, convolutional, expression, leaf, mlp, several

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import MissingDependencyError
from tinygrad_mnist.viz.backprop import backward as player_pass
from tinygrad_mnist.viz.backprop import strip as player_strip

NASTY = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"


@pytest.fixture
def keys():
    return pytest.importorskip("selenium.webdriver").Keys


def written(folder, make, **options):
    loss, names = make()
    return loss, names, tg.viz.player(loss, folder / "a.html", names=names, **options)


def numbers(browser, selector):
    return [float(x.get_attribute("data-value")) for x in browser.all(f"#player {selector} [data-value]")]


def step(browser):
    return int(browser.one("#player").get_attribute("data-step"))


def walk(browser):
    """Step through the page by the right arrow, and yield the kind of every step."""
    kinds = browser.run("data().steps.map((s) => s.kind)")
    for at, kind in enumerate(kinds):
        assert step(browser) == at and browser.one("#where").text == f"step {at} of {len(kinds) - 1}"
        yield kind
        browser.press("\ue014")
    assert step(browser) == len(kinds) - 1, "there is nothing behind the last step"


@pytest.mark.parametrize("dark", [False, True])
def test_single_numbers_are_the_engines_at_every_step(browser, tmp_path, dark):
    loss, names, path = written(tmp_path, expression)
    browser.open(path, dark=dark)
    loss.backward()
    sums, kinds = {}, []
    for kind in walk(browser):
        kinds.append(kind)
        if kind == "forward":
            *_, line = [p.text for p in browser.all(".formula")]
            out, right = line.split(" = ")
            right = right.replace("^", "**").replace("·", "*").replace("−", "-").replace("tanh", "np.tanh")
            assert float(out) == pytest.approx(eval(right, {"np": np}), rel=2e-3), "four digits each"
        if kind == "backward":
            g = numbers(browser, "figure")[0]
            assert browser.all("#player figure figcaption")[0].text.startswith("g = ∂loss/∂")
            for share in browser.all(".share"):
                of = share.find_element("css selector", "h3").text.removeprefix("To ")
                rows = share.find_elements("css selector", ".equation")
                assert [row.get_attribute("class").split()[-1] for row in rows] == ["slope", "adds", "sum"]
                found = [float(r.find_element("css selector", "b").get_attribute("data-value")) for r in rows]
                slope, adds, total = map(np.float32, found)
                assert np.float32(g) * slope == pytest.approx(adds, rel=1e-6)
                before = sums.get(of)
                assert total == (adds if before is None else before + adds)
                shown = f"({adds:.4g})" if adds < 0 else f"{adds:.4g}"
                assert rows[2].text == f"∂loss/∂{of}: {before or 0:.4g} + {shown} = {total:.4g}"
                sums[of] = total
    assert kinds == ["start", *["forward"] * 9, "seed", *["backward"] * 9, "end"]
    for name in ("x", "w", "b"):
        assert sums[name] == names[name].grad.item()
    found = {s.find_elements("css selector", "figcaption")[0].text.split("\n")[0]: s for s in browser.all(".share")}
    assert {*found} == {"x", "w", "b"}
    for name, share in found.items():
        value, gradient = [float(x.get_attribute("data-value")) for x in share.find_elements("css selector", ".scalar")]
        assert (value, gradient) == (names[name].item(), names[name].grad.item())
    texts = [t.text for t in browser.all("#strip #v0 :is(text, span)")]
    assert texts == ["w", "-3", f"∇ {names['w'].grad.item():.4g}"]
    background = browser.run("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 24, 31)" if dark else "rgb(255, 255, 255)")
    assert browser.problems() == []


def test_a_network_on_images(browser, tmp_path):
    loss, names, path = written(tmp_path, mlp)
    assert path.stat().st_size < 1e6
    browser.open(path)
    weights = [p for node in player_pass.reachable([loss.node]) for p in node.parents if isinstance(p, tg.Tensor)]
    names["logits"].retain_grad()
    loss.backward()
    for kind in walk(browser):
        if kind == "start":
            assert len(browser.all("figure:first-child canvas")) == 4, "four images"
    first = browser.run("floats(data().arrays[data().values[0].array].x).values.length")
    assert first == 4 * 784
    by_name = {(("1." if p.shape[0] == 128 else "3.") + ("weight" if p.ndim == 2 else "bias")): p for p in weights}
    ends = browser.run("data().steps.at(-1).gradients")
    values, arrays = browser.run("data().values"), browser.run("data().arrays")
    assert {values[e["value"]]["name"] for e in ends} == {*by_name}
    for end in ends:
        p = by_name[values[end["value"]]["name"]]
        for number, whole in ((values[end["value"]]["array"], p.array), (end["gradient"], p.grad.array)):
            a = arrays[number]
            part = whole.reshape(a["whole"])[: a["count"], : a["rows"], : a["columns"]]
            kept = browser.run("[...floats(data().arrays[arguments[0]].x).values]", number)
            assert kept == part.ravel().tolist() and (a["low"], a["high"]) == (whole.min(), whole.max())
    assert "first 15 of 128 maps" in browser.one("#player").text
    go(browser, browser.run("data().steps.findIndex((s) => s.kind === 'forward' && s.operation === 2)") + 1)
    assert "softmax-cross-entropy" in browser.one("#player").text
    assert numbers(browser, ".digits")[:40] == names["logits"].array.ravel().tolist()
    go(browser, browser.run("data().steps.findIndex((s) => s.kind === 'backward' && s.operation === 2)"))
    assert numbers(browser, "figure .digits")[:40] == names["logits"].grad.array.ravel().tolist()
    assert "gw = gᵀ @ x" in browser.one("#player").text
    assert browser.problems() == []


def go(browser, at):
    browser.run("(document.getElementById('place').value = arguments[0], "
                "document.getElementById('place').dispatchEvent(new Event('input')))", at)  # fmt: skip
    assert step(browser) == at


def test_pointing_at_a_heat_map_tells_the_number(browser, tmp_path):
    x = tg.randn(5, 30, requires_grad=True)
    path = tg.viz.player((x * 2).sum(), tmp_path / "a.html", names={"x": x})
    browser.open(path)
    point = """
      const canvas = document.querySelector('#player canvas');
      const [column, row] = [17, 3].map((n, i) => (n + .5) * [canvas.clientWidth / 30, canvas.clientHeight / 5][i]);
      const box = canvas.getBoundingClientRect();
      canvas.dispatchEvent(new PointerEvent('pointermove', {clientX: box.left + canvas.clientLeft + column,
                                                            clientY: box.top + canvas.clientTop + row}));"""
    browser.driver.execute_script(point)
    assert f"[3, 17] = {x.array[3, 17]:.4g}" in browser.one("#player figure").text
    label = browser.one("#player canvas").get_attribute("aria-label")
    assert label == "x: heat map, 5 rows, 30 columns"
    assert browser.problems() == []


@pytest.mark.parametrize("make", [convolutional, attention, several, mlp])
def test_every_step_of_any_operations_fits_a_phone(browser, tmp_path, make):
    browser.open(written(tmp_path, make)[2], size=PHONE)
    for _ in walk(browser):
        assert browser.fits()
        assert not re.search(r"undefined|\[object|NaN", browser.one("#player").text)
    assert browser.problems() == []


def test_keys_buttons_and_play(browser, tmp_path, keys):
    browser.open(written(tmp_path, expression)[2])
    browser.driver.execute_script("document.body.focus()")
    for key, at in ((keys.END, 20), (keys.LEFT, 19), (keys.HOME, 0), (keys.LEFT, 0), (keys.RIGHT, 1)):
        browser.press(key)
        assert step(browser) == at
    for button, at in (("last", 20), ("back", 19), ("first", 0), ("next", 1)):
        browser.one(f"#{button}").click()
        assert step(browser) == at
    browser.one("#place").send_keys(keys.RIGHT)
    assert step(browser) == 2
    assert browser.one("#place").get_attribute("aria-valuetext") == "step 2 of 20: forward 2 of 9 ▶add"
    browser.driver.execute_script("document.getElementById('speed').value = '0.5'; document.activeElement.blur()")
    browser.press(keys.SPACE)
    assert browser.one("#play").get_attribute("aria-label") == "pause (space)"
    waited = browser.driver.execute_async_script(
        "const done = arguments[0]; const t = setInterval(() => {"
        "  if (Number(document.getElementById('player').dataset.step) >= 4) { clearInterval(t); done(true); } }, 50)"
    )
    assert waited
    browser.press(keys.SPACE)
    assert browser.one("#play").get_attribute("aria-label") == "play (space)" and step(browser) >= 4
    browser.press(keys.END)
    browser.one("#play").click()  # from the end: once more from the start
    assert step(browser) == 0 and browser.one("#play").text.endswith("Pause")
    browser.one("#play").click()
    browser.one("#strip #o3").click()
    assert step(browser) == 4 and "current" in browser.one("#strip #o3").get_attribute("class")
    if browser.all("#strip svg"):
        edges = [e.get_attribute("id") for e in browser.all("#strip .edge.current")]
        assert edges == ["o1-o3-1", "o2-o3-0"], "tanh(s) times s"
    assert browser.problems() == []


def test_motion_is_reduced_where_that_is_asked_for(browser, tmp_path):
    path = written(tmp_path, expression)[2]
    watch = """(Element.prototype.scrollTo = (how) => { window.how = how.behavior },
                document.getElementById('next').click(), window.how)"""
    assert browser.open(path).run(watch) == "smooth"
    reduce = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", reduce)
    browser.driver.get(path.as_uri())
    assert browser.run(watch) == "auto"
    assert browser.run("getComputedStyle(document.querySelector('#strip :is(.node, .box)')).transitionDuration") == "0s"


def nasty():
    kind = type(NASTY, (nn.Module,), {"forward": lambda self, x: x.exp(), "__init__": lambda self: None})
    x = leaf(1.0, 2.0)
    return kind()(x).sum(), {"<script>": x, "half \ud800": x}


@pytest.mark.parametrize("layout", [True, False])
def test_names_are_text(browser, tmp_path, layout, monkeypatch):
    if not layout:
        monkeypatch.setattr(player_strip, "drawn", absent)
    browser.open(written(tmp_path, nasty, title=NASTY)[2])
    assert browser.one("h1").text == NASTY and browser.run("document.title") == NASTY
    seen = ["".join(browser.one("#player").text) for _ in walk(browser)]
    assert "∂loss/∂<script>" in seen[-1] and any(f"in {NASTY}" in text for text in seen)
    assert browser.problems() == []


def absent(boxes):
    raise MissingDependencyError("no layout engine")


def test_without_a_layout_engine_the_boxes_stand_in_a_row(browser, tmp_path, monkeypatch):
    monkeypatch.setattr(player_strip, "drawn", absent)
    loss, names, path = written(tmp_path, expression)
    browser.open(path, size=PHONE)
    for _ in walk(browser):
        assert browser.fits()
    loss.backward()
    assert not browser.all("#strip svg") and len(browser.all("#strip .operation")) == 9
    assert browser.one("#strip #v0").text.split("\n") == ["w", "-3", f"∇ {names['w'].grad.item():.4g}"]
    browser.one("#strip #o3").click()
    assert "current" in browser.one("#strip #o3").get_attribute("class") and browser.problems() == []


def test_a_long_graph_is_cut_to_a_page_of_a_megabyte(browser, tmp_path):
    x = tg.randn(64, 64, requires_grad=True)
    y = x
    for _ in range(300):
        y = tg.tanh(y)
    path = tg.viz.player(y.sum(), tmp_path / "a.html")
    assert path.stat().st_size < 1.1e6
    browser.open(path)
    assert "first" in browser.one("#player").text and len(browser.all("#strip .operation")) == 301
    browser.one("#last").click()
    assert step(browser) == 604 and browser.problems() == []


def test_the_example_writes_both_lessons(browser, tmp_path):
    pytest.importorskip("sklearn")
    program = Path(__file__).parents[2] / "examples" / "backprop_player.py"
    command = [sys.executable, program, "--data", "digits", "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "THIS IS NOT MNIST" in done.stdout and done.stdout.count("wrote ") == 2
    for name, steps in (("scalars", 24), ("mlp", 12)):
        path = tmp_path / f"backprop_{name}.html"
        assert path.stat().st_size < 1e6
        browser.open(path)
        assert [*walk(browser)][-1] == "end" and step(browser) == steps and browser.problems() == []
