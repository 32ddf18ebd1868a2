"""Files of a clearinghouse are judged once, whichever practices they belong to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004_arrived_files"
down_revision = "0003_time_zone"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "arrived_files",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("waiting", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("arrive_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "sha256", name=op.f("pk_arrived_files")),
        info={"global": True},
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("arrived_files")
