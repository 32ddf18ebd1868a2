"""Every public sample is read as its sources say, to the cent and to the segment, or refused with a clear reason."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from praxis_claims.edi.acknowledgments import read_acknowledgments
from praxis_claims.edi.errors import EdiError
from praxis_claims.edi.remittance import read_remittances
from praxis_claims.edi.remittance_records import Remittance
from praxis_claims.edi.tokenizer import Tokenizer

SAMPLES = Path(__file__).parent / "samples"
EXPECTED: dict[str, Any] = json.loads((SAMPLES / "expected.json").read_text())
PRESENT = sorted(name for name in EXPECTED if (SAMPLES / name).exists())
REMITTANCES = [name for name in PRESENT if name.startswith("835/")]


def cents(text: str) -> int:
    return int(Decimal(text) * 100)


def figures(remittance: Remittance) -> dict[str, object]:
    totals = remittance.totals
    codes = [adjustment.code for adjustment in totals.provider_adjustments]
    return {
        "bpr": remittance.payment.cents,
        "cas": sum(totals.adjustment_cents.values()),
        "charge": totals.charge_cents,
        "claims": totals.claims,
        "groups": totals.adjustment_counts,
        "lines": totals.lines,
        "paid": totals.paid_cents,
        "plb": totals.provider_cents,
        "plb_codes": {code: codes.count(code) for code in codes},
        "st02": remittance.payment.provenance.transaction,
        "status": totals.status_counts,
        "transaction_balances": totals.balances,
        "unbalanced_claims": totals.unbalanced_claims,
        "unbalanced_lines": totals.unbalanced_lines,
    }


def test_all_nine_remittances_are_here() -> None:
    assert len(REMITTANCES) == 9


@pytest.mark.parametrize("name", REMITTANCES)
def test_remittances_agree_to_the_cent(name: str) -> None:
    content = read_remittances((SAMPLES / name).read_bytes())
    wanted = [
        {key: cents(value) if key in ("bpr", "cas", "charge", "paid", "plb") else value for key, value in one.items()}
        for one in EXPECTED[name]["835"]
    ]
    assert [figures(remittance) for remittance in content.remittances] == wanted


@pytest.mark.parametrize("name", PRESENT)
def test_segments_and_envelopes_are_counted(name: str) -> None:
    wanted = EXPECTED[name]
    data = (SAMPLES / name).read_bytes()
    if not wanted["interchanges"]:
        with pytest.raises(EdiError, match="does not start with an ISA"):
            list(Tokenizer(data))
        return
    segments = list(Tokenizer(data))
    identifiers = [segment[0] for segment in segments]
    kinds = [segment[1] for segment in segments if segment[0] == "ST"]
    assert len(segments) == wanted["segments"]
    assert identifiers.count("ISA") == wanted["interchanges"]
    assert {kind: kinds.count(kind) for kind in kinds} == wanted["sts"]
    for identifier in ("CLM", "HL", "STC", "IK5", "AK9", "EB", "AAA"):
        assert identifiers.count(identifier) == wanted.get(identifier, identifiers.count(identifier))
    if "CLM_total" in wanted:
        charged = sum(Decimal(segment[2]) for segment in segments if segment[0] == "CLM")
        assert charged == Decimal(wanted["CLM_total"])


def test_separators_are_found_and_oddities_are_told() -> None:
    tokenizer = Tokenizer((SAMPLES / "837p/ims-valid-different-separators.edi").read_bytes())
    list(tokenizer)
    assert (tokenizer.separators.element, tokenizer.separators.component) == ("~", "^")
    assert (tokenizer.separators.repetition, tokenizer.separators.segment) == ("", "_")
    odd = Tokenizer((SAMPLES / "837p/ims-bad-first-line.edi").read_bytes())
    list(odd)
    assert [finding.code for finding in odd.findings] == ["ISA_WIDTH"]


def test_names_and_remarks_of_a_remittance_are_kept() -> None:
    (remittance,) = read_remittances((SAMPLES / "835/emedny.edi").read_bytes()).remittances
    claim = remittance.claims[2]
    patient, corrected = claim.name("QC"), claim.name("74")
    assert patient is not None
    assert corrected is not None
    assert (patient.last, patient.identifier, corrected.last) == ("SUBMITTED LAST", "LL77777L", "CORRECTED LAST")
    assert (claim.payer_control_number, claim.lines[2].remarks) == ("1000230000000020", ("N206",))
    assert claim.lines[0].procedure.modifiers == ("RB",)
    assert claim.lines[0].allowed_cents == 600


def test_a_component_separator_that_was_not_declared_is_understood() -> None:
    (remittance,) = read_remittances((SAMPLES / "835/lfh-secondary-payment.edi").read_bytes()).remittances
    procedure = remittance.claims[1].lines[0].procedure
    assert (procedure.qualifier, procedure.code, procedure.modifiers) == ("HC", "12345", ("26",))


def test_the_official_tertiary_example_is_a_warning_and_the_unbalanced_one_is_held() -> None:
    (tertiary,) = read_remittances((SAMPLES / "835/lfh-tertiary-payment.edi").read_bytes()).remittances
    assert not tertiary.claims[0].holds
    assert not tertiary.claims[0].lines_balance
    (broken,) = read_remittances((SAMPLES / "835/moov-bad-date-unbalanced.edi").read_bytes()).remittances
    assert broken.claims[0].holds
    assert not broken.totals.quarantined


def test_implementation_acknowledgments() -> None:
    (accepted,) = read_acknowledgments((SAMPLES / "ack/ims-999-accepted.edi").read_bytes()).groups
    assert (accepted.control_number, accepted.code, accepted.transactions[0].code) == ("17456", "A", "A")
    (rejected,) = read_acknowledgments((SAMPLES / "ack/ims-999-rejected.edi").read_bytes()).groups
    assert (rejected.code, rejected.transactions[0].errors) == ("R", ("5",))
    (partly,) = read_acknowledgments((SAMPLES / "ack/staedi-999.edi").read_bytes()).groups
    assert [one.code for one in partly.transactions] == ["A", "R", "R"]
    (error,) = partly.transactions[1].segments
    assert (error.segment, error.position, error.contexts) == ("CLM", "22", ("CLM01:123456789",))
    assert (error.elements[0].position, error.elements[0].code) == ("2", "1")


def test_claim_acknowledgments() -> None:
    (accepted,) = read_acknowledgments((SAMPLES / "277ca/ims-277ca-accepted.edi").read_bytes()).status_reports
    (claim,) = accepted.claims
    assert (claim.trace_number, claim.payer_control_number, claim.rejects) == ("5781", "1107000000014420", False)
    assert [level.code for level in accepted.path(claim)] == ["PT", "19", "21", "20"]
    (rejected,) = read_acknowledgments((SAMPLES / "277ca/ims-277ca-rejected.edi").read_bytes()).status_reports
    (status,) = rejected.claims[0].statuses
    assert (status.category, status.code, status.entity, status.cents) == ("A7", "562", "85", 19914)
    assert rejected.claims[0].rejects


def test_interchange_acknowledgment() -> None:
    header = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'A':15}*ZZ*{'B':15}*260120*0930*^*00501*000000009*0*T*:~"
    answers = read_acknowledgments(f"{header}TA1*000000004*260119*1200*R*025~IEA*0*000000009~".encode())
    (told,) = answers.interchanges
    assert (told.control_number, told.code, told.note) == ("000000004", "R", "025")
    assert not answers.findings
