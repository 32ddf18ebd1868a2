"""What scheduling does about events of patients: it keeps its copies up to date."""

from __future__ import annotations

from sqlalchemy.orm import Session

from praxis.patients.v1 import events_pb2
from praxis_chassis.events import reaction
from praxis_scheduling.usecases import directory


@reaction(events_pb2.PatientRegistered, events_pb2.PatientUpdated)
def copy_patient(session: Session, event: events_pb2.PatientRegistered | events_pb2.PatientUpdated) -> None:
    directory.copy_patient(session, event.patient)


@reaction(events_pb2.PatientErased)
def erase_patient(session: Session, event: events_pb2.PatientErased) -> None:
    directory.erase_patient(session, event.patient_id)


@reaction(events_pb2.LocationCreated, events_pb2.LocationUpdated)
def copy_location(session: Session, event: events_pb2.LocationCreated | events_pb2.LocationUpdated) -> None:
    directory.copy_location(session, event.location.id, event.location.name, event.location.time_zone)


@reaction(events_pb2.PractitionerCreated, events_pb2.PractitionerUpdated)
def copy_practitioner(session: Session, event: events_pb2.PractitionerCreated | events_pb2.PractitionerUpdated) -> None:
    directory.copy_practitioner(session, event.practitioner.id, event.practitioner.display_name)
