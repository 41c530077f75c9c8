"""Our side of a second opinion on a regression: its data, its design, and the numbers that it reports."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meta.crosscheck.ours import used_places
from meta.effects.sizes import EffectSizes
from meta.models.design import evaluate_design
from meta.models.normal import find_intercept
from meta.options import ModelSpec
from meta.results import Fit, Floats, Subgroups

#: What can be asked about beside fits without moderators: its name, what it was fitted to, and itself.
Regressions = tuple[tuple[str, EffectSizes, Fit | Subgroups], ...]

#: A group of one study shows its own interval, not that of the joint model.
_OWN_INTERVAL = "single_study"


@dataclass(frozen=True, slots=True)
class Regressed:
    """A regression by inverse variance as it was fitted and reported.

    ``y`` and ``v`` are (k,), ``x`` is (k, p); ``value``, ``se``, ``low`` and ``high`` are (p,), NaN where a
    number is not reported. ``tested`` are the coefficients of the joint test, ``statistic`` is None where
    there is none; ``df2`` is None where it is chi-squared. ``q`` is the residual Q, None where not reported.
    """

    y: Floats
    v: Floats
    x: Floats
    names: tuple[str, ...]
    spec: ModelSpec
    tau2: float
    value: Floats
    se: Floats
    low: Floats
    high: Floats
    tested: tuple[int, ...]
    statistic: float | None
    df2: float | None
    q: float | None

    @property
    def floors(self) -> Floats:
        """Wald standard errors, against which differences are measured where a number is near 0."""
        weighted = self.x / (self.v + self.tau2)[:, None]
        return np.asarray(np.sqrt(np.diagonal(np.linalg.inv(weighted.T @ self.x))))


def design_of(effects: EffectSizes, fit: Fit) -> Floats:
    """Return the design matrix of the studies that a regression used, shape (k, p)."""
    assert fit.moderators is not None, "a regression has moderators"
    places = used_places(effects, fit)
    cells = {name: [values[i] for i in places] for name, values in fit.moderators.values.items()}
    return evaluate_design(fit.moderators, cells, len(places))


def refuse_regression(found: Fit | Subgroups) -> str | None:
    """Say why no other engine has the numbers of a regression; None where some have."""
    fits = found.fits if isinstance(found, Subgroups) else (found,)
    spec = fits[0].spec
    if isinstance(found, Subgroups) and (found.test.statistic is None or spec.is_glmm):
        return "groups that share one tau2 are compared under inverse variance, where there is a test"
    if isinstance(found, Fit) and found.coefficients is None:
        return f"there are no coefficients ({found.status.replace('_', ' ')})"
    if spec.cluster is not None or spec.weights is not None:
        return "no second program here has this regression with clusters or weights of a column"
    if spec.model in ("binomial_normal", "poisson_normal"):
        return None
    if spec.model not in ("random", "common", "uwls"):
        return "no second program here has a regression under this model"
    if spec.ci_guard not in ("none", "se"):
        return f"no second program here has the guard {spec.ci_guard}"
    return None


def take_regression(effects: EffectSizes, fit: Fit) -> Regressed:
    """Return a regression by inverse variance, as fitted and reported."""
    assert fit.coefficients is not None, "a regression that is asked about has coefficients"
    assert fit.tau2 is not None, "and a tau2"
    places = used_places(effects, fit)
    x = design_of(effects, fit)
    intercept = find_intercept(x)
    found, test = fit.coefficients, fit.moderator_test
    return Regressed(
        y=effects.y[places],
        v=effects.v[places],
        x=x,
        names=found.names,
        spec=fit.spec,
        tau2=fit.tau2.value,
        value=np.asarray(found.value),
        se=np.asarray(found.se),
        low=np.asarray(found.low),
        high=np.asarray(found.high),
        tested=tuple(j for j in range(x.shape[1]) if j != intercept),
        statistic=None if test is None else test.statistic,
        df2=None if test is None else test.df2,
        q=None if fit.heterogeneity is None or fit.spec.tau2_method == "DL_MH" else fit.heterogeneity.q,
    )


def take_groups(effects: EffectSizes, groups: Subgroups) -> Regressed:
    """Return groups that share one tau2 as the regression on their indicators, as fitted and reported."""
    kept = [
        (level, fit)
        for level, fit in zip(groups.levels, groups.fits, strict=True)
        if fit.estimate is not None and fit.tau2 is not None
    ]
    member = {s.label: g for g, (_, fit) in enumerate(kept) for s in fit.studies if s.used}
    places = [i for i, label in enumerate(effects.labels) if label in member]
    x = np.zeros((len(places), len(kept)))
    for row, i in enumerate(places):
        x[row, member[effects.labels[i]]] = 1.0

    def column(name: str) -> Floats:
        cells = [
            np.nan if fit.status == _OWN_INTERVAL and name != "value" else getattr(fit.estimate, name)
            for _, fit in kept
        ]
        return np.array(cells, dtype=np.float64)

    tau2 = kept[0][1].tau2
    assert tau2 is not None, "kept for having one"
    return Regressed(
        y=effects.y[places],
        v=effects.v[places],
        x=x,
        names=tuple(level for level, _ in kept),
        spec=kept[0][1].spec,
        tau2=tau2.value,
        value=column("value"),
        se=column("se"),
        low=column("low"),
        high=column("high"),
        # the differences from the first group
        tested=tuple(range(1, len(kept))),
        statistic=groups.test.statistic,
        df2=groups.test.df2,
        q=None,
    )


def contrasts(asked: Regressed, groups: bool) -> Floats:
    """Return the rows (m, p) of the joint test: coefficients, or differences of groups from the first one."""
    rows = np.eye(asked.x.shape[1])[list(asked.tested)]
    if groups:
        rows[:, 0] = -1.0
    return rows
