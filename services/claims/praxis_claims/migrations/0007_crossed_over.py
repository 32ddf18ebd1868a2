"""Note that a payer forwarded a claim to the next insurer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007_crossed_over"
down_revision = "0006_booked_units"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("claims", sa.Column("crossed_over", sa.Boolean(), nullable=False, server_default=sa.false()))
