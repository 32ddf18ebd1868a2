"""Appointments that repeat: the series with its rule, and to which one an appointment belongs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006_series"
down_revision = "0005_calendar"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "series",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("appointment_type_id", sa.Uuid(), nullable=False),
        sa.Column("location_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("local_start", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("duration_minutes", sa.BigInteger(), nullable=False),
        sa.Column("rule", postgresql.JSONB(), nullable=False),
        sa.Column("resource_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("previous_series_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        *(
            sa.ForeignKeyConstraint(
                ["tenant_id", name], [f"{table}.tenant_id", f"{table}.id"], name=op.f(f"fk_series_tenant_id_{name}")
            )
            for name, table in (
                ("patient_id", "patient_copies"),
                ("appointment_type_id", "appointment_types"),
                ("location_id", "location_copies"),
                ("previous_series_id", "series"),
            )
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_series")),
    )
    op.create_index("ix_series_patient", "series", ["tenant_id", "patient_id", "create_time"])
    op.add_column("appointments", sa.Column("series_id", sa.Uuid(), nullable=True))
    op.add_column("appointments", sa.Column("occurrence_date", sa.Date(), nullable=True))
    op.create_foreign_key(
        op.f("fk_appointments_tenant_id_series_id"),
        "appointments",
        "series",
        ["tenant_id", "series_id"],
        ["tenant_id", "id"],
    )
    op.create_index(
        "ix_appointments_series",
        "appointments",
        ["tenant_id", "series_id", "occurrence_date"],
        postgresql_where=sa.text("series_id IS NOT NULL"),
    )
