"""What is read straight from rows is what the entity says, field by field."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from support.patients_house import House

from praxis.patients.v1 import patient_pb2, patient_service_pb2
from praxis_chassis.testing import Refused
from praxis_chassis.types import new_id
from praxis_patients.store.mappings import PATIENT, PATIENT_READING
from praxis_patients.store.models import Patient


def both(house: House, patient_id: str) -> tuple[patient_pb2.Patient, patient_pb2.Patient]:
    """Return a patient from rows and from the entity."""
    with house.tenant.session() as session:
        entity = session.get(Patient, (house.tenant.id, UUID(patient_id)))
        return PATIENT_READING.get(session, patient_id), PATIENT.message(entity)


def test_people_with_everything_and_with_nothing(house: House) -> None:
    guarantor = house.party("Miller", "Oda", phone="+15125550100")
    answering = patient_pb2.Responsibility(
        party_id=guarantor.id, role=patient_pb2.RESPONSIBILITY_ROLE_GUARANTOR, share_basis_points=10000
    )
    full = house.human(
        "Miller", "Anna", government_id="123-45-6789", birth_date="1984-03-09", phone="+15125550142",
        responsibilities=[answering],
        external_refs=[patient_pb2.ExternalReference(system=system, value="7") for system in ("lab", "imaging")],
    ).patient  # fmt: skip
    house.call(
        "MarkPatientDeceased",
        patient_service_pb2.MarkPatientDeceasedRequest(id=full.id, deceased_date=date(2026, 1, 2).isoformat()),
    )
    bare = house.human("Li", "Bo").patient
    for patient_id in (full.id, bare.id):
        rows, entity = both(house, patient_id)
        assert rows == entity
    rows, _ = both(house, full.id)
    assert rows.human.government_id_last_four == "6789"
    assert [each.system for each in rows.external_refs] == ["imaging", "lab"]
    assert rows.responsibilities[0].party_display_name == guarantor.display_name
    assert rows.create_time.nanos


def test_animals_with_two_owners(house: House) -> None:
    owners = [(house.party("Miller", given), 5000) for given in ("Oda", "Ben")]
    animal = house.animal("Luna", *owners, birth_date="2021-05-04", microchips=["985112345678903"]).patient
    rows, entity = both(house, animal.id)
    assert rows == entity
    assert [each.share_basis_points for each in rows.responsibilities] == [5000, 5000]


def test_a_list_holds_the_same_as_single_reads(house: House) -> None:
    ids = {house.human("Miller", given).patient.id for given in ("Ada", "Bea", "Cleo")}
    request = patient_service_pb2.ListPatientsRequest(page_size=2)
    first = house.call("ListPatients", request)
    request.page_token = first.next_page_token
    found = [*first.patients, *house.call("ListPatients", request).patients]
    assert {patient.id for patient in found} == ids
    assert all(patient == both(house, patient.id)[1] for patient in found)


def test_who_is_not_there_is_not_found(house: House) -> None:
    with pytest.raises(Refused) as refused:
        house.call("GetPatient", patient_service_pb2.GetPatientRequest(id=str(new_id())))
    assert refused.value.reason == "NOT_FOUND"
