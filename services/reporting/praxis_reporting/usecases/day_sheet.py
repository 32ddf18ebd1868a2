"""The day sheet: charges, payments and adjustments of a range of days, with control totals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from praxis.reporting.v1 import report_pb2, report_service_pb2
from praxis_chassis.mapping import decimal_text, instant, wire_money
from praxis_chassis.paging import page
from praxis_chassis.types import Money
from praxis_reporting.store import names
from praxis_reporting.store.models import Entry
from praxis_reporting.usecases.filters import days_of
from praxis_reporting.usecases.freshness import freshness

Request = report_service_pb2.GetDaySheetRequest
CHARGES = (report_pb2.ENTRY_KIND_CHARGE, report_pb2.ENTRY_KIND_CHARGE_REVERSAL)
PAYMENTS = (report_pb2.ENTRY_KIND_PAYMENT, report_pb2.ENTRY_KIND_PAYMENT_REVERSAL)
ADJUSTMENTS = (report_pb2.ENTRY_KIND_ADJUSTMENT, report_pb2.ENTRY_KIND_ADJUSTMENT_REVERSAL)
ORDER = (Entry.entry_date, Entry.entry_time, Entry.id)
TEXTS = ("id", "patient_id", "account_id", "payer_id", "location_id", "practitioner_id", "encounter_id", "charge_id")


def day_sheet(session: Session, request: Request) -> report_service_pb2.GetDaySheetResponse:
    """Return a page of the day sheet with the totals of the whole."""
    where = conditions(session, request)
    entries, token = page(session, select(Entry).where(*where), order=ORDER, request=request)
    return report_service_pb2.GetDaySheetResponse(
        rows=rows(session, entries),
        next_page_token=token,
        totals=totals(session, where),
        freshness=freshness(session),
    )


def conditions(session: Session, request: Request) -> list[ColumnElement[bool]]:
    """Return what entries of the report have in common."""
    days = days_of(session, request.from_date, request.to_date)
    by_service = request.date_basis == report_pb2.DATE_BASIS_SERVICE
    day = func.coalesce(Entry.service_date, Entry.entry_date) if by_service else Entry.entry_date
    where: list[ColumnElement[bool]] = [day.between(days.first, days.last)]
    if request.location_id:
        where.append(Entry.location_id == request.location_id)
    if request.practitioner_id:
        where.append(Entry.practitioner_id == request.practitioner_id)
    return where


def rows(session: Session, entries: Sequence[Entry]) -> list[report_pb2.DaySheetRow]:
    """Return entries as rows with the names that the caller may see."""
    patients = names.patient_names(session, (entry.patient_id for entry in entries))
    payers = names.payer_names(session, (entry.payer_id for entry in entries))
    locations = names.location_names(session, (entry.location_id for entry in entries))
    practitioners = names.practitioner_names(session, (entry.practitioner_id for entry in entries))
    found = []
    for entry in entries:
        row = _row(entry)
        row.patient_name = patients.get(entry.patient_id, "") if entry.patient_id else ""
        row.payer_name = payers.get(entry.payer_id, "") if entry.payer_id else ""
        row.location_name = locations.get(entry.location_id, "") if entry.location_id else ""
        row.practitioner_name = practitioners.get(entry.practitioner_id, "") if entry.practitioner_id else ""
        found.append(row)
    return found


def _row(entry: Entry) -> report_pb2.DaySheetRow:
    row = report_pb2.DaySheetRow(
        kind=entry.kind,
        entry_date=entry.entry_date.isoformat(),
        entry_time=instant(entry.entry_time),
        service_date=entry.service_date.isoformat() if entry.service_date else "",
        procedure_code=entry.procedure_code,
        description=entry.description,
        units=decimal_text(entry.units) if entry.units is not None else "",
        method=entry.method,
        reason=entry.reason,
        amount=_money(entry, entry.amount_minor),
    )
    for name in (*TEXTS, "payment_id", "adjustment_id"):
        setattr(row, name, str(getattr(entry, name) or ""))
    if entry.kind in CHARGES:
        row.gross.CopyFrom(_money(entry, entry.gross_minor))
        row.discount.CopyFrom(_money(entry, entry.discount_minor))
        row.tax.CopyFrom(_money(entry, entry.tax_minor))
    return row


def _money(entry: Entry, minor: int) -> Any:
    return wire_money(Money(entry.currency_code, minor))


def totals(session: Session, where: Iterable[ColumnElement[bool]]) -> list[report_pb2.DaySheetTotals]:
    """Return the control totals for each currency."""
    groups = (Entry.currency_code, Entry.kind, Entry.method, Entry.reason)
    sums = (func.count().label("count"), func.sum(Entry.amount_minor), func.sum(Entry.tax_minor))
    query = select(*groups, *sums).where(*where).group_by(*groups).order_by(*groups)
    found: dict[str, list[Any]] = {}
    for line in session.execute(query):
        found.setdefault(line[0], []).append(line)
    return [_currency_totals(currency, lines) for currency, lines in found.items()]


def _currency_totals(currency: str, lines: list[Any]) -> report_pb2.DaySheetTotals:
    def total(kinds: tuple[int, ...], column: int) -> int:
        return sum(int(line[column]) for line in lines if line[1] in kinds)

    charges, payments, adjustments = total(CHARGES, 5), total(PAYMENTS, 5), total(ADJUSTMENTS, 5)
    parts = [
        report_pb2.DaySheetPart(
            kind=line[1],
            method=line[2],
            reason=line[3],
            count=line[4],
            amount=wire_money(Money(currency, int(line[5]))),
        )
        for line in lines
    ]
    return report_pb2.DaySheetTotals(
        currency_code=currency,
        charges=wire_money(Money(currency, charges)),
        tax=wire_money(Money(currency, total(CHARGES, 6))),
        payments=wire_money(Money(currency, payments)),
        adjustments=wire_money(Money(currency, adjustments)),
        net_change=wire_money(Money(currency, charges - payments - adjustments)),
        parts=parts,
    )
