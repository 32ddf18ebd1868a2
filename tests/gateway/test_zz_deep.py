"""Schemathesis over every operation: no server error, no contract fault, and nearly all operations can succeed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from support.front_door import FrontDoor, route_pattern
from support.practice_day import Lived

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
SEED, POSITIVE_EXAMPLES, NEGATIVE_EXAMPLES = 4711, 10, 5
CONTRACT = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
REACHED_SHARE = 0.9
# Ends the caller's own session or the key that all calls use.
UNDONE_BY_SUCCESS = {"DeleteSession"}


@dataclass
class Known:
    """Values that exist: ids by route, and by the name of the field that holds them."""

    by_route: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    by_name: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    random: Random = field(default_factory=lambda: Random(SEED))

    def learn(self, value: Any) -> None:
        """Remember every id that stands in a JSON value under its field's name."""
        if isinstance(value, list):
            for item in value:
                self.learn(item)
        elif isinstance(value, dict):
            for name, held in value.items():
                if name.endswith(("_id", "_ids")):
                    self.by_name[name.removesuffix("s")].update(held if isinstance(held, list) else [held])
                self.learn(held)

    def pick(self, values: Any) -> Any:
        return self.random.choice(sorted(values))

    def in_path(self, path: str) -> str | None:
        """Return a value that a route's parameter has had."""
        values = self.by_route.get(path)
        return self.pick(values) if values else None

    def put_into(self, value: Any) -> Any:
        """Replace the ids of a generated body by ids that exist."""
        if isinstance(value, list):
            return [self.put_into(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {name: self._known(name, held) for name, held in value.items() if name != "etag"}

    def _known(self, name: str, held: Any) -> Any:
        known = self.by_name.get(name.removesuffix("s")) if name.endswith(("_id", "_ids")) else None
        if not known:
            return self.put_into(held)
        return [self.pick(known) for _ in held] if isinstance(held, list) else self.pick(known)


@dataclass
class Findings:
    """What the generated calls came to."""

    calls: int = 0
    faults: dict[str, str] = field(default_factory=dict)
    reached: set[str] = field(default_factory=set)
    statuses: dict[int, int] = field(default_factory=lambda: defaultdict(int))


@pytest.fixture(scope="module")
def known(front_door: FrontDoor, lived: Lived) -> Known:
    """Everything that the practice has named or was told."""
    found = Known()
    routes = [(path, route_pattern(path)) for path in front_door.description()["paths"] if "{" in path]
    for exchange in lived.diary.exchanges:
        for text in (exchange.content, exchange.reply):
            if text.startswith(b"{"):
                found.learn(json.loads(text))
        for path, pattern in routes:
            if pattern.fullmatch(exchange.path):
                value = exchange.path.removeprefix(path.partition("{")[0]).partition("/")[0].partition(":")[0]
                found.by_route[path].append(value)
    return found


@pytest.fixture(scope="module")
def session(lived: Lived) -> Iterator[requests.Session]:
    """A caller with a key that may do everything."""
    key = lived.diary.post("/v1/apiKeys", {"title": "Fuzz", "scopes": ["*.*.*"]})["key"]
    with requests.Session() as caller:
        caller.headers["Authorization"] = f"Bearer {key}"
        yield caller


def test_generated_calls_never_break_the_contract(
    front_door: FrontDoor, lived: Lived, known: Known, session: requests.Session
) -> None:
    findings = Findings()
    schema = schemathesis.openapi.from_url(f"{front_door.url}/v1/openapi.json")
    results = list(schema.get_all_operations())
    operations = [found.ok() for found in results if isinstance(found, Ok)]
    assert len(operations) == len(results), "an operation's description cannot be read"
    for operation in operations:
        if operation.definition.raw["operationId"] not in UNDONE_BY_SUCCESS:
            _try(operation, GenerationMode.POSITIVE, POSITIVE_EXAMPLES, known, session, findings)
            _try(operation, GenerationMode.NEGATIVE, NEGATIVE_EXAMPLES, known, session, findings)
    print(f"{len(findings.reached)} operations reached a 2xx with generated calls alone")
    _count_linked(front_door, lived, findings)
    _report(front_door, findings, len(operations))
    assert not findings.faults, "\n\n".join(findings.faults.values())
    assert len(findings.reached) >= REACHED_SHARE * len(operations)


def _try(
    operation: Any, mode: GenerationMode, examples: int, known: Known, session: requests.Session, findings: Findings
) -> None:
    """Send a few generated calls of one operation."""

    @seed(SEED)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        _send(case, mode, known, session, findings)

    send()


def _send(case: Any, mode: GenerationMode, known: Known, session: requests.Session, findings: Findings) -> None:
    checks = [*CONTRACT, negative_data_rejection] if mode is GenerationMode.NEGATIVE else CONTRACT
    if mode is GenerationMode.POSITIVE:
        _link(case, known)
    response = case.call(session=session)
    findings.calls += 1
    findings.statuses[response.status_code] += 1
    if 200 <= response.status_code < 300:
        findings.reached.add(case.operation.definition.raw["operationId"])
    try:
        case.validate_response(response, checks=checks)
    except FailureGroup as group:
        for failure in group.exceptions:
            findings.faults.setdefault(f"{case.operation.label} {failure.title}", _told(case, failure))


def _link(case: Any, known: Known) -> None:
    """Let a generated call name things that exist, and leave out the version that it cannot know."""
    if value := known.in_path(case.path):
        case.path_parameters = dict.fromkeys(case.path_parameters, value)
    case.body = known.put_into(case.body)
    case.query = _linked_query(case.query, known)
    case.headers = {name: value for name, value in (case.headers or {}).items() if name != "If-Match"}


def _linked_query(query: Mapping[str, Any] | None, known: Known) -> dict[str, Any]:
    return {name: value for name, value in known.put_into(dict(query or {})).items() if name != "page_token"}


def _count_linked(front_door: FrontDoor, lived: Lived, findings: Findings) -> None:
    """Count the operations that the practice's own day has reached."""
    for path, operations in front_door.description()["paths"].items():
        pattern = route_pattern(path)
        for verb, operation in operations.items():
            if any(
                (each.method, bool(pattern.fullmatch(each.path))) == (verb.upper(), True)
                for each in lived.diary.exchanges
            ):
                findings.reached.add(operation["operationId"])


def _report(front_door: FrontDoor, findings: Findings, operations: int) -> None:
    every = {each["operationId"] for item in front_door.description()["paths"].values() for each in item.values()}
    print(f"{findings.calls} generated calls: {dict(sorted(findings.statuses.items()))}")
    print(f"{len(findings.reached)} of {operations} operations reached a 2xx")
    print(f"never: {sorted(every - findings.reached)}")


def _told(case: Any, failure: Exception) -> str:
    return f"{case.operation.label}: {failure}\n{case.as_curl_command()}"[:1500]
