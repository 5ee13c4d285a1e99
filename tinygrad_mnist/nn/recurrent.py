"""Recurrent layers: RNN, LSTM and GRU over sequences, and their cells for one step.

A step is two affine maps and activations; that of all inputs is done at once, before the walk over time. Read after
linear.py. Parameters have PyTorch's names, order and start.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.explain import outside
from ..functions import cat, relu, sigmoid, split, stack, tanh
from ..tensors.creation import zeros
from ..tensors.tensor import Tensor
from . import functional as F
from .linear import fan_in_uniform, positive
from .module import Module
from .parameter import Parameter

NONLINEARITIES = {"tanh": tanh, "relu": relu}


def rnn_step(gates: Any, hidden: Any, activation: Any) -> tuple[Any]:
    """Give the next state: σ(W x + U h), of the sums given."""
    return (activation(gates + hidden),)


def lstm_step(gates: Any, hidden: Any, cell: Any) -> tuple[Any, Any]:
    """Give the next state and cell, of the sums of input, forget, cell and output gates.

    Source:
        Hochreiter & Schmidhuber 1997 (Neural Computation 9), with the forget gate of Gers et al. 2000
    """
    i, f, g, o = split(gates + hidden, gates.shape[-1] // 4, -1)
    cell = sigmoid(f) * cell + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(cell), cell


def gru_step(gates: Any, hidden: Any, state: Any) -> tuple[Any]:
    """Give the next state, of the sums of reset, update and new gates.

    Source:
        Cho et al. 2014 (arXiv:1406.1078), with the reset after the product, as cuDNN
    """
    size = state.shape[-1]
    turn, fresh = gates[..., : 2 * size], gates[..., 2 * size :]
    both = sigmoid(turn + hidden[..., : 2 * size])
    reset, update = both[..., :size], both[..., size:]
    new = tanh(fresh + reset * hidden[..., 2 * size :])
    return (new + update * (state - new),)


class _Recurrent(Module):
    """What the layers and cells share: the kind of step, its gates, the number of its states."""

    gates = 1
    states = 1
    nonlinearity = "tanh"
    hidden_size: int

    def step(self, gates: Any, hidden: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
        """Make one step of the sums of inputs and of states."""
        if self.gates == 4:
            return lstm_step(gates, hidden, state[1])
        if self.gates == 3:
            return gru_step(gates, hidden, state[0])
        return rnn_step(gates, hidden, NONLINEARITIES[self.nonlinearity])

    def make(self, name: str, shape: tuple[int, ...], dtype: Any, generator: Any) -> None:
        """Give the module a parameter from U(-1/√hidden, 1/√hidden)."""
        parameter = Parameter(zeros(*shape, dtype=dtype or np.float32))
        setattr(self, name, fan_in_uniform(parameter, self.hidden_size, generator))

    def check_nonlinearity(self) -> None:
        """Raise unless the activation is known."""
        if self.nonlinearity not in NONLINEARITIES:
            raise ArgumentError(f"{type(self).__name__}: nonlinearity {self.nonlinearity!r} is unknown.",
                                expected="'tanh' or 'relu'")  # fmt: skip


class _Layers(_Recurrent):
    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, device: Any = None, dtype: Any = None, generator: Any = None,
    ) -> None:  # fmt: skip
        positive(type(self).__name__, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        F.dropout(zeros(1), dropout)
        if dropout > 0 and num_layers == 1:
            warnings.warn("dropout is between layers: it does nothing with num_layers=1.", stacklevel=outside())
        self.input_size, self.hidden_size, self.num_layers, self.bias = input_size, hidden_size, num_layers, bias
        self.batch_first, self.dropout, self.bidirectional = batch_first, dropout, bidirectional
        self.check_nonlinearity()
        rows = self.gates * hidden_size
        for layer in range(num_layers):
            for end in self.ends():
                size = input_size if layer == 0 else hidden_size * len(self.ends())
                self.make(f"weight_ih_l{layer}{end}", (rows, size), dtype, generator)
                self.make(f"weight_hh_l{layer}{end}", (rows, hidden_size), dtype, generator)
                for kind in ("ih", "hh") if bias else ():
                    self.make(f"bias_{kind}_l{layer}{end}", (rows,), dtype, generator)

    def ends(self) -> tuple[str, ...]:
        """Name the directions, as parameters end."""
        return ("", "_reverse") if self.bidirectional else ("",)

    def flatten_parameters(self) -> None:
        """Do nothing: parameters lie where they are."""

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            raise ShapeError(f"{type(self).__name__}: the input does not fit.", got=f"{tuple(input.shape)}",
                             expected=f"(L, N, {self.input_size}), batch_first (N, L, ..), or (L, ..)")  # fmt: skip
        alone = input.ndim == 2
        x: Any = input.unsqueeze(1) if alone else input.transpose(0, 1) if self.batch_first else input
        first = self._states(hx, x, alone)
        last: list[tuple[Any, ...]] = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            found = []
            for i, end in enumerate(self.ends()):
                at = layer * len(self.ends()) + i
                out, state = self._walk(x, tuple(s[at] for s in first), f"_l{layer}{end}", bool(i))
                found.append(out)
                last.append(state)
            x = cat(found, -1) if len(found) > 1 else found[0]
        x = x.squeeze(1) if alone else x.transpose(0, 1) if self.batch_first else x
        ends = [stack([state[k] for state in last]) for k in range(self.states)]
        ends = [s.squeeze(1) for s in ends] if alone else ends
        return x, ends[0] if self.states == 1 else tuple(ends)

    def _states(self, hx: Any, x: Any, alone: bool) -> list[Any]:
        count, n = self.num_layers * len(self.ends()), x.shape[1]
        if hx is None:
            return [zeros(count, n, self.hidden_size, dtype=x.dtype)] * self.states
        given = [hx] if self.states == 1 else [*hx]
        given = [s.unsqueeze(1) for s in given] if alone else given
        for s in given:
            if tuple(s.shape) != (count, n, self.hidden_size):
                raise ShapeError(f"{type(self).__name__}: a state does not fit.", got=f"{tuple(s.shape)}",
                                 expected=f"{(count, n, self.hidden_size)}")  # fmt: skip
        return given

    def _walk(self, x: Any, state: tuple[Any, ...], name: str, backwards: bool) -> tuple[Any, tuple[Any, ...]]:
        """Go over time in one direction."""
        of = vars(self)
        w, u = of["weight_ih" + name], of["weight_hh" + name]
        sums, b = F.linear(x, w, of.get("bias_ih" + name)), of.get("bias_hh" + name)
        steps = [sums[t] for t in range(len(x))]
        found = []
        for gates in reversed(steps) if backwards else steps:
            state = self.step(gates, F.linear(state[0], u, b), state)
            found.append(state[0])
        return stack(found[::-1] if backwards else found), state

    def extra_repr(self) -> str:
        """Name the sizes, and the settings that are not the default."""
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        return text + "".join(f", {k}={getattr(self, k)}" for k, v in defaults.items() if getattr(self, k) != v)


class RNN(_Layers):
    """Recurrent layers with one activation, tanh or relu.

    Math:
        h_t = σ(W x_t + b + U h_{t-1} + c)
    Shapes:
        x (L, N, input_size), h (layers · directions, N, hidden_size) -> (L, N, hidden_size · directions), h;
        with batch_first (N, L, ...); without a batch (L, input_size)
    Args:
        dropout: between layers, while training
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", *args: Any,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, num_layers, *args, **kwargs)


