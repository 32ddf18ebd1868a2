"""Thousands of histories of relay, stream and consumer, each replayable: whatever is lost, the end is the owner's."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, func, insert, select, text
from sqlalchemy.exc import DBAPIError
from support.broker_model import Lost, StreamModel

from praxis.patients.v1 import events_pb2, patient_pb2
from praxis_chassis import app, clock, messaging, tables
from praxis_chassis.context import system_context
from praxis_chassis.database import driver_url
from praxis_chassis.events import event_type
from praxis_chassis.inbox import Verdict
from praxis_chassis.keys import make_keys_file
from praxis_chassis.messaging import Consumer, Relay
from praxis_chassis.service import Runtime, Service
from praxis_chassis.settings import Settings
from praxis_chassis.types import new_id
from praxis_local.postgres import Postgres
from praxis_local.processes import wait_until
from praxis_local.provision import DatabaseUrls, provision

PATIENTS = 4
# Patients whose newest event waits in an open transaction while others commit; nothing else happens to them.
LATE = 2


@pytest.fixture(scope="module")
def runtimes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Runtime, Runtime]]:
    """Patients as the owner and scheduling as the consumer, on databases where no worker runs."""
    from praxis_patients.service import service as patients
    from praxis_scheduling.service import service as scheduling

    home = tmp_path_factory.mktemp("simulation")
    make_keys_file(home / "keys.json")
    with Postgres(home, fast=True) as postgres:
        urls = provision(postgres.admin_url, ["patients", "scheduling"], home / "roles.json")
        pair = [Runtime(service, settings_for(service, urls[service.name], home)) for service in (patients, scheduling)]
        for runtime in pair:
            app.migrate(runtime)
        yield pair[0], pair[1]
        for runtime in pair:
            runtime.close()


def settings_for(service: Service, urls: DatabaseUrls, home: Path) -> Settings:
    return service.settings(
        database_url=urls.app,
        database_owner_url=urls.owner,
        database_relay_url=urls.relay,
        keys_file=str(home / "keys.json"),
    )


@dataclass
class World:
    """One history: the owner's log, the stream's model, the relay and the consumer."""

    owner: Runtime
    consumer: Runtime
    stream: StreamModel = field(default_factory=StreamModel)
    tenant: UUID = field(default_factory=new_id)
    versions: dict[UUID, int] = field(default_factory=dict)
    late: list[Any] = field(default_factory=list)
    unacknowledged: list[Any] = field(default_factory=list)
    seen: int = 0
    losses: int = 0

    def __post_init__(self) -> None:
        self.ids = [new_id() for _ in range(PATIENTS + LATE)]
        self.relay = Relay(self.owner, self.stream)  # type: ignore[arg-type]
        self.receiver = Consumer(self.consumer, self.stream, "patients", set)  # type: ignore[arg-type]

    def session(self, runtime: Runtime) -> Any:
        return runtime.database.transaction(system_context(runtime, self.tenant, "simulation"))

    def row(self, patient_id: UUID) -> dict[str, Any]:
        version = self.versions[patient_id] = self.versions.get(patient_id, 0) + 1
        event = events_pb2.PatientRegistered if version == 1 else events_pb2.PatientUpdated
        patient = patient_pb2.Patient(id=str(patient_id), display_name=f"Name {version}")
        patient.human.birth_date = "1980-01-01"
        kind, moment = event_type(event.DESCRIPTOR), clock.wall()
        words = ("actor", "origin", "correlation_id", "causation_id", "traceparent")
        return dict.fromkeys(words, "") | {
            "tenant_id": self.tenant,
            "id": new_id(),
            "aggregate": kind.aggregate,
            "aggregate_id": patient_id,
            "epoch": 1,
            "version": version,
            "type": kind.name,
            "subject": kind.subject,
            "payload": event(patient=patient).SerializeToString(),
            "occurred_at": moment,
            "recorded_at": moment,
        }

    # ── what may happen ─────────────────────────────────────────────────────────────────────────────────

    def record(self, chance: random.Random) -> None:
        with self.session(self.owner) as session:
            for _ in range(chance.randint(1, 6)):
                session.execute(insert(tables.events), [self.row(chance.choice(self.ids[:PATIENTS]))])

    def record_late(self, _chance: random.Random) -> None:
        """Take a position now and commit after others."""
        if len(self.late) < LATE:
            opened = self.session(self.owner)
            opened.__enter__().execute(insert(tables.events), [self.row(self.ids[PATIENTS + len(self.late)])])
            self.late.append(opened)

    def commit_late(self, _chance: random.Random) -> None:
        while self.late:
            self.late.pop().__exit__(None, None, None)

    def publish(self, _chance: random.Random) -> None:
        self.relay.compare_at = 0.0
        self._step()

    def publish_unchecked(self, _chance: random.Random) -> None:
        """Publish without looking at the stream first, as happens between two looks."""
        self.relay.compare_at = float("inf")
        self._step()

    def die_before_marking(self, chance: random.Random) -> None:
        """End the relay's connection after some messages, so that nothing of the batch is marked."""
        self._at(chance.randint(1, 4), self._end_leader)
        self.publish_unchecked(chance)

    def lose_an_answer(self, chance: random.Random) -> None:
        self._at(chance.randint(1, 4), _raise_lost)
        self.publish_unchecked(chance)

    def go_back_while_publishing(self, chance: random.Random) -> None:
        self._at(chance.randint(1, 4), self.stream.roll_back)
        self.publish_unchecked(chance)

    def copy(self, _chance: random.Random) -> None:
        self.stream.copy()

    def roll_back(self, _chance: random.Random) -> None:
        self.stream.roll_back()

    def wipe(self, _chance: random.Random) -> None:
        self.stream.copies.clear()
        self.stream.roll_back()

    def let_the_window_pass(self, _chance: random.Random) -> None:
        self.stream.forget_window()

    def deliver(self, chance: random.Random) -> None:
        """Hand over some messages in any order, some twice; some acknowledgments never arrive."""
        batch = self._pending()
        chance.shuffle(batch)
        batch = batch[: chance.randint(1, 10)]
        batch += chance.choices(batch, k=2) if batch else []
        verdicts = self.receiver._apply_all(batch)
        done = [kept for kept, verdict in zip(batch, verdicts, strict=True) if verdict is Verdict.DONE]
        for kept in done:
            if kept in self.unacknowledged and chance.random() < 0.8:
                self.unacknowledged.remove(kept)

    # ── how it ends ─────────────────────────────────────────────────────────────────────────────────────

    def settle(self) -> None:
        """Let everything work for as long as it takes."""
        chance = random.Random(0)
        self.commit_late(chance)
        for _ in range(20):
            self.publish(chance)
            if not self._unpublished():
                break
        for _ in range(200):
            if not self._pending():
                break
            self.deliver(chance)

    def close(self) -> None:
        self.commit_late(random.Random(0))
        self.relay.log.resign()

    def _step(self) -> None:
        async def run() -> None:
            self.relay.log.swept = 0.0
            await self.relay.step()

        if self.relay.log.leader is None:
            # The server may need a moment to see that the dead relay's connection is gone.
            assert wait_until(self.relay.log.lead, 10)
            self.relay.compare_at = 0.0
        try:
            asyncio.run(run())
        except (Lost, DBAPIError):
            self.relay.log.resign()
        finally:
            self.stream.before_answer = _nothing

    def _at(self, number: int, happening: Callable[[], None]) -> None:
        left = [happening, *[_nothing] * (number - 1)]

        def before_answer() -> None:
            if left:
                left.pop()()

        self.stream.before_answer = before_answer

    def _end_leader(self) -> None:
        assert self.relay.log.leader is not None
        server = self.relay.log.leader.connection.dbapi_connection
        assert server is not None
        server.close()

    def _pending(self) -> list[Any]:
        """Return what a consumer that lost its place with the stream would be given."""
        if self.stream.losses > self.losses:
            self.losses, self.seen, self.unacknowledged = self.stream.losses, 0, []
        self.unacknowledged += self.stream.messages[self.seen :]
        self.seen = len(self.stream.messages)
        return list(self.unacknowledged)

    def _unpublished(self) -> int:
        with self.session(self.owner) as session:
            query = select(func.count()).select_from(tables.events).where(tables.events.c.published_at.is_(None))
            return int(session.execute(query).scalar_one())


