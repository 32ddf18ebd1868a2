"""Claims by state and age."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from praxis.reporting.v1 import report_pb2, report_service_pb2
from praxis_chassis import clock
from praxis_chassis.errors import invalid
from praxis_chassis.mapping import instant, read_date, wire_money
from praxis_chassis.paging import page
from praxis_chassis.types import Money
from praxis_reporting.store import names
from praxis_reporting.store.models import Claim
from praxis_reporting.usecases.freshness import freshness, today

Request = report_service_pb2.GetClaimsByStateRequest
ORDER = (Claim.state, Claim.service_date, Claim.claim_id)


def claims_by_state(session: Session, request: Request) -> report_service_pb2.GetClaimsByStateResponse:
    """Return a page of claims with the totals of the whole."""
    where = conditions(request)
    found, token = page(session, select(Claim).where(*where), order=ORDER, request=request)
    return report_service_pb2.GetClaimsByStateResponse(
        rows=rows(session, found),
        next_page_token=token,
        totals=totals(session, where),
        freshness=freshness(session),
    )


def conditions(request: Request) -> list[ColumnElement[bool]]:
    """Return what claims of the report have in common."""
    first, last = read_date(request.from_date, "from_date"), read_date(request.to_date, "to_date")
    if first and last and last < first:
        raise invalid("to_date", "RANGE_REVERSED", first=request.from_date, last=request.to_date)
    where: list[ColumnElement[bool]] = []
    if request.states:
        where.append(Claim.state.in_(request.states))
    if request.payer_id:
        where.append(Claim.payer_id == request.payer_id)
    if first:
        where.append(Claim.service_date >= first)
    if last:
        where.append(Claim.service_date <= last)
    return where


def rows(session: Session, found: Sequence[Claim]) -> list[report_pb2.ClaimRow]:
    """Return claims as rows with the names that the caller may see."""
    patients = names.patient_names(session, (claim.patient_id for claim in found))
    payers = names.payer_names(session, (claim.payer_id for claim in found))
    day, now = today(session), clock.now(session)
    rows_ = []
    for claim in found:
        row = _row(claim, day)
        row.days_in_state = max(0, (now - claim.state_time).days)
        row.patient_name = patients.get(claim.patient_id, "")
        row.payer_name = payers.get(claim.payer_id, "") if claim.payer_id else ""
        rows_.append(row)
    return rows_


def _row(claim: Claim, day: date) -> report_pb2.ClaimRow:
    return report_pb2.ClaimRow(
        claim_id=str(claim.claim_id),
        claim_number=claim.claim_number,
        patient_id=str(claim.patient_id),
        payer_id=str(claim.payer_id or ""),
        service_date=claim.service_date.isoformat(),
        charge=wire_money(Money(claim.currency_code, claim.charge_minor)),
        state=claim.state,
        outcome=claim.outcome,
        state_time=instant(claim.state_time),
        age_days=max(0, (day - claim.service_date).days),
        encounter_id=str(claim.encounter_id or ""),
        coverage_rank=claim.coverage_rank,
    )


def totals(session: Session, where: Iterable[ColumnElement[bool]]) -> list[report_pb2.ClaimTotals]:
    """Return number and charges of claims for each state and currency."""
    groups = (Claim.state, Claim.currency_code)
    sums = (func.count(), func.sum(Claim.charge_minor), func.min(Claim.service_date))
    query = select(*groups, *sums).where(*where).group_by(*groups).order_by(*groups)
    return [
        report_pb2.ClaimTotals(
            state=state,
            count=count,
            charge=wire_money(Money(currency, int(charge))),
            oldest_service_date=oldest.isoformat(),
        )
        for state, currency, count, charge, oldest in session.execute(query).all()
    ]
