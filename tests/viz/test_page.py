"""Pages: escaped, self-contained, and their numbers read back as they were."""

import html
import json
import math
import pickle
import re
import time
from pathlib import Path

import numpy as np
import pytest
from browser import PHONE

import tinygrad_mnist as tg
from tinygrad_mnist.viz import page

NASTY = "</script><script>document.title='owned'</script><!-- & \u2028 \"'"


def test_data_cannot_end_its_block():
    text = page.as_json({NASTY: [NASTY]})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {NASTY: [NASTY]}


def test_what_is_not_finite_is_a_word_that_javascript_reads():
    text = page.as_json(tg.tensor([1.5, math.nan, math.inf, -math.inf]))
    assert json.loads(text) == [1.5, "NaN", "Infinity", "-Infinity"]


def test_a_page_is_whole_or_not_there(tmp_path):
    with pytest.raises(tg.errors.OutputError, match="draw: .* cannot be written"):
        page.save_page(tmp_path, "x", "draw")
    with pytest.raises(tg.errors.ArgumentError, match="draw: a page's file name tells its form"):
        page.save_page(tmp_path / "a.svg", "x", "draw")
    assert page.save_page(tmp_path / "new" / "a.html", "x", "draw").read_text() == "x"


@pytest.mark.parametrize("dark", [False, True])
def test_in_a_browser(browser, tmp_path, dark):
    values = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
    numbers = [0.0, 1.0, -2.5, 1234.0, 12346.0, 1e-5, 0.00012344, 123456789.0, 1e300, -1e-300, 0.1 + 0.2, 99995.0, 1e22]
    held = {"name": NASTY, "x": page.floats(values), "n": numbers}
    text = page.page(NASTY, "<h1 id='title'></h1><canvas></canvas>", data=held)
    browser.open(page.save_page(tmp_path / "a.html", text, "test"), dark=dark, size=PHONE)
    assert browser.run("document.title") == NASTY
    assert browser.run("data().name") == NASTY
    assert browser.run("[...floats(data().x).values]") == values.ravel().tolist()
    assert browser.run("data().n.map(shown)") == [f"{x:.4g}" for x in numbers]
    assert browser.run("['NaN', 'Infinity', '-Infinity'].map(shown)") == ["nan", "inf", "-inf"]
    browser.run("document.getElementById('title').append(element('b', {}, data().name))")
    assert browser.run("document.querySelector('#title b').textContent") == NASTY
    most = browser.run("heat(document.querySelector('canvas'), floats(data().x).values, 3, 5)")
    assert most == np.abs(values).max()
    pixels = browser.run("[...document.querySelector('canvas').getContext('2d').getImageData(0, 0, 5, 3).data]")
    red, blue = np.array(pixels).reshape(15, 4)[:, [0, 2]].T.astype(int)
    assert ((red > blue) == (values.ravel() > 0)).all(), "orange above 0, blue below"
    paper = browser.run("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(20, 24, 31)" if dark else "rgb(255, 255, 255)")
    browser.run("document.body.append(themeButton())")
    browser.one("#theme").click()
    assert browser.run("getComputedStyle(document.body).backgroundColor") != paper
    assert browser.problems() == []


def test_nothing_is_loaded_from_elsewhere(browser, tmp_path):
    text = page.page("x", "<img src='https://example.org/a.png'>")
    browser.open(page.save_page(tmp_path / "a.html", text, "test"))
    assert any("Content Security Policy" in problem for problem in browser.problems())


def saved(folder):
    x = tg.tensor(3.0, requires_grad=True)
    yield tg.viz.player(x * x, folder / "<player>.html", names={"x": x}), Path
    yield tg.viz.graph(x * x).save(folder / "graph.htm"), str


def test_the_path_of_a_page_is_a_path_that_shows_the_page(tmp_path):
    formatter = pytest.importorskip("IPython.core.formatters").DisplayFormatter()
    for path, kind in saved(tmp_path):
        assert isinstance(path, kind) and path == kind(path) and kind(path).__class__ is not type(path)
        assert Path(path).is_file() and type(pickle.loads(pickle.dumps(path))) is type(path)
        shown, _ = formatter.format(path)
        text = shown["text/html"]
        (frame,) = re.findall("<iframe [^<>]*></iframe>", text)
        assert frame == text, "what is in the page stays inside the attribute"
        found = dict(re.findall(r'([\w-]+)="([^"]*)"', text))
        assert found["sandbox"] == "allow-scripts" and found["class"] == "page"
        assert html.unescape(found["srcdoc"]) == Path(path).read_text("utf-8")
        assert html.unescape(found["title"]) == Path(path).name


def test_what_is_no_page_is_a_path_as_any_other(tmp_path):
    path = page.save_page(tmp_path / "a.html", "x", "draw")
    (tmp_path / "a.txt").write_text("x")
    assert path.parent._repr_html_() is None and path.with_suffix(".txt")._repr_html_() is None
    path.write_bytes(b"\xff")
    assert path._repr_html_() is None
    path.unlink()
    assert path._repr_html_() is None and str(path) == str(tmp_path / "a.html")


def test_a_player_plays_inside_a_frame_that_reaches_nothing(browser, tmp_path):
    for path, _ in saved(tmp_path):
        around = tmp_path / "around.html"
        around.write_text(f"<!DOCTYPE html><meta charset='utf-8'><p id='here'></p>{path._repr_html_()}", "utf-8")
        browser.open(around)
        browser.driver.switch_to.frame(browser.one("iframe.page"))
        assert browser.run("document.body.innerText.length") > 20
        if browser.all("#player"):
            browser.one("#next").click()
            browser.press("\ue014")  # the frame has the keys now
            assert browser.one("#player").get_attribute("data-step") == "2"
        reached = "(() => { try { return parent.document.title } catch (error) { return error.name } })()"
        assert browser.run(reached) == "SecurityError"
        browser.driver.switch_to.default_content()
        assert browser.problems() == []


