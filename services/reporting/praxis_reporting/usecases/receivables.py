"""Keep what shares of charges stand at, and every movement that brought them there."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.billing.v1 import encounter_pb2, payment_pb2
from praxis_chassis.context import context_of
from praxis_reporting.rules.identity import fact_id
from praxis_reporting.store.models import Account, Movement, Payer, Receivable
from praxis_reporting.store.upserts import ensure, put, put_once
from praxis_reporting.usecases.wire import day, identifier, minor


def assign(session: Session, encounter: encounter_pb2.Encounter) -> None:
    """Set every share of an encounter to what it is responsible for now."""
    for charge in encounter.charges:
        for share in charge.shares:
            _assign_share(session, encounter, charge.id, share)


def _assign_share(
    session: Session, encounter: encounter_pb2.Encounter, charge_id: str, share: encounter_pb2.Share
) -> None:
    ensure(session, Account, "account_id", identifier(share.account_id))
    ensure(session, Payer, "payer_id", identifier(share.payer_id))
    facts = {
        "share_id": UUID(share.id),
        "encounter_id": UUID(encounter.id),
        "charge_id": UUID(charge_id),
        "patient_id": UUID(encounter.patient_id),
        "account_id": identifier(share.account_id),
        "payer_id": identifier(share.payer_id),
        "service_date": day(encounter.service_date),
        "currency_code": share.amount.currency_code,
        "assigned_minor": minor(share.amount),
    }
    put(session, Receivable, facts)


def open_shares(session: Session, encounter: encounter_pb2.Encounter, posted: date) -> None:
    """Note the first assignment of each share as a movement."""
    for charge in encounter.charges:
        for share in charge.shares:
            movement = Movement(
                id=fact_id("charge", share.id),
                kind="charge",
                share_id=UUID(share.id),
                account_id=identifier(share.account_id),
                payer_id=identifier(share.payer_id),
                effective_date=posted,
                currency_code=share.amount.currency_code,
                amount_minor=minor(share.amount),
            )
            _note(session, movement)


def close_shares(session: Session, encounter_id: str, effective: date | None) -> None:
    """Note the reversal of an encounter: each share loses what it was responsible for until now."""
    query = select(Receivable).where(Receivable.encounter_id == UUID(encounter_id), Receivable.assigned_minor != 0)
    for share in session.scalars(query):
        movement = Movement(
            id=fact_id("reversal", share.share_id),
            kind="reversal",
            share_id=share.share_id,
            account_id=share.account_id,
            payer_id=share.payer_id,
            effective_date=effective,
            currency_code=share.currency_code,
            amount_minor=-share.assigned_minor,
        )
        _note(session, movement)


def transfer(session: Session, transfers: list[encounter_pb2.Transfer]) -> None:
    """Note responsibility that moved between shares, as one movement out and one in."""
    cause = context_of(session).causation_id
    for number, item in enumerate(transfers):
        sides = (
            ("transfer_out", item.from_share_id, item.from_account_id, item.from_payer_id, -1),
            ("transfer_in", item.to_share_id, item.to_account_id, item.to_payer_id, 1),
        )
        for kind, share_id, account_id, payer_id, sign in sides:
            movement = Movement(
                id=fact_id(kind, cause, number),
                kind=kind,
                share_id=UUID(share_id),
                account_id=identifier(account_id),
                payer_id=identifier(payer_id),
                effective_date=day(item.effective_date),
                currency_code=item.amount.currency_code,
                amount_minor=sign * minor(item.amount),
            )
            _note(session, movement)


def pay(session: Session, payment_id: str, allocation: payment_pb2.Allocation) -> None:
    """Take the use of a payment off its share; a negative use puts it back."""
    paid = minor(allocation.amount)
    movement = Movement(
        id=fact_id("allocation", allocation.id),
        kind="allocation",
        share_id=UUID(allocation.share_id),
        account_id=identifier(allocation.account_id),
        payer_id=identifier(allocation.payer_id),
        payment_id=UUID(payment_id),
        effective_date=day(allocation.effective_date),
        currency_code=allocation.amount.currency_code,
        amount_minor=-paid,
    )
    if _note(session, movement):
        facts = {**_share_of(movement), "paid_minor": paid}
        put(session, Receivable, facts, **_kept(), paid_minor=Receivable.paid_minor + paid)


def adjust(session: Session, adjustment: payment_pb2.Adjustment, effective: date | None, sign: int) -> None:
    """Take an adjustment off its share, or put it back with sign -1."""
    taken_off = sign * minor(adjustment.amount)
    movement = Movement(
        id=fact_id("adjustment" if sign > 0 else "adjustment_reversal", adjustment.id),
        kind="adjustment",
        share_id=UUID(adjustment.share_id),
        account_id=identifier(adjustment.account_id),
        payer_id=identifier(adjustment.payer_id),
        effective_date=effective,
        currency_code=adjustment.amount.currency_code,
        amount_minor=-taken_off,
    )
    if _note(session, movement):
        facts = {**_share_of(movement), "adjusted_minor": taken_off}
        put(session, Receivable, facts, **_kept(), adjusted_minor=Receivable.adjusted_minor + taken_off)


def _share_of(movement: Movement) -> dict[str, object]:
    return {
        "share_id": movement.share_id,
        "account_id": movement.account_id,
        "payer_id": movement.payer_id,
        "currency_code": movement.currency_code,
    }


def _kept() -> dict[str, object]:
    """Leave alone what the encounter has said about the share, whichever came first."""
    return {
        "account_id": Receivable.account_id,
        "payer_id": Receivable.payer_id,
        "currency_code": Receivable.currency_code,
    }


def _note(session: Session, movement: Movement) -> bool:
    ensure(session, Account, "account_id", movement.account_id)
    ensure(session, Payer, "payer_id", movement.payer_id)
    columns = ("id", "kind", "share_id", "account_id", "payer_id", "payment_id", "effective_date", "currency_code")
    values = {name: getattr(movement, name) for name in (*columns, "amount_minor")}
    return put_once(session, Movement, values)
