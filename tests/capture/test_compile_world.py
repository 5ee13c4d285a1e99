"""tg.compile is a closed world: a step's results and effects are those of eager mode, or it is refused by line."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from compile_scenarios import CONTAINERS, STATE
from compile_scenarios_arguments import ARGUMENT_TABLE
from compile_scenarios_code import STATE as CODE
from compile_scenarios_effects import EFFECTS_TABLE
from compile_scenarios_plain import PLAIN_TABLE
from compile_scenarios_reads import STATE as READS
from compile_scenarios_results import RESULT_TABLE
from compile_world import MOMENTS, Scenario, Twin, judge
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_mnist.core.primitive import registry
from tinygrad_mnist.core.scope import state

pytestmark = pytest.mark.filterwarnings("ignore")
TABLES = {
    "state": STATE + CODE + READS, "effects": EFFECTS_TABLE, "arguments": ARGUMENT_TABLE, "plain": PLAIN_TABLE,
    "results": RESULT_TABLE,
}  # fmt: skip
CHANGING = tuple(m for m in MOMENTS if m != "never")


def runs(scenario: Scenario, table: str, number: int) -> list[tuple[str, str]]:
    """Choose where and when: two of all combinations per scenario, others for the next."""
    if table == "effects":
        return [("global", "never"), ("closure", "from call 3 on")]
    if scenario.plans is not None:
        return [("global", "from call 3 on"), ("closure", "from call 3 on"), ("closure", "and back")]
    return [("global", CHANGING[number % 5]), ("closure", CHANGING[(number + 2) % 5])]


CASES = [
    pytest.param(s, place, moment, id=f"{table}-{s.name}-{place}-{moment}")
    for table, scenarios in TABLES.items() for number, s in enumerate(scenarios)
    for place, moment in runs(s, table, number)
]  # fmt: skip


# the scenarios that may be refused; a further one that is refused is a step that worked
REFUSED = set(Path(__file__).with_name("compile_refused.txt").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(("scenario", "place", "moment"), CASES)
def test_a_step_is_right_or_refused(scenario: Scenario, place: str, moment: str) -> None:
    try:
        verdict = judge(scenario, place, moment)
    finally:
        registry.pop("softplus_", None)
    assert verdict in ("right", "refused"), verdict
    assert verdict == "right" or {f"{table}: {scenario.name}" for table in TABLES} & REFUSED, "refused"
    assert state.recorder is None and state.around is None


REPLACED_ONCE = {  # what an eager call does a second time shows no more
    "event", "cached property outside", "random.seed", "np.random.seed", "tg.manual_seed", "list clear", "dict clear",
    "set clear", "attribute deleted", "delattr", "global set once", "grad cleared", "global deleted",
    "import forgotten",
}  # fmt: skip


def test_what_changes_shows() -> None:
    """A scenario whose eager calls all look the same holds nothing."""
    for table, part in (("state", 0), ("effects", 1)):
        for s in TABLES[table]:
            if s.refuse or s.look == "None" and part or s.name in REPLACED_ONCE:
                continue
            calls = Twin(s, "global", "/scenarios/eager.py").run(MOMENTS["from call 3 on"], lambda step: step)
            assert len({str(call[part]) for call in calls}) > 1, s.name
            assert "raised" not in str(calls), s.name


def test_what_may_be_refused_exists() -> None:
    assert REFUSED <= {f"{table}: {s.name}" for table, scenarios in TABLES.items() for s in scenarios}


def test_names_are_unique() -> None:
    for scenarios in TABLES.values():
        for name, group in itertools.groupby(sorted(s.name for s in scenarios)):
            assert len(list(group)) == 1, name


# Where the step finds what it reads: how that is kept, and the words for it in the step and in the change.
HOLDERS = {
    "a name": ("", "c"), "an attribute": ("h = types.SimpleNamespace(c=c)", "h.c"),
    "a class": ("class H: pass\nH.c = c", "H.c"), "a dict": ("h = {'c': c}", "h['c']"),
    "a list in a dict": ("h = {'l': [0, c]}", "h['l'][1]"), "a module": ("h = nn.Module()\nh.c = c", "h.c"),
    "an own module": ("h = types.ModuleType('h')\nh.c = c", "h.c"), "a function": ("def h(): return c", "h()"),
    "a default": ("def h(v=c): return v", "h()"),
    "a property": ("class H:\n    @property\n    def v(self): return c\nh = H()", "h.v"),
    "a partial": ("h = functools.partial(lambda v: v, c)", "h()"),
    "a slot": ("class H: __slots__ = ('c',)\nh = H()\nh.c = c", "h.c"),
}  # fmt: skip
WAYS = ("{x} * ({r})", "({r}) + {x}", "{x} * (2.0 if ({r}) > 2.5 else 3.0)", "{x} * (lambda v: v)({r})",
        "sum([{x} * v for v in [{r}]])", "{x}[:1 + int({r}) % 2]", "{x} * tg.tensor([{r}] * 3)")  # fmt: skip


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """A container of some kind, kept somewhere, read and changed in one of its ways, and used in one of several."""
    kind = draw(st.sampled_from(sorted(CONTAINERS)))
    make, reads, changes, _ = CONTAINERS[kind]
    changes = tuple(c for c in changes if "outer" not in c) or ("pass",)
    read, change = draw(st.sampled_from(reads)), draw(st.sampled_from(changes))
    keep, word = HOLDERS[draw(st.sampled_from(sorted(HOLDERS)))]
    read = re.sub(r"\bc\b", word, read)
    body = "return " + draw(st.sampled_from(WAYS)).format(x="x", r=f"float({read})")
    return Scenario(f"{kind} {read} {change}", f"b = d = None\nc = {make}\n{keep}", change=change, body=body)


VERSIONS = st.lists(st.integers(0, 4), min_size=5, max_size=8).map(lambda rest: (0, *rest))


@given(scenarios(), st.sampled_from(["global", "closure"]), VERSIONS)
def test_what_is_composed_is_right_or_refused(scenario: Scenario, place: str, versions: tuple[int, ...]) -> None:
    verdict = judge(scenario, place, versions)
    assert verdict in ("right", "refused"), f"{verdict}\n{scenario.source(place)}"
