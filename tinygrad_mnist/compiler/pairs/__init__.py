"""`compile`: compiled steps, and models whose forward and backward are captured as a pair and replayed.

Read in this order: past.py, trial.py, halves.py, pair.py, pending.py, pairs.py, model.py. All stand on compiler/.
"""

from .model import CompiledModule, compile

__all__ = ["CompiledModule", "compile"]
