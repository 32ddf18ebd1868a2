"""The billing service on one screen."""

from __future__ import annotations

from pathlib import Path

from praxis.billing.v1 import errors_pb2
from praxis_billing import jobs, reactions
from praxis_billing.api.account_service import AccountService
from praxis_billing.api.catalog_service import CatalogService
from praxis_billing.api.encounter_service import EncounterService
from praxis_billing.api.ledger_service import LedgerService
from praxis_billing.api.missed_charge_service import MissedChargeService
from praxis_billing.api.payment_service import PaymentService
from praxis_billing.api.statement_service import StatementService
from praxis_billing.settings import Settings
from praxis_billing.store.models import Base
from praxis_chassis.service import Service

HERE = Path(__file__).parent

service = Service(
    name="billing",
    package="praxis.billing.v1",
    servicers=[
        CatalogService(),
        AccountService(),
        EncounterService(),
        MissedChargeService(),
        PaymentService(),
        StatementService(),
        LedgerService(),
    ],
    metadata=Base.metadata,
    migrations=HERE / "migrations",
    text=HERE / "text",
    errors=errors_pb2.ErrorReason,
    reactions=reactions,
    jobs=jobs,
    settings=Settings,
    constraints={
        "uq_encounters_visit": errors_pb2.ERROR_REASON_VISIT_ALREADY_POSTED,
        "uq_encounters_external_reference": errors_pb2.ERROR_REASON_EXTERNAL_REFERENCE_TAKEN,
        "uq_accounts_party": errors_pb2.ERROR_REASON_ACCOUNT_EXISTS,
        "ck_shares_open": errors_pb2.ERROR_REASON_LEDGER_REFUSED,
        "ck_payments_unapplied": errors_pb2.ERROR_REASON_LEDGER_REFUSED,
        "ledger_balanced": errors_pb2.ERROR_REASON_LEDGER_REFUSED,
        "ledger_append_only": errors_pb2.ERROR_REASON_LEDGER_REFUSED,
    },
)
