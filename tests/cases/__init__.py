"""One Case per primitive, and one per public function composed of primitives: `from cases import CASES, Case`.

A new operation adds its Case to the file of its family. Look next at case.py, then at ../matrix.py.
"""

from strategies import Call

from . import (  # noqa: F401
    bricks,
    elementary,
    elementwise,
    gates,
    images,
    norms,
    products,
    recurrent,
    reductions,
    shapes,
    windows,
)  # fmt: skip
from .case import CASES, Case, Example

PRIMITIVE_CASES = dict(CASES)

from . import composed, composed_breadth, composed_images, composed_nn, matrices, networks, places  # noqa: E402, F401

__all__ = ["CASES", "PRIMITIVE_CASES", "Call", "Case", "Example"]
