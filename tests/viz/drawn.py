"""A small network that is drawn and summed up, and a reader of DOT text."""

import re

import tinygrad_mnist as tg
from tinygrad_mnist import nn


class Mlp(nn.Module):
    def __init__(self):
        self.fc1, self.fc2 = nn.Linear(6, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.fc2(self.fc1(x).relu())


def step(model=None, **keywords):
    model = model or Mlp()
    x, target = tg.rand(5, 6), tg.tensor([0, 1, 2, 0, 1])
    logits = model(x)
    loss = nn.CrossEntropyLoss()(logits, target)
    return loss, {"x": x, "target": target, "logits": logits, "loss": loss}


class Dot:
    """Nodes (label and attributes by id), edges and frames of a picture's DOT text."""

    def __init__(self, picture):
        self.source = picture.source
        found = re.findall(r"^\s*([vof]\d+) \[label=<(.*?)> (.*)\]$", self.source, re.M)
        self.labels = {name: re.sub(r"<[^>]*>", "|", label.replace("<br/>", "|")) for name, label, _ in found}
        self.labels = {name: re.sub(r"\|+", "|", label).strip("|") for name, label in self.labels.items()}
        self.attributes = {name: rest for name, _, rest in found}
        self.edges = re.findall(r"^\s*(\w+) -> (\w+)", self.source, re.M)
        found = re.findall(r"^\s*(\w+) -> (\w+) \[.*?label=<(.*?</font>)>", self.source, re.M)
        self.passing = [(a, b, re.sub(r"(\s*<[^>]*>\s*)+", "|", label).strip("| ")) for a, b, label in found]

    def one(self, start):
        """Id of the only box whose label starts so."""
        hits = [name for name, label in self.labels.items() if label.split("|")[0] == start]
        assert len(hits) == 1, (start, self.labels)
        return hits[0]

    def label(self, start):
        return self.labels[self.one(start)]

    def count(self, kind):
        return sum(name.startswith(kind) for name in self.labels)

    def operations(self):
        """Labels of the operations, first call first."""
        ids = sorted((n for n in self.labels if n.startswith("o")), key=lambda n: int(n[1:]))
        return [self.labels[n] for n in ids]

    def frames(self):
        """Title and depth of every frame, and the ids that stand directly in it."""
        stack, result = [], []
        for line in map(str.strip, self.source.splitlines()):
            if line.startswith("subgraph"):
                result.append(["", len(stack), []])
                stack.append(result[-1])
            elif stack and not re.match(r"[vof]\d", line) and (title := re.search(r"label=<(.*?)<br", line)):
                stack[-1][0] = title.group(1)
            elif line == "}" and stack:
                stack.pop()
            elif stack and (node := re.match(r"([vof]\d+) \[", line)):
                stack[-1][2].append(node.group(1))
        return result
