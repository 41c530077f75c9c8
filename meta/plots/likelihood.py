"""The profile likelihood of tau2 or of the mean, with its peak and the interval that it cuts off."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure

from meta.effects.measures import Measure, default_unit, find_measure, to_natural
from meta.errors import PlotError
from meta.model_words import MODEL_WORDS
from meta.models.likelihood import LikelihoodTrace
from meta.options import DisplayUnit
from meta.plots import theme
from meta.plots.axes import Extent
from meta.plots.draw import draw_page
from meta.plots.legend import Key
from meta.plots.scatter import Area, Curve, Frame, Point, lay_out_frame
from meta.results import Floats
from meta.tables.numbers import column_decimals, interval_text, level_text, number_text, tau2_text

#: How far down the axis goes, as a multiple of the cut.
DEPTH = 2.2

#: From values of the parameter to places on the axis.
Place = Callable[[Sequence[float] | Floats], list[float]]


def likelihood_plot(
    trace: LikelihoodTrace,
    *,
    unit: DisplayUnit | None = None,
    title: str | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 120.0,
) -> Figure:
    """Draw a profile likelihood, its maxima, and the interval between the cuts.

    Parameters
    ----------
    trace : LikelihoodTrace
        From :func:`meta.models.likelihood.trace_likelihood`.
    unit : DisplayUnit, optional
        How the mean is shown; that of the measure unless given. tau2 stays on the analysis scale.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    width_mm : float
        Width of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Upwards: the log-likelihood below its maximum. A filled circle is the maximum, a hollow one another
        local maximum.

    Raises
    ------
    PlotError
        If the mean is that of a measure which needs sizes to turn its values back (``PFT``, ``IRFT``).
    """
    measure = find_measure(trace.measure)
    shown = unit or default_unit(trace.measure)
    if trace.parameter == "mean" and measure.size is not None:
        raise PlotError(
            f"means of {trace.measure} turn back by {measure.size}; their likelihood is not drawn"
        )

    def place(values: Sequence[float] | Floats) -> list[float]:
        raw = np.asarray(values, dtype=np.float64)
        back = raw if trace.parameter == "tau2" else to_natural(trace.measure, raw) * shown.factor
        return [float(x) for x in back]

    frame = _frame(trace, place, shown, [_note(trace, place), *notes], title, provenance, width_mm)
    return draw_page(lay_out_frame(frame))


def _frame(
    trace: LikelihoodTrace,
    place: Place,
    unit: DisplayUnit,
    notes: Sequence[str],
    title: str | None,
    provenance: str | None,
    width: float,
) -> Frame:
    """Return what is drawn: the curve, its maxima, the cut and the interval."""
    measure, tau = find_measure(trace.measure), trace.parameter == "tau2"
    x, depth = place(trace.values), [float(y) for y in trace.loglik - trace.highest]
    bounds = place([b for b in (trace.low, trace.high) if b is not None])
    heights = [float(h) for h in np.interp(trace.lower_maxima, trace.values, trace.loglik - trace.highest)]
    lower = zip(place(trace.lower_maxima), heights, strict=True)
    floor = max(-trace.drop * DEPTH, min([y for y in depth if math.isfinite(y)], default=-trace.drop))
    deepest = min([floor, *(1.15 * height for height in heights)])
    kept = [a for a, b in zip(x, depth, strict=True) if math.isfinite(b) and b >= deepest]
    own = place([trace.estimate]) if _is_apart(trace) else []
    return Frame(
        points=[
            Point(place([trace.peak])[0], 0.0, fill=theme.BLUE),
            *(Point(at, height, fill=theme.PAPER) for at, height in lower),
        ],
        curves=[
            *_cut_lines(bounds, -trace.drop, deepest, (min(kept), max(kept))),
            Curve(x, depth, theme.BLUE, 1.2),
        ],
        areas=_shade(x, depth, bounds),
        x_extent=Extent(
            [],
            always=[min(kept), max(kept), *own],
            floor=0.0 if tau else measure.low_end,
            ceiling=None if tau or measure.high_end is None else unit.factor * measure.high_end,
        ),
        # a little above 0, so that the circle at the maximum is whole
        y_extent=Extent([], always=[deepest, 0.0, 0.02 * trace.drop], ceiling=0.02 * trace.drop),
        x_log=not tau and measure.log_axis,
        vertical="linear",
        x_words=_tau2_words(measure) if tau else unit.axis,
        y_words=f"{'Restricted log' if trace.restricted else 'Log'}-likelihood below its maximum",
        x_line=own[0] if own else None,
        null=None if tau or not measure.compares else measure.null,
        title=title,
        spoken_title=title or "Profile likelihood",
        description=_description(trace, place, unit),
        notes=notes,
        provenance=provenance,
        width=width,
        keys=_keys(trace),
    )


def _is_apart(trace: LikelihoodTrace) -> bool:
    """Return whether the analysis's own estimate lies elsewhere than the maximum."""
    return not math.isclose(trace.estimate, trace.peak, rel_tol=1e-4, abs_tol=1e-9)


