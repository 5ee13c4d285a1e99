"""No dead link within the site: every address of a built page that stays in it leads to a file, and to a place there.

Sphinx looks after its own references; this looks at the HTML, what lessons and docstrings wrote into it included.
"""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

ADDRESSES = {"a": "href", "link": "href", "img": "src", "script": "src", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """The addresses that a page names, and the places that others can name in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take what a tag says."""
        given = dict(attrs)
        self.places |= {x for x in (given.get("id"), given.get("name")) if x}
        if link := given.get(ADDRESSES.get(tag, "")):
            self.links.append(link)


def dead(folder: Path) -> list[str]:
    """List the links of a folder's pages that lead nowhere."""
    pages = {path.resolve(): Page(path) for path in folder.rglob("*.html")}
    found = []
    for path, page in pages.items():
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:  # elsewhere; or data that the link itself is
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            if not target.exists() or target in pages and place not in pages[target].places:
                found.append(f"{path.relative_to(folder.resolve())}: {link}")
    return found


def check(app: Any, exception: Exception | None) -> None:
    """Fail a build of HTML that has dead links."""
    if exception is None and app.builder.format == "html" and (found := dead(Path(app.outdir))):
        raise SystemExit("dead links:\n" + "\n".join(found))


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx when."""
    app.connect("build-finished", check, priority=900)
    return {"parallel_read_safe": True}
