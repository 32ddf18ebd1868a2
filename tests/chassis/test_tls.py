"""Who may call whom: strangers, impostors and expired certificates are refused, and renewed ones break no call."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from sqlalchemy import select
from support.platform import Platform

from praxis.operations.v1 import operations_service_pb2 as operations
from praxis.patients.v1 import directory_service_pb2 as directory
from praxis_chassis import tables, tls
from praxis_chassis.channels import RenewedChannel
from praxis_chassis.clients import channel
from praxis_chassis.settings import Settings, SettingsError
from praxis_chassis.testing import Refused, ServiceUnderTest
from praxis_chassis.tls import Certificates, certificates_of
from praxis_local.authority import Authority
from praxis_local.processes import wait_until

LIFE = timedelta(seconds=6)
LIST = "/praxis.patients.v1.DirectoryService/ListPractices"


@pytest.fixture
def issue(platform: Platform, tmp_path: Path) -> Callable[..., Certificates]:
    """Return what issues certificates from the authority of this test run, or from a foreign one."""

    def make(part: str, life: timedelta = timedelta(hours=1), *, foreign: bool = False) -> Certificates:
        folder = tmp_path / f"{part}-{life.total_seconds()}-{foreign}"
        folder.mkdir()
        if not foreign:
            shutil.copytree(platform.home / "certificates" / "authority", folder / "authority")
        Authority(folder, [part], life).renew()
        return Certificates(folder / part)

    return make


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Close what a test opens."""
    with ExitStack() as stack:
        yield stack


def asked(caller: grpc.Channel) -> grpc.RpcError | None:
    """Call without a token, and return how it failed: who gets through is asked for the token."""
    ask = caller.unary_unary(LIST, directory.ListPracticesRequest.SerializeToString, bytes)
    with pytest.raises(grpc.RpcError) as failure:
        ask(directory.ListPracticesRequest(), timeout=10)
    return failure.value


def target_of(under: ServiceUnderTest) -> str:
    return f"127.0.0.1:{under.server.port}"


def test_the_gateway_gets_through(patients: ServiceUnderTest, issue: Any, opened: ExitStack) -> None:
    caller = opened.enter_context(channel(target_of(patients), "patients", issue("gateway")))
    assert asked(caller).code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_caller_without_a_certificate_is_refused(
    patients: ServiceUnderTest, platform: Platform, opened: ExitStack, capfd: pytest.CaptureFixture[str]
) -> None:
    trust = grpc.ssl_channel_credentials(platform.certificates("gateway").material.authorities)
    named = [("grpc.ssl_target_name_override", "patients")]
    caller = opened.enter_context(grpc.secure_channel(target_of(patients), trust, options=named))
    assert asked(caller).code() is grpc.StatusCode.UNAVAILABLE
    assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in heard(capfd, "PEER_DID_NOT_RETURN_A_CERTIFICATE")


def test_a_caller_without_encryption_is_refused(patients: ServiceUnderTest, opened: ExitStack) -> None:
    caller = opened.enter_context(grpc.insecure_channel(target_of(patients)))
    assert asked(caller).code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("more", "reason"),
    [({"foreign": True}, "CERTIFICATE_VERIFY_FAILED"), ({"life": timedelta(seconds=-1)}, "certificate has expired")],
    ids=["of another authority", "expired"],
)
def test_a_caller_with_a_certificate_that_is_not_good_is_refused(
    patients: ServiceUnderTest,
    platform: Platform,
    issue: Any,
    opened: ExitStack,
    capfd: pytest.CaptureFixture[str],
    more: dict[str, Any],
    reason: str,
) -> None:
    shown, trusted = issue("gateway", **more).material, platform.certificates("gateway").material
    credentials = grpc.ssl_channel_credentials(trusted.authorities, shown.key, shown.certificate)
    named = [("grpc.ssl_target_name_override", "patients")]
    caller = opened.enter_context(grpc.secure_channel(target_of(patients), credentials, options=named))
    assert asked(caller).code() is grpc.StatusCode.UNAVAILABLE
    assert reason in heard(capfd, reason)


