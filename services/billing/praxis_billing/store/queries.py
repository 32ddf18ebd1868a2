"""Named queries of billing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from praxis.billing.v1 import catalog_pb2, encounter_pb2
from praxis_billing.store.models import (
    Account,
    Allocation,
    CatalogItem,
    CoverageCopy,
    Encounter,
    Entry,
    Fee,
    FeeSchedule,
    LocationCopy,
    PartyCopy,
    PatientCopy,
    PayerCopy,
    Payment,
    PracticeCopy,
    ResponsibilityCopy,
    Share,
    TaxRate,
)
from praxis_chassis.context import context_of
from praxis_chassis.merging import all_within


def holds_on(start: Any, end: Any, day: date) -> ColumnElement[bool]:
    """Return the condition that a half-open range of dates holds a day; an empty end is no end."""
    condition: ColumnElement[bool] = or_(start.is_(None), start <= day) & or_(end.is_(None), end > day)
    return condition


def copy_of(session: Session, kind: type[Any], identifier: UUID) -> Any | None:
    """Return a local copy by id, or None while its event has not arrived."""
    return session.get(kind, (context_of(session).tenant, identifier))


def patient(session: Session, patient_id: UUID) -> PatientCopy | None:
    """Return the local copy of a patient, or of whom he was merged into."""
    found = copy_of(session, PatientCopy, patient_id)
    assert found is None or isinstance(found, PatientCopy)
    if found is not None and found.survivor_id is not None:
        return patient(session, found.survivor_id)
    return found


def responsible(session: Session, patient_id: UUID, day: date) -> list[ResponsibilityCopy]:
    """Return who pays for a patient on a day, in order."""
    query = select(ResponsibilityCopy).where(
        ResponsibilityCopy.patient_id == patient_id,
        ResponsibilityCopy.basis_points > 0,
        holds_on(ResponsibilityCopy.from_date, ResponsibilityCopy.to_date, day),
    )
    return list(session.scalars(query.order_by(ResponsibilityCopy.position)))


def held_patients(session: Session, ids: Collection[UUID]) -> set[UUID]:
    """Return those of the patients whose charges no statement is to name for now."""
    query = select(PatientCopy.id).where(PatientCopy.id.in_(ids), PatientCopy.statements_held)
    return set(session.scalars(query))


def coverages_of(session: Session, encounter: Encounter) -> list[CoverageCopy]:
    """Return the coverages whose insurers are billed for an encounter, first payer first."""
    return coverages(session, encounter.patient_id, encounter.service_date, encounter.related_cause_id)


def coverages(session: Session, patient_id: UUID, day: date, cause_id: UUID | None = None) -> list[CoverageCopy]:
    """Return those of a patient for a day: what pays for a cause pays for that alone, and nothing else pays for it."""
    query = select(CoverageCopy).where(
        CoverageCopy.patient_id == patient_id,
        CoverageCopy.billed,
        CoverageCopy.related_cause_id.is_not_distinct_from(cause_id),
        holds_on(CoverageCopy.from_date, CoverageCopy.to_date, day),
    )
    return list(session.scalars(query.order_by(CoverageCopy.rank, CoverageCopy.id)))


def account_of_party(session: Session, party_id: UUID) -> Account | None:
    """Return the account of a party."""
    return session.scalars(select(Account).where(Account.party_id == party_id)).one_or_none()


def item_by_code(session: Session, code_system: int, code: str) -> CatalogItem | None:
    """Return the item with a code; without a list of codes the code must be clear by itself."""
    query = select(CatalogItem).where(CatalogItem.code == code)
    if code_system:
        query = query.where(CatalogItem.code_system == code_system)
    found = list(session.scalars(query.limit(2)))
    return found[0] if len(found) == 1 else None


def fees_of(session: Session, item_id: UUID, day: date) -> list[Fee]:
    """Return all prices of an item whose schedules hold on a day."""
    query = (
        select(Fee)
        .join(Fee.schedule)
        .where(Fee.catalog_item_id == item_id, holds_on(FeeSchedule.start_date, FeeSchedule.end_date, day))
    )
    return list(session.scalars(query))


def tax_rates(session: Session, tax_class: str, sector: int, location_id: UUID, day: date) -> list[TaxRate]:
    """Return the taxes that are due on a class of items for a kind of patient at a place and day."""
    if not tax_class:
        return []
    query = select(TaxRate).where(
        TaxRate.tax_class == tax_class,
        TaxRate.sector.in_([sector, catalog_pb2.SECTOR_ALL]),
        or_(TaxRate.location_id.is_(None), TaxRate.location_id == location_id),
        holds_on(TaxRate.start_date, TaxRate.end_date, day),
    )
    return list(session.scalars(query.order_by(TaxRate.id)))


def practice_of(session: Session, location_id: UUID | None) -> PracticeCopy | None:
    """Return the practice of a location, or the first practice where no location is given."""
    query = select(PracticeCopy)
    if location_id is not None:
        query = query.join(
            LocationCopy,
            (LocationCopy.practice_id == PracticeCopy.id) & (LocationCopy.tenant_id == PracticeCopy.tenant_id),
        ).where(LocationCopy.id == location_id)
    return session.scalars(query.order_by(PracticeCopy.id).limit(1)).one_or_none()


def posted_encounter_of_visit(session: Session, visit_id: UUID) -> Encounter | None:
    """Return the encounter that a visit was checked out with."""
    posted = encounter_pb2.ENCOUNTER_STATE_POSTED
    query = select(Encounter).where(Encounter.visit_id == visit_id, Encounter.state == posted)
    return session.scalars(query).one_or_none()


def open_self_shares(session: Session, account_id: UUID) -> list[Share]:
    """Return the account's own open shares, locked, in the order of their ids."""
    query = select(Share).where(Share.account_id == account_id, Share.payer_id.is_(None), Share.open_minor > 0)
    locked = query.order_by(Share.id).with_for_update().execution_options(populate_existing=True)
    return list(session.scalars(locked))


