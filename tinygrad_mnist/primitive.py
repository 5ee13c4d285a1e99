"""`from tinygrad_mnist.primitive import primitive`: an operation of your own. core/primitive.py has it."""

from .core.primitive import Primitive, primitive

__all__ = ["Primitive", "primitive"]
