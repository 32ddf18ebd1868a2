"""Identity on one screen: what it is made of."""

from __future__ import annotations

from pathlib import Path

from praxis.identity.v1 import errors_pb2
from praxis_chassis.service import Service
from praxis_gateway.identity.api.access_service import AccessService
from praxis_gateway.identity.api.api_key_service import ApiKeyService
from praxis_gateway.identity.api.clock_service import ClockService
from praxis_gateway.identity.api.role_service import RoleService
from praxis_gateway.identity.api.session_service import SessionService
from praxis_gateway.identity.api.tenant_service import TenantService
from praxis_gateway.identity.api.user_service import UserService
from praxis_gateway.identity.store.models import Base
from praxis_gateway.settings import Settings

HERE = Path(__file__).parent

service = Service(
    name="identity",
    package="praxis.identity.v1",
    servicers=[
        TenantService(),
        UserService(),
        RoleService(),
        SessionService(),
        ApiKeyService(),
        ClockService(),
        AccessService(),
    ],
    metadata=Base.metadata,
    migrations=HERE / "migrations",
    text=HERE / "text",
    errors=errors_pb2.ErrorReason,
    settings=Settings,
    constraints={"roles_name_key": errors_pb2.ERROR_REASON_ROLE_NAME_TAKEN},
)
