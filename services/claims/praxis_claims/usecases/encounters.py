"""Makes claims from the encounters that billing posts, and withdraws them when the charges are reversed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from praxis.billing.v1 import encounter_pb2
from praxis.claims.v1 import claim_pb2, events_pb2
from praxis_chassis.context import context_of
from praxis_chassis.events import record
from praxis_chassis.merging import all_within
from praxis_chassis.types import Money, new_id
from praxis_claims.rules import claim_numbers
from praxis_claims.rules.code_search import dotted, undotted
from praxis_claims.rules.lifecycle import EDITABLE, State
from praxis_claims.store.models import Claim, CoverageCopy, LocationCopy
from praxis_claims.usecases import completion, scrubbing, timeline

WAKE_AT_ONCE = 500
CAUSES = {
    encounter_pb2.RELATED_CAUSE_EMPLOYMENT: claim_pb2.CLAIM_CAUSE_EMPLOYMENT,
    encounter_pb2.RELATED_CAUSE_AUTO_ACCIDENT: claim_pb2.CLAIM_CAUSE_AUTO_ACCIDENT,
    encounter_pb2.RELATED_CAUSE_OTHER_ACCIDENT: claim_pb2.CLAIM_CAUSE_OTHER_ACCIDENT,
}

_SUBSCRIBED = select(CoverageCopy.coverage_id)
_LOCATED = select(LocationCopy.location_id)
# Which claims are made of a copy, by the kind of the copy.
MADE_OF: dict[str, Callable[[UUID], ColumnElement[bool]]] = {
    "patient": lambda key: Claim.patient_id.in_(all_within(key)),
    "subscriber": lambda key: Claim.coverage_id.in_(_SUBSCRIBED.where(CoverageCopy.subscriber_party_id == key)),
    "coverage": lambda key: Claim.coverage_id == key,
    "practice": lambda key: Claim.location_id.in_(_LOCATED.where(LocationCopy.practice_id == key)),
    "location": lambda key: Claim.location_id == key,
    "rendering_practitioner": lambda key: Claim.rendering_practitioner_id == key,
    "referrer": lambda key: Claim.referrer_id == key,
}


def claim_for(session: Session, encounter: encounter_pb2.Encounter) -> Claim | None:
    """Make the claim to the first insurer; None when no insurer is to be billed, or the claim is there already."""
    shares = [share for charge in encounter.charges for share in charge.shares if share.coverage_id]
    if not shares:
        return None
    first = min(shares, key=lambda share: (share.rank, share.coverage_id))
    if _existing(session, encounter.id, first.coverage_id):
        return None
    claim = _draft(session, encounter, first)
    sources = completion.Sources(session)
    if completion.unbillable(sources, claim):
        return None
    session.add(claim)
    record(session, events_pb2.ClaimCreated, claim)
    timeline.note(session, claim, "created", f"Made from encounter {encounter.number}.")
    scrubbing.check(session, claim, sources=sources)
    return claim


def withdraw_for(session: Session, encounter: encounter_pb2.Encounter) -> None:
    """Withdraw what was not sent; a claim that is with the payer is marked, because only a person can recall it."""
    query = select(Claim).where(Claim.encounter_id == UUID(encounter.id)).with_for_update()
    for claim in session.scalars(query):
        if State(claim.state) in EDITABLE:
            scrubbing.withdraw(session, claim, "The charges of the encounter were reversed.")
        elif claim.state != State.WITHDRAWN:
            timeline.note(session, claim, "charges_reversed", "The charges were reversed after the claim was sent.")


def wake(session: Session, key: str) -> None:
    """Fill and check the claims that waited for a copy, named as `kind:id`, and those made of it that failed."""
    kind, _, identifier = key.partition(":")
    waiting = and_(Claim.missing.contains([key]), Claim.state == State.DRAFT)
    failed = and_(MADE_OF[kind](UUID(identifier)), Claim.state == State.SCRUB_FAILED)
    for claim in session.scalars(select(Claim).where(or_(waiting, failed)).order_by(Claim.id).with_for_update()):
        scrubbing.check(session, claim)


def wake_overlooked(session: Session) -> None:
    """Check the claims whose copies arrived in the same moment as the encounter, so that neither saw the other."""
    waiting = select(Claim).where(Claim.missing != [], Claim.state == State.DRAFT).order_by(Claim.id)
    for claim in session.scalars(waiting.limit(WAKE_AT_ONCE).with_for_update(skip_locked=True)):
        if any(completion.arrived(session, key) for key in claim.missing):
            scrubbing.check(session, claim)


def _existing(session: Session, encounter_id: str, coverage_id: str) -> bool:
    query = select(Claim.id).where(Claim.encounter_id == UUID(encounter_id), Claim.coverage_id == UUID(coverage_id))
    return session.scalar(query) is not None


def _draft(session: Session, encounter: encounter_pb2.Encounter, share: encounter_pb2.Share) -> Claim:
    claim_id, tenant = new_id(), context_of(session).tenant
    charges = [c for c in encounter.charges if any(s.coverage_id == share.coverage_id for s in c.shares)]
    number = claim_numbers.claim_number(tenant, claim_id, 1)
    day = date.fromisoformat(encounter.service_date)
    total = Money.total(share.amount.currency_code, [_money(charge) for charge in charges])
    return Claim(
        id=claim_id,
        claim_number=number,
        patient_id=UUID(encounter.patient_id),
        encounter_id=UUID(encounter.id),
        coverage_id=UUID(share.coverage_id),
        payer_id=UUID(share.payer_id),
        coverage_rank=share.rank,
        state=State.DRAFT,
        attempt=1,
        service_from_date=day,
        service_to_date=day,
        filing_deadline_date=day,
        diagnosis_codes=[dotted(undotted(code)) for code in encounter.diagnoses],
        lines=_lines(charges, number, encounter.service_date),
        currency_code=total.currency,
        charge_amount_minor=total.minor,
        prior_authorization_number=encounter.authorization_number,
        related_cause=CAUSES.get(encounter.related_cause, claim_pb2.CLAIM_CAUSE_UNSPECIFIED),
        related_date=date.fromisoformat(encounter.related_date) if encounter.related_date else None,
        location_id=UUID(encounter.location_id),
        rendering_practitioner_id=UUID(encounter.rendering_practitioner_id),
        referrer_id=UUID(encounter.referrer_id) if encounter.referrer_id else None,
        encounter_place_of_service_code=encounter.place_of_service_code,
    )


def _money(charge: encounter_pb2.Charge) -> Money:
    return Money.parse(charge.total.currency_code, charge.total.amount)


def _lines(charges: Iterable[encounter_pb2.Charge], number: str, day: str) -> list[claim_pb2.ClaimLine]:
    return [
        claim_pb2.ClaimLine(
            line_number=position,
            charge_id=charge.id,
            procedure_code=charge.procedure_code,
            description=charge.description,
            modifiers=charge.modifiers,
            diagnosis_pointers=charge.diagnosis_pointers,
            units=charge.units or "1",
            charge=charge.total,
            service_date=day,
            control_number=claim_numbers.line_control_number(number, position),
        )
        for position, charge in enumerate(charges, start=1)
    ]
