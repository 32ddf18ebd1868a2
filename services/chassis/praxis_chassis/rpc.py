"""Mark the methods of a servicer: what each may do to the database and what it needs before that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload
from uuid import UUID

from sqlalchemy.orm import Session

from praxis_chassis.context import Actor, Context

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True)
class Call:
    """One call in its transaction: the session, and what was fetched from other services before it began."""

    session: Session
    context: Context
    fetched: Any = None

    @property
    def tenant_id(self) -> UUID:
        """The practice group that the caller is logged in to."""
        return self.context.tenant

    @property
    def actor(self) -> Actor:
        """Who calls."""
        return self.context.actor

    def shows(self, *patient_ids: UUID) -> None:
        """Note patients that the answer shows and the contract's patient_field does not name."""
        self.context.subjects.update(patient_ids)


@overload
def command(function: F) -> F: ...
@overload
def command(*, first: Callable[..., Any]) -> Callable[[F], F]: ...
def command(function: Any = None, *, first: Callable[..., Any] | None = None) -> Any:
    """Run `(self, request, call)` in one transaction with events, stored answer and audit.

    `first(request, context)` runs before the transaction begins: remote calls belong there.
    """

    def mark(target: F) -> F:
        target.__rpc__ = ("command", first)  # type: ignore[attr-defined]
        return target

    return mark if function is None else mark(function)


def query(function: F) -> F:
    """Run `(self, request, call)` in one transaction that changes nothing but its audit row."""
    function.__rpc__ = ("query", None)  # type: ignore[attr-defined]
    return function


def stream(function: F) -> F:
    """Run `(self, request, context)` as a generator that opens its own short transactions."""
    function.__rpc__ = ("stream", None)  # type: ignore[attr-defined]
    return function
