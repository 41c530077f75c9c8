"""The declared alternatives of an analysis, each beside its main estimate: how far it hangs on a choice."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from extraction.errors import ProblemsError, ReviewError
from extraction.sheet import RowRef, Sheet
from meta.effects.choices import EffectChoices
from meta.effects.compute import effect_sizes
from meta.effects.measures import Measure, default_unit, find_measure
from meta.effects.recovered_rows import split_columns
from meta.effects.sizes import EffectSizes
from meta.models.fitting import fit_model
from meta.models.posterior_tails import with_threshold
from meta.options import DisplayUnit, ModelSpec
from meta.protocol.differences import describe_changes
from meta.protocol.plan import Alternative, Analysis
from meta.protocol.selection import select_rows
from meta.results import Estimate, Fit, Natural, to_plain
from meta.sensitivity.threshold import Place, place_beside

ShiftKind = Literal["difference", "ratio"]

#: A shift below this share of the estimate is rounding: interval and prediction leave the estimate alone.
NO_SHIFT = 1e-9

#: What the pooled value of a measure stands for under each transform. Where effects are normal on
#: a scale, the middle of that scale turned back is the median setting; a mean of raw values is a mean.
_CENTRES = {
    "identity": "a mean over settings",
    "logit": "the median setting",
    "log": "the median setting",
    "arcsine": "the median setting",
    "fisher_z": "the median setting",
    "square_root": "the median setting",
    "double_arcsine": "the middle of the double arcsine scale",
    "double_root": "the middle of the double root scale",
}


@dataclass(frozen=True, slots=True)
class AlternativeAnswer:
    """What one alternative found, beside the main analysis.

    Attributes
    ----------
    label, reason : str
        The protocol's words.
    changes : tuple of str
        What is other than in the main analysis, in words.
    measure, profile : str
        Its measure and method profile.
    spec : ModelSpec
        Its model, whole.
    choices : EffectChoices
        How its effect sizes are made.
    unit : DisplayUnit or None
        How its numbers are shown where they are another quantity than the main one's; None: as those.
    k : int
        Number of studies used.
    status : str
        Of its fit; ``not_estimable`` where there is none.
    effects : EffectSizes or None
        What it was fitted to; None where no effect size could be computed.
    fit : Fit or None
        The fit, whole; None where there is none.
    failure : str or None
        Why there is no estimate to compare, in words.
    remarks : tuple of str
        What to know before comparing.
    came, went, swapped : tuple of str
        Labels of studies used here and not in the main analysis, the other way round, and those used in both
        with no row of the sheet in common.
    shift : float or None
        From the main estimate: a difference of natural values, or a ratio of ratios. None where there is no
        estimate, or it is another quantity.
    not_compared : str or None
        Why an estimate is shown and not compared, in words.
    outside : bool or None
        Whether the estimate lies outside the interval of the main one; None where it is not compared.
    threshold : Place or None
        Where it lies beside the declared threshold; None without one, or where it is not compared.
    crossed : bool or None
        Whether its estimate lies on another side of the threshold than the main one.
    includes_null : bool or None
        Whether its interval includes the value of no difference; None where the measure has none.
    """

    label: str
    reason: str
    changes: tuple[str, ...]
    measure: str
    profile: str
    spec: ModelSpec
    choices: EffectChoices
    unit: DisplayUnit | None
    k: int
    status: str
    effects: EffectSizes | None
    fit: Fit | None
    failure: str | None
    remarks: tuple[str, ...]
    came: tuple[str, ...]
    went: tuple[str, ...]
    swapped: tuple[str, ...]
    shift: float | None
    not_compared: str | None
    outside: bool | None
    threshold: Place | None
    crossed: bool | None
    includes_null: bool | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, lean: of the fit the pooled numbers, not its studies."""
        fit = self.fit
        pooled = fit if fit is not None and fit.natural is not None else None
        estimate = pooled.estimate if pooled is not None else None
        tau2 = pooled.tau2 if pooled is not None else None
        spread = pooled.heterogeneity if pooled is not None else None
        posterior = pooled.posterior if pooled is not None else None
        plain: dict[str, Any] = to_plain(
            {
                "label": self.label,
                "reason": self.reason,
                "changes": self.changes,
                "measure": self.measure,
                "profile": self.profile,
                "spec": self.spec,
                "effects": self.choices,
                "unit": self.unit,
                "k": self.k,
                "status": self.status,
                "failure": self.failure,
                "remarks": self.remarks,
                "came": self.came,
                "went": self.went,
                "swapped": self.swapped,
                "estimate": _on_its_scale(estimate),
                "natural": pooled.natural if pooled is not None else None,
                "tau2": tau2.value if tau2 is not None else None,
                "i2": spread.i2 if spread is not None else None,
                **({"posterior": posterior.to_lean()} if posterior is not None else {}),
                "shift": self.shift,
                "not_compared": self.not_compared,
                "outside": self.outside,
                "threshold": self.threshold,
                "crossed": self.crossed,
                "includes_null": self.includes_null,
            }
        )
        return plain


