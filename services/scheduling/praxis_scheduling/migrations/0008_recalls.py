"""Recalls and their rules, and what parties said about being contacted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008_recalls"
down_revision = "0007_views"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "recall_rules",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("item_sold", postgresql.JSONB(), nullable=True),
        sa.Column("diagnosed", postgresql.JSONB(), nullable=True),
        sa.Column("visited", postgresql.JSONB(), nullable=True),
        sa.Column("aged", postgresql.JSONB(), nullable=True),
        sa.Column("patient_kinds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("species_codes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("interval_months", sa.BigInteger(), nullable=False),
        sa.Column("interval_days", sa.BigInteger(), nullable=False),
        sa.Column("wanted_appointment_type_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("satisfying_catalog_item_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("steps", postgresql.JSONB(), nullable=False),
        sa.Column("expire_after_days", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_recall_rules")),
    )
    op.create_table(
        "recalls",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("location_id", sa.Uuid(), nullable=True),
        sa.Column("wanted_appointment_type_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("satisfying_catalog_item_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("steps", postgresql.JSONB(), nullable=False),
        sa.Column("expire_after_days", sa.BigInteger(), nullable=False),
        sa.Column("steps_taken", sa.BigInteger(), nullable=False),
        sa.Column("next_step_date", sa.Date(), nullable=False),
        sa.Column("counts_from_date", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("stop_reason", sa.Text(), nullable=False),
        sa.Column("appointment_id", sa.Uuid(), nullable=True),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "patient_id"],
            ["patient_copies.tenant_id", "patient_copies.id"],
            name=op.f("fk_recalls_tenant_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "rule_id"],
            ["recall_rules.tenant_id", "recall_rules.id"],
            name=op.f("fk_recalls_tenant_id_rule_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_recalls")),
    )
    op.create_index("ix_recalls_due", "recalls", ["tenant_id", "due_date", "id"], unique=False)
    op.create_index(
        "ix_recalls_next", "recalls", ["tenant_id", "next_step_date"], unique=False, postgresql_where=sa.text("is_open")
    )
    op.create_index("ix_recalls_source", "recalls", ["tenant_id", "source_id"], unique=False)
    op.create_index(
        "uq_recalls_open",
        "recalls",
        ["tenant_id", "patient_id", "rule_id"],
        unique=True,
        postgresql_where=sa.text("is_open"),
    )
    op.add_column("party_copies", sa.Column("preferences", postgresql.JSONB(), nullable=True))
