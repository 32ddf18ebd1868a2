"""Two of the people facts are about turn out to be one: facts go over to the survivor, and back when that was wrong.

Triggers on every column that is marked `info={"patient": True}` do it, so that neither a late event nor a table that
was added later can keep a fact with somebody who was absorbed, and of every row that went over it is remembered whose
it was. Columns stay as they are where the id is the row's own (in its primary key), where it is one of a list, where
rows are never changed, and where the mark says `KEPT`, because the owner tells changes by events of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Table, Uuid, delete, false, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from praxis_chassis import tables
from praxis_chassis.context import context_of
from praxis_chassis.database import Aggregate

KEPT = {"patient": "kept"}  # a column that names a patient and that a merge leaves alone
# A column of a projection: whose a fact is was said by its first event. A later one may know of merges that are not
# known here yet, or not any more, so it changes nothing; merges do.
FIXED = {"patient": True, "fixed": True}

Belonging = tuple[Any, Any, Any]  # a mapped class, its column that names what it belongs to, and that one's key
UNSEEN = {"synchronize_session": False}
# Where two rows of two people would collide once they were one person's, the absorbed one's stays as it is.
COLLISIONS = {"23505", "23P01"}

CURRENT = """
CREATE OR REPLACE FUNCTION current_patient(asked uuid) RETURNS uuid LANGUAGE sql STABLE AS $body$
    WITH RECURSIVE chain (id, depth) AS (
        SELECT asked, 0
        UNION ALL
        SELECT merges.survivor_id, chain.depth + 1 FROM chain
        JOIN merges ON merges.absorbed_id = chain.id AND NOT merges.reversed WHERE chain.depth < 20
    ) SELECT id FROM chain ORDER BY depth DESC LIMIT 1
$body$
"""
EVER = """
CREATE OR REPLACE FUNCTION patients_ever(asked uuid) RETURNS SETOF uuid LANGUAGE sql STABLE AS $body$
    WITH RECURSIVE kin (id) AS (
        SELECT asked
        UNION
        SELECT CASE WHEN merges.absorbed_id = kin.id THEN merges.survivor_id ELSE merges.absorbed_id END
        FROM kin JOIN merges ON kin.id IN (merges.absorbed_id, merges.survivor_id)
    ) SELECT id FROM kin
$body$
"""
WITHIN = """
CREATE OR REPLACE FUNCTION patients_within(asked uuid) RETURNS SETOF uuid LANGUAGE sql STABLE AS $body$
    WITH RECURSIVE chain (id) AS (
        SELECT current_patient(asked)
        UNION
        SELECT merges.absorbed_id FROM chain JOIN merges ON merges.survivor_id = chain.id AND NOT merges.reversed
    ) SELECT id FROM chain
$body$
"""
# Whose a fact was said to be first, and the merges that hold, tell whose it is: so the order in which merges, reversals
# and facts are heard of does not matter. An update among people who were ever merged changes nothing, because it may
# come from before a merge or from within one.
FOLLOW = """
CREATE OR REPLACE FUNCTION follow_merges() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    fresh jsonb;
    said uuid;
    now uuid;
    known uuid;
    key text := '';
    same text := '';
    there boolean;
BEGIN
    IF NOT EXISTS (SELECT FROM merges WHERE tenant_id = NEW.tenant_id)
    OR coalesce(current_setting('app.merging', true), '') = 'on' THEN
        RETURN NEW;
    END IF;
    fresh := to_jsonb(NEW);
    said := (fresh ->> TG_ARGV[0])::uuid;
    FOR place IN 1 .. TG_NARGS - 1 LOOP
        key := key || CASE WHEN place > 1 THEN '|' ELSE '' END || (fresh ->> TG_ARGV[place]);
        same := same || format(' AND %I = %L', TG_ARGV[place], fresh ->> TG_ARGV[place]);
    END LOOP;
    IF TG_OP = 'UPDATE' THEN
        known := (to_jsonb(OLD) ->> TG_ARGV[0])::uuid;
        there := known = said OR said IN (SELECT patients_ever(known));
        now := CASE WHEN there THEN known ELSE current_patient(said) END;
    ELSE
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE tenant_id = $1%s)', TG_TABLE_NAME, same)
        INTO there USING NEW.tenant_id;
        now := current_patient(said);
    END IF;
    IF NOT there THEN
        DELETE FROM moves WHERE tenant_id = NEW.tenant_id
        AND table_name = TG_TABLE_NAME AND column_name = TG_ARGV[0] AND row_key = key;
        INSERT INTO moves (tenant_id, table_name, column_name, row_key, origin_id)
        SELECT NEW.tenant_id, TG_TABLE_NAME, TG_ARGV[0], key, said WHERE now <> said;
    END IF;
    IF now <> said THEN
        NEW := jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[0], now));
    END IF;
    RETURN NEW;
