"""Callers, and the internal tokens that tell a service about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from praxis_chassis.compartment import Compartment
from praxis_chassis.tokens import Minter


@dataclass(frozen=True)
class Caller:
    """Somebody who has proven who he is, and the permission patterns that he holds."""

    tenant_id: str
    subject_id: str
    kind: str
    patterns: tuple[str, ...] = ()
    session_id: str = ""
    csrf_token: str = ""
    compartment: Compartment | None = None
    tokens: dict[str, tuple[float, str]] = field(default_factory=dict, compare=False, repr=False)


def bearer(minter: Minter, caller: Caller, permissions: Iterable[str]) -> str:
    """Return the `authorization` metadata that gives a caller these permissions for two minutes."""
    token = minter.mint(
        tenant_id=UUID(caller.tenant_id),
        subject=caller.subject_id,
        kind=caller.kind,
        permissions=permissions,
        session_id=caller.session_id,
        compartment=caller.compartment,
    )
    return f"Bearer {token}"
