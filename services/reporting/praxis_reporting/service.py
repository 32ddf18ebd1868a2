"""What reporting is made of."""

from __future__ import annotations

from pathlib import Path

from praxis.reporting.v1 import errors_pb2
from praxis_chassis.service import Service
from praxis_reporting import reactions
from praxis_reporting.api.report_service import ReportService
from praxis_reporting.store.models import Base

HERE = Path(__file__).parent

service = Service(
    name="reporting",
    package="praxis.reporting.v1",
    servicers=[ReportService()],
    metadata=Base.metadata,
    migrations=HERE / "migrations",
    text=HERE / "text",
    errors=errors_pb2.ErrorReason,
    reactions=reactions,
    projections=[table.name for table in Base.metadata.sorted_tables],
)
