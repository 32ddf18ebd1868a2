"""Moves claims by evidence from outside: acknowledgments, remittances and what billing posted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from praxis.claims.v1 import events_pb2
from praxis_chassis.events import record
from praxis_chassis.types import Money
from praxis_claims.rules.lifecycle import REJECTED, State
from praxis_claims.store.mappings import ACKNOWLEDGMENT
from praxis_claims.store.models import Acknowledgment, Claim
from praxis_claims.usecases import timeline


def acknowledge(session: Session, claim: Claim, target: State, answer: Acknowledgment, kind: str) -> bool:
    """Apply one answer; returns False when it came too late to change the state, which the timeline shows too."""
    session.flush()
    previous = claim.follow(target)
    details = "; ".join(answer.details)
    timeline.note(session, claim, kind if previous is not None else f"{kind} (late)", details, answer.file_id)
    if previous is None:
        return False
    event: Any = events_pb2.ClaimRejected if target in REJECTED else events_pb2.ClaimAccepted
    record(session, event, claim, previous_state=int(previous), acknowledgment=ACKNOWLEDGMENT.message(answer))
    return True


def adjudicate(
    session: Session,
    claim: Claim,
    *,
    outcome: int,
    paid: Money,
    patient_responsibility: Money,
    payer_control_number: str,
    forwarded_to: str | None,
    remittance_id: UUID,
    file_id: UUID,
) -> bool:
    """Note the payer's decision; amounts are the net of all decisions so far. False when the claim cannot have one."""
    previous = claim.follow(State.ADJUDICATED)
    if previous is None:
        return False
    claim.outcome = outcome
    claim.paid_amount, claim.patient_responsibility_amount = paid, patient_responsibility
    claim.payer_control_number = payer_control_number or claim.payer_control_number
    claim.crossed_over = claim.crossed_over or forwarded_to is not None
    record(
        session,
        events_pb2.ClaimAdjudicated,
        claim,
        previous_state=int(previous),
        remittance_id=str(remittance_id),
    )
    timeline.note(session, claim, "adjudicated", f"Paid {paid.amount} {paid.currency}.", file_id)
    if forwarded_to is not None:
        carrier = forwarded_to or "the next insurer"
        timeline.note(
            session, claim, "crossed_over", f"Forwarded to {carrier}, who is not to be billed again.", file_id
        )
    return True


def mark_posted(session: Session, claim: Claim, remittance_id: UUID) -> None:
    """Note that billing posted the decision; the same notice again changes nothing."""
    previous = claim.follow(State.POSTED)
    if previous is None:
        return
    record(session, events_pb2.ClaimPosted, claim, previous_state=int(previous), remittance_id=str(remittance_id))
    timeline.note(session, claim, "posted")


def note_refusal(session: Session, claim: Claim, reason: str) -> None:
    timeline.note(session, claim, "posting_refused", reason)
