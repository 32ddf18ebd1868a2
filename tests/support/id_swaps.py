"""Sends each request of a practice's day first with one id of another practice in it, and keeps what came of that."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import httpx
from google.protobuf.descriptor import Descriptor
from support.front_door import ID, Exchange, at_once

from praxis_gateway import contracts
from praxis_gateway.contracts import Operation

Place = tuple[str, ...]
KEPT = ("authorization", "content-type", "if-match")


@dataclass(frozen=True)
class Said:
    """A request in parts: the values in its path, its query and its JSON body."""

    operation: Operation
    method: str
    values: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    body: Any
    content: bytes

    def ids(self) -> Iterator[tuple[Place, str]]:
        """Yield each id of the request with its place; of a list only the first, for its others are treated alike."""
        fields = self.operation.path_fields()
        found = [(("path", name), value) for name, value in zip(fields, self.values, strict=True)]
        found += [(("query", name), value) for name, value in dict(self.query).items()]
        yield from ((place, value) for place, value in [*found, *_leaves(self.body, ("body",))] if ID.fullmatch(value))

    def swapped(self, place: Place, other: str) -> Said:
        """Return the same request with another id at one place; a filter that is not there yet is added."""
        values, query, body = list(self.values), list(self.query), deepcopy(self.body)
        if place[0] == "path":
            values[self.operation.path_fields().index(place[1])] = other
        elif place[0] == "query":
            query = [(name, value) for name, value in query if name != place[1]] + [(place[1], other)]
        else:
            _put(body, place[1:], other)
        content = json.dumps(body).encode() if place[0] == "body" else self.content
        return Said(self.operation, self.method, tuple(values), tuple(query), body, content)

    def path(self) -> str:
        parts = re.split(r"\{[^}]*\}", self.operation.path)
        return parts[0] + "".join(value + part for value, part in zip(self.values, parts[1:], strict=True))


@dataclass(frozen=True)
class Swap:
    """One request with a foreign id, and what was answered."""

    said: Said
    place: Place
    foreign: str
    status: int
    told: str

    @property
    def name(self) -> str:
        return name_of(self.said.operation, self.place)


def id_fields(operation: Operation) -> set[str]:
    """Return the fields of a request that hold ids, those inside other messages by their path."""
    return set(_id_fields(operation.method.input_type, "", ()))


def _id_fields(descriptor: Descriptor, prefix: str, above: tuple[str, ...]) -> Iterator[str]:
    for entry in descriptor.fields:
        inner = entry.message_type
        if inner and inner.full_name not in above and not inner.full_name.startswith("google."):
            yield from _id_fields(inner, f"{prefix}{entry.name}.", (*above, inner.full_name))
        elif entry.type == entry.TYPE_STRING and re.fullmatch(r"id|\w+_ids?", entry.name):
            yield prefix + entry.name


def name_of(operation: Operation, place: Place) -> str:
    return f"{operation.name} {'.'.join(place)}"


@dataclass
class Router:
    """Finds the operation that a request is for."""

    routes: list[tuple[str, re.Pattern[str], Operation]] = field(default_factory=list)

    @classmethod
    def of_contracts(cls) -> Router:
        routes = []
        for operation in contracts.load().operations:
            parts = re.split(r"\{[^}]*\}", operation.path)
            pattern = re.compile("([^/:]+)".join(re.escape(part) for part in parts))
            routes.append((operation.verb.upper(), pattern, operation))
        return cls(routes)

    def parts(self, method: str, url: httpx.URL, content: bytes) -> Said | None:
        """Return a request in parts, unless it is for something that no contract describes."""
        for verb, pattern, operation in self.routes:
            if verb == method and (match := pattern.fullmatch(url.path)):
                body = json.loads(content) if content[:1] == b"{" else None
                return Said(operation, method, match.groups(), tuple(url.params.multi_items()), body, content)
        return None


@dataclass
class Swapper:
    """Tries each id field of each operation once, in the last moment before the own request is sent."""

    router: Router
    foreign: Mapping[tuple[str, Place], str]
    by_name: Mapping[str, str]
    client: httpx.Client
    swaps: list[Swap] = field(default_factory=list)
    tried: set[tuple[str, Place]] = field(default_factory=set)

    @classmethod
    def against(cls, exchanges: Iterable[Exchange], url: str) -> Swapper:
        """Return a swapper that knows the ids of another practice by where its own requests had them."""
        router = Router.of_contracts()
        places: dict[tuple[str, Place], str] = {}
        names: dict[str, str] = {}
        for exchange in exchanges:
            said = router.parts(exchange.method, httpx.URL(f"{exchange.path}?{exchange.query}"), exchange.content)
            for place, value in said.ids() if said else ():
                places.setdefault((said.operation.full_name, place), value)
                names.setdefault(_last_name(place), value)
        return cls(router, places, names, httpx.Client(base_url=url, timeout=60))

    def watch(self, client: httpx.Client) -> None:
        """Look at every request of a caller from now on."""
        client.event_hooks["request"].append(self._look_at)

    def _look_at(self, request: httpx.Request) -> None:
        """Send a request of the day with a foreign id in each of its id fields, one at a time."""
        said = self.router.parts(request.method, request.url, request.read())
        if said is None:
            return
        headers = {name: request.headers[name] for name in KEPT if name in request.headers}
        own = dict(said.ids())
        for place in [*own, *_further_filters(said, own)]:
            key = (said.operation.full_name, place)
            other = self.foreign.get(key) or self.by_name.get(_last_name(place), "")
            if key not in self.tried and other and other != own.get(place):
                self.tried.add(key)
                self._send(said, place, other, headers)

    def _send(self, said: Said, place: Place, other: str, headers: dict[str, str]) -> None:
        changed = said.swapped(place, other)
        with at_once():
            answer = self.client.request(
                said.method, changed.path(), params=list(changed.query), content=changed.content, headers=headers
            )
        self.swaps.append(Swap(said, place, other, answer.status_code, answer.content.decode(errors="replace")))


def _further_filters(said: Said, own: Mapping[Place, str]) -> Iterator[Place]:
    """Yield the ids by which a read could have been filtered and was not."""
    if said.operation.read_only and said.method == "GET":
        for entry in said.operation.method.input_type.fields:
            place = ("query", entry.name)
            if entry.name.endswith("_id") and entry.name not in said.operation.path_fields() and place not in own:
                yield place


def _last_name(place: Place) -> str:
    name = next(part for part in reversed(place) if part != "[]").rpartition(".")[2]
    return name.removesuffix("s") if name.endswith("_ids") else name


def _leaves(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, dict):
        for name, held in value.items():
            yield from _leaves(held, (*place, name))
    elif isinstance(value, list) and value:
        yield from _leaves(value[0], (*place, "[]"))
    elif isinstance(value, str):
        yield place, value


def _put(body: Any, place: Place, other: str) -> None:
    for part in place[:-1]:
        body = body[0] if part == "[]" else body[part]
    body[0 if place[-1] == "[]" else place[-1]] = other
