"""Rows clustered in studies through the public door: models, robust intervals, reasons, errors, refits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import special

from meta.effects.sizes import EffectSizes
from meta.errors import ModelError, OptionError
from meta.kernels.multilevel import fit_multilevel
from meta.models.fitting import fit_many, fit_model
from meta.models.predictions import predict_at
from meta.models.subgroups import fit_subgroups
from meta.options import ModelSpec
from meta.sensitivity.leave_one_out import leave_one_out
from meta.sensitivity.permutation import permute

CHE = ModelSpec(model="correlated_effects", cluster="study")
THREE = ModelSpec(model="three_level", cluster="study")
ROBUST = ModelSpec(ci_method="CR2", cluster="study")


def make_effects(seed: int = 1, m: int = 8) -> EffectSizes:
    rng = np.random.default_rng(seed)
    study = np.repeat(np.arange(m), rng.integers(1, 5, m))
    k = study.size
    v = rng.gamma(3.0, 0.05, k)
    y = rng.normal(0.3, 0.4, m)[study] + rng.normal(0.0, 0.2, k) + rng.normal(0.0, np.sqrt(v))
    columns = {
        "study": [f"Study {i}" for i in study],
        "half": ["a" if i < m // 2 else "b" for i in study],
        "row": ["x" if i % 2 else "y" for i in range(k)],
        "dose": list(rng.normal(size=k)),
    }
    return EffectSizes.from_arrays(y, v, columns=columns)


def used_rows(effects: EffectSizes, keep: np.ndarray) -> EffectSizes:
    """The effect sizes of some rows, as if the sheet had no others."""
    columns = {
        name: [cell for cell, here in zip(cells, keep, strict=True) if here]
        for name, cells in effects.columns.items()
    }
    labels = [label for label, here in zip(effects.labels, keep, strict=True) if here]
    return EffectSizes.from_arrays(effects.y[keep], effects.v[keep], labels=labels, columns=columns)


class TestOptions:
    def test_defaults_of_correlated_effects(self):
        assert (CHE.tau2_method, CHE.ci_method, CHE.rho, CHE.tau2_ci) == ("REML", "CR2", 0.6, "PL")

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"model": "three_level"}, "model='three_level' needs cluster: the column that says which rows"),
            ({"ci_method": "CR1"}, "ci_method='CR1' needs cluster"),
            ({"cluster": "study"}, "cluster='study' is not used under model='random' with ci_method='HKSJ'"),
            (
                {"model": "correlated_effects", "cluster": "s", "rho": 1.0},
                "rho must be 0 or more and below 1; got 1.0",
            ),
            ({"model": "three_level", "cluster": "s", "rho": 0.5}, "rho=0.5 is not used under"),
            (
                {"ci_method": "CR2", "cluster": "s", "weights": "equal"},
                "weights='equal' have no cluster-robust interval",
            ),
            ({"model": "three_level", "cluster": "s", "tau2_method": "DL"}, "must be one of 'REML', 'ML'"),
        ],
    )
    def test_errors_say_what_is_needed(self, options: dict, text: str):
        with pytest.raises(OptionError, match=text):
            ModelSpec(**options)

    def test_unknown_column_names_the_nearest(self):
        with pytest.raises(ModelError, match="cluster: no column 'studdy'; did you mean 'study'"):
            fit_model(make_effects(), replace(THREE, cluster="studdy"))


class TestModels:
    def test_tau2_is_the_sum_and_shares_add_up(self):
        fit = fit_model(make_effects(), CHE)
        assert fit.tau2 is not None
        assert fit.heterogeneity is not None
        assert [c.name for c in fit.components] == ["between studies", "within studies"]
        assert fit.tau2.value == sum(c.value for c in fit.components)
        assert fit.heterogeneity.i2 == pytest.approx(sum(c.i2 or 0.0 for c in fit.components))
        assert [c.levels for c in fit.components] == [8, fit.k]
        assert fit.clusters == 8
        assert fit.weights is not None
        assert fit.weights.sum() == pytest.approx(100.0)

    def test_prediction_takes_all_of_tau2_and_counts_studies(self):
        fit = fit_model(make_effects(), THREE)
        wald = fit_model(make_effects(), replace(THREE, ci_method="Wald"))
        assert fit.prediction is not None
        assert wald.estimate is not None
        assert fit.tau2 is not None
        assert fit.prediction.df == 7.0
        half = -special.stdtrit(7.0, 0.025) * np.sqrt(fit.tau2.value + wald.estimate.se**2)
        assert fit.prediction.high == pytest.approx(wald.estimate.value + half)

    def test_one_row_a_study_is_the_random_effects_model(self):
        effects = make_effects()
        alone = EffectSizes.from_arrays(
            effects.y, effects.v, columns={"study": [str(i) for i in range(effects.k)]}
        )
        fit, plain = fit_model(alone, CHE), fit_model(alone, ModelSpec(ci_method="Wald"))
        assert fit.tau2 is not None
        assert plain.tau2 is not None
        assert plain.estimate is not None
        assert fit.estimate is not None
        assert fit.tau2.value == pytest.approx(plain.tau2.value, rel=1e-9)
        assert fit.estimate.value == pytest.approx(plain.estimate.value, rel=1e-9)
        assert "no study gives more than one row" in fit.notes[0]
        assert len(fit.components) == 1

    def test_bounds_solve_their_equation(self):
        """The profile at each bound lies half a quantile of chi-squared below its maximum (kernel alone)."""
        effects = make_effects(3)
        fit = fit_model(effects, THREE)
        codes = np.unique(np.array(effects.columns["study"]), return_inverse=True)[1]
        drop = special.gammaincinv(0.5, 0.95)

        def height(between: float, within: np.ndarray) -> float:
            """The best restricted log-likelihood at one component held, by a grid of the other."""
            same = codes[:, None] == codes
            best = -np.inf
            for w in within:
                m = np.diag(effects.v + w) + between * same
                inverse = np.linalg.inv(m)
                e = effects.y - np.sum(inverse @ effects.y) / np.sum(inverse)
                value = -0.5 * (e @ inverse @ e + np.linalg.slogdet(m)[1] + np.log(np.sum(inverse)))
                best = max(best, value)
            return best

        between = fit.components[0]
        assert between.high is not None
        centre = fit.components[1].value
        at = height(between.value, np.array([centre]))
        fine = np.linspace(0.0, 4.0 * centre + 0.2, 4001)
        assert height(between.high, fine) == pytest.approx(at - drop, abs=1e-6)
        one = np.ones((1, effects.k), dtype=bool)
        kernel = fit_multilevel(
            effects.y, effects.v, one, np.ones((effects.k, 1)), codes, np.zeros(effects.k),
            restricted=True, drop=drop,
        )  # fmt: skip
        assert kernel.high[0, 0] == between.high

    def test_a_row_without_a_study_is_left_out_with_the_reason(self):
        effects = make_effects()
        cells = list(effects.columns["study"])
        cells[0] = None
        holed = EffectSizes.from_arrays(effects.y, effects.v, columns={"study": cells})
        for spec in (CHE, ROBUST):
            fit = fit_model(holed, spec)
            assert fit.k == effects.k - 1
            assert fit.studies[0].reason == "study not reported"
            assert fit.excluded[0].label == "1"

    def test_rows_of_one_study_alone_are_not_estimable(self):
        effects = EffectSizes.from_arrays([0.1, 0.2, 0.3], [0.1, 0.1, 0.1], columns={"study": ["A"] * 3})
        fit = fit_model(effects, CHE)
        assert fit.status == "not_estimable"
        assert fit.estimate is None
        assert fit.notes == ("all rows are of one study (study): nothing tells how studies differ",)
        robust = fit_model(effects, ROBUST)
        assert robust.status == "not_estimable"
        assert robust.estimate is None
        assert robust.notes[-1] == (
            "1 study (study): a cluster-robust interval (CR2) needs two studies or more"
        )

    def test_a_single_row_keeps_its_wald_interval(self):
        effects = EffectSizes.from_arrays([0.4], [0.04], columns={"study": ["A"]})
        for spec in (CHE, THREE, ROBUST):
            fit = fit_model(effects, spec)
            assert fit.status == "single_study"
            assert fit.estimate is not None
            assert fit.estimate.high == pytest.approx(0.4 + 0.2 * special.ndtri(0.975))

    def test_variances_that_are_not_positive_are_refused(self):
        effects = make_effects()
        v = effects.v.copy()
        v[2] = 0.0
        with pytest.raises(ModelError, match="sampling variances must be > 0; analysis 1 uses study 3"):
            fit_model(replace(effects, v=v), CHE)

    def test_moderators_are_tested_jointly_with_their_own_degrees_of_freedom(self):
        fit = fit_model(make_effects(), replace(CHE, moderators="~ dose + half"))
        assert fit.moderator_test is not None
        assert fit.coefficients is not None
        assert fit.coefficients.df is not None
        assert fit.moderator_test.df == 2
        assert fit.coefficients.df.shape == (3,)
        quantile = -special.stdtrit(fit.coefficients.df, 0.025)
        np.testing.assert_allclose(
            fit.coefficients.high, fit.coefficients.value + quantile * fit.coefficients.se
        )


class TestRobustIntervals:
    def test_weights_and_tau2_stay_those_of_the_model(self):
        effects = make_effects()
        robust, plain = fit_model(effects, ROBUST), fit_model(effects, ModelSpec())
        assert robust.estimate is not None
        assert plain.estimate is not None
        assert robust.estimate.value == plain.estimate.value
        assert robust.tau2 == plain.tau2
        assert robust.estimate.se != plain.estimate.se

    def test_common_effect_takes_one_too(self):
        fit = fit_model(make_effects(), ModelSpec(model="common", ci_method="CR1", cluster="study"))
        assert fit.estimate is not None
        assert fit.estimate.df is not None
        assert fit.estimate.df < 7.0


class TestRefits:
    @pytest.mark.parametrize("spec", [CHE, THREE, ROBUST])
    def test_leave_one_out_leaves_a_study_out(self, spec: ModelSpec):
        effects = make_effects()
        moved = leave_one_out(effects, spec)
        names = [str(name) for name in effects.columns["study"]]
        assert moved.labels == tuple(dict.fromkeys(names))
        for i in (0, 3):
            alone = fit_model(used_rows(effects, np.array([n != moved.labels[i] for n in names])), spec)
            assert alone.estimate is not None
            assert (moved.estimate[i], moved.low[i]) == (alone.estimate.value, alone.estimate.low)

    def test_one_study_cannot_be_left_out(self):
        effects = EffectSizes.from_arrays([0.1, 0.2], [0.1, 0.1], columns={"study": ["A", "A"]})
        text = r"leave one out needs at least two studies \(study\); there is 1"
        with pytest.raises(ModelError, match=text):
            leave_one_out(effects, THREE)

    def test_arrays_and_permutations_know_no_clusters(self):
        with pytest.raises(ModelError, match="fit_many takes no clusters; got cluster='study'"):
            fit_many([0.1, 0.2], [0.1, 0.1], THREE)
        with pytest.raises(ModelError, match="rows of one cluster belong together"):
            permute(make_effects(), ROBUST)


class TestSubgroups:
    def test_studies_in_several_groups_are_not_compared_as_if_independent(self):
        groups = fit_subgroups(make_effects(), CHE, by="row")
        assert groups.test.p is None
        assert groups.test.reason is not None
        assert "is in several groups, which are therefore not independent" in groups.test.reason

    def test_one_model_compares_them(self):
        groups = fit_subgroups(make_effects(), CHE, by="row", common_tau2=True)
        assert groups.test.p is not None
        assert groups.test.df2 is not None

    def test_groups_of_whole_studies_are_compared(self):
        assert fit_subgroups(make_effects(), CHE, by="half").test.p is not None


def test_names_of_studies_may_be_numbers():
    effects = make_effects()
    numbered = {"study": [float(str(name).split()[1]) for name in effects.columns["study"]]}
    other = EffectSizes.from_arrays(effects.y, effects.v, columns=numbered)
    assert leave_one_out(other, THREE).labels == tuple(str(i) for i in range(8))


class TestDegenerateVariances:
    """A coefficient that one study alone decides has no robust variance, whatever the others have."""

    effects = EffectSizes.from_arrays(
        np.array([0.1, 0.4, 0.3, -0.2, 0.5, 0.9]),
        np.array([0.04, 0.05, 0.03, 0.06, 0.05, 0.04]),
        columns={"study": list("AABBCC"), "g": list("xxxxzz")},
    )

    @pytest.mark.parametrize("method", ["CR0", "CR1", "CR2"])
    @pytest.mark.parametrize("model", ["random", "common", "three_level", "correlated_effects"])
    def test_it_is_nan_with_its_reason_and_the_other_keeps_its_numbers(self, method: str, model: str):
        formula = "~ 0 + C(g)"
        spec = ModelSpec(model=model, ci_method=method, cluster="study", moderators=formula, tau2_ci=None)
        fit = fit_model(self.effects, spec)
        assert fit.status not in ("not_estimable", "not_converged")
        coefficients = fit.coefficients
        for name in ("se", "low", "high", "statistic", "p", "df"):
            known, lost = getattr(coefficients, name)
            assert np.isfinite(known), name
            assert np.isnan(lost), name
        assert fit.moderator_test is None
        assert fit.to_dict()["coefficients"]["se"][1] is None
        reason = (
            f"g: z: no cluster-robust standard error ({method}), since one study (study) alone decides it: "
            "its robust variance is degenerate (0 beside the model-based one)"
        )
        assert reason in fit.notes
        # under a common effect the numbers of the other group are those of a fit of it alone, but for CR1's
        # factor, which counts studies
        if model == "common" and method != "CR1":
            alone = fit_model(
                used_rows(self.effects, np.arange(6) < 4), replace(spec, moderators=None)
            ).estimate
            assert coefficients.se[0] == pytest.approx(alone.se, rel=1e-12)

    def test_predictions_that_do_not_rest_on_it_keep_their_standard_error(self):
        fit = fit_model(self.effects, replace(ROBUST, moderators="~ 0 + C(g)"))
        known, lost = predict_at(fit, {"g": ["x", "z"]}).se
        assert known == pytest.approx(fit.coefficients.se[0], rel=1e-14)
        assert np.isnan(lost)

    def test_a_study_that_alone_decides_a_difference_is_said(self):
        fit = fit_model(self.effects, replace(ROBUST, moderators="~ C(g)"))
        assert np.isfinite(fit.coefficients.se).all()
        assert (
            "one study (study) alone decides a combination of the coefficients, whose error cluster-robust "
            "standard errors (CR2) leave out: they may be too small"
        ) in fit.notes

    def test_effects_without_any_residual_have_no_robust_interval_and_say_so(self):
        effects = EffectSizes.from_arrays(np.full(6, 0.3), self.effects.v, columns=self.effects.columns)
        fit = fit_model(effects, ROBUST)
        assert (fit.status, fit.estimate) == ("not_estimable", None)
        assert fit.notes[-1:] == (
            "intercept: no cluster-robust standard error (CR2), since the residuals of every study (study) "
            "cancel: its robust variance is degenerate (0 beside the model-based one)",
        )

    def test_ordinary_data_have_no_such_note(self):
        fit = fit_model(make_effects(), replace(ROBUST, moderators="~ C(half) + dose"))
        assert not [note for note in fit.notes if "cluster-robust" in note]
