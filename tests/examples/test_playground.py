"""The playground in a real browser: its numbers are the model's, its trainings go as asked, strangers are refused."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time

import numpy as np
import pytest
from browser import PHONE
from playgrounds import asked, images, opened, serving, small_network, until  # first: it knows where play is

from play import look, server  # isort: skip

import tinygrad_mnist as tg

SEVEN = [(-0.4, -0.6), (0.4, -0.6), (0.2, 0.0), (-0.1, 0.7)]


# ------------------------------------------------------------ drawings


def brute(drawing, box, shift):
    """The mean of many points of each pixel, looked up in the drawing."""
    rows, columns = (np.flatnonzero(drawing.any(axis)) for axis in (1, 0))
    scale = box / max(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1)
    fine = (np.arange(28 * 60) + 0.5) / 60
    pairs = zip(shift, (rows, columns), strict=True)
    places = [np.floor((fine - start) / scale + inked[0]).astype(int) for start, inked in pairs]
    grid = np.pad(drawing, 1)[np.ix_(*(np.clip(p, -1, len(drawing)) + 1 for p in places))]
    return grid.reshape(28, 60, 28, 60).mean((1, 3))


@pytest.mark.parametrize("seed", range(4))
def test_a_drawing_becomes_what_mnist_has(seed):
    draw = np.random.default_rng(seed)
    drawing = np.zeros((112, 112))
    for top, left in draw.integers(10, 70, (5, 2)):
        drawing[top : top + draw.integers(4, 30), left : left + draw.integers(4, 20)] = draw.uniform(0.3, 1)
    made = look.as_mnist(drawing)
    assert made.dtype == np.float32 and made.shape == (28, 28)
    rows, columns = (np.flatnonzero((made > 0.02).any(axis)) for axis in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    centre = [made.sum(axis) @ (np.arange(28) + 0.5) / made.sum() for axis in (1, 0)]
    assert all(14 <= c < 15 for c in centre)
    assert np.abs(made - brute(drawing, 20, (rows[0], columns[0]))).max() < 0.02


def test_an_image_that_is_as_mnists_stays_as_it_is_and_nothing_stays_nothing():
    image = np.zeros((28, 28))
    image[4:24, 9:20] = np.random.default_rng(0).integers(1, 256, (20, 11)) / 255
    image[4:9] *= 0.8  # the centre of mass is below the middle
    assert np.allclose(look.as_mnist(np.kron(image, np.ones((4, 4)))), image, atol=1e-6)
    assert np.allclose(look.as_drawn(np.kron(np.roll(image, 3, 1), np.ones((4, 4)))), np.roll(image, 3, 1), atol=1e-6)
    assert not look.as_mnist(np.zeros((112, 112))).any()
    corner = np.zeros((112, 112))
    corner[0, 0] = 1
    assert look.as_mnist(corner).sum() == pytest.approx(400)


# ------------------------------------------------------------ who is answered


@pytest.mark.parametrize("headers", [
    {"Host": "evil.example:{port}"}, {"Host": "127.0.0.1"}, {"Host": "127.0.0.1:1"}, {"Host": ""},
    {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
    {"Origin": "https://127.0.0.1:{port}"}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"},
])  # fmt: skip
@pytest.mark.parametrize("where", [("GET", "/digit"), ("GET", "/events"), ("POST", "/train")])
def test_strangers_are_refused(page, headers, where):
    headers = {k: v.format(port=page.server.server_port) for k, v in headers.items()}
    body = json.dumps({"action": "start", "lr": 0.1, "batch_size": 8, "hidden": 4, "optimizer": "SGD"})
    reply = asked(page, *where, body if where[0] == "POST" else None, **headers)
    assert reply.status == 403 and "pixels" not in reply.text
    assert page.classroom.state == "idle"


def test_two_hosts_are_one_too_many(page):
    with socket.create_connection(("127.0.0.1", page.server.server_port), timeout=10) as line:
        host = f"127.0.0.1:{page.server.server_port}"
        line.sendall(f"GET /digit HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n".encode())
        assert b" 403 " in line.recv(1000)


def test_its_own_page_is_answered(page):
    port = page.server.server_port
    for name in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}"):
        own = {"Origin": f"http://{name.lower()}", "Sec_Fetch_Site": "same-origin"}
        assert asked(page, path="/digit", Host=name, **own).status == 200
    reply = asked(page, Sec_Fetch_Site="cross-site")  # a link on another page
    policy = reply.headers["Content-Security-Policy"]
    assert reply.status == 200 and "connect-src 'self'" in policy and "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy and "script-src 'self' 'sha256-" in policy
    assert reply.headers["Set-Cookie"] is None and reply.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/../playground.py", 404), ("GET", "/play/server.py", 404), ("GET", "/page.js?x", 404),
    ("GET", "//evil.example/page.js", 404), ("GET", "/look", 404), ("POST", "/", 404), ("POST", "/digit", 404),
    ("PUT", "/train", 501), ("OPTIONS", "/train", 501), ("DELETE", "/", 501),
])  # fmt: skip
def test_nothing_else_is_there(page, method, path, status):
    assert asked(page, method, path, "{}" if method == "POST" else None).status == status


BLANK = [0] * 112 * 112
LOOKS = {
    "not an object": "[]", "not JSON": "{", "no text": b"\xff\xfe", "deep": "[" * 60_000, "nothing": "{}",
    "NaN": json.dumps({"pixels": [float("nan"), *BLANK[1:]]}), "infinite": '{"pixels": [1e999]}',
    "short": json.dumps({"pixels": BLANK[1:]}), "nested": json.dumps({"pixels": [BLANK]}),
    "huge number": '{"pixels": ' + "9" * 5000 + "}", "negative": json.dumps({"pixels": [-1, *BLANK[1:]]}),
    "too bright": json.dumps({"pixels": [256, *BLANK[1:]]}), "fractions": json.dumps({"pixels": [0.5, *BLANK[1:]]}),
    "words": json.dumps({"pixels": ["0"] * 112 * 112}), "truths": json.dumps({"pixels": [True, *BLANK[1:]]}),
    "target": json.dumps({"pixels": BLANK, "target": 10}), "true": json.dumps({"pixels": BLANK, "target": True}),
    "layer": json.dumps({"pixels": BLANK, "layers": ["7"]}), "layers": json.dumps({"pixels": BLANK, "layers": [[]]}),
    "centre": json.dumps({"pixels": BLANK, "centre": 1}),
}  # fmt: skip
START = {"action": "start", "lr": 0.1, "batch_size": 8, "hidden": 4, "optimizer": "SGD"}
TRAININGS = [
    {}, {"action": "dance"}, {"action": ["stop"]}, {"action": "pause"}, {**START, "lr": 0}, {**START, "lr": "0.1"},
    {**START, "lr": True}, {**START, "batch_size": 0}, {**START, "batch_size": 1.5}, {**START, "hidden": 10**6},
    {**START, "hidden": None}, {**START, "optimizer": "LBFGS"}, {**START, "optimizer": {}}, {**START, "pace": -1},
    {"action": "pace", "pace": 1e400},
]  # fmt: skip


def test_what_makes_no_sense_is_refused_and_the_next_is_answered(page, capsys):
    for what, body in LOOKS.items():
        assert asked(page, "POST", "/look", body).status == 400, what
    assert "NaN is no JSON" in asked(page, "POST", "/look", LOOKS["NaN"]).text
    for body in TRAININGS:
        assert asked(page, "POST", "/train", json.dumps(body)).status in (400, 409), body
    assert asked(page, "POST", "/look", "x" * (server.LARGEST + 1)).status == 413
    assert asked(page, "POST", "/look", "{}", Content_Type="text/plain").status == 415
    assert asked(page, "POST", "/look", "{}", Content_Length="-2").status == 400
    assert asked(page, "POST", "/look", "{}", Content_Length="9" * 400).status == 413
    assert asked(page, "POST", "/look", iter([b"{}"]), Transfer_Encoding="chunked").status == 411
    assert asked(page, "POST", "/look", json.dumps({"pixels": BLANK})).status == 200
    assert page.classroom.state == "idle" and capsys.readouterr().err == ""


def test_a_visitor_who_hangs_up_or_dawdles_keeps_nobody(page, capsys, monkeypatch):
    with socket.create_connection(("127.0.0.1", page.server.server_port)) as line:
        host = f"127.0.0.1:{page.server.server_port}"
        line.sendall(f"POST /look HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n".encode())
        line.sendall(b"Content-Length: 100\r\n\r\n{")
    idle = socket.create_connection(("127.0.0.1", page.server.server_port))  # sends nothing
    assert asked(page, path="/digit").status == 200
    until(lambda: len(page.server.connections) == 1)
    assert capsys.readouterr().err == ""
    page.server.feed.close()
    began = time.monotonic()
    page.close()
    idle.close()
    assert time.monotonic() - began < 5


# ------------------------------------------------------------ the room for drawing


def unpacked(packed):
    return np.frombuffer(base64.b64decode(packed["float32"]), "<f4").reshape(packed["shape"])


def drag(browser, path, touch=False):
    """Draw with the mouse, or with a finger; places from -1 to 1 of the paper."""
    browser.run("document.getElementById('paper').scrollIntoView({block: 'center'})")
    box = browser.run("(({x, y, width}) => [x, y, width])(document.getElementById('paper').getBoundingClientRect())")
    at = [(box[0] + box[2] * (1 + x) / 2, box[1] + box[2] * (1 + y) / 2) for x, y in path]
    send = browser.driver.execute_cdp_cmd
    if touch:
        for kind, points in [("touchStart", at[:1]), *(("touchMove", [p]) for p in at[1:]), ("touchEnd", [])]:
            send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})
        return
    kinds = ["mousePressed", *["mouseMoved"] * (len(at) - 1), "mouseReleased"]
    for kind, (x, y) in zip(kinds, [*at, at[-1]], strict=True):
        event = {"type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1}
        send("Input.dispatchMouseEvent", event)


def settled(browser):
    """Wait until the page shows what is on the paper, and give the answer."""
    until(lambda: browser.run("facts.ready && answer !== null && !asking && !changed"))
    return browser.run("answer")


def check_numbers(browser, answer, model, target=None):
    """Hold everything the page shows against the model on the same pixels."""
    x = tg.tensor(unpacked(answer["input"])[None, None], requires_grad=True)
    values, layers = x, {}
    for name, module in model.eval().named_children():
        values = layers[name] = module(values)
    logits = values[0].detach().numpy().astype(np.float64)
    p = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    shown = [row.text for row in browser.all("#classes .number")]
    assert shown == [f"{100 * x:.2f} %" for x in answer["probabilities"]]
    assert np.allclose(answer["probabilities"], p, rtol=1e-5, atol=1e-9)
    assert answer["target"] == (p.argmax() if target is None else target)
    (gradient,) = tg.autograd.grad(values[0, answer["target"]], x)
    gradient = gradient.numpy()[0, 0]
    assert np.allclose(unpacked(answer["gradient"]), gradient, rtol=1e-5, atol=1e-7)
    assert sorted(answer["layers"]) == ["0", "1", "2", "5"]
    for name, packed in answer["layers"].items():
        assert np.allclose(unpacked(packed), layers[name].detach().numpy()[0], rtol=1e-5, atol=1e-6), name
    return gradient


def colours(browser, selector):
    height, width, pixels = browser.run("""((canvas) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return [canvas.height, canvas.width, [...data]];
    })(document.querySelector(arguments[0]))""", selector)  # fmt: skip
    return np.array(pixels).reshape(height, width, 4)


def test_what_is_drawn_is_looked_at(page, browser):
    browser.open(page.url)
    blank = settled(browser)
    assert not unpacked(blank["input"]).any()
    drag(browser, SEVEN)
    first = settled(browser)
    gradient = check_numbers(browser, first, page.model)
    assert np.abs(np.subtract(first["probabilities"], blank["probabilities"])).max() > 0.01
    assert browser.one("#said").text.endswith(f"{first['target']}: {100 * max(first['probabilities']):.2f} %")
    pixels = colours(browser, "#gradient")
    at = (gradient / np.abs(gradient).max() + 1) / 2 * 4
    scale = np.array([[33, 102, 172], [146, 197, 222], [247, 247, 247], [253, 184, 99], [179, 88, 6]])
    wanted = np.stack([np.interp(at, range(5), part) for part in scale.T], -1)
    assert np.abs(pixels[..., :3] - wanted).max() <= 1
    grey = colours(browser, "#input")[..., 0] / 255
    assert np.abs(grey - unpacked(first["input"])).max() < 0.01

    browser.one("#class-3").click()
    check_numbers(browser, settled(browser), page.model, 3)
    assert "logit of 3" in browser.one("#towards").text
    drag(browser, [(-0.5, 0.1), (0.5, 0.1)])
    second = settled(browser)
    check_numbers(browser, second, page.model, 3)
    assert not np.allclose(second["probabilities"], first["probabilities"], atol=1e-4)
    browser.one("#undo").click()
    assert settled(browser)["probabilities"] == first["probabilities"]
    browser.one("#likeliest").click()
    assert settled(browser)["target"] == first["target"]
    browser.one("#clear").click()
    assert settled(browser)["probabilities"] == blank["probabilities"]
    browser.one("#undo").click()
    assert settled(browser)["probabilities"] == first["probabilities"]
    browser.one("#centre").click()
    moved = settled(browser)
    check_numbers(browser, moved, page.model)
    rows = np.flatnonzero((unpacked(moved["input"]) > 0.5).any(1))
    assert abs(rows[0] - 28 * (1 - 0.6) / 2) <= 2 and abs(rows[-1] - 28 * (1 + 0.7) / 2) <= 2
    assert browser.problems() == []


def test_what_is_sent_is_what_is_on_the_paper(page, browser):
    browser.open(page.url)
    settled(browser)
    drag(browser, SEVEN)
    browser.one("#centre").click()
    sent = unpacked(settled(browser)["input"])
    paper = colours(browser, "#paper")[..., 0].reshape(28, 16, 28, 16).mean((1, 3)) / 255
    assert paper.max() > 0.9 and np.abs(sent - paper).max() < 0.06


def test_a_test_digit_is_given_as_it_is(page, browser):
    browser.open(page.url)
    settled(browser)
    browser.one("#centre").click()
    browser.one("#digit").click()
    until(lambda: browser.one("#drawn").text.startswith("Test image"))
    index = int(browser.one("#drawn").text.split()[2].strip(","))
    answer = settled(browser)
    assert np.allclose(unpacked(answer["input"]), page.test.images[index] / 255, atol=1e-6)
    assert browser.one("#drawn").text.endswith(f"a {page.test.labels[index]}.")
    check_numbers(browser, answer, page.model)
    drag(browser, SEVEN)  # on top of it
    assert unpacked(settled(browser)["input"]).sum() > unpacked(answer["input"]).sum() + 5


def test_pictures_of_layers_hold_their_values_and_closed_ones_are_not_asked_for(page, browser):
    browser.open(page.url)
    settled(browser)
    drag(browser, SEVEN)
    values = unpacked(settled(browser)["layers"]["1"])
    most = values.max()
    pixels = colours(browser, '[data-name="1"] canvas')
    assert pixels.shape == (12, 3 * 13 - 1, 4)
    scale = np.array([[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]])
    for i, one in enumerate(values):
        wanted = np.stack([np.interp(one / most * 4, range(5), part) for part in scale.T], -1)
        assert np.abs(pixels[:, 13 * i : 13 * i + 12, :3] - wanted).max() <= 3
    row, column = np.unravel_index(values[2].argmax(), values[2].shape)
    browser.run("""(() => {
        const canvas = document.querySelector('[data-name="1"] canvas'), box = canvas.getBoundingClientRect();
        const x = box.left + box.width * (26 + arguments[1] + .5) / canvas.width;
        const y = box.top + box.height * (arguments[0] + .5) / canvas.height;
        canvas.dispatchEvent(new PointerEvent("pointermove", { clientX: x, clientY: y }));
    })(...arguments)""", int(row), int(column))  # fmt: skip
    assert browser.one("#pointed").text == f"1[2, {row}, {column}] = {values[2].max():.4g}"
    for summary in browser.all("#layers summary")[1:]:
        summary.click()
    browser.one("#clear").click()
    assert list(settled(browser)["layers"]) == ["0"]


class Gated:
    """Batches that come when they are let."""

    def __init__(self, made):
        self.made, self.go = made, threading.Event()

    def __len__(self):
        return 2

    def __iter__(self):
        for part in (slice(0, 64), slice(64, 128)):
            self.go.wait(30)
            yield self.made[np.arange(256)[part]]


def test_while_it_is_trained_the_page_says_how_far_it_is(browser):
    data, made, model = Gated(images(256, 1)), [], small_network()
    lesson = {"train": data, "epochs": 1, "progress": False}
    for page in serving(opened(model=model, lesson=lesson, done=lambda: made.append(1))):
        assert asked(page, "POST", "/look", json.dumps({"pixels": BLANK})).status == 503
        browser.open(page.url)
        until(lambda: browser.one("#waiting").is_displayed())
        assert not made
        data.go.set()
        until(lambda: not browser.one("#waiting").is_displayed())
        drag(browser, SEVEN)
        check_numbers(browser, settled(browser), model)
        right = np.mean([int(model(x[None])[0].argmax() == y) for x, y in page.test])
        assert browser.one("#trained").text == f"Trained: {100 * right:.2f} % of the 64 test images are right."
        assert made == [1] and browser.problems() == []


def test_a_playground_that_ends_does_not_wait_for_its_lesson():
    data = Gated(images(256, 1))
    model = small_network()
    page = opened(model=model, lesson={"train": data, "epochs": 10**6, "progress": False})
    for _ in serving(page):
        data.go.set()
    assert not page.teacher.is_alive() and not page.ready


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [(1200, 900), PHONE], ids=["wide", "phone"])
def test_it_fits_wherever_it_is_seen(page, browser, dark, size):
    browser.open("about:blank").open(page.url, dark=dark, size=size)
    before = settled(browser)["probabilities"]
    drag(browser, SEVEN, touch=size == PHONE)
    assert settled(browser)["probabilities"] != before
    assert browser.fits()
    inside = """[...document.querySelectorAll(".card *, details *")].filter((e) =>
        e.getBoundingClientRect().right > e.closest(".card, details").getBoundingClientRect().right).map((e) => e.id)"""
    assert browser.run(inside) == []
    browser.one("#to-train").click()
    browser.one("#start").click()
    until(lambda: browser.run("points.length > 3"))
    assert browser.fits() and not browser.one("#draw").is_displayed()
    assert browser.run(inside) == []
    assert browser.problems() == []
