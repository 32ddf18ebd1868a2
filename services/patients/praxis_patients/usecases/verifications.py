"""Keeps what payers say about coverages, the pictures of their cards, and the list of what should be looked at."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from praxis.patients.v1 import coverage_pb2
from praxis.patients.v1 import coverage_service_pb2 as pb
from praxis.patients.v1 import events_pb2 as happened
from praxis.type.v1 import type_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import enum_words, fetch, uuid_of
from praxis_chassis.errors import invalid, not_found
from praxis_chassis.events import record
from praxis_chassis.files import files
from praxis_patients.rules.verification import Limits, Reason, picture_type, reasons
from praxis_patients.store import queries
from praxis_patients.store.models import Coverage, Patient
from praxis_patients.usecases.coverages import open_coverage

_RESULTS, _ = enum_words(coverage_pb2.VerificationResult)
_FAILED = (
    coverage_pb2.VERIFICATION_RESULT_INACTIVE,
    coverage_pb2.VERIFICATION_RESULT_NOT_FOUND,
    coverage_pb2.VERIFICATION_RESULT_UNANSWERED,
)
_DAYS, _LARGEST = 30, 10_000_000


def verify(session: Session, request: pb.VerifyCoverageRequest) -> Coverage:
    coverage = open_coverage(session, request.id, request.etag)
    coverage.verification_result, coverage.verification_note = request.result, request.note
    coverage.verify_time, coverage.verified_by = clock.now(session), str(context_of(session).actor)
    record(session, happened.CoverageVerified, coverage)
    return coverage


def attach_card(session: Session, request: pb.AttachCardRequest) -> Coverage:
    coverage = open_coverage(session, request.id, request.etag)
    kept = _kept(session, coverage, request.file.file_id)
    if request.back:
        coverage.card_back = kept
    else:
        coverage.card_front = kept
    record(session, happened.CoverageChanged, coverage)
    return coverage


def card_image(session: Session, request: pb.GetCardImageRequest) -> type_pb2.FileReference:
    coverage = fetch(session, Coverage, request.id)
    context_of(session).subjects.add(coverage.patient_id)
    reference: type_pb2.FileReference | None = coverage.card_back if request.back else coverage.card_front
    if reference is None:
        raise not_found("card image", request.id)
    return reference


def limits(session: Session, request: pb.ListCoverageVerificationsRequest) -> Limits:
    zone = queries.first_time_zone(session)
    return Limits(clock.today(session, zone), request.stale_days or _DAYS, request.expiring_days or _DAYS)


def worklist(session: Session, request: pb.ListCoverageVerificationsRequest) -> Select[Any]:
    """Return the coverages in use of patients who may still come that one of the wanted reasons is true of."""
    wanted = [Reason[pb_reason(number)] for number in request.reasons] or list(Reason)
    conditions = _conditions(limits(session, request), ZoneInfo(queries.first_time_zone(session)))
    query = (
        select(Coverage)
        .join(Patient, and_(Patient.id == Coverage.patient_id))
        .where(
            Coverage.state == coverage_pb2.COVERAGE_STATE_ACTIVE,
            Patient.state.not_in(queries.HIDDEN),
            Patient.deceased_date.is_(None),
            or_(*(conditions[reason] for reason in wanted)),
        )
    )
    if request.payer_id:
        query = query.where(Coverage.payer_id == uuid_of(request.payer_id, "payer_id"))
    if request.patient_id:
        query = query.where(Coverage.patient_id == uuid_of(request.patient_id, "patient_id"))
    return query


def reasons_of(session: Session, coverage: Coverage, bounds: Limits) -> Collection[Any]:
    """Return all that is to be looked at, also what was not asked for."""
    zone = ZoneInfo(queries.first_time_zone(session))
    verified = coverage.verify_time.astimezone(zone).date() if coverage.verify_time else None
    found = reasons(bounds, _RESULTS[coverage.verification_result], verified, coverage.to_date)
    return [coverage_pb2.VerificationReason.Value(f"VERIFICATION_REASON_{reason.name}") for reason in found]


def pb_reason(number: Any) -> str:
    return str(coverage_pb2.VerificationReason.Name(number)).removeprefix("VERIFICATION_REASON_")


def _conditions(bounds: Limits, zone: ZoneInfo) -> dict[Reason, ColumnElement[bool]]:
    """Return the reasons as the database judges them; `rules/verification.py` says the same of one coverage."""
    since = datetime.combine(bounds.verified_since, time(), zone)
    tomorrow = bounds.today + timedelta(days=1)
    return {
        Reason.NEVER: Coverage.verify_time.is_(None),
        Reason.STALE: Coverage.verify_time < since,
        Reason.FAILED: Coverage.verification_result.in_(_FAILED),
        Reason.EXPIRED: Coverage.to_date < tomorrow,
        Reason.EXPIRING: and_(Coverage.to_date >= tomorrow, Coverage.to_date <= bounds.ends_by),
    }


def _kept(session: Session, coverage: Coverage, file_id: str) -> type_pb2.FileReference:
    data = files(session).uploaded(file_id)
    media_type = picture_type(data)
    if not media_type:
        raise invalid("file", "CARD_NOT_A_PICTURE")
    if len(data) > _LARGEST:
        raise invalid("file", "CARD_TOO_LARGE", megabytes=_LARGEST // 1_000_000)
    return files(session).put(data, media_type, "card", subject_ids=[coverage.patient_id])
