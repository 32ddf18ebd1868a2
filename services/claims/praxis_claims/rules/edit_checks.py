"""The conditions of the core edits: each names the places of a claim where it applies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from praxis_claims.edi.text import clean, lost
from praxis_claims.rules import identifiers
from praxis_claims.rules.claim_facts import ClaimFacts, Person, Provider
from praxis_claims.rules.scrubbing import Hit, Predicate, hit

MAX_DIAGNOSES = 12
MAX_LINES = 50
MAX_MODIFIERS = 4
MAX_POINTERS = 4
MAX_UNITS = Decimal("9999.999")
DEADLINE_WARNING_DAYS = 14
EXTERNAL_CAUSES = ("V", "W", "X", "Y")
MODIFIER = re.compile(r"[A-Z0-9]{2}")
PROCEDURE = re.compile(r"[A-Z0-9]{5}")


def when(condition: Predicate) -> Predicate:
    """Skip a condition while facts of the claim are on their way, so that nothing is reported twice."""
    return lambda facts: () if facts.missing else condition(facts)


def persons(facts: ClaimFacts) -> Iterator[tuple[str, Person]]:
    yield "patient", facts.patient
    if not facts.patient_is_subscriber:
        yield "subscriber", facts.subscriber


def providers(facts: ClaimFacts) -> Iterator[tuple[str, Provider]]:
    named = (
        ("billing_provider", facts.billing),
        ("rendering_provider", facts.rendering),
        ("referring_provider", facts.referring),
        ("service_facility", facts.facility),
    )
    yield from ((name, provider) for name, provider in named if provider)


def missing_facts(facts: ClaimFacts) -> Iterator[Hit]:
    yield from (hit(name, name=name.replace("_", " ")) for name in facts.missing)


def name_missing(facts: ClaimFacts) -> Iterator[Hit]:
    yield from (hit(f"{who}.name", who=who) for who, person in persons(facts) if not (person.family and person.given))


def name_unwritable(facts: ClaimFacts) -> Iterator[Hit]:
    for who, person in persons(facts):
        if any(name and not clean(name) for name in (person.family, person.given)):
            yield hit(f"{who}.name", who=who)


def name_cut(facts: ClaimFacts) -> Iterator[Hit]:
    for who, person in persons(facts):
        if any(clean(name) and lost(name) for name in (person.family, person.given)):
            yield hit(f"{who}.name", who=who)


def birth_date_missing(facts: ClaimFacts) -> Iterator[Hit]:
    yield from (hit(f"{who}.birth_date", who=who) for who, person in persons(facts) if person.birth_date is None)


def sex_missing(facts: ClaimFacts) -> Iterator[Hit]:
    yield from (hit(f"{who}.sex", who=who) for who, person in persons(facts) if not person.sex)


def address_incomplete(facts: ClaimFacts) -> Iterator[Hit]:
    for who, person in persons(facts):
        address = person.address
        complete = address.lines and address.city and (address.state or not address.domestic)
        if not complete or (address.domestic and not identifiers.zip_valid(address.postal_code)):
            yield hit(f"{who}.address", who=who)


def member_id_missing(facts: ClaimFacts) -> Iterator[Hit]:
    if not facts.member_id.strip():
        yield hit("subscriber.member_id")


def member_id_unwritable(facts: ClaimFacts) -> Iterator[Hit]:
    if clean(facts.member_id) != facts.member_id.strip().upper():
        yield hit("subscriber.member_id")


def member_id_unusual(facts: ClaimFacts) -> Iterator[Hit]:
    pattern = facts.payer.member_id_pattern
    if pattern and facts.member_id and not re.fullmatch(pattern, facts.member_id):
        yield hit("subscriber.member_id")


def payer_ids_missing(facts: ClaimFacts) -> Iterator[Hit]:
    names = {
        "electronic id": facts.payer.electronic_id,
        "submitter id": facts.payer.submitter_id,
        "receiver id": facts.payer.receiver_id,
        "claim filing indicator": facts.payer.filing_indicator,
    }
    yield from (hit("payer", name=name) for name, value in names.items() if not value)


def payer_retired(facts: ClaimFacts) -> Iterator[Hit]:
    if facts.payer.retired:
        yield hit("payer")


def coverage_inactive(facts: ClaimFacts) -> Iterator[Hit]:
    for line in facts.lines:
        day = line.service_date
        early = facts.coverage_from is not None and day < facts.coverage_from
        if early or (facts.coverage_to is not None and day >= facts.coverage_to):
            yield hit("coverage", date=day.isoformat())
            return


def npi_invalid(facts: ClaimFacts) -> Iterator[Hit]:
    for role, provider in providers(facts):
        needed = role != "service_facility" or provider.npi
        if needed and not identifiers.npi_valid(provider.npi):
            yield hit(f"{role}.npi", role=role.replace("_", " "))


def taxonomy_missing(facts: ClaimFacts) -> Iterator[Hit]:
    for role, provider in providers(facts):
        if role.startswith(("billing", "rendering")) and not identifiers.taxonomy_valid(provider.taxonomy_code):
            yield hit(f"{role}.taxonomy_code", role=role.replace("_", " "))


def tax_id_invalid(facts: ClaimFacts) -> Iterator[Hit]:
    if not identifiers.tax_id_valid(facts.billing.tax_id):
        yield hit("billing_provider.tax_id")


def billing_address_incomplete(facts: ClaimFacts) -> Iterator[Hit]:
    address = facts.billing.address
    if not (facts.billing.name and address.lines and address.city and (address.state or not address.domestic)):
        yield hit("billing_provider.address")


def billing_phone_missing(facts: ClaimFacts) -> Iterator[Hit]:
    if not facts.billing.phone:
        yield hit("billing_provider.phone")


def billing_address_is_box(facts: ClaimFacts) -> Iterator[Hit]:
    if identifiers.is_post_office_box(facts.billing.address.lines):
        yield hit("billing_provider.address.lines")


def zip_not_nine_digits(facts: ClaimFacts) -> Iterator[Hit]:
    for role, provider in providers(facts):
        own = role in {"billing_provider", "service_facility"} and provider.address.domestic
        if own and not identifiers.zip_valid(provider.address.postal_code, nine_digits=True):
            yield hit(f"{role}.address.postal_code", role=role.replace("_", " "))


def service_in_future(facts: ClaimFacts) -> Iterator[Hit]:
    for line in facts.lines:
        if line.service_date > facts.today:
            yield hit(f"lines[{line.number}].service_date", date=line.service_date.isoformat())


def service_before_birth(facts: ClaimFacts) -> Iterator[Hit]:
    born = facts.patient.birth_date
    for line in facts.lines:
        if born and line.service_date < born:
            yield hit(f"lines[{line.number}].service_date", date=line.service_date.isoformat())


def filing_overdue(facts: ClaimFacts) -> Iterator[Hit]:
    if facts.today > facts.filing_deadline:
        yield hit("filing_deadline_date", date=facts.filing_deadline.isoformat())


def filing_near(facts: ClaimFacts) -> Iterator[Hit]:
    left = (facts.filing_deadline - facts.today).days
    if 0 <= left <= DEADLINE_WARNING_DAYS:
        yield hit("filing_deadline_date", date=facts.filing_deadline.isoformat())


def diagnosis_missing(facts: ClaimFacts) -> Iterator[Hit]:
    if not facts.diagnoses:
        yield hit("diagnosis_codes")


def diagnoses_too_many(facts: ClaimFacts) -> Iterator[Hit]:
    if len(facts.diagnoses) > MAX_DIAGNOSES:
        yield hit("diagnosis_codes", count=str(len(facts.diagnoses)))


def diagnosis_unknown(facts: ClaimFacts) -> Iterator[Hit]:
    yield from (hit("diagnosis_codes", code=d.code, release=d.release) for d in facts.diagnoses if not d.known)


def diagnosis_not_billable(facts: ClaimFacts) -> Iterator[Hit]:
    yield from (hit("diagnosis_codes", code=d.code) for d in facts.diagnoses if d.known and not d.billable)


def diagnosis_repeated(facts: ClaimFacts) -> Iterator[Hit]:
    counts = Counter(diagnosis.code for diagnosis in facts.diagnoses)
    yield from (hit("diagnosis_codes", code=code) for code, count in counts.items() if count > 1)


def diagnosis_outside_release(facts: ClaimFacts) -> Iterator[Hit]:
    outside = sorted({diagnosis.release for diagnosis in facts.diagnoses if diagnosis.outside_release})
    yield from (hit("diagnosis_codes", release=release) for release in outside)


def external_cause_first(facts: ClaimFacts) -> Iterator[Hit]:
    if facts.diagnoses and facts.diagnoses[0].code.startswith(EXTERNAL_CAUSES):
        yield hit("diagnosis_codes[0]", code=facts.diagnoses[0].code)


def pointers_invalid(facts: ClaimFacts) -> Iterator[Hit]:
    for line in facts.lines if facts.diagnoses else ():
        pointers = line.pointers
        inside = all(1 <= pointer <= len(facts.diagnoses) for pointer in pointers)
        if not (1 <= len(pointers) <= MAX_POINTERS and inside and len(set(pointers)) == len(pointers)):
            yield hit(f"lines[{line.number}].diagnosis_pointers", line=str(line.number))


def lines_missing(facts: ClaimFacts) -> Iterator[Hit]:
    if not facts.lines:
        yield hit("lines")


def lines_too_many(facts: ClaimFacts) -> Iterator[Hit]:
    if len(facts.lines) > MAX_LINES:
        yield hit("lines", count=str(len(facts.lines)))


def procedure_invalid(facts: ClaimFacts) -> Iterator[Hit]:
    for line in facts.lines:
        if not PROCEDURE.fullmatch(line.code):
            yield hit(f"lines[{line.number}].procedure_code", line=str(line.number), code=line.code)


def charge_not_positive(facts: ClaimFacts) -> Iterator[Hit]:
    for line in facts.lines:
        if line.charge_minor < 0:
            yield hit(f"lines[{line.number}].charge", line=str(line.number))


def charge_zero(facts: ClaimFacts) -> Iterator[Hit]:
    for line in facts.lines:
        if line.charge_minor == 0:
            yield hit(f"lines[{line.number}].charge", line=str(line.number))


def units_invalid(facts: ClaimFacts) -> Iterator[Hit]:
    for line in facts.lines:
        exponent = line.units.normalize().as_tuple().exponent
        exact = isinstance(exponent, int) and exponent >= -3
        if not (0 < line.units <= MAX_UNITS and exact):
            yield hit(f"lines[{line.number}].units", line=str(line.number))


def modifiers_invalid(facts: ClaimFacts) -> Iterator[Hit]:
    for line in facts.lines:
        codes = line.modifiers
        well_formed = all(MODIFIER.fullmatch(code) for code in codes)
        if len(codes) > MAX_MODIFIERS or not well_formed or len(set(codes)) != len(codes):
            yield hit(f"lines[{line.number}].modifiers", line=str(line.number))


def lines_repeated(facts: ClaimFacts) -> Iterator[Hit]:
    seen: dict[tuple[object, ...], int] = {}
    for line in facts.lines:
        first = seen.setdefault((line.code, frozenset(line.modifiers), line.service_date), line.number)
        if first != line.number:
            yield hit(f"lines[{line.number}]", line=str(line.number), first=str(first), code=line.code)


def total_wrong(facts: ClaimFacts) -> Iterator[Hit]:
    if facts.total_minor != sum(line.charge_minor for line in facts.lines):
        yield hit("charge_amount")


def place_unknown(facts: ClaimFacts) -> Iterator[Hit]:
    if facts.place_of_service not in facts.known_places:
        yield hit("place_of_service_code", code=facts.place_of_service)
