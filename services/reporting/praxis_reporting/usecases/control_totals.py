"""Compare what is kept here with billing's ledger, at a moment when both have seen the same events."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from praxis.billing.v1 import events_pb2, payment_pb2
from praxis_chassis import progress, tables
from praxis_chassis.context import context_of
from praxis_chassis.events import event_type
from praxis_chassis.mapping import read_money
from praxis_reporting.store.models import Entry, LedgerCheck, Movement, Payment
from praxis_reporting.usecases.day_sheet import ADJUSTMENTS, PAYMENTS

# The ledger's accounts that a figure of the reports must come to, and with which sign.
ACCOUNTS = {
    "LEDGER_RECEIVABLES_OF_ACCOUNTS": (("ar_patient", "ar_third_party", "ar_collections"), 1),
    "LEDGER_RECEIVABLES_OF_INSURERS": (("ar_payer",), 1),
    "LEDGER_MONEY_IN": (("cash_drawer", "card_clearing", "bank_clearing"), 1),
    "LEDGER_MONEY_WAITING": (("unapplied_credits", "remittance_suspense"), -1),
    "LEDGER_ADJUSTMENTS": (("contractual_adjustments", "write_offs"), 1),
}
TAKEN = event_type(events_pb2.ControlTotalsTaken.DESCRIPTOR)
log = logging.getLogger(__name__)


def compare(session: Session, event: events_pb2.ControlTotalsTaken) -> None:
    """Replace the checks against the ledger, unless events are still under way; then the next totals will do."""
    if not _in_step(session, event):
        log.info("control totals were taken while events were under way")
        return
    expected, actual = _of_ledger(event), _of_reports(session)
    session.execute(delete(LedgerCheck))
    for code, currency in sorted({*expected, *actual}):
        figures = (expected.get((code, currency), 0), actual.get((code, currency), 0))
        session.add(LedgerCheck(code=code, currency_code=currency, expected_minor=figures[0], actual_minor=figures[1]))
        if figures[0] != figures[1]:
            log.error("reports differ from the ledger", extra={"check": code})


def _in_step(session: Session, event: events_pb2.ControlTotalsTaken) -> bool:
    followed = context_of(session).runtime.service.reaction_table.aggregates[TAKEN.service]
    told = sum(count for aggregate, count in event.event_counts.items() if aggregate in followed - {"epoch"})
    progress.of(session).write(session)
    inbox = tables.inbox
    ours = (inbox.c.type.startswith(f"praxis.{TAKEN.service}."), inbox.c.type != TAKEN.name)
    return session.scalar(select(func.count()).select_from(inbox).where(*ours)) == told


def _of_ledger(event: events_pb2.ControlTotalsTaken) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for total in event.totals:
        balance = read_money(total.balance, "balance")
        for code, (accounts, sign) in ACCOUNTS.items():
            if total.ledger_account in accounts:
                key = code, balance.currency
                found[key] = found.get(key, 0) + sign * balance.minor
    return found


def _of_reports(session: Session) -> dict[tuple[str, str], int]:
    moved, entered = (Movement.currency_code, Movement.amount_minor), (Entry.currency_code, Entry.amount_minor)
    posted = Payment.state == payment_pb2.PAYMENT_STATE_POSTED
    figures = {
        "LEDGER_RECEIVABLES_OF_ACCOUNTS": _sums(session, *moved, [Movement.payer_id.is_(None)]),
        "LEDGER_RECEIVABLES_OF_INSURERS": _sums(session, *moved, [Movement.payer_id.is_not(None)]),
        "LEDGER_MONEY_IN": _sums(session, *entered, [Entry.kind.in_(PAYMENTS)]),
        "LEDGER_MONEY_WAITING": _sums(session, Payment.currency_code, Payment.unapplied_minor, [posted]),
        "LEDGER_ADJUSTMENTS": _sums(session, *entered, [Entry.kind.in_(ADJUSTMENTS)]),
    }
    return {(code, currency): minor for code, sums in figures.items() for currency, minor in sums.items()}


def _sums(session: Session, currency: Any, minor: Any, where: Iterable[Any]) -> dict[str, int]:
    query = select(currency, func.sum(minor)).where(*where).group_by(currency)
    return {code: int(total) for code, total in session.execute(query)}
