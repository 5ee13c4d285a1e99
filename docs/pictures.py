"""Make the pictures of the README and of the site, in docs/images: the player played, and four of what can be seen.

    python docs/pictures.py                   # all of them, in about a minute
    python docs/pictures.py --only flame      # this one
    python docs/pictures.py --out seen        # somewhere else

Needs the programs chromium and chromedriver, `dot` or pygraphviz, and: pip install selenium pytest Pillow, beside what
the examples need. MNIST is found as everywhere (TINYGRAD_MNIST_DATA); without it the small digits do, but for doctor.
Expected: a line for each file with its size, 900 KB in all at most. Files are written whole, and only when all could
be drawn. What is on a picture is what the package drew; only the place of things on a page is set here (LAYOUT).
"""

from __future__ import annotations

import argparse
import base64
import io
import math
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "examples")]

try:
    import numpy as np
    import pytest
    from browser import Browser  # of the tests
    from PIL import Image

    import tinygrad_mnist as tg
    from tinygrad_mnist import nn, viz
    from tinygrad_mnist.core.files import output_folder, write_whole
    from tinygrad_mnist.data import Subset, open_dataset
except ImportError as error:
    sys.exit(f"{error}. What this program needs is told at its top")

WIDE = 800  # pixels that a README shows
RED = "#b3261e"
FIRST, EACH, LAST = 1500, 1000, 4000  # milliseconds of a frame
LAYOUT = {
    "player": """
        * { transition: none !important; scroll-behavior: auto !important }
        #theme, #help, #controls button, #speed, .share .formula.faint { display: none !important }
        header { padding: 12px 0 0 } h1 { font: 600 1.15rem ui-monospace, "DejaVu Sans Mono", monospace }
        #controls { position: static; border: 0; padding: 0 } #controls .row { margin-top: -1.4rem }
        #strip { margin: .3rem 0 .6rem } .share { margin-top: 0 }
        #player { display: grid; grid-template-columns: 250px 1fr; grid-auto-rows: min-content; column-gap: 1.2rem }
        #player:has(> .share) { grid-template-columns: 1fr 1fr } .equation { font-size: 1rem } h3 { margin-top: .3rem }
        #player > h2, #player > h2 + p, #player > h2 + p ~ p, #player > p + .cards { grid-column: 1 / -1 }
        #player > .formulas { grid-column: 1 } #player > .shares { grid-column: 2; grid-row: 2 / span 4 }
        #player > p + .formulas { grid-row: 3 / span 2 } #player > p ~ h3, #player > p ~ h3 + .cards { grid-column: 2 }
        .share { margin-bottom: .4rem } .share:has(.equation) > p { margin: .1rem 0 }""",
    "explain": """
        body { margin: 0; padding: 14px; display: flex; align-items: center; gap: 18px; width: max-content }
        pre { margin: 0; font: 12px/1.55 "DejaVu Sans Mono", monospace; color: #22303c } svg { display: block }""",
    "playground": "body { padding: 14px } #depths, #theme, #said { display: none !important }",
}


# ------------------------------------------------------------ what all are made with


class Page:
    """A page in the browser, laid out for a picture."""

    def __init__(self, address, layout, size, sharp=2):
        self.browser = Browser()
        self.browser.open(address, size=size)
        self.do("const s = document.createElement('style'); s.textContent = arguments[0]; document.head.append(s)",
                LAYOUT[layout])  # fmt: skip
        width, height = size
        self.tell("Emulation.setDeviceMetricsOverride",
                  width=width, height=height, deviceScaleFactor=sharp, mobile=False)  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.browser.driver.quit()

    def do(self, script, *arguments):
        """Run a script."""
        return self.browser.driver.execute_script(script, *arguments)

    def tell(self, command, **arguments):
        """Send the browser a command of its own protocol."""
        return self.browser.driver.execute_cdp_cmd(command, arguments)

    def picture(self, width, height):
        """Take the upper left of what is seen."""
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        taken = self.tell("Page.captureScreenshot", format="png", clip=clip)
        return Image.open(io.BytesIO(base64.b64decode(taken["data"]))).convert("RGB")

    def bottom(self, selector):
        """Tell where something ends."""
        found = "return document.querySelector(arguments[0]).getBoundingClientRect().bottom"
        return math.ceil(self.do(found, selector))


