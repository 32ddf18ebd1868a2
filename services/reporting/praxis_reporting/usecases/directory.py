"""Keep who and what facts are about: patients, parties, places, practitioners, payers, items."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Date, cast, delete, func, update
from sqlalchemy.orm import Session

from praxis.billing.v1 import account_pb2, catalog_pb2
from praxis.claims.v1 import payer_pb2
from praxis.patients.v1 import party_pb2, patient_pb2, practice_pb2, practitioner_pb2
from praxis.reporting.v1 import report_pb2
from praxis_reporting.store.models import (
    Account,
    CatalogItem,
    Entry,
    Location,
    Movement,
    PartyName,
    Patient,
    PatientName,
    Payer,
    Practitioner,
    Receivable,
)
from praxis_reporting.store.upserts import put, put_once
from praxis_reporting.usecases.wire import identifier


def keep_patient(session: Session, patient: patient_pb2.Patient) -> None:
    """Keep a patient, the name apart."""
    facts = {
        "patient_id": UUID(patient.id),
        "chart_number": patient.chart_number,
        "kind": patient.WhichOneof("profile") or "",
        "state": patient.state,
    }
    put(session, Patient, facts)
    if patient.display_name:
        put(session, PatientName, {"patient_id": UUID(patient.id), "display_name": patient.display_name})


def join(session: Session, absorbed_id: UUID, survivor_id: UUID | None) -> None:
    """Keep who a patient is now."""
    session.flush()
    session.execute(update(Patient).where(Patient.patient_id == absorbed_id).values(survivor_id=survivor_id))


def forget_patient(session: Session, patient_id: str) -> None:
    """Drop the name of an erased patient; ids and money stay."""
    session.execute(delete(PatientName).where(PatientName.patient_id == UUID(patient_id)))
    session.execute(
        update(Patient).where(Patient.patient_id == UUID(patient_id)).values(state=patient_pb2.PATIENT_STATE_ERASED)
    )


def keep_party(session: Session, party: party_pb2.Party) -> None:
    """Keep the name of a party."""
    put(session, PartyName, {"party_id": UUID(party.id), "display_name": party.display_name})


def forget_party(session: Session, party_id: str) -> None:
    """Drop the name of an erased party."""
    session.execute(delete(PartyName).where(PartyName.party_id == UUID(party_id)))


def keep_location(session: Session, location: practice_pb2.Location) -> None:
    """Keep a location; charges that came before it get the day of their posting in its time zone."""
    facts = {"location_id": UUID(location.id), "name": location.name, "time_zone": location.time_zone}
    if put_once(session, Location, facts):
        _date_charges(session, UUID(location.id), location.time_zone)
    put(session, Location, facts)


def _date_charges(session: Session, location_id: UUID, time_zone: str) -> None:
    local_day = cast(func.timezone(time_zone, Entry.entry_time), Date)
    charges = (Entry.location_id == location_id, Entry.kind == report_pb2.ENTRY_KIND_CHARGE)
    session.execute(update(Entry).where(*charges).values(entry_date=local_day))
    of_charges = (
        Movement.kind == "charge",
        Movement.share_id == Receivable.share_id,
        Receivable.charge_id == Entry.charge_id,
    )
    session.execute(update(Movement).where(*of_charges, *charges).values(effective_date=Entry.entry_date))


def keep_practitioner(session: Session, practitioner: practitioner_pb2.Practitioner) -> None:
    """Keep a practitioner."""
    facts = {"practitioner_id": UUID(practitioner.id), "display_name": practitioner.display_name}
    put(session, Practitioner, facts)


def keep_payer(session: Session, payer: payer_pb2.Payer) -> None:
    """Keep an insurer."""
    put(session, Payer, {"payer_id": UUID(payer.id), "name": payer.name})


def keep_account(session: Session, account: account_pb2.Account) -> None:
    """Keep an account."""
    facts = {"account_id": UUID(account.id), "number": account.number, "party_id": identifier(account.party_id)}
    put(session, Account, facts)


def keep_item(session: Session, item: catalog_pb2.CatalogItem) -> None:
    """Keep an item of the catalog."""
    facts = {
        "catalog_item_id": UUID(item.id),
        "code": item.code,
        "name": item.name,
        "revenue_group": item.revenue_group,
    }
    put(session, CatalogItem, facts)
