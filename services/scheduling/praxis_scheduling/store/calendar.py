"""What is taken, and the statements that take and free it; the exclusion constraint has the last word."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy import Uuid, any_, bindparam, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, TSTZRANGE, Range
from sqlalchemy.orm import Session

from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.prepared import Prepared
from praxis_chassis.types import new_id
from praxis_scheduling.rules.hours import WeeklyBlock, WeeklyHours
from praxis_scheduling.store.models import (
    Appointment,
    Closure,
    LocationCopy,
    Reservation,
    Resource,
    Template,
    TemplateException,
    weekly_block,
)


@dataclass(frozen=True, slots=True)
class Taken:
    """A range of time in which one lane of a resource is taken."""

    resource_id: UUID
    lane: int
    start: datetime
    end: datetime


TAKEN = Prepared(
    select(
        Reservation.resource_id, Reservation.lane, func.lower(Reservation.during), func.upper(Reservation.during)
    ).where(
        any_(bindparam("resources", type_=ARRAY(Uuid))) == Reservation.resource_id,
        Reservation.live,
        or_(Reservation.expire_time.is_(None), Reservation.expire_time > bindparam("now")),
        Reservation.during.overlaps(func.tstzrange(bindparam("start"), bindparam("until"), type_=TSTZRANGE)),
        # Holds have no appointment, which must not count as "the same as none".
        or_(
            Reservation.appointment_id.is_(None),
            Reservation.appointment_id.is_distinct_from(bindparam("but", type_=Uuid)),
        ),
    ),
    "SELECT reservations",
)
PLACE = Prepared(
    text(
        "INSERT INTO reservations"
        " (tenant_id, id, appointment_id, hold_id, offer_id, expire_time, resource_id, lane, during, live)"
        " SELECT :tenant, id, CAST(:appointment AS uuid), CAST(:hold AS uuid), CAST(:offer AS uuid),"
        " CAST(:expires AS timestamptz), resource_id, lane, tstzrange(start, until), true"
        " FROM unnest(CAST(:ids AS uuid[]), CAST(:resources AS uuid[]), CAST(:lanes AS bigint[]),"
        " CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))"
        " AS wanted (id, resource_id, lane, start, until) ORDER BY resource_id"
        " ON CONFLICT DO NOTHING RETURNING id"
    ),
    "INSERT reservations",
)

FREE = text(
    "WITH freed AS (UPDATE reservations SET live = false WHERE id = ANY(CAST(:ids AS uuid[])) AND live"
    " RETURNING tenant_id, resource_id, during)"
    " INSERT INTO freed_times (tenant_id, id, location_id, resource_ids, start_time, end_time)"
    " SELECT tenant_id, :id, location_id, array_agg(resource_id), min(lower(during)), max(upper(during))"
    " FROM freed JOIN resources USING (tenant_id) WHERE resources.id = resource_id"
    " GROUP BY tenant_id, location_id HAVING max(upper(during)) > :now"
)


def taken(
    session: Session, resources: Collection[UUID], start: datetime, end: datetime, but: UUID | None
) -> list[Taken]:
    """Return the live reservations that touch a window, leaving out those of one appointment."""
    rows = TAKEN.rows(session, resources=list(resources), start=start, until=end, but=but, now=clock.now(session))
    return [Taken(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Place:
    """A lane of a resource for a range of time, still to be taken."""

    lane: int
    start: datetime
    end: datetime


class Keeping(Protocol):
    """A hold: what it takes is free again at its end, whatever happens."""

    id: UUID
    expire_time: datetime


def place_of(item: Reservation) -> Place | None:
    """Return what a reservation takes, or took."""
    start, end = item.during.lower, item.during.upper
    return None if start is None or end is None else Place(item.lane, start, end)


def place(
    session: Session,
    appointment_id: UUID | None,
    places: Mapping[UUID, Place],
    hold: Keeping | None = None,
    offer_id: UUID | None = None,
) -> list[Reservation]:
    """Take one lane of each resource, all or none; nothing when somebody else was faster.

    One statement, sorted by resource, that waits for a rival instead of failing: a plain INSERT deadlocks
    for more than a minute when a hundred callers race. A single row needs no savepoint: it is there or not.
    """
    wanted = sorted(places.items())
    tenant, ids = context_of(session).tenant, [new_id() for _ in wanted]
    values = {
        "tenant": tenant,
        "appointment": appointment_id,
        "hold": hold.id if hold else None,
        "expires": hold.expire_time if hold else None,
        "offer": offer_id,
        "ids": ids,
        "resources": [resource_id for resource_id, _ in wanted],
        "lanes": [spot.lane for _, spot in wanted],
        "starts": [spot.start for _, spot in wanted],
        "ends": [spot.end for _, spot in wanted],
    }
    with session.begin_nested() if len(ids) > 1 else nullcontext(None) as savepoint:
        complete = len(PLACE.rows(session, **values)) == len(ids)
        if savepoint is not None and not complete:
            savepoint.rollback()
    if not complete:
        return []
    return [
        Reservation(
            tenant_id=tenant, id=key, appointment_id=appointment_id, offer_id=offer_id, resource_id=resource_id,
            lane=spot.lane, during=Range(spot.start, spot.end), live=True,
        )
        for key, (resource_id, spot) in zip(ids, wanted, strict=True)
    ]  # fmt: skip


def live_reservations(session: Session, appointment_id: UUID) -> list[Reservation]:
    """Return what an appointment occupies."""
    query = select(Reservation).where(Reservation.appointment_id == appointment_id, Reservation.live)
    return list(session.scalars(query.order_by(Reservation.resource_id)))


def released_with(session: Session, appointment: Appointment) -> list[Reservation]:
    """Return what an appointment occupied at last, at its present time, before it was given up."""
    query = select(Reservation).where(
        Reservation.appointment_id == appointment.id,
        Reservation.resource_id.in_(appointment.resource_ids),
        Reservation.during.overlaps(Range(appointment.start_time, appointment.end_time)),
    )
    newest = {item.resource_id: item for item in session.scalars(query.order_by(Reservation.id))}
    return [newest[key] for key in sorted(newest)]


def release(session: Session, reservations: Iterable[UUID]) -> None:
    """Free what was taken, and note for the waitlist that it is free; the rows stay as history."""
    found = list(reservations)
    if found:
        session.flush()
        session.execute(FREE, {"ids": found, "id": new_id(), "now": clock.now(session)})


def release_expired(session: Session, places: Mapping[UUID, Place]) -> None:
    """Free what holds still take of these places although they have expired, for whoever needs it before the job."""
    start, end = min(spot.start for spot in places.values()), max(spot.end for spot in places.values())
    session.execute(
        update(Reservation)
        .where(
            Reservation.resource_id.in_(places),
            Reservation.live,
            Reservation.expire_time <= clock.now(session),
            Reservation.during.overlaps(Range(start, end)),
        )
        .values(live=False)
        .execution_options(synchronize_session=False)
    )


def release_hold(session: Session, hold_id: UUID) -> None:
    """Free what a hold takes."""
    release(session, session.scalars(select(Reservation.id).where(Reservation.hold_id == hold_id, Reservation.live)))


TEMPLATES = Prepared(
    select(Template.resource_id, Template.valid_from_date, Template.valid_until_date, Template.blocks).where(
        any_(bindparam("resources", type_=ARRAY(Uuid))) == Template.resource_id
    ),
    "SELECT templates",
)
CLOSURES = Prepared(
    select(Closure.location_id, Closure.resource_id, Closure.start_time, Closure.end_time).where(
        any_(bindparam("locations", type_=ARRAY(Uuid))) == Closure.location_id,
        Closure.active,
        Closure.start_time < bindparam("until"),
        Closure.end_time > bindparam("start"),
    ),
    "SELECT closures",
)


@dataclass(frozen=True, slots=True)
class Closed:
    """A range of time in which a location, or one of its resources, is closed."""

    location_id: UUID
    resource_id: UUID | None
    start: datetime
    end: datetime


def hours_of(session: Session, resources: Collection[UUID]) -> dict[UUID, list[WeeklyHours]]:
    """Return the weekly hours of the resources by all their templates."""
    found: dict[UUID, list[WeeklyHours]] = {}
    for resource_id, since, until, blocks in TEMPLATES.rows(session, resources=list(resources)):
        found.setdefault(resource_id, []).append(WeeklyHours(since, until, tuple(map(weekly_block, blocks))))
    return found


EXCEPTIONS = Prepared(
    select(TemplateException.resource_id, TemplateException.local_date, TemplateException.blocks).where(
        any_(bindparam("resources", type_=ARRAY(Uuid))) == TemplateException.resource_id,
        TemplateException.active,
        TemplateException.local_date.between(bindparam("first"), bindparam("last")),
    ),
    "SELECT template_exceptions",
)


def exceptions_of(
    session: Session, resources: Collection[UUID], first: date, last: date
) -> dict[UUID, dict[date, tuple[WeeklyBlock, ...]]]:
    """Return what is different from the weekly hours on single dates."""
    found: dict[UUID, dict[date, tuple[WeeklyBlock, ...]]] = {}
    for resource_id, day, blocks in EXCEPTIONS.rows(session, resources=list(resources), first=first, last=last):
        found.setdefault(resource_id, {})[day] = tuple(map(weekly_block, blocks))
    return found


def closures_of(session: Session, locations: Collection[UUID], start: datetime, end: datetime) -> list[Closed]:
    """Return the closures of the locations and of their resources that touch a window."""
    return [Closed(*row) for row in CLOSURES.rows(session, locations=list(locations), start=start, until=end)]


def zones(session: Session, locations: Collection[UUID]) -> dict[UUID, str]:
    """Return the time zones of the locations."""
    rows = session.execute(select(LocationCopy.id, LocationCopy.time_zone).where(LocationCopy.id.in_(locations)))
    return {row.id: row.time_zone for row in rows}


def resources_for(session: Session, kinds: Collection[int], locations: Collection[UUID]) -> list[Resource]:
    """Return the active resources of some kinds at some locations, by name."""
    query = select(Resource).where(Resource.kind.in_(kinds), Resource.active)
    if locations:
        query = query.where(Resource.location_id.in_(locations))
    return list(session.scalars(query.order_by(Resource.name, Resource.id)))


def resources_of(session: Session, ids: Collection[UUID]) -> list[Resource]:
    """Return resources that are named, by name."""
    query = select(Resource).where(Resource.id.in_(ids)).order_by(Resource.name, Resource.id)
    return list(session.scalars(query)) if ids else []
