"""What a practice knows, for calls that are generated: ids that exist, and bodies that once worked."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import parse_qs

from support.front_door import Exchange

SEED, NEWEST = 20, 12
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
DATE = re.compile(r"\d{4}-\d\d-\d\d(?:T[\d:.]+Z)?")


def singular(word: str) -> str:
    """Return the name of one member of a collection, such as `fee_schedule` of `feeSchedules`."""
    word = CAMEL.sub("_", word).lower()
    return f"{word.removesuffix('ies')}y" if word.endswith("ies") else word.removesuffix("s")


def is_reference(name: str) -> bool:
    return name.endswith(("_id", "_ids")) or (name.endswith("_token") and name != "page_token")


@dataclass
class Known:
    """Values that exist, by the name of the field that would hold them; of ids the newest is the greatest."""

    by_name: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    random: Random = field(default_factory=lambda: Random(SEED))

    def learn(self, value: Any, member: str = "") -> None:
        """Remember every id in a JSON value under its field's name; `member` says what the value itself is."""
        if isinstance(value, list):
            for item in value:
                self.learn(item, member)
        elif isinstance(value, dict):
            if member and isinstance(value.get("id"), str):
                self.by_name[f"{member}_id"][value["id"]] = None
            for name, held in value.items():
                if is_reference(name):
                    every = held if isinstance(held, list) else [held]
                    self.by_name[name.removesuffix("s")].update(dict.fromkeys(every))
                self.learn(held, singular(name))

    def values(self, name: str) -> list[str]:
        """Return what a field of this name may hold; a `from_party_id` may hold every `party_id`."""
        words = name.removesuffix("s").split("_")
        for start in range(len(words) - 1):
            if found := self.by_name.get("_".join(words[start:])):
                return list(found)
        return []

    def put_into(self, value: Any, first: Known | None = None) -> Any:
        """Replace the ids of a JSON value by ids that exist, those that `first` knows before all others."""
        if isinstance(value, list):
            return [self.put_into(item, first) for item in value]
        if not isinstance(value, dict):
            return value
        return {name: self._known(name, held, first) for name, held in value.items() if name != "etag"}

    def _known(self, name: str, held: Any, first: Known | None) -> Any:
        found = ((first.values(name) if first else []) or self.values(name)) if is_reference(name) else []
        if not found:
            return self.put_into(held, first)
        if not isinstance(held, list):
            return self._one_of(found)
        return [self._one_of(found) for _ in held]

    def _one_of(self, found: list[str]) -> str:
        """Return one of the newest more often than not: with them nothing has happened yet."""
        return self.random.choice(sorted(found)[-NEWEST:] if self.random.random() < 0.7 else found)


@dataclass
class Lesson:
    """What the practice's day has said to one operation."""

    order: int
    parameters: list[dict[str, str]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    queries: list[dict[str, Any]] = field(default_factory=list)


def lessons(description: Mapping[str, Any], exchanges: Sequence[Exchange]) -> dict[str, Lesson]:
    """Return what was said to each operation, in the order in which the day came to them."""
    found: dict[str, Lesson] = {}
    routes = [
        (verb.upper(), template_pattern(path), operation["operationId"])
        for path, operations in description["paths"].items()
        for verb, operation in operations.items()
    ]
    for order, exchange in enumerate(exchanges):
        for verb, pattern, name in routes:
            if verb == exchange.method and (match := pattern.fullmatch(exchange.path)):
                lesson = found.setdefault(name, Lesson(order))
                lesson.parameters.append(match.groupdict())
                lesson.queries.append({name: _plain(value) for name, value in parse_qs(exchange.query).items()})
                if exchange.content:
                    lesson.bodies.append(_body(exchange.content))
    return found


def template_pattern(template: str) -> re.Pattern[str]:
    """Return what matches the paths of a route and names its parameters."""
    parts = re.split(r"\{([^}]*)\}", template)
    texts = [re.escape(part) if number % 2 == 0 else f"(?P<{part}>[^/:]+)" for number, part in enumerate(parts)]
    return re.compile("".join(texts))


def _plain(values: list[str]) -> Any:
    return values if len(values) > 1 else values[0]


def _body(content: bytes) -> Any:
    return json.loads(content) if content[:1] == b"{" else content


def mutated(seed: Any, generated: Any, changes: int, start: int) -> Any:
    """Return a body that once worked with so many generated values in the place of its own.

    `start` says with which of them to begin, so that one call after the other tries each.
    """
    if not isinstance(seed, dict) or not isinstance(generated, dict):
        return seed
    body = deepcopy(seed)
    leaves = [leaf for leaf in _leaves(generated, ()) if _owner(body, leaf[0]) is not None]
    for number in range(min(changes, len(leaves))):
        path, value = leaves[(start + number) % len(leaves)]
        owner = _owner(body, path)
        if owner is not None:
            owner[path[-1]] = value
    return body


def _leaves(value: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, held in value.items():
        if isinstance(held, dict) and held:
            yield from _leaves(held, (*path, name))
        elif not is_reference(name) and name != "etag":
            yield (*path, name), held


def _owner(body: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the object of a body that would hold a path, where it has one."""
    for name in path[:-1]:
        held = body.get(name)
        if not isinstance(held, dict):
            return None
        body = held
    return body


def moved(value: Any, weeks: int, back: bool = False) -> Any:
    """Move each day and instant of a body by weeks away from now, so that it names times which nobody has taken.

    `back` moves what is to come as far into the past, because much can only happen to what has begun.
    """
    if isinstance(value, list):
        return [moved(item, weeks, back) for item in value]
    if isinstance(value, dict):
        return {name: moved(held, weeks, back) for name, held in value.items()}
    if not isinstance(value, str) or not DATE.fullmatch(value):
        return value
    day, today = date.fromisoformat(value[:10]), datetime.now(UTC).date()
    if day <= today:
        weeks = -weeks
    elif back:
        weeks = -weeks - (day - today).days // 7
    return (day + timedelta(weeks=weeks)).isoformat() + value[10:]
