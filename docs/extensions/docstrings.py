"""A docstring of the package as reStructuredText: prose escaped, names linked, sections read by napoleon.

Docstrings are written for help(): `name` in single quotes, formulas as they come. Must not know: pages, rooms.
Look next at reference.py.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

from sphinx.ext.napoleon import Config, GoogleDocstring

CONFIG = Config(napoleon_use_param=False, napoleon_use_rtype=False)
# whose lines are kept as they stand, and whose text flows
LINES, TEXT = ("Math", "Shapes"), ("Units", "Source")
HEADING = re.compile(r"(Math|Shapes|Units|Source|Args|Returns|Raises|Example):")


def escaped(text: str) -> str:
    """Have characters mean themselves."""
    return re.sub(r"([\\*|]|(?<=\w)_(?!\w)|(?<!\w)_(?=\w))", r"\\\1", text)


def prose(text: str, link: Callable[[str], str] = lambda name: "") -> str:
    """Escape text but for `code`, which becomes a literal, or a link where it names something public."""
    parts = re.split(r"``?([^`]+)``?", text)
    for i, part in enumerate(parts):
        found = link(part) if i % 2 else ""
        parts[i] = f":py:obj:`{part} <{found}>`" if found else f"``{part}``" if i % 2 else escaped(part)
        if i % 2 and re.match(r"\w", parts[i + 1]):
            parts[i] += "\\ "  # what touches a literal would not let it end
    return "".join(parts)


def summary(text: str | None) -> str:
    """Give the first sentence."""
    first = inspect.cleandoc(text or "").partition("\n\n")[0].replace("\n", " ")
    return re.split(r"(?<=[.])\s+(?=[A-Z`])|(?<=[.])$", first)[0].strip()


def sections(text: str) -> list[tuple[str, list[str]]]:
    """Split into (heading, lines below it), the text above with the heading ""."""
    found: list[tuple[str, list[str]]] = [("", [])]
    for line in inspect.cleandoc(text).splitlines():
        if heading := HEADING.fullmatch(line):
            found.append((heading[1], []))
        elif line and line[0] != " " and found[-1][0]:
            found.append(("", [line]))
        else:
            found[-1][1].append(line)
    return found


def rest(text: str | None, link: Callable[[str], str] = lambda name: "") -> str:
    """Write a docstring as reStructuredText."""
    lines: list[str] = []
    for heading, body in sections(text or ""):
        if heading == "Example":
            lines += ["", f"{heading}:", *body]
        elif heading in LINES:
            kept = [f"      | {escaped(x.strip())}" for x in body if x.strip()]
            lines += ["", f":{heading}:", *kept, ""]
        elif heading in TEXT:
            lines += ["", f":{heading}:", *(f"      {prose(x.strip(), link)}" for x in body if x.strip()), ""]
        else:
            lines += ["", f"{heading}:"] if heading else [""]
            lines += prose("\n".join(body), link).splitlines()
    return str(GoogleDocstring("\n".join(lines).strip("\n"), CONFIG))
