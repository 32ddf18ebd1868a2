"""Schemathesis over every operation: no server error, no contract fault, and nearly all generated calls can succeed."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.internal.conjecture.providers import HypothesisProvider
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
from support.front_door import FrontDoor, at_once
from support.links import SEED, Known, Lesson, lessons, moved, mutated, singular
from support.practice_day import Lived

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
# How many good and how many bad calls each operation gets at first, with `--long` and without.
EXAMPLES = {True: (6, 3), False: (3, 1)}
# What none of them reached gets so many more good ones, so often.
FURTHER_EXAMPLES, FURTHER_ROUNDS = 4, 4
CONTRACT = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
REACHED_SHARE = 0.9
# A machine may be too busy now and then; a service that often is, is not.
AGAIN_SHARE = 0.01
AGAIN_SECONDS = (1.0, 2.0, 4.0, 0.0)
# Ends the caller's own session or the key that all calls use.
UNDONE_BY_SUCCESS = {"DeleteSession"}
# What others build on is changed after they are through; what takes their patients or moves their clock comes last.
FOUNDATIONS = {
    "practices", "locations", "practitioners", "payers", "catalogItems", "feeSchedules", "taxRates", "resources",
    "templates", "appointmentTypes", "communicationSettings", "accounts", "coverages",
}  # fmt: skip
LAST = ("ErasePatient", "MergePatients", "ReversePatientMerge", "AdvanceClock")


_LINK = "needs a signed link that has not been answered, and links go out in messages"
_OFFER = "needs a time that becomes free while the entry waits for it"
_PERSON = "needs somebody who is logged in, and these calls come with a key"
_SIGNED = "needs the signature of the provider of messages"
_CLAIM = "needs a claim that is ready, which takes an encounter without any fault"
# States that generated calls cannot make; they are reached in the practice's day and in the journeys.
OUT_OF_REACH = {
    "AcceptByLink": _LINK, "CancelByLink": _LINK, "DeclineByLink": _LINK,
    "AcceptWaitlistOffer": _OFFER, "DeclineWaitlistOffer": _OFFER,
    "ChangePassword": _PERSON, "GetSession": _PERSON, "DeleteSession": _PERSON,
    "ReceiveText": _SIGNED, "ReceiveTextStatus": _SIGNED,
    "HoldClaim": _CLAIM, "ReleaseClaim": _CLAIM, "SubmitClaims": _CLAIM, "UpdateClaim": _CLAIM,
    "PostRemittance": "needs a payment for such a claim that waits for approval",
}  # fmt: skip


@dataclass
class Findings:
    """What the generated calls came to."""

    calls: int = 0
    asked_again: int = 0
    faults: dict[str, str] = field(default_factory=dict)
    reached: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    statuses: dict[int, int] = field(default_factory=lambda: defaultdict(int))


@dataclass
class Caller:
    """Sends generated calls, linked to what exists."""

    session: requests.Session
    url: str
    known: Known
    own_ids: set[str]
    examples: tuple[int, int]
    findings: Findings = field(default_factory=Findings)

    def read(self, path: str) -> tuple[Any, str]:
        """Return what stands at a path now, and its version."""
        answer = self.session.get(f"{self.url}{path}", params={"page_size": 200} if path.count("/") == 2 else {})
        return (answer.json(), answer.headers.get("ETag", "")) if answer.ok and _is_json(answer) else ({}, "")


@dataclass
class Attempt:
    """The generated calls of one operation, of which each is nearer to what once worked than the one before."""

    caller: Caller
    operation: Any
    lesson: Lesson
    number: int = 0
    strategies: dict[GenerationMode, Any] = field(default_factory=dict)

    def strategy(self, mode: GenerationMode) -> Any:
        """Return what generates calls; it is kept, because Hypothesis takes long to look through a new one."""
        if mode not in self.strategies:
            self.strategies[mode] = self.operation.as_strategy(generation_mode=mode)
        return self.strategies[mode]

    @property
    def name(self) -> str:
        return str(self.operation.definition.raw["operationId"])

    @property
    def is_late(self) -> bool:
        changes = self.operation.method == "patch" and self.collection.rpartition("/")[2] in FOUNDATIONS
        return changes or self.name in LAST

    @property
    def makes(self) -> bool:
        """Tell whether the operation adds to a collection."""
        return self.operation.method == "post" and not set("{:") & set(self.operation.path)

    @property
    def collection(self) -> str:
        return str(self.operation.path.partition("/{")[0])

    def link(self, case: Any) -> None:
        """Let a generated call name what exists, at its version of now, and say what was once understood."""
        own, etag = Known(), ""
        if case.path_parameters:
            case.path_parameters = self._parameters(case.path_parameters)
            path = self.operation.path.rpartition(":")[0] or self.operation.path
            resource, etag = self.caller.read(path.format(**case.path_parameters))
            own.learn(resource, singular(self.collection.rpartition("/")[2]))
        elif self.operation.method == "patch":
            etag = self.caller.read(self.operation.path)[1]
        case.query = self._query(case.query)
        case.body = self._body(case.body, own)
        dropped = {"If-Match", "Idempotency-Key"} if self.number else {"If-Match"}
        case.headers = {name: value for name, value in (case.headers or {}).items() if name not in dropped}
        if etag and "If-Match" in {each["name"] for each in self.operation.definition.raw.get("parameters", ())}:
            case.headers["If-Match"] = etag

    def _parameters(self, generated: dict[str, Any]) -> dict[str, Any]:
        """Return the newest of the collection, or what the day named here, in turn."""
        every = self.caller.known.by_name.get(f"{singular(self.collection.rpartition('/')[2])}_id", {})
        pool = [found for found in sorted(every, reverse=True) if found not in self.caller.own_ids]
        if pool and len(generated) == 1 and (self.number % 2 == 0 or not self.lesson.parameters):
            return dict.fromkeys(generated, pool[self.number // 2 % len(pool)])
        if self.lesson.parameters:
            return dict(self.lesson.parameters[self.number // 2 % len(self.lesson.parameters)])
        return generated

    def _query(self, generated: Any) -> dict[str, Any]:
        query = {name: value for name, value in dict(generated or {}).items() if name != "page_token"}
        query = self.caller.known.put_into(query)
        if not self.number or not self.lesson.queries:
            return dict(query)
        base = self.lesson.queries[self.number % len(self.lesson.queries)]
        return {name: value for name, value in mutated(base, query, 1, self.number).items() if name != "page_token"}

    def _body(self, generated: Any, own: Known) -> Any:
        """Return a generated body; then bodies of the day with fewer and fewer generated values in them.

        Every fourth is as it was said, at another time; the one after it is about other things.
        """
        known, bodies = self.caller.known, self.lesson.bodies
        if not self.number or not bodies:
            return known.put_into(generated, own)
        turn = self.number % 4
        seed = moved(bodies[self.number // 2 % len(bodies)], self.number, back=turn == 3)
        body = mutated(seed, generated, (1, 3, 1, 0)[turn], self.number)
        return body if turn else known.put_into(body, own)


@pytest.fixture(scope="module")
def caller(front_door: FrontDoor, lived: Lived, long: bool) -> Iterator[Caller]:
    """Somebody with a key that may do everything, who knows what the practice has named or was told."""
    key = lived.diary.post("/v1/apiKeys", {"title": "Fuzz", "scopes": ["*.*.*"]})
    known = Known()
    for exchange in lived.diary.exchanges:
        for text in (exchange.content, exchange.reply):
            if text.startswith(b"{"):
                known.learn(json.loads(text), _member(exchange.method, exchange.path))
    known.by_name["setup_token"] = dict.fromkeys(front_door.setup_token() for _ in range(6))
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {key['key']}"
        yield Caller(session, front_door.url, known, {key["id"]}, EXAMPLES[long])


def test_generated_calls_never_break_the_contract(
    front_door: FrontDoor, lived: Lived, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It looks through all literals of our source for each kind of value, which takes a quarter of the whole test.
    monkeypatch.setattr(HypothesisProvider, "_maybe_draw_constant", lambda *_, **__: None)
    schema = schemathesis.openapi.from_url(f"{front_door.url}/v1/openapi.json")
    results = list(schema.get_all_operations())
    operations = [found.ok() for found in results if isinstance(found, Ok)]
    assert len(operations) == len(results), "an operation's description cannot be read"
    learned = lessons(front_door.description(), lived.diary.exchanges)
    attempts = [
        Attempt(caller, each, learned.get(each.definition.raw["operationId"], Lesson(0))) for each in operations
    ]
    makers = {attempt.collection: attempt for attempt in attempts if attempt.makes}
    for group in (False, True):
        chosen = [each for each in attempts if each.is_late is group and each.name not in UNDONE_BY_SUCCESS]
        chosen.sort(key=lambda each: (each.name in LAST, each.lesson.order))
        for attempt in chosen:
            _try(attempt)
        for attempt in chosen:
            _try_again(attempt, makers.get(attempt.collection))
    findings = caller.findings
    _report(findings, {attempt.name for attempt in attempts})
    assert not findings.faults, "\n\n".join(findings.faults.values())
    assert len(findings.reached) >= REACHED_SHARE * len(operations)
    assert findings.asked_again <= AGAIN_SHARE * findings.calls


def _try(attempt: Attempt) -> None:
    """Send a few generated calls of one operation."""
    good, bad = attempt.caller.examples
    _look(attempt)
    _generate(attempt, GenerationMode.POSITIVE, good, SEED)
    _generate(attempt, GenerationMode.NEGATIVE, bad, SEED)


def _try_again(attempt: Attempt, maker: Attempt | None) -> None:
    """Send some more as long as none was answered well, each time to something that was just made."""
    for more in range(FURTHER_ROUNDS):
        if attempt.name in attempt.caller.findings.reached or attempt.name in OUT_OF_REACH:
            return
        if maker and "{" in attempt.operation.path:
            maker.number += (2 - maker.number) % 4  # nearly as it was said, once to come and once gone by
            _generate(maker, GenerationMode.POSITIVE, 2, SEED + 1 + more)
        _look(attempt)
        _generate(attempt, GenerationMode.POSITIVE, max(FURTHER_EXAMPLES, attempt.caller.examples[0]), SEED + 1 + more)


def _look(attempt: Attempt) -> None:
    """Learn what the collection of an operation holds now."""
    if "{" in attempt.operation.path:
        attempt.caller.known.learn(attempt.caller.read(attempt.collection)[0])


def _generate(attempt: Attempt, mode: GenerationMode, examples: int, start: int) -> None:
    @seed(start)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=attempt.strategy(mode))
    def send(case: Any) -> None:
        _send(case, mode, attempt)

    send()


def _send(case: Any, mode: GenerationMode, attempt: Attempt) -> None:
    checks, findings = CONTRACT, attempt.caller.findings
    if mode is GenerationMode.NEGATIVE:
        checks = [*CONTRACT, negative_data_rejection]
    else:
        attempt.link(case)
        attempt.number += 1
    response = _called(case, attempt)
    findings.calls += 1
    findings.statuses[response.status_code] += 1
    if 200 <= response.status_code < 300:
        findings.reached.setdefault(attempt.name, f"{mode.value} {attempt.number}")
        if _is_json(response):
            attempt.caller.known.learn(response.json(), _member(case.method, case.path))
    elif mode is GenerationMode.POSITIVE:
        findings.refusals[attempt.name].append(json.loads(response.text).get("detail", ""))
    try:
        case.validate_response(response, checks=checks)
    except FailureGroup as group:
        for failure in group.exceptions:
            findings.faults.setdefault(f"{case.operation.label} {failure.title}", _told(case, failure))


def _called(case: Any, attempt: Attempt) -> Any:
    """Return the answer; a machine that is too busy is asked again, as its answer says, and not for ever."""
    for turn, pause in enumerate(AGAIN_SECONDS):
        with at_once():  # most generated calls name what nobody has made
            response = case.call(session=attempt.caller.session)
        if response.status_code not in {503, 504}:
            break
        attempt.caller.findings.asked_again += turn == 0
        time.sleep(pause)
    return response


def _member(method: str, path: str) -> str:
    """Return what the answer of a call is, where its path tells: what was created, read or changed."""
    collection = path.removeprefix("/v1/").partition("/")[0]
    return "" if ":" in path or path.count("/") > 3 else singular(collection)


def _is_json(response: Any) -> bool:
    return str(response.headers.get("Content-Type", "")).startswith("application/json")


def _report(findings: Findings, every: set[str]) -> None:
    print(f"{findings.calls} generated calls: {dict(sorted(findings.statuses.items()))}", end="")
    print(f", {findings.asked_again} of them asked again")
    print(f"{len(findings.reached)} of {len(every)} operations reached a 2xx")
    for name in sorted(every - findings.reached.keys()):
        print(f"never: {name}: {OUT_OF_REACH.get(name) or sorted(set(findings.refusals[name]))}")


def _told(case: Any, failure: Exception) -> str:
    return f"{case.operation.label}: {failure}\n{case.as_curl_command()}"[:1500]
