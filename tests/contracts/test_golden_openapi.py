"""The public interface changes only on purpose: its description is compared with the golden copy."""

from __future__ import annotations

import json
from pathlib import Path

from praxis_gateway import contracts, openapi

GOLDEN = Path(__file__).parent / "openapi.json"
RENEW = "python -m praxis_gateway openapi > tests/contracts/openapi.json"


def test_the_description_is_the_golden_one() -> None:
    described = json.loads(json.dumps(openapi.document(contracts.load())))
    golden = json.loads(GOLDEN.read_text())
    changed = sorted(
        path
        for path in described["paths"].keys() | golden["paths"].keys()
        if described["paths"].get(path) != golden["paths"].get(path)
    )
    assert changed == [], f"If the change is meant, renew the golden copy: {RENEW}"
    assert described == golden, f"Schemas changed. If that is meant: {RENEW}"
