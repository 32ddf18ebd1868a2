"""Identity's rules: patterns, waiting times, passwords, keys and roles."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from praxis.identity.v1 import errors_pb2
from praxis_chassis.database import enum_words
from praxis_gateway.identity.rules import keys, passwords, permissions, roles, throttle
from praxis_gateway.identity.service import service
from praxis_gateway.identity.usecases.access import all_permissions

PART = st.sampled_from(["patients", "users", "read", "write", "*"])
PATTERN = st.tuples(PART, PART, PART).map(".".join)
NAME = st.tuples(*[st.sampled_from(["patients", "users", "read", "write"])] * 3).map(".".join)


@given(PATTERN, PATTERN, NAME)
def test_a_wider_pattern_gives_all_that_a_narrower_one_gives(wide: str, narrow: str, name: str) -> None:
    if permissions.covers(wide, narrow) and permissions.covers(narrow, name):
        assert permissions.covers(wide, name)


@given(st.lists(PATTERN, max_size=4), st.lists(PATTERN, max_size=4), NAME)
def test_nothing_beyond_means_nothing_gained(held: list[str], wanted: list[str], name: str) -> None:
    if not permissions.beyond(held, wanted) and permissions.resolve(wanted, [name]):
        assert permissions.resolve(held, [name]) == [name]


def test_waiting_times_double_up_to_a_quarter_of_an_hour() -> None:
    waits = [throttle.wait_seconds(failures) for failures in range(1, 18)]
    assert waits == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


@given(st.integers(0, 10**6))
def test_waiting_never_becomes_a_lock(failures: int) -> None:
    assert throttle.wait_seconds(failures) <= throttle.LONGEST_SECONDS <= throttle.wait_seconds(failures + 10**6)


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("elevenchars", "PASSWORD_SHORT"),
        ("password1234", "PASSWORD_COMMON"),
        ("P@ssw0rd!!!2026", "PASSWORD_COMMON"),
        ("welcomewelcome", "PASSWORD_COMMON"),
        ("qwertyuiop123456", "PASSWORD_COMMON"),
        ("123456789012345", "PASSWORD_COMMON"),
        ("abababababab", "PASSWORD_COMMON"),
        ("elmstreet-2026", "PASSWORD_COMMON"),
        ("umbrella-lamp-42-tree", None),
        ("correct horse battery", None),
        ("Zürich liegt am See", None),
    ],
)
def test_passwords(password: str, fault: str | None) -> None:
    common = frozenset({"password", "welcome", "qwerty"})
    assert passwords.fault(password, common, ["elmstreet"]) == fault


@given(st.sampled_from(["test", "live"]), st.uuids(), st.uuids(), st.binary(min_size=32, max_size=32))
def test_keys_are_read_as_they_were_written(mode: str, tenant: UUID, key: UUID, secret: bytes) -> None:
    written = keys.KeyText(mode, tenant, key, keys.secret_text(secret))
    assert keys.parse(str(written)) == written


@given(st.uuids(), st.uuids(), st.integers(12, 120), st.sampled_from("aZ9_"))
def test_a_mistyped_key_is_no_key(tenant: UUID, key: UUID, place: int, letter: str) -> None:
    text_ = str(keys.KeyText("test", tenant, key, keys.secret_text(b"\x07" * 32)))
    place %= len(text_)
    wrong = text_[:place] + letter + text_[place + 1 :]
    assert wrong == text_ or keys.parse(wrong) is None


@given(st.text(max_size=130))
def test_no_text_breaks_the_reading_of_keys(text_: str) -> None:
    keys.parse(text_)


def test_built_in_roles_give_what_exists() -> None:
    waiting_for_their_contract = {"auditor", "patient"}
    for role in roles.BUILT_IN.values():
        if role.name not in waiting_for_their_contract:
            assert permissions.meaningless(role.permissions, all_permissions()) == [], role.name


def test_only_the_owner_and_the_administrator_run_the_practice() -> None:
    sensitive = ["identity.users.write", "identity.roles.write", "identity.api_keys.write", "patients.patients.erase"]
    strong = {role.name for role in roles.BUILT_IN.values() if any(permissions.resolve(role.permissions, sensitive))}
    assert strong == {"owner", "practice_admin"}


def test_every_reason_has_its_text() -> None:
    texts = json.loads((service.text / "en.json").read_text())
    words, _ = enum_words(errors_pb2.ErrorReason)
    assert {word.upper() for number, word in words.items() if number} <= set(texts)


def test_only_tables_with_a_reason_are_open_to_all_tenants(gateway: object) -> None:
    for table in service.metadata.tables.values():
        if table.info.get("global"):
            assert table.info["reason"], table.name
    engine = create_engine(gateway.runtime.database.engine.url)  # type: ignore[attr-defined]
    query = text("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
                 "AND NOT relforcerowsecurity")  # fmt: skip
    with engine.connect() as connection:
        unguarded = set(connection.scalars(query))
    engine.dispose()
    expected = {table.name for table in service.metadata.tables.values() if table.info.get("global")}
    assert unguarded == expected | {"alembic_version", "tenants", "epochs"}
