"""The stored files of a service, so that objects go only after the transaction that gave them up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "chassis_0003"
down_revision = "chassis_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "files",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "file_id", name=op.f("pk_files")),
    )
    op.create_index(
        "ix_files_deleted", "files", ["tenant_id", "file_id"], postgresql_where=sa.text("deleted"), unique=False
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("files")
