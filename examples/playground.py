"""A page on this machine: draw a digit and watch a trained network look at it; train another network live.

    python examples/playground.py                                       # opens your browser; Ctrl-C ends it
    python examples/playground.py --port 8000 --no-browser              # prints the address only
    python examples/playground.py --model runs/mnist_cnn/weights.npz    # weights of mnist_cnn.py, or a file to be made

Expected: the page within seconds; the network (that of mnist_cnn.py) is trained on 30,000 images first, in less than a
minute, and then 98 % right on new ones. Where MNIST cannot be had it is scikit-learn's digits, and the page says so.
Only this machine's browser is answered (play/server.py). Look next at play/look.py and play/learn.py.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import re
import signal
import sys
import threading
import webbrowser
from functools import partial
from pathlib import Path

try:
    import numpy as np
    from mnist_cnn import CNN

    import tinygrad_mnist as tg
    from tinygrad_mnist.core.files import check_output, output_folder
    from tinygrad_mnist.data import Subset, open_dataset
    from tinygrad_mnist.viz.page import as_json, page
except ImportError as error:
    sys.exit(f"{error}. Install what the examples need: pip install '.[examples]' in the project's folder")

from play.learn import OPTIMIZERS, Classroom
from play.look import Look
from play.server import Feed, Page, Refusal, Server

PARTS = Path(__file__).parent / "play"
HELD = 1000  # test images on which accuracy is shown
RATES = (1e-5, 1e-4, 1e-3, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
CHOICES = {
    "lr": {"values": [(x, f"{x:g}") for x in RATES], "start": 0.1},
    "batch_size": {"values": [(x, str(x)) for x in (1, 8, 32, 64, 128, 512)], "start": 64},
    "hidden": {"values": [(x, str(x)) for x in (4, 16, 32, 64, 128, 256)], "start": 32},
    "optimizer": {"values": [(name, name) for name in OPTIMIZERS], "start": "SGD"},
    "pace": {"values": [(5, "5 steps a second"), (50, "50 steps a second"), ("", "as fast as it can")], "start": 50},
}
SCRIPTS = ("shared.js", "draw.js", "train.js", "page.js")
FILES = {"page.css": "text/css; charset=utf-8"} | dict.fromkeys(SCRIPTS, "text/javascript; charset=utf-8")
ICON = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="8" height="8" fill="#1d63b0"/>'
    b'<path d="M2 2h4L3 7" fill="none" stroke="#fff"/></svg>'
)
POLICY = (
    "default-src 'none'; script-src 'self' {}; style-src 'self' 'unsafe-inline'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'"
)


class Playground:
    """The page, its server and its two rooms.

    Args:    model: to be looked at, of images (N, 1, 28, 28); train, test: ImageSets; notice: what is to be said of
             them; port: 0 for any that is free; lesson: how to train the model first, as arguments of `fit`, None for
             one that is trained; done: called after that
    """

    def __init__(self, model, train, test, notice=None, port=0, lesson=None, done=lambda: None):
        self.model, self.test, self.notice, self.feed = model, test, notice, Feed()
        self.chance, self.lock = np.random.default_rng(), threading.Lock()
        self.held = test[np.arange(min(HELD, len(test)))]
        self.look = Look(model, box=28 if notice else 20)
        self.classroom = Classroom(train, self.held, self.feed)
        gets = {"/": self.page, "/favicon.ico": lambda: Page("image/svg+xml", ICON), "/digit": self.digit}
        gets |= {f"/{name}": partial(Page, kind, (PARTS / name).read_bytes()) for name, kind in FILES.items()}
        self.server = Server(port, gets, {"/look": self.answer, "/train": self.classroom.post}, self.feed)
        self.url, self.ready = self.server.url, lesson is None
        self.tell(f"{type(model).__name__} is ready.", 1.0)
        self.teacher = threading.Thread(target=self.teach, args=(lesson, done), name="teacher")
        if lesson is not None:
            self.teacher.start()

    # ------------------------------------------------------------ what is sent

    def page(self):
        """Write the page: scripts are those of this file, styles and connections of this server, nothing else."""
        box = "fills the image from top to bottom" if self.notice else "is 20 pixels high or wide"
        data = {
            "layers": self.look.layers, "choices": CHOICES, "held": len(self.held[1]), "ready": self.ready,
            "notice": self.notice and running(self.notice),
            "centring": f"As the training images: the digit {box}, its centre of mass in the middle",
            "doctor": hasattr(tg.training, "Doctor"),
        }  # fmt: skip
        body = (PARTS / "page.html").read_text("utf-8")
        scripts = re.findall(r"<script>(.*?)</script>", page("", "", data=None), re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
        policy = POLICY.format(" ".join(f"'sha256-{value}'" for value in hashes))
        text = page("Playground", body, data=data, policy=policy)
        return Page("text/html; charset=utf-8", text.encode(), policy)

    def digit(self):
        """Draw a test image by chance."""
        with self.lock:
            index = int(self.chance.integers(len(self.test)))
        digit = {"pixels": self.test.images[index].ravel(), "label": self.test.labels[index], "index": index}
        return Page("application/json", as_json(digit).encode())

    def answer(self, asked):
        """Let the network look at a drawing, once it is trained."""
        if not self.ready:
            raise Refusal(503, "the network is still being trained")
        return self.look.post(asked)

    def tell(self, text, share):
        """Say on the page how far the network is."""
        self.feed.publish("network", {"ready": self.ready, "text": text, "share": share}, alone=True)

    # ------------------------------------------------------------ its life

    def teach(self, lesson, done):
        """Train the network that is looked at."""
        try:
            tg.training.fit(self.model, valid=self.held, callbacks=[Told(self)], **lesson)
            if self.feed.closed:
                return
            accuracy = tg.training.evaluate(self.model, self.test)["accuracy"]
            self.ready = True
            right = f"{100 * accuracy:.2f} % of the {len(self.test):,} test images are right"
            self.tell(f"Trained: {right}.", 1.0)
            print(f"The network is ready: {right}", flush=True)
            done()
        except tg.TinygradError as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            if not self.ready:
                self.tell(f"The training failed: {error}", 0.0)

    def close(self):
        """End the trainings, the streams and every thread."""
        self.feed.close()
        self.classroom.stop()
        self.server.close()
        if self.teacher.ident is not None:
            self.teacher.join()


class Told(tg.training.Callback):
    """Tell the page how far the training of the network is; end it when the program ends."""

    def __init__(self, playground):
        self.playground = playground

    def on_batch_end(self, run):
        """Tell, now and then."""
        done, total = run.epoch * len(run.loader) + run.batch, run.epochs * len(run.loader)
        if done % 10 == 1 or done == total:
            text = f"The network is being trained: {100 * done // total} %, loss {run.loss:.3f}"
            self.playground.tell(text, done / total)
        if self.playground.feed.closed:
            run.stop("the program ends")


def running(notice):
    """Make running text of what is framed for a terminal."""
    lines = "\n".join(line.strip("! ") for line in notice.splitlines()).strip()
    return re.sub(r"(?<![.:])\n", " ", lines)


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="of 127.0.0.1 (default: one that is free)")
    parser.add_argument("--no-browser", action="store_true", help="open no browser, only print the address")
    parser.add_argument("--data", choices=["auto", "mnist", "digits"], default="auto")
    parser.add_argument("--data-dir", help="folder with the MNIST files, asked before all other sources")
    parser.add_argument("--model", type=Path, help="weights of mnist_cnn.py; if there is no such file, it is made")
    parser.add_argument("--images", type=int, default=30_000, help="how many the network is trained on")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(argv)
    if not 0 <= chosen.port <= 65535 or chosen.seed < 0 or chosen.images < 1 or chosen.epochs < 1:
        parser.error("--port is at most 65535; --images and --epochs must be positive, --seed not negative")
    return chosen


def main(argv=None):
    """Serve the page until Ctrl-C."""
    args = arguments(argv)
    train, test, notice = open_dataset(args.data, args.data_dir)
    print(notice or f"Data: {train.source}")
    tg.manual_seed(args.seed)
    model, lesson, done = CNN(), None, lambda: None
    if args.model is not None and args.model.exists():
        model.load_state_dict(tg.load(args.model))  # arrays only: a file runs no code
        print(f"Weights: {args.model}")
    else:
        if args.model is not None:
            output_folder(args.model.parent)
            check_output(args.model, "playground")
            done = partial(tg.save, model.state_dict(), args.model)
        some = Subset(train, range(min(args.images, len(train))))
        epochs = args.epochs * (5 if notice else 1)  # the stand-in has few images
        steps = epochs * -(-len(some) // 64)
        optimizer = tg.optim.Adam(model.parameters(), lr=2e-3)
        schedule = tg.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=steps, cycle_momentum=False)
        lesson = {"train": some, "epochs": epochs, "batch_size": 64, "optimizer": optimizer, "schedule": schedule}
        lesson |= {"schedule_every": "batch"}
        print(f"The network is being trained on {len(some):,} images; the page shows how far it is", flush=True)
    try:
        playground = Playground(model, train, test, notice, args.port, lesson, done)
    except OSError as error:
        sys.exit(f"Port {args.port} cannot be had: {error.strerror}. Leave --port out for one that is free")
    try:
        print(f"Open {playground.url} in a browser on this machine; Ctrl-C ends the program", flush=True)
        if not args.no_browser:
            threading.Thread(target=webbrowser.open, args=(playground.url,), daemon=True).start()
        playground.server.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        print("\nEnding.", flush=True)
    finally:
        playground.close()
    return 0


def run():
    """Run main as a program: a mistake that the package explains needs no traceback."""
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        sys.exit(main())
    except tg.TinygradError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:  # before the page was there, or while it was ending
        sys.exit(130)


if __name__ == "__main__":
    run()
