"""What people are told about their appointments, through a real mail server and a provider of text messages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text as sql
from tests.scheduling.messaging import DAY, EMAIL, LETTER, PHONE, SMS, Writer, writer_of
from tests.support.mail_server import MailServer
from tests.support.platform import Platform
from tests.support.sms_provider import Texts

from praxis.patients.v1 import events_pb2 as patients
from praxis.patients.v1 import patient_pb2
from praxis.scheduling.v1 import (
    appointment_pb2,
    appointment_service_pb2,
    events_pb2,
    reminder_plan_service_pb2,
    visit_service_pb2,
)
from praxis.scheduling.v1 import communication_pb2 as pb
from praxis_chassis.mapping import instant
from praxis_chassis.testing import Refused, ServiceUnderTest
from praxis_chassis.types import new_id
from praxis_scheduling import jobs
from praxis_scheduling.rules import recipients, wording
from praxis_scheduling.rules.quiet import QuietHours, time_to_send
from praxis_scheduling.service import service
from praxis_scheduling.usecases import sending

BOOKED, MOVED = pb.COMMUNICATION_KIND_BOOKED, pb.COMMUNICATION_KIND_RESCHEDULED
CANCELLED, REMINDER = pb.COMMUNICATION_KIND_CANCELLED, pb.COMMUNICATION_KIND_REMINDER
FOLLOW_UP = pb.COMMUNICATION_KIND_FOLLOW_UP


def address(kind: str = "ada") -> str:
    return f"{kind}-{new_id()}@example.org"


def number(ending: str = "") -> str:
    return f"+1785{new_id().int % 10**7:07}"[: 12 - len(ending)] + ending


def move(writer: Writer, appointment: Any, start: datetime) -> Any:
    request = appointment_service_pb2.RescheduleAppointmentRequest(id=appointment.id, start_time=instant(start))
    return writer.call("RescheduleAppointment", request)


def cancel(writer: Writer, appointment: Any) -> Any:
    by = appointment_pb2.CANCELLED_BY_PRACTICE
    return writer.call("CancelAppointment", appointment_service_pb2.CancelAppointmentRequest(id=appointment.id, by=by))


def booked(writer: Writer, wall: str = "09:00", day: int = 0, **ways: str) -> Any:
    provider, kind = writer.open_provider(), writer.type()
    return writer.book(kind, writer.at(wall, day), provider, patient=writer.adult(**ways), reason="Chest pain")


# ── what is told, and when ────────────────────────────────────────────────────────────────────────────


def test_a_booking_is_confirmed_with_an_invitation_and_without_the_reason(writer: Writer, mail: MailServer) -> None:
    writer.plan((BOOKED, 0), (REMINDER, DAY))
    to = address()
    appointment = booked(writer, email=to)
    writer.work(2)
    (arrived,) = mail.boxes.to(to)
    body = arrived.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Ada is booked for" in body
    assert "9:00" in body
    assert "https://front.example/links/" in body
    assert "Chest" not in str(arrived)
    assert "Check" not in body, "the kind of appointment is nobody's business in an e-mail"
    invitation = next(part for part in arrived.walk() if part.get_content_type() == "text/calendar")
    assert invitation.get_param("method") == "REQUEST"
    (event,) = icalendar.Calendar.from_ical(invitation.get_content()).walk("VEVENT")
    assert (str(event["uid"]), event.start) == (f"{appointment.id}@praxis", writer.at("09:00"))
    assert arrived["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert arrived["List-Unsubscribe"].startswith("<https://front.example/v1/links/")
    assert all(mail.boxes.encrypted)
    confirmation, reminder = writer.sent()
    assert arrived["Message-ID"] == confirmation.message_id
    assert (confirmation.state, reminder.state) == (pb.COMMUNICATION_STATE_SENT, pb.COMMUNICATION_STATE_QUEUED)
    (event,) = writer.tenant.events(events_pb2.CommunicationSent)
    assert isinstance(event, events_pb2.CommunicationSent)
    assert (event.communication.address, event.communication.body) == ("", "")


def test_a_moved_visit_never_sends_the_reminder_of_its_old_time(writer: Writer, mail: MailServer) -> None:
    writer.plan((MOVED, 0), (REMINDER, DAY))
    to = address()
    appointment = booked(writer, email=to)
    writer.work()
    move(writer, appointment, writer.at("14:00", 1))
    writer.work(2)
    (told,) = mail.boxes.to(to)
    assert "was moved" in told["Subject"]
    for day in range(-2, 2):
        writer.clock_at(writer.at("13:00", day))
        writer.work()
        writer.clock_at(writer.at("15:00", day))
        writer.work()
    assert [item["Subject"][:8] for item in mail.boxes.to(to)] == ["Your app", "Reminder"]
    assert "2:00" in mail.boxes.to(to)[1].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert sorted(writer.states()) == ["sent", "sent", "withdrawn"]


def test_a_visit_that_is_cancelled_before_the_planner_looks_sends_nothing_old(writer: Writer, mail: MailServer) -> None:
    """The check in the sending transaction is what stands, whether or not the planner has seen the change."""
    writer.plan((REMINDER, DAY), (CANCELLED, 0))
    to = address()
    appointment = booked(writer, email=to)
    writer.work()
    writer.clock_at(writer.at("10:00", -1))
    cancel(writer, appointment)
    with writer.tenant.session() as session:
        sending.send_due(session, jobs.senders_of(writer.tenant.under_test.runtime))
    assert mail.boxes.to(to) == []
    (reminder,) = writer.sent()
    assert (reminder.state, reminder.problem) == (
        pb.COMMUNICATION_STATE_WITHDRAWN, pb.COMMUNICATION_PROBLEM_CLOSED,
    )  # fmt: skip
    writer.work(2)
    assert [item["Subject"] for item in mail.boxes.to(to)] == ["Your appointment at Elm Street Clinic was cancelled"]
    (taken_back,) = [part for part in mail.boxes.to(to)[0].walk() if part.get_content_type() == "text/calendar"]
    assert taken_back.get_param("method") == "CANCEL"


def test_while_a_message_leaves_its_visit_stays_as_it_is(writer: Writer, mail: MailServer) -> None:
    """Whoever cancels in that moment waits until it has left, so that no message is older than what is true."""
    writer.plan((REMINDER, DAY))
    to = address("slow")
    appointment = booked(writer, email=to)
    writer.work()
    writer.clock_at(writer.at("10:00", -1))
    mail.boxes.letting_go.clear()
    sending = threading.Thread(target=writer.work)
    sending.start()
    wait(lambda: bool(mail.boxes.to(to)))
    done: list[float] = []
    cancelling = threading.Thread(target=lambda: (cancel(writer, appointment), done.append(time.monotonic())))
    cancelling.start()
    time.sleep(0.5)
    assert not done
    released = time.monotonic()
    mail.boxes.letting_go.set()
    cancelling.join(10)
    sending.join(10)
    assert done[0] > released
    assert writer.states() == ["sent"]


def wait(holds: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_same_work_done_often_sends_once(writer: Writer, mail: MailServer) -> None:
    writer.plan((BOOKED, 0), (REMINDER, DAY))
    to = address()
    appointment = booked(writer, email=to)
    writer.work(3)
    confirm = appointment_service_pb2.ConfirmAppointmentRequest(id=appointment.id)
    writer.call("ConfirmAppointment", confirm)  # another version with the same time
    writer.plan((BOOKED, 0), (REMINDER, DAY), appointment_type_ids=[appointment.appointment_type_id])
    writer.work(3)
    writer.clock_at(writer.at("10:00", -1))
    writer.work(3)
    assert len(mail.boxes.to(to)) == 2


def test_a_follow_up_goes_after_a_visit_and_never_after_a_missed_one(writer: Writer, mail: MailServer) -> None:
    writer.plan((FOLLOW_UP, 60))
    provider, kind = writer.open_provider(), writer.type()
    seen, missed = address(), address()
    visits = [
        writer.book(kind, writer.at(wall), provider, patient=writer.adult(email=to))
        for wall, to in (("09:00", seen), ("10:00", missed))
    ]
    writer.clock_at(writer.at("12:00"))
    visit = writer.call("ArriveAppointment", appointment_service_pb2.ArriveAppointmentRequest(id=visits[0].id))
    writer.call("LeaveVisit", visit_service_pb2.LeaveVisitRequest(id=visit.id))
    writer.call("MarkAppointmentNoShow", appointment_service_pb2.MarkAppointmentNoShowRequest(id=visits[1].id))
    writer.work(2)
    assert len(mail.boxes.to(seen)) == 1
    assert mail.boxes.to(missed) == []


# ── what becomes of a message ─────────────────────────────────────────────────────────────────────────


def test_a_refused_address_is_marked_and_another_channel_takes_over(
    writer: Writer, mail: MailServer, texts: Texts
) -> None:
    writer.with_texts()
    writer.plan((BOOKED, 0), channels=(EMAIL, SMS))
    mobile = number("5555")
    booked(writer, email=address("refused"), mobile=mobile)
    writer.work(2)
    assert writer.states() == ["failed", "sent"]
    assert writer.sent()[0].problem == pb.COMMUNICATION_PROBLEM_BOUNCED
    assert len(texts.to(mobile)) == 1


def test_a_busy_server_is_tried_again_with_pauses(writer: Writer, mail: MailServer) -> None:
    writer.plan((BOOKED, 0))
    to = address("busy")
    mail.boxes.busy = True
    booked(writer, email=to)
    writer.work(3)
    (waiting,) = writer.sent()
    assert (waiting.state, waiting.problem) == (
        pb.COMMUNICATION_STATE_QUEUED, pb.COMMUNICATION_PROBLEM_UNREACHABLE,
    )  # fmt: skip
    assert mail.boxes.tried.count(to) == waiting.attempts == 1
    mail.boxes.busy = False
    writer.clock_at(datetime.now(UTC) + writer.moved + timedelta(minutes=1))
    writer.work()
    assert writer.states() == ["sent"]
    assert [item["Message-ID"] for item in mail.boxes.to(to)] == [waiting.message_id]


def test_a_broken_connection_leaves_an_email_to_a_person(writer: Writer, mail: MailServer) -> None:
    writer.plan((BOOKED, 0))
    to = address("vanish")
    booked(writer, email=to)
    for _ in range(3):
        writer.work()
        writer.clock_at(datetime.now(UTC) + writer.moved + timedelta(hours=1))
    (unknown,) = writer.sent(states=[pb.COMMUNICATION_STATE_UNKNOWN])
    assert len(mail.boxes.to(to)) == 1, "it is never sent again by itself"
    again = writer.resolve(unknown, pb.COMMUNICATION_DECISION_SEND_AGAIN)
    assert again.state == pb.COMMUNICATION_STATE_QUEUED
    writer.work()
    assert len({mail["Message-ID"] for mail in mail.boxes.to(to)}) == 1
    assert len(mail.boxes.to(to)) == 2
    (unknown,) = writer.sent(states=[pb.COMMUNICATION_STATE_UNKNOWN])
    assert writer.resolve(unknown, pb.COMMUNICATION_DECISION_SENT).state == pb.COMMUNICATION_STATE_SENT
    with pytest.raises(Refused, match="NOTHING_TO_DECIDE"):
        writer.resolve(unknown, pb.COMMUNICATION_DECISION_SEND_AGAIN)


@pytest.mark.parametrize("ending", ["0003", "0004"])
def test_of_a_text_the_provider_is_asked(writer: Writer, texts: Texts, ending: str) -> None:
    """It took the one and lost the other; both broke the connection."""
    writer.with_texts()
    writer.plan((BOOKED, 0), channels=(SMS,))
    mobile = number(ending)
    booked(writer, mobile=mobile)
    writer.work(2)
    assert writer.states() == ["sending"]
    assert texts.asked.count(mobile) == 0
    writer.clock_at(datetime.now(UTC) + writer.moved + timedelta(minutes=1))
    if ending == "0004":
        writer.work()
        assert writer.states() == ["sending"], "what never arrived is sent again, after the provider was asked"
        assert writer.sent()[0].attempts == 2
    else:
        writer.work()
        assert writer.states() == ["sent"]
        assert len(texts.to(mobile)) == 1
    assert texts.asked.count(mobile) == 1


def test_a_sender_that_is_killed_while_it_sends_leaves_the_outcome_open(
    writer: Writer, mail: MailServer, tmp_path: Path
) -> None:
    writer.plan((BOOKED, 0))
    to = address("slow")
    booked(writer, email=to)
    mail.boxes.letting_go.clear()
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "praxis_scheduling", "work"], env=_environment(writer), stdout=log, stderr=log
    )
    try:
        wait(lambda: bool(mail.boxes.to(to)), 60)
        assert writer.states() == ["sending"], "the intent stands before anything leaves"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        mail.boxes.letting_go.set()
        log.close()
    wait(lambda: _settled(writer))
    assert writer.states() == ["unknown"]
    assert len(mail.boxes.to(to)) == 1


def _settled(writer: Writer) -> bool:
    writer.work()
    return writer.states() != ["sending"]


def _environment(writer: Writer) -> dict[str, str]:
    settings = writer.tenant.under_test.runtime.settings
    values = {f"PRAXIS_{each.name.upper()}": getattr(settings, each.name) for each in fields(settings)}
    return {**os.environ, **{name: str(int(v) if isinstance(v, bool) else v) for name, v in values.items()}}


# ── who wants what ────────────────────────────────────────────────────────────────────────────────────


def test_without_any_way_messages_wait_and_are_seen(platform: Platform, house: ServiceUnderTest) -> None:
    bare = ServiceUnderTest(
        service, platform.settings(service.settings, "scheduling"), platform.private_key, work=False
    )
    writer = writer_of(bare, None, None)
    writer.plan((BOOKED, 0), channels=(EMAIL,))
    booked(writer, email=address())
    writer.work(2)
    (waiting,) = writer.sent()
    bare.close()
    assert (waiting.state, waiting.problem) == (
        pb.COMMUNICATION_STATE_QUEUED, pb.COMMUNICATION_PROBLEM_NOT_CONFIGURED,
    )  # fmt: skip


def test_the_practice_stops_everything_and_goes_on(writer: Writer, mail: MailServer) -> None:
    writer.settings(paused=True)
    writer.plan((BOOKED, 0))
    to = address()
    booked(writer, email=to)
    writer.work(2)
    assert [item.problem for item in writer.sent()] == [pb.COMMUNICATION_PROBLEM_PAUSED]
    writer.settings(paused=False)
    writer.work()
    assert len(mail.boxes.to(to)) == 1


def test_a_secret_is_never_shown(writer: Writer) -> None:
    writer.with_texts()
    get = reminder_plan_service_pb2.GetCommunicationSettingsRequest()
    shown = writer.call("GetCommunicationSettings", get)
    assert (shown.sms_secret, shown.sms_secret_stored) == ("", True)
    writer.settings(from_name="Elm")
    assert writer.call("GetCommunicationSettings", get).sms_secret_stored


def test_reminders_respect_quiet_hours_where_the_patient_is(writer: Writer, mail: MailServer) -> None:
    writer.plan((REMINDER, 120))
    early, to = address(), address()
    provider, kind = writer.open_provider(hours=("06:00", "23:30")), writer.type()
    writer.book(kind, writer.at("07:00"), provider, patient=writer.adult(email=early))
    writer.book(kind, writer.at("09:30"), provider, patient=writer.adult(email=to))
    writer.work()
    before, after = (item.next_try_time.ToDatetime(tzinfo=UTC) for item in writer.sent())
    assert before == writer.at("20:59", -1), "at 05:00 everybody sleeps, and 08:00 is too late"
    assert after == writer.at("08:00")
    writer.clock_at(writer.at("07:45"))
    writer.work(2)
    assert mail.boxes.to(to) == []
    writer.clock_at(writer.at("08:01"))
    writer.work()
    assert len(mail.boxes.to(to)) == 1


def test_a_child_is_never_written_to_and_an_animal_neither(writer: Writer, mail: MailServer) -> None:
    writer.plan((BOOKED, 0))
    provider, kind = writer.open_provider(), writer.type()
    own, mother, owner = address("child"), address("mother"), address("owner")
    child = patient_pb2.Patient(id=str(new_id()), display_name="Kim Byron")
    child.human.name.given.append("Kim")
    child.human.birth_date = f"{datetime.now(UTC).year - 7}-01-01"
    parties = {writer.party(email=own, patient=child.id): "SELF", writer.party(email=mother): "GUARDIAN"}
    writer.register(child, parties)
    rex = writer.animal({writer.party(email=owner, language="es"): "OWNER"})
    writer.book(kind, writer.at("09:00"), provider, patient=child.id)
    writer.book(kind, writer.at("10:00"), provider, patient=rex)
    writer.work(2)
    assert (len(mail.boxes.to(own)), len(mail.boxes.to(mother))) == (0, 1)
    (spanish,) = mail.boxes.to(owner)
    assert "Rex tiene cita el" in spanish.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_the_dead_are_not_reminded(writer: Writer, mail: MailServer) -> None:
    writer.plan((REMINDER, DAY))
    to = address()
    appointment = booked(writer, email=to)
    writer.work()
    dead = patient_pb2.Patient(
        id=appointment.patient_id, display_name="Ada", state=patient_pb2.PATIENT_STATE_DECEASED,
        deceased_date=datetime.now(UTC).date().isoformat(),
    )  # fmt: skip
    writer.tenant.receive(patients.PatientUpdated(patient=dead), appointment.patient_id)
    writer.clock_at(writer.at("10:00", -1))
    writer.work(2)
    assert mail.boxes.to(to) == []
    assert writer.states() == ["withdrawn"]


def test_what_nobody_can_send_is_a_persons_task(writer: Writer) -> None:
    writer.plan((BOOKED, 0), channels=(LETTER,))
    booked(writer)
    writer.work(2)
    (task,) = writer.sent(states=[pb.COMMUNICATION_STATE_TO_DO])
    assert task.body.startswith("Tell Ada Lovelace: Ada is booked for")
    assert writer.resolve(task, pb.COMMUNICATION_DECISION_SENT).state == pb.COMMUNICATION_STATE_SENT


def test_without_an_address_it_is_said(writer: Writer) -> None:
    writer.plan((BOOKED, 0), channels=(EMAIL, PHONE))
    booked(writer)
    writer.work(2)
    (seen,) = writer.sent()
    assert (seen.state, seen.problem) == (
        pb.COMMUNICATION_STATE_SUPPRESSED, pb.COMMUNICATION_PROBLEM_NO_ADDRESS,
    )  # fmt: skip


def test_erasing_takes_every_word(writer: Writer, mail: MailServer) -> None:
    writer.plan((BOOKED, 0), (REMINDER, DAY))
    to = address()
    appointment = booked(writer, email=to)
    writer.work(2)
    writer.tenant.receive(patients.PatientErased(patient_id=appointment.patient_id), appointment.patient_id)
    for item in writer.sent():
        assert (item.address, item.subject, item.body, item.patient_name) == ("", "", "", "")
    with writer.tenant.session() as session:
        for table in ("party_copies", "patient_copies", "communications"):
            rows = session.execute(sql(f"SELECT row_to_json(t)::text FROM {table} t")).scalars().all()
            assert rows
            assert not [row for row in rows if to in row or "Lovelace" in row or "1984" in row]
    writer.clock_at(writer.at("10:00", -1))
    writer.work(2)
    assert len(mail.boxes.to(to)) == 1


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────


def template(writer: Writer, **values: Any) -> pb.MessageTemplate:
    made = pb.MessageTemplate(**{"name": "Mine", "channel": EMAIL, "language": "en", "body": "x", **values})
    request = reminder_plan_service_pb2.CreateMessageTemplateRequest(message_template=made)
    reply: pb.MessageTemplate = writer.call("CreateMessageTemplate", request)
    return reply


def test_the_practice_has_words_of_its_own_in_each_language(writer: Writer, mail: MailServer) -> None:
    template(writer, subject="Bis bald, {patient}", body="{date}, {time}\n{link}")
    writer.plan((BOOKED, 0), template_name="Mine")
    to, other = address(), address()
    booked(writer, email=to)
    booked(writer, "11:00", email=other, language="es")
    writer.work(2)
    assert mail.boxes.to(to)[0]["Subject"] == "Bis bald, Ada"
    assert mail.boxes.to(other)[0]["Subject"] == "Su cita en Elm Street Clinic"
    with pytest.raises(Refused, match="TEMPLATE_EXISTS"):
        template(writer)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{diagnosis}", "PLACEHOLDER_UNKNOWN"),
        ("{patient.ssn}", "PLACEHOLDER_UNKNOWN"),
        ("{date:>900000000}", "PLACEHOLDER_UNKNOWN"),
        ("{date!r}", "PLACEHOLDER_UNKNOWN"),
        ("{}", "PLACEHOLDER_UNKNOWN"),
        ("{date", "PLACEHOLDER_BROKEN"),
    ],
)
def test_placeholders_are_checked_before_they_are_used(writer: Writer, body: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        template(writer, body=body)
    assert [violation[:2] for violation in refused.value.violations] == [("message_template.body", reason)]


@given(st.text(max_size=60))
def test_a_text_without_faults_can_always_be_filled(text: str) -> None:
    if not wording.faults(text):
        wording.filled(text, {"date": "{practice}"})


def test_a_plan_says_what_it_is_for(writer: Writer) -> None:
    with pytest.raises(Refused, match="KIND_NOT_PLANNABLE"):
        writer.plan((pb.COMMUNICATION_KIND_RECALL, 0))


# ── rules ─────────────────────────────────────────────────────────────────────────────────────────────

ZONES = ["America/Chicago", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "UTC"]


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31)),  # noqa: DTZ001 -- hypothesis wants them bare
    st.sampled_from(ZONES),
    st.integers(0, 1439),
    st.integers(0, 1439),
)
def test_what_is_allowed_is_never_quiet(moment: datetime, zone: str, since: int, until: int) -> None:
    quiet, where, when = QuietHours(since, until), ZoneInfo(zone), moment.replace(tzinfo=UTC)
    allowed = quiet.next_allowed(when, where)
    assert allowed >= when
    assert allowed - when <= timedelta(hours=25)
    if not quiet.is_quiet(when, where):
        assert allowed == when
    latest = when + timedelta(hours=3)
    assert time_to_send(when, latest, quiet, where) < latest


@pytest.mark.parametrize(
    ("moment", "allowed"),
    [  # the nights in which New York's clocks change: quiet hours end at eight on the wall
        ("2026-03-08T06:30:00Z", "2026-03-08T12:00:00Z"),
        ("2026-03-07T06:30:00Z", "2026-03-07T13:00:00Z"),
        ("2026-11-01T05:30:00Z", "2026-11-01T13:00:00Z"),
        ("2026-10-31T05:30:00Z", "2026-10-31T12:00:00Z"),
    ],
)
def test_quiet_hours_end_by_the_clock_on_the_wall(moment: str, allowed: str) -> None:
    quiet = QuietHours.read("", "")
    found = quiet.next_allowed(datetime.fromisoformat(moment), ZoneInfo("America/New_York"))
    assert found == datetime.fromisoformat(allowed)


def test_the_larger_owner_is_written_to_first() -> None:
    day = datetime.now(UTC).date()
    owners = [
        recipients.Answering("small", "co_owner", 4000),
        recipients.Answering("large", "owner", 6000),
        recipients.Answering("former", "owner", 10000, until=day),
        recipients.Answering("stable", "stable", 0),
    ]
    assert recipients.candidates(owners, human=False, born=None, day=day) == ["large", "small", "stable"]
