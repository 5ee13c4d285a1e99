"""PyTorch's files and .safetensors: what comes back is what went in, and no file can do more than be refused."""

import io
import os
import pickle
import random
import struct
import time
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import ArgumentError, DataError, MissingDependencyError, UnsavableError
from tinygrad_mnist.tensors import safe_files

DTYPES = "float64 float32 float16 int64 int32 int16 int8 uint8 bool uint16 uint32 uint64".split()


def same(ours, theirs):
    """Compare what was read with what PyTorch has."""
    torch = pytest.importorskip("torch")
    if isinstance(theirs, torch.Tensor):
        assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.").replace("bfloat16", "float32")
        assert ours.requires_grad == theirs.requires_grad and ours.shape == tuple(theirs.shape)
        theirs = theirs.detach()
        theirs = theirs.float() if theirs.dtype == torch.bfloat16 else theirs
        return np.array_equal(ours.detach().numpy(), theirs.numpy(), equal_nan=True)
    if isinstance(theirs, dict):
        return [*ours] == [*theirs] and all(same(ours[k], theirs[k]) for k in theirs)
    if isinstance(theirs, list | tuple):
        kind = tuple if isinstance(theirs, tuple) else list
        return type(ours) is kind and all(map(same, ours, theirs)) and len(ours) == len(theirs)
    return str(ours) == str(theirs) if isinstance(theirs, torch.device) else ours == theirs


@pytest.mark.parametrize("name", ["a.pt", "a.pth.tar", "a.bin", "a.ckpt"])
def test_what_programs_save_and_what_is_open_is_a_file_of_pytorch_s(name, tmp_path):
    torch = pytest.importorskip("torch")
    x = {"w": tg.ones(2), "epoch": 3}
    tg.save(x, tmp_path / name)
    with open(tmp_path / "b", "wb") as stream:
        tg.save(x, stream)
    theirs = torch.load(tmp_path / name)
    for source in (tmp_path / name, io.BytesIO((tmp_path / "b").read_bytes()), tmp_path / "b"):
        assert same(tg.load(source), theirs)
    buffer = io.BytesIO()
    tg.save(tg.ones(2), buffer)
    assert torch.load(io.BytesIO(buffer.getvalue())).tolist() == [1, 1]
    with pytest.raises(DataError, match="damaged"):
        tg.load(io.BytesIO(b"nothing"))


