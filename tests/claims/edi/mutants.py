"""Named ways to break a valid 837P file, each of which an independent validator must notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Segments = list[list[str]]


@dataclass(frozen=True)
class Mutant:
    """One way to break a file."""

    name: str
    change: Callable[[Segments], None]

    def apply(self, text: str) -> str:
        """Return the broken file; SE01 is kept right so that only the mutant can be at fault."""
        segments = [segment.split("*") for segment in text.rstrip("~").split("~")]
        before = len(segments)
        self.change(segments)
        for segment in segments:
            if segment[0] == "SE" and not self.name.startswith("SE"):
                segment[1] = str(int(segment[1]) + len(segments) - before)
        return "".join("*".join(segment) + "~" for segment in segments)


def _first(segments: Segments, *start: str) -> int:
    return next(index for index, segment in enumerate(segments) if segment[: len(start)] == list(start))


def _without(*start: str) -> Mutant:
    def change(segments: Segments) -> None:
        del segments[_first(segments, *start)]

    return Mutant(f"without {'*'.join(start)}", change)


def _with(value: str, element: int, *start: str) -> Mutant:
    def change(segments: Segments) -> None:
        segment = segments[_first(segments, *start)]
        segment.extend([""] * (element + 1 - len(segment)))
        segment[element] = value

    return Mutant(f"{'*'.join(start)}{element:02} = '{value[:12]}'", change)


def _twice(*start: str) -> Mutant:
    def change(segments: Segments) -> None:
        index = _first(segments, *start)
        segments.insert(index, list(segments[index]))

    return Mutant(f"{'*'.join(start)} twice", change)


def _swapped(one: tuple[str, ...], two: tuple[str, ...]) -> Mutant:
    def change(segments: Segments) -> None:
        first, second = _first(segments, *one), _first(segments, *two)
        segments[first], segments[second] = segments[second], segments[first]

    return Mutant(f"{'*'.join(one)} swapped with {'*'.join(two)}", change)


MUTANTS = (
    _without("BHT"), _without("NM1", "41"), _without("PER", "IC"), _without("NM1", "40"), _without("NM1", "85"),
    _without("N3"), _without("N4"), _without("REF", "EI"), _without("SBR"), _without("NM1", "IL"),
    _without("NM1", "PR"), _without("PAT"), _without("NM1", "QC"), _without("DMG"), _without("CLM"), _without("HI"),
    _without("LX"), _without("SV1"), _without("DTP", "472"), _without("CTP"), _without("HL", "1"),
    _without("HL", "2"), _without("HL", "3"), _without("SE"), _without("GE"), _without("IEA"),
    _with("0020", 1, "BHT"), _with("99", 2, "BHT"), _with("20261301", 4, "BHT"), _with("XX", 6, "BHT"),
    _with("", 3, "BHT"), _with("9", 2, "NM1", "41"), _with("ZZ", 8, "NM1", "41"), _with("", 9, "NM1", "40"),
    _with("", 3, "NM1", "85"), _with("", 1, "N3"), _with("X" * 56, 1, "N3"), _with("", 1, "N4"),
    _with("Z", 1, "SBR"), _with("Q9", 9, "SBR"), _with("99", 2, "SBR"), _with("ZZZ", 1, "PAT"), _with("D9", 1, "DMG"),
    _with("X", 3, "DMG"), _with("19991350", 2, "DMG"), _with("", 1, "CLM"), _with("ABC", 2, "CLM"),
    _with("", 5, "CLM"), _with("11:A:1", 5, "CLM"), _with("Q", 6, "CLM"), _with("Z", 7, "CLM"), _with("Q", 8, "CLM"),
    _with("Q", 9, "CLM"), _with("ZZ:I10", 1, "HI"), _with("ABK", 1, "HI"), _with("", 1, "LX"), _with("", 1, "SV1"),
    _with("XX:99213", 1, "SV1"), _with("1.2.3", 2, "SV1"), _with("XX", 3, "SV1"), _with("", 4, "SV1"),
    _with("D9", 2, "DTP", "472"), _with("20260230", 3, "DTP", "472"), _with("N5", 2, "LIN"), _with("", 4, "CTP"),
    _with("QQ", 5, "CTP"), _with("9", 1, "SE"), _with("9999", 2, "SE"),
    _with("7", 1, "GE"), _with("000000777", 2, "IEA"),
    _twice("BHT"), _twice("SBR"), _twice("SV1"), _twice("NM1", "IL"), _twice("PAT"), _twice("HI"),
    _swapped(("LX",), ("SV1",)), _swapped(("CLM",), ("HI",)), _swapped(("SBR",), ("NM1", "IL")),
)  # fmt: skip
