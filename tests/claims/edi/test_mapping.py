"""Claims as the service stores them come out of its own mapping as files that pyx12 accepts and that say it all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from tests.claims.edi import domain_claims, judge

from praxis.claims.v1 import claim_pb2
from praxis_claims.edi.tokenizer import Tokenizer
from praxis_claims.store.models import Claim, Payer
from praxis_claims.usecases import x12
from praxis_claims.usecases.x12 import Numbering

FILES, FILES_LONG, CLAIMS_PER_FILE = 4, 25, 40
SEED = 20260303
CREATED = datetime(2026, 3, 2, 9, 5, tzinfo=UTC)
CAUSES: dict[int, str] = {
    claim_pb2.CLAIM_CAUSE_EMPLOYMENT: "EM",
    claim_pb2.CLAIM_CAUSE_AUTO_ACCIDENT: "AA",
    claim_pb2.CLAIM_CAUSE_OTHER_ACCIDENT: "OA",
}
SEXES = {claim_pb2.CLAIM_SEX_FEMALE: "F", claim_pb2.CLAIM_SEX_MALE: "M", claim_pb2.CLAIM_SEX_UNKNOWN: "U"}
RELATIONSHIPS = {"spouse": "01", "child": "19", "employee": "20", "life_partner": "53", "other": "G8"}
Made = list[tuple[Claim, Payer]]


@pytest.fixture(scope="module")
def made(long: bool) -> Made:
    """160 claims, with `--long` a thousand."""
    return list(domain_claims.claims(SEED, (FILES_LONG if long else FILES) * CLAIMS_PER_FILE))


@pytest.fixture(scope="module")
def files(made: Made) -> list[str]:
    written = []
    for start in range(0, len(made), CLAIMS_PER_FILE):
        some = made[start : start + CLAIMS_PER_FILE]
        payers = {str(payer.id): payer for _, payer in some}
        numbering = Numbering(start + 1, f"B{start:08}", CREATED)
        written.append(x12.write([claim for claim, _ in some], some[0][1], numbering, payers).decode("ascii"))
    return written


def test_what_the_mapping_makes_of_stored_claims_is_accepted(files: list[str]) -> None:
    assert [fault for file in files for fault in judge.faults(file)] == []


def test_each_fact_of_a_claim_has_its_segment_in_its_loop(made: Made, files: list[str]) -> None:
    counts = sum((judge.loop_counts(file) for file in files), Counter[str]())
    wanted = sum((loops(claim) for claim, _ in made), Counter[str]())
    print("\n" + "\n".join(f"{name:16} {wanted[name]:6}" for name in sorted(wanted)))
    assert {name: counts[name] for name in wanted} == wanted
    assert {name: number for name, number in wanted.items() if number < 20} == {}


def loops(claim: Claim) -> Counter[str]:
    """Return which loops and segments the facts of a claim call for, those apart that several claims share."""
    billing, rendering = claim.billing_provider, claim.rendering_provider
    own = claim.subscriber.relationship == "self"  # type: ignore[union-attr]
    named = rendering is not None and billing is not None and rendering.npi != billing.npi
    facts = {
        "2000B SBR": True,
        "2010BA NM1*IL": True,
        "2010BA N3": own,
        "2010BA DMG": own,
        "2010BB NM1*PR": True,
        "2000C PAT": not own,
        "2010CA NM1*QC": not own,
        "2010CA N4": not own,
        "2010CA DMG": not own,
        "2300 CLM": True,
        "2300 DTP*439": bool(claim.related_cause),
        "2300 DTP*431": bool(claim.related_date) and not claim.related_cause,
        "2300 REF*9F": bool(claim.referral_number),
        "2300 REF*G1": bool(claim.prior_authorization_number),
        "2300 HI": True,
        "2310A NM1*DN": claim.referring_provider is not None,
        "2310B NM1*82": named,
        "2310B PRV*PE": named,
        "2310C NM1*77": claim.service_facility is not None,
        "2310C N3": claim.service_facility is not None,
        "2310C N4": claim.service_facility is not None,
    }
    lines = dict.fromkeys(("2400 LX", "2400 SV1", "2400 DTP*472", "2400 REF*6R"), len(claim.lines))
    return Counter({name: int(there) for name, there in facts.items()} | lines)


def test_each_segment_says_what_the_claim_says(made: Made, files: list[str]) -> None:
    written = {number: segments for file in files for number, segments in by_claim(file)}
    assert len(written) == len(made)
    for claim, payer in made:
        assert said(claim, payer) - written[claim.claim_number] == set()


def by_claim(file: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the segments of each claim from its subscriber on; of a name only who it is and the number."""
    number, segments = "", set[str]()
    for elements in Tokenizer(file.encode()):
        if elements[0] == "HL" and elements[3] in ("20", "22"):
            if number:
                yield number, segments
            number, segments = "", set()
        if elements[0] == "CLM":
            number = elements[1]
        told = ["NM1", elements[1], *elements[8:]] if elements[0] == "NM1" else elements
        segments.add("*".join(told))
    yield number, segments


