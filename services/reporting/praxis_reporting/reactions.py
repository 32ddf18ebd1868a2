"""What reporting does about the events of the other services: keep facts, names and figures."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from praxis.billing.v1 import events_pb2 as billing
from praxis.claims.v1 import events_pb2 as claims
from praxis.patients.v1 import events_pb2 as patients
from praxis.scheduling.v1 import events_pb2 as scheduling
from praxis_chassis.events import event_type, reaction
from praxis_reporting.usecases import claim_facts, control_totals, directory, merges, postings, schedule
from praxis_reporting.usecases.wire import day


@reaction(patients.PatientRegistered, patients.PatientUpdated, patients.ResponsibilityChanged)
def keep_patient(session: Session, event: Any) -> None:
    directory.keep_patient(session, event.patient)


@reaction(patients.PatientMerged)
def merge_patient(session: Session, event: patients.PatientMerged) -> None:
    merges.unite(session, event)


@reaction(patients.PatientUnmerged)
def part_patients(session: Session, event: patients.PatientUnmerged) -> None:
    merges.part(session, event)


@reaction(patients.PatientErased)
def forget_patient(session: Session, event: patients.PatientErased) -> None:
    directory.forget_patient(session, event.patient_id)


@reaction(patients.PartyCreated, patients.PartyUpdated)
def keep_party(session: Session, event: Any) -> None:
    directory.keep_party(session, event.party)


@reaction(patients.PartyErased)
def forget_party(session: Session, event: patients.PartyErased) -> None:
    directory.forget_party(session, event.party_id)


@reaction(patients.LocationCreated, patients.LocationUpdated)
def keep_location(session: Session, event: Any) -> None:
    directory.keep_location(session, event.location)


@reaction(patients.PractitionerCreated, patients.PractitionerUpdated)
def keep_practitioner(session: Session, event: Any) -> None:
    directory.keep_practitioner(session, event.practitioner)


@reaction(claims.PayerCreated, claims.PayerUpdated)
def keep_payer(session: Session, event: Any) -> None:
    directory.keep_payer(session, event.payer)


@reaction(billing.AccountOpened, billing.AccountUpdated)
def keep_account(session: Session, event: Any) -> None:
    directory.keep_account(session, event.account)


@reaction(billing.CatalogItemCreated, billing.CatalogItemUpdated)
def keep_item(session: Session, event: Any) -> None:
    directory.keep_item(session, event.catalog_item)


@reaction(
    scheduling.AppointmentBooked,
    scheduling.AppointmentUpdated,
    scheduling.AppointmentConfirmed,
    scheduling.AppointmentCancelled,
    scheduling.AppointmentTakenUpAgain,
    scheduling.AppointmentNoShowed,
    scheduling.AppointmentArrived,
    scheduling.AppointmentCompleted,
    scheduling.AppointmentReopened,
)
def keep_appointment(session: Session, event: Any) -> None:
    schedule.keep_appointment(session, event.appointment)


@reaction(scheduling.AppointmentRescheduled)
def move_appointment(session: Session, event: scheduling.AppointmentRescheduled) -> None:
    schedule.move_appointment(session, event.appointment)


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
def keep_visit(session: Session, event: Any) -> None:
    schedule.keep_visit(session, event.visit)


@reaction(billing.EncounterPosted)
def post_encounter(session: Session, event: billing.EncounterPosted) -> None:
    postings.post_encounter(session, event.encounter)


@reaction(billing.EncounterReversed)
def reverse_encounter(session: Session, event: billing.EncounterReversed) -> None:
    postings.reverse_encounter(session, event.encounter, day(event.effective_date))


@reaction(billing.ResponsibilityTransferred)
def transfer_responsibility(session: Session, event: billing.ResponsibilityTransferred) -> None:
    postings.transfer(session, event.encounter, list(event.transfers))


@reaction(billing.PaymentReceived)
def receive_payment(session: Session, event: billing.PaymentReceived) -> None:
    postings.receive_payment(session, event.payment)


@reaction(billing.PaymentAllocated)
def allocate_payment(session: Session, event: billing.PaymentAllocated) -> None:
    postings.allocate(session, event.payment, list(event.allocations))


@reaction(billing.PaymentReversed)
def reverse_payment(session: Session, event: billing.PaymentReversed) -> None:
    postings.reverse_payment(session, event.payment, day(event.effective_date))


@reaction(billing.AdjustmentPosted)
def post_adjustment(session: Session, event: billing.AdjustmentPosted) -> None:
    postings.post_adjustment(session, event.adjustment)


@reaction(billing.AdjustmentReversed)
def reverse_adjustment(session: Session, event: billing.AdjustmentReversed) -> None:
    postings.reverse_adjustment(session, event.adjustment, day(event.effective_date))


@reaction(billing.ControlTotalsTaken)
def compare_with_the_ledger(session: Session, event: billing.ControlTotalsTaken) -> None:
    control_totals.compare(session, event)


@reaction(
    claims.ClaimCreated,
    claims.ClaimUpdated,
    claims.ClaimScrubFailed,
    claims.ClaimHeld,
    claims.ClaimReady,
    claims.ClaimBatched,
    claims.ClaimSubmitted,
    claims.ClaimRejected,
    claims.ClaimAccepted,
    claims.ClaimAdjudicated,
    claims.ClaimPosted,
    claims.ClaimWithdrawn,
)
def step_claim(session: Session, event: Any) -> None:
    previous = getattr(event, "previous_state", event.claim.state)
    claim_facts.step(session, event.claim, event_type(event.DESCRIPTOR).verb, previous)
