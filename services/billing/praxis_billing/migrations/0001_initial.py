"""Initial schema, with the triggers that keep the ledger's promises whoever writes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001_initial"
down_revision = None
branch_labels = ("billing",)
depends_on = None


BALANCED = """
CREATE FUNCTION ledger_check_entries() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF EXISTS (
    SELECT FROM added GROUP BY tenant_id, journal_id, currency_code HAVING sum(amount_minor) <> 0
  ) THEN
    RAISE EXCEPTION 'a journal does not sum to zero' USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_balanced';
  END IF;
  IF EXISTS (
    SELECT FROM (SELECT tenant_id, journal_id, count(*) AS lines FROM added GROUP BY tenant_id, journal_id) AS fresh
    WHERE fresh.lines < 2 OR fresh.lines <> (
      SELECT count(*) FROM entries
      WHERE entries.tenant_id = fresh.tenant_id AND entries.journal_id = fresh.journal_id
    )
  ) THEN
    RAISE EXCEPTION 'a journal is written once, in one statement'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_balanced';
  END IF;
  IF EXISTS (
    SELECT FROM added JOIN journals ON journals.tenant_id = added.tenant_id AND journals.id = added.journal_id
    WHERE journals.effective_date <> added.effective_date
  ) THEN
    RAISE EXCEPTION 'entries count from the day of their journal'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_balanced';
  END IF;
  RETURN NULL;
END
$body$
"""

NOT_EMPTY = """
CREATE FUNCTION ledger_check_journal() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF NOT EXISTS (SELECT FROM entries WHERE tenant_id = NEW.tenant_id AND journal_id = NEW.id) THEN
    RAISE EXCEPTION 'a journal has no entries' USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_balanced';
  END IF;
  RETURN NULL;
