"""Writes the timeline of a claim: what happened, when, by whom, and the file that proves it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_claims.store.models import Claim, ClaimStep


def note(session: Session, claim: Claim, kind: str, text: str = "", file_id: UUID | None = None) -> None:
    """Add one step; the state is the one after it."""
    step = ClaimStep(
        claim_id=claim.id,
        occur_time=clock.now(session),
        state=claim.state,
        attempt=claim.attempt,
        kind=kind,
        text=text,
        actor="" if file_id else str(context_of(session).actor),
        file_id=file_id,
    )
    session.add(step)
