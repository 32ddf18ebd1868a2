"""pyx12 accepts a thousand generated claims, sees every loop in scope, and refuses what we break on purpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tests.claims.edi import generator, judge
from tests.claims.edi.mutants import MUTANTS, Mutant

from praxis_claims.edi.errors import EdiError
from praxis_claims.edi.model import Accident, Address, Claim, ClaimDates, Drug, Organization, Person
from praxis_claims.edi.professional import SEPARATORS, write_claims
from praxis_claims.edi.structure import verify_structure
from praxis_claims.edi.text import clean
from praxis_claims.edi.tokenizer import Tokenizer

FILES, CLAIMS_PER_FILE = 25, 40
IN_SCOPE = (
    "1000A NM1*41", "1000A PER", "1000B NM1*40", "2000A HL", "2000A PRV*BI", "2010AA NM1*85", "2010AA N3",
    "2010AA N4", "2010AA REF*EI", "2010AA REF*SY", "2010AA PER", "2010AB NM1*87", "2010AB N3", "2010AB N4",
    "2000B HL", "2000B SBR", "2010BA NM1*IL", "2010BA N3", "2010BA N4", "2010BA DMG", "2010BB NM1*PR", "2010BB N3",
    "2010BB N4", "2010BB REF*FY", "2000C HL", "2000C PAT", "2010CA NM1*QC", "2010CA N3", "2010CA N4", "2010CA DMG",
    "2300 CLM", "2300 DTP*431", "2300 DTP*454", "2300 DTP*304", "2300 DTP*439", "2300 DTP*484", "2300 DTP*314",
    "2300 DTP*360", "2300 DTP*361", "2300 DTP*435", "2300 DTP*096", "2300 PWK", "2300 AMT*F5", "2300 REF*9F",
    "2300 REF*G1", "2300 REF*F8", "2300 REF*X4", "2300 REF*EA", "2300 NTE", "2300 HI", "2310A NM1*DN",
    "2310B NM1*82", "2310B PRV*PE", "2310C NM1*77", "2310C N3", "2310C N4", "2310D NM1*DQ", "2400 LX", "2400 SV1",
    "2400 DTP*472", "2400 REF*G1", "2400 REF*6R", "2400 NTE", "2410 LIN", "2410 CTP", "2420A NM1*82", "2420A PRV*PE",
)  # fmt: skip


def written(*claims: Claim, number: int = 1) -> bytes:
    return write_claims(generator.interchange(number), generator.SUBMITTER, generator.RECEIVER, claims)


@pytest.fixture(scope="module")
def files() -> list[str]:
    claims = list(generator.claims(20260302, FILES * CLAIMS_PER_FILE))
    starts = range(0, len(claims), CLAIMS_PER_FILE)
    return [
        written(*claims[start : start + CLAIMS_PER_FILE], number=number).decode()
        for number, start in enumerate(starts, 1)
    ]


@pytest.fixture(scope="module")
def one_claim() -> Claim:
    return next(claim for claim in generator.claims(3, 5_000) if _is_rich(claim))


@pytest.fixture(scope="module")
def accepted(one_claim: Claim) -> str:
    """A file that the judge accepts, so that what it says of mutants is about the mutation."""
    text = written(one_claim).decode()
    assert judge.faults(text) == []
    return text


def _is_rich(claim: Claim) -> bool:
    """A claim that gives most mutants something to break."""
    drug = any(line.drug for line in claim.lines)
    return bool(claim.patient and claim.rendering and claim.facility and claim.referring and drug)


def test_thousand_generated_claims_are_accepted(files: list[str]) -> None:
    assert [fault for file in files for fault in judge.faults(file)] == []


def test_every_loop_and_segment_in_scope_is_judged_often(files: list[str]) -> None:
    counts = sum((judge.loop_counts(file) for file in files), Counter[str]())
    print("\n" + "\n".join(f"{name:16} {counts[name]:6}" for name in IN_SCOPE))
    assert counts["2300 CLM"] == FILES * CLAIMS_PER_FILE
    assert {name: counts[name] for name in IN_SCOPE if counts[name] < 20} == {}


def test_a_person_who_submits_has_no_suffix(one_claim: Claim) -> None:
    alone = replace(generator.SUBMITTER, name=Person("Li", "Ida", "Q", "Jr"))
    text = write_claims(generator.interchange(), alone, generator.RECEIVER, [one_claim]).decode()
    assert "~NM1*41*1*LI*IDA*Q***46*SUBMIT01~" in text
    assert judge.faults(text) == []


def test_at_least_fifty_mutants_are_tried() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 50


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutants_are_refused(mutant: Mutant, accepted: str) -> None:
    broken = mutant.apply(accepted)
    assert broken != accepted, "the mutant found nothing to break"
    assert judge.faults(broken), mutant.name


def test_text_becomes_plain_ascii() -> None:
    assert clean("José Łukasz*Weiß~Ny:én^") == "JOSE LUKASZ WEISS-NY EN"
    assert clean("naïve\tcafé’s") == "NAIVE CAFE'S"


def test_written_values_are_read_back(one_claim: Claim) -> None:
    segments = list(Tokenizer(written(one_claim)))
    clm = next(segment for segment in segments if segment[0] == "CLM")
    assert clm[1] == one_claim.control_number
    assert round(Decimal(clm[2]) * 100) == one_claim.charge_cents
    references = [segment[2] for segment in segments if segment[:2] == ["REF", "6R"]]
    assert references == [line.control_number for line in one_claim.lines]
    assert [segment[1] for segment in segments if segment[0] == "HL"] == ["1", "2", "3"]


def test_the_same_claims_give_the_same_bytes(one_claim: Claim) -> None:
    assert written(one_claim) == written(one_claim)


BROKEN: dict[str, Callable[[Claim], Claim]] = {
    "ELEMENT_MISSING": lambda claim: replace(claim, payer=replace(claim.payer, name="")),
    "NPI_INVALID": lambda claim: replace(claim, billing=replace(claim.billing, npi="1234567890")),
    "TAX_ID_INVALID": lambda claim: replace(claim, billing=replace(claim.billing, tax_id="111111111")),
    "ZIP_INCOMPLETE": lambda claim: replace(claim, billing=replace(claim.billing, address=_short(claim))),
    "DIAGNOSIS_COUNT": lambda claim: replace(claim, diagnoses=()),
    "DIAGNOSIS_TWICE": lambda claim: replace(claim, diagnoses=claim.diagnoses + claim.diagnoses[:1]),
    "LINE_COUNT": lambda claim: replace(claim, lines=()),
    "ORIGINAL_MISSING": lambda claim: replace(claim, frequency="7", payer_control_number=""),
    "SUBSCRIBER_INCOMPLETE": lambda claim: replace(claim, patient=None),
    "ACCIDENT_DATE_MISSING": lambda claim: replace(claim, accident=Accident(("OA",))),
    "ADMISSION_DATE_MISSING": lambda claim: replace(claim, place_of_service="21", dates=_undated(claim)),
    "POINTER_INVALID": lambda claim: _with_line(claim, pointers=(12,)),
    "UNITS_INVALID": lambda claim: _with_line(claim, units=Decimal(0)),
    "PROCEDURE_INVALID": lambda claim: _with_line(claim, procedure="99213*"),
    "NDC_INVALID": lambda claim: _with_line(claim, drug=Drug("123", Decimal(1), "UN")),
    "SERVICE_RANGE": lambda claim: _with_line(claim, service_to=date(2020, 1, 1)),
    "SERVICE_TOO_OLD": lambda claim: _with_line(claim, service_from=date(2015, 9, 30)),
    "CLAIM_NUMBER": lambda claim: replace(claim, control_number="lower-case"),
}


def _short(claim: Claim) -> Address:
    return replace(claim.billing.address, postal_code="78701")


def _undated(claim: Claim) -> ClaimDates:
    return replace(claim.dates, admission=None)


def _with_line(claim: Claim, **values: Any) -> Claim:
    return replace(claim, diagnoses=claim.diagnoses[:4], lines=(replace(claim.lines[0], **values),))


@pytest.mark.parametrize("code", BROKEN)
def test_what_must_not_be_sent_is_refused(code: str) -> None:
    sound = next(
        claim
        for claim in generator.claims(5, 200)
        if claim.patient and claim.patient.birth_date < date(2000, 1, 1) and len(claim.diagnoses) < 12
    )
    written(sound)
    with pytest.raises(EdiError) as refusal:
        written(BROKEN[code](sound))
    assert refusal.value.code == code
    assert refusal.value.path.startswith(BROKEN[code](sound).control_number)


def test_two_claims_of_one_number_are_refused(one_claim: Claim) -> None:
    with pytest.raises(EdiError, match="same number"):
        written(one_claim, one_claim)


def test_long_names_are_cut_and_long_identifiers_are_not(one_claim: Claim) -> None:
    subscriber = replace(one_claim.subscriber, name=Person("X" * 90, "Y" * 40), member_id="M" * 60)
    text = written(replace(one_claim, subscriber=subscriber)).decode()
    assert "*" + "X" * 60 + "*" + "Y" * 35 + "*" in text
    assert "M" * 60 in text


def test_the_structure_check_finds_a_lost_line(one_claim: Claim) -> None:
    texts = written(one_claim).decode().rstrip("~").split("~")
    verify_structure(texts, SEPARATORS, 1)
    with pytest.raises(EdiError):
        verify_structure([text for text in texts if not text.startswith("SV1")], SEPARATORS, 1)


def test_an_organization_without_letters_is_refused(one_claim: Claim) -> None:
    billing = replace(one_claim.billing, name=Organization("***"))
    with pytest.raises(EdiError, match="NM103 must not be empty"):
        written(replace(one_claim, billing=billing))
