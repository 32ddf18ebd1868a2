"""What containers need before they start: secrets, each part's in a folder of its own, and databases with roles."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from praxis_chassis.keys import make_keys_file
from praxis_chassis.tokens import make_key_pair
from praxis_local.provision import ROLES, provision
from praxis_local.topology import GATEWAY, SERVICES

PARTS = (*SERVICES, GATEWAY)
# What a service may say to NATS: publish its own events, keep its own stream, read others by its own consumer.
PERMISSIONS = """\
    {{ user: "{name}", password: "{password}", permissions: {{
        publish: [
            "praxis.{name}.>", "$JS.API.INFO", "$JS.API.STREAM.INFO.*",
            "$JS.API.STREAM.CREATE.{stream}", "$JS.API.STREAM.UPDATE.{stream}", "$JS.API.STREAM.MSG.DELETE.{stream}",
            "$JS.API.STREAM.MSG.GET.{stream}",
            "$JS.API.CONSUMER.INFO.*.{name}", "$JS.API.CONSUMER.DURABLE.CREATE.*.{name}",
            "$JS.API.CONSUMER.CREATE.*.{name}", "$JS.API.CONSUMER.CREATE.*.{name}.>",
            "$JS.API.CONSUMER.MSG.NEXT.*.{name}", "$JS.ACK.*.{name}.>"
        ]
        subscribe: ["_INBOX_{name}.>"]
    }} }}
"""


def prepare_secrets(folder: Path, nats_server: str) -> None:
    """Make every secret that is missing; what exists is left alone, so that it may run before each start."""
    gateway = folder / GATEWAY
    for part in PARTS:
        (folder / part).mkdir(parents=True, exist_ok=True)
        _keep(folder / f"{part}-database" / "password", secrets.token_urlsafe(24), mode=0o644)
    make_key_pair(gateway / "token-private.pem", gateway / "token-public.pem")
    make_keys_file(gateway / "keys.json")
    for part in SERVICES:
        # A service signs for itself what it reads out of the others' logs; its certificate lets it be nobody else.
        for name in ("token-private.pem", "token-public.pem", "keys.json"):
            if not (folder / part / name).exists():
                shutil.copy2(gateway / name, folder / part / name)
    _nats_users(folder, nats_server)


def _nats_users(folder: Path, server: str) -> None:
    users = []
    for part in PARTS:
        name = database_of(part)
        password = _keep(folder / part / "nats-password", secrets.token_hex(24))
        _keep(folder / part / "nats-url", f"nats://{name}:{password}@{server}")
        users.append(PERMISSIONS.format(name=name, password=password, stream=f"PRAXIS_{name.upper()}"))
    text = "authorization {\n  users: [\n" + "".join(users) + "  ]\n}\n"
    _write(folder / "nats" / "users.conf", text, 0o644)


def provision_database(part: str, folder: Path, server: str) -> None:
    """Make the database, roles and extensions of a part, and write the addresses that its processes read."""
    name = database_of(part)
    password = (folder / f"{part}-database" / "password").read_text()
    admin_url = f"postgresql://postgres:{password}@{server}/postgres"
    urls = provision(admin_url, [name], folder / part / "database-passwords.json")[name]
    for role in ROLES:
        _write(folder / part / f"database-{role}-url", getattr(urls, role), 0o600)


def database_of(part: str) -> str:
    """Return the name of a part's database, which is also its name on the bus."""
    return "identity" if part == GATEWAY else part


def _keep(path: Path, value: str, mode: int = 0o600) -> str:
    """Return what a file holds, after writing the value to it when there is none."""
    if not path.exists():
        _write(path, value, mode)
    return path.read_text()


def _write(path: Path, value: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".tmp")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(value)
    beside.replace(path)
