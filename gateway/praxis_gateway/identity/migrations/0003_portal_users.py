"""Let a membership be that of a portal user, who acts for one party."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "identity_0003"
down_revision = "identity_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change; whoever is a member already is none of the portal."""
    op.add_column("memberships", sa.Column("party_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    """Take the change back."""
    op.drop_column("memberships", "party_id")
