"""Who asks for what in which tenant: the facts of one call, event or tick, carried by the database session."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from praxis_chassis.types import new_id

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from praxis_chassis.compartment import Compartment
    from praxis_chassis.events import Recorded


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody or something that acts; `kind` is user, client, patient, system or anonymous."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(slots=True)
class Context:
    """The facts of one unit of work; `subjects` and `recorded` collect what the work touched."""

    tenant_id: UUID | None
    actor: Actor
    runtime: Any
    permissions: frozenset[str] = frozenset()
    compartment: Compartment | None = None
    purpose: str = "operations"
    session_id: str = ""
    locale: str = "en"
    request_id: str = ""
    idempotency_key: str = ""
    correlation_id: str = field(default_factory=lambda: str(new_id()))
    causation_id: str = ""
    traceparent: str = ""
    origin: str = ""
    deadline: float | None = None
    clock_offset: timedelta = timedelta(0)
    subjects: set[UUID] = field(default_factory=set)
    recorded: list[Recorded] = field(default_factory=list)

    @property
    def tenant(self) -> UUID:
        """The tenant; a call without one raises, because it must not reach tenant data."""
        if self.tenant_id is None:
            raise LookupError("this call has no tenant")
        return self.tenant_id

    def remaining_seconds(self, default: float = 30.0) -> float:
        """Return the seconds left until the deadline, never below zero."""
        return default if self.deadline is None else max(0.0, self.deadline - time.monotonic())


def context_of(session: Session) -> Context:
    """Return the context that the boundary, the consumer or the job runner gave to this session."""
    context = session.info["context"]
    assert isinstance(context, Context)
    return context


def system_context(runtime: Any, tenant_id: UUID | None, name: str) -> Context:
    """Return the context of work that nobody asked for: reactions, jobs and the relay."""
    return Context(tenant_id=tenant_id, actor=Actor("system", name), runtime=runtime)
