"""The options of a fit by inverse variance as arguments of metafor's ``rma``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meta.report.r_code import r_number

#: Estimators of tau2 that metafor does not offer.
NOT_IN_METAFOR = ("DL2", "DL_MH")


def rma_options(fit: Mapping[str, Any], test: str) -> str:
    """Return the arguments for estimator, weights, test and level of ``rma``."""
    spec = fit["spec"]
    method = spec["tau2_method"] or "EE"
    level = r_number(100 * spec["level"])
    options = f'test = "{test}",\n           level = {level}, control = tight'
    if method in NOT_IN_METAFOR:
        return f'method = "DL", {_rma_weights(fit)}tau2 = {r_number(fit["tau2"]["value"])}, {options}'
    return f'method = "{method}", {_rma_weights(fit)}{options}'


def _rma_weights(fit: Mapping[str, Any]) -> str:
    """Return the argument for weights that are not the inverse variances, or nothing."""
    weights = fit["spec"].get("weights")
    if fit["spec"]["model"] == "ivhet":
        return "weights = 1 / vi, "
    if weights is None:
        return ""
    if weights == "equal" and fit["spec"]["tau2_method"] != "GENQ":
        return "weighted = FALSE, "
    # in the order of effects.csv, and in percent: the scale of weights does not matter
    shares = [r_number(study["weight"]) for study in fit["studies"] if study["used"]]
    return f"\n           weights = c({', '.join(shares)}),\n           "


def with_tau2(fit: Mapping[str, Any], data: str) -> str:
    """Return the R expression of a fit that estimates tau2, which its Q-profile interval asks for."""
    given = fit["spec"]["tau2_method"] in NOT_IN_METAFOR
    return f'rma(yi, vi, data = {data}, method = "DL")' if given else "fit"
