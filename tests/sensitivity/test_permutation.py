from itertools import permutations, product

import numpy as np
import pytest
from scipy import special

import meta
from meta.effects.sizes import EffectSizes
from meta.errors import ModelError, OptionError
from meta.models.fitting import fit_model
from meta.options import ModelSpec
from meta.sensitivity import permutation
from meta.sensitivity.arrangements import (
    count_orders,
    draw_orders,
    draw_signs,
    number_orders,
    number_signs,
)
from meta.sensitivity.permutation import permute


def studies(k, seed, **columns):
    rng = np.random.default_rng(seed)
    y, v = rng.normal(0.3, 0.5, k), rng.uniform(0.02, 0.2, k)
    return EffectSizes.from_arrays(y, v, columns={"x": list(rng.normal(size=k)), **columns})


def test_every_flip_of_signs_has_a_number():
    found = {tuple(row) for row in number_signs(4, np.arange(16))}
    assert found == set(product([1.0, -1.0], repeat=4))
    assert number_signs(4, np.array([0])).tolist() == [[1.0] * 4]


@pytest.mark.parametrize("classes", [(0, 1, 2, 3), (0, 0, 1, 2, 1), (2, 0, 1, 0, 0, 2), (0, 0, 0)])
def test_every_distinct_order_has_a_number(classes):
    """Against Python's permutations: the class that each study meets, all of them once."""
    total = count_orders(classes)
    orders = number_orders(classes, np.arange(total))
    met = set()
    for order in orders:
        assert sorted(order) == list(range(len(classes)))
        meets = [0] * len(classes)
        for row, study in enumerate(order):
            meets[study] = classes[row]
        met.add(tuple(meets))
    assert met == set(permutations(classes))
    assert len(orders) == total == len(met)


def test_draws_are_the_same_in_parts():
    for draw in (draw_signs, draw_orders):
        whole = draw(7, 50, rng=np.random.default_rng(3))
        rng = np.random.default_rng(3)
        parts = np.concatenate([draw(7, n, rng=rng) for n in (1, 20, 29)])
        assert np.array_equal(whole, parts)


def plain_statistics(y, v, x):
    """t statistics and F of a DerSimonian-Laird regression with Knapp and Hartung's variance, by matrices."""
    k, p = x.shape
    w = np.diag(1.0 / v)
    projection = w - w @ x @ np.linalg.inv(x.T @ w @ x) @ x.T @ w
    tau2 = max(0.0, float((y @ projection @ y - (k - p)) / np.trace(projection)))
    w = np.diag(1.0 / (v + tau2))
    covariance = np.linalg.inv(x.T @ w @ x)
    b = covariance @ x.T @ w @ y
    residual = y - x @ b
    covariance = covariance * float(residual @ w @ residual) / (k - p)
    joint = b[1:] @ np.linalg.solve(covariance[1:, 1:], b[1:]) / max(p - 1, 1)
    return b / np.sqrt(np.diag(covariance)), joint


def test_random_orders_are_counted_as_a_plain_loop_counts_them():
    """The independent computation: every draw fitted on its own by matrices, and compared one by one."""
    effects = studies(12, 5)
    spec = ModelSpec(tau2_method="DL", ci_guard="none", moderators="~ x + I(x**2)")
    found = permute(effects, spec, draws=400, seed=8)
    cells = np.array(effects.columns["x"], dtype=float)
    x = np.column_stack([np.ones(12), cells, cells**2])
    seen, joint = plain_statistics(effects.y, effects.v, x)
    far, far_joint, above = np.ones(3), 1, np.ones(3)
    rng = np.random.default_rng(8)
    for _ in range(400):
        order = np.argsort(rng.random(12))
        statistic, test = plain_statistics(effects.y[order], effects.v[order], x)
        far += np.abs(statistic) >= np.abs(seen)
        above += statistic >= seen
        far_joint += test >= joint
    assert found.p.tolist() == (far / 401).tolist()
    assert found.p_above.tolist() == (above / 401).tolist()
    assert found.test_p == far_joint / 401
    assert found.p_error == pytest.approx(np.sqrt(found.p * (1 - found.p) / 401), rel=1e-14)
    assert found.notes == ("400 of 4.79e+08 arrangements, drawn at random",)
    assert (found.kind, found.exact, found.draws, found.seed) == ("order", False, 400, 8)


