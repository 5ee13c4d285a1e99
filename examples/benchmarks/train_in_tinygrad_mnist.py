"""Train MNIST in this package until a test accuracy is reached; accuracy.py runs it and reads the clock.

    PYTHONPATH=examples python -m benchmarks.train_in_tinygrad_mnist FOLDER --model mlp --variant eager --stop 98

FOLDER holds MNIST's four IDX files. The model, the optimizer and its schedule are those of examples/mnist_mlp.py and
mnist_cnn.py; train_in_torch.py is the same program in PyTorch.
"""

from __future__ import annotations

import argparse
import json

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.data import DataLoader, open_dataset

from .memory import peak_megabytes


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 128), nn.ReLU(), nn.Linear(128, 10))


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, kernel_size=3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, kernel_size=3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 5 * 5, 128), nn.ReLU(), nn.Dropout(0.4), nn.Linear(128, 10),
    )  # fmt: skip


@tg.no_grad()
def accuracy(model, dataset):
    model.eval()
    right = 0
    for images, labels in DataLoader(dataset, batch_size=500):
        right += int((model(images).argmax(1) == labels).sum())
    return 100 * right / len(dataset)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--model", choices=["mlp", "cnn"], required=True)
    parser.add_argument("--variant", choices=["eager", "replay", "fast"], required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--stop", type=float, required=True, help="test accuracy in percent")
    args = parser.parse_args()

    tg.manual_seed(args.seed)
    training, test, _ = open_dataset("mnist", args.folder)
    loader = DataLoader(training, batch_size=64, shuffle=True)
    model = mlp() if args.model == "mlp" else cnn()
    loss_function = nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = tg.optim.Adam(model.parameters(), lr=args.lr)
    schedule = tg.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=args.lr, total_steps=args.epochs * len(loader), cycle_momentum=False
    )

    def step(images, labels):
        optimizer.zero_grad()
        loss = loss_function(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    if args.variant != "eager":
        step = tg.compile(step, backend="numba") if args.variant == "fast" else tg.compile(step)
    for _ in range(args.epochs):
        model.train()
        for images, labels in loader:
            step(images, labels)
            schedule.step()
        reached = accuracy(model, test)
        print(json.dumps({"accuracy": reached}), flush=True)
        if reached >= args.stop:
            break
    print(json.dumps({"peak_megabytes": peak_megabytes()}), flush=True)


if __name__ == "__main__":
    main()
