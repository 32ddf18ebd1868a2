"""Every answer of the simulator follows its guide, adds up, and says what the scenario promises."""

from decimal import Decimal
from pathlib import Path

import pytest

from chsim_driver.answers import Paid, complaints, named, remittance, segments
from chsim_driver.claim_files import TestClaim, claim_file
from chsim_driver.process import Simulator

SAMPLES = Path(__file__).parent / "samples"
BALANCED = {
    # charges are 125.40 and 60, so 100.32 and 48.00 are allowed
    "PAID": ("1", "148.32", {"CO-45": "37.08"}),
    "W123456": ("1", "148.32", {"CO-45": "37.08"}),
    "PART": ("1", "74.16", {"CO-45": "37.08", "PR-119": "74.16"}),
    "COPAY": ("1", "128.32", {"CO-45": "37.08", "PR-3": "20.00"}),
    "COINS": ("1", "118.66", {"CO-45": "37.08", "PR-2": "29.66"}),
    "DEDUCT": ("1", "48.32", {"CO-45": "37.08", "PR-1": "100.00"}),
    "DENY-50": ("4", "0", {"CO-50": "185.40"}),
    "DENY-PR204": ("4", "0", {"PR-204": "185.40"}),
    "DENY4": ("4", "0", {"CO-50": "185.40"}),
    "DENY1": ("1", "0", {"CO-50": "185.40"}),
    "NO6R": ("1", "148.32", {"CO-45": "37.08"}),
    "RECODE": ("1", "148.32", {"CO-45": "37.08"}),
}


def send(simulator: Simulator, *members: str, control: int = 1) -> None:
    claims = [TestClaim(f"{member}-77", f"C{control:03d}{position}") for position, member in enumerate(members)]
    simulator.drop(f"{control}.837", claim_file(claims, control))
    simulator.wait()


def only_claim(simulator: Simulator) -> Paid:
    (answer,) = simulator.answers("835")
    (claim,) = remittance(answer).claims
    return claim


@pytest.mark.parametrize("member", BALANCED)
def test_adjudicates_as_the_member_id_says(simulator: Simulator, member: str) -> None:
    status, paid, adjustments = BALANCED[member]
    send(simulator, member)
    (answer,) = simulator.answers("835")
    claim = only_claim(simulator)
    assert (claim.status, claim.paid) == (status, Decimal(paid))
    assert claim.adjustments == {key: Decimal(value) for key, value in adjustments.items()}
    assert claim.balances
    assert claim.line_faults == 0
    assert remittance(answer).balances
    assert claim.responsibility == sum(value for key, value in claim.adjustments.items() if key.startswith("PR"))
    booked = simulator.ledger()["C0010"]
    assert (Decimal(booked["paid"]), booked["charge"]) == (claim.paid, "185.40")
    assert {key: Decimal(value) for key, value in booked["adjustments"].items()} == claim.adjustments


def test_every_answer_is_accepted_by_an_independent_judge(simulator: Simulator) -> None:
    members = [*BALANCED, "CA-A3", "CA-A6", "CA-A7", "SILENT", "INTEREST-L6", "TAKEBACK-WO", "DUP-FILE"]
    send(simulator, *members)
    send(simulator, "999R", "PAID", control=2)
    send(simulator, "TA1R", control=3)
    simulator.drop("sample.837", (SAMPLES / "moov-8-claims.edi").read_bytes())
    simulator.wait()
    count = 0
    for folder in ("ta1", "999", "277ca", "835"):
        for name, answer in simulator.files(folder).items():
            assert complaints(answer) == [], name
            count += 1
    assert count >= 14
    for answer in simulator.answers("835"):
        paid = remittance(answer)
        assert paid.balances
        assert all(claim.balances and not claim.line_faults for claim in paid.claims)


def test_a_public_sample_is_paid_to_the_cent(simulator: Simulator) -> None:
    simulator.drop("sample.837", (SAMPLES / "moov-8-claims.edi").read_bytes())
    simulator.wait()
    paid = [claim for answer in simulator.answers("835") for claim in remittance(answer).claims]
    assert sum(claim.charge for claim in paid) == Decimal("1771.96") - 2 * 174  # two repeat earlier claims
    assert [segment[4] for segment in named(simulator.answers("277ca")[0], "STC")].count("174") == 7


