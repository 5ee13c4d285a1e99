"""Pages and pictures of the installed package, which finds its own assets: a graph, a graph page and the player."""

from importlib.resources import files
from pathlib import Path

import tinygrad_mnist as tg
from tinygrad_mnist import nn

model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
loss = model(tg.ones(2, 3)).square().mean()
for name in ("graph.svg", "graph.html"):
    tg.viz.graph(loss, gradients=True).save(name)
tg.viz.player(loss, "player.html")
assets = files("tinygrad_mnist") / "viz" / "assets"
for name, part in (("graph.svg", "<svg"), ("graph.html", "graph.js"), ("player.html", "player.js")):
    text = Path(name).read_text(encoding="utf-8")
    part = (assets / part).read_text(encoding="utf-8").strip() if part.endswith(".js") else part
    assert part in text and len(text) > 10_000, f"{name} is not whole"
    print(f"{name}: {len(text)} characters")
