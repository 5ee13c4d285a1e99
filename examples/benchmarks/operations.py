"""Every public operation on a million elements, in this package and in PyTorch, in turns, on one thread.

    PYTHONPATH=examples python -P -m benchmarks.operations [NAME ...] [--elements N]     (benchmark.py --operations)

What there is comes from the package's own lists of names, the arguments from the names of the parameters that must be
given; what needs others has a line in ARGUMENTS. So a new operation is measured without being named here, or said to
be missing. operands.py draws what the arguments name.
"""

from __future__ import annotations

import argparse
import inspect
import multiprocessing
import sys
import warnings
from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter, thread_time
from typing import Any, NamedTuple

import numpy as np

from .operands import CONSTANT, operands
from .reasons import REASONS

FORK: Any = multiprocessing.get_context("fork")  # what is imported stays, which Windows does not have
MANY = 10**5  # elements of which the memory matters
MOST = 3.0  # times PyTorch's time
PLACES = ("", "nn.functional.", "linalg.", "special.")  # where the packages keep functions

# what is given for a parameter of that name, by Python in which the operands are known
PARAMETERS = {
    "input": "x", "other": "y", "tensor": "x", "tensors": "[x, y]", "*tensors": "x, y", "*matrices": "x, y",
    "end": "y", "elements": "n", "test_elements": "row_n", "tensor1": "y", "tensor2": "w", "condition": "b",
    "mask": "b", "source": "y", "src": "y", "dim": "1", "dim0": "0", "dim1": "1", "axis0": "0", "axis1": "1",
    "index": "i", "indices": "i", "value": "0.5", "values": "y", "min": "0.5", "max": "0.5", "exponent": "2.5",
    "k": "3", "q": "0.3", "target": "y", "var": "u", "weight": "y", "kernel_size": "2", "output_size": "h // 2",
    "x1": "x", "x2": "y", "input1": "x", "input2": "y", "anchor": "x", "positive": "y", "negative": "z", "A": "M",
    "B": "N", "batch1": "M", "x": "x", "batch2": "N", "mat1": "x", "mat2": "y", "mat": "x", "vec": "row",
    "vec1": "row", "vec2": "row", "num_groups": "4", "groups": "4", "split_size_or_sections": "side // 4",
    "indices_or_sections": "4", "chunks": "4", "shifts": "3", "repeats": "2", "normalized_shape": "(side,)",
    "size": "(side, side)", "n": "3", "upscale_factor": "2", "downscale_factor": "2", "query": "heads",
    "key": "heads", "boundaries": "steps", "reduce": "'sum'", "start": "1", "length": "side // 2",
    "sizes": "(2, -1)", "num_samples": "3", "norm_type": "2.0", "upper": "upper=True", "running_mean": "mean",
    "running_var": "variance", "destination": "1",
}  # fmt: skip

# what of images (of sequences, if 1d) is taken in place of x, by a part of the name
OF_IMAGES = (
    "pool conv unfold pixel shuffle interpolate upsample batch_norm group_norm instance_norm 2d 3d local_response "
    "feature_alpha dropout1d"
).split()  # fmt: skip

