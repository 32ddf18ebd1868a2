"""Declare once per resource how an entity and its protobuf message correspond."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from collections.abc import Mapping as MappingType
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Generic, TypeVar
from uuid import UUID

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import Date, DateTime, Numeric, inspect
from sqlalchemy import types as sqltypes
from sqlalchemy.orm import object_session

from praxis.type.v1 import type_pb2
from praxis_chassis.contracts import refuse_violations
from praxis_chassis.database import Aggregate
from praxis_chassis.errors import invalid
from praxis_chassis.types import Money, decimals

E = TypeVar("E")
M = TypeVar("M", bound=Message)

OWN = frozenset({"id", "etag", "create_time", "update_time"})
CALENDAR_YEARS = range(1990, 2100)
REGISTRY: dict[tuple[type[Any], str], Mapping[Any, Any]] = {}


@dataclass(frozen=True, slots=True)
class Special:
    """A field that does not correspond by name and type; a missing `write` makes it read-only."""

    read: Callable[[Any], Any] | None
    write: Callable[[Any, Any], None] | None = None


def instant(value: datetime) -> Timestamp:
    """Return the wire form of an instant."""
    stamp = Timestamp()
    stamp.FromDatetime(value)
    return stamp


def moment(stamp: Timestamp) -> datetime:
    """Return an instant of the wire as an aware datetime in UTC."""
    return stamp.ToDatetime(tzinfo=UTC)


def wire_money(value: Money) -> type_pb2.Money:
    """Return the wire form of money."""
    return type_pb2.Money(currency_code=value.currency, amount=value.amount)


def read_money(value: type_pb2.Money, path: str) -> Money:
    """Read money off the wire; too many decimals are an invalid field."""
    try:
        return Money.parse(value.currency_code, value.amount)
    except ValueError:
        raise invalid(
            path, "NOT_AN_AMOUNT", currency=value.currency_code, decimals=decimals(value.currency_code or "USD")
        ) from None


def read_date(value: str, path: str) -> date | None:
    """Read a civil date off the wire; an empty string is no date."""
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise invalid(path, "NOT_A_DATE") from None


def read_calendar_date(value: str, path: str) -> date | None:
    """Read a date from which times are reckoned: of the years to which the contracts hold instants."""
    day = read_date(value, path)
    check_calendar_date(day, path)
    return day


def check_calendar_date(day: date | None, path: str) -> None:
    """Refuse a date whose neighbors may lie beyond the first or the last date that there is."""
    if day and day.year not in CALENDAR_YEARS:
        raise invalid(path, "DATE_OUT_OF_REACH", first=CALENDAR_YEARS[0], last=CALENDAR_YEARS[-1])


def read_decimal(value: str, path: str) -> Decimal | None:
    """Read a decimal string off the wire; an empty string is no number."""
    try:
        return Decimal(value) if value else None
    except InvalidOperation:
        raise invalid(path, "NOT_A_NUMBER") from None


def decimal_text(value: Decimal) -> str:
    """Write a decimal without exponent and without trailing zeros behind the point."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_wire(value: Any) -> Any:
    """Turn a Python value into what a protobuf field takes."""
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, UUID | date):
        return str(value)
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, Money):
        return wire_money(value)
    if isinstance(value, list | tuple | set):
        return [to_wire(item) for item in value]
    return value


def _column_type(entity: type[Any], name: str) -> sqltypes.TypeEngine[Any] | None:
    column = inspect(entity).columns.get(name)
    return None if column is None else column.type


