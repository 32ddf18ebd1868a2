"""What must hold for every service: guarded tables, policies, texts, a merge manifest, models as the database."""

from __future__ import annotations

import contextlib
import importlib
import importlib.resources
import json
import re
import string
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from google.protobuf import descriptor_pool, empty_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from sqlalchemy import BigInteger, Integer, String, Text, Uuid, create_engine, text
from sqlalchemy.dialects.postgresql import ARRAY
from support.front_door import KEEPERS, SERVICES, FrontDoor

from praxis.policy.v1 import policy_pb2
from praxis.type.v1.errors_pb2 import CommonErrorReason
from praxis_chassis import app, merging, migrations
from praxis_chassis.boundary import PolicyMissing, methods_of
from praxis_chassis.errors import reason_name
from praxis_chassis.rpc import Call, query
from praxis_chassis.service import Runtime
from praxis_chassis.tables import METADATA
from praxis_chassis.texts import OWN
from praxis_gateway import contracts

PATIENT_COLUMN = re.compile(r"(.*_)?(patient|subject|survivor)_ids?")
# Each takes a tenth or more of the time that a process needs to start, and only some commands or calls need it.
HEAVY = ["alembic", "mako", "pygments", "aiohttp", "xlsxwriter", "typst", "pyx12", "pytest", "opentelemetry.sdk"]
CLAUSE = re.compile(r"[.?!;:](?= |$)")
# Tables without a tenant, each for a reason that stands at its declaration.
GUARDED = text(
    """
    SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
           coalesce(array_agg(p.polname::text) FILTER (WHERE p.polname IS NOT NULL), '{}') AS policies,
           pg_get_userbyid(c.relowner) AS owner
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_policy p ON p.polrelid = c.oid
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') GROUP BY c.oid
    """
)

COLUMNS = text("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'")
TRIGGERS = text(
    "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
    " WHERE NOT t.tgisinternal AND t.tgname LIKE 'follow_merges_%'"
)


@pytest.fixture
def runtime(front_door: FrontDoor, name: str) -> Runtime:
    return front_door.runtimes[name]


def service_of(name: str) -> Any:
    package = "praxis_gateway.identity" if name == "identity" else f"praxis_{name}"
    return importlib.import_module(f"{package}.service").service


def tables_of(service: Any) -> dict[str, Any]:
    return {**METADATA.tables, **service.metadata.tables}


@pytest.mark.parametrize("name", KEEPERS)
def test_every_tenant_table_is_guarded_and_owned_by_the_owner(runtime: Runtime, name: str) -> None:
    open_tables = {table.name for table in tables_of(runtime.service).values() if table.info.get("global")}
    engine = create_engine(migrations.driver_url(runtime.settings.database_owner_url))
    with engine.connect() as connection:
        rows = connection.execute(GUARDED).all()
    engine.dispose()
    assert {row.relname for row in rows} == set(tables_of(runtime.service)) | {"alembic_version"}
    for row in rows:
        assert row.owner == f"{name}_owner"
        if row.relname not in open_tables | {"alembic_version"}:
            assert row.relrowsecurity, row.relname
            assert row.relforcerowsecurity, row.relname
            assert "tenant" in row.policies, row.relname


@pytest.mark.parametrize("name", KEEPERS)
def test_no_view_or_function_sees_more_than_its_caller(runtime: Runtime, name: str) -> None:
    engine = create_engine(migrations.driver_url(runtime.settings.database_owner_url))
    with engine.connect() as connection:
        views = connection.execute(
            text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')")
        ).scalars()
        definers = connection.execute(
            text(
                "SELECT proname FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND prosecdef"
                " AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
            )
        ).scalars()
        assert list(views) == []
        assert list(definers) == []
    engine.dispose()


@pytest.mark.parametrize("name", KEEPERS)
def test_primary_keys_and_unique_indexes_lead_with_the_tenant(runtime: Runtime, name: str) -> None:
    for table in tables_of(runtime.service).values():
        if table.info.get("global"):
            continue
        assert next(iter(table.primary_key.columns)).name == "tenant_id", table.name
        for index in table.indexes:
            if index.unique and index.name != "ix_events_position":
                assert next(iter(index.columns)).name == "tenant_id", index.name
        for key in table.foreign_key_constraints:
            assert next(iter(key.columns)).name == "tenant_id", key.name


@pytest.mark.parametrize("name", KEEPERS)
def test_models_and_database_agree(runtime: Runtime, name: str) -> None:
    assert app.check(runtime) == 0


