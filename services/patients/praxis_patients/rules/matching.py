"""How likely two records are the same patient: blocking keys, and weights after Fellegi and Sunter."""

import enum
import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

import jellyfish
from rapidfuzz.distance import OSA, JaroWinkler

THRESHOLD = 8.0
# Blocking keys made of a number that belongs to one patient alone.
STRONG_KEYS = (_GOVERNMENT_ID, _MICROCHIP) = ("id:", "chip:")
_SIMILAR = 0.88
_SAME_STREET, _SIMILAR_STREET = 0.95, 0.86
# People of one household share all of this, so it never counts for more.
_HOUSEHOLD = 8.5
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
    cities: frozenset[str] = field(default_factory=frozenset)
    microchips: frozenset[str] = field(default_factory=frozenset)
    owners: frozenset[str] = field(default_factory=frozenset)
    species: str = ""


@dataclass(frozen=True)
class Match:
    """The weight of the evidence in bits, what speaks for it, strongest first, and whether relatives look like that."""

    score: float
    reasons: tuple[Reason, ...]
    maybe_relatives: bool = False

    @property
    def sure(self) -> bool:
        """Whether it needs no person to say so; twins, father and son, and newborns always do."""
        return self.score >= THRESHOLD and not self.maybe_relatives


Evidence = tuple[float, Reason | None]
_NOTHING: Evidence = (0.0, None)
_PLACEHOLDERS = frozenset(
    {"baby", "boy", "girl", "newborn", "infant", "unknown", "twin", "male", "female", "a", "b", "1", "2"}
)


def blocking_keys(record: Record) -> frozenset[str]:
    """Return the keys of which two records of the same patient share at least one."""
    keys = {_GOVERNMENT_ID + record.government_id} if record.government_id else set()
    keys |= {_MICROCHIP + chip for chip in record.microchips}
    return frozenset(keys | (_human_keys(record) if record.kind == "human" else _animal_keys(record)))


def match(one: Record, other: Record) -> Match:
    """Weigh everything the records have in common and everything that parts them."""
    if one.kind != other.kind:
        return Match(-math.inf, ())
    found = _human_evidence(one, other) if one.kind == "human" else _animal_evidence(one, other)
    reasons = [reason for weight, reason in sorted(found, key=lambda item: -item[0]) if reason and weight > 0]
    score = round(sum(weight for weight, _ in found), 2)
    return Match(score, tuple(reasons), one.kind == "human" and _maybe_relatives(one, other))


def _human_keys(record: Record) -> set[str]:
    keys = {f"phone:{telecom}" for telecom in record.telecoms}
    places = record.cities | record.postal_codes
    keys |= {f"street:{street}:{place}" for street in record.streets for place in places}
    if record.birth_date:
        born = record.birth_date
        keys.add(f"born:{born}")
        keys.add(f"year:{born.year}:{record.given}")
        keys.add(f"day:{born:%m%d}:{record.given[:2]}")
        keys |= {f"post:{code}:{born.year}" for code in record.postal_codes}
    if record.family:
        keys.add(f"sound:{_sound(record.family)}:{record.given[:1]}")
        keys.add("pair:" + ":".join(sorted((_sound(record.family), _sound(record.given)))))
        keys |= {f"post:{place}:{record.family}" for place in places}
    if record.given:
        keys |= {f"post:{place}:{record.given}" for place in places}
    return keys


def _animal_keys(record: Record) -> set[str]:
    return {f"pet:{contact}:{_sound(record.given)}" for contact in record.owners | record.telecoms}


def _sound(name: str) -> str:
    return jellyfish.metaphone(name) or name


def _human_evidence(one: Record, other: Record) -> list[Evidence]:
    name, born = _human_name(one, other), _birth_date(one, other)
    found = [*name, _government_id(one, other), born]
    # Neither given name nor date of birth in common: people of one household, whatever else they share.
    own = born[0] > 0 or any(weight > 0 for weight, _ in name[1:]) or name[0][1] is Reason.SWAPPED_NAME
    return found + _capped([_telecom(one, other), *_address(one, other)]) if own else found


def _capped(household: list[Evidence]) -> list[Evidence]:
    total = sum(weight for weight, _ in household)
    return household if total <= _HOUSEHOLD else [(weight * _HOUSEHOLD / total, reason) for weight, reason in household]


def _human_name(one: Record, other: Record) -> list[Evidence]:
    if _swapped(one, other):
        return [(7.0, Reason.SWAPPED_NAME)]
    if _crossed(one, other):
        return [(-2.0, None), (2.5, Reason.SWAPPED_NAME)]
    suffix = (-6.0, None) if _differ(one.suffix, other.suffix) else _NOTHING
    family = _similarity(one.family, other.family, same=4.5, similar=4.0, different=-2.0)
    return [family, _given_name(one.given, other.given), suffix]


