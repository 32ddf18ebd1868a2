"""Keeps who answers for a patient, and that the parts they pay add to the whole on every day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from praxis.patients.v1 import events_pb2 as happened
from praxis.patients.v1 import patient_pb2
from praxis.patients.v1 import patient_service_pb2 as pb
from praxis_chassis.errors import invalid
from praxis_chassis.events import record
from praxis_chassis.mapping import read_date
from praxis_patients.rules import shares
from praxis_patients.rules.shares import Share
from praxis_patients.store.mappings import RESPONSIBILITY
from praxis_patients.store.models import Party, Patient, Responsibility
from praxis_patients.usecases import contacts, duplicates, keys
from praxis_patients.usecases.parties import open_party
from praxis_patients.usecases.states import open_patient

_SELF = patient_pb2.RESPONSIBILITY_ROLE_SELF
_CO_OWNER = patient_pb2.RESPONSIBILITY_ROLE_CO_OWNER
# Whoever owns a part is an owner whatever the entry calls it; every other role is one of its own.
_FAMILIES: dict[int, int] = {_CO_OWNER: patient_pb2.RESPONSIBILITY_ROLE_OWNER}
Said = Sequence[patient_pb2.Responsibility]
Parts = list[Share[Responsibility]]


def register(session: Session, patient: Patient, said: Said) -> None:
    """Write down who answers for a new patient; a person of whom nothing is said answers for himself."""
    if not said and patient.party_id is not None:
        said = [_himself()]
    patient.responsibilities = _rows(session, patient, said, "patient.responsibilities", first=0)
    _check_shares(patient, "patient.responsibilities")


def change(session: Session, request: pb.ChangeResponsibilitiesRequest) -> Patient:
    """Replace who answers for a patient from a day on; those of earlier days stay."""
    patient = open_patient(session, request.id, request.etag)
    day = read_date(request.from_date, "from_date") or contacts.today(session)
    _refuse_own_dates(request.responsibilities)
    kept = shares.ended(patient.payers, day)
    for share in kept:
        share.payer.to_date = None if share.to_date == date.max else share.to_date
    first = max((row.position for row in patient.responsibilities), default=-1) + 1
    rows = _rows(session, patient, request.responsibilities, "responsibilities", first)
    for row in rows:
        row.from_date = day
    patient.responsibilities = [*(share.payer for share in kept), *rows]
    _check_shares(patient, "responsibilities")
    return _changed(session, patient, day)


def transfer(session: Session, request: pb.TransferOwnershipRequest) -> Patient:
    """Hand a part of a party's share to another one from a day on; all other rows stay as they are."""
    patient = open_patient(session, request.id, request.etag)
    day = read_date(request.from_date, "from_date") or contacts.today(session)
    if request.from_party_id == request.to_party_id:
        raise invalid("to_party_id", "TRANSFER_TO_ITSELF")
    if request.role == _SELF:
        raise invalid("role", "SELF_NOT_POSSIBLE")
    taker = open_party(session, request.to_party_id)
    given = [row for row in patient.responsibilities if _is_given(row, request)]
    if not any(row.share.covers(day) for row in given):
        raise invalid("from_party_id", "NO_SUCH_SHARE", date=day)
    rest, taken = _handed_over(given, request, day)
    own = [row for row in patient.responsibilities if _is_own(row, request)]
    moved = [*given, *own]
    others = [row for row in patient.responsibilities if row not in moved or row.share.from_date < day]
    held = [_granted(share, request) for share in shares.from_day([row.share for row in own], day)]
    for row in moved:
        row.to_date = min(row.share.to_date, day) if row.share.from_date < day else row.to_date
    got = shares.pooled(held, [_as_taker(share, request, taker) for share in taken])
    patient.responsibilities = _appended(others, [share.payer.continued(share) for share in [*rest, *got]])
    _check_shares(patient, "share_basis_points")
    return _changed(session, patient, day)


def _is_given(row: Responsibility, request: pb.TransferOwnershipRequest) -> bool:
    """Tell whether a row is of the share that is given away."""
    same = str(row.party_id) == request.from_party_id and set(row.revenue_groups) == set(request.revenue_groups)
    return same and row.share_basis_points > 0


def _handed_over(given: list[Responsibility], request: pb.TransferOwnershipRequest, day: date) -> tuple[Parts, Parts]:
    try:
        return shares.handed_over([row.share for row in given], request.share_basis_points, day)
    except shares.TooLittle as few:
        raise invalid("share_basis_points", "SHARE_TOO_LARGE", share=few.held, date=few.day) from None


