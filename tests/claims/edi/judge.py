"""Asks pyx12, which shares no code with ours, what it thinks of a file and in which loop it sees each segment."""

from __future__ import annotations

import functools
import io
import json
import logging
from collections import Counter
from typing import Any

import pyx12.error_handler
import pyx12.map_if
import pyx12.params
import pyx12.x12context
import pyx12.x12n_document
from pyx12.errors import EngineError, X12Error

logging.getLogger("pyx12").setLevel(logging.CRITICAL)
# It reads its maps, which take most of its time, anew for every file, but keeps no state in them.
_load = pyx12.map_if.load_map_file
_kept = functools.cache(lambda name, path: _load(name, pyx12.params.ParamsBase(), path))
pyx12.map_if.load_map_file = lambda name, _params, path=None: _kept(name, path)


def faults(text: str) -> list[str]:
    """Everything pyx12 holds against the file; nothing means accepted."""
    report = io.StringIO()
    try:
        accepted = pyx12.x12n_document.x12n_document(
            pyx12.params.ParamsBase(), io.StringIO(text), None, None, fd_json=report
        )
    except (EngineError, X12Error) as error:
        return [str(error)]
    found = list(_errors(json.loads(report.getvalue() or "{}")))
    return found if found or accepted else ["refused without a reason"]


def _errors(report: Any) -> Any:
    if isinstance(report, dict):
        for error in report.get("errors", ()):
            yield f"{report.get('seg_id', '')} {error['err_str']}"
        for value in report.values():
            yield from _errors(value)
    elif isinstance(report, list):
        for entry in report:
            yield from _errors(entry)


def loop_counts(text: str) -> Counter[str]:
    """How often each loop and segment occurs, by the loops of pyx12's map."""
    handler = pyx12.error_handler.errh_null()
    reader = pyx12.x12context.X12ContextReader(pyx12.params.ParamsBase(), handler, io.StringIO(text))
    counts: Counter[str] = Counter()
    for node in reader.iter_segments():
        segment = node.seg_data
        counts[f"{node.x12_map_node.parent.id} {_label(segment.get_seg_id(), segment.get_value('01'))}"] += 1
    return counts


def _label(identifier: str, qualifier: str) -> str:
    qualified = identifier in ("NM1", "REF", "DTP", "AMT", "PRV")
    return f"{identifier}*{qualifier}" if qualified else identifier
