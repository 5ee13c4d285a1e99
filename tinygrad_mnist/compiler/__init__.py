"""`compile(step)`: plan the work and the memory of a step that was captured once (capture/), and replay it with NumPy.

Read in this order: passes.py with rewrites.py, memory.py, numpy_source.py, replay.py, compiled.py. fast/ is another
backend.
"""

from .compiled import Compiled

__all__ = ["Compiled"]
