"""Which formula computes which measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from meta.effects import binary, continuous, correlations, paired, proportions, rates
from meta.effects.corrections import Correction
from meta.effects.entry import Measure
from meta.results import Floats

Formula = Callable[..., tuple[Floats, Floats]]

#: By code; each takes the columns of its measure in the order of the registry.
FORMULAS: Mapping[str, Formula] = {
    "PR": proportions.proportion,
    "PLN": proportions.log_proportion,
    "PLO": proportions.log_odds,
    "PAS": proportions.arcsine,
    "PFT": proportions.freeman_tukey,
    "IR": rates.rate,
    "IRLN": rates.log_rate,
    "IRS": rates.root_rate,
    "IRFT": rates.freeman_tukey_rate,
    "MN": continuous.mean_of_one,
    "MNLN": continuous.log_mean,
    "SDLN": continuous.log_sd,
    "CVLN": continuous.log_variation,
    "OR": binary.odds_ratio,
    "RR": binary.risk_ratio,
    "RD": binary.risk_difference,
    "AS": binary.arcsine_difference,
    "PETO": binary.peto_odds_ratio,
    "YUQ": binary.yule_q,
    "PHI": binary.phi_coefficient,
    "OR2DN": binary.odds_ratio_to_d,
    "IRR": rates.rate_ratio,
    "IRD": rates.rate_difference,
    "IRSD": rates.root_rate_difference,
    "MD": continuous.mean_difference,
    "SMD": continuous.standardised_difference,
    "SMDH": continuous.standardised_difference_unequal,
    "ROM": continuous.mean_ratio,
    "VR": continuous.variability_ratio,
    "CVR": continuous.variation_ratio,
    "D2ORN": continuous.odds_ratio_from_d,
    "MC": paired.mean_change,
    "SMCC": paired.change_by_change_sd,
    "SMCR": paired.change_by_first_sd,
    "SMCRH": paired.change_unequal,
    "ROMC": paired.mean_ratio_change,
    "COR": correlations.correlation,
    "UCOR": correlations.unbiased_correlation,
    "ZCOR": correlations.fisher_z,
    "PCOR": correlations.partial_correlation,
    "ZPCOR": correlations.partial_fisher_z,
}


def compute_effects(
    measure: Measure, values: Mapping[str, Floats], correction: Correction, variance: str
) -> tuple[Floats, Floats]:
    """Return effect sizes and sampling variances of a measure from its columns, each (k,)."""
    choices: dict[str, object] = {}
    if measure.counts_events:
        choices["correction"] = correction
    if len(measure.variances) > 1:
        choices["variance"] = variance
    return FORMULAS[measure.code](*(values[name] for name in measure.columns), **choices)
