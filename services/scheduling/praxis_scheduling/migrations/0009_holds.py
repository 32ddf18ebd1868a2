"""Times are kept for callers: holds, whose reservations stand beside those of appointments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009_holds"
down_revision = "0008_recalls"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "holds",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("appointment_type_id", sa.Uuid(), nullable=False),
        sa.Column("location_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_minutes", sa.BigInteger(), nullable=False),
        sa.Column("resource_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("seconds", sa.BigInteger(), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        *(
            sa.ForeignKeyConstraint(
                ["tenant_id", column], [f"{table}.tenant_id", f"{table}.id"], name=op.f(f"fk_holds_tenant_id_{column}")
            )
            for column, table in (
                ("appointment_type_id", "appointment_types"),
                ("location_id", "location_copies"),
                ("patient_id", "patient_copies"),
            )
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_holds")),
    )
    op.create_index("uq_holds_token", "holds", ["tenant_id", "token"], unique=True)
    op.create_index("ix_holds_due", "holds", ["tenant_id", "expire_time"], postgresql_where=sa.text("state = 'held'"))
    op.alter_column("reservations", "appointment_id", existing_type=sa.Uuid(), nullable=True)
    op.add_column("reservations", sa.Column("hold_id", sa.Uuid(), nullable=True))
    op.add_column("reservations", sa.Column("expire_time", sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key(
        op.f("fk_reservations_tenant_id_hold_id"),
        "reservations",
        "holds",
        ["tenant_id", "hold_id"],
        ["tenant_id", "id"],
    )
    op.create_index(
        "ix_reservations_hold", "reservations", ["tenant_id", "hold_id"],
        postgresql_where=sa.text("hold_id IS NOT NULL"),
    )  # fmt: skip
    op.create_check_constraint(
        op.f("ck_reservations_owner"), "reservations", "num_nonnulls(appointment_id, hold_id) = 1"
    )
