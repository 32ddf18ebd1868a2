"""Choose coverages by cause."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006_coverage_causes"
down_revision = "0005_held_statements"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("coverage_copies", sa.Column("related_cause_id", sa.Uuid(), nullable=True))
    op.add_column("encounters", sa.Column("related_cause_id", sa.Uuid(), nullable=True))
