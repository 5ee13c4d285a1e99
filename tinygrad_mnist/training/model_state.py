"""Everything that a model consists of, copied: its parameters, and tensors and arrays of its modules that are none.

The latter are such as a running mean in a layer of a user's own. Look next at callbacks.py and checkpoint.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.graph import Var
from ..nn import Module, Parameter
from ..tensors.creation import from_numpy

State = dict[str, dict[str, Any]]


def model_state(model: Module) -> State:
    """Copy parameters by path, and the rest by path and attribute."""
    besides = {
        f"{path}:{name}": np.array(value.array if isinstance(value, Var) else value)
        for path, module in model.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, Var | np.ndarray) and not isinstance(value, Parameter) and value.dtype.kind in "fiub"
    }
    return {"parameters": {name: p.clone() for name, p in model.state_dict().items()}, "besides": besides}


def give_back(model: Module, state: State) -> None:
    """Put a copied state back into a model."""
    model.load_state_dict(state["parameters"])
    modules = dict(model.named_modules())
    for key, value in state["besides"].items():
        path, _, name = key.rpartition(":")
        array = np.array(value.array if isinstance(value, Var) else value)
        is_tensor = isinstance(getattr(modules[path], name, None), Var)
        setattr(modules[path], name, from_numpy(array) if is_tensor else array)
