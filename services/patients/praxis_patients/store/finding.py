"""Finds patients by terms, rarest first, and looks at a bounded number of them however common a name is.

Every look-up is an equality or a range in an index of `patient_keys` that begins with the tenant. A statement is made
once for each shape of a query, because to compose it costs more than to run it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    column,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session

from praxis.patients.v1 import patient_pb2
from praxis_chassis.prepared import Prepared
from praxis_patients.rules.search import Key, Term, prefix_end
from praxis_patients.store.models import Party, PartyKey, Patient, PatientKey

# To read a key of a term costs a fiftieth of looking up whether one patient meets it.
COMMON = 75_000  # keys that are read at most; terms beyond are looked up
FEW = 300  # keys of a term whose patients are looked up rather than the other terms read
LOOKED_UP = 2_000  # patients who are looked up at most
RANKED = 1_000  # patients who are ranked at most
# What patients are listed by: the closest first, among equals those who still come, then by name.
ORDER: list[Any] = [column("distance", Integer), column("gone", Integer), Patient.sort_name, Patient.id]
BEGINNING = (-1, 0, "", UUID(int=0))


@dataclass(frozen=True)
class Shape:
    """What a key's condition looks like, without its values."""

    purpose: str
    prefix: bool
    several: bool
    distance: int


@dataclass(frozen=True)
class Plan:
    """How terms are met: the first is read, or ids are given; some are read beside it, the others looked up."""

    first: tuple[Shape, ...]
    most: int
    joined: tuple[tuple[Shape, ...], ...]
    probed: tuple[tuple[Shape, ...], ...]


@dataclass(frozen=True)
class Found:
    """Patients in order, each with the values that it is ordered by, and whether not all were looked at."""

    rows: Sequence[Any]
    cut: bool


def found(
    session: Session, terms: Sequence[Term], scope: Sequence[UUID] | None, states: Iterable[int], after: Any, most: int
) -> Found:
    """Return who meets all terms, from a place in the order on; with a scope, only and all of those in it."""
    if scope is None:
        sizes = _sizes(session, terms)
        (first, size), *others = sorted(zip(terms, sizes, strict=True), key=lambda pair: pair[1])
        read = list(accumulate((count for _, count in others), initial=size))[1:]
        apart = [size <= FEW or so_far > COMMON for so_far in read]
        joined = [term for (term, _), alone in zip(others, apart, strict=True) if not alone]
        probed = [term for (term, _), alone in zip(others, apart, strict=True) if alone]
        limit = (LOOKED_UP if probed else COMMON) if others else RANKED
        plan = Plan(_shape(first), limit, tuple(map(_shape, joined)), tuple(map(_shape, probed)))
        values = _values([first, *joined, *probed])
    else:
        size, limit = len(scope), len(scope)
        plan = Plan((), 0, (), tuple(map(_shape, terms)))
        values = _values(terms, 1)
    values |= dict(zip(("d", "g", "n", "i"), after, strict=True))
    rows = _statement(plan).rows(session, **values, ids=scope or [], states=list(states), most=most)
    return Found([row[:-1] for row in rows], cut=size > limit or any(row[-1] > RANKED for row in rows))


def _sizes(session: Session, terms: Sequence[Term]) -> Sequence[int]:
    """Count how many keys meet each term, as far as it matters."""
    most = (COMMON if len(terms) > 1 else RANKED) + 1
    counts: Sequence[int] = _counting(tuple(map(_shape, terms)), most).rows(session, **_values(terms))[0]
    return counts


def _shape(term: Term) -> tuple[Shape, ...]:
    return tuple(Shape(key.purpose.value, key.prefix, len(key.values) > 1, key.distance) for key in term.keys)


def _values(terms: Sequence[Term], first: int = 0) -> dict[str, Any]:
    """Return the values of all keys under the names that statements have for them."""
    values: dict[str, Any] = {}
    for number, term in enumerate(terms, first):
        for place, key in enumerate(term.keys):
            name = f"k{number}_{place}"
            values[name] = list(key.values) if len(key.values) > 1 else key.values[0]
            if key.prefix:
                values[f"{name}_end"] = prefix_end(key.values[0])
    return values


@lru_cache(maxsize=256)
def _counting(shapes: tuple[tuple[Shape, ...], ...], most: int) -> Prepared:
    counts = []
    for number, shape in enumerate(shapes):
        met = union_all(*_holding(shape, number)).limit(literal_column(str(most))).subquery()
        counts.append(select(func.count()).select_from(met).scalar_subquery())
    return Prepared(select(*counts), "SELECT patient_keys")


