"""The ledger is summed up now and then, so that others can compare what they keep with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_control_totals"
down_revision = "0002_practitioners"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "control_totals",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_control_totals")),
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("control_totals")
