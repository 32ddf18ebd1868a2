"""What people answer: by texts that a provider signs, and by signed links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scheduling.messaging import DAY, EMAIL, SMS, Writer
from tests.scheduling.test_communications import BOOKED, CANCELLED, REMINDER, address, booked, number
from tests.support.sms_provider import SECRET, Texts
from twilio.request_validator import RequestValidator

from praxis.scheduling.v1 import appointment_pb2, appointment_service_pb2
from praxis.scheduling.v1 import communication_pb2 as pb
from praxis.scheduling.v1 import inbound_service_pb2 as inbound
from praxis.type.v1 import type_pb2
from praxis_chassis.testing import Refused
from praxis_chassis.types import new_id
from praxis_scheduling.connectors.sms import signature
from praxis_scheduling.rules.replies import Wish, read

CONFIRMED, GONE = appointment_pb2.APPOINTMENT_STATE_CONFIRMED, appointment_pb2.APPOINTMENT_STATE_CANCELLED


def delivery(writer: Writer, path: str, fields: Mapping[str, str], secret: str = SECRET) -> type_pb2.RawRequest:
    url = f"https://front.example/v1/webhooks/{writer.tenant.id}/{path}"
    signed = RequestValidator(secret).compute_signature(url, dict(fields))
    return type_pb2.RawRequest(content=urlencode(fields).encode(), signatures={"x-twilio-signature": signed})


def text_in(writer: Writer, sender: str, body: str, sid: str = "", secret: str = SECRET) -> None:
    fields = {"MessageSid": sid or f"SM{new_id().hex}", "From": sender, "Body": body, "NumMedia": ""}
    request = inbound.ReceiveTextRequest(
        tenant_id=str(writer.tenant.id), delivery=delivery(writer, "sms", fields, secret)
    )
    writer.call("ReceiveText", request)


def state(writer: Writer, appointment: Any) -> int:
    request = appointment_service_pb2.GetAppointmentRequest(id=appointment.id)
    return int(writer.call("GetAppointment", request).state)


def reminded(writer: Writer, mobile: str, **settings: Any) -> Any:
    """Book somebody who has been reminded by text."""
    writer.with_texts(**settings)
    writer.plan((REMINDER, DAY), (CANCELLED, 0), channels=(SMS,))
    appointment = booked(writer, mobile=mobile)
    writer.work()
    writer.clock_at(writer.at("10:00", -1))
    writer.work()
    assert writer.states() == ["sent"]
    return appointment


def test_c_confirms(writer: Writer, texts: Texts) -> None:
    mobile = number("7001")
    appointment = reminded(writer, mobile)
    text_in(writer, mobile, " c. ")
    assert state(writer, appointment) == CONFIRMED
    writer.work(2)
    assert texts.to(mobile)[-1] == "Elm Street Clinic: thank you, we look forward to seeing you."
    text_in(writer, mobile, "YES")
    assert state(writer, appointment) == CONFIRMED


def test_x_cancels_once_and_the_reminder_never_fires(writer: Writer, texts: Texts) -> None:
    mobile = number("7002")
    appointment = reminded(writer, mobile, cancel_by_text=True)
    text_in(writer, mobile, "Cancel", sid="SM-once")
    text_in(writer, mobile, "Cancel", sid="SM-once")
    assert state(writer, appointment) == GONE
    writer.work(3)
    assert [text.split(": ")[1][:19] for text in texts.to(mobile)] == ["Ada has an appointm", "your appointment is"]


def test_who_is_late_or_not_allowed_is_asked_to_call(writer: Writer, texts: Texts) -> None:
    mobile = number("7003")
    appointment = reminded(writer, mobile)
    text_in(writer, mobile, "X")
    assert state(writer, appointment) == appointment_pb2.APPOINTMENT_STATE_BOOKED
    writer.work()
    assert "Please call +17855550101" in texts.to(mobile)[-1]
    (task,) = writer.sent(states=[pb.COMMUNICATION_STATE_TO_DO])
    assert task.body == "X"
    strict = writer.type("Strict", cancellation_notice_hours=48)
    other = number("7004")
    late = writer.book(strict, writer.at("15:00"), writer.open_provider("Dr B"), patient=writer.adult(mobile=other))
    writer.plan((BOOKED, 0), channels=(SMS,), appointment_type_ids=[strict.id])
    writer.settings(cancel_by_text=True)
    writer.work(2)
    text_in(writer, other, "X")
    assert state(writer, late) == appointment_pb2.APPOINTMENT_STATE_BOOKED


def test_stop_stops_and_start_starts(writer: Writer, texts: Texts) -> None:
    mobile = number("7005")
    reminded(writer, mobile)
    text_in(writer, mobile, "STOP")
    writer.plan((BOOKED, 0), channels=(SMS, EMAIL))
    to = address()
    provider, kind = writer.open_provider("Dr B"), writer.type("Other")
    patient = writer.adult(mobile=mobile, email=to)
    writer.plan((BOOKED, 0), channels=(SMS, EMAIL), appointment_type_ids=[kind.id])
    writer.book(kind, writer.at("13:00"), provider, patient=patient)
    writer.work(3)
    assert len(texts.to(mobile)) == 2, "the reminder, and the answer to STOP"
    assert writer.mail is not None
    assert len(writer.mail.boxes.to(to)) == 1, "another channel is not stopped"
    text_in(writer, mobile, "start")
    writer.book(kind, writer.at("14:00"), provider, patient=patient)
    writer.work(3)
    assert len(texts.to(mobile)) == 4


def test_a_sentence_goes_to_a_person(writer: Writer) -> None:
    mobile = number("7006")
    appointment = reminded(writer, mobile)
    text_in(writer, mobile, "Can I cancel and come on Friday?")
    assert state(writer, appointment) == appointment_pb2.APPOINTMENT_STATE_BOOKED
    (task,) = writer.sent(states=[pb.COMMUNICATION_STATE_TO_DO])
    assert (task.body, task.patient_id) == ("Can I cancel and come on Friday?", appointment.patient_id)


def test_of_two_visits_both_are_confirmed_and_neither_is_cancelled(writer: Writer) -> None:
    mobile = number("7007")
    writer.with_texts(cancel_by_text=True)
    writer.plan((BOOKED, 0), channels=(SMS,))
    provider, kind = writer.open_provider(), writer.type()
    owner = writer.party(mobile=mobile)
    visits = [
        writer.book(kind, writer.at(wall), provider, patient=writer.animal({owner: "OWNER"}, name))
        for wall, name in (("09:00", "Rex"), ("09:30", "Tom"))
    ]
    writer.work(2)
    text_in(writer, mobile, "X")
    assert {state(writer, visit) for visit in visits} == {appointment_pb2.APPOINTMENT_STATE_BOOKED}
    text_in(writer, mobile, "C")
    assert {state(writer, visit) for visit in visits} == {CONFIRMED}


def test_what_the_account_did_not_sign_is_refused(writer: Writer) -> None:
    mobile = number("7008")
    appointment = reminded(writer, mobile)
    with pytest.raises(Refused, match="SIGNATURE_INVALID"):
        text_in(writer, mobile, "C", secret="another")
    unsigned = inbound.ReceiveTextRequest(
        tenant_id=str(writer.tenant.id), delivery=type_pb2.RawRequest(content=b"From=1&Body=C")
    )
    with pytest.raises(Refused, match="SIGNATURE_INVALID"):
        writer.call("ReceiveText", unsigned)
    assert state(writer, appointment) == appointment_pb2.APPOINTMENT_STATE_BOOKED


def test_nobody_is_let_in_while_no_secret_is_stored(writer: Writer) -> None:
    with pytest.raises(Refused, match="SIGNATURE_INVALID"):
        text_in(writer, number("7009"), "STOP", secret="")


@pytest.mark.parametrize(("word", "wanted"), [("delivered", "delivered"), ("undelivered", "failed"), ("sent", "sent")])
def test_the_provider_says_what_became_of_a_text(writer: Writer, word: str, wanted: str) -> None:
    reminded(writer, number("7010"))
    fields = {"MessageSid": writer.sent()[0].provider_reference, "MessageStatus": word}
    request = inbound.ReceiveTextStatusRequest(
        tenant_id=str(writer.tenant.id), delivery=delivery(writer, "smsStatus", fields)
    )
    writer.call("ReceiveTextStatus", request)
    writer.call("ReceiveTextStatus", request)
    assert writer.states() == [wanted]


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=20), max_size=6), st.text(max_size=30))
def test_our_signatures_are_those_of_the_provider(fields: dict[str, str], secret: str) -> None:
    url = "https://front.example/v1/webhooks/a/sms"
    assert RequestValidator(secret).validate(url, fields, signature(secret, url, list(fields.items())))


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("C", Wish.CONFIRM), ("1", Wish.CONFIRM), ("yes!", Wish.CONFIRM), ("Sí", Wish.CONFIRM),
        ("x", Wish.CANCEL), ("CANCEL", Wish.CANCEL), ("Stop.", Wish.STOP), ("UNSUBSCRIBE", Wish.STOP),
        ("start", Wish.START), ("help", Wish.HELP), ("ayuda", Wish.HELP),
        ("cancel it please", Wish.UNCLEAR), ("", Wish.UNCLEAR), ("yes but later", Wish.UNCLEAR),
    ],
)  # fmt: skip
def test_short_answers_are_read(text: str, wish: Wish) -> None:
    assert read(text) is wish


# ── links ─────────────────────────────────────────────────────────────────────────────────────────────


def link_of(writer: Writer, item: pb.Communication) -> str:
    prefix = f"https://front.example/links/{writer.tenant.id}/"
    return next(word for word in item.body.split() if word.startswith(prefix)).removeprefix(prefix)


def follow(writer: Writer, verb: str, token: str) -> Any:
    request = getattr(inbound, f"{verb}Request")(tenant_id=str(writer.tenant.id), token=token)
    return writer.call(verb, request, permissions=["scheduling.links.use"], kind="anonymous")


def test_a_link_confirms_cancels_and_unsubscribes(writer: Writer) -> None:
    writer.plan((BOOKED, 0), (REMINDER, DAY))
    appointment = booked(writer, email=address(), language="es")
    writer.work(2)
    token = link_of(writer, writer.sent()[0])
    page = follow(writer, "GetLink", token)
    assert [choice.label for choice in page.choices] == [
        "Confirmo la cita",
        "Cancelar la cita",
        "No recibir más mensajes",
    ]
    assert page.text.startswith("Ada: lunes")
    assert state(writer, appointment) == appointment_pb2.APPOINTMENT_STATE_BOOKED, "looking does nothing"
    follow(writer, "ConfirmByLink", token)
    assert state(writer, appointment) == CONFIRMED
    follow(writer, "CancelByLink", token)
    assert state(writer, appointment) == GONE
    with pytest.raises(Refused, match="LINK_OVER"):
        follow(writer, "ConfirmByLink", token)
    follow(writer, "UnsubscribeByLink", token)
    provider, kind = writer.open_provider("Dr B"), writer.type("Other")
    again = writer.book(kind, writer.at("13:00"), provider, patient=appointment.patient_id)
    writer.work(2)
    assert [item.problem for item in writer.sent(appointment_id=again.id)] == [pb.COMMUNICATION_PROBLEM_OPTED_OUT] * 2


def test_a_link_of_another_practice_or_a_changed_one_leads_nowhere(writer: Writer) -> None:
    writer.plan((BOOKED, 0))
    booked(writer, email=address())
    writer.work(2)
    token = link_of(writer, writer.sent()[0])
    stranger = writer.tenant.under_test.tenant()
    request = inbound.GetLinkRequest(tenant_id=str(stranger.id), token=token)
    for wrong in (token[:-2] + "AA", token[:10], "", "ñ" * 20):
        with pytest.raises(Refused, match="NOT_FOUND"):
            follow(writer, "GetLink", wrong)
    with pytest.raises(Refused, match="NOT_FOUND"):
        stranger.call("GetLink", request)
    assert follow(writer, "GetLink", token).title == "Elm Street Clinic"


def test_cancelling_by_link_keeps_the_notice(writer: Writer) -> None:
    strict = writer.type(cancellation_notice_hours=24)
    writer.plan((BOOKED, 0))
    appointment = writer.book(strict, writer.at("09:00"), writer.open_provider(), patient=writer.adult(email=address()))
    writer.work(2)
    token = link_of(writer, writer.sent()[0])
    writer.clock_at(writer.at("10:00", -1))
    assert [choice.action for choice in follow(writer, "GetLink", token).choices] == [
        inbound.LINK_ACTION_CONFIRM, inbound.LINK_ACTION_UNSUBSCRIBE,
    ]  # fmt: skip
    with pytest.raises(Refused, match="NOTICE_TOO_SHORT"):
        follow(writer, "CancelByLink", token)
    assert state(writer, appointment) == appointment_pb2.APPOINTMENT_STATE_BOOKED