def heard(capfd: pytest.CaptureFixture[str], reason: str) -> str:
    """Return what the server wrote to its error stream, once the reason of a refused handshake is there."""
    text = ""

    def listened() -> bool:
        nonlocal text
        text += capfd.readouterr().err
        return reason in text

    wait_until(listened, 10)
    return text


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        ({"part": "patients"}, ""),
        ({"part": "billing"}, "Hostname Verification Check failed"),
        ({"part": "patients", "foreign": True}, "CERTIFICATE_VERIFY_FAILED"),
        ({"part": "patients", "life": timedelta(seconds=-1)}, "certificate has expired"),
    ],
    ids=["itself", "another service", "of another authority", "expired"],
)
def test_callers_talk_to_the_service_they_mean_and_to_nobody_else(
    issue: Any, opened: ExitStack, shown: dict[str, Any], reason: str
) -> None:
    target = opened.enter_context(Echo(issue(**shown))).target
    caller = opened.enter_context(channel(target, "patients", issue("gateway")))
    ask = caller.unary_unary("/echo/Say")
    if not reason:
        assert ask(b"hello", timeout=10) == b"hello"
        return
    with pytest.raises(grpc.RpcError) as failure:
        ask(b"hello", timeout=10)
    assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
    assert reason in tls.distrust_of(failure.value)


def test_an_authority_is_changed_while_both_are_trusted(issue: Any, opened: ExitStack) -> None:
    old, new = issue("patients"), issue("gateway", foreign=True)
    both = old.material.authorities + new.material.authorities
    for certificates in (old, new):
        (certificates.folder / "ca.pem").write_bytes(both)
    echo = opened.enter_context(Echo(Certificates(old.folder)))
    caller = opened.enter_context(channel(echo.target, "patients", Certificates(new.folder)))
    assert caller.unary_unary("/echo/Say")(b"hello", timeout=10) == b"hello"


def test_only_the_gateway_may_call_what_names_no_callers(
    patients: ServiceUnderTest, opened: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    tenant = patients.tenant()
    assert not tenant.call("ListPractices", directory.ListPracticesRequest()).practices
    token = patients.minter.mint(
        tenant_id=tenant.id, subject="somebody", kind="user", permissions=["patients.practices.read"]
    )
    caller = opened.enter_context(patients.channel_of("billing"))
    ask = caller.unary_unary(LIST, directory.ListPracticesRequest.SerializeToString, bytes)
    with caplog.at_level(logging.WARNING), pytest.raises(grpc.RpcError) as failure:
        ask(directory.ListPracticesRequest(), metadata=(("authorization", f"Bearer {token}"),), timeout=10)
    assert failure.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert [record.__dict__["reason"] for record in caplog.records if record.message == "caller refused"] == [
        "token of gateway, certificate of billing"
    ]
    with tenant.session() as session:
        assert session.execute(select(tables.audit.c.outcome)).scalars().all() == ["denied"]


def test_a_service_reads_events_only_in_its_own_name(patients: ServiceUnderTest, opened: ExitStack) -> None:
    """The key that signs tokens is not enough: the certificate must say the same name."""
    outcomes = {}
    for issuer, shown in (("reporting", "reporting"), ("reporting", "billing"), ("gateway", "gateway")):
        patients.minter.issuer = issuer
        token = patients.minter.mint(
            tenant_id=None, subject=issuer, kind="system", permissions=["operations.events.read"]
        )
        patients.minter.issuer = "gateway"
        caller = opened.enter_context(patients.channel_of(shown))
        read = caller.unary_stream(
            "/praxis.operations.v1.OperationsService/ReadEvents", operations.ReadEventsRequest.SerializeToString, bytes
        )
        call = read(operations.ReadEventsRequest(), metadata=(("authorization", f"Bearer {token}"),), timeout=20)
        try:
            outcomes[issuer, shown] = len(list(call)) >= 0
        except grpc.RpcError as failure:
            outcomes[issuer, shown] = failure.code() is not grpc.StatusCode.PERMISSION_DENIED
    assert outcomes == {
        ("reporting", "reporting"): True,
        ("reporting", "billing"): False,
        ("gateway", "gateway"): False,
    }


def test_health_is_told_to_whoever_has_a_certificate(patients: ServiceUnderTest, opened: ExitStack) -> None:
    caller = opened.enter_context(patients.channel_of("billing"))
    reply = health_pb2_grpc.HealthStub(caller).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert reply.status == health_pb2.HealthCheckResponse.SERVING


def test_a_process_starts_encrypted_or_says_that_it_is_not(platform: Platform, tmp_path: Path) -> None:
    folder = str(platform.certificates("billing").folder)
    found = certificates_of(Settings(database_url="-", tls_dir=folder), "billing")
    assert found is not None
    assert found.material.names == {"billing"}
    assert certificates_of(Settings(database_url="-", insecure_grpc=True), "billing") is None
    with pytest.raises(SettingsError, match="PRAXIS_TLS_DIR is not set"):
        certificates_of(Settings(database_url="-"), "billing")
    with pytest.raises(SettingsError, match="for billing, not for claims"):
        certificates_of(Settings(database_url="-", tls_dir=folder), "claims")
    with pytest.raises(SettingsError, match="cannot be used"):
        certificates_of(Settings(database_url="-", tls_dir=str(tmp_path)), "billing")


def test_half_replaced_files_change_nothing_and_are_told_once(
    issue: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tls, "LOOK_SECONDS", 0.0)
    mine, other = issue("gateway"), issue("gateway", timedelta(hours=2))
    before = mine.current()
    shutil.copy(other.folder / "key.pem", mine.folder / "key.pem")
    assert [mine.current() is before for _ in range(3)] == [True] * 3
    assert [record.message for record in caplog.records] == ["certificate not usable"]
    shutil.copy(other.folder / "cert.pem", mine.folder / "cert.pem")
    assert mine.current() == other.current()


class Echo:
    """A server that says what it hears, slowly where it is told to wait."""

    def __init__(self, certificates: Certificates) -> None:
        self.release, self.heard = threading.Event(), threading.Event()
        self.server = grpc.server(ThreadPoolExecutor(8))
        handlers = {
            "Say": grpc.unary_unary_rpc_method_handler(lambda said, _: said),
            "Wait": grpc.unary_unary_rpc_method_handler(self._wait),
            "Count": grpc.unary_stream_rpc_method_handler(self._count),
        }
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("echo", handlers),))
        self.target = f"127.0.0.1:{tls.listen(self.server, '127.0.0.1:0', certificates)}"

    def _wait(self, said: bytes, _context: Any) -> bytes:
        self.heard.set()
        self.release.wait(20)
        return said

    def _count(self, said: bytes, _context: Any) -> Iterator[bytes]:
        yield said
        self.release.wait(20)
        yield said

    def __enter__(self) -> Echo:
        self.server.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        self.release.set()
        self.server.stop(1).wait()


