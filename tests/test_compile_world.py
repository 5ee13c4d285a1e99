"""tg.compile is a closed world: a step's results and effects are those of eager mode, or it is refused by line."""

from __future__ import annotations

import itertools

import pytest
from compile_scenarios import STATE
from compile_scenarios_arguments import ARGUMENT_TABLE
from compile_scenarios_code import STATE as CODE
from compile_scenarios_effects import EFFECTS_TABLE
from compile_scenarios_plain import PLAIN_TABLE
from compile_world import MOMENTS, Scenario, judge

from tinygrad_mnist.scope import state

pytestmark = pytest.mark.filterwarnings("ignore")
TABLES = {"state": STATE + CODE, "effects": EFFECTS_TABLE, "arguments": ARGUMENT_TABLE, "plain": PLAIN_TABLE}
CHANGING = tuple(m for m in MOMENTS if m != "never")


def runs(scenario: Scenario, table: str, number: int) -> list[tuple[str, str]]:
    """Choose where and when: two of all combinations per scenario, the next two for the next."""
    if table == "effects":
        return [("global", "never"), ("closure", "never")]
    return [("global", CHANGING[number % 5]), ("closure", CHANGING[(number + 2) % 5])]


CASES = [
    pytest.param(s, place, moment, id=f"{table}-{s.name}-{place}-{moment}")
    for table, scenarios in TABLES.items() for number, s in enumerate(scenarios)
    for place, moment in runs(s, table, number)
]  # fmt: skip


@pytest.mark.parametrize(("scenario", "place", "moment"), CASES)
def test_a_step_is_right_or_refused(scenario: Scenario, place: str, moment: str) -> None:
    verdict = judge(scenario, place, moment)
    assert verdict in ("right", "refused"), verdict
    assert state.recorder is None and state.around is None


def test_names_are_unique() -> None:
    for scenarios in TABLES.values():
        for name, group in itertools.groupby(sorted(s.name for s in scenarios)):
            assert len(list(group)) == 1, name
