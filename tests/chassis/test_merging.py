"""Merges against a model: in whatever order events arrive, facts end where the owner of the appointments has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import select

from praxis.patients.v1 import events_pb2 as patients
from praxis.patients.v1 import patient_pb2
from praxis.scheduling.v1 import appointment_pb2
from praxis.scheduling.v1 import events_pb2 as scheduling
from praxis_chassis import tables
from praxis_chassis.testing import ServiceUnderTest, TenantUnderTest
from praxis_chassis.types import new_id
from praxis_reporting.store.facts import Appointment

PEOPLE, STEPS = 4, 40
START = {"start_time": {"seconds": 1_780_000_000}, "local_date": "2026-05-28", "local_start": "09:00"}


@dataclass
class Truth:
    """What the owners know: who is whom, and whose each appointment is; and what they tell, by aggregate."""

    random: Random
    people: list[str] = field(default_factory=lambda: [str(new_id()) for _ in range(PEOPLE)])
    whose: dict[str, str] = field(default_factory=dict)
    merges: list[tuple[str, str, str, set[str]]] = field(default_factory=list)
    told: dict[str, list[object]] = field(default_factory=dict)

    def now(self, person: str) -> str:
        following = {absorbed: survivor for _, absorbed, survivor, _ in self.merges}
        while person in following:
            person = following[person]
        return person

    def register(self) -> None:
        for person in self.people:
            patient = patient_pb2.Patient(id=person, state=patient_pb2.PATIENT_STATE_ACTIVE)
            self.tell(person, patients.PatientRegistered(patient=patient))

    def tell(self, aggregate: str, event: object) -> None:
        self.told.setdefault(aggregate, []).append(event)

    def book(self) -> None:
        key = str(new_id())
        self.whose[key] = self.now(self.random.choice(self.people))
        self.tell(key, scheduling.AppointmentBooked(appointment=self.appointment(key)))

    def confirm(self) -> None:
        if self.whose:
            key = self.random.choice(sorted(self.whose))
            self.tell(key, scheduling.AppointmentConfirmed(appointment=self.appointment(key)))

    def appointment(self, key: str) -> appointment_pb2.Appointment:
        return appointment_pb2.Appointment(
            id=key, patient_id=self.whose[key], state=appointment_pb2.APPOINTMENT_STATE_BOOKED, **START
        )

    def merge(self) -> None:
        absorbed, survivor = (self.now(each) for each in self.random.sample(self.people, 2))
        if absorbed == survivor:
            return
        moved = {key for key, person in self.whose.items() if person == absorbed}
        merge_id = str(new_id())
        self.whose |= dict.fromkeys(moved, survivor)
        self.merges.append((merge_id, absorbed, survivor, moved))
        patient = patient_pb2.Patient(id=absorbed, state=patient_pb2.PATIENT_STATE_MERGED)
        self.tell(absorbed, patients.PatientMerged(patient=patient, survivor_id=survivor, merge_id=merge_id))

    def part(self) -> None:
        open_ones = [each for each in self.merges if self.now(each[2]) == each[2]]
        if not open_ones:
            return
        merge_id, absorbed, survivor, moved = undone = self.random.choice(open_ones)
        self.merges.remove(undone)
        self.whose |= dict.fromkeys(moved, absorbed)
        patient = patient_pb2.Patient(id=absorbed, state=patient_pb2.PATIENT_STATE_ACTIVE)
        self.tell(absorbed, patients.PatientUnmerged(patient=patient, survivor_id=survivor, merge_id=merge_id))

    def live(self) -> None:
        self.register()
        for step in self.random.choices((self.book, self.confirm, self.merge, self.part), (4, 3, 2, 2), k=STEPS):
            step()


def deliver(tenant: TenantUnderTest, truth: Truth) -> None:
    """Let everything arrive: in order within an aggregate, in any order between them."""
    waiting = {key: list(events) for key, events in truth.told.items()}
    while waiting:
        key = truth.random.choice(sorted(waiting))
        tenant.receive(waiting[key].pop(0), key)
        if not waiting[key]:
            del waiting[key]


@pytest.mark.parametrize("seed", range(12))
def test_facts_end_where_their_owner_has_them(reporting: ServiceUnderTest, seed: int, long: bool) -> None:
    for further in range(0, 240 if long else 12, 12):
        truth, tenant = Truth(Random(seed + further)), reporting.tenant()
        truth.live()
        deliver(tenant, truth)
        with tenant.session() as session:
            rows = session.execute(select(Appointment.appointment_id, Appointment.patient_id))
            assert {str(key): str(person) for key, person in rows} == truth.whose, seed + further


def test_the_model_merges_and_parts(reporting: ServiceUnderTest) -> None:
    """The seeds above do what they are for: rows went over, and came back."""
    lived = [Truth(Random(seed)) for seed in range(12)]
    for truth in lived:
        truth.live()
    told = [type(event) for truth in lived for events in truth.told.values() for event in events]
    assert told.count(patients.PatientMerged) > 20
    assert told.count(patients.PatientUnmerged) > 20


def test_a_fact_that_comes_late_goes_to_the_survivor_and_back(reporting: ServiceUnderTest) -> None:
    tenant, truth = reporting.tenant(), Truth(Random(1))
    absorbed, survivor = truth.people[:2]
    patient, merge_id = patient_pb2.Patient(id=absorbed), str(new_id())
    tenant.receive(patients.PatientMerged(patient=patient, survivor_id=survivor, merge_id=merge_id), absorbed)
    truth.whose["late"] = absorbed
    key = str(new_id())
    truth.whose[key] = absorbed
    tenant.receive(scheduling.AppointmentBooked(appointment=truth.appointment(key)), key)
    assert _whose(tenant, key) == survivor
    with tenant.session() as session:
        assert session.execute(select(tables.moves.c.row_key)).scalars().all() == [key]
    tenant.receive(patients.PatientUnmerged(patient=patient, survivor_id=survivor, merge_id=merge_id), absorbed)
    assert _whose(tenant, key) == absorbed


def _whose(tenant: TenantUnderTest, key: str) -> str:
    with tenant.session() as session:
        query = select(Appointment.patient_id).where(Appointment.appointment_id == UUID(key))
        return str(session.execute(query).scalar_one())
