"""Book on what payers permit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012_authorizations"
down_revision = "0011_calendar_feeds"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "authorization_copies",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("appointment_type_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=True),
        sa.Column("to_date", sa.Date(), nullable=True),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("units_elsewhere", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_authorization_copies")),
    )
    for table in ("appointments", "series"):
        op.add_column(table, sa.Column("authorization_id", sa.Uuid(), nullable=True))
        op.create_foreign_key(
            op.f(f"fk_{table}_tenant_id_authorization_id"), table, "authorization_copies",
            ["tenant_id", "authorization_id"], ["tenant_id", "id"],
        )  # fmt: skip
    op.create_index(
        "ix_appointments_authorization", "appointments", ["tenant_id", "authorization_id"],
        postgresql_where=sa.text("authorization_id IS NOT NULL"),
    )  # fmt: skip
