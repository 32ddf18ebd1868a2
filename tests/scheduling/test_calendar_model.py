"""Whatever is booked, moved, cancelled, overridden, kept and set up in any order: the calendar is as its model says.

The model knows two calendars of one weekday in three weeks, in cells of half an hour, and nothing of how they are kept.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from tests.scheduling.conftest import Practice, block, open_practice
from tests.scheduling.test_booking import overlaps

from praxis.scheduling.v1 import (
    appointment_pb2,
    hold_pb2,
    hold_service_pb2,
    resource_service_pb2,
    series_pb2,
    series_service_pb2,
    template_service_pb2,
)
from praxis.scheduling.v1 import appointment_service_pb2 as pb
from praxis_chassis.mapping import instant
from praxis_chassis.testing import Refused, ServiceUnderTest

WEEKS, CELLS, DESKS = 3, 8, 2
WHY = "The doctor says so"
BY = appointment_pb2.CANCELLED_BY_PATIENT
RULES_OF_TIME = {"SLOT_TAKEN", "OUTSIDE_HOURS"}

desks, weeks, cells, lengths = (
    st.integers(0, DESKS - 1),
    st.integers(0, WEEKS - 1),
    st.integers(0, 7),
    st.integers(1, 2),
)


@dataclass(frozen=True)
class Spot:
    """Some cells of one calendar on the day of one week."""

    desk: int
    week: int
    cell: int
    length: int

    def meets(self, other: Spot) -> bool:
        """Tell whether two are at the same calendar and time."""
        there = (self.desk, self.week) == (other.desk, other.week)
        return there and self.cell < other.cell + other.length and other.cell < self.cell + self.length


@dataclass
class Taken:
    """A spot that an appointment or a hold has, in one lane."""

    spot: Spot
    lane: int


@dataclass
class Desk:
    """One calendar as the model knows it: open from a cell to before another, one patient at a time or two."""

    resource: Any
    template: Any
    first: int = 0
    end: int = CELLS
    switch: bool = False

    @property
    def lanes(self) -> range:
        return range(2 if self.switch else 1)

    def is_open(self, spot: Spot) -> bool:
        return self.first <= spot.cell and spot.cell + spot.length <= self.end


@dataclass
class Model:
    """What takes time, by its id."""

    desks: list[Desk]
    taken: dict[str, Taken] = field(default_factory=dict)

    def is_free(self, spot: Spot, lane: int, but: str = "") -> bool:
        others = (item for key, item in self.taken.items() if key != but)
        return not any(item.lane == lane and item.spot.meets(spot) for item in others)

    def fits(self, spot: Spot, but: str = "") -> bool:
        """Tell whether a spot breaks no rule."""
        desk = self.desks[spot.desk]
        return desk.is_open(spot) and any(self.is_free(spot, lane, but) for lane in desk.lanes)

    def take(self, key: str, spot: Spot, lane: int, *, overridden: bool) -> None:
        """Note what was taken; it must have been free, and within the lanes that the rules give."""
        assert self.is_free(spot, lane, key), (key, spot, lane)
        assert overridden or lane in self.desks[spot.desk].lanes
        self.taken[key] = Taken(spot, lane)


class Calendar(RuleBasedStateMachine):
    """One practice with two providers, one of whom may be booked beyond the rules at any time."""

    scheduling: ServiceUnderTest
    done: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.practice: Practice = open_practice(self.scheduling)
        self.kinds = {
            length: self.practice.type(f"{30 * length} minutes", 30 * length, overbooking_allowed=True)
            for length in (1, 2)
        }
        self.patients = [self.practice.patient(name) for name in ("Ada", "Bea")]
        self.model = Model([self._desk(f"Dr {number}") for number in range(DESKS)])
        self.appointments: list[str] = []
        self.holds: dict[str, Any] = {}
        self.series: dict[str, list[str]] = {}

    def _desk(self, name: str) -> Desk:
        resource = self.practice.resource(name)
        template = self.practice.template(resource.id, [block(1, _wall(0), _wall(CELLS))])
        return Desk(resource, template)

    # ── single appointments ───────────────────────────────────────────────────────────────────────────

    @rule(desk=desks, week=weeks, cell=cells, length=lengths, override=st.booleans())
    def book(self, desk: int, week: int, cell: int, length: int, override: bool) -> None:
        spot = Spot(desk, week, cell, length)

        def ask() -> Any:
            return self._book(spot, override_reason=WHY if override else "")

        if booked := self._ask("book", ask, self.model.fits(spot) or override):
            self._note(booked, spot, overridden=not self.model.fits(spot))
            self.appointments.append(booked.id)

    @precondition(lambda self: self.appointments)
    @rule(data=st.data(), desk=desks, week=weeks, cell=cells, override=st.booleans())
    def move(self, data: st.DataObject, desk: int, week: int, cell: int, override: bool) -> None:
        key = data.draw(st.sampled_from(self.appointments))
        if key not in self.model.taken:
            return
        spot = Spot(desk, week, cell, self.model.taken[key].spot.length)
        request = pb.RescheduleAppointmentRequest(
            id=key,
            etag=self._read(key).etag,
            start_time=instant(self._start(spot)),
            resource_ids=[self.model.desks[desk].resource.id],
            override_reason=WHY if override else "",
        )
        fits = self.model.fits(spot, key)
        moved = self._ask("move", lambda: self.practice.call("RescheduleAppointment", request), fits or override)
        if moved:
            self._note(moved, spot, overridden=not fits)

    @precondition(lambda self: self.appointments)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.appointments))
        request = pb.CancelAppointmentRequest(id=key, etag=self._read(key).etag, by=BY, reason="Better")
        stood = key in self.model.taken
        refusal = None if stood else {"STATE_CONFLICT"}
        if self._ask("cancel", lambda: self.practice.call("CancelAppointment", request), stood, refusal):
            del self.model.taken[key]

    # ── several at once ───────────────────────────────────────────────────────────────────────────────

    @rule(desk=desks, week=weeks, cell=cells)
    def book_together(self, desk: int, week: int, cell: int) -> None:
        spots = [Spot(desk, week, cell + place, 1) for place in range(2)]
        members = [
            pb.GroupMember(
                patient_id=patient,
                appointment_type_id=self.kinds[1].id,
                resource_ids=[self.model.desks[desk].resource.id],
            )
            for patient in self.patients
        ]
        request = pb.BookTogetherRequest(
            members=members,
            location_id=self.practice.location,
            start_time=instant(self._start(spots[0])),
            arrangement=pb.GROUP_ARRANGEMENT_BACK_TO_BACK,
        )
        fits = all(self.model.fits(spot) for spot in spots)
        if group := self._ask("group", lambda: self.practice.call("BookTogether", request), fits):
            for booked, spot in zip(group.appointments, spots, strict=True):
                self._note(booked, spot, overridden=False)
                self.appointments.append(booked.id)

    @rule(desk=desks, cell=cells, length=lengths, skip=st.booleans())
    def book_series(self, desk: int, cell: int, length: int, skip: bool) -> None:
        spots = [Spot(desk, week, cell, length) for week in range(WEEKS)]
        free = [spot for spot in spots if self.model.fits(spot)]
        series = series_pb2.Series(
            patient_id=self.patients[0],
            appointment_type_id=self.kinds[length].id,
            location_id=self.practice.location,
            first_date=self.practice.monday.isoformat(),
            local_start=_wall(cell),
            rule=series_pb2.RecurrenceRule(frequency=series_pb2.FREQUENCY_WEEKLY, count=WEEKS),
            resource_ids=[self.model.desks[desk].resource.id],
        )
        request = series_service_pb2.CreateSeriesRequest(
            series=series, on_conflict=series_service_pb2.ON_CONFLICT_SKIP if skip else 0
        )
        allowed = len(free) == WEEKS or (skip and bool(free))
        made = self._ask("series", lambda: self.practice.call("CreateSeries", request), allowed, {"SERIES_CONFLICTS"})
        if made:
            keys = list(made.series.appointment_ids)
            for key, spot in zip(keys, free, strict=True):
                self._note(self._read(key), spot, overridden=False)
            self.appointments += keys
            self.series[made.series.id] = keys

    @precondition(lambda self: self.series)
    @rule(data=st.data(), week=weeks)
    def cancel_series(self, data: st.DataObject, week: int) -> None:
        """Cancel a series from a date on; what was moved meanwhile goes with its date in the rule."""
        identifier = data.draw(st.sampled_from(sorted(self.series)))
        day = (self.practice.monday + timedelta(weeks=week)).isoformat()
        to_come = [
            key for key in self.series[identifier] if key in self.model.taken and self._read(key).occurrence_date >= day
        ]
        request = series_service_pb2.CancelSeriesRequest(
            id=identifier, scope=series_service_pb2.SERIES_SCOPE_FOLLOWING, occurrence_date=day, by=BY
        )
        if self._ask("cancel series", lambda: self.practice.call("CancelSeries", request), bool(to_come), None):
            for key in to_come:
                del self.model.taken[key]
            self.series[identifier] = [key for key in self.series[identifier] if key in self.model.taken]

    # ── times that are kept ───────────────────────────────────────────────────────────────────────────

    @rule(desk=desks, week=weeks, cell=cells, length=lengths)
    def hold(self, desk: int, week: int, cell: int, length: int) -> None:
        spot = Spot(desk, week, cell, length)
        hold = hold_pb2.Hold(
            appointment_type_id=self.kinds[length].id,
            location_id=self.practice.location,
            start_time=instant(self._start(spot)),
            resource_ids=[self.model.desks[desk].resource.id],
            seconds=600,
        )
        request = hold_service_pb2.CreateHoldRequest(hold=hold)
        if kept := self._ask("hold", lambda: self.practice.call("CreateHold", request), self.model.fits(spot)):
            lanes = [lane for lane in self.model.desks[desk].lanes if self.model.is_free(spot, lane)]
            self.model.take(kept.id, spot, lanes[0], overridden=False)
            self.holds[kept.id] = kept

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def use_hold(self, data: st.DataObject) -> None:
        """Book the time that was kept, which nobody else can have taken; hours and switch may have changed since."""
        kept = self.holds[data.draw(st.sampled_from(sorted(self.holds)))]
        taken = self.model.taken.pop(kept.id)
        fits = self.model.fits(taken.spot)
        booked = self._ask("hold used", lambda: self._book(taken.spot, hold_token=kept.token), fits)
        if booked:
            del self.holds[kept.id]
            self._note(booked, taken.spot, overridden=False)
            self.appointments.append(booked.id)
        else:
            self.model.taken[kept.id] = taken

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def release_hold(self, data: st.DataObject) -> None:
        kept = self.holds.pop(data.draw(st.sampled_from(sorted(self.holds))))
        del self.model.taken[kept.id]
        self.practice.call("ReleaseHold", hold_service_pb2.ReleaseHoldRequest(id=kept.id))
        self.done["release"] += 1

    # ── the rules themselves ──────────────────────────────────────────────────────────────────────────

    @rule(desk=desks, first=st.integers(0, 3), end=st.integers(5, CELLS))
    def change_hours(self, desk: int, first: int, end: int) -> None:
        known = self.model.desks[desk]
        known.template.ClearField("blocks")
        known.template.blocks.append(block(1, _wall(first), _wall(end)))
        request = template_service_pb2.UpdateTemplateRequest(template=known.template, update_mask={"paths": ["blocks"]})
        template = self.practice.call("UpdateTemplate", request)
        self.model.desks[desk] = replace(known, template=template, first=first, end=end)

    @rule(desk=desks, switch=st.booleans())
    def turn_switch(self, desk: int, switch: bool) -> None:
        known = self.model.desks[desk]
        known.resource.double_booking_enabled, known.resource.double_booking_limit = switch, 1
        request = resource_service_pb2.UpdateResourceRequest(
            resource=known.resource, update_mask={"paths": ["double_booking_enabled", "double_booking_limit"]}
        )
        self.model.desks[desk] = replace(known, resource=self.practice.call("UpdateResource", request), switch=switch)

    # ── what must hold after each step ────────────────────────────────────────────────────────────────

    @invariant()
    def the_calendar_is_as_the_model_says(self) -> None:
        found = {}
        for desk in self.model.desks:
            request = pb.ListAppointmentsRequest(resource_id=desk.resource.id, page_size=500)
            for item in self.practice.call("ListAppointments", request).appointments:
                (taken,) = item.reservations
                found[item.id] = (desk.resource.id, item.start_time.seconds, item.end_time.seconds, taken.lane)
        assert found == {key: self._told(item) for key, item in self.model.taken.items() if key not in self.holds}

    @invariant()
    def no_two_share_a_lane(self) -> None:
        assert overlaps(self.practice) == 0

    def _told(self, item: Taken) -> tuple[str, int, int, int]:
        start = self._start(item.spot)
        end = start + timedelta(minutes=30 * item.spot.length)
        return self.model.desks[item.spot.desk].resource.id, int(start.timestamp()), int(end.timestamp()), item.lane

    def _ask(self, name: str, call: Any, allowed: bool, reasons: set[str] | None = RULES_OF_TIME) -> Any:  # type: ignore[assignment]
        """Call a verb; what is not allowed is refused for one of some reasons and changes nothing."""
        if allowed:
            self.done[name] += 1
            return call()
        with pytest.raises(Refused) as refused:
            call()
        assert reasons is None or refused.value.reason in reasons
        self.done[f"{name} refused"] += 1
        return None

    def _note(self, booked: Any, spot: Spot, *, overridden: bool) -> None:
        (taken,) = booked.reservations
        assert booked.overridden is overridden
        self.model.take(booked.id, spot, taken.lane, overridden=overridden)

    def _book(self, spot: Spot, **more: Any) -> Any:
        desk, patient = self.model.desks[spot.desk], self.patients[0]
        return self.practice.book(self.kinds[spot.length], self._start(spot), desk.resource, patient=patient, **more)

    def _read(self, key: str) -> Any:
        return self.practice.call("GetAppointment", pb.GetAppointmentRequest(id=key))

    def _start(self, spot: Spot) -> datetime:
        return self.practice.at(_wall(spot.cell), 7 * spot.week)


def _wall(cell: int) -> str:
    return f"{8 + cell // 2:02}:{cell % 2 * 30:02}"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_any_sequence_of_operations_keeps_the_calendar_true(scheduling: ServiceUnderTest, long: bool) -> None:
    machine = type("BoundCalendar", (Calendar,), {"scheduling": scheduling, "done": Counter()})
    quick = settings(
        max_examples=60 if long else 5,
        stateful_step_count=50,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],  # a failure names its steps; to shorten them would take minutes
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=quick)
    print(dict(machine.done))
    every = ("book", "move", "cancel", "group", "series", "cancel series", "hold", "hold used", "release")
    assert all(machine.done[name] for name in (*every, "book refused", "group refused"))