# arguments that do not follow from the parameters, or not well
ARGUMENTS = {
    "clamp": "x, -1, 1", "lerp": "x, y, 0.3", "prelu": "x, row", "threshold": "x, 0.5, 0.0",
    "expand": "row, (side, side)", "broadcast_to": "row, (side, side)", "broadcast_tensors": "x, row",
    "broadcast_shapes": "(side, 1), (side,)", "flip": "x, [0]", "permute": "x, (1, 0)", "reshape": "x, (-1,)",
    "view": "x, (-1,)", "tile": "x, (2, 2)", "moveaxis": "x, 0, 1", "movedim": "x, 0, 1",
    "unflatten": "x, 0, (2, -1)", "cumprod": "near, 1", "prod": "near", "squeeze": "x", "meshgrid": "row, row",
    "select": "x, 0, 3", "bincount": "n.flatten()", "pad": "images, (1, 1, 1, 1)", "index_select": "x, 0, rows",
    "index_add": "x, 0, rows, y", "index_copy": "x, 0, rows, y", "index_fill": "x, 0, rows, 0.5",
    "take_along_dim": "x, i, 1", "take": "x, places", "dot": "long, long", "inner": "x, row", "mv": "x, row",
    "outer": "row, row", "cross": "three, three", "bmm": "M, N", "baddbmm": "M, M, N", "addmv": "row, x, row",
    "einsum": "'ij,kj->ik', x, y", "tensordot": "x, y, 1", "cdist": "thin, slim", "searchsorted": "steps, x",
    "multinomial": "u, 3", "cholesky": "S", "eigh": "S", "inverse": "M", "logdet": "S", "det": "M", "slogdet": "M",
    "qr": "M", "svd": "M", "solve_triangular": "M, N, upper=True", "linear": "x, y", "bilinear": "thin, thin, cube",
    "embedding": "words, table", "one_hot": "classes, side", "conv1d": "sequences, taps1",
    "conv_transpose1d": "sequences, taps1", "conv2d": "images, taps2", "conv_transpose2d": "images, taps2",
    "max_unpool1d": "half, places1, 2", "max_unpool2d": "quarter, places2, 2", "fold": "columns, (h, h), 2, stride=2",
    "unfold": "images, 2, stride=2", "interpolate": "images, scale_factor=2",
    "upsample": "images, scale_factor=2, mode='bilinear'", "grid_sample": "images, grid, align_corners=False",
    "affine_grid": "theta, (len(theta), 1, 100, 100), align_corners=False", "local_response_norm": "images, 5",
    "batch_norm": "images, mean, variance, training=True", "scaled_dot_product_attention": "heads, heads, heads",
    "binary_cross_entropy": "u, v", "binary_cross_entropy_with_logits": "x, v", "cross_entropy": "x, classes",
    "nll_loss": "x, classes", "multi_margin_loss": "x, classes", "multilabel_margin_loss": "few, few_n",
    "multilabel_soft_margin_loss": "x, b.float()", "cosine_embedding_loss": "x, y, row_signs",
    "soft_margin_loss": "x, signs", "hinge_embedding_loss": "x, signs", "margin_ranking_loss": "row, row, row_signs",
    "gaussian_nll_loss": "x, y, w", "kl_div": "x, u", "repeat_interleave": "x, 2", "scatter": "x, 1, i, y",
    "softmax": "x, 1", "log_softmax": "x, 1", "softmin": "x, 1",
}  # fmt: skip

# instead of x and y where they are not in the domain, one after the other
DOMAINS: tuple[dict[str, str], ...] = ({}, {"x": "u", "y": "v"}, {"x": "w", "y": "w"}, {"x": "n", "y": "n"})
NOT_COMPARED = """
    dropout alpha_dropout dropout1d dropout2d dropout3d feature_alpha_dropout rrelu bernoulli multinomial
    svd qr eigh argsort
""".split()  # other draws, or signs and orders that are free


class Row(NamedTuple):
    """Milliseconds of one operation, ours and PyTorch's, forward and then with backward; or what went wrong."""

    name: str
    text: str
    forward: tuple[float, float] | None = None
    both: tuple[float, float] | None = None
    trouble: str = ""

    @property
    def ratios(self) -> list[float]:
        return [pair[0] / pair[1] for pair in (self.forward, self.both) if pair]


def names_of(package: Any) -> Iterator[tuple[str, str]]:
    """List places and names of the public functions, but each only once, under its own name if it is public."""
    seen: set[int] = set()
    for place in PLACES:
        module = package
        for part in (place or "functions.").split(".")[:-1]:
            module = getattr(module, part, None)
        for name in getattr(module, "__all__", ()):
            function = getattr(module, name)
            alias = name != function.__name__ in module.__all__
            if not alias and callable(function) and not inspect.isclass(function) and id(function) not in seen:
                seen.add(id(function))
                yield place, name


