"""Another practice's token never sees a row: over every RPC of every service, and in every table below them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx
import pytest
from google.api import annotations_pb2
from google.protobuf import descriptor_pool
from sqlalchemy import text
from support.front_door import ID, KEEPERS, SERVICES, Diary, Exchange, FrontDoor, route_pattern
from support.practice_day import Lived

from praxis_chassis.boundary import Method
from praxis_chassis.tables import METADATA
from praxis_chassis.testing import Refused
from praxis_gateway.identity.rules.roles import BUILT_IN

OWN_MARK = "Wombatapple"
# What a practice begins with: its owner, and the roles that everybody has.
BEGUN = {"ListUsers", "ListRoles"}
# Calls that tell nothing of practices, so that a stranger's token says nothing about them: the first is a login, which
# its own password proves and which would log the stranger's connection in as somebody else; the others concern only
# whoever sends them, and would end the stranger's own session.
WITHOUT_A_PRACTICE = {"identity.CreateSession", "identity.DeleteSession", "identity.ChangePassword"}
# Pooled transactions of each that keeps rows: 1,200 in all, with `--long` 24,000.
THREADS, TRANSACTIONS, TRANSACTIONS_LONG = 8, 200, 4000
# Code lists that are the same for everybody.
SHARED = {
    "ListSpecies", "ListLanguages", "ListCountries", "ListPermissions", "ListPlacesOfService", "ListDiagnosisCodes",
    "GetDiagnosisCode",
}  # fmt: skip


@dataclass(frozen=True)
class Route:
    """A public RPC and where it is reached."""

    service: str
    name: str
    verb: str
    pattern: re.Pattern[str]
    by_signature: bool = False

    def matches(self, exchange: Exchange) -> bool:
        return exchange.method == self.verb and bool(self.pattern.fullmatch(exchange.path))


@dataclass(frozen=True)
class Outcome:
    """What a stranger got for a request that the practice had answered."""

    exchange: Exchange
    response: httpx.Response

    @property
    def told(self) -> str:
        return self.response.content.decode(errors="replace")


def route_of(service: str, method: Method) -> Route | None:
    """Return where an RPC is reached, or None when it is internal."""
    described = descriptor_pool.Default().FindMethodByName(method.full_name.replace("/", "."))
    rule = described.GetOptions().Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern")
    if not verb:
        return None
    pattern, signed = route_pattern(getattr(rule, verb)), bool(method.policy.tenant_field)
    return Route(service, method.name, verb.upper(), pattern, signed)


@pytest.fixture(scope="module")
def routes(front_door: FrontDoor) -> list[Route]:
    found = [route_of(service, method) for service, method in front_door.methods()]
    return [route for route in found if route]


@pytest.fixture(scope="module")
def stranger(front_door: FrontDoor) -> Iterator[tuple[UUID, Diary]]:
    """The owner of another practice, who may do everything there."""
    tenant_id, diary = front_door.newcomer()
    with closing(diary):
        yield tenant_id, diary


@pytest.fixture(scope="module")
def outcomes(lived: Lived, routes: list[Route], stranger: tuple[UUID, Diary]) -> dict[str, list[Outcome]]:
    """Send every request of the practice again with the stranger's token and a name of the stranger's own.

    Where not a login but a signature opens the door, it is sent to the stranger's door.
    """
    client = stranger[1].client

    def strange(route: Route, exchange: Exchange) -> Exchange:
        renamed = exchange.renamed(lived.mark, OWN_MARK)
        path = exchange.path.replace(str(lived.tenant_id), str(stranger[0]))
        return replace(renamed, path=path) if route.by_signature else renamed

    chosen = [
        (f"{route.service}.{route.name}", strange(route, exchange))
        for exchange in list(lived.diary.exchanges)
        for route in routes
        if route.matches(exchange) and f"{route.service}.{route.name}" not in WITHOUT_A_PRACTICE
    ]
    with ThreadPoolExecutor(THREADS) as pool:
        responses = pool.map(lambda each: each[1].again(client), chosen)
    found: dict[str, list[Outcome]] = {}
    for (name, exchange), response in zip(chosen, responses, strict=True):
        found.setdefault(name, []).append(Outcome(exchange, response))
    return found


def test_every_public_rpc_has_a_call_that_succeeds(routes: list[Route], lived: Lived) -> None:
    reached, whole = Counter[str](), Counter[str]()
    for route in routes:
        whole[route.service] += 1
        reached[route.service] += any(route.matches(exchange) for exchange in lived.diary.exchanges)
    for service in KEEPERS:
        print(f"{service:12} {reached[service]:3} of {whole[service]:3} public RPCs have a positive twin")
    assert reached == whole


def test_a_stranger_is_refused_wherever_a_request_names_something(
    outcomes: dict[str, list[Outcome]], lived: Lived
) -> None:
    known, refused, empty, wrong = own_ids(lived), 0, 0, []
    for name, tried in outcomes.items():
        for outcome in tried:
            if not outcome.exchange.ids & known:
                continue
            refused += 400 <= outcome.response.status_code < 500
            empty += outcome.response.status_code == 200
            if not _kept_out(outcome, known):
                wrong.append(f"{name} {outcome.exchange.path} {outcome.response.status_code} {outcome.told[:300]}")
    print(f"{refused} requests with foreign ids were refused, {empty} found nothing")
    assert not wrong, "\n".join(wrong)
    assert refused > len(outcomes) / 2


def test_no_answer_to_a_stranger_holds_an_id_or_a_word_of_the_practice(
    outcomes: dict[str, list[Outcome]], lived: Lived
) -> None:
    assert outcomes
    known, wrong = own_ids(lived), []
    for name, tried in outcomes.items():
        for outcome in tried:
            ids = set(ID.findall(outcome.told)) & known - outcome.exchange.ids
            if ids or lived.mark.lower() in outcome.told.lower():
                wrong.append(f"{name} {outcome.exchange.path}: {outcome.told[:300]}")
    assert not wrong, "\n".join(wrong)


def test_lists_are_empty_for_a_newcomer(front_door: FrontDoor, routes: list[Route], lived: Lived) -> None:
    """A practice that has just begun sees no item in any list that the other practice has filled."""
    _, newcomer = front_door.newcomer()
    checked = 0
    with closing(newcomer):
        for route in routes:
            if not route.name.startswith("List") or route.name in SHARED | BEGUN:
                continue
            mine = next((each for each in lived.diary.exchanges if route.matches(each) and _items(each.reply)), None)
            if mine is None:
                continue
            response = Exchange("GET", mine.path, "", {}, b"", b"").again(newcomer.client)
            assert response.status_code == 404 or not _items(response.content), (route.name, response.text[:300])
            checked += 1
    print(f"{checked} lists hold items of one practice and none of the other")
    assert checked > 25


def test_internal_rpcs_are_closed_to_strangers(front_door: FrontDoor, stranger: tuple[UUID, Diary]) -> None:
    """RPCs without a route answer only the callers that their contract names, whatever the token permits."""
    refused = set()
    for service, method in front_door.methods():
        if route_of(service, method) or "gateway" in method.policy.callers:
            continue
        if service == "identity":  # listens nowhere: the gateway calls it within its own process, and nobody else can
            continue
        tenant = front_door.services[service].tenant(stranger[0])
        with pytest.raises(Refused, match="PERMISSION_DENIED"):
            tenant.call(method.name, method.request())
        refused.add((service, method.name))
    assert refused == {(service, "ReadEvents") for service in SERVICES}


@pytest.mark.parametrize("service", KEEPERS)
def test_no_table_shows_a_foreign_row(
    front_door: FrontDoor, lived: Lived, stranger: tuple[UUID, Diary], service: str
) -> None:
    tables, filled = tenant_tables(front_door, service), 0
    for table in tables:
        rows = text(f"SELECT count(*) FROM {table} WHERE tenant_id = :tenant")
        with front_door.session(service, lived.tenant_id) as session:
            filled += session.execute(rows, {"tenant": lived.tenant_id}).scalar_one() > 0
        with front_door.session(service, stranger[0]) as session:
            assert session.execute(rows, {"tenant": lived.tenant_id}).scalar_one() == 0, table
    # Identity records no events and applies none, so that most of what every database has stays empty there.
    assert filled > (4 if service == "identity" else len(tables) / 3), f"only {filled} tables hold rows of the practice"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("service", KEEPERS)
def test_pooled_connections_never_keep_a_tenant(
    front_door: FrontDoor, lived: Lived, stranger: tuple[UUID, Diary], service: str, long: bool
) -> None:
    """Many short transactions of both practices on one pool, eight at a time: no row of the other one, ever."""
    tenants = lived.tenant_id, stranger[0]
    parts = [
        f"SELECT tenant_id = :tenant AS mine, count(*) AS rows FROM {table} GROUP BY 1"
        for table in tenant_tables(front_door, service)
    ]
    query = text(f"SELECT mine, sum(rows) FROM ({' UNION ALL '.join(parts)}) AS counted GROUP BY 1")

    def seen(number: int) -> dict[bool, Any]:
        with front_door.session(service, tenants[number % 2]) as session:
            return {bool(mine): rows for mine, rows in session.execute(query, {"tenant": tenants[number % 2]})}

    with ThreadPoolExecutor(THREADS) as pool:
        counts = list(pool.map(seen, range(TRANSACTIONS_LONG if long else TRANSACTIONS)))
    print(f"{service}: {len(counts)} transactions, {sum(False in found for found in counts)} with a foreign row")
    assert not [found for found in counts if False in found]
    assert all(found.get(True) for found in counts[::2])


def own_ids(lived: Lived) -> set[str]:
    """Return the ids that only this practice was told: built-in roles have the same everywhere."""
    return lived.diary.ids - {str(role.id) for role in BUILT_IN.values()}


def tenant_tables(door: FrontDoor, service: str) -> list[str]:
    tables = {**METADATA.tables, **door.runtimes[service].service.metadata.tables}.values()
    return sorted(table.name for table in tables if not table.info.get("global"))


def _kept_out(outcome: Outcome, known: set[str]) -> bool:
    """Tell whether a request that names something was refused, or found nothing."""
    status = outcome.response.status_code
    if 400 <= status < 500:
        return True
    return outcome.exchange.method == "GET" and status == 200 and not set(ID.findall(outcome.told)) & known


def _items(reply: bytes) -> list[Any]:
    """Return the items of the answer of a list."""
    try:
        answer = json.loads(reply)
    except ValueError:
        return []
    return next((value for value in answer.values() if isinstance(value, list)), [])
