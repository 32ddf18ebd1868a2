"""Calendar programs read appointments: feeds, each of a resource or of a patient."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011_calendar_feeds"
down_revision = "0010_waitlist"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "calendar_feeds",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=True),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("num_nonnulls(resource_id, patient_id) = 1", name=op.f("ck_calendar_feeds_subject")),
        *(
            sa.ForeignKeyConstraint(
                ["tenant_id", column],
                [f"{table}.tenant_id", f"{table}.id"],
                name=op.f(f"fk_calendar_feeds_tenant_id_{column}"),
            )
            for column, table in (("resource_id", "resources"), ("patient_id", "patient_copies"))
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_calendar_feeds")),
    )
    op.create_index("ix_calendar_feeds_created", "calendar_feeds", ["tenant_id", "create_time"])
