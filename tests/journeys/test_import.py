"""Somebody at a terminal imports FHIR patients: each is added once, and what is wrong is told in words."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.clinic import Clinic, Json, coined, open_clinic
from tests.support.system import System

SAMPLE = Path(__file__).parent / "samples" / "synthea-patients.ndjson.gz"
PATIENTS: list[Json] = [json.loads(line) for line in gzip.decompress(SAMPLE.read_bytes()).splitlines()]
SCOPES = ["patients.patients.read", "patients.patients.write"]


@dataclass(frozen=True)
class Said:
    """How the command ended and what it said."""

    code: int
    out: str
    error: str

    @property
    def counts(self) -> dict[str, int]:
        return dict(json.loads(self.out))


@pytest.fixture(scope="module")
def clinic(system: System) -> Iterator[Clinic]:
    with closing(open_clinic(system, "harbor")) as clinic:
        yield clinic


@pytest.fixture(scope="module")
def key(clinic: Clinic) -> str:
    return new_key(clinic, SCOPES)


def new_key(clinic: Clinic, scopes: list[str]) -> str:
    return str(clinic.owner.post("/v1/apiKeys", {"title": "Import", "scopes": scopes})["key"])


def run(clinic: Clinic, *arguments: str | Path) -> Said:
    """Run the command as it is installed, beside the running system."""
    home = clinic.system.home.folder
    command = [sys.executable, "-m", "praxis_local", "import", "fhir", "--home", home, *arguments]
    # Nobody's key may be about, or a wrong one would let in.
    environment = {name: value for name, value in os.environ.items() if name != "PRAXIS_API_KEY"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=240)
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


def written(folder: Path, *lines: str) -> Path:
    file = folder / "patients.ndjson"
    file.write_text("\n".join(lines))
    return file


def invented(**more: Any) -> Json:
    return {"resourceType": "Patient", "id": coined("p"), "name": [{"family": coined("Synthea")}], **more}


def found(clinic: Clinic, query: str) -> list[Json]:
    return list(clinic.front_desk.get("/v1/patients", query=query).get("patients", []))


def test_the_sample_is_added_once_however_often_it_is_imported(clinic: Clinic, key: str, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.ndjson"
    first = run(clinic, SAMPLE, "--key", key, "--rejects", rejects, "--json")
    assert (first.code, first.counts["added"], first.counts["rejected"]) == (0, len(PATIENTS), 0), first
    assert not rejects.exists()
    assert_registered(clinic)
    assert run(clinic, SAMPLE, "--key", key, "--json").counts["present"] == len(PATIENTS)
    again = run(clinic, SAMPLE, "--key", new_key(clinic, SCOPES), "--rejects", rejects)
    assert again.code == 0
    assert f"0 added, {len(PATIENTS)} there already" in again.out
    assert_registered(clinic)


def assert_registered(clinic: Clinic) -> None:
    """Every patient of the sample is there once, and the dead are known to be dead."""
    registered = list(clinic.owner.every("/v1/patients", "patients"))
    families = [patient["human"]["name"]["family"] for patient in registered]
    assert sorted(families) == sorted(patient["name"][0]["family"] for patient in PATIENTS)
    dead = sum("deceasedDateTime" in patient for patient in PATIENTS)
    assert dead == sum(patient["state"] == "deceased" for patient in registered) > 0


def test_search_finds_whom_the_import_brought(clinic: Clinic) -> None:
    source = PATIENTS[1]
    family, number = source["name"][0]["family"], source["identifier"][0]
    reference = {"external_system": number["system"], "external_value": number["value"]}
    [patient] = clinic.front_desk.get("/v1/patients", **reference)["patients"]
    assert (patient["human"]["name"]["family"], patient["human"]["birth_date"]) == (family, source["birthDate"])
    for query in (family, source["birthDate"]):
        assert patient["id"] in {each["id"] for each in found(clinic, query)}


def test_what_is_broken_is_laid_aside_and_the_rest_is_added(clinic: Clinic, key: str, tmp_path: Path) -> None:
    good, twisted = invented(), invented(birthDate=19800203)
    file = written(tmp_path, json.dumps(good), '{"resourceType": "Patient", "name": [', json.dumps(twisted))
    rejects = tmp_path / "aside" / "rejects.ndjson"
    said = run(clinic, file, "--key", key, "--rejects", rejects)
    assert said.code == 2
    assert "1 added" in said.out
    assert f"2 rejected → {rejects}" in said.out.replace("\n", "")
    refused = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [each["place"] for each in refused] == ["patients.ndjson:2", "patients.ndjson:3"]
    assert "not JSON" in refused[0]["problem"]
    assert "`birthDate`" in refused[1]["problem"]
    assert refused[1]["resource"] == twisted
    assert rejects.stat().st_mode & 0o077 == 0, "people's data, for its owner's eyes only"
    assert len(found(clinic, good["name"][0]["family"])) == 1
    assert not found(clinic, twisted["name"][0]["family"])


def test_a_patient_without_any_number_is_added_once(clinic: Clinic, key: str, tmp_path: Path) -> None:
    nameless = invented()
    del nameless["id"]
    file = written(tmp_path, json.dumps(nameless))
    counts = [run(clinic, file, "--key", key, "--json").counts for _ in range(2)]
    assert [each["added"] for each in counts] == [1, 0]
    assert len(found(clinic, nameless["name"][0]["family"])) == 1


def test_a_patient_whom_the_source_changed_is_there_already(clinic: Clinic, key: str, tmp_path: Path) -> None:
    patient = invented()
    assert run(clinic, written(tmp_path, json.dumps(patient)), "--key", key, "--json").counts["added"] == 1
    patient["gender"] = "female"
    assert run(clinic, written(tmp_path, json.dumps(patient)), "--key", key, "--json").counts["present"] == 1


def test_a_key_that_does_not_let_in_stops_the_import(clinic: Clinic, tmp_path: Path) -> None:
    patient = invented()
    file = written(tmp_path, json.dumps(patient))
    for wrong in ("praxis_test_nobodys", "schlüssel", "two\nlines", new_key(clinic, ["patients.patients.read"])):
        said = run(clinic, file, "--key", wrong)
        assert (said.code, said.out) == (1, "")
        assert "key" in said.error, said
        assert not found(clinic, patient["name"][0]["family"])
    assert "No API key was given" in run(clinic, file).error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", "http://127.0.0.1:9"], "does not answer as a gateway does"),
        (["--url", "nowhere"], "does not answer as a gateway does"),
        (["--url", "http://praxis:port"], "is no address"),
        (["--rejects", "/dev/null/aside"], "cannot be written"),
        (["--rejects", "."], "cannot be written"),
    ],
)
def test_an_address_or_a_file_that_is_none_is_told(
    clinic: Clinic, key: str, tmp_path: Path, arguments: list[str], words: str
) -> None:
    patient = invented()
    said = run(clinic, written(tmp_path, json.dumps(patient)), "--key", key, *arguments)
    assert said.code == 1
    assert words in said.error
    assert not found(clinic, patient["name"][0]["family"])