@dataclass(frozen=True, slots=True)
class Alternatives:
    """The alternatives of an analysis in the order of the protocol, and where the main analysis lies.

    ``shift_kind`` says what a shift is; ``most`` is the place of the alternative that moves the estimate
    most, None where none moves it. ``threshold`` and ``includes_null`` are those of the main analysis.
    """

    shift_kind: ShiftKind
    most: int | None
    threshold: Place | None
    includes_null: bool | None
    rows: tuple[AlternativeAnswer, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data for ``results.json``."""
        return {
            "shift_kind": self.shift_kind,
            "most": self.most,
            "threshold": to_plain(self.threshold),
            "includes_null": self.includes_null,
            "rows": [row.to_dict() for row in self.rows],
        }


def answer_alternatives(plan: Analysis, sheet: Sheet, main: Fit | None, unit: DisplayUnit) -> Alternatives:
    """Fit every alternative that an analysis declares, and set it beside the main estimate.

    Parameters
    ----------
    plan : Analysis
        The analysis, its alternatives among it.
    sheet : Sheet
        The whole sheet, from which each alternative takes its own rows.
    main : Fit or None
        The main fit.
    unit : DisplayUnit
        The unit of display of the main estimate, in which the threshold is declared.

    Returns
    -------
    Alternatives
        One that cannot be fitted is among them, with the reason: it stops nothing.
    """
    kind: ShiftKind = "ratio" if find_measure(plan.measure).is_ratio else "difference"
    place = _beside_threshold(plan, _natural_of(main), unit)
    rows = tuple(_answer(plan, other, sheet, main, unit, place) for other in plan.alternatives)
    return Alternatives(kind, _most(rows, kind), place, _includes_null(plan.measure, _natural_of(main)), rows)


def _answer(
    plan: Analysis,
    alternative: Alternative,
    sheet: Sheet,
    main: Fit | None,
    unit: DisplayUnit,
    main_place: Place | None,
) -> AlternativeAnswer:
    """Fit one alternative and compare it."""
    altered = plan.altered(alternative)
    effects, fit, failure = _fit(altered, sheet)
    old, new = find_measure(plan.measure), find_measure(altered.measure)
    same = is_same_quantity(old, new)
    if fit is not None and effects is not None and same and plan.threshold is not None:
        fit = with_threshold(fit, effects, float(plan.threshold.value) / unit.factor)
    here, there = _used(fit), _used(main)
    natural = _natural_of(fit)
    compared = natural if same else None
    place = _beside_threshold(plan, compared, unit)
    return AlternativeAnswer(
        label=alternative.label,
        reason=alternative.reason,
        changes=describe_changes(plan, alternative),
        measure=altered.measure,
        profile=altered.profile,
        spec=altered.spec(),
        choices=altered.resolved_effects(),
        unit=None if same else default_unit(altered.measure),
        k=fit.k if fit is not None else 0,
        status=fit.status if fit is not None else "not_estimable",
        effects=effects,
        fit=fit,
        failure=failure,
        remarks=tuple(_remarks(fit, main, old, new)) if natural is not None else (),
        came=tuple(label for label in here if label not in there),
        went=tuple(label for label in there if label not in here),
        swapped=tuple(x for x in here if x in there and not set(here[x]) & set(there[x])),
        shift=_shift(old, compared, _natural_of(main)),
        not_compared=_why_not_compared(old, new, natural, main),
        outside=_is_outside(compared, _natural_of(main)),
        threshold=place,
        crossed=None if place is None or main_place is None else place.estimate != main_place.estimate,
        includes_null=_includes_null(altered.measure, natural),
    )


def _fit(altered: Analysis, sheet: Sheet) -> tuple[EffectSizes | None, Fit | None, str | None]:
    """Return effects and fit of an altered analysis, and why there is no estimate, if there is none."""
    effects: EffectSizes | None = None
    direct, recover = split_columns(altered.measure, altered.columns)
    columns: dict[str, Any] = {**direct, **altered.effect_choices()}
    try:
        chosen = select_rows(sheet, altered)
        if not chosen.labels:
            return None, None, "no row of the sheet passes its filters"
        effects = effect_sizes(
            chosen.sheet,
            measure=altered.measure,
            label=chosen.label,
            refs=chosen.refs,
            recover=recover,
            **columns,
        )
        fit = fit_model(effects, altered.spec())
    except ProblemsError as error:
        return effects, None, "; ".join(problem.message for problem in error.problems)
    except ReviewError as error:
        return effects, None, str(error)
    return effects, fit, _why_no_estimate(fit)


def _why_no_estimate(fit: Fit) -> str | None:
    """Say why a fit has no estimate with an interval around it; None where it has one."""
    if fit.status == "one_sided" and fit.natural is not None:
        what = "no event at all" if fit.natural.value == 0.0 else "nothing but events"
        return f"{what}: only a one-sided bound is known"
    if fit.natural is not None:
        return None
    if fit.status == "not_converged":
        return "the model did not converge"
    if fit.k:
        return fit.notes[-1]
    return "no study can be used"


def is_same_quantity(one: Measure, other: Measure) -> bool:
    """Say whether two measures estimate one quantity, on whatever scale it is pooled: they share its name.

    Peto's odds ratio is an odds ratio too.
    """
    names = (one.name.removeprefix("Peto "), other.name.removeprefix("Peto "))
    return one.code == other.code or (one.kind == other.kind and names[0] == names[1])


def _why_not_compared(old: Measure, new: Measure, natural: Natural | None, main: Fit | None) -> str | None:
    if natural is None:
        return None
    if not is_same_quantity(old, new):
        return f"another quantity: {new.name}, not {old.name}"
    return "the main analysis has no estimate" if _natural_of(main) is None else None


def _remarks(fit: Fit | None, main: Fit | None, old: Measure, new: Measure) -> Iterator[str]:
    """Say what to know before an alternative is compared with the main analysis."""
    centre, main_centre = _centre(new, fit), _centre(old, main)
    if is_same_quantity(old, new) and centre != main_centre:
        yield f"{centre}, set beside {main_centre} of the main analysis"
    if fit is None or main is None:
        return
    yield from (note for note in fit.notes if note not in main.notes)
    if fit.spec.level != main.spec.level:
        yield f"its intervals are at {round(100.0 * fit.spec.level, 6):g}%"


def _centre(measure: Measure, fit: Fit | None) -> str:
    """Say what a pooled value stands for; under a beta-binomial model it is the mean itself."""
    if fit is not None and fit.spec.model == "beta_binomial":
        return "a mean over settings"
    return _CENTRES.get(measure.transform, "")


def _natural_of(fit: Fit | None) -> Natural | None:
    """Return the natural value of a fit that has an estimate with an interval around it."""
    return fit.natural if fit is not None and fit.status != "one_sided" else None


def _used(fit: Fit | None) -> dict[str, tuple[RowRef, ...]]:
    """Return the rows behind each study that a fit used, by label."""
    return {study.label: study.rows for study in fit.studies if study.used} if fit is not None else {}


def _shift(measure: Measure, natural: Natural | None, main: Natural | None) -> float | None:
    """Return how far the estimate moves: natural difference, or ratio of ratios."""
    if natural is None or main is None:
        return None
    if not measure.is_ratio:
        return natural.value - main.value
    return natural.value / main.value if main.value > 0.0 else None


def _is_outside(natural: Natural | None, main: Natural | None) -> bool | None:
    if natural is None or main is None or math.isnan(main.low) or math.isnan(main.high):
        return None
    return not main.low <= natural.value <= main.high


def _beside_threshold(plan: Analysis, natural: Natural | None, unit: DisplayUnit) -> Place | None:
    if plan.threshold is None or natural is None:
        return None
    scaled = (natural.value * unit.factor, natural.low * unit.factor, natural.high * unit.factor)
    return place_beside(*scaled, float(plan.threshold.value))


def _includes_null(code: str, natural: Natural | None) -> bool | None:
    null = find_measure(code).null
    if natural is None or null is None or math.isnan(natural.low) or math.isnan(natural.high):
        return None
    return natural.low <= null <= natural.high


def _most(rows: tuple[AlternativeAnswer, ...], kind: ShiftKind) -> int | None:
    """Return the place of the largest shift, the first of equals; None where nothing moves."""
    sizes = []
    for row in rows:
        shift = 0.0 if row.shift is None else row.shift
        sizes.append(abs(math.log(shift)) if kind == "ratio" and shift > 0.0 else abs(shift))
    largest = max(sizes, default=0.0)
    values = [abs(row.fit.natural.value) for row in rows if row.fit is not None and row.fit.natural]
    floor = NO_SHIFT * (1.0 if kind == "ratio" else max(values, default=0.0))
    return sizes.index(largest) if largest > floor else None


def _on_its_scale(estimate: Estimate | None) -> dict[str, float] | None:
    """Return the pooled value on the analysis scale with its standard error and bounds."""
    if estimate is None:
        return None
    return {"value": estimate.value, "se": estimate.se, "low": estimate.low, "high": estimate.high}
