"""The chassis' own tables, the same in every service database."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from praxis_chassis.database import metadata

METADATA = metadata()

# Every tenant this service has met; global, because jobs and the clock are looked up before a tenant is set.
tenants = Table(
    "tenants",
    METADATA,
    Column("tenant_id", Uuid, primary_key=True),
    Column("clock_offset_seconds", BigInteger, nullable=False, server_default=text("0")),
    info={"global": True},
)

# One row: the epoch is raised at each restore, so that consumers notice that versions were issued twice.
epochs = Table(
    "epochs",
    METADATA,
    Column("only", Integer, primary_key=True),
    Column("epoch", Integer, nullable=False),
    info={"global": True},
)

# Outbox, history and replay source at once.
events = Table(
    "events",
    METADATA,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Column("tenant_sequence", BigInteger),
    Column("aggregate", Text, nullable=False),
    Column("aggregate_id", Uuid, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("subject_id", Uuid, info={"patient": True}),
    Column("payload", LargeBinary, nullable=False),
    Column("erased", Boolean, nullable=False, server_default=false()),
    Column("actor", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("causation_id", Text, nullable=False),
    Column("traceparent", Text, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("published_at", DateTime(timezone=True)),
    Column("stream_seq", BigInteger),
    Column("blanked_at", DateTime(timezone=True)),
    UniqueConstraint("tenant_id", "aggregate", "aggregate_id", "epoch", "version"),
)
Index("ix_events_position", events.c.position, unique=True)
Index("ix_events_unpublished", events.c.position, postgresql_where=text("published_at IS NULL"))
Index("ix_events_to_blank", events.c.position, postgresql_where=text("erased AND blanked_at IS NULL"))
Index("ix_events_stream_seq", events.c.stream_seq)
Index("ix_events_subject", events.c.tenant_id, events.c.subject_id)

# The relay's gap-free counter per tenant.
tenant_sequences = Table(
    "tenant_sequences",
    METADATA,
    Column("tenant_id", Uuid, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

# The last event of each foreign aggregate that was applied here.
consumed = Table(
    "consumed",
    METADATA,
    Column("tenant_id", Uuid, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("aggregate", Text, primary_key=True),
    Column("aggregate_id", Uuid, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("blocked", Boolean, nullable=False, server_default=false()),
)

# Foreign aggregates of which more was applied here than their owner knows since it was restored.
divergences = Table(
    "divergences",
    METADATA,
    Column("tenant_id", Uuid, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("aggregate", Text, primary_key=True),
    Column("aggregate_id", Uuid, primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("owner_version", BigInteger, nullable=False),
    Column("noticed_at", DateTime(timezone=True), nullable=False),
)

# Every foreign event that was applied here.
inbox = Table(
    "inbox",
    METADATA,
    Column("tenant_id", Uuid, primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    Column("type", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
)

# Events that failed five times, and behind them the later events of the same aggregate.
dead_letters = Table(
    "dead_letters",
    METADATA,
    Column("tenant_id", Uuid, primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    Column("source", Text, nullable=False),
    Column("aggregate", Text, nullable=False),
    Column("aggregate_id", Uuid, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject_id", Uuid, info={"patient": True}),
    Column("headers", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("parked", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failure", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
)

# How often an event failed here, so that attempts survive a restart.
failures = Table(
    "failures",
    METADATA,
    Column("tenant_id", Uuid, primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    Column("attempts", Integer, nullable=False),
)

# Answers to calls with an idempotency key, kept for seven days.
replies = Table(
    "replies",
    METADATA,
    Column("tenant_id", Uuid, primary_key=True),
    Column("actor", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("method", Text, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("reply", LargeBinary),
    Column("subject_ids", ARRAY(Uuid), nullable=False, info={"patient": True}),
    Column("create_time", DateTime(timezone=True), nullable=False),
)
Index("ix_replies_create_time", replies.c.tenant_id, replies.c.create_time)

# Who did or saw what; ids only. The work process seals rows into a hash chain per tenant.
audit = Table(
    "audit",
    METADATA,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("class", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("patient_ids", ARRAY(Uuid), nullable=False, info={"patient": True}),
    Column("purpose", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("sequence", BigInteger),
    Column("previous_hash", LargeBinary),
    Column("hash", LargeBinary),
)
Index("ix_audit_patient_ids", audit.c.patient_ids, postgresql_using="gin")
Index("ix_audit_actor", audit.c.tenant_id, audit.c.actor, audit.c.at)
Index("ix_audit_unsealed", audit.c.tenant_id, audit.c.id, postgresql_where=text("sequence IS NULL"))
Index("uq_audit_sequence", audit.c.tenant_id, audit.c.sequence, unique=True)

# The key that seals the event bodies of one person; deleting it erases them.
subject_keys = Table(
    "subject_keys",
    METADATA,
    Column("tenant_id", Uuid, primary_key=True),
    Column("subject_id", Uuid, primary_key=True, info={"patient": True}),
    Column("sealed_key", LargeBinary),
    Column("erased_at", DateTime(timezone=True)),
)

# The stored files of this service; one that was given up stays until its object is removed.
files = Table(
    "files",
    METADATA,
    Column("tenant_id", Uuid, primary_key=True),
    Column("file_id", Uuid, primary_key=True),
    Column("deleted", Boolean, nullable=False, server_default=false()),
)
Index("ix_files_deleted", files.c.tenant_id, files.c.file_id, postgresql_where=text("deleted"))

# Which stored file is about whom; a file goes when the last of its people is erased.
file_subjects = Table(
    "file_subjects",
    METADATA,
    Column("tenant_id", Uuid, primary_key=True),
    Column("file_id", Uuid, primary_key=True),
    Column("subject_id", Uuid, primary_key=True, info={"patient": True}),
)

# Numbers that people say aloud, gap-free per tenant.
numbers = Table(
    "numbers",
    METADATA,
    Column("tenant_id", Uuid, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

# Whose a row was said to be that a merge has given to somebody else.
moves = Table(
    "moves",
    METADATA,
    Column("tenant_id", Uuid, primary_key=True),
    Column("table_name", Text, primary_key=True),
    Column("column_name", Text, primary_key=True),
    Column("row_key", Text, primary_key=True),
    Column("origin_id", Uuid, nullable=False, info={"patient": "kept"}),
)
