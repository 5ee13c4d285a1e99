"""Write docs/from_pytorch.md: every public name beside PyTorch's, the same, different (how) or absent.

    python tests/from_pytorch.py    after names came or went; tests/functions/test_from_pytorch.py holds it

Arguments and defaults are compared by what both say of themselves: Python's signatures, and of PyTorch's compiled
functions the schemas of its operators. What no signature shows stands in NOTES. The absent names are those of
core/torch_names.py.
"""

from __future__ import annotations

import importlib
import inspect
import textwrap
from types import ModuleType
from typing import Any

import public_names

import tinygrad_mnist as tg
from tinygrad_mnist.core import torch_names

FILE = public_names.PACKAGE.parent / "docs" / "from_pytorch.md"
ROOMS = {  # ours: PyTorch's
    "": "torch", "Tensor": "torch.Tensor", "linalg": "torch.linalg", "nn": "torch.nn",
    "nn.functional": "torch.nn.functional", "nn.init": "torch.nn.init", "nn.utils": "torch.nn.utils",
    "optim": "torch.optim", "optim.lr_scheduler": "torch.optim.lr_scheduler", "optim.swa_utils":
    "torch.optim.swa_utils", "autograd": "torch.autograd", "autograd.functional": "torch.autograd.functional",
    "autograd.forward_ad": "torch.autograd.forward_ad", "func": "torch.func",
    "utils": "torch.utils", "utils.data": "torch.utils.data",
    "datasets": "torchvision.datasets", "transforms": "torchvision.transforms",
}  # fmt: skip
EVERYWHERE = {  # what one sentence says of all, so that no row needs to
    "out", "layout", "memory_format", "pin_memory", "device", "names", "foreach", "fused", "capturable", "inplace",
    "size_average", "differentiable", "dtype", "generator", "copy", "non_blocking", "requires_grad", "axis", "keepdims",
    "unbiased", "more", "out_dtype", "reduce", "as_tuple", "sections", "indices", "tensor_indices_or_sections",
    "indices_or_sections", "orig_func", "function", "only_inputs", "grad_variables", "sparse_grad",
}
VISION = {  # names of torchvision, which the tests do without
    "datasets": "MNIST FashionMNIST KMNIST EMNIST",
    "transforms": "Compose ToTensor Normalize Resize RandomCrop RandomAffine RandomRotation Lambda CenterCrop Pad "
    "ToDtype ConvertImageDtype RandomHorizontalFlip RandomVerticalFlip ToImage InterpolationMode "
    "functional",
}  # fmt: skip
NOTES = {
    "sgn": "complex numbers are not here: `sign`", "svd": "`full_matrices` as in `linalg.svd`",
    "compile": "records a whole training step and replays it, see the README; PyTorch's compiles models, and "
    "`tg.compile(model)` does, too",
    "save": "by the suffix: `.npz`, `.safetensors`, else PyTorch's format; state dicts and plain containers",
    "load": "reads `.npz`, `.safetensors` and PyTorch's `.pt`; never executes code, whatever `weights_only` says",
    "set_num_threads": "counts the threads of convolutions and compiled steps, and of BLAS where it can be told",
    "manual_seed": "numbers are NumPy's, not PyTorch's: the same seed draws others",
    "Tensor.dtype": "NumPy's, and compares with `tg.float32`",
    "Tensor.shape": "a plain tuple, as `size()` is",
    "nan_to_num": "", "concatenate": "", "sort": "", "searchsorted": "", "where": "", "normal": "",
    "linalg.lstsq": "", "linalg.matrix_rank": "", "linalg.pinv": "",  # what overloads and operators say otherwise
    "autograd.gradcheck": "checks reverse mode, in float64; `atol=1e-6`, `rtol=1e-4`; `seed`",
    "autograd.gradgradcheck": "as `gradcheck`", "nn.Softmin": "as `nn.Softmax`", "nn.functional.softmin":
    "as `nn.Softmax`", "nn.Hardtanh": "without the deprecated `min_value`, `max_value`",
    "datasets.MNIST": "the same arguments, `data`, `targets`, `classes`, `class_to_idx` and labels; an image comes as "
    "an array (28, 28) of bytes, not as a PIL image; downloads go to the package's cache, `root` is only read; the "
    "content is checked, not just that a file is there",
    "datasets.FashionMNIST": "as `datasets.MNIST`", "datasets.KMNIST": "as `datasets.MNIST`",
    "datasets.EMNIST": "as `datasets.MNIST`; `split`, `splits`, `classes_split_dict`, the images on their side and "
    "the labels of `letters` from 1 as in torchvision",
    "nn.Softmax": "`dim=None` is the last; PyTorch guesses with a warning", "nn.LogSoftmax": "as `nn.Softmax`",
}


