"""Fits made of given numbers, for drawing: nothing here is estimated."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import beta

from meta.options import ModelSpec
from meta.results import (
    Estimate,
    Fit,
    GroupTest,
    Heterogeneity,
    Natural,
    PopulationMean,
    Prediction,
    Refits,
    Study,
    Subgroups,
    Tau2,
)

#: The twelve cohorts of the shipped review: label, country, years, events, n, definition.
COHORTS = (
    ("Chan SKW 2021", "Hong Kong", "12", 157, 1234, 0),
    ("Demjaha 2017", "UK", "10", 74, 323, 0),
    ("Moreno-Sancho 2022", "Spain", "10", 48, 218, 0),
    ("Lally 2016", "UK", "5", 80, 246, 0),
    ("Agid 2011", "Canada", "0.46", 50, 244, 0),
    ("Thien 2018", "Australia", None, 51, 544, 0),
    ("Doyle 2017", "Ireland", "19", 28, 171, 1),
    ("Ucok 2016", "Turkey", None, 28, 105, 1),
    ("Mena 2018", "Chile", None, 42, 230, 1),
    ("Wimberley 2016", "Denmark", "7", 2309, 13349, 2),
    ("Downs 2019", "UK", "5", 124, 638, 2),
    ("Lee R 2024", "UK", "1", 51, 1027, 2),
)
LEVELS = ("Failed trials or clinical criteria", "Clozapine started (proxy)", "Other definitions")


def count_study(
    label: str, events: float, n: float, *, used: bool = True, reason: str | None = None
) -> Study:
    low = float(beta.ppf(0.025, events, n - events + 1)) if events > 0 else 0.0
    high = float(beta.ppf(0.975, events + 1, n - events)) if events < n else 1.0
    y = math.log((events + 0.5) / (n - events + 0.5))
    v = 1 / (events + 0.5) + 1 / (n - events + 0.5)
    return Study(label, {"events": events, "n": n}, events / n, low, high, None, y, v, used, reason, ())


def make_fit(
    studies: Sequence[Study],
    natural: Natural | None,
    *,
    measure: str = "PLO",
    spec: ModelSpec | None = None,
    status: str = "ok",
    tau2: float = 0.299,
    population: bool = True,
    q: float = 237.7,
) -> Fit:
    spec = spec or ModelSpec(model="binomial_normal")
    used = [s for s in studies if s.used]
    k = len(used)
    names = {name for s in studies for name in s.counts}
    weights = None if any(s.weight is None for s in used) else np.array([s.weight for s in used])
    estimate = (
        Estimate(0.0, 0.1, -0.2, 0.2, 0.0, None, 1.0, spec.level)
        if natural and status != "one_sided"
        else None
    )
    mean = PopulationMean(natural.value * 1.07, natural.low * 1.1, natural.high * 1.04) if natural else None
    predicted = natural is not None and natural.prediction_low is not None
    return Fit(
        measure=measure,
        spec=spec,
        k=k,
        status=status,
        estimate=estimate,
        natural=natural,
        population_mean=mean if population and spec.is_glmm and status == "ok" else None,
        tau2=Tau2(tau2, tau2 * 0.46, tau2 * 2.63, spec.tau2_method, spec.tau2_ci) if k > 1 else None,
        heterogeneity=Heterogeneity(q, k - 1, 1e-9, 97.2, 35.0, 0.01) if k > 1 else None,
        prediction=Prediction(-3.0, 1.0, k - 1.0, "t_k1") if predicted else None,
        coefficients=None,
        covariance=None,
        moderator_test=None,
        r2=None,
        loglik=None,
        weights=weights,
        studies=tuple(studies),
        excluded=(),
        totals={name: sum(float(s.counts.get(name) or 0) for s in used) for name in sorted(names)},
        notes=(),
    )


def cohorts_fit() -> Fit:
    studies = [count_study(label, events, n) for label, _, _, events, n, _ in COHORTS]
    return make_fit(studies, Natural(0.171, 0.127, 0.226, 0.055, 0.420))


def cohort_groups() -> Subgroups:
    naturals = ((0.187, 0.125, 0.271), (0.195, 0.142, 0.269), (0.122, 0.044, 0.295))
    fits = []
    for group, natural in enumerate(naturals):
        studies = [count_study(label, events, n) for label, _, _, events, n, g in COHORTS if g == group]
        fits.append(make_fit(studies, Natural(*natural, None, None), tau2=0.236))
    test = GroupTest(1.78, 2, None, 0.41, "Q", None)
    return Subgroups("definition_type", False, LEVELS, tuple(fits), test, ())


def ratio_study(
    label: str, y: float, se: float, weight: float, arms: tuple[float, float, float, float]
) -> Study:
    counts = dict(zip(("events1", "n1", "events2", "n2"), arms, strict=True))
    low, high = math.exp(y - 1.96 * se), math.exp(y + 1.96 * se)
    return Study(label, counts, math.exp(y), low, high, weight, y, se * se, True, None, ())


def refits_of(fit: Fit, kind: str, values: Sequence[float], failed: Sequence[int] = ()) -> Refits:
    natural = np.array(values, dtype=float)
    status = np.array(["ok"] * natural.size, dtype="<U16")
    for i in failed:
        natural[i] = np.nan
        status[i] = "not_converged"
    odds = np.log(natural / (1 - natural)) if fit.measure == "PLO" else np.log(natural)
    back = (lambda z: 1 / (1 + np.exp(-z))) if fit.measure == "PLO" else np.exp
    low, high = back(odds - 0.3), back(odds + 0.3)
    nothing = np.full(natural.size, np.nan)
    return Refits(
        kind,
        tuple(s.label for s in fit.studies if s.used),
        fit.measure,
        fit.spec,
        odds,
        odds * 0 + 0.15,
        odds - 0.3,
        odds + 0.3,
        nothing,
        odds * 0 + 0.28,
        odds * 0 + 96.0,
        np.full(natural.size, fit.k - 1),
        natural,
        low,
        high,
        nothing,
        nothing,
        nothing,
        nothing,
        status,
        odds[:, None],
        ("",) * natural.size,
    )
