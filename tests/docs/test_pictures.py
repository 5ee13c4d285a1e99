"""Pictures that the README and the pages show are there, are no larger than a page should load, and have a maker."""

import importlib.util
import re
import struct
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS, IMAGES = ROOT / "docs", ROOT / "docs" / "images"
WRITTEN = {"_build", "learn", "reference"}  # by a build of the site
PAGES = [*ROOT.glob("*.md"), *(p for p in DOCS.glob("**/*.md") if not WRITTEN & set(p.parts))]
SHOWN = re.compile(r"""!\[[^\]]*\]\(([^)\s]+)|\{(?:image|figure)\} (\S+)|<img[^>]*\ssrc="([^"]+)\"""")
PAGE = [(page, "".join(found)) for page in PAGES for found in SHOWN.findall(page.read_text(encoding="utf-8"))]
LARGEST = {".gif": 400_000, ".png": 140_000, ".svg": 120_000}


@pytest.mark.parametrize(("page", "name"), PAGE, ids=[f"{page.name}: {name}" for page, name in PAGE])
def test_a_picture_that_a_page_shows_is_there(page, name):
    path = page.parent / name
    assert path.is_file() and 1_000 < path.stat().st_size <= LARGEST[path.suffix]


def test_every_way_to_show_a_picture_is_seen():
    text = '![a (b)](a.png "t") ```{image} b.svg\n```{figure} c.gif\n<img alt="d" src="d.png" width="800">'
    assert ["".join(found) for found in SHOWN.findall(text)] == ["a.png", "b.svg", "c.gif", "d.png"]
    assert ROOT / "docs" / "images" / "player.gif" in [page.parent / name for page, name in PAGE]


def test_the_script_makes_what_lies_there_and_nothing_else():
    for package in ("PIL", "matplotlib", "tqdm"):
        pytest.importorskip(package)
    spec = importlib.util.spec_from_file_location("pictures", DOCS / "pictures.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert {path.name for path in IMAGES.iterdir()} == {*script.PICTURES}
    assert [make.__name__ for make in script.PICTURES.values()] == [name[:-4] for name in script.PICTURES]
    with pytest.raises(SystemExit):
        script.main(["--only", "nothing"])


def test_they_are_pictures_of_the_size_that_a_readme_shows():
    sizes = {path: path.stat().st_size for path in IMAGES.iterdir()}
    assert sum(sizes.values()) <= 900_000
    for path, size in sizes.items():
        assert size <= (400_000 if path.suffix == ".gif" else 120_000), path
        head = path.read_bytes()[:24]
        kind = {".png": b"\x89PNG\r\n\x1a\n", ".gif": b"GIF89a"}[path.suffix]
        assert head.startswith(kind), path
        width, height = struct.unpack(">II", head[16:24]) if path.suffix == ".png" else struct.unpack("<HH", head[6:10])
        assert 1200 <= width <= 2000 and 500 <= height <= 1400, path
