"""The page for people who come from PyTorch: what the script writes, and every public name on it once."""

import re

import from_pytorch
import pytest


def test_the_page_is_what_the_script_writes():
    torch = pytest.importorskip("torch")
    if torch.__version__.startswith("2.13"):
        assert from_pytorch.FILE.read_text(encoding="utf-8") == from_pytorch.text(), "run python tests/from_pytorch.py"


@pytest.mark.parametrize("room", from_pytorch.ROOMS)
def test_every_public_name_is_on_the_page_once(room):
    page = from_pytorch.FILE.read_text(encoding="utf-8")
    here = page.split(f"## `{f'tg.{room}'.rstrip('.')}` is")[1].split("\n## ")[0].split("**Absent**")[0]
    told = re.findall(r"`(\w+)`", re.sub(r"(?m)^(\| `\w+` ).*$", r"\1", here.split("\n", 1)[1]))
    assert sorted(told) == sorted(from_pytorch.names_of(room))
    for count, names in re.findall(r"\((\d+)\)\n\n((?:`\w+`\s)+)", here):
        assert int(count) == len(names.split())
