"""A pytest plugin that hides packages and programs, as if they were not installed, from the tests and what they start.

    WITHOUT=matplotlib,dot PYTHONPATH=$PWD:$PWD/tests/missing python -m pytest -p without
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

HIDDEN = {name for name in os.environ.get("WITHOUT", "").split(",") if name}


class Hidden:
    """Stands before every other finder of modules and finds nothing."""

    def find_spec(self, name, path=None, target=None):
        """Refuse the hidden packages in the words of Python."""
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def hide_programs(place):
    """Put links to all programs but the hidden ones in the place of each folder that has one of those."""
    folders = []
    for number, folder in enumerate(os.environ["PATH"].split(os.pathsep)):
        if any(shutil.which(name, path=folder) for name in HIDDEN):
            links = place / str(number)
            links.mkdir()
            for program in os.scandir(folder):
                if program.name not in HIDDEN:
                    (links / program.name).symlink_to(program.path)
            folder = str(links)
        folders.append(folder)
    os.environ["PATH"] = os.pathsep.join(folders)


def hide_in_children(place):
    """Have the Python programs that are started from here hide the same."""
    (place / "sitecustomize.py").write_text("import without\n", encoding="utf-8")
    paths = [str(place), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))


sys.meta_path.insert(0, Hidden())
if os.environ.get("WITHOUT_FOLDER") is None:  # the first process, not one that it started
    folder = tempfile.mkdtemp(prefix="without")
    os.environ["WITHOUT_FOLDER"] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    hide_programs(Path(folder))
    hide_in_children(Path(folder))
