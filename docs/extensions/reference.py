"""The reference: pages reference/*.rst written from the package's public names and docstrings before each build.

Every public name of every room stands on one page (topics.py), with its docstring where it is at home and a link from
wherever else it can be reached. Must not know: what a page looks like (site.css). Look next at docstrings.py.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import docstrings
import numpy as np
from beside_pytorch import pytorch_link
from docutils.nodes import Node
from signatures import signature
from sphinx import addnodes
from sphinx.application import Sphinx
from topics import INNER, PAGES, ROOMS, SAID, Page

import examples
import tinygrad_mnist as tg
from tinygrad_mnist.core.absent import Missing

PACKAGE = "tinygrad_mnist"


class Entry(NamedTuple):
    """A public thing: its home, the other names it has, and itself."""

    name: str
    others: list[str]
    thing: Any

    @property
    def room(self) -> str:
        return self.name.rpartition(".")[0]


def room_of(path: str) -> Any:
    """Import a room."""
    if path in ("tg", "Tensor"):
        return tg if path == "tg" else tg.Tensor
    return importlib.import_module(f"{PACKAGE}.{path}")


def names_of(path: str) -> list[str]:
    """List the public names of a room: those that it exports, or that its file or class has."""
    room = room_of(path)
    if found := getattr(room, "__all__", None):
        return [*found]
    own = [n for n in dir(room) if n[0] != "_" and not isinstance(inspect.getattr_static(room, n), Missing)]
    if path == "Tensor":
        return own
    return [n for n in own if getattr(getattr(room, n), "__module__", "") == room.__name__]


def key_of(thing: Any) -> Any:
    """Tell what is the same: dtypes by value, functions under their wrapper."""
    return thing if isinstance(thing, np.dtype) else id(inspect.unwrap(thing) if inspect.isfunction(thing) else thing)


@functools.cache
def entries() -> dict[str, Entry]:
    """Give every public thing by its home: the first room that has it, under its own name if it has it there."""
    found: dict[Any, Entry] = {}
    for path in ROOMS:
        room = room_of(path)
        for name in names_of(path):
            thing = inspect.getattr_static(room, name) if path == "Tensor" else getattr(room, name)
            whole = name if path == "tg" else f"{path}.{name}"
            if isinstance(thing, ModuleType):
                continue  # whose names stand here themselves
            known = found.setdefault(key_of(thing), Entry(whole, [], thing))
            if known.name == whole:
                continue
            own = getattr(thing, "__name__", "")
            if name == own and known.name.rpartition(".")[2] != own and known.room == whole.rpartition(".")[0]:
                found[key_of(thing)] = Entry(whole, [known.name, *known.others], thing)
            else:
                known.others.append(whole)
    return {entry.name: entry for entry in found.values()}


def homes() -> dict[str, str]:
    """Give the home of every public name."""
    return {name: e.name for e in entries().values() for name in (e.name, *e.others)}


def module_of(entry: Entry) -> str:
    """Name what topics.py may sort a thing by."""
    thing = inspect.unwrap(entry.thing) if inspect.isfunction(entry.thing) else entry.thing
    if isinstance(thing, classmethod):
        thing = thing.__func__
    kind = "dtype" if isinstance(thing, np.dtype) else type(thing).__name__
    module = getattr(thing, "__module__", None)
    return str(module).removeprefix(f"{PACKAGE}.") if module and module.startswith(PACKAGE) else kind


@functools.cache
def placed() -> dict[tuple[str, str], list[Entry]]:
    """Sort all entries into (page, family)."""
    tokens: dict[str, tuple[str, str]] = {}
    for page in PAGES:
        for heading, text in page.families.items():
            for token in text.split():
                tokens.setdefault(token, (page.file, heading))
    result: dict[tuple[str, str], list[Entry]] = {(p.file, h): [] for p in PAGES for h in p.families}
    for entry in entries().values():
        module = module_of(entry)
        wanted = [entry.name, *entry.others, *(module.rsplit(".", i)[0] for i in range(module.count(".") + 1))]
        place = next((tokens[w] for w in wanted if w in tokens), None)
        if place is None:
            raise LookupError(f"topics.py has no page for {entry.name} of {module}")
        result[place].append(entry)
    return result


def link(name: str, room: str = "", besides: frozenset[str] = frozenset()) -> str:
    """Find the public thing that a docstring's `code` names, or ""."""
    bare = name.removesuffix("()").removeprefix("tg.").removeprefix("x.")
    where = [f"Tensor.{bare}"] if name[:2] == "x." else [bare] if name[:3] == "tg." or "." in bare else []
    found = next((w for w in [*where, f"{room}.{bare}".lstrip("."), f"nn.{bare}"] if w in homes()), "")
    return f"tg.{found}" if found and bare not in besides else ""


