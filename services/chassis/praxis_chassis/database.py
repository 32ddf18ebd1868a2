"""The database of one service: mapped bases, column kinds, and transactions that always carry their tenant."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import orjson
import psycopg
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from opentelemetry.trace import SpanKind
from psycopg import errors as pg
from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    Text,
    create_engine,
    event,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import Mapped, Session, declared_attr, mapped_column
from sqlalchemy.orm.exc import StaleDataError

from praxis.type.v1 import errors_pb2 as common
from praxis_chassis import clock, telemetry
from praxis_chassis.context import Context, context_of
from praxis_chassis.errors import common_error, invalid, not_found
from praxis_chassis.hangs import WATCH
from praxis_chassis.prepared import Prepared
from praxis_chassis.types import Money, new_id

LOCK_TIMEOUT_MS = 4000
# The server gives up this much before the caller does, so that the caller hears why.
ANSWER_MS = 50
POOL_WAIT_SECONDS, PING_SECONDS = 0.5, 1.0
# A host that vanished is noticed in seconds; a unix socket ignores all but the first.
LOST_PEER = {
    "connect_timeout": 3,
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}

E = TypeVar("E")


def metadata() -> MetaData:
    """Return metadata whose constraints all have names, because errors are told apart by them."""
    return MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class ProtoEnum(sqltypes.TypeDecorator[int]):
    """A proto enum: its number in Python, the lower-case word without prefix in the database."""

    impl = Text
    cache_ok = True

    def __init__(self, enum: EnumTypeWrapper) -> None:
        super().__init__()
        self.enum = enum  # by which SQLAlchemy tells the types of cached statements apart
        self.words, self.numbers = enum_words(enum)
        self.name = enum.DESCRIPTOR.full_name

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        """Write the word."""
        return None if value is None else self.words[value]

    def process_result_value(self, value: str | None, dialect: Dialect) -> int | None:
        """Read the number."""
        return None if value is None else self.numbers[value]


def enum_words(enum: Any) -> tuple[dict[int, str], dict[str, int]]:
    """Return number → word and word → number; the word is lower-case without the type prefix."""
    name = enum.DESCRIPTOR.name
    prefix = "".join(f"_{c}" if c.isupper() else c.upper() for c in name).lstrip("_") + "_"
    words = {v.number: v.name.removeprefix(prefix).lower() for v in enum.DESCRIPTOR.values}
    return words, {word: number for number, word in words.items()}


class MessageJson(sqltypes.TypeDecorator[Any]):
    """A protobuf value message, or a list of them, as JSONB with proto field names."""

    impl = JSONB
    cache_ok = True

    def __init__(self, message: type[Message], *, many: bool) -> None:
        super().__init__(none_as_null=True)
        self.message, self.many = message, many

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Write plain JSON."""
        if value is None:
            return None
        if self.many:
            return [MessageToDict(item, preserving_proto_field_name=True) for item in value]
        return MessageToDict(value, preserving_proto_field_name=True)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Read messages; fields of a newer release are left out."""
        if value is None:
            return None
        return [self._message(item) for item in value] if self.many else self._message(value)

    def _message(self, value: dict[str, Any]) -> Message:
        """Let the constructor read it, ten times as fast; what it does not take (times, longs, bytes) is parsed."""
        try:
            return self.message(**value)
        except (TypeError, ValueError):
            return ParseDict(value, self.message(), ignore_unknown_fields=True)

    def compare_values(self, x: Any, y: Any) -> bool:
        """Tell whether an assignment changes anything."""
        return bool(x == y)


def enum_column(enum: Any, **options: Any) -> Mapped[int]:
    """Map a proto enum field; stored as text so that the database can be read by people."""
    return mapped_column(ProtoEnum(enum), **options)


def message_column(message: type[Message], **options: Any) -> Mapped[Any]:
    """Map one value message as JSONB; assign a new message, never change it in place."""
    return mapped_column(MessageJson(message, many=False), **options)


def messages_column(message: type[Message], **options: Any) -> Mapped[Any]:
    """Map a list of value messages as JSONB; assign a new list, never change it in place."""
    options.setdefault("default", list)
    return mapped_column(MessageJson(message, many=True), **options)


def money(minor: str, currency: str = "currency_code") -> Any:
    """Return a property that joins a column of minor units and the row's currency column to Money."""

    def read(self: Any) -> Money | None:
        value = getattr(self, minor)
        return None if value is None else Money(getattr(self, currency), value)

    def write(self: Any, value: Money | None) -> None:
        setattr(self, minor, None if value is None else value.minor)
        if value is not None:
            setattr(self, currency, value.currency)

    return property(read, write)


