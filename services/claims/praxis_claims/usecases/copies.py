"""Keeps the local copies of what patients owns, and wakes the claims that waited for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypeVar
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from praxis.claims.v1 import claim_pb2
from praxis.patients.v1 import coverage_pb2, party_pb2, patient_pb2, practice_pb2, practitioner_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis.context import context_of
from praxis_chassis.database import Tenanted
from praxis_claims.store.models import CoverageCopy, LocationCopy, PartyCopy, PatientCopy, ProviderCopy

E = TypeVar("E", bound=Tenanted)

SEXES: dict[int, claim_pb2.ClaimSex.ValueType] = {
    party_pb2.SEX_FEMALE: claim_pb2.CLAIM_SEX_FEMALE,
    party_pb2.SEX_MALE: claim_pb2.CLAIM_SEX_MALE,
    party_pb2.SEX_OTHER: claim_pb2.CLAIM_SEX_UNKNOWN,
    party_pb2.SEX_UNKNOWN: claim_pb2.CLAIM_SEX_UNKNOWN,
}


def keep_patient(session: Session, patient: patient_pb2.Patient) -> None:
    human = patient.WhichOneof("profile") == "human"
    profile = patient.human
    person = claim_pb2.ClaimPerson(
        birth_date=profile.birth_date, sex=SEXES.get(profile.sex, claim_pb2.CLAIM_SEX_UNSPECIFIED)
    )
    _complete(person, profile.name if human else None, profile.addresses)
    session.merge(PatientCopy(tenant_id=_tenant(session), patient_id=UUID(patient.id), human=human, person=person))


def join(session: Session, absorbed_id: UUID, survivor_id: UUID | None) -> None:
    """Keep who a patient is now."""
    session.flush()
    session.execute(update(PatientCopy).where(PatientCopy.patient_id == absorbed_id).values(survivor_id=survivor_id))


def keep_party(session: Session, party: party_pb2.Party) -> None:
    person = claim_pb2.ClaimPerson(
        birth_date=party.person.birth_date, sex=SEXES.get(party.person.sex, claim_pb2.CLAIM_SEX_UNSPECIFIED)
    )
    _complete(person, party.person.name if party.HasField("person") else None, party.addresses)
    patient_id = UUID(party.patient_id) if party.patient_id else None
    copy = PartyCopy(tenant_id=_tenant(session), party_id=UUID(party.id), patient_id=patient_id, person=person)
    session.merge(copy)


def keep_coverage(session: Session, coverage: coverage_pb2.Coverage) -> None:
    copy = CoverageCopy(
        tenant_id=_tenant(session),
        coverage_id=UUID(coverage.id),
        patient_id=UUID(coverage.patient_id),
        kind=coverage.kind,
        payer_id=UUID(coverage.payer_id),
        rank=coverage.rank,
        member_id=coverage.member_id,
        group_number=coverage.group_number,
        plan_name=coverage.plan_name,
        subscriber_relationship=coverage.subscriber_relationship,
        subscriber_party_id=UUID(coverage.subscriber_party_id) if coverage.subscriber_party_id else None,
        from_date=_date(coverage.from_date),
        to_date=_date(coverage.to_date),
        benefits_not_assigned=coverage.benefits_not_assigned,
    )
    session.merge(copy)


def keep_practice(session: Session, practice: practice_pb2.Practice) -> None:
    provider = claim_pb2.ClaimProvider(
        organization_name=practice.legal_name or practice.name,
        npi=practice.npi,
        taxonomy_code=practice.taxonomy_code,
        tax_id=practice.tax_id.replace("-", ""),
        address=practice.billing_address,
        phone=practice.phone,
    )
    _keep_provider(session, practice.id, provider)


def keep_location(session: Session, location: practice_pb2.Location) -> None:
    facility = claim_pb2.ClaimProvider(organization_name=location.name, npi=location.npi, address=location.address)
    copy = LocationCopy(
        tenant_id=_tenant(session),
        location_id=UUID(location.id),
        practice_id=UUID(location.practice_id),
        time_zone=location.time_zone,
        place_of_service_code=location.place_of_service_code or "11",
        facility=facility,
    )
    session.merge(copy)


def keep_practitioner(session: Session, practitioner: practitioner_pb2.Practitioner) -> None:
    provider = claim_pb2.ClaimProvider(
        person_name=practitioner.name, npi=practitioner.npi, taxonomy_code=practitioner.taxonomy_code
    )
    _keep_provider(session, practitioner.id, provider)


def keep_referrer(session: Session, referrer: practitioner_pb2.Referrer) -> None:
    provider = claim_pb2.ClaimProvider(npi=referrer.npi)
    if referrer.HasField("name"):
        provider.person_name.CopyFrom(referrer.name)
    else:
        provider.organization_name = referrer.organization_name
    _keep_provider(session, referrer.id, provider)


def found(session: Session, entity: type[E], identifier: UUID) -> E | None:
    return session.get(entity, (_tenant(session), identifier))


def _keep_provider(session: Session, identifier: str, provider: claim_pb2.ClaimProvider) -> None:
    session.merge(ProviderCopy(tenant_id=_tenant(session), provider_id=UUID(identifier), provider=provider))


def _complete(
    person: claim_pb2.ClaimPerson, name: type_pb2.PersonName | None, addresses: Sequence[type_pb2.Address]
) -> None:
    if name is not None:
        person.name.CopyFrom(name)
    if addresses:
        home = next((a for a in addresses if a.use == type_pb2.Address.USE_HOME), addresses[0])
        person.address.CopyFrom(home)


def _date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _tenant(session: Session) -> UUID:
    return context_of(session).tenant