def few_colors(picture, count):
    """Reduce a picture to so many of its colours: the most frequent, exactly, and those far from all others."""
    pixels = np.asarray(picture.convert("RGB")).astype(np.int32) @ (1 << 16, 1 << 8, 1)
    used, where, often = np.unique(pixels, return_inverse=True, return_counts=True)
    colors = np.stack([used >> 16, used >> 8 & 255, used & 255], 1)
    chosen = [*np.argsort(-often)[: count * 3 // 4]]
    apart = np.stack([np.square(colors - colors[i]).sum(1) for i in chosen], 1)
    nearest, apart = apart.argmin(1), apart.min(1)
    while len(chosen) < count and apart.any():
        chosen.append(apart.argmax())
        new = np.square(colors - colors[chosen[-1]]).sum(1)
        nearest[new < apart] = len(chosen) - 1
        apart = np.minimum(apart, new)
    fewer = Image.fromarray(nearest.astype(np.uint8)[where.reshape(pixels.shape)]).convert("P")
    fewer.putpalette(colors[chosen].astype(np.uint8).tobytes())
    return fewer


def as_png(picture):
    """Write a picture with few colours, which drawings have anyway."""
    stream = io.BytesIO()
    few_colors(picture, 256).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def of_figure(figure):
    """Draw a figure of matplotlib so that it is sharp at WIDE pixels."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", facecolor="white", dpi=2 * WIDE / figure.get_size_inches()[0])
    return as_png(Image.open(stream))


def images(count):
    """Give training images as numbers from 0 to 1, (count, 784), and their labels."""
    x, y = open_dataset("auto", None).train[:count]
    return x.reshape(len(x), -1), y


# ------------------------------------------------------------ the pictures


def player():
    """A neuron with a penalty, forward and backward, a step a frame."""
    x = tg.tensor(2.0)
    w, b = tg.tensor(-0.5, requires_grad=True), tg.tensor(0.8, requires_grad=True)
    out = tg.tanh(w * x + b)
    loss = (out - 1.0).square() + w.square()
    names = {"x": x, "w": w, "b": b, "out": out, "loss": loss}
    with tempfile.TemporaryDirectory() as folder:
        file = viz.player(loss, Path(folder, "a.html"), names=names, title="loss = (tanh(w·x + b) − 1)² + w²")
        with Page(file, "player", (WIDE, 900), sharp=1.5) as page:
            steps, ends = page.do("return data().steps.length"), []
            for at in range(steps):
                page.do("const place = document.getElementById('place'); place.value = arguments[0];"
                        "place.dispatchEvent(new Event('input'))", at)  # fmt: skip
                ends.append((page.bottom("#player"), page.picture(WIDE, 900)))
    height = math.ceil(1.5 * (max(end for end, _ in ends) + 12))
    frames = [frame.crop((0, 0, frame.width, height)) for _, frame in ends]
    sheet = Image.new("RGB", (frames[0].width, height * len(frames)))
    for i, frame in enumerate(frames):
        sheet.paste(frame, (0, height * i))
    sheet = few_colors(sheet, 128)  # one palette for all
    first, *others = (sheet.crop((0, y, sheet.width, y + height)) for y in range(0, sheet.height, height))
    stream = io.BytesIO()
    times = [FIRST] + [EACH] * (len(frames) - 3) + [2 * EACH, LAST]
    first.save(stream, "GIF", save_all=True, append_images=others, duration=times, loop=0, optimize=True)
    return stream.getvalue()


def explain():
    """Two paths behind the gradient of one weight: their table, and their picture from the weight up to the loss."""
    tg.manual_seed(1)
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))
    loss = nn.functional.cross_entropy(model(tg.tensor([[1.0, -0.5]])), tg.tensor([1]))
    found = viz.explain(loss, model[0].weight[1, 0])
    drawn = found.picture()
    drawn.graph_attr |= {"rankdir": "BT", "ranksep": "0.42", "nodesep": "0.5"}
    drawn.body[:] = [line.replace("× ", 3 * "&#160;" + "× ") for line in drawn.body]  # beside the edge, not on it
    svg = drawn.pipe(format="svg", encoding="utf-8")
    text = str(found).partition("\n\nelements that feel")[0]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a.html")
        body = f"<pre>{text}</pre>{svg[svg.index('<svg') :]}"
        file.write_text(f'<!doctype html><meta charset="utf-8">{body}', encoding="utf-8")
        with Page(file, "explain", (1200, 900)) as page:
            width, height = page.do("return [document.body.offsetWidth, document.body.offsetHeight]")
            return as_png(page.picture(width, height))


def playground():
    """The page on which a 3 was drawn, and what the network says."""
    import playground as program  # loads the network and the server

    train, test, notice = open_dataset("auto", None)
    tg.manual_seed(0)
    model = program.CNN()
    lesson = {"train": Subset(train, range(min(20_000, len(train)))), "epochs": 10 if notice else 2, "batch_size": 64,
              "optimizer": tg.optim.Adam(model.parameters(), lr=2e-3), "progress": False}  # fmt: skip
    made = program.Playground(model, train, test, notice, lesson=lesson)
    serving = threading.Thread(target=made.server.serve_forever, args=(0.05,), daemon=True)
    serving.start()
    try:
        made.teacher.join()
        with Page(made.url, "playground", (1000, 900)) as page:
            left, top, side = page.do("const b = document.getElementById('paper').getBoundingClientRect();"
                                      "return [b.x, b.y, b.width]")  # fmt: skip
            arcs = [(-0.3, 0.29, -160, 90), (0.3, 0.33, -90, 160)]
            turns = [(middle, r, math.radians(a)) for middle, r, a0, a1 in arcs for a in range(a0, a1 + 1, 10)]
            at = [(r * math.cos(a) - 0.02, middle + r * math.sin(a)) for middle, r, a in turns]
            kinds = ["mousePressed", *["mouseMoved"] * (len(at) - 1), "mouseReleased"]
            for kind, (x, y) in zip(kinds, [*at, at[-1]], strict=True):
                page.tell("Input.dispatchMouseEvent", type=kind, x=left + side * (1 + x) / 2,
                          y=top + side * (1 + y) / 2, button="left", buttons=1, clickCount=1)  # fmt: skip
            while not page.do("return answer !== null && !asking && !changed"):
                time.sleep(0.05)
            return as_png(page.picture(1000, page.bottom(".columns") + 14))
    finally:
        made.server.shutdown()
        serving.join()
        made.close()


def doctor():
    """A training of 100 images for 40 epochs: its curves, and what the doctor said, and when."""
    x, y = images(1100)
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(x.shape[1], 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    found = tg.training.Doctor(say=lambda text: None)
    optimizer = tg.optim.Adam(model.parameters(), lr=1e-3)
    history = tg.training.fit(model, (x[:100], y[:100]), valid=(x[100:], y[100:]), epochs=40, batch_size=64,
                              optimizer=optimizer, callbacks=[found], progress=False)  # fmt: skip
    if not found.verdicts:
        sys.exit("doctor: nothing is wrong with this training; it is meant for MNIST (TINYGRAD_MNIST_DATA=its folder)")
    verdict = found.verdicts[0]
    figure = viz.plot_curves(history)
    figure.set_size_inches(8, 4.4)
    for axes in figure.axes:
        axes.axvline(verdict.step / 2, color=RED, linewidth=1.5)  # 100 images are two batches
    figure.axes[0].text(verdict.step / 2 + 0.7, 1.7, "the doctor\nspeaks", color=RED)
    text = str(verdict).splitlines()
    figure.supxlabel("\n".join(text), x=0.02, ha="left", family="DejaVu Sans Mono", fontsize=8, color=RED)
    return of_figure(figure)


def flame():
    """A compiled step of a small convolutional network."""
    tg.manual_seed(0)
    x, y = images(64)
    side = math.isqrt(x.shape[1])
    x = x.reshape(-1, 1, side, side)
    model = nn.Sequential(nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                          nn.Linear(8 * ((side - 4) // 2) ** 2, 128), nn.ReLU(), nn.Linear(128, 10))  # fmt: skip
    optimizer = tg.optim.Adam(model.parameters(), lr=1e-3)

    @tg.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(3):
        step(x, y)
    return of_figure(viz.flame(step, width=8))


PICTURES = {"player.gif": player, "explain.png": explain, "playground.png": playground, "doctor.png": doctor,
            "flame.png": flame}  # fmt: skip


def main(argv=None):
    names = [name.partition(".")[0] for name in PICTURES]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", help="folder (default: docs/images)")
    args = parser.parse_args(argv)
    out = output_folder(args.out)
    made = {file: make() for file, make in PICTURES.items() if make.__name__ in args.only}
    for file, data in made.items():
        write_whole(out / file, data, "pictures")
        print(f"wrote {out / file}, {len(data) / 1e3:,.0f} KB")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (tg.TinygradError, pytest.skip.Exception) as error:  # the latter from Browser, where there is none
        sys.exit(f"{type(error).__name__}: {error}")
