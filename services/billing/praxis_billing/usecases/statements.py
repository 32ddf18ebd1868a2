"""Make the statement of an account: freeze the balance, print it, keep the document."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import phonenumbers
from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.billing.v1 import account_pb2, errors_pb2, events_pb2, statement_pb2
from praxis.type.v1 import type_pb2
from praxis_billing.documents.printer import render
from praxis_billing.rules.aging import Bucket
from praxis_billing.store import queries
from praxis_billing.store.models import Account, PartyCopy, PracticeCopy, Statement
from praxis_billing.usecases import civil_dates
from praxis_billing.usecases.balances import Balance, OpenCharge, Wording, balance_of
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_chassis.files import files
from praxis_chassis.mapping import read_date, wire_money
from praxis_chassis.numbers import next_number
from praxis_chassis.types import Money, new_id

LETTER_COUNTRIES = {"", "US", "CA", "MX", "PH", "CL", "CO"}
# The due date follows from the day on which it is made.
SAID = ("as_of_date", "due_date", "amount_due_minor", "currency_code", "buckets", "line_count", "patient_ids")
COLUMNS = ("DATE", "PATIENT", "SERVICE", "CHARGE", "INSURANCE", "ADJUSTED", "SHARE", "PAID", "OWED")
TEXTS = (
    "title",
    "amount_due",
    "due_by",
    "account",
    "charges",
    "age",
    "open_charges",
    "coupon",
    "payable_to",
    "enclosed",
    "page",
    "of",
)


def wording_for(session: Session, locale: str) -> Wording:
    """Return the sentences of a language."""
    return Wording(context_of(session).runtime.catalog, locale or "en")


def issue(session: Session, asked: statement_pb2.Statement) -> Statement:
    """Make a statement; an account that owes nothing gets none."""
    account = fetch(session, Account, asked.account_id, lock=True)
    today = civil_dates.today(session)
    as_of = read_date(asked.as_of_date, "statement.as_of_date") or today
    if as_of > today:
        raise invalid("statement.as_of_date", "AS_OF_IN_FUTURE", date=as_of)
    if account.statements_suppressed:
        raise DomainError(errors_pb2.ERROR_REASON_STATEMENTS_SUPPRESSED, number=account.number)
    wording = wording_for(session, _language(session, account))
    balance = _without_held(session, balance_of(session, account, as_of, wording))
    if balance.total.minor <= 0:
        raise DomainError(errors_pb2.ERROR_REASON_NOTHING_DUE, number=account.number, balance=balance.total)
    statement = _frozen(balance, today)
    if (made := _made_today(session, statement)) is not None:
        return made
    statement.number = f"S{next_number(session, 'statement_number', 100001)}"
    data = _document(session, statement, balance, wording, today)
    statement.file = files(session).put(
        render("statement.typ", data, today),
        "application/pdf",
        f"{statement.number}.pdf",
        subject_ids=statement.patient_ids,
    )
    record(session, events_pb2.StatementIssued, statement)
    return statement


def _without_held(session: Session, balance: Balance) -> Balance:
    """Leave out what is owed for patients whose statements are held; an account that owes nothing else gets none."""
    held = queries.held_patients(session, {item.share.patient_id for item in balance.charges})
    kept = tuple(item for item in balance.charges if item.share.patient_id not in held)
    if held and not kept:
        raise DomainError(errors_pb2.ERROR_REASON_STATEMENTS_HELD, number=balance.account.number)
    return replace(balance, charges=kept)


def _language(session: Session, account: Account) -> str:
    party = queries.copy_of(session, PartyCopy, account.party_id)
    practice = queries.practice_of(session, None)
    return (party.language if party else "") or (practice.locale if practice else "en")


def _frozen(balance: Balance, today: date) -> Statement:
    return Statement(
        id=new_id(),
        account_id=balance.account.id,
        as_of_date=balance.as_of,
        due_date=today + timedelta(days=balance.account.terms_days),
        amount_due_minor=balance.total.minor,
        currency_code=balance.total.currency,
        buckets=[bucket_message(bucket) for bucket in balance.buckets],
        line_count=len(balance.charges) + len(balance.unused),
        patient_ids=sorted({item.share.patient_id for item in balance.charges}),
    )


def _made_today(session: Session, wanted: Statement) -> Statement | None:
    """Return the last statement of the account where it says the same and was made on the same day."""
    query = select(Statement).where(Statement.account_id == wanted.account_id).order_by(Statement.id.desc()).limit(1)
    last = session.scalars(query).one_or_none()
    if last is None or any(getattr(last, name) != getattr(wanted, name) for name in SAID):
        return None
    try:
        document(session, last)
    except DomainError:
        return None
    return last


def bucket_message(bucket: Bucket) -> account_pb2.AgeBucket:
    """Return one age bucket on the wire."""
    return account_pb2.AgeBucket(from_days=bucket.from_days, to_days=bucket.to_days, amount=wire_money(bucket.amount))


def document(session: Session, statement: Statement) -> type_pb2.FileReference:
    """Return the stored document; it is gone when its patient was erased."""
    from praxis.type.v1 import errors_pb2 as common

    try:
        reference: type_pb2.FileReference = files(session).read(statement.file.file_id)[0]
    except DomainError as missing:
        if missing.reason != common.COMMON_ERROR_REASON_NOT_FOUND:
            raise
        raise DomainError(errors_pb2.ERROR_REASON_STATEMENT_ERASED, number=statement.number) from None
    return reference


def _document(
    session: Session, statement: Statement, balance: Balance, wording: Wording, today: date
) -> dict[str, Any]:
    practice = queries.practice_of(session, None)
    party = queries.copy_of(session, PartyCopy, balance.account.party_id)
    language, _, region = wording.locale.partition("-")
    open_charges = balance.total + balance.unapplied
    return {
        "number": statement.number,
        "issued": {"text": wording.day(today), "year": today.year, "month": today.month, "day": today.day},
        "language": language,
        "region": region or None,
        "paper": _paper(practice),
        "practice": _letterhead(practice),
        "account": {
            "name": balance.display_name,
            "number": balance.account.number,
            "address": _address_lines(party.addresses[0]) if party and party.addresses else [],
        },
        "amount_due": wording.money(balance.total),
        "due_date": wording.day(statement.due_date),
        "texts": {name: wording.say(f"STATEMENT_{name.upper()}") for name in TEXTS},
        "columns": [wording.say(f"STATEMENT_COLUMN_{name}") for name in COLUMNS],
        "lines": [_line(item, wording) for item in balance.charges],
        "credits": [{"text": item.text, "amount": wording.money(-item.left)} for item in balance.unused],
        "buckets": [{"label": _label(b, wording), "amount": wording.money(b.amount)} for b in balance.buckets],
        "open_charges": wording.money(open_charges),
        "notes": _notes(balance, wording),
    }


def _paper(practice: PracticeCopy | None) -> str:
    country = practice.billing_address.country_code if practice and practice.billing_address else ""
    return "us-letter" if country in LETTER_COUNTRIES else "a4"


def _letterhead(practice: PracticeCopy | None) -> dict[str, Any]:
    if practice is None:
        return {"name": "", "phone": "", "address": []}
    address = _address_lines(practice.billing_address) if practice.billing_address else []
    return {"name": practice.name, "phone": _phone(practice), "address": address}


def _phone(practice: PracticeCopy) -> str:
    """Return the number as people of its own country write it; it is kept in E.164."""
    try:
        number = phonenumbers.parse(practice.phone)
    except phonenumbers.NumberParseException:
        return practice.phone
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)


def _address_lines(address: type_pb2.Address) -> list[str]:
    place = " ".join(part for part in (address.state, address.postal_code) if part)
    last = ", ".join(part for part in (address.city, place) if part)
    return [*address.lines, *([last] if last else [])]


def _line(item: OpenCharge, wording: Wording) -> dict[str, str]:
    facts = item.facts
    return {
        "date": wording.short_day(item.share.service_date),
        "patient": item.patient_name,
        "description": item.share.charge.description,
        "charged": wording.money(facts.charged),
        "insurer_paid": wording.money(facts.insurer_paid),
        "adjusted": wording.money(facts.contractual + facts.written_off),
        "share": wording.money(facts.assigned),
        "paid": wording.money(facts.paid),
        "owed": wording.money(facts.open),
    }


def _label(bucket: Bucket, wording: Wording) -> str:
    if bucket.to_days is None:
        return wording.say("STATEMENT_AGE_OVER", days=str(bucket.from_days - 1))
    return wording.say("STATEMENT_AGE_RANGE", first=str(bucket.from_days), last=str(bucket.to_days))


def _notes(balance: Balance, wording: Wording) -> list[str]:
    notes = [wording.say("STATEMENT_NOTE")]
    pending: Money = balance.pending_insurance
    if pending:
        notes.append(wording.say("EXPLAIN_PENDING", amount=wording.money(pending)))
    return notes
