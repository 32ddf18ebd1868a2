"""Reports are compared with billing's ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_ledger_checks"
down_revision = "0001_initial"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "ledger_checks",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.Column("expected_minor", sa.BigInteger(), nullable=False),
        sa.Column("actual_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "code", "currency_code", name=op.f("pk_ledger_checks")),
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("ledger_checks")