def _nothing() -> None:
    pass


def _raise_lost() -> None:
    raise Lost


HAPPENINGS = [
    World.record, World.record, World.record_late, World.commit_late, World.publish, World.publish,
    World.publish_unchecked, World.die_before_marking, World.lose_an_answer, World.go_back_while_publishing,
    World.copy, World.roll_back, World.wipe, World.let_the_window_pass, World.deliver, World.deliver,
]  # fmt: skip


def emptied(runtime: Runtime, *names: str) -> None:
    engine = create_engine(driver_url(runtime.settings.database_owner_url))
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(names)}"))
    engine.dispose()


def histories(examples: int) -> Callable[[Any], Any]:
    story = st.lists(st.tuples(st.sampled_from(HAPPENINGS), st.integers(0, 2**16)), min_size=5, max_size=30)
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    made = settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=checks,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
    )
    return lambda function: made(given(story=story)(function))


def play(runtimes: tuple[Runtime, Runtime], story: list[tuple[Any, int]]) -> None:
    owner, consumer = runtimes
    emptied(owner, "events", "tenant_sequences")
    world = World(owner, consumer)
    try:
        for happening, seed in story:
            happening(world, random.Random(seed))
        world.settle()
        agree(world)
    except Exception as failure:
        failure.add_note(f"history: {[(happening.__name__, seed) for happening, seed in story]}")
        raise
    finally:
        world.close()


