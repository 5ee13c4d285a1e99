"""EMNIST: read out of its one zip, kept, found again; zips that are damaged, swollen or no zips are refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import zipfile

import numpy as np
import pytest
from mirrors import HTML, flip, message, network, put

from tinygrad_mnist import datasets
from tinygrad_mnist.core.errors import ArgumentError, DataError
from tinygrad_mnist.data import catalogue as known
from tinygrad_mnist.data.idx import format_idx

IMAGES = np.random.default_rng(0).integers(0, 256, (10, 28, 28), dtype=np.uint8)
LABELS = np.array([1, 26, 3, 4, 1, 6, 7, 26, 9, 10], np.uint8)
RAW = {
    f"emnist-{split}-{part}-{kind}": format_idx(array[where])
    for split in ("letters", "balanced")
    for part, where in (("train", slice(6)), ("test", slice(6, 10)))
    for kind, array in (("images-idx3-ubyte", IMAGES), ("labels-idx1-ubyte", LABELS))
}


def zipped(members, **more):
    """Write a zip as it is published: .gz files in a folder, beside others that are not needed."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("gzip/emnist-letters-mapping.txt", "1 65 97")
        for name, data in members.items():
            archive.writestr(f"gzip/{name}.gz", gzip.compress(data, mtime=0))
        for name, data in more.items():
            archive.writestr(name, data)
    return stream.getvalue()


ZIP = zipped(RAW)


@pytest.fixture
def publish(monkeypatch, start_mirror):
    """Let a zip be the published one, and a mirror have it (or another one)."""

    def published(data=ZIP, answer=None):
        archive = known.File("gzip.zip", len(data), hashlib.sha256(data).hexdigest())
        for split in ("letters", "balanced"):
            tiny = known.EMNIST[split]._replace(archive=archive, counts=(6, 4))
            monkeypatch.setitem(known.EMNIST, split, tiny)
        mirror = start_mirror()
        mirror.answers["gzip.zip"] = data if answer is None else answer
        return mirror

    return published


def test_the_zip_is_fetched_once_and_read_for_each_split(publish, own_cache, tmp_path):
    mirror = publish()
    for split in ("letters", "balanced"):
        for train, where in ((True, slice(6)), (False, slice(6, 10))):
            data = datasets.EMNIST(tmp_path, split, train, download=True, network=network(mirror))
            assert data.data.tolist() == IMAGES[where].tolist() and data.targets.tolist() == LABELS[where].tolist()
    assert mirror.asked == {"gzip.zip": 1}
    cache = own_cache.parent / "EMNIST"
    kept = {"letters-train.npz", "letters-test.npz", "balanced-train.npz", "balanced-test.npz", "gzip.zip", ".lock"}
    assert {path.name for path in cache.iterdir()} == kept
    (cache / "gzip.zip").unlink()  # with what was read from it the zip is done
    assert len(datasets.EMNIST(tmp_path, "letters", download=False)) == 6


def test_it_is_torchvisions(publish, tmp_path):
    publish()
    (tmp_path / "EMNIST" / "raw").mkdir(parents=True)
    (tmp_path / "EMNIST" / "raw" / "gzip.zip").write_bytes(ZIP)
    data = datasets.EMNIST(root=tmp_path, split="letters", train=True, transform=lambda image: image.T)
    image, label = data[1]
    assert np.array_equal(image, IMAGES[1].T) and label == 26  # sideways, as published, until it is turned
    assert np.array_equal(data.data.mT.numpy(), IMAGES[:6].transpose(0, 2, 1))
    assert data.split == "letters" and data.classes[0] == "N/A" and data.classes[label] == "z"
    assert data.class_to_idx["a"] == 1 and len(data.classes) == 27
    assert datasets.EMNIST.splits == ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    assert len(datasets.EMNIST.classes_split_dict["balanced"]) == 47
    assert "Dataset EMNIST" in repr(data)
    with pytest.raises(ArgumentError, match="balanced, letters"):
        datasets.EMNIST(tmp_path, "capitals")


@pytest.mark.parametrize("packed", [True, False])
def test_what_torchvision_unpacked_is_read(packed, tmp_path):
    files = {name: gzip.compress(data) if packed else data for name, data in RAW.items()}
    put(tmp_path / "EMNIST" / "raw", files, ".gz" * packed)
    data = datasets.EMNIST(tmp_path, "letters", train=False)
    assert data.targets.tolist() == LABELS[6:].tolist()


