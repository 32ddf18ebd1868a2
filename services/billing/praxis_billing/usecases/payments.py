"""Record payments of accounts and insurers, use them, and take them back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from sqlalchemy.orm import Session

from praxis.billing.v1 import errors_pb2, events_pb2, ledger_pb2, payment_pb2, payment_service_pb2
from praxis_billing.rules.allocation import OpenItem, Use, oldest_first
from praxis_billing.rules.chart import MONEY_IN
from praxis_billing.rules.ledger import Line, reversing
from praxis_billing.store import queries
from praxis_billing.store.mappings import PAYMENT
from praxis_billing.store.models import Account, Payment
from praxis_billing.usecases import allocations, civil_dates
from praxis_billing.usecases.ledger import Heading, post
from praxis_chassis import clock
from praxis_chassis.database import enum_words, fetch, uuid_of
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_chassis.mapping import read_date, read_money
from praxis_chassis.numbers import next_number
from praxis_chassis.types import Money, new_id

LARGEST_PAYMENT_MINOR = 10**11
FIRST_RECEIVED_DATE = date(1990, 1, 1)
CARD_NUMBER = re.compile(r"(?<![0-9])[0-9](?:[ -]?[0-9]){12,18}(?![0-9])")
METHODS, _ = enum_words(payment_pb2.PaymentMethod)


def receive(session: Session, asked: payment_pb2.Payment) -> Payment:
    """Record a payment that a person took and use it as its policy says."""
    payment = PAYMENT.new(asked)
    today = civil_dates.today_at(session, payment.location_id)
    payment.received_date = read_date(asked.received_date, "payment.received_date") or today
    _check_payer(session, payment)
    _check_amount(payment, today)
    _check_reference(payment)
    enter(session, payment)
    uses = _chosen(session, payment, asked.allocation_policy, asked.allocations, "payment.allocations")
    allocations.use(session, payment, uses, payment.received_date)
    return payment


def _check_payer(session: Session, payment: Payment) -> None:
    insurer = payment.payer_kind == payment_pb2.PAYER_KIND_INSURER
    if insurer and (payment.payer_id is None or payment.account_id is not None):
        raise invalid("payment.payer_id", "INSURER_PAYMENT_NEEDS_PAYER")
    if not insurer and (payment.account_id is None or payment.payer_id is not None):
        raise invalid("payment.account_id", "ACCOUNT_PAYMENT_NEEDS_ACCOUNT")
    if payment.account_id is not None:
        account = fetch(session, Account, payment.account_id)
        _check_currency(payment.amount, account.currency_code)


def _check_currency(amount: Money, expected: str) -> None:
    if amount.currency != expected:
        raise DomainError(errors_pb2.ERROR_REASON_CURRENCY_MISMATCH, currency=amount.currency, expected=expected)


def _check_amount(payment: Payment, today: date) -> None:
    if payment.amount_minor <= 0:
        raise invalid("payment.amount", "AMOUNT_NOT_POSITIVE")
    if payment.amount_minor > LARGEST_PAYMENT_MINOR:
        largest = Money(payment.currency_code, LARGEST_PAYMENT_MINOR)
        raise invalid("payment.amount", "PAYMENT_TOO_LARGE", largest=largest)
    if payment.received_date < FIRST_RECEIVED_DATE:
        raise invalid(
            "payment.received_date", "RECEIVED_DATE_TOO_EARLY", date=payment.received_date, first=FIRST_RECEIVED_DATE
        )
    if payment.received_date > today:
        raise invalid("payment.received_date", "RECEIVED_DATE_IN_FUTURE", date=payment.received_date)
    if payment.method == payment_pb2.PAYMENT_METHOD_NON_PAYMENT:
        raise invalid("payment.method", "METHOD_OF_REMITTANCES_ONLY")


def _check_reference(payment: Payment) -> None:
    """Refuse the number of a card, so that it is in no database, event, report or backup."""
    if payment.method == payment_pb2.PAYMENT_METHOD_CARD:
        for found in CARD_NUMBER.findall(payment.reference):
            if _has_check_digit(re.sub(r"[^0-9]", "", found)):
                raise invalid("payment.reference", "REFERENCE_IS_CARD_NUMBER")


def _has_check_digit(digits: str) -> bool:
    """Tell whether the digits pass Luhn's check, as the numbers of all cards do."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def enter(session: Session, payment: Payment) -> None:
    """Write the money that came in to the ledger; it waits there until it is used."""
    payment.id = new_id()
    payment.number = f"P{next_number(session, 'payment_number', 100001)}"
    payment.state = payment_pb2.PAYMENT_STATE_POSTED
    payment.unapplied_minor = payment.amount_minor
    payment.reversal_reason = ""
    session.add(payment)
    record(session, events_pb2.PaymentReceived, payment)
    session.flush()
    post(session, _heading(payment, ledger_pb2.JOURNAL_KIND_PAYMENT, "payment", payment.received_date), _lines(payment))


