"""Post an insurer's decision about one claim, or undo an earlier posting exactly.

Everything is judged before the first row changes, so that a refusal leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.billing.v1 import encounter_pb2, errors_pb2, events_pb2, ledger_pb2, payment_pb2
from praxis.claims.v1 import remittance_pb2
from praxis_billing.rules import remittance as rules
from praxis_billing.rules.ledger import Effect, Line, movements
from praxis_billing.rules.shares import Owner, owners_of
from praxis_billing.store import queries
from praxis_billing.store.models import Adjustment, Charge, Encounter, Journal, Payment, RemittancePosting, Share
from praxis_billing.usecases import adjustments, allocations, transfers
from praxis_billing.usecases.ledger import Heading, lock_shares, post
from praxis_billing.usecases.shares import agreed_on, share_for
from praxis_billing.usecases.transfers import Move
from praxis_chassis.context import context_of
from praxis_chassis.errors import DomainError
from praxis_chassis.events import record
from praxis_chassis.mapping import read_money
from praxis_chassis.types import Money

ACTIONS = {
    remittance_pb2.ADJUSTMENT_ACTION_CONTRACTUAL: rules.Action.CONTRACTUAL,
    remittance_pb2.ADJUSTMENT_ACTION_TRANSFER_TO_NEXT: rules.Action.TRANSFER_TO_NEXT,
    remittance_pb2.ADJUSTMENT_ACTION_LEAVE_OPEN: rules.Action.LEAVE_OPEN,
    remittance_pb2.ADJUSTMENT_ACTION_INFORMATION: rules.Action.INFORMATION,
}


@dataclass(frozen=True, slots=True)
class Judged:
    """What is to be posted for one charge."""

    charge: Charge
    share: Share
    decision: rules.Decision
    outcome: rules.Outcome


def apply(session: Session, posting: RemittancePosting, payment: Payment, asked: remittance_pb2.ClaimPosting) -> None:
    """Post or undo one claim; a DomainError means that nothing was changed."""
    encounter = _encounter(session, posting.encounter_id)
    if asked.kind == remittance_pb2.CLAIM_POSTING_KIND_REVERSAL:
        undo(session, posting, payment, encounter, asked)
        return
    if read_money(asked.paid_amount, "paid_amount").minor > payment.unapplied_minor:
        raise DomainError(errors_pb2.ERROR_REASON_REMITTANCE_NOT_SUPPORTED_BY_PAYMENT)
    judged = _judge_all(encounter, payment, asked)
    _post_all(session, posting, payment, encounter, judged)


def _encounter(session: Session, encounter_id: UUID | None) -> Encounter:
    key = (context_of(session).tenant, encounter_id)
    found = session.get(Encounter, key, with_for_update=True) if encounter_id else None
    if found is None:
        raise DomainError(errors_pb2.ERROR_REASON_REMITTANCE_CHARGE_UNKNOWN)
    if found.state == encounter_pb2.ENCOUNTER_STATE_REVERSED:
        raise DomainError(errors_pb2.ERROR_REASON_REMITTANCE_ENCOUNTER_REVERSED)
    lock_shares(session, [share.id for share in found.shares])
    return found


# ── judging ───────────────────────────────────────────────────────────────────────────────────────────


def _judge_all(encounter: Encounter, payment: Payment, asked: remittance_pb2.ClaimPosting) -> list[Judged]:
    known = {str(charge.id): charge for charge in encounter.charges}
    decided = {item.charge_id: _decision(item.paid_amount, item.adjustments) for item in asked.charges}
    if not decided.keys() <= known.keys():
        raise DomainError(errors_pb2.ERROR_REASON_REMITTANCE_CHARGE_UNKNOWN)
    shares = {charge_id: _insurer_share(charge, payment, asked.coverage_id) for charge_id, charge in known.items()}
    decided = _with_claim_level(decided, shares, asked)
    judged = []
    for charge_id, decision in decided.items():
        share = shares[charge_id]
        if share is not None:
            judged.append(Judged(known[charge_id], share, decision, _judge(known[charge_id], share, decision)))
        elif decision.paid or any(reason.amount for reason in decision.reasons):
            raise DomainError(errors_pb2.ERROR_REASON_REMITTANCE_SHARE_UNKNOWN)
    return judged


def _decision(paid: object, given: Sequence[remittance_pb2.RemittanceAdjustment]) -> rules.Decision:
    reasons = [
        rules.Reason(item.group_code, item.reason_code, read_money(item.amount, "amount"), _action(item.action))
        for item in given
    ]
    return rules.Decision(read_money(paid, "paid_amount"), tuple(reasons))  # type: ignore[arg-type]


def _action(action: int) -> rules.Action:
    """Return what to do; what claims does not say stays open for a person."""
    return ACTIONS.get(action, rules.Action.LEAVE_OPEN)  # type: ignore[call-overload, no-any-return]


def _insurer_share(charge: Charge, payment: Payment, coverage_id: str) -> Share | None:
    for share in charge.shares:
        if share.coverage_id is not None and str(share.coverage_id) == coverage_id:
            return share
    matching = [share for share in charge.shares if share.payer_id is not None and share.payer_id == payment.payer_id]
    return matching[0] if len(matching) == 1 and not coverage_id else None


def _with_claim_level(
    decided: dict[str, rules.Decision], shares: dict[str, Share | None], asked: remittance_pb2.ClaimPosting
) -> dict[str, rules.Decision]:
    """Add to each charge its part of what the insurer decided for the claim as a whole."""
    whole = _decision(asked.paid_amount, asked.adjustments)
    currency = whole.paid.currency
    rest = whole.paid - Money.total(currency, (item.paid for item in decided.values()))
    if not rest and not whole.reasons:
        return decided
    open_shares = {charge_id: share for charge_id, share in shares.items() if share is not None}
    if not open_shares:
        raise DomainError(errors_pb2.ERROR_REASON_REMITTANCE_SHARE_UNKNOWN)
    parts = rules.spread(rest, whole.reasons, [share.open for share in open_shares.values()])
    nothing = rules.Decision(Money.zero(currency), ())
    spread = dict(zip(open_shares, parts, strict=True))
    everywhere = [*decided, *(charge_id for charge_id in spread if charge_id not in decided)]
    return {
        charge_id: rules.joined(decided.get(charge_id, nothing), spread.get(charge_id, nothing))
        for charge_id in everywhere
    }


def _judge(charge: Charge, share: Share, decision: rules.Decision) -> rules.Outcome:
    later = _later(charge, share)
    currency = share.currency_code
    try:
        return rules.judge(
            decision,
            share.open,
            Money.total(currency, (item.amount for item in later)),
            Money.total(currency, (_movable(item) for item in later)),
        )
    except rules.ExceedsShareError:
        raise DomainError(errors_pb2.ERROR_REASON_REMITTANCE_EXCEEDS_SHARE) from None


def _later(charge: Charge, share: Share) -> list[Share]:
    """Return who is asked after an insurer: the accounts first, then the insurers of later rank."""
    return [item for item in charge.shares if item.rank == 0 or item.rank > share.rank]


def _movable(share: Share) -> Money:
    """Return what can be taken from a share: payments of accounts can be freed, those of insurers cannot."""
    return share.open if share.payer_id else share.open + share.paid


# ── posting ───────────────────────────────────────────────────────────────────────────────────────────


def _post_all(
    session: Session, posting: RemittancePosting, payment: Payment, encounter: Encounter, judged: Sequence[Judged]
) -> None:
    day = posting.effective_date
    lines: list[Line] = []
    written: list[Adjustment] = []
    moves: list[Move] = []
    for item in judged:
        if item.outcome.paid:
            allocations.write(session, payment, item.share, item.outcome.paid, day)
            lines += allocations.lines(payment, item.share, item.outcome.paid)
        written += _contractual(posting, item)
        moves += _moves(session, encounter, item, posting)
    session.add_all(written)
    reason = payment_pb2.ADJUSTMENT_REASON_CONTRACTUAL
    shares = {item.share.id: item.share for item in judged}
    lines += [line for a in written for line in adjustments.lines(shares[a.share_id], a.amount, reason)]
    lines += [line for move in moves for line in move.lines()]
    _write(session, posting, lines)
    _sum_up(posting, judged)
    for adjustment in written:
        adjustment.journal_id = posting.journal_id
        record(session, events_pb2.AdjustmentPosted, adjustment)
    transfers.tell(session, encounter, moves, day, claim_id=posting.claim_id, remittance_id=posting.remittance_id)


def _write(session: Session, posting: RemittancePosting, lines: Sequence[Line], reverses: UUID | None = None) -> None:
    session.flush()
    heading = Heading(
        kind=ledger_pb2.JOURNAL_KIND_REMITTANCE,
        key=posting.key,
        effective_date=posting.effective_date,
        source_type="remittance_posting",
        source_id=posting.id,
        reverses_id=reverses,
    )
    posting.journal_id = post(session, heading, lines)


def _contractual(posting: RemittancePosting, item: Judged) -> list[Adjustment]:
    found = []
    for reason in item.decision.reasons:
        if reason.action is rules.Action.CONTRACTUAL and reason.amount:
            adjustment = adjustments.entity(
                item.share, reason.amount, payment_pb2.ADJUSTMENT_REASON_CONTRACTUAL, posting.effective_date
            )
            adjustment.group_code, adjustment.reason_code = reason.group_code, reason.reason_code
            adjustment.remittance_id = posting.remittance_id
            found.append(adjustment)
    return found


def _moves(session: Session, encounter: Encounter, item: Judged, posting: RemittancePosting) -> list[Move]:
    moved = item.outcome.moved
    if moved.minor > 0:
        return _onward(session, encounter, item, moved)
    return _back(session, item, -moved, posting)


def _onward(session: Session, encounter: Encounter, item: Judged, amount: Money) -> list[Move]:
    """Move to the insurer of the next rank, or to the accounts that pay for the patient."""
    reasons = [r.code for r in item.decision.reasons if r.action is rules.Action.TRANSFER_TO_NEXT and r.amount]
    reason = ", ".join(reasons)
    covers = queries.coverages_of(session, encounter)
    later = [cover for cover in covers if cover.rank > item.share.rank and cover.id != item.share.coverage_id]
    if later:
        target = share_for(encounter, item.charge, item.share.account_id, later[0])
        return [Move(item.share, target, amount, reason)]
    return [
        Move(item.share, share_for(encounter, item.charge, account_id, None), part, reason)
        for account_id, part in _over_accounts(session, encounter, item, amount)
        if part
    ]


def _over_accounts(session: Session, encounter: Encounter, item: Judged, amount: Money) -> list[tuple[UUID, Money]]:
    agreed, _ = agreed_on(session, encounter.patient_id, encounter.service_date)
    known = owners_of(agreed, item.charge.revenue_group) or [Owner(item.share.account_id, 1)]
    parts = amount.split([owner.basis_points for owner in known])
    return [(owner.account_id, part) for owner, part in zip(known, parts, strict=True)]


def _back(session: Session, item: Judged, amount: Money, posting: RemittancePosting) -> list[Move]:
    """Bring the surplus of a copay back to the insurer's share; what the account paid for it becomes unapplied."""
    moves = []
    left = amount
    for later in _later(item.charge, item.share):
        part = min(left, _movable(later))
        if part:
            _free(session, later, part, posting)
            moves.append(Move(later, item.share, part, "insurer paid more than its share"))
            left = left - part
    return moves


