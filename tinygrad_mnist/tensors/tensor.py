"""Tensor: a Var with operators, PyTorch's method names, and a readable face.

Spelling only: every method hands over to functions/, the primitives or the engine. Parameter (nn/module.py) refines
it. Look next at nn/module.py and examples/mnist_mlp.py.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import functions as F
from ..core.absent import missing
from ..core.backend import Defaults, isolated
from ..core.engine import backward
from ..core.errors import ArgumentError, GradientError, ShapeError
from ..core.graph import Array, Node, Var
from ..core.hooks import hooks_of
from ..core.scope import refuse_captured, state
from ..core.seeds import check_differentiable, seed_for
from ..core.versions import Version
from ..functions import shapes
from ..functions.arithmetic import power_of, reflected
from ..functions.types import DTypeLike, TensorLike
from ..ops import compare, elementary, elementwise
from . import in_place, numpy_protocol
from .forms import Forms
from .fresh import shape_of
from .methods import Methods


class Tensor(Methods, Forms):
    """An n-dimensional array that remembers how it was computed.

    Make one with `tg.tensor(data)`, which copies, or `tg.from_numpy(array)`, which shares memory.
    """

    __slots__ = ()
    __array_priority__ = 1000.0

    def __init__(self, data: TensorLike = (), *sizes: int, requires_grad: bool = False) -> None:
        if type(data) is int:  # a size, as PyTorch's, which holds what was in memory
            data = np.zeros(shape_of("Tensor", (data, *sizes)), Defaults.dtype)
        elif sizes:
            raise ArgumentError("Tensor: data and sizes.", expected="data, or sizes", hint="requires_grad=...")
        array = np.array(data.array if isinstance(data, Var) else data)
        if array.dtype.kind in "fiub" and not isinstance(data, Var | np.ndarray | np.generic):
            array = array.astype(Defaults.dtype)  # as PyTorch's, also of Python's whole numbers
        if requires_grad:
            check_differentiable(array.dtype, "Tensor")
        self.array, self._differentiable = array, requires_grad
        self._gradient, self.node, self.version = None, None, Version()

    @property
    def grad(self) -> Tensor | None:
        """Gradient that backward left here, a tensor of the same shape, or None."""
        gradient = self.gradient
        if gradient is None and self.node is not None and self.node.retained is None:
            warnings.warn(
                f"`.grad` of a non-leaf: this tensor is the result of {self.node.where()}, and backward keeps "
                "gradients of leaves only. Call .retain_grad() on it before backward to keep its gradient too.",
                stacklevel=2,
            )
        return gradient

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None and (not isinstance(value, Var) or value.shape != self.shape):
            what = "grad: a gradient must be a tensor of the shape of its owner, or None."
            raise ShapeError(what, got=f"{type(value).__name__} {np.shape(value)}", expected=f"Tensor {self.shape}")
        self.gradient = value

    @property
    def data(self) -> Tensor:
        """The values without history, in the same memory; assign a tensor or an array to replace them."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor | Array) -> None:
        in_place.replace(self, value)

    @property
    def requires_grad(self) -> bool:
        """Whether backward computes a gradient for this tensor; set it on leaves only."""
        return self.differentiable

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    @property
    def grad_fn(self) -> Node | None:
        """Record of the operation that made this tensor; None for a leaf."""
        return self.node

    @property
    def is_leaf(self) -> bool:
        """True unless the tensor is the result of a recorded operation."""
        return self.node is None

    @property
    def _version(self) -> int:
        refuse_captured("_version")
        return self.version.tick

    size = shapes.size

    def dim(self) -> int:
        """Number of dimensions."""
        return self.ndim

    ndimension = dim

    # ------------------------------------------------------------ out of the graph

    def numpy(self, *, force: bool = False) -> Array:
        """Give the array itself (shared memory); refuses, unless forced, where that would lose a gradient unnoticed."""
        refuse_captured("numpy()")
        if self.requires_grad and not force:
            what = "numpy: this tensor requires a gradient, which an array cannot carry."
            got = f"tensor {self.shape} {self.dtype}, requires_grad=True"
            raise GradientError(what, got=got, hint="t.detach().numpy(), or np.asarray(t) to look at or plot it")
        return self.array

    def item(self) -> Any:
        """Give the only element as a Python number."""
        refuse_captured("item()")
        if self.array.size != 1:
            got, hint = f"tensor {self.shape}", "tolist(), or reduce first: t.sum().item()"
            what = f"item: the tensor has {self.array.size} elements."
            raise ArgumentError(what, got=got, expected="exactly one element", hint=hint)
        return self.array.item()

    def tolist(self) -> Any:
        """Give the elements as nested lists of Python numbers."""
        refuse_captured("tolist()")
        return self.array.tolist()

    def detach(self) -> Tensor:
        """Give a leaf that looks at the same memory and needs no gradient."""
        if (recorder := state.recorder) is not None:
            recorder.exposes(self)
        result = Tensor.wrap(self.array)
        result.version = self.version
        self.version.share(self, result)
        return result

    # ------------------------------------------------------------ gradients

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for a gradient of this leaf, or stop asking."""
        if requires_grad:
            check_differentiable(self.dtype, "requires_grad_")
        elif self.node is not None:
            what = "requires_grad_: only a leaf can stop requiring a gradient."
            raise GradientError(what, got=f"the result of {self.node.where()}", hint="t.detach()")
        self.differentiable = bool(requires_grad)
        return self

    def retain_grad(self) -> None:
        """Have backward keep the gradient of this intermediate result too."""
        if not self.requires_grad:
            raise GradientError("retain_grad: this tensor requires no gradient.", hint="requires_grad_() on its inputs")
        if self.node is not None:
            hooks_of(self).keep(self)

    def backward(
        self, gradient: TensorLike | None = None, retain_graph: bool | None = None, create_graph: bool = False,
        inputs: Sequence[Tensor] | Tensor | None = None,
    ) -> None:  # fmt: skip
        """Compute the gradients of all leaves and add them to their `.grad`.

        Args:
            gradient: cotangent of a tensor with more than one element
            retain_graph: keep what is needed for another backward (default: create_graph)
            create_graph: record the backward pass itself
            inputs: the only tensors whose `.grad` is to change
        Raises:
            GradientError: on a tensor without a graph or a non-scalar without gradient
            GraphFreedError, InPlaceError: on a second time; if a value that a rule needs was changed
        """
        again, only = bool(create_graph), [inputs] if isinstance(inputs, Tensor) else inputs
        keep = again if retain_graph is None else bool(retain_graph)
        backward([self], [seed_for(self, gradient, "backward", again)], keep, again, only)

    # ------------------------------------------------------------ changes in place

    add_, sub_, mul_, div_ = in_place.add_, in_place.sub_, in_place.mul_, in_place.div_
    multiply_, subtract_, pow_ = in_place.mul_, in_place.sub_, in_place.pow_
    copy_, fill_, zero_ = in_place.copy_, in_place.fill_, in_place.zero_
    __ipow__ = in_place.pow_
    __iadd__, __isub__, __imul__, __itruediv__ = in_place.add_, in_place.sub_, in_place.mul_, in_place.div_
    __imod__, __ifloordiv__, __iand__ = Methods.remainder_, Methods.floor_divide_, Methods.bitwise_and_
    __ior__, __ixor__ = Methods.bitwise_or_, Methods.bitwise_xor_
    __ilshift__, __irshift__ = Methods.bitwise_left_shift_, Methods.bitwise_right_shift_
    __setitem__ = in_place.setitem

    # ------------------------------------------------------------ indexing

    __getitem__ = in_place.getitem

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return (self[i] for i in range(self.shape[0]))

    # ------------------------------------------------------------ operators

    __add__, __sub__, __mul__ = elementwise.add, elementwise.subtract, elementwise.multiply
    __truediv__, __pow__, __matmul__ = elementwise.divide, F.pow, F.matmul
    __neg__, __abs__ = elementwise.negative, elementwise.absolute
    __mod__, __floordiv__ = elementary.remainder, elementary.floor_divide
    __lshift__, __rshift__ = elementary.bitwise_left_shift, elementary.bitwise_right_shift
    __invert__, __and__ = elementary.bitwise_not, elementary.bitwise_and
    __or__, __xor__ = elementary.bitwise_or, elementary.bitwise_xor
    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__  # whichever comes first
    __rmod__, __rfloordiv__, __rlshift__, __rrshift__ = map(
        reflected,
        (elementary.remainder, elementary.floor_divide, elementary.bitwise_left_shift, elementary.bitwise_right_shift),
    )
    __eq__, __ne__, __lt__ = map(compare.operator, (compare.equal, compare.not_equal, compare.less))
    __le__, __gt__, __ge__ = map(compare.operator, (compare.less_equal, compare.greater, compare.greater_equal))
    __radd__, __rsub__, __rmul__ = map(reflected, (elementwise.add, elementwise.subtract, elementwise.multiply))
    __rtruediv__, __rpow__, __rmatmul__ = reflected(elementwise.divide), reflected(power_of), reflected(F.matmul)

    def __pos__(self) -> Tensor:
        return self

    __hash__ = object.__hash__  # identity, since == compares elements

    # ------------------------------------------------------------ Python's conversions, NumPy's protocols

    def __bool__(self) -> bool:
        refuse_captured("a branch (if, while, and, or, not)")
        if self.array.size != 1:
            what = "bool: the truth of a tensor with other than one element is ambiguous."
            raise ArgumentError(what, got=f"tensor {self.shape}", hint="(a == b).all(), .any(), or compare .item()")
        return self.array.item() != 0

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iub":
            raise TypeError(f"a {self.dtype} tensor cannot be used as an index")
        refuse_captured("use as an index, a count or a size")
        return int(self.item())

    def __format__(self, spec: str) -> str:
        refuse_captured("printing")
        return format(self.item(), spec) if spec and self.array.size == 1 else str(self)

    def __repr__(self) -> str:
        refuse_captured("printing")
        text = isolated(np.array2string, self.array, separator=", ", prefix="tensor(", precision=4, threshold=1000)
        dtype = "" if self.dtype in (np.float32, np.int64, np.bool_) else f"dtype={self.dtype}"
        leaf = "requires_grad=True" if self.requires_grad else ""
        history = leaf if self.node is None else f"grad_fn=<{self.node.where()}>"
        return f"tensor({', '.join(filter(None, (text, dtype, history)))})"

    def __deepcopy__(self, memo: dict[Any, Any]) -> Tensor:
        refuse_captured("deepcopy()")
        if self.node is not None:
            what = "deepcopy: only leaves can be copied together with their gradient."
            raise GradientError(what, got=f"the result of {self.node.where()}", hint="t.detach().clone()")
        memo[id(self)] = result = type(self).wrap(self.array.copy(), self.requires_grad)
        if self.gradient is not None:
            result.gradient = self.gradient.detach().clone()
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        refuse_captured("pickling")
        return type(self).wrap, (self.detach().array, self.requires_grad and self.node is None)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        refuse_captured("conversion to a NumPy array")
        return np.array(self.array, dtype=dtype, copy=copy)

    __array_ufunc__, __array_function__ = numpy_protocol.ufunc, numpy_protocol.function
    __dlpack__, __dlpack_device__ = numpy_protocol.dlpack, numpy_protocol.dlpack_device


Tensor.result_type = Tensor  # operations on a Parameter, too, give a plain Tensor
missing(Tensor)


def _rebuild(kind: type[Tensor], *of: Any) -> Tensor:
    """Read a pickle of 0.1.0, which names this function."""
    return kind.wrap(*of)
