"""How and for what parties may be contacted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from support.patients_house import House

from praxis.patients.v1 import contact_preferences_pb2 as contact
from praxis.patients.v1 import contact_preferences_service_pb2 as pb
from praxis.patients.v1 import events_pb2, patient_service_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis.testing import Refused
from praxis_patients.rules.contact import decided, unsaid

SMS, EMAIL, PHONE = (contact.CONTACT_CHANNEL_SMS, contact.CONTACT_CHANNEL_EMAIL, contact.CONTACT_CHANNEL_PHONE)
APPOINTMENTS, RECALLS = contact.CONTACT_PURPOSE_APPOINTMENTS, contact.CONTACT_PURPOSE_RECALLS
MARKETING = contact.CONTACT_PURPOSE_MARKETING
EVERY_CHANNEL = {1, 2, 3, 4, 5}
REPLY = contact.CONTACT_SOURCE_REPLY
CHANNELS, PURPOSES = ("sms", "email", "mail"), ("appointments", "billing", "marketing")


def shown(house: House, party_id: str) -> contact.ContactPreferences:
    return house.call("GetContactPreferences", pb.GetContactPreferencesRequest(party_id=party_id))


def change(house: House, party_id: str, *paths: str, **fields: Any) -> contact.ContactPreferences:
    request = pb.UpdateContactPreferencesRequest(
        contact_preferences=contact.ContactPreferences(party_id=party_id, **fields)
    )
    request.update_mask.paths.extend(paths or list(fields))
    return house.call("UpdateContactPreferences", request)


def opt_out(house: House, party_id: str, *channels: int, purposes: Any = (), **more: Any) -> Any:
    request = pb.OptOutRequest(id=party_id, channels=channels, purposes=purposes, source=REPLY)
    return house.call("OptOut", request, **more)


def allowed(preferences: contact.ContactPreferences) -> dict[int, set[int]]:
    return {item.purpose: set(item.channels) for item in preferences.allowed}


def decisions(house: House, party_id: str) -> list[contact.ContactDecision]:
    request = pb.ListContactDecisionsRequest(party_id=party_id, page_size=500)
    return list(house.call("ListContactDecisions", request).contact_decisions)


def test_who_said_nothing_may_be_contacted_for_all_but_marketing(house: House) -> None:
    party = house.party("Miller", "Anna")
    known = shown(house, party.id)
    assert (known.party_id, known.etag) == (party.id, '"0"')
    assert allowed(known) == dict.fromkeys((1, 2, 3, 4), EVERY_CHANNEL) | {MARKETING: set()}
    assert house.tenant.events(events_pb2.ContactPreferencesChanged) == []


def test_stop_ends_text_messages_for_everything_and_is_written_down(house: House) -> None:
    party = house.party("Miller", "Anna")
    after = opt_out(house, party.id, SMS)
    assert all(SMS not in channels for channels in allowed(after).values())
    assert allowed(after)[APPOINTMENTS] == EVERY_CHANNEL - {SMS}
    assert house.tenant.events(events_pb2.ContactPreferencesChanged)[0].contact_preferences == after
    written = decisions(house, party.id)
    assert {(item.channel, item.purpose, item.allowed, item.source) for item in written} == {
        (SMS, purpose, False, REPLY) for purpose in (1, 2, 3, 4, 5)
    }
    assert all(item.recorded_by.startswith("user:") and item.decide_time.seconds for item in written)


def test_opting_out_of_everything_leaves_nothing_and_one_purpose_can_come_back(house: House) -> None:
    party = house.party("Miller", "Anna")
    assert set().union(*allowed(opt_out(house, party.id)).values()) == set()
    request = pb.OptInRequest(id=party.id, channels=[EMAIL], purposes=[RECALLS], source=contact.CONTACT_SOURCE_PAPER)
    after = house.call("OptIn", request)
    assert {purpose: channels for purpose, channels in allowed(after).items() if channels} == {RECALLS: {EMAIL}}
    assert len(decisions(house, party.id)) == 26


def test_nobody_agrees_to_everything_by_saying_nothing(house: House) -> None:
    party = house.party("Miller", "Anna")
    with pytest.raises(Refused) as refused:
        house.call("OptIn", pb.OptInRequest(id=party.id, source=REPLY))
    assert [item[0] for item in refused.value.violations] == ["channels", "purposes"]


def test_channel_quiet_hours_and_a_confidential_address_are_kept(house: House) -> None:
    party = house.party("Miller", "Anna")
    mobile = type_pb2.Telecom(system=type_pb2.Telecom.SYSTEM_MOBILE, value="(512) 555-0134")
    after = change(
        house,
        party.id,
        preferred_channel=SMS,
        language="es",
        quiet_from_time="21:00",
        quiet_to_time="08:30",
        time_zone="America/Denver",
        confidential_address=type_pb2.Address(lines=["PO Box 7"], city="Austin", state="TX", postal_code="78701"),
        confidential_telecoms=[mobile],
    )
    assert after == shown(house, party.id)
    assert (after.quiet_from_time, after.time_zone, after.etag) == ("21:00", "America/Denver", '"1"')
    assert after.confidential_telecoms[0].value == "+15125550134"
    assert allowed(after)[APPOINTMENTS] == EVERY_CHANNEL
    cleared = change(house, party.id, "confidential_address", "quiet_from_time", "quiet_to_time")
    assert not cleared.HasField("confidential_address")
    assert (cleared.quiet_from_time, cleared.language) == ("", "es")


def test_what_is_allowed_cannot_be_written_directly(house: House) -> None:
    party = house.party("Miller", "Anna")
    marketing = contact.AllowedChannels(purpose=MARKETING, channels=[SMS])
    assert allowed(change(house, party.id, allowed=[marketing]))[MARKETING] == set()


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"quiet_from_time": "21:00"}, "contact_preferences.quiet_to_time", "QUIET_HOURS_HALF"),
        ({"quiet_to_time": "08:00"}, "contact_preferences.quiet_from_time", "QUIET_HOURS_HALF"),
        (
            {"quiet_from_time": "21:00", "quiet_to_time": "21:00"},
            "contact_preferences.quiet_to_time",
            "QUIET_HOURS_EMPTY",
        ),
        (
            {"quiet_from_time": "24:00", "quiet_to_time": "08:00"},
            "contact_preferences.quiet_from_time",
            "STRING_PATTERN",
        ),
        ({"time_zone": "Mars/Olympus"}, "contact_preferences.time_zone", "TIME_ZONE_UNKNOWN"),
        (
            {"confidential_telecoms": [type_pb2.Telecom(system=type_pb2.Telecom.SYSTEM_MOBILE, value="12345")]},
            "contact_preferences.confidential_telecoms[0].value",
            "PHONE_INVALID",
        ),
        ({"language": "Spanish"}, "contact_preferences.language", "STRING_PATTERN"),
        ({"preferred_channel": 77}, "contact_preferences.preferred_channel", "ENUM_DEFINED_ONLY"),
    ],
)
def test_wrong_preferences_are_refused_by_field(house: House, fields: Any, path: str, reason: str) -> None:
    party = house.party("Miller", "Anna")
    with pytest.raises(Refused) as refused:
        change(house, party.id, **fields)
    assert [item[:2] for item in refused.value.violations] == [(path, reason)]
    assert shown(house, party.id).etag == '"0"'


def test_a_stale_etag_and_an_unknown_party_are_refused(house: House) -> None:
    party = house.party("Miller", "Anna")
    opt_out(house, party.id, SMS)
    with pytest.raises(Refused) as refused:
        change(house, party.id, "language", language="es", etag='"0"')
    assert refused.value.reason == "ETAG_MISMATCH"
    with pytest.raises(Refused) as refused:
        opt_out(house, "019ad2b5-7c00-7000-8000-000000000001", SMS)
    assert refused.value.reason == "NOT_FOUND"


def test_first_words_at_the_same_moment_are_all_kept_and_a_retry_is_one(house: House) -> None:
    party = house.party("Miller", "Anna")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: opt_out(house, party.id, n % 4 + 1, key=f"key-{n % 4}"), range(8)))
    after = shown(house, party.id)
    assert after.etag == '"4"'
    assert allowed(after)[APPOINTMENTS] == {5}
    assert len(decisions(house, party.id)) == 20


def test_what_was_said_cannot_be_rewritten(house: House) -> None:
    opt_out(house, house.party("Miller", "Anna").id, SMS)
    for statement in ("UPDATE contact_decisions SET allowed = true", "DELETE FROM contact_decisions"):
        with pytest.raises(ProgrammingError, match="permission denied"), house.tenant.session() as session:
            session.execute(text(statement))


def test_an_erased_person_is_not_to_be_reached_any_more_but_that_was_said_stays(house: House) -> None:
    patient = house.human("Miller", "Anna").patient
    party_id = patient.human.party_id
    change(house, party_id, confidential_address=type_pb2.Address(lines=["Xylophanes Road 7"]))
    opt_out(house, party_id, SMS)
    house.call("ErasePatient", patient_service_pb2.ErasePatientRequest(id=patient.id, reason="asked for it"))
    with pytest.raises(Refused) as refused:
        shown(house, party_id)
    assert refused.value.reason == "PARTY_ERASED"
    with house.tenant.session() as session:
        assert session.execute(text("SELECT count(*) FROM contact_preferences")).scalar() == 0
        assert session.execute(text("SELECT count(*) FROM contact_decisions")).scalar() == 5
    told = [str(event) for event in house.tenant.events(events_pb2.ContactPreferencesChanged)]
    assert len(told) == 2
    assert "Xylophanes" not in "".join(told)


said = st.tuples(st.sets(st.sampled_from(CHANNELS)), st.sets(st.sampled_from(PURPOSES)), st.booleans())


@given(st.lists(said, max_size=12))
def test_the_last_word_on_each_channel_and_purpose_counts(words: list[tuple[set[str], set[str], bool]]) -> None:
    state = unsaid(CHANNELS, PURPOSES)
    last = {(channel, purpose): purpose != "marketing" for channel in CHANNELS for purpose in PURPOSES}
    for channels, purposes, wanted in words:
        state = decided(state, channels, purposes, allowed=wanted)
        last |= {(channel, purpose): wanted for channel in channels for purpose in purposes}
    assert {(c, p): c in state[p] for c in CHANNELS for p in PURPOSES} == last