def arguments_of(function: Callable[..., Any], name: str) -> str:
    """Write the arguments of a call."""
    if name in ARGUMENTS:
        return ARGUMENTS[name]
    needed = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    names = ["*" * (p.kind is p.VAR_POSITIONAL) + p.name for p in needed]
    if any(part in name for part in OF_IMAGES) and names[0] == "input":
        return ", ".join(["sequences" if "1d" in name else "images", *(PARAMETERS[n] for n in names[1:])])
    return ", ".join(PARAMETERS[n] for n in names)


def found(package: Any, path: str) -> Any:
    for part in path.split("."):
        package = getattr(package, part, None)
    return package


def twin(torch: Any, name: str, text: str, place: str) -> str | None:
    """Write PyTorch's call: of a function wherever it is, or of a method."""
    for where in (place, *PLACES):
        if found(torch, where + name) is not None:
            return f"m.{where}{name}({text})"
    first, _, rest = text.partition(", ")
    return f"{first}.{name}({rest})" if hasattr(torch.Tensor, name) else None


def tensors(package: Any, arrays: dict[str, Any], grad: bool) -> dict[str, Any]:
    """Give what calls are evaluated with; the floats require gradients, if wished."""
    made: dict[str, Any] = {"m": package}
    for name, array in arrays.items():
        if isinstance(array, np.ndarray):
            made[name] = package.tensor(array)
            if grad and array.dtype.kind == "f" and name not in CONSTANT:
                made[name].requires_grad_()
        else:
            made[name] = array
    return made


def first_of(out: Any) -> Any:
    """Give the tensor of a result that may hold several."""
    while isinstance(out, tuple | list):
        out = out[0]
    return out


def pulled(package: Any, code: Any, known: dict[str, Any]) -> Callable[[], Any] | None:
    """Make the function that computes forward and backward, or None where nothing can be differentiated."""
    leaves = [t for n, t in known.items() if getattr(t, "requires_grad", False) and n in code.co_names]
    out = first_of(eval(code, known))
    if not leaves or not getattr(out, "requires_grad", False):
        return None
    g = package.ones_like(out).detach()

    def function() -> Any:
        return package.autograd.grad(first_of(eval(code, known)), leaves, g, allow_unused=True)

    try:
        function()
    except RuntimeError:  # PyTorch has no derivative of some operations, and knows only now
        return None
    return function


def plain(out: Any) -> np.ndarray:
    return np.asarray(out.detach().numpy() if hasattr(out, "detach") else out)


def raced(functions: list[Callable[[], Any]], seconds: float) -> tuple[float, ...]:
    """Call functions in turns; give the median milliseconds of each, without those that others had the processor."""
    repeats = []
    for function in functions:
        function()
        start = thread_time()
        function()
        repeats.append(max(1, int(2e-4 / (thread_time() - start + 1e-9))))
    taken: list[list[float]] = [[] for _ in functions]
    end = perf_counter() + seconds
    while len(taken[0]) < 3 or (perf_counter() < end and len(taken[0]) < 50):
        for function, repeat, times in zip(functions, repeats, taken, strict=True):
            start = thread_time()
            for _ in range(repeat):
                function()
            times.append((thread_time() - start) * 1e3 / repeat)
    return tuple(median(times) for times in taken)