@lru_cache(maxsize=256)
def _statement(plan: Plan) -> Prepared:
    if plan.first:
        held = _held(plan.first, 0, plan.most)
    else:
        given = func.unnest(bindparam("ids", type_=ARRAY(Uuid))).label("patient_id")
        held = select(given, literal_column("0").label("distance")).subquery("given")
    distance = held.c.distance
    query = select(held.c.patient_id)
    for number, shape in enumerate(plan.joined, 1):
        also = _held(shape, number, COMMON)
        query, distance = query.join(also, also.c.patient_id == held.c.patient_id), distance + also.c.distance
    closest = query.add_columns(func.min(distance, type_=Integer).label("distance")).group_by(held.c.patient_id)
    met = _ranked(_probed(closest.subquery("closest"), plan.probed, len(plan.joined) + 1))
    gone = case((Patient.state == patient_pb2.PATIENT_STATE_ACTIVE, literal_column("0")), else_=literal_column("1"))
    order = [met.c.distance, gone, Patient.sort_name, Patient.id]
    place = (bindparam("d", type_=Integer), bindparam("g", type_=Integer), bindparam("n", type_=Text),
             bindparam("i", type_=Uuid))  # fmt: skip
    query = (
        select(met.c.distance, gone.label("gone"), Patient.sort_name, Patient.id, met.c.count)
        .join(met, met.c.patient_id == Patient.id)
        .where(
            Patient.state == any_(bindparam("states", type_=ARRAY(Patient.state.type))), tuple_(*order) > tuple_(*place)
        )
        .order_by(*order)
        .limit(bindparam("most", type_=Integer))
    )
    return Prepared(query, "SELECT patient_keys")


def _holding(shape: Sequence[Shape], number: int) -> list[Select[Any]]:
    """Return for each key of a term the query of who has it."""
    found = []
    for place, each in enumerate(shape):
        distance: Any = literal_column(str(each.distance)).label("distance")
        found.append(select(PatientKey.patient_id, distance).where(_holds(each, f"k{number}_{place}")))
    return found


def _held(shape: Sequence[Shape], number: int, most: int) -> Any:
    """Return keys of a term, the closest when not all of them are wanted, because they come first."""
    return union_all(*_holding(shape, number)).limit(literal_column(str(most))).subquery(f"held_{number}")


def _ranked(met: Select[Any]) -> Any:
    """Return the closest patients with how many there are; who is not among them is not even read."""
    each = met.subquery("each")
    query = select(each.c.patient_id, each.c.distance, func.count().over().label("count"))
    return query.order_by(each.c.distance).limit(literal_column(str(RANKED))).subquery("met")


def _probed(looked_at: Any, shapes: Sequence[Sequence[Shape]], first: int) -> Select[Any]:
    """Return those of the patients looked at who meet more terms too, each looked up by the patient."""
    query, distance = select(looked_at.c.patient_id), looked_at.c.distance
    for number, shape in enumerate(shapes, first):
        conditions: list[tuple[ColumnElement[bool], Any]] = [
            (_holds(each, f"k{number}_{place}"), literal_column(str(each.distance))) for place, each in enumerate(shape)
        ]
        of_one = (
            select(func.min(case(*conditions), type_=Integer).label("distance"))
            .where(
                PatientKey.patient_id == looked_at.c.patient_id,
                PatientKey.purpose.in_([literal_column(f"'{name}'") for name in sorted({s.purpose for s in shape})]),
                or_(*(condition for condition, _ in conditions)),
            )
            .lateral(f"probe_{number}")
        )
        query = query.join(of_one, of_one.c.distance.is_not(None))
        distance += of_one.c.distance
    return query.add_columns(distance.label("distance"))


def _holds(shape: Shape, name: str) -> ColumnElement[bool]:
    """Return the condition that a row is one of a key's."""
    of_purpose = PatientKey.purpose == literal_column(f"'{shape.purpose}'")
    if shape.several:
        return and_(of_purpose, PatientKey.value == any_(bindparam(name, type_=ARRAY(Text))))
    value = bindparam(name, type_=Text)
    if shape.prefix:
        return and_(of_purpose, PatientKey.value > value, PatientKey.value < bindparam(f"{name}_end", type_=Text))
    return and_(of_purpose, PatientKey.value == value)


def parties_with(term: Term) -> ColumnElement[bool]:
    """Return the condition that a party has one of the keys of a term."""
    held = select(PartyKey.party_id).where(or_(*(_party_holds(key) for key in term.keys)))
    return Party.id.in_(held)


def _party_holds(key: Key) -> ColumnElement[bool]:
    of_purpose = PartyKey.purpose == key.purpose.value
    if key.prefix:
        return and_(of_purpose, PartyKey.value > key.values[0], PartyKey.value < prefix_end(key.values[0]))
    return and_(of_purpose, PartyKey.value.in_(key.values))
