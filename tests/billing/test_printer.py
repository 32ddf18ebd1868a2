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


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        ("Rex 🐕 and 王小明", "Rex � and ���"),
        ("é\u20e3 1\ufe0f\u20e3 $12.00", "é 1 $12.00"),
        ("a\u0300\u0301\u20dd ไทย", "à ���"),
        ("Жук שלום Nguyễn", "Жук שלום Nguyễn"),
    ],
)
def test_what_no_font_draws_is_replaced_in_a_document_that_stays_accessible(words: str, printed: str) -> None:
    def told(said: str) -> bytes:
        return printer.render("one_letter.typ", {"letter": said}, date(2026, 3, 1))

    assert told(words) == told(words) == told(printed)
