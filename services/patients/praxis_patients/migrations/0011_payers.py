"""Know which payers there are, so that a coverage names one of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011_payers"
down_revision = "0010_search"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "payer_copies",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_payer_copies")),
    )
