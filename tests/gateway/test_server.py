"""The gateway as a process: odd HTTP, graceful stop, and no worker left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest
from gateway_support import refused

from praxis_gateway.composition import Gateway

JSON = {"Content-Type": "application/json"}
# Long enough for a busy machine to ask once more before the door is closed.
DRAIN_SECONDS = 4


@pytest.fixture(scope="module")
def server(gateway: Gateway) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    values = {**asdict(gateway.runtime.settings), "listen": address, "drain_seconds": DRAIN_SECONDS}
    settings = {f"PRAXIS_{name.upper()}": str(value) for name, value in values.items() if value != ""}
    child = subprocess.Popen([sys.executable, "-m", "praxis_gateway", "serve"], env={**os.environ, **settings})
    try:
        wait_for(lambda: httpx.get(f"http://{address}/readyz").status_code == 200)
        yield f"http://{address}", child
    finally:
        child.terminate()
        child.wait(30)


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


def test_a_body_without_a_length_is_read_and_bounded(server: tuple[str, Any]) -> None:
    url = f"{server[0]}/v1/sessions"
    body = b'{"email": "a@example.org", "password": "not-the-password"}'
    refused(httpx.post(url, content=iter([body]), headers=JSON), 401, "CREDENTIALS_INVALID")
    large = (b" " * 100_000 for _ in range(40))
    refused(httpx.post(url, content=large, headers=JSON), 413, "BODY_TOO_LARGE")


def test_odd_headers_get_an_answer(server: tuple[str, Any]) -> None:
    url = f"{server[0]}/v1/users"
    refused(httpx.get(url, headers={"Authorization": b"Bearer \xe9"}), 401, "UNAUTHENTICATED")
    assert httpx.get(url, headers={"Cookie": b"praxis=\xff\xfe"}).status_code == 401
    assert httpx.get(url, headers={"Accept-Language": "de;q=x,*"}).status_code == 401


def test_an_old_worker_stays_until_the_new_one_takes_connections(server: tuple[str, subprocess.Popen[bytes]]) -> None:
    url, child = server
    before = workers(child)
    child.send_signal(signal.SIGHUP)
    while not (fresh := workers(child) - before):
        time.sleep(0.005)
    (new,) = fresh
    os.kill(new, signal.SIGSTOP)
    try:
        for _ in range(50):  # for longer than any worker is given by itself
            assert httpx.get(f"{url}/livez").status_code == 200
            time.sleep(0.1)
        assert before < workers(child)
    finally:
        os.kill(new, signal.SIGCONT)
    wait_for(lambda: workers(child) == fresh)
    assert httpx.get(f"{url}/livez").status_code == 200


def workers(child: subprocess.Popen[bytes]) -> set[int]:
    return {int(each) for each in Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()}


def test_it_stops_taking_calls_after_saying_so(server: tuple[str, subprocess.Popen[bytes]]) -> None:
    url, child = server
    child.send_signal(signal.SIGTERM)
    wait_for(lambda: httpx.get(f"{url}/readyz").status_code == 503)
    assert httpx.get(f"{url}/livez").status_code == 200
    assert child.wait(20) == 0
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/livez")
