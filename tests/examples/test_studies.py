"""The frame of the studies in examples/studies, and their page. The studies themselves run in .ci/run, on MNIST."""

from __future__ import annotations

import argparse
import importlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
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
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", kept["when"]) and kept["version"] == study.tg.__version__
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


def test_a_time_that_is_not_as_expected_is_said_and_fails_nothing(study, tmp_path, capsys):
    made = record(study, tmp_path)
    made.check("times as fast", 0.5, 1, 2, timed=True)
    assert made.finish() == 0
    assert "not so here, where other programs may have run: times as fast: 0.5 in [1, 2]" in capsys.readouterr().out


def test_a_quick_run_says_so_first(study, tmp_path, capsys):
    made = record(study, tmp_path, quick=True)
    made.finish()
    assert json.loads((tmp_path / "result.json").read_text())["items"] == [{"kind": "quick", "text": study.QUICK}]
    assert capsys.readouterr().out.splitlines()[:2] == [made.title, study.QUICK]
    assert "not the study's" in study.QUICK and not record(study, tmp_path).items


def test_a_study_that_breaks_off_leaves_no_result(study, tmp_path):
    (tmp_path / "result.json").write_text("{}")  # of an older run
    record(study, tmp_path)
    assert not (tmp_path / "result.json").exists()


def test_a_folder_that_cannot_be_made_is_a_sentence(study, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match="cannot be made a folder.*--out"):
        study.folder(tmp_path / "file" / "folder")


def test_a_study_as_a_program(study, tmp_path):
    def good(made):
        made.check("it is quick", made.quick, 1, 1)

    def bad(made):
        raise study.tg.TinygradError("planted")

    for function, status in ((good, 0), (bad, "TinygradError: planted")):
        with pytest.raises(SystemExit) as ended:
            study.run("name", "Title", function, "What it is", ["--quick", "--out", str(tmp_path / "out")])
        assert ended.value.code == status


def leave_results(study, out, names, failed=(), quick=()):
    for name in names:
        made = record(study, out / name, name, quick=name in quick)
        fill(study, made)
        made.check("accuracy", 0.5 if name in failed else 1, 0.9, 1)
        made.finish()


def page_of(run_all, out, *args):
    status = run_all.main([*args, "--out", str(out)])
    return status, (out / "report.html").read_text()


def test_the_page_has_everything_and_escapes_it(run_all, study, tmp_path, capsys):
    bad = run_all.STUDIES[1]
    leave_results(study, tmp_path, run_all.STUDIES, failed=[bad], quick=run_all.STUDIES)
    status, page = page_of(run_all, tmp_path, "--report")
    out = capsys.readouterr().out
    assert status == 1 and f"FAILED: {bad}\n" in out and "NO RESULT" not in out
    assert "A title with &lt; and &amp;" in page and "with &lt;tags&gt;" in page and "<tags>" not in page
    assert page.count("<img src='data:image/png;base64,") == 5 and "http" not in page.split("</head>")[1]
    assert page.count("class='failed'") == 2 and page.count("class='held'") == 4  # in the list too
    assert page.count(f"<p class='quick'>{study.QUICK.replace(chr(39), '&#x27;')}</p>") == 5
    assert page.count("quick run of 20") == 10 and "full run of" not in page  # in the list and under each title
    for tag in ("table", "tr", "td", "th", "figure", "p", "h2", "h3", "ul", "li", "span"):
        assert len(re.findall(f"<{tag}[ >]", page)) == page.count(f"</{tag}>"), tag


def test_the_page_has_one_table_of_printed_numbers_per_study(run_all, study, tmp_path):
    leave_results(study, tmp_path, run_all.STUDIES)
    status, page = page_of(run_all, tmp_path, "--report")
    assert status == 0 and "no result" not in page and "class='failed'" not in page
    for part in page.split("<h2 ")[1:]:
        (table,) = re.findall("<h3>Printed numbers beside ours</h3>(.*?</table>)", part, re.DOTALL)
        assert "<th colspan='5'>A part</th>" in table  # under the head of the part that they come from, and only here
        assert part.count("<td>.9126</td><td>0.91</td><td>0.97</td><td>because</td>") == 1
        assert ".157" in table


@pytest.mark.parametrize("lacking", ["weight_init", "layers_and_checking"])
def test_a_study_without_a_result_is_named(run_all, study, tmp_path, capsys, lacking):
    leave_results(study, tmp_path, [name for name in run_all.STUDIES if name != lacking])
    status, page = page_of(run_all, tmp_path, "--report")
    assert status == 1 and f"NO RESULT: {lacking}\n" in capsys.readouterr().out
    assert f"<h2 id='{lacking}'>{lacking}</h2><p class='failed'>no result" in page
    assert page.count("no result: it was not run, or broke off") == 2


def test_older_results_are_marked(run_all, study, tmp_path, monkeypatch):
    new = run_all.STUDIES[3]
    leave_results(study, tmp_path, run_all.STUDIES, quick=run_all.STUDIES[:1])
    old = tmp_path / run_all.STUDIES[0] / "result.json"
    kept = json.loads(old.read_text())
    old.write_text(json.dumps({key: kept[key] for key in kept if key not in ("when", "version")}))

    def run_study(name, out, args):
        assert name == new
        leave_results(study, out, [name])
        return True

    monkeypatch.setattr(run_all, "run_study", run_study)
    status, page = page_of(run_all, tmp_path, "--only", new)
    assert status == 0 and "Not all of the results here are of one run" in page
    assert page.count("an older result, not of the run that wrote this page") == 8
    assert "quick run of an unknown time, version unknown; an older" in page
    assert re.search(rf"<h2 id='{new}'>[^\n]*full run of 20[^;<]*, version [^;<]*</p>", page)


def test_a_study_that_breaks_leaves_no_old_result(run_all, tmp_path, monkeypatch):
    old = tmp_path / "config_net"
    old.mkdir()
    (old / "result.json").write_text("{}")
    monkeypatch.setattr(run_all, "HERE", tmp_path)  # there is no such program
    assert run_all.main(["--only", "config_net", "--out", str(tmp_path)]) == 1
    assert not (old / "result.json").exists() and "no result" in (tmp_path / "report.html").read_text()


def test_a_program_that_fails_after_its_result_fails_the_page(run_all, study, tmp_path, monkeypatch):
    leave_results(study, tmp_path, run_all.STUDIES)
    monkeypatch.setattr(run_all, "run_study", lambda name, out, args: False)
    assert run_all.main(["--only", "config_net", "--out", str(tmp_path)]) == 1


def test_every_study_is_run(run_all):
    """Programs end in a main of their own; the other modules are parts of them."""
    programs = {path.stem for path in STUDIES.glob("*.py") if 'if __name__ == "__main__"' in path.read_text("utf-8")}
    assert programs - {"run_all"} == set(run_all.STUDIES)
