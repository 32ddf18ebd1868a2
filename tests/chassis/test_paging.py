"""A page token that was tampered with is refused as a bad request, whatever it holds."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import Column, Date, DateTime, Integer, MetaData, Numeric, Table, Text, Uuid

from praxis.patients.v1.patient_service_pb2 import ListPatientsRequest
from praxis.type.v1 import errors_pb2 as common
from praxis_chassis import paging
from praxis_chassis.errors import DomainError, status_of
from praxis_chassis.texts import Catalog

TABLE = Table(
    "things",
    MetaData(),
    Column("uuid", Uuid),
    Column("numeric", Numeric),
    Column("text", Text),
    Column("integer", Integer),
    Column("day", Date),
    Column("moment", DateTime(timezone=True)),
)
GOOD = {
    "uuid": UUID("0199c0de-0000-7000-8000-000000000001"),
    "numeric": Decimal("12.50"),
    "text": "Ada",
    "integer": 7,
    "day": date(2026, 1, 2),
    "moment": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
}


def decoded(column: str, value: Any) -> Any:
    order = [TABLE.c[column]]
    shape = paging._shape(order, ListPatientsRequest())
    token = base64.urlsafe_b64encode(orjson.dumps([shape, value])).decode().rstrip("=")
    return paging._decode(token, shape, order)


@pytest.mark.parametrize("column", GOOD)
@pytest.mark.parametrize("value", [None, 5.5, [], {}, [1], {"a": 1}, True])
def test_a_value_of_another_kind_is_refused(column: str, value: Any) -> None:
    with pytest.raises(DomainError) as refused:
        decoded(column, value)
    assert refused.value.reason == common.COMMON_ERROR_REASON_PAGE_TOKEN_INVALID


@pytest.mark.parametrize("column", ["uuid", "numeric", "integer", "day", "moment"])
def test_text_that_is_no_such_value_is_refused(column: str) -> None:
    with pytest.raises(DomainError):
        decoded(column, "x")


@pytest.mark.parametrize("column", GOOD)
def test_an_untouched_token_is_read(column: str) -> None:
    order = [TABLE.c[column]]
    shape = paging._shape(order, ListPatientsRequest())
    assert paging._decode(paging._encode([GOOD[column]], shape), shape, order) == [GOOD[column]]


def test_a_token_is_good_for_its_own_question_only() -> None:
    order = [TABLE.c.uuid]
    asked = paging._shape(order, ListPatientsRequest(query="ada", page_size=10))
    assert paging._shape(order, ListPatientsRequest(query="ada", page_size=50, page_token="x")) == asked
    other = paging._shape(order, ListPatientsRequest(query="bo", page_size=10))
    assert other != asked
    with pytest.raises(DomainError) as refused:
        paging._decode(paging._encode([GOOD["uuid"]], asked), other, order)
    text = status_of(refused.value, None, "x", Catalog(None), "en").message
    assert text.startswith("This page_token belongs to another question: the list, its filters or its order")
    assert "Ask for the first page again, without a page_token" in text
