"""Registering people, animals and groups, and who answers for them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import select, text
from support.patients_house import House, shared

from praxis.patients.v1 import events_pb2, party_pb2, party_service_pb2, patient_pb2
from praxis.patients.v1 import patient_service_pb2 as pb
from praxis.type.v1 import type_pb2
from praxis_chassis import tables
from praxis_chassis.sealing import reveal
from praxis_chassis.testing import Refused, ServiceUnderTest
from praxis_patients.store.models import Patient
from praxis_patients.usecases import keys

SELF = patient_pb2.RESPONSIBILITY_ROLE_SELF


def test_a_person_answers_for_himself(house: House) -> None:
    patient = house.human("Miller", "Anna", birth_date="1980-03-12", phone="312 555 0142").patient
    assert patient.chart_number == "1001"
    assert patient.state == patient_pb2.PATIENT_STATE_ACTIVE
    assert patient.human.telecoms[0].value == "+13125550142"
    (responsibility,) = patient.responsibilities
    assert (responsibility.role, responsibility.share_basis_points) == (SELF, 10_000)
    assert (responsibility.party_id, responsibility.party_display_name) == (patient.human.party_id, "Anna Miller")
    assert house.get(patient.id) == patient
    assert house.tenant.events(events_pb2.PatientRegistered)[0].patient == patient


def test_a_child_has_a_guarantor(house: House) -> None:
    mother = house.party("Miller", "Anna", phone="+13125550142")
    guarantor = patient_pb2.Responsibility(
        party_id=mother.id, role=patient_pb2.RESPONSIBILITY_ROLE_GUARANTOR, share_basis_points=10_000, may_consent=True
    )
    patient = house.human("Miller", "Tom", birth_date="2020-02-02", responsibilities=[guarantor]).patient
    assert [item.party_display_name for item in patient.responsibilities] == ["Anna Miller"]
    assert patient.human.party_id != mother.id


def test_an_animal_has_two_owners_60_40(house: House) -> None:
    anna, ben = house.party("Miller", "Anna"), house.party("Stone", "Ben")
    reply = house.animal("Rex", (anna, 6000), (ben, 4000), breed_codes=["labrador_retriever"])
    assert [item.share_basis_points for item in reply.patient.responsibilities] == [6000, 4000]
    with pytest.raises(Refused) as refused:
        house.animal("Max", (anna, 6000), (ben, 3999))
    field, reason, text = refused.value.violations[0]
    assert (field, reason) == ("patient.responsibilities", "SHARES_NOT_WHOLE")
    assert "but add to 9999 from the first day on." in text


def test_an_animal_needs_somebody_who_answers(house: House) -> None:
    with pytest.raises(Refused) as refused:
        house.animal("Rex")
    assert refused.value.violations[0][1] == "RESPONSIBILITY_REQUIRED"


def test_a_herd_is_one_patient(house: House) -> None:
    farm = party_pb2.Party(organization=party_pb2.Organization(name="Green Farm"))
    farm = house.call("CreateParty", party_service_pb2.CreatePartyRequest(party=farm))
    herd = patient_pb2.AnimalGroupProfile(name="Dairy herd", species_code="cattle", head_count=120)
    reply = house.register(animal_group=herd, responsibilities=shared((farm, 10_000)))
    assert reply.patient.animal_group.head_count == 120
    assert house.find("green farm") == ["Dairy herd"]


@pytest.mark.parametrize(
    ("profile", "field", "reason"),
    [
        ({"species": "dragon"}, "patient.animal.species_code", "SPECIES_UNKNOWN"),
        ({"breed_codes": ["siamese"]}, "patient.animal.breed_codes[0]", "BREED_UNKNOWN"),
        ({"microchips": ["123"]}, "patient.animal.microchips[0]", "MICROCHIP_LENGTH"),
        ({"microchips": ["999112001234567"]}, "patient.animal.microchips[0]", "MICROCHIP_PREFIX"),
        ({"birth_date": "2199-01-01"}, "patient.animal.birth_date", "BIRTH_DATE_IN_FUTURE"),
        ({"birth_date": "2020-02-30"}, "patient.animal.birth_date", "NOT_A_DATE"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(house: House, profile: dict, field: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        house.animal("Rex", (house.party("Miller", "Anna"), 10_000), **profile)
    found, said, text = refused.value.violations[0]
    assert (found, said) == (field, reason)
    assert len(text) > 20


def test_an_older_microchip_is_accepted_with_a_warning(house: House) -> None:
    reply = house.animal("Rex", (house.party("Miller", "Anna"), 10_000), microchips=["125-0A1-B2C"])
    assert reply.patient.animal.microchips == ["1250A1B2C"]
    assert [warning.reason for warning in reply.warnings] == ["MICROCHIP_LEGACY"]


def test_a_telephone_number_without_area_code_is_refused(house: House) -> None:
    with pytest.raises(Refused) as refused:
        house.human("Miller", "Anna", phone="555-0142")
    assert refused.value.violations[0][:2] == ("patient.human.telecoms[0].value", "PHONE_INVALID")


def test_of_a_government_number_only_the_end_is_shown(house: House) -> None:
    patient = house.human("Miller", "Anna", government_id="123-45-6789").patient
    assert patient.human.government_id_last_four == "6789"
    assert not patient.human.government_id
    with house.tenant.session() as session:
        row = session.get_one(Patient, (house.tenant.id, UUID(patient.id)))
        assert "123456789" not in str(row.government_id)
        assert reveal(session, keys.GOVERNMENT_ID, row.id, row.government_id) == "123456789"
    assert house.find("123-45-6789") == ["Anna Miller"]
    assert house.find("6789") == []
    told = "".join(str(event) for event in house.tenant.events())
    with house.tenant.session() as session:
        told += str(session.execute(select(tables.audit)).all())
    assert patient.id in told
    assert "6789" in told
    assert [number for number in ("123-45-6789", "123456789") if number in told] == []


def test_a_likely_duplicate_is_told_and_not_refused(house: House) -> None:
    first = house.human("Müller", "Anna", birth_date="1980-03-12", phone="312 555 0142").patient
    reply = house.human("Muller", "Ana", birth_date="1980-03-12", phone="(312) 555-0142")
    (found,) = reply.possible_duplicates
    assert (found.patient_id, found.chart_number, found.display_name) == (first.id, "1001", "Anna Müller")
    assert found.score >= 8
    assert pb.MATCH_REASON_BIRTH_DATE in found.reasons
    assert not found.maybe_relatives
    twin = house.human("Muller", "Tom", birth_date="1980-03-12", phone="(312) 555-0142")
    assert all(each.maybe_relatives for each in twin.possible_duplicates)
    sister = house.human("Muller", "Eva", birth_date="1984-07-01", phone="(312) 555-0142")
    assert not sister.possible_duplicates


def test_the_same_chip_is_the_same_animal(house: House) -> None:
    first = house.animal("Rex", (house.party("Miller", "Anna"), 10_000), microchips=["985112001234567"]).patient
    again = house.animal("Roxy", (house.party("Stone", "Ben"), 10_000), microchips=["985 112 001 234 567"])
    assert [item.patient_id for item in again.possible_duplicates] == [first.id]
    assert again.possible_duplicates[0].reasons[0] == pb.MATCH_REASON_MICROCHIP


def test_a_number_of_another_system_belongs_to_one_patient(house: House) -> None:
    reference = patient_pb2.ExternalReference(system="https://emr.example", value="42")
    patient = house.human("Miller", "Anna", external_refs=[reference]).patient
    with pytest.raises(Refused) as refused:
        house.human("Miller", "Anna", external_refs=[reference])
    assert refused.value.reason == "EXTERNAL_REFERENCE_TAKEN"
    assert refused.value.metadata["patient_id"] == patient.id
    assert house.find("", external_system="https://emr.example", external_value="42") == ["Anna Miller"]


def test_the_same_key_registers_once(house: House) -> None:
    name = type_pb2.PersonName(family="Miller", given=["Anna"])
    request = pb.RegisterPatientRequest(patient=patient_pb2.Patient(human=patient_pb2.HumanProfile(name=name)))
    first = house.call("RegisterPatient", request, key="k1")
    assert house.call("RegisterPatient", request, key="k1") == first
    assert house.find("miller") == ["Anna Miller"]


def test_a_known_party_can_become_a_patient(house: House) -> None:
    mother = house.party("Miller", "Anna", phone="+13125550142")
    patient = house.human("Miller-Stone", "Anna", party_id=mother.id).patient
    assert patient.human.party_id == mother.id
    party = house.call("GetParty", party_service_pb2.GetPartyRequest(id=mother.id))
    assert (party.display_name, party.patient_id) == ("Anna Miller-Stone", patient.id)
    with pytest.raises(Refused) as refused:
        house.call("UpdateParty", party_service_pb2.UpdatePartyRequest(party=party))
    assert refused.value.reason == "PARTY_FOLLOWS_PATIENT"


def test_the_longest_names_fit(house: House) -> None:
    longest = ["ﷺ" * 100] * 8
    patient = house.human("𐍈" * 100, *longest, other_names=[type_pb2.PersonName(family="ﷺ" * 100)]).patient
    assert house.find("𐍈" * 100) == [patient.display_name]


def test_a_family_that_is_registered_at_two_desks_waits_for_itself_in_one_order(
    house: House, patients: ServiceUnderTest
) -> None:
    """The mother, who is known as a guarantor, at one desk, and her child at the other."""
    before = deadlocks(patients)
    with ThreadPoolExecutor(2) as pool:
        for number in range(20):
            mother = house.party(f"Marlow{number}", "Ruth")
            guarantor = patient_pb2.Responsibility(
                party_id=mother.id, role=patient_pb2.RESPONSIBILITY_ROLE_GUARANTOR, share_basis_points=10_000
            )
            own = pool.submit(house.human, f"Marlow{number}", "Ruth", birth_date="1980-01-01", party_id=mother.id)
            child = pool.submit(
                house.human, f"Marlow{number}", "Tim", birth_date="2020-01-01", responsibilities=[guarantor]
            )
            assert own.result().patient.human.party_id == mother.id
            assert mother.id in {each.party_id for each in child.result().patient.responsibilities}
    assert deadlocks(patients) == before


def deadlocks(patients: ServiceUnderTest) -> int:
    """Return how many deadlocks the service's database has had; what a connection saw is counted when it is at rest."""
    with patients.runtime.database.engine.connect() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        time.sleep(1.2)
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        return int(connection.execute(text(query)).scalar_one())
