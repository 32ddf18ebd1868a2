"""How likely two records are the same patient: blocking keys, and weights after Fellegi and Sunter."""

import enum
import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

import jellyfish
from rapidfuzz.distance import JaroWinkler

THRESHOLD = 8.0
_SIMILAR = 0.88
_SAME_STREET = 0.95
Key = TypeVar("Key", bound=Hashable)


class Reason(enum.Enum):
    GOVERNMENT_ID = "government_id"
    MICROCHIP = "microchip"
    NAME = "name"
    SIMILAR_NAME = "similar_name"
    SWAPPED_NAME = "swapped_name"
    BIRTH_DATE = "birth_date"
    SIMILAR_BIRTH_DATE = "similar_birth_date"
    TELECOM = "telecom"
    ADDRESS = "address"
    OWNER = "owner"


@dataclass(frozen=True)
class Record:
    """What of a patient is compared; names are plain, sets hold every known value."""

    kind: str
    family: str = ""
    given: str = ""
    suffix: str = ""
    birth_date: date | None = None
    government_id: str = ""
    telecoms: frozenset[str] = field(default_factory=frozenset)
    postal_codes: frozenset[str] = field(default_factory=frozenset)
    streets: frozenset[str] = field(default_factory=frozenset)
    microchips: frozenset[str] = field(default_factory=frozenset)
    owners: frozenset[str] = field(default_factory=frozenset)
    species: str = ""


@dataclass(frozen=True)
class Match:
    """The weight of the evidence in bits, and what speaks for it, strongest first."""

    score: float
    reasons: tuple[Reason, ...]


Evidence = tuple[float, Reason | None]
_NOTHING: Evidence = (0.0, None)
_PLACEHOLDERS = frozenset(
    {"baby", "boy", "girl", "newborn", "infant", "unknown", "twin", "male", "female", "a", "b", "1", "2"}
)


def blocking_keys(record: Record) -> frozenset[str]:
    """Return the keys of which two records of the same patient share at least one."""
    keys = {f"id:{record.government_id}"} if record.government_id else set()
    keys |= {f"chip:{chip}" for chip in record.microchips}
    return frozenset(keys | (_human_keys(record) if record.kind == "human" else _animal_keys(record)))


def match(one: Record, other: Record) -> Match:
    """Weigh everything the records have in common and everything that parts them."""
    if one.kind != other.kind:
        return Match(-math.inf, ())
    found = _human_evidence(one, other) if one.kind == "human" else _animal_evidence(one, other)
    reasons = [reason for weight, reason in sorted(found, key=lambda item: -item[0]) if reason and weight > 0]
    return Match(round(sum(weight for weight, _ in found), 2), tuple(reasons))


def _human_keys(record: Record) -> set[str]:
    keys = {f"phone:{telecom}" for telecom in record.telecoms}
    if record.birth_date:
        keys.add(f"born:{record.birth_date}")
        keys.add(f"year:{record.birth_date.year}:{record.given}")
    if record.family:
        keys.add(f"sound:{_sound(record.family)}:{record.given[:1]}")
        keys.add("pair:" + ":".join(sorted((_sound(record.family), _sound(record.given)))))
        keys |= {f"post:{code}:{record.family}" for code in record.postal_codes}
    return keys


def _animal_keys(record: Record) -> set[str]:
    return {f"pet:{contact}:{_sound(record.given)}" for contact in record.owners | record.telecoms}


def _sound(name: str) -> str:
    return jellyfish.metaphone(name) or name


def _human_evidence(one: Record, other: Record) -> list[Evidence]:
    name = _human_name(one, other)
    found = [*name, _government_id(one, other), _birth_date(one, other, same=6.5, different=-6.0)]
    # People of one household share address and telephone: that says nothing about persons with different given names.
    if sum(weight for weight, _ in name) > 0:
        found += [_shared(one.telecoms, other.telecoms, 2.5, -0.5, Reason.TELECOM), _address(one, other)]
    return found