def test_rejects_a_transaction_set_with_the_place_of_the_fault(simulator: Simulator) -> None:
    broken = claim_file([TestClaim("PAID-1", "C1")]).replace(b"DMG*D8*19800101*F", b"DMG*D8*19801301*F")
    simulator.drop("broken.837", broken)
    simulator.wait()
    (answer,) = simulator.answers("999")
    assert complaints(answer) == []
    (place,) = named(answer, "IK3")
    sent = segments(broken)
    assert place[1:] == ["DMG", str([segment[0] for segment in sent].index("DMG") - 1), "", "8"]
    assert named(answer, "IK4")[0][1] == "2"
    assert named(answer, "IK5")[0][1] == "R"
    assert named(answer, "AK9")[0][1:] == ["R", "1", "1", "0"]
    assert simulator.answers("835") == []


@pytest.mark.parametrize("category", ["A3", "A6", "A7"])
def test_front_end_rejections(simulator: Simulator, category: str) -> None:
    send(simulator, f"CA-{category}", "PAID")
    (answer,) = simulator.answers("277ca")
    statuses = [segment[1].split(":")[0] for segment in named(answer, "STC")]
    assert statuses == ["A1", category, "A2"]
    assert only_claim(simulator).number == "C0011"
    assert simulator.ledger()["C0010"]["state"] == "rejected"


def test_silence_is_only_broken_by_the_999(simulator: Simulator) -> None:
    send(simulator, "SILENT")
    assert [len(simulator.answers(folder)) for folder in ("999", "277ca", "835")] == [1, 0, 0]


def test_a_used_interchange_number_is_refused(simulator: Simulator) -> None:
    send(simulator, "PAID")
    simulator.drop("again.837", claim_file([TestClaim("PAID-2", "C9")], control=1))
    simulator.wait()
    (answer,) = simulator.answers("ta1")
    assert named(answer, "TA1")[0] == ["TA1", "000000001", "260105", "0900", "R", "025"]
    assert "C9" not in simulator.ledger()


def test_a_claim_sent_twice_is_paid_once(simulator: Simulator) -> None:
    for control in (1, 2):
        simulator.drop(f"{control}.837", claim_file([TestClaim("PAID-1", "SAME")], control))
        simulator.wait()
    assert only_claim(simulator).number == "SAME"
    assert named(simulator.answers("277ca")[1], "STC")[1][1] == "A3:54"


@pytest.mark.parametrize(
    ("member", "line_faults", "claim_balances", "payment_balances"),
    [("UNBAL-LINE", 1, True, True), ("UNBAL-CLAIM", 1, False, True), ("UNBAL-TX", 0, True, False)],
)
def test_breaks_exactly_what_it_is_asked_to(
    simulator: Simulator, member: str, line_faults: int, claim_balances: bool, payment_balances: bool
) -> None:
    send(simulator, member)
    (answer,) = simulator.answers("835")
    assert complaints(answer) == []
    claim = only_claim(simulator)
    assert (claim.line_faults, claim.balances) == (line_faults, claim_balances)
    assert remittance(answer).balances == payment_balances


def test_provider_level_adjustments_change_the_payment(simulator: Simulator) -> None:
    send(simulator, "INTEREST-L6", "TAKEBACK-WO")
    interest, takeback = (remittance(answer) for answer in simulator.answers("835"))
    assert (interest.payment, interest.provider_adjustment) == (Decimal("149.82"), Decimal("-1.5"))
    assert (takeback.payment, takeback.provider_adjustment) == (Decimal("138.32"), Decimal(10))


def test_the_same_file_may_come_twice(simulator: Simulator) -> None:
    send(simulator, "DUP-FILE")
    first, second = simulator.answers("835")
    assert first == second


def test_line_references_may_be_missing_or_recoded(simulator: Simulator) -> None:
    send(simulator, "NO6R", "RECODE")
    (answer,) = simulator.answers("835")
    assert [segment[2] for segment in named(answer, "REF") if segment[1] == "6R"] == ["C0011L1", "C0011L2"]
    assert [segment[1] for segment in named(answer, "SVC")] == ["HC:99211:25", "HC:99212:25", "HC:99499", "HC:99212:25"]
    assert named(answer, "SVC")[2][6] == "HC:99211:25"


def test_a_second_payer_pays_what_the_first_left(simulator: Simulator) -> None:
    secondary = TestClaim("PAID-1", "SEC", charges=("125.40",), prior=("80.32", "25.08", "20"))
    simulator.drop("secondary.837", claim_file([secondary]))
    simulator.wait()
    claim = only_claim(simulator)
    assert (claim.status, claim.paid, claim.adjustments) == ("2", Decimal(20), {"OA-23": Decimal("105.4")})


def test_the_deductible_is_met_once_a_year(simulator: Simulator) -> None:
    simulator.drop("1.837", claim_file([TestClaim("DEDUCT-1", number) for number in ("A", "B")]))
    simulator.wait()
    (answer,) = simulator.answers("835")
    assert [claim.responsibility for claim in remittance(answer).claims] == [100, 0]
