"""Reads what a caller says about a patient, refuses what cannot be, and brings the rest into one form."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.orm import Session

from praxis.patients.v1 import patient_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis.context import context_of
from praxis_chassis.database import uuid_of
from praxis_chassis.errors import Violation, invalid
from praxis_chassis.sealing import seal
from praxis_patients.rules import identifiers, names
from praxis_patients.store import queries
from praxis_patients.store.models import Patient
from praxis_patients.usecases import contacts, keys, species
from praxis_patients.usecases.directory import display_name
from praxis_patients.usecases.parties import open_party

# Which sexes neither of the parents can have.
_PARENTS = {
    "sire_id": {patient_pb2.ANIMAL_SEX_FEMALE, patient_pb2.ANIMAL_SEX_FEMALE_SPAYED},
    "dam_id": {patient_pb2.ANIMAL_SEX_MALE, patient_pb2.ANIMAL_SEX_MALE_NEUTERED},
}


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
    contacts.check_addresses(human.addresses, "patient.human.addresses")
    _check_codes(human)
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


def _check_codes(human: patient_pb2.HumanProfile) -> None:
    """Refuse codes of races and ethnicities whose check digit is wrong."""
    lists = {"race_codes": human.race_codes, "ethnicity_codes": human.ethnicity_codes}
    contacts.refuse_all(
        [
            Violation(f"patient.human.{name}[{index}]", "CDC_CODE_INVALID", {"code": code})
            for name, given in lists.items()
            for index, code in enumerate(given)
            if not identifiers.cdc_code_is_valid(code)
        ]
    )


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
    contacts.check_dates(said.rabies_tag_from_date, said.rabies_tag_to_date, "patient.animal", "rabies_tag_")
    _check_keeper(session, said.kept_at_party_id, "patient.animal.kept_at_party_id")
    for name, sexes in _PARENTS.items():
        _check_parent(session, patient, said, name, sexes)
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


def _check_parent(
    session: Session, patient: Patient, said: patient_pb2.AnimalProfile, name: str, sexes: Collection[int]
) -> None:
    """Refuse a sire or a dam that is no animal of the practice, of another species or sex, or born later."""
    path, text = f"patient.animal.{name}", getattr(said, name)
    if not text:
        return
    found = session.get(Patient, (context_of(session).tenant, uuid_of(text, path)))
    if found is None or found.animal is None or found.id == patient.id:
        raise invalid(path, "PARENT_UNKNOWN")
    parent = found.animal
    younger = bool(said.birth_date and parent.birth_date) and parent.birth_date >= said.birth_date
    if parent.species_code != said.species_code or parent.sex in sexes or younger:
        raise invalid(path, "PARENT_IMPOSSIBLE", chart_number=found.chart_number)


def shared_chips(session: Session, patient: Patient) -> list[type_pb2.Warning]:
    """Return which other patients have a microchip of this one, because no two animals do."""
    chips = list(patient.animal.microchips) if patient.animal is not None else []
    return [
        contacts.warning(
            session, "POSSIBLE_DUPLICATE", number=chip, chart_number=other.chart_number, patient_id=str(other.id)
        )
        for chip, other in queries.others_with_chips(session, patient.id, chips)
    ]


def _check_keeper(session: Session, party_id: str, path: str) -> None:
    if party_id:
        open_party(session, uuid_of(party_id, path))


def _name_animal(patient: Patient, name: str, path: str) -> None:
    patient.display_name = " ".join(name.split())
    patient.sort_name = names.plain(name)
    if not patient.sort_name:
        raise invalid(path, "NAME_REQUIRED")
