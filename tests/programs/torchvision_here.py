"""As much of torchvision as the programs ask for, on torch and NumPy alone: PyTorch's side of the comparison.

The real one needs a build that fits PyTorch's own; this knows nothing of the package, so it can judge it.
"""

import gzip
from pathlib import Path
from types import ModuleType

import numpy as np
import torch


def idx(path):
    """Read an IDX file of bytes, as it is or gzipped."""
    data = path.read_bytes() if path.exists() else gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes())
    shape = np.frombuffer(data, ">i4", data[3], offset=4)
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape).copy())


class MNIST(torch.utils.data.Dataset):
    classes = [f"{i} - {w}" for i, w in enumerate("zero one two three four five six seven eight nine".split())]

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        name, raw = "train" if train else "t10k", Path(root) / "MNIST" / "raw"
        self.root, self.train, self.transform, self.target_transform = root, train, transform, target_transform
        self.data = idx(raw / f"{name}-images-idx3-ubyte")
        self.targets = idx(raw / f"{name}-labels-idx1-ubyte").long()

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        image, label = self.data[index].numpy(), int(self.targets[index])
        image = self.transform(image) if self.transform else image
        return image, self.target_transform(label) if self.target_transform else label


class Compose:
    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, x):
        for step in self.transforms:
            x = step(x)
        return x


class ToTensor:
    def __call__(self, image):
        return torch.from_numpy(image)[None].to(torch.get_default_dtype()).div(255)


class Normalize:
    def __init__(self, mean, std):
        self.mean, self.std = mean, std

    def __call__(self, x):
        mean, std = (torch.as_tensor(v, dtype=x.dtype)[:, None, None] for v in (self.mean, self.std))
        return (x - mean) / std


class Lambda:
    def __init__(self, lambd):
        self.lambd = lambd

    def __call__(self, x):
        return self.lambd(x)


class ToImage:
    def __call__(self, image):
        return torch.from_numpy(image)[None]


class ToDtype:
    def __init__(self, dtype, scale=False):
        self.dtype, self.scale = dtype, scale

    def __call__(self, x):
        return x.to(self.dtype).mul(1 / 255 if self.scale else 1)


def modules():
    """Give the modules by the names that programs import."""
    made = {name: ModuleType(name) for name in ("torchvision", "torchvision.datasets", "torchvision.transforms")}
    whole, datasets, transforms = made.values()
    whole.datasets, whole.transforms, datasets.MNIST = datasets, transforms, MNIST
    for part in (Compose, ToTensor, Normalize, Lambda, ToImage, ToDtype):
        setattr(transforms, part.__name__, part)
    made["torchvision.transforms.v2"] = transforms.v2 = transforms
    return made