def _is_own(row: Responsibility, request: pb.TransferOwnershipRequest) -> bool:
    """Tell whether a row is a share that the taker has already, to which more comes."""
    same = str(row.party_id) == request.to_party_id and set(row.revenue_groups) == set(request.revenue_groups)
    return same and row.share_basis_points > 0 and _family(row.role) == _family(request.role or _CO_OWNER)


def _family(role: int) -> int:
    return _FAMILIES.get(role, role)


def _granted(share: Share[Responsibility], request: pb.TransferOwnershipRequest) -> Share[Responsibility]:
    """Return a share that the taker has already, with what he may do besides."""
    row = share.payer.continued(share)
    row.may_consent = row.may_consent or request.may_consent
    row.may_be_informed = row.may_be_informed or request.may_be_informed
    return replace(share, payer=row)


def _as_taker(
    share: Share[Responsibility], request: pb.TransferOwnershipRequest, party: Party
) -> Share[Responsibility]:
    """Return a share that is handed over, as the taker's."""
    row = share.payer.continued(share)
    row.party_id, row.role = party.id, request.role or _CO_OWNER
    row.may_consent, row.may_be_informed = request.may_consent, request.may_be_informed
    return replace(share, payer=row)


def _appended(kept: list[Responsibility], new: list[Responsibility]) -> list[Responsibility]:
    first = max((row.position for row in kept), default=-1) + 1
    for place, row in enumerate(new):
        row.position = first + place
    return [*kept, *new]


def _changed(session: Session, patient: Patient, day: date) -> Patient:
    record(session, happened.ResponsibilityChanged, patient, effective_date=day)
    keys.index_patient(session, patient)
    if patient.human is None:  # people are not compared by who answers for them
        duplicates.refresh(session, patient)
    return patient


def _himself() -> patient_pb2.Responsibility:
    return patient_pb2.Responsibility(
        role=_SELF, share_basis_points=shares.WHOLE, may_consent=True, may_be_informed=True
    )


def _rows(session: Session, patient: Patient, said: Said, path: str, first: int) -> list[Responsibility]:
    rows = []
    for index, item in enumerate(said):
        row = RESPONSIBILITY.new(item)
        row.position = first + index
        row.party_id = _party_id(session, patient, item, f"{path}[{index}]", row.party_id)
        if row.from_date and row.to_date and row.from_date >= row.to_date:
            raise invalid(f"{path}[{index}].to_date", "DATES_REVERSED")
        if row.revenue_groups and not row.share_basis_points:
            raise invalid(f"{path}[{index}].revenue_groups", "GROUPS_WITHOUT_SHARE")
        rows.append(row)
    _refuse_repeated(rows, path)
    return rows


def _refuse_repeated(rows: Sequence[Responsibility], path: str) -> None:
    """Refuse a party that is named twice as the same thing, for the same days and charges."""
    named = [(row.share, (row.party_id, _family(row.role))) for row in rows]
    said = [Share(payer, it.basis_points, it.from_date, it.to_date, it.groups) for it, payer in named]
    if found := shares.first_repeated(said):
        earlier, later = found
        raise invalid(f"{path}[{later}].party_id", "RESPONSIBLE_TWICE", other=f"{path}[{earlier}]")


def _party_id(
    session: Session, patient: Patient, item: patient_pb2.Responsibility, path: str, named: UUID | None
) -> UUID:
    if item.role == _SELF:
        if patient.party_id is None or named not in {None, patient.party_id}:
            raise invalid(f"{path}.role", "SELF_NOT_POSSIBLE")
        return patient.party_id
    if named is None:
        raise invalid(f"{path}.party_id", "PARTY_REQUIRED")
    return open_party(session, named).id


def _refuse_own_dates(said: Said) -> None:
    for index, item in enumerate(said):
        if item.from_date or item.to_date:
            raise invalid(f"responsibilities[{index}].from_date", "DATES_BELONG_TO_CHANGE")


def _check_shares(patient: Patient, path: str) -> None:
    fault = shares.first_fault(patient.payers)
    if fault is None:
        return
    if not patient.responsibilities:
        raise invalid(path, "RESPONSIBILITY_REQUIRED")
    day = "the first day" if fault.day == date.min else fault.day.isoformat()
    if fault.scope:
        raise invalid(path, "SHARES_OF_GROUP_NOT_WHOLE", total=fault.total, date=day, group=fault.scope)
    raise invalid(path, "SHARES_NOT_WHOLE", total=fault.total, whole=shares.WHOLE, date=day)
