"""`compile(step)`: capture a training step once, plan its memory, replay it.

Read in this order: program.py (what a captured step is), capture.py with watch.py and guards.py (run it once, note
what it takes for granted), passes.py, numpy_source.py, replay.py, then compiled.py with forms.py and verify.py. The
numba backend begins with lowering.py.
"""

from .compiled import Compiled, compile

__all__ = ["Compiled", "compile"]