def measure(tg: Any, torch: Any, place: str, name: str, arrays: dict[str, Any], seconds: float) -> Row:
    """Find arguments that the operation takes, compare the results, and measure."""
    try:
        text = arguments_of(found(tg, f"{place or 'functions.'}{name}"), name)
    except KeyError as missing:
        return Row(name, "", trouble=f"PARAMETERS has no {missing}, nor ARGUMENTS a line")
    trouble = ""
    for domain in DOMAINS:
        replaced = ", ".join(domain.get(part, part) for part in text.split(", "))
        if domain and replaced == text:
            continue
        other = twin(torch, name, replaced, place)
        if other is None:
            return Row(name, replaced, trouble="PyTorch has none")
        pairs = [(tg, f"m.{place}{name}({replaced})"), (torch, other)]
        codes = [compile(call, name, "eval") for _, call in pairs]
        known = [tensors(package, arrays, False) for package, _ in pairs]
        try:
            ours, theirs = (plain(first_of(eval(c, k))) for c, k in zip(codes, known, strict=True))
        except Exception as error:
            trouble = trouble or f"{type(error).__name__}: {str(error).splitlines()[0]:.100}"
            continue
        if ours.dtype.kind == "f" and np.isnan(ours).any() and domain != DOMAINS[-1]:
            trouble = trouble or "not a number anywhere"
            continue
        close = ours.shape == theirs.shape and np.allclose(ours, theirs, rtol=1e-3, atol=1e-3, equal_nan=True)
        trouble = "" if close or name in NOT_COMPARED else "DIFFERS from PyTorch"
        forward = raced([lambda c=c, k=k: eval(c, k) for c, k in zip(codes, known, strict=True)], seconds)
        known = [tensors(package, arrays, True) for package, _ in pairs]
        both = [pulled(p, c, k) for (p, _), c, k in zip(pairs, codes, known, strict=True)]
        return Row(name, replaced, forward, None if None in both else raced(both, seconds), trouble)
    return Row(name, text, trouble=trouble)


def alone(*arguments: Any) -> Row:
    """Measure in a process of its own, so that no operation meets the memory as another has left it."""
    here, there = FORK.Pipe(duplex=False)
    child = FORK.Process(target=lambda: there.send(measure(*arguments)))
    child.start()
    there.close()
    try:
        return here.recv()
    except EOFError:
        return Row(arguments[3], "", trouble="the process was ended, for want of memory perhaps")
    finally:
        child.join()


def line(row: Row) -> str:
    """Write a row of the table."""
    cells = ""
    for pair in (row.forward, row.both):
        cells += f"{pair[0]:9.3f}{pair[1]:9.3f}{pair[0] / pair[1]:7.2f}" if pair else " " * 25
    mark = f"  > {MOST:g}  {REASONS.get(row.name, '')}".rstrip() if any(r > MOST for r in row.ratios) else ""
    return f"{f'{row.name}({row.text})':60.60s}{cells}{mark}{'  ' + row.trouble if row.trouble else ''}".rstrip()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="which operations (all)")
    parser.add_argument("--elements", type=int, default=10**6)
    parser.add_argument("--seconds", type=float, default=0.15, help="for each measurement")
    chosen = parser.parse_args(argv)
    import torch

    import tinygrad_mnist as tg

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    arrays = operands(chosen.elements)
    heads = f"{'ours':>9s}{'PyTorch':>9s}{'ratio':>7s}" * 2
    title = f"ms on {chosen.elements:,} elements, one thread"
    print(f"{title:60s}{'forward':>25s}{'with backward':>25s}\n{'':60s}{heads}")
    rows = []
    for place, name in names_of(tg):
        if chosen.names and name not in chosen.names:
            continue
        rows.append((alone if chosen.elements > MANY else measure)(tg, torch, place, name, arrays, chosen.seconds))
        print(line(rows[-1]), flush=True)
    slow = sorted((r for r in rows if r.ratios and max(r.ratios) > MOST), key=lambda r: -max(r.ratios))
    print(f"\n{sum(bool(r.forward) for r in rows)} measured; above {MOST:g} times PyTorch's time: {len(slow)}")
    print("".join(f"  {max(r.ratios):5.1f}  {r.name}({r.text})\n" for r in slow), end="")
    return int(any("DIFFERS" in r.trouble for r in rows))


if __name__ == "__main__":
    sys.exit(main())