def _free(session: Session, share: Share, amount: Money, posting: RemittancePosting) -> None:
    """Make sure that an amount of a share is open, taking uses of payments back as far as needed."""
    missing = amount - share.open
    if missing.minor > 0:
        allocations.take_back(session, share, missing, posting.effective_date)


def _sum_up(posting: RemittancePosting, judged: Sequence[Judged]) -> None:
    posting.paid_minor = sum(item.outcome.paid.minor for item in judged)
    posting.adjusted_minor = sum(item.outcome.contractual.minor for item in judged)
    posting.transferred_minor = sum(item.outcome.moved.minor for item in judged)
    posting.held_minor = sum(item.outcome.left_open.minor for item in judged)


# ── undoing ───────────────────────────────────────────────────────────────────────────────────────────


def undo(
    session: Session,
    posting: RemittancePosting,
    payment: Payment,
    encounter: Encounter,
    asked: remittance_pb2.ClaimPosting,
) -> None:
    """Take an earlier posting back line by line; its amounts must be those that the insurer now negates."""
    earlier = _earlier(session, asked)
    if read_money(asked.paid_amount, "paid_amount").minor != -earlier.paid_minor:
        raise DomainError(errors_pb2.ERROR_REASON_REMITTANCE_REVERSAL_DIFFERS)
    lines = _reversed_lines(session, earlier, payment)
    _make_room(session, encounter, lines, posting)
    shares = {share.id: share for share in encounter.shares}
    for line in lines:
        if line.effect is Effect.PAID and line.dimensions.share_id is not None:
            allocations.write(session, payment, shares[line.dimensions.share_id], -line.amount, posting.effective_date)
    _write(session, posting, lines, reverses=earlier.journal_id)
    _take_over(posting, earlier)
    earlier.state = ledger_pb2.REMITTANCE_POSTING_STATE_REVERSED
    record(session, events_pb2.RemittancePostingReversed, earlier)
    _tell_undone(session, posting, encounter, earlier, lines)


