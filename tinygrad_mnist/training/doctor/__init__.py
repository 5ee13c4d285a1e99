"""A doctor for trainings: names what is wrong with one, and what to do. Exports only; start reading with rules.py."""

from .checkup import Checkup
from .doctor import Doctor
from .rules import RULES, Rule
from .symptom import Verdict

__all__ = ["RULES", "Checkup", "Doctor", "Rule", "Verdict"]
