"""Claims with their attempts and their timeline."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from praxis.claims.v1 import claim_pb2, errors_pb2
from praxis_chassis.database import Aggregate, Tenanted, enum_column, message_column, messages_column, money
from praxis_chassis.errors import DomainError
from praxis_chassis.types import Money, new_id
from praxis_claims.rules import claim_numbers
from praxis_claims.rules.lifecycle import EDITABLE, REJECTED, State, may_decide, may_follow
from praxis_claims.store.base import Base


class Claim(Aggregate, Base):
    """What one payer is asked to pay for one encounter: a document that is frozen while it is with the payer."""

    __tablename__ = "claims"

    claim_number: Mapped[str] = mapped_column(Text)
    patient_id: Mapped[UUID] = mapped_column(info={"patient": True})
    encounter_id: Mapped[UUID]
    coverage_id: Mapped[UUID]
    payer_id: Mapped[UUID]
    payer_name: Mapped[str] = mapped_column(Text, default="")
    coverage_rank: Mapped[int] = mapped_column(Integer)
    state: Mapped[int] = enum_column(claim_pb2.ClaimState)
    outcome: Mapped[int] = enum_column(claim_pb2.ClaimOutcome, default=claim_pb2.CLAIM_OUTCOME_UNSPECIFIED)
    attempt: Mapped[int] = mapped_column(Integer, default=1)
    patient: Mapped[claim_pb2.ClaimPerson | None] = message_column(claim_pb2.ClaimPerson, nullable=True)
    subscriber: Mapped[claim_pb2.ClaimSubscriber | None] = message_column(claim_pb2.ClaimSubscriber, nullable=True)
    billing_provider: Mapped[claim_pb2.ClaimProvider | None] = message_column(claim_pb2.ClaimProvider, nullable=True)
    rendering_provider: Mapped[claim_pb2.ClaimProvider | None] = message_column(claim_pb2.ClaimProvider, nullable=True)
    referring_provider: Mapped[claim_pb2.ClaimProvider | None] = message_column(claim_pb2.ClaimProvider, nullable=True)
    service_facility: Mapped[claim_pb2.ClaimProvider | None] = message_column(claim_pb2.ClaimProvider, nullable=True)
    place_of_service_code: Mapped[str] = mapped_column(Text, default="")
    service_from_date: Mapped[date] = mapped_column(Date)
    service_to_date: Mapped[date] = mapped_column(Date)
    diagnosis_codes: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    lines: Mapped[list[claim_pb2.ClaimLine]] = messages_column(claim_pb2.ClaimLine)
    currency_code: Mapped[str] = mapped_column(Text)
    charge_amount_minor: Mapped[int] = mapped_column(BigInteger)
    paid_amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    patient_responsibility_amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    charge_amount = money("charge_amount_minor")
    paid_amount = money("paid_amount_minor")
    patient_responsibility_amount = money("patient_responsibility_amount_minor")
    prior_authorization_number: Mapped[str] = mapped_column(Text, default="")
    referral_number: Mapped[str] = mapped_column(Text, default="")
    related_cause: Mapped[int] = enum_column(claim_pb2.ClaimCause, default=claim_pb2.CLAIM_CAUSE_UNSPECIFIED)
    related_date: Mapped[date | None] = mapped_column(Date)
    benefits_not_assigned: Mapped[bool] = mapped_column(Boolean, default=False)
    findings: Mapped[list[claim_pb2.ScrubFinding]] = messages_column(claim_pb2.ScrubFinding)
    hold_reason: Mapped[str] = mapped_column(Text, default="")
    payer_control_number: Mapped[str] = mapped_column(Text, default="")
    # True once the payer forwarded the claim to the next insurer, who must not be billed again.
    crossed_over: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    filing_deadline_date: Mapped[date] = mapped_column(Date)
    submission_id: Mapped[UUID | None]
    submit_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # What the encounter said; the providers and places above are filled from the copies of these.
    location_id: Mapped[UUID]
    rendering_practitioner_id: Mapped[UUID]
    referrer_id: Mapped[UUID | None]
    encounter_place_of_service_code: Mapped[str] = mapped_column(Text, default="")
    # Copies that had not arrived when the claim was filled, as `kind:id`.
    missing: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)

    __table_args__ = (
        UniqueConstraint("tenant_id", "encounter_id", "coverage_id", name="uq_claims_encounter_coverage"),
        Index("ix_claims_deadline", "tenant_id", "filing_deadline_date", "id"),
        Index("ix_claims_service", "tenant_id", "service_from_date", "id"),
        Index("ix_claims_state", "tenant_id", "state", "payer_id"),
        Index("ix_claims_patient", "tenant_id", "patient_id"),
        Index("ix_claims_submission", "tenant_id", "submission_id"),
        Index("ix_claims_missing", "missing", postgresql_using="gin", postgresql_where="missing <> '{}'"),
    )

    def decide(self, target: State) -> State:
        """Take a step that a person or a job decided on, and return the state before it."""
        current = State(self.state)
        if not may_decide(current, target):
            raise DomainError(
                errors_pb2.ERROR_REASON_CLAIM_STATE, state=current.name.lower(), target=target.name.lower()
            )
        self.state = target
        return current

    def follow(self, target: State) -> State | None:
        """Move by evidence from outside; None when it comes too late to count."""
        current = State(self.state)
        if not may_follow(current, target):
            return None
        self.state = target
        return current

    def require_editable(self) -> None:
        """Refuse changes while a payer has the claim, because its bytes are evidence."""
        current = State(self.state)
        if current not in EDITABLE:
            raise DomainError(errors_pb2.ERROR_REASON_CLAIM_STATE, state=current.name.lower(), target="changed")

    def renew(self) -> None:
        """Start a new attempt with its own number after a rejection."""
        if State(self.state) in REJECTED:
            self.attempt += 1
            self.claim_number = claim_numbers.claim_number(self.tenant_id, self.id, self.attempt)
            self.lines = [self._numbered(line) for line in self.lines]
            self.submission_id, self.submit_time = None, None

    def _numbered(self, line: claim_pb2.ClaimLine) -> claim_pb2.ClaimLine:
        numbered = claim_pb2.ClaimLine()
        numbered.CopyFrom(line)
        numbered.control_number = claim_numbers.line_control_number(self.claim_number, line.line_number)
        return numbered

    @property
    def total(self) -> Money:
        return Money(self.currency_code, self.charge_amount_minor)


class ClaimAttempt(Tenanted, Base):
    """The number of one attempt, kept for ever so that late answers find their claim."""

    __tablename__ = "claim_attempts"

    claim_number: Mapped[str] = mapped_column(Text, primary_key=True)
    claim_id: Mapped[UUID]
    attempt: Mapped[int] = mapped_column(Integer)
    submission_id: Mapped[UUID]

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "claim_id"], ["claims.tenant_id", "claims.id"]),
        Index("ix_claim_attempts_claim", "tenant_id", "claim_id"),
        Index("ix_claim_attempts_submission", "tenant_id", "submission_id"),
    )


class ClaimStep(Tenanted, Base):
    """One entry of a claim's timeline; rows are only added."""

    __tablename__ = "claim_steps"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    claim_id: Mapped[UUID]
    occur_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    state: Mapped[int] = enum_column(claim_pb2.ClaimState)
    attempt: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text, default="")
    actor: Mapped[str] = mapped_column(Text, default="")
    file_id: Mapped[UUID | None]

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "claim_id"], ["claims.tenant_id", "claims.id"]),
        Index("ix_claim_steps_claim", "tenant_id", "claim_id", "id"),
    )
