"""Functions of functions, as in torch.func: derivatives, batches, and modules called with given parameters.

Re-exports only. Look next at autograd/transforms.py, autograd/vmap.py and autograd/modules.py.
"""

from .autograd.modules import functional_call, stack_module_state
from .autograd.transforms import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp
from .autograd.vmap import vmap
from .core.absent import absent as _absent

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize",
    "stack_module_state", "vjp", "vmap",
]  # fmt: skip

__getattr__ = _absent(__name__)
