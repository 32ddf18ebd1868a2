"""Keeps the keys by which patients and parties are found and duplicates are suspected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from praxis.type.v1 import type_pb2
from praxis_chassis.sealing import blind_index
from praxis_patients.rules import matching, names, phones
from praxis_patients.rules.search import Key, Purpose, Term
from praxis_patients.store import queries
from praxis_patients.store.models import Party, PartyKey, Patient, PatientKey

GOVERNMENT_ID = "patients.government_id"
Pairs = set[tuple[str, str]]


def index_patient(session: Session, patient: Patient) -> None:
    """Bring the keys of a patient up to date with the record, who answers for it, and the duplicates it absorbed."""
    session.flush()
    wanted = set() if patient.survivor_id else _keys_of(patient)
    for absorbed in queries.absorbed_by(session, patient.id) if wanted else ():
        wanted |= _keys_of(absorbed)
    _replace_patient_keys(session, patient, wanted)


def _keys_of(patient: Patient) -> Pairs:
    owners = [row.party for row in patient.responsibilities if row.party_id != patient.party_id]
    wanted = _of_names(_names_of(patient), Purpose.NAME)
    wanted |= _of_names((owner.display_name for owner in owners), Purpose.OWNER)
    wanted |= {(Purpose.WITHIN.value, ending) for _, word in wanted for ending in names.endings(word)}
    wanted |= _numbers_of(patient)
    for telecoms in (_telecoms_of(patient), *(owner.telecoms for owner in owners if patient.human is None)):
        wanted |= _of_telecoms(telecoms)
    return wanted | {(Purpose.BLOCK.value, block) for block in matching.blocking_keys(record_of(patient))}


def forget_patient(session: Session, patient: Patient) -> None:
    session.execute(delete(PatientKey).where(PatientKey.patient_id == patient.id))


def index_party(session: Session, party: Party) -> None:
    session.flush()
    wanted = _of_names([party.display_name], Purpose.NAME) | _of_telecoms(party.telecoms)
    known = {(row.purpose, row.value): row for row in session.scalars(_keys_of_party(party))}
    for pair in known.keys() - wanted:
        session.delete(known[pair])
    session.add_all(
        PartyKey(purpose=purpose, value=value, party_id=party.id) for purpose, value in wanted - known.keys()
    )


def forget_party(session: Session, party: Party) -> None:
    session.execute(delete(PartyKey).where(PartyKey.party_id == party.id))


def sealed_terms(session: Session, terms: Iterable[Term]) -> list[Term]:
    """Turn government numbers in a query into their blind indexes, because nothing else of them is stored."""
    return [replace(term, keys=tuple(_sealed(session, key) for key in term.keys)) for term in terms]


def _sealed(session: Session, key: Key) -> Key:
    if key.purpose is not Purpose.GOVERNMENT_ID:
        return key
    return replace(key, values=tuple(blind_index(session, GOVERNMENT_ID, value) for value in key.values))


def record_of(patient: Patient) -> matching.Record:
    """Return what of a patient is compared when duplicates are looked for."""
    if patient.human is not None:
        return _human_record(patient)
    profile = patient.animal or patient.animal_group
    if profile is None:
        return matching.Record(patient.kind)
    parties = [row.party for row in patient.responsibilities]
    return matching.Record(
        patient.kind,
        given=names.plain(profile.name),
        birth_date=_day(patient.animal.birth_date) if patient.animal else None,
        telecoms=frozenset(item.value for party in parties for item in party.telecoms),
        microchips=frozenset(patient.animal.microchips if patient.animal else ()),
        owners=frozenset(str(party.id) for party in parties),
        species=profile.species_code,
    )


def _human_record(patient: Patient) -> matching.Record:
    human = patient.human
    assert human is not None
    return matching.Record(
        "human",
        family=names.plain(human.name.family),
        given=names.plain(human.name.given[0]) if human.name.given else "",
        suffix=names.plain(human.name.suffix),
        birth_date=_day(human.birth_date),
        government_id=patient.government_id.index if patient.government_id else "",
        telecoms=frozenset(item.value for item in human.telecoms),
        postal_codes=frozenset(names.plain(item.postal_code)[:5] for item in human.addresses if item.postal_code),
        streets=frozenset(names.plain(line) for item in human.addresses for line in item.lines) - {""},
        cities=frozenset(names.plain(item.city) for item in human.addresses) - {""},
    )


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _names_of(patient: Patient) -> list[str]:
    human = patient.human
    if human is None:
        return [patient.display_name]
    return [part for name in (human.name, *human.other_names) for part in (name.family, *name.given)]


def _telecoms_of(patient: Patient) -> list[type_pb2.Telecom]:
    return list(patient.human.telecoms) if patient.human else []


def _numbers_of(patient: Patient) -> Pairs:
    profile = patient.human or patient.animal
    found = {(Purpose.CHART_NUMBER.value, names.plain(patient.chart_number))}
    if profile is not None and profile.birth_date:
        found.add((Purpose.BIRTH_DATE.value, profile.birth_date))
    if patient.animal is not None:
        found |= {(Purpose.MICROCHIP.value, chip) for chip in patient.animal.microchips}
    if patient.government_id is not None:
        found.add((Purpose.GOVERNMENT_ID.value, patient.government_id.index))
    return found


def _of_names(texts: Iterable[str], purpose: Purpose) -> Pairs:
    return {(purpose.value, word) for word in names.words(*texts)}


def _of_telecoms(telecoms: Iterable[type_pb2.Telecom]) -> Pairs:
    numbers = {item.value for item in telecoms if item.system != type_pb2.Telecom.SYSTEM_EMAIL}
    return {(Purpose.PHONE.value, phones.search_key(number)) for number in numbers}


def _keys_of_party(party: Party) -> Select[PartyKey]:
    return select(PartyKey).where(PartyKey.party_id == party.id)


def _replace_patient_keys(session: Session, patient: Patient, wanted: Pairs) -> None:
    query = select(PatientKey).where(PatientKey.patient_id == patient.id)
    known = {(row.purpose, row.value): row for row in session.scalars(query)}
    for pair in known.keys() - wanted:
        session.delete(known[pair])
    fresh = wanted - known.keys()
    session.add_all(PatientKey(purpose=purpose, value=value, patient_id=patient.id) for purpose, value in sorted(fresh))
