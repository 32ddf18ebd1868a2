"""The gateway in process, with identity on a real database and no other service running."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from praxis_chassis import app as chassis_app
from praxis_chassis.context import Actor, Context
from praxis_gateway.composition import Gateway, compose
from praxis_gateway.identity.usecases import tenants
from praxis_gateway.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))

from gateway_support import PASSWORD, Practice, client_of, new_email, ok


@pytest.fixture(scope="session")
def gateway(platform: Any) -> Iterator[Gateway]:
    """The gateway; the patients service that it knows is not there."""
    settings = platform.settings(Settings, "identity", patients_target="127.0.0.1:9", rate_limit_anonymous=100_000)
    composed = compose(settings)
    chassis_app.migrate(composed.runtime)
    yield composed
    composed.runtime.close()


@pytest.fixture
def anonymous(gateway: Gateway) -> httpx.Client:
    return client_of(gateway)


@pytest.fixture
def setup_token(gateway: Gateway) -> Callable[[], str]:
    def make() -> str:
        context = Context(None, Actor("system", "test"), gateway.runtime)
        with gateway.runtime.database.transaction(context) as session:
            return tenants.add_setup_token(session)

    return make


@pytest.fixture
def new_practice(gateway: Gateway, setup_token: Callable[[], str]) -> Callable[..., Practice]:
    def make(mode: str = "test", email: str = "") -> Practice:
        email = email or new_email()
        body = {
            "setup_token": setup_token(),
            "tenant": {"name": "Elm Street", "kind": "mixed", "mode": mode},
            "owner": {"email": email, "display_name": "Lee", "password": PASSWORD},
        }
        created = ok(client_of(gateway).post("/v1/tenants", json=body))
        practice = Practice(gateway, created["tenant"]["id"], email, client_of(gateway))
        login = {"email": email, "password": PASSWORD, "tenant_id": practice.id}
        session = ok(practice.owner.post("/v1/sessions", json=login))
        practice.owner.cookies.clear()
        practice.owner.headers["Authorization"] = f"Bearer {session['token']}"
        return practice

    return make


@pytest.fixture
def practice(new_practice: Callable[..., Practice]) -> Practice:
    return new_practice()
