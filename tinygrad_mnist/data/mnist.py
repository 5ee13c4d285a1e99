"""MNIST, the handwritten digits of LeCun, Cortes and Burges: 60,000 training and 10,000 test images of 28x28.

Knows nothing of where files come from beyond asking sources.py, nor of Tensor or batches. Look next at image_set.py
(what can be done with it), sources.py (where it is sought) and choose.py (what to use where it cannot be had).
"""

from __future__ import annotations

import os
import warnings

from ..core.explain import outside
from .idx import Bytes
from .image_set import ImageSet
from .sources import Network, Progress, find_split

DIGIT_CLASSES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")


def load_mnist_arrays(
    path: str | os.PathLike[str] | None = None, *, train: bool = True, download: bool = True,
    progress: Progress | None = None,
) -> tuple[Bytes, Bytes]:  # fmt: skip
    """Load one split of MNIST as raw arrays.

    Shapes:
        -> images uint8 (N, 28, 28), labels uint8 (N,); N = 60,000 or 10,000.
    Units:
        0 (background) to 255.
    Args:
        path: a folder of the files or a torchvision root, asked before all other sources (see sources.py)
        progress: called with file name, bytes done and bytes in total while downloading
    Raises:
        DataError: if no source has the files; it lists them all and says how to get the files by hand
    """
    found = find_split(path, train=train, download=download, progress=progress)
    for text in found.warnings:
        warnings.warn(text, stacklevel=outside())
    return found.images, found.labels


class MNIST(ImageSet):
    """Load one split of MNIST as a data set.

    Shapes:
        images uint8 (N, 28, 28), labels int64 (N,); ds[i] -> (float32 (1, 28, 28), int). See ImageSet.
    Args:
        path: a folder of the files or a torchvision root, asked before all other sources (see sources.py). It is only
            read: downloads go to the package's cache. Other sets under MNIST's file names are taken from it with a
            warning, and `canonical` is then False
        progress: called with file name, bytes done, bytes in total
        network: other mirrors, another patience
    Raises:
        DataError: if no source has the files; it lists them all and says how to get the files by hand
    Source:
        LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning applied to document recognition, section III.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, train: bool = True, download: bool = True,
        progress: Progress | None = None, network: Network | None = None,
    ) -> None:  # fmt: skip
        found = find_split(path, train=train, download=download, progress=progress, network=network)
        for text in found.warnings:
            warnings.warn(text, stacklevel=outside())
        super().__init__(found.images, found.labels, classes=DIGIT_CLASSES, source=found.source)
        self.canonical = found.canonical
