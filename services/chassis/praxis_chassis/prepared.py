"""Statements that are compiled once and go to the driver as they are: for what every call sends, and for hot reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from opentelemetry.trace import SpanKind
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.sql.base import Executable

from praxis_chassis import telemetry

DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call] # SQLAlchemy has no types here
Reader = Callable[[Any], Any]


class Prepared:
    """One statement; a call costs a third of what compiling, caching and wrapping it anew would cost."""

    def __init__(self, statement: Executable, title: str) -> None:
        compiled: Any = statement.compile(dialect=DIALECT)  # type: ignore[attr-defined] # all statements have it
        self.text, self.title = str(compiled), title
        self.facts = {"db.system.name": "postgresql", "db.query.text": self.text}
        binds = {name: bind.type.dialect_impl(DIALECT) for bind, name in compiled.bind_names.items()}
        writers = {name: kind.bind_processor(DIALECT) for name, kind in binds.items()}
        self.writers: dict[str, Reader] = {name: writer for name, writer in writers.items() if writer}
        self.constants = {name: value for name, value in compiled.params.items() if value is not None}
        columns = statement.selected_columns if isinstance(statement, Select) else ()
        readers = [column.type.dialect_impl(DIALECT).result_processor(DIALECT, None) for column in columns]
        self.readers = [(place, reader) for place, reader in enumerate(readers) if reader]

    def rows(self, session: Session, **values: Any) -> list[Any]:
        """Return all rows as tuples, or lists where a column needed reading."""
        found = self._send(session, values).fetchall()
        return [self._read(row) for row in found] if self.readers else found

    def run(self, session: Session, **values: Any) -> None:
        """Send a statement that returns nothing."""
        self._send(session, values)

    def _send(self, session: Session, values: dict[str, Any]) -> psycopg.Cursor[Any]:
        driver: Any = session.info["driver"]
        values = {**self.constants, **values}
        for name, writer in self.writers.items():
            values[name] = writer(values[name])
        with telemetry.span(self.title, SpanKind.CLIENT, **self.facts):
            try:
                return driver.execute(self.text, values)  # type: ignore[no-any-return]
            except psycopg.Error as failure:
                raise DBAPIError.instance(
                    self.text, None, failure, psycopg.Error, hide_parameters=True, dialect=DIALECT
                ) from failure

    def _read(self, row: tuple[Any, ...]) -> list[Any]:
        values = list(row)
        for place, reader in self.readers:
            values[place] = reader(values[place])
        return values
