"""What claims does when something happened in patients, scheduling or billing."""

from __future__ import annotations

from sqlalchemy.orm import Session

from praxis.billing.v1 import events_pb2 as billing
from praxis.patients.v1 import events_pb2 as patients
from praxis.scheduling.v1 import events_pb2 as scheduling
from praxis_chassis.events import reaction
from praxis_claims.usecases import booked_units, copies, encounters, erasure, merges, remittances


@reaction(patients.PatientRegistered, patients.PatientUpdated, patients.ResponsibilityChanged)
def copy_patient(session: Session, event: patients.PatientRegistered) -> None:
    copies.keep_patient(session, event.patient)
    encounters.wake(session, f"patient:{event.patient.id}")


@reaction(patients.PartyCreated, patients.PartyUpdated)
def copy_party(session: Session, event: patients.PartyCreated) -> None:
    copies.keep_party(session, event.party)
    encounters.wake(session, f"subscriber:{event.party.id}")


@reaction(patients.CoverageAdded, patients.CoverageChanged, patients.CoverageEnded)
def copy_coverage(session: Session, event: patients.CoverageAdded) -> None:
    copies.keep_coverage(session, event.coverage)
    encounters.wake(session, f"coverage:{event.coverage.id}")


@reaction(patients.PracticeCreated, patients.PracticeUpdated)
def copy_practice(session: Session, event: patients.PracticeCreated) -> None:
    copies.keep_practice(session, event.practice)
    encounters.wake(session, f"practice:{event.practice.id}")


@reaction(patients.LocationCreated, patients.LocationUpdated)
def copy_location(session: Session, event: patients.LocationCreated) -> None:
    copies.keep_location(session, event.location)
    encounters.wake(session, f"location:{event.location.id}")


@reaction(patients.PractitionerCreated, patients.PractitionerUpdated)
def copy_practitioner(session: Session, event: patients.PractitionerCreated) -> None:
    copies.keep_practitioner(session, event.practitioner)
    encounters.wake(session, f"rendering_practitioner:{event.practitioner.id}")


@reaction(patients.ReferrerCreated, patients.ReferrerUpdated)
def copy_referrer(session: Session, event: patients.ReferrerCreated) -> None:
    copies.keep_referrer(session, event.referrer)
    encounters.wake(session, f"referrer:{event.referrer.id}")


@reaction(patients.PatientMerged)
def merge_patient(session: Session, event: patients.PatientMerged) -> None:
    merges.unite(session, event)


@reaction(patients.PatientUnmerged)
def part_patients(session: Session, event: patients.PatientUnmerged) -> None:
    merges.part(session, event)


@reaction(patients.PatientErased)
def erase_patient(session: Session, event: patients.PatientErased) -> None:
    erasure.erase_patient(session, event.patient_id)


@reaction(patients.PartyErased)
def erase_party(session: Session, event: patients.PartyErased) -> None:
    erasure.erase_party(session, event.party_id)


@reaction(patients.CoverageErased)
def erase_coverage(session: Session, event: patients.CoverageErased) -> None:
    erasure.erase_coverage(session, event.coverage_id)


@reaction(billing.EncounterPosted)
def make_claim(session: Session, event: billing.EncounterPosted) -> None:
    encounters.claim_for(session, event.encounter)


@reaction(billing.EncounterReversed)
def withdraw_claims(session: Session, event: billing.EncounterReversed) -> None:
    encounters.withdraw_for(session, event.encounter)


@reaction(
    scheduling.AppointmentBooked,
    scheduling.AppointmentUpdated,
    scheduling.AppointmentRescheduled,
    scheduling.AppointmentTakenUpAgain,
    scheduling.AppointmentCancelled,
    scheduling.AppointmentNoShowed,
    scheduling.AppointmentCompleted,
    scheduling.AppointmentReopened,
)
def follow_appointment(session: Session, event: scheduling.AppointmentBooked) -> None:
    booked_units.follow(session, event.appointment)


@reaction(billing.RemittancePostingApplied)
def note_posted(session: Session, event: billing.RemittancePostingApplied) -> None:
    remittances.note_applied(session, event.remittance_posting)


@reaction(billing.RemittancePostingRefused)
def note_refused(session: Session, event: billing.RemittancePostingRefused) -> None:
    remittances.note_refused(session, event.remittance_posting)
