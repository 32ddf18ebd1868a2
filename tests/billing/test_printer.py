"""Documents are printed for many clerks at once: the compiler behind them serves one at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from praxis_billing.documents import printer


def test_many_documents_at_once_are_all_printed_and_all_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "letter.typ").write_text(
        '#let data = json(bytes(sys.inputs.data))\n#set document(title: "Letter")\n#set text(lang: "en")\n#data.words'
    )
    monkeypatch.setattr(printer, "FOLDER", tmp_path)
    with ThreadPoolExecutor(8) as clerks:
        jobs = [clerks.submit(printer.render, "letter.typ", {"words": "Good day"}, date(2026, 3, 1)) for _ in range(24)]
        documents = {job.result() for job in jobs}
    assert len(documents) == 1
    assert documents.pop().startswith(b"%PDF-")
