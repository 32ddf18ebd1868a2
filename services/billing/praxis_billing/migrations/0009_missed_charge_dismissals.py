"""Remember what people said was not forgotten for a visit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009_missed_charge_dismissals"
down_revision = "0008_missed_charges"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "missed_charge_dismissals",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("catalog_item_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("nothing_charged", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("dismissed_by", sa.Text(), nullable=False),
        sa.Column("dismiss_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "visit_id", "id", name=op.f("pk_missed_charge_dismissals")),
    )
