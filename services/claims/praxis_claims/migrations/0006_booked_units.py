"""Count the units that appointments take."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006_booked_units"
down_revision = "0005_authorizations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("authorizations", sa.Column("units_booked", sa.Integer(), nullable=False, server_default="0"))
    op.drop_constraint(op.f("ck_authorizations_stock"), "authorizations")
    op.create_check_constraint(
        op.f("ck_authorizations_stock"),
        "authorizations",
        "units_reserved >= 0 AND units_used >= 0 AND units_booked BETWEEN 0 AND units_reserved + units_used "
        "AND units_reserved + units_used - units_booked <= units",
    )
    op.add_column("unit_reservations", sa.Column("appointment_id", sa.Uuid(), nullable=True))
    op.alter_column("unit_reservations", "expire_time", nullable=True)
    op.create_index(
        "uq_unit_reservations_appointment",
        "unit_reservations",
        ["tenant_id", "appointment_id", "authorization_id"],
        unique=True,
        postgresql_where=sa.text("appointment_id IS NOT NULL"),
    )
