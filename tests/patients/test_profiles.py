"""Everything that a record says of people and animals, and what of it cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.patients_house import House

from praxis.patients.v1 import events_pb2, party_pb2, patient_pb2
from praxis.patients.v1 import patient_service_pb2 as pb
from praxis.type.v1 import type_pb2
from praxis_chassis.testing import Refused
from praxis_patients.rules import identifiers

CHIP = "985112001234567"
PERSON = {
    "preferred_name": "Annie",
    "pronouns": "she/her",
    "sex": party_pb2.SEX_FEMALE,
    "sex_at_birth": party_pb2.SEX_FEMALE,
    "gender": "woman",
    "sexual_orientation": "lesbian",
    "marital_status": patient_pb2.MARITAL_STATUS_DOMESTIC_PARTNER,
    "race_codes": ["2106-3", "2054-5"],
    "ethnicity_codes": ["2186-5"],
    "language": "es",
    "employer": "Elm Bakery",
}


def test_a_person_is_kept_as_told(house: House) -> None:
    telecoms = [
        type_pb2.Telecom(
            system=type_pb2.Telecom.SYSTEM_MOBILE, value="312 555 0142", use=type_pb2.Telecom.USE_ANYWHERE,
            from_date="2020-01-01", to_date="2027-01-01",
        ),
        type_pb2.Telecom(system=type_pb2.Telecom.SYSTEM_EMAIL, value="anna@EXAMPLE.com", use=type_pb2.Telecom.USE_WORK),
    ]  # fmt: skip
    addresses = [
        type_pb2.Address(use=type_pb2.Address.USE_HOME, lines=["5 Elm"], from_date="2020-01-01"),
        type_pb2.Address(use=type_pb2.Address.USE_BILLING, lines=["9 Oak"], to_date="2027-01-01"),
    ]
    names = [type_pb2.PersonName(use=type_pb2.PersonName.USE_MAIDEN, family="Stone", given=["Anna"])]
    patient = house.human("Miller", "Anna", telecoms=telecoms, addresses=addresses, other_names=names, **PERSON).patient
    for name, value in PERSON.items():
        kept = getattr(patient.human, name)
        assert (list(kept) if isinstance(value, list) else kept) == value, name
    assert patient.human.telecoms[0].use == type_pb2.Telecom.USE_ANYWHERE
    assert (patient.human.telecoms[0].value, patient.human.telecoms[0].to_date) == ("+13125550142", "2027-01-01")
    assert list(patient.human.addresses) == addresses
    assert list(patient.human.other_names) == names
    assert house.get(patient.id) == patient
    assert house.tenant.events(events_pb2.PatientRegistered)[0].patient == patient


@pytest.mark.parametrize(
    ("profile", "field", "reason"),
    [
        ({"race_codes": ["2106-3", "2106-4"]}, "patient.human.race_codes[1]", "CDC_CODE_INVALID"),
        ({"ethnicity_codes": ["2135-9"]}, "patient.human.ethnicity_codes[0]", "CDC_CODE_INVALID"),
        (
            {"addresses": [type_pb2.Address(from_date="2026-02-02", to_date="2026-02-02")]},
            "patient.human.addresses[0].to_date",
            "DATES_REVERSED",
        ),
        (
            {
                "telecoms": [
                    type_pb2.Telecom(system=type_pb2.Telecom.SYSTEM_EMAIL, value="a@b.com", from_date="2026-02-30")
                ]
            },
            "patient.human.telecoms[0].from_date",
            "NOT_A_DATE",
        ),
    ],
)
def test_what_a_person_cannot_be_is_refused(house: House, profile: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        house.human("Miller", "Anna", **profile)
    assert [item[:2] for item in refused.value.violations] == [(field, reason)]
    assert len(refused.value.violations[0][2]) > 20


@given(st.integers(0, 9999).map("{:04}".format))
def test_one_check_digit_of_ten_is_right(number: str) -> None:
    assert [identifiers.cdc_code_is_valid(f"{number}-{digit}") for digit in range(10)].count(True) == 1


def test_an_animal_is_kept_as_told(house: House) -> None:
    ann, stable = house.party("Ann"), house.party("Stable")
    dam = house.animal("Dama", (ann, 10_000), sex=patient_pb2.ANIMAL_SEX_FEMALE, birth_date="2015-01-01").patient
    sire = house.animal("Siro", (ann, 10_000), sex=patient_pb2.ANIMAL_SEX_MALE).patient
    told = {
        "sex": patient_pb2.ANIMAL_SEX_FEMALE_SPAYED,
        "breed_codes": ["labrador_retriever"],
        "color": "black",
        "birth_date": "2020-05-01",
        "birth_date_precision": patient_pb2.DATE_PRECISION_MONTH,
        "microchips": [CHIP, "1250A1B2C"],
        "tattoo": "AB12",
        "rabies_tag": "R-77",
        "rabies_tag_from_date": "2026-01-01",
        "rabies_tag_to_date": "2029-01-01",
        "passport_number": "US0815",
        "food_producing": False,
        "kept_at_party_id": stable.id,
        "sire_id": sire.id,
        "dam_id": dam.id,
        "temperament": "bites when cornered",
    }
    patient = house.animal("Rex", (ann, 10_000), **told).patient
    for name, value in told.items():
        kept = getattr(patient.animal, name)
        assert (list(kept) if isinstance(value, list) else kept) == value, name
    assert house.get(patient.id) == patient
    house.call("ErasePatient", pb.ErasePatientRequest(id=dam.id, reason="asked for it"))
    assert house.get(patient.id).animal.kept_at_party_id == stable.id


def test_who_keeps_the_horse_of_somebody_else_is_not_erased_with_an_own_one(house: House) -> None:
    ann, stable = house.party("Ann"), house.party("Stable")
    house.animal("Comet", (ann, 10_000), species="horse", kept_at_party_id=stable.id)
    own = house.animal("Own", (stable, 10_000), species="horse").patient
    house.call("ErasePatient", pb.ErasePatientRequest(id=own.id, reason="asked for it"))
    assert not house.tenant.events(events_pb2.PartyErased)


@pytest.mark.parametrize("wrong", ["species", "sex", "younger", "person", "nobody"])
def test_parents_that_cannot_be_are_refused(house: House, wrong: str) -> None:
    ann = house.party("Ann")
    female = patient_pb2.ANIMAL_SEX_FEMALE
    parents = {
        "species": lambda: house.animal("Cat", (ann, 10_000), species="cat", sex=female).patient.id,
        "sex": lambda: house.animal("He", (ann, 10_000), sex=patient_pb2.ANIMAL_SEX_MALE_NEUTERED).patient.id,
        "younger": lambda: house.animal("Pup", (ann, 10_000), sex=female, birth_date="2024-01-01").patient.id,
        "person": lambda: house.human("Miller", "Anna").patient.id,
        "nobody": lambda: ann.id,
    }
    with pytest.raises(Refused) as refused:
        house.animal("Rex", (ann, 10_000), dam_id=parents[wrong](), birth_date="2020-01-01")
    field, reason, _ = refused.value.violations[0]
    assert field == "patient.animal.dam_id"
    assert reason == ("PARENT_UNKNOWN" if wrong in {"person", "nobody"} else "PARENT_IMPOSSIBLE")


def test_a_rabies_tag_ends_after_it_began(house: House) -> None:
    with pytest.raises(Refused) as refused:
        house.animal(
            "Rex", (house.party("Ann"), 10_000), rabies_tag_from_date="2026-01-01", rabies_tag_to_date="2025-01-01"
        )
    assert refused.value.violations[0][:2] == ("patient.animal.rabies_tag_to_date", "DATES_REVERSED")


def test_a_scanned_chip_that_another_patient_has_is_told(house: House) -> None:
    ann, ben = house.party("Ann"), house.party("Ben")
    first = house.animal("Rex", (ann, 10_000), microchips=[CHIP]).patient
    second = house.animal("Rolf", (ben, 10_000)).patient

    def scan(number: str) -> patient_pb2.Patient:
        changed = patient_pb2.Patient(id=second.id, animal=second.animal)
        changed.animal.microchips[:] = [number]
        request = pb.UpdatePatientRequest(patient=changed)
        request.update_mask.paths.append("animal")
        return house.call("UpdatePatient", request)

    told = scan("985 112 001 234 567")
    assert [(item.reason, item.metadata["patient_id"]) for item in told.warnings] == [("POSSIBLE_DUPLICATE", first.id)]
    assert "1001" in told.warnings[0].text
    assert not house.get(second.id).warnings
    assert not house.tenant.events(events_pb2.PatientUpdated)[-1].patient.warnings
    with pytest.raises(Refused) as refused:
        scan("98511200123456")
    assert refused.value.violations[0][:2] == ("patient.animal.microchips[0]", "MICROCHIP_LENGTH")
    assert not scan("985112001234568").warnings
    again = house.animal("Third", (ben, 10_000), microchips=[CHIP])
    assert [item.reason for item in again.warnings] == ["POSSIBLE_DUPLICATE"]
