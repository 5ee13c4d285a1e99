"""`compile(step)`: capture a training step once, plan its memory, replay it.

Read in this order: program.py (what a captured step is), capture.py, passes.py, numpy_source.py, replay.py,
compiled.py.
"""

from .compiled import Compiled, compile

__all__ = ["Compiled", "compile"]
