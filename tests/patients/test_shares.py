"""Who pays for a patient: parts by revenue group, parts that are sold, and any history of both."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from support.patients_house import House, shared

from praxis.patients.v1 import events_pb2, patient_pb2
from praxis.patients.v1 import patient_service_pb2 as pb
from praxis_chassis.testing import Refused
from praxis_patients.rules import shares
from praxis_patients.rules.shares import Share

TRAINER, FARM = patient_pb2.RESPONSIBILITY_ROLE_TRAINER, patient_pb2.RESPONSIBILITY_ROLE_FARM
OWNER, CO_OWNER = patient_pb2.RESPONSIBILITY_ROLE_OWNER, patient_pb2.RESPONSIBILITY_ROLE_CO_OWNER


def on(patient: patient_pb2.Patient, day: str, group: str = "") -> dict[str, int]:
    """Return who pays what of the charges of a group on a day, by name, and of all others without a group."""
    found: dict[str, int] = {}
    for item in patient.responsibilities:
        covers = (item.from_date or "0000") <= day < (item.to_date or "9999")
        if covers and item.share_basis_points and (group in item.revenue_groups or not (group or item.revenue_groups)):
            name = item.party_display_name.split()[-1]
            found[name] = found.get(name, 0) + item.share_basis_points
    return found


def sell(house: House, patient: patient_pb2.Patient, giver: Any, taker: Any, share: int = 0, **more: Any) -> Any:
    request = pb.TransferOwnershipRequest(
        id=patient.id, from_party_id=giver.id, to_party_id=taker.id, share_basis_points=share, **more
    )
    return house.call("TransferOwnership", request)


def test_a_quarter_is_sold_from_tomorrow_on(house: House) -> None:
    ann, ben, cid, dan = (house.party(name) for name in ("Ann", "Ben", "Cid", "Dan"))
    trainer = patient_pb2.Responsibility(party_id=dan.id, role=TRAINER, may_consent=True)
    horse = house.register(
        animal=patient_pb2.AnimalProfile(name="Comet", species_code="horse"),
        responsibilities=[*shared((ann, 6000), (ben, 2500), (cid, 1500)), trainer],
    ).patient
    sold = sell(house, horse, ben, dan, from_date="2026-12-01", may_consent=True)
    assert on(sold, "2026-11-30") == {"Ann": 6000, "Ben": 2500, "Cid": 1500}
    assert on(sold, "2026-12-01") == {"Ann": 6000, "Dan": 2500, "Cid": 1500}
    assert [item.may_consent for item in sold.responsibilities if item.role == TRAINER] == [True]
    event = house.tenant.events(events_pb2.ResponsibilityChanged)[-1]
    assert (event.patient, event.effective_date) == (sold, "2026-12-01")
    assert house.get(horse.id) == sold
    back = sell(house, sold, dan, ben, 1000, from_date="2027-01-01")
    assert on(back, "2027-01-01") == {"Ann": 6000, "Ben": 1000, "Cid": 1500, "Dan": 1500}
    assert on(back, "2026-12-31") == on(sold, "2026-12-31")


def test_an_owner_who_gets_more_has_one_share(house: House) -> None:
    ann, ben = house.party("Ann"), house.party("Ben")
    animal = patient_pb2.AnimalProfile(name="Comet", species_code="horse")
    horse = house.register(animal=animal, responsibilities=shared((ann, 6000), (ben, 4000))).patient
    before = sell(house, horse, ann, ben, 1000, from_date="2026-12-01", role=OWNER, may_consent=True)
    assert on(before, "2026-12-01") == {"Ann": 5000, "Ben": 5000}
    (later,) = [item for item in before.responsibilities if item.party_id == ben.id and item.from_date]
    assert (later.role, later.may_consent, later.share_basis_points) == (CO_OWNER, True, 5000)
    whole = sell(house, before, ann, ben, from_date="2027-01-01")
    assert on(whole, "2027-01-01") == {"Ben": 10_000}
    assert [item.may_consent for item in whole.responsibilities if item.from_date == "2027-01-01"] == [True]
    said = [item for item in whole.responsibilities if item.from_date == "2027-01-01"]
    for item in said:
        item.from_date = ""
    again = pb.ChangeResponsibilitiesRequest(id=horse.id, responsibilities=said, from_date="2027-02-01")
    assert on(house.call("ChangeResponsibilities", again), "2027-02-01") == {"Ben": 10_000}


def test_the_same_key_sells_once(house: House) -> None:
    ann, ben = house.party("Ann"), house.party("Ben")
    patient = house.animal("Rex", (ann, 10_000)).patient
    request = pb.TransferOwnershipRequest(
        id=patient.id, from_party_id=ann.id, to_party_id=ben.id, share_basis_points=4000, from_date="2026-03-01"
    )
    first = house.call("TransferOwnership", request, key="k1")
    assert house.call("TransferOwnership", request, key="k1") == first
    assert on(house.get(patient.id), "2026-03-01") == {"Ann": 6000, "Ben": 4000}


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"share": 7000}, "share_basis_points", "SHARE_TOO_LARGE"),
        ({"revenue_groups": ["boarding"]}, "from_party_id", "NO_SUCH_SHARE"),
        ({"role": patient_pb2.RESPONSIBILITY_ROLE_SELF}, "role", "SELF_NOT_POSSIBLE"),
        ({"from_date": "2026-02-30"}, "from_date", "NOT_A_DATE"),
    ],
)
def test_what_cannot_be_sold_is_refused(house: House, fields: dict[str, Any], field: str, reason: str) -> None:
    ann, ben, cid = (house.party(name) for name in ("Ann", "Ben", "Cid"))
    patient = house.animal("Rex", (ann, 6000), (ben, 4000)).patient
    with pytest.raises(Refused) as refused:
        sell(house, patient, ann, cid, **fields)
    found, said, text = refused.value.violations[0]
    assert (found, said) == (field, reason)
    assert len(text) > 20
    assert house.get(patient.id) == patient
    with pytest.raises(Refused) as refused:
        sell(house, patient, ann, ann)
    assert refused.value.violations[0][1] == "TRANSFER_TO_ITSELF"
    with pytest.raises(Refused) as refused:
        house.call(
            "TransferOwnership",
            pb.TransferOwnershipRequest(id=patient.id, from_party_id=ann.id, to_party_id=patient.id),
        )
    assert refused.value.reason == "NOT_FOUND"


def test_a_farm_pays_the_boarding_and_the_owners_pay_the_rest(house: House) -> None:
    ann, ben, farm = (house.party(name) for name in ("Ann", "Ben", "Farm"))
    boarding = patient_pb2.Responsibility(
        party_id=farm.id, role=FARM, share_basis_points=10_000, revenue_groups=["boarding", "feed"]
    )
    said = [*shared((ann, 6000), (ben, 4000)), boarding]
    animal = patient_pb2.AnimalProfile(name="Comet", species_code="horse")
    horse = house.register(animal=animal, responsibilities=said).patient
    assert on(horse, "2026-01-01") == {"Ann": 6000, "Ben": 4000}
    assert on(horse, "2026-01-01", "feed") == {"Farm": 10_000}
    boarding.share_basis_points = 9000
    with pytest.raises(Refused) as refused:
        house.register(animal=animal, responsibilities=[*said[:2], boarding])
    field, reason, text = refused.value.violations[0]
    assert (field, reason) == ("patient.responsibilities", "SHARES_OF_GROUP_NOT_WHOLE")
    assert "9000" in text
    assert "boarding" in text
    boarding.share_basis_points = 0
    with pytest.raises(Refused) as refused:
        house.register(animal=animal, responsibilities=[*said[:2], boarding])
    assert refused.value.violations[0][:2] == ("patient.responsibilities[2].revenue_groups", "GROUPS_WITHOUT_SHARE")


def test_one_party_is_not_an_owner_twice_at_the_same_time(house: House) -> None:
    ann, ben = house.party("Ann"), house.party("Ben")
    animal = patient_pb2.AnimalProfile(name="Rex", species_code="dog")
    twice = shared((ann, 6000), (ann, 4000))
    with pytest.raises(Refused) as refused:
        house.register(animal=animal, responsibilities=twice)
    field, reason, text = refused.value.violations[0]
    assert (field, reason) == ("patient.responsibilities[1].party_id", "RESPONSIBLE_TWICE")
    assert "patient.responsibilities[0]" in text
    kept = house.animal("Rex", (ann, 10_000)).patient
    change = pb.ChangeResponsibilitiesRequest(id=kept.id, responsibilities=twice, from_date="2026-03-01")
    with pytest.raises(Refused) as refused:
        house.call("ChangeResponsibilities", change)
    assert refused.value.violations[0][:2] == ("responsibilities[1].party_id", "RESPONSIBLE_TWICE")
    del change.responsibilities[:]
    change.responsibilities.extend(shared((ann, 6000), (ben, 4000)))
    assert on(house.call("ChangeResponsibilities", change), "2026-03-01") == {"Ann": 6000, "Ben": 4000}


def test_one_party_may_own_again_later_and_be_something_else_beside(house: House) -> None:
    ann, ben = house.party("Ann"), house.party("Ben")
    first, later = shared((ann, 10_000), (ann, 10_000))
    between = shared((ben, 10_000))[0]
    first.to_date = between.from_date = "2026-03-01"
    between.to_date = later.from_date = "2026-04-01"
    beside = patient_pb2.Responsibility(party_id=ann.id, role=TRAINER, may_be_informed=True)
    boards = patient_pb2.Responsibility(
        party_id=ann.id, role=OWNER, share_basis_points=10_000, revenue_groups=["boarding"]
    )
    animal = patient_pb2.AnimalProfile(name="Rex", species_code="dog")
    rex = house.register(animal=animal, responsibilities=[first, between, later, beside, boards]).patient
    paid = [on(rex, day) for day in ("2026-02-28", "2026-03-01", "2026-04-01")]
    assert paid == [{"Ann": 10_000}, {"Ben": 10_000}, {"Ann": 10_000}]
    assert on(rex, "2026-03-01", "boarding") == {"Ann": 10_000}


DAYS = [date(2026, 1, 1) + timedelta(days=10 * step) for step in range(8)]
NAMES = ("Ann", "Ben", "Cid")
SCOPES = ("", "boarding", "lab")
Plan = dict[str, dict[str, int]]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw who pays what: all charges, and some groups apart; now and then it does not add up."""
    scopes = ["", *draw(st.lists(st.sampled_from(SCOPES[1:]), unique=True, max_size=2))]
    plan: Plan = {}
    for scope in scopes:
        names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
        cuts = sorted(
            draw(st.lists(st.integers(1, 9_999), unique=True, min_size=len(names) - 1, max_size=len(names) - 1))
        )
        parts = [b - a for a, b in zip([0, *cuts], [*cuts, 10_000], strict=True)]
        plan[scope] = dict(zip(names, parts, strict=True))
    if draw(st.integers(0, 4)) == 0:
        scope, name = scopes[-1], next(iter(plan[scopes[-1]]))
        plan[scope] = {**plan[scope], name: plan[scope][name] - 1}
    return plan


