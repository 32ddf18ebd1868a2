"""Make the databases of the services, their roles and extensions on any PostgreSQL server."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg.sql import SQL, Identifier, Literal

DATABASES = ("patients", "scheduling", "billing", "claims", "reporting", "identity")
EXTENSIONS = ("btree_gist", "pg_trgm", "unaccent", "citext")
ROLES = ("owner", "app", "relay")


@dataclass(frozen=True)
class DatabaseUrls:
    """The addresses of one database: `owner` migrates, `app` serves, `relay` publishes and works."""

    owner: str
    app: str
    relay: str


def provision(admin_url: str, databases: Iterable[str], passwords_file: Path) -> dict[str, DatabaseUrls]:
    """Create what is missing and return every database's addresses; running it again changes nothing."""
    names = list(databases)
    passwords = _read_passwords(passwords_file)
    with psycopg.connect(admin_url, autocommit=True) as admin:
        roles = {row[0] for row in admin.execute("SELECT rolname FROM pg_roles")}
        existing = {row[0] for row in admin.execute("SELECT datname FROM pg_database")}
        for role in (f"{name}_{kind}" for name in names for kind in ROLES):
            _ensure_role(admin, role, passwords, exists=role in roles)
        _write_passwords(passwords_file, passwords)
        for name in names:
            if name not in existing:
                _create_database(admin, name)
    for name in names:
        _equip(database_url(admin_url, name), name)
    return {
        name: DatabaseUrls(
            *(database_url(admin_url, name, f"{name}_{kind}", passwords[f"{name}_{kind}"]) for kind in ROLES)
        )
        for name in names
    }


def database_url(admin_url: str, database: str, user: str = "", password: str = "") -> str:
    """Return the admin address turned to another database and, when named, another user."""
    parts = urlsplit(admin_url)
    location = parts.netloc
    if user:
        location = f"{quote(user)}:{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}"
    return urlunsplit((parts.scheme, location, f"/{database}", parts.query, ""))


def _ensure_role(admin: psycopg.Connection, role: str, passwords: dict[str, str], *, exists: bool) -> None:
    if exists and role in passwords:
        return
    password = passwords.setdefault(role, secrets.token_urlsafe(24))
    verb = SQL("ALTER") if exists else SQL("CREATE")
    admin.execute(
        SQL("{} ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD {}").format(
            verb, Identifier(role), Literal(password)
        )
    )


def _create_database(admin: psycopg.Connection, name: str) -> None:
    # A managed server's admin may only give a database to a role it belongs to.
    admin.execute(SQL("GRANT {} TO CURRENT_USER").format(Identifier(f"{name}_owner")))
    admin.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(name), Identifier(f"{name}_owner")))


def _equip(url: str, name: str) -> None:
    """Set grants and extensions; the grants on tables come with the service's migrations."""
    owner, app, relay = (Identifier(f"{name}_{kind}") for kind in ROLES)
    with psycopg.connect(url) as connection:
        present = {row[0] for row in connection.execute("SELECT extname FROM pg_extension")}
        if present.issuperset(EXTENSIONS):
            return
        for extension in EXTENSIONS:
            connection.execute(SQL("CREATE EXTENSION IF NOT EXISTS {}").format(Identifier(extension)))
        connection.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(Identifier(name)))
        connection.execute(SQL("GRANT CONNECT ON DATABASE {} TO {}, {}").format(Identifier(name), app, relay))
        connection.execute(SQL("ALTER SCHEMA public OWNER TO {}").format(owner))
        connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        connection.execute(SQL("GRANT USAGE ON SCHEMA public TO {}, {}").format(app, relay))


def _read_passwords(path: Path) -> dict[str, str]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _write_passwords(path: Path, passwords: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(passwords, file, indent=1)
