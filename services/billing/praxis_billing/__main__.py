"""Run billing: serve, work, all, migrate, check, settings or revision."""

from __future__ import annotations

from praxis_billing.service import service
from praxis_chassis.app import main

if __name__ == "__main__":
    main(service)