def test_random_flips_are_counted_as_a_plain_loop_counts_them():
    effects = studies(25, 6)
    spec = ModelSpec(tau2_method="DL", ci_guard="none")
    found = permute(effects, spec, draws=300, seed=2)
    ones = np.ones((25, 1))
    seen, _ = plain_statistics(effects.y, effects.v, ones)
    rng = np.random.default_rng(2)
    far = 1
    for _ in range(300):
        flips = np.where(rng.random(25) < 0.5, -1.0, 1.0)
        statistic, _ = plain_statistics(flips * effects.y, effects.v, ones)
        far += abs(statistic[0]) >= abs(seen[0])
    assert found.p[0] == far / 301
    assert found.test_p is None


def test_monte_carlo_agrees_with_all_arrangements_within_its_error():
    effects = studies(7, 9)
    for moderators in (None, "~ x"):
        spec = ModelSpec(moderators=moderators)
        exact = permute(effects, spec)
        assert exact.exact
        assert exact.p_error.tolist() == [0.0] * exact.p.size
        all_ = exact.draws
        random = permute(effects, spec, draws=all_ - 1, seed=4)
        assert not random.exact
        assert (np.abs(random.p - exact.p) <= 4.0 * random.p_error + 1.0 / all_).all()
        # as many draws as there are arrangements: all are fitted
        assert permute(effects, spec, draws=all_).to_dict() == exact.to_dict()


def test_the_batches_change_no_bit(monkeypatch):
    effects = studies(9, 10)
    for moderators, draws in ((None, None), ("~ x", 200)):
        spec = ModelSpec(moderators=moderators)
        whole = permute(effects, spec, draws=draws)
        monkeypatch.setattr(permutation, "BATCH_NUMBERS", 63)
        assert permute(effects, spec, draws=draws).to_dict() == whole.to_dict()
        monkeypatch.undo()


def test_the_interval_holds_what_the_test_does_not_refuse():
    """Against the definition: the test of y less each value of a fine grid."""
    effects = studies(8, 12)
    spec = ModelSpec(tau2_method="DL", level=0.9)
    found = permute(effects, spec, interval=True)
    grid = np.linspace(found.low - 0.2, found.high + 0.2, 81)
    for value in grid:
        p = permute(EffectSizes.from_arrays(effects.y - value, effects.v), spec).p[0]
        assert (p > 0.1 + 1e-12) == (found.low < value < found.high), value


def test_few_studies_refuse_nothing_and_it_is_said():
    found = permute(studies(4, 1), ModelSpec(), interval=True)
    assert (found.low, found.high) == (-np.inf, np.inf)
    assert found.notes == ("with 4 studies there are 16 arrangements: no p below 0.125 is possible",)


def test_a_glmm_is_permuted_by_glmms():
    """Each order fitted on its own through the public face, Wald's statistics compared."""
    events, n, x = [3, 10, 9, 20, 25], [40, 60, 44, 70, 61], [1.0, 2.0, 2.0, 4.0, 6.0]
    import pandas as pd

    def effects_of(order):
        sheet = pd.DataFrame({"e": [events[i] for i in order], "n": [n[i] for i in order], "x": x})
        return meta.effect_sizes(sheet, measure="PLO", events="e", n="n")

    spec = ModelSpec(model="binomial_normal", moderators="~ x")
    found = permute(effects_of(range(5)), spec)
    assert found.draws == 60
    wald = ModelSpec(model="binomial_normal", moderators="~ x", ci_method="Wald", tau2_ci=None)
    fits = {order: fit_model(effects_of(order), wald) for order in permutations(range(5))}
    statistic = {order: fit.coefficients.statistic for order, fit in fits.items()}
    seen = statistic[tuple(range(5))]
    assert found.statistic == pytest.approx(seen, rel=1e-8)
    far = np.mean([np.abs(s) >= np.abs(seen) - 1e-8 for s in statistic.values()], axis=0)
    assert found.p == pytest.approx(far, rel=1e-12)


