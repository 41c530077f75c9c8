"""Nested fits compared, and linear contrasts of coefficients: likelihood-ratio and Wald tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from meta.errors import ModelError
from meta.inference.intervals import joint_test, two_sided_quantile, wald_interval
from meta.inference.p_values import chi2_p, two_sided_p
from meta.options import check_option
from meta.results import Fit, Floats, Information, to_plain

ComparisonTest = Literal["likelihood_ratio", "Wald"]

#: Interval methods whose degrees of freedom belong to one coefficient each.
OWN_DF = ("CR0", "CR1", "CR1p", "CR2")

#: Two log-likelihoods that should be nested may come out this far the wrong way round by rounding.
ROUNDING = 1e-8

#: What weakens a test of tau2 = 0.
EDGE = "tau2 = 0 is at the edge of the parameters: the p-value is too large, by up to a factor of two"


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """Two nested fits of the same studies.

    ``statistic`` is a likelihood ratio, or Wald's (an F where ``df2`` is given). ``loglik_full`` and
    ``loglik_reduced`` are restricted where ``restricted``. ``r2`` is the percentage of the reduced model's
    tau2 that the full one explains. ``note`` says what weakens the test, or is None.
    """

    test: str
    statistic: float
    df: int
    df2: float | None
    p: float
    loglik_full: float
    loglik_reduced: float
    restricted: bool
    tau2_full: float
    tau2_reduced: float
    r2: float | None
    note: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as a plain dictionary."""
        plain: dict[str, Any] = to_plain(self)
        return plain