@pytest.mark.parametrize("name", KEEPERS)
def test_the_levels_that_readiness_compares_are_those_of_alembic(runtime: Runtime, name: str) -> None:
    engine = create_engine(migrations.driver_url(runtime.settings.database_owner_url))
    with engine.connect() as connection:
        assert migrations.current(connection) == set(MigrationContext.configure(connection).get_current_heads())
        connection.execute(text("ALTER TABLE alembic_version RENAME TO not_there"))
        assert migrations.current(connection) == set()
        connection.rollback()
    engine.dispose()


@pytest.mark.parametrize("name", KEEPERS)
def test_the_newest_revisions_are_those_of_alembic(name: str) -> None:
    scripts = service_of(name).migrations
    places = [str(migrations.OWN), str(scripts)]
    known = ScriptDirectory(str(migrations.ENVIRONMENT), version_locations=places)
    assert migrations.heads(scripts) == set(known.get_heads())


def test_no_process_loads_at_its_start_what_it_may_never_need() -> None:
    parts = [f"praxis_{name}.__main__" for name in (*SERVICES, "gateway")]
    program = f"import sys, praxis_chassis.messaging, {', '.join(parts)}; print(*set(sys.modules) & set({HEAVY}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", KEEPERS)
def test_columns_that_hold_a_patient_are_in_the_merge_manifest(runtime: Runtime, name: str) -> None:
    service = runtime.service
    manifest = service.merge_manifest
    for table in tables_of(service).values():
        named = {each.name for each in table.columns if PATIENT_COLUMN.fullmatch(each.name)}
        assert named <= set(manifest.get(table.name, ())), table.name
        # A copy is itself named by the patient's id, whatever the column is called; the owner's row is the patient.
        if "survivor_id" in named and table.name not in {"merges", "patient_merges"} and name != "patients":
            assert set(manifest[table.name]) & {each.name for each in table.primary_key}, table.name


@pytest.mark.parametrize("name", KEEPERS)
def test_columns_that_hold_a_patient_follow_merges_or_are_said_to_be_kept(runtime: Runtime, name: str) -> None:
    """In the database itself: whatever is a patient's id has the trigger, or a reason to stay with the absorbed one."""
    moved = {(table.name, column) for table, column in merging.moved_columns(tables_of(runtime.service).values())}
    engine = create_engine(migrations.driver_url(runtime.settings.database_owner_url))
    with engine.connect() as connection:
        columns = connection.execute(COLUMNS).all()
        triggers = {(row.relname, row.tgname.removeprefix("follow_merges_")) for row in connection.execute(TRIGGERS)}
    engine.dispose()
    assert triggers == moved
    tables = tables_of(runtime.service)
    assert {row.table_name for row in columns} >= set(tables)
    for row in columns:
        if PATIENT_COLUMN.fullmatch(row.column_name) and (row.table_name, row.column_name) not in moved:
            column = tables[row.table_name].columns[row.column_name]
            history = "UPDATE" not in str(tables[row.table_name].info.get("grants", "UPDATE"))
            kept = column.info == merging.KEPT or column.primary_key or isinstance(column.type, ARRAY) or history
            assert kept or row.table_name in METADATA.tables, f"{row.table_name}.{row.column_name}"
    # Rows are remembered by their keys as text, which must be the same out of JSON and out of the column.
    for table, _ in merging.moved_columns(tables.values()):
        for key in table.primary_key.columns:
            assert isinstance(key.type, Uuid | Text | String | BigInteger | Integer), f"{table.name}.{key.name}"


@pytest.mark.parametrize("name", KEEPERS)
def test_every_reason_has_a_text(name: str) -> None:
    service = service_of(name)
    english = json.loads((service.text / "en.json").read_text()) | json.loads((OWN / "en.json").read_text())
    reasons = {
        reason_name(service.errors, value.number)[0] for value in service.errors.DESCRIPTOR.values if value.number
    }
    assert reasons <= set(english), reasons - set(english)


@pytest.mark.parametrize("name", KEEPERS)
def test_every_refusal_says_what_is_wrong_and_what_to_do(name: str) -> None:
    """Whether advice is good only a reader can tell; that there is none shows in a text that ends with the fact."""
    service = service_of(name)
    for folder, enum in ((service.text, service.errors), (OWN, CommonErrorReason)):
        reasons = {reason_name(enum, value.number)[0] for value in enum.DESCRIPTOR.values if value.number}
        for path in sorted(folder.glob("*.json")):
            for reason, sentence in json.loads(path.read_text()).items():
                if reason in reasons:
                    assert len(CLAUSE.findall(sentence)) > 1, f"{path.stem} {reason}: {sentence}"


