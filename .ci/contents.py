"""What the archive and the wheel hold: `contents.py LIST FOLDER`, the files git knows and where the two were built.

The archive has every file that git knows and what setuptools adds; the wheel has the package and its licence.
"""

import sys
import tarfile
import zipfile
from pathlib import Path

files, dist = {*Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()}, Path(sys.argv[2])
(archive,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")


def same(what: Path, found: set[str], expected: set[str]) -> None:
    """End with the difference, if there is one."""
    if found != expected:
        sys.exit(f"{what.name}\n  lacks       {sorted(expected - found)}\n  has besides {sorted(found - expected)}")
    print(f"{what.name}: {len(found)} files, {what.stat().st_size / 1e6:.1f} MB")


with tarfile.open(archive) as tar:
    found = {name.partition("/")[2] for name in tar.getnames() if tar.getmember(name).isfile()}
added = {name for name in found if name.startswith("tinygrad_mnist.egg-info/")} | {"PKG-INFO", "setup.cfg"}
same(archive, found, files | added)

with zipfile.ZipFile(wheel) as zipped:
    found = {*zipped.namelist()}
    (info,) = {name.partition("/")[0] for name in found if ".dist-info/" in name}
    metadata = zipped.read(f"{info}/METADATA").decode()
package = {name for name in files if name.startswith("tinygrad_mnist/")}
assert {"tinygrad_mnist/py.typed", "tinygrad_mnist/__init__.py"} <= package
assert any(name.startswith("tinygrad_mnist/viz/assets/") for name in package)
more = ("METADATA", "WHEEL", "RECORD", "top_level.txt", "licenses/LICENSE")
same(wheel, found, package | {f"{info}/{name}" for name in more})
assert f"Version: {info.split('-')[1].partition('.dist')[0]}\n" in metadata and "License-Expression: MIT\n" in metadata
