"""Find what is usually charged for a visit and was not, and what it would have cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, any_, delete, exists, or_, select
from sqlalchemy.orm import Session

from praxis.billing.v1 import catalog_pb2, encounter_pb2, errors_pb2
from praxis.billing.v1 import missed_charge_pb2 as pb
from praxis.billing.v1.missed_charge_service_pb2 import DismissMissedChargeRequest, ListMissedChargesRequest
from praxis.scheduling.v1 import visit_pb2
from praxis_billing.rules.fees import Circumstances, FeeOption, select_fee
from praxis_billing.store import queries
from praxis_billing.store.models import (
    AppointmentTypeCopy,
    CatalogItem,
    Charge,
    Encounter,
    MissedChargeDismissal,
    PatientCopy,
    VisitCopy,
)
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import uuid_of
from praxis_chassis.errors import DomainError, invalid, not_found
from praxis_chassis.mapping import instant, read_calendar_date, wire_money
from praxis_chassis.types import Money

AT_CHECKOUT = (visit_pb2.VISIT_STATE_READY_FOR_CHECKOUT, visit_pb2.VISIT_STATE_COMPLETED)
# What is missing from a visit's own encounter is added to one without a visit, so that those of its day count too.
OF_VISIT = (
    Encounter.patient_id == VisitCopy.patient_id,
    Encounter.state == encounter_pb2.ENCOUNTER_STATE_POSTED,
    or_(
        Encounter.visit_id == VisitCopy.id,
        and_(Encounter.visit_id.is_(None), Encounter.service_date == VisitCopy.local_date),
    ),
)
USUAL = and_(
    CatalogItem.id == any_(AppointmentTypeCopy.default_catalog_item_ids),
    CatalogItem.retired.is_(False),
    CatalogItem.sector.in_([catalog_pb2.SECTOR_ALL, PatientCopy.sector]),
)
DISMISSED = select(MissedChargeDismissal.id).where(MissedChargeDismissal.visit_id == VisitCopy.id)
# A practice that forgets little has few hits, so that a list without an end would read all its years.
USUAL_RANGE = timedelta(days=90)


def wanted(session: Session, request: ListMissedChargesRequest) -> Select[VisitCopy]:
    """Return the query of visits with missed charges, or of those for which people dismissed some."""
    query = select(VisitCopy).join(PatientCopy, PatientCopy.id == VisitCopy.patient_id)
    query = query.where(VisitCopy.state.in_(AT_CHECKOUT), *_asked(session, request))
    if request.dismissed:
        return query.where(exists(DISMISSED.correlate(VisitCopy)))
    charged = select(Charge.id).join(Encounter, Encounter.id == Charge.encounter_id).where(*OF_VISIT)
    dismissed = DISMISSED.where(CatalogItem.id == any_(MissedChargeDismissal.catalog_item_ids))
    lacks = and_(
        USUAL,
        ~exists(dismissed.correlate(VisitCopy, CatalogItem)),
        ~exists(charged.where(Charge.catalog_item_id == CatalogItem.id).correlate(VisitCopy, CatalogItem)),
    )
    nothing = and_(
        ~exists(select(Encounter.id).where(*OF_VISIT).correlate(VisitCopy)),
        ~exists(DISMISSED.where(MissedChargeDismissal.nothing_charged).correlate(VisitCopy)),
    )
    something = exists(select(CatalogItem.id).where(lacks).correlate(VisitCopy, AppointmentTypeCopy, PatientCopy))
    query = query.outerjoin(AppointmentTypeCopy, AppointmentTypeCopy.id == VisitCopy.appointment_type_id)
    return query.where(or_(nothing, something))


def dismiss(session: Session, request: DismissMissedChargeRequest) -> pb.MissedCharge:
    """Note that items were not forgotten; what the caller was not shown stays on the list."""
    visit = _locked(session, request.visit_id)
    if session.scalars(wanted(session, ListMissedChargesRequest(visit_id=request.visit_id))).first() is None:
        raise DomainError(errors_pb2.ERROR_REASON_NOTHING_MISSED, visit_id=visit.id)
    (shown,) = messages(session, [visit])
    missed, named = {UUID(item.catalog_item_id) for item in shown.items}, {*map(UUID, request.catalog_item_ids)}
    if named - missed:
        raise invalid("catalog_item_ids", "NOT_MISSED")
    if missed and not named:
        raise invalid("catalog_item_ids", "MISSED_ITEMS_NOT_NAMED")
    row = MissedChargeDismissal(
        visit_id=visit.id,
        catalog_item_ids=sorted(named),
        nothing_charged=named == missed and not shown.encounter_id,
        reason=request.reason.strip(),
        dismissed_by=str(context_of(session).actor),
        dismiss_time=clock.now(session),
    )
    session.add(row)
    session.flush()
    return messages(session, [visit])[0]


def restore(session: Session, visit_id: str) -> pb.MissedCharge:
    """Forget that anything was dismissed for a visit."""
    visit = _locked(session, visit_id)
    if not forget(session, visit.id):
        raise not_found("dismissal of missed charges", visit_id)
    return messages(session, [visit])[0]


def forget(session: Session, visit_id: UUID) -> bool:
    """Delete all that was dismissed for a visit; tell whether there was anything."""
    gone = delete(MissedChargeDismissal).where(MissedChargeDismissal.visit_id == visit_id)
    return session.scalars(gone.returning(MissedChargeDismissal.id)).first() is not None


def reconsider(session: Session, encounter: Encounter) -> None:
    """Let what a posted encounter charges, and is about to be taken back, be missed again."""
    query = select(MissedChargeDismissal).join(VisitCopy, MissedChargeDismissal.visit_id == VisitCopy.id)
    query = query.join(Encounter, and_(*OF_VISIT)).where(Encounter.id == encounter.id)
    charged = {charge.catalog_item_id for charge in encounter.charges}
    for row in session.scalars(query.with_for_update(of=MissedChargeDismissal)):
        row.catalog_item_ids = [item for item in row.catalog_item_ids if item not in charged]
        row.nothing_charged = False
        if not row.catalog_item_ids:
            session.delete(row)


def _locked(session: Session, visit_id: str) -> VisitCopy:
    """Return a visit of which nobody else can dismiss anything meanwhile."""
    key = (context_of(session).tenant, uuid_of(visit_id, "visit_id"))
    visit = session.get(VisitCopy, key, with_for_update=True)
    if visit is None:
        raise not_found("visit", visit_id)
    return visit


def _asked(session: Session, request: ListMissedChargesRequest) -> Iterable[ColumnElement[bool]]:
    first = read_calendar_date(request.from_date, "from_date")
    last = read_calendar_date(request.to_date, "to_date")
    if first and last and last < first:
        raise invalid("to_date", "ENDS_BEFORE_START")
    if first is None and not request.visit_id:
        first = (last or clock.now(session).date()) - USUAL_RANGE
    if first:
        yield VisitCopy.local_date >= first
    if last:
        yield VisitCopy.local_date <= last
    if request.location_id:
        yield VisitCopy.location_id == uuid_of(request.location_id, "location_id")
    if request.visit_id:
        yield VisitCopy.id == uuid_of(request.visit_id, "visit_id")


def messages(session: Session, visits: Sequence[VisitCopy], *, dismissed: bool = False) -> list[pb.MissedCharge]:
    """Return visits with what was not charged for each, and either was not dismissed or was."""
    encounters, kinds = _encounters(session, visits), _kinds(session, visits)
    items, sectors = _items(session, kinds.values()), _sectors(session, visits)
    pricing, dismissals = Pricing(session), _dismissals(session, visits)
    found = []
    for visit in visits:
        posted, kind = encounters[visit.id], kinds.get(visit.appointment_type_id)
        fitting = (catalog_pb2.SECTOR_ALL, sectors.get(visit.patient_id))
        known = [items[key] for key in kind.default_catalog_item_ids if key in items] if kind else []
        usual = [item for item in known if item.sector in fitting]
        charged = {charge.catalog_item_id for encounter in posted for charge in encounter.charges}
        gone = {item for row in dismissals[visit.id] for item in row.catalog_item_ids}
        missed = [item for item in usual if item.id not in charged and (item.id in gone) == dismissed]
        message = _message(pricing, visit, kind, posted, missed)
        message.dismissals.extend(map(_dismissal, dismissals[visit.id]))
        found.append(message)
    return found


def _message(
    pricing: Pricing,
    visit: VisitCopy,
    kind: AppointmentTypeCopy | None,
    posted: Sequence[Encounter],
    missed: Sequence[CatalogItem],
) -> pb.MissedCharge:
    prices = pricing.of(visit, posted, missed)
    message = pb.MissedCharge(
        visit_id=str(visit.id),
        patient_id=str(visit.patient_id),
        local_date=visit.local_date.isoformat() if visit.local_date else "",
        location_id=str(visit.location_id or ""),
        practitioner_id=str(visit.practitioner_id or ""),
        appointment_type_id=str(visit.appointment_type_id or ""),
        appointment_type_name=kind.name if kind else "",
        encounter_id=str(posted[0].id) if posted else "",
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


def _dismissal(row: MissedChargeDismissal) -> pb.MissedChargeDismissal:
    return pb.MissedChargeDismissal(
        catalog_item_ids=map(str, row.catalog_item_ids),
        nothing_charged=row.nothing_charged,
        reason=row.reason,
        dismissed_by=row.dismissed_by,
        dismiss_time=instant(row.dismiss_time),
    )


@dataclass
class Pricing:
    """Prices for many visits; what several ask for is read once."""

    session: Session
    fees: dict[tuple[UUID, date], list[FeeOption]] = field(default_factory=dict)
    currencies: dict[UUID | None, str] = field(default_factory=dict)

    def of(self, visit: VisitCopy, posted: Sequence[Encounter], missed: Sequence[CatalogItem]) -> dict[UUID, Money]:
        """Return what one of each item would cost: by the first insurer, unless the patient pays alone."""
        if not missed or visit.local_date is None:
            return {}
        wanted = Circumstances(
            service_date=visit.local_date,
            payer_id=self._payer(visit, posted[0] if posted else None, visit.local_date),
            location_id=visit.location_id,
            practitioner_id=visit.practitioner_id,
        )
        found = {}
        for item in missed:
            fee = select_fee(self._fees(item.id, visit.local_date), wanted)
            if fee is not None and fee.amount.currency == self._currency(visit.location_id):
                found[item.id] = fee.amount
        return found

    def _payer(self, visit: VisitCopy, encounter: Encounter | None, day: date) -> UUID | None:
        if encounter is not None and encounter.self_pay:
            return None
        cause = encounter.related_cause_id if encounter is not None else None
        covers = queries.coverages(self.session, visit.patient_id, day, cause)
        return covers[0].payer_id if covers else None

    def _fees(self, item_id: UUID, day: date) -> list[FeeOption]:
        if (item_id, day) not in self.fees:
            self.fees[item_id, day] = [fee.option() for fee in queries.fees_of(self.session, item_id, day)]
        return self.fees[item_id, day]

    def _currency(self, location_id: UUID | None) -> str:
        if location_id not in self.currencies:
            practice = queries.practice_of(self.session, location_id)
            self.currencies[location_id] = practice.currency_code if practice else ""
        return self.currencies[location_id]


def _encounters(session: Session, visits: Sequence[VisitCopy]) -> dict[UUID, list[Encounter]]:
    """Return the posted encounters of each visit: its own first, then those of the day that name no visit."""
    query = select(VisitCopy.id, Encounter).join(Encounter, and_(*OF_VISIT))
    rows = session.execute(query.where(VisitCopy.id.in_([visit.id for visit in visits])).order_by(Encounter.id))
    found: dict[UUID, list[Encounter]] = {visit.id: [] for visit in visits}
    for visit_id, encounter in sorted(rows, key=lambda row: row.Encounter.visit_id is None):
        found[visit_id].append(encounter)
    return found


def _dismissals(session: Session, visits: Sequence[VisitCopy]) -> dict[UUID, list[MissedChargeDismissal]]:
    query = select(MissedChargeDismissal).where(MissedChargeDismissal.visit_id.in_([visit.id for visit in visits]))
    found: dict[UUID, list[MissedChargeDismissal]] = defaultdict(list)
    for row in session.scalars(query.order_by(MissedChargeDismissal.id)):
        found[row.visit_id].append(row)
    return found


def _kinds(session: Session, visits: Sequence[VisitCopy]) -> dict[UUID | None, AppointmentTypeCopy]:
    ids = {visit.appointment_type_id for visit in visits if visit.appointment_type_id}
    return {
        kind.id: kind for kind in session.scalars(select(AppointmentTypeCopy).where(AppointmentTypeCopy.id.in_(ids)))
    }


def _items(session: Session, kinds: Iterable[AppointmentTypeCopy]) -> dict[UUID, CatalogItem]:
    ids = {item for kind in kinds for item in kind.default_catalog_item_ids}
    query = select(CatalogItem).where(CatalogItem.id.in_(ids), CatalogItem.retired.is_(False))
    return {item.id: item for item in session.scalars(query)}


def _sectors(session: Session, visits: Sequence[VisitCopy]) -> dict[UUID, int]:
    query = select(PatientCopy.id, PatientCopy.sector).where(PatientCopy.id.in_({visit.patient_id for visit in visits}))
    return {row.id: row.sector for row in session.execute(query)}
