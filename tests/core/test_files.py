"""Whole-file writes and damaged archives: links, modes, devices, errors of one kind, every flipped bit, lying sizes."""

from __future__ import annotations

import copy
import errno
import gc
import io
import os
import stat
import struct
import subprocess
import sys
import zipfile
from contextlib import suppress

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import DataError, DTypeError, OutputError
from tinygrad_mnist.core.files import output_folder, write_whole

POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")


def bare(x):
    """Write a loaded state so that two can be compared, types and bytes included."""
    if isinstance(x, dict):
        return [(k, bare(v)) for k, v in x.items()]
    if isinstance(x, list):
        return [bare(v) for v in x]
    return (x.array.dtype.str, x.shape, x.array.tobytes()) if isinstance(x, tg.Tensor) else x


@POSIX
def test_what_a_killed_proof_of_a_folder_left_is_removed(tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    left, other = tmp_path / f".probe.{dead.pid}.1.part", tmp_path / f".probe.{os.getpid()}.1.part"
    left.touch(), other.touch()
    assert output_folder(tmp_path) == tmp_path and [*tmp_path.iterdir()] == [other]


def test_the_folder_where_one_is_has_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.open", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    for folder in (".", tmp_path.relative_to(tmp_path)):
        with pytest.raises(OutputError) as error:
            output_folder(folder)
        assert error.value.problem == "Files cannot be written to the folder that you are in."


@POSIX
def test_a_link_is_followed_and_stays(tmp_path):
    (tmp_path / "far").mkdir()
    target, middle, link = tmp_path / "far" / "x", tmp_path / "middle", tmp_path / "link"
    middle.symlink_to("far/x")
    link.symlink_to(middle)
    for content in (b"dangling at first", b"then replaced"):
        write_whole(link, content)
        assert link.is_symlink() and middle.is_symlink() and target.read_bytes() == content
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OutputError):
        write_whole(tmp_path / "a", b"")
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "far", "link", "middle"] and os.listdir(target.parent) == ["x"]


@POSIX
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o444, 0o4755, 0o2750, 0o1644, 0])
def test_a_files_mode_is_kept(tmp_path, mode):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    path.chmod(mode)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new" and stat.S_IMODE(path.stat().st_mode) == mode


@POSIX
@pytest.mark.thread_unsafe(reason="the umask is that of the whole process")
def test_a_new_file_has_the_mode_of_new_files(tmp_path):
    before = os.umask(0o027)
    try:
        tg.save({}, tmp_path / "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


@POSIX
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_owner_and_group_are_kept_and_no_program_is_given_to_another_user(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    os.chown(path, 1234, 2345)
    path.chmod(0o6750)
    write_whole(path, b"new")
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 2345, 0o6750)
    real = os.fchown

    def refused(descriptor, owner, group):  # as a user, who may give a file to groups of theirs
        if owner != -1:
            raise PermissionError
        real(descriptor, owner, group)

    monkeypatch.setattr(os, "fchown", refused)
    write_whole(path, b"newer")
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (os.getuid(), 2345, 0o750)


def train(**kwargs):
    data = tg.ones(4, 2), tg.zeros(4, dtype=tg.int64)
    tg.training.fit(nn.Linear(2, 2), data, epochs=1, progress=False, **kwargs)


def draw(path):
    pytest.importorskip("graphviz")
    tg.viz.graph(nn.Linear(2, 2)(tg.ones(1, 2))).save(path)


def curves(path):
    pytest.importorskip("matplotlib")
    row = dict.fromkeys(("train_loss", "valid_loss", "train_accuracy", "valid_accuracy"), 1.0)
    tg.viz.plot_curves([row], path)


WRITERS = {
    "save": ("", lambda path: tg.save({}, path)),
    "checkpoint": ("", lambda path: train(checkpoint=tg.training.Checkpoint(path))),
    "log": (".csv", lambda path: train(callbacks=[tg.training.Log(path)])), "picture": (".dot", draw),
    "curves": (".png", curves),
}


@POSIX
@pytest.mark.parametrize("writer", WRITERS)
def test_every_writer_refuses_what_is_no_name_or_no_plain_file(tmp_path, monkeypatch, writer):
    monkeypatch.chdir(tmp_path)
    suffix, write = WRITERS[writer]
    os.mkfifo(f"pipe{suffix}")
    os.mkdir(f"folder{suffix}")
    os.symlink(f"pipe{suffix}", f"link{suffix}")
    os.symlink("/dev/full", f"device{suffix}")
    os.symlink(f"ring{suffix}", f"ring{suffix}")
    there = sorted(os.listdir())
    for bad in (3.5, b"bytes" + suffix.encode(), *(f"{name}{suffix}" for name in (
        "pipe", "folder", "link", "device", "ring", "n" * 260, "x\0", "\ud800", "/proc/missing/x",
    ))):  # fmt: skip
        with pytest.raises(OutputError):
            write(bad)
        assert sorted(os.listdir()) == there
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)
    for good in (f"{'n' * 240}{suffix}", f"a\udcff{suffix}", f"[x]*?{suffix}", f"folder{suffix}/x{suffix}"):
        write(good)
        assert os.path.isfile(good)


