"""MNIST and its kin as torchvision has them: root, train, transform, target_transform, download; EMNIST's split.

Found, verified and kept by data/: in `root`, which is only read, or in the package's cache, where downloads go. A batch
of samples is one gather where the transform takes batches. Look next at data/catalogue.py, which declares the sets.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.explain import outside
from ..core.graph import Array, Var
from ..data import catalogue as known
from ..data.dataset import Dataset
from ..data.folders import holds
from ..data.sources import Network, find_split
from ..tensors.creation import from_numpy
from ..transforms.classes import ToImage, ToTensor


class MNIST(Dataset[tuple[Any, Any]]):
    """Load one split of MNIST: ds[i] is (image, label), the image an array (28, 28) of bytes before the transform.

    `data` (N, 28, 28) and `targets` (N,) hold all of them as tensors.

    Args:
        root: where torchvision has its files (root/<name>/raw); they may also be in the package's cache
        transform, target_transform: called with an image or a label
        download: get what is nowhere here from the mirrors
    """

    catalogue: known.Catalogue = known.MNIST
    classes: Sequence[str] = list(known.MNIST.classes)

    def __init__(
        self, root: str | os.PathLike[str], train: bool = True, transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None, download: bool = False, *, network: Network | None = None,
    ) -> None:  # fmt: skip
        place = Path(root).expanduser() / self.catalogue.name / "raw"
        path = place if holds(place, self.catalogue, train) else None
        found = find_split(path, train=train, download=download, network=network, catalogue=self.catalogue)
        for text in found.warnings:
            warnings.warn(text, stacklevel=outside())
        self.root, self.train, self.transform, self.target_transform = root, train, transform, target_transform
        self.data: Any = from_numpy(found.images)
        self.targets: Any = from_numpy(found.labels.astype(np.int64))
        self.source = found.source

    @property
    def takes_index_arrays(self) -> bool:
        """Whether a batch can be gathered at once: the transforms take batches, and make tensors of images."""
        steps = [] if self.transform is None else getattr(self.transform, "transforms", [self.transform])
        batches = all(getattr(step, "takes_batches", False) for step in steps)
        tensors = not steps or any(isinstance(step, (ToTensor, ToImage)) for step in steps)
        return batches and tensors and self.target_transform is None

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The label of each class."""
        return {name: i for i, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        image, label = _array(self.data)[index], _array(self.targets)[index]
        if label.ndim:
            return image if self.transform is None else self.transform(from_numpy(image[:, None])), from_numpy(label)
        image = image if self.transform is None else self.transform(image)
        return image, int(label) if self.target_transform is None else self.target_transform(int(label))

    def __repr__(self) -> str:
        head = f"Dataset {type(self).__name__}\n    Number of datapoints: {len(self)}\n    Root location: {self.root}\n"
        return f"{head}    Split: {'Train' if self.train else 'Test'}\n    Transform: {self.transform!r}"


class FashionMNIST(MNIST):
    """Load one split of Fashion-MNIST, pictures of clothes (Xiao, Rasul & Vollgraf 2017), as MNIST."""

    catalogue, classes = known.FASHION_MNIST, list(known.FASHION_MNIST.classes)


class KMNIST(MNIST):
    """Load one split of Kuzushiji-MNIST, cursive Japanese characters (Clanuwat et al. 2018), as MNIST."""

    catalogue, classes = known.KMNIST, list(known.KMNIST.classes)


class EMNIST(MNIST):
    """Load one split of EMNIST, handwritten letters and digits (Cohen et al. 2017), as MNIST.

    The images lie on their side, rows for columns, as they are published and as torchvision gives them:
    `data.mT` sets them upright. The labels of "letters" begin at 1, and `classes[0]` is "N/A".

    Args:
        root: where torchvision has its files (root/EMNIST/raw), or gzip.zip lies; they may also be in the cache
        split: "byclass" (62 classes), "bymerge" or "balanced" (47, letters that look alike merged), "letters" (26),
            "digits" or "mnist" (10)
        train, transform, target_transform, download: as of MNIST; a download is 562 MB, whatever the split
    Raises:
        ArgumentError: there is no such split
        DataError: the files are nowhere, or damaged
    """

    splits = tuple(known.EMNIST)
    classes_split_dict = {split: list(one.classes) for split, one in known.EMNIST.items()}

    def __init__(
        self, root: str | os.PathLike[str], split: str, train: bool = True,
        transform: Callable[[Any], Any] | None = None, target_transform: Callable[[Any], Any] | None = None,
        download: bool = False, *, network: Network | None = None,
    ) -> None:  # fmt: skip
        if split not in self.splits:
            raise ArgumentError("EMNIST: no such split.", got=f"split={split!r}", expected=", ".join(self.splits))
        self.split, self.catalogue, self.classes = split, known.EMNIST[split], self.classes_split_dict[split]
        super().__init__(root, train, transform, target_transform, download, network=network)


def _array(x: Any) -> Array:
    """Give the array of what may have been replaced by a tensor, an array or a list."""
    return x.array if isinstance(x, Var) else np.asarray(x)
