"""What billing does when something happens in the other services."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from praxis.claims.v1 import events_pb2 as claims
from praxis.patients.v1 import events_pb2 as patients
from praxis.scheduling.v1 import events_pb2 as scheduling
from praxis_billing.usecases import directory, merges, remittances
from praxis_chassis.events import reaction


@reaction(patients.PatientRegistered, patients.PatientUpdated, patients.ResponsibilityChanged)
def copy_patient(session: Session, event: patients.PatientRegistered) -> None:
    directory.copy_patient(session, event.patient)


@reaction(patients.PatientMerged)
def merge_patient(session: Session, event: patients.PatientMerged) -> None:
    merges.unite(session, event)


@reaction(patients.PatientUnmerged)
def part_patients(session: Session, event: patients.PatientUnmerged) -> None:
    merges.part(session, event)


@reaction(patients.PatientErased)
def erase_patient(session: Session, event: patients.PatientErased) -> None:
    directory.erase_patient(session, UUID(event.patient_id))


@reaction(patients.PartyCreated, patients.PartyUpdated)
def copy_party(session: Session, event: patients.PartyCreated) -> None:
    directory.copy_party(session, event.party)


@reaction(patients.PartyErased)
def erase_party(session: Session, event: patients.PartyErased) -> None:
    directory.erase_party(session, UUID(event.party_id))


@reaction(patients.CoverageAdded, patients.CoverageChanged, patients.CoverageEnded)
def copy_coverage(session: Session, event: patients.CoverageAdded) -> None:
    directory.copy_coverage(session, event.coverage)


@reaction(patients.PracticeCreated, patients.PracticeUpdated)
def copy_practice(session: Session, event: patients.PracticeCreated) -> None:
    directory.copy_practice(session, event.practice)


@reaction(patients.LocationCreated, patients.LocationUpdated)
def copy_location(session: Session, event: patients.LocationCreated) -> None:
    directory.copy_location(session, event.location)


@reaction(patients.PractitionerCreated, patients.PractitionerUpdated)
def copy_practitioner(session: Session, event: patients.PractitionerCreated) -> None:
    directory.copy_practitioner(session, UUID(event.practitioner.id))


@reaction(patients.ReferrerCreated, patients.ReferrerUpdated)
def copy_referrer(session: Session, event: patients.ReferrerCreated) -> None:
    directory.copy_referrer(session, UUID(event.referrer.id))


@reaction(claims.PayerCreated, claims.PayerUpdated)
def copy_payer(session: Session, event: claims.PayerCreated) -> None:
    directory.copy_payer(session, event.payer)


@reaction(claims.RemittanceReady)
def absorb_remittance(session: Session, event: claims.RemittanceReady) -> None:
    remittances.absorb(session, event)


@reaction(scheduling.AppointmentTypeCreated, scheduling.AppointmentTypeUpdated)
def copy_appointment_type(session: Session, event: scheduling.AppointmentTypeCreated) -> None:
    directory.copy_appointment_type(session, event.appointment_type)


@reaction(
    scheduling.VisitArrived,
    scheduling.VisitRoomed,
    scheduling.VisitTechStarted,
    scheduling.VisitClinicianStarted,
    scheduling.VisitReadyForCheckout,
    scheduling.VisitCompleted,
    scheduling.VisitLeft,
    scheduling.VisitUpdated,
    scheduling.VisitCorrected,
)
def copy_visit(session: Session, event: scheduling.VisitArrived) -> None:
    directory.copy_visit(session, event.visit)
