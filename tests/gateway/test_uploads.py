"""Who may not upload leaves nothing in the store, and is written down by the service that refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from gateway_support import PASSWORD, Practice, client_of, new_email, ok, refused
from sqlalchemy import select

from praxis_chassis import tables
from praxis_chassis.files import UPLOADS
from praxis_chassis.testing import ServiceUnderTest
from praxis_gateway.composition import Gateway, compose
from praxis_gateway.settings import Settings

X12 = {"Content-Type": "application/edi-x12"}


@pytest.fixture(scope="module")
def front(platform: Any, gateway: Gateway, claims: ServiceUnderTest) -> Iterator[Gateway]:
    """A gateway that knows the running claims service."""
    target = f"127.0.0.1:{claims.server.port}"
    composed = compose(platform.settings(Settings, "identity", claims_target=target, rate_limit_anonymous=100_000))
    yield composed
    composed.runtime.close()


@pytest.fixture
def office(front: Gateway, setup_token: Callable[[], str]) -> Practice:
    email, client = new_email(), client_of(front)
    tenant = {"name": "Elm Street", "kind": "human", "mode": "test"}
    owner = {"email": email, "display_name": "Lee", "password": PASSWORD}
    made = ok(client.post("/v1/tenants", json={"setup_token": setup_token(), "tenant": tenant, "owner": owner}))
    session = ok(client.post("/v1/sessions", json={"email": email, "password": PASSWORD}))
    client.cookies.clear()
    client.headers["Authorization"] = f"Bearer {session['token']}"
    return Practice(front, made["tenant"]["id"], email, client)


def uploads(office: Practice) -> int:
    folder = Path(office.gateway.runtime.settings.files_dir, office.id, UPLOADS)
    return sum(path.is_file() for path in folder.rglob("*"))


def test_an_upload_is_stored_only_for_who_may_make_it(office: Practice, claims: ServiceUnderTest) -> None:
    analyst = office.person("report_analyst")
    refused(analyst.post("/v1/remittanceFiles", content=b"ISA*00*", headers=X12), 403, "PERMISSION_DENIED")
    assert uploads(office) == 0
    with claims.tenant(UUID(office.id)).session() as session:
        assert list(session.scalars(select(tables.audit.c.outcome))) == ["denied"]
    refused(office.owner.post("/v1/remittanceFiles", content=b"ISA*00*", headers=X12), 400, "REMITTANCE_UNREADABLE")
    assert uploads(office) == 1