def kind_of(thing: Any, method: bool) -> str:
    """Name the directive for a thing."""
    if isinstance(thing, type):
        return "exception" if issubclass(thing, BaseException) else "class"
    if isinstance(thing, property):
        return "property"
    called = callable(thing) or isinstance(thing, classmethod | staticmethod)
    return ("method" if method else "function") if called else "attribute" if method else "data"


def described(name: str, thing: Any, others: list[str], inner: bool = False) -> list[str]:
    """Write the entry of a thing, its other names, and the methods of a class."""
    member = inner or name.startswith("Tensor.")
    kind, shown = kind_of(thing, member), name if inner else f"tg.{name}"
    call = inspect.unwrap(thing.__func__ if isinstance(thing, classmethod | staticmethod) else thing)
    called = kind not in ("data", "attribute", "property")
    bound = kind == "method" and not isinstance(thing, staticmethod)
    lines = [f".. py:{kind}:: {shown}{signature(call, bound) if called else ''}"]
    if isinstance(thing, classmethod | staticmethod):
        lines.append(f"   :{type(thing).__name__}:")
    besides = frozenset(re.findall(r"\w+", signature(call))) if called else frozenset()
    room = name.rpartition(".")[0]
    text = inspect.getdoc(call) if called or kind == "property" else None
    if isinstance(thing, np.dtype):
        text = f"The dtype `{thing.name}`: {thing.itemsize} byte{'s' * (thing.itemsize > 1)} an element."
    if ">>> " not in (text or "") and not inner and (example := examples.example(name)):
        text = f"{text}\n\nExample:\n{textwrap.indent(example, '    ')}"
    said = docstrings.rest(text or SAID.get(name, ""), lambda x: link(x, room, besides))
    body = ["", *said.splitlines(), ""]
    if others:
        body += [f"*Also* {', '.join(f'``tg.{other}``' for other in others)}.", ""]
    if reference := pytorch_link(name):
        body += [reference, ""]
    if isinstance(thing, type) and thing is not tg.Tensor:
        for method, what in sorted(members(thing).items()):
            body += [*described(method, what, [], inner=True), ""]
    lines += [f"   {x}" if x else "" for x in body]
    for other in others:
        lines += [f".. py:{kind_of(thing, other.startswith('Tensor.'))}:: tg.{other}", "   :no-typesetting:", ""]
    return lines


def members(kind: type) -> dict[str, Any]:
    """Give the methods that a class has of its own or of private bases, with a docstring, and that users call."""
    own = [k for k in kind.__mro__ if k.__module__.startswith(PACKAGE) and (k is kind or k.__name__[0] == "_")]
    found = {n: x for k in reversed(own) for n, x in vars(k).items() if n[0] != "_" and n != "function"}
    functions = {n: x.__func__ if isinstance(x, classmethod | staticmethod) else x for n, x in found.items()}
    return {
        n: found[n] for n, x in functions.items()
        if not {n, f"{kind.__name__}.{n}"} & INNER and (inspect.isfunction(x) or isinstance(x, property)) and x.__doc__
    }  # fmt: skip


def short(name: str) -> str:
    """Write a name in a table, without rooms in rooms, which headings name."""
    return name.rpartition(".")[2] if name.count(".") > 1 else name


