"""Pairs of records that may be one patient."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012_duplicates"
down_revision = "0011_payers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "duplicate_candidates",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("other_patient_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("reasons", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("maybe_relatives", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("dismissed_score", sa.Float(), nullable=True),
        sa.Column("dismiss_reason", sa.String(), nullable=False),
        sa.Column("dismissed_by", sa.String(), nullable=False),
        sa.Column("dismiss_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("patient_id < other_patient_id", name=op.f("ck_duplicate_candidates_order")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_duplicate_candidates")),
        sa.UniqueConstraint(
            "tenant_id",
            "patient_id",
            "other_patient_id",
            name=op.f("uq_duplicate_candidates_tenant_id_patient_id_other_patient_id"),
        ),
    )
    op.create_index(
        op.f("ix_duplicate_candidates_tenant_id_other_patient_id"),
        "duplicate_candidates",
        ["tenant_id", "other_patient_id"],
    )
    op.create_index(
        op.f("ix_duplicate_candidates_tenant_id_score_id"), "duplicate_candidates", ["tenant_id", "score", "id"]
    )
