"""Modules as functions: called with given parameters, and the parameters of several models in one batch.

Knows no layer: anything with `named_parameters` and `named_buffers`. Look next at nn/module.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.errors import ArgumentError, StateDictError
from ..functions import stack
from .trees import flatten, mapped


def functional_call(
    module: Any, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: dict[str, Any] | None = None, *,
    tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """Call a module with these tensors, by name, in the place of its parameters and buffers.

    Args:
        parameter_and_buffer_dicts: one dict by path, or several
        tie_weights: a tensor that the module has under two names is replaced under both
        strict: every name of the module must be given
    Raises:
        StateDictError: for names that the module does not have
    """
    dicts = parameter_and_buffer_dicts
    given = dict(dicts) if isinstance(dicts, dict) else {k: v for d in dicts for k, v in d.items()}
    known = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    unexpected = [k for k in given if k not in known]
    missing = [k for k in known if k not in given] if strict else []
    if unexpected or missing:
        raise StateDictError(
            f"functional_call: these names are not those of this {type(module).__name__}.",
            got=f"unexpected: {', '.join(unexpected) or 'none'}; missing: {', '.join(missing) or 'none'}",
            expected=", ".join(known),
        )
    new = {id(known[k]): v for k, v in given.items()}
    before: list[tuple[Any, str, Any]] = []
    try:
        for m in module.modules():
            _exchange(m, new, before)
        args = args if isinstance(args, tuple) else () if args is None else (args,)
        return module(*args, **(kwargs or {}))
    finally:
        for m, name, x in reversed(before):
            vars(m)[name] = x


def _exchange(module: Any, new: dict[int, Any], before: list[tuple[Any, str, Any]]) -> None:
    for name, x in [*vars(module).items()]:
        if any(id(leaf) in new for leaf in flatten(x)[0]):
            before.append((module, name, x))
            vars(module)[name] = mapped(lambda leaf: new.get(id(leaf), leaf), x)


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Stack the parameters and the buffers of models of one class, for vmap over functional_call."""
    if not models or any(type(m) is not type(models[0]) for m in models):
        raise ArgumentError("stack_module_state: expected at least one model, all of one class.")
    found = []
    for of in ("named_parameters", "named_buffers"):
        dicts = [dict(getattr(m, of)()) for m in models]
        stacked = {k: stack([d[k].detach() for d in dicts]) for k in dicts[0]}
        found.append({k: x.requires_grad_(dicts[0][k].requires_grad) for k, x in stacked.items()})
    return found[0], found[1]