HEAD = """\
# Coming from PyTorch

Change the import lines and run:

| PyTorch | here |
|---|---|
| `import torch` | `import tinygrad_mnist as torch` |
| `import torch.nn as nn` | `import tinygrad_mnist.nn as nn` |
| `import torch.nn.functional as F` | `import tinygrad_mnist.nn.functional as F` |
| `from torch.utils.data import DataLoader` | `from tinygrad_mnist.utils.data import DataLoader` |
| `from torchvision import datasets, transforms` | `from tinygrad_mnist import datasets, transforms` |

Below stands every public name of this package beside PyTorch 2.13's, and what PyTorch documents and is absent here.
Compared are the modules of the headings, and no others: `torch.fft`, `torch.distributions` and their like are absent as
a whole. Left out is PyTorch's machinery: storages, quantization, sparse and symbolic types, most functions that change
their argument. The old names of typed tensors (`FloatTensor`, `LongTensor` ...) work, too.

**The same**: same name, arguments, defaults, dtypes and numbers. Nowhere are `out=`, sparse, complex and quantized
tensors, other devices than the CPU, and float formats that NumPy has not; `device=`, `pin_memory=`, `non_blocking=`,
`inplace=`, `foreach=` and `fused=` change nothing where they are taken. `axis=` and `keepdims=` mean `dim=` and
`keepdim=`. A name under **Absent** says so when it is asked for, and what is here instead, if anything is: nothing for
`amp` and `autocast` (all is computed in the dtype that was asked for), `training.TensorBoard` for `utils.tensorboard`.
`tg.cuda` has only what tells that there is no GPU; what else is asked of it says that. This page is written by
`python tests/from_pytorch.py` and held by a test.

"""


def module(path: str) -> Any:
    """Import what a path says; None without PyTorch's package."""
    name, _, last = path.rpartition(".")
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        return getattr(importlib.import_module(name), last, None) if name and name != "torchvision" else None


def ours_of(room: str) -> Any:
    """Give our room."""
    return tg.Tensor if room == "Tensor" else module(f"tinygrad_mnist.{room}".rstrip("."))


def names_of(room: str) -> list[str]:
    """List our public names of a room: what it exports, or what its file or class has."""
    here = ours_of(room)
    given = getattr(here, "__all__", None) or [
        n for n in dir(here)
        if hasattr(here, n) and (room == "Tensor" or getattr(getattr(here, n), "__module__", "") == here.__name__)
    ]
    return sorted((n for n in {*given} if n[0] != "_"), key=lambda n: (n.lower(), n))


def arguments(thing: Any, name: str) -> dict[str, Any] | None:
    """Tell a function's arguments and their defaults (Ellipsis: none is told); None where nobody knows them."""
    target = thing.__init__ if isinstance(thing, type) and "__init__" in vars(thing) else thing
    try:
        found = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return schema(name)
    named = {p.name: p.default for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name != "self"}
    several = any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in found)
    return None if several else {k: ... if v is inspect.Parameter.empty else v for k, v in named.items() if k[0] != "_"}


