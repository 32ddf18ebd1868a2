"""Keep authorizations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005_authorizations"
down_revision = "0004_arrived_files"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "authorizations",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("payer_id", sa.Uuid(), nullable=False),
        sa.Column("coverage_id", sa.Uuid(), nullable=True),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("service_codes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("appointment_type_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("diagnosis_codes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("units_reserved", sa.Integer(), nullable=False),
        sa.Column("units_used", sa.Integer(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=True),
        sa.Column("to_date", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("from_date < to_date", name=op.f("ck_authorizations_dates")),
        sa.CheckConstraint(
            "units_reserved >= 0 AND units_used >= 0 AND units_reserved + units_used <= units",
            name=op.f("ck_authorizations_stock"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "payer_id"],
            ["payers.tenant_id", "payers.id"],
            name=op.f("fk_authorizations_tenant_id_payer_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_authorizations")),
    )
    op.create_index(
        op.f("ix_authorizations_tenant_id_patient_id"), "authorizations", ["tenant_id", "patient_id"], unique=False
    )
    op.create_index(
        "uq_authorizations_number",
        "authorizations",
        ["tenant_id", "payer_id", "number"],
        unique=True,
        postgresql_where="number <> ''",
    )
    op.create_table(
        "unit_reservations",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("authorization_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("units_held", sa.Integer(), nullable=False),
        sa.Column("reference_id", sa.Uuid(), nullable=True),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("units_held BETWEEN 0 AND units", name=op.f("ck_unit_reservations_held")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "authorization_id"],
            ["authorizations.tenant_id", "authorizations.id"],
            name=op.f("fk_unit_reservations_tenant_id_authorization_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_unit_reservations")),
    )
    op.create_index(
        "ix_unit_reservations_running_out",
        "unit_reservations",
        ["tenant_id", "expire_time"],
        unique=False,
        postgresql_where="state = 'held'",
    )
    op.create_index(
        op.f("ix_unit_reservations_tenant_id_authorization_id_id"),
        "unit_reservations",
        ["tenant_id", "authorization_id", "id"],
        unique=False,
    )