def said(claim: Claim, payer: Payer) -> set[str]:
    """Return segments as the facts of a claim make them, without the help of the product's mapping."""
    subscriber, billing = claim.subscriber, claim.billing_provider
    assert subscriber is not None
    assert billing is not None
    assert claim.patient is not None
    own, group = subscriber.relationship == "self", subscriber.group_number
    plan = "" if group else subscriber.plan_name.upper()
    cause = CAUSES.get(claim.related_cause, "")
    accident = f"**{cause}:::{billing.address.state}" if cause == "AA" else f"**{cause}" if cause else ""
    assigned = "N" if claim.benefits_not_assigned else "Y"
    total = sum((Decimal(line.charge.amount) for line in claim.lines), Decimal())
    sent = {
        f"SBR*{'PST'[claim.coverage_rank - 1]}*{'18' if own else ''}*{group}*{plan}*****{payer.claim_filing_indicator}",
        f"NM1*IL*MI*{subscriber.member_id}",
        f"NM1*PR*PI*{payer.electronic_id}",
        f"DMG*D8*{claim.patient.birth_date.replace('-', '')}*{SEXES[claim.patient.sex]}",
        f"CLM*{claim.claim_number}*{plain(total)}***{claim.place_of_service_code}:B:1*Y*A*{assigned}*Y{accident}",
        "HI*" + "*".join(f"AB{'F' if n else 'K'}:{c.replace('.', '')}" for n, c in enumerate(claim.diagnosis_codes)),
    }
    if not own:
        sent.add(f"PAT*{RELATIONSHIPS[subscriber.relationship]}")
    if claim.related_date:
        sent.add(f"DTP*{'439' if cause else '431'}*D8*{claim.related_date:%Y%m%d}")
    if claim.prior_authorization_number:
        sent.add(f"REF*G1*{claim.prior_authorization_number}")
    if claim.referral_number:
        sent.add(f"REF*9F*{claim.referral_number}")
    if claim.referring_provider:
        sent.add(f"NM1*DN*XX*{claim.referring_provider.npi}")
    if claim.rendering_provider and claim.rendering_provider.npi != billing.npi:
        sent.add(f"NM1*82*XX*{claim.rendering_provider.npi}")
    if claim.service_facility:
        where = claim.service_facility.address
        sent.add(f"NM1*77*XX*{claim.service_facility.npi or billing.npi}")
        sent.add(f"N4*{where.city.upper()}*{where.state}*{where.postal_code.replace('-', '')}")
    return sent | {segment for line in claim.lines for segment in said_of_line(line)}


def said_of_line(line: claim_pb2.ClaimLine) -> set[str]:
    procedure = ":".join(("HC", line.procedure_code, *line.modifiers))
    pointers = ":".join(map(str, line.diagnosis_pointers))
    return {
        f"SV1*{procedure}*{plain(Decimal(line.charge.amount))}*UN*{line.units}***{pointers}",
        f"DTP*472*D8*{line.service_date.replace('-', '')}",
        f"REF*6R*{line.control_number}",
    }


def plain(amount: Decimal) -> str:
    """Write an amount as X12 wants numbers: no zeros behind the point that say nothing."""
    return f"{amount:f}".rstrip("0").rstrip(".")
