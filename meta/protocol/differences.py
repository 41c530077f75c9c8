"""What an alternative changes, in words: measure, model, filters, rows left out, rows that share people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meta.effects.choices import EffectChoices
from meta.effects.measures import find_measure
from meta.model_words import name_model
from meta.options import CLUSTER_ROBUST, ModelSpec
from meta.protocol.plan import Alternative, Analysis, Overlap
from meta.protocol.selection import filter_text

_INTERVALS = {
    "HKSJ": "HKSJ",
    "Wald": "Wald",
    "t": "Wald with a t quantile",
    "profile": "profile likelihood",
    **{name: f"cluster-robust ({name})" for name in CLUSTER_ROBUST},
}
_GUARDS = {
    "se": "never narrower than Wald",
    "ci": "the wider of HKSJ and Wald",
    "iqwig6": "corrected where narrower than DerSimonian–Laird",
    "none": "no guard",
}
_PREDICTIONS = {
    "t_k1": "t on k − 1 df",
    "t_k2": "t on k − 2 df",
    "z": "normal quantile",
    "hk_k1": "t on k − 1 df, HKSJ standard error",
    "hk_k2": "t on k − 2 df, HKSJ standard error",
    "bootstrap": "bootstrap (Nagashima)",
    "posterior": "predictive distribution",
}
_TAU2_INTERVALS = {"QP": "Q-profile", "PL": "profile likelihood", "J": "Jackson", "BJ": "Biggerstaff–Jackson"}


def describe_changes(analysis: Analysis, alternative: Alternative) -> tuple[str, ...]:
    """Say what an alternative changes about its analysis, one text a change.

    Parameters
    ----------
    analysis, alternative : Analysis, Alternative
        Both as the protocol has them, checked.

    Returns
    -------
    tuple of str
        For example ``("interval: Wald instead of profile likelihood", "Stokes2020 named first")``; empty
        where nothing differs.
    """
    other = analysis.altered(alternative)
    return (
        *_measure_changes(analysis, other),
        *_effect_changes(analysis, other),
        *_model_changes(analysis, other),
        *_filter_changes(analysis, other),
        *_row_changes(analysis, other),
    )


def _measure_changes(analysis: Analysis, other: Analysis) -> Iterator[str]:
    if other.measure != analysis.measure:
        new, old = find_measure(other.measure), find_measure(analysis.measure)
        if new.name == old.name:
            yield f"pooled as {new.scale} ({new.code}) instead of {old.scale} ({old.code})"
        else:
            yield f"{new.name} instead of {old.name}"
    for key, column in other.columns.items():
        before = analysis.columns.get(key)
        if column != before:
            yield f"{key} from {column}" + (f" instead of {before}" if before is not None else "")


#: Where a correction is made, for ``to``.
_TO = {
    "only0": "where a study has a zero cell",
    "all": "in every study",
    "if0all": "in every study if one has a zero cell",
}


def _effect_changes(analysis: Analysis, other: Analysis) -> Iterator[str]:
    """Compare how effect sizes are made; what another measure brings with it goes without saying."""
    new, old = other.resolved_effects(), analysis.resolved_effects()
    same, given = other.measure == analysis.measure, other.effect_choices()
    if new.variance != old.variance if same else "variance" in given:
        what = "formula of the sampling variance"
        yield _instead(what, str(new.variance), str(old.variance)) if same else f"{what}: {new.variance}"
    if (new.add, new.to) != (old.add, old.to) if same else {"add", "to"} & given.keys():
        text = _correction_words(new)
        yield _instead("zero cells", text, _correction_words(old)) if same else f"zero cells: {text}"
    if new.drop00 != old.drop00 if same else "drop00" in given:
        yield f"studies without events in both arms: {'left out' if new.drop00 else 'kept'}"


def _correction_words(choices: EffectChoices) -> str:
    """Return a continuity correction: ``0.5 added where a study has a zero cell``."""
    if not choices.add or choices.to == "none":
        return "nothing added"
    if choices.to == "treatment_arm":
        return f"treatment-arm correction ({choices.add:g})"
    return f"{choices.add:g} added {_TO.get(str(choices.to), '')}"


def _model_changes(analysis: Analysis, other: Analysis) -> Iterator[str]:
    """Compare the two specs whole; a profile of which nothing shows changes nothing."""
    new, old = other.spec(), analysis.spec()
    if new == old:
        return
    if other.profile != analysis.profile:
        yield f"profile {other.profile}"
    if new.model == old.model:
        yield from _option_changes(new, old)
        return
    yield f"{describe_model(new)} instead of {name_model(old.model)}"
    if new.ci_method == old.ci_method == "HKSJ" and new.ci_guard != old.ci_guard:
        yield _instead("HKSJ interval", _said(_GUARDS, new.ci_guard), _said(_GUARDS, old.ci_guard))
    if new.pi_method != old.pi_method:
        yield _instead("prediction", _said(_PREDICTIONS, new.pi_method), _said(_PREDICTIONS, old.pi_method))
    if new.level != old.level:
        yield _instead("level of intervals", _percent(new.level), _percent(old.level))


def _prior_name(spec: ModelSpec) -> str:
    """Return the prior of τ: ``half-normal (0.5)``."""
    if spec.prior is None:
        return "half-normal (0.5)"
    given = ", ".join(f"{number:g}".replace("-", "−") for number in spec.prior_parameters or ())
    name = spec.prior.replace("_", "-").replace("cauchy", "Cauchy")
    return name + (f" ({given})" if given else "")


def describe_model(spec: ModelSpec) -> str:
    """Return a model with its estimator and interval: ``random effects ... (τ² by REML, ...)``."""
    if spec.model == "bayes":
        return f"{name_model('bayes')} (prior of τ: {_prior_name(spec)})"
    parts = [] if spec.tau2_method is None or spec.is_glmm else [f"τ² by {spec.tau2_method}"]
    guard = ", no guard" if spec.ci_method == "HKSJ" and spec.ci_guard == "none" else ""
    parts.append(f"{_said(_INTERVALS, spec.ci_method)} interval{guard}")
    return f"{name_model(spec.model)} ({', '.join(parts)})"


def _option_changes(new: ModelSpec, old: ModelSpec) -> Iterator[str]:
    """Compare the options of two specs of one model."""
    if new.tau2_method != old.tau2_method:
        yield _instead("estimator of τ²", new.tau2_method or "none", old.tau2_method or "none")
    if new.ci_method != old.ci_method:
        yield _instead("interval", _said(_INTERVALS, new.ci_method), _said(_INTERVALS, old.ci_method))
    elif new.ci_guard != old.ci_guard:
        yield _instead("HKSJ interval", _said(_GUARDS, new.ci_guard), _said(_GUARDS, old.ci_guard))
    if new.pi_method != old.pi_method:
        yield _instead("prediction", _said(_PREDICTIONS, new.pi_method), _said(_PREDICTIONS, old.pi_method))
    if new.tau2_ci != old.tau2_ci:
        names = (_said(_TAU2_INTERVALS, new.tau2_ci), _said(_TAU2_INTERVALS, old.tau2_ci))
        yield _instead("interval of τ²", *names)
    if new.cluster != old.cluster:
        yield _instead("rows clustered by", new.cluster or "nothing", old.cluster or "nothing")
    if new.rho != old.rho:
        yield _instead("correlation of sampling errors", f"{new.rho:g}", f"{old.rho:g}")
    if new.model == "bayes" and _prior_name(new) != _prior_name(old):
        yield _instead("prior of τ", _prior_name(new), _prior_name(old))
    if new.weights != old.weights:
        yield _instead("weights", new.weights or "inverse variance", old.weights or "inverse variance")
    if new.level != old.level:
        yield _instead("level of intervals", _percent(new.level), _percent(old.level))


def _said(words: dict[str, str], value: str | None) -> str:
    return "none" if value is None else words.get(value, value)


def _instead(what: str, new: str, old: str) -> str:
    return f"{what}: {new} instead of {old}"


def _percent(level: float) -> str:
    return f"{round(100.0 * level, 6):g}%"


def _filter_changes(analysis: Analysis, other: Analysis) -> Iterator[str]:
    """Name each filter that the analysis does not have; one on a column replaces the analysis's own."""
    yield from (filter_text(condition) for condition in other.filters if condition not in analysis.filters)


def _row_changes(analysis: Analysis, other: Analysis) -> Iterator[str]:
    """Name the rows left out, and what is new about the choice among rows that share people."""
    out = [entry.row for entry in other.exclude[len(analysis.exclude) :]]
    if out:
        yield f"without {_listed(out)}"
    before, after = analysis.overlap, other.overlap
    if after is None or after == before:
        return
    named_before = _names(before)
    named = [name for name in _names(after) if name not in named_before]
    if named:
        yield f"{_listed(named)} named first among rows that share people"
    unnamed = [name for name in named_before if name not in _names(after)]
    if unnamed:
        yield f"{_listed(unnamed)} no longer named first"
    if before is None or after.rule != before.rule:
        yield f"rows that share people chosen by {', '.join(after.rule) or 'name alone'}"
    if after.links != (before.links if before is not None else ()):
        links = ", ".join(" and ".join(link) for link in after.links)
        yield f"links between rows: {links or 'none declared'}"


def _names(overlap: Overlap | None) -> list[str]:
    return [entry.row for entry in overlap.named] if overlap is not None else []


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
