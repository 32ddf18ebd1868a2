"""Finds our claim for every claim payment of a remittance: by its number, the payer's number, or member and service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from praxis_chassis.types import Money
from praxis_claims.edi.remittance_records import ClaimPayment, first
from praxis_claims.edi.text import clean
from praxis_claims.rules.claim_numbers import normalized
from praxis_claims.rules.line_matching import ClaimedLine
from praxis_claims.store import remittance_queries as queries
from praxis_claims.store.models import Claim


class Match(NamedTuple):
    """The claim that a claim payment answers, and how it was found."""

    claim: Claim
    method: str


def find_claims(session: Session, payments: Sequence[ClaimPayment]) -> list[Match | None]:
    """Return the match of each claim payment, with all claims locked; set-based as far as it goes."""
    numbers = [normalized(payment.control_number) for payment in payments]
    by_number = queries.attempts_numbered(session, {number for number in numbers if number})
    unknown = {p.payer_control_number for p, n in zip(payments, numbers, strict=True) if n not in by_number}
    by_payer_number = queries.claims_controlled_by(session, unknown - {""})
    found: list[tuple[UUID, str] | None] = []
    for payment, number in zip(payments, numbers, strict=True):
        if number in by_number:
            found.append((by_number[number], "claim_number"))
        elif payment.payer_control_number in by_payer_number:
            found.append((by_payer_number[payment.payer_control_number], "payer_control_number"))
        else:
            found.append(None)
    _find_by_service(session, payments, found)
    claims = queries.locked_claims(session, {entry[0] for entry in found if entry})
    return [Match(claims[entry[0]], entry[1]) if entry else None for entry in found]


def _find_by_service(session: Session, payments: Sequence[ClaimPayment], found: list[tuple[UUID, str] | None]) -> None:
    """Fill in what only member, day and charge tell, where exactly one claim fits."""
    unknown = {index: _service(payments[index]) for index, entry in enumerate(found) if entry is None}
    services = {service for service in unknown.values() if service}
    if not services:
        return
    known = queries.claims_for(session, services)
    for index, service in unknown.items():
        npi = _rendering_npi(payments[index])
        fitting = [claim_id for claim_id, npis in known.get(service, []) if not npi or npi in npis] if service else []
        if len(fitting) == 1:
            found[index] = fitting[0], "member_and_service"


def _service(payment: ClaimPayment) -> queries.Service | None:
    insured = payment.name("IL") or payment.name("QC")
    served = _first_service(payment)
    if insured is None or not insured.identifier or served is None:
        return None
    return queries.Service(insured.identifier, served, abs(payment.charge_cents))


def _rendering_npi(payment: ClaimPayment) -> str:
    rendering = payment.name("82")
    return rendering.identifier if rendering and rendering.qualifier == "XX" else ""


def _first_service(payment: ClaimPayment) -> date | None:
    days = [line.service_from for line in payment.lines if line.service_from]
    return min(days) if days else first(payment.dates, "232") or first(payment.dates, "472")


def names_another_patient(payment: ClaimPayment, claim: Claim) -> bool:
    """Whether the payment names somebody else; payers cut names short, so the shorter one decides."""
    told = payment.name("QC")
    ours = claim.patient.name.family if claim.patient else ""
    if told is None or not told.last or not ours:
        return False
    one, two = _letters(told.last), _letters(ours)
    return not (one.startswith(two) or two.startswith(one))


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, clean(name)))


def claimed_lines(claim: Claim) -> list[ClaimedLine]:
    """Return the lines of a claim as the matching rules see them."""
    return [
        ClaimedLine(
            line.line_number,
            line.charge_id,
            line.procedure_code,
            frozenset(line.modifiers),
            date.fromisoformat(line.service_date),
            Money.parse(line.charge.currency_code, line.charge.amount).minor,
        )
        for line in claim.lines
    ]
