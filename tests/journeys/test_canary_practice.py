"""A practice whose every word is coined lives through every operation: no log, trace or metric tells one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from tests.journeys.clinic import coined, digits
from tests.journeys.told import told
from tests.support.api import Api
from tests.support.canary import hits
from tests.support.front_door import PASSWORD, Diary, description, newcomer, route_pattern
from tests.support.practice_day import Day, answers, person, read_everything
from tests.support.system import System

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

# What else the day says about people: how they are born, live and are reached.
OTHER_WORDS = ["1984-03-09", "19840309", "Birch Avenue", "7855550177"]
# Operations that the day may leave out: those whose data it has no way to make.
SHARE_CALLED = 0.95


@pytest.fixture(scope="module")
def day(system: System) -> Iterator[Day]:
    """The practice, its day over."""
    _, diary = newcomer(system.url, system.setup_token())
    with closing(diary):
        day = Day.begin(diary, coined("Quokkaberry"))
        day.run()
        mother_at_home(day)
        mail_that_is_refused(day)
        read_everything(diary, description(system.url))
        yield day


def mother_at_home(day: Day) -> None:
    """Let a mother look at her child and book, and be refused whom she does not answer for."""
    party = day.make("/v1/parties", {"person": {"name": {"given": ["Ada"], "family": day.mark}}})["id"]
    guardian = {**answers(party, "guarantor", 10000), "may_be_informed": True}
    body = {"human": person(day, "Ben"), "responsibilities": [guardian]}
    child, other = (day.make("/v1/patients", each)["patient"]["id"] for each in (body, {"human": person(day, "Cal")}))
    user = {"email": f"mother.{day.mark}@example.org", "password": PASSWORD, "role": "patient"}
    more = {"display_name": day.mark, "roles": ["patient"], "party_id": party}
    day.make("/v1/users", {"user": {"email": user["email"], **more}, "password": PASSWORD})
    with closing(Api.login(day.api.url, user, day.mark)) as mother:
        mother.until("/v1/patients", lambda reply: [each["id"] for each in reply.get("patients", [])] == [child])
        assert mother.refusal(lambda: mother.get(f"/v1/patients/{other}")).status == 404
        assert mother.refusal(lambda: mother.get("/v1/appointments", patient_id=day.mark)).status == 400
        mother.post(f"/v1/parties/{party}:optOut", {"channels": ["sms"], "source": "portal"})


def mail_that_is_refused(day: Day) -> None:
    """Write to somebody whose mail server answers with the address."""
    ways = [{"system": "email", "value": f"refused-{day.mark}@example.org"}]
    guest = day.make("/v1/patients", {"human": {**person(day, "Gus"), "telecoms": ways}})["patient"]["id"]
    kind = next(identifier for kind, identifier in day.practice.visit_types if "human" in kind.patient_kinds)
    desk = day.people_desk
    body = {
        "patient_id": guest, "location_id": desk.location_id, "start_time": day.moment(4, 14),
        "appointment_type_id": kind, "resource_ids": [desk.resource_id],
    }  # fmt: skip
    day.make("/v1/appointments", body)
    day.api.until("/v1/communications", lambda reply: any(failed(each) for each in reply.get("communications", [])))


def failed(communication: dict[str, Any]) -> bool:
    return communication["channel"] == "email" and communication["state"] == "failed"


def called(diary: Diary, described: dict[str, Any]) -> tuple[set[str], set[str]]:
    """Return which operations were answered well, and all."""
    whole = {f"{verb.upper()} {path}" for path, verbs in described["paths"].items() for verb in verbs}
    patterns = {each: (each.split()[0], route_pattern(each.split()[1])) for each in whole}
    done = {(exchange.method, exchange.path) for exchange in diary.exchanges}

    def reached(verb: str, pattern: re.Pattern[str]) -> bool:
        return any(verb == method and pattern.fullmatch(path) for method, path in done)

    return {each for each in whole if reached(*patterns[each])}, whole


def test_nobody_is_told_of_by_a_whole_day(system: System, day: Day) -> None:
    good, whole = called(day.api, description(system.url))
    print(f"{len(good)} of {len(whole)} operations in {len(day.api.exchanges)} requests; not: {sorted(whole - good)}")
    assert len(good) >= SHARE_CALLED * len(whole), sorted(whole - good)
    searched = told(system)
    assert hits([day.mark, *OTHER_WORDS], searched) == []
    for place in ("logs", "/v1/logs", "/v1/traces", "/v1/metrics", "subjects and headers"):
        assert searched[place], f"{place} is empty, so the search says nothing"


def test_a_word_that_is_told_is_found(system: System, day: Day) -> None:
    """The same search finds what is told on purpose: the id of a request, and the number of the group."""
    marker = f"told-on-purpose-{digits(12)}"
    day.api.client.get("/v1/patients", headers={"X-Request-Id": marker}).raise_for_status()
    found = {place for place, _ in hits([marker, day.api.get("/v1/tenants/current")["id"]], told(system))}
    assert found >= {"logs", "/v1/logs", "/v1/traces", "subjects and headers"}
