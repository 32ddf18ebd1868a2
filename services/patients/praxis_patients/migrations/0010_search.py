"""Find names from within, and look up whether a patient meets a term by the patient."""

from __future__ import annotations

from alembic import op

revision = "0010_search"
down_revision = "0009_annotations"
branch_labels = None
depends_on = None

# What `rules/names.endings` returns for every word of a name.
BACKFILL = """
INSERT INTO patient_keys (tenant_id, purpose, value, patient_id)
SELECT DISTINCT tenant_id, 'within', substr(value, start), patient_id
FROM patient_keys, generate_series(2, least(length(value) - 2, 31)) AS start
WHERE purpose IN ('name', 'owner')
"""


def upgrade() -> None:
    """Apply the change."""
    op.drop_index(op.f("ix_patient_keys_tenant_id_patient_id"), table_name="patient_keys")
    # Even the owner of a table sees no rows of a guarded one.
    op.execute("ALTER TABLE patient_keys NO FORCE ROW LEVEL SECURITY")
    op.execute(BACKFILL)
    op.execute("ALTER TABLE patient_keys FORCE ROW LEVEL SECURITY")
    op.create_index(
        op.f("ix_patient_keys_tenant_id_patient_id_purpose_value"),
        "patient_keys",
        ["tenant_id", "patient_id", "purpose", "value"],
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_index(op.f("ix_patient_keys_tenant_id_patient_id_purpose_value"), table_name="patient_keys")
    op.execute("ALTER TABLE patient_keys NO FORCE ROW LEVEL SECURITY")
    op.execute("DELETE FROM patient_keys WHERE purpose = 'within'")
    op.execute("ALTER TABLE patient_keys FORCE ROW LEVEL SECURITY")
    op.create_index(op.f("ix_patient_keys_tenant_id_patient_id"), "patient_keys", ["tenant_id", "patient_id"])
