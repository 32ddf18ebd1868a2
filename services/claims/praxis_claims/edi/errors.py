"""The one exception of the codec and the findings that everything else becomes."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class EdiError(ValueError):
    """Bytes that are not X12 at all, or a claim that cannot be written; `code` is stable, the text is for people."""

    def __init__(self, code: str, text: str, path: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.path = path


class Level(StrEnum):
    """How far a finding reaches: fatal quarantines the transaction, error holds the claim."""

    FATAL = "fatal"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Finding(NamedTuple):
    """One remark about the content of a file, tied to the segment (counted from 1 in the file) that caused it."""

    level: Level
    code: str
    segment_number: int
    element: str
    text: str
