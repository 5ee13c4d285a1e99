"""Every block of Python in the README and in the pages of the site runs, and prints what its comments say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRITTEN = {"_build", "learn", "reference"}  # by a build of the site
PAGES = [*ROOT.glob("*.md"), *(p for p in ROOT.glob("docs/**/*.md") if not WRITTEN & set(p.parts))]
BLOCK = re.compile(r"^```python\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
PROMISE = re.compile(r"print\(.*\)  # (.*)")


def blocks(page):
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def run(code, folder):
    """Run code in an empty folder and a process of its own; give what it prints."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    probe = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, timeout=300,
                           env=os.environ | {"PYTHONPATH": paths})  # fmt: skip
    for package in re.findall(r"No module named '(\w+)", probe.stderr):
        pytest.importorskip(package)
    assert probe.returncode == 0, probe.stderr
    return probe.stdout.splitlines()


def check(code, folder):
    """What a comment behind a print promises stands among the lines that are printed, in order."""
    printed = iter(run(code, folder))
    for promise in PROMISE.findall(code):
        assert promise in printed, promise  # goes on from the line after the one before


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: str(p.relative_to(ROOT)))
def test_the_blocks_of_a_page_run_one_after_the_other(page, tmp_path):
    check("\n".join(blocks(page)), tmp_path)


@pytest.mark.parametrize("number", range(len(blocks(ROOT / "README.md"))))
def test_a_block_of_the_readme_runs_alone(number, tmp_path):
    check(blocks(ROOT / "README.md")[number], tmp_path)


@pytest.mark.parametrize("code", ["1 / 0", "print(2)  # 3", "print(1)  # 1\nprint(2)  # 1"])
def test_a_block_that_is_wrong_fails(code, tmp_path):
    with pytest.raises(AssertionError):
        check(code, tmp_path)


def test_what_looks_like_python_is_run():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        others = re.findall(r"^```(py|python3|pycon|ipython|Python)\b", text, flags=re.MULTILINE)
        assert not others and text.count("```python") == len(blocks(page)), page
