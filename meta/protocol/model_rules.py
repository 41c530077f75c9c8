"""The rules of an analysis's model: its choices go together, with its measure and with its moderators."""

from __future__ import annotations

from collections.abc import Iterator

from extraction.names import suggest
from extraction.toml_lines import Path
from meta.effects.measures import MEASURES, Measure
from meta.errors import MetaError
from meta.models.bayes import find_prior
from meta.models.count_pooling import CELLS
from meta.options import ModelSpec
from meta.profiles.loader import profile_names
from meta.protocol.plan import Analysis, ModeratorPlan
from meta.protocol.shape import Fault
from meta.sensitivity.permutation import refuse_permutation

#: The measures of the GLMMs of two groups.
_TWO_GROUP_MEASURES = {
    "unconditional_fixed": ("OR", "IRR"),
    "unconditional_random": ("OR", "IRR"),
    "conditional_exact": ("OR", "IRR"),
    "conditional_approximate": ("OR",),
}

#: What each GLMM of one group is fitted to.
_GLMM_KINDS = {"binomial_normal": "proportion", "poisson_normal": "rate", "beta_binomial": "proportion"}


def check_model(here: Path, analysis: Analysis) -> Iterator[Fault]:
    """Check the profile, and the choices on top of it."""
    if analysis.profile not in profile_names():
        message = f"no method profile {analysis.profile!r}"
        yield Fault(
            (*here, "profile"), "unknown-profile", message, suggest(analysis.profile, profile_names())
        )
        return
    try:
        spec = analysis.spec()
    except MetaError as error:
        yield Fault((*here, "model"), "model-choice", str(error))
        return
    for place, plan in enumerate(analysis.moderators):
        yield from _check_moderators((*here, "moderators", place), analysis, plan)
    measure = MEASURES.get(analysis.measure)
    if measure is not None:
        own = analysis.model.model or analysis.model.tau2_method == "DL_MH"
        at = (*here, "model" if own else "profile")
        for message, advice in _mismatches(spec, measure):
            yield Fault(at, "model-measure", message, advice)


def _check_moderators(at: Path, analysis: Analysis, plan: ModeratorPlan) -> Iterator[Fault]:
    """Check that the model takes moderators, and has the permutation test that is asked for."""
    try:
        spec = analysis.spec(moderators=plan.formula)
    except MetaError as error:
        yield Fault((*at, "formula"), "model-choice", str(error))
        return
    try:
        reason = refuse_permutation(spec) if plan.permutation else None
    except MetaError:
        # a formula that cannot be read is told where the columns are checked
        return
    if reason is not None:
        yield Fault((*at, "permutation"), "no-permutation", reason, "remove it, or choose another model")


def _mismatches(spec: ModelSpec, measure: Measure) -> Iterator[tuple[str, str]]:
    """Return why a model cannot be fitted to a measure, and what to do."""
    kind = _GLMM_KINDS.get(spec.model)
    suited = _TWO_GROUP_MEASURES.get(spec.model)
    if suited is not None and measure.code not in suited:
        yield f"model {spec.model!r} is fitted to the counts of two groups, for {' or '.join(suited)}", ""
    if kind is not None and measure.kind != kind:
        message = f"model {spec.model!r} is fitted to counts of a {kind}, and {measure.code} is no {kind}"
        advice = "choose another profile or model"
        if measure.kind == "rate":
            advice = 'choose another profile, or set model = {model = "poisson_normal"} for rates'
        yield message, advice
    if (spec.model == "mantel_haenszel" or spec.tau2_method == "DL_MH") and measure.code not in CELLS:
        what = "model 'mantel_haenszel'" if spec.model == "mantel_haenszel" else "tau2_method 'DL_MH'"
        message = f"{what} pools the counts of two groups, for {', '.join(CELLS)}; {measure.code} has none"
        advice = 'set model = {tau2_method = "DL"}' if spec.model == "random" else "choose another model"
        yield message, advice
    if spec.model == "bayes":
        try:
            find_prior(spec, measure.code)
        except MetaError as error:
            yield str(error), ""
