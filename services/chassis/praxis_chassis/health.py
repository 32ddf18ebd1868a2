"""Ask a process of this container whether it is ready, for the healthcheck of its image."""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection, HTTPException

SECONDS = 3.0


def ready(port: int) -> bool:
    """Tell whether what listens at a port of this machine says that it is ready."""
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def main(arguments: list[str]) -> int:
    """Return 0 when the port given, or this process' own probe port, says that it is ready."""
    port = arguments[0] if arguments else os.environ.get("PRAXIS_PROBE_LISTEN", ":0").rpartition(":")[2]
    return 0 if ready(int(port)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
