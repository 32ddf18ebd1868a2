"""Who is called again: by what was sold, diagnosed, visited and by age, by hand, in steps, until they come."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scheduling.messaging import EMAIL, PHONE, SMS, Writer
from tests.scheduling.test_communications import BOOKED, address, cancel, number

from praxis.billing.v1 import encounter_pb2
from praxis.billing.v1 import events_pb2 as billing
from praxis.patients.v1 import contact_preferences_pb2 as contact
from praxis.patients.v1 import events_pb2 as patients
from praxis.patients.v1 import patient_pb2
from praxis.scheduling.v1 import communication_pb2 as told
from praxis.scheduling.v1 import events_pb2, recall_service_pb2
from praxis.scheduling.v1 import recall_pb2 as pb
from praxis_chassis import events
from praxis_chassis.testing import Refused
from praxis_scheduling import jobs
from praxis_scheduling.rules import recalls as rules

ITEM = str(uuid4())


def rule(writer: Writer, **more: Any) -> pb.RecallRule:
    steps = more.pop("steps", [(-14, EMAIL), (0, SMS), (14, PHONE)])
    made = pb.RecallRule(
        name="Rabies", steps=[pb.RecallStep(offset_days=days, channels=[way]) for days, way in steps], **more
    )
    reply: pb.RecallRule = writer.call("CreateRecallRule", recall_service_pb2.CreateRecallRuleRequest(recall_rule=made))
    return reply


def sell(writer: Writer, patient: str, item: str = ITEM, day: date | None = None, diagnosis: str = "") -> str:
    encounter = encounter_pb2.Encounter(
        id=str(uuid4()), patient_id=patient, location_id=writer.location,
        service_date=(day or today(writer)).isoformat(),
        charges=[encounter_pb2.Charge(catalog_item_id=item)], diagnoses=[diagnosis] if diagnosis else [],
    )  # fmt: skip
    writer.tenant.receive(billing.EncounterPosted(encounter=encounter), encounter.id)
    return encounter.id


def today(writer: Writer) -> date:
    return (writer.now() + writer.moved).date()


def on(writer: Writer, day: date) -> None:
    """Let it be noon of a day, and do the work of two rounds."""
    writer.clock_at(writer.at("12:00", (day - writer.monday).days))
    writer.work(2)


def recalls(writer: Writer, **filters: Any) -> list[pb.Recall]:
    return list(writer.call("ListRecalls", recall_service_pb2.ListRecallsRequest(**filters)).recalls)


def states(writer: Writer) -> list[str]:
    return [pb.RecallState.Name(item.state)[13:].lower() for item in recalls(writer)]


def dog(writer: Writer, **ways: str) -> str:
    return writer.animal({writer.party(**ways): "OWNER"}, born="2024-02-29")


def test_what_was_sold_recalls_in_steps_until_it_is_given_up(writer: Writer) -> None:
    writer.with_texts()
    rule(writer, item_sold=pb.ItemSold(catalog_item_ids=[ITEM]), interval_months=12, expire_after_days=60)
    to, mobile = address(), number("8001")
    rex, start = dog(writer, email=to, mobile=mobile), today(writer)
    sell(writer, rex)
    (recall,) = recalls(writer)
    due = rules.months_later(start, 12)
    assert (recall.due_date, recall.patient_name) == (due.isoformat(), "Rex")
    on(writer, due - timedelta(days=15))
    assert writer.sent() == []
    on(writer, due - timedelta(days=14))
    assert writer.mail is not None
    assert writer.texts is not None
    assert [mail["Subject"] for mail in writer.mail.boxes.to(to)] == [
        "It is time for the next visit at Elm Street Clinic"
    ]
    on(writer, due)
    assert len(writer.texts.to(mobile)) == 1
    on(writer, due + timedelta(days=14))
    (task,) = writer.sent(states=[told.COMMUNICATION_STATE_TO_DO])
    assert task.body == "Invite Ada Lovelace: it is time for the next visit of Rex (Rabies)."
    on(writer, due + timedelta(days=60))
    assert states(writer) == ["expired"]
    kinds = [type(event).__name__ for event in writer.tenant.events() if type(event).__name__.startswith("Recall")]
    assert kinds == ["RecallRuleCreated", "RecallOpened", "RecallDue", "RecallDue", "RecallDue", "RecallExpired"]


def test_a_booking_of_the_wanted_type_ends_the_telling_and_a_cancellation_begins_it_again(writer: Writer) -> None:
    kind, other = writer.type("Vaccination"), writer.type("Nails")
    rule(
        writer, item_sold=pb.ItemSold(catalog_item_ids=[ITEM]), interval_days=10,
        wanted_appointment_type_ids=[kind.id], steps=[(0, EMAIL), (5, PHONE)],
    )  # fmt: skip
    rex, provider = dog(writer, email=address()), writer.open_provider()
    sell(writer, rex, day=writer.monday - timedelta(days=5))
    writer.book(other, writer.at("09:00", 4), provider, patient=rex)
    writer.work()
    assert states(writer) == ["pending"]
    booked = writer.book(kind, writer.at("10:00", 4), provider, patient=rex)
    writer.work()
    assert (states(writer), recalls(writer)[0].appointment_id) == (["booked"], booked.id)
    cancel(writer, booked)
    writer.work()
    assert states(writer) == ["pending"]
    assert writer.tenant.events(events_pb2.RecallReopened)


def test_each_rule_recalls_a_patient_once_and_the_same_item_begins_anew(writer: Writer) -> None:
    made = rule(writer, item_sold=pb.ItemSold(catalog_item_ids=[ITEM]), interval_months=1)
    rex = dog(writer)
    sell(writer, rex)
    sell(writer, rex)
    assert states(writer) == ["pending"]
    on(writer, today(writer) + timedelta(days=20))
    sell(writer, rex)
    assert sorted(states(writer)) == ["pending", "satisfied"]
    assert {item.rule_id for item in recalls(writer)} == {made.id}


def test_what_was_taken_back_recalls_nobody(writer: Writer) -> None:
    rule(writer, diagnosed=pb.Diagnosed(codes=["E11"]), interval_months=3)
    patient = writer.adult()
    encounter = sell(writer, patient, diagnosis="E11.9")
    sell(writer, writer.adult(), diagnosis="E10.9")
    assert states(writer) == ["pending"]
    back = billing.EncounterReversed(encounter=encounter_pb2.Encounter(id=encounter))
    writer.tenant.receive(back, encounter)
    (recall,) = recalls(writer)
    assert recall.stop_reason == pb.RECALL_STOP_REASON_REVERSED


def test_age_recalls_once_and_only_whom_the_rule_is_for(writer: Writer) -> None:
    rule(writer, aged=pb.Aged(months=6), species_codes=["dog"], steps=[(0, PHONE)])
    born = rules.months_later(today(writer) + timedelta(days=10), -6)
    rex = writer.animal({writer.party(): "OWNER"}, born=born.isoformat())
    writer.animal({writer.party(): "OWNER"}, "Tom", born=born.isoformat(), species="cat")
    writer.animal({writer.party(): "OWNER"}, "Old", born="2015-01-01")
    for _ in range(2):
        with writer.tenant.session() as session:
            jobs.recall_by_age(session)
            events.store_recorded(session)
    assert [item.patient_id for item in recalls(writer)] == [rex]


def test_in_three_weeks_by_hand_is_a_call_on_that_day(writer: Writer) -> None:
    patient, due = writer.adult(mobile=number("8002")), today(writer) + timedelta(days=21)
    asked = pb.Recall(patient_id=patient, name="Wound check", due_date=due.isoformat())
    request = recall_service_pb2.CreateRecallRequest(recall=asked)
    made = writer.call("CreateRecall", request, key="once")
    assert writer.call("CreateRecall", request, key="once").id == made.id
    on(writer, due)
    (task,) = writer.sent(states=[told.COMMUNICATION_STATE_TO_DO])
    assert (task.channel, task.recall_id) == (PHONE, made.id)
    stop = recall_service_pb2.StopRecallRequest(id=made.id)
    assert writer.call("StopRecall", stop).state == pb.RECALL_STATE_STOPPED
    assert writer.states() == ["withdrawn"]
    with pytest.raises(Refused, match="RECALL_CLOSED"):
        writer.call("StopRecall", stop)


def test_nobody_is_recalled_in_a_year_without_a_calendar(writer: Writer) -> None:
    for day in ("0001-01-01", "9999-12-31"):
        asked = pb.Recall(patient_id=writer.adult(), name="Check", due_date=day)
        with pytest.raises(Refused, match="DATE_OUT_OF_REACH"):
            writer.call("CreateRecall", recall_service_pb2.CreateRecallRequest(recall=asked))


@pytest.mark.parametrize("state", ["DECEASED", "INACTIVE", "TRANSFERRED"])
def test_who_is_gone_is_recalled_no_more(writer: Writer, state: str) -> None:
    rule(writer, item_sold=pb.ItemSold(catalog_item_ids=[ITEM]), interval_days=30, steps=[(-30, PHONE), (0, EMAIL)])
    to = address()
    rex = dog(writer, email=to, mobile=number("8006"))
    sell(writer, rex)
    writer.work(2)
    assert writer.states() == ["to_do"]
    gone = patient_pb2.Patient(id=rex, display_name="Rex", state=f"PATIENT_STATE_{state}")  # type: ignore[arg-type]
    gone.deceased_date = today(writer).isoformat() if state == "DECEASED" else ""
    writer.tenant.receive(patients.PatientUpdated(patient=gone), rex)
    assert (states(writer), writer.states()) == (["stopped"], ["withdrawn"])
    sell(writer, rex)
    on(writer, today(writer) + timedelta(days=40))
    assert states(writer) == ["stopped"]


def test_erasing_blanks_what_a_recall_was_for(writer: Writer) -> None:
    patient = writer.adult()
    asked = pb.Recall(patient_id=patient, name="Very private", due_date="2030-01-01")
    writer.call("CreateRecall", recall_service_pb2.CreateRecallRequest(recall=asked))
    writer.tenant.receive(patients.PatientErased(patient_id=patient), patient)
    (recall,) = recalls(writer)
    assert (recall.name, recall.patient_name, recall.state) == ("", "", pb.RECALL_STATE_STOPPED)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"steps": [(5, EMAIL), (0, EMAIL)], "interval_days": 3}, "STEPS_IN_ORDER"),
        ({"interval_days": 0}, "INTERVAL_NEEDED"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(writer: Writer, wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        rule(writer, item_sold=pb.ItemSold(catalog_item_ids=[ITEM]), **wrong)


# ── what people said about being contacted ────────────────────────────────────────────────────────────


def said(writer: Writer, party: str, **more: Any) -> None:
    preferences = contact.ContactPreferences(party_id=party, **more)
    changed = patients.ContactPreferencesChanged(contact_preferences=preferences)
    writer.tenant.receive(changed, uuid4())


def test_recalls_may_be_refused_while_appointments_are_told(writer: Writer) -> None:
    to = address()
    owner = writer.party(email=to)
    rex = writer.animal({owner: "OWNER"})
    email = contact.CONTACT_CHANNEL_EMAIL
    said(writer, owner, allowed=[
        contact.AllowedChannels(purpose=contact.CONTACT_PURPOSE_APPOINTMENTS, channels=[email]),
        contact.AllowedChannels(purpose=contact.CONTACT_PURPOSE_RECALLS),
    ])  # fmt: skip
    rule(writer, item_sold=pb.ItemSold(catalog_item_ids=[ITEM]), interval_days=1, steps=[(-1, EMAIL)])
    sell(writer, rex)
    writer.work(2)
    (refused,) = writer.sent()
    assert refused.problem == told.COMMUNICATION_PROBLEM_OPTED_OUT
    writer.plan((BOOKED, 0))
    writer.book(writer.type(), writer.at("09:00"), writer.open_provider(), patient=rex)
    writer.work(2)
    assert writer.mail is not None
    assert len(writer.mail.boxes.to(to)) == 1


def test_the_preferred_channel_the_language_and_the_confidential_number_are_used(writer: Writer) -> None:
    writer.with_texts()
    usual, confidential = number("8003"), number("8004")
    owner = writer.party(email=address(), mobile=usual)
    telecom = {"system": "SYSTEM_MOBILE", "value": confidential}
    said(writer, owner, preferred_channel=contact.CONTACT_CHANNEL_SMS, language="es", confidential_telecoms=[telecom])
    writer.plan((BOOKED, 0), channels=(EMAIL, SMS))
    rex = writer.animal({owner: "OWNER"})
    writer.book(writer.type(), writer.at("09:00"), writer.open_provider(), patient=rex)
    writer.work(2)
    assert writer.texts is not None
    assert writer.texts.to(usual) == []
    assert "Rex tiene cita" in writer.texts.to(confidential)[0]


def test_a_party_has_quiet_hours_of_its_own(writer: Writer) -> None:
    writer.with_texts()
    owner = writer.party(mobile=number("8005"))
    said(writer, owner, quiet_from_time="11:00", quiet_to_time="15:00", time_zone="America/New_York")
    rule(writer, item_sold=pb.ItemSold(catalog_item_ids=[ITEM]), interval_days=1, steps=[(-1, SMS)])
    sell(writer, writer.animal({owner: "OWNER"}))
    writer.work(2)
    (waits,) = writer.sent()
    two = writer.at("14:00", (today(writer) - writer.monday).days)
    assert (waits.state, waits.next_try_time.ToDatetime(tzinfo=UTC)) == (told.COMMUNICATION_STATE_QUEUED, two)


# ── rules ─────────────────────────────────────────────────────────────────────────────────────────────


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(-600, 600))
def test_months_go_forth_and_never_leave_the_month(day: date, months: int) -> None:
    later = rules.months_later(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day == day.day or (later + timedelta(days=1)).day == 1


@given(
    st.lists(st.integers(-365, 365), min_size=1, max_size=8).map(sorted), st.integers(0, 400), st.integers(-400, 800)
)
def test_every_step_is_taken_at_most_once_and_the_end_comes(offsets: list[int], expiry: int, first: int) -> None:
    due, taken, day, steps = date(2026, 6, 1), 0, date(2026, 6, 1) + timedelta(days=first), []
    for _ in range(20):
        step = rules.reached(due, offsets, taken, day)
        if step is None:
            break
        steps.append(step)
        taken = step + 1
        day = max(day, rules.next_step(due, offsets, taken, expiry))
    assert steps == sorted(set(steps))
    assert steps[-1:] in ([], [len(offsets) - 1]) or day < due + timedelta(days=offsets[-1])
