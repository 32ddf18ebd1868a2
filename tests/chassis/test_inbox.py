"""What the inbox does with events that it cannot read, that collide, that are replayed, and that never came."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from psycopg import errors as pg
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from tests.chassis.test_events import apply, copied, envelope

from praxis.patients.v1 import events_pb2
from praxis_chassis import inbox, tables
from praxis_chassis.inbox import Verdict
from praxis_chassis.testing import ServiceUnderTest, TenantUnderTest
from praxis_chassis.types import new_id

REGISTERED = events_pb2.PatientRegistered.DESCRIPTOR.full_name


@contextmanager
def failing(
    service: ServiceUnderTest, *patients: UUID, failure: Exception | None = None, times: int = 99
) -> Iterator[None]:
    """Let the reactions to some patients' events fail."""
    functions = service.service.reaction_table.functions
    left = [times]

    def fail(_session: Any, event: Any) -> None:
        if UUID(event.patient.id) in patients and left[0]:
            left[0] -= 1
            raise failure or ValueError("this body cannot be applied")

    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in functions if name.startswith("praxis.patients.v1.Patient")]:
            patch.setitem(functions, name, [fail, *functions[name]])
        yield


def bury(service: ServiceUnderTest, tenant: TenantUnderTest, patient: UUID, versions: int) -> None:
    """Let the first event of a patient fail for good, and its followers be parked."""
    with failing(service, patient):
        poison = envelope(tenant.id, patient, 1)
        while apply(service, poison) is not Verdict.DONE:
            pass
        for version in range(2, versions + 1):
            assert apply(service, envelope(tenant.id, patient, version, f"Name {version}")) is Verdict.DONE


def letters(tenant: TenantUnderTest) -> list[Any]:
    with tenant.session() as session:
        return list(session.execute(select(tables.dead_letters)).mappings())


def test_an_event_of_a_newer_release_passes(scheduling: ServiceUnderTest) -> None:
    tenant, patient = scheduling.tenant(), new_id()
    for name in ("praxis.patients.v1.PatientKnighted", "praxis.unheard.v1.Something", "nonsense"):
        unknown = replace(envelope(tenant.id, patient, 1), type=name, aggregate_id=new_id(), payload=b"\xff\xff")
        assert apply(scheduling, unknown) is Verdict.DONE
    assert tenant.dead_letters() == 0
    assert apply(scheduling, envelope(tenant.id, patient, 1, "Ada")) is Verdict.DONE
    assert copied(tenant, str(patient)) == "Ada"


def test_a_body_that_cannot_be_read_becomes_a_dead_letter(scheduling: ServiceUnderTest) -> None:
    tenant, patient = scheduling.tenant(), new_id()
    garbled = replace(envelope(tenant.id, patient, 1), payload=b"\xff\xff\xff")
    verdicts = [apply(scheduling, garbled) for _ in range(inbox.ATTEMPTS)]
    assert verdicts == [Verdict.RETRY] * (inbox.ATTEMPTS - 1) + [Verdict.DONE]
    strange = replace(envelope(tenant.id, patient, 2), type="praxis.patients.v1.PatientKnighted")
    assert apply(scheduling, strange) is Verdict.DONE
    assert [(letter["version"], letter["parked"]) for letter in letters(tenant)] == [(1, False), (2, True)]


@pytest.mark.parametrize("kind", [pg.DeadlockDetected, pg.SerializationFailure])
def test_a_collision_is_tried_again_and_not_counted(scheduling: ServiceUnderTest, kind: type[Exception]) -> None:
    tenant, patient = scheduling.tenant(), new_id()
    event, collision = envelope(tenant.id, patient, 1, "Ada"), OperationalError("", None, kind())
    with failing(scheduling, patient, failure=collision):
        assert {apply(scheduling, event) for _ in range(inbox.ATTEMPTS * 2)} == {Verdict.RETRY}
    with failing(scheduling, patient, failure=collision, times=1):
        assert apply(scheduling, event) is Verdict.DONE
    assert copied(tenant, str(patient)) == "Ada"
    assert tenant.dead_letters() == 0


def test_an_event_comes_again_as_long_as_somebody_holds_what_it_changes(scheduling: ServiceUnderTest) -> None:
    tenant, patient = scheduling.tenant(), new_id()
    event, held = envelope(tenant.id, patient, 1, "Ada"), OperationalError("", None, pg.LockNotAvailable())
    with failing(scheduling, patient, failure=held):
        assert {apply(scheduling, event) for _ in range(inbox.ATTEMPTS * 2)} == {Verdict.RETRY}
    assert apply(scheduling, event) is Verdict.DONE
    assert (copied(tenant, str(patient)), tenant.dead_letters()) == ("Ada", 0)