def _earlier(session: Session, asked: remittance_pb2.ClaimPosting) -> RemittancePosting:
    query = select(RemittancePosting).where(
        RemittancePosting.remittance_claim_id == UUID(asked.reverses_remittance_claim_id or str(UUID(int=0))),
        RemittancePosting.state == ledger_pb2.REMITTANCE_POSTING_STATE_APPLIED,
    )
    found = session.scalars(query.with_for_update()).one_or_none()
    if found is None:
        raise DomainError(errors_pb2.ERROR_REASON_REMITTANCE_REVERSAL_UNKNOWN)
    return found


def _reversed_lines(session: Session, earlier: RemittancePosting, payment: Payment) -> list[Line]:
    if earlier.journal_id is None:
        return []
    journal = session.get_one(Journal, (earlier.tenant_id, earlier.journal_id))
    lines = [entry.as_line() for entry in journal.entries]
    return [
        replace(
            line,
            amount=-line.amount,
            dimensions=replace(line.dimensions, payment_id=line.dimensions.payment_id and payment.id),
        )
        for line in lines
    ]


def _make_room(session: Session, encounter: Encounter, lines: Sequence[Line], posting: RemittancePosting) -> None:
    """Free what accounts paid on shares that shrink; what another insurer paid cannot be freed."""
    shares = {share.id: share for share in encounter.shares}
    short = [
        (shares[share_id], Money(encounter.currency_code, -movement.open))
        for share_id, movement in movements(lines).items()
        if shares[share_id].open.minor + movement.open < 0
    ]
    if any(amount > _movable(share) for share, amount in short):
        raise DomainError(errors_pb2.ERROR_REASON_REMITTANCE_EXCEEDS_SHARE)
    for share, amount in short:
        _free(session, share, amount, posting)


