"""Public holidays by country and region, as closures that people may confirm."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from tests.scheduling.conftest import ZONE, Practice

from praxis.patients.v1 import events_pb2 as patients_events
from praxis.patients.v1 import practice_pb2
from praxis.scheduling.v1 import closure_service_pb2 as pb
from praxis.scheduling.v1 import template_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis.mapping import instant, moment
from praxis_chassis.testing import Refused
from praxis_scheduling.rules.holidays import public_holidays

YEAR = datetime.now(ZONE).year + 1
FIRST, LAST = f"{YEAR}-01-01", f"{YEAR}-12-31"


def settle(practice: Practice, country: str, region: str = "", zone: str = ZONE.key) -> str:
    """Let a location have an address, and return its id."""
    identifier = str(uuid4())
    address = type_pb2.Address(country_code=country, state=region)
    location = practice_pb2.Location(id=identifier, name=f"{region} {country}", time_zone=zone, address=address)
    practice.tenant.receive(patients_events.LocationCreated(location=location), identifier)
    return identifier


def asked(practice: Practice, location: str = "", first: str = FIRST, last: str = LAST, locale: str = "en") -> Any:
    request = pb.SuggestHolidaysRequest(location_id=location, from_date=first, until_date=last)
    return practice.call("SuggestHolidays", request, locale=locale)


def by_date(answer: Any) -> dict[str, str]:
    return {item.local_date: item.name for item in answer.holidays}


def test_country_and_region_decide(practice: Practice) -> None:
    boston, chicago, munich = settle(practice, "US", "MA"), settle(practice, "US", "IL"), settle(practice, "DE", "BY")
    assert "Patriots' Day" in by_date(asked(practice, boston)).values()
    assert "Patriots' Day" not in by_date(asked(practice, chicago)).values()
    assert by_date(asked(practice, chicago))[f"{YEAR}-07-04"] == "Independence Day"
    assert by_date(asked(practice, munich))[f"{YEAR}-01-06"] == "Epiphany"


def test_names_come_in_the_language_of_the_caller_where_the_calendar_has_it(practice: Practice) -> None:
    mexico = settle(practice, "MX", zone="America/Mexico_City")
    assert by_date(asked(practice, mexico, locale="es"))[FIRST] == "Año Nuevo"
    assert by_date(asked(practice, mexico))[FIRST] == "New Year's Day"
    assert by_date(asked(practice, settle(practice, "US"), locale="es"))[FIRST] == "New Year's Day"


def test_what_is_not_known_is_said(practice: Practice) -> None:
    nowhere, elsewhere = settle(practice, ""), settle(practice, "QQ")
    answer = asked(practice)
    assert not answer.holidays
    assert set(answer.unknown_location_ids) == {practice.location, nowhere, elsewhere}
    # A region without a calendar of its own has the holidays of its country.
    assert FIRST in by_date(asked(practice, settle(practice, "US", "Somewhere")))
    with pytest.raises(Refused) as refused:
        asked(practice, str(uuid4()))
    assert refused.value.reason == "NOT_FOUND"


def test_only_the_days_that_were_asked_for(practice: Practice) -> None:
    here = settle(practice, "US")
    assert list(by_date(asked(practice, here, f"{YEAR}-07-04", f"{YEAR}-07-04"))) == [f"{YEAR}-07-04"]
    assert not asked(practice, here, f"{YEAR}-07-06", f"{YEAR}-07-31").holidays
    coming = practice.call("SuggestHolidays", pb.SuggestHolidaysRequest(location_id=here)).holidays
    today = datetime.now(ZONE).date()
    assert all(0 <= (date.fromisoformat(item.local_date) - today).days <= 365 for item in coming)
    assert len(coming) >= 10
    for first, last, field, reason in (
        (LAST, FIRST, "until_date", "ENDS_BEFORE_START"),
        (FIRST, f"{YEAR + 3}-01-01", "until_date", "SEARCH_TOO_LONG"),
        (f"{YEAR}-02-30", LAST, "from_date", "NOT_A_DATE"),
    ):
        with pytest.raises(Refused) as refused:
            asked(practice, here, first, last)
        assert [(place, why) for place, why, _ in refused.value.violations] == [(field, reason)]


def test_a_suggestion_becomes_a_closure_and_says_so(practice: Practice) -> None:
    here = settle(practice, "PT", zone="Atlantic/Azores")
    (suggested,) = asked(practice, here, f"{YEAR}-04-25", f"{YEAR}-04-25").holidays
    assert not suggested.closure_id
    assert moment(suggested.start_time) == datetime(YEAR, 4, 25, tzinfo=ZoneInfo("Atlantic/Azores"))

    def close(start: Any, end: Any, **more: Any) -> Any:
        closure = template_pb2.Closure(location_id=here, start_time=start, end_time=end, reason="Holiday", **more)
        return practice.call("CreateClosure", pb.CreateClosureRequest(closure=closure))

    resource = practice.resource("Dr Open", location_id=here)
    close(suggested.start_time, suggested.end_time, resource_id=resource.id)  # closes one calendar, not the place
    close(suggested.start_time, instant(datetime(YEAR, 4, 25, 12, tzinfo=ZONE)))  # only the morning
    (asked_again,) = asked(practice, here, f"{YEAR}-04-25", f"{YEAR}-04-25").holidays
    assert not asked_again.closure_id
    closure = close(suggested.start_time, suggested.end_time)
    (closed,) = asked(practice, here, f"{YEAR}-04-25", f"{YEAR}-04-25").holidays
    assert closed.closure_id == closure.id


def test_who_is_booked_on_the_day_is_counted(practice: Practice) -> None:
    here = settle(practice, "US")
    provider = practice.open_provider(hours=("00:00", "24:00"), location_id=here)
    day = next(
        item
        for item in asked(practice, here).holidays
        if date.fromisoformat(item.local_date).weekday() < 5 and item.local_date > FIRST
    )
    practice.book(practice.type(), moment(day.start_time) + timedelta(hours=9), provider, location_id=here)
    counts = {item.local_date: item.appointment_count for item in asked(practice, here).holidays}
    assert {date for date, count in counts.items() if count} == {day.local_date}
    assert counts[day.local_date] == 1


def test_names_never_come_from_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.setenv(name, "de_DE.UTF-8")
    public_holidays.cache_clear()
    told = {
        (country, language): public_holidays(country, "", 2026, language)[date(2026, 1, 1)]  # type: ignore[index]
        for country, language in (("US", "en"), ("MX", "en"), ("MX", "es"), ("DE", "es"), ("FR", "en-US"))
    }
    public_holidays.cache_clear()
    assert told == {
        ("US", "en"): "New Year's Day",
        ("MX", "en"): "New Year's Day",
        ("MX", "es"): "Año Nuevo",
        ("DE", "es"): "Neujahr",
        ("FR", "en-US"): "New Year's Day",
    }


def test_a_country_without_a_calendar_has_none() -> None:
    assert public_holidays("QQ", "", 2026, "en") is None
    assert public_holidays("QQ", "ZZ", 2026, "en") is None
