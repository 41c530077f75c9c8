"""Every number of the shipped review has an explanation."""

import re

from meta.explain.addresses import list_ids
from meta.explain.explanation import explain_number

#: Of curves and lists as long as these, every place has the same words.
PLACE = re.compile(r"\.\d+(?=\.|$)")


def test_every_number_of_the_report_and_of_the_results_is_explained(shipped):
    shown = re.findall(r'data-id="([^"]+)"', (shipped.out / "report.html").read_text(encoding="utf-8"))
    one_of_each = {PLACE.sub(".#", address): address for address in list_ids(shipped.results)}
    addresses = list(dict.fromkeys([*shown, *one_of_each.values()]))
    assert len(addresses) > 3000
    for address in addresses:
        found = explain_number(shipped.results, address)
        assert found.id == address
        assert found.what
        assert not found.what.startswith("a part of"), address


def test_the_headline_leads_to_twelve_cohorts_and_their_sources(shipped):
    found = explain_number(shipped.results, "analyses.trs_total.fit.natural.value")
    assert found.shown == "17.1 (Per 100)"
    assert len(found.studies) == 12
    assert all(row.cells["events"] and row.source for study in found.studies for row in study.rows)
    assert sum(step.startswith("Set aside: ") for step in found.steps) == 6
    assert any("Stijnen" in sentence for sentence in (found.what, *found.methods))
