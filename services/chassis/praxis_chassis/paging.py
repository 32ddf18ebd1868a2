"""Keyset paging: a page token is the sort key of the last row shown, so that pages never shift."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol, TypeVar
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute, Session

from praxis.type.v1 import errors_pb2 as common
from praxis_chassis.errors import common_error

DEFAULT_SIZE, LARGEST_SIZE = 50, 500
T = TypeVar("T")


class PageRequest(Protocol):
    """What a list request of any service carries."""

    page_size: int
    page_token: str

    def MergeFrom(self, message: Any) -> None:
        """Take over the fields of another message."""

    def SerializeToString(self, *, deterministic: bool) -> bytes:
        """Return the message as bytes."""
        ...


Key = InstrumentedAttribute[Any] | ColumnElement[Any]


def page(
    session: Session,
    query: Select[T],
    *,
    order: Sequence[Key],
    request: PageRequest,
    descending: bool = False,
) -> tuple[list[T], str]:
    """Return one page and the token of the next, empty on the last; the last key of `order` must be unique."""
    query, size = _cut(query, order, request, descending)
    rows = list(session.scalars(query))
    if len(rows) <= size:
        return rows, ""
    last = [getattr(rows[size - 1], str(getattr(key, "key", key))) for key in order]
    return rows[:size], _encode(last, _shape(order, request, descending))


def page_of_rows(
    session: Session, query: Select[Any], *, order: Sequence[Key], request: PageRequest
) -> tuple[Sequence[Sequence[Any]], str]:
    """Return the same of a query of columns; each row ends with its sort keys."""
    query, size = _cut(query.add_columns(*order), order, request, descending=False)
    rows = session.execute(query).all()
    if len(rows) <= size:
        return rows, ""
    return rows[:size], _encode(rows[size - 1][-len(order) :], _shape(order, request))


def begun(order: Sequence[Key], request: PageRequest) -> tuple[int, list[Any] | None]:
    """Return, for who cuts pages himself, how many rows a page has and the sort keys of the last row shown."""
    size = min(request.page_size or DEFAULT_SIZE, LARGEST_SIZE)
    shape = _shape(order, request)
    return size, _decode(request.page_token, shape, order) if request.page_token else None


def token(order: Sequence[Key], last: Sequence[Any], request: PageRequest) -> str:
    """Return the token of the page after a row with these sort keys."""
    return _encode(last, _shape(order, request))


def _cut(query: Select[T], order: Sequence[Key], request: PageRequest, descending: bool) -> tuple[Select[T], int]:
    """Return the query of one page and of one row more, which tells whether there is another."""
    size = min(request.page_size or DEFAULT_SIZE, LARGEST_SIZE)
    if request.page_token:
        values = _decode(request.page_token, _shape(order, request, descending), order)
        query = query.where(_after(order, values, descending))
    keys = [key.desc() if descending else key.asc() for key in order]
    return query.order_by(*keys).limit(size + 1), size


def _after(order: Sequence[Key], values: Sequence[Any], descending: bool) -> ColumnElement[bool]:
    cases = []
    for index, key in enumerate(order):
        same = [earlier == value for earlier, value in zip(order[:index], values, strict=False)]
        beyond = key < values[index] if descending else key > values[index]
        cases.append(and_(*same, beyond))
    return or_(*cases)


def _shape(order: Sequence[Key], request: PageRequest, descending: bool = False) -> str:
    """Return what a token is good for: this order, and the same question, in pages of any size."""
    question = type(request)()
    question.MergeFrom(request)
    question.page_size, question.page_token = 0, ""
    text = ",".join(str(key) for key in order) + str(descending)
    return hashlib.sha256(text.encode() + question.SerializeToString(deterministic=True)).hexdigest()[:8]


def _encode(values: Sequence[Any], shape: str) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([shape, *map(_plain, values)])).decode().rstrip("=")


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


def _decode(token: str, shape: str, order: Sequence[Key]) -> list[Any]:
    try:
        padded = token + "=" * (-len(token) % 4)
        found, *values = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if found != shape or len(values) != len(order):
            raise ValueError(token)
        return [_typed(key, value) for key, value in zip(order, values, strict=True)]
    except (ValueError, TypeError, ArithmeticError):
        raise common_error(common.COMMON_ERROR_REASON_PAGE_TOKEN_INVALID) from None


def _typed(key: Key, value: Any) -> Any:
    kind = key.type.python_type
    readers: dict[type[Any], Any] = {
        UUID: UUID,
        datetime: datetime.fromisoformat,
        date: date.fromisoformat,
        Decimal: Decimal,
    }
    if type(value) is not (str if kind in readers else kind):
        raise ValueError("the token holds a value of another kind")
    return readers[kind](value) if kind in readers else value
