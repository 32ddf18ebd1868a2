"""Named queries about remittances: what was seen before, and which claims and payers a payment is about."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from praxis.claims.v1 import remittance_pb2
from praxis_chassis.context import context_of
from praxis_claims.store.models import Claim, ClaimAttempt, Payer, Remittance, RemittanceClaim, RemittanceFile

Item = TypeVar("Item")
DECIDED = (
    remittance_pb2.REMITTANCE_CLAIM_STATE_MATCHED,
    remittance_pb2.REMITTANCE_CLAIM_STATE_PROPOSED,
    remittance_pb2.REMITTANCE_CLAIM_STATE_POSTED,
)
NEVER_POSTED = (remittance_pb2.REMITTANCE_STATE_QUARANTINED, remittance_pb2.REMITTANCE_STATE_DISCARDED)
# Lookups by id lists go in steps, because a statement takes 65,535 parameters.
STEP = 10_000


def take_turn(session: Session) -> None:
    """Let the imports of a practice follow each other, so that none misses what another is about to store."""
    key = f"remittances:{context_of(session).tenant}"
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))


def first_upload(session: Session, content_sha256: str) -> RemittanceFile | None:
    """Return the first upload of the same content, unless people discarded all that was in it."""
    query = select(RemittanceFile).where(
        RemittanceFile.content_sha256 == content_sha256,
        RemittanceFile.duplicate_of.is_(None),
        RemittanceFile.discarded.is_(False),
    )
    return session.scalar(query)


def remittances_of(session: Session, file_id: UUID) -> list[Remittance]:
    """Return the remittances of an upload in the order of the file."""
    query = select(Remittance).where(Remittance.remittance_file_id == file_id)
    return list(session.scalars(query.order_by(Remittance.position)))


def rows_of(session: Session, remittance_id: UUID) -> list[RemittanceClaim]:
    """Return the claims of a remittance in the order of the file."""
    query = select(RemittanceClaim).where(RemittanceClaim.remittance_id == remittance_id)
    return list(session.scalars(query.order_by(RemittanceClaim.position)))


def row_states(session: Session, remittance_id: UUID) -> set[int]:
    """Return the states that the claims of a remittance are in."""
    query = select(RemittanceClaim.state).where(RemittanceClaim.remittance_id == remittance_id)
    return set(session.scalars(query.distinct()))


def same_payment(session: Session, remittance: Remittance, *, exactly: bool = False) -> UUID | None:
    """Return another remittance with the payment number, apart from what is not to be posted.

    Amount and date tell them apart only where they are asked for `exactly`, because a correction of the same payment
    differs in just these; and where nothing is paid, because payers give all such remittances one number.
    """
    query = select(Remittance.id).where(
        Remittance.id != remittance.id,
        Remittance.state.not_in(NEVER_POSTED),
        Remittance.trace_number == remittance.trace_number,
        Remittance.payer_identifier == remittance.payer_identifier,
        Remittance.payee_identifier == remittance.payee_identifier,
    )
    if exactly or remittance.payment_amount_minor == 0:
        query = query.where(
            Remittance.payment_amount_minor == remittance.payment_amount_minor,
            Remittance.payment_date.is_not_distinct_from(remittance.payment_date),
        )
    return session.scalar(query.order_by(Remittance.id).limit(1))


def payer_known_as(session: Session, identifiers: Collection[str]) -> Payer | None:
    """Return the payer in use that has one of these electronic ids."""
    query = select(Payer).where(Payer.electronic_id.in_(list(identifiers)), Payer.retired.is_(False))
    found = list(session.scalars(query.limit(2)))
    return found[0] if len(found) == 1 else None


def payers(session: Session, payer_ids: Iterable[UUID]) -> dict[UUID, Payer]:
    """Return payers by id."""
    query = select(Payer).where(Payer.id.in_(sorted(set(payer_ids))))
    return {payer.id: payer for payer in session.scalars(query)}


def attempts_numbered(session: Session, numbers: Collection[str]) -> dict[str, UUID]:
    """Return the claim of each claim number that was ever sent."""
    found: dict[str, UUID] = {}
    for some in _steps(numbers):
        query = select(ClaimAttempt.claim_number, ClaimAttempt.claim_id).where(ClaimAttempt.claim_number.in_(some))
        found.update((number, claim_id) for number, claim_id in session.execute(query))
    return found


def numbers_of(session: Session, claim_ids: Collection[UUID]) -> dict[UUID, frozenset[str]]:
    """Return all numbers that these claims ever had."""
    found: dict[UUID, set[str]] = {}
    for some in _steps(claim_ids):
        query = select(ClaimAttempt.claim_id, ClaimAttempt.claim_number).where(ClaimAttempt.claim_id.in_(some))
        for claim_id, number in session.execute(query):
            found.setdefault(claim_id, set()).add(number)
    return {claim_id: frozenset(numbers) for claim_id, numbers in found.items()}


def claims_controlled_by(session: Session, control_numbers: Collection[str]) -> dict[str, UUID]:
    """Return the claims that a payer gave these numbers; a number of several claims is left out."""
    found: dict[str, set[UUID]] = {}
    for some in _steps(control_numbers):
        query = select(Claim.payer_control_number, Claim.id).where(Claim.payer_control_number.in_(some))
        for number, claim_id in session.execute(query):
            found.setdefault(number, set()).add(claim_id)
    return {number: claim_ids.pop() for number, claim_ids in found.items() if len(claim_ids) == 1}


class Service(NamedTuple):
    """What identifies a claim without its numbers."""

    member_id: str
    served: date
    charge_minor: int


def claims_for(session: Session, services: Collection[Service]) -> dict[Service, list[tuple[UUID, set[str]]]]:
    """Return the claims that were sent for these services, each with the NPIs of its providers."""
    found: dict[Service, list[tuple[UUID, set[str]]]] = {}
    member_id = Claim.subscriber["member_id"].astext
    sent = select(ClaimAttempt.claim_id).where(ClaimAttempt.claim_id == Claim.id).exists()
    days = {service.served for service in services}
    for members in _steps({service.member_id for service in services}):
        query = select(Claim, member_id).where(Claim.service_from_date.in_(days), member_id.in_(members), sent)
        for claim, member in session.execute(query):
            key = Service(member, claim.service_from_date, claim.charge_amount_minor)
            found.setdefault(key, []).append((claim.id, _providers(claim)))
    return found


def locked_claims(session: Session, claim_ids: Collection[UUID]) -> dict[UUID, Claim]:
    """Return claims by id, locked for change in a fixed order."""
    found: dict[UUID, Claim] = {}
    for some in _steps(sorted(claim_ids)):
        query = select(Claim).where(Claim.id.in_(some)).order_by(Claim.id).with_for_update()
        found.update((claim.id, claim) for claim in session.scalars(query.execution_options(populate_existing=True)))
    return found


def decisions_on(session: Session, claim_ids: Collection[UUID]) -> dict[UUID, list[RemittanceClaim]]:
    """Return what was decided on these claims before, oldest first, without what was held or not ours."""
    found: dict[UUID, list[RemittanceClaim]] = {}
    for some in _steps(claim_ids):
        query = select(RemittanceClaim).where(RemittanceClaim.claim_id.in_(some), RemittanceClaim.state.in_(DECIDED))
        for row in session.scalars(query.order_by(RemittanceClaim.id)):
            assert row.claim_id is not None
            found.setdefault(row.claim_id, []).append(row)
    return found


def _providers(claim: Claim) -> set[str]:
    providers = (claim.rendering_provider, claim.billing_provider)
    return {provider.npi for provider in providers if provider is not None}


def _steps(items: Collection[Item]) -> Iterable[list[Item]]:
    everything = list(items)
    return (everything[start : start + STEP] for start in range(0, len(everything), STEP))
