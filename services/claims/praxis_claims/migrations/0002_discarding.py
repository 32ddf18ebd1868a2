"""Remittances can be discarded, and say how many of their claims are held back and for how much."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_discarding"
down_revision = "0001_initial"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("remittance_files", sa.Column("discarded", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index(
        "uq_remittance_files_counting",
        "remittance_files",
        ["tenant_id", "content_sha256"],
        unique=True,
        postgresql_where=sa.text("duplicate_of IS NULL AND NOT discarded"),
    )
    op.drop_index("uq_remittance_files_first", table_name="remittance_files")
    op.add_column("remittances", sa.Column("held_claim_count", sa.Integer(), server_default="0", nullable=False))
    op.add_column("remittances", sa.Column("held_amount_minor", sa.BigInteger(), server_default="0", nullable=False))
    # Of the rows that are there, billing may have answered for the payment already; from now on the answer is noted.
    op.add_column("remittances", sa.Column("payment_posted", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.alter_column("remittances", "payment_posted", server_default=sa.false())
    op.add_column("remittances", sa.Column("discard_reason", sa.Text(), server_default="", nullable=False))
