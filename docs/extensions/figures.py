"""The figures on the page `tested`: printed by the tests while the site is built, so that they are today's.

Runs tests/print_figures.py, and counts tests by room. Written to reference/figures.md, which tested.md includes.
"""

import importlib.util
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HEAD = "---\norphan: true\n---\n<!-- figures -->\n"


def printed(*command: str) -> str:
    """Run a command of Python's in the repository, and give what it prints."""
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def write(app: Any) -> None:
    """Write the figures, unless a build has written them before: remove the file to count anew."""
    page = Path(app.srcdir, "reference", "figures.md")
    if page.exists():
        return
    page.parent.mkdir(exist_ok=True)
    missing = [name for name in ("pytest", "hypothesis") if importlib.util.find_spec(name) is None]
    if missing:
        page.write_text(f"{HEAD}Built without {' and '.join(missing)}, and so without figures.\n", encoding="utf-8")
        return
    collected = printed("-m", "pytest", "--collect-only", "-q", "-W", "ignore", "-p", "no:cacheprovider")
    rooms = Counter(re.findall(r"^tests/(\w+)(?=/|\.py)", collected, flags=re.MULTILINE))
    rows = "".join(f"| `tests/{room}` | {count:,} |\n" for room, count in rooms.most_common())
    page.write_text(
        f"{HEAD}```text\n{printed('tests/print_figures.py')}```\n\n"
        f"| room | tests |\n|---|---|\n{rows}| **all** | **{rooms.total():,}** |\n",
        encoding="utf-8",
    )


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx when."""
    app.connect("builder-inited", write, priority=100)
    return {"parallel_read_safe": True}