SITE = Path(__file__).parents[2] / "docs" / "_static" / "site.js"


def around(folder, *pages, script="", theme="auto"):
    """Write a page with pages in frames, as the site is."""
    path = folder / "around.html"
    frames = "".join(f"<div style='width: 740px'>{page._repr_html_()}</div>" for page in pages)
    path.write_text(f"<!DOCTYPE html><meta charset='utf-8'><body data-theme='{theme}'>{frames}{script}</body>", "utf-8")
    return path


def site():
    if not SITE.is_file():
        pytest.skip("needs the folder docs")
    return f"<script>{SITE.read_text('utf-8')}</script>"


def inside(browser, script, at=0):
    """Give what a script returns in a frame."""
    browser.driver.switch_to.frame(browser.all("iframe")[at])
    found = browser.run(script)
    browser.driver.switch_to.default_content()
    return found


def settled(browser, script, wanted, at=None):
    """Wait until a script gives something, in the page or in a frame."""
    for _ in range(50):
        found = browser.run(script) if at is None else inside(browser, script, at)
        if found == wanted:
            return
        time.sleep(0.05)
    raise AssertionError(f"{script}: {found}, not {wanted}")


PAPER = "getComputedStyle(document.body).backgroundColor"
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(20, 24, 31)"
NEEDED = "Math.ceil(document.body.getBoundingClientRect().height)"
HEIGHT = "document.querySelector('iframe').clientHeight"


def test_the_site_makes_frames_as_high_as_their_pages_and_light_or_dark_as_itself(browser, tmp_path):
    x = tg.tensor([[1.0, 2.0]] * 5, requires_grad=True)
    b = tg.tensor([1.0, -1.0], requires_grad=True)
    page = tg.viz.player(((x + b) * (x + b)).sum(), tmp_path / "a.html", names={"x": x, "b": b})
    graph = tg.viz.graph(x * b).save(tmp_path / "b.html")
    browser.open(around(tmp_path, page, graph, script=site()))
    settled(browser, HEIGHT, max(400, inside(browser, NEEDED)))
    start = browser.run(HEIGHT)
    steps = inside(browser, "data().steps.length")
    heights = []
    for _ in range(steps - 1):
        inside(browser, "document.getElementById('next').click()")
        heights.append(inside(browser, NEEDED))
        settled(browser, HEIGHT, min(1000, max(start, *heights)))
    assert max(heights) > start, "otherwise nothing was tried"
    for theme, paper in (("dark", DARK), ("light", LIGHT), ("auto", LIGHT), ("dark", DARK)):
        browser.run("document.body.dataset.theme = arguments[0]", theme)
        for at in (0, 1):
            settled(browser, PAPER, paper, at)
    browser.open(around(tmp_path, page, script=site(), theme="light"), dark=True)
    settled(browser, PAPER, LIGHT, 0)
    assert browser.problems() == []


def test_a_page_in_a_frame_takes_light_or_dark_from_the_page_around_it_and_nothing_else(browser, tmp_path):
    page, _ = next(saved(tmp_path))
    browser.open(around(tmp_path, page))
    everything = "document.documentElement.outerHTML"
    before = inside(browser, everything)
    for message in (None, "dark", 1, ["dark"], {"theme": "<b>"}, {"theme": ["dark"]}, {"height": 9, "html": NASTY}):
        browser.run("document.querySelector('iframe').contentWindow.postMessage(arguments[0], '*')", message)
    inside(browser, "postMessage({theme: 'dark'}, '*')")  # from the page itself, not from its parent
    time.sleep(0.3)
    assert inside(browser, everything) == before
    assert browser.run(HEIGHT) == 640, "nobody listens here"
    browser.run("document.querySelector('iframe').contentWindow.postMessage({theme: 'dark'}, '*')")
    settled(browser, PAPER, DARK, 0)
    assert browser.problems() == []


def test_the_site_takes_heights_from_its_frames_and_nothing_else(browser, tmp_path):
    page, _ = next(saved(tmp_path))
    browser.open(around(tmp_path, page, script=site() + "<iframe srcdoc='other'></iframe>"))
    settled(browser, HEIGHT, 400)  # of which the page needs less
    before = browser.run(HEIGHT)
    for height in ("900", None, [900], "NaN", {"px": 900}):
        inside(browser, f"parent.postMessage({{height: {json.dumps(height)}, theme: 'dark'}}, '*')")
    inside(browser, "parent.postMessage({height: NaN}, '*')")
    inside(browser, "parent.postMessage(null, '*')")
    inside(browser, "parent.postMessage({height: 900}, '*')", 1)  # a frame that is none of the site's pages
    browser.run("postMessage({height: 900}, '*')")
    time.sleep(0.3)
    assert browser.run(HEIGHT) == before
    inside(browser, "parent.postMessage({height: 1e9}, '*')")
    settled(browser, HEIGHT, 1000)
    assert browser.problems() == []


def test_the_steps_of_single_numbers_fit_the_frame_of_a_notebook(browser, tmp_path):
    a, b = (tg.tensor(number, requires_grad=True) for number in (3.0, -2.0))
    c = a * b
    path = tg.viz.player(c * c + c * a, tmp_path / "a.html", names={"a": a, "b": b, "c": c}, title="c is used twice")
    browser.open(path, size=(736, 640))
    for _ in range(browser.run("data().steps.length")):
        assert browser.run(NEEDED) <= 640 and browser.fits()
        browser.press("\ue014")
    assert browser.one("#player").get_attribute("data-step") == "10"
