"""Start a process of reporting: serve, work, all, migrate, check, settings."""

from praxis_chassis.app import main
from praxis_reporting.service import service

if __name__ == "__main__":
    main(service)
