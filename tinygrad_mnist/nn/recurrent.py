"""Recurrent layers and cells: RNN, LSTM, GRU, with PyTorch's names of parameters.

Each layer computes its gates' inputs for all steps in one product; ops/recurrent.py does the rest of a direction in
one operation. Read after linear.py.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np

from ..core.backend import Generator
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.explain import outside
from ..core.scope import unchanging
from ..functions import cat, flip, permute, squeeze, unsqueeze
from ..kernels.recurrent import CELLS
from ..ops import contract, index
from ..ops import recurrent as ops
from ..tensors.creation import zeros
from ..tensors.tensor import Tensor
from .functional.arguments import check_probability, data, like_weight
from .functional.dropout import dropout
from .layer import DRAWN, REQUIRED, Learned
from .linear import fan_in_uniform, positive
from .parameter import Parameter

SIZES: dict[str, Any] = {"input_size": REQUIRED, "hidden_size": REQUIRED}
SHARED: dict[str, Any] = {"bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}


class _Recurrent(Learned):
    """What layers and cells have in common: sizes, and the names, shapes and start of their parameters."""

    cell: str = ""
    shown = "{input_size}, {hidden_size}"
    hidden: ClassVar[dict[str, Any]] = {"bias": True, "nonlinearity": "tanh"}
    input_size: int
    hidden_size: int

    def _build(self, bias: bool, made: dict[str, Any]) -> None:
        given = vars(self)
        positive(type(self).__name__, **{k: v for k, v in given.items() if k.endswith(("_size", "_layers"))})
        if "nonlinearity" in given:
            if given["nonlinearity"] not in ("tanh", "relu"):
                raise ArgumentError(f"{type(self).__name__}: nonlinearity is {given['nonlinearity']!r}.",
                                    expected="'tanh' or 'relu'")  # fmt: skip
            self.cell = given["nonlinearity"]
        self.bias = bias

    def _learn(self, suffix: str, inputs: int, generator: Generator | None, **made: Any) -> None:
        """Make the parameters of one cell: U(-1/√hidden_size, 1/√hidden_size)."""
        rows = CELLS[self.cell].gates * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs), "weight_hh": (rows, self.hidden_size)}
        shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if self.bias else {}
        for name, shape in shapes.items():
            parameter = Parameter(zeros(*shape, **made))
            setattr(self, name + suffix, fan_in_uniform(parameter, self.hidden_size, generator))
        if not self.bias and not suffix:
            self.bias_ih = self.bias_hh = None

    def _run(self, x: Tensor, state: Any, suffix: str = "") -> Tensor:
        """Run the cell over (T, N, inputs) from a state (N, states); gives all states."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        w_ih, w_hh, b_ih, b_hh = (vars(self).get(name + suffix) for name in names)
        gates = contract.linear(like_weight(type(self).__name__, x, w_ih), w_ih, b_ih)  # type: ignore[arg-type]
        states: Tensor = ops.unrolled(gates, state, w_hh, b_hh, cell=self.cell)
        return states

    def _state(self, given: Any, shape: tuple[int, ...], like: Any) -> list[Any]:
        """Read the states that were given, (h) or (h, c), or make zeros."""
        count, name = CELLS[self.cell].states, type(self).__name__
        if given is None:
            kind: Any = like.dtype
            return [Tensor.wrap(unchanging(np.zeros(shape, kind))) for _ in range(count)]
        states = list(given) if isinstance(given, list | tuple) else [given]
        if len(states) != count or any(tuple(getattr(s, "shape", ())) != shape for s in states):
            raise ShapeError(f"{name}: the state does not fit.",
                             got=", ".join(str(tuple(getattr(s, "shape", ()))) for s in states),
                             expected=f"{'(h, c), each ' if count == 2 else ''}{shape}")  # fmt: skip
        return states