def _human_name(one: Record, other: Record) -> list[Evidence]:
    if _swapped(one, other):
        return [(7.0, Reason.SWAPPED_NAME)]
    suffix = (-8.0, None) if one.suffix and other.suffix and one.suffix != other.suffix else _NOTHING
    family = _similarity(one.family, other.family, same=4.5, similar=3.0, different=-3.0)
    return [family, _given_name(one.given, other.given), suffix]


def _swapped(one: Record, other: Record) -> bool:
    straight = _close(one.family, other.family) or _close(one.given, other.given)
    return not straight and _close(one.family, other.given) and _close(one.given, other.family)


def _close(one: str, other: str) -> bool:
    return bool(one and other) and (JaroWinkler.similarity(one, other) >= _SIMILAR or _sound(one) == _sound(other))


def _given_name(one: str, other: str) -> Evidence:
    """Compare given names; one of a newborn who has none yet says nothing, two different ones part twins."""
    unnamed = [bool(name) and set(name.split()) <= _PLACEHOLDERS for name in (one, other)]
    if unnamed == [True, True]:
        return _NOTHING if one == other else (-8.0, None)
    if any(unnamed):
        return _NOTHING
    if one and other and 1 in {len(one), len(other)} and one[0] == other[0]:
        return 1.0, Reason.SIMILAR_NAME
    return _similarity(one, other, same=3.5, similar=2.5, different=-8.0)


def _similarity(one: str, other: str, same: float, similar: float, different: float) -> Evidence:
    if not one or not other:
        return _NOTHING
    if one == other:
        return same, Reason.NAME
    return (similar, Reason.SIMILAR_NAME) if _close(one, other) else (different, None)


def _government_id(one: Record, other: Record) -> Evidence:
    if not one.government_id or not other.government_id:
        return _NOTHING
    return (14.0, Reason.GOVERNMENT_ID) if one.government_id == other.government_id else (-8.0, None)


def _birth_date(one: Record, other: Record, same: float, different: float) -> Evidence:
    if not one.birth_date or not other.birth_date:
        return _NOTHING
    if one.birth_date == other.birth_date:
        return same, Reason.BIRTH_DATE
    first, second = (day.isoformat().replace("-", "") for day in (one.birth_date, other.birth_date))
    swapped = first == second[:4] + second[6:] + second[4:6]
    if swapped or sum(a != b for a, b in zip(first, second, strict=True)) == 1:
        return same / 2, Reason.SIMILAR_BIRTH_DATE
    return different, None


def _address(one: Record, other: Record) -> Evidence:
    if any(JaroWinkler.similarity(first, second) >= _SAME_STREET for first in one.streets for second in other.streets):
        return 3.0, Reason.ADDRESS
    return _shared(one.postal_codes, other.postal_codes, 1.5, -0.5, Reason.ADDRESS)


def _shared(one: frozenset[str], other: frozenset[str], same: float, different: float, reason: Reason) -> Evidence:
    if not one or not other:
        return _NOTHING
    return (same, reason) if one & other else (different, None)


def _animal_evidence(one: Record, other: Record) -> list[Evidence]:
    same_species = one.species == other.species
    owner = _shared(one.owners, other.owners, 5.0, 0.0, Reason.OWNER)
    if owner[0] <= 0:
        owner = _shared(one.telecoms, other.telecoms, 4.0, 0.0, Reason.TELECOM)
    return [
        _shared(one.microchips, other.microchips, 16.0, -6.0, Reason.MICROCHIP),
        owner,
        _similarity(one.given, other.given, same=4.0, similar=2.0, different=-5.0),
        (1.0 if same_species else -8.0, None),
        _birth_date(one, other, same=2.5, different=-1.5),
    ]


def likely(one: Record, others: Iterable[tuple[Key, Record]]) -> list[tuple[Key, Match]]:
    """Return the records that reach the threshold, likeliest first."""
    matches = [(key, match(one, other)) for key, other in others]
    return sorted((m for m in matches if m[1].score >= THRESHOLD), key=lambda m: -m[1].score)
