"""Let appointments know which others they were booked together with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013_groups"
down_revision = "0012_authorizations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("appointments", sa.Column("group_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_appointments_group", "appointments", ["tenant_id", "group_id"],
        postgresql_where=sa.text("group_id IS NOT NULL"),
    )  # fmt: skip
