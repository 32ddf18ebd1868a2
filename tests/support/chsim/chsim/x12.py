"""Reads and writes X12 interchanges: separators, segments, envelopes and control totals."""

from collections.abc import Iterator
from dataclasses import dataclass, field

Element = str | tuple[str, ...]
Segment = list[str]


class NotX12(ValueError):
    """The bytes hold no interchange that can be read."""


@dataclass(frozen=True)
class Separators:
    """The four characters that an interchange declares in its ISA segment."""

    element: str = "*"
    component: str = ":"
    repetition: str = "^"
    terminator: str = "~"


@dataclass(frozen=True)
class Interchange:
    """One ISA to IEA: its raw text and its segments, split into elements."""

    text: str
    separators: Separators
    segments: list[Segment]

    @property
    def header(self) -> Segment:
        """The ISA segment."""
        return self.segments[0]

    def components(self, element: str) -> tuple[str, ...]:
        """Splits a composite element."""
        return tuple(element.split(self.separators.component))

    def groups(self) -> Iterator[list[Segment]]:
        """Each functional group from GS to before its GE."""
        yield from _between(self.segments, "GS", "GE")


def transactions(group: list[Segment]) -> Iterator[list[Segment]]:
    """Each transaction set of a group, from ST to SE."""
    yield from _between(group, "ST", "SE")


def _between(segments: list[Segment], first: str, last: str) -> Iterator[list[Segment]]:
    body: list[Segment] | None = None
    for segment in segments:
        if segment[0] == first:
            body = []
        if body is not None:
            body.append(segment)
        if segment[0] == last and body is not None:
            yield body
            body = None


def interchanges(data: bytes) -> list[Interchange]:
    """Every interchange of a file; NotX12 when there is none."""
    text = data.decode("utf-8-sig", errors="replace").lstrip()
    found = []
    while text.startswith("ISA"):
        interchange = _read(text)
        found.append(interchange)
        text = text[len(interchange.text) :].lstrip()
    if not found or text:
        raise NotX12("The file does not begin with an ISA segment, or something follows its last IEA segment.")
    return found


def _read(text: str) -> Interchange:
    separators = _separators(text)
    segments, position = [], 0
    while True:
        end = text.find(separators.terminator, position)
        if end < 0:
            raise NotX12("The interchange has no IEA segment.")
        segments.append(text[position:end].strip().split(separators.element))
        position = end + 1
        if segments[-1][0] == "IEA":
            return Interchange(text[:position], separators, segments)


def _separators(text: str) -> Separators:
    element, position = text[3:4], 3
    for _ in range(15):
        position = text.find(element, position + 1)
        if position < 0:
            raise NotX12("The ISA segment has fewer than 16 elements.")
    if len(text) < position + 3:
        raise NotX12("The ISA segment ends too early.")
    repetition = text[:position].split(element)[11]
    return Separators(element, text[position + 1], repetition, text[position + 2])


@dataclass(frozen=True)
class Route:
    """Who sends to whom: qualifiers and ids of ISA05 to ISA08, GS02 and GS03, and the usage indicator."""

    sender: tuple[str, str]
    receiver: tuple[str, str]
    group_sender: str
    group_receiver: str
    usage: str

    @classmethod
    def back(cls, interchange: Interchange) -> "Route":
        """The way an answer to this interchange takes."""
        isa = interchange.header
        group = next(interchange.groups(), [["GS", "", isa[6].strip(), isa[8].strip()]])[0]
        return cls((isa[7], isa[8]), (isa[5], isa[6]), group[3], group[2], isa[15])


@dataclass
class Writer:
    """Collects the segments of one transaction set or interchange."""

    lines: list[str] = field(default_factory=list)

    def add(self, name: str, *elements: Element) -> None:
        """Appends one segment without its empty last elements."""
        values = [":".join(value).rstrip(":") if isinstance(value, tuple) else value for value in elements]
        while values and not values[-1]:
            values.pop()
        self.lines.append("*".join([name, *values]))

    def transaction(self, kind: str, control: str, version: str, body: list[str]) -> None:
        """Appends a whole transaction set with its counted trailer."""
        self.add("ST", kind, control, version)
        self.lines.extend(body)
        self.add("SE", str(len(body) + 2), control)

    def text(self) -> str:
        """The segments, one a line."""
        return "".join(f"{line}~\n" for line in self.lines)


@dataclass(frozen=True)
class Stamp:
    """Numbers and moment of one outbound interchange."""

    control: int
    date: str
    time: str


def envelope(route: Route, stamp: Stamp, inner: list[str], group: tuple[str, str, int] | None) -> bytes:
    """An interchange around segments; `group` is (GS01, GS08, transactions), or None for a TA1 alone."""
    writer = Writer()
    isa = ("00", " " * 10, "00", " " * 10, *_party(route.sender), *_party(route.receiver), stamp.date[2:], stamp.time)
    writer.lines.append("*".join(("ISA", *isa, "^", "00501", f"{stamp.control:09d}", "0", route.usage, ":")))
    if group is None:
        writer.lines.extend(inner)
    else:
        code, version, count = group
        ends = (route.group_sender, route.group_receiver)
        writer.add("GS", code, *ends, stamp.date, stamp.time, str(stamp.control), "X", version)
        writer.lines.extend(inner)
        writer.add("GE", str(count), str(stamp.control))
    writer.add("IEA", "1" if group else "0", f"{stamp.control:09d}")
    return writer.text().encode("ascii", errors="replace")


def _party(party: tuple[str, str]) -> tuple[str, str]:
    return party[0], party[1].strip().ljust(15)[:15]
