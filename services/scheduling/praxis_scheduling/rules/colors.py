"""Which of the practice's rules gives an appointment its color: the first that fits and finds one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Facts = Mapping[str, frozenset[Any]]
NO_RULE_COLOR = "#e4e8ee"


@dataclass(frozen=True, slots=True)
class Rule:
    """What must be true, by name, and where the color comes from: its own, or a source of the appointment."""

    name: str
    conditions: Facts = field(default_factory=dict)
    color: str = ""
    source: str = ""
    text_color: str = ""
    icon: str = ""
    label: str = ""

    def fits(self, facts: Facts) -> bool:
        """Tell whether of everything that is named one value is true."""
        return all(wanted & facts.get(name, frozenset()) for name, wanted in self.conditions.items())


@dataclass(frozen=True, slots=True)
class Verdict:
    """A color and the rule that gave it, with its place counted from 1; without a rule the place is 0."""

    color: str
    position: int
    rule: Rule | None


def decide(rules: Sequence[Rule], facts: Facts, sources: Mapping[str, str]) -> Verdict:
    """Return the color of an appointment and why; a rule whose source has no color lets the next one decide."""
    for position, rule in enumerate(rules, 1):
        color = sources.get(rule.source, "") if rule.source else rule.color
        if color and rule.fits(facts):
            return Verdict(color, position, rule)
    return Verdict(NO_RULE_COLOR, 0, None)
