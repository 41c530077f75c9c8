import itertools

import numpy as np
import pytest

from meta.errors import ModelError
from meta.models.design import build_design, evaluate_design
from meta.models.formula import formula_columns

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
    assert design.reasons[2] == "year not reported"


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
        ("~ 0", "names no column"),
        ("~ year | design", r"'\|' has no meaning in it"),
        ("~ I(year * 2)", "is not allowed"),
        ("~ I((year - 2)^2)", "is not allowed"),
        ("~ I(year**5)", "powers go up to 4; got 5"),
        ("~ I(year**0)", "a power must be a whole number from 1 to 4"),
        ("~ ns(year)", "is not allowed"),
        ("~ ns(year, df=1)", "a spline has df=2 to 6; a straight line is the column itself"),
        ("~ log(design)", "log.design. takes numbers; design holds 'RCT'"),
        ("~ C(design, ref='RTC')", r"no study used has design 'RTC'; did you mean 'RCT'\?"),
        ("~ " + "*".join("abcdefghijk"), "too many products to multiply out; at most 8"),
        ("~ (a+b+c)**2 * (d+e+f)**2", "and 1 power of a bracket"),
        ("~ year*design + " + "+".join(f"w{i}" for i in range(20)), "over at most 16 words"),
        ("~ year*design*a*b*c*d*e", "has 127 terms; at most 50 are read"),
        ("~ " + "(" * 3000 + "a", "a formula of 3003 characters"),
        ("~ 1", "names no column"),
        ("y ~ year", "nothing may stand before"),
        ("~ year +", r"'~ year \+' cannot be read: the operator '\+' has nothing to join on one"),
        ("~ year + * design", r"the operator '\*' has nothing to join"),
        ("~ * year", r"the operator '\*' has nothing to join"),
        ("~ (year + design", r"the bracket '\(' is never closed"),
        ("~ year)", r"the bracket '\)' closes none that is open"),
        ("~ (year]", r"the bracket '\]' closes none that is open"),
        ("~ `year", "a backtick is opened and never closed"),
        ("~ C(design, ref='RCT)", "a quotation mark is opened and never closed"),
        ("~ year design", "no operator stands between 'year' and 'design'"),
        ("~ year ? design", r"'\?' has no meaning in it"),
        ("~ 2*year", "it has no form that is known here; use column names"),
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
        f"~ I(open({str(target)!r}, 'w'))",
        f"~ ns(year, df=open({str(target)!r}, 'w'))",
        f"~ {{open({str(target)!r}, 'w')}}",
    ):
        with pytest.raises(ModelError):
            build_design(formula, COLUMNS, 4)
    assert not target.exists()


@pytest.mark.parametrize(
    ("formula", "names"),
    [
        (
            "~ year * C(design)",
            [
                "intercept",
                "year",
                "design: cohort",
                "design: register",
                "year × design: cohort",
                "year × design: register",
            ],
        ),
        # without the main effect of year every design has a slope of its own
        (
            "~ year:C(design)",
            ["intercept", "year × design: RCT", "year × design: cohort", "year × design: register"],
        ),
        ("~ 0 + C(design)", ["design: RCT", "design: cohort", "design: register"]),
        ("~ C(design) - 1 + year", ["design: RCT", "design: cohort", "design: register", "year"]),
        ("~ C(design, ref='cohort')", ["intercept", "design: RCT", "design: register"]),
        ("~ 0 + year", ["year"]),
        ("~ year + I(year**2)", ["intercept", "year", "I(year ** 2)"]),
        ("~ I((year - 2000)**2)", ["intercept", "I((year - 2000) ** 2)"]),
        ("~ log(year)", ["intercept", "log(year)"]),
        ("~ C(`events.early`)", ["intercept", "events.early: 2.0", "events.early: 4.0"]),
    ],
)
def test_the_coefficients_of_a_formula(formula, names):
    design = build_design(formula, COLUMNS, 4, known=np.array([True, True, False, True]))
    assert list(design.names) == names


@pytest.mark.parametrize(
    ("formula", "columns"),
    [
        ("~ C(a):C(b)", 6),
        ("~ C(a) + C(a):C(b)", 6),
        ("~ 0 + C(a):C(b)", 6),
        ("~ C(a)*C(b) - 1", 6),
        ("~ 0 + C(a) + C(b)", 4),
        ("~ x:C(a) + C(b)", 5),
        ("~ x + x:C(a):C(b)", 7),
    ],
)
def test_factors_are_coded_so_that_no_column_is_redundant(formula, columns):
    """R's rule, counted: the rank of a full table, and as many columns as the rank."""
    rng = np.random.default_rng(3)
    cells = {"a": [*"uvw"] * 8, "b": [*"pppqqq"] * 4, "x": list(rng.normal(size=24))}
    design = build_design(formula, cells, 24)
    assert np.linalg.matrix_rank(design.matrix) == design.matrix.shape[1] == columns


