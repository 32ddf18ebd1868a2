"""What the clock starts in claims: sending stored files, fetching what came back, and giving units back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from praxis_chassis.context import context_of
from praxis_chassis.jobs import job
from praxis_claims.connectors.drop_folder import DropFolder
from praxis_claims.usecases import encounters, inbound, reservations, submissions


@job(every_seconds=2)
def send_stored_files(session: Session) -> None:
    if connector := _connector(context_of(session).runtime):
        submissions.send_stored(session, connector)


@job(every_seconds=2, whole=True)
def fetch_answers(runtime: Any, tenants: Sequence[UUID]) -> None:
    if connector := _connector(runtime):
        inbound.fetch(runtime, tenants, connector)


@job(every_seconds=15)
def wake_overlooked_claims(session: Session) -> None:
    encounters.wake_overlooked(session)


@job(every_seconds=15)
def expire_reservations(session: Session) -> None:
    reservations.expire_overdue(session)


def _connector(runtime: Any) -> DropFolder | None:
    folder = runtime.settings.clearinghouse_dir
    return DropFolder(Path(folder)) if folder else None
