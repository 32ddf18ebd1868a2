"""The bench measures every row and says so in a table and in JSON; how fast anything was is judged by people."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.bench.figures import KEYS, Figure, Promise, Void, at_least, table
from tests.bench.load import Load

ROOT = Path(__file__).resolve().parents[2]
# A row of each group but the machine's, which starts whole systems; `--long` takes all.
SHORT_ROWS = {"1", "6"}
ROWS = {"0", "1", "2", "3", "4", "6", "7", "8", "9", "14", "15", "16", "17", "25"}
PAIRED = {"1", "2", "3", "4", "7", "8", "9", "16", "17", "25"}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_rows_are_measured_and_told(tmp_path: Path, *, long: bool) -> None:
    wanted = ROWS if long else SHORT_ROWS
    target = tmp_path / "figures.json"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "tests.bench", *sorted(wanted), "--quick", "--json", str(target)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    entries = json.loads(target.read_text())
    assert {entry["name"].split()[0] for entry in entries} == wanted
    for entry in entries:
        assert tuple(entry) == KEYS
        assert entry["value"] is not None
        assert entry["name"] in done.stdout
        assert (entry["ratio"] is not None) == (entry["name"].split()[0] in PAIRED)
        if entry["ratio"] is not None:
            assert entry["value"] / entry["reference"] == pytest.approx(entry["ratio"], rel=0.001)


def test_an_answer_that_was_not_wanted_voids_a_run() -> None:
    load = Load(answered=10, seconds=1.0, statuses={"200": 9, "503": 1}, milliseconds=[1.0] * 10, sample="overloaded")
    with pytest.raises(Void, match="503"):
        load.expect(200)
    assert load.expect(200, 503) is load
    row = Promise("1 get patient", "calls/s", "≥ 0.03 × reference").void(Void("answers with status 503"))
    assert (row.unit, row.target, row.met) == ("calls/s", "≥ 0.03 × reference", False)
    assert "void: answers with status 503" in table([row])


def test_the_middle_round_decides_and_its_figures_are_told() -> None:
    pairs = [(10.0, 100.0), (90.0, 300.0), (20.0, 100.0)]
    promise = Promise("x", "calls/s", "")
    met, missed = (promise.paired(pairs, at_least(least)) for least in (0.2, 0.21))
    assert (met.value, met.reference, met.ratio, met.met, missed.met) == (20.0, 100.0, 0.2, True, False)
    assert Figure("x", 1.23456789, "s", "", met=True).entry()["value"] == 1.23457
