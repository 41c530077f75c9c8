"""Every second opinion on a fit: PyMARE and statsmodels on effect sizes, GLM and quadrature on counts."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from meta.crosscheck.beta_engine import ask_beta_functions
from meta.crosscheck.glmm_engine import ask_glm, ask_scipy
from meta.crosscheck.opinions import EXACT, PYMARE, SCIPY, STATSMODELS, Opinion, Question, decline
from meta.crosscheck.ours import take_counts, take_data, twin_places
from meta.crosscheck.pymare_engine import ask_pymare
from meta.crosscheck.statsmodels_engine import ask_statsmodels
from meta.effects.sizes import EffectSizes
from meta.options import TWO_GROUP_GLMMS, ModelSpec
from meta.results import Fit

#: The models on counts that are compared themselves.
_INTEGRATED = ("binomial_normal", "poisson_normal")

#: Words before what is compared on effect sizes made from the counts of a GLMM.
TWIN = "inverse-variance twin: "


def second_opinions(part: str, effects: EffectSizes, fit: Fit) -> tuple[Opinion, ...]:
    """Ask every engine about one fit without moderators.

    On effect sizes and variances, those of the studies used, PyMARE is asked for DL, HE, ML and REML and
    statsmodels for DL, PM and weighted least squares at our tau2, each with Wald and HKSJ intervals; our side
    is refitted by each of them, so that also what the spec did not choose is compared, and the numbers that
    ``fit`` reports are among those compared. HKSJ is compared without its guard, and with it: the guard is
    then applied to the engine's own two standard errors. Under a GLMM the same is done on logits or log rates
    of the same studies, 1/2 added where a cell is zero; the GLMM itself is compared at tau2 = 0 with
    statsmodels' GLM and at the reported (mu, tau2) with SciPy's quadrature; a beta-binomial at the reported
    (mean, rho) with SciPy's beta functions.

    Parameters
    ----------
    part : str
        Which fit of the analysis, in words.
    effects : EffectSizes
        What it was fitted to, or a set that holds it.
    fit : Fit
        The fit as reported.

    Returns
    -------
    tuple of Opinion
        An engine that cannot do this fit says so, with the reason; it never raises.
    """
    if fit.k < 2:
        reason = "one study: nothing is pooled" if fit.k == 1 else "no study is used"
        return _decline_all(part, fit, reason)
    if fit.spec.model in TWO_GROUP_GLMMS and len(twin_places(effects, fit)) < 2:
        return _decline_all(part, fit, "fewer than two trials have an event: too few effect sizes")
    data = take_data(effects, fit)
    if not fit.spec.is_glmm:
        asked = fit if _is_offered(fit.spec) else None
        opinions = (*ask_pymare(part, "", data, asked), *ask_statsmodels(part, "", data, asked))
        return opinions if asked is not None else (*opinions, _decline_reported(part))
    if fit.spec.model not in _INTEGRATED or fit.spec.holds_tau2:
        asked_of = Question(SCIPY, version("scipy"), "reported numbers", EXACT)
        twins = (*ask_pymare(part, TWIN, data, None), *ask_statsmodels(part, TWIN, data, None))
        if fit.spec.model == "beta_binomial":
            return (*twins, *ask_beta_functions(part, take_counts(effects, fit), fit))
        reason = "no second program here fits this model of counts; its twin on effect sizes is compared"
        return (*twins, decline(part, asked_of, reason))
    counts = take_counts(effects, fit)
    return (
        *ask_pymare(part, TWIN, data, None),
        *ask_statsmodels(part, TWIN, data, None),
        *ask_glm(part, counts, fit),
        *ask_scipy(part, counts, fit),
    )


def _is_offered(spec: ModelSpec) -> bool:
    """Say whether the engines make the numbers that the fit reports."""
    plain = spec.model in ("random", "common", "uwls") and spec.weights is None and spec.cluster is None
    return plain and spec.ci_guard in ("none", "se")


def _decline_reported(part: str) -> Opinion:
    """Return that the reported numbers themselves are compared with nothing; our refits were."""
    asked = Question(STATSMODELS, version("statsmodels"), "reported numbers", EXACT)
    reason = "statsmodels and PyMARE have no such model, weights, guard or cluster-robust interval"
    return decline(part, asked, reason)


def _decline_all(part: str, fit: Fit, reason: str) -> tuple[Opinion, ...]:
    """Return that no engine compares anything, once for each that would have been asked."""
    engines = [(PYMARE, "pymare"), (STATSMODELS, "statsmodels")]
    if fit.spec.is_glmm:
        engines.append((SCIPY, "scipy"))
    return tuple(
        decline(part, Question(name, version(package), "", EXACT), reason) for name, package in engines
    )


def crosscheck_fits(fits: Sequence[tuple[str, EffectSizes, Fit]]) -> tuple[Opinion, ...]:
    """Return the second opinions on every fit of an analysis, each given as name, effect sizes and fit."""
    return tuple(opinion for part, effects, fit in fits for opinion in second_opinions(part, effects, fit))
