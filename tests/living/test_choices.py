"""Choices of protocol, profile and software that differ between two versions."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from living_factory import PROTOCOL, take, write_review

from meta.living.archive import Snapshot
from meta.living.choices import compare_choices
from meta.living.shapes import ChoiceChange

SECOND = '[[analyses]]\nid = "clinics"'


def compare(tmp_path: Path, new: str, old: str = PROTOCOL) -> list[ChoiceChange]:
    sides = [
        take(name, write_review(tmp_path / name, protocol=text)) for name, text in (("a", old), ("b", new))
    ]
    return list(compare_choices(*sides))


def added(lines: str) -> str:
    """Return the protocol with lines in its first analysis."""
    return PROTOCOL.replace(SECOND, f"{lines}\n{SECOND}")


def test_keys_that_appear_with_their_default_value_are_no_change(tmp_path: Path) -> None:
    said = 'small_study = false\noverall = true\ntargets = []\nderived = {}\nmodel = {ci_method = "HKSJ"}'
    assert compare(tmp_path, added(said)) == []


def test_the_order_of_analyses_keys_and_filters_is_no_change(tmp_path: Path) -> None:
    first, second = PROTOCOL.split("[[analyses]]")[1:]
    head = PROTOCOL.split("[[analyses]]")[0]
    swapped = f"{head}[[analyses]]{second}[[analyses]]{first}"
    assert compare(tmp_path, swapped) == []


def test_a_filter_is_known_by_its_column_and_said_in_words(tmp_path: Path) -> None:
    new = PROTOCOL.replace('in = ["ward", "clinic"]', 'not_in = ["prison", "ward"]')
    assert compare(tmp_path, new) == [
        ChoiceChange(
            "protocol",
            "analyses.all.filters.setting",
            "setting is ward or clinic",
            "setting is not prison or ward",
            "all",
            moves=True,
        )
    ]


def test_another_profile_says_each_option_it_changes(tmp_path: Path) -> None:
    new = PROTOCOL.replace('profile = "house@1"', 'profile = "metafor@1"', 1)
    found = [(c.kind, c.where, c.old, c.new, c.analysis, c.moves) for c in compare(tmp_path, new)]
    assert found == [
        ("protocol", "analyses.all.profile", "house@1", "metafor@1", "all", True),
        ("profile", "analyses.all.model.ci_method", "HKSJ", "Wald", "all", True),
        ("profile", "analyses.all.model.ci_guard", "se", "none", "all", True),
        ("profile", "analyses.all.model.pi_method", "t_k1", "z", "all", True),
    ]


def test_a_profile_whose_choices_the_protocol_overrides_alike_moves_nothing(tmp_path: Path) -> None:
    over = 'model = {ci_method = "Wald", pi_method = "z"}'
    old = added(over)
    new = old.replace('profile = "house@1"', 'profile = "metafor@1"', 1)
    assert [(c.where, c.moves) for c in compare(tmp_path, new, old)] == [("analyses.all.profile", False)]


def test_an_option_of_the_protocol_itself_is_a_choice_of_the_protocol(tmp_path: Path) -> None:
    found = compare(tmp_path, added('model = {tau2_method = "DL"}'))
    assert [(c.kind, c.where, c.old, c.new) for c in found] == [
        ("protocol", "analyses.all.model.tau2_method", "REML", "DL")
    ]


@pytest.mark.parametrize(
    ("lines", "where", "new", "moves"),
    [
        ('caveats = ["Few.", "Small."]', "analyses.all.caveats.1", "Few.", False),
        ('headings = {events = "Cases"}', "analyses.all.headings.events", "Cases", False),
        (
            'unit = {factor = 100, heading = "Per 100", axis = "Per 100"}',
            "analyses.all.unit",
            "factor = 100; heading = Per 100; axis = Per 100",
            False,
        ),
        (
            'threshold = {value = 0.2, words = "A fifth", source = "Us"}',
            "analyses.all.threshold",
            "value = 0.2; words = A fifth; source = Us",
            False,
        ),
        ('exclude = [{row = "C2005", reason = "Odd"}]', "analyses.all.exclude.C2005", "Odd", True),
        ('subgroups = [{by = "setting"}]', "analyses.all.subgroups.setting", "as by default", False),
        (
            'subgroups = [{by = "setting", test = false}]',
            "analyses.all.subgroups.setting",
            "test = false",
            False,
        ),
        (
            'alternatives = [{label = "By DL", reason = "Old", model = {tau2_method = "DL"}}]',
            'analyses.all.alternatives."By DL"',
            "reason = Old; model = tau2_method = DL",
            False,
        ),
    ],
)
def test_what_comes_is_one_choice_and_words_move_nothing(
    tmp_path: Path, lines: str, where: str, new: str, moves: bool
) -> None:
    first = compare(tmp_path, added(lines))[0]
    assert (first.where, first.old, first.new, first.moves) == (where, None, new, moves)


def test_a_choice_inside_an_alternative_can_move_what_it_found(tmp_path: Path) -> None:
    said = 'alternatives = [{label = "Other", reason = "Old", model = {tau2_method = "DL"}}]'
    (found,) = compare(tmp_path, added(said.replace('"DL"', '"ML"')), added(said))
    assert (found.where, found.old, found.new, found.moves) == (
        "analyses.all.alternatives.Other.model.tau2_method",
        "DL",
        "ML",
        True,
    )


def test_inside_an_item_only_the_key_that_differs_is_named(tmp_path: Path) -> None:
    one = 'exclude = [{row = "C2005", reason = "Odd"}, {row = "D2007", reason = "Old"}]'
    old, new = added(one), added(one.replace("Odd", "Very odd"))
    assert compare(tmp_path, new, old) == [
        ChoiceChange("protocol", "analyses.all.exclude.C2005.reason", "Odd", "Very odd", "all", moves=False)
    ]


def test_an_edited_caveat_stands_beside_what_it_was(tmp_path: Path) -> None:
    old, new = added('caveats = ["One.", "Two."]'), added('caveats = ["One.", "Too.", "Three."]')
    assert [(c.where, c.old, c.new) for c in compare(tmp_path, new, old)] == [
        ("analyses.all.caveats.2", "Two.", "Too."),
        ("analyses.all.caveats.3", None, "Three."),
    ]


def test_analyses_that_come_and_go_are_one_choice_each(tmp_path: Path) -> None:
    new = PROTOCOL.replace('id = "clinics"', 'id = "wards"')
    assert [(c.where, c.old, c.new, c.analysis, c.moves) for c in compare(tmp_path, new)] == [
        ("analyses.wards", None, "Clinics", "wards", False),
        ("analyses.clinics", "Clinics", None, "clinics", False),
    ]


def test_how_a_sheet_is_read_can_move_numbers_and_its_file_cannot(tmp_path: Path) -> None:
    new = PROTOCOL.replace('file = "s.csv"', 'file = "t.csv"\ntypes = {remark = "text"}')
    sides = [
        take("a", write_review(tmp_path / "a")),
        take("b", write_review(tmp_path / "b", protocol=new, file="t.csv")),
    ]
    assert [(c.where, c.old, c.new, c.moves) for c in compare_choices(*sides)] == [
        ("sheets.s.file", "s.csv", "t.csv", False),
        ("sheets.s.types.remark", None, "text", True),
    ]


def with_provenance(side: Snapshot, **changes: object) -> Snapshot:
    results = copy.deepcopy(dict(side.results))
    results["provenance"].update(changes)
    return Snapshot(side.name, side.note, side.review, results, side.document)


def test_versions_of_the_software_say_whether_they_compute(tmp_path: Path) -> None:
    old = take("a", write_review(tmp_path / "a"))
    packages = {**old.results["provenance"]["packages"], "scipy": "9.9", "matplotlib": "9.9"}
    new = with_provenance(old, engine="9.9.9", packages=packages)
    found = [(c.kind, c.where, c.new, c.moves) for c in compare_choices(old, new)]
    assert found == [
        ("software", "engine", "9.9.9", True),
        ("software", "packages.matplotlib", "9.9", False),
        ("software", "packages.scipy", "9.9", True),
    ]


def test_a_published_profile_that_changed_is_named_option_by_option(tmp_path: Path) -> None:
    old = take("a", write_review(tmp_path / "a"))
    (profile,) = copy.deepcopy(old.results["provenance"]["profiles"])
    profile["options"]["tau2_method"] = "DL"
    (found,) = compare_choices(old, with_provenance(old, profiles=[profile]))
    assert (found.where, found.old, found.new, found.moves) == (
        "profiles.house@1.tau2_method",
        "REML",
        "DL",
        True,
    )
    (profile,) = copy.deepcopy(old.results["provenance"]["profiles"])
    profile["sha256"] = "0" * 64
    (found,) = compare_choices(old, with_provenance(old, profiles=[profile]))
    assert (found.where, found.moves) == ("profiles.house@1.sha256", False)


def test_results_without_provenance_are_no_error(tmp_path: Path) -> None:
    old = take("a", write_review(tmp_path / "a"))
    bare = Snapshot("b", "", old.review, {"analyses": {}}, old.document)
    assert all(choice.kind == "software" for choice in compare_choices(old, bare))
