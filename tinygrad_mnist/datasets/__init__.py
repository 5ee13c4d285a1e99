"""Data sets with torchvision's names and arguments: MNIST, FashionMNIST, KMNIST, EMNIST. Exports only; see mnist.py."""

from ..core.absent import absent as _absent
from .mnist import EMNIST, KMNIST, MNIST, FashionMNIST

__all__ = ["EMNIST", "FashionMNIST", "KMNIST", "MNIST"]

__getattr__ = _absent(__name__)