def _take_over(posting: RemittancePosting, earlier: RemittancePosting) -> None:
    posting.paid_minor = -earlier.paid_minor
    posting.adjusted_minor = -earlier.adjusted_minor
    posting.transferred_minor = -earlier.transferred_minor
    posting.held_minor = -earlier.held_minor


def _tell_undone(
    session: Session,
    posting: RemittancePosting,
    encounter: Encounter,
    earlier: RemittancePosting,
    lines: Sequence[Line],
) -> None:
    query = select(Adjustment).where(
        Adjustment.remittance_id == earlier.remittance_id, Adjustment.journal_id == earlier.journal_id
    )
    for adjustment in session.scalars(query):
        adjustments.mark_reversed(session, adjustment, posting.effective_date)
    moves = _undone_moves(encounter, [line for line in lines if line.effect is Effect.ASSIGNED])
    transfers.tell(
        session,
        encounter,
        moves,
        posting.effective_date,
        claim_id=posting.claim_id,
        remittance_id=posting.remittance_id,
    )


def _undone_moves(encounter: Encounter, lines: Sequence[Line]) -> list[Move]:
    """Read the moves off the lines: the two lines of a move stand one after the other."""
    shares = {share.id: share for share in encounter.shares}
    moves = []
    for first, second in zip(lines[::2], lines[1::2], strict=True):
        gives, takes = (first, second) if first.amount.minor < 0 else (second, first)
        assert gives.dimensions.share_id
        assert takes.dimensions.share_id
        source, target = shares[gives.dimensions.share_id], shares[takes.dimensions.share_id]
        moves.append(Move(source, target, takes.amount, "remittance taken back"))
    return moves