def _maybe_relatives(one: Record, other: Record) -> bool:
    """Tell whether twins, father and son, or a mother's newborns would look like these two."""
    if one.government_id and one.government_id == other.government_id:
        return False
    given = _given_name(one.given, other.given)[0] < 0 and not _swapped(one, other)
    unnamed = any(_unnamed(name) for name in (one.given, other.given))
    born = bool(one.birth_date and other.birth_date) and one.birth_date != other.birth_date
    far = born and _birth_date(one, other)[0] <= 0
    return given or unnamed or far or _differ(one.suffix, other.suffix)


def _differ(one: str, other: str) -> bool:
    return bool(one and other) and one != other


def _swapped(one: Record, other: Record) -> bool:
    straight = _close(one.family, other.family) or _close(one.given, other.given)
    return not straight and _close(one.family, other.given) and _close(one.given, other.family)


def _crossed(one: Record, other: Record) -> bool:
    """Tell whether one part of the name stands in the other's place, and the other part is lost or wrong."""
    straight = _close(one.family, other.family) or _close(one.given, other.given)
    return not straight and (_close(one.family, other.given) or _close(one.given, other.family))


def _close(one: str, other: str) -> bool:
    if not one or not other:
        return False
    slips = 2 if min(len(one), len(other)) > 4 else 1
    return (
        JaroWinkler.similarity(one, other) >= _SIMILAR
        or _sound(one) == _sound(other)
        or OSA.distance(one, other, score_cutoff=slips) <= slips
    )


def _given_name(one: str, other: str) -> Evidence:
    """Compare given names; one of a newborn who has none yet says nothing, two different ones part newborns."""
    unnamed = [_unnamed(one), _unnamed(other)]
    if unnamed == [True, True]:
        return _NOTHING if one == other else (-16.0, None)
    if any(unnamed):
        return _NOTHING
    if one and other and 1 in {len(one), len(other)} and one[0] == other[0]:
        return 1.0, Reason.SIMILAR_NAME
    return _similarity(one, other, same=3.0, similar=2.5, different=-3.0)


def _unnamed(given: str) -> bool:
    return bool(given) and set(given.split()) <= _PLACEHOLDERS


def _similarity(one: str, other: str, same: float, similar: float, different: float) -> Evidence:
    if not one or not other:
        return _NOTHING
    if one == other:
        return same, Reason.NAME
    return (similar, Reason.SIMILAR_NAME) if _close(one, other) else (different, None)


def _government_id(one: Record, other: Record) -> Evidence:
    if not one.government_id or not other.government_id:
        return _NOTHING
    return (14.0, Reason.GOVERNMENT_ID) if one.government_id == other.government_id else (-12.0, None)


def _birth_date(one: Record, other: Record, same: float = 8.5, different: float = -4.0) -> Evidence:
    if not one.birth_date or not other.birth_date:
        return _NOTHING
    if one.birth_date == other.birth_date:
        return same, Reason.BIRTH_DATE
    first, second = (f"{day:%Y%m%d}" for day in (one.birth_date, other.birth_date))
    swapped = first == second[:4] + second[6:] + second[4:6]
    slips = OSA.distance(first, second)
    if swapped or slips <= 2:
        return (same * 0.75 if swapped or slips == 1 else same * 0.25), Reason.SIMILAR_BIRTH_DATE
    return different, None


def _telecom(one: Record, other: Record) -> Evidence:
    return _shared(one.telecoms, other.telecoms, 4.0, -0.5, Reason.TELECOM)


def _address(one: Record, other: Record) -> list[Evidence]:
    city, code = (one.cities, other.cities), (one.postal_codes, other.postal_codes)
    return [_street(one, other), _alike(*city, same=2.0), _alike(*code, same=3.0)]


def _street(one: Record, other: Record) -> Evidence:
    if not one.streets or not other.streets:
        return _NOTHING
    likeness = max(JaroWinkler.similarity(first, second) for first in one.streets for second in other.streets)
    if likeness < _SIMILAR_STREET:
        return -1.0, None
    return (5.0 if likeness >= _SAME_STREET else 3.5), Reason.ADDRESS


def _alike(one: frozenset[str], other: frozenset[str], same: float) -> Evidence:
    """Compare what is typed; one slip of the finger is less than the same and more than nothing."""
    if not one or not other:
        return _NOTHING
    slips = min(OSA.distance(first, second) for first in one for second in other)
    return [(same, Reason.ADDRESS), (same * 0.75, Reason.ADDRESS)][slips] if slips < 2 else (-0.5, None)


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
