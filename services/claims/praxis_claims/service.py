"""The claims service on one screen."""

from __future__ import annotations

from pathlib import Path

from praxis.claims.v1 import errors_pb2
from praxis_chassis.service import Service
from praxis_claims import jobs, reactions
from praxis_claims.api.authorization_service import AuthorizationService
from praxis_claims.api.claim_service import ClaimService
from praxis_claims.api.code_service import CodeService
from praxis_claims.api.payer_service import PayerService
from praxis_claims.api.remittance_service import RemittanceService
from praxis_claims.api.submission_service import SubmissionService
from praxis_claims.settings import Settings
from praxis_claims.store.models import Base

HERE = Path(__file__).parent

service = Service(
    name="claims",
    package="praxis.claims.v1",
    servicers=[
        PayerService(),
        CodeService(),
        ClaimService(),
        SubmissionService(),
        RemittanceService(),
        AuthorizationService(),
    ],
    reactions=reactions,
    jobs=jobs,
    errors=errors_pb2.ErrorReason,
    metadata=Base.metadata,
    migrations=HERE / "migrations",
    text=HERE / "text",
    settings=Settings,
    constraints={
        "uq_authorizations_number": errors_pb2.ERROR_REASON_AUTHORIZATION_NUMBER_TAKEN,
        "uq_payers_name": errors_pb2.ERROR_REASON_PAYER_NAME_TAKEN,
        "uq_payers_electronic_id": errors_pb2.ERROR_REASON_PAYER_ELECTRONIC_ID_TAKEN,
    },
)
