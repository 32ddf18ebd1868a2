"""Look names up for the rows of one page."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from praxis_chassis.context import context_of
from praxis_reporting.store.models import Account, Location, PartyName, PatientName, Payer, Practitioner

SEE_PATIENTS = "patients.patients.read"


def may_see_names(session: Session) -> bool:
    """Tell whether the caller may read the names of patients and of who pays for them."""
    return SEE_PATIENTS in context_of(session).permissions


def patient_names(session: Session, ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Return names of patients by id; none for a caller who may not read them."""
    if not may_see_names(session):
        return {}
    return _names(session, PatientName.patient_id, PatientName.display_name, ids)


def account_names(session: Session, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return names of the parties behind accounts; none for a caller who may not read them."""
    if not may_see_names(session):
        return {}
    query = select(Account.account_id, PartyName.display_name).join(PartyName, PartyName.party_id == Account.party_id)
    return dict(session.execute(query.where(Account.account_id.in_(set(ids)))).all())


def payer_names(session: Session, ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Return names of insurers by id."""
    return _names(session, Payer.payer_id, Payer.name, ids)


def location_names(session: Session, ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Return names of locations by id."""
    return _names(session, Location.location_id, Location.name, ids)


def practitioner_names(session: Session, ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Return names of practitioners by id."""
    return _names(session, Practitioner.practitioner_id, Practitioner.display_name, ids)


def _names(
    session: Session, key: InstrumentedAttribute[UUID], name: InstrumentedAttribute[str], ids: Iterable[UUID | None]
) -> dict[UUID, str]:
    wanted = {item for item in ids if item is not None}
    if not wanted:
        return {}
    return dict(session.execute(select(key, name).where(key.in_(wanted))).all())
