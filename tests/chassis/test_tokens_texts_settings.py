"""The internal token, the text catalogs and the settings: what is wrong is refused by name."""

from __future__ import annotations

import time
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from google.rpc import code_pb2

from praxis_chassis.app import shown
from praxis_chassis.errors import DomainError, state_conflict, status_of
from praxis_chassis.machine import MACHINE
from praxis_chassis.settings import Settings, SettingsError
from praxis_chassis.texts import Catalog
from praxis_chassis.tokens import LEEWAY_SECONDS, LIFE_SECONDS, Minter, TokenInvalid, Verifier, make_key_pair
from praxis_chassis.types import Money, new_id


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Minter, Verifier]:
    make_key_pair(tmp_path / "private.pem", tmp_path / "public.pem")
    return Minter((tmp_path / "private.pem").read_bytes()), Verifier((tmp_path / "public.pem").read_bytes())


def minted(minter: Minter) -> str:
    return minter.mint(tenant_id=new_id(), subject="u", kind="user", permissions=["patients.patients.read"])


@pytest.mark.parametrize(("ahead", "good"), [(60, True), (-60, True), (150, True), (300, False), (-300, False)])
def test_clocks_may_differ_by_a_minute(
    pair: tuple[Minter, Verifier], monkeypatch: pytest.MonkeyPatch, ahead: float, good: bool
) -> None:
    token = minted(pair[0])
    monkeypatch.setattr(MACHINE, "skew_seconds", ahead)
    if good:
        assert pair[1].verify(token).subject == "u"
        return
    with pytest.raises(TokenInvalid):
        pair[1].verify(token)


def test_a_token_says_who_calls(pair: tuple[Minter, Verifier]) -> None:
    claims = pair[1].verify(minted(pair[0]))
    assert (claims.subject, claims.kind, claims.issuer) == ("u", "user", "gateway")
    assert claims.permissions == {"patients.patients.read"}


def test_a_token_of_another_signer_or_a_changed_one_is_refused(pair: tuple[Minter, Verifier], tmp_path: Path) -> None:
    make_key_pair(tmp_path / "other.pem", tmp_path / "other.pub")
    stranger = Minter((tmp_path / "other.pem").read_bytes())
    token = minted(pair[0])
    head, body, signature = token.split(".")
    for wrong in (minted(stranger), f"{head}.{body[:-2]}AA.{signature}", "", "a.b.c"):
        with pytest.raises(TokenInvalid):
            pair[1].verify(wrong)


def test_a_token_expires_also_when_it_was_seen_before(
    pair: tuple[Minter, Verifier], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = minted(pair[0])
    pair[1].verify(token)
    later = time.time() + LIFE_SECONDS + LEEWAY_SECONDS + 5
    monkeypatch.setattr(MACHINE, "skew_seconds", later - time.time())
    with pytest.raises(TokenInvalid):
        pair[1].verify(token)


def test_texts_fall_back_to_english_and_never_fail(tmp_path: Path) -> None:
    (tmp_path / "en.json").write_text('{"HELLO": "Hello {name}"}')
    (tmp_path / "es.json").write_text('{"BYE": "Adiós {name}"}')
    catalog = Catalog(tmp_path)
    assert catalog.render("es-MX", "BYE", {"name": "Ana"}) == "Adiós Ana"
    assert catalog.render("es", "HELLO", {"name": "Ana"}) == "Hello Ana"
    assert catalog.render("en", "HELLO", {}) == "Hello ?"
    assert catalog.render("en", "NOT_THERE", {}) == "Not there."


def test_money_in_a_text_bears_its_currency_as_the_language_of_the_text_writes_it(tmp_path: Path) -> None:
    (tmp_path / "en.json").write_text('{"OPEN": "{open} is open", "LEFT": "{left} is left"}')
    (tmp_path / "es.json").write_text('{"OPEN": "quedan {open}"}')
    catalog, euros = Catalog(tmp_path), Money("EUR", 1250)
    assert catalog.render("en", "OPEN", {"open": Money("USD", 1250)}) == "$12.50 is open"
    assert catalog.render("es-ES", "OPEN", {"open": euros}) == "quedan 12,50\xa0€"
    assert catalog.render("es-ES", "LEFT", {"left": euros}) == "€12.50 is left"  # the words are English, so is the sum
    refusal = DomainError(1, open=euros, count=2)
    assert (refusal.metadata, refusal.arguments["open"]) == ({"open": "12.50 EUR", "count": "2"}, euros)


def test_a_state_that_allows_nothing_is_called_final() -> None:
    catalog = Catalog(None)
    told = [status_of(state_conflict("visit", "left", allowed), None, "x", catalog, "en") for allowed in ([], ["room"])]
    assert told[0].message.startswith("This visit is in the state left, which is final: ")
    assert told[1].message.endswith("Allowed from here: room.")
    assert told[0].code == told[1].code == code_pb2.FAILED_PRECONDITION


def test_a_missing_or_wrong_setting_is_named() -> None:
    with pytest.raises(SettingsError, match="PRAXIS_DATABASE_URL"):
        Settings.from_environment({})
    with pytest.raises(SettingsError, match="PRAXIS_THREADS"):
        Settings.from_environment({"PRAXIS_DATABASE_URL": "x", "PRAXIS_THREADS": "many"})
    assert Settings.from_environment({"PRAXIS_DATABASE_URL": "x", "PRAXIS_THREADS": "4"}).threads == 4


def test_a_setting_may_be_kept_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://app@database/patients\n")
    given = {"PRAXIS_DATABASE_URL_FILE": str(secret)}
    assert Settings.from_environment(given).database_url == "postgresql://app@database/patients"
    with pytest.raises(SettingsError, match="PRAXIS_DATABASE_URL_FILE"):
        Settings.from_environment({"PRAXIS_DATABASE_URL_FILE": str(tmp_path / "none")})


def test_no_password_is_shown_with_the_settings() -> None:
    secret = "hunter2"
    urls = {
        name: f"x://user:{secret}@host" for name in (each.name for each in fields(Settings)) if name.endswith("_url")
    }
    told = shown(asdict(Settings(**urls, listen="127.0.0.1:5000")))
    assert secret not in str(told)
    assert told["nats_url"] == told["database_url"] == "(set)"
    assert told["listen"] == "127.0.0.1:5000"
