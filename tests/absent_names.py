"""Write the list of PyTorch's documented names that are not here, from the PyTorch that is installed.

    python tests/absent_names.py    after names came or went; tests/functions/test_absent_names.py holds it

A name of its machinery (storages, quantization, backends, in-place twins of functions) is none that a program asks
for. Where something else that is here does the same, ALTERNATIVES says what; the first that is here is taken.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
import textwrap
from typing import Any

import public_names

import tinygrad_mnist as tg
from tinygrad_mnist.core.absent import ROOMS, spelled

FILE = public_names.PACKAGE / "core" / "torch_names.py"
MACHINERY = re.compile(
    "Storage|Tensor$|[sS]ym_?(Bool|Float|Int)|^sym_|_copy$|quantize|^q_|cudnn|mkldnn|miopen|fbgemm|^native|^get_|^use_|"
    "^compiled|sparse|smm|hspmm|autocast|conj|^batch_norm_|Type$|Pool$|^constrain|^init|^prepare|_with_indices$|scaled_.*mm|"
    "grouped_mm|^AVG|^SUM|Accelerator|DispatchKey|^Event|ScriptF|^Stream$|^Tag$|ir_module|^parse_|unify_type|^has_|wait|fork|"
    "hash_tensor|thread_safe|typename|unsafe_|_static$|[a-z]_$|DataPipe|Datapipe|datapipe|runtime_|argument_val|DataChunk|"
    "^non_det|^guaranteed|^Container$|NLLLoss2d|Uninitialized|CrossMapLRN|NestedIO|^variable$|enforce_|swap_in|"
    "multithreading|geqrf|orgqr|ormqr|resolve_|conv_tbc|Options$|merge_|^vulkan|AliasDb|^is_"
)  # fmt: skip
EXTRA = {
    "": "device dtype set_default_dtype get_default_dtype linalg fft special random cuda backends utils func "
    "distributions amp jit is_tensor is_floating_point as_tensor set_grad_enabled unique set_printoptions bfloat16 "
    "complex64 complex128 finfo iinfo Size normal hann_window split_with_sizes lstsq autocast get_rng_state "
    "initial_seed typename is_autocast_enabled is_complex set_autocast_enabled distributed fx hub library "
    "masked monitor mps multiprocessing mtia nested onnx overrides package profiler quantization "
    "signal sparse testing version xpu",
    "nn": "utils init parallel quantized", "nn.utils": "prune stateless fusion",
    "utils": "benchmark bottleneck checkpoint collect_env cpp_extension deterministic dlpack flop_counter hooks "
    "mobile_optimizer model_zoo module_tracker tensorboard",
    "nn.functional": "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d "
    "cosine_similarity pairwise_distance pixel_shuffle pixel_unshuffle prelu bilinear hardshrink avg_pool1d "
    "adaptive_avg_pool1d channel_shuffle pdist relu_ elu_ celu_ selu_ leaky_relu_ rrelu_ hardtanh_ threshold_",
    "autograd": "functional forward_ad graph profiler",
    "optim": "swa_utils lr_scheduler",
    "datasets": "CIFAR10 CIFAR100 EMNIST QMNIST SVHN USPS ImageFolder DatasetFolder ImageNet FakeData STL10 Omniglot",
    "transforms": "RandomApply ColorJitter Grayscale RandomGrayscale RandomResizedCrop RandomPerspective RandomErasing "
    "GaussianBlur FiveCrop TenCrop ToPILImage PILToTensor RandomInvert RandomPosterize RandomSolarize "
    "RandomAutocontrast RandomEqualize RandomAdjustSharpness AutoAugment RandAugment TrivialAugmentWide "
    "AugMix RandomChoice RandomOrder ElasticTransform LinearTransformation",
}  # fmt: skip
ALTERNATIVES = {
    "nn.LSTMCell": "nn.LSTM", "nn.GRUCell": "nn.GRU", "nn.RNNCell": "nn.RNN", "nn.Softmax2d": "nn.Softmax",
    "nn.SyncBatchNorm": "nn.BatchNorm2d", "nn.LazyLinear": "nn.Linear", "nn.LazyConv2d": "nn.Conv2d",
    "nn.Conv1d": "nn.Conv2d", "nn.MaxPool1d": "nn.MaxPool2d", "nn.BCELoss": "nn.BCEWithLogitsLoss",
    "nn.UpsamplingNearest2d": "nn.Upsample", "nn.UpsamplingBilinear2d": "nn.Upsample", "nn.Identity": "nn.Sequential",
    "nn.Transformer": "nn.TransformerEncoder", "nn.Bilinear": "nn.functional.bilinear",
    "nn.ModuleDict": "nn.ModuleList",
    "nn.functional.conv1d": "nn.functional.conv2d", "nn.functional.upsample": "nn.functional.interpolate",
    "nn.functional.upsample_nearest": "nn.functional.interpolate", "nn.functional.hardshrink": "tg.where",
    "nn.functional.threshold": "tg.where", "nn.functional.pairwise_distance": "tg.norm", "tg.cdist": "tg.norm",
    "tg.chain_matmul": "tg.matmul", "tg.mm": "tg.matmul", "tg.bmm": "tg.matmul", "tg.mv": "tg.matmul",
    "tg.dot": "tg.matmul", "tg.einsum": "tg.matmul", "tg.concat": "tg.cat", "tg.concatenate": "tg.cat",
    "tg.row_stack": "tg.vstack", "tg.range": "tg.arange", "tg.as_tensor": "tg.tensor", "tg.asarray": "tg.tensor",
    "tg.empty": "tg.zeros", "tg.empty_like": "tg.zeros_like", "tg.true_divide": "tg.divide", "tg.absolute": "tg.abs",
    "tg.greater": "tg.gt", "tg.greater_equal": "tg.ge", "tg.less": "tg.lt", "tg.less_equal": "tg.le",
    "tg.not_equal": "tg.ne", "tg.swapaxes": "tg.transpose", "tg.swapdims": "tg.transpose", "tg.movedim": "tg.permute",
    "tg.moveaxis": "tg.permute", "tg.ravel": "tg.flatten", "tg.inverse": "tg.linalg.inv", "tg.float_power": "tg.pow",
    "tg.ger": "tg.outer", "tg.chunk": "tg.split", "tg.tensor_split": "tg.split", "tg.fliplr": "tg.flip",
    "tg.flipud": "tg.flip", "tg.jit": "tg.compile", "tg.bfloat16": "tg.float32", "tg.seed": "tg.manual_seed",
    "tg.trapz": "tg.trapezoid", "tg.masked_select": "tg.where", "tg.histc": "tg.bincount", "tg.kthvalue": "tg.topk",
    "optim.SparseAdam": "optim.Adam", "optim.Adafactor": "optim.Adam", "optim.NAdam": "optim.Adam",
    "optim.RAdam": "optim.Adam", "optim.Adamax": "optim.Adam",
    "optim.lr_scheduler.MultiStepLR": "optim.lr_scheduler.StepLR",
    "optim.lr_scheduler.LRScheduler": "optim.lr_scheduler.Scheduler", "data.StackDataset": "data.TensorDataset",
    "autograd.set_grad_enabled": "autograd.enable_grad", "autograd.inference_mode": "autograd.no_grad",
    "tg.get_rng_state": "tg.Generator", "tg.set_rng_state": "tg.Generator", "tg.initial_seed": "tg.manual_seed",
    "tg.typename": "Tensor.type", "tg.onnx": "tg.export_onnx", "tg.version": "tg.__version__",
    "utils.tensorboard": "training.TensorBoard", "utils.dlpack": "tg.from_dlpack", "linalg.eig": "linalg.eigh",
    "linalg.eigvals": "linalg.eigvalsh", "linalg.multi_dot": "tg.matmul",
    **{f"nn.functional.{name}_": f"nn.functional.{name}" for name in (
        "relu elu celu selu leaky_relu rrelu hardtanh threshold").split()},
    "tg.inference_mode": "tg.no_grad", "tg.set_grad_enabled": "tg.enable_grad", "autograd.Variable": "tg.Tensor",
}  # fmt: skip


def found(path: str) -> object:
    """Follow a name from tg; None if it ends nowhere."""
    value: object = tg
    for part in path.removeprefix("tg.").split("."):
        value = getattr(value, part, None)
    return value


def there(module: Any, name: str) -> bool:
    """Tell whether a module of PyTorch has a name, or a file of that name."""
    return hasattr(module, name) or bool(importlib.util.find_spec(f"{module.__name__}.{name}"))


def theirs(room: str) -> set[str]:
    """List PyTorch's names of a room; torchvision's, which need not be installed, are written above."""
    if ROOMS[room].startswith("vision"):
        return {*EXTRA[room].split()}
    torch: Any = importlib.import_module("torch")
    module = torch.Tensor if room == "Tensor" else importlib.import_module(f"torch.{ROOMS[room]}".rstrip("."))
    names = {n for n in dir(module) if n[0] != "_"}
    if room == "Tensor":
        return {n for n in names if inspect.getdoc(getattr(module, n)) and not MACHINERY.search(n)}
    if room == "":
        names &= {*torch.__all__}
    if room in ("optim", "optim.lr_scheduler", "optim.swa_utils", "data", "autograd"):
        names &= {*module.__all__}
    if room in ("utils", "linalg"):
        names = {n for n in names if inspect.isbuiltin(getattr(module, n))}
    if room.startswith("nn"):
        functions = {None, "torch.nn.functional", "torch._C._nn", "torch.nn"}
        classes = {n for n in names if isinstance(getattr(module, n), type)}
        called = {n for n in names - classes if getattr(getattr(module, n), "__module__", "") in functions}
        names = classes if room == "nn" else {n for n in called if callable(getattr(module, n))}
    told = {n for n in names if inspect.getdoc(getattr(module, n)) and not inspect.ismodule(getattr(module, n))}
    return {n for n in told if not MACHINERY.search(n)} | {n for n in EXTRA.get(room, "").split() if there(module, n)}


def text() -> str:
    """Give the text of the list."""
    rows, pairs = [], []
    for room in ROOMS:
        names = sorted(n for n in theirs(room) if found(spelled(room, n)) is None)
        lines = textwrap.wrap(" ".join(names), 110)
        inside = "\n".join(f'    "{line} "' if line is not lines[-1] else f'    "{line}"' for line in lines)
        rows.append(f'    "{room}": ""' + ("\n" + inside if lines else "") + ",\n")
        whole = [spelled(room, n) for n in names]
        pairs += [f'"{n}": "{ALTERNATIVES[n]}"' for n in whole if found(ALTERNATIVES.get(n, "tg.?")) is not None]
    head = textwrap.dedent('''\
        """PyTorch's documented names that are not here, by room, and what is here instead.

        Written by tests/absent_names.py, and read when an error is shown (absent.py).
        """

        from __future__ import annotations

        ''')
    filled = textwrap.fill(", ".join(pairs) + ",", 116, break_long_words=False, break_on_hyphens=False)
    body = "NAMES = {\n" + "".join(rows) + "}  # fmt: skip\nALTERNATIVES: dict[str, str] = {\n"
    return head + body + textwrap.indent(filled, "    ") + "\n}  # fmt: skip\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"written: {FILE.name}")
