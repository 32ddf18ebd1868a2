"""Skills of resources, parts of roles and rules of appointment types, reserved blocks, exceptions, deposits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005_calendar"
down_revision = "0004_flow_board"
branch_labels = None
depends_on = None

TEXTS = postgresql.ARRAY(sa.Text())


def _words(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXTS, server_default="{}", nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def _word(name: str, usual: str = "unspecified") -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=usual, nullable=False)


ADDED: dict[str, list[sa.Column[object]]] = {
    "patient_copies": [_words("tags")],
    "location_copies": [_word("country_code", ""), _word("region_code", "")],
    "resources": [_words("skills"), _words("languages"), _word("sex")],
    "appointment_types": [
        _number("minimum_notice_minutes"),
        _number("horizon_days"),
        _words("species_codes"),
        _word("new_patient_rule"),
        sa.Column("default_catalog_item_ids", postgresql.ARRAY(sa.Uuid()), server_default="{}", nullable=False),
        _word("preparation", ""),
        sa.Column("deposit_minor", sa.BigInteger(), nullable=True),
        sa.Column("deposit_currency", sa.Text(), nullable=True),
        _number("overbooking_limit"),
    ],
    "appointments": [_word("deposit_state")],
}


def upgrade() -> None:
    """Apply the change."""
    for table, columns in ADDED.items():
        for column in columns:
            op.add_column(table, column)
    op.create_table(
        "template_exceptions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("blocks", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "resource_id"],
            ["resources.tenant_id", "resources.id"],
            name=op.f("fk_template_exceptions_tenant_id_resource_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_template_exceptions")),
    )
    op.create_index(
        "uq_template_exceptions_date", "template_exceptions", ["tenant_id", "resource_id", "local_date"],
        unique=True, postgresql_where=sa.text("active"),
    )  # fmt: skip
