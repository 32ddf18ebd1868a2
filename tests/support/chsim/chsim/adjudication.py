"""Decides what a payer pays for a claim; pure arithmetic that always adds up to the charge."""

from collections import Counter
from dataclasses import dataclass, field

from chsim.claims837 import Claim, Line
from chsim.money import share
from chsim.scenarios import Scenario


@dataclass(frozen=True)
class Plan:
    """What every payer of the simulator agrees to."""

    allowed_percent: int = 80
    coinsurance_percent: int = 20
    copay: int = 20_00
    deductible: int = 100_00


@dataclass(frozen=True)
class Adjustment:
    """An amount that is not paid, with the group and reason codes that say why."""

    group: str
    reason: str
    amount: int


@dataclass
class LineDecision:
    """What is paid for one line."""

    line: Line
    allowed: int
    adjustments: list[Adjustment] = field(default_factory=list)

    @property
    def paid(self) -> int:
        """The charge without everything that was adjusted."""
        return self.line.charge - sum(adjustment.amount for adjustment in self.adjustments)


@dataclass
class Decision:
    """What is paid for one claim."""

    claim: Claim
    scenario: Scenario
    status: str
    lines: list[LineDecision]
    control_number: str = ""

    @property
    def paid(self) -> int:
        """Sum of the lines."""
        return sum(line.paid for line in self.lines)

    @property
    def allowed(self) -> int:
        """Sum of what the payer recognizes."""
        return sum(line.allowed for line in self.lines)

    def adjusted(self) -> Counter[str]:
        """Adjusted cents by `group-reason`."""
        totals: Counter[str] = Counter()
        for line in self.lines:
            for adjustment in line.adjustments:
                totals[f"{adjustment.group}-{adjustment.reason}"] += adjustment.amount
        return totals

    @property
    def patient_responsibility(self) -> int:
        """What the patient, or the next payer, owes."""
        return sum(value for key, value in self.adjusted().items() if key.startswith("PR-"))


@dataclass
class _Benefits:
    """What is left of the patient's own part while the lines are gone through."""

    copay: int = 0
    deductible: int = 0
    coinsurance_percent: int = 0
    beyond_maximum_percent: int = 0

    def apply(self, allowed: int) -> list[Adjustment]:
        deducted = min(self.deductible, allowed)
        copaid = min(self.copay, allowed - deducted)
        self.deductible -= deducted
        self.copay -= copaid
        rest = allowed - deducted - copaid
        found = [
            Adjustment("PR", "1", deducted),
            Adjustment("PR", "2", share(rest, self.coinsurance_percent)),
            Adjustment("PR", "3", copaid),
            Adjustment("PR", "119", share(rest, self.beyond_maximum_percent)),
        ]
        return [adjustment for adjustment in found if adjustment.amount]


def adjudicate(claim: Claim, scenario: Scenario, plan: Plan, deductible_left: int) -> Decision:
    """The payer's decision; a second payer pays from what the first left to the patient."""
    if scenario.name.startswith("DENY"):
        return _deny(claim, scenario)
    benefits = _benefits(scenario, plan, deductible_left)
    lines = [_pay(line, claim.prior, plan, benefits) for line in claim.lines]
    return Decision(claim, scenario, "2" if claim.prior else "1", lines)


def _benefits(scenario: Scenario, plan: Plan, deductible_left: int) -> _Benefits:
    return _Benefits(
        copay=plan.copay if scenario.name == "COPAY" else 0,
        deductible=deductible_left if scenario.name == "DEDUCT" else 0,
        coinsurance_percent=plan.coinsurance_percent if scenario.name == "COINS" else 0,
        beyond_maximum_percent=50 if scenario.name == "PART" else 0,
    )


def _pay(line: Line, prior: bool, plan: Plan, benefits: _Benefits) -> LineDecision:
    allowed = min(line.prior_patient, line.charge) if prior else share(line.charge, plan.allowed_percent)
    excess = Adjustment("OA", "23", line.charge - allowed) if prior else Adjustment("CO", "45", line.charge - allowed)
    adjustments = [excess] if excess.amount else []
    return LineDecision(line, allowed, adjustments + benefits.apply(allowed))


def _deny(claim: Claim, scenario: Scenario) -> Decision:
    reason = scenario.reason or "50"
    lines = [
        LineDecision(line, 0, [Adjustment(scenario.group, reason, line.charge)] if line.charge else [])
        for line in claim.lines
    ]
    return Decision(claim, scenario, "1" if scenario.name == "DENY1" else "4", lines)
