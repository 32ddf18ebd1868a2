"""Patients who were registered before names could be found from within are found so after the upgrade."""

from __future__ import annotations

from importlib import import_module

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine, text
from support.patients_house import House
from support.platform import Platform

from praxis_chassis.database import driver_url

migration = import_module("praxis_patients.migrations.0010_search")
OPEN = text("ALTER TABLE patient_keys NO FORCE ROW LEVEL SECURITY")
PARTS = text("SELECT value FROM patient_keys WHERE purpose = 'within' AND tenant_id = :tenant ORDER BY value")


def test_the_upgrade_writes_what_registering_writes(house: House, platform: Platform) -> None:
    owner = house.party("Stone-Wall", "Benedict")
    house.human("Müller y Vandenberg", "Anna", "Ng")
    house.human("X" * 60, "Eve")
    house.animal("Bella", (owner, 10_000))
    engine = create_engine(driver_url(platform.databases["patients"].owner))
    with engine.connect() as connection, Operations.context(MigrationContext.configure(connection)):

        def parts() -> list[str]:
            connection.execute(OPEN)
            return list(connection.scalars(PARTS, {"tenant": house.tenant.id}))

        written = parts()
        migration.downgrade()
        assert parts() == []
        migration.upgrade()
        assert parts() == written
        assert {"ller", "denberg", "one", "all", "ella"} <= set(written)
        connection.rollback()
    engine.dispose()
