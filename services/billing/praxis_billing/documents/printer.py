"""Turn data into accessible PDFs with Typst; the same data give the same bytes on every machine."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import orjson

FOLDER = Path(__file__).parent
FONTS = ["Libertinus Serif", "DejaVu Sans Mono"]
# A compiler keeps its fonts and templates between documents and serves one thread at a time.
PRESS = Lock()
SUBSTITUTE = "\N{REPLACEMENT CHARACTER}"
_UNDRAWABLE = "could not be displayed"  # how the compiler refuses a text that no font can draw


@lru_cache(maxsize=8)
def _compiler(template: str) -> Any:
    import typst

    return typst.Compiler(str(FOLDER / template), root=str(FOLDER), ignore_system_fonts=True)


def render(template: str, data: Mapping[str, Any], issued: date) -> bytes:
    """Compile a template with data; strings of the data are text and never markup."""
    stamp = int(datetime.combine(issued, time(12), UTC).timestamp())
    text = orjson.dumps({"fonts": FONTS, **data}).decode()
    with PRESS:
        # An accessible document may hold nothing that the fonts lack, such as an emoji in the name of an animal.
        for alike in (str, _drawable, _unmarked):
            compiled = _compiled(template, alike(text), stamp)
            if compiled is not None:
                return compiled
    raise ValueError("the fonts cannot draw the text")


def _compiled(template: str, text: str, stamp: int) -> bytes | None:
    """Return the document, or nothing when it holds what the fonts cannot draw."""
    import typst

    try:
        compiled = _compiler(template).compile(
            format="pdf", sys_inputs={"data": text}, pdf_standards=["ua-1"], timestamp=stamp
        )
    except typst.TypstError as fault:
        if _UNDRAWABLE in str(fault):
            return None
        raise
    assert isinstance(compiled, bytes)
    return compiled


def _drawable(text: str) -> str:
    """Return the text with a substitute for each letter that the fonts lack."""
    return "".join(letter if letter.isascii() or _can_draw(letter) else SUBSTITUTE for letter in text)


def _unmarked(text: str) -> str:
    """Return the drawable text without loose marks, because one font may lack a mark and another its letter."""
    composed = unicodedata.normalize("NFC", _drawable(text))
    return "".join(letter for letter in composed if unicodedata.category(letter) not in ("Mn", "Me"))


@lru_cache(maxsize=4096)
def _can_draw(letter: str) -> bool:
    return _compiled("one_letter.typ", orjson.dumps({"fonts": FONTS, "letter": letter}).decode(), 0) is not None
