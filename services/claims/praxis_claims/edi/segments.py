"""Collects outbound segments: trims what is empty at the end and refuses what may not be empty."""

from __future__ import annotations

from praxis_claims.edi.errors import EdiError
from praxis_claims.edi.separators import Separators

# Elements that every use of a segment in an 837P must fill; trimmed segments and empty values are caught by this.
MANDATORY: dict[str, tuple[int, ...]] = {
    "GS": (1, 2, 3, 4, 5, 6, 7, 8), "ST": (1, 2, 3), "BHT": (1, 2, 3, 4, 5, 6), "HL": (1, 3, 4), "NM1": (1, 2, 3),
    "N3": (1,), "N4": (1,), "PER": (1, 3, 4), "PRV": (1, 2, 3), "REF": (1, 2), "SBR": (1, 9), "PAT": (1,),
    "DMG": (1, 2, 3), "CLM": (1, 2, 5, 6, 7, 8, 9), "DTP": (1, 2, 3), "AMT": (1, 2), "NTE": (1, 2), "HI": (1,),
    "PWK": (1, 2), "LX": (1,), "SV1": (1, 2, 3, 4, 7), "LIN": (2, 3), "CTP": (4, 5), "SE": (1, 2), "GE": (1, 2),
    "IEA": (1, 2),
}  # fmt: skip


class SegmentList:
    """The segments of one file, as text; `claim` names what is being written in refusals."""

    def __init__(self, separators: Separators) -> None:
        self.separators = separators
        self.claim = ""
        self.texts: list[str] = []

    def put(self, *elements: str) -> None:
        """Append a segment; its values must be clean already."""
        count = len(elements)
        while count > 1 and not elements[count - 1]:
            count -= 1
        for index in MANDATORY.get(elements[0], ()):
            if index >= count or not elements[index]:
                name = f"{elements[0]}{index:02}"
                raise EdiError("ELEMENT_MISSING", f"{name} must not be empty.", f"{self.claim} {name}".strip())
        self.texts.append(self.separators.element.join(elements[:count]))

    def put_unnamed(self, *elements: str) -> None:
        """Append a segment of which only the first elements are allowed, such as the NM1 of a pay-to address."""
        self.texts.append(self.separators.element.join(elements))

    def bytes(self) -> bytes:
        """The file; every character has been made ASCII on the way in."""
        terminator = self.separators.segment
        return (terminator.join(self.texts) + terminator).encode("ascii")
