"""What calendars show is data of the practice: views and color schemes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007_views"
down_revision = "0006_series"
branch_labels = None
depends_on = None


def _aggregate() -> list[sa.Column]:
    return [
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
    ]


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "color_schemes",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rules", postgresql.JSONB(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        *_aggregate(),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_color_schemes")),
    )
    op.create_table(
        "calendar_views",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("location_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("resource_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("weekdays", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("local_start", sa.Text(), nullable=False),
        sa.Column("local_end", sa.Text(), nullable=False),
        sa.Column("step_minutes", sa.BigInteger(), nullable=False),
        sa.Column("hidden_states", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("color_scheme_id", sa.Uuid(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        *_aggregate(),
        sa.ForeignKeyConstraint(
            ["tenant_id", "color_scheme_id"],
            ["color_schemes.tenant_id", "color_schemes.id"],
            name=op.f("fk_calendar_views_tenant_id_color_scheme_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_calendar_views")),
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("calendar_views")
    op.drop_table("color_schemes")
