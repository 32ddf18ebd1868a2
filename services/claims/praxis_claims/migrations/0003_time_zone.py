"""Submissions say in which time zone their dates are; those before bear UTC."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_time_zone"
down_revision = "0002_discarding"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("submissions", sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False))


def downgrade() -> None:
    """Take the change back."""
    op.drop_column("submissions", "time_zone")
