"""Know of visits and kinds of appointments what tells that something was not charged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008_missed_charges"
down_revision = "0007_visits"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "appointment_type_copies",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("default_catalog_item_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_appointment_type_copies")),
    )
    op.add_column("visit_copies", sa.Column("state", sa.Text(), nullable=True))
    op.add_column("visit_copies", sa.Column("local_date", sa.Date(), nullable=True))
    for name in ("location_id", "practitioner_id", "appointment_type_id"):
        op.add_column("visit_copies", sa.Column(name, sa.Uuid(), nullable=True))
    op.create_index("ix_visit_copies_date", "visit_copies", ["tenant_id", "local_date", "id"])