@pytest.mark.parametrize(
    "choices",
    [
        {"ci_method": "Wald", "pi_method": "hk_k1"},
        {"pi_method": "bootstrap"},
        {"ci_guard": "iqwig6"},
        {"model": "uwls"},
        {"model": "common", "ci_method": "t"},
        {"weights": "equal"},
        {"weights": "x"},
    ],
)
def test_every_choice_of_the_model_can_be_permuted(choices):
    rng = np.random.default_rng(3)
    effects = studies(6, 3, x=list(rng.uniform(1.0, 2.0, 6)))
    spec = ModelSpec(**choices)
    found = permute(effects, spec)
    fit = fit_model(effects, spec)
    assert found.statistic[0] == pytest.approx(fit.estimate.statistic, rel=1e-12)
    # each pattern of signs on its own
    plain = ModelSpec(**{name: choice for name, choice in choices.items() if name != "pi_method"})
    far = 0
    for flips in product([1.0, -1.0], repeat=6):
        turned = EffectSizes.from_arrays(effects.y * flips, effects.v, columns=dict(effects.columns))
        # the prediction interval, costly under a bootstrap, has no part in it
        far += abs(fit_model(turned, plain).estimate.statistic) >= abs(found.statistic[0]) - 1e-8
    assert found.p[0] == far / 64


def test_a_study_that_cannot_be_used_changes_nothing():
    whole = studies(8, 13)
    x = list(whole.columns["x"])
    x[3] = None
    missing = EffectSizes.from_arrays(whole.y, whole.v, columns={"x": x})
    keep = np.arange(8) != 3
    without = EffectSizes.from_arrays(
        whole.y[keep], whole.v[keep], columns={"x": [c for c in x if c is not None]}
    )
    spec = ModelSpec(moderators="~ x")
    assert permute(missing, spec).to_dict() == permute(without, spec).to_dict()


@pytest.mark.parametrize(
    ("spec", "choices", "error", "text"),
    [
        (ModelSpec(), {"draws": 0}, ModelError, "draws must be a whole number of at least 1; got 0"),
        (ModelSpec(), {"draws": True}, ModelError, "draws must be a whole number of at least 1; got True"),
        (
            ModelSpec(),
            {"quantity": "z"},
            OptionError,
            "quantity must be one of 'statistic', 'estimate'; got 'z'",
        ),
        (ModelSpec(moderators="~ 0 + x"), {}, ModelError, "without an intercept the order .* tests nothing"),
        (ModelSpec(moderators="~ x"), {"interval": True}, ModelError, "takes a model without moderators"),
        (ModelSpec(model="binomial_normal"), {}, ModelError, "counts have no sign to change"),
        (ModelSpec(moderators="~ x + I(x - 1)"), {}, ModelError, "the model has no estimate"),
    ],
)
def test_what_cannot_be_permuted_is_said(spec, choices, error, text):
    with pytest.raises(error, match=text):
        permute(studies(6, 2), spec, **choices)


def test_the_rule_of_signs_is_a_binomial_where_all_effects_are_alike():
    """With equal variances and |y| all equal only the count of signs matters: a sign test."""
    y = np.array([0.5] * 9 + [-0.5])
    found = permute(EffectSizes.from_arrays(y, np.full(10, 0.1)), ModelSpec(model="common", ci_method="Wald"))
    assert found.p[0] == pytest.approx(2.0 * special.bdtr(1, 10, 0.5), rel=1e-12)
