"""Asks pyx12 whether an interchange follows the implementation guides, and reads its report."""

import io
import json
import logging
from dataclasses import dataclass
from typing import Any

from pyx12.errors import EngineError
from pyx12.params import ParamsBase
from pyx12.x12n_document import x12n_document

from chsim.x12 import Interchange

Report = dict[str, Any]
logging.getLogger("pyx12").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Verdict:
    """What the judge found, level by level; `unsupported` when it has no guide for the group's version."""

    interchange: Report
    unsupported: bool = False

    @property
    def groups(self) -> list[Report]:
        """Reports of the functional groups."""
        groups: list[Report] = self.interchange.get("groups", [])
        return groups

    @property
    def envelope_is_broken(self) -> bool:
        """True when the ISA or IEA segment is wrong."""
        return bool(self.interchange.get("errors"))


def judge(interchange: Interchange) -> Verdict:
    """Validates one interchange."""
    report = io.StringIO()
    try:
        x12n_document(ParamsBase(), io.StringIO(interchange.text), None, None, None, report)
    except EngineError:
        return Verdict({}, unsupported=True)
    found = json.loads(report.getvalue() or "{}").get("interchanges")
    return Verdict(found[0] if found else {"errors": ["The judge cannot read the interchange."]})


def transaction_reports(group: Report) -> list[Report]:
    """Reports of the transaction sets of a group, without what is known to be a false alarm."""
    return [
        {**report, "segments": [segment for segment in report["segments"] if not _is_false_alarm(segment)]}
        for report in group["transactions"]
    ]


def is_accepted(report: Report) -> bool:
    """True when nothing is wrong with a transaction set."""
    return not report["errors"] and not any(
        segment["errors"] or any(element["errors"] for element in segment["elements"]) for segment in report["segments"]
    )


def _is_false_alarm(segment: Report) -> bool:
    """pyx12 does not know that a certification may be `AD`, included in this claim."""
    values = [error["err_val"] for element in segment["elements"] for error in element["errors"]]
    return segment["seg_id"] == "PWK" and not segment["errors"] and values == ["AD"]
