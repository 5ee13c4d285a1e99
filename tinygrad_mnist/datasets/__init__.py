"""Data sets with torchvision's names and arguments: MNIST, FashionMNIST, KMNIST. Exports only; see mnist.py."""

from .mnist import KMNIST, MNIST, FashionMNIST

__all__ = ["FashionMNIST", "KMNIST", "MNIST"]
