"""The house rules pass on the house and catch one deliberate breach each."""

from __future__ import annotations

from pathlib import Path

import pytest

from praxis_local.lint import house

BREACHES = [
    ("sizes", '"""Too long."""\n\n\ndef long() -> None:\n' + "    print()\n" * 60),
    ("clocks", '"""Reads the wall."""\n\nfrom datetime import datetime\n\nNOW = datetime.now()\n'),
    ("clocks", '"""Another name."""\n\nimport datetime as dt\n\nNOW = dt.datetime.now(dt.UTC)\n'),
    ("clocks", '"""A bare name."""\n\nfrom time import time\n\nNOW = time()\n'),
    ("first sentences", "import os\n"),
    ("spelling", '"""British."""\n\ncolour = 1\n'),
    ("defaults", '"""Default."""\n\nx = column(server_default=text("now()"))\n'),
    ("defaults", '"""Two lines."""\n\nx = column(server_default=text(\n    "CURRENT_TIMESTAMP"\n))\n'),
    ("defaults", '"""A statement."""\n\nSQL = "UPDATE x SET at = clock_timestamp()"\n'),
]


@pytest.mark.parametrize("rule", house.HOUSE_RULES)
def test_the_house_keeps_its_rules(rule: str) -> None:
    assert list(house.HOUSE_RULES[rule]()) == []


@pytest.mark.parametrize(("rule", "source"), BREACHES)
def test_a_breach_is_found(rule: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "CHECKOUT", tmp_path)
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "breach.py").write_text(source)
    assert len(list(house.HOUSE_RULES[rule]())) == 1


def test_an_address_in_a_lock_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "CHECKOUT", tmp_path)
    folder = tmp_path / "deploy" / "requirements"
    folder.mkdir(parents=True)
    (folder / "dev.txt").write_text("--index-url https://packages.example/simple\nflask==3.1.3\n")
    assert len(list(house.locks())) == 1
