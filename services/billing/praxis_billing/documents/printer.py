"""Turn data into accessible PDFs with Typst; the same data give the same bytes on every machine."""

from __future__ import annotations

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


@lru_cache(maxsize=8)
def _compiler(template: str) -> Any:
    import typst

    return typst.Compiler(str(FOLDER / template), root=str(FOLDER), ignore_system_fonts=True)


def render(template: str, data: Mapping[str, Any], issued: date) -> bytes:
    """Compile a template with data; strings of the data are text and never markup."""
    stamp = int(datetime.combine(issued, time(12), UTC).timestamp())
    inputs = {"data": orjson.dumps({"fonts": FONTS, **data}).decode()}
    with PRESS:
        compiled = _compiler(template).compile(format="pdf", sys_inputs=inputs, pdf_standards=["ua-1"], timestamp=stamp)
    assert isinstance(compiled, bytes)
    return compiled
