"""`from tinygrad_mnist.primitive import primitive`: an operation of your own; core/primitive.py has its card."""

from .core.primitive import Primitive, primitive
from .ops.broadcast import elementwise

__all__ = ["Primitive", "elementwise", "primitive"]
