"""Keep what billing posted: charges, payments, adjustments, and what was taken back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from praxis.billing.v1 import encounter_pb2, payment_pb2
from praxis.reporting.v1 import report_pb2
from praxis_chassis.context import context_of
from praxis_chassis.mapping import moment, read_decimal
from praxis_reporting.rules.identity import fact_id
from praxis_reporting.store.models import Account, Entry, Location, Payer, Payment
from praxis_reporting.store.upserts import ensure, put
from praxis_reporting.usecases import receivables
from praxis_reporting.usecases.wire import day, identifier, minor

ADJUSTMENTS = (report_pb2.ENTRY_KIND_ADJUSTMENT, report_pb2.ENTRY_KIND_ADJUSTMENT_REVERSAL)
AMOUNTS = ("gross_minor", "discount_minor", "tax_minor", "amount_minor")


def post_encounter(session: Session, encounter: encounter_pb2.Encounter) -> None:
    """Enter the charges of an encounter and open its shares."""
    posted = moment(encounter.posted_time)
    posted_day = _local_day(session, encounter.location_id, posted)
    for charge in encounter.charges:
        put(session, Entry, _charge_entry(encounter, charge, posted, posted_day))
        _place_adjustments(session, encounter, charge)
    receivables.open_shares(session, encounter, posted_day)
    receivables.assign(session, encounter)


def _local_day(session: Session, location_id: str, posted: datetime) -> date:
    location = session.get(Location, (context_of(session).tenant, UUID(location_id)))
    return posted.astimezone(ZoneInfo(location.time_zone) if location else UTC).date()


def _charge_entry(
    encounter: encounter_pb2.Encounter, charge: encounter_pb2.Charge, posted: datetime, posted_day: date
) -> dict[str, object]:
    return {
        "id": fact_id("entry", "charge", charge.id),
        "kind": report_pb2.ENTRY_KIND_CHARGE,
        "entry_date": posted_day,
        "entry_time": posted,
        **_service_of(encounter, charge),
        "patient_id": UUID(encounter.patient_id),
        "catalog_item_id": identifier(charge.catalog_item_id),
        "procedure_code": charge.procedure_code,
        "description": charge.description,
        "units": read_decimal(charge.units, "units"),
        "encounter_id": UUID(encounter.id),
        "charge_id": UUID(charge.id),
        "currency_code": charge.total.currency_code,
        "gross_minor": minor(charge.gross),
        "discount_minor": minor(charge.discount),
        "tax_minor": minor(charge.tax),
        "amount_minor": minor(charge.total),
    }


def _service_of(encounter: encounter_pb2.Encounter, charge: encounter_pb2.Charge) -> dict[str, object]:
    return {
        "service_date": day(encounter.service_date),
        "location_id": identifier(encounter.location_id),
        "practitioner_id": identifier(charge.rendering_practitioner_id or encounter.rendering_practitioner_id),
    }


def _place_adjustments(session: Session, encounter: encounter_pb2.Encounter, charge: encounter_pb2.Charge) -> None:
    """Give adjustments that came before their charge its service date, location and practitioner."""
    early = (Entry.charge_id == UUID(charge.id), Entry.kind.in_(ADJUSTMENTS), Entry.location_id.is_(None))
    session.execute(update(Entry).where(*early).values(_service_of(encounter, charge)))


def reverse_encounter(session: Session, encounter: encounter_pb2.Encounter, effective: date | None) -> None:
    """Enter the charges of an encounter again with the opposite sign and close its shares."""
    charges = (Entry.encounter_id == UUID(encounter.id), Entry.kind == report_pb2.ENTRY_KIND_CHARGE)
    reversed_at = moment(encounter.reversed_time)
    for entry in session.scalars(select(Entry).where(*charges)):
        values = {column.name: getattr(entry, column.name) for column in Entry.__table__.columns}
        del values["tenant_id"]
        values |= {name: -values[name] for name in AMOUNTS}
        values |= {
            "id": fact_id("entry", "charge_reversal", entry.charge_id),
            "kind": report_pb2.ENTRY_KIND_CHARGE_REVERSAL,
            "entry_date": effective or entry.entry_date,
            "entry_time": reversed_at,
        }
        put(session, Entry, values)
    receivables.close_shares(session, encounter.id, effective)
    receivables.assign(session, encounter)


def transfer(session: Session, encounter: encounter_pb2.Encounter, moves: list[encounter_pb2.Transfer]) -> None:
    """Move responsibility between the shares of an encounter."""
    receivables.transfer(session, moves)
    receivables.assign(session, encounter)


def receive_payment(session: Session, payment: payment_pb2.Payment) -> None:
    """Enter money that came in."""
    keep_payment(session, payment)
    put(session, Entry, _payment_entry(payment, report_pb2.ENTRY_KIND_PAYMENT, day(payment.received_date), 1))


def reverse_payment(session: Session, payment: payment_pb2.Payment, effective: date | None) -> None:
    """Enter a payment again with the opposite sign."""
    keep_payment(session, payment)
    put(session, Entry, _payment_entry(payment, report_pb2.ENTRY_KIND_PAYMENT_REVERSAL, effective, -1))


def _payment_entry(payment: payment_pb2.Payment, kind: int, entry_day: date | None, sign: int) -> dict[str, object]:
    recorded = moment(payment.reversed_time if sign < 0 else payment.create_time)
    return {
        "id": fact_id("entry", kind, payment.id),
        "kind": kind,
        "entry_date": entry_day or recorded.date(),
        "entry_time": recorded,
        "account_id": identifier(payment.account_id),
        "payer_id": identifier(payment.payer_id),
        "location_id": identifier(payment.location_id),
        "method": payment.method,
        "payment_id": UUID(payment.id),
        "currency_code": payment.amount.currency_code,
        "amount_minor": sign * minor(payment.amount),
    }


def allocate(session: Session, payment: payment_pb2.Payment, allocations: list[payment_pb2.Allocation]) -> None:
    """Use parts of a payment for shares."""
    keep_payment(session, payment)
    for allocation in allocations:
        receivables.pay(session, payment.id, allocation)


def keep_payment(session: Session, payment: payment_pb2.Payment) -> None:
    """Keep a payment as it stands."""
    ensure(session, Account, "account_id", identifier(payment.account_id))
    ensure(session, Payer, "payer_id", identifier(payment.payer_id))
    facts = {
        "payment_id": UUID(payment.id),
        "payer_kind": payment.payer_kind,
        "account_id": identifier(payment.account_id),
        "payer_id": identifier(payment.payer_id),
        "received_date": day(payment.received_date),
        "state": payment.state,
        "currency_code": payment.amount.currency_code,
        "amount_minor": minor(payment.amount),
        "unapplied_minor": minor(payment.unapplied),
    }
    put(session, Payment, facts)


def post_adjustment(session: Session, adjustment: payment_pb2.Adjustment) -> None:
    """Enter an amount that was taken off a share."""
    effective = day(adjustment.effective_date)
    _enter_adjustment(session, adjustment, report_pb2.ENTRY_KIND_ADJUSTMENT, effective, 1)


def reverse_adjustment(session: Session, adjustment: payment_pb2.Adjustment, effective: date | None) -> None:
    """Enter an adjustment again with the opposite sign."""
    _enter_adjustment(session, adjustment, report_pb2.ENTRY_KIND_ADJUSTMENT_REVERSAL, effective, -1)


def _enter_adjustment(
    session: Session, adjustment: payment_pb2.Adjustment, kind: int, entry_day: date | None, sign: int
) -> None:
    receivables.adjust(session, adjustment, entry_day, sign)
    recorded = moment(adjustment.update_time if sign < 0 else adjustment.create_time)
    put(
        session,
        Entry,
        {
            "id": fact_id("entry", kind, adjustment.id),
            "kind": kind,
            "entry_date": entry_day or recorded.date(),
            "entry_time": recorded,
            "patient_id": identifier(adjustment.patient_id),
            "account_id": identifier(adjustment.account_id),
            "payer_id": identifier(adjustment.payer_id),
            **_service_of_charge(session, adjustment.charge_id),
            "reason": adjustment.reason,
            "encounter_id": identifier(adjustment.encounter_id),
            "charge_id": identifier(adjustment.charge_id),
            "adjustment_id": UUID(adjustment.id),
            "currency_code": adjustment.amount.currency_code,
            "amount_minor": sign * minor(adjustment.amount),
        },
    )


def _service_of_charge(session: Session, charge_id: str) -> dict[str, object]:
    charge = (Entry.charge_id == identifier(charge_id), Entry.kind == report_pb2.ENTRY_KIND_CHARGE)
    entry = session.scalars(select(Entry).where(*charge)).first()
    if entry is None:
        return {}
    return {
        "service_date": entry.service_date,
        "location_id": entry.location_id,
        "practitioner_id": entry.practitioner_id,
    }
