"""Read resources as messages straight from rows: hot reads make no entities, and most values come in wire form.

What a reading answers is what its mapping would answer; `tests/contracts` holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    Numeric,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    extract,
    func,
    inspect,
    literal_column,
    select,
    true,
    types,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute, Session

from praxis_chassis import paging
from praxis_chassis.context import context_of
from praxis_chassis.database import spoken, uuid_of
from praxis_chassis.errors import not_found
from praxis_chassis.mapping import Mapping as ResourceMapping
from praxis_chassis.mapping import decimal_text
from praxis_chassis.prepared import Prepared

M = TypeVar("M", bound=Message)
Column = ColumnElement[Any] | InstrumentedAttribute[Any]
MILLION = 1_000_000
ALL = true()
QUOTE: ColumnElement[str] = literal_column("'\"'")


@dataclass(frozen=True)
class Children:
    """Messages that stand in a list of the resource, read for all resources of an answer at once."""

    reading: Reading[Any]
    parent: Column
    order: Sequence[Column]
    where: ColumnElement[bool] = ALL


class Reading(Generic[M]):
    """How the messages of a mapping are read from rows; `columns` says where its other fields come from."""

    def __init__(
        self,
        mapping: ResourceMapping[Any, M],
        *,
        columns: Mapping[str, Column] | None = None,
        children: Mapping[str, Children] | None = None,
        joined: Sequence[Any] = (),
    ) -> None:
        self.mapping, self.message = mapping, mapping.message_type
        named, lists = dict(columns or {}), dict(children or {})
        unread = {name for name, special in mapping.special.items() if special.read is None}
        chosen = {name: named.get(name, self._own(name)) for name in mapping.fields if name not in unread | set(lists)}
        if missing := sorted(name for name, column in chosen.items() if column is None):
            raise TypeError(f"nothing says from which columns {self.message.__name__} reads {missing}")
        wired = {name: _wired(column) for name, column in chosen.items()}
        self.columns = [column.label(None) for column, _ in wired.values()]
        self.fields = [(name, convert) for name, (_, convert) in wired.items()]
        self.id_place = list(wired).index("id") if "id" in wired else -1
        self.joined = joined
        self.children = {name: (self._statement_of(name, each), each.reading) for name, each in lists.items()}
        self._one: Prepared | None = None
        self._several: Prepared | None = None

    def _own(self, name: str) -> Any:
        """Return the column that a field is named after; properties and specials have none."""
        entity = self.mapping.entity
        if name == "etag":
            return func.concat(QUOTE, entity.version, QUOTE)
        return getattr(entity, name) if name in inspect(entity).columns and name not in self.mapping.special else None

    def _statement_of(self, name: str, child: Children) -> Prepared:
        query = child.reading.selected(select(cast(child.parent, Text), *child.reading.columns))
        wanted: Any = any_(bindparam("ids", type_=ARRAY(Uuid))) == child.parent
        return Prepared(query.where(wanted, child.where).order_by(child.parent, *child.order), f"SELECT {name}")

    def selected(self, query: Select[Any]) -> Select[Any]:
        """Return a select of this reading's columns with the joins that they need."""
        query = query.select_from(self.mapping.entity)
        for relation in self.joined:
            query = query.join(relation)
        return query

    def get(self, session: Session, identifier: str | UUID) -> M:
        """Return one resource of the tenant, or answer NOT_FOUND."""
        entity = self.mapping.entity
        if self._one is None:
            query = self.selected(select(*self.columns))
            wanted = (entity.tenant_id == bindparam("tenant"), entity.id == bindparam("id"))
            self._one = Prepared(query.where(*wanted), f"SELECT {entity.__tablename__}")
        found = self._one.rows(session, tenant=context_of(session).tenant, id=uuid_of(identifier))
        if not found:
            raise not_found(spoken(entity), identifier)
        return self.messages(session, found)[0]

    def several(self, session: Session, ids: Sequence[UUID]) -> list[M]:
        """Return resources of the tenant in the order of their ids; what is not there is left out."""
        entity = self.mapping.entity
        if self._several is None:
            wanted: Any = any_(bindparam("ids", type_=ARRAY(Uuid))) == entity.id
            self._several = Prepared(
                self.selected(select(*self.columns)).where(wanted), f"SELECT {entity.__tablename__}"
            )
        rows = {row[self.id_place]: row for row in self._several.rows(session, ids=ids)} if ids else {}
        return self.messages(session, [rows[str(each)] for each in ids if str(each) in rows])

    def page(
        self, session: Session, query: Select[Any], *, order: Sequence[paging.Key], request: paging.PageRequest
    ) -> tuple[list[M], str]:
        """Return one page of the resources that a query of entities asks for, and the token of the next."""
        wanted = self.selected(query.with_only_columns(*self.columns))
        rows, token = paging.page_of_rows(session, wanted, order=order, request=request)
        return self.messages(session, rows), token

    def messages(self, session: Session, rows: Sequence[Sequence[Any]]) -> list[M]:
        """Return the messages of rows, with what belongs to them."""
        if not rows or not self.children:
            return [self._message(row) for row in rows]
        ids = [row[self.id_place] for row in rows]
        lists = {name: _grouped(session, *child, ids) for name, child in self.children.items()}
        return [
            self._message(row, {name: found.get(key) for name, found in lists.items()})
            for key, row in zip(ids, rows, strict=True)
        ]

    def _message(self, row: Iterable[Any], values: dict[str, Any] | None = None) -> M:
        values = {} if values is None else values
        # A page's rows end with their sort keys, which are no fields.
        for (name, convert), value in zip(self.fields, row, strict=False):
            if value is not None:
                values[name] = convert(value) if convert else value
        return self.message(**values)


def _grouped(session: Session, statement: Prepared, reading: Reading[Any], ids: list[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for parent, *row in statement.rows(session, ids=ids):
        found.setdefault(parent, []).append(reading._message(row))  # noqa: SLF001 -- of the same class' module
    return found


def _wired(column: Any) -> tuple[Any, Callable[[Any], Any] | None]:
    """Return the column as it is to be selected, and what is left to do with its values."""
    kind = column.type
    if isinstance(kind, Uuid | Date) and not isinstance(kind, DateTime):
        return cast(column, Text), None
    if isinstance(kind, DateTime):
        return cast(extract("epoch", column) * literal_column(str(MILLION)), BigInteger), _stamp
    if isinstance(kind, types.ARRAY) and isinstance(kind.item_type, Uuid):
        return cast(column, ARRAY(Text)), None
    return column, decimal_text if isinstance(kind, Numeric) else None


def _stamp(microseconds: int) -> Timestamp:
    seconds, rest = divmod(microseconds, MILLION)
    return Timestamp(seconds=seconds, nanos=rest * 1000)
