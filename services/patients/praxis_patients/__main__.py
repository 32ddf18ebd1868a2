"""Start the service: `python -m praxis_patients serve|work|all|migrate|check|settings`."""

from praxis_chassis.app import main
from praxis_patients.service import service

if __name__ == "__main__":
    main(service)
