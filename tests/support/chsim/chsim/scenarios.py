"""Chooses what happens to a claim: by a rule that a test has set, else by how the member id begins."""

import re
from dataclasses import dataclass

from chsim.claims837 import Claim

_PATTERN = re.compile(
    r"(?P<plain>PAID|PART|COPAY|DEDUCT|COINS|DENY1|DENY4|999R|TA1R|CA-A3|CA-A6|CA-A7|SILENT|UNBAL-LINE|UNBAL-CLAIM"
    r"|UNBAL-TX|DUP-FILE|INTEREST-L6|TAKEBACK-WO|NO6R|RECODE)"
    r"|DENY-(?P<group>CO|PR|OA|PI)?(?P<reason>[A-Z]?[0-9]{1,3})"
    r"|LATE-(?P<days>[0-9]{1,3})"
)
# These spoil or delay a whole payment, so they never share one with the claims of others.
_OWN_PAYMENT = {"UNBAL-TX", "DUP-FILE", "INTEREST-L6", "TAKEBACK-WO", "LATE"}


@dataclass(frozen=True)
class Scenario:
    """What happens to one claim."""

    name: str
    group: str = "CO"
    reason: str = ""
    days: int = 0

    @property
    def rejected_by_front_end(self) -> str:
        """The 277CA category that refuses the claim, or nothing."""
        return self.name[3:] if self.name.startswith("CA-") else ""

    @property
    def payment(self) -> str:
        """Claims with the same answer may share one 835."""
        return str(self) if self.name in _OWN_PAYMENT else ""

    def __str__(self) -> str:
        if self.name == "DENY":
            return f"DENY-{self.group}{self.reason}"
        return f"LATE-{self.days}" if self.name == "LATE" else self.name


@dataclass(frozen=True)
class Rule:
    """Names a scenario for the claims that match; an empty condition matches all."""

    scenario: str
    claim_number: str = ""
    payer_id: str = ""
    procedure: str = ""

    def matches(self, claim: Claim) -> bool:
        """True when every condition holds."""
        codes = {line.procedure[1] for line in claim.lines if len(line.procedure) > 1}
        return (
            self.claim_number in ("", claim.number)
            and self.payer_id in ("", claim.payer.id)
            and (not self.procedure or self.procedure in codes)
        )


def parse(text: str) -> Scenario | None:
    """The scenario that a text begins with, or None."""
    match = _PATTERN.match(text.upper())
    if match is None:
        return None
    if match["reason"]:
        return Scenario("DENY", match["group"] or "CO", match["reason"])
    return Scenario("LATE", days=int(match["days"])) if match["days"] else Scenario(match["plain"])


def scenario_of(claim: Claim, rules: list[Rule]) -> Scenario:
    """The scenario of a claim; the newest matching rule wins over the member id."""
    for rule in reversed(rules):
        if rule.matches(claim):
            return parse(rule.scenario) or Scenario("PAID")
    return parse(claim.subscriber.id) or Scenario("PAID")
