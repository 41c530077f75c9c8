import pytest

from meta.errors import OptionError
from meta.options import ModelSpec


def test_the_defaults_are_those_of_the_design():
    spec = ModelSpec()
    assert spec == ModelSpec(
        model="random",
        tau2_method="REML",
        ci_method="HKSJ",
        ci_guard="se",
        pi_method="t_k1",
        tau2_ci="QP",
        level=0.95,
    )


def test_what_is_not_given_takes_the_default_of_the_model():
    spec = ModelSpec(model="binomial_normal")
    assert (spec.tau2_method, spec.ci_method, spec.ci_guard, spec.pi_method, spec.tau2_ci) == (
        "ML",
        "profile",
        "none",
        "t_k1",
        "PL",
    )
    common = ModelSpec(model="common")
    assert (common.tau2_method, common.pi_method, common.tau2_ci, common.ci_guard) == (None, None, None, "se")


def test_nothing_can_be_asked_for():
    spec = ModelSpec(pi_method=None, tau2_ci=None)
    assert spec.pi_method is None
    assert spec.tau2_ci is None


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"model": "fixed"}, r"model must be one of 'random', 'common', .*; got 'fixed'"),
        (
            {"tau2_method": "XX"},
            r"tau2_method under model='random' must be one of 'REML', 'DL', 'HE', 'HS', .*; got 'XX'",
        ),
        (
            {"model": "common", "tau2_method": "DL"},
            r"tau2_method under model='common' must be one of None; got 'DL'",
        ),
        ({"tau2_method": "GENQ"}, r"tau2_method='GENQ' needs weights \(a column of the sheet, or 'equal'\)"),
        ({"model": "binomial_normal", "weights": "equal"}, r"weights='equal' is not used under model="),
        ({"weights": 1.0}, r"weights must be a text; got 1.0"),
        ({"model": "binomial_normal", "ci_method": "HKSJ"}, r"ci_method under model='binomial_normal'"),
        ({"model": "binomial_normal", "ci_guard": "se"}, r"ci_guard='se' is not used"),
        ({"ci_method": "Wald", "ci_guard": "se"}, r"ci_guard='se' is not used: ci_method='Wald'"),
        ({"ci_method": "profile"}, r"ci_method under model='random'"),
        ({"level": 95}, r"level must lie between 0 and 1 \(0.95 for 95%\); got 95"),
        ({"moderators": 3}, r"moderators must be a formula"),
    ],
)
def test_an_option_that_is_unknown_or_unused_is_an_error(options, text):
    with pytest.raises(OptionError, match=text):
        ModelSpec(**options)


def test_a_guard_is_used_where_only_the_prediction_takes_an_hksj_standard_error():
    assert ModelSpec(ci_method="Wald", pi_method="hk_k1").ci_guard == "se"
