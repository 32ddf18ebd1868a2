"""Events on a real stream: applied once and in order, poison set aside, lost ones sent again, erased ones blanked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import nats
import nats.errors
import pytest
from nats.aio.client import ServerVersion
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from sqlalchemy import func, select

from praxis.patients.v1 import events_pb2, patient_pb2, patient_service_pb2
from praxis_chassis import inbox, subjects, tables
from praxis_chassis.events import Envelope
from praxis_chassis.inbox import Verdict
from praxis_chassis.messaging import BATCH, Consumer, Relay, stream_name, warn_of_old
from praxis_chassis.testing import ServiceUnderTest, TenantUnderTest
from praxis_chassis.types import new_id


def register(tenant: TenantUnderTest, family: str) -> str:
    patient = patient_pb2.Patient()
    patient.human.name.family = family
    patient.human.name.given.append("Ada")
    patient.human.birth_date = "1980-02-03"
    answer = tenant.call("RegisterPatient", patient_service_pb2.RegisterPatientRequest(patient=patient))
    return str(answer.patient.id)


def soon(check: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if check():
            return True
        time.sleep(0.05)
    return False


def copied(tenant: TenantUnderTest, patient_id: str) -> str:
    from praxis_scheduling.store.models import PatientCopy

    with tenant.session() as session:
        return (
            session.execute(select(PatientCopy.name).where(PatientCopy.id == UUID(patient_id))).scalar_one_or_none()
            or ""
        )


def envelope(tenant_id: UUID, patient_id: UUID, version: int, name: str = "Ada") -> Envelope:
    patient = patient_pb2.Patient(id=str(patient_id), display_name=name, state=patient_pb2.PATIENT_STATE_ACTIVE)
    patient.human.birth_date = "1980-02-03"
    kind = events_pb2.PatientRegistered if version == 1 else events_pb2.PatientUpdated
    return Envelope(
        event_id=new_id(),
        tenant_id=tenant_id,
        type=kind.DESCRIPTOR.full_name,
        source="patients",
        aggregate="patient",
        aggregate_id=patient_id,
        epoch=1,
        version=version,
        actor="user:test",
        origin="user:test",
        correlation_id="c",
        causation_id="",
        traceparent="",
        occurred_at=inbox.clock.wall(),
        payload=kind(patient=patient).SerializeToString(),
    )


def apply(service: ServiceUnderTest, event: Envelope) -> Verdict:
    return inbox.apply(service.runtime, service.service.reaction_table, event)


def test_an_event_reaches_the_other_service(patients: ServiceUnderTest, scheduling: ServiceUnderTest) -> None:
    owner = patients.tenant()
    patient_id = register(owner, "Traveler")
    there = scheduling.tenant(owner.id)
    assert soon(lambda: "Traveler" in copied(there, patient_id))


def test_versions_apply_in_order_once_and_gaps_wait(scheduling: ServiceUnderTest) -> None:
    tenant, patient = scheduling.tenant(), new_id()
    first, second, third = (envelope(tenant.id, patient, version, f"Name {version}") for version in (1, 2, 3))
    assert apply(scheduling, first) is Verdict.DONE
    assert apply(scheduling, third) is Verdict.WAIT
    assert apply(scheduling, second) is Verdict.DONE
    assert apply(scheduling, third) is Verdict.DONE
    assert apply(scheduling, second) is Verdict.DONE
    assert copied(tenant, str(patient)) == "Name 3"
    with tenant.session() as session:
        assert session.execute(select(func.count()).select_from(tables.inbox)).scalar_one() == 3


def test_poison_is_set_aside_its_followers_parked_and_all_replayed(
    scheduling: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, sick, well = scheduling.tenant(), new_id(), new_id()
    reactions = scheduling.service.reaction_table

    def fail(_session: Any, event: Any) -> None:
        if event.patient.id == str(sick):
            raise ValueError("this body cannot be applied")

    name = events_pb2.PatientRegistered.DESCRIPTOR.full_name
    with monkeypatch.context() as broken:
        broken.setitem(reactions.functions, name, [fail, *reactions.functions[name]])
        poison = envelope(tenant.id, sick, 1)
        verdicts = [apply(scheduling, poison) for _ in range(inbox.ATTEMPTS)]
        assert verdicts == [Verdict.RETRY] * (inbox.ATTEMPTS - 1) + [Verdict.DONE]
        assert apply(scheduling, envelope(tenant.id, sick, 2, "Later")) is Verdict.DONE
        assert apply(scheduling, envelope(tenant.id, well, 1, "Well")) is Verdict.DONE
    assert copied(tenant, str(well)) == "Well"
    assert copied(tenant, str(sick)) == ""
    assert tenant.dead_letters() == 2
    assert inbox.replay(scheduling.runtime, reactions, tenant.id) == 2
    assert copied(tenant, str(sick)) == "Later"
    assert tenant.dead_letters() == 0


def test_a_published_event_says_what_it_is_in_headers_of_cloud_events(
    patients: ServiceUnderTest, platform: Any
) -> None:
    owner = patients.tenant()
    patient_id = register(owner, "Canarius")
    owner.wait_published()
    told = {each.headers["ce-type"]: each for each in asyncio.run(messages(platform.nats_url, str(owner.id)))}
    message = told["praxis.patients.v1.PatientRegistered"]
    head = message.headers
    with owner.session() as session:
        row = session.execute(select(tables.events).where(tables.events.c.aggregate_id == UUID(patient_id))).one()
    assert message.subject == "praxis.patients.patient.registered.v1"
    assert {name: value for name, value in head.items() if name != "traceparent"} == {
        "Nats-Msg-Id": str(row.id), "ce-specversion": "1.0", "ce-id": str(row.id), "ce-type": row.type,
        "ce-source": "praxis/patients", "ce-subject": patient_id, "ce-time": row.occurred_at.isoformat(),
        "ce-datacontenttype": "application/protobuf", "ce-praxistenant": str(owner.id), "ce-praxisaggregate": "patient",
        "ce-praxisepoch": str(row.epoch), "ce-praxisversion": "1", "ce-praxissequence": str(row.tenant_sequence),
        "ce-praxisactor": row.actor, "ce-praxisorigin": row.origin, "ce-praxiscorrelation": row.correlation_id,
        "ce-praxiscausation": row.causation_id,
    }  # fmt: skip
    assert "Canarius" not in str(head)
    assert b"Canarius" in (message.data or b"")


class Offered:
    """A subscription that gives what it has, or says that nothing came."""

    def __init__(self, *answers: list[Any] | Exception) -> None:
        self.answers, self.asked = list(answers), list[int]()

    async def fetch(self, batch: int, timeout: float) -> list[Any]:  # noqa: ASYNC109 - the name is the library's
        self.asked.append(batch)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def came(pending: int, delivered: int = 1) -> list[Any]:
    """Return one message that tells how many lie behind it, and how often it was delivered."""
    reply = f"$JS.ACK.PRAXIS_PATIENTS.scheduling.{delivered}.1.1.1700000000000000000.{pending}"
    return [Msg(_client=None, subject="praxis.patients.nobody", reply=reply)]  # type: ignore[arg-type]


BEHIND = [object(), object()]
LATE, AWAY = nats.errors.TimeoutError(), nats.errors.ConnectionClosedError()


@pytest.mark.parametrize(
    ("answers", "asked", "got"),
    [
        ([LATE], [1], 0),
        ([came(0)], [1], 1),
        ([came(2), BEHIND], [1, 2], 3),
        ([came(5_000), BEHIND], [1, BATCH - 1], 3),
        ([came(0, delivered=2), BEHIND], [1, BATCH - 1], 3),
        ([came(2), LATE], [1, 2], 1),
        ([came(2), AWAY], [1, 2], 1),
    ],
)
def test_a_consumer_takes_along_what_lies_behind_and_loses_nothing_that_came(
    scheduling: ServiceUnderTest, answers: list[Any], asked: list[int], got: int
) -> None:
    offered = Offered(*answers)
    consumer = Consumer(scheduling.runtime, None, "patients", lambda _: None)  # type: ignore[arg-type]
    assert len(asyncio.run(consumer._fetch(offered))) == got  # type: ignore[arg-type]
    assert offered.asked == asked


def test_a_consumer_tells_that_nothing_can_be_fetched(scheduling: ServiceUnderTest) -> None:
    consumer = Consumer(scheduling.runtime, None, "patients", lambda _: None)  # type: ignore[arg-type]
    with pytest.raises(nats.errors.ConnectionClosedError):
        asyncio.run(consumer._fetch(Offered(AWAY)))  # type: ignore[arg-type]


def test_a_wiped_stream_is_filled_again_from_the_owner(patients: ServiceUnderTest, platform: Any) -> None:
    owner = patients.tenant()
    register(owner, "Before")
    owner.wait_published()

    async def wipe() -> None:
        client = await nats.connect(platform.nats_url)
        await client.jetstream().delete_stream(stream_name("patients"))
        await client.close()

    asyncio.run(wipe())
    register(owner, "After")
    owner.wait_published(30)
    found = asyncio.run(bodies(platform.nats_url, str(owner.id)))
    assert sum(b"Before" in body for body in found) >= 1
    assert sum(b"After" in body for body in found) >= 1


def test_an_erased_person_is_gone_from_log_and_stream(patients: ServiceUnderTest, platform: Any) -> None:
    owner = patients.tenant()
    patient_id = register(owner, "Canarius")
    owner.wait_published()
    assert any(b"Canarius" in body for body in asyncio.run(bodies(platform.nats_url, str(owner.id))))
    patient = owner.call("GetPatient", patient_service_pb2.GetPatientRequest(id=patient_id))
    request = patient_service_pb2.ErasePatientRequest(id=patient_id, reason="asked for it", etag=patient.etag)
    owner.call("ErasePatient", request)
    assert soon(lambda: not any(b"Canarius" in body for body in asyncio.run(bodies(platform.nats_url, str(owner.id)))))
    assert not any(b"Canarius" in event.SerializeToString() for event in owner.events())


class Unwilling:
    """A stream as the server shows it, whose deletions fail as they do while a cluster has no leader."""

    def __init__(self, stream: JetStreamContext, failures: int) -> None:
        self.stream, self.failures = stream, failures

    async def get_msg(self, name: str, sequence: int) -> Any:
        return await self.stream.get_msg(name, sequence)

    async def delete_msg(self, name: str, sequence: int) -> bool:
        if self.failures:
            self.failures -= 1
            raise nats.js.errors.ServiceUnavailableError(code=503, description="no leader", err_code=10008)
        return await self.stream.delete_msg(name, sequence)


def test_a_message_that_could_not_be_deleted_is_not_taken_for_gone(patients: ServiceUnderTest, platform: Any) -> None:
    owner = patients.tenant()
    register(owner, "First")
    owner.wait_published()

    async def act() -> None:
        client = await nats.connect(platform.nats_url)
        stream, name = client.jetstream(), stream_name("patients")
        mine, other = new_id(), new_id()
        # No consumer listens to this subject.
        sent = [
            await stream.publish("praxis.patients.nobody", b"", headers={"ce-id": str(id_)}) for id_ in (mine, other)
        ]
        relay = Relay(patients.runtime, Unwilling(stream, 1))  # type: ignore[arg-type]
        with pytest.raises(nats.js.errors.ServiceUnavailableError):
            await relay.delete(sent[0].seq, [mine])
        await stream.get_msg(name, sent[0].seq)
        for _ in range(2):
            await relay.delete(sent[0].seq, [mine])
            with pytest.raises(nats.js.errors.NotFoundError):
                await stream.get_msg(name, sent[0].seq)
        await relay.delete(sent[1].seq, [mine])
        await stream.get_msg(name, sent[1].seq)
        await client.close()

    asyncio.run(act())


async def bodies(url: str, tenant: str) -> list[bytes]:
    """Return the bodies of a tenant's messages on the stream of patients."""
    return [message.data or b"" for message in await messages(url, tenant)]


