#!/usr/bin/env bash
# What a user without a clone gets: the source archive and the wheel are built, hold what they must and nothing else, and the wheel,
# installed away from this tree, is imported, asked, drawn with, type-checked against and tested. Needs git and the program `dot`.
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf '\n-- package: %s (%ss)\n' "$*" "$SECONDS"; }
here=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset PYTHONPATH
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_QUIET=1
clean="$work/clean" away="$work/away"
mkdir "$clean" "$away"

say "build from what git knows, and no file more"
git ls-files -co --exclude-standard -z | xargs -0 ls -d 2>/dev/null >"$work/files" || true  # less what is deleted
tar -c -T "$work/files" | tar -x -C "$clean"
python3 -m venv "$work/tools"
"$work/tools/bin/pip" install "build>=1.2" "twine>=6.1"
(cd "$clean" && "$work/tools/bin/python" -m build --outdir "$work/dist" >"$work/build.log" 2>&1) ||
    { tail -50 "$work/build.log"; exit 1; }  # the wheel is built from the archive
"$work/tools/bin/twine" check --strict "$work/dist"/*
"$work/tools/bin/python" .ci/contents.py "$work/files" "$work/dist"

say "the wheel in an environment of its own, away from the tree"
python3 -m venv "$work/venv"
wheel=$(echo "$work/dist"/*.whl)
"$work/venv/bin/pip" install "$wheel" "pytest>=8" "hypothesis>=6.100" "mypy>=1.11" "matplotlib>=3.8"
"$work/venv/bin/pip" check
cd "$away"
python="$work/venv/bin/python"
version=$("$python" -c 'import tinygrad_mnist as tg; print(tg.__version__)')
"$python" -c 'import sys, tinygrad_mnist as tg; assert tg.__file__.startswith(sys.prefix), tg.__file__'
[ "$("$python" -m tinygrad_mnist --version)" = "tinygrad_mnist $version" ]
"$python" -m tinygrad_mnist info
case "$wheel" in *"-$version-py3-none-any.whl") ;; *) echo "$wheel is not of version $version"; exit 1 ;; esac

say "pages"
"$python" "$here/.ci/pages.py"

say "types"
cp "$here/.ci/typed.py" .
"$work/venv/bin/mypy" --strict typed.py
sed 's/-> float:/-> str:/' typed.py >wrong.py
if "$work/venv/bin/mypy" --strict wrong.py >wrong.log; then echo "a wrong type was not noticed"; exit 1; fi
grep -q 'got "float", expected "str"' wrong.log

say "tests, against the wheel"
cp -r "$here/tests" "$here/pyproject.toml" .
rooms=(core autograd optim datasets export utils commands)  # of those that read no other file of the tree, what takes two minutes
"$python" -m pytest -q -p no:cacheprovider "${rooms[@]/#/tests/}" tests/test_tiny.py
say "done"
