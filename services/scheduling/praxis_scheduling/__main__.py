"""Run the scheduling service: serve, work, all, migrate, check or settings."""

from praxis_chassis.app import main
from praxis_scheduling.service import service

if __name__ == "__main__":
    main(service)
