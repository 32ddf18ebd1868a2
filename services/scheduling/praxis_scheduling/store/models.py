"""The tables of scheduling: what is set up, what is booked, and copies of what patients owns."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Text, Uuid, column, func, text
from sqlalchemy.dialects.postgresql import ARRAY, TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from praxis.patients.v1 import patient_pb2
from praxis.scheduling.v1 import appointment_pb2, appointment_type_pb2, hold_pb2, resource_pb2, template_pb2
from praxis_chassis.database import (
    Aggregate,
    ProtoEnum,
    Tenanted,
    enum_column,
    message_column,
    messages_column,
    metadata,
    money,
)
from praxis_chassis.errors import state_conflict
from praxis_chassis.merging import KEPT
from praxis_chassis.types import new_id
from praxis_scheduling.rules import lifecycle
from praxis_scheduling.rules.hours import BlockKind, WeeklyBlock, WeeklyHours, minute_of_day
from praxis_scheduling.rules.teams import Role


class Base(DeclarativeBase):
    """The metadata of scheduling."""

    metadata = metadata()
    type_annotation_map = Tenanted.type_annotation_map


def _words(enum: Any) -> dict[int, str]:
    return ProtoEnum(enum).words


def enums(enum: Any) -> ARRAY[int]:
    return ARRAY(ProtoEnum(enum))


BLOCK_KINDS = _words(template_pb2.BlockKind)
APPOINTMENT_STATES = _words(appointment_pb2.AppointmentState)


def refers(column: str, table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id", column], [f"{table}.tenant_id", f"{table}.id"])


class PatientCopy(Tenanted, Base):
    """What scheduling knows of a patient; the owner is the patients service."""

    __tablename__ = "patient_copies"

    id: Mapped[UUID] = mapped_column(primary_key=True, info={"patient": True})
    survivor_id: Mapped[UUID | None] = mapped_column(info=KEPT)
    name: Mapped[str]
    kind: Mapped[int] = enum_column(appointment_type_pb2.PatientKind)
    species_code: Mapped[str]
    deceased_date: Mapped[date | None]
    called: Mapped[str] = mapped_column(default="")
    birth_date: Mapped[date | None]
    treated_here: Mapped[bool] = mapped_column(default=True)
    responsibilities: Mapped[list[patient_pb2.Responsibility]] = messages_column(patient_pb2.Responsibility)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default="{}")
    erased: Mapped[bool] = mapped_column(default=False)


class LocationCopy(Tenanted, Base):
    """What scheduling knows of a location."""

    __tablename__ = "location_copies"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    time_zone: Mapped[str]
    practice_id: Mapped[UUID | None]
    phone: Mapped[str] = mapped_column(default="")
    country_code: Mapped[str] = mapped_column(default="", server_default="")
    region_code: Mapped[str] = mapped_column(default="", server_default="")


class PractitionerCopy(Tenanted, Base):
    """What scheduling knows of a practitioner."""

    __tablename__ = "practitioner_copies"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]


class Resource(Aggregate, Base):
    """Something that an appointment occupies for a time."""

    __tablename__ = "resources"
    __table_args__ = (
        refers("location_id", "location_copies"),
        refers("practitioner_id", "practitioner_copies"),
        Index("ix_resources_location", "tenant_id", "location_id", "kind"),
        CheckConstraint("capacity >= 1", name="capacity"),
    )

    kind: Mapped[int] = enum_column(resource_pb2.ResourceKind)
    name: Mapped[str]
    location_id: Mapped[UUID]
    practitioner_id: Mapped[UUID | None]
    capacity: Mapped[int]
    double_booking_enabled: Mapped[bool]
    double_booking_limit: Mapped[int]
    color: Mapped[str]
    active: Mapped[bool]
    skills: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    sex: Mapped[int] = enum_column(resource_pb2.ResourceSex, server_default="unspecified")

    @property
    def needs_hours(self) -> bool:
        """True for people: without a template they are never open, while rooms and things always are."""
        return self.kind in (resource_pb2.RESOURCE_KIND_PROVIDER, resource_pb2.RESOURCE_KIND_STAFF)


class AppointmentType(Aggregate, Base):
    """A kind of appointment: how long it takes and what it needs."""

    __tablename__ = "appointment_types"

    name: Mapped[str]
    patient_kinds: Mapped[list[int]] = mapped_column(enums(appointment_type_pb2.PatientKind))
    duration_minutes: Mapped[int]
    buffer_before_minutes: Mapped[int]
    buffer_after_minutes: Mapped[int]
    required_roles: Mapped[list[appointment_type_pb2.RequiredRole]] = messages_column(appointment_type_pb2.RequiredRole)
    color: Mapped[str]
    overbooking_allowed: Mapped[bool]
    channels: Mapped[list[int]] = mapped_column(enums(appointment_type_pb2.Channel))
    cancellation_notice_hours: Mapped[int]
    active: Mapped[bool]

    minimum_notice_minutes: Mapped[int] = mapped_column(server_default="0")
    horizon_days: Mapped[int] = mapped_column(server_default="0")
    species_codes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    new_patient_rule: Mapped[int] = enum_column(appointment_type_pb2.NewPatientRule, server_default="unspecified")
    default_catalog_item_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default="{}")
    preparation: Mapped[str] = mapped_column(server_default="")
    deposit_minor: Mapped[int | None]
    deposit_currency: Mapped[str | None]
    overbooking_limit: Mapped[int] = mapped_column(server_default="0")
    deposit = money("deposit_minor", "deposit_currency")

    @property
    def roles(self) -> list[Role]:
        """What it needs; the first role leads."""
        needed = [
            Role(int(role.kind), role.count or 1, role.skill, role.offset_minutes, role.length_minutes)
            for role in self.required_roles
        ]
        return needed or [Role(int(resource_pb2.RESOURCE_KIND_PROVIDER))]

    @property
    def shortest_minutes(self) -> int:
        """The least duration in which every role has its part."""
        return max(role.offset + max(role.length, 1) for role in self.roles)

    def offered_on(self, channel: int) -> bool:
        """Tell whether a channel may book it; the desk always may."""
        return channel == appointment_type_pb2.CHANNEL_DESK or channel in self.channels


class Template(Aggregate, Base):
    """The weekly hours of one resource between two dates; the database refuses two for one date."""

    __tablename__ = "templates"
    __table_args__ = (
        refers("resource_id", "resources"),
        ExcludeConstraint(
            ("tenant_id", "="),
            ("resource_id", "="),
            (func.daterange(column("valid_from_date"), column("valid_until_date")), "&&"),
            using="gist",
            name="templates_never_overlap",
        ),
    )

    resource_id: Mapped[UUID]
    name: Mapped[str]
    valid_from_date: Mapped[date]
    valid_until_date: Mapped[date | None]
    blocks: Mapped[list[template_pb2.Block]] = messages_column(template_pb2.Block)

    @property
    def hours(self) -> WeeklyHours:
        """The template in the terms of the rules."""
        return WeeklyHours(self.valid_from_date, self.valid_until_date, tuple(map(weekly_block, self.blocks)))


def weekly_block(block: template_pb2.Block) -> WeeklyBlock:
    """Return a block of the contract in the terms of the rules."""
    return WeeklyBlock(
        weekday=block.weekday,
        start=minute_of_day(block.local_start),
        end=minute_of_day(block.local_end),
        kind=BlockKind(BLOCK_KINDS[block.kind]),
        wave_size=block.wave_size,
        allowed=frozenset(map(UUID, block.allowed_appointment_type_ids)),
        tags=frozenset(block.reserved_tags),
        release_hours=block.release_hours,
        color=block.color,
    )


class TemplateException(Aggregate, Base):
    """The hours of one resource on one date instead of what its template says."""

    __tablename__ = "template_exceptions"
    __table_args__ = (
        refers("resource_id", "resources"),
        Index(
            "uq_template_exceptions_date", "tenant_id", "resource_id", "local_date", unique=True,
            postgresql_where=text("active"),
        ),
    )  # fmt: skip

    resource_id: Mapped[UUID]
    local_date: Mapped[date]
    blocks: Mapped[list[template_pb2.Block]] = messages_column(template_pb2.Block)
    reason: Mapped[str]
    active: Mapped[bool]


class Closure(Aggregate, Base):
    """A time in which a location or one resource is closed."""

    __tablename__ = "closures"
    __table_args__ = (
        refers("location_id", "location_copies"),
        refers("resource_id", "resources"),
        Index("ix_closures_location", "tenant_id", "location_id", "end_time"),
    )

    location_id: Mapped[UUID]
    resource_id: Mapped[UUID | None]
    start_time: Mapped[datetime]
    end_time: Mapped[datetime]
    reason: Mapped[str]
    active: Mapped[bool]


class Hold(Aggregate, Base):
    """A time that is kept until it expires; what it occupies are reservations like those of appointments."""

    __tablename__ = "holds"
    __table_args__ = (
        refers("appointment_type_id", "appointment_types"),
        refers("location_id", "location_copies"),
        refers("patient_id", "patient_copies"),
        Index("uq_holds_token", "tenant_id", "token", unique=True),
        Index("ix_holds_due", "tenant_id", "expire_time", postgresql_where=text("state = 'held'")),
    )

    token: Mapped[str]
    state: Mapped[int] = enum_column(hold_pb2.HoldState)
    appointment_type_id: Mapped[UUID]
    location_id: Mapped[UUID]
    channel: Mapped[int] = enum_column(appointment_type_pb2.Channel)
    start_time: Mapped[datetime]
    end_time: Mapped[datetime]
    duration_minutes: Mapped[int]
    resource_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    patient_id: Mapped[UUID | None] = mapped_column(info={"patient": True})
    seconds: Mapped[int]
    expire_time: Mapped[datetime]


class Reservation(Tenanted, Base):
    """The time that an appointment, a hold or an offer takes of one lane of a resource; two live ones never overlap."""

    __tablename__ = "reservations"
    __table_args__ = (
        refers("appointment_id", "appointments"),
        refers("hold_id", "holds"),
        refers("resource_id", "resources"),
        Index("ix_reservations_appointment", "tenant_id", "appointment_id"),
        Index("ix_reservations_hold", "tenant_id", "hold_id", postgresql_where=text("hold_id IS NOT NULL")),
        refers("offer_id", "waitlist_offers"),
        Index("ix_reservations_offer", "tenant_id", "offer_id", postgresql_where=column("offer_id").is_not(None)),
        CheckConstraint("num_nonnulls(appointment_id, hold_id, offer_id) = 1", name="owner"),
        ExcludeConstraint(
            ("tenant_id", "="), ("resource_id", "="), ("lane", "="), ("during", "&&"),
            where="live", using="gist", name="reservations_never_overlap",
        ),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    appointment_id: Mapped[UUID | None]
    hold_id: Mapped[UUID | None]
    expire_time: Mapped[datetime | None]
    offer_id: Mapped[UUID | None]
    resource_id: Mapped[UUID]
    lane: Mapped[int]
    during: Mapped[Range[datetime]] = mapped_column(TSTZRANGE)
    live: Mapped[bool]
    resource: Mapped[Resource] = relationship(viewonly=True, lazy="selectin")


class Appointment(Aggregate, Base):
    """A time at which a patient is to be seen."""

    __tablename__ = "appointments"
    __table_args__ = (
        refers("patient_id", "patient_copies"),
        refers("appointment_type_id", "appointment_types"),
        refers("location_id", "location_copies"),
        refers("series_id", "series"),
        refers("authorization_id", "authorization_copies"),
        Index("ix_appointments_date", "tenant_id", "local_date", "location_id"),
        Index("ix_appointments_patient", "tenant_id", "patient_id", "start_time"),
        Index(
            "ix_appointments_series", "tenant_id", "series_id", "occurrence_date",
            postgresql_where=column("series_id").is_not(None),
        ),
        Index(
            "ix_appointments_authorization", "tenant_id", "authorization_id",
            postgresql_where=column("authorization_id").is_not(None),
        ),
        Index(
            "ix_appointments_group", "tenant_id", "group_id", postgresql_where=column("group_id").is_not(None),
        ),
        Index("ix_appointments_untold", "tenant_id", postgresql_where=column("told_version") < column("version")),
        CheckConstraint("end_time > start_time", name="times"),
    )  # fmt: skip

    patient_id: Mapped[UUID] = mapped_column(info={"patient": True})
    appointment_type_id: Mapped[UUID]
    appointment_type_name: Mapped[str]
    location_id: Mapped[UUID]
    state: Mapped[int] = enum_column(appointment_pb2.AppointmentState)
    channel: Mapped[int] = enum_column(appointment_type_pb2.Channel)
    start_time: Mapped[datetime]
    end_time: Mapped[datetime]
    duration_minutes: Mapped[int]
    local_date: Mapped[date]
    local_start: Mapped[str]
    time_zone: Mapped[str]
    resource_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    practitioner_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)
    reason: Mapped[str]
    notes: Mapped[str]
    overridden_rules: Mapped[list[int]] = mapped_column(enums(appointment_pb2.BookingRule), default=list)
    override_reason: Mapped[str]
    override_by: Mapped[str] = mapped_column(default="")
    confirm_time: Mapped[datetime | None]
    cancellation: Mapped[appointment_pb2.Cancellation | None] = message_column(appointment_pb2.Cancellation)
    visit_id: Mapped[UUID | None]
    series_id: Mapped[UUID | None]
    occurrence_date: Mapped[date | None]
    authorization_id: Mapped[UUID | None]
    group_id: Mapped[UUID | None]
    # What reminders know of it: the version they looked at last, its start then, and since which version it has it.
    told_version: Mapped[int] = mapped_column(default=0)
    told_start_time: Mapped[datetime | None]
    time_version: Mapped[int] = mapped_column(default=0)
    deposit_state: Mapped[int] = enum_column(
        appointment_pb2.DepositState,
        default=appointment_pb2.DEPOSIT_STATE_UNSPECIFIED,
        server_default="unspecified",
    )
    patient: Mapped[PatientCopy] = relationship(viewonly=True, lazy="selectin")
    reservations: Mapped[list[Reservation]] = relationship(
        primaryjoin=lambda: (
            (Reservation.tenant_id == Appointment.tenant_id)
            & (Reservation.appointment_id == Appointment.id)
            & Reservation.live
        ),
        foreign_keys=lambda: [Reservation.tenant_id, Reservation.appointment_id],
        order_by=lambda: [Reservation.resource_id, Reservation.lane],
        viewonly=True,
        lazy="selectin",
    )

    hold_token = ""  # given on booking, and never stored

    @property
    def overridden(self) -> bool:
        """True when a rule was set aside for it."""
        return bool(self.overridden_rules)

    def go(self, verb: str) -> None:
        """Change the state by a verb, or refuse."""
        self.state = next_state("appointment", self.state, verb, APPOINTMENT_STATES, lifecycle.APPOINTMENT)

    def go_back(self, verb: str) -> None:
        """Change the state because a step of the visit was taken back."""
        self.state = next_state("appointment", self.state, verb, APPOINTMENT_STATES, lifecycle.BACK)


def next_state(resource: str, state: int, verb: str, words: dict[int, str], table: lifecycle.Table) -> int:
    word = words[state]
    if word not in table[verb].sources:
        raise state_conflict(resource, word, lifecycle.allowed_verbs(table, word))
    return next(number for number, name in words.items() if name == table[verb].target)
