"""Which data sets there are: MNIST, Fashion-MNIST, KMNIST and the six of EMNIST, each declared once.

A Catalogue says which files are published where, how large they are, what their sha256 is, how many images there are
and which classes. Folders, caches, downloads, checks and error messages are derived from it.
Knows nothing of folders or the network. Look next at folders.py (reading files) and sources.py (where they are sought).
"""

from __future__ import annotations

import hashlib
import math
import string
from typing import NamedTuple

from .idx import Buffer

UNKNOWN = "content of their own"


class File(NamedTuple):
    """A published file: its name, its size and sha256 as it is served, and the sha256 of what is inside, if known."""

    name: str
    size: int = 0
    sha256: str = ""
    raw_sha256: str = ""

    @property
    def raw_name(self) -> str:
        """The name after unpacking."""
        return self.name.removesuffix(".gz")


class Catalogue(NamedTuple):
    """What is published of a data set. All the rest is derived from it."""

    name: str  # of the class, and of the folder in a root
    files: tuple[File, ...]  # images and labels to train, images and labels to test
    counts: tuple[int, int]  # of images to train, to test
    classes: tuple[str, ...]
    mirrors: tuple[str, ...]
    archive: File | None = None  # the zip in which the files lie, if they are not served one by one
    keras: str = ""  # the name of Keras's archive of the same arrays
    split: str = ""
    shape: tuple[int, int] = (28, 28)

    @property
    def recognised(self) -> bool:
        """Whether the unpacked files, too, are known by their sha256."""
        return all(file.raw_sha256 for file in self.files)

    def of(self, train: bool) -> tuple[tuple[str, File], ...]:
        """Give the two files of a part, each with its kind."""
        return tuple(zip(("images", "labels"), self.files[:2] if train else self.files[2:], strict=True))

    def raw_bytes(self, kind: str, train: bool) -> int:
        """Count the bytes of a file after unpacking: a head of 4 for the kind and 4 for each axis, a byte a value."""
        count = self.counts[0 if train else 1]
        return 16 + count * math.prod(self.shape) if kind == "images" else 8 + count

    def served(self, train: bool) -> tuple[tuple[str, File], ...]:
        """List the files to download for a part, each with its kind ("": the zip)."""
        return (("", self.archive),) if self.archive else self.of(train)

    def identify(self, file: File, raw: Buffer, packed: Buffer = b"") -> str:
        """Name the data set that a file is of, by its content: this one, another one, or UNKNOWN."""
        for digest in (hashlib.sha256(raw).hexdigest(), packed and hashlib.sha256(packed).hexdigest()):
            if digest and digest in (file.sha256, file.raw_sha256):
                return self.name
            if digest in KNOWN:
                return KNOWN[digest] if KNOWN[digest] != self.name else f"another file of {self.name}"
        return UNKNOWN


def catalogue_of(
    name: str, mirrors: tuple[str, ...], classes: tuple[str, ...], facts: str, of: str = "sha256", keras: str = ""
) -> Catalogue:
    """Declare a set with the file names, counts and shape of MNIST.

    Args:
        facts: size and sha256 of the four .gz files, a file a line
        of: "sha256", of the .gz as it is served, or "raw_sha256", of what is inside
    """
    names = [f"{part}-{end}-ubyte.gz" for part in ("train", "t10k") for end in ("images-idx3", "labels-idx1")]
    rows = zip(names, map(str.split, facts.strip().splitlines()), strict=True)
    files = tuple(File(file, int(size), **{of: digest}) for file, (size, digest) in rows)
    return Catalogue(name, files, (60_000, 10_000), classes, mirrors, keras=keras)


# Source: torchvision (torchvision/datasets/mnist.py) for classes and mirrors; TensorFlow Datasets' checksums for sizes
# and sha256, but for MNIST: those are measured on the files themselves
MNIST = catalogue_of(
    "MNIST",
    ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/",
     "https://yann.lecun.com/exdb/mnist/"),
    ("0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven", "8 - eight",
     "9 - nine"),
    """
    9912422 ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
    28881 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5
    1648877 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7
    4542 ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2
    """,
    "raw_sha256", keras="mnist.npz",
)  # fmt: skip
FASHION_MNIST = catalogue_of(
    "FashionMNIST",
    ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
     "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"),
    ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    """
    26421880 3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84
    29515 a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845
    4422102 346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073
    5148 67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5
    """,
)  # fmt: skip
KMNIST = catalogue_of(
    "KMNIST", ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    """
    18165135 51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4
    29497 e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17
    3041136 edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5
    5120 20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c
    """,
)  # fmt: skip
EMNIST_ZIP = File("gzip.zip", 561_753_746, "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e")
ALL = (*string.digits, *string.ascii_uppercase, *string.ascii_lowercase)
MERGED = tuple(c for c in ALL if c not in "cijklmopsuvwxyz")  # letters that look alike, large and small, are one
EMNIST = {
    split: Catalogue(
        "EMNIST",
        tuple(File(f"emnist-{split}-{part}-{end}-ubyte.gz")
              for part in ("train", "test") for end in ("images-idx3", "labels-idx1")),
        counts, classes, ("https://biometrics.nist.gov/cs_links/EMNIST/",), EMNIST_ZIP, split=split,
    )
    for split, counts, classes in (
        ("byclass", (697_932, 116_323), ALL), ("bymerge", (697_932, 116_323), MERGED),
        ("balanced", (112_800, 18_800), MERGED),
        ("letters", (124_800, 20_800), ("N/A", *string.ascii_lowercase)),  # whose labels begin at 1
        ("digits", (240_000, 40_000), tuple(string.digits)), ("mnist", (60_000, 10_000), tuple(string.digits)),
    )
}  # fmt: skip
SETS = {c.name: c for c in (MNIST, FASHION_MNIST, KMNIST)}  # of ten classes, under the same four file names
KNOWN = {digest: c.name for c in SETS.values() for file in c.files for digest in file[2:] if digest}
