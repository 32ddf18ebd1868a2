"""How long patients were in each part of their visits, computed by the database from the steps that stand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Subquery, exists, extract, func, literal, select, union_all
from sqlalchemy.orm import Session, aliased

from praxis.scheduling.v1 import visit_pb2, visit_service_pb2
from praxis_chassis import clock
from praxis_chassis.errors import invalid
from praxis_chassis.mapping import read_date
from praxis_scheduling.store.flow import OPEN, Visit, VisitStatusEvent

MOST_DAYS = 366
SPANS = {
    visit_pb2.VISIT_STATE_ARRIVED: visit_pb2.WAIT_SPAN_WAITING,
    visit_pb2.VISIT_STATE_ROOMED: visit_pb2.WAIT_SPAN_IN_ROOM,
    visit_pb2.VISIT_STATE_WITH_TECH: visit_pb2.WAIT_SPAN_WITH_TECH,
    visit_pb2.VISIT_STATE_WITH_CLINICIAN: visit_pb2.WAIT_SPAN_WITH_CLINICIAN,
    visit_pb2.VISIT_STATE_READY_FOR_CHECKOUT: visit_pb2.WAIT_SPAN_AT_CHECKOUT,
}
GROUPS: dict[int, tuple[str, Any]] = {
    visit_pb2.WAIT_GROUPING_LOCATION: ("location_id", Visit.location_id),
    visit_pb2.WAIT_GROUPING_PRACTITIONER: ("practitioner_id", Visit.practitioner_id),
    visit_pb2.WAIT_GROUPING_DATE: ("local_date", Visit.local_date),
}
Key = tuple[Any, int]


def rows(session: Session, request: visit_service_pb2.GetWaitTimesRequest) -> list[visit_pb2.WaitTimes]:
    """Return the wait times by group and part of the visit."""
    name, column = GROUPS.get(request.group_by, ("", literal("")))
    wanted = _conditions(request)
    found: dict[Key, visit_pb2.WaitTimes] = {}
    for key, span, *figures in session.execute(_figures(column, wanted)):
        row = _row(found, name, key, span)
        row.visits, row.median_seconds, row.p90_seconds, row.longest_seconds = map(_whole, figures)
    now = clock.now(session)
    for key, span, since in _current(session, column, wanted):
        row = _row(found, name, key, span)
        row.now_visits += 1
        row.now_longest_seconds = max(row.now_longest_seconds, int((now - since).total_seconds()))
    return [found[key] for key in sorted(found, key=lambda key: (str(key[0] or ""), key[1]))]


def _conditions(request: visit_service_pb2.GetWaitTimesRequest) -> list[ColumnElement[bool]]:
    first, last = _days(request)
    wanted: list[ColumnElement[bool]] = [Visit.local_date.between(first, last)]
    if request.location_id:
        wanted.append(Visit.location_id == UUID(request.location_id))
    if request.practitioner_id:
        wanted.append(Visit.practitioner_id == UUID(request.practitioner_id))
    return wanted


def _days(request: visit_service_pb2.GetWaitTimesRequest) -> tuple[date, date]:
    first, last = read_date(request.from_date, "from_date"), read_date(request.until_date, "until_date")
    assert first is not None
    assert last is not None, "the contract asks for both"
    if last < first:
        raise invalid("until_date", "ENDS_BEFORE_START")
    if (last - first).days > MOST_DAYS:
        raise invalid("until_date", "SEARCH_TOO_LONG", days=MOST_DAYS)
    return first, last


def _row(found: dict[Key, visit_pb2.WaitTimes], name: str, key: Any, span: int) -> visit_pb2.WaitTimes:
    group = {name: str(key or "")} if name else {}
    return found.setdefault((key, span), visit_pb2.WaitTimes(span=span, **group))  # type: ignore[arg-type]


def _whole(seconds: Any) -> int:
    return int(float(seconds) + 0.5)


def _standing(wanted: list[ColumnElement[bool]], column: Any) -> Subquery:
    """Return the steps that stand, each with the moment of the next one."""
    later = aliased(VisitStatusEvent)
    undone = exists().where(
        later.visit_id == VisitStatusEvent.visit_id, later.undoes_sequence == VisitStatusEvent.sequence
    )
    following = func.lead(VisitStatusEvent.change_time).over(
        partition_by=VisitStatusEvent.visit_id, order_by=VisitStatusEvent.sequence
    )
    columns = (
        VisitStatusEvent.visit_id,
        VisitStatusEvent.to_state,
        VisitStatusEvent.change_time,
        following.label("until"),
        column.label("key"),
    )
    joined = select(*columns).join(Visit, (Visit.id == VisitStatusEvent.visit_id))
    return joined.where(VisitStatusEvent.undoes_sequence == 0, ~undone, *wanted).subquery()


def _figures(column: Any, wanted: list[ColumnElement[bool]]) -> Select[Any]:
    """Return the statement of the figures of what is over, one row for each group and part."""
    steps = _standing(wanted, column)
    spells = [_spell(steps, state, span) for state, span in SPANS.items()]
    whole = [
        _between(steps, visit_pb2.VISIT_STATE_WITH_CLINICIAN, visit_pb2.WAIT_SPAN_UNTIL_CLINICIAN),
        _between(steps, visit_pb2.VISIT_STATE_COMPLETED, visit_pb2.WAIT_SPAN_WHOLE_VISIT),
    ]
    times = union_all(*spells, *whole).subquery()
    seconds = times.c.seconds
    return select(
        times.c.key,
        times.c.span,
        func.count(),
        func.percentile_cont(0.5).within_group(seconds),
        func.percentile_cont(0.9).within_group(seconds),
        func.max(seconds),
    ).group_by(times.c.key, times.c.span)


def _seconds(time: Any) -> Any:
    return extract("epoch", time)


def _spell(steps: Subquery, state: int, span: int) -> Select[Any]:
    """Return the time that each visit spent in a state, over all its stays in it."""
    taken = func.sum(_seconds(steps.c.until - steps.c.change_time)).label("seconds")
    query = select(steps.c.key, literal(span).label("span"), taken)
    # A visit that is in the state now has not got it behind it.
    behind = func.bool_and(steps.c.until.is_not(None))
    return query.where(steps.c.to_state == state).group_by(steps.c.key, steps.c.visit_id).having(behind)


def _between(steps: Subquery, state: int, span: int) -> Select[Any]:
    """Return the time from each visit's arrival to its first step into a state."""
    reached = func.min(steps.c.change_time).filter(steps.c.to_state == state)
    taken = _seconds(reached - func.min(steps.c.change_time)).label("seconds")
    query = select(steps.c.key, literal(span).label("span"), taken)
    return query.group_by(steps.c.key, steps.c.visit_id).having(reached.is_not(None))


def _current(session: Session, column: Any, wanted: list[ColumnElement[bool]]) -> Iterator[tuple[Any, int, datetime]]:
    """Yield the group, the part and the begin of what visits are in now."""
    steps = _standing(wanted, column)
    query = select(steps.c.key, steps.c.to_state, steps.c.change_time).where(steps.c.until.is_(None))
    for key, state, since in session.execute(query.where(steps.c.to_state.in_(OPEN))):
        yield key, SPANS[state], since
