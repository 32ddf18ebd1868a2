"""Changes of a record, of who answers, of coverages and of states; and erasure."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from support.patients_house import House, shared

from praxis.patients.v1 import (
    coverage_pb2,
    coverage_service_pb2,
    events_pb2,
    party_pb2,
    party_service_pb2,
    patient_pb2,
)
from praxis.patients.v1 import patient_service_pb2 as pb
from praxis.type.v1 import type_pb2
from praxis_chassis.testing import Refused
from praxis_patients.store.models import Base

ENDED = coverage_pb2.COVERAGE_STATE_ENDED
CANARY = "Xylophanes"


def update(house: House, patient: patient_pb2.Patient, *paths: str) -> patient_pb2.Patient:
    request = pb.UpdatePatientRequest(patient=patient)
    request.update_mask.paths.extend(paths)
    return house.call("UpdatePatient", request)


def party(house: House, party_id: str) -> party_pb2.Party:
    return house.call("GetParty", party_service_pb2.GetPartyRequest(id=party_id))


def owners_on(patient: patient_pb2.Patient, day: str) -> dict[str, int]:
    return {
        item.party_display_name: item.share_basis_points
        for item in patient.responsibilities
        if (item.from_date or "0000") <= day < (item.to_date or "9999")
    }


def test_a_new_name_reaches_search_and_own_party_and_keeps_the_government_number(house: House) -> None:
    patient = house.human("Miller", "Anna", government_id="123-45-6789").patient
    patient.human.name.family = "Stone"
    patient.tags.append("vip")
    changed = update(house, patient, "human")
    assert changed.display_name == "Anna Stone"
    assert changed.human.government_id_last_four == "6789"
    assert not changed.tags
    assert party(house, changed.human.party_id).display_name == "Anna Stone"
    assert house.find("stone") == ["Anna Stone"]
    assert house.find("miller") == []
    with pytest.raises(Refused) as refused:
        update(house, patient, "tags")
    assert refused.value.reason == "ETAG_MISMATCH"


def test_a_person_cannot_become_an_animal(house: House) -> None:
    patient = house.human("Miller", "Anna").patient
    animal = patient_pb2.AnimalProfile(name="Rex", species_code="dog")
    with pytest.raises(Refused) as refused:
        update(house, patient_pb2.Patient(id=patient.id, animal=animal), "animal")
    assert refused.value.reason == "PROFILE_FIXED"


def test_a_sale_counts_from_its_day(house: House) -> None:
    anna, ben, farm = house.party("Miller", "Anna"), house.party("Stone", "Ben"), house.party("Green", "Gil")
    patient = house.animal("Rex", (anna, 6000), (ben, 4000)).patient
    request = pb.ChangeResponsibilitiesRequest(
        id=patient.id, from_date="2026-03-01", responsibilities=shared((farm, 10_000)), etag=patient.etag
    )
    changed = house.call("ChangeResponsibilities", request)
    assert owners_on(changed, "2026-02-28") == {"Anna Miller": 6000, "Ben Stone": 4000}
    assert owners_on(changed, "2026-03-01") == {"Gil Green": 10_000}
    event = house.tenant.events(events_pb2.ResponsibilityChanged)[0]
    assert (event.patient, event.effective_date) == (changed, "2026-03-01")
    assert house.find("gil") == ["Rex"]


def test_a_change_before_an_earlier_change_replaces_it(house: House) -> None:
    anna, ben, gil = (house.party(name, "P") for name in ("Anna", "Ben", "Gil"))
    patient = house.animal("Rex", (anna, 10_000)).patient
    for day, owner in (("2026-03-01", ben), ("2026-02-01", gil)):
        request = pb.ChangeResponsibilitiesRequest(
            id=patient.id, from_date=day, responsibilities=shared((owner, 10_000))
        )
        patient = house.call("ChangeResponsibilities", request)
    assert owners_on(patient, "2026-01-31") == {"P Anna": 10_000}
    assert owners_on(patient, "2026-02-01") == owners_on(patient, "2026-03-01") == {"P Gil": 10_000}


def test_a_change_that_does_not_add_up_changes_nothing(house: House) -> None:
    anna = house.party("Miller", "Anna")
    patient = house.animal("Rex", (anna, 10_000)).patient
    request = pb.ChangeResponsibilitiesRequest(id=patient.id, responsibilities=shared((anna, 9_000)))
    with pytest.raises(Refused) as refused:
        house.call("ChangeResponsibilities", request)
    assert refused.value.violations[0][1] == "SHARES_NOT_WHOLE"
    assert house.get(patient.id) == patient


def test_states_follow_their_table(house: House) -> None:
    patient = house.human("Miller", "Anna", birth_date="1980-03-12").patient
    assert house.call("DeactivatePatient", pb.DeactivatePatientRequest(id=patient.id)).state == (
        patient_pb2.PATIENT_STATE_INACTIVE
    )
    with pytest.raises(Refused) as refused:
        house.call("DeactivatePatient", pb.DeactivatePatientRequest(id=patient.id))
    assert refused.value.reason == "PATIENT_STATE"
    dead = house.call("MarkPatientDeceased", pb.MarkPatientDeceasedRequest(id=patient.id, deceased_date="2026-01-05"))
    assert (dead.state, dead.deceased_date) == (patient_pb2.PATIENT_STATE_DECEASED, "2026-01-05")
    back = house.call("ReactivatePatient", pb.ReactivatePatientRequest(id=patient.id))
    assert (back.state, back.deceased_date) == (patient_pb2.PATIENT_STATE_ACTIVE, "")
    states = [event.previous_state for event in house.tenant.events(events_pb2.PatientUpdated)]
    assert states == [
        patient_pb2.PATIENT_STATE_ACTIVE,
        patient_pb2.PATIENT_STATE_INACTIVE,
        patient_pb2.PATIENT_STATE_DECEASED,
    ]


def test_nobody_dies_before_birth_or_tomorrow(house: House) -> None:
    patient = house.human("Miller", "Anna", birth_date="1980-03-12").patient
    for day, reason in (("1980-03-11", "DECEASED_BEFORE_BIRTH"), ("2199-01-01", "DECEASED_DATE_IN_FUTURE")):
        with pytest.raises(Refused) as refused:
            house.call("MarkPatientDeceased", pb.MarkPatientDeceasedRequest(id=patient.id, deceased_date=day))
        assert refused.value.violations[0][1] == reason


def test_primary_and_secondary_coverage(house: House) -> None:
    patient = house.human("Miller", "Anna").patient
    spouse = house.party("Miller", "Carl")
    first = house.cover(patient)
    second = house.cover(
        patient,
        rank=2,
        subscriber_relationship=coverage_pb2.SUBSCRIBER_RELATIONSHIP_SPOUSE,
        subscriber_party_id=spouse.id,
        copay={"currency_code": "USD", "amount": "25.00"},
    )
    assert first.subscriber_party_id == patient.human.party_id
    assert second.copay.amount == "25.00"
    listed = house.call("ListCoverages", coverage_service_pb2.ListCoveragesRequest(patient_id=patient.id)).coverages
    assert list(listed) == [first, second]
    assert [event.coverage for event in house.tenant.events(events_pb2.CoverageAdded)] == [first, second]


def test_a_coverage_names_a_payer_that_there_is(house: House) -> None:
    patient = house.human("Miller", "Anna").patient
    with pytest.raises(Refused) as refused:
        house.cover(patient, payer_id=patient.id)
    assert refused.value.reason == "PAYER_UNKNOWN"
    coverage = house.cover(patient)
    coverage.payer_id, coverage.etag = patient.id, ""
    change = coverage_service_pb2.UpdateCoverageRequest(coverage=coverage)
    change.update_mask.paths.append("payer_id")
    with pytest.raises(Refused) as refused:
        house.call("UpdateCoverage", change)
    assert refused.value.reason == "PAYER_UNKNOWN"


def test_two_coverages_have_different_ranks_on_every_day(house: House) -> None:
    patient = house.human("Miller", "Anna").patient
    first = house.cover(patient, from_date="2025-01-01")
    with pytest.raises(Refused) as refused:
        house.cover(patient)
    assert refused.value.reason == "COVERAGE_RANK_TAKEN"
    request = coverage_service_pb2.EndCoverageRequest(id=first.id, to_date="2026-01-01", etag=first.etag)
    ended = house.call("EndCoverage", request)
    assert (ended.state, ended.to_date) == (ENDED, "2026-01-01")
    assert house.cover(patient, from_date="2026-01-01").rank == 1
    with pytest.raises(Refused) as refused:
        house.call("EndCoverage", request)
    assert refused.value.reason in {"COVERAGE_CLOSED", "ETAG_MISMATCH"}


def test_an_animal_is_insured_through_its_owner(house: House) -> None:
    anna = house.party("Miller", "Anna")
    rex = house.animal("Rex", (anna, 10_000)).patient
    with pytest.raises(Refused) as refused:
        house.cover(rex, kind=coverage_pb2.COVERAGE_KIND_PET)
    assert refused.value.violations[0][1] == "SUBSCRIBER_SELF_NOT_POSSIBLE"
    animal = coverage_pb2.SUBSCRIBER_RELATIONSHIP_ANIMAL
    covered = house.cover(rex, subscriber_relationship=animal, subscriber_party_id=anna.id)
    assert covered.subscriber_party_id == anna.id
    with pytest.raises(Refused) as refused:
        house.cover(house.human("Miller", "Bo").patient, kind=coverage_pb2.COVERAGE_KIND_PET)
    assert refused.value.violations[0][:2] == ("coverage.kind", "PET_COVERAGE_OF_PERSON")


def canary(house: House) -> patient_pb2.Patient:
    patient = house.human(
        CANARY, CANARY, government_id="987-65-4321", phone="312 555 0111", birth_date="1901-02-03",
        preferred_name=CANARY, pronouns=CANARY, gender=CANARY, sexual_orientation=CANARY, employer=CANARY,
    ).patient  # fmt: skip
    house.cover(patient, member_id=CANARY)
    house.call("TransferPatient", pb.TransferPatientRequest(id=patient.id, transferred_to=CANARY))
    house.weigh(patient, "70", note=CANARY)
    house.call("ReactivatePatient", pb.ReactivatePatientRequest(id=patient.id))
    house.call("DeactivatePatient", pb.DeactivatePatientRequest(id=patient.id), key="k")
    return house.call("ReactivatePatient", pb.ReactivatePatientRequest(id=patient.id))


def traces(house: House, *needles: str) -> list[str]:
    """Return the tables that hold one of the texts, searched as a whole row."""
    found = []
    with house.tenant.session() as session:
        names = session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        assert set(Base.metadata.tables) <= set(names)
        for name in names:
            for needle in needles:
                query = text(f'SELECT count(*) FROM "{name}" AS t WHERE t::text ILIKE :needle')
                if _readable(session, name) and session.execute(query, {"needle": f"%{needle}%"}).scalar():
                    found.append(f"{name}: {needle}")
    return found


def _readable(session: Any, table: str) -> bool:
    return bool(session.execute(text("SELECT has_table_privilege(:t, 'SELECT')"), {"t": table}).scalar())


def test_an_erased_person_leaves_no_trace(house: House) -> None:
    patient = canary(house)
    needles = (CANARY, "5550111", "1901-02-03")
    assert {
        "patients: Xylophanes",
        "coverages: Xylophanes",
        "patient_keys: 1901-02-03",
        "measurements: Xylophanes",
    } <= set(traces(house, *needles))
    erased = house.call("ErasePatient", pb.ErasePatientRequest(id=patient.id, reason="asked for it"))
    assert erased.state == patient_pb2.PATIENT_STATE_ERASED
    assert (erased.chart_number, erased.display_name, erased.WhichOneof("profile")) == ("1001", "", None)
    assert traces(house, *needles) == []
    assert house.find(CANARY) == []
    assert not house.find("987-65-4321")
    assert house.tenant.events(events_pb2.PatientErased)[0].patient_id == patient.id
    (coverage,) = house.call(
        "ListCoverages", coverage_service_pb2.ListCoveragesRequest(patient_id=patient.id)
    ).coverages
    assert (coverage.member_id, coverage.state) == ("", coverage_pb2.COVERAGE_STATE_ERASED)
    with pytest.raises(Refused) as refused:
        house.call("DeactivatePatient", pb.DeactivatePatientRequest(id=patient.id))
    assert refused.value.reason == "PATIENT_CLOSED"


def test_who_answers_for_others_too_stays(house: House) -> None:
    anna = house.human("Miller", "Anna", birth_date="1980-03-12", phone="+13125550142").patient
    mother = party(house, anna.human.party_id)
    assert mother.person.birth_date == "1980-03-12"
    rex = house.animal("Rex", (mother, 10_000)).patient
    erased = house.call("ErasePatient", pb.ErasePatientRequest(id=anna.id, reason="asked for it"))
    assert [(item.party_id, item.party_display_name) for item in erased.responsibilities] == [(mother.id, "")]
    assert house.get(anna.id).responsibilities == erased.responsibilities
    kept = party(house, mother.id)
    assert (kept.display_name, kept.person.birth_date, kept.telecoms[0].value) == ("Anna Miller", "", "+13125550142")
    assert traces(house, "1980-03-12") == []
    assert not party(house, mother.id).patient_id
    assert owners_on(house.get(rex.id), "2026-01-01") == {"Anna Miller": 10_000}
    assert house.find("anna") == ["Rex"]
    house.call("ErasePatient", pb.ErasePatientRequest(id=rex.id, reason="asked for it"))
    assert party(house, mother.id).state == party_pb2.PARTY_STATE_ERASED
    assert house.tenant.events(events_pb2.PartyErased)[0].party_id == mother.id


@pytest.mark.parametrize(
    ("money", "field", "reason"),
    [
        (("USD", "-20.00"), "coverage.copay.amount", "COPAY_NEGATIVE"),
        (("EUR", "20.00"), "coverage.copay.currency_code", "COPAY_CURRENCY"),
    ],
)
def test_a_copay_that_cannot_be_paid_is_refused(house: House, money: tuple[str, str], field: str, reason: str) -> None:
    patient = house.human("Miller", "Anna").patient
    copay = type_pb2.Money(currency_code=money[0], amount=money[1])
    with pytest.raises(Refused) as refused:
        house.cover(patient, copay=copay)
    assert [item[:2] for item in refused.value.violations] == [(field, reason)]
    coverage = house.cover(patient, copay=type_pb2.Money(currency_code="USD", amount="20.00"))
    assert coverage.copay.amount == "20.00"
    coverage.copay.CopyFrom(copay)
    change = coverage_service_pb2.UpdateCoverageRequest(coverage=coverage)
    change.update_mask.paths.append("copay")
    with pytest.raises(Refused) as refused:
        house.call("UpdateCoverage", change)
    assert [item[:2] for item in refused.value.violations] == [(field, reason)]


def test_everything_is_published(house: House) -> None:
    house.human("Miller", "Anna")
    house.tenant.wait_published()
