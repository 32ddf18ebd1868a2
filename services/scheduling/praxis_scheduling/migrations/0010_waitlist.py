"""The waitlist: who waits, what they were offered, times that became free, and reservations that keep offered times."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010_waitlist"
down_revision = "0009_holds"
branch_labels = None
depends_on = None


def _refers(table: str, *pairs: tuple[str, str]) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint(
            ["tenant_id", name], [f"{target}.tenant_id", f"{target}.id"], name=op.f(f"fk_{table}_tenant_id_{name}")
        )
        for name, target in pairs
    ]


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "waitlist_entries",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("appointment_type_id", sa.Uuid(), nullable=False),
        sa.Column("location_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("duration_minutes", sa.BigInteger(), nullable=False),
        sa.Column("practitioner_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("resource_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("windows", postgresql.JSONB(), nullable=False),
        sa.Column("notice_minutes", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("offer_minutes", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("appointment_id", sa.Uuid(), nullable=True),
        sa.Column("close_reason", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        *_refers(
            "waitlist_entries",
            ("patient_id", "patient_copies"),
            ("appointment_type_id", "appointment_types"),
            ("location_id", "location_copies"),
            ("appointment_id", "appointments"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_waitlist_entries")),
    )
    op.create_index(
        "ix_waitlist_entries_waiting", "waitlist_entries",
        ["tenant_id", "location_id", sa.text("priority DESC"), "create_time"],
        postgresql_where=sa.text("state = 'waiting'"),
    )  # fmt: skip
    op.create_index("ix_waitlist_entries_patient", "waitlist_entries", ["tenant_id", "patient_id"])
    _create_offers()
    op.add_column("reservations", sa.Column("offer_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_reservations_tenant_id_offer_id"), "reservations", "waitlist_offers",
        ["tenant_id", "offer_id"], ["tenant_id", "id"],
    )  # fmt: skip
    op.create_index(
        "ix_reservations_offer", "reservations", ["tenant_id", "offer_id"],
        postgresql_where=sa.text("offer_id IS NOT NULL"),
    )  # fmt: skip
    op.drop_constraint(op.f("ck_reservations_owner"), "reservations")
    op.create_check_constraint(
        op.f("ck_reservations_owner"), "reservations", "num_nonnulls(appointment_id, hold_id, offer_id) = 1"
    )
    op.add_column("communications", sa.Column("waitlist_offer_id", sa.Uuid(), nullable=True))


def _create_offers() -> None:
    op.create_table(
        "waitlist_offers",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("local_start", sa.Text(), nullable=False),
        sa.Column("resource_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decide_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        *_refers("waitlist_offers", ("entry_id", "waitlist_entries")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_waitlist_offers")),
    )
    op.create_index("ix_waitlist_offers_entry", "waitlist_offers", ["tenant_id", "entry_id", "create_time"])
    is_open = {"postgresql_where": sa.text("state = 'open'")}
    op.create_index("uq_waitlist_offers_open", "waitlist_offers", ["tenant_id", "entry_id"], unique=True, **is_open)
    op.create_index("ix_waitlist_offers_due", "waitlist_offers", ["tenant_id", "expire_time"], **is_open)
    op.create_table(
        "freed_times",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("location_id", sa.Uuid(), nullable=False),
        sa.Column("resource_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_freed_times")),
    )