def test_one_that_fails_leaves_the_others_of_its_run_applied(scheduling: ServiceUnderTest) -> None:
    tenant, patients = scheduling.tenant(), [new_id() for _ in range(4)]
    run = [envelope(tenant.id, patient, version, f"Name {version}") for version in (1, 2) for patient in patients]
    with failing(scheduling, patients[1], patients[3]):
        verdicts = inbox.apply_together(scheduling.runtime, scheduling.service.reaction_table, run)
    sick = {patients[1], patients[3]}
    first, second = Verdict.RETRY, Verdict.WAIT
    expected = [(first if each.version == 1 else second) if each.aggregate_id in sick else Verdict.DONE for each in run]
    assert verdicts == expected
    assert [copied(tenant, str(patient)) for patient in patients] == ["Name 2", "", "Name 2", ""]
    with tenant.session() as session:
        assert sorted(session.scalars(select(tables.failures.c.attempts))) == [1, 1]


def test_an_event_that_comes_twice_in_a_run_is_applied_once(
    scheduling: ServiceUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    tenant, patient = scheduling.tenant(), new_id()
    first, second = (envelope(tenant.id, patient, version, f"Name {version}") for version in (1, 2))
    table = scheduling.service.reaction_table
    with caplog.at_level("ERROR"):
        for run in ([first, first, second, first], [second, first]):
            assert set(inbox.apply_together(scheduling.runtime, table, run)) == {Verdict.DONE}
    assert not caplog.records
    assert copied(tenant, str(patient)) == "Name 2"
    with tenant.session() as session:
        assert set(session.scalars(select(tables.inbox.c.event_id))) == {first.event_id, second.event_id}


def test_replay_stops_at_a_gap(scheduling: ServiceUnderTest) -> None:
    tenant, patient = scheduling.tenant(), new_id()
    bury(scheduling, tenant, patient, 4)
    [second] = [letter for letter in letters(tenant) if letter["version"] == 2]
    with tenant.session() as session:
        session.execute(tables.dead_letters.delete().where(tables.dead_letters.c.version == 2))
    table = scheduling.service.reaction_table
    assert inbox.replay(scheduling.runtime, table, tenant.id) == 1
    assert [letter["version"] for letter in letters(tenant)] == [3, 4]
    assert apply(scheduling, envelope(tenant.id, patient, 5, "Name 5")) is Verdict.DONE
    assert len(letters(tenant)) == 3
    with tenant.session() as session:
        session.execute(tables.dead_letters.insert().values(dict(second)))
    assert inbox.replay(scheduling.runtime, table, tenant.id) == 4
    assert copied(tenant, str(patient)) == "Name 5"
    assert tenant.dead_letters() == 0


def test_replay_goes_on_with_the_others_when_one_fails_again(scheduling: ServiceUnderTest) -> None:
    tenant, patients = scheduling.tenant(), [new_id() for _ in range(3)]
    for patient in patients:
        bury(scheduling, tenant, patient, 2)
    with failing(scheduling, patients[0], patients[2]):
        assert inbox.replay(scheduling.runtime, scheduling.service.reaction_table, tenant.id) == 2
    assert [copied(tenant, str(patient)) for patient in patients] == ["", "Name 2", ""]
    assert inbox.replay(scheduling.runtime, scheduling.service.reaction_table, tenant.id) == 4
    assert tenant.dead_letters() == 0


def test_an_aggregate_is_open_again_although_another_kind_shares_its_id(scheduling: ServiceUnderTest) -> None:
    tenant, patient = scheduling.tenant(), new_id()
    bury(scheduling, tenant, patient, 1)
    [letter] = letters(tenant)
    with tenant.session() as session:
        other = {**letter, "event_id": new_id(), "source": "billing", "aggregate": "account", "version": 7}
        session.execute(tables.dead_letters.insert().values(other))
    inbox.replay(scheduling.runtime, scheduling.service.reaction_table, tenant.id)
    assert apply(scheduling, envelope(tenant.id, patient, 2, "Next")) is Verdict.DONE
    assert copied(tenant, str(patient)) == "Next"


def test_an_erasure_waits_for_no_replay(scheduling: ServiceUnderTest) -> None:
    tenant, patient = scheduling.tenant(), new_id()
    assert apply(scheduling, envelope(tenant.id, patient, 1, "Ada Quokka")) is Verdict.DONE
    poison = envelope(tenant.id, patient, 2, "Ada Wombat")
    with failing(scheduling, patient):
        while apply(scheduling, poison) is not Verdict.DONE:
            pass
    garbled = replace(envelope(tenant.id, patient, 3), payload=b"\xffWombat")
    assert apply(scheduling, garbled) is Verdict.DONE
    assert [b"Wombat" in letter["payload"] for letter in letters(tenant)] == [True, True]
    erased = events_pb2.PatientErased(patient_id=str(patient)).SerializeToString()
    name = events_pb2.PatientErased.DESCRIPTOR.full_name
    assert apply(scheduling, replace(envelope(tenant.id, patient, 4), type=name, payload=erased)) is Verdict.DONE
    assert copied(tenant, str(patient)) == ""
    assert not any(b"Wombat" in letter["payload"] for letter in letters(tenant))
    assert inbox.replay(scheduling.runtime, scheduling.service.reaction_table, tenant.id) == 3
    assert (copied(tenant, str(patient)), tenant.dead_letters()) == ("", 0)
