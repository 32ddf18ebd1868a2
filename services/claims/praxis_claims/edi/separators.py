"""Finds the four separators of an interchange by walking its ISA segment, never by fixed offsets."""

from __future__ import annotations

from typing import NamedTuple

from praxis_claims.edi.errors import EdiError

ISA_ELEMENTS = 16
ISA_WIDTH = 106
LINE_BREAKS = "\r\n"
# Everything an ISA can reasonably hold, so that a file without separators is refused without reading it whole.
HEADER_LIMIT = 400


class Separators(NamedTuple):
    """The delimiters that one interchange declares; repetition is empty when ISA11 does not name one."""

    element: str = "*"
    component: str = ":"
    repetition: str = "^"
    segment: str = "~"

    @property
    def wraps(self) -> bool:
        """Whether line breaks inside segments are layout, as they are unless they end segments."""
        return self.segment not in LINE_BREAKS


class Header(NamedTuple):
    """What the ISA segment tells before any splitting: separators and its real width."""

    separators: Separators
    width: int


def find_header(text: str) -> Header | None:
    """Read the separators at the start of `text`, or None when more text is needed."""
    element = text[3:4]
    if not _may_separate(element) or element in LINE_BREAKS:
        raise EdiError("ISA_UNREADABLE", "The ISA segment has no usable element separator.")
    position = 3
    for _ in range(ISA_ELEMENTS - 1):
        position = text.find(element, position + 1)
        if position < 0:
            _refuse_endless(text)
            return None
    while text[position + 1 : position + 2] in ("\r", "\n"):
        position += 1
    component, segment = text[position + 1 : position + 2], text[position + 2 : position + 3]
    if not segment:
        _refuse_endless(text)
        return None
    return Header(_checked(element, component, segment, text[3:position]), position + 3)


def _refuse_endless(text: str) -> None:
    if len(text) > HEADER_LIMIT:
        raise EdiError("ISA_UNREADABLE", "The ISA segment does not have its 16 elements.")


def _checked(element: str, component: str, segment: str, header: str) -> Separators:
    if not (_may_separate(component) and _may_separate(segment)) or len({element, component, segment}) < 3:
        raise EdiError("ISA_UNREADABLE", "The ISA segment does not end with a component separator and a terminator.")
    repetition = header.split(element)[11].strip()
    if len(repetition) != 1 or repetition.isalnum() or repetition in (element, component, segment):
        repetition = ""
    return Separators(element, component, repetition, segment)


def _may_separate(character: str) -> bool:
    return bool(character) and not character.isalnum() and character not in " \t"
