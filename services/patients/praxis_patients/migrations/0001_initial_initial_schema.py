"""Create the tables of patients."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001_initial"
down_revision = None
branch_labels = ("patients",)
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "parties",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("person", postgresql.JSONB(), nullable=True),
        sa.Column("organization", postgresql.JSONB(), nullable=True),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("sort_name", sa.String(), nullable=False),
        sa.Column("addresses", postgresql.JSONB(), nullable=False),
        sa.Column("telecoms", postgresql.JSONB(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_parties")),
        sa.UniqueConstraint("tenant_id", "patient_id", name=op.f("uq_parties_tenant_id_patient_id")),
    )
    op.create_index(
        op.f("ix_parties_tenant_id_sort_name_id"), "parties", ["tenant_id", "sort_name", "id"], unique=False
    )
    op.create_table(
        "practices",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("legal_name", sa.String(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("npi", sa.String(), nullable=False),
        sa.Column("tax_id", sa.String(), nullable=False),
        sa.Column("taxonomy_code", sa.String(), nullable=False),
        sa.Column("billing_address", postgresql.JSONB(), nullable=True),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("country_code", sa.String(), nullable=False),
        sa.Column("currency_code", sa.String(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_practices")),
    )
    op.create_table(
        "practitioners",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", postgresql.JSONB(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("sort_name", sa.String(), nullable=False),
        sa.Column("npi", sa.String(), nullable=False),
        sa.Column("taxonomy_code", sa.String(), nullable=False),
        sa.Column("licenses", postgresql.JSONB(), nullable=False),
        sa.Column("specialty", sa.String(), nullable=False),
        sa.Column("color", sa.String(), nullable=False),
        sa.Column("bills", sa.Boolean(), nullable=False),
        sa.Column("location_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_practitioners")),
    )
    op.create_table(
        "referrers",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", postgresql.JSONB(), nullable=True),
        sa.Column("organization_name", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("sort_name", sa.String(), nullable=False),
        sa.Column("npi", sa.String(), nullable=False),
        sa.Column("specialty", sa.String(), nullable=False),
        sa.Column("telecoms", postgresql.JSONB(), nullable=False),
        sa.Column("address", postgresql.JSONB(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_referrers")),
    )
    op.create_table(
        "locations",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", postgresql.JSONB(), nullable=True),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("place_of_service_code", sa.String(), nullable=False),
        sa.Column("npi", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "practice_id"],
            ["practices.tenant_id", "practices.id"],
            name=op.f("fk_locations_tenant_id_practice_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_locations")),
    )
    op.create_table(
        "party_keys",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "party_id"],
            ["parties.tenant_id", "parties.id"],
            name=op.f("fk_party_keys_tenant_id_party_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "purpose", "value", "party_id", name=op.f("pk_party_keys")),
    )
    op.create_index(op.f("ix_party_keys_tenant_id_party_id"), "party_keys", ["tenant_id", "party_id"], unique=False)
    op.create_table(
        "patients",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("chart_number", sa.String(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("sort_name", sa.String(), nullable=False),
        sa.Column("human", postgresql.JSONB(), nullable=True),
        sa.Column("animal", postgresql.JSONB(), nullable=True),
        sa.Column("animal_group", postgresql.JSONB(), nullable=True),
        sa.Column("party_id", sa.Uuid(), nullable=True),
        sa.Column("government_id", postgresql.JSONB(), nullable=True),
        sa.Column("home_location_id", sa.Uuid(), nullable=True),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("deceased_date", sa.Date(), nullable=True),
        sa.Column("survivor_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "home_location_id"],
            ["locations.tenant_id", "locations.id"],
            name=op.f("fk_patients_tenant_id_home_location_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "party_id"], ["parties.tenant_id", "parties.id"], name=op.f("fk_patients_tenant_id_party_id")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "survivor_id"],
            ["patients.tenant_id", "patients.id"],
            name=op.f("fk_patients_tenant_id_survivor_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_patients")),
        sa.UniqueConstraint("tenant_id", "chart_number", name=op.f("uq_patients_tenant_id_chart_number")),
    )
    op.create_index(
        op.f("ix_patients_tenant_id_sort_name_id"), "patients", ["tenant_id", "sort_name", "id"], unique=False
    )
    op.create_table(
        "coverages",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payer_id", sa.Uuid(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.String(), nullable=False),
        sa.Column("group_number", sa.String(), nullable=False),
        sa.Column("plan_name", sa.String(), nullable=False),
        sa.Column("subscriber_relationship", sa.Text(), nullable=False),
        sa.Column("subscriber_party_id", sa.Uuid(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=True),
        sa.Column("to_date", sa.Date(), nullable=True),
        sa.Column("copay_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency_code", sa.String(), nullable=True),
        sa.Column("coinsurance_basis_points", sa.Integer(), nullable=False),
        sa.Column("benefits_not_assigned", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("tenant_id"), "="),
            (sa.column("patient_id"), "="),
            (sa.column("rank"), "="),
            (sa.text("daterange(from_date, to_date)"), "&&"),
            where=sa.text("state <> 'erased'"),
            using="gist",
            name="ex_coverages_rank",
        ),
        sa.CheckConstraint("from_date < to_date", name=op.f("ck_coverages_dates")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "patient_id"],
            ["patients.tenant_id", "patients.id"],
            name=op.f("fk_coverages_tenant_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "subscriber_party_id"],
            ["parties.tenant_id", "parties.id"],
            name=op.f("fk_coverages_tenant_id_subscriber_party_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_coverages")),
    )
    op.create_table(
        "patient_keys",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "patient_id"],
            ["patients.tenant_id", "patients.id"],
            name=op.f("fk_patient_keys_tenant_id_patient_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "purpose", "value", "patient_id", name=op.f("pk_patient_keys")),
    )
    op.create_index(
        op.f("ix_patient_keys_tenant_id_patient_id"), "patient_keys", ["tenant_id", "patient_id"], unique=False
    )
    op.create_table(
        "patient_references",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "patient_id"],
            ["patients.tenant_id", "patients.id"],
            name=op.f("fk_patient_references_tenant_id_patient_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "system", "value", name=op.f("pk_patient_references")),
    )
    op.create_index(
        op.f("ix_patient_references_tenant_id_patient_id"),
        "patient_references",
        ["tenant_id", "patient_id"],
        unique=False,
    )
    op.create_table(
        "responsibilities",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("share_basis_points", sa.Integer(), nullable=False),
        sa.Column("may_consent", sa.Boolean(), nullable=False),
        sa.Column("may_be_informed", sa.Boolean(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=True),
        sa.Column("to_date", sa.Date(), nullable=True),
        sa.CheckConstraint("from_date < to_date", name=op.f("ck_responsibilities_dates")),
        sa.CheckConstraint("share_basis_points BETWEEN 0 AND 10000", name=op.f("ck_responsibilities_share")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "party_id"],
            ["parties.tenant_id", "parties.id"],
            name=op.f("fk_responsibilities_tenant_id_party_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "patient_id"],
            ["patients.tenant_id", "patients.id"],
            name=op.f("fk_responsibilities_tenant_id_patient_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "patient_id", "position", name=op.f("pk_responsibilities")),
    )
    op.create_index(
        op.f("ix_responsibilities_tenant_id_party_id"), "responsibilities", ["tenant_id", "party_id"], unique=False
    )