class Tenanted:
    """A row of one tenant; the tenant is filled from the session and guarded by row-level security."""

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-20)
    type_annotation_map = {datetime: DateTime(timezone=True), int: BigInteger, str: Text}


class Aggregate(Tenanted):
    """A resource with an id, a version that is its etag, and times by the practice's clock."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, sort_order=-19)
    version: Mapped[int] = mapped_column(BigInteger, sort_order=90)
    create_time: Mapped[datetime] = mapped_column(DateTime(timezone=True), sort_order=91)
    update_time: Mapped[datetime] = mapped_column(DateTime(timezone=True), sort_order=92)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - SQLAlchemy gives the class
        return {"version_id_col": cls.version, "version_id_generator": False}

    @property
    def etag(self) -> str:
        """The quoted version (RFC 9110); what stands for a row that nobody has written yet has version 0."""
        return f'"{self.version or 0}"'


def bump(entity: Any) -> int:
    """Give an aggregate its next version, once per recorded event, and return it."""
    entity.id = entity.id or new_id()
    entity.version = (entity.version or 0) + 1
    return int(entity.version)


def check_etag(entity: Any, etag: str, resource: str) -> None:
    """Refuse a stale etag; an empty one is accepted, because the boundary requires one wherever money moves."""
    if etag and etag.strip('"') != str(entity.version or 0):
        raise common_error(common.COMMON_ERROR_REASON_ETAG_MISMATCH, resource=resource)


def uuid_of(value: str | UUID, path: str = "id") -> UUID:
    """Read an id; text that is no UUID is an invalid field, not a server error."""
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except ValueError:
        raise invalid(path, "NOT_A_UUID") from None


def spoken(entity: type) -> str:
    """Return what people call the resource of a class, such as `catalog item`."""
    return re.sub("(?<!^)(?=[A-Z])", " ", entity.__name__).lower()


def fetch(session: Session, entity: type[E], identifier: str | UUID, *, lock: bool = False, etag: str = "") -> E:
    """Load one row of the tenant by id, or answer NOT_FOUND; `lock` takes the row for change."""
    resource = spoken(entity)
    key = (context_of(session).tenant, uuid_of(identifier))
    found = session.get(entity, key, with_for_update=lock or None, populate_existing=lock)
    if found is None:
        raise not_found(resource, identifier)
    check_etag(found, etag, resource)
    return found


class Database:
    """One role's pool of connections and its transactions."""

    def __init__(self, url: str, *, size: int = 16) -> None:
        self.engine: Engine = create_engine(
            driver_url(url),
            pool_size=size,
            max_overflow=4,
            pool_timeout=POOL_WAIT_SECONDS,
            hide_parameters=True,
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            connect_args=LOST_PEER,
        )
        event.listen(self.engine, "checkout", self._ping)
        event.listen(self.engine, "checkin", lambda connection, _record: WATCH.forget(connection))

        telemetry.watch(self.engine)

    @contextmanager
    def transaction(self, context: Context, *, durable: bool = True) -> Iterator[Session]:
        """Run one unit of work; every statement in it sees only the context's tenant."""
        info = {"context": context, "durable": durable}
        with (
            telemetry.span("database transaction", SpanKind.CLIENT),
            Session(self.engine, expire_on_commit=False, info=info) as session,
            session.begin(),
        ):
            session.connection()  # enters the tenant now, because the practice's time is read with it
            yield session

    def _ping(self, connection: Any, _record: Any, _fairy: Any) -> None:
        """Try a pooled connection before it is used, in bounded time; a dead one makes the pool start anew."""
        WATCH.expect(connection, time.monotonic() + PING_SECONDS)
        try:
            self.engine.dialect.do_ping(connection)
        except psycopg.Error as failure:
            raise InvalidatePoolError from failure
        finally:
            WATCH.forget(connection)

    def close(self) -> None:
        """Give all connections back to the server."""
        self.engine.dispose()


