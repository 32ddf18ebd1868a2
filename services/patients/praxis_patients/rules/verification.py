"""Why a coverage should be looked at, and what a picture of a card may be."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, timedelta


class Reason(enum.Enum):
    NEVER = "never"
    STALE = "stale"
    FAILED = "failed"
    EXPIRING = "expiring"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Limits:
    """From which days on a verification is too old and an end is near."""

    today: date
    stale_days: int = 30
    expiring_days: int = 30

    @property
    def verified_since(self) -> date:
        return self.today - timedelta(days=self.stale_days)

    @property
    def ends_by(self) -> date:
        return self.today + timedelta(days=self.expiring_days)


def reasons(limits: Limits, result: str, verified: date | None, end: date | None) -> list[Reason]:
    """Return why a coverage should be looked at; `end` is the first day on which it is over."""
    found = []
    if verified is None:
        found.append(Reason.NEVER)
    elif verified < limits.verified_since:
        found.append(Reason.STALE)
    if result in {"inactive", "not_found", "unanswered"}:
        found.append(Reason.FAILED)
    if end is not None and end <= limits.today:
        found.append(Reason.EXPIRED)
    elif end is not None and end <= limits.ends_by:
        found.append(Reason.EXPIRING)
    return found


def picture_type(data: bytes) -> str:
    """Return the media type of a picture by how its bytes begin; nothing when it is none that a card may have."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return "application/pdf" if data.startswith(b"%PDF-") else ""