def accounts(party_id: str, patient_id: str, words: str, day: date) -> Select[Account]:
    """Return the query for accounts by party, by the patient they pay for on a day, or by the beginning of a name."""
    query = select(Account)
    if party_id:
        query = query.where(Account.party_id == UUID(party_id))
    if patient_id:
        paying = select(ResponsibilityCopy.party_id).where(
            ResponsibilityCopy.patient_id.in_(all_within(patient_id)),
            ResponsibilityCopy.basis_points > 0,
            holds_on(ResponsibilityCopy.from_date, ResponsibilityCopy.to_date, day),
        )
        query = query.where(Account.party_id.in_(paying))
    if words:
        named = select(PartyCopy.id).where(PartyCopy.display_name.icontains(words, autoescape=True))
        query = query.where(or_(Account.number.istartswith(words, autoescape=True), Account.party_id.in_(named)))
    return query


def lock_payments_for(session: Session, encounter_ids: Collection[UUID], remittance_id: UUID | None = None) -> None:
    """Lock the payments that encounters' shares were paid with, and that of a remittance.

    Whoever moves money locks payments first, in the order of their ids, then encounters, then shares.
    """
    shares = select(Share.id).where(Share.encounter_id.in_(encounter_ids))
    used = set(session.scalars(select(Allocation.payment_id).where(Allocation.share_id.in_(shares))))
    if remittance_id is not None:
        used |= set(session.scalars(select(Payment.id).where(Payment.remittance_id == remittance_id)))
    session.execute(select(Payment.id).where(Payment.id.in_(used)).order_by(Payment.id).with_for_update())


def display_names(session: Session, party_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of parties by id."""
    rows = session.execute(select(PartyCopy.id, PartyCopy.display_name).where(PartyCopy.id.in_(set(party_ids))))
    return {row.id: row.display_name for row in rows}


def payer_names(session: Session, payer_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the names of insurers by id."""
    rows = session.execute(select(PayerCopy.id, PayerCopy.name).where(PayerCopy.id.in_(payer_ids)))
    return {row.id: row.name for row in rows}


def ledger_balance(session: Session, codes: Collection[str], as_of: date | None = None) -> dict[str, int]:
    """Return the sum of some accounts of the ledger by currency."""
    query = select(Entry.currency_code, func.sum(Entry.amount_minor)).where(Entry.ledger_account.in_(codes))
    if as_of is not None:
        query = query.where(Entry.effective_date <= as_of)
    return {currency: int(total) for currency, total in session.execute(query.group_by(Entry.currency_code))}
