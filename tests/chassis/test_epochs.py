"""A restored owner gives versions out again: consumers compare first, note what it does not know, and follow it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from praxis.operations.v1 import events_pb2 as operations
from praxis.patients.v1 import events_pb2, patient_pb2, patient_service_pb2
from praxis_chassis import clock, epochs, inbox, tables
from praxis_chassis.events import Envelope
from praxis_chassis.inbox import Verdict
from praxis_chassis.restored import restored
from praxis_chassis.testing import ServiceUnderTest, TenantUnderTest
from praxis_chassis.types import new_id
from praxis_scheduling.store.models import PatientCopy


def envelope(tenant: UUID, aggregate: str, identifier: UUID, epoch: int, version: int, body: Any) -> Envelope:
    return Envelope(
        event_id=new_id(),
        tenant_id=tenant,
        type=body.DESCRIPTOR.full_name,
        source="patients",
        aggregate=aggregate,
        aggregate_id=identifier,
        epoch=epoch,
        version=version,
        actor="user:test",
        origin="user:test",
        correlation_id="c",
        causation_id="",
        traceparent="",
        occurred_at=clock.wall(),
        payload=body.SerializeToString(),
    )


class Consumer:
    """Scheduling, as it hears of one practice's patients."""

    def __init__(self, service: ServiceUnderTest) -> None:
        self.service, self.tenant = service, service.tenant()

    def hear(self, identifier: UUID, epoch: int, version: int, name: str = "") -> Verdict:
        kind = events_pb2.PatientRegistered if version == 1 else events_pb2.PatientUpdated
        patient = patient_pb2.Patient(id=str(identifier), display_name=name or f"{epoch}.{version}")
        patient.human.birth_date = "1980-01-01"
        return self._apply(envelope(self.tenant.id, "patient", identifier, epoch, version, kind(patient=patient)))

    def hear_raised(self, message: operations.EpochRaised) -> Verdict:
        return self._apply(envelope(self.tenant.id, "epoch", self.tenant.id, message.epoch, message.part, message))

    def _apply(self, event: Envelope) -> Verdict:
        return inbox.apply(self.service.runtime, self.service.service.reaction_table, event)

    def name_of(self, identifier: UUID) -> str:
        with self.tenant.session() as session:
            copy = session.get(PatientCopy, (self.tenant.id, identifier))
            return copy.name if copy else ""

    def noted(self) -> dict[UUID, tuple[int, int]]:
        table = tables.divergences
        with self.tenant.session() as session:
            rows = session.execute(select(table).where(table.c.source == "patients"))
            return {row.aggregate_id: (row.version, row.owner_version) for row in rows}


def register(tenant: TenantUnderTest, family: str) -> str:
    patient = patient_pb2.Patient()
    patient.human.name.family = family
    patient.human.birth_date = "1980-02-03"
    answer = tenant.call("RegisterPatient", patient_service_pb2.RegisterPatientRequest(patient=patient))
    return str(answer.patient.id)


def copied(tenant: TenantUnderTest, patient_id: str) -> str:
    with tenant.session() as session:
        copy = session.get(PatientCopy, (tenant.id, UUID(patient_id)))
        return copy.name if copy else ""