def whole(plan: Plan) -> bool:
    return all(sum(parts.values()) == 10_000 for parts in plan.values())


class Owners(RuleBasedStateMachine):
    """One animal whose owners change at random; the model says of each day who pays what."""

    house: House
    done: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.parties = {name: self.house.party(name) for name in NAMES}
        self.patient = self.house.animal("Rex", (self.parties["Ann"], 10_000)).patient
        self.model: dict[date, Plan] = {day: {"": {"Ann": 10_000}} for day in DAYS}

    @rule(place=st.integers(0, len(DAYS) - 1), plan=plans())
    def change(self, place: int, plan: Plan) -> None:
        said = [
            patient_pb2.Responsibility(
                party_id=self.parties[name].id,
                role=OWNER,
                share_basis_points=share,
                revenue_groups=[scope] if scope else [],
            )
            for scope, parts in plan.items()
            for name, share in parts.items()
            if share
        ]
        request = pb.ChangeResponsibilitiesRequest(
            id=self.patient.id, responsibilities=said, from_date=DAYS[place].isoformat()
        )
        self._ask("ChangeResponsibilities", request, allowed=whole(plan))
        if whole(plan):
            for day in DAYS[place:]:
                self.model[day] = {scope: dict(parts) for scope, parts in plan.items()}

    @rule(
        place=st.integers(0, len(DAYS) - 1),
        scope=st.sampled_from(SCOPES),
        names=st.permutations(NAMES),
        share=st.just(0) | st.integers(1, 10_000),
    )
    def sell(self, place: int, scope: str, names: list[str], share: int) -> None:
        giver, taker, _ = names
        held = {day: self.model[day].get(scope, {}).get(giver, 0) for day in DAYS[place:]}
        allowed = held[DAYS[place]] > 0 and all(share <= part for part in held.values() if part)
        request = pb.TransferOwnershipRequest(
            id=self.patient.id,
            from_party_id=self.parties[giver].id,
            to_party_id=self.parties[taker].id,
            share_basis_points=share,
            from_date=DAYS[place].isoformat(),
            revenue_groups=[scope] if scope else [],
        )
        self._ask("TransferOwnership", request, allowed=allowed)
        if not allowed:
            return
        for day, part in held.items():
            if part:
                parts = self.model[day][scope]
                parts[giver] -= share or part
                parts[taker] = parts.get(taker, 0) + (share or part)

    def _ask(self, name: str, request: Any, *, allowed: bool) -> None:
        """Call a verb; what is not allowed is refused and changes nothing."""
        if allowed:
            self.patient = self.house.call(name, request)
            self.done[name] += 1
            return
        with pytest.raises(Refused):
            self.house.call(name, request)
        self.done["refused"] += 1

    @invariant()
    def everybody_pays_what_was_agreed_for_the_day(self) -> None:
        known = self.house.get(self.patient.id)
        assert known == self.patient
        for day, plan in self.model.items():
            for scope in SCOPES:
                agreed = {name: part for name, part in plan.get(scope, {}).items() if part}
                assert on(known, day.isoformat(), scope) == agreed, (day, scope)

    @invariant()
    def the_shares_are_whole_on_every_date_and_scope(self) -> None:
        rows = [
            Share(
                item.party_id,
                item.share_basis_points,
                date.fromisoformat(item.from_date) if item.from_date else date.min,
                date.fromisoformat(item.to_date) if item.to_date else date.max,
                frozenset(item.revenue_groups),
            )
            for item in self.patient.responsibilities
        ]
        assert shares.first_repeated(rows) is None
        days = {date.min, *(row.from_date for row in rows), *(row.to_date for row in rows)} - {date.max}
        for day in days:
            assert set(shares.totals(rows, day).values()) == {10_000}, day


@pytest.mark.slow
def test_any_history_of_owners_keeps_every_day_whole(house: House, long: bool) -> None:
    machine = type("BoundOwners", (Owners,), {"house": house, "done": Counter()})
    quick = settings(
        max_examples=100 if long else 8, stateful_step_count=20, deadline=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    run_state_machine_as_test(machine, settings=quick)
    print(dict(machine.done))
    assert min(machine.done[name] for name in ("ChangeResponsibilities", "TransferOwnership", "refused")) >= 10
