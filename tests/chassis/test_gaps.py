"""What a consumer never got, because it came late or listened to less, is read from the log of its owner."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

import nats
import nats.errors
import pytest
from nats.js.api import ConsumerConfig
from tests.chassis.test_boundary import create
from tests.chassis.test_events import copied, envelope, register, soon

from praxis_chassis import inbox, rebuild, tables
from praxis_chassis.events import Envelope
from praxis_chassis.gaps import OLD_SECONDS, Gaps
from praxis_chassis.inbox import Verdict
from praxis_chassis.messaging import Consumer, Worker, stream_name
from praxis_chassis.service import Runtime
from praxis_chassis.testing import ServiceUnderTest, TenantUnderTest
from praxis_scheduling.store.models import PatientCopy


@pytest.fixture
def runtime(patients: ServiceUnderTest, scheduling: ServiceUnderTest) -> Iterator[Runtime]:
    """Scheduling as it runs where it may read the log of patients."""
    settings = replace(scheduling.runtime.settings, patients_target=f"127.0.0.1:{patients.server.port}")
    opened = Runtime(scheduling.service, settings)
    yield opened
    opened.close()


def forget(tenant: TenantUnderTest) -> None:
    """Make a service as if it had never heard of a tenant."""
    with tenant.session() as session:
        for table in (tables.consumed, tables.inbox, PatientCopy.__table__):
            session.execute(table.delete().where(table.c.tenant_id == tenant.id))


def heard_of(patients: ServiceUnderTest, scheduling: ServiceUnderTest, name: str) -> tuple[TenantUnderTest, str]:
    owner = patients.tenant()
    patient_id = register(owner, name)
    there = scheduling.tenant(owner.id)
    assert soon(lambda: name in copied(there, patient_id))
    return there, patient_id


def test_an_old_gap_is_filled_from_the_log_of_the_owner(
    patients: ServiceUnderTest, scheduling: ServiceUnderTest, runtime: Runtime
) -> None:
    there, patient_id = heard_of(patients, scheduling, "Latecomer")
    forget(there)
    later = envelope(there.id, UUID(patient_id), 2, "Next")
    gaps = Gaps(runtime)
    assert inbox.apply(runtime, scheduling.service.reaction_table, later) is Verdict.WAIT
    gaps.note(later, Verdict.WAIT)
    gaps.fill()
    assert copied(there, patient_id) == "", f"a gap of less than {OLD_SECONDS} s may still close by itself"
    gaps.old_seconds = 0
    gaps.fill()
    assert "Latecomer" in copied(there, patient_id)
    assert inbox.apply(runtime, scheduling.service.reaction_table, later) is Verdict.DONE


def test_a_log_that_cannot_be_read_is_told_and_stops_nothing(
    scheduling: ServiceUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    gaps = Gaps(scheduling.runtime, old_seconds=0)
    tenant = scheduling.tenant()
    gaps.note(envelope(tenant.id, UUID(int=7), 2), Verdict.WAIT)
    with caplog.at_level(logging.ERROR):
        gaps.fill()
    assert "run `catch-up`" in caplog.text


def test_catching_up_applies_what_is_missing_and_nothing_twice(
    patients: ServiceUnderTest, scheduling: ServiceUnderTest, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, patient_id = heard_of(patients, scheduling, "Unheard")
    rebuild.catch_up(runtime, ["patients"])
    forget(there)
    assert rebuild.catch_up(runtime, ["patients"]) >= 1
    assert "Unheard" in copied(there, patient_id)
    offered: set[UUID] = set()

    def applied(runtime: Runtime, table: Any, envelope: Envelope) -> Verdict:
        # Other practices of this database may be heard of at the same time.
        offered.add(envelope.tenant_id)
        return apply(runtime, table, envelope)

    apply = inbox.apply
    monkeypatch.setattr(inbox, "apply", applied)
    rebuild.catch_up(runtime, ["patients"])
    assert there.id not in offered


def test_who_listens_to_more_than_before_hears_what_was_said_before(
    patients: ServiceUnderTest, scheduling: ServiceUnderTest, runtime: Runtime, platform: Any
) -> None:
    owner = patients.tenant()
    there = scheduling.tenant(owner.id)
    assert scheduling.worker
    scheduling.worker.stop()

    async def listen_to_practices_only() -> None:
        client = await nats.connect(platform.nats_url)
        stream, name = client.jetstream(), stream_name("patients")
        await stream.delete_consumer(name, "scheduling")
        narrow = ConsumerConfig(durable_name="scheduling", filter_subjects=["praxis.patients.practice.*.v1"])
        await stream.add_consumer(name, narrow)
        patient_ids.append(await asyncio.to_thread(register, owner, "Before"))
        await asyncio.to_thread(create, owner)
        await asyncio.to_thread(owner.wait_published)
        subscription = await stream.pull_subscribe_bind(consumer="scheduling", stream=name)
        with suppress(TimeoutError, nats.errors.TimeoutError):
            while True:
                for message in await subscription.fetch(100, timeout=2):
                    await message.ack()
        await Consumer(runtime, stream, "patients", set)._subscribe()
        await client.close()

    patient_ids: list[str] = []
    try:
        asyncio.run(listen_to_practices_only())
        assert "Before" in copied(there, patient_ids[0])
    finally:
        scheduling.worker = Worker(scheduling.runtime)
        scheduling.worker.start()
