"""Take an object for a change that moves money: locked, and as the caller has seen it."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy.orm import Session

from praxis.type.v1 import errors_pb2 as common
from praxis_chassis.database import Aggregate, fetch
from praxis_chassis.errors import common_error

E = TypeVar("E", bound=Aggregate)


def take(session: Session, kind: type[E], identifier: str, etag: str) -> E:
    """Load and lock an object; who moves money must say which version of it he has seen."""
    if not etag:
        raise common_error(common.COMMON_ERROR_REASON_ETAG_REQUIRED, resource=kind.__name__.lower())
    return fetch(session, kind, identifier, lock=True, etag=etag)