def schema(name: str) -> dict[str, Any] | None:
    """Merge the overloads of one of PyTorch's operators on tensors."""
    found: dict[str, Any] = {}
    for overload in importlib.import_module("torch")._C._jit_get_schemas_for_operator(f"aten::{name}"):
        given = overload.arguments
        if any(a.is_out for a in given) or not given or "Tensor" not in str(given[0].type) or given[0].name == "list":
            continue
        for a in given:
            if found.get(a.name, ...) is ...:
                found[a.name] = a.default_value if a.has_default_value() else ...
    return found or None


def plain(value: Any) -> str:
    """Write a default; what both mean alike is the same."""
    if isinstance(value, list | tuple):
        value = value[0] if len({*value}) == 1 else tuple(value) or None
    return getattr(value, "__name__", repr(float(value) if type(value) is int else value)).removeprefix("torch.")


def difference(room: str, name: str) -> str:
    """Say how our signature differs from PyTorch's; "" if it does not."""
    whole = f"{room}.{name}".lstrip(".")
    if whole in NOTES:
        return NOTES[whole]
    mine, other = getattr(ours_of(room), name), getattr(module(ROOMS[room]), name)
    if isinstance(mine, property | ModuleType) or not callable(mine) or room == "Tensor":
        return ""
    here, there = arguments(mine, name), arguments(other, f"linalg_{name}" if room == "linalg" else name)
    if here is None or there is None:
        return ""
    if "self" in there:  # an operator, which calls the first so, and others of numbers alone by a letter
        here = {k: v for i, (k, v) in enumerate(here.items()) if i}
        there = {k: v for k, v in there.items() if k != "self" and (len(k) > 1 or k in here)}
    lacking = [n for n in there if n not in here and n not in EVERYWHERE]
    more = [n for n in here if n not in there and n not in EVERYWHERE]
    unlike = [
        f"`{n}={plain(v)}`, PyTorch `{plain(there[n])}`" for n, v in here.items()
        if n in there and ... not in (v, there[n]) and plain(v) != plain(there[n]) and n not in EVERYWHERE
    ]  # fmt: skip
    said = [f"without {', '.join(f'`{n}`' for n in lacking)}"] if lacking else []
    said += [f"also {', '.join(f'`{n}`' for n in more)}"] if more else []
    return "; ".join([*said, *unlike])


def listed(title: str, names: list[str]) -> str:
    """Write names as a paragraph."""
    body = textwrap.fill(" ".join(f"`{n}`" for n in names), 118, break_on_hyphens=False, break_long_words=False)
    return f"**{title}** ({len(names)})\n\n{body}\n\n" if names else ""


def section(room: str) -> str:
    """Write what there is to say of a room."""
    there, same, unlike, alone = module(ROOMS[room]), [], [], []
    known = VISION.get(room, "").split()
    for name in names_of(room):
        if room in VISION and name in known:
            unlike.append((name, how)) if (how := NOTES.get(f"{room}.{name}")) else same.append(name)
        elif there is None or not hasattr(there, name):
            alone.append(name)
        elif how := difference(room, name):
            unlike.append((name, how))
        else:
            same.append(name)
    absent = torch_names.NAMES.get("data" if room == "utils.data" else room, "").split()
    head = f"## `{f'tg.{room}'.rstrip('.')}` is `{ROOMS[room]}`\n\n"
    rows = "".join(f"| `{n}` | {how} |\n" for n, how in unlike)
    table = f"**Different** ({len(unlike)})\n\n| name | how |\n|---|---|\n{rows}\n" if unlike else ""
    return head + listed("The same", same) + table + listed("Here only", alone) + listed("Absent", absent)


def text() -> str:
    """Give the whole page."""
    return HEAD + "".join(map(section, ROOMS)).rstrip() + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"written: {FILE.name}")