def collided(failure: Exception) -> bool:
    """Tell whether a transaction failed only because of another one, so that the same again may succeed."""
    if isinstance(failure, StaleDataError):
        return True
    return isinstance(getattr(failure, "orig", None), pg.SerializationFailure | pg.DeadlockDetected)


def driver_url(url: str) -> str:
    """Name the driver in a plain PostgreSQL URL."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1).replace("postgres://", "postgresql+psycopg://", 1)


# One round trip sets everything that must hold for the whole transaction and reads the tenant's clock.
BEGIN = Prepared(
    text(
        "SELECT set_config('app.tenant', :tenant, true), set_config('app.actor', :actor, true),"
        " set_config('statement_timeout', :timeout, true), set_config('lock_timeout', :lock, true),"
        " set_config('synchronous_commit', :durable, true),"
        " (SELECT clock_offset_seconds FROM tenants WHERE tenants.tenant_id = CAST(nullif(:tenant, '') AS uuid))"
    ),
    "SELECT tenants",
)


@event.listens_for(Session, "after_begin")
def _enter_tenant(session: Session, transaction: Any, connection: Any) -> None:
    context = session.info.get("context")
    if context is None or transaction.nested:  # a savepoint is still in the tenant
        return
    session.info["driver"] = connection.connection.dbapi_connection
    if context.deadline is not None:
        WATCH.expect(session.info["driver"], context.deadline)
    milliseconds = max(1, int(context.remaining_seconds() * 1000) - ANSWER_MS)
    values = {
        "tenant": str(context.tenant_id or ""),
        "actor": str(context.actor),
        "timeout": str(milliseconds),
        "lock": str(min(milliseconds, LOCK_TIMEOUT_MS)),
        "durable": "on" if session.info.get("durable", True) else "off",
    }
    offset = BEGIN.rows(session, **values)[0][5]
    context.clock_offset = timedelta(seconds=offset or 0)
    session.info["tenant_known"] = offset is not None


@event.listens_for(Session, "before_flush")
def _stamp(session: Session, _flush: Any, _instances: Any) -> None:
    context = session.info.get("context")
    if context is None:
        return
    moment = clock.now(session)
    for entity in session.new:
        if isinstance(entity, Tenanted) and getattr(entity, "tenant_id", None) is None:
            entity.tenant_id = context.tenant
        if isinstance(entity, Aggregate):
            _stamp_new(entity, moment)
    for entity in session.dirty:
        if isinstance(entity, Aggregate) and inspect(entity).attrs.version.history.has_changes():
            entity.update_time = moment


def _stamp_new(entity: Aggregate, moment: datetime) -> None:
    fresh: Any = entity
    fresh.id = fresh.id or new_id()
    # A row that is flushed before its first event is recorded waits at 0: consumers count an aggregate's events from 1.
    fresh.version = fresh.version or 0
    fresh.create_time = fresh.create_time or moment
    entity.update_time = moment


def count(session: Session, entity: type[Any], *conditions: Any) -> int:
    """Count the tenant's rows that meet the conditions."""
    return int(session.execute(select(func.count()).select_from(entity).where(*conditions)).scalar_one())
