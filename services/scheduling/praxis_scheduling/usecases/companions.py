"""Book several patients together, such as two cats of one owner: all or none, and each on its own from then on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_service_pb2 as pb
from praxis.scheduling.v1 import errors_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis.context import context_of
from praxis_chassis.database import count, uuid_of
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.mapping import moment
from praxis_chassis.types import new_id
from praxis_scheduling.rules.grid import MINUTE
from praxis_scheduling.store import calendar
from praxis_scheduling.store.models import Appointment
from praxis_scheduling.usecases import booking, directory, eligibility
from praxis_scheduling.usecases.appointments import TO_COME
from praxis_scheduling.usecases.attempts import DETAILS_BYTES
from praxis_scheduling.usecases.availability import active_type, wish_for
from praxis_scheduling.usecases.group_times import Chart, Companion, Group, shared

BACK_TO_BACK = pb.GROUP_ARRANGEMENT_BACK_TO_BACK
GROUP_STAYS = "GROUP_STAYS"


def book(session: Session, request: pb.BookTogetherRequest) -> list[Appointment]:
    """Take the times of all patients, or refuse with other starts for all; in the order in which they were named.

    Whoever loses a race for one of the times plans the whole group again with what is left.
    """
    group, start = _group(session, request), moment(request.start_time)
    for number in range(booking.ATTEMPTS):
        chart = Chart.of(session, group, start)
        teams = chart.teams_at(chart.grid.minute(start))
        try:
            return _take(session, request, group, teams)
        except DomainError as refusal:
            if not any(isinstance(detail, errors_pb2.SlotAlternatives) for detail in refusal.details):
                raise
            if teams is None or number == booking.ATTEMPTS - 1:
                raise _refusal(session, refusal, chart, start) from None
    raise AssertionError("the last attempt books or refuses")


def left_behind(session: Session, appointment: Appointment) -> list[type_pb2.Warning]:
    """Return a warning when others were booked together with what was moved or cancelled: they stay as they are."""
    if appointment.group_id is None:
        return []
    same = (Appointment.group_id == appointment.group_id, Appointment.id != appointment.id)
    others = count(session, Appointment, *same, Appointment.state.in_(TO_COME))
    if not others:
        return []
    facts = {"count": str(others), "group_id": str(appointment.group_id)}
    text = booking.worded(session, GROUP_STAYS, facts)
    return [type_pb2.Warning(reason=GROUP_STAYS, text=text, metadata=facts)]


def _group(session: Session, request: pb.BookTogetherRequest) -> Group:
    location = directory.known_location(session, uuid_of(request.location_id))
    companions: list[Companion] = []
    offset, patients = 0, set[UUID]()
    for number, member in enumerate(request.members):
        patient = directory.known_patient(session, uuid_of(member.patient_id))
        if patient.id in patients:
            raise invalid(f"members[{number}].patient_id", "MEMBER_TWICE")
        patients.add(patient.id)
        kind = active_type(session, member.appointment_type_id)
        wish = wish_for(kind, request.channel, member.duration_minutes, frozenset(patient.tags))
        eligibility.check_patient(session, wish, patient)
        offset += wish.need.before if companions and request.arrangement == BACK_TO_BACK else 0
        named = [uuid_of(key) for key in member.resource_ids]
        # The double-booking switch opens lanes for those who ask for them by name, not for a whole group by itself.
        companions.append(Companion(replace(wish, within_capacity=True), offset, named))
        offset += wish.need.duration + wish.need.after if request.arrangement == BACK_TO_BACK else 0
    return Group(location, companions, request.arrangement == BACK_TO_BACK)


def _take(
    session: Session, request: pb.BookTogetherRequest, group: Group, teams: Sequence[Sequence[UUID]] | None
) -> list[Appointment]:
    """Book all by the engine that books each alone, or leave everything as it was."""
    recorded = context_of(session).recorded
    before, group_id = len(recorded), new_id()
    booked: dict[int, Appointment] = {}
    try:
        with session.begin_nested():
            for place in _in_turn(group, teams):
                named = teams[place] if teams else _named(session, group, place, booked)
                wanted = _appointment(request, group.companions[place], place, named)
                wanted.group_id = group_id
                booked[place] = booking.book(session, wanted)
            session.flush()
    except DomainError:
        del recorded[before:]
        raise
    return [booked[place] for place in range(len(booked))]


def _in_turn(group: Group, teams: Sequence[Sequence[UUID]] | None) -> list[int]:
    """Return who is booked in turn: by time and then by resource, so that two groups never wait for each other."""

    def turn(place: int) -> tuple[int, list[UUID], int]:
        companion = group.companions[place]
        return companion.offset, sorted(teams[place] if teams else companion.named), place

    return sorted(range(len(group.companions)), key=turn)


def _named(session: Session, group: Group, place: int, booked: dict[int, Appointment]) -> Sequence[UUID]:
    """Return the resources to name where no plan was found: those that were asked for, or the first patient's."""
    companion = group.companions[place]
    if companion.named or not booked or not group.back_to_back:
        return companion.named
    team = calendar.resources_of(session, booked[0].resource_ids)
    return [resource.id for resource in shared(companion.wish, team)]


def _appointment(
    request: pb.BookTogetherRequest, companion: Companion, place: int, named: Sequence[UUID]
) -> Appointment:
    member = request.members[place]
    return Appointment(
        patient_id=uuid_of(member.patient_id),
        appointment_type_id=uuid_of(member.appointment_type_id),
        location_id=uuid_of(request.location_id),
        channel=request.channel,
        start_time=moment(request.start_time) + companion.offset * MINUTE,
        duration_minutes=member.duration_minutes,
        resource_ids=list(named),
        reason=member.reason,
        notes=member.notes,
        override_reason=request.override_reason,
        authorization_id=uuid_of(member.authorization_id) if member.authorization_id else None,
    )


def _refusal(session: Session, refusal: DomainError, chart: Chart, start: datetime) -> DomainError:
    """Return the refusal of one time with other starts for the whole group."""
    found = chart.alternatives(session, start, booking.ALTERNATIVES)
    if not found and chart.group.named:
        anybody = Chart.of(session, chart.group.with_anybody(), start)
        found = anybody.alternatives(session, start, booking.ALTERNATIVES)
    detail = errors_pb2.GroupAlternatives()
    for slots in found:
        alternative = errors_pb2.GroupAlternative(slots=slots)
        if detail.ByteSize() + alternative.ByteSize() < DETAILS_BYTES:
            detail.alternatives.append(alternative)
    starts = (each.slots[0] for each in detail.alternatives)
    listed = ", ".join(f"{slot.local_date} {slot.local_start}" for slot in starts)
    such_as = booking.worded(session, "SUCH_AS", {"alternatives": listed}) if listed else ""
    told = DomainError(refusal.reason, details=[detail])
    told.arguments = {**refusal.arguments, "such_as": such_as}
    return told
