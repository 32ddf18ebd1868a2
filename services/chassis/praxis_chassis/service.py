"""What a service is made of, on one screen, and what its processes share while they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

from sqlalchemy import MetaData
from sqlalchemy.orm import Session

from praxis_chassis.database import Database
from praxis_chassis.events import Reactions
from praxis_chassis.files import FolderStore, ObjectStore
from praxis_chassis.jobs import Job, jobs_of
from praxis_chassis.keys import FileKeys, KeyRing
from praxis_chassis.machine import MACHINE
from praxis_chassis.settings import Settings
from praxis_chassis.tables import METADATA
from praxis_chassis.texts import Catalog
from praxis_chassis.tls import Certificates, certificates_of
from praxis_chassis.tokens import Verifier


@dataclass(frozen=True, kw_only=True)
class Service:
    """The composition of one service; `constraints` names the reason of a broken database constraint."""

    name: str
    package: str
    servicers: Sequence[Any]
    metadata: MetaData
    migrations: Path
    text: Path
    errors: Any = None
    reactions: ModuleType | None = None
    jobs: ModuleType | None = None
    settings: type[Settings] = Settings
    constraints: Mapping[str, int] = field(default_factory=dict)
    projections: Sequence[str] = ()
    # Erases a person whom this service owns once more, after a restore to a time before the erasure.
    erase: Callable[[Session, UUID], None] | None = None

    @cached_property
    def reaction_table(self) -> Reactions:
        """The service's reactions by event type."""
        return Reactions(self.reactions, self.name)

    @cached_property
    def merge_manifest(self) -> dict[str, list[str]]:
        """The columns that name patients, by table: what has to be looked at when two patients become one."""
        owned = [*METADATA.tables.values(), *self.metadata.tables.values()]
        marked = {table.name: [each.name for each in table.columns if each.info.get("patient")] for table in owned}
        return {name: columns for name, columns in marked.items() if columns}

    @cached_property
    def job_list(self) -> list[Job]:
        """The service's jobs."""
        return jobs_of(self.jobs)


class Runtime:
    """The open resources of one process of a service."""

    def __init__(self, service: Service, settings: Settings, *, verbose: bool = False) -> None:
        self.service, self.settings, self.verbose = service, settings, verbose
        MACHINE.skew_seconds = settings.clock_skew_seconds
        self.catalog = Catalog(service.text)

    @cached_property
    def database(self) -> Database:
        """The pool of the app role: one connection per thread."""
        return Database(self.settings.database_url, size=self.settings.threads)

    @cached_property
    def relay_database(self) -> Database:
        """The small pool of the relay role."""
        return Database(self.settings.database_relay_url, size=2)

    @cached_property
    def keys(self) -> KeyRing:
        """The keys of the installation."""
        return KeyRing(FileKeys(Path(self.settings.keys_file)))

    @cached_property
    def objects(self) -> ObjectStore:
        """Where files are kept."""
        return FolderStore(Path(self.settings.files_dir))

    @cached_property
    def verifier(self) -> Verifier:
        """Checks the gateway's tokens."""
        return Verifier(Path(self.settings.token_public_key_file).read_bytes())

    @cached_property
    def certificates(self) -> Certificates | None:
        """Who this process is to others; nothing where encryption was switched off."""
        return certificates_of(self.settings, self.service.name)

    def close(self) -> None:
        """Give connections back."""
        for name in ("database", "relay_database"):
            if name in self.__dict__:
                self.__dict__[name].close()
