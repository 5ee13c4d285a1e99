"""Data sets with torchvision's names and arguments: MNIST, FashionMNIST, KMNIST. Exports only; see mnist.py."""

from ..core.absent import absent as _absent
from .mnist import KMNIST, MNIST, FashionMNIST

__all__ = ["FashionMNIST", "KMNIST", "MNIST"]

__getattr__ = _absent(__name__)
