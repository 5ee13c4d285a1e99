"""The frame of the studies in examples/studies, and their page. The studies themselves run in .ci/run, on MNIST."""

from __future__ import annotations

import argparse
import importlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
STUDIES = ROOT / "examples" / "studies"


@pytest.fixture
def study(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(str(STUDIES))
    return importlib.import_module("study")


@pytest.fixture
def run_all(study):
    return importlib.import_module("run_all")


def record(study, out, name="config_net", quick=False):
    args = argparse.Namespace(quick=quick, data_dir=None, out=str(out))
    return study.Study(name, "A title with < and &", args)


def fill(study, made):
    made.section("A part")
    made.say("Some   text\n with <tags>")
    made.compare("accuracy", ".9126", "0.91", "0.97", "because")
    made.compare("loss", ".157", "0.16")
    made.table("Seeds", ["seed", "accuracy"], [[0, 0.123456], [12345, True]])
    drawn, axes = study.figure(columns=2)
    axes[0].plot([1, 2])
    made.picture(drawn, "curve", "What it shows")


def test_a_study_prints_and_keeps_what_it_was_told(study, tmp_path, capsys):
    made = record(study, tmp_path)
    fill(study, made)
    made.check("accuracy", np.float32(0.97), 0.96, 1)
    assert made.finish() == 0
    kept = json.loads((tmp_path / "result.json").read_text())
    assert [item["kind"] for item in kept["items"]] == [
        "section", "text", "compare", "compare", "table", "picture", "check",
    ]  # fmt: skip
    assert kept["items"][4]["rows"] == [["0", "0.1235"], ["12,345", "True"]]
    assert kept["failures"] == [] and kept["title"] == made.title and kept["seconds"] > 0
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    out = capsys.readouterr().out
    assert "accuracy: printed .9126; as written 0.91; corrected 0.97\n    because" in out and "all checks hold" in out


@pytest.mark.parametrize("value", [0.5, 1.5, float("nan")])
def test_a_check_that_fails_fails_the_study(study, tmp_path, capsys, value):
    made = record(study, tmp_path)
    made.check("accuracy", value, 0.96, 1)
    made.check("another", 1, 0, 2)
    assert made.finish() == 1
    assert json.loads((tmp_path / "result.json").read_text())["failures"][0].startswith("FAILED: accuracy")
    assert "1 checks FAILED" in capsys.readouterr().out


def test_a_study_as_a_program(study, tmp_path):
    def good(made):
        made.check("it is quick", made.quick, 1, 1)

    def bad(made):
        raise study.tg.TinygradError("planted")

    for function, status in ((good, 0), (bad, "TinygradError: planted")):
        with pytest.raises(SystemExit) as ended:
            study.run("name", "Title", function, "What it is", ["--quick", "--out", str(tmp_path / "out")])
        assert ended.value.code == status


def test_the_page_has_everything_and_escapes_it(run_all, study, tmp_path, capsys):
    for name in run_all.STUDIES[:2]:
        made = record(study, tmp_path / name, name, quick=True)
        fill(study, made)
        made.check("accuracy", 0.5 if name == run_all.STUDIES[1] else 1, 0.9, 1)
        made.finish()
    assert run_all.main(["--report", "--out", str(tmp_path)]) == 1
    assert f"FAILED: {run_all.STUDIES[1]}" in capsys.readouterr().out
    page = (tmp_path / "report.html").read_text()
    assert "A title with &lt; and &amp;" in page and "with &lt;tags&gt;" in page and "<tags>" not in page
    assert page.count("<img src='data:image/png;base64,") == 2 and "http" not in page.split("</head>")[1]
    assert "<td>.9126</td><td>0.91</td><td>0.97</td><td>because</td>" in page
    assert page.count("class='failed'") == 2 and page.count("class='held'") == 1  # in the list too
    assert "quick runs" in page
    for tag in ("table", "tr", "td", "figure", "p", "h2", "h3", "ul", "li"):
        assert len(re.findall(f"<{tag}[ >]", page)) == page.count(f"</{tag}>"), tag


def test_a_study_that_breaks_leaves_no_old_result(run_all, tmp_path, monkeypatch):
    old = tmp_path / "config_net"
    old.mkdir()
    (old / "result.json").write_text("{}")
    monkeypatch.setattr(run_all, "HERE", tmp_path)  # there is no such program
    assert run_all.main(["--only", "config_net", "--out", str(tmp_path)]) == 1
    assert not (old / "result.json").exists() and (tmp_path / "report.html").exists()


def test_every_study_is_run(run_all):
    programs = {path.stem for path in STUDIES.glob("*.py")} - {"study", "run_all"}
    assert programs == set(run_all.STUDIES)
