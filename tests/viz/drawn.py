"""A small network that is drawn and summed up."""

from tinygrad_mnist import nn


class Mlp(nn.Module):
    def __init__(self):
        self.fc1, self.fc2 = nn.Linear(6, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.fc2(self.fc1(x).relu())
