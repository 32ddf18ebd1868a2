"""Which patients were merged, and what went over to the survivors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "chassis_0004"
down_revision = "chassis_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "merges",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("absorbed_id", sa.Uuid(), nullable=False),
        sa.Column("survivor_id", sa.Uuid(), nullable=False),
        sa.Column("reversed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_merges")),
    )
    op.create_index("ix_merges_absorbed", "merges", ["tenant_id", "absorbed_id"], unique=False)
    op.create_index("ix_merges_survivor", "merges", ["tenant_id", "survivor_id"], unique=False)
    op.create_table(
        "moves",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("column_name", sa.Text(), nullable=False),
        sa.Column("row_key", sa.Text(), nullable=False),
        sa.Column("origin_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "table_name", "column_name", "row_key", name=op.f("pk_moves")),
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("moves")
    op.drop_table("merges")