def test_it_is_found_in_the_cache_by_hand_and_its_absence_is_explained(publish, own_cache, tmp_path):
    publish()
    with pytest.raises(DataError) as error:
        datasets.EMNIST(tmp_path, "letters")
    cache = own_cache.parent / "EMNIST"
    for part in ("download=True, or", "this file", "EMNIST/gzip.zip or", f"{len(ZIP):,} bytes", str(cache)):
        assert part in message(error)
    put(cache, {"gzip.zip": ZIP})
    assert len(datasets.EMNIST(tmp_path, "letters")) == 6


def test_a_cache_that_cannot_be_written_costs_a_warning(publish, tmp_path, monkeypatch):
    mirror = publish()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="in memory only"):
        assert len(datasets.EMNIST(tmp_path, "letters", download=True, network=network(mirror))) == 6


BAD = {
    "another file": (ZIP + b"!", "content with another sha256"), "truncated": (ZIP[:-9], "content with another sha256"),
    "damaged": (flip(ZIP, 200), "content with another sha256"), "html": (HTML, "content with another sha256"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_not_the_published_zip_is_not_opened(publish, own_cache, tmp_path, case, monkeypatch):
    data, words = BAD[case]
    mirror = publish(answer=data)
    put(tmp_path / "EMNIST" / "raw", {"gzip.zip": data})
    monkeypatch.setattr(zipfile.ZipFile, "__init__", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(DataError) as error:
        datasets.EMNIST(tmp_path, "letters", download=True, network=network(mirror))
    assert message(error).count(words) == 2  # from the folder, from the mirror
    assert not list((own_cache.parent / "EMNIST").glob("*.*z*"))


NAME = "emnist-letters-train-images-idx3-ubyte"
SWOLLEN = {  # with the right checksum, so that no other barrier is in front
    "a bomb of gzip": (zipped(RAW | {NAME: bytes(1 << 22)}), "is too large"),
    "a bomb of deflate": (zipped({k: v for k, v in RAW.items() if k != NAME}, **{f"gzip/{NAME}.gz": bytes(1 << 22)}),
                          "is too large"),
    "no member": (zipped({k: v for k, v in RAW.items() if k != NAME}), "KeyError"),
    "no zip": (b"PK nonsense", "BadZipFile"), "half a zip": (ZIP[: len(ZIP) // 2], "BadZipFile"),
    "a flipped bit": (flip(ZIP, ZIP.index(NAME.encode()) + 99), "cannot be read"),
    "cut gzip": (zipped({k: v for k, v in RAW.items() if k != NAME},
                        **{f"gzip/{NAME}.gz": gzip.compress(RAW[NAME])[:-9]}), "is truncated"),
    "other labels": (zipped(RAW | {"emnist-letters-train-labels-idx1-ubyte": format_idx(LABELS[:6] + 20)}), "above 26"),
    "html": (zipped(RAW | {NAME: HTML}), "an HTML page"),
}  # fmt: skip


@pytest.mark.parametrize("case", SWOLLEN)
def test_damage_behind_the_right_checksum_is_a_data_error(publish, own_cache, tmp_path, case):
    data, words = SWOLLEN[case]
    mirror = publish(data)
    with pytest.raises(DataError) as error:
        datasets.EMNIST(tmp_path, "letters", download=True, network=network(mirror))
    assert words in message(error)
    assert not list((own_cache.parent / "EMNIST").glob("*.*z*"))


@pytest.mark.parametrize("name", ["/etc/evil", "../../evil", "C:\\evil", f"../{NAME}.gz"])
def test_nothing_of_a_zip_is_written_wherever_its_names_point(publish, tmp_path, name):
    mirror = publish(zipped(RAW, **{name: b"evil"}))
    before = {path for path in tmp_path.rglob("*")}
    if name.endswith(".gz"):  # the last of two members of one name
        with pytest.raises(DataError):
            datasets.EMNIST(tmp_path, "letters", download=True, network=network(mirror))
    else:
        assert len(datasets.EMNIST(tmp_path, "letters", download=True, network=network(mirror))) == 6
    new = {path.name for path in tmp_path.rglob("*")} - {path.name for path in before}
    assert new <= {"cache", "tinygrad_mnist", "EMNIST", ".lock", "gzip.zip", "letters-train.npz"}
    shutil.rmtree(tmp_path / "cache")