def soon(check: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if check():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def consumer(scheduling: ServiceUnderTest) -> Consumer:
    return Consumer(scheduling)


def test_exactly_the_aggregates_that_are_ahead_are_noted(consumer: Consumer) -> None:
    same, ahead, behind, unknown = sorted(new_id() for _ in range(4))
    for identifier, versions in ((same, 2), (ahead, 5), (behind, 1), (unknown, 1)):
        for version in range(1, versions + 1):
            assert consumer.hear(identifier, 1, version) is Verdict.DONE
    known = [("patient", same, 2), ("patient", ahead, 3), ("patient", behind, 2)]
    for message in epochs.parts_of(2, known, size=1):
        assert consumer.hear_raised(message) is Verdict.DONE
    assert consumer.noted() == {ahead: (5, 3), unknown: (1, 0)}
    assert consumer.hear(ahead, 2, 4, "The second fourth") is Verdict.DONE
    assert consumer.name_of(ahead) == "The second fourth"
    assert consumer.hear(behind, 2, 3) is Verdict.WAIT, "its second version is still to come"
    assert consumer.hear(behind, 1, 2) is Verdict.DONE
    assert consumer.hear(behind, 2, 3) is Verdict.DONE
    assert consumer.hear(same, 2, 3) is Verdict.DONE
    assert consumer.hear(unknown, 1, 2) is Verdict.DONE, "a late event of the lost future is passed over"
    assert consumer.name_of(unknown) == "1.1"


def test_nothing_of_a_new_epoch_is_applied_before_all_of_it_was_compared(consumer: Consumer) -> None:
    first, second = sorted(new_id() for _ in range(2))
    for version in (1, 2, 3):
        consumer.hear(first, 1, version)
    known = [("patient", first, 2), ("patient", second, 1)]
    parts = list(epochs.parts_of(2, known, size=1))
    assert [part.parts for part in parts] == [2, 2]
    assert consumer.hear(first, 2, 3) is Verdict.WAIT
    assert consumer.hear(first, 2, 4) is Verdict.WAIT, "the next number alone does not make it the next event"
    assert consumer.hear_raised(parts[1]) is Verdict.WAIT, "parts come in order"
    assert consumer.hear_raised(parts[0]) is Verdict.DONE
    assert consumer.hear_raised(parts[1]) is Verdict.DONE
    assert consumer.hear(first, 2, 4) is Verdict.WAIT
    assert consumer.hear(first, 2, 3) is Verdict.DONE
    assert consumer.hear(first, 2, 4) is Verdict.DONE
    assert consumer.noted() == {first: (3, 2)}


def test_a_restore_that_lost_nothing_notes_nothing(consumer: Consumer) -> None:
    patient = new_id()
    consumer.hear(patient, 1, 1)
    for epoch in (2, 3):
        for message in epochs.parts_of(epoch, [("patient", patient, 1)]):
            assert consumer.hear_raised(message) is Verdict.DONE
    assert consumer.hear(patient, 3, 2) is Verdict.DONE
    assert consumer.noted() == {}


def test_a_consumer_that_starts_later_applies_both_epochs_in_order(consumer: Consumer) -> None:
    patient = new_id()
    assert consumer.hear(patient, 2, 2) is Verdict.WAIT
    assert consumer.hear(patient, 1, 1) is Verdict.DONE
    assert consumer.hear(patient, 2, 2) is Verdict.WAIT
    for message in epochs.parts_of(2, [("patient", patient, 1)]):
        consumer.hear_raised(message)
    assert consumer.hear(patient, 2, 2) is Verdict.DONE
    assert consumer.noted() == {}


def test_ranges_of_parts_meet_and_never_split_an_id() -> None:
    ids = sorted(new_id() for _ in range(7))
    known = sorted([(kind, each, 1) for each in ids for kind in ("visit", "appointment")], key=lambda item: item[1])
    parts = list(epochs.parts_of(2, known, size=3))
    assert [part.part for part in parts] == list(range(1, len(parts) + 1))
    assert parts[0].after_id == parts[-1].last_id == b""
    for left, right in pairwise(parts):
        assert left.last_id == right.after_id == left.aggregates[-1].id != right.aggregates[0].id
    assert sum(len(part.aggregates) for part in parts) == len(known)
    assert [part.parts for part in epochs.parts_of(2, [])] == [1]


def test_an_owner_that_was_restored_tells_the_others_and_erases_again(
    patients: ServiceUnderTest, scheduling: ServiceUnderTest, tmp_path: Path
) -> None:
    owner = patients.tenant()
    there = scheduling.tenant(owner.id)
    stays, gone = (register(owner, family) for family in ("Stays", "Gone"))
    assert soon(lambda: copied(there, stays) != "" and copied(there, gone) != "")
    erased = tmp_path / "erased.jsonl"
    erased.write_text(json.dumps({"tenant_id": str(owner.id), "subject_id": gone}) + "\n")
    epoch, again = restored(patients.runtime, erased)
    assert again == 1
    assert soon(lambda: copied(there, gone) == "")
    assert copied(there, stays) != ""
    assert restored(patients.runtime, erased) == (epoch + 1, 0)
    register(owner, "After")
    with owner.session() as session:
        assert session.execute(select(func.max(tables.events.c.epoch))).scalar_one() == epoch + 1
    assert list(epochs.divergences(scheduling.runtime)) == []
