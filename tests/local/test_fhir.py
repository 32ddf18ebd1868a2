"""The FHIR import reads what senders really send and says of everything else what is wrong with it."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from praxis_local.demo.people import npi
from praxis_local.fhir.importer import import_files
from praxis_local.fhir.mapping import Unmappable, deceased_date, registration, source_id
from praxis_local.fhir.reader import ImportRefused

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [
        {"system": "urn:emr", "value": "4711"},
        {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "999-14-9291"},
    ],
    "name": [
        {"use": "maiden", "family": "Feest"},
        {"use": "official", "family": "Koepp", "given": ["Dana", "Ann"], "prefix": ["Mrs."]},
    ],
    "gender": "female",
    "birthDate": "1990-02-11",
    "telecom": [{"system": "phone", "use": "mobile", "value": "555-126-7864"}, {"system": "pager", "value": "1"}],
    "address": [{"line": ["1 Elm Court"], "city": "Salem", "state": "Massachusetts", "country": "US"}],
    "communication": [{"language": {"coding": [{"code": "pt"}]}}],
}


def test_a_patient_becomes_a_registration() -> None:
    body = registration(PATIENT)
    human = body["human"]
    assert human["name"] == {
        "use": "official", "family": "Koepp", "given": ["Dana", "Ann"], "prefix": "Mrs.", "suffix": "",
    }  # fmt: skip
    assert [name["family"] for name in human["other_names"]] == ["Feest"]
    assert human["telecoms"] == [{"system": "mobile", "value": "555-126-7864", "preferred": False}]
    assert human["addresses"][0]["state"] == "MA"
    assert (human["sex"], human["language"], human["government_id"]) == ("female", "pt", "999-14-9291")
    assert body["external_refs"] == [{"system": "urn:emr", "value": "4711"}]
    assert source_id(PATIENT) == "urn:emr|4711"


def test_files_bundles_and_rejects(tmp_path: Path) -> None:
    lines = [json.dumps(PATIENT), "{broken", json.dumps({"resourceType": "Patient", "id": "p2"}), '{"a": 1}']
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    bundle = {"resourceType": "Bundle", "entry": [{"resource": PATIENT}, {"resource": {"resourceType": "Claim"}}, {}]}
    (tmp_path / "b.json").write_text(json.dumps(bundle))
    rejects = tmp_path / "rejects.out"
    counts = import_files([tmp_path], None, rejects)
    assert (counts.added, counts.skipped, counts.rejected) == (2, 1, 4)
    refused = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [entry["place"] for entry in refused] == [
        "a.ndjson.gz:2",
        "a.ndjson.gz:3",
        "a.ndjson.gz:4",
        "b.json entry 3",
    ]
    assert "not JSON" in refused[0]["problem"]
    assert "family name" in refused[1]["problem"]


def test_a_bar_counts_the_patients_on_a_terminal_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.ndjson").write_text("\n".join([json.dumps(PATIENT)] * 12))
    import_files([tmp_path / "a.ndjson"], None, tmp_path / "rejects.out")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    import_files([tmp_path / "a.ndjson"], None, tmp_path / "rejects.out")
    assert "12/12" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="does not exist"):
        import_files([tmp_path / "none.json"], None, tmp_path / "r")
    with pytest.raises(ImportRefused, match="no file"):
        import_files([tmp_path], None, tmp_path / "r")
    whole = gzip.compress(json.dumps(PATIENT).encode())
    for damaged in (json.dumps(PATIENT).encode("utf-16"), whole[:40], whole[:20] + b"\0\0\0" + whole[23:]):
        (tmp_path / "damaged.json").write_bytes(damaged)
        with pytest.raises(ImportRefused, match="UTF-8"):
            import_files([tmp_path], None, tmp_path / "r")
    with pytest.raises(ImportRefused, match="cannot be written"):
        import_files([tmp_path], None, tmp_path)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": {"family": "Koepp"}}, "name"),
        ({"name": ["Koepp"]}, "name"),
        ({"name": [{"family": "Koepp", "given": "Dana"}]}, "given"),
        ({"name": [{"family": "Koepp", "prefix": [1]}]}, "prefix"),
        ({"birthDate": None}, "birthDate"),
        ({"birthDate": 19900211}, "birthDate"),
        ({"identifier": ["4711"]}, "identifier"),
        ({"telecom": [{"system": "phone", "value": 555}]}, "value"),
        ({"address": [{"line": "1 Elm Court"}]}, "line"),
        ({"communication": [{"language": "en"}]}, "language"),
        ({"communication": [{"language": {"coding": [None]}}]}, "coding"),
    ],
)
def test_a_field_of_another_form_is_named(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Unmappable, match=f"`{field}`"):
        registration(PATIENT | wrong)


def test_dates_that_are_not_known_to_the_day_are_left_out() -> None:
    assert "birth_date" not in registration(PATIENT | {"birthDate": "1990-02"})["human"]
    assert deceased_date({"deceasedDateTime": "2019-05-27T10:00:00Z"}) == "2019-05-27"
    assert deceased_date({"deceasedDateTime": "2019"}) == ""


def test_whoever_has_no_number_is_told_apart_by_everything() -> None:
    one, other = ({"resourceType": "Patient", "name": [{"family": family}]} for family in ("Feest", "Koepp"))
    assert source_id(one) == source_id(dict(reversed(one.items())))
    assert source_id(one) != source_id(other)


def test_lines_and_bundles_of_other_forms(tmp_path: Path) -> None:
    separated = PATIENT | {"text": {"div": "one\u2028two\x85three"}}
    (tmp_path / "a.ndjson").write_text(json.dumps(separated, ensure_ascii=False), encoding="utf-8")
    bundle = {"resourceType": "Bundle", "entry": [{"resource": {"id": "p3"}}, {"resource": None}, 4]}
    (tmp_path / "b.json").write_text(json.dumps(bundle))
    (tmp_path / "c.json").write_text('{"resourceType": "Bundle", "entry": null}')
    (tmp_path / "d.json").write_text("[" * 100_000)
    counts = import_files([tmp_path], None, tmp_path / "rejects.out")
    assert (counts.added, counts.rejected) == (1, 5)


def test_identifiers_of_the_demo_have_their_check_digit() -> None:
    assert npi(123456789) == "1234567893"