async def messages(url: str, tenant: str) -> list[RawStreamMsg]:
    """Return a tenant's messages on the stream of patients."""
    client = await nats.connect(url)
    stream = client.jetstream()
    found = []
    try:
        state = (await stream.stream_info(stream_name("patients"))).state
        for sequence in range(max(state.first_seq, 1), state.last_seq + 1):
            try:
                message = await stream.get_msg(stream_name("patients"), sequence)
            except nats.js.errors.NotFoundError:
                continue
            if (message.headers or {}).get("ce-praxistenant") == tenant:
                found.append(message)
    finally:
        await client.close()
    return found


def test_an_erasure_between_reading_and_opening_an_event_leaves_what_remains(patients: ServiceUnderTest) -> None:
    owner, runtime = patients.tenant(), patients.runtime
    patient_id = register(owner, "Canarius")
    query = select(tables.events).where(
        tables.events.c.tenant_id == owner.id, tables.events.c.aggregate_id == UUID(patient_id)
    )
    with runtime.relay_database.engine.begin() as connection:
        read_before = connection.execute(query).mappings().first()
    patient = owner.call("GetPatient", patient_service_pb2.GetPatientRequest(id=patient_id))
    request = patient_service_pb2.ErasePatientRequest(id=patient_id, reason="asked for it", etag=patient.etag)
    owner.call("ErasePatient", request)
    assert read_before is not None
    with runtime.relay_database.engine.begin() as connection:
        alone = subjects.body_of(connection, runtime.keys, read_before)
        [together] = subjects.bodies_of(connection, runtime.keys, [read_before])
    for body, erased in (alone, together):
        assert erased
        assert patient_id.encode() in body
        assert b"Canarius" not in body


@pytest.mark.parametrize(
    ("version", "warnings"), [("2.14.0", 1), ("2.14.4", 1), ("2.14.5", 0), ("2.15.0", 0), ("3.0.0", 0)]
)
def test_an_old_bus_is_warned_of_by_its_version(version: str, warnings: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING", logger="praxis_chassis.messaging"):
        warn_of_old(ServerVersion(version))
    assert [getattr(record, "version", None) for record in caplog.records] == [version] * warnings