@pytest.mark.parametrize("name", KEEPERS)
def test_every_reason_in_the_code_has_a_text(name: str) -> None:
    service = service_of(name)
    english = json.loads((service.text / "en.json").read_text()) | json.loads((OWN / "en.json").read_text())
    folder = Path(service.text).parent
    used = set()
    for path in folder.rglob("*.py"):
        used |= set(re.findall(r"""invalid\(\s*[^,()]+,\s*["']([A-Z_]+)["']""", path.read_text()))
    assert used <= set(english), used - set(english)


@pytest.mark.parametrize("name", KEEPERS)
def test_texts_of_constraints_need_no_facts(name: str) -> None:
    """A broken constraint knows nothing but its own name, so that its text must not wait for more."""
    service = service_of(name)
    for path in sorted(service.text.glob("*.json")):
        texts = json.loads(path.read_text())
        for number in service.constraints.values():
            sentence = texts.get(reason_name(service.errors, number)[0], "")
            assert {field for _, field, _, _ in string.Formatter().parse(sentence) if field} == set(), sentence


def test_a_service_with_an_rpc_without_policy_does_not_start() -> None:
    class HealthService:
        contract = "grpc.health.v1.Health"

    from grpc_health.v1 import health_pb2

    assert health_pb2.DESCRIPTOR.name
    with pytest.raises(PolicyMissing, match="Check"):
        methods_of("grpc.health.v1", [HealthService()])


WHOLE = {"permission": "tests.things.read", "resource": "thing", "audit_class": policy_pb2.AUDIT_CLASS_READ}


def contract(lacking: str) -> FileDescriptorProto:
    """Return a contract whose only RPC lacks a part of its policy."""
    word = lacking.replace("_", "")
    file = FileDescriptorProto(name=f"praxis/{word}/v1/thing.proto", package=f"praxis.{word}.v1", syntax="proto3")
    file.dependency.extend(["google/protobuf/empty.proto", policy_pb2.DESCRIPTOR.name])
    rpc = file.service.add(name="ThingService").method.add(name="GetThing")
    rpc.input_type = rpc.output_type = ".google.protobuf.Empty"
    policy = policy_pb2.Policy(**{key: value for key, value in WHOLE.items() if key != lacking})
    rpc.options.Extensions[policy_pb2.policy].CopyFrom(policy)
    with contextlib.suppress(KeyError):  # the pool keeps it when a test is repeated within the process
        descriptor_pool.Default().FindFileByName(file.name)
        return file
    descriptor_pool.Default().Add(file)
    return file


class ThingService:
    """Answers the only RPC of such a contract."""

    @query
    def GetThing(self, request: empty_pb2.Empty, call: Call) -> empty_pb2.Empty:
        return request


@pytest.mark.parametrize("lacking", WHOLE)
def test_a_service_whose_policy_lacks_a_part_does_not_start(lacking: str) -> None:
    with pytest.raises(PolicyMissing, match="ThingService/GetThing has no policy"):
        methods_of(contract(lacking).package, [ThingService()])
    assert len(methods_of(contract("nothing").package, [ThingService()])) == 1


@pytest.mark.parametrize(("lacking", "refused"), [("permission", True), ("nothing", False)])
def test_a_gateway_that_meets_an_rpc_without_permission_does_not_start(
    lacking: str, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = contract(lacking)
    shipped = importlib.resources.files("praxis").joinpath("descriptors.binpb").read_bytes()
    (tmp_path / "descriptors.binpb").write_bytes(shipped + FileDescriptorSet(file=[file]).SerializeToString())
    monkeypatch.setattr(importlib.resources, "files", lambda _: tmp_path)
    monkeypatch.setitem(sys.modules, f"{file.package}.thing_pb2", ModuleType("thing_pb2"))
    starts = pytest.raises(RuntimeError, match=r"GetThing names no permission") if refused else contextlib.nullcontext()
    with starts:
        assert contracts.load().operations


def test_a_service_that_lacks_the_method_of_an_rpc_does_not_start() -> None:
    class OperationsService:
        contract = "praxis.operations.v1.OperationsService"

    with pytest.raises(PolicyMissing, match="SetClockOffset"):
        methods_of("praxis.operations.v1", [OperationsService()])
