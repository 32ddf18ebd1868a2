"""Log lines without personal data: one JSON object a line, with the trace it belongs to."""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from types import TracebackType
from typing import Any

import orjson

from praxis_chassis import facts, telemetry

OURS = ("praxis", "__main__")
COMPLAINT_SECONDS = 60.0
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
log = logging.getLogger(__name__)


class JsonLines(logging.Formatter):
    """One JSON object per line; of the extra facts only the allowed ones, of an exception its kind and places."""

    converter = staticmethod(time.gmtime)

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "service": self.service,
            "message": text_of(record),
            **facts_of(record),
        }
        if trace := telemetry.current():
            line["trace_id"], line["span_id"] = trace[3:35], trace[36:52]
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = type(record.exc_info[1]).__name__
            line["places"] = places(record.exc_info[1])
        return orjson.dumps(line).decode()


class TextLines(JsonLines):
    """The same for people at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        extra = " ".join(f"{key}={value}" for key, value in facts_of(record).items())
        line = f"{record.levelname.lower():7} {text_of(record)} {extra}".rstrip()
        if record.exc_info and record.exc_info[1] is not None:
            found = record.exc_info[1]
            line += f"\n        {type(found).__name__} at " + " < ".join(reversed(places(found)))
        return line


class Collected(logging.Handler):
    """Sends the same lines to the collector."""

    def __init__(self, logger: Any) -> None:
        super().__init__()
        self.logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one record to the exporter; its own complaints stay here, so that they do not feed on themselves."""
        from opentelemetry._logs import LogRecord, SeverityNumber

        if record.name.startswith("opentelemetry"):
            return
        attributes = facts_of(record)
        if record.exc_info and record.exc_info[1] is not None:
            attributes["exception.type"] = type(record.exc_info[1]).__name__
            attributes["code.stacktrace"] = " < ".join(reversed(places(record.exc_info[1])))
        found = LogRecord(
            timestamp=int(record.created * 1_000_000_000),
            context=telemetry.otel_context(),
            severity_text=record.levelname.lower(),
            severity_number=SeverityNumber(min(21, max(1, record.levelno // 10 * 4 + 1))),
            body=text_of(record),
            attributes=attributes,
        )
        self.logger.emit(found)


class Sparing(logging.Filter):
    """Lets the exporters complain once a minute each; a collector that is gone for an hour is one story, not 7,000."""

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record passes."""
        if not record.name.startswith("opentelemetry"):
            return True
        due = record.created - self.said.get(record.name, 0.0) >= COMPLAINT_SECONDS
        if due and record.levelno >= logging.ERROR:
            self.said[record.name] = record.created
            return True
        return False


def text_of(record: logging.LogRecord) -> str:
    """Return what a record says; of other people's messages the template's first line, because they quote values."""
    if record.name.startswith(OURS):
        return record.getMessage()
    return str(record.msg).partition("\n")[0][:200]


def facts_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the extra facts of a record that may be shown."""
    extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    if not record.name.startswith(OURS):
        extra["logger"] = record.name
    return facts.allowed(extra, "log") if extra else extra


def places(failure: BaseException) -> list[str]:
    """Return where an exception passed, without its text, which may hold personal data."""
    frames = traceback.extract_tb(failure.__traceback__)[-6:]
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]


def start_logging(service: str, form: str, level: str) -> None:
    """Send all logs to standard error in one form; libraries speak from WARNING up."""
    writer = logging.StreamHandler(sys.stderr)
    writer.setFormatter(JsonLines(service) if form == "json" else TextLines(service))
    writer.addFilter(Sparing())
    root = logging.getLogger()
    root.handlers[:] = [writer]
    root.setLevel(logging.WARNING)
    for name in ("praxis_chassis", f"praxis_{service}", "praxis"):
        logging.getLogger(name).setLevel(level)
    sys.excepthook = _died
    threading.excepthook = lambda end: _died(end.exc_type, end.exc_value, end.exc_traceback)


def _died(kind: type[BaseException], failure: BaseException | None, place: TracebackType | None) -> None:
    """Log an exception that nobody caught; Python itself would print its text."""
    if failure is not None and not issubclass(kind, KeyboardInterrupt):
        log.critical("stopped by an exception", exc_info=(kind, failure, place))
