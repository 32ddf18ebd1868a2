"""Reads what a caller says about a patient, refuses what cannot be, and brings the rest into one form."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from praxis.patients.v1 import patient_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis.database import uuid_of
from praxis_chassis.errors import Violation, invalid
from praxis_chassis.sealing import seal
from praxis_patients.rules import identifiers, names
from praxis_patients.store.models import Patient
from praxis_patients.usecases import contacts, keys, species
from praxis_patients.usecases.directory import display_name
from praxis_patients.usecases.parties import open_party


def settle(session: Session, patient: Patient, said: patient_pb2.Patient) -> list[type_pb2.Warning]:
    """Check and complete the profile of a patient; return what was accepted although it is unusual."""
    if patient.human is not None:
        _settle_human(session, patient, said.human)
        return []
    if patient.animal is not None:
        return _settle_animal(session, patient, patient.animal)
    if patient.animal_group is not None:
        _settle_group(session, patient, patient.animal_group)
        return []
    raise invalid("patient", "PROFILE_REQUIRED")


def wanted_party(said: patient_pb2.Patient) -> UUID | None:
    text = said.human.party_id
    return uuid_of(text, "patient.human.party_id") if text else None


def _settle_human(session: Session, patient: Patient, said: patient_pb2.HumanProfile) -> None:
    human = patient_pb2.HumanProfile()
    human.CopyFrom(patient.human or patient_pb2.HumanProfile())
    contacts.check_birth_date(session, human.birth_date, "patient.human.birth_date")
    settled = contacts.telecoms(session, human.telecoms, "patient.human.telecoms")
    del human.telecoms[:]
    human.telecoms.extend(settled)
    patient.human = human
    patient.display_name = display_name(human.name)
    patient.sort_name = names.person_sort_name(human.name.family, human.name.given)
    if not patient.sort_name:
        raise invalid("patient.human.name", "NAME_REQUIRED")
    if said.government_id:
        _seal_government_id(session, patient, said.government_id)


def _seal_government_id(session: Session, patient: Patient, text: str) -> None:
    country = contacts.search_country(session)
    number = identifiers.government_id(text, country)
    if number is None:
        raise invalid("patient.human.government_id", "GOVERNMENT_ID_INVALID", country=country or "-")
    patient.government_id = seal(session, keys.GOVERNMENT_ID, patient.id, number)


def _settle_animal(session: Session, patient: Patient, said: patient_pb2.AnimalProfile) -> list[type_pb2.Warning]:
    contacts.check_birth_date(session, said.birth_date, "patient.animal.birth_date")
    chips = [identifiers.microchip(text) for text in said.microchips]
    wrong = species.violations(said.species_code, list(said.breed_codes), "patient.animal")
    wrong += [
        Violation(f"patient.animal.microchips[{index}]", chip.problem.value, {"number": chip.number})
        for index, chip in enumerate(chips)
        if chip.problem
    ]
    contacts.refuse_all(wrong)
    _check_keeper(session, said.kept_at_party_id, "patient.animal.kept_at_party_id")
    animal = patient_pb2.AnimalProfile()
    animal.CopyFrom(said)
    del animal.microchips[:]
    animal.microchips.extend(dict.fromkeys(chip.number for chip in chips))
    patient.animal = animal
    _name_animal(patient, said.name, "patient.animal.name")
    return [contacts.warning(session, "MICROCHIP_LEGACY", number=chip.number) for chip in chips if chip.legacy]


def _settle_group(session: Session, patient: Patient, said: patient_pb2.AnimalGroupProfile) -> None:
    _check_keeper(session, said.kept_at_party_id, "patient.animal_group.kept_at_party_id")
    contacts.refuse_all(species.violations(said.species_code, list(said.breed_codes), "patient.animal_group"))
    _name_animal(patient, said.name, "patient.animal_group.name")


def _check_keeper(session: Session, party_id: str, path: str) -> None:
    if party_id:
        open_party(session, uuid_of(party_id, path))


def _name_animal(patient: Patient, name: str, path: str) -> None:
    patient.display_name = " ".join(name.split())
    patient.sort_name = names.plain(name)
    if not patient.sort_name:
        raise invalid(path, "NAME_REQUIRED")
