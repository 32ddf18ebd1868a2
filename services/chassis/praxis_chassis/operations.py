"""What every service offers to the system's own processes: its event log, and the clock of test practices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from praxis.operations.v1 import operations_service_pb2 as pb
from praxis_chassis import subjects, tables
from praxis_chassis.context import Context
from praxis_chassis.mapping import instant
from praxis_chassis.rpc import Call, command, stream

BATCH = 500


class OperationsService:
    """Answers praxis.operations.v1.OperationsService in every service."""

    contract = "praxis.operations.v1.OperationsService"

    @command
    def SetClockOffset(self, request: pb.SetClockOffsetRequest, call: Call) -> pb.SetClockOffsetResponse:
        """Move the tenant's clock; the gateway asks for test practices only."""
        table = tables.tenants
        row = insert(table).values(tenant_id=call.tenant_id, clock_offset_seconds=request.offset_seconds)
        moved = row.on_conflict_do_update(
            index_elements=[table.c.tenant_id], set_={"clock_offset_seconds": request.offset_seconds}
        )
        call.session.execute(moved)
        return pb.SetClockOffsetResponse(offset_seconds=request.offset_seconds)

    @stream
    def ReadEvents(self, request: pb.ReadEventsRequest, context: Context) -> Iterator[pb.ReadEventsResponse]:
        """Send the log in order of position, of all tenants, in short reads that never hold a snapshot open."""
        position = request.after_position
        while rows := _read(context.runtime, position, request):
            yield from rows
            position = rows[-1].position


def _read(runtime: Any, position: int, asked: pb.ReadEventsRequest) -> list[pb.ReadEventsResponse]:
    table = tables.events
    query = select(table).where(table.c.position > position).order_by(table.c.position).limit(BATCH)
    if asked.types:
        query = query.where(table.c.type.in_(asked.types))
    if asked.aggregates:
        query = query.where(table.c.aggregate.in_(asked.aggregates))
    if asked.tenant_id:
        query = query.where(table.c.tenant_id == UUID(asked.tenant_id))
    if asked.aggregate_id:
        query = query.where(table.c.aggregate_id == UUID(asked.aggregate_id))
    with runtime.relay_database.engine.begin() as connection:
        rows = connection.execute(query).mappings().all()
        bodies = subjects.bodies_of(connection, runtime.keys, rows)
        return [_message(row, payload) for row, (payload, _) in zip(rows, bodies, strict=True)]


def _message(row: Any, payload: bytes) -> pb.ReadEventsResponse:
    return pb.ReadEventsResponse(
        position=row["position"],
        event_id=str(row["id"]),
        tenant_id=str(row["tenant_id"]),
        type=row["type"],
        aggregate=row["aggregate"],
        aggregate_id=str(row["aggregate_id"]),
        epoch=row["epoch"],
        version=row["version"],
        occurred_time=instant(row["occurred_at"]),
        payload=payload,
        actor=row["actor"],
        correlation_id=row["correlation_id"],
    )
