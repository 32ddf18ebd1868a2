"""The flow board remembers each step of a visit, who looks after the patient, and how soon the patient must be seen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004_flow_board"
down_revision = "0003_communications"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("visits", sa.Column("urgency", sa.Text(), nullable=False, server_default="routine"))
    op.add_column("visits", sa.Column("staff_resource_ids", sa.ARRAY(sa.Uuid()), nullable=False, server_default="{}"))
    op.drop_index("uq_visits_appointment", table_name="visits")
    op.create_index(
        "uq_visits_appointment",
        "visits",
        ["tenant_id", "appointment_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'entered_in_error'"),
    )
    op.create_table(
        "visit_status_events",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("from_state", sa.Text(), nullable=False),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("change_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("undoes_sequence", sa.BigInteger(), nullable=False),
        sa.Column("previous_room_id", sa.Uuid(), nullable=True),
        sa.Column("previous_practitioner_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "visit_id"],
            ["visits.tenant_id", "visits.id"],
            name=op.f("fk_visit_status_events_tenant_id_visit_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "visit_id", "sequence", name=op.f("pk_visit_status_events")),
        info={"grants": "SELECT, INSERT, UPDATE (reason)"},
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("visit_status_events")
    op.drop_index("uq_visits_appointment", table_name="visits")
    op.create_index("uq_visits_appointment", "visits", ["tenant_id", "appointment_id"], unique=True)
    op.drop_column("visits", "staff_resource_ids")
    op.drop_column("visits", "urgency")
