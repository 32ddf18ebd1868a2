"""Makes one patient of two records, and two of one again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from praxis.patients.v1 import coverage_pb2, errors_pb2, merge_pb2, patient_pb2
from praxis.patients.v1 import events_pb2 as happened
from praxis.patients.v1 import merge_service_pb2 as pb
from praxis_chassis import clock, merging
from praxis_chassis.context import context_of
from praxis_chassis.database import enum_words, fetch, uuid_of
from praxis_chassis.errors import DomainError
from praxis_chassis.events import record
from praxis_chassis.types import new_id
from praxis_patients.rules.lifecycle import Change
from praxis_patients.store import queries
from praxis_patients.store.merges import MergeAcknowledgment, PatientMerge
from praxis_patients.store.models import Coverage, Patient
from praxis_patients.usecases import duplicates, keys
from praxis_patients.usecases.states import open_patient, state_after

_WORDS, _NUMBERS = enum_words(patient_pb2.PatientState)
_SELF = coverage_pb2.SUBSCRIBER_RELATIONSHIP_SELF
_MOST_CHIPS = 5
Snapshot = dict[str, Any]


def merge(session: Session, request: pb.MergePatientsRequest) -> PatientMerge:
    """Let one patient absorb another; what belongs to the absorbed one is the survivor's from now on."""
    survivor, absorbed = _pair(session, request)
    done = PatientMerge(id=new_id(), survivor_id=survivor.id, absorbed_id=absorbed.id, reason=request.reason)
    done.state, before = merge_pb2.MERGE_STATE_MERGED, absorbed.state
    absorbed.state, absorbed.survivor_id = state_after(absorbed, Change.MERGE), survivor.id
    done.snapshot = {
        "state": _WORDS[before],
        "microchips": _take_chips(survivor, absorbed),
        "coverages": _take_coverages(session, survivor, absorbed),
    }
    session.add(done)
    merging.unite(session, done.id, absorbed.id, survivor.id)
    record(session, happened.PatientMerged, absorbed, survivor_id=survivor.id, merge_id=done.id)
    record(session, happened.PatientUpdated, survivor, previous_state=survivor.state)
    _index(session, survivor, absorbed)
    duplicates.settle_merge(session, survivor, absorbed)
    return done


def reverse(session: Session, request: pb.ReversePatientMergeRequest) -> PatientMerge:
    """Give the absorbed patient back what was his."""
    done = fetch(session, PatientMerge, request.id, lock=True, etag=request.etag)
    survivor, absorbed = _locked(session, done.survivor_id, done.absorbed_id)
    _check_reversible(done, survivor, absorbed)
    done.state, done.reversal_reason = merge_pb2.MERGE_STATE_REVERSED, request.reason
    done.version += 1
    absorbed.state, absorbed.survivor_id = _NUMBERS[done.snapshot["state"]], None
    _return_chips(survivor, done.snapshot["microchips"])
    _return_coverages(session, absorbed, done.snapshot["coverages"])
    merging.part(session, done.id)
    record(session, happened.PatientUnmerged, absorbed, survivor_id=survivor.id, merge_id=done.id)
    record(session, happened.PatientUpdated, survivor, previous_state=survivor.state)
    _index(session, survivor, absorbed)
    duplicates.settle_reversal(session, survivor, absorbed)
    return done


def acknowledge(session: Session, service: str, merge_id: UUID, moved: int, *, reversed_: bool) -> None:
    """Note that a service has done its part of a merge or of its reversal."""
    done = session.get(PatientMerge, (context_of(session).tenant, merge_id), with_for_update=True)
    if done is None:  # a restored database may not know it any more
        return
    key = (context_of(session).tenant, merge_id, service)
    row = session.get(MergeAcknowledgment, key) or MergeAcknowledgment(merge_id=merge_id, service=service)
    row.moved, row.reversed, row.acknowledge_time = moved, reversed_, clock.now(session)
    session.add(row)
    done.version += 1


def listed(request: pb.ListPatientMergesRequest) -> Select[Any]:
    """Return the merges of everybody, or those in which one patient remained or was absorbed."""
    query = select(PatientMerge)
    if not request.patient_id:
        return query
    patient_id = uuid_of(request.patient_id, "patient_id")
    return query.where(or_(PatientMerge.survivor_id == patient_id, PatientMerge.absorbed_id == patient_id))


