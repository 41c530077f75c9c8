"""What an alternative takes over of the model choices of its analysis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from meta.options import (
    CLUSTER_ROBUST,
    FURTHER_OPTIONS,
    MULTILEVEL,
    Model,
    default_method,
    model_offers,
    model_uses,
)
from meta.profiles.loader import NOTHING, load_profile, profile_names

_METHODS = ("tau2_method", "ci_method", "pi_method", "tau2_ci")
_BY_LIKELIHOOD = ("ML", "REML")


def inherit_choices(profile: str, own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the model choices of an alternative: its own, and of its analysis what still applies.

    A choice written in the analysis falls away where the alternative changes the model to one that does not
    offer it, or an interval to one that has no use for it: the guard of the HKSJ interval, the column of
    clusters, a profile likelihood of tau2, the parameters of another prior. What then holds is what the
    profile or the model brings by default. A choice of the alternative itself never falls away, so one that
    cannot be is told.

    Parameters
    ----------
    profile : str
        Method profile of the analysis.
    own, given : mapping
        Choices of the analysis, and of the alternative, as ``review.toml`` has them.
    """
    every = {**own, **given}
    model = _model_of(profile, every)
    if model is None:
        return every
    kept = {
        name: value
        for name, value in own.items()
        if name not in given and _is_offered(name, value, model)
    }
    if "prior" in given and given["prior"] != own.get("prior"):
        kept.pop("prior_parameters", None)
    if kept.get("tau2_ci") == "PL" and given.get("tau2_method", "ML") not in _BY_LIKELIHOOD:
        kept.pop("tau2_ci")
    options = {**kept, **given}
    interval = _method(profile, model, "ci_method", options)
    prediction = _method(profile, model, "pi_method", options)
    if interval not in CLUSTER_ROBUST and model not in MULTILEVEL:
        kept.pop("cluster", None)
    uses_hksj = interval == "HKSJ" or str(prediction).startswith("hk_")
    if not uses_hksj or (kept.get("ci_guard") == "iqwig6" and model != "random"):
        kept.pop("ci_guard", None)
    return {**kept, **given}


def _model_of(profile: str, options: Mapping[str, Any]) -> str | None:
    """Return the model of a profile and choices; None where there is no such profile or model."""
    if profile not in profile_names():
        return None
    model = options.get("model", load_profile(profile).options["model"])
    return str(model) if model in get_args(Model) else None


def _is_offered(name: str, value: Any, model: str) -> bool:
    """Say whether a model can have a choice."""
    if name in _METHODS:
        return model_offers(model, name, None if value == NOTHING else value)
    return name not in FURTHER_OPTIONS or model_uses(model, name)


def _method(profile: str, model: str, name: str, options: Mapping[str, Any]) -> Any:
    """Return the method in use: as chosen, else of the profile where it is of this model, else by default."""
    if name in options:
        return options[name]
    base = load_profile(profile).options
    return base.get(name) if base["model"] == model else default_method(model, name)
