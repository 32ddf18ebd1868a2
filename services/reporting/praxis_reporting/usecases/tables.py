"""Turn rows of a report into a table of typed cells, and tables into CSV and XLSX files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message

from praxis.reporting.v1 import report_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis.mapping import moment
from praxis_reporting.rules.cells import Cell, csv_cell

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

FORMATS = {Decimal: "#,##0.00", datetime: "yyyy-mm-dd hh:mm", date: "yyyy-mm-dd"}
DECIMAL_TEXTS = {"units"}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under column names."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def table(name: str, kind: type[Message], messages: Sequence[Message]) -> Table:
    """Return messages of one kind as a table: one column for each field, amounts as numbers, their currency last."""
    columns = [*(column for column, _ in _cells(kind())), "currency_code"]
    rows = [[*(cell for _, cell in _cells(message)), _currency(message)] for message in messages]
    return Table(name, columns, rows)


def _cells(message: Message) -> Iterator[tuple[str, Cell]]:
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.name == "currency_code":
            continue
        if field.message_type is report_pb2.AgingBuckets.DESCRIPTOR:
            yield from _cells(value)
        elif not (field.is_repeated and field.message_type):
            yield field.name, _cell(message, field, value)


def _cell(message: Message, field: Any, value: object) -> Cell:
    if isinstance(value, type_pb2.Money):
        return Decimal(value.amount) if value.amount else None
    if field.message_type:
        return moment(value) if message.HasField(field.name) else None  # type: ignore[arg-type]
    if field.is_repeated:
        return "; ".join(str(item) for item in value)  # type: ignore[attr-defined]
    if field.enum_type:
        return _word(field, int(str(value)))
    if isinstance(value, str):
        return _typed_text(field.name, value)
    if field.has_presence and not message.HasField(field.name):
        return None
    return value if isinstance(value, bool | int) else str(value)


def _typed_text(name: str, value: str) -> Cell:
    if not value:
        return None
    if name.endswith("_date"):
        return date.fromisoformat(value)
    return Decimal(value) if name in DECIMAL_TEXTS else value


def _word(field: Any, number: int) -> Cell:
    if number == 0:
        return None
    zero = field.enum_type.values_by_number[0].name.removesuffix("UNSPECIFIED")
    word: str = field.enum_type.values_by_number[number].name.removeprefix(zero).lower()
    return word


def _currency(message: Message) -> Cell:
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.name == "currency_code":
            return str(value)
        if isinstance(value, type_pb2.Money) and value.currency_code:
            return value.currency_code
        if isinstance(value, report_pb2.AgingBuckets):
            return value.total.currency_code
    return None


def csv_bytes(content: Table, title: Callable[[str], str]) -> bytes:
    """Return a table as CSV; the mark at the beginning tells spreadsheets that it is UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([title(column) for column in content.columns])
    writer.writerows([csv_cell(cell) for cell in row] for row in content.rows)
    return text.getvalue().encode("utf-8-sig")


def xlsx_bytes(contents: Sequence[Table], title: Callable[[str], str]) -> bytes:
    """Return tables as the sheets of a workbook; text is written as text, whatever it begins with."""
    import xlsxwriter  # here, because it takes an eighth of the time that the service needs to start

    buffer = io.BytesIO()
    workbook = xlsxwriter.Workbook(buffer, {"in_memory": True, "remove_timezone": True})
    bold = workbook.add_format({"bold": True})
    formats = {kind: workbook.add_format({"num_format": pattern}) for kind, pattern in FORMATS.items()}
    for content in contents:
        sheet = workbook.add_worksheet(title(content.name)[:31])
        sheet.freeze_panes(1, 0)
        for place, column in enumerate(content.columns):
            sheet.write_string(0, place, title(column), bold)
            sheet.set_column(place, place, 16)
        for number, row in enumerate(content.rows, start=1):
            for place, cell in enumerate(row):
                _write(sheet, number, place, cell, formats)
    workbook.close()
    return buffer.getvalue()


def _write(sheet: Worksheet, row: int, place: int, cell: Cell, formats: dict[type, object]) -> None:
    if isinstance(cell, bool):
        sheet.write_boolean(row, place, cell)
    elif isinstance(cell, datetime):
        sheet.write_datetime(row, place, cell.astimezone(UTC).replace(tzinfo=None), formats[datetime])
    elif isinstance(cell, date):
        sheet.write_datetime(row, place, cell, formats[date])
    elif isinstance(cell, int | Decimal):
        sheet.write_number(row, place, cell, formats.get(type(cell)))
    elif cell is not None:
        sheet.write_string(row, place, cell)
