"""An alternative takes over what its analysis chose, but not what its model or interval cannot use."""

from __future__ import annotations

from typing import Any

import pytest

from meta.errors import OptionError
from meta.profiles.inheriting import inherit_choices
from meta.protocol.plan import Alternative, Analysis, ModelChoices


def altered(own: dict[str, Any], given: dict[str, Any], profile: str = "house@1") -> Any:
    """Return the spec of an alternative with some model choices, of an analysis with others."""
    analysis = Analysis(
        id="x", title="X", question="X?", sheet="main", measure="OR", columns={}, profile=profile,
        model=ModelChoices(**own),
    )  # fmt: skip
    return analysis.altered(Alternative(label="L", reason="R", model=ModelChoices(**given))).spec()


@pytest.mark.parametrize("guard", ["se", "ci", "iqwig6", "none"])
@pytest.mark.parametrize(
    "given",
    [
        {"ci_method": "Wald"},
        {"ci_method": "t"},
        {"ci_method": "CR2", "cluster": "study"},
        {"model": "uwls"},
        {"model": "ivhet"},
        {"model": "mantel_haenszel"},
        {"model": "bayes"},
        {"model": "conditional_exact"},
        {"model": "three_level", "cluster": "study"},
    ],
)
def test_the_guard_falls_away_where_nothing_takes_an_hksj_standard_error(
    guard: str, given: dict[str, Any]
) -> None:
    assert altered({"ci_guard": guard}, given).ci_guard == "none"


@pytest.mark.parametrize(
    ("guard", "given", "kept"),
    [
        ("ci", {"tau2_method": "DL"}, "ci"),
        ("ci", {"model": "common"}, "ci"),
        ("none", {"model": "common"}, "none"),
        # compares with a random-effects model: under a common effect its own default holds
        ("iqwig6", {"model": "common"}, "se"),
        ("iqwig6", {"ci_method": "Wald", "pi_method": "hk_k1"}, "iqwig6"),
        ("ci", {"ci_guard": "se"}, "se"),
    ],
)
def test_a_guard_that_still_applies_stays(guard: str, given: dict[str, Any], kept: str) -> None:
    assert altered({"ci_guard": guard}, given).ci_guard == kept


@pytest.mark.parametrize(
    ("own", "given", "resolved"),
    [
        ({"tau2_method": "DL", "pi_method": "hk_k1"}, {"model": "bayes"}, {"tau2_method": "posterior"}),
        ({"tau2_method": "DL"}, {"model": "common"}, {"tau2_method": None}),
        ({"ci_method": "Wald"}, {"model": "common"}, {"ci_method": "Wald"}),
        ({"tau2_ci": "PL"}, {"tau2_method": "DL"}, {"tau2_ci": "QP"}),
        ({"tau2_ci": "PL"}, {"tau2_method": "ML"}, {"tau2_ci": "PL"}),
        ({"tau2_method": "GENQ", "weights": "w"}, {"model": "uwls"}, {"weights": None}),
        ({"ci_method": "CR2", "cluster": "study"}, {"ci_method": "HKSJ"}, {"cluster": None}),
        ({"ci_method": "CR2", "cluster": "study"}, {"model": "common"}, {"cluster": "study"}),
        ({"model": "three_level", "cluster": "study"}, {"model": "random"}, {"cluster": None}),
        (
            {"model": "correlated_effects", "cluster": "study", "rho": 0.4},
            {"model": "three_level"},
            {"cluster": "study", "rho": None},
        ),
        (
            {"model": "bayes", "prior": "half_normal", "prior_parameters": (0.5,)},
            {"prior": "uniform"},
            {"prior": "uniform", "prior_parameters": None},
        ),
        ({"pi_method": "none"}, {"ci_method": "Wald"}, {"pi_method": None}),
        ({"level": 0.9}, {"model": "bayes"}, {"level": 0.9}),
    ],
)
def test_other_choices_fall_away_or_stay_likewise(
    own: dict[str, Any], given: dict[str, Any], resolved: dict[str, Any]
) -> None:
    spec = altered(own, given)
    assert {name: getattr(spec, name) for name in resolved} == resolved


def test_a_choice_of_the_alternative_itself_never_falls_away() -> None:
    with pytest.raises(OptionError, match="ci_guard='ci' is not used"):
        altered({"ci_guard": "se"}, {"ci_method": "Wald", "ci_guard": "ci"})
    with pytest.raises(OptionError, match="cluster='study' is not used"):
        altered({}, {"ci_method": "Wald", "cluster": "study"})


def test_what_is_unknown_is_left_for_the_check_to_tell() -> None:
    assert inherit_choices("hose@1", {"level": 0.9}, {"model": "uwls"}) == {"level": 0.9, "model": "uwls"}
    assert inherit_choices("house@1", {"ci_guard": "ci"}, {"model": "foo"}) == {
        "ci_guard": "ci", "model": "foo"
    }  # fmt: skip
