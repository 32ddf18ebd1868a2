"""Writes the loops of one claim: subscriber, payer, patient, claim (2300) and service lines (2400)."""

from __future__ import annotations

from datetime import date

from praxis_claims.edi.model import (
    Address,
    Claim,
    Organization,
    PartyName,
    Patient,
    Provider,
    ServiceLine,
    Subscriber,
)
from praxis_claims.edi.segments import SegmentList
from praxis_claims.edi.text import clean, day, decimal, digits, money


def put_claim(segments: SegmentList, claim: Claim, number: int, parent: int) -> int:
    """Write the claim below billing provider `parent`; returns the last HL number used."""
    patient = claim.patient
    number += 1
    segments.put("HL", str(number), str(parent), "22", "1" if patient else "0")
    _put_subscriber(segments, claim.subscriber, is_patient=patient is None)
    _put_payer(segments, claim)
    if patient:
        segments.put("HL", str(number + 1), str(number), "23", "0")
        number += 1
        _put_patient(segments, patient)
    _put_claim_level(segments, claim)
    for index, line in enumerate(claim.lines, 1):
        _put_line(segments, claim, line, index)
    return number


def put_name(segments: SegmentList, entity: str, name: PartyName, qualifier: str = "", identifier: str = "") -> None:
    """Write an NM1; names may be cut to the length X12 allows, identifiers never are."""
    if not identifier:
        qualifier = ""
    identity = clean(identifier)
    if isinstance(name, Organization):
        segments.put("NM1", entity, "2", clean(name.name)[:60].rstrip(), "", "", "", "", qualifier, identity)
    else:
        parts = clean(name.last)[:60].rstrip(), clean(name.first)[:35].rstrip(), clean(name.middle)[:25].rstrip()
        segments.put("NM1", entity, "1", *parts, "", clean(name.suffix)[:10].rstrip(), qualifier, identity)


def put_address(segments: SegmentList, address: Address) -> None:
    """Write N3 and N4; the country only when it is not the United States."""
    country = "" if address.country == "US" else clean(address.country)
    postal_code = clean(address.postal_code).replace(" ", "") if country else digits(address.postal_code)
    segments.put("N3", clean(address.line1)[:55].rstrip(), clean(address.line2)[:55].rstrip())
    segments.put("N4", clean(address.city)[:30].rstrip(), clean(address.state), postal_code, country)


def _put_subscriber(segments: SegmentList, subscriber: Subscriber, *, is_patient: bool) -> None:
    group = clean(subscriber.group_number)
    plan = "" if group else clean(subscriber.plan_name)[:60].rstrip()
    segments.put(
        "SBR", subscriber.rank, "18" if is_patient else "", group, plan, subscriber.insurance_type, "", "", "",
        subscriber.filing_indicator,
    )  # fmt: skip
    put_name(segments, "IL", subscriber.name, "MI", subscriber.member_id)
    if is_patient and subscriber.address and subscriber.birth_date:
        put_address(segments, subscriber.address)
        segments.put("DMG", "D8", day(subscriber.birth_date), subscriber.sex)


def _put_payer(segments: SegmentList, claim: Claim) -> None:
    payer = claim.payer
    put_name(segments, "PR", Organization(payer.name), "PI", payer.identifier)
    if payer.address:
        put_address(segments, payer.address)
    _put_reference(segments, "FY", payer.claim_office)


def _put_patient(segments: SegmentList, patient: Patient) -> None:
    segments.put("PAT", patient.relationship)
    put_name(segments, "QC", patient.name)
    put_address(segments, patient.address)
    segments.put("DMG", "D8", day(patient.birth_date), patient.sex)


