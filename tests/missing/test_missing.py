"""`python -m pytest` where optional packages are not installed: what needs them is skipped, and nothing else."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TESTS = HERE.parent
OPTIONAL = ("matplotlib sklearn graphviz dot pygraphviz numba scipy tqdm pandas distributed safetensors onnx "
            "selenium treescope tensorboardX").split()  # fmt: skip
ALONE = [[name] for name in OPTIONAL if name not in ("dot", "pygraphviz")]  # of these two, one is enough
# one or a few quick tests for each of them, and one that needs none
QUICK = [
    "examples/test_examples.py::test_an_unwritable_folder_is_told_before_training",
    "examples/test_examples.py::test_the_readmes_error_is_what_people_see",
    "examples/test_benchmark.py::test_arguments_that_make_no_sense_are_refused",
    "sklearn/test_sklearn_tools.py::test_feature_names", "examples/test_studies.py::test_a_quick_run_says_so_first",
    "viz/test_viz.py::test_render_leaves_the_old_file_where_writing_fails",
    "viz/test_viz.py::test_the_example_without_dot_writes_text",
    "test_structure.py::test_what_is_loaded_when_first_named_is_what_was_named",
]
WHOLE = ["data", "examples", "export", "fast", "sklearn", "training", "viz", "test_structure.py"]


def pytest_without(hidden, *args):
    """Run pytest in a process that lacks some packages; give its status and its report."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "without", "-q", "-rsfE", "--color=no", "-p", "no:cacheprovider", *args],
        capture_output=True, text=True, cwd=TESTS.parent, timeout=300, env={
            **os.environ, "WITHOUT": ",".join(hidden),
            "PYTHONPATH": os.pathsep.join(map(str, (TESTS.parent, TESTS, HERE))),
        },
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("hidden", [*ALONE, ["dot", "pygraphviz"], ["graphviz", "dot"], OPTIONAL], ids="+".join)
def test_what_needs_a_missing_package_is_skipped(hidden, tmp_path):
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "test_each.py").write_text(EACH, encoding="utf-8")
    chosen = " or ".join([*hidden, "others", "ours", "test_an_error"])
    status, report = pytest_without(hidden, str(tmp_path), "--rootdir", str(tmp_path), "-k", chosen)
    assert status == 0 and " failed" not in report and " error" not in report.splitlines()[-1], report
    without_graphviz = "graphviz" in hidden or importlib.util.find_spec("graphviz") is None
    for name in [name for name in hidden if name != "pygraphviz"]:
        reasons = [f"{name} is not installed"]
        if name == "dot":  # the package is asked for first
            reasons = ["`dot` of graphviz is not installed", *["graphviz is not installed"] * without_graphviz]
        assert any(reason in report for reason in reasons), report


EACH = '''
import shutil, subprocess, sys
import pytest
import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import MissingDependencyError

model = tg.nn.Linear(2, 2)

def test_matplotlib(tmp_path): tg.viz.plot_curves([{"loss": 1.0}], tmp_path / "a.png")
def test_safetensors(tmp_path): tg.save({"a": tg.ones(2)}, tmp_path / "a.safetensors")
def test_sklearn(): tg.sklearn.NeuralClassifier()
def test_digits(): tg.data.open_dataset("digits")
def test_graphviz(): tg.viz.graph(model(tg.ones(1, 2)))
def test_dot(): tg.viz.graph(model(tg.ones(1, 2))).pipe("svg")
@pytest.mark.parametrize("name", ["numba", "scipy"])
def test_fast(name):
    __import__(name)
    import tinygrad_mnist.fast.setup as setup
    setup.check_installed()
def test_onnx(tmp_path): tg.export_onnx(model, tg.ones(1, 2), tmp_path / "a.onnx")
def test_tensorboardX(tmp_path): tg.training.TensorBoard(tmp_path)
def test_tqdm(): tg.training.fit(model, (tg.ones(4, 2), tg.zeros(4, dtype=tg.int64)), epochs=1, progress=True)
@pytest.mark.parametrize("name", ["pandas", "distributed", "numba", "tqdm", "selenium", "treescope", "tensorboardX"])
def test_child(name):
    """What is hidden here is hidden in programs that are started from here."""
    def there(): return subprocess.run([sys.executable, "-c", f"import importlib.util as u; import {name}"],
                                       capture_output=True).returncode == 0
    try: __import__(name)
    except ImportError:
        assert not there()
        raise
    assert there()
def test_others(): assert shutil.which("ls") and model(tg.ones(1, 2)).shape == (1, 2)
@pytest.mark.xfail(strict=True, raises=ImportError)
def test_a_mistake_of_ours(): import tinygrad_mnist.nothing_of_the_kind
@pytest.mark.xfail(strict=True, raises=MissingDependencyError)
def test_an_error_without_a_missing_package(): raise MissingDependencyError("wrong")
'''


def test_all_missing_at_once_is_collected_and_skipped():
    status, report = pytest_without(OPTIONAL, *(str(TESTS / name) for name in WHOLE), "--collect-only")
    assert status == 0 and "INTERNALERROR" not in report and "error" not in report.lower().split("\n")[-2], report
    found = {line.partition("::")[0].removeprefix("tests/") for line in report.splitlines() if "::" in line}
    status, report = pytest_without(OPTIONAL, *(str(TESTS / q) for q in QUICK if q.partition("::")[0] in found))
    assert status == 0 and " skipped" in report and " passed" in report, report