def test_products_and_powers_are_those_of_the_cells():
    design = build_design("~ year * C(design) + I((year - 2000)**2) + log(year)", COLUMNS, 4)
    row = dict(zip(design.names, design.matrix[3], strict=True))
    assert row["year × design: register"] == 2020.0
    assert row["year × design: cohort"] == 0.0
    assert row["I((year - 2000) ** 2)"] == 400.0
    assert row["log(year)"] == np.log(2020.0)


def test_a_logarithm_leaves_out_what_has_none_and_says_so():
    design = build_design("~ log(x)", {"x": (1.0, 0.0, 3.0)}, 3)
    assert design.present.tolist() == [True, False, True]
    assert design.reasons[1] == "x is not above 0, so it has no logarithm"


def truncated_powers(x, knots):
    """The natural cubic spline basis of Hastie, Tibshirani & Friedman (2009), eq. 5.4 and 5.5."""

    def d(j):
        top = np.maximum(x - knots[j], 0.0) ** 3 - np.maximum(x - knots[-1], 0.0) ** 3
        return top / (knots[-1] - knots[j])

    last = len(knots) - 2
    return np.column_stack([np.ones_like(x), x, *(d(j) - d(last) for j in range(last))])


@pytest.mark.parametrize("df", [2, 3, 4, 6])
def test_a_spline_spans_the_truncated_powers_within_and_beyond_its_knots(df):
    rng = np.random.default_rng(df)
    x = rng.uniform(3.0, 40.0, 30)
    design = build_design(f"~ ns(x, df={df})", {"x": list(x)}, 30)
    knots = np.array(design.moderators.factors[0].knots)
    assert knots == pytest.approx(np.quantile(x, np.linspace(0, 1, df + 1)), rel=1e-15)
    y = rng.normal(size=30)
    ours = np.linalg.lstsq(design.matrix, y, rcond=None)[0]
    theirs = np.linalg.lstsq(truncated_powers(x, knots), y, rcond=None)[0]
    places = np.linspace(-5.0, 60.0, 40)
    curve = evaluate_design(design.moderators, {"x": list(places)}, 40) @ ours
    assert curve == pytest.approx(truncated_powers(places, knots) @ theirs, rel=1e-8, abs=1e-8)
    # a coefficient is the difference from the curve at the lowest value
    at_knots = evaluate_design(design.moderators, {"x": list(knots)}, df + 1) @ ours
    assert at_knots[1:] - at_knots[0] == pytest.approx(ours[1:], rel=1e-9)


def test_a_spline_with_fewer_values_than_knots_has_no_rank_and_says_why():
    design = build_design("~ ns(x, df=3)", {"x": [1, 1, 1, 2, 2, 2]}, 6)
    assert np.linalg.matrix_rank(design.matrix) == 1
    assert design.notes == ("ns(x, df=3): only 2 of its 4 knots differ; take fewer columns",)


def test_a_study_that_the_model_cannot_use_shapes_no_column():
    columns = {"g": ("a", "b", "only here"), "x": (1.0, 2.0, 90.0)}
    design = build_design("~ g + x", columns, 3, known=np.array([True, True, False]))
    assert design.names == ("intercept", "g: b", "x")
    assert design.moderators.factors[1].high == 2.0


def test_a_combination_that_no_study_has_gets_no_coefficient_and_is_named():
    columns = {"a": [*"ppqq", "q"], "b": [*"xyxx", None]}
    design = build_design("~ a * b", columns, 5)
    assert design.names == ("intercept", "a: q", "b: y")
    assert design.notes == ("no study used has a: q × b: y: no coefficient",)
    assert design.matrix[:4].tolist() == [[1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 0]]


def test_the_words_of_the_parser_never_reach_a_reader():
    signs = ["year", "design", "+", "*", ":", "(", ")", "~", "-", "2", "`", "'", "|", "^", "{", "[", ",", "."]
    foreign = ("insuf", "token", "context", "Operator", "object", "tip:", "misplaced", "literal", "expected")
    for n in (1, 2, 3):
        for chosen in itertools.product(signs, repeat=n):
            formula = "~ " + " ".join(chosen)
            try:
                formula_columns(formula)
            except ModelError as error:
                said = str(error).replace(repr(formula), "")
                assert not any(word in said for word in foreign), said
