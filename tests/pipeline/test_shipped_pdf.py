"""No free number in the PDF of the shipped review, and the same numbers as in its page."""

from __future__ import annotations

import pytest

from meta.pipeline import RunResult
from meta.report.html_places import map_page


def test_the_shipped_pdf_has_no_free_number(shipped: RunResult) -> None:
    pytest.importorskip("docx", reason="python-docx is not installed: pip install 'trs-meta[docx]'")
    from number_kinds import check_numbers
    from test_pdf_numbers import listen

    figures = {str(path.relative_to(shipped.out)): path for path in sorted(shipped.out.rglob("*.svg"))}
    drawings = {name: path.read_text(encoding="utf-8") for name, path in figures.items()}
    written, texts = listen(shipped.results, drawings)
    assert len(written.places) > 3_000
    check_numbers(written, texts, shipped.results)
    page = map_page((shipped.out / "report.html").read_text(encoding="utf-8"))
    assert sorted((p.id, p.text) for p in written.places) == sorted((p.id, p.text) for p in page.places)