def _put_claim_level(segments: SegmentList, claim: Claim) -> None:
    component = segments.separators.component
    accident = claim.accident
    related = [*(*accident.causes, "", "", "")[:3], accident.state] if accident else []
    segments.put(
        "CLM", claim.control_number, money(claim.charge_cents), "", "",
        component.join((claim.place_of_service, "B", claim.frequency)), "Y" if claim.signature_on_file else "N",
        claim.assignment, claim.benefits_assigned, claim.release, "", component.join(related).rstrip(component),
        *[""] * 8, claim.delay_reason,
    )  # fmt: skip
    _put_claim_dates(segments, claim)
    for attachment in claim.attachments:
        qualifier = "AC" if attachment.control_number else ""
        number = clean(attachment.control_number)
        segments.put("PWK", attachment.report_type, attachment.transmission, "", "", qualifier, number)
    if claim.patient_paid_cents > 0:
        segments.put("AMT", "F5", money(claim.patient_paid_cents))
    _put_reference(segments, "9F", claim.referral_number)
    _put_reference(segments, "G1", claim.prior_authorization)
    _put_reference(segments, "F8", claim.payer_control_number if claim.frequency in ("7", "8") else "")
    _put_reference(segments, "X4", claim.clia_number)
    _put_reference(segments, "EA", claim.medical_record_number)
    if claim.note:
        segments.put("NTE", "ADD", clean(claim.note)[:80].rstrip())
    codes = (f"{'ABF' if index else 'ABK'}{component}{clean(code)}" for index, code in enumerate(claim.diagnoses))
    segments.put("HI", *(code.replace(".", "") for code in codes))
    _put_claim_providers(segments, claim)


def _put_claim_dates(segments: SegmentList, claim: Claim) -> None:
    dates = claim.dates
    _put_date(segments, "431", dates.onset)
    _put_date(segments, "454", dates.initial_treatment)
    _put_date(segments, "304", dates.last_seen)
    _put_date(segments, "439", claim.accident.happened_on if claim.accident else None)
    _put_date(segments, "484", dates.last_menstrual_period)
    if dates.disability_from and dates.disability_to:
        segments.put("DTP", "314", "RD8", f"{day(dates.disability_from)}-{day(dates.disability_to)}")
    else:
        _put_date(segments, "360", dates.disability_from)
        _put_date(segments, "361", dates.disability_to)
    _put_date(segments, "435", dates.admission)
    _put_date(segments, "096", dates.discharge)


def _put_claim_providers(segments: SegmentList, claim: Claim) -> None:
    if claim.referring:
        put_name(segments, "DN", claim.referring.name, "XX", claim.referring.npi)
    if claim.rendering and claim.rendering.npi != claim.billing.npi:
        _put_rendering(segments, claim.rendering)
    if claim.facility and claim.place_of_service != "12":
        put_name(segments, "77", Organization(claim.facility.name), "XX", claim.facility.npi)
        put_address(segments, claim.facility.address)
    if claim.supervising:
        put_name(segments, "DQ", claim.supervising.name, "XX", claim.supervising.npi)


def _put_rendering(segments: SegmentList, provider: Provider) -> None:
    put_name(segments, "82", provider.name, "XX", provider.npi)
    if provider.taxonomy:
        segments.put("PRV", "PE", "PXC", provider.taxonomy)


def _put_line(segments: SegmentList, claim: Claim, line: ServiceLine, number: int) -> None:
    component = segments.separators.component
    modifiers = (*line.modifiers, "", "", "", "")[:4]
    composite = component.join(("HC", clean(line.procedure), *modifiers, clean(line.description)[:80].rstrip()))
    composite = composite.rstrip(component)
    place = line.place_of_service if line.place_of_service != claim.place_of_service else ""
    segments.put("LX", str(number))
    segments.put(
        "SV1", composite, money(line.charge_cents), line.unit_code, decimal(line.units), place, "",
        component.join(map(str, line.pointers)), "", "Y" if line.emergency else "",
    )  # fmt: skip
    last = line.service_to or line.service_from
    if last == line.service_from:
        segments.put("DTP", "472", "D8", day(last))
    else:
        segments.put("DTP", "472", "RD8", f"{day(line.service_from)}-{day(last)}")
    _put_reference(segments, "G1", line.prior_authorization)
    _put_reference(segments, "6R", line.control_number)
    if line.note:
        segments.put("NTE", "ADD", clean(line.note)[:80].rstrip())
    if line.drug:
        segments.put("LIN", "", "N4", digits(line.drug.ndc))
        segments.put("CTP", "", "", "", decimal(line.drug.quantity), line.drug.unit)
    claimed = claim.rendering.npi if claim.rendering else claim.billing.npi
    if line.rendering and line.rendering.npi != claimed:
        _put_rendering(segments, line.rendering)


def _put_date(segments: SegmentList, qualifier: str, value: date | None) -> None:
    if value:
        segments.put("DTP", qualifier, "D8", day(value))


def _put_reference(segments: SegmentList, qualifier: str, value: str) -> None:
    if value:
        segments.put("REF", qualifier, clean(value))