def text_of(page: Page) -> str:
    """Write a page."""
    places = placed()
    families = {heading: sorted(places[page.file, heading], key=rank) for heading in page.families}
    lines = [page.title, "=" * len(page.title), "", page.intro, ""]
    if page.split:
        lines += [".. toctree::", "   :hidden:", "", *(f"   {x} <{part(page, x)}>" for x in families), ""]
    for heading, found in families.items():
        lines += [f"**{heading}**", "", ".. list-table::", "   :class: summaries", "   :widths: 34 66", ""]
        for entry in found:
            said = docstrings.prose(first(entry), functools.partial(link, room=entry.room))
            lines += [f"   * - :py:obj:`{short(entry.name)} <tg.{entry.name}>`", f"     - {said}"]
        lines.append("")
    for heading in () if page.split else families:
        lines += [heading, "-" * len(heading), "", *text_of_family(page, heading)]
    return "\n".join(lines)


def text_of_family(page: Page, heading: str) -> list[str]:
    """Write the entries of a family."""
    found = sorted(placed()[page.file, heading], key=rank)
    return [line for e in found for line in [*described(e.name, e.thing, e.others), ""]]


def part(page: Page, heading: str) -> str:
    """Name the file of a family that has a page of its own."""
    words = re.findall(r"\w+", re.split(r"[,(]", heading)[0].lower())
    return "_".join([page.file, *words])


def rank(entry: Entry) -> tuple[bool, str, str]:
    """Order a family: by name, methods after functions."""
    return entry.name.startswith("Tensor."), entry.name.lower(), entry.name


def first(entry: Entry) -> str:
    """Say in a sentence what a thing is."""
    if isinstance(entry.thing, np.dtype):
        return f"The dtype `{entry.thing.name}`."
    thing = entry.thing.__func__ if isinstance(entry.thing, classmethod) else entry.thing
    own = callable(thing) or isinstance(thing, property)
    return docstrings.summary(thing.__doc__ if own else SAID.get(entry.name, "")) or SAID.get(entry.name, "")


def index() -> str:
    """Write the first page: all names by page, to look through by eye or with the browser's search."""
    lines = [
        "Reference", "=========", "", "Every public name, by what it is for; ``tg`` stands for ``import tinygrad_mnist "
        "as tg``. The search finds names, too.", "", ".. toctree::", "   :hidden:", "",
    ]  # fmt: skip
    lines += [f"   {page.file}" for page in PAGES] + ["   errors", ""]
    places = placed()
    for page in PAGES:
        lines += [page.title, "-" * len(page.title), "", f":doc:`{page.title} <{page.file}>`: {page.intro}", ""]
        for heading in page.families:
            names = [f":py:obj:`{short(e.name)} <tg.{e.name}>`" for e in sorted(places[page.file, heading], key=rank)]
            lines += [heading, f"   {' · '.join(names)}", ""]
    return "\n".join(lines)


def texts() -> dict[str, str]:
    """Give every file of the reference."""
    found = {"index": index()} | {page.file: text_of(page) for page in PAGES}
    for page, heading in ((p, heading) for p in PAGES if p.split for heading in p.families):
        title, text = f"{page.title}: {heading}", text_of_family(page, heading)
        said = f"A family of :doc:`{page.title} <{page.file}>`."
        said += " In examples ``F`` is ``tg.nn.functional``." * any(">>> F." in line for line in text)
        found[part(page, heading)] = "\n".join([title, "=" * len(title), "", said, "", *text])
    return found


def write(app: Sphinx) -> None:
    """Write the files that have changed."""
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    for name, text in texts().items():
        path = folder / f"{name}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def sources(app: Sphinx, doctree: Node) -> None:
    """Tell viewcode where things are defined, since their public names are others."""
    for node in doctree.findall(addnodes.desc_signature):
        name = str(node.get("fullname", "")).removeprefix("tg.")
        home = entries().get(homes().get(name, ""))
        thing = inspect.unwrap(home.thing) if home and inspect.isfunction(home.thing) else home and home.thing
        if getattr(thing, "__module__", None) and getattr(thing, "__qualname__", None):
            node["module"], node["fullname"] = thing.__module__, thing.__qualname__


def setup(app: Sphinx) -> dict[str, bool]:
    """Join the build."""
    app.connect("builder-inited", write)
    app.connect("doctree-read", sources, priority=400)
    return {"parallel_read_safe": True}
