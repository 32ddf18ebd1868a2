"""What patients agreed to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from support.patients_house import House

from praxis.patients.v1 import consent_pb2, contact_preferences_pb2, events_pb2, patient_pb2
from praxis.patients.v1 import consent_service_pb2 as pb
from praxis_chassis.testing import Refused

TREATMENT, PHOTOS = consent_pb2.CONSENT_KIND_TREATMENT, consent_pb2.CONSENT_KIND_PHOTOS
GIVEN, WITHDRAWN = consent_pb2.CONSENT_DECISION_GIVEN, consent_pb2.CONSENT_DECISION_WITHDRAWN
NEXT_WEEK = (datetime.now(UTC) + timedelta(days=7)).date().isoformat()


def say(house: House, patient: patient_pb2.Patient, **fields: Any) -> consent_pb2.Consent:
    values = {
        "patient_id": patient.id,
        "kind": TREATMENT,
        "decision": GIVEN,
        "party_id": patient.human.party_id,
        "source": contact_preferences_pb2.CONTACT_SOURCE_PAPER,
    }
    request = pb.CreateConsentRequest(consent=consent_pb2.Consent(**(values | fields)))
    return house.call("CreateConsent", request)


def listed(house: House, patient: patient_pb2.Patient, *, latest: bool = False) -> list[tuple[int, int, bool]]:
    request = pb.ListConsentsRequest(patient_id=patient.id, latest=latest)
    return [(item.kind, item.decision, item.in_force) for item in house.call("ListConsents", request).consents]


def test_the_last_word_on_each_kind_counts_and_all_words_stay(house: House) -> None:
    patient = house.human("Miller", "Anna").patient
    first = say(house, patient, expire_date=NEXT_WEEK)
    assert (first.in_force, first.recorded_by[:5]) == (True, "user:")
    say(house, patient, kind=PHOTOS)
    assert not say(house, patient, decision=WITHDRAWN).in_force
    history = [(TREATMENT, GIVEN, False), (PHOTOS, GIVEN, True), (TREATMENT, WITHDRAWN, False)]
    assert listed(house, patient) == history
    assert listed(house, patient, latest=True) == history[1:]
    told = [event.consent.decision for event in house.tenant.events(events_pb2.ConsentChanged)]
    assert told == [GIVEN, GIVEN, WITHDRAWN]


def test_who_may_not_decide_and_what_is_over_is_refused(house: House) -> None:
    patient, stranger = house.human("Miller", "Anna").patient, house.party("Stone", "Ben")
    for fields, path, reason in (
        ({"party_id": stranger.id}, "consent.party_id", "MAY_NOT_CONSENT"),
        ({"expire_date": "2020-01-01"}, "consent.expire_date", "CONSENT_EXPIRED"),
        ({"kind": 99}, "consent.kind", "ENUM_DEFINED_ONLY"),
        ({"decision": 0}, "consent.decision", "ENUM_NOT_IN"),
    ):
        with pytest.raises(Refused) as refused:
            say(house, patient, **fields)
        assert [item[:2] for item in refused.value.violations] == [(path, reason)]
    assert listed(house, patient) == []


def test_a_trainer_who_may_consent_decides_for_a_horse(house: House) -> None:
    owner = house.party("Stone", "Ben")
    responsible = patient_pb2.Responsibility(
        party_id=owner.id,
        role=patient_pb2.RESPONSIBILITY_ROLE_OWNER,
        share_basis_points=10_000,
        may_consent=True,
    )
    animal = patient_pb2.AnimalProfile(name="Rex", species_code="horse")
    horse = house.register(animal=animal, responsibilities=[responsible]).patient
    assert say(house, horse, party_id=owner.id).in_force


def test_what_was_said_cannot_be_rewritten(house: House) -> None:
    say(house, house.human("Miller", "Anna").patient)
    for statement in ("UPDATE consents SET decision = 'refused'", "DELETE FROM consents"):
        with pytest.raises(ProgrammingError, match="permission denied"), house.tenant.session() as session:
            session.execute(text(statement))
