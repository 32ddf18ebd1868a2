"""What must hold of a claim before it can be written: the rules that no X12 validator knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from praxis_claims.edi.model import BillingProvider, Claim, Provider, ServiceLine
from praxis_claims.edi.text import clean, digits
from praxis_claims.rules.identifiers import npi_valid, tax_id_valid, taxonomy_valid, zip_valid

MAX_LINES = 50
MAX_DIAGNOSES = 12
MAX_CENTS = 10**16 - 1
CLAIM_NUMBER = re.compile(r"[A-Z0-9]{1,20}")
PROCEDURE = re.compile(r"[A-Z0-9]{5}")
MODIFIER = re.compile(r"[A-Z0-9]{2}")
DIAGNOSIS = re.compile(r"[A-TV-Z][0-9][0-9AB](\.?[0-9A-Z]{1,4})?|U[0-9][0-9](\.?[0-9A-Z]{1,4})?")
ICD10_START = date(2015, 10, 1)


class Problem(NamedTuple):
    """Why a claim cannot be written: a stable code, the X12 element and a sentence."""

    code: str
    element: str
    text: str


def check_claim(claim: Claim) -> Iterator[Problem]:
    """Yield every reason why this claim must not be sent."""
    yield from _check_numbers(claim)
    yield from _check_billing(claim.billing)
    yield from _check_people(claim)
    yield from _check_situations(claim)
    for provider in (claim.rendering, claim.referring, claim.supervising):
        yield from _check_provider(provider)
    if claim.facility and not npi_valid(claim.facility.npi):
        yield Problem("NPI_INVALID", "NM109", "The NPI of the service facility fails its check digit.")
    for line in claim.lines:
        yield from _check_line(claim, line)


def _check_numbers(claim: Claim) -> Iterator[Problem]:
    if not CLAIM_NUMBER.fullmatch(claim.control_number):
        yield Problem("CLAIM_NUMBER", "CLM01", "A claim number is 1 to 20 capital letters and digits.")
    if not 1 <= len(claim.lines) <= MAX_LINES:
        yield Problem("LINE_COUNT", "LX", f"A claim has 1 to {MAX_LINES} service lines.")
    if not 1 <= len(claim.diagnoses) <= MAX_DIAGNOSES:
        yield Problem("DIAGNOSIS_COUNT", "HI", f"A claim has 1 to {MAX_DIAGNOSES} diagnoses.")
    if len(set(claim.diagnoses)) < len(claim.diagnoses):
        yield Problem("DIAGNOSIS_TWICE", "HI", "A diagnosis stands on the claim twice.")
    for code in claim.diagnoses:
        if not DIAGNOSIS.fullmatch(code):
            yield Problem("DIAGNOSIS_INVALID", "HI", f"{code} does not have the form of an ICD-10-CM code.")
    controls = {line.control_number for line in claim.lines}
    if len(controls) < len(claim.lines):
        yield Problem("LINE_NUMBER_TWICE", "REF6R", "Two lines have the same control number.")
    if claim.frequency not in ("1", "7", "8"):
        yield Problem("FREQUENCY", "CLM05", "The frequency is 1 (original), 7 (replacement) or 8 (void).")
    elif claim.frequency != "1" and not claim.payer_control_number:
        yield Problem("ORIGINAL_MISSING", "REFF8", "A replacement or void needs the payer's claim control number.")


def _check_billing(billing: BillingProvider) -> Iterator[Problem]:
    if not npi_valid(billing.npi):
        yield Problem("NPI_INVALID", "NM109", "The NPI of the billing provider fails its check digit.")
    if not tax_id_valid(billing.tax_id):
        yield Problem("TAX_ID_INVALID", "REFEI", "A tax id is nine digits that are not all the same.")
    if billing.taxonomy and not taxonomy_valid(billing.taxonomy):
        yield Problem("TAXONOMY_INVALID", "PRV03", "A taxonomy code is ten characters and ends with X.")
    if billing.address.country in ("", "US") and not zip_valid(billing.address.postal_code, nine_digits=True):
        yield Problem("ZIP_INCOMPLETE", "N403", "The billing address needs a ZIP code of nine digits.")


def _check_people(claim: Claim) -> Iterator[Problem]:
    subscriber = claim.subscriber
    if not subscriber.member_id:
        yield Problem("MEMBER_ID_MISSING", "NM109", "The subscriber's member id is missing.")
    if claim.patient is None and not (subscriber.address and subscriber.birth_date and subscriber.sex):
        yield Problem("SUBSCRIBER_INCOMPLETE", "DMG", "The patient needs an address, a birth date and a sex.")
    born = claim.patient.birth_date if claim.patient else subscriber.birth_date
    if born and any(line.service_from < born for line in claim.lines):
        yield Problem("SERVICE_BEFORE_BIRTH", "DTP472", "A service is dated before the patient's birth.")
    if not clean(claim.payer.identifier):
        yield Problem("PAYER_ID_MISSING", "NM109", "The payer has no identifier for electronic claims.")


def _check_situations(claim: Claim) -> Iterator[Problem]:
    accident = claim.accident
    if accident and not accident.happened_on:
        yield Problem("ACCIDENT_DATE_MISSING", "DTP439", "A claim for an accident needs its date.")
    if accident and "AA" in accident.causes and not accident.state:
        yield Problem("ACCIDENT_STATE_MISSING", "CLM11", "An auto accident needs the state where it happened.")
    if claim.place_of_service in ("21", "51", "61") and not claim.dates.admission:
        yield Problem("ADMISSION_DATE_MISSING", "DTP435", "An inpatient place of service needs the admission date.")
    for attachment in claim.attachments:
        if attachment.transmission != "AA" and not attachment.control_number:
            yield Problem("ATTACHMENT_NUMBER_MISSING", "PWK06", "An attachment that is sent needs a control number.")


def _check_provider(provider: Provider | None) -> Iterator[Problem]:
    if provider is None:
        return
    if not npi_valid(provider.npi):
        yield Problem("NPI_INVALID", "NM109", "The NPI of a provider fails its check digit.")
    if provider.taxonomy and not taxonomy_valid(provider.taxonomy):
        yield Problem("TAXONOMY_INVALID", "PRV03", "A taxonomy code is ten characters and ends with X.")


def _check_line(claim: Claim, line: ServiceLine) -> Iterator[Problem]:
    if not PROCEDURE.fullmatch(line.procedure):
        yield Problem("PROCEDURE_INVALID", "SV101", f"{line.procedure} does not have the form of a procedure code.")
    if len(line.modifiers) > 4 or not all(map(MODIFIER.fullmatch, line.modifiers)):
        yield Problem("MODIFIER_INVALID", "SV101", "A line has at most four modifiers of two characters.")
    if not 0 <= line.charge_cents <= MAX_CENTS:
        yield Problem("CHARGE_INVALID", "SV102", "A charge is zero or more.")
    if line.units <= 0 or -int(line.units.as_tuple().exponent) > 3:
        yield Problem("UNITS_INVALID", "SV104", "Units are more than zero, with at most three decimals.")
    pointers = line.pointers
    if not 1 <= len(pointers) <= 4 or len(set(pointers)) < len(pointers):
        yield Problem("POINTER_COUNT", "SV107", "A line points to one to four different diagnoses.")
    if any(not 1 <= pointer <= len(claim.diagnoses) for pointer in pointers):
        yield Problem("POINTER_INVALID", "SV107", "A line points to a diagnosis that the claim does not have.")
    if line.service_to and line.service_to < line.service_from:
        yield Problem("SERVICE_RANGE", "DTP472", "A service ends before it begins.")
    if line.service_from < ICD10_START:
        yield Problem("SERVICE_TOO_OLD", "DTP472", "Services before October 2015 need ICD-9 codes.")
    if line.drug and len(digits(line.drug.ndc)) != 11:
        yield Problem("NDC_INVALID", "LIN03", "An NDC is eleven digits (5-4-2).")
    yield from _check_provider(line.rendering)
