"""What is measured of patients is written down."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005_measurements"
down_revision = "0004_departures"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "measurements",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Numeric(11, 3), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("measure_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("replaces_id", sa.Uuid(), nullable=True),
        sa.Column("replaced_by_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id", "patient_id"], ["patients.tenant_id", "patients.id"]),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_measurements")),
    )
    op.create_index(
        op.f("ix_measurements_tenant_id_patient_id_measure_time"),
        "measurements",
        ["tenant_id", "patient_id", "measure_time"],
    )
