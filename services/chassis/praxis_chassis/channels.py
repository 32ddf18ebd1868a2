"""A gRPC channel that goes over to renewed certificates without breaking a call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from praxis_chassis.tls import Certificates, Material, channel_credentials


@dataclass(eq=False)
class _Opened:
    """A channel with one certificate, the calls that run on it, and whether a newer one has taken its place."""

    channel: grpc.Channel
    material: Material
    calls: int = 0
    retired: bool = False
    stubs: dict[Any, Any] = field(default_factory=dict)


class RenewedChannel(grpc.Channel):
    """A channel that goes over to renewed certificates: new calls take a new one, calls under way end on the old one.

    The callee must show a certificate of the service's name, wherever its address leads.
    """

    def __init__(self, target: str, service: str, certificates: Certificates, options: Sequence[Any] = ()) -> None:
        self.target, self.certificates = target, certificates
        self.options = [*options, ("grpc.ssl_target_name_override", service)]
        self.lock = threading.Lock()
        self.opened = self._open(certificates.current())

    def take(self) -> _Opened:
        """Return the newest channel, with one more call on it."""
        material, idle = self.certificates.current(), None
        with self.lock:
            if material is not self.opened.material:
                idle = self._retire(self.opened)
                self.opened = self._open(material)
            self.opened.calls += 1
            taken = self.opened
        if idle:
            _close(idle)
        return taken

    def give_back(self, used: _Opened) -> None:
        """Note the end of a call; the last one on an old channel closes it."""
        with self.lock:
            used.calls -= 1
            over = used.retired and not used.calls
        if over:
            _close(used)

    def _open(self, material: Material) -> _Opened:
        return _Opened(grpc.secure_channel(self.target, channel_credentials(material), options=self.options), material)

    def _retire(self, old: _Opened) -> _Opened | None:
        """Let a channel end with its last call, and return it when there is none."""
        old.retired = True
        return None if old.calls else old

    def unary_unary(self, *arguments: Any, **options: Any) -> Any:
        return _Method(self, "unary_unary", arguments, options)

    def unary_stream(self, *arguments: Any, **options: Any) -> Any:
        return _Streaming(self, "unary_stream", arguments, options)

    def stream_unary(self, *arguments: Any, **options: Any) -> Any:
        return _Method(self, "stream_unary", arguments, options)

    def stream_stream(self, *arguments: Any, **options: Any) -> Any:
        return _Streaming(self, "stream_stream", arguments, options)

    def subscribe(self, callback: Callable[..., Any], try_to_connect: bool | None = False) -> None:
        self.opened.channel.subscribe(callback, bool(try_to_connect))

    def unsubscribe(self, callback: Callable[..., Any]) -> None:
        self.opened.channel.unsubscribe(callback)

    def close(self) -> None:
        self.opened.channel.close()

    def __enter__(self) -> RenewedChannel:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.close()


def _close(old: _Opened) -> None:
    """Close beside the caller, who may be a thread of the channel itself."""
    threading.Thread(target=old.channel.close, name="old-channel", daemon=True).start()


class _Method:
    """An RPC with one reply, called on whichever channel is the newest."""

    def __init__(self, owner: RenewedChannel, kind: str, arguments: Any, options: dict[str, Any]) -> None:
        self.owner, self.kind, self.arguments, self.options = owner, kind, arguments, options
        self.key = (kind, *arguments, *options.items())

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        with self.stub() as stub:
            return stub(*arguments, **options)

    def with_call(self, *arguments: Any, **options: Any) -> Any:
        with self.stub() as stub:
            return stub.with_call(*arguments, **options)

    def future(self, *arguments: Any, **options: Any) -> Any:
        return self.begin(lambda stub: stub.future(*arguments, **options))

    @contextmanager
    def stub(self) -> Iterator[Any]:
        """Lend the newest channel's stub for the time of a call."""
        taken = self.owner.take()
        try:
            yield self.stub_on(taken)
        finally:
            self.owner.give_back(taken)

    def stub_on(self, taken: _Opened) -> Any:
        stub = taken.stubs.get(self.key)
        if stub is None:
            stub = taken.stubs[self.key] = getattr(taken.channel, self.kind)(*self.arguments, **self.options)
        return stub

    def begin(self, start: Callable[[Any], Any]) -> Any:
        """Start a call that goes on after we return, and note its end."""
        taken = self.owner.take()
        try:
            call = start(self.stub_on(taken))
        except BaseException:
            self.owner.give_back(taken)
            raise
        if not call.add_callback(lambda: self.owner.give_back(taken)):
            self.owner.give_back(taken)
        return call


class _Streaming(_Method):
    """An RPC with many replies; its call lasts until the last one."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.begin(lambda stub: stub(*arguments, **options))
