"""Keep claims as they stand and every step that they took."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import case
from sqlalchemy.orm import Session

from praxis.claims.v1 import claim_pb2
from praxis_chassis.context import context_of
from praxis_chassis.mapping import moment
from praxis_reporting.store.models import Claim, ClaimTransition, Payer
from praxis_reporting.store.upserts import ensure, put, put_once
from praxis_reporting.usecases.wire import day, identifier, minor


def step(session: Session, claim: claim_pb2.Claim, verb: str, previous: claim_pb2.ClaimState) -> None:
    """Keep a claim after an event, and the event itself as a step."""
    _keep(session, claim)
    transition = {
        "event_id": UUID(context_of(session).causation_id),
        "claim_id": UUID(claim.id),
        "verb": verb,
        "previous_state": previous,
        "state": claim.state,
        "transition_time": moment(claim.update_time),
    }
    put_once(session, ClaimTransition, transition)


def _keep(session: Session, claim: claim_pb2.Claim) -> None:
    ensure(session, Payer, "payer_id", identifier(claim.payer_id))
    changed = moment(claim.update_time)
    facts = {
        "claim_id": UUID(claim.id),
        "claim_number": claim.claim_number,
        "patient_id": UUID(claim.patient_id),
        "encounter_id": identifier(claim.encounter_id),
        "payer_id": identifier(claim.payer_id),
        "coverage_rank": claim.coverage_rank,
        "state": claim.state,
        "state_time": changed,
        "outcome": claim.outcome,
        "service_date": day(claim.service_from_date) or changed.date(),
        "currency_code": claim.charge_amount.currency_code,
        "charge_minor": minor(claim.charge_amount),
    }
    put(session, Claim, facts, state_time=case((Claim.state == claim.state, Claim.state_time), else_=changed))