@dataclass(frozen=True, slots=True)
class ContrastTest:
    """Linear contrasts of coefficients, shape (m,) on the analysis scale, and the joint test of all.

    ``df`` is None where the reference distribution is normal. ``joint_*`` is chi-squared where ``joint_df2``
    is None, F otherwise.
    """

    value: Floats
    se: Floats
    low: Floats
    high: Floats
    statistic: Floats
    df: float | None
    p: Floats
    joint_statistic: float
    joint_df: int
    joint_df2: float | None
    joint_p: float

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as a plain dictionary."""
        plain: dict[str, Any] = to_plain(self)
        return plain


def compare_fits(full: Fit, reduced: Fit, *, test: ComparisonTest = "likelihood_ratio") -> ModelComparison:
    """Test whether a fit says more than one that is nested in it.

    Parameters
    ----------
    full, reduced : Fit
        The same studies; the coefficients of ``reduced`` are among those of ``full``, or the models differ in
        that ``reduced`` has no between-study variance (model ``common``).
    test : {"likelihood_ratio", "Wald"}
        The likelihood ratio is chi-squared on the difference in parameters. Wald's tests the
        coefficients that ``reduced`` lacks, with the covariance of ``full``; F as its ``ci_method`` says.

    Returns
    -------
    ModelComparison

    Raises
    ------
    ModelError
        If the fits are not nested, rest on other studies, or have no log-likelihoods to compare: restricted
        ones say nothing where the coefficients differ.

    References
    ----------
    Viechtbauer (2010), Journal of Statistical Software 36 (3), section 3.4 (metafor's ``anova``).
    """
    check_option("test", test, ComparisonTest)
    pair = _Nested(*_facts(full, "full"), *_facts(reduced, "reduced"))
    extra = _find_extra(full, reduced, pair)
    before, after = _tau2_of(reduced), _tau2_of(full)
    heights = pair.full.loglik, _loglik_beside(full, reduced, pair)
    if test == "likelihood_ratio":
        tested = _likelihood_ratio(pair, heights, extra)
    elif extra:
        picked = [[float(name == other) for other in pair.full_names] for name in extra]
        contrast = test_contrast(full, picked)
        tested = contrast.joint_statistic, contrast.joint_df, contrast.joint_df2, contrast.joint_p
    else:
        raise ModelError("a Wald test needs coefficients that the reduced fit lacks; these differ in tau2")
    return ModelComparison(
        test,
        *tested,
        *heights,
        restricted=pair.full.restricted,
        tau2_full=after,
        tau2_reduced=before,
        r2=100.0 * max(0.0, 1.0 - after / before) if extra and before > 0.0 else None,
        note=None if extra else EDGE,
    )


def _likelihood_ratio(
    pair: _Nested, heights: tuple[float, float], extra: tuple[str, ...]
) -> tuple[float, int, float | None, float]:
    """Return the likelihood ratio, its degrees of freedom, None, p."""
    if extra and pair.full.restricted:
        raise ModelError(
            "restricted likelihoods of fits with other coefficients do not compare; fit both with "
            "tau2_method='ML'"
        )
    statistic = 2.0 * (heights[0] - heights[1])
    df = pair.full.parameters - pair.reduced.parameters
    if df < 1 or statistic < -ROUNDING * (1.0 + abs(heights[0])):
        raise ModelError(
            "a likelihood ratio needs the larger model to be fitted at least as well by the same likelihood; "
            f"got {heights[0]:g} and {heights[1]:g} with {pair.full.parameters} and "
            f"{pair.reduced.parameters} parameters (tau2_method='ML' for both?)"
        )
    statistic = max(statistic, 0.0)
    return statistic, df, None, float(chi2_p(np.array([statistic]), np.array([float(df)]))[0])


def test_contrast(
    fit: Fit,
    contrasts: ArrayLike,
    *,
    value: ArrayLike = 0.0,  # noqa: PT028  (not one of pytest's tests)
) -> ContrastTest:
    """Test linear contrasts of the coefficients of a fit: each by itself, and all together.

    Parameters
    ----------
    fit : Fit
        A fit with coefficients.
    contrasts : array_like of shape (m, p) or (p,)
        One contrast a row, in the order of ``fit.coefficients.names``; rows independent of each other.
    value : array_like of shape (m,) or a number
        What each contrast is under the null hypothesis.

    Returns
    -------
    ContrastTest
        With t and F under the interval methods that use t (``HKSJ``, ``t``), else normal and chi-squared, and
        with the covariance after the adjustment of ``fit.spec.ci_method`` and its guard.

    Raises
    ------
    ModelError
        If the fit has no coefficients, the shapes do not fit, or the rows depend on each other.
    """
    if fit.coefficients is None or fit.covariance is None:
        raise ModelError(f"a contrast needs coefficients; this fit has none (status {fit.status})")
    if fit.spec.ci_method in OWN_DF:
        raise ModelError(
            f"contrasts under ci_method={fit.spec.ci_method!r} are not offered: each would need degrees of "
            "freedom of its own"
        )
    c = np.atleast_2d(np.asarray(contrasts, dtype=np.float64))
    p = len(fit.coefficients.names)
    if c.ndim != 2 or c.shape[1] != p or not np.isfinite(c).all():
        raise ModelError(f"contrasts must be finite numbers of shape (m, {p}), one column a coefficient "
                         f"({', '.join(fit.coefficients.names)}); got {np.shape(contrasts)}")  # fmt: skip
    if np.linalg.matrix_rank(c) < c.shape[0]:
        raise ModelError("the rows of contrasts depend on each other, or one is zero; leave out what repeats")
    null = np.broadcast_to(np.asarray(value, dtype=np.float64), c.shape[:1])
    found = c @ fit.coefficients.value - null
    covariance = c @ fit.covariance @ c.T
    se = np.sqrt(np.diag(covariance))
    df = _degrees_of_freedom(fit)
    known = np.nan if df is None else df
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = found / se
    low, high = wald_interval(found + null, se, two_sided_quantile(fit.spec.level, np.array(known)))
    joint, joint_p = joint_test(found[None], covariance[None], np.array([known]))
    return ContrastTest(
        value=found + null,
        se=se,
        low=low,
        high=high,
        statistic=statistic,
        df=df,
        p=two_sided_p(statistic, np.array(known)),
        joint_statistic=float(joint[0]),
        joint_df=c.shape[0],
        joint_df2=df,
        joint_p=float(joint_p[0]),
    )


#: pytest takes every name that starts with ``test`` for a test of its own.
test_contrast.__test__ = False  # type: ignore[attr-defined]


def _degrees_of_freedom(fit: Fit) -> float | None:
    """Return the degrees of freedom of the fit's t distribution, None where it uses the normal one."""
    if fit.estimate is not None:
        return fit.estimate.df
    return fit.moderator_test.df2 if fit.moderator_test is not None else None


@dataclass(frozen=True, slots=True)
class _Nested:
    """What two fits to be compared must have."""

    full: Information
    full_names: tuple[str, ...]
    reduced: Information
    reduced_names: tuple[str, ...]


def _facts(fit: Fit, name: str) -> tuple[Information, tuple[str, ...]]:
    """Return the likelihood of a fit and the names of its coefficients."""
    if fit.coefficients is None or fit.information is None:
        raise ModelError(f"the {name} fit has no coefficients or no log-likelihood (status {fit.status})")
    return fit.information, fit.coefficients.names


def _find_extra(full: Fit, reduced: Fit, pair: _Nested) -> tuple[str, ...]:
    """Return the coefficients that the reduced fit lacks; none where the two differ in tau2 alone."""
    if full.measure != reduced.measure:
        raise ModelError(f"fits of two measures do not compare: {full.measure!r} and {reduced.measure!r}")
    data = [[(s.label, s.y, s.v) for s in fit.studies if s.used] for fit in (full, reduced)]
    if data[0] != data[1]:
        raise ModelError("the fits rest on other studies or effect sizes; nested fits need the same ones")
    if foreign := [name for name in pair.reduced_names if name not in pair.full_names]:
        raise ModelError(f"not nested: the reduced fit has {', '.join(foreign)}, which the full one lacks")
    extra = tuple(name for name in pair.full_names if name not in pair.reduced_names)
    if not extra and not (full.spec.model == "random" and reduced.spec.model == "common"):
        raise ModelError("both fits have the same coefficients and the same model: nothing to compare")
    for name in ("model", "tau2_method", "weights") if extra else ("weights",):
        ours, theirs = getattr(full.spec, name), getattr(reduced.spec, name)
        if ours != theirs:
            raise ModelError(f"not nested: {name} is {ours!r} in the full fit, {theirs!r} in the reduced one")
    return extra


def _tau2_of(fit: Fit) -> float:
    return fit.tau2.value if fit.tau2 is not None else 0.0


def _loglik_beside(full: Fit, reduced: Fit, pair: _Nested) -> float:
    """Return the reduced fit's log-likelihood of the kind that the full fit has.

    A common-effect fit carries the full likelihood; beside REML its restricted one is needed, which follows
    for a mean: log L_R = log L + (log 2 pi + log k - log sum w) / 2.
    """
    if pair.full.restricted == pair.reduced.restricted:
        return pair.reduced.loglik
    if pair.reduced_names != ("intercept",) or full.spec.model != "random" or reduced.spec.model != "common":
        raise ModelError("one fit has a restricted likelihood, the other has not; fit with tau2_method='ML'")
    used = [study.v for study in reduced.studies if study.used and study.v is not None]
    weight = float(np.sum(1.0 / np.array(used)))
    return pair.reduced.loglik + 0.5 * float(np.log(2.0 * np.pi) + np.log(len(used)) - np.log(weight))
