"""The database itself refuses whatever would break the ledger, whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from billing.practice import TODAY, Practice
from psycopg import Error
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from support.platform import Platform

from praxis_chassis.database import driver_url
from praxis_chassis.testing import ServiceUnderTest
from praxis_chassis.types import new_id

JOURNAL = (
    "INSERT INTO journals (tenant_id, id, kind, idempotency_key, effective_date, post_time, source_type, source_id)"
    " VALUES (:tenant, :journal, 'payment', :key, :day, now(), 'test', :journal)"
)
LINE = "(:tenant, :journal, {line}, '{account}', '{currency}', {minor}, :day{more})"
ENTRIES = (
    "INSERT INTO entries"
    " (tenant_id, journal_id, line, ledger_account, currency_code, amount_minor, effective_date) VALUES {lines}"
)
TAMPERING = [
    "UPDATE entries SET amount_minor = amount_minor + 1",
    "UPDATE journals SET effective_date = effective_date",
    "DELETE FROM entries",
    "DELETE FROM journals",
    "TRUNCATE entries",
    "TRUNCATE journals CASCADE",
]


@pytest.fixture
def practice(billing: ServiceUnderTest) -> Practice:
    practice = Practice.open(billing)
    practice.pay(practice.account_of(practice.human()).id, "5.00")
    return practice


def entries(*lines: tuple[int, str, str, int]) -> str:
    """Return one statement with lines of (number, ledger account, currency, minor units)."""
    values = (LINE.format(line=n, account=a, currency=c, minor=m, more="") for n, a, c, m in lines)
    return ENTRIES.format(lines=", ".join(values))


def write(practice: Practice, *statements: str, journal: UUID | None = None) -> None:
    """Run statements as the app role in one transaction."""
    values = {"tenant": practice.tenant.id, "journal": journal or new_id(), "key": str(new_id()), "day": TODAY}
    with practice.tenant.session() as session:
        for statement in statements:
            session.execute(text(statement), values)


def first_journal(practice: Practice) -> UUID:
    with practice.tenant.session() as session:
        found = session.execute(text("SELECT id FROM journals LIMIT 1")).scalar_one()
    assert isinstance(found, UUID)
    return found


def constraint_of(failure: DBAPIError) -> str:
    assert isinstance(failure.orig, Error)
    return failure.orig.diag.constraint_name or ""


def test_a_balanced_journal_is_accepted(practice: Practice) -> None:
    write(practice, JOURNAL, entries((1, "card_clearing", "USD", 7), (2, "unapplied_credits", "USD", -7)))


@pytest.mark.parametrize(
    "statements",
    [
        [JOURNAL, entries((1, "card_clearing", "USD", 7), (2, "unapplied_credits", "USD", -6))],
        [JOURNAL, entries((1, "card_clearing", "USD", 7))],
        [JOURNAL],
        [JOURNAL, "SET CONSTRAINTS ALL IMMEDIATE"],
        [
            JOURNAL,
            entries((1, "card_clearing", "USD", 7), (2, "unapplied_credits", "USD", -7)),
            entries((3, "card_clearing", "USD", 7), (4, "unapplied_credits", "USD", -7)),
        ],
    ],
    ids=["unbalanced", "one line", "empty", "empty at once", "second statement"],
)
def test_a_journal_that_breaks_the_rules_is_refused(practice: Practice, statements: list[str]) -> None:
    with pytest.raises(DBAPIError) as refused:
        write(practice, *statements)
    assert constraint_of(refused.value) == "ledger_balanced"


def test_two_currencies_do_not_balance_each_other(practice: Practice) -> None:
    account = (
        "INSERT INTO ledger_accounts (tenant_id, code, currency_code)"
        " VALUES (:tenant, 'card_clearing', 'EUR') ON CONFLICT DO NOTHING"
    )
    with pytest.raises(DBAPIError) as refused:
        write(practice, account, JOURNAL, entries((1, "card_clearing", "EUR", 7), (2, "unapplied_credits", "USD", -7)))
    assert constraint_of(refused.value) == "ledger_balanced"


def test_balanced_lines_do_not_enter_an_old_journal(practice: Practice) -> None:
    late = entries((8, "card_clearing", "USD", 7), (9, "unapplied_credits", "USD", -7))
    with pytest.raises(DBAPIError) as refused:
        write(practice, late, journal=first_journal(practice))
    assert constraint_of(refused.value) == "ledger_balanced"


def test_a_line_without_money_or_with_an_unknown_account_is_refused(practice: Practice) -> None:
    for line in ((1, "card_clearing", "USD", 0), (1, "slush_fund", "USD", 7)):
        with pytest.raises(DBAPIError):
            write(practice, JOURNAL, entries(line, (2, "unapplied_credits", "USD", -line[3])))


@pytest.mark.parametrize("statement", TAMPERING)
def test_the_app_role_cannot_change_the_past(practice: Practice, statement: str) -> None:
    with pytest.raises(DBAPIError):
        write(practice, statement)


@pytest.mark.parametrize("statement", TAMPERING)
@pytest.mark.parametrize("role", ["owner", "superuser"])
def test_the_owner_and_the_superuser_cannot_change_the_past(
    practice: Practice, platform: Platform, role: str, statement: str
) -> None:
    first_journal(practice)
    with _as(platform, role) as connection, pytest.raises(DBAPIError) as refused:
        connection.execute(text(statement))
    assert constraint_of(refused.value) == "ledger_append_only"


@contextmanager
def _as(platform: Platform, role: str) -> Iterator[Connection]:
    owner = platform.databases["billing"].owner
    url = owner if role == "owner" else _superuser_url(platform)
    engine = create_engine(driver_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _superuser_url(platform: Platform) -> str:
    admin: Any = platform.servers.admin_url
    head, _, tail = str(admin).partition("?")
    return head.rsplit("/", 1)[0] + "/billing" + (f"?{tail}" if tail else "")


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE entries DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "DROP TRIGGER entries_balanced ON entries",
    ],
)
def test_the_app_role_cannot_switch_the_guards_off(practice: Practice, statement: str) -> None:
    with pytest.raises(DBAPIError):
        write(practice, statement)


def test_a_seeded_mismatch_is_found(practice: Practice) -> None:
    patient = practice.human()
    practice.post(patient, "99213")
    practice.prove()
    write(practice, "UPDATE shares SET paid_minor = 100 WHERE open_minor > 0")
    with pytest.raises(AssertionError, match="R2"):
        practice.prove()
