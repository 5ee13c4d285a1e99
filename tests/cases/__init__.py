"""One Case per primitive, and one per public function composed of primitives: `from cases import CASES, Case`.

A new operation adds its Case to the file of its family. Look next at case.py, then at ../matrix.py.
"""

from strategies import Call

from . import elementary, elementwise, images, products, recurrent, reductions, shapes, windows  # noqa: F401
from .case import CASES, Case, Example

PRIMITIVE_CASES = dict(CASES)

from . import composed, composed_breadth, composed_images, composed_nn  # noqa: E402, F401

__all__ = ["CASES", "PRIMITIVE_CASES", "Call", "Case", "Example"]
