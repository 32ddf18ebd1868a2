"""What is taken, and the statements that take and free it; the exclusion constraint has the last word."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import Range, insert
from sqlalchemy.orm import Session

from praxis_chassis.context import context_of
from praxis_chassis.types import new_id
from praxis_scheduling.store.models import Closure, LocationCopy, Reservation, Resource, Template


@dataclass(frozen=True, slots=True)
class Taken:
    """A range of time in which one lane of a resource is taken."""

    resource_id: UUID
    lane: int
    start: datetime
    end: datetime


def taken(
    session: Session, resources: Collection[UUID], start: datetime, end: datetime, but: UUID | None
) -> list[Taken]:
    """Return the live reservations that touch a window, leaving out those of one appointment."""
    query = select(
        Reservation.resource_id, Reservation.lane, func.lower(Reservation.during), func.upper(Reservation.during)
    ).where(Reservation.resource_id.in_(resources), Reservation.live, Reservation.during.overlaps(Range(start, end)))
    if but is not None:
        query = query.where(Reservation.appointment_id != but)
    return [Taken(*row) for row in session.execute(query)]


def place(session: Session, appointment_id: UUID, lanes: Mapping[UUID, int], start: datetime, end: datetime) -> bool:
    """Take one lane of each resource, all or none; False when somebody else was faster.

    One statement, sorted by resource, that waits for a rival instead of failing: a plain INSERT deadlocks
    for more than a minute when a hundred callers race.
    """
    tenant, during = context_of(session).tenant, Range(start, end)
    rows = [
        {
            "tenant_id": tenant,
            "id": new_id(),
            "appointment_id": appointment_id,
            "resource_id": resource_id,
            "lane": lane,
            "during": during,
            "live": True,
        }
        for resource_id, lane in sorted(lanes.items())
    ]
    attempt = session.begin_nested()
    statement = insert(Reservation).values(rows).on_conflict_do_nothing().returning(Reservation.resource_id)
    if len(session.execute(statement).all()) == len(rows):
        attempt.commit()
        return True
    attempt.rollback()
    return False


def live_reservations(session: Session, appointment_id: UUID) -> list[Reservation]:
    """Return what an appointment occupies."""
    query = select(Reservation).where(Reservation.appointment_id == appointment_id, Reservation.live)
    return list(session.scalars(query.order_by(Reservation.resource_id)))


def release(session: Session, reservations: Iterable[UUID]) -> None:
    """Free what was taken; the rows stay as history."""
    found = list(reservations)
    if found:
        session.execute(
            update(Reservation)
            .where(Reservation.id.in_(found))
            .values(live=False)
            .execution_options(synchronize_session=False)
        )


def templates_of(session: Session, resources: Collection[UUID]) -> dict[UUID, list[Template]]:
    """Return all templates of the resources."""
    found: dict[UUID, list[Template]] = {}
    for template in session.scalars(select(Template).where(Template.resource_id.in_(resources))):
        found.setdefault(template.resource_id, []).append(template)
    return found


def closures_of(session: Session, locations: Collection[UUID], start: datetime, end: datetime) -> list[Closure]:
    """Return the closures of the locations and of their resources that touch a window."""
    query = select(Closure).where(
        Closure.location_id.in_(locations), Closure.active, Closure.start_time < end, Closure.end_time > start
    )
    return list(session.scalars(query))


def zones(session: Session, locations: Collection[UUID]) -> dict[UUID, str]:
    """Return the time zones of the locations."""
    rows = session.execute(select(LocationCopy.id, LocationCopy.time_zone).where(LocationCopy.id.in_(locations)))
    return {row.id: row.time_zone for row in rows}


def resources_for(
    session: Session, kinds: Collection[int], locations: Collection[UUID], named: Collection[UUID] = ()
) -> list[Resource]:
    """Return the active resources of some kinds at some locations, and those that were named, by name."""
    fitting = Resource.kind.in_(kinds) & Resource.active
    if locations:
        fitting &= Resource.location_id.in_(locations)
    query = select(Resource).where(or_(fitting, Resource.id.in_(named))).order_by(Resource.name, Resource.id)
    return list(session.scalars(query))
