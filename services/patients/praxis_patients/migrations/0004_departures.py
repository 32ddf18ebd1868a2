"""Patients may be transferred, their statements held, and a letter of condolence is a task."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004_departures"
down_revision = "0003_contact_preferences"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("patients", sa.Column("transferred_date", sa.Date(), nullable=True))
    op.add_column("patients", sa.Column("transferred_to", sa.String(), server_default="", nullable=False))
    held = sa.Column("statements_held", sa.Boolean(), server_default=sa.false(), nullable=False)
    op.add_column("patients", held)
    op.create_table(
        "patient_tasks",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=True),
        sa.Column("close_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id", "party_id"], ["parties.tenant_id", "parties.id"]),
        sa.ForeignKeyConstraint(["tenant_id", "patient_id"], ["patients.tenant_id", "patients.id"]),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_patient_tasks")),
        sa.UniqueConstraint("tenant_id", "patient_id", "kind", name=op.f("uq_patient_tasks_tenant_id_patient_id_kind")),
    )
