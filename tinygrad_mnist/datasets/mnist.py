"""MNIST and its siblings as torchvision has them: root, train, transform, target_transform, download.

Found, verified and kept by data/: in `root`, which is only read, or in the package's cache, where downloads go. A batch
of samples is one gather where the transform takes batches. Look next at data/mnist.py and transforms/classes.py.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..core.graph import Array, Var
from ..data.canonical import MNIST_FILES
from ..data.dataset import Dataset
from ..data.folders import candidates
from ..data.siblings import FASHION_MNIST, Sibling, find_sibling
from ..data.siblings import KMNIST as KUZUSHIJI
from ..data.sources import Found, Network, find_split
from ..tensors.creation import from_numpy

WORDS = "zero one two three four five six seven eight nine".split()


class MNIST(Dataset[tuple[Any, Any]]):
    """Load one split of MNIST: ds[i] is (image, label), the image an array (28, 28) of bytes before the transform.

    `data` (N, 28, 28) and `targets` (N,) hold all of them as tensors.

    Args:
        root: where torchvision has its files (root/MNIST/raw); they may also be in the package's cache
        transform, target_transform: called with an image or a label
        download: get what is nowhere here from the mirrors
    Raises:
        DataError if the files are nowhere; it lists where they were sought
    """

    sibling: ClassVar[Sibling | None] = None
    classes: ClassVar[list[str]] = [f"{i} - {word}" for i, word in enumerate(WORDS)]

    def __init__(
        self, root: str | os.PathLike[str], train: bool = True, transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None, download: bool = False, *, network: Network | None = None,
    ) -> None:  # fmt: skip
        found = self._find(root, train, download, network)
        for text in found.warnings:
            warnings.warn(text, stacklevel=2)
        self.root, self.train, self.transform, self.target_transform = root, train, transform, target_transform
        self.data: Any = from_numpy(found.images)
        self.targets: Any = from_numpy(found.labels.astype(np.int64))
        self.source = found.source

    def _find(self, root: Any, train: bool, download: bool, network: Network | None) -> Found:
        if self.sibling is not None:
            return find_sibling(self.sibling, root, train=train, download=download, network=network)
        place = Path(root).expanduser() / "MNIST" / "raw"
        there = any(candidates(place, file) for file in MNIST_FILES.split(train))
        return find_split(place if there else None, train=train, download=download, network=network)

    @property
    def takes_index_arrays(self) -> bool:
        """Whether a batch can be gathered at once: the transforms take batches."""
        batches = self.transform is None or getattr(self.transform, "takes_batches", False)
        return bool(batches) and self.target_transform is None

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The label of each class."""
        return {name: i for i, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        images, targets = _array(self.data)[index], _array(self.targets)[index]
        if targets.ndim:
            transform: Any = self.transform
            return images if transform is None else transform.batch(images), from_numpy(targets)
        label = int(targets)
        image = images if self.transform is None else self.transform(images)
        return image, label if self.target_transform is None else self.target_transform(label)

    def __repr__(self) -> str:
        head = f"Dataset {type(self).__name__}\n    Number of datapoints: {len(self)}\n    Root location: {self.root}\n"
        return f"{head}    Split: {'Train' if self.train else 'Test'}\n    Transform: {self.transform!r}"


class FashionMNIST(MNIST):
    """Load one split of Fashion-MNIST, pictures of clothes. Arguments as MNIST's, files in root/FashionMNIST/raw.

    Source:
        Xiao, Rasul & Vollgraf 2017, Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms
    """

    sibling = FASHION_MNIST
    classes = list(FASHION_MNIST.classes)


class KMNIST(MNIST):
    """Load one split of Kuzushiji-MNIST, cursive Japanese characters. Arguments as MNIST's, files in root/KMNIST/raw.

    Source:
        Clanuwat et al. 2018, Deep learning for classical Japanese literature
    """

    sibling = KUZUSHIJI
    classes = list(KUZUSHIJI.classes)


def _array(x: Any) -> Array:
    """Give the array of what may have been replaced by a tensor, an array or a list."""
    return x.array if isinstance(x, Var) else np.asarray(x)
