"""Find what is usually charged for a visit and was not, and what it would have cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, any_, exists, or_, select
from sqlalchemy.orm import Session

from praxis.billing.v1 import encounter_pb2
from praxis.billing.v1 import missed_charge_pb2 as pb
from praxis.billing.v1.missed_charge_service_pb2 import ListMissedChargesRequest
from praxis.scheduling.v1 import visit_pb2
from praxis_billing.rules.fees import Circumstances, select_fee
from praxis_billing.store import queries
from praxis_billing.store.models import AppointmentTypeCopy, CatalogItem, Charge, Encounter, VisitCopy
from praxis_chassis.database import uuid_of
from praxis_chassis.errors import invalid
from praxis_chassis.mapping import read_calendar_date, wire_money
from praxis_chassis.types import Money

AT_CHECKOUT = (visit_pb2.VISIT_STATE_READY_FOR_CHECKOUT, visit_pb2.VISIT_STATE_COMPLETED)
USUAL = and_(CatalogItem.id == any_(AppointmentTypeCopy.default_catalog_item_ids), CatalogItem.retired.is_(False))


def wanted(request: ListMissedChargesRequest) -> Select[VisitCopy]:
    """Return the query of visits with missed charges."""
    charged = exists().where(Charge.encounter_id == Encounter.id, Charge.catalog_item_id == CatalogItem.id)
    uncharged = ~charged.correlate(Encounter, CatalogItem)
    lacks = exists(select(CatalogItem.id).where(USUAL, uncharged).correlate(AppointmentTypeCopy, Encounter))
    return _with_charges(select(VisitCopy)).where(
        VisitCopy.state.in_(AT_CHECKOUT), or_(Encounter.id.is_(None), lacks), *_asked(request)
    )


def _asked(request: ListMissedChargesRequest) -> Iterable[ColumnElement[bool]]:
    first = read_calendar_date(request.from_date, "from_date")
    last = read_calendar_date(request.to_date, "to_date")
    if first and last and last < first:
        raise invalid("to_date", "ENDS_BEFORE_START")
    if first:
        yield VisitCopy.local_date >= first
    if last:
        yield VisitCopy.local_date <= last
    if request.location_id:
        yield VisitCopy.location_id == uuid_of(request.location_id, "location_id")
    if request.visit_id:
        yield VisitCopy.id == uuid_of(request.visit_id, "visit_id")


def _with_charges(query: Select[VisitCopy]) -> Select[VisitCopy]:
    posted = and_(Encounter.visit_id == VisitCopy.id, Encounter.state == encounter_pb2.ENCOUNTER_STATE_POSTED)
    kind = AppointmentTypeCopy.id == VisitCopy.appointment_type_id
    return query.outerjoin(AppointmentTypeCopy, kind).outerjoin(Encounter, posted)


def messages(session: Session, visits: Sequence[VisitCopy]) -> list[pb.MissedCharge]:
    """Return visits with what was not charged for each."""
    encounters = _encounters(session, visits)
    kinds = _kinds(session, visits)
    items = _items(session, kinds.values())
    found = []
    for visit in visits:
        encounter, kind = encounters.get(visit.id), kinds.get(visit.appointment_type_id)
        usual = [items[key] for key in kind.default_catalog_item_ids if key in items] if kind else []
        charged = {charge.catalog_item_id for charge in encounter.charges} if encounter else set()
        missed = [item for item in usual if item.id not in charged]
        found.append(_message(session, visit, kind, encounter, missed))
    return found


def _message(
    session: Session,
    visit: VisitCopy,
    kind: AppointmentTypeCopy | None,
    encounter: Encounter | None,
    missed: Sequence[CatalogItem],
) -> pb.MissedCharge:
    prices = _prices(session, visit, encounter, missed)
    message = pb.MissedCharge(
        visit_id=str(visit.id),
        patient_id=str(visit.patient_id),
        local_date=visit.local_date.isoformat() if visit.local_date else "",
        location_id=str(visit.location_id or ""),
        practitioner_id=str(visit.practitioner_id or ""),
        appointment_type_id=str(visit.appointment_type_id or ""),
        appointment_type_name=kind.name if kind else "",
        encounter_id=str(encounter.id) if encounter else "",
        items=[_item(item, prices.get(item.id)) for item in missed],
    )
    if prices:
        amounts = list(prices.values())
        message.amount.CopyFrom(wire_money(sum(amounts[1:], start=amounts[0])))
    return message


def _item(item: CatalogItem, amount: Money | None) -> pb.MissedItem:
    message = pb.MissedItem(catalog_item_id=str(item.id), code=item.code, name=item.name)
    if amount is not None:
        message.amount.CopyFrom(wire_money(amount))
    return message


def _prices(
    session: Session, visit: VisitCopy, encounter: Encounter | None, missed: Sequence[CatalogItem]
) -> dict[UUID, Money]:
    """Return what one of each item would cost: by the first insurer, unless the patient pays alone."""
    if not missed or visit.local_date is None:
        return {}
    alone = encounter is not None and encounter.self_pay
    covers = [] if alone else queries.coverages(session, visit.patient_id, visit.local_date)
    wanted = Circumstances(
        service_date=visit.local_date,
        payer_id=covers[0].payer_id if covers else None,
        location_id=visit.location_id,
        practitioner_id=visit.practitioner_id,
    )
    practice = queries.practice_of(session, visit.location_id)
    found = {}
    for item in missed:
        fee = select_fee([each.option() for each in queries.fees_of(session, item.id, visit.local_date)], wanted)
        if fee is not None and practice is not None and fee.amount.currency == practice.currency_code:
            found[item.id] = fee.amount
    return found


def _encounters(session: Session, visits: Sequence[VisitCopy]) -> dict[UUID | None, Encounter]:
    posted = Encounter.state == encounter_pb2.ENCOUNTER_STATE_POSTED
    query = select(Encounter).where(Encounter.visit_id.in_([visit.id for visit in visits]), posted)
    return {encounter.visit_id: encounter for encounter in session.scalars(query)}


def _kinds(session: Session, visits: Sequence[VisitCopy]) -> dict[UUID | None, AppointmentTypeCopy]:
    ids = {visit.appointment_type_id for visit in visits if visit.appointment_type_id}
    return {
        kind.id: kind for kind in session.scalars(select(AppointmentTypeCopy).where(AppointmentTypeCopy.id.in_(ids)))
    }


def _items(session: Session, kinds: Iterable[AppointmentTypeCopy]) -> dict[UUID, CatalogItem]:
    ids = {item for kind in kinds for item in kind.default_catalog_item_ids}
    query = select(CatalogItem).where(CatalogItem.id.in_(ids), CatalogItem.retired.is_(False))
    return {item.id: item for item in session.scalars(query)}
