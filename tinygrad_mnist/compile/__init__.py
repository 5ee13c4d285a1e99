"""`compile(step)`: plan the work and the memory of a step that was captured once (capture/), and replay it with NumPy.

Read in this order: passes.py with rewrites.py, numpy_source.py, replay.py, compiled.py, then
halves.py, past.py, pending.py, pair.py and model.py for models that train. fast/ is another backend.
"""

from .compiled import Compiled
from .model import CompiledModule, compile

__all__ = ["Compiled", "CompiledModule", "compile"]
