"""Keeps the worklist of likely duplicates: finds pairs, rates them anew, and remembers what people said."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Uuid, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from praxis.patients.v1 import duplicate_candidate_pb2, errors_pb2, patient_pb2
from praxis.patients.v1 import duplicate_candidate_service_pb2 as pb
from praxis.patients.v1.patient_service_pb2 import MatchReason
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import enum_words, fetch, uuid_of
from praxis_chassis.errors import DomainError
from praxis_chassis.merging import now_of
from praxis_chassis.paging import page
from praxis_chassis.types import new_id
from praxis_patients.rules import matching
from praxis_patients.rules.duplicates import best, is_likely, is_settled
from praxis_patients.rules.matching import Match, Record
from praxis_patients.store import queries
from praxis_patients.store.duplicates import DUPLICATE_CANDIDATE, DuplicateCandidate
from praxis_patients.store.models import Patient
from praxis_patients.usecases import keys

OPEN, MERGED, DISMISSED = (
    duplicate_candidate_pb2.DUPLICATE_CANDIDATE_STATE_OPEN,
    duplicate_candidate_pb2.DUPLICATE_CANDIDATE_STATE_MERGED,
    duplicate_candidate_pb2.DUPLICATE_CANDIDATE_STATE_DISMISSED,
)
_WORDS = enum_words(duplicate_candidate_pb2.DuplicateCandidateState)[0]
_MOST_OF_ONE = 10
Likely = tuple[Patient, Match]


@dataclass(frozen=True)
class Pair:
    """A row, and who its two patients are now."""

    row: DuplicateCandidate
    now: frozenset[UUID]

    @property
    def is_of_present_records(self) -> bool:
        return self.now == {self.row.patient_id, self.row.other_patient_id}


def refresh(session: Session, patient: Patient, *, known: bool = True) -> tuple[list[Likely], int]:
    """Bring the pairs of a patient up to date; return whom he is likely the same as, and how many pairs that opened.

    Who has just been registered is not `known`, so that there is nothing yet to rate anew.
    """
    mine = records_of(session, [patient])[patient.id] if known else [keys.record_of(patient)]
    blocks = {block for one in mine for block in matching.blocking_keys(one)}
    pairs = _pairs_with_others(session, patient) if known else {}
    others = {other.id: other for other in queries.candidates(session, patient.id, blocks)}
    missing = pairs.keys() - others.keys()
    others |= {other.id: other for other in queries.present(session, missing)} if missing else {}
    theirs = records_of(session, others.values())
    matches = {key: best(mine, theirs[key]) for key in others}
    likely = sorted((key for key in others if is_likely(matches[key].score)), key=lambda key: -matches[key].score)
    shown = likely[:_MOST_OF_ONE]
    kept = dict.fromkeys([*shown, *(key for key in pairs if key in others)])
    opened = [_keep(session, patient.id, key, matches[key], pairs.get(key, [])) for key in kept]
    return [(others[key], matches[key]) for key in shown], sum(opened)


def records_of(session: Session, patients: Iterable[Patient]) -> dict[UUID, list[Record]]:
    """Return what of each patient is compared: the own record, and those of whom he absorbed."""
    found = {patient.id: [keys.record_of(patient)] for patient in patients}
    for survivor_id, absorbed in queries.absorbed_by_each(session, found):
        found[survivor_id].append(keys.record_of(absorbed))
    return found


def dismiss(session: Session, request: pb.DismissDuplicateCandidateRequest) -> DuplicateCandidate:
    """Note that somebody says that the two are different."""
    row = fetch(session, DuplicateCandidate, request.id, lock=True, etag=request.etag)
    if row.state != OPEN:
        raise DomainError(errors_pb2.ERROR_REASON_DUPLICATE_CANDIDATE_CLOSED, state=_WORDS[row.state])
    row.dismissed_score, row.dismiss_reason = row.score, request.reason
    row.dismissed_by, row.dismiss_time = str(context_of(session).actor), clock.now(session)
    _move(row, DISMISSED)
    session.flush()
    return row


def find(session: Session, request: pb.FindDuplicateCandidatesRequest) -> pb.FindDuplicateCandidatesResponse:
    """Compare some patients who are there already with all others."""
    wanted = select(Patient).where(Patient.state.not_in(queries.HIDDEN)).with_for_update()
    patients, token = page(session, wanted, order=[Patient.id], request=request)
    opened = sum(refresh(session, patient)[1] for patient in patients)
    return pb.FindDuplicateCandidatesResponse(compared_count=len(patients), opened_count=opened, next_page_token=token)


def listed(request: pb.ListDuplicateCandidatesRequest) -> Select[Any]:
    query = select(DuplicateCandidate).where(DuplicateCandidate.score >= request.minimum_score)
    if request.patient_id:
        now = now_of(uuid_of(request.patient_id, "patient_id"))
        query = query.where(or_(DuplicateCandidate.patient_id == now, DuplicateCandidate.other_patient_id == now))
    return query.where(DuplicateCandidate.state.in_(request.states)) if request.states else query


def messages(
    session: Session, rows: Collection[DuplicateCandidate]
) -> list[duplicate_candidate_pb2.DuplicateCandidate]:
    """Return pairs with what tells the two apart."""
    ids = {key for row in rows for key in (row.patient_id, row.other_patient_id)}
    records = {patient.id: _record(patient) for patient in queries.patients_by_id(session, ids)}
    found = []
    for row in rows:
        message = DUPLICATE_CANDIDATE.message(row)
        message.patient.CopyFrom(records[row.patient_id])
        message.other_patient.CopyFrom(records[row.other_patient_id])
        found.append(message)
    return found


def settle_merge(session: Session, survivor: Patient, absorbed: Patient) -> None:
    """Close the pairs that a merge made one; what the absorbed one was like to, the survivor is now."""
    session.flush()
    for pair in _pairs(session, [survivor, absorbed]):
        if len(pair.now) == 1 and pair.row.state != MERGED:
            pair.row.dismissed_score = None
            _move(pair.row, MERGED)
        elif pair.row.state == OPEN and not pair.is_of_present_records:
            session.delete(pair.row)
    refresh(session, survivor)


def settle_reversal(session: Session, survivor: Patient, absorbed: Patient) -> None:
    """Open the pairs again that a merge had made one."""
    session.flush()
    for pair in _pairs(session, [survivor, absorbed]):
        if pair.row.state != MERGED or len(pair.now) == 1:
            continue
        if pair.is_of_present_records:
            _move(pair.row, OPEN)
        else:
            session.delete(pair.row)
    session.flush()
    for patient in (survivor, absorbed):
        refresh(session, patient)


def forget(session: Session, patient: Patient) -> None:
    """Delete the pairs of a patient who is erased."""
    either = or_(DuplicateCandidate.patient_id == patient.id, DuplicateCandidate.other_patient_id == patient.id)
    session.execute(delete(DuplicateCandidate).where(either))


def _keep(session: Session, patient_id: UUID, other_id: UUID, match: Match, pairs: list[Pair]) -> bool:
    """Open, rate anew, open again or drop the pair of two patients; tell whether it was opened."""
    row = next((pair.row for pair in pairs if pair.is_of_present_records), None)
    said = [pair.row.dismissed_score for pair in pairs if pair.row.dismissed_score is not None]
    if not is_likely(match.score) or is_settled(match.score, said):
        if row is not None and row.state == OPEN:
            session.delete(row)
        return False
    if row is None:
        return _open(session, patient_id, other_id, match)
    was_open, reasons = row.state == OPEN, _reasons(match)
    if not was_open or (row.score, list(row.reasons)) != (match.score, reasons):
        row.score, row.reasons, row.maybe_relatives = match.score, reasons, match.maybe_relatives
        row.dismissed_score = None
        _move(row, OPEN)
    return not was_open


def _reasons(match: Match) -> list[int]:
    return [MatchReason.Value(f"MATCH_REASON_{reason.name}") for reason in dict.fromkeys(match.reasons)]


def _open(session: Session, patient_id: UUID, other_id: UUID, match: Match) -> bool:
    """Add a pair, unless somebody who changes the other record at this moment was first."""
    now, (first, second) = clock.now(session), sorted((patient_id, other_id))
    values = {
        "tenant_id": context_of(session).tenant, "id": new_id(), "patient_id": first, "other_patient_id": second,
        "score": match.score, "reasons": _reasons(match), "maybe_relatives": match.maybe_relatives, "state": OPEN,
        "dismiss_reason": "", "dismissed_by": "", "version": 1, "create_time": now, "update_time": now,
    }  # fmt: skip
    added = insert(DuplicateCandidate).values(values).on_conflict_do_nothing().returning(DuplicateCandidate.id)
    return session.execute(added).first() is not None


def _move(row: DuplicateCandidate, state: int) -> None:
    row.state = state
    row.version += 1


def _pairs_with_others(session: Session, patient: Patient) -> dict[UUID, list[Pair]]:
    """Return the pairs of a patient, and of whom he absorbed, by who the other one is now."""
    found: dict[UUID, list[Pair]] = {}
    for pair in _pairs(session, [patient]):
        for other_id in pair.now - {patient.id}:
            found.setdefault(other_id, []).append(pair)
    return found


def _pairs(session: Session, patients: Iterable[Patient]) -> list[Pair]:
    """Return the pairs of patients and of whom they absorbed, locked in one order."""
    kin = {patient.id for patient in patients}
    for patient_id in list(kin):
        kin |= {absorbed.id for absorbed in queries.absorbed_by(session, patient_id)}
    first, second = DuplicateCandidate.patient_id, DuplicateCandidate.other_patient_id
    query = select(DuplicateCandidate, *(func.current_patient(side, type_=Uuid) for side in (first, second)))
    query = query.where(or_(first.in_(kin), second.in_(kin))).order_by(DuplicateCandidate.id)
    rows = session.execute(query.with_for_update(of=DuplicateCandidate).execution_options(populate_existing=True))
    return [Pair(row, frozenset(now)) for row, *now in rows]


def _record(patient: Patient) -> duplicate_candidate_pb2.DuplicateRecord:
    profile: Any = patient.human or patient.animal or patient_pb2.AnimalProfile()
    return duplicate_candidate_pb2.DuplicateRecord(
        chart_number=patient.chart_number, display_name=patient.display_name, birth_date=profile.birth_date
    )
