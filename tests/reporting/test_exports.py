"""Exported files hold typed numbers and dates, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import datetime
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select
from tests.reporting.story import Practice, day_of

from praxis.reporting.v1 import report_service_pb2 as pb
from praxis_chassis import tables
from praxis_chassis.files import files
from praxis_chassis.testing import Refused, ServiceUnderTest, TenantUnderTest

CSV, XLSX = pb.EXPORT_FORMAT_CSV, pb.EXPORT_FORMAT_XLSX
DAYS: Any = {"from_date": "2026-03-01", "to_date": "2026-03-03"}
FILTERS: dict[int, dict[str, str]] = {
    pb.REPORT_KIND_DAY_SHEET: DAYS,
    pb.REPORT_KIND_APPOINTMENTS_LIST: DAYS,
    pb.REPORT_KIND_PATIENT_AGING: {"aging_date": "2026-03-10"},
    pb.REPORT_KIND_PAYER_AGING: {"aging_date": "2026-03-10"},
    pb.REPORT_KIND_CLAIMS_BY_STATE: {},
}


@pytest.fixture
def tenant(reporting: ServiceUnderTest) -> TenantUnderTest:
    tenant = reporting.tenant()
    for aggregate_id, event in day_of(Practice()):
        tenant.receive(event, aggregate_id)
    return tenant


def export(tenant: TenantUnderTest, report: Any, form: Any, *, names: bool = True, **filters: Any) -> tuple[Any, bytes]:
    request = pb.ExportReportRequest(report=report, format=form, **filters)
    granted = tenant.under_test.permissions - (set() if names else {"patients.patients.read"})
    reference = tenant.call("ExportReport", request, permissions=granted)
    with tenant.session() as session:
        return reference, files(session).get(reference.file_id)


def lines(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def test_csv_has_plain_numbers_and_guarded_text(tenant: TenantUnderTest) -> None:
    reference, data = export(tenant, pb.REPORT_KIND_DAY_SHEET, CSV, **DAYS)
    assert (reference.media_type, reference.file_name) == ("text/csv; charset=utf-8", "day-sheet-2026-03-01.csv")
    rows = lines(data)
    assert sum(Decimal(row["Amount"]) for row in rows if row["Kind"] == "charge") == Decimal(250)
    assert {row["Amount"] for row in rows if row["Kind"] == "charge_reversal"} == {"-50.00"}
    assert {row["Description"] for row in rows} >= {"Office visit", "'=HYPERLINK(1)"}
    assert {row["Currency"] for row in rows} == {"USD"}


def test_xlsx_has_real_numbers_dates_and_no_formula(tenant: TenantUnderTest) -> None:
    _, data = export(tenant, pb.REPORT_KIND_DAY_SHEET, XLSX, **DAYS)
    book = openpyxl.load_workbook(io.BytesIO(data))
    assert book.sheetnames == ["Report", "Totals"]
    head, *rows = list(book["Report"].iter_rows())
    place = {cell.value: number for number, cell in enumerate(head)}
    assert {row[place["Amount"]].data_type for row in rows} == {"n"}
    assert {type(row[place["Entry date"]].value) for row in rows} == {datetime}
    texts = {row[place["Description"]].value: row[place["Description"]].data_type for row in rows}
    assert texts["=HYPERLINK(1)"] in {"s", "inlineStr", "f"}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheets = [archive.read(name) for name in archive.namelist() if name.startswith("xl/worksheets/")]
    assert not any(b"<f>" in sheet for sheet in sheets)
    assert book["Totals"].cell(2, 1).value == 200


@pytest.mark.parametrize("report", FILTERS)
@pytest.mark.parametrize("form", [CSV, XLSX])
def test_every_report_can_be_exported(tenant: TenantUnderTest, report: Any, form: Any) -> None:
    reference, data = export(tenant, report, form, **FILTERS[report])
    assert reference.size_bytes == len(data) > 100
    if form == CSV:
        rows = lines(data)
        assert rows
        assert not [title for title in rows[0] if "COLUMN" in title.upper() or title.endswith(".")]


@pytest.mark.parametrize(
    ("report", "column"),
    [
        (pb.REPORT_KIND_DAY_SHEET, "Patient name"),
        (pb.REPORT_KIND_APPOINTMENTS_LIST, "Patient name"),
        (pb.REPORT_KIND_PATIENT_AGING, "Account name"),
        (pb.REPORT_KIND_CLAIMS_BY_STATE, "Patient name"),
    ],
)
def test_files_name_people_to_those_who_may_read_patients(tenant: TenantUnderTest, report: Any, column: str) -> None:
    def told(form: Any, *, names: bool) -> set[str | None]:
        _, data = export(tenant, report, form, names=names, **FILTERS[report])
        if form == CSV:
            return {row[column] for row in lines(data)}
        head, *rows = list(openpyxl.load_workbook(io.BytesIO(data))["Report"].iter_rows(values_only=True))
        return {row[head.index(column)] for row in rows}

    for form in (CSV, XLSX):
        assert "Canary Featherstone" in told(form, names=True)
        assert told(form, names=False) <= {"", None}


def test_filters_of_other_reports_are_refused(tenant: TenantUnderTest) -> None:
    with pytest.raises(Refused) as refusal:
        export(tenant, pb.REPORT_KIND_DAY_SHEET, CSV, aging_date="2026-03-01")
    ((field, reason, sentence),) = refusal.value.violations
    assert (field, reason) == ("aging_date", "FILTER_NOT_IN_REPORT")
    assert "from_date" in sentence


def test_an_export_is_a_disclosure_of_the_patients_in_it(tenant: TenantUnderTest) -> None:
    export(tenant, pb.REPORT_KIND_CLAIMS_BY_STATE, CSV)
    audit = tables.audit
    query = select(audit.c["class"], audit.c.patient_ids).where(audit.c.action.endswith("/ExportReport"))
    with tenant.session() as session:
        ((kind, patients),) = session.execute(query).all()
        shown = session.execute(select(tables.file_subjects.c.subject_id)).scalars().all()
    assert kind == "disclosure"
    assert list(patients) == list(shown)
    assert len(patients) == 1
