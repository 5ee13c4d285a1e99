"""The playground's other room, and the program: what is trained is told as it is, and goes as it is asked to."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from types import SimpleNamespace

import numpy as np
import pytest
from playgrounds import EXAMPLES, asked, images, until

from play import learn  # isort: skip  (found by the line above)

import tinygrad_mnist as tg
from tinygrad_mnist import nn

START = {"action": "start", "lr": 0.1, "batch_size": 32, "hidden": 5, "optimizer": "SGD", "pace": None}


def told(page, kind):
    """List what the feed keeps of a kind."""
    return [json.loads(text) for _, of, text in page.feed.events if of == kind]


def ask(page, **body):
    reply = asked(page, "POST", "/train", json.dumps(body))
    assert reply.status == 200, reply.text
    return json.loads(reply.text)["state"]


class Watcher:
    """Reads the stream as a page would."""

    def __init__(self, page):
        self.reply = urllib.request.urlopen(f"{page.url}events", timeout=10)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.reply.close()

    def read(self, kind):
        """Give the next event of a kind."""
        while True:
            line = self.reply.readline().decode()
            assert line, "the stream ended"
            if line == f"event: {kind}\n":
                return json.loads(self.reply.readline().decode().removeprefix("data: "))


def test_points_are_the_means_over_the_batches_since(monkeypatch):
    feed, steps, data = learn.Feed(), [], images(200, 1)
    feed.watch(1)
    held = images(50, 2)[np.arange(50)]

    class Noted(tg.training.Callback):
        def on_batch_end(self, run):
            accuracy = run.sums["accuracy"] - (0 if run.batch == 1 else self.before)
            steps.append((run.loss, accuracy, min(64, 200 - 64 * (run.batch - 1)), evaluated(run.model)))
            self.before = run.sums["accuracy"]

    def evaluated(model):
        with tg.no_grad():
            logits = model(tg.tensor(held[0])).numpy().astype(np.float64)
        losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(50), held[1]]
        return losses.mean(), (logits.argmax(1) == held[1]).mean()

    ticks = iter(range(1000))  # of a clock: a point is due at every third step
    monkeypatch.setattr(learn, "POINT", 3)
    monkeypatch.setattr(learn, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    live = learn.Live(learn.Stage(feed), held)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 5), nn.ReLU(), nn.Linear(5, 10))
    tg.training.fit(model, data, epochs=3, callbacks=[Noted(), live], progress=False)
    points = [json.loads(text) for _, kind, text in feed.events if kind == "point"]
    assert [p["step"] for p in points] == [1, 4, 7, 10] and [p["epoch"] for p in points] == [1, 1, 2, 3]
    for point, since in zip(points, ([0], [1, 2, 3], [4, 5, 6], [8, 9]), strict=True):  # 4 steps an epoch
        losses, right, sizes = zip(*[steps[i][:3] for i in since], strict=True)
        assert point["loss"] == pytest.approx(np.average(losses, weights=sizes), rel=1e-5)
        assert point["accuracy"] == pytest.approx(sum(right) / sum(sizes), rel=1e-5)
        assert (point["held_loss"], point["held_accuracy"]) == pytest.approx(steps[point["step"] - 1][3], rel=1e-5)
    weights = json.loads(next(text for _, kind, text in feed.events if kind == "weights"))
    sent = np.frombuffer(base64.b64decode(weights["images"]["float32"]), "<f4")
    assert np.array_equal(sent.reshape(5, 784), next(model.parameters()).detach().numpy()) and weights["units"] == 5


def test_a_training_is_started_paused_resumed_and_stopped(page):
    with Watcher(page) as watcher:
        assert watcher.read("training")["state"] == "idle"
        assert ask(page, **{**START, "batch_size": 1}) == "running"
        watcher.read("point")
        assert ask(page, action="pause") == "paused"
        time.sleep(0.2)
        count = page.feed.number
        time.sleep(0.4)
        assert page.feed.number == count and page.classroom.thread.is_alive()
        assert ask(page, action="resume") == "running"
        until(lambda: page.feed.number > count + 2)
        assert ask(page, action="stop") == "ended" and not page.classroom.thread.is_alive()
        assert re.fullmatch(r"Stopped after [\d,]+ steps\.", told(page, "training")[0]["text"])
        assert ask(page, **{**START, "pace": 5}) == "running" and len(told(page, "cleared")) == 1
        until(lambda: [point["step"] for point in told(page, "point")][:1] == [1])  # those of before are gone


def test_the_pace_is_kept(page):
    with Watcher(page):
        ask(page, **{**START, "pace": 20, "batch_size": 1})
        until(lambda: told(page, "point"))
        began, first = time.monotonic(), told(page, "point")[-1]["step"]
        time.sleep(1.5)
        steps, seconds = told(page, "point")[-1]["step"] - first, time.monotonic() - began
        assert 5 <= steps <= 20 * seconds + 5
        ask(page, action="pace", pace=None)
        until(lambda: told(page, "point")[-1]["step"] > first + 300)


def test_nobody_watching_is_a_pause_and_a_stream_ends_with_its_page(page):
    with Watcher(page) as watcher:
        ask(page, **{**START, "pace": 50})
        watcher.read("point")
        assert page.feed.watchers == 1
    until(lambda: page.feed.watchers == 0)
    until(lambda: not [t for t in threading.enumerate() if "process_request" in t.name])
    time.sleep(0.1)
    count = page.feed.number
    time.sleep(0.4)
    assert page.feed.number == count and page.classroom.thread.is_alive()
    with Watcher(page) as watcher:
        assert watcher.read("point")["step"] == 1  # a page that comes later catches up
        until(lambda: page.feed.number > count)


def test_streams_are_not_without_number(page):
    watchers = [Watcher(page) for _ in range(12)]
    assert asked(page, path="/events").status == 503
    for watcher in watchers:
        watcher.reply.close()
    until(lambda: page.feed.watchers == 0)


def test_a_training_that_breaks_says_so_and_another_goes_on(page, monkeypatch):
    sgd = learn.OPTIMIZERS["SGD"]
    with Watcher(page):
        monkeypatch.setitem(learn.OPTIMIZERS, "SGD", lambda parameters, lr: sgd(parameters, 1e30))
        ask(page, **{**START, "lr": 1000.0})
        until(lambda: page.classroom.state == "ended")
        text = told(page, "training")[0]["text"]
        assert "fit: the loss became" in text and "Try: a lower lr" in text
        monkeypatch.setitem(learn.OPTIMIZERS, "SGD", sgd)
        ask(page, **{**START, "batch_size": 1})
        until(lambda: told(page, "point"))
        assert page.classroom.state == "running"


class FakeDoctor(tg.training.Callback):
    """Finds something at the third step, and suspects something at the end."""

    def __init__(self, say):
        self.verdicts, self.hints = [], []

    def on_batch_end(self, run):
        if run.batch == 3 and run.epoch == 0:
            self.verdicts.append(self.found("dead_relu", 0.75, "50 % of <b>net.1</b>", False))

    def on_end(self, run):
        self.hints.append(self.found("constant_predictor", 0.6, "one class", True))

    def found(self, name, figure, seen, hint):
        return SimpleNamespace(
            name=name, step=3, seen=seen, figure=figure, threshold=0.5, above=True, advice="a lower rate", hint=hint
        )


def check_curve(browser, name, values):
    """Find each point of a curve that is drawn alone in its colour, where it belongs."""
    which = "held_loss" if name == "loss" else name
    pixels, height, width = browser.run("""((canvas, name, logarithmic) => {
        chart(canvas, [name], logarithmic);
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return [[...data], canvas.height, canvas.width];
    })(at(arguments[0]), arguments[1], arguments[2])""", name, which, name == "loss")  # fmt: skip
    red, blue = np.array(pixels).reshape(height, width, 4)[..., [0, 2]].transpose(2, 0, 1)
    steps = browser.run("points.map((point) => point.step)")
    low, high = (np.log10(min(0.1, *values)), np.log10(max(3, *values))) if name == "loss" else (0, 1)
    for step, value in zip(steps, values, strict=True):
        x = 52 + (width - 14 - 52) * step / steps[-1]
        y = height - 22 - (height - 30) * ((np.log10(value) if name == "loss" else value) - low) / (high - low)
        near = np.s_[max(round(y) - 3, 0) : round(y) + 4, round(x) - 3 : round(x) + 4]
        assert (blue[near] - red[near]).max() > 90, (name, step, value)


def test_the_page_shows_it_all(page, browser, monkeypatch):
    monkeypatch.setattr(tg.training, "Doctor", FakeDoctor, raising=False)
    browser.open(f"{page.url}#train")
    choices = {"lr": "0.01", "batch_size": "8", "hidden": "16", "optimizer": "Adam", "pace": "50"}
    for name, value in choices.items():
        browser.one(f'#{name} option[value="{value}"]').click()
    browser.one("#start").click()
    until(lambda: browser.run("points.length > 5"))
    verdict = until(lambda: browser.all("#verdicts li"))[0].text
    assert verdict.splitlines() == [
        "dead relu at step 3", "50 % of <b>net.1</b>", "0.75, where healthy trainings have at most 0.5",
        "Try: a lower rate",
    ]  # fmt: skip
    browser.one("#pause").click()
    until(lambda: browser.one("#state").text == "Paused.")
    time.sleep(0.3)
    assert browser.run("points") == told(page, "point")
    last = told(page, "point")[-1]
    numbers = browser.one("#numbers").text
    assert f"step {last['step']}: loss {last['loss']:.4g} (held out {last['held_loss']:.4g})" in numbers
    assert f"accuracy {100 * last['accuracy']:.1f} % ({100 * last['held_accuracy']:.1f} %)" in numbers
    assert browser.one("#units").text.startswith("All 16 hidden units")
    assert browser.run("[at('weights').width, at('weights').height]") == [8 * 29 - 1, 2 * 29 - 1]
    check_curve(browser, "loss", [p["held_loss"] for p in told(page, "point")])
    check_curve(browser, "accuracy", [p["accuracy"] for p in told(page, "point")])
    count = page.feed.number
    browser.one("#pause").click()
    until(lambda: page.feed.number > count + 3)
    browser.one("#stop").click()
    until(lambda: browser.one("#state").text.startswith("Stopped after"))
    assert "one class" in until(lambda: browser.all("#verdicts li")[1:])[0].text
    assert browser.one("#start").text == "Start" and not browser.one("#pause").is_enabled()
    browser.driver.refresh()
    until(lambda: browser.run("points.length") == len(told(page, "point")))
    assert len(browser.all("#verdicts li")) == 2 and browser.one("#state").text.startswith("Stopped after")
    assert browser.problems() == []
    browser.driver.get("about:blank")
    until(lambda: page.feed.watchers == 0)


@pytest.mark.skipif(not hasattr(tg.training, "Doctor"), reason="this version has no doctor")
def test_the_doctor_is_asked(page):
    with Watcher(page) as watcher:
        ask(page, **{**START, "lr": 30.0})
        assert watcher.read("verdict")["name"] == "rate_too_high"


# ------------------------------------------------------------ the program


def program(*args, **env):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TINYGRAD_MNIST")}
    return subprocess.Popen(
        [sys.executable, str(EXAMPLES / "playground.py"), "--no-browser", "--data", "digits", *map(str, args)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**environment, "PYTHONUNBUFFERED": "1", **env},
    )  # fmt: skip


def line_with(process, words):
    line = ""
    while words not in line:
        line = process.stdout.readline()
        assert line, process.stderr.read()
    return line


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_the_program_trains_keeps_weights_where_it_is_told_and_ends_at_ctrl_c(tmp_path):
    pytest.importorskip("sklearn")
    weights = tmp_path / "new" / "w.npz"
    with program("--model", weights, "--images", 128, "--epochs", 1) as process:
        url = re.search(r"http://127\.0\.0\.1:\d+/", line_with(process, "Open "))[0]
        line_with(process, "The network is ready")
        until(weights.exists)
        text = urllib.request.urlopen(url, timeout=10).read().decode()
        assert "THIS IS NOT MNIST" in text and "fills the image" in text
        stream = urllib.request.urlopen(f"{url}events", timeout=10)
        body = json.dumps({**START, "pace": 5}).encode()
        request = urllib.request.Request(f"{url}train", body, {"Content-Type": "application/json"})
        assert json.load(urllib.request.urlopen(request, timeout=10)) == {"state": "running"}
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        stream.close()
    assert process.returncode == 0 and out.endswith("Ending.\n") and "Traceback" not in err
    with program("--model", weights) as process:
        line_with(process, "Open ")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0 and "Traceback" not in err
    tg.save({"other": tg.ones(2)}, weights)
    with program("--model", weights) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "StateDictError" in err and "Traceback" not in err


def test_a_port_that_is_taken_is_told():
    pytest.importorskip("sklearn")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with program("--port", port) as process:
            _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and f"Port {port} cannot be had" in err and "Traceback" not in err
