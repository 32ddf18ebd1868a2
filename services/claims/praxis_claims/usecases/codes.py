"""Diagnosis codes by date of service, and the places of service."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from praxis.claims.v1 import code_pb2, code_service_pb2, errors_pb2
from praxis.type.v1 import errors_pb2 as common
from praxis.type.v1 import type_pb2
from praxis_chassis import clock
from praxis_chassis.errors import DomainError, common_error, invalid
from praxis_chassis.paging import DEFAULT_SIZE
from praxis_claims.rules import code_search
from praxis_claims.rules.claim_facts import Diagnosis
from praxis_claims.rules.code_search import Candidate
from praxis_claims.store.models import DiagnosisCodeRow, DiagnosisRelease
from praxis_claims.usecases import texts

PLACES = Path(__file__).parent.parent / "data" / "places_of_service.tsv"
# More candidates than anybody pages through; the shortest descriptions are the most general codes.
CANDIDATES = 600


@dataclass(frozen=True, slots=True)
class Release:
    """The release that counts for a date of service; `outside` when the date lies before every loaded one."""

    name: str
    valid_from: date
    valid_to: date | None
    outside: bool


def release_for(session: Session, day: date) -> Release:
    """Return the release in force on a day, or the nearest one: a date is never a reason to refuse."""
    loaded = list(session.scalars(select(DiagnosisRelease).order_by(DiagnosisRelease.valid_from)))
    if not loaded:
        raise DomainError(errors_pb2.ERROR_REASON_NO_CODE_RELEASE)
    index = max((i for i, release in enumerate(loaded) if release.valid_from <= day), default=0)
    following = loaded[index + 1].valid_from - timedelta(days=1) if index + 1 < len(loaded) else None
    found = loaded[index]
    return Release(found.name, found.valid_from, following, outside=day < found.valid_from)


def look_up(session: Session, code: str, service_date: str) -> code_pb2.DiagnosisCode:
    release = release_for(session, _day(session, service_date))
    row = session.get(DiagnosisCodeRow, (release.name, code_search.undotted(code)))
    if row is None:
        raise DomainError(errors_pb2.ERROR_REASON_DIAGNOSIS_CODE_UNKNOWN, code=code, release=release.name)
    message = _message(_candidate(row), row.parent_code, release)
    message.warnings.extend(_warnings(session, release))
    return message


def search(
    session: Session, request: code_service_pb2.ListDiagnosisCodesRequest
) -> code_service_pb2.ListDiagnosisCodesResponse:
    release = release_for(session, _day(session, request.service_date))
    rows = _matches(session, release.name, request.query, billable_only=request.billable_only)
    parents = {row.code: row.parent_code for row in rows}
    candidates = [_candidate(row) for row in rows]
    if not code_search.code_start(request.query):
        candidates = code_search.rank(candidates, request.query)
    start, size = _offset(request.page_token), request.page_size or DEFAULT_SIZE
    shown = candidates[start : start + size]
    return code_service_pb2.ListDiagnosisCodesResponse(
        diagnosis_codes=[_message(item, parents[item.code], release) for item in shown],
        next_page_token=str(start + size) if start + size < len(candidates) else "",
        warnings=_warnings(session, release),
    )


def judge(session: Session, codes: Iterable[str], day: date) -> tuple[Diagnosis, ...]:
    """Return what the release of a day says about codes."""
    wanted = list(codes)
    release = release_for(session, day)
    table = DiagnosisCodeRow
    keys = [code_search.undotted(code) for code in wanted]
    query = select(table.code, table.billable).where(table.release == release.name, table.code.in_(keys))
    known = {row.code: row.billable for row in session.execute(query)}
    return tuple(
        Diagnosis(code, key in known, known.get(key, False), release.name, release.outside)
        for code, key in zip(wanted, keys, strict=True)
    )


@lru_cache(maxsize=1)
def places() -> Sequence[tuple[str, str]]:
    lines = PLACES.read_text(encoding="utf-8").splitlines()
    return [(code, name) for code, name in (line.split("\t") for line in lines)]


def _matches(session: Session, release: str, query: str, *, billable_only: bool) -> Sequence[DiagnosisCodeRow]:
    table = DiagnosisCodeRow
    base = select(table).where(table.release == release)
    if billable_only:
        base = base.where(table.billable)
    start = code_search.code_start(query)
    if start:
        return session.scalars(base.where(table.code.startswith(start)).order_by(table.code).limit(CANDIDATES)).all()
    words = [f"{word}:*" for word in code_search.words(query)]
    if not words:
        raise invalid("query", "QUERY_WITHOUT_WORDS")
    return _with_words(session, base, " & ".join(words)) or _with_words(session, base, " | ".join(words))


def _with_words(session: Session, base: Select[DiagnosisCodeRow], expression: str) -> Sequence[DiagnosisCodeRow]:
    wanted = func.to_tsquery("simple", expression)
    table = DiagnosisCodeRow
    query = base.where(table.search.op("@@")(wanted)).order_by(func.length(table.description), table.code)
    return session.scalars(query.limit(CANDIDATES)).all()


def _candidate(row: DiagnosisCodeRow) -> Candidate:
    return Candidate(row.code, row.description, row.billable, tuple(filter(None, row.terms.split("|"))))


def _message(candidate: Candidate, parent: str, release: Release) -> code_pb2.DiagnosisCode:
    return code_pb2.DiagnosisCode(
        code=code_search.dotted(candidate.code),
        description=candidate.description,
        billable=candidate.billable,
        parent_code=code_search.dotted(parent),
        release=release.name,
        valid_from_date=release.valid_from.isoformat(),
        valid_to_date=release.valid_to.isoformat() if release.valid_to else "",
    )


def _warnings(session: Session, release: Release) -> list[type_pb2.Warning]:
    return [texts.warning(session, "DIAGNOSIS_RELEASE_OUTSIDE", release=release.name)] if release.outside else []


def _day(session: Session, text: str) -> date:
    try:
        return date.fromisoformat(text) if text else clock.now(session).date()
    except ValueError:
        raise invalid("service_date", "NOT_A_DATE") from None


def _offset(token: str) -> int:
    if not re.fullmatch(r"\d{0,6}", token):
        raise common_error(common.COMMON_ERROR_REASON_PAGE_TOKEN_INVALID)
    return int(token or 0)
