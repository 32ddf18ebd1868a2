"""Proposes to billing what to post for a remittance, in parts that no event is too large for."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from praxis.claims.v1 import events_pb2, remittance_pb2
from praxis_chassis.events import record
from praxis_claims.store import remittance_queries as queries
from praxis_claims.store.models import Claim, Payer, Remittance, RemittanceClaim
from praxis_claims.usecases import remittance_messages as messages

CLAIMS_PER_PART = 200
MATCHED = remittance_pb2.REMITTANCE_CLAIM_STATE_MATCHED
HELD = remittance_pb2.REMITTANCE_CLAIM_STATE_HELD
UNMATCHED = remittance_pb2.REMITTANCE_CLAIM_STATE_UNMATCHED
PROPOSED = remittance_pb2.REMITTANCE_CLAIM_STATE_PROPOSED


def start(session: Session, remittance: Remittance, payer: Payer | None, rows: Sequence[RemittanceClaim]) -> None:
    """Propose a remittance, let it wait for approval, or leave it when nothing of it is ours."""
    if payer is None or not concern_us(rows):
        remittance.state = remittance_pb2.REMITTANCE_STATE_UNMATCHED
    elif payer.approve_remittances:
        remittance.state = remittance_pb2.REMITTANCE_STATE_AWAITING_APPROVAL
        record(session, events_pb2.RemittanceAwaitingApproval, remittance)
    else:
        propose(session, remittance, rows)


def concern_us(rows: Sequence[RemittanceClaim]) -> bool:
    """Whether one of the claims in a remittance is ours, if it names any."""
    return not rows or any(row.claim_id for row in rows)


def propose(session: Session, remittance: Remittance, rows: Sequence[RemittanceClaim]) -> None:
    """Ask billing to post what can be posted; the rest is named as held money."""
    # What is taken back comes first: the payment may need its money for the claims in the parts that follow.
    ready = sorted((row for row in rows if row.state == MATCHED), key=lambda row: row.reverses_id is None)
    claims = queries.locked_claims(session, {row.claim_id for row in ready if row.claim_id})
    parts = [ready[start : start + CLAIMS_PER_PART] for start in range(0, len(ready), CLAIMS_PER_PART)] or [[]]
    kept_back = [
        row for row in rows if row.state in (HELD, UNMATCHED) or (row.state != MATCHED and row.paid_amount_minor)
    ]
    remittance.held_claim_count = len(kept_back)
    remittance.held_amount_minor = sum(row.paid_amount_minor for row in kept_back)
    remittance.state = remittance_pb2.REMITTANCE_STATE_READY
    for number, part in enumerate(parts, 1):
        whole: dict[str, object] = {}
        if number == 1:
            whole["provider_adjustments"] = remittance.provider_adjustments
            whole["held_amount"] = remittance.held_amount
        asked = [_posting(row, claims[_known(row.claim_id)]) for row in part]
        record(
            session,
            events_pb2.RemittanceReady,
            remittance,
            postings=asked,
            part_number=number,
            part_count=len(parts),
            **whole,
        )
    for row in ready:
        row.state = PROPOSED


def _posting(row: RemittanceClaim, claim: Claim) -> remittance_pb2.ClaimPosting:
    reversal = row.reverses_id is not None
    by_charge = _adds_up(row)
    kinds = remittance_pb2.CLAIM_POSTING_KIND_REVERSAL, remittance_pb2.CLAIM_POSTING_KIND_PAYMENT
    return remittance_pb2.ClaimPosting(
        remittance_claim_id=str(row.id),
        kind=kinds[0] if reversal else kinds[1],
        claim_id=str(claim.id),
        encounter_id=str(claim.encounter_id),
        patient_id=str(claim.patient_id),
        coverage_id=str(claim.coverage_id),
        charges=_charges(row) if by_charge else [],
        adjustments=row.adjustments if by_charge else [*row.adjustments, *_line_adjustments(row)],
        paid_amount=messages.money(row.paid_amount_minor),
        reverses_remittance_claim_id=str(row.reverses_id) if reversal else "",
    )


def _adds_up(row: RemittanceClaim) -> bool:
    """Whether the lines explain the claim to the cent; where they do not, it is posted as a whole."""
    own = sum(messages.cents(item.amount) for item in row.adjustments)
    lines = sum(messages.cents(line.paid_amount) for line in row.lines)
    explained = all(line.charge_id and _line_balances(line) for line in row.lines)
    return explained and lines - own == row.paid_amount_minor


def _line_balances(line: remittance_pb2.RemittanceLine) -> bool:
    adjusted = sum(messages.cents(item.amount) for item in line.adjustments)
    return messages.cents(line.charge_amount) - adjusted == messages.cents(line.paid_amount)


def _line_adjustments(row: RemittanceClaim) -> list[remittance_pb2.RemittanceAdjustment]:
    return [item for line in row.lines for item in line.adjustments]


def _charges(row: RemittanceClaim) -> list[remittance_pb2.ChargePosting]:
    """Return one posting for each charge, also where the payer split a line into several services."""
    by_charge: dict[str, list[remittance_pb2.RemittanceLine]] = {}
    for line in row.lines:
        by_charge.setdefault(line.charge_id, []).append(line)
    return [_charge(charge_id, lines) for charge_id, lines in by_charge.items()]


def _charge(charge_id: str, lines: Sequence[remittance_pb2.RemittanceLine]) -> remittance_pb2.ChargePosting:
    adjustments = [item for line in lines for item in line.adjustments]
    patient = sum(messages.cents(item.amount) for item in adjustments if item.group_code == "PR")
    return remittance_pb2.ChargePosting(
        charge_id=charge_id,
        paid_amount=messages.money(sum(messages.cents(line.paid_amount) for line in lines)),
        adjustments=adjustments,
        patient_responsibility_amount=messages.money(patient),
    )


def _known(claim_id: UUID | None) -> UUID:
    assert claim_id is not None
    return claim_id
