"""A small network that is trained while people watch: loss, accuracy, first weights and the doctor's verdicts, live.

The training is an ordinary `fit` in a thread of its own; a callback tells what happens and waits where it is asked to.
Knows nothing of pages but the feed of events. Look next at page.js, which draws them.
"""

from __future__ import annotations

import math
import threading
import time
from typing import Any

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.training import Callback, evaluate, fit
from tinygrad_mnist.viz.page import floats

from .server import Feed, Refusal

OPTIMIZERS = {
    "SGD": lambda parameters, lr: tg.optim.SGD(parameters, lr=lr),
    "momentum": lambda parameters, lr: tg.optim.SGD(parameters, lr=lr, momentum=0.9),
    "Adam": lambda parameters, lr: tg.optim.Adam(parameters, lr=lr),
}
HIGHEST = {"lr": 1000.0, "batch_size": 1024, "hidden": 1024, "pace": 1000}
EPOCHS = 20
POINT, PICTURE = 0.1, 0.4  # seconds between two points of a curve, two pictures of the weights
SHOWN = 64  # hidden units of which the weights are shown


def checked(asked, *names):
    """Give the numbers of these names, positive and not beyond HIGHEST; all but the rate are whole."""
    found = {}
    for name in names:
        value = asked.get(name)
        kinds = (int, float) if name == "lr" else (int,)
        if type(value) not in kinds or not 0 < value <= HIGHEST[name]:
            raise Refusal(400, f"{name} must be a number above 0, at most {HIGHEST[name]:,}")
        found[name] = value
    return found


class Stage:
    """Where a training stands, shared by the thread that trains and those that are asked to pause or stop it."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.paused = self.stopping = False
        self.pace: int | None = None  # steps in a second, None for as many as can be

    def set(self, **changes: Any) -> None:
        """Change something, and wake who waits for it."""
        with self.feed.changed:
            vars(self).update(changes)
            self.feed.changed.notify_all()

    def wait(self, seconds: float = 0.0) -> bool:
        """Return when so much time is over, and neither is there a pause nor nobody watching; False to end."""
        with self.feed.changed:
            self.feed.changed.wait_for(lambda: self.stopping, seconds)
            self.feed.changed.wait_for(lambda: self.stopping or (not self.paused and self.feed.watchers > 0))
            return not self.stopping


class Live(Callback):
    """Tell the feed how a training goes."""

    def __init__(self, stage: Stage, held: tuple[Any, Any], doctor: Any = None) -> None:
        self.stage, self.held, self.doctor = stage, held, doctor
        self.said: set[tuple[str, bool]] = set()
        self.step, self.point, self.picture, self.due = 0, -math.inf, -math.inf, time.perf_counter()
        self.told = (0.0, 0.0, 0)  # loss, accuracy and samples of this epoch that are in earlier points

    def on_start(self, run: Any) -> None:
        """Show the weights before the first step."""
        self.show_weights(run.model)

    def on_batch_end(self, run: Any) -> None:
        """Add to the curves, and wait if that is wanted."""
        self.step += 1
        if run.batch == 1:
            self.told = (0.0, 0.0, 0)
        now = time.perf_counter()
        if now - self.point >= POINT:
            self.point = now
            self.add_point(run)
        if now - self.picture >= PICTURE:
            self.picture = now
            self.show_weights(run.model)
        self.show_verdicts()
        pace = self.stage.pace
        self.due = max(self.due + 1 / pace, now - 1.0) if pace else now
        if not self.stage.wait(max(self.due - now, 0.0)):
            run.stop("stopped")

    def on_epoch_end(self, run: Any) -> None:
        """Show what is told of an epoch."""
        self.show_verdicts()

    def on_end(self, run: Any) -> None:
        """Show what came out."""
        self.show_weights(run.model)
        self.show_verdicts()

    def add_point(self, run: Any) -> None:
        """Publish the means over the batches since the last point, and what the held-out images say now."""
        now = (run.sums["loss"], run.sums["accuracy"], run.samples)
        loss, accuracy, samples = (new - old for new, old in zip(now, self.told, strict=True))
        self.told = now
        held = evaluate(run.model, self.held)
        point = {"step": self.step, "epoch": run.epoch + 1, "loss": loss / samples, "accuracy": accuracy / samples}
        self.stage.feed.publish("point", point | {f"held_{name}": value for name, value in held.items()})

    def show_weights(self, model: Any) -> None:
        """Publish the first layer's weights as images."""
        weights = next(model.parameters()).array
        images = floats(weights[:SHOWN].reshape(-1, 28, 28))
        self.stage.feed.publish("weights", {"images": images, "units": len(weights)}, alone=True)

    def show_verdicts(self) -> None:
        """Publish what the doctor has found since."""
        found = [] if self.doctor is None else [*self.doctor.verdicts, *self.doctor.hints]
        for verdict in found:
            if (verdict.name, verdict.hint) in self.said:
                continue
            self.said.add((verdict.name, verdict.hint))
            bound = f"{'most' if verdict.above else 'least'} {verdict.threshold:g}"
            figure = f"{verdict.figure:.3g}, where healthy trainings have at {bound}"
            told = {name: getattr(verdict, name) for name in ("name", "step", "seen", "advice", "hint")}
            self.stage.feed.publish("verdict", told | {"figure": figure})


