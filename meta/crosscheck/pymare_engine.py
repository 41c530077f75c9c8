"""PyMARE: DL, HE, ML and REML, each with Wald and HKSJ intervals."""

from __future__ import annotations

from importlib.metadata import version

from meta.crosscheck.calls import call_engine
from meta.crosscheck.opinions import (
    EXACT,
    PYMARE,
    PYMARE_ITERATED,
    Numbers,
    Opinion,
    Pair,
    Question,
    compare_pairs,
    decline,
)
from meta.crosscheck.ours import (
    Data,
    choose_numbers,
    cochran_q,
    pair_hksj,
    pair_mean,
    pair_tau2,
    reported,
)
from meta.results import Fit

#: Ours by PyMARE's name of the correction.
CORRECTIONS = {"Wald": "wald", "HKSJ": "knapp-hartung"}

CLOSED = ("DL", "HE")
ITERATED = ("ML", "REML")


def ask_pymare(part: str, prefix: str, data: Data, fit: Fit | None) -> list[Opinion]:
    """Compare every estimator and interval that PyMARE has, and what ``fit`` reports where it has that too.

    Parameters
    ----------
    part : str
        Which fit of the analysis.
    prefix : str
        Words before the name of each number; empty for the fit's own data.
    data : Data
        Effect sizes, at least two.
    fit : Fit or None
        The reported inverse-variance fit; None for the twin of a GLMM, which reports nothing.
    """
    number = version("pymare")
    exact = Question(PYMARE, number, f"{prefix}DL and HE, Wald", EXACT)
    loose = Question(PYMARE, number, f"{prefix}ML and REML, and HKSJ by each", PYMARE_ITERATED)
    called = call_engine(lambda: _fit_all(data))
    if called.value is None:
        return [decline(part, exact, called.failure), decline(part, loose, called.failure)]
    rows, q = called.value
    closed, iterated = _pair_methods(data, rows)
    if fit is not None:
        own_closed, own_iterated = _pair_reported(data, fit, rows, q)
        closed += own_closed
        iterated += own_iterated
    opinions = compare_pairs(part, exact, closed, called.warnings)
    opinions += compare_pairs(part, loose, iterated, called.warnings)
    if fit is not None and fit.spec.tau2_method not in (*CLOSED, *ITERATED, None):
        asked = Question(PYMARE, number, f"reported numbers by {fit.spec.tau2_method}", EXACT)
        opinions.append(decline(part, asked, f"PyMARE has no estimator {fit.spec.tau2_method}"))
    return opinions


def _fit_all(data: Data) -> tuple[dict[tuple[str, str], Numbers], float]:
    """Return PyMARE's numbers by estimator and interval, and its Q."""
    from pymare import Dataset
    from pymare.estimators import DerSimonianLaird, Hedges, VarianceBasedLikelihoodEstimator

    def make(method: str, correction: str) -> object:
        if method == "DL":
            return DerSimonianLaird(small_sample_correction=correction)
        if method == "HE":
            return Hedges(small_sample_correction=correction)
        return VarianceBasedLikelihoodEstimator(method=method, small_sample_correction=correction)

    dataset = Dataset(y=data.y, v=data.v)
    found: dict[tuple[str, str], Numbers] = {}
    for method in (*CLOSED, *ITERATED):
        for interval, correction in CORRECTIONS.items():
            result = make(method, correction).fit_dataset(dataset).summary()  # type: ignore[attr-defined]
            stats = result.get_fe_stats(alpha=1.0 - data.level)
            mean = (stats[name].item() for name in ("est", "se", "ci_l", "ci_u"))
            found[method, interval] = Numbers(float(result.tau2.item()), *mean)
    return found, float(result.get_heterogeneity_stats()["Q"].item())


def _pair_methods(data: Data, rows: dict[tuple[str, str], Numbers]) -> tuple[list[Pair], list[Pair]]:
    """Pair our refit by each estimator and interval with PyMARE's: closed forms, and the rest."""
    closed: list[Pair] = []
    iterated: list[Pair] = []
    for method in (*CLOSED, *ITERATED):
        ours, wald, hksj = data.ours[method, "Wald"], rows[method, "Wald"], rows[method, "HKSJ"]
        pairs = [pair_tau2(method, ours, wald, data), *pair_mean(f"{method}, Wald", ours, wald, data)]
        (closed if method in CLOSED else iterated).extend(pairs)
        iterated += pair_hksj(method, method, wald, hksj, data)
    return closed, iterated


def _pair_reported(
    data: Data, fit: Fit, rows: dict[tuple[str, str], Numbers], q: float
) -> tuple[list[Pair], list[Pair]]:
    """Pair what the fit reports with PyMARE's numbers: closed forms, and the rest."""
    closed: list[Pair] = []
    iterated: list[Pair] = []
    ours_q = cochran_q(fit)
    if ours_q is not None:
        closed.append(Pair("reported: Q", ours_q, q, 1.0))
    method, interval, guard = fit.spec.tau2_method, fit.spec.ci_method or "", fit.spec.ci_guard
    if method in (*CLOSED, *ITERATED) and fit.estimate is not None:
        chosen = choose_numbers(rows[method, "Wald"], rows[method, "HKSJ"], data, interval, guard)
        ours = reported(fit)
        tau2 = pair_tau2("reported", ours, chosen, data)
        mean = pair_mean("reported", ours, chosen, data)
        if method in ITERATED:
            iterated += [tau2, *mean]
        elif interval == "HKSJ":
            closed += [tau2, mean[0]]
            iterated += mean[1:]
        else:
            closed += [tau2, *mean]
    return closed, iterated