def things(torch):
    """Make one of everything that a checkpoint may hold."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [1, 2])
    model(torch.randn(4, 2)).sum().backward()
    optimizer.step()
    base = torch.arange(12.0).reshape(3, 4)
    return {
        "model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(),
        "parameters": [*model.parameters()], "numbers": [1, -2, 255, 256, 70000, -(2**31), 2**100, -1.5, True, None],
        "text": "läuft \ud800", "bytes": b"\0\xff", "set": {1, "a"}, "complex": 1j, 3: (4, (5,), []),
        "size": base.shape,
        "device": torch.device("cuda:1"), "views": [base, base.T, base[1:, ::2], base[2, 3], base.expand(2, 3, 4)],
        "dtypes": [(torch.ones(3) * 2).to(getattr(torch, d)) for d in DTYPES], "counter": Counter("aab"),
        "bfloat16": torch.randn(5).bfloat16(), "empty": torch.ones(0, 3), "leaf": torch.ones(2, requires_grad=True),
    }  # fmt: skip


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_torch_saves_is_read(tmp_path, protocol):
    torch = pytest.importorskip("torch")
    state = things(torch)
    torch.save(state, tmp_path / "x.pt", pickle_protocol=protocol)
    back = tg.load(tmp_path / "x.pt", map_location="cpu", weights_only=True)
    assert same(back, state)
    assert back["model"]._metadata == state["model"]._metadata and isinstance(back["model"], OrderedDict)
    whole, turned, part, one, repeated = back["views"]
    with tg.no_grad():
        turned[0, 0] = 7.0
    assert whole[0, 0].item() == 7 and whole._version == part._version == one._version > 0
    assert not repeated.numpy().flags.writeable
    squares = (whole.requires_grad_() ** 2).sum()
    with tg.no_grad():
        part.zero_()
    with pytest.raises(tg.errors.InPlaceError):
        squares.backward()


def test_what_we_write_is_read_by_torch_and_by_us(tmp_path):
    torch = pytest.importorskip("torch")
    model = tg.nn.Linear(3, 2)
    state = {
        "model": model.state_dict(), "parameter": model.weight,
        "turned": tg.arange(6).reshape(2, 3).T, 3: (4, [5.5, None]),
        "dtypes": [tg.ones(2).to(getattr(tg, d + "_" * (d == "bool"))) for d in DTYPES[:9]], "scalar": tg.tensor(2.5),
        "numbers": [2**100, -(2**63), 0, -1, 127, 128, 1e300, True, False], "text": "läuft \ud800",
        "empty": tg.zeros(0, 3),
    }  # fmt: skip
    tg.save(state, tmp_path / "x.pt")
    theirs, ours = torch.load(tmp_path / "x.pt", weights_only=True), tg.load(tmp_path / "x.pt")
    assert same(ours, theirs) and same(state, theirs)
    twin = torch.nn.Linear(3, 2)
    twin.load_state_dict(theirs["model"])
    for bad in (object(), {(1, 2): 3}, np.array([1j]), np.array(["a"])):
        with pytest.raises(UnsavableError):
            tg.save(bad, tmp_path / "y.pth")
    (loop := []).append(loop)
    with pytest.raises(tg.errors.OutputError):
        tg.save(loop, tmp_path / "y.pth")
    assert os.listdir(tmp_path) == ["x.pt"]


def test_a_training_goes_on_from_a_pt_file(tmp_path):
    for epochs in (1, 2):
        model = tg.nn.Linear(2, 2)
        data = tg.ones(4, 2), tg.zeros(4, dtype=tg.int64)
        settings = {"progress": False, "checkpoint": tmp_path / "x.pt", "resume": epochs == 2}
        assert len(tg.training.fit(model, data, epochs=epochs, **settings)) == epochs


def archive(path, text, **members):
    """Write a file of torch.save from a pickle and members."""
    with zipfile.ZipFile(path, "w") as made:
        for name, data in {"data.pkl": text, "version": b"3\n", **members}.items():
            made.writestr(f"a/{name.replace('__', '/')}", data)
    return path


def storage(kind=b"FloatStorage", key=b"0", count=3):
    """Spell a reference to memory."""
    told = b"(X\x07\0\0\0storagectorch\n" + kind + b"\nX" + struct.pack("<I", len(key)) + key
    return told + b"X\x03\0\0\0cpuM" + struct.pack("<H", count) + b"tQ"


def rebuilt(*args, name=b"_rebuild_tensor_v2"):
    """Spell a call that makes a tensor."""
    return b"\x80\x02ctorch._utils\n" + name + b"\n(" + b"".join(args) + b"\x89)tR."


def ints(*values):
    """Spell a tuple of integers."""
    return b"(" + b"".join(b"\x8a\x09" + v.to_bytes(9, "little", signed=True) for v in values) + b"t"


def int_(value):
    return ints(value)[1:-1]


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("executed",)


GOOD = rebuilt(storage(), int_(0), ints(3), ints(1))
REFUSED = {
    "system": (b"cos\nsystem\n(X\x02\0\0\0lstR.", "os.system"), "named": (b"cbuiltins\neval\n.", "builtins.eval"),
    "bomb": (pickle.dumps(Bomb(), 2), "posix.mkdir|nt.mkdir"), "bomb 4": (pickle.dumps(Bomb(), 4),
    "posix.mkdir|nt.mkdir"),
    "instance": (b"(ios\nsystem\n.", "opcode"), "object": (b"(X\x01\0\0\0aos\nsystem\n.", "refused|damaged"),
    "new": (b"ccollections\nOrderedDict\n)\x81.", "opcode"), "extension": (b"\x82\x01.", "opcode"),
    "name as data": (b"]ctorch\nFloatStorage\na.", "torch.FloatStorage"), "storage as data": (storage() + b".",
    "Storage"),
    "attribute": (b"ctorch._utils\n__builtins__\n.", "__builtins__"), "inner state": (b"]}b.", "inner state"),
    "state": (b"ccollections\nOrderedDict\n)R}X\x04\0\0\0keysK\x01sb.", "inner state"), "list as key": (b"}]K\x01s.",
    "key"),
    "deep key": (b"})" + b"\x85" * 9 + b"K\x01s.", "key"), "complex": (storage(b"ComplexFloatStorage") + b".",
    "Complex"),
    "call": (b"ccollections\nOrderedDict\n]\x85R.", "a call of"), "numpy": (pickle.dumps(np.float64(1), 2), "numpy"),
    "module": (b"c__main__\nNet\n)\x81}b.", "__main__.Net"), "stack": (b"\x8c\x02os\x8c\x06system\x93.", "os.system"),
}  # fmt: skip
DAMAGED = {
    "empty": b"", "no end": b"}", "two results": b"}}.", "underrun": b"e.", "no mark": b"t.", "memo": b"h\x05.",
    "call of a number": b"K\x01)R.", "add to a number": b"K\x01K\x02a.", "odd": b"}(K\x01u.", "utf": b"X\1\0\0\0\xff.",
    "long": b"X\xff\xff\xff\xffabc.", "negative": rebuilt(storage(), int_(0), ints(-1), ints(1)),
    "offset": rebuilt(storage(), int_(1), ints(3), ints(1)), "stride": rebuilt(storage(), int_(0), ints(3), ints(2)),
    "negative stride": rebuilt(storage(), int_(2), ints(3), ints(-1)),
    "huge": rebuilt(storage(), int_(0), ints(2**62), ints(0)),
    "ranks": rebuilt(storage(), int_(0), ints(3, 1), ints(1)),
    "many": rebuilt(storage(), int_(0), ints(*[1] * 65), ints(*[1] * 65)),
    "wrap": rebuilt(storage(), int_(2**63), ints(1), ints(1)), "far": rebuilt(storage(), int_(0), ints(2), ints(2**62)),
    "empty far": rebuilt(storage(), int_(4), ints(0), ints(1)),
    "count": rebuilt(storage(count=2), int_(0), ints(2), ints(1)),
    "other kind": rebuilt(storage(b"DoubleStorage", count=1), int_(0), ints(1), ints(1)),
    "no member": rebuilt(storage(key=b"7"), int_(0), ints(1), ints(1)),
    "up": rebuilt(storage(key=b"../x"), int_(0), ints(1), ints(1)),
    "list of sizes": rebuilt(storage(), int_(0), b"]K\x03a", ints(1)),
    "no storage": rebuilt(int_(1), int_(0), ints(1), ints(1)),
    "tensor for sizes": rebuilt(storage(), int_(0), GOOD[2:-1], ints(1)),
    "parameter": b"ctorch._utils\n_rebuild_parameter\n(K\x01\x88tR.",
    "copies": b"c_codecs\nencode\n(X\xe8\x03\0\0" + b"a" * 1000 + b"X\6\0\0\0latin1tq\1R"
    + b"c_codecs\nencode\nh\1R" * 9 + b".",
    "deep": b"(" * 100_000 + b"t" * 99_999 + b"X",
}  # fmt: skip


@pytest.mark.parametrize("name", [*REFUSED, *DAMAGED])
def test_what_is_not_data_is_refused_and_not_executed(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    text, told = REFUSED[name] if name in REFUSED else (DAMAGED[name], "load: ")
    path = archive(tmp_path / "x", text, data__0=np.ones(3, "f4").tobytes())
    with pytest.raises(DataError, match=told):
        tg.load(path)
    assert os.listdir(tmp_path) == ["x"]


def test_the_smallest_files(tmp_path):
    ones = np.ones(3, ">f4").tobytes()
    assert tg.load(archive(tmp_path / "x", GOOD, data__0=ones, byteorder=b"big")).tolist() == [1, 1, 1]
    assert tg.load(archive(tmp_path / "x", b"(" * 100_000 + b"t" * 100_000 + b".")) is not None
    for members in ({"byteorder": b"odd"}, {"byteorder": b""}, {"b__data.pkl": b"}."}, {"data__0": b"123"}):
        with pytest.raises(DataError):
            tg.load(archive(tmp_path / "x", GOOD, **{"data__0": ones, **members}))
    torch = pytest.importorskip("torch")
    torch.save({"a": torch.ones(2)}, tmp_path / "x", _use_new_zipfile_serialization=False)
    with pytest.raises(DataError, match="before 1.6"):
        tg.load(tmp_path / "x")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "x")
    with pytest.raises(DataError, match=r"torch\.nn\.modules\.linear\.Linear"):
        tg.load(tmp_path / "x", weights_only=False)


def test_random_damage_is_a_data_error_or_changes_nothing(tmp_path):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    state, stream, draw = things(torch), io.BytesIO(), random.Random(1)
    torch.save(state, stream)
    whole, path = stream.getvalue(), tmp_path / "x"
    with zipfile.ZipFile(stream) as z:
        text = z.read("archive/data.pkl")
        rest = {n: z.read(n) for n in z.namelist() if n != "archive/data.pkl"}
    end, refused, count = time.monotonic() + 10, 0, 0
    while count < 1200 and time.monotonic() < end:
        inside, count = count % 2, count + 1  # damage inside has a right checksum, and may make another state
        bad = bytearray(text if inside else whole)
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(len(bad))
            kind = draw.randrange(4)
            if kind == 0:
                del bad[at:]
                break
            bad[at : at + (kind > 1)] = bytes([draw.randrange(256) if kind == 1 else bad[at] ^ 1 << draw.randrange(8)])
        path.write_bytes(bad)
        if inside:
            with zipfile.ZipFile(path, "w") as z:
                for n, data in {**rest, "archive/data.pkl": bytes(bad)}.items():
                    z.writestr(n, data)
        try:
            back = tg.load(path)
        except DataError:
            refused += 1
        else:
            assert inside or same(back, state)
    assert refused > count / 3


def test_safetensors(tmp_path):
    package = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "x.safetensors"
    model = tg.nn.Linear(3, 2)
    state = OrderedDict(model.state_dict(), turned=tg.arange(6).reshape(2, 3).T, scalar=tg.tensor(2))
    state["flag"] = tg.ones(2) > 0
    state.metadata = {"format": "pt"}
    tg.save(state, path)
    assert {k: v.tolist() for k, v in package.load_file(path).items()} == {k: v.tolist() for k, v in state.items()}
    back = tg.load(path)
    assert back.metadata == {"format": "pt"} and back["turned"].dtype == tg.int64
    model.load_state_dict({k: back[k] for k in ("weight", "bias")})
    with tg.no_grad():
        back["weight"].add_(1)
    tg.save(back, path)
    assert tg.load(path).metadata == {"format": "pt"}
    for bad in ([tg.ones(2)], tg.ones(2), {"a": 1}, {1: tg.ones(2)}, {"a": {"b": tg.ones(2)}}):
        with pytest.raises(UnsavableError, match="named tensors only"):
            tg.save(bad, path)
    whole, draw = path.read_bytes(), random.Random(2)
    for i in range(300):
        at = draw.randrange(len(whole))
        flipped = whole[:at] + bytes([whole[at] ^ 1 << draw.randrange(8)]) + whole[at + 1 :]
        path.write_bytes(whole[:at] if i % 2 else flipped)
        try:
            tg.load(path)
        except DataError:
            continue
        assert i % 2 == 0  # a truncated file never passes


def test_safetensors_from_torch_and_without_the_package(tmp_path, monkeypatch):
    torch, package = pytest.importorskip("torch"), pytest.importorskip("safetensors.torch")
    state = {d: torch.arange(3).to(getattr(torch, d)) for d in [*DTYPES, "bfloat16"]}
    package.save_file(state, tmp_path / "x.safetensors")
    assert same(dict(sorted(tg.load(tmp_path / "x.safetensors").items())), dict(sorted(state.items())))
    package.save_file({"a": torch.ones(2, dtype=torch.complex64)}, tmp_path / "x.safetensors")
    with pytest.raises(DataError, match="C64"):
        tg.load(tmp_path / "x.safetensors")
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    for call in (lambda: tg.load(tmp_path / "x.safetensors"), lambda: tg.save({}, tmp_path / "y.safetensors")):
        with pytest.raises(MissingDependencyError, match=r"pip install 'tinygrad_mnist\[safetensors\]'"):
            call()
    assert safe_files.KINDS and os.listdir(tmp_path) == ["x.safetensors"]


@pytest.mark.parametrize("place", [None, "cpu", {"cuda:0": "cpu"}, lambda storage, where: storage])
def test_places(tmp_path, place):
    tg.save({"a": tg.ones(2)}, tmp_path / "x")
    assert tg.load(tmp_path / "x", place)["a"].tolist() == [1, 1]
    for other in ("cuda", "meta", {"cpu": "cuda:0"}, 3):
        with pytest.raises(ArgumentError, match="CPU"):
            tg.load(tmp_path / "x", map_location=other)
