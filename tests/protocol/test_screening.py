"""The counts of a flow diagram: what does not add up is named with its place, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flow_counts import ABOUT, NEW, OTHER, UPDATED

from meta.errors import OptionError
from meta.prisma import OtherMethods, PrismaFlow, find_incoherences
from meta.protocol.reader import check_protocol
from meta.protocol.screening import PrismaPlan, find_flow_faults


def updated(other: dict[str, Any] | None = None, **more: Any) -> PrismaFlow:
    return PrismaFlow(**{**UPDATED, **more, "other": OtherMethods(**{**OTHER, **(other or {})})})


def test_counts_that_add_up_are_taken() -> None:
    assert not PrismaFlow(**NEW).is_update
    assert updated().is_update
    assert find_incoherences(PrismaFlow(ABOUT, {"MEDLINE": 200})) == []
    # what is not given is not held against what is
    assert find_incoherences(PrismaFlow(ABOUT, {"MEDLINE": 200}, screened=180, assessed=25, studies=10)) == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("screened", 801, "screened: 801 records, but 930 identified − 130 removed = 800"),
        ("duplicates", 931, "duplicates: 931 records removed, but 930 identified"),
        ("excluded", 801, "excluded: 801, but 800 screened"),
        ("sought", 99, "sought: 99, but 800 screened − 700 excluded = 100"),
        ("not_retrieved", 101, "not_retrieved: 101, but 100 sought"),
        ("assessed", 94, "assessed: 94, but 100 sought − 5 not retrieved = 95"),
        ("reasons", {"Wrong": 96}, "reasons: 96 reports excluded, but 95 assessed"),
        ("reports", 26, "reports: 26 included, but assessed − excluded = 25"),
        ("studies", 26, "studies: 26 studies, but 25 reports of them"),
        ("analysed", 21, "analysed: 21 studies, but 20 included"),
        ("total_studies", 20, "total_studies: 20, but previous_studies is not given"),
        ("screened", -1, "screened: must be a whole number from 0 to 1000000000; got -1"),
        ("sought", True, "sought: must be a whole number from 0 to 1000000000; got True"),
        ("identified", {"A": 2.5}, "identified 'A': must be a whole number from 0 to 1000000000; got 2.5"),
        ("identified", {" ": 930}, "identified: a source or a reason needs a name"),
    ],
)
def test_what_does_not_add_up_is_named(field: str, value: Any, words: str) -> None:
    with pytest.raises(OptionError) as caught:
        PrismaFlow(**{**NEW, field: value})
    assert f"; {words};" in f"; {caught.value};"


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"total_studies": 34}, "total_studies: 34, but 12 previous + 21 new = 33"),
        ({"total_reports": 40}, "total_reports: 40, but 15 previous + 26 new = 41"),
        (
            {"previous_reports": 11, "total_reports": 37},
            "previous_studies: 12 studies, but 11 reports of them",
        ),
        ({"analysed": 34}, "analysed: 34 studies, but 33 included"),
        ({"reports": 25}, "reports: 25 included, but assessed − excluded = 26"),
        ({"other": {"assessed": 7}}, "other.assessed: 7, but 9 sought − 1 not retrieved = 8"),
        ({"other": {"not_retrieved": 10}}, "other.not_retrieved: 10, but 9 sought"),
        ({"other": {"sought": 1210}}, "other.sought: 1210, but 1209 identified"),
    ],
)
def test_an_update_and_its_other_methods_are_held_too(choices: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError) as caught:
        updated(**choices)
    assert f"; {words};" in f"; {caught.value};"


def test_a_protocol_gives_the_same_flow_and_the_place_of_each_fault() -> None:
    plan = PrismaPlan.model_validate({**UPDATED, "other": OTHER})
    assert plan.flow() == updated()
    wrong = PrismaPlan.model_validate({**UPDATED, "other": {**OTHER, "assessed": 7}, "sought": 90})
    assert [at for at, _ in find_flow_faults(wrong)] == [
        ("prisma", "sought"),
        ("prisma", "assessed"),
        ("prisma", "other", "assessed"),
        ("prisma", "reports"),
    ]
    assert list(find_flow_faults(None)) == []


def test_check_names_line_key_and_rule(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("study_id,y,v\nA,1,1\n", encoding="utf-8")
    (tmp_path / "review.toml").write_text(
        'title = "T"\nquestion = "Q?"\n\n[sheets.s]\nfile = "s.csv"\nschema = "generic"\n\n[prisma]\n'
        f'about = "{ABOUT}"\nidentified = {{Databases = 10}}\nscreened = 12\nsougth = 3\n\n'
        '[prisma.other]\nidentified = {Websites = "many"}\n\n'
        '[[analyses]]\nid = "a"\ntitle = "A"\nquestion = "Q?"\nsheet = "s"\nlabel = "study_id"\n'
        'measure = "GEN"\ncolumns = {y = "y", v = "v"}\nprofile = "house@1"\n',
        encoding="utf-8",
    )
    _, problems = check_protocol(tmp_path)
    assert [(p.line, p.rule, p.message) for p in problems] == [
        (11, "prisma-counts", "12 records, but 10 identified"),
        (12, "unknown-key", "unknown key 'sougth'"),
        (15, "wrong-value", "must be a number"),
    ]