@POSIX
def test_what_is_no_plain_file_is_refused_and_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("pipe")
    kinds = {"pipe": "a pipe", "folder": "a folder", "link": "a pipe", "new/": "a folder", "new/.": "a folder"}
    for name, kind in kinds.items():
        with pytest.raises(OutputError, match="cannot be written") as caught:
            tg.save({}, f"{tmp_path}/{name}")
        assert caught.value.got == kind
    with pytest.raises(DataError, match="a pipe"):  # instead of waiting for a writer
        tg.load(tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode) and sorted(os.listdir(tmp_path)) == [
        "folder", "link", "pipe",
    ]  # fmt: skip


@POSIX
def test_a_device_is_refused(tmp_path, monkeypatch):
    path, real = tmp_path / "device", os.stat
    path.write_bytes(b"stands in for a device")
    seen = os.stat_result((stat.S_IFCHR | 0o666, *real(path)[1:]))
    monkeypatch.setattr(os, "stat", lambda p, **k: seen if p == str(path) else real(p, **k))
    with pytest.raises(OutputError) as caught:
        tg.save({}, path)
    monkeypatch.undo()
    assert caught.value.got == "a device" and path.read_bytes() == b"stands in for a device"


@pytest.mark.parametrize("path", ["", "x\0y", "\udcff\ud800", "n" * 300, 3.5, None, b"bytes", "missing/x"])
def test_a_path_that_cannot_be_is_an_output_error_and_a_data_error(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError):
        tg.save({}, path)
    assert os.listdir(tmp_path) == []
    if path != b"bytes":
        with pytest.raises(DataError):
            tg.load(path)


def test_what_cannot_be_written_is_an_output_error_and_the_old_file_stays(tmp_path, monkeypatch):
    path, ring, deep = tmp_path / "x", [], []
    tg.save({"a": tg.ones(2)}, path)
    before = path.read_bytes()
    ring.append(ring)
    for _ in range(5000):
        deep = [deep]
    for bad in (ring, deep, {3: 1, "a": 1}, object(), 10**5000, np.complex64(1), np.longdouble(1)):
        with pytest.raises(OutputError):
            tg.save(bad, path)
    with pytest.raises(DTypeError):  # as ever
        tg.save({3: 1, "a": 1}, path)
    full = OSError(errno.ENOSPC, "No space left on device")
    for step in ("fsync", "replace"):
        monkeypatch.setattr(os, step, lambda *_: (_ for _ in ()).throw(full))
        with pytest.raises(OutputError, match="No space left"):
            tg.save({}, path)
        monkeypatch.undo()
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize("name", ["x.npz", "x.pt"])
def test_a_file_that_cannot_be_written_leaves_the_collector_no_reason_to_complain(tmp_path, monkeypatch, name):
    def fails():
        with pytest.raises(OutputError) as caught:
            tg.save({"a": tg.ones(2)}, tmp_path / name)
        return [caught]  # which holds the frame, which holds it

    complaints = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)  # since Python 3.13 a stream that cannot close does
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))
    fails()
    gc.collect()
    assert complaints == []


