"""What billing does by the clock: it compares its figures, raises an alarm when they disagree, and tells the sums."""

from __future__ import annotations

import logging

from sqlalchemy.orm import Session

from praxis_billing.usecases import control_totals, reconciliation
from praxis_chassis.jobs import job

log = logging.getLogger(__name__)


@job(every_seconds=3600)
def reconcile(session: Session) -> None:
    """Log every comparison that fails; the line holds codes and ids only."""
    for check in reconciliation.checks(session):
        if not check.passed:
            log.error("reconciliation failed", extra={"check": check.code, "object_ids": list(check.object_ids)})


@job(every_seconds=300)
def take_control_totals(session: Session) -> None:
    control_totals.take(session)
