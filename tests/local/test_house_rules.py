"""The house rules catch one deliberate breach each; `dev.py lint` shows that the house keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from praxis_local.lint import __main__ as checks
from praxis_local.lint import house

BREACHES = [
    ("sizes", '"""Too long."""\n\n\ndef long() -> None:\n' + "    print()\n" * 60),
    ("clocks", '"""Reads the wall."""\n\nfrom datetime import datetime\n\nNOW = datetime.now()\n'),
    ("clocks", '"""Another name."""\n\nimport datetime as dt\n\nNOW = dt.datetime.now(dt.UTC)\n'),
    ("clocks", '"""A bare name."""\n\nfrom time import time\n\nNOW = time()\n'),
    ("clocks", '"""Called later."""\n\nfrom datetime import datetime\n\nmade = field(default_factory=datetime.now)\n'),
    ("first sentences", "import os\n"),
    ("spelling", '"""British."""\n\ncolour = 1\n'),
    ("defaults", '"""Default."""\n\nx = column(server_default=text("now()"))\n'),
    ("defaults", '"""Two lines."""\n\nx = column(server_default=text(\n    "CURRENT_TIMESTAMP"\n))\n'),
    ("defaults", '"""A statement."""\n\nSQL = "UPDATE x SET at = clock_timestamp()"\n'),
]


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


@pytest.mark.parametrize(("heading", "refused"), [("", False), ("## [0.1.0] - 2027-01-01", True)])
def test_what_breaks_a_contract_is_told_before_the_first_release_and_refused_after_it(
    heading: str, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = FileDescriptorSet.FromString(checks.DESCRIPTORS.read_bytes())
    next(file for file in files.file if file.package == "praxis.type.v1").message_type.add(name="Abandoned")
    (tmp_path / "released.binpb").write_bytes(files.SerializeToString())
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n## [Unreleased]\n\n{heading}\n")
    monkeypatch.setattr(checks, "RELEASED", tmp_path / "released.binpb")
    monkeypatch.setattr(checks, "CHANGES", tmp_path / "CHANGELOG.md")
    assert any("Abandoned" in finding for finding in checks.breaking()) is refused
    assert ("1 changes since released.binpb" in capsys.readouterr().out) is not refused
