"""Scheduling knows when a patient died, so that nobody is booked after it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_deceased"
down_revision = "0001_initial"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("patient_copies", sa.Column("deceased_date", sa.Date(), nullable=True))
