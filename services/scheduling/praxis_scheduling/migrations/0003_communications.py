"""What is sent about appointments: plans, words, settings, each message, and copies of how people are reached."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003_communications"
down_revision = "0002_deceased"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "communication_settings",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("from_name", sa.Text(), nullable=False),
        sa.Column("from_email", sa.Text(), nullable=False),
        sa.Column("reply_to_email", sa.Text(), nullable=False),
        sa.Column("quiet_from", sa.Text(), nullable=False),
        sa.Column("quiet_until", sa.Text(), nullable=False),
        sa.Column("sms_from", sa.Text(), nullable=False),
        sa.Column("sms_account", sa.Text(), nullable=False),
        sa.Column("sms_sealed_secret", sa.LargeBinary(), nullable=True),
        sa.Column("cancel_by_text", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_communication_settings")),
    )
    op.create_table(
        "contact_blocks",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address_index", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "channel", "address_index", name=op.f("pk_contact_blocks")),
    )
    op.create_table(
        "inbound_texts",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("provider_reference", sa.Text(), nullable=False),
        sa.Column("address_index", sa.Text(), nullable=False),
        sa.Column("wish", sa.Text(), nullable=False),
        sa.Column("appointment_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "provider_reference", name=op.f("pk_inbound_texts")),
    )
    op.create_table(
        "message_templates",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_message_templates")),
    )
    op.create_index(
        "uq_message_templates_name",
        "message_templates",
        ["tenant_id", "name", "channel", "language"],
        unique=True,
        postgresql_where=sa.text("active"),
    )
    op.create_table(
        "party_copies",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("telecoms", postgresql.JSONB(), nullable=False),
        sa.Column("erased", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_party_copies")),
    )
    op.create_index("ix_party_copies_patient", "party_copies", ["tenant_id", "patient_id"], unique=False)
    op.create_table(
        "practice_copies",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_practice_copies")),
    )
    op.create_table(
        "reminder_plans",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("appointment_type_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("location_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("channels", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("communications", postgresql.JSONB(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_reminder_plans")),
    )
    op.create_table(
        "communications",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("party_id", sa.Uuid(), nullable=True),
        sa.Column("appointment_id", sa.Uuid(), nullable=True),
        sa.Column("appointment_version", sa.BigInteger(), nullable=True),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recall_id", sa.Uuid(), nullable=True),
        sa.Column("location_id", sa.Uuid(), nullable=True),
        sa.Column("template_name", sa.Text(), nullable=False),
        sa.Column("other_channels", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("due_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sending_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("send_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("address_index", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("provider_reference", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "appointment_id"],
            ["appointments.tenant_id", "appointments.id"],
            name=op.f("fk_communications_tenant_id_appointment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "patient_id"],
            ["patient_copies.tenant_id", "patient_copies.id"],
            name=op.f("fk_communications_tenant_id_patient_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_communications")),
    )
    op.create_index(
        "ix_communications_address", "communications", ["tenant_id", "address_index", "send_time"], unique=False
    )
    op.create_index("ix_communications_appointment", "communications", ["tenant_id", "appointment_id"], unique=False)
    op.create_index("ix_communications_due", "communications", ["tenant_id", "due_time", "id"], unique=False)
    op.create_index(
        "ix_communications_open",
        "communications",
        ["tenant_id", "next_try_time"],
        unique=False,
        postgresql_where=sa.text("is_open"),
    )
    op.create_index(
        "ix_communications_patient", "communications", ["tenant_id", "patient_id", "due_time"], unique=False
    )
    op.create_index("ix_communications_provider", "communications", ["tenant_id", "provider_reference"], unique=False)
    op.create_index("ix_communications_recall", "communications", ["tenant_id", "recall_id"], unique=False)
    op.create_index("uq_communications_occasion", "communications", ["tenant_id", "occasion"], unique=True)
    op.add_column("appointments", sa.Column("told_version", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("appointments", sa.Column("told_start_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("appointments", sa.Column("time_version", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index(
        "ix_appointments_untold",
        "appointments",
        ["tenant_id"],
        unique=False,
        postgresql_where=sa.text("told_version < version"),
    )
    op.add_column("location_copies", sa.Column("practice_id", sa.Uuid(), nullable=True))
    op.add_column("location_copies", sa.Column("phone", sa.Text(), nullable=False, server_default=""))
    op.add_column("patient_copies", sa.Column("called", sa.Text(), nullable=False, server_default=""))
    op.add_column("patient_copies", sa.Column("birth_date", sa.Date(), nullable=True))
    op.add_column("patient_copies", sa.Column("treated_here", sa.Boolean(), nullable=False, server_default="true"))
    op.add_column(
        "patient_copies", sa.Column("responsibilities", postgresql.JSONB(), nullable=False, server_default="[]")
    )
