"""Merges of patients, and which services have done their part."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007_merges"
down_revision = "0006_coverage_causes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "patient_merges",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("survivor_id", sa.Uuid(), nullable=False),
        sa.Column("absorbed_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("reversal_reason", sa.String(), nullable=False),
        sa.Column("snapshot", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "absorbed_id"],
            ["patients.tenant_id", "patients.id"],
            name=op.f("fk_patient_merges_tenant_id_absorbed_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "survivor_id"],
            ["patients.tenant_id", "patients.id"],
            name=op.f("fk_patient_merges_tenant_id_survivor_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_patient_merges")),
    )
    op.create_index(op.f("ix_patient_merges_tenant_id_survivor_id"), "patient_merges", ["tenant_id", "survivor_id"])
    op.create_index(op.f("ix_patient_merges_tenant_id_absorbed_id"), "patient_merges", ["tenant_id", "absorbed_id"])
    op.create_table(
        "merge_acknowledgments",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("merge_id", sa.Uuid(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("moved", sa.Integer(), nullable=False),
        sa.Column("reversed", sa.Boolean(), nullable=False),
        sa.Column("acknowledge_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "merge_id"],
            ["patient_merges.tenant_id", "patient_merges.id"],
            name=op.f("fk_merge_acknowledgments_tenant_id_merge_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "merge_id", "service", name=op.f("pk_merge_acknowledgments")),
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("merge_acknowledgments")
    op.drop_table("patient_merges")
