"""Sealed columns for government ids: AES-256-GCM, key version, last four and a blind index; never shown whole.

class Patient(Aggregate, Base):
    ssn: Mapped[Sealed | None] = sealed_column()
patient.ssn = seal(session, "patients.ssn", patient.id, "123-45-6789")
select(Patient).where(blind_match(Patient.ssn, session, "patients.ssn", "123456789"))
patient.ssn.last_four → "6789"; reveal(session, "patients.ssn", patient.id, patient.ssn) → digits
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Dialect
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from praxis_chassis.context import context_of


@dataclass(frozen=True, slots=True)
class Sealed:
    """A government id that is stored sealed: only its last four characters can be read without the key."""

    ciphertext: str
    last_four: str
    index: str


class SealedType(sqltypes.TypeDecorator[Sealed]):
    """Keeps a sealed value as one JSONB column."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: Sealed | None, dialect: Dialect) -> Any:
        """Write the parts."""
        return None if value is None else {"c": value.ciphertext, "l": value.last_four, "i": value.index}

    def process_result_value(self, value: Any, dialect: Dialect) -> Sealed | None:
        """Read the parts."""
        return None if value is None else Sealed(value["c"], value["l"], value["i"])


def sealed_column(**options: Any) -> Mapped[Any]:
    """Map a sealed value."""
    return mapped_column(SealedType(none_as_null=True), nullable=True, **options)


def normalized(value: str) -> str:
    """Return the letters and digits of an id, upper-case: what equality is judged by."""
    return "".join(c for c in value.upper() if c.isalnum())


def seal(session: Session, label: str, row_id: UUID, value: str) -> Sealed:
    """Seal an id for one column (`label`, such as `patients.ssn`) of one row."""
    context, plain = context_of(session), normalized(value)
    ring = context.runtime.keys
    sealed = ring.seal(context.tenant, label, plain.encode(), row_id.bytes)
    index = ring.index(context.tenant, label, plain)
    return Sealed(base64.b64encode(sealed).decode(), plain[-4:], base64.b64encode(index).decode())


def reveal(session: Session, label: str, row_id: UUID, value: Sealed) -> str:
    """Return the whole id; the calling RPC needs its own permission and audit class for this."""
    context = context_of(session)
    opened = context.runtime.keys.open(context.tenant, label, base64.b64decode(value.ciphertext), row_id.bytes)
    return str(opened.decode())


def blind_index(session: Session, label: str, value: str) -> str:
    """Return the blind index of an id, as it is stored."""
    context = context_of(session)
    return base64.b64encode(context.runtime.keys.index(context.tenant, label, normalized(value))).decode()


def blind_match(column: Any, session: Session, label: str, value: str) -> ColumnElement[bool]:
    """Return the condition that a sealed column holds this id, without reading any."""
    condition: ColumnElement[bool] = column.op("->>")("i") == blind_index(session, label, value)
    return condition
