"""Telephone numbers and days as the practice's country reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy.orm import Session

from praxis.patients.v1 import errors_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.errors import DomainError, Violation, invalid, refuse
from praxis_chassis.mapping import read_date
from praxis_patients.rules import phones
from praxis_patients.store import queries

_NUMBERS = {
    type_pb2.Telecom.SYSTEM_PHONE,
    type_pb2.Telecom.SYSTEM_MOBILE,
    type_pb2.Telecom.SYSTEM_FAX,
}
_EARLIEST_BIRTH = date(1850, 1, 1)


def today(session: Session) -> date:
    """Return the day at the practice's first location."""
    return clock.today(session, queries.first_time_zone(session))


def country(session: Session) -> str:
    """Return the country of the practice; without a practice nobody can say how its numbers are written."""
    practice = queries.first_practice(session)
    if practice is None:
        raise DomainError(errors_pb2.ERROR_REASON_PRACTICE_MISSING)
    return practice.country_code


def currency(session: Session) -> str:
    """Return the currency of the practice; nothing before there is a practice."""
    practice = queries.first_practice(session)
    return practice.currency_code if practice else ""


def search_country(session: Session) -> str:
    practice = queries.first_practice(session)
    return practice.country_code if practice else ""


def phone(session: Session, text: str, path: str, country_code: str = "") -> str:
    """Return a number in E.164; an empty text stays empty."""
    if not text:
        return ""
    home = country_code or ("" if text.startswith("+") else country(session))
    number = phones.e164(text, home)
    if number is None:
        raise invalid(path, "PHONE_INVALID", country=home or "+")
    return number


def telecoms(session: Session, given: Iterable[type_pb2.Telecom], path: str) -> list[type_pb2.Telecom]:
    """Return ways to reach somebody with all numbers in E.164 and all addresses in lower case."""
    kept = []
    for index, item in enumerate(given):
        where = f"{path}[{index}].value"
        value = phone(session, item.value, where) if item.system in _NUMBERS else _mail(item.value, where)
        check_dates(item.from_date, item.to_date, f"{path}[{index}]")
        telecom = type_pb2.Telecom()
        telecom.CopyFrom(item)
        telecom.value = value
        kept.append(telecom)
    return kept


def check_dates(from_text: str, to_text: str, path: str, prefix: str = "") -> None:
    """Refuse days that are no days, and an end that does not come after its beginning."""
    first = read_date(from_text, f"{path}.{prefix}from_date")
    last = read_date(to_text, f"{path}.{prefix}to_date")
    if first is not None and last is not None and last <= first:
        raise invalid(f"{path}.{prefix}to_date", "DATES_REVERSED")


def check_addresses(given: Iterable[type_pb2.Address], path: str) -> None:
    for index, item in enumerate(given):
        check_dates(item.from_date, item.to_date, f"{path}[{index}]")


def _mail(text: str, path: str) -> str:
    name, at, domain = text.strip().rpartition("@")
    if not at or not name or "." not in domain or " " in text.strip():
        raise invalid(path, "EMAIL_INVALID")
    return f"{name}@{domain.lower()}"


def check_birth_date(session: Session, text: str, path: str) -> None:
    """Refuse a day that is no day, has not come yet, or lies before anybody who lives."""
    if not text:
        return
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise invalid(path, "NOT_A_DATE") from None
    # Somewhere it may be tomorrow already; a day of grace keeps newborns on the other side of the date line.
    if (day - today(session)).days > 1:
        raise invalid(path, "BIRTH_DATE_IN_FUTURE", date=text)
    if day < _EARLIEST_BIRTH:
        raise invalid(path, "BIRTH_DATE_TOO_EARLY", date=text)


def warning(session: Session, reason: str, **metadata: str) -> type_pb2.Warning:
    """Return what the caller should look at, as a sentence in the caller's language."""
    context = context_of(session)
    text = context.runtime.catalog.render(context.locale, reason, metadata)
    return type_pb2.Warning(reason=reason, text=text, metadata=metadata)


def refuse_all(found: Sequence[Violation]) -> None:
    if found:
        raise refuse(found)
