"""Billing knows practitioners, referrers and days of death, so that it can refuse what names nobody or comes too late."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_practitioners"
down_revision = "0001_initial"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    for name in ("practitioner_copies", "referrer_copies"):
        op.create_table(
            name,
            sa.Column("tenant_id", sa.Uuid(), nullable=False),
            sa.Column("id", sa.Uuid(), nullable=False),
            sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{name}")),
        )
    op.add_column("patient_copies", sa.Column("deceased_date", sa.Date(), nullable=True))
