"""The tables of identity; those needed before a practice is known are global, each with its reason."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, LargeBinary, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from praxis.identity.v1 import tenant_pb2, user_pb2
from praxis_chassis import clock
from praxis_chassis.database import Aggregate, enum_column, metadata
from praxis_chassis.types import new_id


class Base(DeclarativeBase):
    """Base of identity's tables."""

    metadata = metadata()
    type_annotation_map = {datetime: DateTime(timezone=True), int: BigInteger, str: Text}


def _global(reason: str) -> dict[str, object]:
    """Mark a table that no tenant owns, saying why."""
    return {"info": {"global": True, "reason": reason}}


class Tenant(Base):
    """A practice as a customer of Praxis."""

    __tablename__ = "practice_groups"
    __table_args__ = (_global("a tenant is created before anybody can belong to it"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    name: Mapped[str]
    kind: Mapped[int] = enum_column(tenant_pb2.Tenant.Kind)
    mode: Mapped[int] = enum_column(tenant_pb2.Tenant.Mode)
    version: Mapped[int] = mapped_column()
    create_time: Mapped[datetime] = mapped_column(default=clock.wall)
    update_time: Mapped[datetime] = mapped_column(default=clock.wall, onupdate=clock.wall)
    __mapper_args__ = {"version_id_col": version}


class User(Base):
    """A login of a person, shared by all practices the person works for."""

    __tablename__ = "users"
    __table_args__ = (_global("a person logs in before a practice is chosen, and may work for several"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    password_hash: Mapped[str | None]
    create_time: Mapped[datetime] = mapped_column(default=clock.wall)


class Membership(Base):
    """What a person may do in one practice, once the person has accepted the invitation of that practice."""

    __tablename__ = "memberships"
    __table_args__ = (_global("logging in looks for the practices of a person before one is chosen"),)

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("practice_groups.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    location_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    party_id: Mapped[UUID | None] = mapped_column(Uuid)
    disabled: Mapped[bool] = mapped_column(default=False)
    accepted: Mapped[bool] = mapped_column(default=False)
    invitation_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    invitation_expire_time: Mapped[datetime | None]
    version: Mapped[int] = mapped_column()
    create_time: Mapped[datetime] = mapped_column(default=clock.wall)
    update_time: Mapped[datetime] = mapped_column(default=clock.wall, onupdate=clock.wall)
    __mapper_args__ = {"version_id_col": version}

    def state(self) -> int:
        """Return whether the person can log in, as the contract says it."""
        if self.disabled:
            return user_pb2.User.STATE_DISABLED
        return user_pb2.User.STATE_ACTIVE if self.accepted else user_pb2.User.STATE_INVITED


class Login(Base):
    """One session: a person who logged in to one practice; the token itself is not stored."""

    __tablename__ = "sessions"
    __table_args__ = (_global("a token is looked up before the practice it opens is known"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("practice_groups.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    csrf_token: Mapped[str]
    factors: Mapped[list[str]] = mapped_column(ARRAY(Text))
    auth_time: Mapped[datetime] = mapped_column(default=clock.wall)
    seen_time: Mapped[datetime] = mapped_column(default=clock.wall)
    revoke_time: Mapped[datetime | None]


class SetupToken(Base):
    """A token that creates one practice."""

    __tablename__ = "setup_tokens"
    __table_args__ = (_global("it is used before its practice exists"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    create_time: Mapped[datetime] = mapped_column(default=clock.wall)
    use_time: Mapped[datetime | None]


class Throttle(Base):
    """Wrong passwords in a row for one account, whether or not it exists."""

    __tablename__ = "throttles"
    __table_args__ = (_global("an account is throttled before anybody is logged in"),)

    account_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    blocked_until: Mapped[datetime]


class Role(Aggregate, Base):
    """A practice's own role."""

    __tablename__ = "roles"
    __table_args__ = (UniqueConstraint("tenant_id", "name", name="roles_name_key"),)

    name: Mapped[str]
    title: Mapped[str]
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    retired: Mapped[bool] = mapped_column(default=False)


class ApiKey(Aggregate, Base):
    """A key that lets a program in; only the hash of its secret is stored."""

    __tablename__ = "api_keys"

    title: Mapped[str]
    key_prefix: Mapped[str]
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    expire_time: Mapped[datetime]
    revoke_time: Mapped[datetime | None]
