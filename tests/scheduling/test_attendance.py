"""Missed appointments: what counts, whom the desk is warned of, and whom the booking channel refuses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from tests.scheduling.conftest import Practice

from praxis.scheduling.v1 import appointment_pb2, appointment_service_pb2, appointment_type_pb2
from praxis.scheduling.v1 import attendance_pb2 as pb
from praxis.scheduling.v1 import attendance_service_pb2 as calls
from praxis.scheduling.v1.events_pb2 import AttendancePolicyUpdated
from praxis_chassis.mapping import instant
from praxis_chassis.testing import Refused
from praxis_scheduling.api.mappings import ATTENDANCE_POLICY
from praxis_scheduling.usecases.attendance import change

ONLINE = appointment_type_pb2.CHANNEL_BOOKING


def policy(practice: Practice, etag: str = "", **values: Any) -> pb.AttendancePolicy:
    request = calls.UpdateAttendancePolicyRequest(
        attendance_policy=pb.AttendancePolicy(etag=etag, **values), update_mask={"paths": list(values)}
    )
    return practice.call("UpdateAttendancePolicy", request)


def attendance(practice: Practice, patient: str) -> pb.Attendance:
    return practice.call("GetAttendance", calls.GetAttendanceRequest(patient_id=patient))


@pytest.fixture
def provider(practice: Practice) -> Any:
    return practice.open_provider()


class Diary:
    """Appointments of one patient at different hours; three weeks before the Monday of the practice is past."""

    def __init__(self, practice: Practice, kind: Any, provider: Any) -> None:
        self.practice, self.kind, self.provider = practice, kind, provider
        self.patient, self.hours = practice.patient(), iter(range(8, 17))

    def book(self, day: int = 1, **more: Any) -> Any:
        start = self.practice.at(f"{next(self.hours):02}:00", day)
        return self.practice.book(self.kind, start, self.provider, patient=more.pop("patient", self.patient), **more)

    def miss(self, count: int, day: int = -21, **more: Any) -> list[str]:
        booked = [self.book(day, **more).id for _ in range(count)]
        for each in booked:
            request = appointment_service_pb2.MarkAppointmentNoShowRequest(id=each)
            self.practice.call("MarkAppointmentNoShow", request)
        return booked

    def cancel(self, by: Any, day: int = -21) -> str:
        booked = self.book(day)
        request = appointment_service_pb2.CancelAppointmentRequest(id=booked.id, by=by, reason="Ill")
        return str(self.practice.call("CancelAppointment", request).id)

    def seen(self) -> pb.Attendance:
        return attendance(self.practice, self.patient)


@pytest.fixture
def diary(practice: Practice, provider: Any) -> Diary:
    return Diary(practice, practice.type(cancellation_notice_hours=24), provider)


def reasons(booked: Any) -> list[str]:
    return [warning.reason for warning in booked.warnings]


def test_no_shows_and_late_cancellations_are_told_apart(practice: Practice, diary: Diary) -> None:
    (missed,) = diary.miss(1)
    late = diary.cancel(appointment_pb2.CANCELLED_BY_PATIENT)
    diary.cancel(appointment_pb2.CANCELLED_BY_PRACTICE)
    diary.cancel(appointment_pb2.CANCELLED_BY_PATIENT, day=2)  # in time
    found = diary.seen()
    assert (found.no_show_count, found.late_cancellation_count, found.missed_count) == (1, 1, 1)
    assert [(each.appointment_id, each.kind) for each in found.missed] == [(missed, pb.MISSED_KIND_NO_SHOW)]
    policy(practice, count_late_cancellations=True)
    found = diary.seen()
    assert found.missed_count == 2
    assert {each.appointment_id: each.kind for each in found.missed} == {
        missed: pb.MISSED_KIND_NO_SHOW,
        late: pb.MISSED_KIND_LATE_CANCELLATION,
    }
    assert found.missed[0].local_date == practice.at("09:00", -21).date().isoformat()


def test_only_the_days_that_the_policy_counts(practice: Practice, diary: Diary) -> None:
    diary.miss(2)
    assert diary.seen().missed_count == 2
    policy(practice, counted_days=1)
    assert diary.seen().missed_count == 0
    policy(practice, counted_days=60)
    assert diary.seen().missed_count == 2


def test_the_desk_is_warned_and_books(practice: Practice, diary: Diary) -> None:
    diary.miss(2)
    assert reasons(diary.book()) == []  # without a policy nothing follows
    policy(practice, warning_limit=3, booking_limit=3)
    assert reasons(diary.book()) == []
    diary.miss(1)
    booked = diary.book()
    assert reasons(booked) == ["PATIENT_MISSED_OFTEN"]
    assert booked.warnings[0].metadata == {"count": "3"}
    assert "3" in booked.warnings[0].text
    other = practice.patient("Grace Hopper")
    assert reasons(diary.book(patient=other)) == []


def test_the_booking_channel_refuses_who_missed_too_often(practice: Practice, diary: Diary) -> None:
    diary.miss(2)
    policy(practice, booking_limit=2)
    assert diary.seen().booking_refused
    with pytest.raises(Refused) as refused:
        diary.book(channel=ONLINE)
    assert refused.value.reason == "MISSED_TOO_OFTEN"
    assert "Call the practice" in str(refused.value)
    assert diary.practice.slots(diary.kind, practice.at("08:00", 1), practice.at("09:00", 1))
    diary.book()  # the desk may
    policy(practice, booking_limit=3)
    assert not diary.seen().booking_refused
    booked = diary.book(channel=ONLINE)
    assert reasons(booked) == []  # whoever books by themselves is not told what the desk is told


def test_the_desk_is_warned_when_it_moves_what_was_booked_online(practice: Practice, diary: Diary) -> None:
    booked = diary.book(channel=ONLINE)
    diary.miss(2)
    policy(practice, warning_limit=2)
    move = appointment_service_pb2.RescheduleAppointmentRequest(
        id=booked.id, start_time=instant(practice.at("15:00", 1))
    )
    assert reasons(practice.call("RescheduleAppointment", move)) == ["PATIENT_MISSED_OFTEN"]
    move.start_time.CopyFrom(instant(practice.at("15:30", 1)))
    move.channel = ONLINE
    assert reasons(practice.call("RescheduleAppointment", move)) == []


def test_two_who_make_the_policy_at_once_do_not_overwrite_each_other(practice: Practice) -> None:
    before = practice.call("GetAttendancePolicy", calls.GetAttendancePolicyRequest())
    asked = pb.AttendancePolicy(etag=before.etag, warning_limit=1)
    with ThreadPoolExecutor(1) as pool:
        with practice.tenant.session() as faster:
            change(faster, asked, ["warning_limit"], ATTENDANCE_POLICY)
            faster.flush()
            slower = pool.submit(policy, practice, before.etag, warning_limit=2)
            with pytest.raises(TimeoutError):
                slower.result(0.5)
        with pytest.raises(Refused) as refused:
            slower.result()
    assert refused.value.reason == "ETAG_MISMATCH"


def test_who_comes_again_is_counted_too(practice: Practice, diary: Diary) -> None:
    booked = diary.book(-21)
    practice.call("ArriveAppointment", appointment_service_pb2.ArriveAppointmentRequest(id=booked.id))
    assert diary.seen().kept_count == 1


def test_the_policy_is_changed_by_version(practice: Practice) -> None:
    before = practice.call("GetAttendancePolicy", calls.GetAttendancePolicyRequest())
    first = policy(practice, before.etag, warning_limit=2)
    assert (first.warning_limit, first.booking_limit) == (2, 0)
    second = policy(practice, first.etag, booking_limit=4)
    assert (second.warning_limit, second.booking_limit) == (2, 4)
    with pytest.raises(Refused) as refused:
        policy(practice, first.etag, booking_limit=5)
    assert refused.value.reason == "ETAG_MISMATCH"
    with pytest.raises(Refused) as refused:
        policy(practice, booking_limit=101)
    assert refused.value.code.name == "INVALID_ARGUMENT"
    (event,) = {event.attendance_policy.booking_limit for event in practice.tenant.events(AttendancePolicyUpdated)} - {
        0
    }
    assert event == 4


def test_nobody_knows_a_stranger(practice: Practice) -> None:
    with pytest.raises(Refused) as refused:
        attendance(practice, str(uuid4()))
    assert refused.value.reason == "PATIENT_UNKNOWN"
