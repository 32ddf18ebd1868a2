"""Open and change the accounts of those who pay."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from praxis.billing.v1 import account_pb2, errors_pb2, events_pb2
from praxis_billing.store import queries
from praxis_billing.store.models import Account, PartyCopy
from praxis_chassis.database import uuid_of
from praxis_chassis.errors import DomainError
from praxis_chassis.events import record
from praxis_chassis.numbers import next_number

USUAL_TERMS_DAYS = 21
USUAL_CURRENCY = "USD"


def open_for_party(session: Session, party_id: UUID, currency: str = "") -> Account:
    """Return the account of a party and open it when there is none."""
    found = queries.account_of_party(session, party_id)
    return found or _open(session, party_id, currency, USUAL_TERMS_DAYS)


def open_by_hand(session: Session, asked: account_pb2.Account) -> Account:
    """Open the account of a party that answers for nobody, such as an employer."""
    party_id = uuid_of(asked.party_id, "account.party_id")
    if queries.account_of_party(session, party_id) is not None:
        raise DomainError(errors_pb2.ERROR_REASON_ACCOUNT_EXISTS, party_id=party_id)
    if queries.copy_of(session, PartyCopy, party_id) is None:
        raise DomainError(errors_pb2.ERROR_REASON_PARTY_NOT_KNOWN_YET, party_id=party_id)
    account = _open(session, party_id, asked.currency_code, asked.terms_days or USUAL_TERMS_DAYS)
    account.statements_suppressed = asked.statements_suppressed
    return account


def _open(session: Session, party_id: UUID, currency: str, terms_days: int) -> Account:
    practice = queries.practice_of(session, None)
    account = Account(
        number=f"A{next_number(session, 'account_number', 100001)}",
        party_id=party_id,
        currency_code=currency or (practice.currency_code if practice else USUAL_CURRENCY),
        terms_days=terms_days,
        statements_suppressed=False,
    )
    session.add(account)
    record(session, events_pb2.AccountOpened, account)
    session.flush()
    return account