class Mapping(Generic[E, M]):
    """How one entity and one message correspond; checked when it is declared, at import."""

    def __init__(
        self,
        entity: type[E],
        message: type[M],
        *,
        read_only: Collection[str] = (),
        special: MappingType[str, Special] | None = None,
    ) -> None:
        self.entity, self.message_type = entity, message
        self.special = dict(special or {})
        self.descriptor = message.DESCRIPTOR
        self.fields: dict[str, Any] = dict(self.descriptor.fields_by_name)
        self.read_only = OWN | set(read_only) | {n for n, s in self.special.items() if s.write is None}
        unknown = (set(read_only) | set(self.special)) - set(self.fields)
        missing = [n for n in self.fields if n not in self.special and not hasattr(entity, n)]
        if unknown or missing:
            raise TypeError(
                f"{entity.__name__} and {message.__name__} do not match: no field {unknown}, no attribute {missing}"
            )
        REGISTRY[entity, self.descriptor.full_name] = self

    def message(self, entity: E) -> M:
        """Return the public state of an entity; pending changes are flushed first, so that etag and times are there."""
        session = object_session(entity)
        if session is not None and (entity in session.new or session.is_modified(entity)):
            session.flush()
        return self._state(entity)

    def _state(self, entity: E) -> M:
        values: dict[str, Any] = {}
        for name in self.fields:
            special = self.special.get(name)
            if special is not None and special.read is None:
                continue
            value = special.read(entity) if special and special.read else getattr(entity, name)
            if value is not None:
                values[name] = to_wire(value)
        return self.message_type(**values)

    def new(self, message: M) -> E:
        """Return a new entity with the writable fields of a message."""
        entity = self.entity()
        self.apply(entity, message)
        return entity

    def apply(self, entity: E, message: M, paths: Collection[str] | None = None) -> None:
        """Write the writable fields onto an entity: all, those a mask names, or those that are set if it is empty."""
        if paths is not None and not paths:
            paths = [field.name for field, _ in message.ListFields()]
        for name in self.fields if paths is None else paths:
            root = name.split(".")[0]
            if root not in self.fields:
                raise invalid(name, "UNKNOWN_FIELD")
            if root not in self.read_only:
                self._write(entity, root, message)
        if paths is not None:
            self._judge(entity)

    def _judge(self, entity: E) -> None:
        """Hold the merged resource against its contract: a part that is valid alone may not fit the rest (AIP-134)."""
        name = re.sub("(?<!^)(?=[A-Z])", "_", self.descriptor.name).lower()
        session = object_session(entity)
        with session.no_autoflush if session is not None else nullcontext():
            refuse_violations(self._state(entity), prefix=f"{name}.")

    def _write(self, entity: E, name: str, message: M) -> None:
        special = self.special.get(name)
        field = self.fields[name]
        raw = getattr(message, name)
        absent = field.has_presence and not message.HasField(name)
        if special is not None and special.write is not None:
            special.write(entity, None if absent else raw)
            return
        setattr(entity, name, None if absent else self._from_wire(name, field, raw))

    def _from_wire(self, name: str, field: FieldDescriptor, raw: Any) -> Any:
        kind = _column_type(self.entity, name)
        if field.is_repeated:
            return [UUID(item) for item in raw] if _is_uuid_array(kind) else list(raw)
        if isinstance(raw, Timestamp):
            return moment(raw)
        if isinstance(raw, type_pb2.Money):
            return read_money(raw, name)
        if isinstance(raw, str):
            return _text_value(kind, raw, name)
        return raw


def _is_uuid_array(kind: Any) -> bool:
    return isinstance(getattr(kind, "item_type", None), sqltypes.Uuid)


def _text_value(kind: Any, raw: str, name: str) -> Any:
    if isinstance(kind, sqltypes.Uuid):
        return _uuid_value(raw, name)
    if isinstance(kind, Date) and not isinstance(kind, DateTime):
        return read_date(raw, name)
    if isinstance(kind, Numeric):
        return read_decimal(raw, name)
    return raw


def _uuid_value(raw: str, name: str) -> UUID | None:
    try:
        return UUID(raw) if raw else None
    except ValueError:
        raise invalid(name, "NOT_A_UUID") from None


def mapping_for(entity: Aggregate, message: str) -> Mapping[Any, Any] | None:
    """Return the mapping of an entity to a message of this full name, if one is declared."""
    for kind in type(entity).__mro__:
        found = REGISTRY.get((kind, message))
        if found is not None:
            return found
    return None