class _Layers(_Recurrent):
    """Layers of cells over sequences, in one direction or both."""

    settings = {**SIZES, "num_layers": 1, **SHARED, **DRAWN}
    hidden = {"num_layers": 1, **SHARED}
    num_layers: int
    batch_first: bool
    dropout: float
    bidirectional: bool

    def _build(self, bias: bool, made: dict[str, Any]) -> None:
        name, projection = type(self).__name__, vars(self).pop("proj_size", 0)
        super()._build(bias, made)
        check_probability(f"{name}: dropout", self.dropout)
        for label, value in (("bias", bias), ("batch_first", self.batch_first)):
            if not isinstance(value, bool):
                raise DTypeError(f"{name}: {label} must be True or False.", got=f"{value!r}")
        if self.dropout and self.num_layers == 1:
            warnings.warn(f"{name}: dropout is between layers; there is one.", stacklevel=outside())
        if projection:
            raise ArgumentError(f"{name}: proj_size is not here.", got=f"{projection}", hint="a Linear after the layer")
        self.dropout = float(self.dropout)
        for layer in range(self.num_layers):
            for suffix in self._suffixes(layer):
                self._learn(suffix, self.hidden_size * (1 + self.bidirectional) if layer else self.input_size, **made)

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: 1 + self.bidirectional]

    def flatten_parameters(self) -> None:
        """Do nothing: the parameters lie as they should."""

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        x: Any = data(type(self).__name__, input, 2, 3)
        batched, size = x.ndim == 3, self.hidden_size
        x = x if not batched or not self.batch_first else permute(x, 1, 0, 2)
        x = x if batched else unsqueeze(x, 1)
        if x.shape[2] != self.input_size or x.shape[0] < 1:
            raise ShapeError(f"{type(self).__name__}: the input does not fit.", got=f"input {tuple(input.shape)}",
                             expected=f"{self.input_size} features, and one step or more")  # fmt: skip
        count = self.num_layers * (1 + self.bidirectional)
        shape = (count, x.shape[1], size) if batched else (count, size)
        x = like_weight(type(self).__name__, x, vars(self)["weight_ih_l0"])
        states = [s if batched else unsqueeze(s, 1) for s in self._state(hx, shape, x)]
        ends: list[list[Any]] = [[] for _ in states]
        for layer in range(self.num_layers):
            seen = []
            for direction, suffix in enumerate(self._suffixes(layer)):
                own = [index.getitem(s, index=(len(ends[0]),)) for s in states]
                out: Any = self._run(flip(x, 0) if direction else x, own[0] if len(own) == 1 else cat(own, 1), suffix)
                for k, end in enumerate(ends):
                    end.append(index.getitem(out, index=(-1, slice(None), slice(k * size, (k + 1) * size))))
                out = out if len(states) == 1 else index.getitem(out, index=(Ellipsis, slice(0, size)))
                seen.append(flip(out, 0) if direction else out)
            x = seen[0] if len(seen) == 1 else cat(seen, 2)
            if self.dropout and self.training and layer < self.num_layers - 1:
                x = dropout(x, self.dropout)
        last = [cat([unsqueeze(e, 0) for e in end], 0) for end in ends]
        if not batched:
            x, last = squeeze(x, 1), [squeeze(e, 1) for e in last]
        elif self.batch_first:
            x = permute(x, 1, 0, 2)
        return x, last[0] if len(last) == 1 else tuple(last)


class RNN(_Layers):
    """Elman's recurrent layers, with dropout after every one but the last, while training.

    Math:
        h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu
    Shapes:
        input (T, N, input_size), or (N, T, ...) with batch_first, or (T, input_size); hx (layers · directions, N,
        hidden_size) -> output (T, N, directions · hidden_size), and the last states as hx
    """

    settings = {**SIZES, "num_layers": 1, "nonlinearity": "tanh", **SHARED, **DRAWN}


class LSTM(_Layers):
    """Long short-term memory.

    Math:
        i, f, o = σ(W_ih x + b_ih + W_hh h + b_hh), g = tanh(likewise); c' = f c + i g; h' = o tanh(c')
    Shapes:
        as RNN; hx and the last states are pairs (h, c)
    Source:
        Hochreiter & Schmidhuber 1997 (Neural Computation 9); no proj_size

    Example:
        >>> lstm = nn.LSTM(28, 64, batch_first=True)
        >>> out, (h, c) = lstm(tg.rand(32, 10, 28))  # 32 sequences of 10 steps
        >>> out.shape, h.shape, c.shape
        ((32, 10, 64), (1, 32, 64), (1, 32, 64))
    """

    cell = "lstm"
    settings = {**SIZES, "num_layers": 1, **SHARED, "proj_size": 0, **DRAWN}


class GRU(_Layers):
    """Gated recurrent units.

    Math:
        r, z = σ(W_ih x + b_ih + W_hh h + b_hh); n = tanh(W_in x + b_in + r (W_hn h + b_hn)); h' = (1 - z) n + z h
    Source:
        Cho et al. 2014 (arXiv:1406.1078), with the reset after the product, as PyTorch

    Example:
        >>> out, h = nn.GRU(28, 64, num_layers=2)(tg.rand(10, 32, 28))
        >>> out.shape, h.shape
        ((10, 32, 64), (2, 32, 64))
    """

    cell = "gru"


class _Cell(_Recurrent):
    """One step of a recurrent layer."""

    settings = {**SIZES, "bias": True, **DRAWN}

    def _build(self, bias: bool, made: dict[str, Any]) -> None:
        super()._build(bias, made)
        self._learn("", self.input_size, **made)

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        x: Any = data(type(self).__name__, input, 1, 2)
        batched, size = x.ndim == 2, self.hidden_size
        if x.shape[-1] != self.input_size:
            raise ShapeError(f"{type(self).__name__}: the input does not fit.", got=f"input {tuple(x.shape)}",
                             expected=f"{self.input_size} features")  # fmt: skip
        x = like_weight(type(self).__name__, x if batched else unsqueeze(x, 0), vars(self)["weight_ih"])
        states = self._state(hx, (x.shape[0], size) if batched else (size,), x)
        states = [s if batched else unsqueeze(s, 0) for s in states]
        out = self._run(unsqueeze(x, 0), states[0] if len(states) == 1 else cat(states, 1))
        lead = (0,) if batched else (0, 0)
        parts = [index.getitem(out, index=(*lead, Ellipsis, slice(k * size, (k + 1) * size)))
                 for k in range(len(states))]  # fmt: skip
        return parts[0] if len(parts) == 1 else tuple(parts)


class RNNCell(_Cell):
    """One step of RNN: (N, input_size), (N, hidden_size) -> (N, hidden_size)."""

    settings = {**SIZES, "bias": True, "nonlinearity": "tanh", **DRAWN}


class LSTMCell(_Cell):
    """One step of LSTM: (N, input_size), (h, c) -> (h, c)."""

    cell = "lstm"


class GRUCell(_Cell):
    """One step of GRU: (N, input_size), (N, hidden_size) -> (N, hidden_size)."""

    cell = "gru"

