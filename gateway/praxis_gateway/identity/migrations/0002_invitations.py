"""Bind invitations to memberships, which are in force only once they were accepted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "identity_0002"
down_revision = "identity_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change; who could log in before stays a member, open invitations end and are made again."""
    op.add_column("memberships", sa.Column("accepted", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.alter_column("memberships", "accepted", server_default=None)
    op.add_column("memberships", sa.Column("invitation_hash", sa.LargeBinary(), nullable=True))
    op.add_column("memberships", sa.Column("invitation_expire_time", sa.DateTime(timezone=True), nullable=True))
    op.create_unique_constraint(op.f("uq_memberships_invitation_hash"), "memberships", ["invitation_hash"])
    op.execute(
        "UPDATE memberships SET accepted = false FROM users"
        " WHERE users.id = memberships.user_id AND users.password_hash IS NULL"
    )
    op.drop_constraint(op.f("uq_users_invitation_hash"), "users")
    op.drop_column("users", "invitation_hash")
    op.drop_column("users", "invitation_expire_time")


def downgrade() -> None:
    """Take the change back."""
    op.add_column("users", sa.Column("invitation_hash", sa.LargeBinary(), nullable=True))
    op.add_column("users", sa.Column("invitation_expire_time", sa.DateTime(timezone=True), nullable=True))
    op.create_unique_constraint(op.f("uq_users_invitation_hash"), "users", ["invitation_hash"])
    op.drop_constraint(op.f("uq_memberships_invitation_hash"), "memberships")
    for column in ("invitation_expire_time", "invitation_hash", "accepted"):
        op.drop_column("memberships", column)