def _heading(payment: Payment, kind: int, key: str, day: date) -> Heading:
    return Heading(
        kind=kind, key=f"{key}:{payment.id}", effective_date=day, source_type="payment", source_id=payment.id
    )


def _lines(payment: Payment) -> list[Line]:
    method = METHODS[payment.method]
    about = allocations.waiting_dimensions(payment)
    return [
        Line(MONEY_IN[method], payment.amount, about),
        Line(allocations.waiting_account(payment), -payment.amount, about),
    ]


def _chosen(
    session: Session, payment: Payment, policy: int, listed: Sequence[payment_pb2.Allocation], path: str
) -> list[Use]:
    if listed:
        return [_listed(item, f"{path}[{place}]") for place, item in enumerate(listed)]
    if policy == payment_pb2.ALLOCATION_POLICY_LISTED:
        raise invalid(path, "ALLOCATIONS_REQUIRED")
    if policy == payment_pb2.ALLOCATION_POLICY_NONE or not payment.account_id:
        return []
    items = [
        OpenItem(share.id, share.service_date, share.open, share.encounter_id, share.charge.position)
        for share in queries.open_self_shares(session, payment.account_id)
        if share.currency_code == payment.currency_code
    ]
    return oldest_first(payment.unapplied, items)


def _listed(item: payment_pb2.Allocation, path: str) -> Use:
    amount = read_money(item.amount, f"{path}.amount")
    if not amount:
        raise invalid(f"{path}.amount", "AMOUNT_NOT_ZERO")
    return Use(uuid_of(item.share_id, f"{path}.share_id"), amount)


def allocate(session: Session, request: payment_service_pb2.AllocatePaymentRequest) -> Payment:
    """Use what is left of a payment, or take uses back."""
    payment = _movable(session, request.id, request.etag)
    uses = _chosen(session, payment, request.policy, request.allocations, "allocations")
    today = civil_dates.today_at(session, payment.location_id)
    allocations.use(session, payment, uses, max(today, payment.received_date))
    return payment


def _movable(session: Session, payment_id: str, etag: str) -> Payment:
    payment = fetch(session, Payment, payment_id, lock=True, etag=etag)
    if payment.state == payment_pb2.PAYMENT_STATE_REVERSED:
        raise DomainError(errors_pb2.ERROR_REASON_PAYMENT_ALREADY_REVERSED, number=payment.number)
    if payment.remittance_id is not None:
        raise DomainError(errors_pb2.ERROR_REASON_PAYMENT_OF_REMITTANCE, number=payment.number)
    return payment


def reverse(session: Session, request: payment_service_pb2.ReversePaymentRequest) -> Payment:
    """Take a payment back with all its uses, such as a check that bounced."""
    payment = _movable(session, request.id, request.etag)
    day = max(civil_dates.today_at(session, payment.location_id), payment.received_date)
    used = allocations.used_by_share(session, payment)
    currency = payment.currency_code
    back = [Use(share_id, Money(currency, -minor)) for share_id, minor in sorted(used.items()) if minor]
    allocations.use(session, payment, back, day)
    heading = _heading(payment, ledger_pb2.JOURNAL_KIND_PAYMENT_REVERSAL, "payment-reversal", day)
    post(session, heading, reversing(_lines(payment)))
    payment.state = payment_pb2.PAYMENT_STATE_REVERSED
    payment.unapplied_minor = 0
    payment.reversed_time = clock.now(session)
    payment.reversal_reason = request.reason
    record(session, events_pb2.PaymentReversed, payment, effective_date=day)
    return payment