class LSTM(_Layers):
    """Long short-term memory: layers whose states are pairs of output and cell.

    Shapes:
        x (L, N, input_size), (h, c) as RNN's h -> (L, N, hidden_size · directions), (h, c)
    """

    gates, states = 4, 2


class GRU(_Layers):
    """Gated recurrent units; shapes as RNN's."""

    gates = 3


class _Cell(_Recurrent):
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None,
        generator: Any = None,
    ) -> None:  # fmt: skip
        positive(type(self).__name__, input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        self.check_nonlinearity()
        rows = self.gates * hidden_size
        self.make("weight_ih", (rows, input_size), dtype, generator)
        self.make("weight_hh", (rows, hidden_size), dtype, generator)
        self.bias_ih: Any = None
        self.bias_hh: Any = None
        for name in ("bias_ih", "bias_hh") if bias else ():
            self.make(name, (rows,), dtype, generator)

    weight_ih: Parameter
    weight_hh: Parameter

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise ShapeError(f"{type(self).__name__}: the input does not fit.", got=f"{tuple(input.shape)}",
                             expected=f"(N, {self.input_size}) or ({self.input_size},)")  # fmt: skip
        if hx is None:
            hx = (zeros(*input.shape[:-1], self.hidden_size, dtype=input.dtype),) * self.states
        state = tuple(hx) if self.states > 1 or isinstance(hx, tuple) else (hx,)
        sums = F.linear(input, self.weight_ih, self.bias_ih)
        state = self.step(sums, F.linear(state[0], self.weight_hh, self.bias_hh), state)
        return state if self.states > 1 else state[0]

    def extra_repr(self) -> str:
        """Name the sizes, and what is not the default."""
        text = f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else f", bias={self.bias}")
        return text + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class RNNCell(_Cell):
    """One step of an RNN: x (N, input_size), h (N, hidden_size) -> h."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device: Any = None,
        dtype: Any = None, generator: Any = None,
    ) -> None:  # fmt: skip
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias, device, dtype, generator)


class LSTMCell(_Cell):
    """One step of an LSTM: x (N, input_size), (h, c) of (N, hidden_size) -> (h, c)."""

    gates, states = 4, 2


class GRUCell(_Cell):
    """One step of a GRU: x (N, input_size), h (N, hidden_size) -> h."""

    gates = 3
