"""The tables of patients."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    Uuid,
    column,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, ExcludeConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from praxis.patients.v1 import coverage_pb2, party_pb2, patient_pb2, practice_pb2, practitioner_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis.database import (
    Aggregate,
    Tenanted,
    enum_column,
    message_column,
    messages_column,
    metadata,
    money,
)
from praxis_chassis.merging import KEPT
from praxis_chassis.sealing import Sealed, sealed_column
from praxis_patients.rules.shares import Share

PATIENT = {"patient": True}  # columns whose rows a merge gives to the survivor


class Base(DeclarativeBase):
    metadata = metadata()


class Practice(Aggregate, Base):
    __tablename__ = "practices"

    name: Mapped[str]
    legal_name: Mapped[str]
    kind: Mapped[int] = enum_column(practice_pb2.PracticeKind)
    npi: Mapped[str]
    tax_id: Mapped[str]
    taxonomy_code: Mapped[str]
    billing_address: Mapped[type_pb2.Address | None] = message_column(type_pb2.Address)
    phone: Mapped[str]
    country_code: Mapped[str]
    currency_code: Mapped[str]
    locale: Mapped[str]


class Location(Aggregate, Base):
    __tablename__ = "locations"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "practice_id"], ["practices.tenant_id", "practices.id"]),)

    practice_id: Mapped[UUID]
    name: Mapped[str]
    address: Mapped[type_pb2.Address | None] = message_column(type_pb2.Address)
    time_zone: Mapped[str]
    phone: Mapped[str]
    place_of_service_code: Mapped[str]
    npi: Mapped[str]


class Practitioner(Aggregate, Base):
    __tablename__ = "practitioners"

    kind: Mapped[int] = enum_column(practitioner_pb2.PractitionerKind)
    name: Mapped[type_pb2.PersonName] = message_column(type_pb2.PersonName)
    display_name: Mapped[str]
    sort_name: Mapped[str]
    npi: Mapped[str]
    taxonomy_code: Mapped[str]
    licenses: Mapped[list[practitioner_pb2.License]] = messages_column(practitioner_pb2.License)
    specialty: Mapped[str]
    color: Mapped[str]
    bills: Mapped[bool]
    location_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))


class Referrer(Aggregate, Base):
    __tablename__ = "referrers"

    name: Mapped[type_pb2.PersonName | None] = message_column(type_pb2.PersonName)
    organization_name: Mapped[str]
    display_name: Mapped[str]
    sort_name: Mapped[str]
    npi: Mapped[str]
    specialty: Mapped[str]
    telecoms: Mapped[list[type_pb2.Telecom]] = messages_column(type_pb2.Telecom)
    address: Mapped[type_pb2.Address | None] = message_column(type_pb2.Address)


class Facility(Aggregate, Base):
    __tablename__ = "facilities"

    name: Mapped[str]
    npi: Mapped[str]
    clia_number: Mapped[str]
    address: Mapped[type_pb2.Address] = message_column(type_pb2.Address)
    phone: Mapped[str]
    place_of_service_code: Mapped[str]
    active: Mapped[bool]


class Party(Aggregate, Base):
    """Somebody who answers for patients; with a patient_id, the patient himself, and then it follows that record."""

    __tablename__ = "parties"
    __table_args__ = (
        # No foreign key to patients: patients refer to parties, and rows that refer to each other cannot be inserted.
        UniqueConstraint("tenant_id", "patient_id"),
        Index(None, "tenant_id", "sort_name", "id"),
    )

    state: Mapped[int] = enum_column(party_pb2.PartyState)
    person: Mapped[party_pb2.Person | None] = message_column(party_pb2.Person)
    organization: Mapped[party_pb2.Organization | None] = message_column(party_pb2.Organization)
    display_name: Mapped[str]
    sort_name: Mapped[str]
    addresses: Mapped[list[type_pb2.Address]] = messages_column(type_pb2.Address)
    telecoms: Mapped[list[type_pb2.Telecom]] = messages_column(type_pb2.Telecom)
    language: Mapped[str]
    patient_id: Mapped[UUID | None] = mapped_column(info=KEPT)

    def blank(self) -> None:
        """Forget everything but the id."""
        self.state = party_pb2.PARTY_STATE_ERASED
        self.person = self.organization = None
        self.display_name = self.sort_name = self.language = ""
        self.addresses, self.telecoms = [], []


class Patient(Aggregate, Base):
    __tablename__ = "patients"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "party_id"], ["parties.tenant_id", "parties.id"]),
        ForeignKeyConstraint(["tenant_id", "home_location_id"], ["locations.tenant_id", "locations.id"]),
        ForeignKeyConstraint(["tenant_id", "survivor_id"], ["patients.tenant_id", "patients.id"]),
        UniqueConstraint("tenant_id", "chart_number"),
        Index(None, "tenant_id", "sort_name", "id"),
    )

    chart_number: Mapped[str]
    state: Mapped[int] = enum_column(patient_pb2.PatientState)
    display_name: Mapped[str]
    sort_name: Mapped[str]
    human: Mapped[patient_pb2.HumanProfile | None] = message_column(patient_pb2.HumanProfile)
    animal: Mapped[patient_pb2.AnimalProfile | None] = message_column(patient_pb2.AnimalProfile)
    animal_group: Mapped[patient_pb2.AnimalGroupProfile | None] = message_column(patient_pb2.AnimalGroupProfile)
    party_id: Mapped[UUID | None]
    government_id: Mapped[Sealed | None] = sealed_column()
    home_location_id: Mapped[UUID | None]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    deceased_date: Mapped[date | None]
    transferred_date: Mapped[date | None]
    transferred_to: Mapped[str] = mapped_column(server_default="", default="")
    statements_held: Mapped[bool] = mapped_column(server_default=false(), default=False)
    custom_fields: Mapped[dict[str, str]] = mapped_column(JSONB, server_default=text("'{}'"), default=dict)
    survivor_id: Mapped[UUID | None] = mapped_column(info=KEPT)
    responsibilities: Mapped[list[Responsibility]] = relationship(
        cascade="all, delete-orphan", order_by="Responsibility.position", lazy="selectin"
    )
    references: Mapped[list[PatientReference]] = relationship(
        cascade="all, delete-orphan", order_by="PatientReference.system", lazy="selectin"
    )

    @property
    def kind(self) -> str:
        """The name of the profile that the patient has; empty when he was erased."""
        return next((name for name in ("human", "animal", "animal_group") if getattr(self, name) is not None), "")

    @property
    def payers(self) -> list[Share[Responsibility]]:
        return [row.share for row in self.responsibilities]

    def set_references(self, wanted: Sequence[patient_pb2.ExternalReference]) -> None:
        """Replace the numbers of other systems; those that stay keep their rows."""
        numbers = dict.fromkeys((item.system, item.value) for item in wanted)
        kept = [row for row in self.references if (row.system, row.value) in numbers]
        known = {(row.system, row.value) for row in kept}
        new = [
            PatientReference(system=system, value=value) for system, value in numbers if (system, value) not in known
        ]
        self.references = [*kept, *new]

    def blank(self) -> None:
        """Forget everything but the id, the chart number and who paid."""
        self.state = patient_pb2.PATIENT_STATE_ERASED
        self.human = self.animal = self.animal_group = None
        self.display_name = self.sort_name = ""
        self.government_id = self.deceased_date = self.transferred_date = None
        self.transferred_to, self.custom_fields = "", {}
        self.tags, self.references = [], []


class PatientReference(Tenanted, Base):
    """A number that another system knows a patient by."""

    __tablename__ = "patient_references"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "patient_id"], ["patients.tenant_id", "patients.id"]),
        Index(None, "tenant_id", "patient_id"),
    )

    system: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(info=PATIENT)


class Responsibility(Tenanted, Base):
    """What a party is to a patient on the days from_date <= day < to_date; an empty date is an open end."""

    __tablename__ = "responsibilities"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "patient_id"], ["patients.tenant_id", "patients.id"]),
        ForeignKeyConstraint(["tenant_id", "party_id"], ["parties.tenant_id", "parties.id"]),
        CheckConstraint("share_basis_points BETWEEN 0 AND 10000", "share"),
        CheckConstraint("from_date < to_date", "dates"),
        Index(None, "tenant_id", "party_id"),
    )

    patient_id: Mapped[UUID] = mapped_column(primary_key=True, info=PATIENT)
    position: Mapped[int] = mapped_column(primary_key=True)
    party_id: Mapped[UUID]
    role: Mapped[int] = enum_column(patient_pb2.ResponsibilityRole)
    share_basis_points: Mapped[int]
    may_consent: Mapped[bool]
    may_be_informed: Mapped[bool]
    from_date: Mapped[date | None]
    to_date: Mapped[date | None]
    revenue_groups: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    party: Mapped[Party] = relationship(lazy="joined", innerjoin=True, viewonly=True)

    @property
    def share(self) -> Share[Responsibility]:
        start, end = self.from_date or date.min, self.to_date or date.max
        return Share(self, self.share_basis_points, start, end, frozenset(self.revenue_groups))

    def continued(self, share: Share[Responsibility]) -> Responsibility:
        """Return a row that is like this one on other days and with another part."""
        same = ("patient_id", "party_id", "role", "may_consent", "may_be_informed")
        return Responsibility(
            **{name: getattr(self, name) for name in same},
            share_basis_points=share.basis_points,
            from_date=None if share.from_date == date.min else share.from_date,
            to_date=None if share.to_date == date.max else share.to_date,
            revenue_groups=sorted(share.groups),
        )


class Coverage(Aggregate, Base):
    __tablename__ = "coverages"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "patient_id"], ["patients.tenant_id", "patients.id"]),
        ForeignKeyConstraint(["tenant_id", "subscriber_party_id"], ["parties.tenant_id", "parties.id"]),
        ForeignKeyConstraint(["tenant_id", "related_cause_id"], ["related_causes.tenant_id", "related_causes.id"]),
        CheckConstraint("from_date < to_date", "dates"),
        ExcludeConstraint(
            ("tenant_id", "="),
            ("patient_id", "="),
            # What pays for one cause has an order of its own.
            (func.coalesce(column("related_cause_id"), column("patient_id")), "="),
            ("rank", "="),
            (func.daterange(column("from_date"), column("to_date")), "&&"),
            name="ex_coverages_rank",
            where="state <> 'erased'",
        ),
    )

    patient_id: Mapped[UUID] = mapped_column(info=KEPT)
    state: Mapped[int] = enum_column(coverage_pb2.CoverageState)
    kind: Mapped[int] = enum_column(coverage_pb2.CoverageKind)
    payer_id: Mapped[UUID]
    rank: Mapped[int]
    member_id: Mapped[str]
    group_number: Mapped[str]
    plan_name: Mapped[str]
    subscriber_relationship: Mapped[int] = enum_column(coverage_pb2.SubscriberRelationship)
    subscriber_party_id: Mapped[UUID]
    from_date: Mapped[date | None]
    to_date: Mapped[date | None]
    copay_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency_code: Mapped[str | None]
    copay = money("copay_minor")
    coinsurance_basis_points: Mapped[int]
    benefits_not_assigned: Mapped[bool]
    related_cause_id: Mapped[UUID | None]
    deductible_minor: Mapped[int | None] = mapped_column(BigInteger)
    deductible = money("deductible_minor")
    annual_limit_minor: Mapped[int | None] = mapped_column(BigInteger)
    annual_limit = money("annual_limit_minor")
    waiting_until_date: Mapped[date | None]
    card_front: Mapped[type_pb2.FileReference | None] = message_column(type_pb2.FileReference)
    card_back: Mapped[type_pb2.FileReference | None] = message_column(type_pb2.FileReference)
    verification_result: Mapped[int] = enum_column(coverage_pb2.VerificationResult, default=0)
    verify_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    verified_by: Mapped[str] = mapped_column(default="")
    verification_note: Mapped[str] = mapped_column(default="")

    def overlaps(self, other: Coverage) -> bool:
        """Tell whether both are in force on some day."""
        begins, ends = self.from_date or date.min, self.to_date or date.max
        return begins < (other.to_date or date.max) and (other.from_date or date.min) < ends

    def blank(self) -> None:
        """Forget who was insured; payer, rank and dates stay, because the money refers to them."""
        self.state = coverage_pb2.COVERAGE_STATE_ERASED
        self.member_id = self.group_number = self.plan_name = self.verification_note = ""
        self.card_front = self.card_back = None


class PatientKey(Tenanted, Base):
    """What a patient is found by: words of names, numbers, dates, and the blocking keys of duplicates."""

    __tablename__ = "patient_keys"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "patient_id"], ["patients.tenant_id", "patients.id"]),
        # All that is asked about one patient stands in this index.
        Index(None, "tenant_id", "patient_id", "purpose", "value"),
    )

    purpose: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(primary_key=True, info=PATIENT)


class PartyKey(Tenanted, Base):
    """What a party is found by: words of names and telephone numbers."""

    __tablename__ = "party_keys"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "party_id"], ["parties.tenant_id", "parties.id"]),
        Index(None, "tenant_id", "party_id"),
    )

    purpose: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    party_id: Mapped[UUID] = mapped_column(primary_key=True)
