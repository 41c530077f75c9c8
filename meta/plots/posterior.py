"""The posterior of a Bayesian fit: curves of the mean and of a new setting, and of tau beside its prior."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from meta.effects.measures import default_unit, find_measure
from meta.errors import PlotError
from meta.options import DisplayUnit
from meta.plots import captions, theme
from meta.plots.axes import Axis, Extent, fit_axis, write_axis
from meta.plots.curves import Points, curve_points, shade_curve, trace_curve
from meta.plots.draw import draw_page
from meta.plots.layout import Page, Sheet, Stroke, clean_text
from meta.plots.panel import Threshold, threshold_note, write_foot, write_title
from meta.results import Fit, Natural, Posterior
from meta.tables.numbers import level_text

#: Height of the curves and space between the two panels, mm.
PLOT_HEIGHT = 40.0
BETWEEN = 12.0

#: Share of the width that the panel of the mean takes.
MEAN_SHARE = 0.58

#: How many times as high as the posterior of tau the prior may stand; above that it is cut.
PRIOR_REACH = 3.0


def posterior_plot(
    fit: Fit,
    *,
    unit: DisplayUnit | None = None,
    title: str | None = None,
    threshold: Threshold | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 150.0,
) -> Figure:
    """Draw what a Bayesian fit knows: at the left the mean and a new setting, at the right tau and its prior.

    Parameters
    ----------
    fit : Fit
        Of model ``bayes``.
    unit : DisplayUnit, optional
        How values are shown; that of the measure unless given.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    threshold : Threshold, optional
        A value fixed in advance, in the unit of display.
    width_mm : float
        Width of the figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    PlotError
        If the fit has no posterior.
    """
    if fit.posterior is None or fit.natural is None:
        raise PlotError("a plot of a posterior takes a Bayesian fit with an estimate; this one has none")
    shown = unit or default_unit(fit.measure)
    sheet = Sheet()
    top = write_title(sheet, title, width_mm) + 3.4
    inner = width_mm - 2 * theme.MARGIN - BETWEEN
    split = theme.MARGIN + MEAN_SHARE * inner
    left, cut = _draw_mean(sheet, fit, fit.natural, shown, threshold, (theme.MARGIN, split), top, width_mm)
    place = split + BETWEEN, width_mm - theme.MARGIN
    right, cut_prior = _draw_tau(sheet, fit, fit.posterior, place, top, width_mm)
    said = [*_notes(fit, shown, threshold, cut or cut_prior), *notes]
    return draw_page(_finish(sheet, fit, said, provenance, title, max(left, right), width_mm))


def _draw_mean(
    sheet: Sheet,
    fit: Fit,
    natural: Natural,
    unit: DisplayUnit,
    threshold: Threshold | None,
    place: tuple[float, float],
    top: float,
    width: float,
) -> tuple[float, bool]:
    """Draw the curves of mean and new setting; return the y below their axis, mm, and whether one is cut."""
    measure = find_measure(fit.measure)
    assert fit.posterior is not None, "checked by the caller"
    # on a logarithmic axis equal areas are equal probabilities only with the density of the logarithm
    column = 1 if measure.log_axis else 3
    mean, new = (
        curve_points(curve[:, 2], curve[:, column], unit.factor)
        for curve in (fit.posterior.density_mu, fit.posterior.density_new)
    )
    value, low, high = (x * unit.factor for x in (natural.value, natural.low, natural.high))
    bounds = [x * unit.factor for x in (natural.prediction_low, natural.prediction_high) if x is not None]
    lines = [x for x in (measure.null, threshold.value if threshold else None) if x is not None]
    extent = Extent(
        [(value, low, high)],
        pooled=[*bounds, *lines],
        always=[value],
        floor=measure.low_end,
        ceiling=None if measure.high_end is None else unit.factor * measure.high_end,
    )
    axis = fit_axis(extent, measure.log_axis, place[0], place[1], width)
    base = top + PLOT_HEIGHT
    shaded = mean
    mean, new = ([point for point in curve if axis.holds(point[0])] for curve in (mean, new))
    tallest = _tallest(mean, new, (low, high), bounds)
    _write_heading(sheet, "Mean, and true value in a new setting", axis, top)
    shade_curve(sheet, shaded, (low, high), axis, (top, base), tallest)
    for at, color, dash in (
        (measure.null, theme.RULE, ()),
        (threshold.value if threshold else None, theme.GREEN, (4.0, 2.4)),
        (value, theme.BLUE, (1.0, 1.6)),
    ):
        if at is not None and axis.holds(at):
            x = axis.place(at)
            sheet.shapes.append(Stroke(x, top, x, base, color, 0.8, dash))
    trace_curve(sheet, new, axis, (top, base), tallest, theme.RUST, (3.0, 2.0))
    trace_curve(sheet, mean, axis, (top, base), tallest, theme.BLUE, ())
    cut = any(y > tallest for _, y in (*mean, *new))
    return write_axis(sheet, axis, base, clean_text(unit.axis), width), cut


def _draw_tau(
    sheet: Sheet, fit: Fit, posterior: Posterior, place: tuple[float, float], top: float, width: float
) -> tuple[float, bool]:
    """Draw the posterior of tau beside its prior; return the y below the axis, mm, and whether one is cut."""
    tau, after, before = posterior.density_tau.T
    curve, prior = curve_points(tau, after), curve_points(tau, before)
    extent = Extent([], always=[0.0, curve[-1][0]], floor=0.0)
    axis = fit_axis(extent, False, place[0], place[1], width)
    base = top + PLOT_HEIGHT
    # a prior far narrower than what the data say would press the posterior flat
    tallest = min(max(y for _, y in (*curve, *prior)), PRIOR_REACH * max(y for _, y in curve))
    _write_heading(sheet, "Standard deviation between studies, τ", axis, top)
    shade_curve(sheet, curve, (posterior.tau_low, posterior.tau_high), axis, (top, base), tallest)
    x = axis.place(posterior.tau)
    sheet.shapes.append(Stroke(x, top, x, base, theme.BLUE, 0.8, (1.0, 1.6)))
    prior, curve = ([point for point in one if axis.holds(point[0])] for one in (prior, curve))
    trace_curve(sheet, prior, axis, (top, base), tallest, theme.GREY, (3.0, 2.0))
    trace_curve(sheet, curve, axis, (top, base), tallest, theme.BLUE, ())
    cut = any(y > tallest for _, y in prior)
    return write_axis(sheet, axis, base, f"τ, {find_measure(fit.measure).scale}", width), cut


def _write_heading(sheet: Sheet, words: str, axis: Axis, top: float) -> None:
    sheet.write(words, axis.start, top - 1.6, face="bold")


def _tallest(mean: Points, new: Points, interval: tuple[float, float], bounds: Sequence[float]) -> float:
    """Return the greatest height within the intervals.

    Outside them it may be without limit: that of a rate near 0, under a heavy-tailed prior.
    """
    inside = [y for x, y in mean if interval[0] <= x <= interval[1]]
    if len(bounds) == 2:
        inside += [y for x, y in new if bounds[0] <= x <= bounds[1]]
    # spread over hundreds of decades a density may be 0 to the last digit
    return max(inside, default=0.0) or 1.0


def _notes(fit: Fit, unit: DisplayUnit, threshold: Threshold | None, cut: bool) -> list[str]:
    level = level_text(fit.spec.level)
    assert fit.posterior is not None, "checked by the caller"
    improper = math.isnan(fit.posterior.density_tau[1, 2])
    prior = "its prior is improper and not drawn" if improper else "dashed, grey: its prior"
    return [
        f"Left, solid: posterior of the mean; shaded: its {level} credible interval; dotted: its median; "
        "dashed, red: predictive distribution of the true value in a new setting.",
        f"Right, solid: posterior of τ, shaded and dotted alike; {prior}.",
        *(["A curve that meets the upper edge rises beyond it and is cut there."] if cut else []),
        captions.effect_note(fit),
        captions.model_note(fit, studies=False),
        *([threshold_note(threshold, captions.unit_words(unit))] if threshold else []),
    ]


def _finish(
    sheet: Sheet,
    fit: Fit,
    notes: Sequence[str],
    provenance: str | None,
    title: str | None,
    bottom: float,
    width: float,
) -> Page:
    """Write the foot and finish the page."""
    height = write_foot(sheet, notes, provenance, bottom + 2.0, width)
    spoken = f"Posterior, k = {fit.k}. {' '.join(note for note in notes if note)}"
    return sheet.page(width, height, clean_text(title or "Posterior"), clean_text(spoken))
