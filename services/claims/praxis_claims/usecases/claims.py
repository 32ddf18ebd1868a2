"""What people do to claims before they are sent: correct, check, keep back, let go, override."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from praxis.claims.v1 import claim_pb2, claim_service_pb2, errors_pb2, events_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_chassis.merging import now_of
from praxis_claims.rules.claim_numbers import normalized
from praxis_claims.rules.code_search import dotted, undotted
from praxis_claims.rules.lifecycle import State
from praxis_claims.store.mappings import CLAIM, CORRECTABLE
from praxis_claims.store.models import Claim, ClaimAttempt, LocationCopy
from praxis_claims.usecases import scrubbing, timeline


def correct(session: Session, request: claim_service_pb2.UpdateClaimRequest) -> Claim:
    claim = fetch(session, Claim, request.claim.id, lock=True, etag=request.claim.etag)
    claim.require_editable()
    paths = list(request.update_mask.paths)
    for path in paths:
        if path.split(".")[0] not in CORRECTABLE:
            raise invalid(f"claim.{path}", "CLAIM_FIELD_FIXED")
    CLAIM.apply(claim, request.claim, paths or sorted(CORRECTABLE))
    claim.diagnosis_codes = [dotted(undotted(code)) for code in claim.diagnosis_codes]
    scrubbing.check(session, claim)
    return claim


def scrub(session: Session, request: claim_service_pb2.ScrubClaimRequest) -> Claim:
    claim = fetch(session, Claim, request.id, lock=True, etag=request.etag)
    scrubbing.check(session, claim)
    return claim


def hold(session: Session, request: claim_service_pb2.HoldClaimRequest) -> Claim:
    claim = fetch(session, Claim, request.id, lock=True, etag=request.etag)
    previous = claim.decide(State.HELD)
    claim.hold_reason = request.reason
    record(session, events_pb2.ClaimHeld, claim, previous_state=int(previous))
    timeline.note(session, claim, "held", request.reason)
    return claim


def release(session: Session, request: claim_service_pb2.ReleaseClaimRequest) -> Claim:
    claim = fetch(session, Claim, request.id, lock=True, etag=request.etag)
    if claim.state != State.HELD:
        raise DomainError(errors_pb2.ERROR_REASON_CLAIM_STATE, state=State(claim.state).name.lower(), target="released")
    claim.hold_reason = ""
    timeline.note(session, claim, "released")
    scrubbing.check(session, claim, let_go=True)
    return claim


def override(session: Session, request: claim_service_pb2.OverrideClaimRequest) -> Claim:
    claim = fetch(session, Claim, request.id, lock=True, etag=request.etag)
    claim.require_editable()
    found = next((finding for finding in claim.findings if finding.id == request.finding_id), None)
    if found is None:
        raise DomainError(errors_pb2.ERROR_REASON_FINDING_NOT_FOUND, finding_id=request.finding_id)
    if found.severity != claim_pb2.FINDING_SEVERITY_WARN:
        raise DomainError(errors_pb2.ERROR_REASON_FINDING_NOT_OVERRIDABLE, code=found.code)
    claim.findings = [_overridden(session, f, request.reason) if f is found else f for f in claim.findings]
    timeline.note(session, claim, "overridden", f"{found.code}: {request.reason}")
    scrubbing.settle(session, claim)
    return claim


def listed(session: Session, request: claim_service_pb2.ListClaimsRequest) -> Select[Claim]:
    query = select(Claim)
    if request.states:
        query = query.where(Claim.state.in_(list(request.states)))
    for column, text in (
        (Claim.payer_id, request.payer_id),
        (Claim.encounter_id, request.encounter_id),
    ):
        if text:
            query = query.where(column == uuid_of(text))
    if request.patient_id:
        query = query.where(Claim.patient_id == now_of(uuid_of(request.patient_id)))
    if request.claim_number:
        attempts = select(ClaimAttempt.claim_id).where(ClaimAttempt.claim_number == _number(request.claim_number))
        query = query.where((Claim.claim_number == _number(request.claim_number)) | Claim.id.in_(attempts))
    return _aged(session, query, request)


def _aged(session: Session, query: Select[Claim], request: claim_service_pb2.ListClaimsRequest) -> Select[Claim]:
    """Keep claims of some age in days, each by the civil date of its location."""
    if not request.min_age_days and not request.max_age_days:
        return query
    zones: dict[str, list[UUID]] = {}
    for location_id, zone in session.execute(select(LocationCopy.location_id, LocationCopy.time_zone)):
        zones.setdefault(zone, []).append(location_id)
    known = [location_id for locations in zones.values() for location_id in locations]
    aged = [
        and_(Claim.location_id.in_(locations), *_between(clock.today(session, zone), request))
        for zone, locations in zones.items()
    ]
    return query.where(
        or_(*aged, and_(Claim.location_id.not_in(known), *_between(clock.today(session, "UTC"), request)))
    )


def _between(today: date, request: claim_service_pb2.ListClaimsRequest) -> list[ColumnElement[bool]]:
    bounds = []
    if request.min_age_days:
        bounds.append(Claim.service_from_date <= today - timedelta(days=request.min_age_days))
    if request.max_age_days:
        bounds.append(Claim.service_from_date >= today - timedelta(days=request.max_age_days))
    return bounds


def _number(text: str) -> str:
    return normalized(text) or text


def _overridden(session: Session, found: claim_pb2.ScrubFinding, reason: str) -> claim_pb2.ScrubFinding:
    changed = claim_pb2.ScrubFinding()
    changed.CopyFrom(found)
    changed.override_reason, changed.override_user_id = reason, context_of(session).actor.id
    return changed
