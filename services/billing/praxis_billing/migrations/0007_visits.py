"""Know whose visits there are, so that nobody is charged for another patient's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007_visits"
down_revision = "0006_coverage_causes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "visit_copies",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_visit_copies")),
    )