def nest(x, depth, keys):
    for level in range(depth):
        x = {"k": x} if keys and level % keys == 0 else [x]
    return x


@pytest.mark.thread_unsafe(reason="sets Python's limit of calls")
@pytest.mark.parametrize("limit", [600, 1000, 30_000, 1_000_000])
@pytest.mark.parametrize("keys", [0, 1, 2], ids=["lists", "dicts", "both"])
def test_what_may_be_nested_does_not_depend_on_pythons_limit(tmp_path, limit, keys):
    before = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(limit)
        for depth in (1, 99, 100):
            tg.save(nest(tg.ones(2), depth, keys), tmp_path / "x")
            assert bare(tg.load(tmp_path / "x")) == bare(nest(tg.ones(2), depth, keys))
        for depth in (101, 1000, 100_000):
            with pytest.raises(OutputError, match="nested too deeply"):
                tg.save(nest(tg.ones(2), depth, keys), tmp_path / "y")
        for text in (b"[" * 200_000, b'{"[":' * 5000, b"[" * 1001 + b"]" * 1001):
            (tmp_path / "y").write_bytes(archive(("__structure__.npy", member((len(text),), text, descr="|u1"))))
            with pytest.raises(DataError, match="nested more than"):
                tg.load(tmp_path / "y")
    finally:
        sys.setrecursionlimit(before)


def test_a_name_near_the_longest_is_written(tmp_path):
    name = "n" * 250
    tg.save({"a": tg.ones(1)}, tmp_path / name)
    assert tg.load(tmp_path / name)["a"].tolist() == [1] and os.listdir(tmp_path) == [name]


NAMED = [("#1", ""), ("a\0b", "a"), ("\ud800", "b"), ("k" * 70_000, "k"), ("a\\b", "a/b")]


@pytest.mark.parametrize("state", [
    *({name: tg.full((2,), float(i)) for i, name in enumerate(names)} for names in NAMED),
    {"a/b": tg.ones(1), "a": {"b": tg.zeros(1)}}, {"allow_pickle": tg.ones(1), "b": tg.zeros(1), "file": tg.ones(2)},
    {"": tg.ones(2), "#1": tg.zeros(1), "#0": tg.zeros(2)}, tg.ones(3), [tg.ones(1), {"0": tg.zeros(1)}],
], ids=range(10))  # fmt: skip
def test_no_name_takes_anothers_place_and_none_is_reserved(tmp_path, state):
    tg.save(state, tmp_path / "x")
    assert bare(tg.load(tmp_path / "x")) == bare(state)


STATES = [
    {"weight": tg.arange(6), "bias": tg.ones(2)},
    {"a": [tg.ones(2, 3), {"b": 1.5, "c": None}], "": tg.zeros(0), "läuft": tg.tensor(2.0)}, tg.tensor(3.0), {},
]  # fmt: skip


@pytest.mark.parametrize("state", STATES, ids=["flat", "nested", "scalar", "empty"])
def test_every_flipped_bit_and_every_truncation_is_noticed_or_harmless(tmp_path, state):
    path = tmp_path / "x"
    tg.save(state, path)
    whole, expected = path.read_bytes(), bare(tg.load(path))
    noticed = 0
    damaged = [whole[:i] + bytes([whole[i] ^ 1 << bit]) + whole[i + 1 :] for i in range(len(whole)) for bit in range(8)]
    for broken in [*damaged, *(whole[:n] for n in range(len(whole))), whole + b"\0"]:
        path.write_bytes(broken)
        try:
            assert bare(tg.load(path)) == expected
        except DataError:
            noticed += 1
    assert noticed >= len(whole)  # the truncations at least
    print(f"{len(damaged)} flips and {len(whole)} truncations: {noticed} refused, the others loaded equal content")