def agree(world: World) -> None:
    """The consumer has applied every event of the owner exactly once, in order, and nothing else."""
    events, consumed, inbox = tables.events, tables.consumed, tables.inbox
    with world.session(world.owner) as session:
        recorded = set(session.scalars(select(events.c.id)))
        numbers = sorted(session.scalars(select(events.c.tenant_sequence)))
    with world.session(world.consumer) as session:
        versions = {row[0]: row[1] for row in session.execute(select(consumed.c.aggregate_id, consumed.c.version))}
        applied = set(session.scalars(select(inbox.c.event_id)))
        copied = {row[0]: row[1] for row in session.execute(text("SELECT id, name FROM patient_copies"))}
    assert versions == world.versions
    assert applied == recorded
    assert copied == {patient: f"Name {version}" for patient, version in world.versions.items()}
    assert numbers == list(range(1, len(recorded) + 1))


@pytest.mark.timeout(900)
def test_every_history_ends_as_the_owner_says(runtimes: tuple[Runtime, Runtime], long: bool) -> None:
    @histories(1000 if long else 25)
    def each(story: list[tuple[Any, int]]) -> None:
        play(runtimes, story)

    each()


def test_a_relay_that_dies_before_marking_does_not_hide_that_the_stream_went_back(
    runtimes: tuple[Runtime, Runtime],
) -> None:
    story = [World.record, World.publish, World.wipe, World.record, World.record, World.record, World.record]
    play(runtimes, [(each, 3) for each in [*story, World.die_before_marking, World.let_the_window_pass]])


def test_a_stream_that_went_back_is_filled_although_nothing_new_happens(runtimes: tuple[Runtime, Runtime]) -> None:
    play(runtimes, [(each, 1) for each in (World.record, World.publish, World.wipe)])
    assert messaging.COMPARE_SECONDS <= 30
