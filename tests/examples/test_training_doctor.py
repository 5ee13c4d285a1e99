"""The gallery of trainings as a user runs it, on the digits, and how its table of thresholds is made."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_mnist.training import RULES

EXAMPLES = Path(__file__).parents[2] / "examples"
for package in ("matplotlib", "tqdm", "sklearn"):  # without which the program ends at its first line
    pytest.importorskip(package)


@pytest.fixture
def measure(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from doctor import measure

    return measure


def run(*args):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TINYGRAD_MNIST")}
    done = subprocess.run([sys.executable, str(EXAMPLES / "training_doctor.py"), "--data", "digits", *args],
                          capture_output=True, text=True, env=environment, timeout=300)  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_the_program_prints_the_first_verdict_of_each_training():
    names = "MLP, SGD", "own loop", "Adam, lr 0.1", "no zero_grad", "pixels from 0 to 255, Adam"
    status, out, err = run("--show", "--only", *names)
    assert status == 0, out + err
    found = {line[2:38].strip(): line[38:].split(" (")[0] for line in out.splitlines() if line[2:38].strip() in names}
    assert [found[name] for name in names] == ["nothing", "nothing", "rate too high", "zero grad", "unscaled input"]
    assert out.count("\n  try ") == 3 and out.count("THIS IS NOT MNIST") == 2
    status, _, err = run("--only", "no such training")
    assert status == 2 and "no training 'no such training'" in err


def test_the_gallery_is_as_large_as_it_was_promised(measure):
    assert len(measure.HEALTHY) >= 12 and len(measure.BROKEN) >= 12
    names = [t.name for t in (*measure.HEALTHY, *measure.BROKEN)]
    assert len({*names}) == len(names) and all(t.symptom is None for t in measure.HEALTHY)
    assert {t.symptom for t in measure.BROKEN} == {*RULES} - {"stuck"}


def test_a_limit_is_moved_only_where_the_usual_one_does_not_keep_apart(measure):
    rule = RULES["dead_relu"]
    assert measure.limit_of("dead_relu", rule, 0.2, 0.9) == 0.5
    assert measure.limit_of("dead_relu", rule, 0.45, 0.9) == pytest.approx((0.45 * 0.9) ** 0.5, rel=0.02)
    assert measure.limit_of("dead_relu", rule, 0.1, 0.4) == 0.2
    assert measure.limit_of("vanishing", RULES["vanishing"], 2e-3, 1e-7) == measure.USUAL["vanishing"]
    assert measure.limit_of("vanishing", RULES["vanishing"], 6e-5, 1e-6) == pytest.approx((6e-5 * 1e-6) ** 0.5, rel=0.1)
    assert measure.limit_of("zero_grad", RULES["zero_grad"], 0.0, 1.0) == RULES["zero_grad"].limit


def test_what_is_written_is_what_is_read(measure, monkeypatch, tmp_path):
    copy = tmp_path / "measured.py"
    copy.write_text(measure.TABLE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(measure, "TABLE", copy)
    found = {**RULES, "dead_relu": RULES["dead_relu"]._replace(limit=0.625, healthy=None, broken=0.9)}
    measure.write(found)
    scope = {}
    exec(copy.read_text(encoding="utf-8"), scope)
    assert scope["TABLE"] == {name: tuple(rule) for name, rule in found.items()}
    measure.write({name: RULES[name] for name in RULES})
    assert copy.read_text(encoding="utf-8") == measure.TABLE.read_text(encoding="utf-8")


def test_rows_take_the_worst_of_the_healthy_and_the_mildest_of_the_broken(measure):
    healthy = {"dead_relu": [0.1, 0.3], "vanishing": [0.002, 0.01]}
    broken = {"dead_relu": [0.9, 0.7], "vanishing": [1e-7]}
    found = measure.rows(healthy, broken)
    assert found["dead_relu"][-2:] == (0.3, 0.7) and found["vanishing"][-2:] == (0.002, 1e-7)
    assert found["saturated"][-2:] == (None, None)
