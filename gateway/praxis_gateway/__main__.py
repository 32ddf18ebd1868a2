"""The gateway's commands: serve, openapi and setup-token of its own; work, migrate and the rest as in a service.

What only one command needs, such as the web server, is loaded by it: the others start half a second earlier.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from praxis_chassis.app import main as run
from praxis_chassis.context import Actor, Context
from praxis_chassis.service import Runtime
from praxis_chassis.settings import SettingsError
from praxis_gateway.identity.service import service
from praxis_gateway.identity.usecases import tenants
from praxis_gateway.settings import Settings


def describe() -> None:
    """Print the OpenAPI description, as the golden file holds it."""
    import orjson

    from praxis_gateway import contracts, openapi

    pretty = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    sys.stdout.buffer.write(orjson.dumps(openapi.document(contracts.load()), option=pretty))


def answer_calls() -> None:
    """Serve until told to stop."""
    from praxis_gateway.server import serve

    serve(Settings.from_environment())


def setup_token() -> None:
    """Print a new token that creates one practice, or as many as a number says, a line each."""
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    runtime = Runtime(service, Settings.from_environment())
    with runtime.database.transaction(Context(None, Actor("system", "setup"), runtime)) as session:
        tokens = [tenants.add_setup_token(session) for _ in range(count)]
    runtime.close()
    print("\n".join(tokens))


def main() -> None:
    """Run the command that was named; those of every service come from the chassis."""
    own: dict[str, Callable[[], None]] = {
        "openapi": describe,
        "setup-token": setup_token,
        "serve": answer_calls,
    }
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        if command in own:
            own[command]()
        elif command == "all":
            sys.exit("gateway: run `serve` and `work` as two processes")
        else:
            run(service)
    except SettingsError as failure:
        sys.exit(f"gateway: {failure}")


if __name__ == "__main__":
    main()