END
$body$
"""
FIX = """
CREATE OR REPLACE FUNCTION fix_patient() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF coalesce(current_setting('app.merging', true), '') <> 'on' THEN
        NEW := jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[0], to_jsonb(OLD) -> TG_ARGV[0]));
    END IF;
    RETURN NEW;
END
$body$
"""


class Base(DeclarativeBase):
    metadata = tables.METADATA


class Merge(Aggregate, Base):
    """That one patient is another, as far as this service has heard; the id is the merge's own."""

    __tablename__ = "merges"
    __table_args__ = (
        Index("ix_merges_absorbed", "tenant_id", "absorbed_id"),
        Index("ix_merges_survivor", "tenant_id", "survivor_id"),
    )

    absorbed_id: Mapped[UUID] = mapped_column(info=KEPT)
    survivor_id: Mapped[UUID] = mapped_column(info=KEPT)
    reversed: Mapped[bool] = mapped_column(default=False, server_default=false())


def moved_columns(owned: Iterable[Table]) -> list[tuple[Table, str]]:
    """Return the columns whose rows go over to the survivor."""
    return [(table, each.name) for table in owned for each in table.columns if _moves(table, each)]


def _moves(table: Table, column: Any) -> bool:
    if column.info.get("patient") is not True or column.primary_key or isinstance(column.type, ARRAY):
        return False
    grants = str(table.info.get("grants") or "UPDATE")
    return table.metadata is not tables.METADATA and "UPDATE" in grants and isinstance(column.type, Uuid)


def triggers(owned: Iterable[Table]) -> list[list[str]]:
    """Return what puts the triggers on every column whose rows go over, one list a column, after the functions."""
    return [[CURRENT, EVER, WITHIN, FOLLOW, FIX], *(_triggers(table, column) for table, column in moved_columns(owned))]


def _triggers(table: Table, column: str) -> list[str]:
    arguments = ", ".join(f"'{name}'" for name in (column, *_key_of(table)))
    follow = f"WHEN (NEW.{column} IS NOT NULL) EXECUTE FUNCTION follow_merges({arguments})"
    statements = [_trigger(table, f"follow_merges_{column}", f"INSERT OR UPDATE OF {column}", follow)]
    if table.c[column].info.get("fixed"):  # by its name it comes before the other
        fix = f"WHEN (OLD.{column} <> NEW.{column}) EXECUTE FUNCTION fix_patient('{column}')"
        statements.append(_trigger(table, f"fix_patient_{column}", f"UPDATE OF {column}", fix))
    return statements


def _trigger(table: Table, name: str, moment: str, action: str) -> str:
    return f"CREATE OR REPLACE TRIGGER {name} BEFORE {moment} ON {table.name} FOR EACH ROW {action}"


def current(session: Session, patient_id: UUID) -> UUID:
    """Return who a patient is now: the survivor of his merges, or himself."""
    found: UUID = session.execute(select(now_of(patient_id))).scalar_one()
    return found


def now_of(patient_id: UUID | str) -> Any:
    """Return the same as an expression, for conditions of a query."""
    return func.current_patient(UUID(str(patient_id)), type_=Uuid)


def all_within(patient_id: UUID | str) -> Any:
    """Return a patient as he is now and everybody whom he absorbed, as a query."""
    return select(func.patients_within(UUID(str(patient_id)), type_=Uuid))


