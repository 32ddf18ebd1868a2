"""Releases of diagnosis codes, loaded once per database and the same for every practice.

The tables are global on purpose: they hold nothing about a practice or a person, and a copy for each tenant would cost
40 MB. They are marked `info={"global": True}`, so that the chassis gives them no
tenant policy, and read-only: releases are loaded with the rights of the owner.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, Boolean, Computed, Date, ForeignKey, Index, Text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from praxis_claims.store.base import Base


class DiagnosisRelease(Base):
    """One year of ICD-10-CM; it counts from its date until the next release begins."""

    __tablename__ = "diagnosis_releases"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    valid_from: Mapped[date] = mapped_column(Date, unique=True)
    sha256: Mapped[str] = mapped_column(Text)

    __table_args__ = {"info": {"global": True, "read_only": True}}


class DiagnosisCodeRow(Base):
    """One code of one release, without its dot; further terms are separated by `|`."""

    __tablename__ = "diagnosis_codes"

    release: Mapped[str] = mapped_column(ForeignKey("diagnosis_releases.name", ondelete="CASCADE"), primary_key=True)
    code: Mapped[str] = mapped_column(Text, primary_key=True)
    billable: Mapped[bool] = mapped_column(Boolean)
    parent_code: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    terms: Mapped[str] = mapped_column(Text)
    search: Mapped[str] = mapped_column(
        TSVECTOR,
        Computed("to_tsvector('simple'::regconfig, description || ' ' || terms)", persisted=True),
        deferred=True,
    )

    __table_args__ = (
        Index("ix_diagnosis_codes_search", "search", postgresql_using="gin"),
        Index("ix_diagnosis_codes_prefix", "release", "code", postgresql_ops={"code": "text_pattern_ops"}),
        {"info": {"global": True, "read_only": True}},
    )


class ControlNumber(Base):
    """The last number that was used under one sender id, for interchanges and groups alike.

    Global on purpose: a billing company submits for several practices under one id, receivers refuse a number that they
    have seen from that id, and answers name nothing but it. The rows hold an id of the trade and a counter.
    """

    __tablename__ = "control_numbers"

    sender_id: Mapped[str] = mapped_column(Text, primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = {"info": {"global": True}}