def member(shape, data=b"", **changes):
    """Make an .npy text that claims a shape."""
    head = repr({"descr": "<f4", "fortran_order": False, "shape": shape, **changes}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data


def archive(*members, compression=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as made:
        for name, text in members:
            made.writestr(name, text)
    return stream.getvalue()


LIES = {
    "huge": archive(("a.npy", member((1 << 60,)))), "huge and empty": archive(("a.npy", member((1 << 40, 1 << 40)))),
    "negative": archive(("a.npy", member((-1,), b"1234"))),
    "two negatives": archive(("a.npy", member((-1, -1), b"1234"))), "short": archive(("a.npy", member((3,), b"1234"))),
    "long": archive(("a.npy", member((1,), b"12345678"))), "truth": archive(("a.npy", member((True,), b"1234"))),
    "record": archive(("a.npy", member((1,), b"1234", descr=[("x", "<f4")]))),
    "bomb": archive(("a.npy", member((1 << 25,), bytes(1 << 27))), compression=zipfile.ZIP_DEFLATED),
    "bzip2": archive(("a.npy", member((1,), b"1234")), compression=zipfile.ZIP_BZIP2),
    "deep": archive(("__structure__.npy", member((200_000,), b"[" * 200_000, descr="|u1"))),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_lying_sizes_are_data_errors_before_memory_is_taken(tmp_path, name, monkeypatch):
    (tmp_path / "x").write_bytes(LIES[name])
    if name != "deep":
        monkeypatch.setattr(np, "empty", lambda *_, **__: pytest.fail("memory was taken"))
    with pytest.raises(DataError):
        tg.load(tmp_path / "x")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused(tmp_path):
    (tmp_path / "x").write_bytes(archive(("a.npy", member((1,), b"1234")), ("a.npy", member((1,), b"5678"))))
    with pytest.raises(DataError, match="two entries"):
        tg.load(tmp_path / "x")


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_every_flipped_bit_of_a_file_without_a_seal_is_noticed_or_harmless(tmp_path, write):
    """Of its directory too: an entry that claims a longer comment swallowed the next one."""
    path = tmp_path / "x.npz"
    write(path, a=np.arange(3), bias=np.ones(2, np.float32), c=np.uint8(3))
    whole, expected = path.read_bytes(), bare(tg.load(path))
    for place in range(8 * len(whole)):
        broken = bytearray(whole)
        broken[place // 8] ^= 1 << place % 8
        path.write_bytes(broken)
        with suppress(DataError):
            assert bare(tg.load(path)) == expected, place


def test_a_damaged_seal_is_not_a_comment_of_somebody_elses(tmp_path):
    path = tmp_path / "x"
    tg.save({"a": tg.ones(2), "b": [1]}, path)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"tinygrad_mnist sha", b"tinygraX_mnist sha"))
    with pytest.raises(DataError):
        tg.load(path)


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_numpys_own_files_and_those_without_a_seal_load(tmp_path, write):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "f": np.asfortranarray(np.ones((3, 2))), "s": np.float32(2)}
    write(tmp_path / "x.npz", **arrays)
    back = tg.load(tmp_path / "x.npz")
    assert list(back) == list(arrays) and all(np.array_equal(back[k].numpy(), v) for k, v in arrays.items())


def test_shared_and_ring_shaped_modules_are_copied_as_they_are():
    shared, ring = nn.Linear(2, 2), nn.ReLU()
    pair = nn.Sequential(shared, shared)
    ring.me = ring
    twin, other = copy.deepcopy(pair), copy.deepcopy(ring)
    assert twin[0] is twin[1] and twin[0] is not shared and other.me is other and "(...)" in repr(ring)


def test_a_module_that_calls_itself_is_told_so_and_does_not_end_the_process():
    code = """
import threading, tinygrad_mnist as tg
class Loop(tg.nn.Module):
    def forward(self, x): return self(x)
def go():
    try: Loop()(tg.ones(1))
    except RecursionError: print("told")
go()
thread = threading.Thread(target=go); thread.start(); thread.join()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "told\ntold\n"), done.stderr