class Classroom:
    """Train an MLP 784-hidden-10 as the page asks: start, pause, resume, pace, stop.

    Args:    train: images to learn from; held: (inputs, targets) that are not trained on
    """

    def __init__(self, train: Any, held: tuple[Any, Any], feed: Feed) -> None:
        self.train, self.held, self.feed = train, held, feed
        self.stage, self.thread = Stage(feed), threading.Thread()
        self.lock = threading.Lock()  # one request at a time
        self.tell("idle", "Choose, and press Start.")

    def tell(self, state: str, text: str, **settings: Any) -> None:
        """Publish what the training is doing."""
        self.state = state
        self.feed.publish("training", {"state": state, "text": text, **settings}, alone=True)

    def post(self, asked):
        """Answer the page: {"action": "start", "lr", "batch_size", "hidden", "optimizer", "pace"}, or another one."""
        with self.lock:
            action = asked.get("action")
            pace = checked(asked, "pace")["pace"] if asked.get("pace") is not None else None
            if action == "start":
                self.start(asked, pace)
            elif action in ("pause", "resume"):
                if not self.thread.is_alive():
                    raise Refusal(409, "no training is under way")
                self.stage.set(paused=action == "pause")
                self.tell(*(("paused", "Paused.") if action == "pause" else ("running", "Training.")))
            elif action == "pace":
                self.stage.set(pace=pace)
            elif action == "stop":
                self.stop()
            else:
                raise Refusal(400, "action must be start, pause, resume, pace or stop")
            return {"state": self.state}

    def start(self, asked, pace):
        """Begin anew."""
        settings = checked(asked, "lr", "batch_size", "hidden")
        optimizer = asked.get("optimizer")
        if not isinstance(optimizer, str) or optimizer not in OPTIMIZERS:
            raise Refusal(400, f"optimizer must be one of {', '.join(OPTIMIZERS)}")
        self.stop()
        self.stage = Stage(self.feed)
        self.stage.set(pace=pace)
        self.feed.publish("cleared", {}, alone=True, ends=("point", "weights", "verdict"))
        self.tell("running", "Training.")
        work = {"stage": self.stage, "optimizer": optimizer, **settings}
        self.thread = threading.Thread(target=self.run, kwargs=work, name="classroom")
        self.thread.start()

    def stop(self) -> None:
        """End the training, if there is one, and wait for its thread."""
        self.stage.set(stopping=True)
        if self.thread.is_alive():
            self.thread.join()

    def run(self, stage: Stage, optimizer: str, lr: float, batch_size: int, hidden: int) -> None:
        """Train, and tell how it ended."""
        doctor = tg.training.Doctor(say=lambda text: None) if hasattr(tg.training, "Doctor") else None
        live = Live(stage, self.held, doctor)
        try:
            model = nn.Sequential(nn.Flatten(), nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, 10))
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what goes wrong is told below
                history = fit(
                    model, self.train, valid=self.held, epochs=EPOCHS, batch_size=batch_size, progress=False,
                    optimizer=OPTIMIZERS[optimizer](model.parameters(), lr),
                    callbacks=[live] if doctor is None else [doctor, live],
                )  # fmt: skip
            ended = "Stopped" if stage.stopping else history.ended.capitalize()
            self.tell("ended", f"{ended} after {live.step:,} steps.")
        except Exception as error:
            hint = f" Try: {error.hint}" if getattr(error, "hint", "") else ""
            problem = getattr(error, "problem", f"{type(error).__name__}: {error}")
            self.tell("ended", f"Ended after {live.step:,} steps. {problem}{hint}")
