"""How Alembic runs inside a service: one connection, one transaction, the service's and the chassis' tables."""

from typing import Any

from alembic import context
from sqlalchemy import create_engine, pool

config = context.config


def ours(_object: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
    """Tell whether Alembic looks at an object: all but its own table."""
    return not (kind == "table" and reflected and name == "alembic_version")


engine = create_engine(config.get_main_option("sqlalchemy.url") or "", poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=config.attributes["metadata"],
        include_object=ours,
        user_module_prefix="praxis_types.",
        render_item=config.attributes.get("render_item"),
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
