"""Statements of a patient may be held."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005_held_statements"
down_revision = "0004_charge_scopes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    held = sa.Column("statements_held", sa.Boolean(), server_default=sa.false(), nullable=False)
    op.add_column("patient_copies", held)
