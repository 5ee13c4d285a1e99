"""Train MNIST in PyTorch until a test accuracy is reached: train_in_tinygrad_mnist.py, line by line.

    PYTHONPATH=examples python -m benchmarks.train_in_torch FOLDER --model mlp --variant torch --stop 98

FOLDER holds MNIST's four IDX files. They are read with NumPy and batches are gathered by index from one tensor, the
fastest of the ways in use; a DataLoader would fetch image by image.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
import torch
from torch import nn

from .memory import peak_megabytes

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 128), nn.ReLU(), nn.Linear(128, 10))


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, kernel_size=3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, kernel_size=3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 5 * 5, 128), nn.ReLU(), nn.Dropout(0.4), nn.Linear(128, 10),
    )  # fmt: skip


def read(folder, part):
    """Give images (uint8, N x 1 x 28 x 28) and labels of a part, from files with headers of 16 and 8 bytes."""
    images = np.fromfile(Path(folder, f"{part}-images-idx3-ubyte"), np.uint8)[16:].reshape(-1, 1, 28, 28)
    labels = np.fromfile(Path(folder, f"{part}-labels-idx1-ubyte"), np.uint8)[8:].astype(np.int64)
    return torch.from_numpy(images), torch.from_numpy(labels)


def batches(images, labels, order, size):
    """Yield batches in the order of the indices, scaled on the way: all images as floats would be four times as big."""
    for chosen in order.split(size):
        yield images[chosen].float() / 255, labels[chosen]


@torch.no_grad()
def accuracy(model, images, labels):
    model.eval()
    right = 0
    for some, wanted in batches(images, labels, torch.arange(len(labels)), 500):
        right += int((model(some).argmax(1) == wanted).sum())
    return 100 * right / len(labels)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--model", choices=["mlp", "cnn"], required=True)
    parser.add_argument("--variant", choices=["torch"], required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--stop", type=float, required=True, help="test accuracy in percent")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    training, test = read(args.folder, "train"), read(args.folder, "t10k")
    count, size = len(training[1]), 64
    model = mlp() if args.model == "mlp" else cnn()
    loss_function = nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    steps = args.epochs * -(-count // size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=args.lr, total_steps=steps, cycle_momentum=False)

    def step(images, labels):
        optimizer.zero_grad()
        loss = loss_function(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(args.epochs):
        model.train()
        for images, labels in batches(*training, torch.randperm(count), size):
            step(images, labels)
            schedule.step()
        reached = accuracy(model, *test)
        print(json.dumps({"accuracy": reached}), flush=True)
        if reached >= args.stop:
            break
    print(json.dumps({"peak_megabytes": peak_megabytes()}), flush=True)


if __name__ == "__main__":
    main()