def test_calls_under_way_end_on_the_channel_where_they_began(
    issue: Any, opened: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "LOOK_SECONDS", 0.0)
    mine, other = issue("gateway"), issue("gateway", timedelta(hours=2))
    echo = opened.enter_context(Echo(issue("patients")))
    caller = opened.enter_context(RenewedChannel(echo.target, "patients", mine))
    counting = caller.unary_stream("/echo/Count")(b"one", timeout=30)
    assert next(counting) == b"one"
    waiting = caller.unary_unary("/echo/Wait").future(b"two", timeout=30)
    assert echo.heard.wait(10)
    old = caller.opened
    for name in ("key.pem", "cert.pem"):
        shutil.copy(other.folder / name, mine.folder / name)
    assert caller.unary_unary("/echo/Say")(b"three", timeout=10) == b"three"
    assert caller.opened is not old
    assert (old.calls, caller.opened.calls) == (2, 0)
    echo.release.set()
    assert waiting.result(timeout=10) == b"two"
    assert list(counting) == [b"one"]
    assert wait_until(lambda: closed(old.channel), 10)
    assert old.calls == 0


def closed(old: grpc.Channel) -> bool:
    try:
        old.unary_unary("/echo/Say")(b"four", timeout=5)
    except (ValueError, grpc.RpcError):
        return True
    return False


@pytest.mark.slow
def test_certificates_of_seconds_are_renewed_while_calls_run_and_none_fails(
    platform: Platform, patients: ServiceUnderTest, tmp_path: Path, opened: ExitStack
) -> None:
    folder, stopping = tmp_path / "certificates", threading.Event()
    authority, told = Authority(folder, ["patients", "gateway"], LIFE), []
    authority.renew()
    settings = platform.settings(patients.service.settings, "patients", tls_dir=str(folder / "patients"))
    under = ServiceUnderTest(patients.service, settings, platform.private_key, work=False)
    opened.callback(under.close)
    watch = threading.Thread(target=authority.watch, args=(stopping, told.append))
    watch.start()
    first, tenant = authority.expiries(), under.tenant()
    answered, failed = [0] * 4, []

    def call(number: int) -> None:
        while not stopping.is_set():
            try:
                tenant.call("ListPractices", directory.ListPracticesRequest())
                answered[number] += 1
            except Refused as failure:
                failed.append(failure)
            stopping.wait(0.03)  # as often as matters, and the rest of the machine is for other tests

    callers = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for thread in callers:
        thread.start()
    time.sleep(4 * LIFE.total_seconds())
    stopping.set()
    for thread in (*callers, watch):
        thread.join()
    late = opened.enter_context(under.channel_of("gateway"))
    assert asked(late).code() is grpc.StatusCode.UNAUTHENTICATED
    renewals = [line for line in told if line.startswith("renewed")]
    print(f"{sum(answered)} calls over {len(renewals)} renewals, {len(failed)} failed")
    assert not failed, failed[:3]
    assert len(renewals) >= 4, told
    assert all(authority.expiries()[part] > ended + 2 * LIFE for part, ended in first.items())
    assert min(answered) > 50
