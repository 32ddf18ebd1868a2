"""Streams the segments of an X12 file, whatever its encoding, line breaks, separators and number of interchanges."""

from __future__ import annotations

import codecs
import io
from collections.abc import Generator, Iterator
from typing import BinaryIO

from praxis_claims.edi.errors import EdiError, Finding, Level
from praxis_claims.edi.separators import ISA_ELEMENTS, ISA_WIDTH, Header, Separators, find_header

# Small enough that the segments of a chunk stay in the processor's cache.
CHUNK_BYTES = 1 << 13
# A segment longer than this is not X12; without a bound a file without terminators would be collected whole.
SEGMENT_LIMIT = 1 << 20
LAYOUT = "\r\n \t"

Segment = list[str]
Source = bytes | BinaryIO


class Tokenizer:
    """Iterates over segments as lists of elements; `separators` and `findings` belong to what was read so far."""

    def __init__(self, source: Source) -> None:
        self.separators = Separators()
        self.findings: list[Finding] = []
        self._number = 0
        self._chunks = _decoded(io.BytesIO(source) if isinstance(source, bytes) else source, self.findings)

    def __iter__(self) -> Iterator[Segment]:
        for batch in self.batches():
            yield from batch

    def batches(self) -> Iterator[list[Segment]]:
        """Yield segments in runs, which costs less than one by one; a run never reaches into the next interchange."""
        buffer = self._open(next(self._chunks, "").lstrip("\ufeff" + LAYOUT))
        for chunk in self._chunks:
            buffer = yield from self._complete(buffer)
            buffer += chunk
        buffer = (yield from self._complete(buffer)).lstrip(LAYOUT)
        if buffer:
            self._remark("UNTERMINATED_SEGMENT", "The file ends inside a segment.")
            yield [buffer.split(self.separators.element)]

    def _open(self, text: str) -> str:
        """Adopt the separators of the interchange that starts `text`; returns the text as far as it was read."""
        if text[:3] != "ISA":
            raise EdiError("NOT_X12", "The file does not start with an ISA segment, so it is not an X12 file.")
        while (header := find_header(text)) is None:
            more = next(self._chunks, "")
            if not more:
                raise EdiError("ISA_UNREADABLE", "The ISA segment is cut off.")
            text += more
        self.separators = header.separators
        if header.width != ISA_WIDTH:
            self._remark("ISA_WIDTH", f"The ISA segment is {header.width} characters long instead of {ISA_WIDTH}.")
        return text

    def _reopen(self, text: str) -> str:
        """Adopt the separators of a further interchange; one that has none is left out, its neighbors are not."""
        try:
            return self._open(text)
        except EdiError as problem:
            self._remark(problem.code, str(problem))
            return text.partition(self.separators.segment)[2]

    def _complete(self, buffer: str) -> Generator[list[Segment], None, str]:
        """Yield every whole segment of `buffer`; returns what is left of it."""
        while True:
            if "ISA" not in buffer:
                return (yield from self._complete_plain(buffer))
            *texts, rest = buffer.split(self.separators.segment)
            _refuse_endless(rest)
            foreign = yield from self._split(texts)
            if foreign is None and not self._ends_otherwise(rest):
                return rest
            left = [] if foreign is None else texts[foreign:]
            buffer = self._reopen(self.separators.segment.join([*left, rest]).lstrip(LAYOUT))

    def _complete_plain(self, buffer: str) -> Generator[list[Segment], None, str]:
        """Do the same in fewer steps for text in which no interchange can begin, which is nearly all text."""
        element = self.separators.element
        if self.separators.wraps and not buffer.isprintable():
            buffer = buffer.replace("\r", "").replace("\n", "")
        *texts, rest = buffer.split(self.separators.segment)
        _refuse_endless(rest)
        batch = [text.split(element) for raw in texts if (text := raw.lstrip(LAYOUT))]
        yield batch
        self._number += len(batch)
        return rest

    def _split(self, texts: list[str]) -> Generator[list[Segment], None, int | None]:
        """Yield the segments of `texts`; returns where an interchange starts that needs other separators, if any."""
        element, wraps = self.separators.element, self.separators.wraps
        batch: list[Segment] = []
        for index, raw in enumerate(texts):
            text = raw.lstrip(LAYOUT)
            # Line breaks are not printable; few segments hold one, so most are let through by this one look.
            if wraps and not text.isprintable():
                text = text.replace("\r", "").replace("\n", "")
            if text[:3] == "ISA" and self._number + len(batch):
                yield batch
                self._number += len(batch)
                batch = []
                if not self._adopts(text):
                    return index
            if text:
                batch.append(text.split(element))
        yield batch
        self._number += len(batch)
        return None

    def _ends_otherwise(self, rest: str) -> bool:
        """Whether what is left is an interchange whose terminator is another, so that it would never end."""
        text = rest.lstrip(LAYOUT)
        if text[:3] != "ISA" or not self._number:
            return False
        header = _header(text)
        return header is not None and header.separators.segment != self.separators.segment

    def _adopts(self, text: str) -> bool:
        """Whether a further ISA can be read with the present element separator and terminator."""
        elements = text.split(self.separators.element)
        if elements[0] != "ISA" or len(elements) != ISA_ELEMENTS + 1 or len(elements[-1]) != 1:
            return False
        header = _header(text + self.separators.segment)
        if header is None or header.separators.segment != self.separators.segment:
            return False
        self.separators = header.separators
        return True

    def _remark(self, code: str, text: str) -> None:
        self.findings.append(Finding(Level.WARNING, code, self._number + 1, "", text))


def _refuse_endless(rest: str) -> None:
    if len(rest) > SEGMENT_LIMIT:
        raise EdiError("SEGMENT_TOO_LONG", "A segment is longer than a megabyte, so this is not an X12 file.")


def _header(text: str) -> Header | None:
    """Return the header at the start of `text` if there is a sound one."""
    try:
        return find_header(text)
    except EdiError:
        return None


def _decoded(stream: BinaryIO, findings: list[Finding]) -> Iterator[str]:
    """Decode chunk by chunk as UTF-8, falling back to Latin-1 for good at the first byte that is not."""
    decoder: codecs.IncrementalDecoder = codecs.getincrementaldecoder("utf-8")()
    read = 0
    while data := stream.read(CHUNK_BYTES):
        if not read:
            _refuse_other_encodings(data)
        _refuse_nul(data, read)
        read += len(data)
        pending = decoder.getstate()[0]
        try:
            yield decoder.decode(data)
        except UnicodeDecodeError:
            findings.append(Finding(Level.WARNING, "NOT_UTF8", 0, "", "The file is not UTF-8; it was read as Latin-1."))
            decoder = codecs.getincrementaldecoder("latin-1")()
            yield decoder.decode(pending + data)
    if not read:
        raise EdiError("EMPTY_FILE", "The file is empty.")
    if tail := decoder.getstate()[0]:
        yield tail.decode("latin-1")


def _refuse_other_encodings(data: bytes) -> None:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4]:
        raise EdiError("UTF_16", "The file is UTF-16 or binary; send it as UTF-8 or plain ASCII text.")


def _refuse_nul(data: bytes, before: int) -> None:
    """Refuse a byte that X12 does not know and no database stores."""
    if (place := data.find(b"\0")) >= 0:
        number = before + place + 1
        raise EdiError("NUL_BYTE", f"Byte {number} is NUL, so the file is binary or was damaged; have it sent again.")
