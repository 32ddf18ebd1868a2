"""What a log line says: its trace, allowed facts, and of other people's messages and exceptions no value."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from praxis.patients.v1 import patient_pb2
from praxis_chassis import facts, logs, telemetry

SENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
NAME = "Canaria Bird"


def line(message: str, *arguments: object, logger: str = "praxis_test", **extra: object) -> dict[str, object]:
    record = logging.getLogger(logger).makeRecord(logger, 30, "", 1, message, arguments, None, extra=extra)
    found = json.loads(logs.JsonLines("patients").format(record))
    assert isinstance(found, dict)
    return found


def test_a_line_names_its_trace_and_its_span() -> None:
    with telemetry.span("work", telemetry.SpanKind.INTERNAL, SENT):
        inside = line("answered")
    assert (inside["trace_id"], inside["span_id"]) == (SENT[3:35], SENT[36:52])
    assert "trace_id" not in line("answered")


def test_times_are_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        written = datetime.fromisoformat(str(line("answered")["time"]))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert abs(datetime.now(UTC) - written) < timedelta(minutes=30)


def test_facts_are_allowed_by_name_and_plain() -> None:
    before = facts.dropped["log"]
    patient = patient_pb2.Patient(display_name=NAME)
    ids = [UUID(int=1), UUID(int=2)]
    found = line("changed", count=2, object_ids=ids, patient_name=NAME, reason=patient, state=[NAME])
    assert found["count"] == 2
    assert found["object_ids"] == f"{ids[0]}, {ids[1]}"
    assert NAME not in json.dumps(found)
    assert facts.dropped["log"] == before + 3


def test_our_own_words_are_whole_and_those_of_libraries_lose_their_values() -> None:
    assert line("file %s was read", "7")["message"] == "file 7 was read"
    foreign = line(
        "Task exception was never retrieved\nfuture: <Task exception=ValueError('Canaria Bird')>", logger="x"
    )
    assert foreign["message"] == "Task exception was never retrieved"
    assert foreign["logger"] == "x"
    assert (
        line("Exception calling application: %s", NAME, logger="grpc")["message"] == "Exception calling application: %s"
    )


@pytest.mark.parametrize("form", [logs.JsonLines, logs.TextLines])
def test_an_exception_shows_its_kind_and_places_only(form: type[logs.JsonLines]) -> None:
    try:
        raise ValueError(NAME)
    except ValueError:
        record = logging.getLogger("praxis_test").makeRecord("praxis_test", 40, "", 1, "failed", (), sys.exc_info())
    text = form("patients").format(record)
    assert "ValueError" in text
    assert "test_logs.py" in text
    assert NAME not in text


def test_what_nobody_caught_is_logged_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    root, hooks = logging.getLogger(), (sys.excepthook, logs.threading.excepthook)
    handlers, level = root.handlers[:], root.level
    try:
        logs.start_logging("patients", "json", "INFO")
        thread = logs.threading.Thread(target=lambda: int(NAME))
        thread.start()
        thread.join()
    finally:
        root.handlers[:], root.level = handlers, level
        sys.excepthook, logs.threading.excepthook = hooks
    said = capsys.readouterr().err
    assert "ValueError" in said
    assert NAME not in said
