"""Turns a claim as it is stored into the canonical claim of the codec, and writes files of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from praxis.claims.v1 import claim_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis.types import Money
from praxis_claims.edi import model as edi
from praxis_claims.edi.professional import write_claims
from praxis_claims.store.models import Claim, Payer

SEXES = {claim_pb2.CLAIM_SEX_FEMALE: "F", claim_pb2.CLAIM_SEX_MALE: "M"}
RELATIONSHIPS = {"spouse": "01", "child": "19", "employee": "20", "life_partner": "53"}
OTHER_RELATIONSHIP = "G8"
RANKS = "PSTABCDEFGHU"
CAUSES: dict[int, str] = {
    claim_pb2.CLAIM_CAUSE_EMPLOYMENT: "EM",
    claim_pb2.CLAIM_CAUSE_AUTO_ACCIDENT: "AA",
    claim_pb2.CLAIM_CAUSE_OTHER_ACCIDENT: "OA",
}
TRIAL_NUMBER = 1


@dataclass(frozen=True, slots=True)
class Numbering:
    """The numbers of one file; a file that is sent takes them from the counter, a trial uses any."""

    control_number: int
    reference: str
    created: datetime


def trial(claim: Claim, payer: Payer, created: datetime) -> bytes:
    """Write the claim alone under a number that is never sent; raises EdiError when it cannot be written."""
    return write([claim], payer, Numbering(TRIAL_NUMBER, "PREVIEW", created))


def write(claims: Sequence[Claim], payer: Payer, numbering: Numbering, payers: dict[str, Payer] | None = None) -> bytes:
    """Write one file to the receiver of `payer`; `payers` holds those of the claims by id."""
    known = payers or {str(payer.id): payer}
    billing = claims[0].billing_provider or claim_pb2.ClaimProvider()
    interchange = edi.Interchange(
        sender_id=payer.submitter_id,
        receiver_id=payer.receiver_id,
        control_number=numbering.control_number,
        group_control_number=numbering.control_number,
        created=numbering.created,
        batch_reference=numbering.reference,
        production=not payer.test_mode,
    )
    contact = edi.Contact(name=_name_text(billing), phone=_phone(billing.phone))
    submitter = edi.Submitter(_party(billing), payer.submitter_id, contact)
    receiver = edi.Receiver(payer.receiver_name or payer.receiver_id, payer.receiver_id)
    return write_claims(interchange, submitter, receiver, [_claim(c, known[str(c.payer_id)]) for c in claims])


def _claim(claim: Claim, payer: Payer) -> edi.Claim:
    subscriber = claim.subscriber or claim_pb2.ClaimSubscriber()
    billing = claim.billing_provider or claim_pb2.ClaimProvider()
    rendering = claim.rendering_provider
    return edi.Claim(
        control_number=claim.claim_number,
        billing=_billing(billing),
        subscriber=_subscriber(claim, subscriber, payer),
        payer=edi.Payer(payer.name, payer.electronic_id),
        place_of_service=claim.place_of_service_code,
        diagnoses=tuple(code.replace(".", "") for code in claim.diagnosis_codes),
        lines=tuple(_line(line) for line in claim.lines),
        patient=None if subscriber.relationship == "self" else _patient(claim, subscriber.relationship),
        benefits_assigned="N" if claim.benefits_not_assigned else "Y",
        accident=_accident(claim, billing),
        dates=edi.ClaimDates(onset=None if claim.related_cause in CAUSES else claim.related_date),
        prior_authorization=claim.prior_authorization_number,
        referral_number=claim.referral_number,
        referring=_provider(claim.referring_provider),
        rendering=_provider(rendering) if rendering and rendering.npi != billing.npi else None,
        facility=_facility(claim.service_facility, billing),
    )


def _billing(provider: claim_pb2.ClaimProvider) -> edi.BillingProvider:
    return edi.BillingProvider(
        name=_party(provider),
        npi=provider.npi,
        tax_id=provider.tax_id,
        address=_address(provider.address),
        taxonomy=provider.taxonomy_code,
    )


def _subscriber(claim: Claim, subscriber: claim_pb2.ClaimSubscriber, payer: Payer) -> edi.Subscriber:
    person = subscriber.person
    own = subscriber.relationship == "self"
    return edi.Subscriber(
        name=_person(person.name),
        member_id=subscriber.member_id,
        rank=RANKS[min(claim.coverage_rank, len(RANKS)) - 1],
        filing_indicator=payer.claim_filing_indicator,
        group_number=subscriber.group_number,
        plan_name=subscriber.plan_name,
        address=_address(person.address) if own else None,
        birth_date=_date(person.birth_date) if own else None,
        sex=SEXES.get(person.sex, "U") if own else "",
    )


def _patient(claim: Claim, relationship: str) -> edi.Patient:
    person = claim.patient or claim_pb2.ClaimPerson()
    return edi.Patient(
        name=_person(person.name),
        relationship=RELATIONSHIPS.get(relationship, OTHER_RELATIONSHIP),
        address=_address(person.address),
        birth_date=date.fromisoformat(person.birth_date),
        sex=SEXES.get(person.sex, "U"),
    )


def _line(line: claim_pb2.ClaimLine) -> edi.ServiceLine:
    return edi.ServiceLine(
        control_number=line.control_number,
        procedure=line.procedure_code,
        charge_cents=Money.parse(line.charge.currency_code, line.charge.amount).minor,
        units=Decimal(line.units),
        pointers=tuple(line.diagnosis_pointers),
        service_from=date.fromisoformat(line.service_date),
        modifiers=tuple(line.modifiers),
    )


def _accident(claim: Claim, billing: claim_pb2.ClaimProvider) -> edi.Accident | None:
    cause = CAUSES.get(claim.related_cause)
    if cause is None:
        return None
    return edi.Accident((cause,), claim.related_date, billing.address.state if cause == "AA" else "")


def _facility(facility: claim_pb2.ClaimProvider | None, billing: claim_pb2.ClaimProvider) -> edi.Facility | None:
    """Return the facility; a location without a number of its own goes by the number of the practice."""
    if facility is None:
        return None
    return edi.Facility(facility.organization_name, facility.npi or billing.npi, _address(facility.address))


def _provider(provider: claim_pb2.ClaimProvider | None) -> edi.Provider | None:
    return edi.Provider(_party(provider), provider.npi, provider.taxonomy_code) if provider else None


def _party(provider: claim_pb2.ClaimProvider) -> edi.PartyName:
    if provider.organization_name:
        return edi.Organization(provider.organization_name)
    return _person(provider.person_name)


def _name_text(provider: claim_pb2.ClaimProvider) -> str:
    return provider.organization_name or f"{' '.join(provider.person_name.given)} {provider.person_name.family}"


def _person(name: type_pb2.PersonName) -> edi.Person:
    first, *middle = [*name.given, ""]
    return edi.Person(name.family, first, " ".join(filter(None, middle)), name.suffix)


def _address(address: type_pb2.Address) -> edi.Address:
    first, second, *_ = [*address.lines, "", ""]
    return edi.Address(first, address.city, address.state, address.postal_code, second, address.country_code)


def _phone(phone: str) -> str:
    """Return a number of the United States without its country code, as payers expect it."""
    return phone.removeprefix("+1")


def _date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
