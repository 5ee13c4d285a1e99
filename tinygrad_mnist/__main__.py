"""`python -m tinygrad_mnist`: the programs as commands.

What they are is told in commands/line.py.
"""

import sys

from .commands.line import main

if __name__ == "__main__":
    sys.exit(main())
