"""Functions of functions, as in torch.func: derivatives, batches, and modules called with given parameters.

Re-exports only, loaded when first named. Look next at autograd/transforms.py, autograd/vmap.py, autograd/modules.py.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from .core.absent import absent as _absent

if _TYPE_CHECKING:
    from .autograd.modules import functional_call, stack_module_state
    from .autograd.transforms import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp
    from .autograd.vmap import vmap

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize",
    "stack_module_state", "vjp", "vmap",
]  # fmt: skip

__getattr__ = _absent(__name__, {
    ".autograd.modules": "functional_call stack_module_state", ".autograd.vmap": "vmap",
    ".autograd.transforms": "grad grad_and_value hessian jacfwd jacrev jvp linearize vjp",
})  # fmt: skip
