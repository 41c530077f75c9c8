import numpy as np
import pytest

from meta.errors import ModelError
from meta.models.design import build_design, formula_columns

COLUMNS = {
    "year": (2001, 2010, None, 2020),
    "design": ("RCT", "cohort", "RCT", "register"),
    "events.early": (1.0, 2.0, 3.0, 4.0),
}


def test_without_a_formula_the_design_is_a_column_of_ones():
    design = build_design(None, COLUMNS, 4)
    assert design.matrix.tolist() == [[1.0]] * 4
    assert design.intercept_only


def test_numbers_enter_as_they_are_and_text_as_indicators_against_the_first_level():
    design = build_design("~ year + design", COLUMNS, 4)
    assert design.names == ("intercept", "year", "design: cohort", "design: register")
    assert design.matrix[0].tolist() == [1.0, 2001.0, 0.0, 0.0]
    assert design.matrix[3].tolist() == [1.0, 2020.0, 0.0, 1.0]
    assert not design.present[2]
    assert np.isnan(design.matrix[2]).all()
    assert design.missing[2] == "year"


def test_levels_of_studies_that_are_left_out_get_no_column():
    columns = {"x": (1, None, 3), "g": ("a", "only here", "b")}
    assert build_design("~ x + g", columns, 3).names == ("intercept", "x", "g: b")


def test_numbers_can_be_made_categories_and_dots_are_part_of_a_name():
    assert build_design("~ C(year)", COLUMNS, 4).names == ("intercept", "year: 2010", "year: 2020")
    assert build_design("~ `events.early`", COLUMNS, 4).names == ("intercept", "events.early")
    assert formula_columns("~ year + C(design)") == ("year", "design")


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        ("~ yaer", r"no column 'yaer'; did you mean 'year'\?"),
        ("~ year:design", "is an interaction, which is not offered"),
        ("~ 0 + year", "a model without an intercept is not offered"),
        ("~ 1", "names no column"),
        ("y ~ year", "nothing may stand before"),
        ("~ year +", "cannot be read"),
        ("~ np.log(year)", r"'np.log\(year\)' is not allowed"),
        ("~ C(year, contr.sum)", "is not allowed"),
    ],
)
def test_anything_beyond_the_allow_list_is_refused(formula, text):
    with pytest.raises(ModelError, match=text):
        build_design(formula, COLUMNS, 4)


def test_a_formula_is_parsed_and_never_run(tmp_path):
    target = tmp_path / "written"
    for formula in (
        f"~ __import__('pathlib').Path({str(target)!r}).touch()",
        f"~ C(open({str(target)!r}, 'w'))",
    ):
        with pytest.raises(ModelError):
            build_design(formula, COLUMNS, 4)
    assert not target.exists()
