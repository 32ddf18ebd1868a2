"""NATS: the relay that publishes the event log, and the consumers that apply other services' events.

The only module that knows asyncio. The owner's database is the truth; the stream may lose everything.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import nats
import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy, RetentionPolicy, StorageType, StreamConfig
from opentelemetry.trace import SpanKind

from praxis_chassis import audit, inbox, metrics, outbox, rebuild, telemetry
from praxis_chassis.events import Envelope
from praxis_chassis.gaps import Gaps
from praxis_chassis.inbox import Verdict
from praxis_chassis.jobs import Ticker
from praxis_chassis.outbox import STREAM_DAYS, Pending, Published
from praxis_chassis.service import Runtime

# While events come, the next is looked for soon; a practice at rest costs a quarter of that.
POLL_SECONDS, REST_SECONDS, AWAKE_SECONDS = 0.05, 0.2, 5.0
BLANK_SECONDS = 2.0
COMPARE_SECONDS = 5.0
SEAL_SECONDS = 1.0
TICK_SECONDS = 0.5
BATCH = 100
# How long a consumer waits for an event before it asks how it stands; it is told of one at once.
LISTEN_SECONDS, REST_OF_BATCH_SECONDS = 2.0, 0.05
ACK_WAIT_SECONDS = 5
PUBLISH_TIMEOUT_SECONDS = 5
RETRY_SECONDS = 0.5
DUPLICATE_WINDOW_SECONDS = 120
OLDEST_NATS = (2, 14, 5)
log = logging.getLogger(__name__)


def stream_name(service: str) -> str:
    """Return the name of the stream that one service publishes to."""
    return f"PRAXIS_{service.upper()}"


def stream_config(service: str, replicas: int) -> StreamConfig:
    """Return what a service's stream must look like."""
    return StreamConfig(
        name=stream_name(service),
        subjects=[f"praxis.{service}.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        max_age=STREAM_DAYS * 86400,
        duplicate_window=DUPLICATE_WINDOW_SECONDS,
        num_replicas=replicas,
        allow_rollup_hdrs=False,
    )


def headers_of(event: Pending) -> dict[str, str]:
    """Return the CloudEvents 1.0 binary headers of an event; ids and times only."""
    return {
        "Nats-Msg-Id": event.message_id,
        "ce-specversion": "1.0",
        "ce-id": str(event.event_id),
        "ce-type": event.type,
        "ce-source": f"praxis/{event.source}",
        "ce-subject": str(event.aggregate_id),
        "ce-time": event.occurred_at.isoformat(),
        "ce-datacontenttype": "application/protobuf",
        "ce-praxistenant": str(event.tenant_id),
        "ce-praxisaggregate": event.aggregate,
        "ce-praxisepoch": str(event.epoch),
        "ce-praxisversion": str(event.version),
        "ce-praxissequence": str(event.tenant_sequence),
        "ce-praxisactor": event.actor,
        "ce-praxisorigin": event.origin,
        "ce-praxiscorrelation": event.correlation_id,
        "ce-praxiscausation": event.causation_id,
        "traceparent": event.traceparent,
    }


def envelope_of(message: Msg) -> Envelope:
    """Read an event off the stream; a missing or unreadable header raises ValueError."""
    head = message.headers or {}
    try:
        return Envelope(
            event_id=UUID(head["ce-id"]),
            tenant_id=UUID(head["ce-praxistenant"]),
            type=head["ce-type"],
            source=head["ce-source"].removeprefix("praxis/"),
            aggregate=head["ce-praxisaggregate"],
            aggregate_id=UUID(head["ce-subject"]),
            epoch=int(head["ce-praxisepoch"]),
            version=int(head["ce-praxisversion"]),
            tenant_sequence=int(head["ce-praxissequence"]),
            actor=head["ce-praxisactor"],
            origin=head["ce-praxisorigin"],
            correlation_id=head["ce-praxiscorrelation"],
            causation_id=head["ce-praxiscausation"],
            traceparent=head.get("traceparent", ""),
            occurred_at=datetime.fromisoformat(head["ce-time"]),
            payload=message.data,
        )
    except KeyError as missing:
        raise ValueError(f"header {missing} is missing") from missing


class Relay:
    """Publishes what the event log holds, in the order of each aggregate, until it is acknowledged."""

    def __init__(self, runtime: Runtime, stream: JetStreamContext) -> None:
        self.runtime, self.stream = runtime, stream
        self.log = outbox.Outbox(runtime)
        self.blank_at = 0.0
        self.compare_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until stopped; every failure is waited out and tried again."""
        while not stop.is_set():
            try:
                await self._ensure_stream()
                if not await asyncio.to_thread(self.log.lead):
                    await _pause(stop, 1.0)
                    continue
                self.compare_at = 0.0
                await self._publish(stop)
            except Exception as failure:
                log.warning("relay paused", extra={"failure": type(failure).__name__}, exc_info=self.runtime.verbose)
                await _pause(stop, 0.5)
        await asyncio.to_thread(self.log.resign)

    async def _publish(self, stop: asyncio.Event) -> None:
        rests_at = 0.0
        while not stop.is_set():
            if await self.step():
                rests_at = time.monotonic() + AWAKE_SECONDS
            else:
                await _pause(stop, POLL_SECONDS if time.monotonic() < rests_at else REST_SECONDS)

    async def step(self) -> int:
        """Publish one batch and return how many events it had."""
        await self._compare()
        await self._blank()
        batch = await asyncio.to_thread(self.log.fetch, BATCH)
        if not batch:
            return 0
        lanes: dict[UUID, list[Pending]] = defaultdict(list)
        for event in batch:
            lanes[event.aggregate_id].append(event)
        published: list[tuple[Pending, int, bool]] = []
        results = await asyncio.gather(
            *(self._lane(lane, published) for lane in lanes.values()), return_exceptions=True
        )
        await asyncio.to_thread(self.log.mark, published)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return len(batch)

    async def _compare(self) -> None:
        """Look whether the stream still holds the newest published event; publish again what it lost.

        Acknowledgments alone do not tell: a relay that dies between publishing and marking, after the stream went
        back, leaves a stream that is as long as before; and a practice at rest publishes nothing.
        """
        if time.monotonic() < self.compare_at:
            return
        newest = await asyncio.to_thread(self.log.newest)
        if newest is not None:
            info = await self.stream.stream_info(stream_name(self.runtime.service.name))
            if not await self._holds(newest, info.state.last_seq):
                lost = await self._first_lost(newest.sequence, info.state.last_seq)
                await asyncio.to_thread(self.log.lost_from, lost)
        self.compare_at = time.monotonic() + COMPARE_SECONDS

    async def _first_lost(self, high: int, last: int) -> int:
        """Return the lowest sequence whose event the stream lost, by halving: what it kept is a beginning."""
        low = 0
        while high - low > 1:
            middle = (low + high) // 2
            found = await asyncio.to_thread(self.log.newest, low, middle)
            if found is None or await self._holds(found, last):
                low = middle
            else:
                high = found.sequence
        return high

    async def _holds(self, published: Published, last: int) -> bool:
        if published.aged or published.sequence > last:
            return published.aged
        try:
            message = await self.stream.get_msg(stream_name(self.runtime.service.name), published.sequence)
        except nats.js.errors.NotFoundError:
            return False
        return (message.headers or {}).get("ce-id") == str(published.event_id)

    async def _blank(self) -> None:
        if time.monotonic() < self.blank_at:
            return
        self.blank_at = time.monotonic() + BLANK_SECONDS
        for sequence, event_ids in await asyncio.to_thread(self.log.to_blank):
            if sequence:
                await self.delete(sequence, event_ids)
            await asyncio.to_thread(self.log.blanked, event_ids)

    async def _lane(self, lane: Sequence[Pending], published: list[tuple[Pending, int, bool]]) -> None:
        for event in lane:
            with telemetry.span(
                f"publish {event.type}", SpanKind.PRODUCER, event.traceparent, event_id=str(event.event_id)
            ) as span:
                head = headers_of(event) | {"traceparent": span.traceparent}
                ack = await self.stream.publish(
                    event.subject, event.payload, timeout=PUBLISH_TIMEOUT_SECONDS, headers=head
                )
            published.append((event, ack.seq, bool(ack.duplicate)))
            metrics.published.add(int(not ack.duplicate), event.type)

    async def delete(self, sequence: int, event_ids: Sequence[UUID]) -> None:
        """Take an event's message off the stream; whatever fails is tried again until the message is gone."""
        name = stream_name(self.runtime.service.name)
        try:
            message = await self.stream.get_msg(name, sequence)
        except nats.js.errors.NotFoundError:
            log.info("message was gone already", extra={"sequence": sequence})
            return
        # After the stream went back, the number may belong to somebody else's event.
        if (message.headers or {}).get("ce-id") in [str(event_id) for event_id in event_ids]:
            await self.stream.delete_msg(name, sequence)

    async def _ensure_stream(self) -> None:
        wanted = stream_config(self.runtime.service.name, self.runtime.settings.stream_replicas)
        try:
            await self.stream.stream_info(stream_name(self.runtime.service.name))
        except nats.js.errors.NotFoundError:
            await self.stream.add_stream(wanted)


class Consumer:
    """Applies the events of one other service, and says in which practices something happened by it."""

    def __init__(
        self, runtime: Runtime, stream: JetStreamContext, source: str, touch: Callable[[Iterable[UUID]], None]
    ) -> None:
        self.runtime, self.stream, self.source, self.touch = runtime, stream, source, touch
        self.reactions = runtime.service.reaction_table
        self.pending = 0
        self.gaps = Gaps(runtime)

    async def run(self, stop: asyncio.Event) -> None:
        """Fetch and apply until stopped; a wiped stream or consumer is made again."""
        while not stop.is_set():
            try:
                subscription = await self._subscribe()
                while not stop.is_set():
                    await self._step(subscription)
            except nats.js.errors.NotFoundError:
                await _pause(stop, 0.3)
            except Exception as failure:  # noqa: BLE001 - the consumer outlives every failure
                log.warning("consumer paused", extra={"failure": type(failure).__name__, "stream": self.source})
                await _pause(stop, 0.5)

    async def _subscribe(self) -> JetStreamContext.PullSubscription:
        name, stream = self.runtime.service.name, stream_name(self.source)
        subjects = [f"praxis.{self.source}.{item}.*.v1" for item in sorted(self.reactions.aggregates[self.source])]
        config = ConsumerConfig(
            durable_name=name,
            deliver_policy=DeliverPolicy.ALL,
            filter_subjects=subjects,
            ack_wait=ACK_WAIT_SECONDS,
            max_deliver=-1,
            max_ack_pending=1000,
        )
        try:
            found = await self.stream.consumer_info(stream, name)
            before = found.config.filter_subjects or []
            if sorted(before) != subjects:
                await self.stream.add_consumer(stream, config)
            missed = not set(subjects) <= set(before)
        except nats.js.errors.NotFoundError:
            state = (await self.stream.stream_info(stream)).state
            await self.stream.add_consumer(stream, config)
            missed = state.first_seq > 1
        if missed:
            await asyncio.to_thread(self._catch_up)
        return await self.stream.pull_subscribe_bind(consumer=name, stream=stream)

    def _catch_up(self) -> None:
        """Read from the owner's log what the stream no longer delivers: it lies behind this consumer's position."""
        try:
            rebuild.catch_up(self.runtime, [self.source])
        except Exception:
            log.exception("what was said before could not be read; run `catch-up`", extra={"source": self.source})

    async def _step(self, subscription: JetStreamContext.PullSubscription) -> None:
        messages = await self._fetch(subscription)
        if not messages:
            info = await self.stream.consumer_info(stream_name(self.source), self.runtime.service.name)
            self.pending = (info.num_pending or 0) + (info.num_ack_pending or 0)
            return
        self.pending = len(messages) + messages[-1].metadata.num_pending
        delays = await asyncio.to_thread(self._apply_all, messages)
        for message, delay in zip(messages, delays, strict=True):
            if delay is None:
                await message.ack()
            else:
                await message.nak(delay=delay)
        await asyncio.to_thread(self.gaps.fill)

    async def _fetch(self, subscription: JetStreamContext.PullSubscription) -> list[Msg]:
        """Wait for an event, and take along what lies behind it.

        Who asks for a batch of many waits until there are as many or its time is over, even when one came long before.
        """
        messages: list[Msg] = []
        try:
            messages += await subscription.fetch(1, timeout=LISTEN_SECONDS)
            first = messages[0].metadata
            # What comes again is not counted as pending, however much of it there is.
            behind = BATCH - 1 if first.num_delivered > 1 else min(first.num_pending, BATCH - 1)
            if behind:
                messages += await subscription.fetch(behind, timeout=REST_OF_BATCH_SECONDS)
        except TimeoutError:
            pass  # what came before the time was over counts
        except nats.errors.Error:
            if not messages:
                raise
        return messages

    def _apply_all(self, messages: Sequence[Msg]) -> list[float | None]:
        """Return for each message after how many seconds it is to come again, if at all.

        The events of one tenant share a transaction; between tenants there is no order.
        """
        tenants: dict[UUID, list[tuple[int, Envelope]]] = defaultdict(list)
        for index, message in enumerate(messages):
            if found := self._read(message):
                tenants[found.tenant_id].append((index, found))
        delays: list[float | None] = [None] * len(messages)
        for pairs in tenants.values():
            answers = inbox.apply_together(self.runtime, self.reactions, [envelope for _, envelope in pairs])
            for (index, envelope), verdict in zip(pairs, answers, strict=True):
                self.gaps.note(envelope, verdict)
                if verdict is not Verdict.DONE:
                    delays[index] = self.gaps.delay(envelope) if verdict is Verdict.WAIT else RETRY_SECONDS
        self.touch(tenants)
        return delays

    def _read(self, message: Msg) -> Envelope | None:
        try:
            return envelope_of(message)
        except ValueError as failure:
            # What a header holds may be anything; only the name of one that is missing is told.
            facts = {"failure": str(failure.__cause__ or type(failure).__name__)}
            log.error("event without usable headers was passed over", extra=facts)
            return None


class Worker:
    """The `work` process: relay, consumers, jobs and the sealing of the audit chain, in a thread of its own."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.loop: asyncio.AbstractEventLoop | None = None
        self.stop_event: asyncio.Event | None = None
        self.thread = threading.Thread(target=self._main, name="work", daemon=True)
        self.connected = threading.Event()

    def start(self) -> None:
        """Begin in the background."""
        self.thread.start()

    def stop(self) -> None:
        """Finish what runs and end, within a few seconds."""
        if self.loop is not None and self.stop_event is not None:
            self.loop.call_soon_threadsafe(self.stop_event.set)
        self.thread.join(timeout=15)

    def _main(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        self.loop, self.stop_event = asyncio.get_running_loop(), asyncio.Event()
        stop = self.stop_event
        client = await self._connect(stop)
        if client is None:
            return
        warn_of_old(client.connected_server_version)
        self.connected.set()
        stream = client.jetstream(timeout=PUBLISH_TIMEOUT_SECONDS)
        ticker, sources = Ticker(self.runtime), sorted(self.runtime.service.reaction_table.aggregates)
        consumers = [Consumer(self.runtime, stream, source, ticker.touch) for source in sources]
        tasks = [
            Relay(self.runtime, stream).run(stop),
            *(consumer.run(stop) for consumer in consumers),
            self._every(stop, SEAL_SECONDS, self._seal),
            self._every(stop, TICK_SECONDS, ticker.tick),
        ]
        with (
            metrics.pending.reading(lambda: [(each.pending, (each.source,)) for each in consumers]),
            metrics.outbox_lag.reading(lambda: [(outbox.waiting(self.runtime)[0], ())]),
            metrics.outbox_oldest.reading(lambda: [(outbox.waiting(self.runtime)[1], ())]),
        ):
            await asyncio.gather(*tasks)
        try:
            await asyncio.wait_for(client.close(), 3)
        except (TimeoutError, nats.errors.Error):
            log.info("connection to NATS did not close in time")

    async def _connect(self, stop: asyncio.Event) -> Any:
        while not stop.is_set():
            try:
                return await nats.connect(
                    self.runtime.settings.nats_url,
                    name=f"praxis-{self.runtime.service.name}",
                    # Replies come to an inbox that a server with permissions keeps from every other service.
                    inbox_prefix=f"_INBOX_{self.runtime.service.name}",
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.2,
                    pending_size=-1,
                    error_cb=_say,
                )
            except (OSError, nats.errors.Error, TimeoutError) as failure:
                log.warning("NATS does not answer", extra={"failure": type(failure).__name__})
                await _pause(stop, 0.5)
        return None

    async def _every(self, stop: asyncio.Event, seconds: float, function: Any) -> None:
        while not stop.is_set():
            try:
                await asyncio.to_thread(function)
            except Exception as failure:  # noqa: BLE001 - a failed tick is tried again at the next
                log.warning("tick failed", extra={"failure": type(failure).__name__})
            await _pause(stop, seconds)

    def _seal(self) -> None:
        with self.runtime.relay_database.engine.begin() as connection:
            audit.seal(connection)


def warn_of_old(version: Any) -> None:
    """Say that a server older than the tested one is in use; it works, but known losses were mended since."""
    found = (version.major, version.minor, version.patch)
    if found < OLDEST_NATS:
        text = ".".join(str(part) for part in found)
        log.warning("NATS is older than 2.14.5; upgrade it when you can", extra={"version": text})


async def _say(failure: Exception) -> None:
    log.info("NATS connection", extra={"failure": type(failure).__name__})


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
