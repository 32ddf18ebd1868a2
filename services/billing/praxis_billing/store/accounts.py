"""Tables of accounts and their statements."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from praxis.billing.v1 import account_pb2
from praxis.type.v1 import type_pb2
from praxis_billing.store.base import Base, within_tenant
from praxis_chassis.database import Aggregate, message_column, messages_column, money
from praxis_chassis.types import Money


class Account(Aggregate, Base):
    __tablename__ = "accounts"
    __table_args__ = (
        Index("uq_accounts_party", "tenant_id", "party_id", unique=True),
        Index("uq_accounts_number", "tenant_id", "number", unique=True),
    )

    number: Mapped[str]
    party_id: Mapped[UUID]
    currency_code: Mapped[str]
    terms_days: Mapped[int] = mapped_column(default=21)
    statements_suppressed: Mapped[bool] = mapped_column(default=False)


class Statement(Aggregate, Base):
    __tablename__ = "statements"
    __table_args__ = (
        within_tenant("account_id", "accounts"),
        Index("uq_statements_number", "tenant_id", "number", unique=True),
        Index("ix_statements_account", "tenant_id", "account_id"),
        CheckConstraint("amount_due_minor > 0", name="amount_due"),
    )

    number: Mapped[str]
    account_id: Mapped[UUID]
    as_of_date: Mapped[date]
    due_date: Mapped[date]
    amount_due_minor: Mapped[int]
    currency_code: Mapped[str]
    amount_due: Money = money("amount_due_minor")
    buckets: Mapped[list[Any]] = messages_column(account_pb2.AgeBucket)
    line_count: Mapped[int]
    file: Mapped[Any] = message_column(type_pb2.FileReference)
    patient_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list, info={"patient": True})