def _keys(trace: LikelihoodTrace) -> list[Key]:
    keys = [Key("maximum", fill=theme.BLUE, edge=theme.BLUE, point=True)]
    if trace.lower_maxima:
        keys.append(Key("another maximum", fill=theme.PAPER, edge=theme.BLUE, point=True))
    keys.append(Key(f"{level_text(trace.level)} interval", fill=theme.WASH))
    if _is_apart(trace):
        words = f"estimate of this analysis ({trace.spec.tau2_method})"
        keys.append(Key(words, edge=theme.BLUE, dash=(1.0, 1.6)))
    return keys


def _tau2_words(measure: Measure) -> str:
    return "τ²" if measure.kind == "generic" else f"τ², of the {measure.scale}"


def _cut_lines(bounds: Sequence[float], cut: float, deepest: float, ends: tuple[float, float]) -> list[Curve]:
    """Return the line across at the cut, and one down from each bound."""
    lines = [Curve(list(ends), [cut, cut], theme.GREY, 0.8, (3.0, 2.0))]
    # further down than the axis goes, in steps, so that they end where it ends
    down = [cut + (3.0 * deepest - cut) * i / 400 for i in range(401)]
    return lines + [Curve([b] * len(down), down, theme.GREY, 0.8, (3.0, 2.0)) for b in bounds]


def _shade(x: Sequence[float], depth: Sequence[float], bounds: Sequence[float]) -> list[Area]:
    """Return the area below the curve between the bounds of the interval."""
    if len(bounds) < 2:
        return []
    low, high = bounds
    inside = [(a, b) for a, b in zip(x, depth, strict=True) if low <= a <= high and math.isfinite(b)]
    return [Area([(low, -math.inf), *inside, (high, -math.inf)], theme.WASH)] if inside else []


def _number(trace: LikelihoodTrace, place: Place, value: float) -> str:
    """Return one value of the parameter as text."""
    if trace.parameter == "tau2":
        return tau2_text(value)
    at = place([value])[0]
    return number_text(at, column_decimals([(at, at, at)]))


def _interval(trace: LikelihoodTrace, place: Place) -> str:
    """Return the peak with its interval as text."""
    ends = [math.nan if b is None else b for b in (trace.low, trace.high)]
    if trace.parameter == "tau2":
        return f"{tau2_text(trace.peak)} [{tau2_text(ends[0])}, {tau2_text(ends[1])}]"
    value, low, high = place([trace.peak, *ends])
    return interval_text(value, low, high, column_decimals([(value, low, high)]))


def _note(trace: LikelihoodTrace, place: Place) -> str:
    kind = "restricted maximum likelihood" if trace.restricted else "maximum likelihood"
    name = "τ²" if trace.parameter == "tau2" else "Pooled value"
    text = (
        f"{name} by {kind}: {_interval(trace, place)}, where the log-likelihood has fallen by "
        f"{number_text(trace.drop, 2)} (dashed). Model: {MODEL_WORDS[trace.spec.model].name}, k = {trace.k}."
    )
    if _is_apart(trace):
        text += f" Dotted: {_number(trace, place, trace.estimate)}, the estimate of this analysis."
    if trace.lower_maxima:
        others = ", ".join(_number(trace, place, at) for at in trace.lower_maxima)
        one = len(trace.lower_maxima) == 1
        text += f" The likelihood has {'a further maximum' if one else 'further maxima'}, at {others}."
    return text


def _description(trace: LikelihoodTrace, place: Place, unit: DisplayUnit) -> str:
    """Return what the figure shows, in words."""
    what = (
        "τ², the between-study variance" if trace.parameter == "tau2" else f"the pooled value ({unit.axis})"
    )
    text = f"Profile likelihood of {what}, k = {trace.k}. Peak and interval: {_interval(trace, place)}."
    return text + (f" Further maxima: {len(trace.lower_maxima)}." if trace.lower_maxima else "")
