"""Gives what billing knows about an absorbed patient to the survivor, and back, and tells that it was done."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from praxis.billing.v1 import events_pb2 as happened
from praxis.patients.v1 import events_pb2 as patients
from praxis_billing.store.models import Adjustment, Allocation, Encounter, Share
from praxis_billing.usecases import directory
from praxis_chassis import merging
from praxis_chassis.events import record

# What was paid and written off on a charge goes wherever the charge goes.
BELONGINGS = [(entity, entity.encounter_id, Encounter.id) for entity in (Share, Allocation, Adjustment)]


def unite(session: Session, event: patients.PatientMerged) -> None:
    """Take two patients for one; of the survivor nothing may be known yet."""
    absorbed, survivor = UUID(event.patient.id), UUID(event.survivor_id)
    directory.copy_patient(session, event.patient)
    directory.join(session, absorbed, survivor)
    merge, moved = merging.unite(session, UUID(event.merge_id), absorbed, survivor)
    record(session, happened.PatientMergeApplied, merge, merge_id=merge.id, moved=moved)


def part(session: Session, event: patients.PatientUnmerged) -> None:
    """Take them for two again."""
    directory.copy_patient(session, event.patient)
    directory.join(session, UUID(event.patient.id), None)
    merge, moved = merging.part(session, UUID(event.merge_id), BELONGINGS)
    record(session, happened.PatientMergeApplied, merge, merge_id=merge.id, reversed=True, moved=moved)
