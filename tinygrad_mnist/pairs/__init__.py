"""`compile`: compiled steps, and models whose forward and backward are captured as a pair and replayed.

Read in this order: halves.py, past.py, pending.py, pair.py, model.py. They stand on compile/, which knows no Module.
"""

from .model import CompiledModule, compile

__all__ = ["CompiledModule", "compile"]
