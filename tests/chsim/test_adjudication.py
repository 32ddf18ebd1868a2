"""Whatever is claimed, charge, payment and adjustments agree to the cent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chsim.adjudication import Plan, adjudicate
from chsim.claims837 import Claim, Line, Name, Provider
from chsim.scenarios import parse

CENTS = st.integers(0, 10_000_000)
SCENARIOS = st.sampled_from(["PAID", "PART", "COPAY", "COINS", "DEDUCT", "DENY-50", "DENY1", "DENY-PR204"])


def claim_of(charges: list[tuple[int, int]], prior: bool) -> Claim:
    lines = [Line(charge, ("HC", "99213"), "1", prior_patient=left) for charge, left in charges]
    name = Name(last="DOE", id="X")
    total = sum(line.charge for line in lines)
    return Claim("A", total, "11", "1", Provider(), name, name, name, "CI", "P", 1, lines=lines, prior=prior)


@given(st.lists(st.tuples(CENTS, CENTS), min_size=1, max_size=50), SCENARIOS, CENTS, st.booleans())
def test_nothing_is_created_or_lost(charges: list[tuple[int, int]], name: str, deductible: int, prior: bool) -> None:
    scenario = parse(name)
    assert scenario is not None
    decision = adjudicate(claim_of(charges, prior), scenario, Plan(), deductible)
    assert decision.paid + sum(decision.adjusted().values()) == decision.claim.charge
    assert 0 <= decision.paid <= decision.allowed <= decision.claim.charge
    assert all(line.paid >= 0 and all(found.amount > 0 for found in line.adjustments) for line in decision.lines)


@pytest.mark.parametrize("text", ["", "W123", "DENY", "XPAID"])
def test_ordinary_member_ids_name_no_scenario(text: str) -> None:
    assert parse(text) is None
