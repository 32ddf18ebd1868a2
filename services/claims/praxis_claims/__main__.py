"""Starts a process of claims: serve, work, all, migrate, check or settings."""

from __future__ import annotations

from praxis_chassis.app import main
from praxis_claims.service import service

if __name__ == "__main__":
    main(service)