def unite(session: Session, merge_id: UUID, absorbed_id: UUID, survivor_id: UUID) -> tuple[Merge, int]:
    """Give the facts about the absorbed patient to the survivor; return the merge and the number of rows."""
    merge = Merge(id=merge_id, absorbed_id=absorbed_id, survivor_id=survivor_id)
    session.add(merge)
    return merge, _settle(session, merge)


def part(session: Session, merge_id: UUID, belongings: Iterable[Belonging] = ()) -> tuple[Merge, int]:
    """Give back to the absorbed patient what went over; return the merge and the number of rows.

    `belongings` are rows that go with another row, such as the adjustments of an encounter: what was added to the
    absorbed patient's since the merge becomes his with it.
    """
    merge = session.get_one(Merge, (context_of(session).tenant, merge_id), with_for_update=True)
    merge.reversed = True
    return merge, _settle(session, merge, belongings)


def _settle(session: Session, merge: Merge, belongings: Iterable[Belonging] = ()) -> int:
    """Give every fact about the two, and about whoever was ever merged with them, to whom it belongs now."""
    session.flush()
    kin = list(session.scalars(select(func.patients_ever(merge.absorbed_id, type_=Uuid))))
    session.execute(text("SELECT set_config('app.merging', 'on', true)"))
    owned = context_of(session).runtime.service.metadata.sorted_tables
    moved = sum(_settle_column(session, table, column, kin) for table, column in moved_columns(owned))
    moved += sum(_give_along(session, belonging, merge) for belonging in belongings)
    session.execute(text("SELECT set_config('app.merging', '', true)"))
    session.expire_all()
    return moved


def _settle_column(session: Session, table: Table, column: str, kin: Sequence[UUID]) -> int:
    """Remember whose each row was said to be, move those that are another's now, and forget what is as it was said."""
    moves, whose = tables.moves, table.c[column]
    key = func.concat_ws("|", *(table.c[name] for name in _key_of(table)))
    said = [moves.c.table_name == table.name, moves.c.column_name == column, moves.c.row_key == key]
    here = [literal(table.name), literal(column)]
    origins = select(table.c.tenant_id, *here, key, whose).where(whose.in_(kin))
    names = ["tenant_id", "table_name", "column_name", "row_key", "origin_id"]
    session.execute(upsert(moves).from_select(names, origins).on_conflict_do_nothing())
    now = func.current_patient(moves.c.origin_id, type_=Uuid)
    moved = _moved(session, table, table.update().where(whose.in_(kin), *said, whose != now).values({column: now}))
    session.execute(delete(moves).where(whose.in_(kin), *said, moves.c.origin_id == whose))
    return moved


def _moved(session: Session, table: Table, statement: Any) -> int:
    """Move rows; when some collide, try them one by one, and leave those that must stay."""
    if (count := _tried(session, statement)) is not None:
        return count
    keys = [table.c[name] for name in _key_of(table)]
    rows = session.execute(select(*keys, tables.moves.c.row_key).where(*statement.whereclause.clauses)).all()
    each = (statement.where(*(key == value for key, value in zip(keys, row[:-1], strict=True))) for row in rows)
    return sum(_tried(session, one) or 0 for one in each)


def _tried(session: Session, statement: Any) -> int | None:
    try:
        with session.begin_nested():
            return int(session.execute(statement).rowcount)  # type: ignore[attr-defined]
    except IntegrityError as failure:
        if getattr(failure.orig, "sqlstate", "") not in COLLISIONS:
            raise
        return None


def _give_along(session: Session, belonging: Belonging, merge: Merge) -> int:
    entity, reference, key = belonging
    theirs = select(key).where(key.class_.patient_id == merge.absorbed_id)
    mine = entity.patient_id.in_({merge.survivor_id, current(session, merge.survivor_id)})
    given = update(entity).where(mine, reference.in_(theirs)).values(patient_id=merge.absorbed_id)
    return int(session.execute(given, execution_options=UNSEEN).rowcount)  # type: ignore[attr-defined]


def _key_of(table: Table) -> list[str]:
    return [each.name for each in table.primary_key.columns if each.name != "tenant_id"]
