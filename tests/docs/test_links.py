"""The site's check of links finds what leads nowhere, and nothing else: docs/extensions/links.py."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "extensions"))
import links  # noqa: E402

PAGE = '<h2 id="here">x</h2><a href="{}">x</a><img src="a%20b.png">'


@pytest.mark.parametrize(("link", "ends"), [
    ("#here", True), ("page.html#here", True), ("sub/other.html", True), ("sub/../page.html", True), ("sub/", True),
    ("https://example.org/none", True), ("mailto:a@example.org", True), ("data:text/plain,x", True), ("#", True),
    ("#gone", False), ("gone.html", False), ("sub/other.html#gone", False), ("a%20c.png", False),
])  # fmt: skip
def test_a_link_that_leads_nowhere_is_found(tmp_path, link, ends):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a b.png").touch()
    (tmp_path / "sub" / "other.html").write_text('<a href="../page.html#here">x</a>')
    (tmp_path / "page.html").write_text(PAGE.format(link))
    assert links.dead(tmp_path) == ([] if ends else [f"page.html: {link}"])
