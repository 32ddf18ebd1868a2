"""What billing does by the clock: it compares its figures and raises an alarm when they disagree."""

from __future__ import annotations

import logging

from sqlalchemy.orm import Session

from praxis_billing.usecases import reconciliation
from praxis_chassis.jobs import job

log = logging.getLogger(__name__)


@job(every_seconds=3600)
def reconcile(session: Session) -> None:
    """Log every comparison that fails; the line holds codes and ids only."""
    for check in reconciliation.checks(session):
        if not check.passed:
            log.error("reconciliation failed", extra={"check": check.code, "object_ids": list(check.object_ids)})
