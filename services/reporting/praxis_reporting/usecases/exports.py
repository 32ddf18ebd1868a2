"""Write all rows of a report into a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from google.protobuf.message import Message
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from praxis.reporting.v1 import errors_pb2, report_pb2, report_service_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis.context import context_of
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.files import files
from praxis_reporting.store.models import Account, Appointment, Claim, Entry, Payer
from praxis_reporting.usecases import agings, appointments_list, claims_by_state, day_sheet
from praxis_reporting.usecases.filters import aging_day
from praxis_reporting.usecases.freshness import today
from praxis_reporting.usecases.tables import csv_bytes, table, xlsx_bytes

Request = report_service_pb2.ExportReportRequest
LARGEST_ROWS = 100_000
FILTERS = ("from_date", "to_date", "aging_date", "location_id", "practitioner_id", "payer_id", "account_id")
MEDIA_TYPES = {
    report_service_pb2.EXPORT_FORMAT_CSV: ("text/csv; charset=utf-8", "csv"),
    report_service_pb2.EXPORT_FORMAT_XLSX: (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xlsx",
    ),
}


@dataclass(frozen=True, slots=True)
class Content:
    """All rows of a report and their totals."""

    row: type[Message]
    rows: Sequence[Any]
    total: type[Message]
    totals: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Report:
    """How one report is exported: its file's name, its filters and its content."""

    name: str
    filters: frozenset[str]
    content: Callable[[Session, Request], Content]


def export(session: Session, request: Request) -> type_pb2.FileReference:
    """Store the file of a report and return its reference."""
    report = REPORTS[request.report]
    _refuse_foreign_filters(request, report)
    content = report.content(session, request)
    media_type, suffix = MEDIA_TYPES[request.format]
    file_name = f"{report.name}-{request.from_date or request.aging_date or today(session)}.{suffix}"
    shown = _patients(content.rows)
    context_of(session).subjects.update(shown)
    return files(session).put(_encoded(session, request, content), media_type, file_name, subject_ids=shown)


def _refuse_foreign_filters(request: Request, report: Report) -> None:
    for name in (*FILTERS, "date_basis", "appointment_states", "claim_states"):
        if getattr(request, name) and name not in report.filters:
            raise invalid(name, "FILTER_NOT_IN_REPORT", report=report.name, filters=", ".join(sorted(report.filters)))


def _patients(rows: Sequence[Any]) -> set[UUID]:
    return {UUID(row.patient_id) for row in rows if getattr(row, "patient_id", "")}


def _encoded(session: Session, request: Request, content: Content) -> bytes:
    context = context_of(session)

    def title(name: str) -> str:
        text: str = context.runtime.catalog.render(context.locale, f"COLUMN_{name.upper()}", {})
        return text

    rows = table("rows", content.row, content.rows)
    if request.format == report_service_pb2.EXPORT_FORMAT_CSV:
        return csv_bytes(rows, title)
    return xlsx_bytes([rows, table("totals", content.total, content.totals)], title)


def _all(session: Session, query: Any, order: Sequence[Any]) -> list[Any]:
    count = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    if count > LARGEST_ROWS:
        raise DomainError(errors_pb2.ERROR_REASON_EXPORT_TOO_LARGE, rows=count, most=LARGEST_ROWS)
    return list(session.scalars(query.order_by(*order)))


def _day_sheet(session: Session, request: Request) -> Content:
    wanted = report_service_pb2.GetDaySheetRequest(
        from_date=request.from_date,
        to_date=request.to_date,
        location_id=request.location_id,
        practitioner_id=request.practitioner_id,
        date_basis=request.date_basis,
    )
    where = day_sheet.conditions(session, wanted)
    rows = day_sheet.rows(session, _all(session, select(Entry).where(*where), day_sheet.ORDER))
    return Content(report_pb2.DaySheetRow, rows, report_pb2.DaySheetTotals, day_sheet.totals(session, where))


def _appointments_list(session: Session, request: Request) -> Content:
    wanted = report_service_pb2.GetAppointmentsListRequest(
        from_date=request.from_date,
        to_date=request.to_date,
        location_id=request.location_id,
        practitioner_id=request.practitioner_id,
        states=request.appointment_states,
    )
    where = appointments_list.conditions(session, wanted)
    found = _all(session, select(Appointment).where(*where), appointments_list.ORDER)
    rows, totals = appointments_list.rows(session, found), appointments_list.totals(session, where)
    return Content(report_pb2.AppointmentRow, rows, report_pb2.AppointmentTotals, totals)


def _patient_aging(session: Session, request: Request) -> Content:
    day = aging_day(session, request.aging_date)
    accounts = _all(session, agings.owing_accounts(request.account_id), [Account.account_id])
    rows = agings.account_rows(session, accounts, day)
    totals = agings.account_totals(session, day, request.account_id)
    return Content(report_pb2.PatientAgingRow, rows, report_pb2.AgingTotals, totals)


def _payer_aging(session: Session, request: Request) -> Content:
    day = aging_day(session, request.aging_date)
    payers = _all(session, agings.owing_payers(request.payer_id), [Payer.payer_id])
    rows = agings.payer_rows(session, payers, day)
    return Content(
        report_pb2.PayerAgingRow, rows, report_pb2.AgingTotals, agings.payer_totals(session, day, request.payer_id)
    )


def _claims_by_state(session: Session, request: Request) -> Content:
    wanted = report_service_pb2.GetClaimsByStateRequest(
        states=request.claim_states,
        payer_id=request.payer_id,
        from_date=request.from_date,
        to_date=request.to_date,
    )
    where = claims_by_state.conditions(wanted)
    rows = claims_by_state.rows(session, _all(session, select(Claim).where(*where), claims_by_state.ORDER))
    return Content(report_pb2.ClaimRow, rows, report_pb2.ClaimTotals, claims_by_state.totals(session, where))


DAYS_AND_PLACES = frozenset({"from_date", "to_date", "location_id", "practitioner_id"})
REPORTS = {
    report_service_pb2.REPORT_KIND_DAY_SHEET: Report("day-sheet", DAYS_AND_PLACES | {"date_basis"}, _day_sheet),
    report_service_pb2.REPORT_KIND_APPOINTMENTS_LIST: Report(
        "appointments-list", DAYS_AND_PLACES | {"appointment_states"}, _appointments_list
    ),
    report_service_pb2.REPORT_KIND_PATIENT_AGING: Report(
        "patient-aging", frozenset({"aging_date", "account_id"}), _patient_aging
    ),
    report_service_pb2.REPORT_KIND_PAYER_AGING: Report(
        "payer-aging", frozenset({"aging_date", "payer_id"}), _payer_aging
    ),
    report_service_pb2.REPORT_KIND_CLAIMS_BY_STATE: Report(
        "claims-by-state", frozenset({"from_date", "to_date", "payer_id", "claim_states"}), _claims_by_state
    ),
}
