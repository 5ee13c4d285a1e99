"""What stands beside the package: one version, metadata that agree, and pages whose names of files and tests exist."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import tinygrad_mnist as tg

ROOT = Path(__file__).parents[1]
if not (ROOT / "CHANGELOG.md").exists():
    pytest.skip("the tests are run without their tree", allow_module_level=True)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
# what may stand at the top; what git ignores aside
TOP = {
    ".ci", ".git", ".gitignore", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "MANIFEST.in",
    "README.md", "SECURITY.md", "docs", "examples", "noxfile.py", "pyproject.toml", "tests", "tinygrad_mnist",
}  # fmt: skip


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_the_version_stands_in_one_place():
    assert PROJECT["project"]["dynamic"] == ["version"] and "version" not in PROJECT["project"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "tinygrad_mnist.__version__"}
    statements = ast.parse(page("tinygrad_mnist/__init__.py")).body
    (written,) = [s for s in statements if isinstance(s, ast.Assign) and ast.unparse(s.targets[0]) == "__version__"]
    assert ast.literal_eval(written.value) == tg.__version__  # plain, so that it can be read without an import
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", tg.__version__)


def test_the_installed_version_is_that_of_the_source():
    try:
        installed = metadata.distribution("tinygrad_mnist")
    except metadata.PackageNotFoundError:
        pytest.skip("used from its tree, not installed")
    assert installed.version == tg.__version__


def test_the_changelog_and_the_citation_have_the_version():
    first, *others = re.findall(r"^## (.+)$", page("CHANGELOG.md"), re.MULTILINE)
    released = [first, *others] if first != "Unreleased" else others
    assert released[0].split()[0] == tg.__version__, "the newest release in CHANGELOG.md is another"
    assert "Unreleased" not in others and len({*released}) == len(released)
    assert re.search(rf"^version: {re.escape(tg.__version__)}$", page("CITATION.cff"), re.MULTILINE)


def test_lists_of_dependencies_are_written_once():
    extras, groups = PROJECT["project"]["optional-dependencies"], PROJECT["dependency-groups"]
    for name in ("test", "docs"):
        assert groups[name] == [f"tinygrad_mnist[{name}]"] and name in extras
    lines = [line for name in ("test", "docs") for line in extras[name]]
    for line in lines:
        for extra in re.findall(r"[a-z]+", line[15:]) if line.startswith("tinygrad_mnist[") else ():
            assert extra in extras
    every = [line for lines in groups.values() for line in lines]
    included = {line["include-group"] for line in every if isinstance(line, dict)}
    assert included <= groups.keys() and {"parallel", "docs"} <= included


def test_nothing_else_stands_at_the_top():
    ignored = {line.strip("/") for line in page(".gitignore").splitlines()}
    found = {path.name for path in ROOT.iterdir()}
    extra = {name for name in found - TOP - ignored if not name.endswith((".egg-info", ".pyc"))}
    assert not extra, "belongs into a folder, or into .gitignore"
    assert TOP - {".git", ".gitignore"} <= found


@pytest.mark.parametrize("name", ["SECURITY.md", "CONTRIBUTING.md"])
def test_what_these_pages_name_exists(name):
    text = page(name)
    tests = re.findall(r"(tests/[\w/]+\.py)::(\w+)", text)
    assert len(tests) >= (15 if name == "SECURITY.md" else 0)
    for file, test in tests:
        assert re.search(rf"^def {test}\(", page(file), re.MULTILINE), f"{file} has no {test}"
    for file in re.findall(r"(?<![\w./])((?:tests|docs|examples|core|ops|nn|tensors)/[\w/]+\.(?:py|md))\b", text):
        assert (ROOT / file).exists() or (ROOT / "tinygrad_mnist" / file).exists(), file


def test_each_session_that_is_named_is_there():
    functions = {f.name for f in ast.parse(page("noxfile.py")).body if isinstance(f, ast.FunctionDef)}
    named = {name.partition("-")[0] for name in re.findall(r"nox -s ([\w.-]+)", page("CONTRIBUTING.md"))}
    assert named == functions
