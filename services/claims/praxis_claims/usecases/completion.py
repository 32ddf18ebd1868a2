"""Fills a claim from the local copies, and notes which of them have not arrived yet."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar, cast
from uuid import UUID

from sqlalchemy.orm import Session

from praxis.claims.v1 import claim_pb2
from praxis.patients.v1 import coverage_pb2
from praxis_chassis.context import context_of
from praxis_chassis.database import Tenanted, enum_words
from praxis_claims.store.models import (
    Claim,
    CoverageCopy,
    LocationCopy,
    PartyCopy,
    PatientCopy,
    Payer,
    ProviderCopy,
)
from praxis_claims.store.payers import DEFAULT_FILING_LIMIT_DAYS

E = TypeVar("E", bound=Tenanted)

RELATIONSHIPS, _ = enum_words(cast("Any", coverage_pb2.SubscriberRelationship))
AT_HOME = "12"


KINDS: dict[str, type[Tenanted]] = {
    "payer": Payer,
    "patient": PatientCopy,
    "coverage": CoverageCopy,
    "subscriber": PartyCopy,
    "location": LocationCopy,
    "practice": ProviderCopy,
    "rendering_practitioner": ProviderCopy,
    "referrer": ProviderCopy,
}


@dataclass(slots=True)
class Sources:
    """What a claim is filled from, read once; what is asked for and not there is noted as missing."""

    session: Session
    missing: list[str] = field(default_factory=list)
    known: dict[tuple[type[Tenanted], UUID], Any] = field(default_factory=dict)

    def find(self, entity: type[E], identifier: UUID) -> E | None:
        key = entity, identifier
        if key not in self.known:
            self.known[key] = _found(self.session, entity, identifier)
        found: E | None = self.known[key]
        return found

    def want(self, name: str, entity: type[E], identifier: UUID | None) -> E | None:
        if identifier is None:
            return None
        found = self.find(entity, identifier)
        if found is None:
            self.missing.append(f"{name}:{identifier}")
        return found


def arrived(session: Session, key: str) -> bool:
    """Whether a copy that was missing, named as `kind:id`, is there now."""
    kind, _, identifier = key.partition(":")
    return _found(session, KINDS[kind], UUID(identifier)) is not None


def _found(session: Session, entity: type[E], identifier: UUID) -> E | None:
    return session.get(entity, (context_of(session).tenant, identifier))


def complete(sources: Sources, claim: Claim) -> None:
    """Fill everything that the encounter only named; facts that are missing stay as they are."""
    sources.missing = []
    _fill_payer(sources, claim)
    _fill_persons(sources, claim)
    _fill_providers(sources, claim)
    claim.missing = sources.missing


def unbillable(sources: Sources, claim: Claim) -> bool:
    """Whether the copies that arrived show that this is no claim to a health insurer: an animal, or its insurance."""
    patient = sources.find(PatientCopy, claim.patient_id)
    payer = sources.find(Payer, claim.payer_id)
    coverage = sources.find(CoverageCopy, claim.coverage_id)
    animal = patient is not None and not patient.human and not patient.erased
    pet = coverage is not None and coverage.kind == coverage_pb2.COVERAGE_KIND_PET
    return animal or pet or (payer is not None and not payer.takes_electronic_claims)


def _fill_payer(sources: Sources, claim: Claim) -> None:
    payer = sources.want("payer", Payer, claim.payer_id)
    claim.payer_name = payer.name if payer else claim.payer_name
    limit = payer.filing_limit if payer else DEFAULT_FILING_LIMIT_DAYS
    claim.filing_deadline_date = claim.service_from_date + timedelta(days=limit)


def _fill_persons(sources: Sources, claim: Claim) -> None:
    patient = sources.want("patient", PatientCopy, claim.patient_id)
    coverage = sources.want("coverage", CoverageCopy, claim.coverage_id)
    if patient is not None:
        claim.patient = patient.person
    if coverage is None:
        return
    claim.coverage_rank = coverage.rank
    claim.benefits_not_assigned = coverage.benefits_not_assigned
    own = coverage.subscriber_relationship == coverage_pb2.SUBSCRIBER_RELATIONSHIP_SELF
    party = None if own else sources.want("subscriber", PartyCopy, coverage.subscriber_party_id)
    holder = claim.patient if own else (party.person if party else None)
    claim.subscriber = claim_pb2.ClaimSubscriber(
        person=holder,
        relationship=RELATIONSHIPS[coverage.subscriber_relationship],
        member_id=coverage.member_id,
        group_number=coverage.group_number,
        plan_name=coverage.plan_name,
    )


def _fill_providers(sources: Sources, claim: Claim) -> None:
    location = sources.want("location", LocationCopy, claim.location_id)
    practice = sources.want("practice", ProviderCopy, location.practice_id) if location else None
    rendering = sources.want("rendering_practitioner", ProviderCopy, claim.rendering_practitioner_id)
    referrer = sources.want("referrer", ProviderCopy, claim.referrer_id)
    claim.billing_provider = practice.provider if practice else claim.billing_provider
    claim.rendering_provider = rendering.provider if rendering else claim.rendering_provider
    claim.referring_provider = referrer.provider if referrer else None
    if location is not None:
        claim.place_of_service_code = claim.encounter_place_of_service_code or location.place_of_service_code
        claim.service_facility = _facility(claim, location)


def _facility(claim: Claim, location: LocationCopy) -> claim_pb2.ClaimProvider | None:
    """Return the facility where it has to be named: elsewhere than the billing address, and not at home."""
    billing = claim.billing_provider
    elsewhere = billing is not None and _street(location.facility) != _street(billing)
    named = location.facility.address.lines and claim.place_of_service_code != AT_HOME
    return location.facility if elsewhere and named else None


def _street(provider: claim_pb2.ClaimProvider) -> str:
    address = provider.address
    return re.sub(r"\W", "", "".join([*address.lines, address.city])).lower() + address.postal_code[:5]
