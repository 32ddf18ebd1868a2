"""Keep causes, cards and verifications of coverages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006_coverage_causes"
down_revision = "0005_measurements"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "related_causes",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("accident_date", sa.Date(), nullable=False),
        sa.Column("accident_state_code", sa.String(), nullable=False),
        sa.Column("claim_number", sa.String(), nullable=False),
        sa.Column("adjuster_name", sa.String(), nullable=False),
        sa.Column("adjuster_phone", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "patient_id"],
            ["patients.tenant_id", "patients.id"],
            name=op.f("fk_related_causes_tenant_id_patient_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_related_causes")),
    )
    op.create_index(
        op.f("ix_related_causes_tenant_id_patient_id"), "related_causes", ["tenant_id", "patient_id"], unique=False
    )
    op.add_column("coverages", sa.Column("related_cause_id", sa.Uuid(), nullable=True))
    op.add_column("coverages", sa.Column("deductible_minor", sa.BigInteger(), nullable=True))
    op.add_column("coverages", sa.Column("annual_limit_minor", sa.BigInteger(), nullable=True))
    op.add_column("coverages", sa.Column("waiting_until_date", sa.Date(), nullable=True))
    op.add_column("coverages", sa.Column("card_front", postgresql.JSONB(), nullable=True))
    op.add_column("coverages", sa.Column("card_back", postgresql.JSONB(), nullable=True))
    op.add_column(
        "coverages", sa.Column("verification_result", sa.Text(), nullable=False, server_default="unspecified")
    )
    op.add_column("coverages", sa.Column("verify_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("coverages", sa.Column("verified_by", sa.String(), nullable=False, server_default=""))
    op.add_column("coverages", sa.Column("verification_note", sa.String(), nullable=False, server_default=""))
    op.create_foreign_key(
        op.f("fk_coverages_tenant_id_related_cause_id"),
        "coverages",
        "related_causes",
        ["tenant_id", "related_cause_id"],
        ["tenant_id", "id"],
    )
    op.drop_constraint("ex_coverages_rank", "coverages")
    op.execute(
        "ALTER TABLE coverages ADD CONSTRAINT ex_coverages_rank EXCLUDE USING gist (tenant_id WITH =, patient_id WITH =,"
        " coalesce(related_cause_id, patient_id) WITH =, rank WITH =, daterange(from_date, to_date) WITH &&)"
        " WHERE (state <> 'erased')"
    )