def _pair(session: Session, request: pb.MergePatientsRequest) -> tuple[Patient, Patient]:
    """Load and lock both, in the order of their ids, so that two merges never wait for each other."""
    ids = uuid_of(request.id), uuid_of(request.duplicate_id, "duplicate_id")
    if ids[0] == ids[1]:
        raise DomainError(errors_pb2.ERROR_REASON_MERGE_IMPOSSIBLE, problem="both are the same record")
    _locked(session, *ids)
    survivor, absorbed = open_patient(session, request.id, request.etag), open_patient(session, request.duplicate_id)
    if survivor.kind != absorbed.kind:
        kinds = f"one is {survivor.kind}, the other {absorbed.kind}"
        raise DomainError(errors_pb2.ERROR_REASON_MERGE_IMPOSSIBLE, problem=kinds)
    return survivor, absorbed


def _locked(session: Session, survivor_id: UUID, absorbed_id: UUID) -> tuple[Patient, Patient]:
    found = {key: fetch(session, Patient, key, lock=True) for key in sorted((survivor_id, absorbed_id))}
    return found[survivor_id], found[absorbed_id]


def _check_reversible(done: PatientMerge, survivor: Patient, absorbed: Patient) -> None:
    problem = ""
    if done.state == merge_pb2.MERGE_STATE_REVERSED:
        problem = "it was taken back already"
    elif absorbed.state == patient_pb2.PATIENT_STATE_ERASED:
        problem = "the patient was erased"
    elif survivor.state == patient_pb2.PATIENT_STATE_MERGED:
        problem = f"patient {survivor.id} was merged into {survivor.survivor_id} since"
    if problem:
        raise DomainError(errors_pb2.ERROR_REASON_MERGE_FIXED, problem=problem)


def _index(session: Session, survivor: Patient, absorbed: Patient) -> None:
    """Bring the keys up to date: a survivor is found by everything that his duplicates are known by."""
    keys.index_patient(session, absorbed)
    keys.index_patient(session, survivor)


def _take_chips(survivor: Patient, absorbed: Patient) -> list[str]:
    if survivor.animal is None or absorbed.animal is None:
        return []
    new = [chip for chip in absorbed.animal.microchips if chip not in survivor.animal.microchips]
    _set_chips(survivor, [*survivor.animal.microchips, *new][:_MOST_CHIPS])
    return new


def _return_chips(survivor: Patient, taken: list[str]) -> None:
    if survivor.animal is not None and taken:
        _set_chips(survivor, [chip for chip in survivor.animal.microchips if chip not in taken])


def _set_chips(patient: Patient, chips: list[str]) -> None:
    animal = patient_pb2.AnimalProfile()
    animal.CopyFrom(patient.animal or animal)
    del animal.microchips[:]
    animal.microchips.extend(chips)
    patient.animal = animal


def _take_coverages(session: Session, survivor: Patient, absorbed: Patient) -> Snapshot:
    """Give coverages to the survivor, after his own where ranks collide; one that he has already stays."""
    before: Snapshot = {}
    own = list(queries.coverages_of(session, survivor.id))
    for coverage in queries.coverages_of(session, absorbed.id):
        if coverage.state == coverage_pb2.COVERAGE_STATE_ERASED or _known(coverage, own):
            continue
        before[str(coverage.id)] = {"rank": coverage.rank, "subscriber_party_id": str(coverage.subscriber_party_id)}
        coverage.patient_id, coverage.rank = survivor.id, _free_rank(coverage, own)
        if coverage.subscriber_relationship == _SELF and survivor.party_id is not None:
            coverage.subscriber_party_id = survivor.party_id
        own.append(coverage)
        session.flush()
        record(session, happened.CoverageChanged, coverage)
    return before


def _return_coverages(session: Session, absorbed: Patient, before: Snapshot) -> None:
    for identifier, said in before.items():
        coverage = fetch(session, Coverage, identifier, lock=True)
        coverage.patient_id, coverage.rank = absorbed.id, said["rank"]
        coverage.subscriber_party_id = UUID(said["subscriber_party_id"])
        session.flush()
        record(session, happened.CoverageChanged, coverage)


def _known(coverage: Coverage, own: list[Coverage]) -> bool:
    return any((each.payer_id, each.member_id) == (coverage.payer_id, coverage.member_id) for each in own)


def _free_rank(coverage: Coverage, own: list[Coverage]) -> int:
    rivals = [each for each in own if each.related_cause_id == coverage.related_cause_id]
    taken = {each.rank for each in rivals if each.overlaps(coverage)}
    return next(rank for rank in range(coverage.rank, coverage.rank + len(taken) + 1) if rank not in taken)
