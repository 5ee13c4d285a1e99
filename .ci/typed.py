"""A typed program for the installed package, whose types mypy --strict must find."""

from typing import assert_type

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.data import DataLoader, TensorDataset


def train(model: nn.Module, x: tg.Tensor, y: tg.Tensor) -> float:
    """Give the last loss of a short training."""
    optimizer = tg.optim.Adam(model.parameters(), lr=0.01)
    loss = tg.zeros(())
    for batch, target in DataLoader(TensorDataset(x, y), batch_size=2):
        loss = nn.functional.mse_loss(model(batch), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert_type(loss, tg.Tensor)
    assert_type(loss.shape, tuple[int, ...])
    return float(loss.item())


print(train(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)), tg.ones(4, 3), tg.zeros(4, 1)))
