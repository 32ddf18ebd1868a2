"""Keep what a practice group makes of missed appointments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014_attendance"
down_revision = "0013_groups"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "attendance_policies",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("counted_days", sa.BigInteger(), nullable=False),
        sa.Column("count_late_cancellations", sa.Boolean(), nullable=False),
        sa.Column("warning_limit", sa.BigInteger(), nullable=False),
        sa.Column("booking_limit", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_attendance_policies")),
    )
