"""The script that plants mistakes in rules, on a few primitives: it kills them all, and would say so if it did not."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import mutate_rules
import pytest
from cases import Case

from tinygrad_mnist.core.primitive import registry


def no_checks(case: Case) -> Iterator[Callable[[], None]]:
    return iter(())


@pytest.mark.parametrize("name", ["divide", "softmax", "less_one_hot", "restore"])
def test_every_mutant_is_killed(name: str, capsys: Any) -> None:
    assert mutate_rules.main(["--only", name, "--workers", "1"]) == 0
    out = capsys.readouterr().out
    assert "killed (100.0 %)" in out and "SURVIVED" not in out


def test_survivors_are_reported_with_their_line(capsys: Any) -> None:
    mutants = mutate_rules.all_mutants(["divide"])
    killers = [mutate_rules.killer(m, no_checks) for m in mutants]
    assert mutate_rules.report(mutants, killers, 0.0) == 1
    out = capsys.readouterr().out
    assert f"{len(mutants)} mutants, 0 killed (0.0 %)" in out
    assert out.count("SURVIVED  elementwise.py:") == len(mutants)


def test_a_killed_mutant_that_was_called_equivalent_is_reported(capsys: Any) -> None:
    mutants = [m for m in mutate_rules.all_mutants(["sign"]) if m.equivalent]
    assert mutants
    assert mutate_rules.report(mutants, ["sign"] * len(mutants), 0.0) == 1
    assert "NOT EQUIVALENT" in capsys.readouterr().out


def test_a_case_that_fails_by_itself_kills_nothing(capsys: Any, monkeypatch: Any) -> None:
    case = mutate_rules.CASES["exp"]
    monkeypatch.setitem(mutate_rules.CASES, "exp", replace(case, oracle=lambda x: x))
    assert mutate_rules.main(["--only", "exp", "--workers", "1"]) == 1
    out = capsys.readouterr().out
    assert out == "FAILS WITHOUT A MUTANT  exp\n"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no such clock")
def test_what_runs_without_end_is_killed(monkeypatch: Any) -> None:
    def endless() -> None:
        while True:
            pass

    mutant = mutate_rules.all_mutants(["exp"])[0]
    monkeypatch.setattr(mutate_rules, "MOST_SECONDS", 0.2)
    assert mutate_rules.killer(mutant, lambda case: iter([endless])) == "exp"
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems do not keep to such a limit")
def test_what_takes_memory_without_end_is_an_error_of_its_own() -> None:
    program = "import mutate_rules; mutate_rules.in_memory(); bytearray(8 << 30)"
    places = os.pathsep.join(filter(None, sys.path))
    run = [sys.executable, "-c", program]
    done = subprocess.run(run, env={**os.environ, "PYTHONPATH": places}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and done.stderr.strip().endswith("MemoryError"), done.stderr


def test_the_mistakes_are_of_every_kind() -> None:
    found = {m.statement for m in mutate_rules.all_mutants(["divide"])}
    assert found >= {
        "return g * out / b",  # sign
        "return -g / b", "return -g * out", "return out / b",  # a factor dropped
        "return b / g", "return b / (-g * out)",  # operands exchanged
        "return g * b", "return -g / out / b",  # another operator
        "return g / a", "return -g * out / a",  # another name
        "return -(g / b)", "return g / b * 2", "return g / b * 0",  # the whole result
    }  # fmt: skip
    constants = {m.change for m in mutate_rules.all_mutants(["sqrt", "less_one_hot", "getitem", "relu"])}
    assert {"0.5 -> 1.5", "False -> True", "1 -> 2", "out != 0 -> out == 0"} <= constants


def test_rules_are_put_back() -> None:
    before = {name: dict(p.rules) for name, p in registry.items()}
    for mutant in mutate_rules.all_mutants(["multiply"]):
        _, restore = mutate_rules.install(mutant)
        assert registry["multiply"].rules != before["multiply"]
        restore()
        assert {name: dict(p.rules) for name, p in registry.items()} == before


def test_every_rule_has_mutants_and_every_equivalent_one_exists() -> None:
    mutants = mutate_rules.all_mutants()
    rules = {(p.name, argument): rule for p in registry.values() for argument, rule in p.rules.items()}
    zeros = {key for key, rule in rules.items() if "zero(g)" in ast.unparse(mutate_rules.definition(rule)[1])}
    assert {(m.primitive, m.argument) for m in mutants if m.primitive} == rules.keys() - zeros
    known = {(m.function, m.statement) for m in mutants if m.equivalent}
    assert known == set(mutate_rules.EQUIVALENT), "an entry of EQUIVALENT that no mutant matches"


def test_list_and_unknown_names(capsys: Any) -> None:
    assert mutate_rules.main(["--only", "exp", "--list"]) == 0
    assert "exp_vjp_x" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        mutate_rules.main(["--only", "no_such_primitive"])
    assert "no_such_primitive" in capsys.readouterr().err
