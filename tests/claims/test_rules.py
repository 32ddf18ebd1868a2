"""The pure rules of claims: numbers, states, the scrubber, the search for diagnoses and redaction."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from praxis_claims.rules import claim_facts as facts
from praxis_claims.rules import claim_numbers, identifiers
from praxis_claims.rules.adjudication import Action, Kind, action_for, kind_of
from praxis_claims.rules.code_search import Candidate, code_start, dotted, rank, undotted
from praxis_claims.rules.edit_table import CORE_EDITS
from praxis_claims.rules.lifecycle import DECISIONS, IN_FLIGHT, REJECTED, State, may_decide, may_follow
from praxis_claims.rules.redaction import Traces, redact
from praxis_claims.rules.scrubbing import Severity, scrub

DAY = date(2026, 3, 9)
HOME = facts.Address(("12 Elm Street",), "Austin", "TX", "787011234", "US")
ADA = facts.Person("Lovelace", "Ada", date(1980, 12, 10), "F", HOME)
CLINIC = facts.Provider(
    "Elm Street Clinic",
    "1234567893",
    "207Q00000X",
    "741234567",
    "+15125550100",
    facts.Address(("1 Main Street",), "Austin", "TX", "787021234", "US"),
)
LINE = facts.Line(1, "99213", (), (1,), Decimal(1), 12500, DAY)
CLEAN = facts.ClaimFacts(
    today=date(2026, 3, 10),
    patient=ADA,
    subscriber=ADA,
    relationship="self",
    member_id="PAID0001",
    coverage_from=date(2020, 1, 1),
    coverage_to=None,
    payer=facts.Payer("60054", "SUB1", "CHSIM", "CI"),
    billing=CLINIC,
    rendering=facts.Provider("Hopper", "1245319599", "207Q00000X"),
    referring=None,
    facility=None,
    place_of_service="11",
    diagnoses=(facts.Diagnosis("E11.9", True, True, "2026"),),
    lines=(LINE,),
    total_minor=12500,
    filing_deadline=DAY + timedelta(days=180),
    known_places=frozenset({"11"}),
)


def found(**changes: object) -> set[str]:
    return {finding.code for finding in scrub(replace(CLEAN, **changes), CORE_EDITS)}  # type: ignore[arg-type]


def test_a_complete_claim_has_no_findings() -> None:
    assert found() == set()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"patient": replace(ADA, birth_date=None), "subscriber": ADA}, "BIRTH_DATE_MISSING"),
        ({"patient": replace(ADA, address=facts.Address())}, "ADDRESS_INCOMPLETE"),
        ({"member_id": " "}, "MEMBER_ID_MISSING"),
        ({"member_id": "A*B~CLM*1"}, "MEMBER_ID_UNWRITABLE"),
        ({"member_id": "W12345é"}, "MEMBER_ID_UNWRITABLE"),
        ({"patient": replace(ADA, family="李小龍Æ")}, "NAME_CUT"),
        ({"patient": replace(ADA, given="李小龍")}, "NAME_UNWRITABLE"),
        ({"payer": replace(CLEAN.payer, member_id_pattern="[0-9]{9}")}, "MEMBER_ID_UNUSUAL"),
        ({"payer": replace(CLEAN.payer, electronic_id="")}, "PAYER_NOT_SET_UP"),
        ({"coverage_to": DAY}, "COVERAGE_INACTIVE"),
        ({"billing": replace(CLINIC, npi="1234567890")}, "NPI_INVALID"),
        ({"billing": replace(CLINIC, tax_id="111111111")}, "TAX_ID_INVALID"),
        ({"billing": replace(CLINIC, taxonomy_code="")}, "TAXONOMY_MISSING"),
        ({"billing": replace(CLINIC, address=replace(CLINIC.address, lines=("P.O. Box 7",)))}, "BILLING_ADDRESS_BOX"),
        ({"billing": replace(CLINIC, address=replace(CLINIC.address, postal_code="78702"))}, "ZIP_NOT_NINE_DIGITS"),
        ({"today": DAY - timedelta(days=1)}, "SERVICE_IN_FUTURE"),
        ({"patient": replace(ADA, birth_date=DAY + timedelta(days=1))}, "SERVICE_BEFORE_BIRTH"),
        ({"filing_deadline": DAY}, "FILING_OVERDUE"),
        ({"diagnoses": ()}, "DIAGNOSIS_MISSING"),
        ({"diagnoses": (facts.Diagnosis("E11", True, False, "2026"),)}, "DIAGNOSIS_NOT_BILLABLE"),
        ({"diagnoses": (facts.Diagnosis("Q99.99", False, False, "2026"),)}, "DIAGNOSIS_UNKNOWN"),
        ({"diagnoses": (facts.Diagnosis("W01.0XXA", True, True, "2026"),)}, "EXTERNAL_CAUSE_FIRST"),
        ({"lines": (replace(LINE, pointers=(2,)),)}, "POINTERS_INVALID"),
        ({"lines": (replace(LINE, pointers=()),)}, "POINTERS_INVALID"),
        ({"lines": (replace(LINE, modifiers=("25", "59", "76", "77", "XU")),)}, "MODIFIERS_INVALID"),
        ({"lines": (replace(LINE, units=Decimal("1.2345")),)}, "UNITS_INVALID"),
        ({"lines": (replace(LINE, charge_minor=0),), "total_minor": 0}, "CHARGE_ZERO"),
        ({"total_minor": 12501}, "TOTAL_WRONG"),
        ({"place_of_service": "ZZ"}, "PLACE_OF_SERVICE_UNKNOWN"),
        ({"lines": (LINE, replace(LINE, number=2)), "total_minor": 25000}, "LINE_REPEATED"),
    ],
)
def test_each_fault_is_found_and_nothing_else(changes: dict[str, object], code: str) -> None:
    assert found(**changes) == {code}


def test_missing_facts_are_the_only_finding_while_they_are_missing() -> None:
    findings = scrub(replace(CLEAN, missing=("coverage",), member_id=""), CORE_EDITS)
    assert [(finding.code, finding.severity) for finding in findings] == [("FACTS_MISSING", Severity.BLOCK)]


def test_every_edit_says_what_to_do() -> None:
    assert len({edit.code for edit in CORE_EDITS}) == len(CORE_EDITS)
    assert all(edit.message.endswith(".") and edit.fix_hint.endswith(".") for edit in CORE_EDITS)


@given(st.uuids(), st.uuids(), st.integers(1, claim_numbers.MAX_ATTEMPTS))
def test_a_claim_number_survives_lower_case_and_padding(tenant: UUID, claim: UUID, attempt: int) -> None:
    number = claim_numbers.claim_number(tenant, claim, attempt)
    assert len(number) == claim_numbers.LENGTH <= 20
    assert claim_numbers.normalized(f" {number.lower()}  ") == number


@given(st.uuids(), st.uuids(), st.integers(0, claim_numbers.LENGTH - 1), st.sampled_from(claim_numbers.ALPHABET))
def test_a_damaged_claim_number_is_not_taken_for_another(tenant: UUID, claim: UUID, place: int, letter: str) -> None:
    number = claim_numbers.claim_number(tenant, claim, 1)
    damaged = number[:place] + letter + number[place + 1 :]
    assert (claim_numbers.normalized(damaged) is None) == (damaged != number)
    assert claim_numbers.normalized(number[:-1]) is None


def test_the_check_digit_of_an_npi_is_the_published_one() -> None:
    assert identifiers.npi_valid("1234567893")
    assert not identifiers.npi_valid("1234567890")


@given(st.sampled_from(list(State)), st.lists(st.sampled_from([*IN_FLIGHT, State.ADJUDICATED, State.POSTED])))
def test_evidence_never_moves_a_claim_back(start: State, answers: list[State]) -> None:
    state = start
    for answer in answers:
        if may_follow(state, answer):
            assert answer > state or answer == State.ADJUDICATED
            state = answer
    if start not in {*IN_FLIGHT, *REJECTED, State.ADJUDICATED, State.POSTED}:
        assert state == start


def test_people_cannot_move_what_a_payer_has() -> None:
    assert not any(may_decide(state, State.READY) for state in IN_FLIGHT)
    assert all(State.READY in DECISIONS[state] for state in REJECTED)


def test_a_rejection_after_the_payer_accepted_does_not_count() -> None:
    assert may_follow(State.SUBMITTED, State.REJECTED_FRONT_END)
    assert not may_follow(State.PAYER_ACCEPTED, State.REJECTED_SYNTAX)


@pytest.mark.parametrize(
    ("code", "action"),
    [
        *[(f"CO-{reason}", Action.CONTRACTUAL) for reason in ("45", "131", "253", "24")],
        *[(f"CO-{reason}", Action.LEAVE_OPEN) for reason in ("16", "50", "97", "144")],
        *[(f"PR-{reason}", Action.TRANSFER_TO_NEXT) for reason in ("1", "2", "3")],
        *[(f"PR-{reason}", Action.LEAVE_OPEN) for reason in ("96", "204", "31", "27", "29", "119")],
        ("OA-23", Action.INFORMATION),
        *[(f"OA-{reason}", Action.LEAVE_OPEN) for reason in ("18", "94")],
        # The reasons of a contract or of the patient's share mean nothing in another group.
        *[(code, Action.LEAVE_OPEN) for code in ("PI-45", "PI-1", "PI-16", "PR-45", "OA-45", "CO-23", "CO-1", "CR-45")],
    ],
)
def test_each_reason_is_written_off_moved_on_or_left_to_a_person(code: str, action: Action) -> None:
    group, _, reason = code.partition("-")
    assert action_for(group, reason, ()) is action
    own = Action.LEAVE_OPEN if action is Action.CONTRACTUAL else action
    assert action_for(group, reason, ["CO-999"]) is own
    assert action_for("CO", "999", ["CO-999"]) is Action.CONTRACTUAL


def test_a_status_is_posted_taken_back_noted_or_left_to_a_person() -> None:
    kinds = {status: kind_of(str(status)) for status in range(30)}
    assert {status for status, kind in kinds.items() if kind is Kind.PAYMENT} == {1, 2, 3, 4, 19, 20, 21}
    assert {status for status, kind in kinds.items() if kind is Kind.REVERSAL} == {22}
    assert {status for status, kind in kinds.items() if kind is Kind.INFORMATION} == {23, 25}
    assert kind_of("") is kind_of("1 ") is kind_of("01") is Kind.MANUAL


def test_codes_are_read_with_and_without_their_dot() -> None:
    assert code_start(" e11.9") == code_start("E119") == "E119"
    assert code_start("flu") == ""
    assert (dotted("E119"), dotted("I10"), undotted("e11.9")) == ("E11.9", "I10", "E119")


def test_the_plain_condition_comes_before_its_varieties() -> None:
    candidates = [
        Candidate("I270", "Primary pulmonary hypertension", True, ()),
        Candidate("I10", "Essential (primary) hypertension", True, ("hypertension (arterial) (benign)",)),
        Candidate("I15", "Secondary hypertension", False, ()),
    ]
    assert next(iter(rank(candidates, "hypertension"))).code == "I10"


@given(st.text(alphabet=string.ascii_uppercase, min_size=3, max_size=8))
def test_redaction_takes_one_person_out_and_keeps_every_segment(family: str) -> None:
    text = (
        "HL*1**22*0~NM1*IL*1*LOVELACE*ADA****MI*M1~N3*12 ELM~DMG*D8*19801210*F~CLM*X*1~"
        f"NM1*IL*1*{family}*BOB****MI*M2~N3*9 OAK~SE*1*1~"
    )
    redacted = redact(text, "*", "~", Traces(frozenset({("LOVELACE", "ADA")}), frozenset({"M1"})))
    assert not any(trace in redacted for trace in ("*LOVELACE*ADA", "*M1~", "12 ELM", "19801210"))
    assert f"NM1*IL*1*{family}*BOB****MI*M2~N3*9 OAK" in redacted or family in "LOVELACE"
    assert redacted.count("~") == text.count("~")


@pytest.mark.parametrize(
    "changes",
    [
        {"patient": replace(ADA, family="Müller-Łukasz", given="Zoe\u0301 Ann"), "member_id": "w 123-456"},
        {"patient": replace(ADA, family="O’Neill", given="Þóra"), "member_id": "ABC/1.2"},
    ],
)
def test_what_claims_can_carry_is_not_remarked(changes: dict[str, object]) -> None:
    assert not found(**changes) & {"NAME_CUT", "NAME_UNWRITABLE", "MEMBER_ID_UNWRITABLE"}
