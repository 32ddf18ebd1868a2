"""What patients does about events of the others: it keeps payers, completed appointments, and who did his part."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from praxis.billing.v1 import events_pb2 as billing
from praxis.claims.v1 import events_pb2 as claims
from praxis.reporting.v1 import events_pb2 as reporting
from praxis.scheduling.v1 import events_pb2 as scheduling
from praxis_chassis.events import event_type, reaction
from praxis_patients.usecases import coverages, merges, referrals


@reaction(
    scheduling.PatientMergeApplied,
    billing.PatientMergeApplied,
    claims.PatientMergeApplied,
    reporting.PatientMergeApplied,
)
def note_applied(session: Session, event: Any) -> None:
    service = event_type(event.DESCRIPTOR).service
    merges.acknowledge(session, service, UUID(event.merge_id), event.moved, reversed_=event.reversed)


@reaction(claims.PayerCreated, claims.PayerUpdated)
def keep_payer(session: Session, event: claims.PayerCreated) -> None:
    coverages.keep_payer(session, UUID(event.payer.id))


@reaction(scheduling.AppointmentCompleted)
def keep_completed(session: Session, event: scheduling.AppointmentCompleted) -> None:
    referrals.keep_completed(session, event.appointment)