END
$body$
"""

APPEND_ONLY = """
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  RAISE EXCEPTION 'the ledger is corrected by new journals only'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_append_only';
END
$body$
"""


def guard_ledger() -> None:
    """Add the triggers; a row-level deferred sum would let balanced lines into an old journal."""
    for function in (BALANCED, NOT_EMPTY, APPEND_ONLY):
        op.execute(function)
    op.execute(
        "CREATE TRIGGER entries_balanced AFTER INSERT ON entries REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION ledger_check_entries()"
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER journals_not_empty AFTER INSERT ON journals DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION ledger_check_journal()"
    )
    for table in ("journals", "entries", "ledger_accounts"):
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()"
        )


def upgrade() -> None:  # noqa: PLR0915 - one statement for each table and index
    """Apply the change."""
    op.create_table(
        "accounts",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.Column("terms_days", sa.BigInteger(), nullable=False),
        sa.Column("statements_suppressed", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_accounts")),
    )
    op.create_index("uq_accounts_number", "accounts", ["tenant_id", "number"], unique=True)
    op.create_index("uq_accounts_party", "accounts", ["tenant_id", "party_id"], unique=True)
    op.create_table(
        "catalog_items",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("code_system", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("revenue_group", sa.Text(), nullable=False),
        sa.Column("tax_class", sa.Text(), nullable=False),
        sa.Column("sector", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("ndc", sa.Text(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_catalog_items")),
    )
    op.create_index("uq_catalog_items_code", "catalog_items", ["tenant_id", "code_system", "code"], unique=True)
    op.create_table(
        "coverage_copies",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("payer_id", sa.Uuid(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("billed", sa.Boolean(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=True),
        sa.Column("to_date", sa.Date(), nullable=True),
        sa.Column("copay_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_coverage_copies")),
    )
    op.create_index("ix_coverage_copies_patient", "coverage_copies", ["tenant_id", "patient_id"], unique=False)
    op.create_table(
        "encounters",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=True),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("location_id", sa.Uuid(), nullable=False),
        sa.Column("rendering_practitioner_id", sa.Uuid(), nullable=False),
        sa.Column("referrer_id", sa.Uuid(), nullable=True),
        sa.Column("diagnoses", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("self_pay", sa.Boolean(), nullable=False),
        sa.Column("place_of_service_code", sa.Text(), nullable=False),
        sa.Column("authorization_number", sa.Text(), nullable=False),
        sa.Column("related_cause", sa.Text(), nullable=False),
        sa.Column("related_date", sa.Date(), nullable=True),
        sa.Column("external_reference", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.Column("posted_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reversed_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reversal_reason", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_encounters")),
    )
    op.create_index("ix_encounters_patient", "encounters", ["tenant_id", "patient_id", "service_date"], unique=False)
    op.create_index("ix_encounters_service_date", "encounters", ["tenant_id", "service_date", "id"], unique=False)
    op.create_index(
        "uq_encounters_external_reference",
        "encounters",
        ["tenant_id", "external_reference"],
        unique=True,
        postgresql_where=sa.text("external_reference <> ''"),
    )
    op.create_index("uq_encounters_number", "encounters", ["tenant_id", "number"], unique=True)
    op.create_index(
        "uq_encounters_visit",
        "encounters",
        ["tenant_id", "visit_id"],
        unique=True,
        postgresql_where=sa.text("visit_id IS NOT NULL AND state = 'posted'"),
    )
    op.create_table(
        "fee_schedules",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("payer_id", sa.Uuid(), nullable=True),
        sa.Column("location_id", sa.Uuid(), nullable=True),
        sa.Column("practitioner_id", sa.Uuid(), nullable=True),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("end_date IS NULL OR end_date > start_date", name=op.f("ck_fee_schedules_dates")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_fee_schedules")),
    )
    op.create_table(
        "journals",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("post_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source_type", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("reverses_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "reverses_id"],
            ["journals.tenant_id", "journals.id"],
            name=op.f("fk_journals_tenant_id_reverses_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_journals")),
        sa.UniqueConstraint("tenant_id", "idempotency_key", name="uq_journals_idempotency_key"),
        sa.UniqueConstraint("tenant_id", "reverses_id", name="uq_journals_reverses_id"),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_index("ix_journals_effective_date", "journals", ["tenant_id", "effective_date", "id"], unique=False)
    op.create_index("ix_journals_source", "journals", ["tenant_id", "source_id"], unique=False)
    op.create_table(
        "ledger_accounts",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "code", "currency_code", name=op.f("pk_ledger_accounts")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "location_copies",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("place_of_service_code", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_location_copies")),
    )
    op.create_table(
        "party_copies",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("addresses", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_party_copies")),
    )
    op.create_table(
        "patient_copies",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("survivor_id", sa.Uuid(), nullable=True),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("sector", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_patient_copies")),
    )
    op.create_table(
        "payer_copies",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_payer_copies")),
    )
    op.create_table(
        "practice_copies",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("billing_address", postgresql.JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_practice_copies")),
    )
    op.create_table(
        "remittance_postings",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("remittance_id", sa.Uuid(), nullable=False),
        sa.Column("remittance_claim_id", sa.Uuid(), nullable=True),
        sa.Column("reverses_remittance_claim_id", sa.Uuid(), nullable=True),
        sa.Column("claim_id", sa.Uuid(), nullable=True),
        sa.Column("encounter_id", sa.Uuid(), nullable=True),
        sa.Column("payer_id", sa.Uuid(), nullable=True),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("journal_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("refusal_reason", sa.Text(), nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.Column("paid_minor", sa.BigInteger(), nullable=False),
        sa.Column("adjusted_minor", sa.BigInteger(), nullable=False),
        sa.Column("transferred_minor", sa.BigInteger(), nullable=False),
        sa.Column("held_minor", sa.BigInteger(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_remittance_postings")),
        sa.UniqueConstraint("tenant_id", "key", name="uq_remittance_postings_key"),
    )
    op.create_index(
        "ix_remittance_postings_encounter", "remittance_postings", ["tenant_id", "encounter_id"], unique=False
    )
    op.create_index(
        "ix_remittance_postings_remittance", "remittance_postings", ["tenant_id", "remittance_id"], unique=False
    )
    op.create_table(
        "responsibility_copies",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("basis_points", sa.BigInteger(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=True),
        sa.Column("to_date", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "patient_id", "position", name=op.f("pk_responsibility_copies")),
    )
    op.create_index("ix_responsibility_copies_party", "responsibility_copies", ["tenant_id", "party_id"], unique=False)
    op.create_table(
        "tax_rates",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("tax_class", sa.Text(), nullable=False),
        sa.Column("sector", sa.Text(), nullable=False),
        sa.Column("percent", sa.Numeric(precision=6, scale=4), nullable=False),
        sa.Column("inclusive", sa.Boolean(), nullable=False),
        sa.Column("location_id", sa.Uuid(), nullable=True),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("end_date IS NULL OR end_date > start_date", name=op.f("ck_tax_rates_dates")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_tax_rates")),
    )
    op.create_table(
        "charges",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("encounter_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("catalog_item_id", sa.Uuid(), nullable=False),
        sa.Column("code_system", sa.Text(), nullable=False),
        sa.Column("procedure_code", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("modifiers", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("diagnosis_pointers", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("units", sa.Numeric(precision=12, scale=3), nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.Column("unit_price_minor", sa.BigInteger(), nullable=False),
        sa.Column("gross_minor", sa.BigInteger(), nullable=False),
        sa.Column("discount_basis_points", sa.BigInteger(), nullable=False),
        sa.Column("discount_minor", sa.BigInteger(), nullable=False),
        sa.Column("taxes", postgresql.JSONB(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("rendering_practitioner_id", sa.Uuid(), nullable=True),
        sa.Column("revenue_group", sa.Text(), nullable=False),
        sa.Column("ndc", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "units > 0 AND gross_minor >= 0 AND discount_minor >= 0 AND tax_minor >= 0", name=op.f("ck_charges_signs")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "catalog_item_id"],
            ["catalog_items.tenant_id", "catalog_items.id"],
            name=op.f("fk_charges_tenant_id_catalog_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "encounter_id"],
            ["encounters.tenant_id", "encounters.id"],
            name=op.f("fk_charges_tenant_id_encounter_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_charges")),
    )
    op.create_index("ix_charges_encounter", "charges", ["tenant_id", "encounter_id"], unique=False)
    op.create_table(
        "fees",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("fee_schedule_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("catalog_item_id", sa.Uuid(), nullable=False),
        sa.Column("modifiers", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_fees_amount")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "catalog_item_id"],
            ["catalog_items.tenant_id", "catalog_items.id"],
            name=op.f("fk_fees_tenant_id_catalog_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "fee_schedule_id"],
            ["fee_schedules.tenant_id", "fee_schedules.id"],
            name=op.f("fk_fees_tenant_id_fee_schedule_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "fee_schedule_id", "position", name=op.f("pk_fees")),
    )
    op.create_index("ix_fees_item", "fees", ["tenant_id", "catalog_item_id"], unique=False)
    op.create_table(
        "payments",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("payer_kind", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("payer_id", sa.Uuid(), nullable=True),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("unapplied_minor", sa.BigInteger(), nullable=False),
        sa.Column("received_date", sa.Date(), nullable=False),
        sa.Column("location_id", sa.Uuid(), nullable=True),
        sa.Column("allocation_policy", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("remittance_id", sa.Uuid(), nullable=True),
        sa.Column("reversed_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reversal_reason", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(account_id IS NULL) <> (payer_id IS NULL)", name=op.f("ck_payments_payer")),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_payments_amount")),
        sa.CheckConstraint(
            "payer_id IS NOT NULL OR unapplied_minor BETWEEN 0 AND amount_minor", name=op.f("ck_payments_unapplied")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"],
            ["accounts.tenant_id", "accounts.id"],
            name=op.f("fk_payments_tenant_id_account_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_payments")),
    )
    op.create_index("ix_payments_account", "payments", ["tenant_id", "account_id", "received_date"], unique=False)
    op.create_index("ix_payments_received_date", "payments", ["tenant_id", "received_date", "id"], unique=False)
    op.create_index("uq_payments_number", "payments", ["tenant_id", "number"], unique=True)
    op.create_index(
        "uq_payments_remittance",
        "payments",
        ["tenant_id", "remittance_id"],
        unique=True,
        postgresql_where=sa.text("remittance_id IS NOT NULL"),
    )
    op.create_table(
        "statements",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("as_of_date", sa.Date(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("amount_due_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.Column("buckets", postgresql.JSONB(), nullable=False),
        sa.Column("line_count", sa.BigInteger(), nullable=False),
        sa.Column("file", postgresql.JSONB(), nullable=False),
        sa.Column("patient_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_due_minor > 0", name=op.f("ck_statements_amount_due")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"],
            ["accounts.tenant_id", "accounts.id"],
            name=op.f("fk_statements_tenant_id_account_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_statements")),
    )
    op.create_index("ix_statements_account", "statements", ["tenant_id", "account_id"], unique=False)
    op.create_index("uq_statements_number", "statements", ["tenant_id", "number"], unique=True)
    op.create_table(
        "shares",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("encounter_id", sa.Uuid(), nullable=False),
        sa.Column("charge_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("coverage_id", sa.Uuid(), nullable=True),
        sa.Column("payer_id", sa.Uuid(), nullable=True),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("location_id", sa.Uuid(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("paid_minor", sa.BigInteger(), nullable=False),
        sa.Column("adjusted_minor", sa.BigInteger(), nullable=False),
        sa.Column(
            "open_minor",
            sa.BigInteger(),
            sa.Computed("amount_minor - paid_minor - adjusted_minor", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint("(payer_id IS NULL) = (coverage_id IS NULL)", name=op.f("ck_shares_payer")),
        sa.CheckConstraint("open_minor >= 0", name=op.f("ck_shares_open")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"],
            ["accounts.tenant_id", "accounts.id"],
            name=op.f("fk_shares_tenant_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "charge_id"], ["charges.tenant_id", "charges.id"], name=op.f("fk_shares_tenant_id_charge_id")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "encounter_id"],
            ["encounters.tenant_id", "encounters.id"],
            name=op.f("fk_shares_tenant_id_encounter_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_shares")),
    )
    op.create_index(
        "ix_shares_account_open",
        "shares",
        ["tenant_id", "account_id"],
        unique=False,
        postgresql_where=sa.text("open_minor <> 0"),
    )
    op.create_index("ix_shares_charge", "shares", ["tenant_id", "charge_id"], unique=False)
    op.create_index("ix_shares_encounter", "shares", ["tenant_id", "encounter_id"], unique=False)
    op.create_table(
        "adjustments",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("share_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("group_code", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("encounter_id", sa.Uuid(), nullable=False),
        sa.Column("charge_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("payer_id", sa.Uuid(), nullable=True),
        sa.Column("remittance_id", sa.Uuid(), nullable=True),
        sa.Column("journal_id", sa.Uuid(), nullable=True),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_adjustments_amount")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "share_id"], ["shares.tenant_id", "shares.id"], name=op.f("fk_adjustments_tenant_id_share_id")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_adjustments")),
    )
    op.create_index("ix_adjustments_encounter", "adjustments", ["tenant_id", "encounter_id"], unique=False)
    op.create_index("ix_adjustments_patient", "adjustments", ["tenant_id", "patient_id"], unique=False)
    op.create_table(
        "allocations",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("share_id", sa.Uuid(), nullable=False),
        sa.Column("encounter_id", sa.Uuid(), nullable=False),
        sa.Column("charge_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("payer_id", sa.Uuid(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("allocate_time", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_allocations_amount")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "payment_id"],
            ["payments.tenant_id", "payments.id"],
            name=op.f("fk_allocations_tenant_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "share_id"], ["shares.tenant_id", "shares.id"], name=op.f("fk_allocations_tenant_id_share_id")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_allocations")),
    )
    op.create_index("ix_allocations_payment", "allocations", ["tenant_id", "payment_id"], unique=False)
    op.create_index("ix_allocations_share", "allocations", ["tenant_id", "share_id"], unique=False)
    op.create_table(
        "entries",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("journal_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("ledger_account", sa.Text(), nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=True),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("payer_id", sa.Uuid(), nullable=True),
        sa.Column("location_id", sa.Uuid(), nullable=True),
        sa.Column("encounter_id", sa.Uuid(), nullable=True),
        sa.Column("charge_id", sa.Uuid(), nullable=True),
        sa.Column("share_id", sa.Uuid(), nullable=True),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(effect IS NULL) = (ledger_account NOT LIKE 'ar\\_%%')", name=op.f("ck_entries_receivable")
        ),
        sa.CheckConstraint(
            "effect IS NULL OR effect IN ('assigned', 'paid', 'adjusted')", name=op.f("ck_entries_effect")
        ),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_entries_amount")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "journal_id"],
            ["journals.tenant_id", "journals.id"],
            name=op.f("fk_entries_tenant_id_journal_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "ledger_account", "currency_code"],
            ["ledger_accounts.tenant_id", "ledger_accounts.code", "ledger_accounts.currency_code"],
            name=op.f("fk_entries_tenant_id_ledger_account_currency_code"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "share_id"], ["shares.tenant_id", "shares.id"], name=op.f("fk_entries_tenant_id_share_id")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "journal_id", "line", name=op.f("pk_entries")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_index("ix_entries_account", "entries", ["tenant_id", "account_id"], unique=False)
    op.create_index("ix_entries_charge", "entries", ["tenant_id", "charge_id"], unique=False)
    op.create_index("ix_entries_payment", "entries", ["tenant_id", "payment_id"], unique=False)
    op.create_index("ix_entries_share", "entries", ["tenant_id", "share_id"], unique=False)
    guard_ledger()
