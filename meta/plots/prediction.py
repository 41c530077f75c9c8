"""The predictive distribution of a new setting: its curve, its interval, and the share beyond a threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from meta.effects.measures import default_unit, find_measure
from meta.errors import PlotError
from meta.model_words import MODEL_WORDS
from meta.options import DisplayUnit
from meta.plots import captions, theme
from meta.plots.axes import Axis, Extent, fit_axis, write_axis
from meta.plots.curves import Points, curve_points, shade_curve, trace_curve
from meta.plots.draw import draw_page
from meta.plots.layout import Page, Patch, Sheet, Stroke, clean_text, wrap_text
from meta.plots.legend import Key, write_legend
from meta.plots.panel import Threshold, threshold_note, write_foot, write_title
from meta.sensitivity.predictive import PredictiveCurve
from meta.tables.numbers import (
    column_decimals,
    count_text,
    declared_text,
    df_text,
    interval_text,
    level_text,
    probability_text,
)

#: Height of the curve and of the bar of the interval below it, mm.
PLOT_HEIGHT = 42.0
BAR = 1.4
#: How far the bar keeps from the curve above it and the axis below it, mm.
BAR_GAP = 1.0
#: Dashes of the line at the median, and at a threshold, points on and off.
MIDDLE_DASH = (1.0, 1.6)
THRESHOLD_DASH = (4.0, 2.4)


def prediction_plot(
    curve: PredictiveCurve,
    *,
    unit: DisplayUnit | None = None,
    title: str | None = None,
    threshold: Threshold | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 120.0,
) -> Figure:
    """Draw the density of the true value in a new setting, shaded beyond the threshold.

    Parameters
    ----------
    curve : PredictiveCurve
        From :func:`meta.sensitivity.predictive.trace_prediction`.
    unit : DisplayUnit, optional
        How values are shown; that of the measure unless given.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    threshold : Threshold, optional
        The threshold of the curve in the unit of display, with words and source.
    width_mm : float
        Width of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Equal areas are equal probabilities, on logarithmic axes too. The bar is the prediction interval.

    Raises
    ------
    PlotError
        If ``threshold`` is not the one that the curve was computed for.
    """
    shown = unit or default_unit(curve.measure)
    drawn = _Prediction(curve, shown, _check(curve, shown, threshold))
    return draw_page(drawn.page(title, notes, provenance, width_mm))


def _check(curve: PredictiveCurve, unit: DisplayUnit, threshold: Threshold | None) -> Threshold | None:
    """Return the threshold with its words."""
    if curve.threshold is None:
        if threshold is not None:
            raise PlotError("this curve was computed without a threshold; give one to trace_prediction")
        return None
    value = curve.threshold * unit.factor
    if threshold is None:
        return Threshold(value, "threshold")
    if not math.isclose(threshold.value, value, rel_tol=1e-9, abs_tol=1e-12):
        raise PlotError(
            f"the threshold is {threshold.value:g}, and the curve was computed for {value:g} in the same unit"
        )
    return threshold


class _Prediction:
    """One figure while it is laid out; numbers in the unit of display."""

    def __init__(self, curve: PredictiveCurve, unit: DisplayUnit, threshold: Threshold | None) -> None:
        self.curve, self.unit, self.threshold = curve, unit, threshold
        self.measure = find_measure(curve.measure)
        self.middle, self.low, self.high = (
            x * unit.factor for x in (curve.middle, curve.low, curve.high)
        )
        # on a logarithmic axis equal areas are equal probabilities only with the density of the logarithm
        density = curve.density if self.measure.log_axis else curve.natural_density
        self.points = curve_points(curve.natural, density, unit.factor)
        self.where = self._where()

    def page(self, title: str | None, notes: Sequence[str], provenance: str | None, width: float) -> Page:
        """Lay out the figure."""
        sheet, margin = Sheet(), theme.margin(width)
        top = write_title(sheet, title, width)
        for line in wrap_text(clean_text(self.sentence()), width - 2 * margin, face="bold"):
            sheet.write(line, margin, top + 2.6, face="bold")
            top += theme.LINE_PITCH
        top += 1.6 + (theme.LINE_PITCH if self.threshold is not None else 0.0)
        axis = fit_axis(self._extent(), self.measure.log_axis, margin, width - margin, width)
        base = top + PLOT_HEIGHT
        foot = base + BAR + 2 * BAR_GAP
        cut = self._draw(sheet, axis, top, base, foot, width)
        y = write_axis(sheet, axis, foot, clean_text(self.unit.axis), width)
        y = write_legend(sheet, self._keys(), margin, width - margin, y + 1.0)
        said = [*self._notes(cut), *notes]
        height = write_foot(sheet, said, provenance, y + 2.0, width)
        head = f"Predictive distribution of a new setting, k = {self.curve.k}. {self.sentence()}"
        name = clean_text(title or "Prediction for a new setting")
        return sheet.page(width, height, name, clean_text(" ".join([head, *said])))

    def _extent(self) -> Extent:
        lines = [] if self.measure.null is None else [self.measure.null * self.unit.factor]
        declared = [] if self.threshold is None else [self.threshold.value]
        ceiling = self.measure.high_end
        return Extent(
            [],
            pooled=[*lines, *(x for x, _ in self._near())],
            always=[self.middle, self.low, self.high, *declared],
            floor=self.measure.low_end,
            ceiling=None if ceiling is None else self.unit.factor * ceiling,
        )

    def _near(self) -> Points:
        """Return the points of the curve that are worth room on the axis."""
        tallest = self._tallest()
        return [(x, y) for x, y in self.points if y >= 0.01 * tallest]

    def _tallest(self) -> float:
        """Return the greatest height within the interval: outside it may be without limit, near 0 say."""
        return max((y for x, y in self.points if self.low <= x <= self.high), default=0.0) or 1.0

    def _draw(self, sheet: Sheet, axis: Axis, top: float, base: float, foot: float, width: float) -> bool:
        """Draw shade, lines, curve and bar; return whether the curve is cut."""
        tallest, held = self._tallest(), [p for p in self.points if axis.holds(p[0])]
        if self.threshold is not None and held:
            above = self.curve.beyond == "above"
            span = (self.threshold.value, held[-1][0]) if above else (held[0][0], self.threshold.value)
            if span[0] < span[1]:
                shade_curve(sheet, self.points, span, axis, (top, base), tallest, theme.BLUSH)
        null = self.measure.null
        if null is not None and axis.holds(null * self.unit.factor):
            x = axis.place(null * self.unit.factor)
            sheet.shapes.append(Stroke(x, top, x, foot, theme.RULE))
        x = axis.place(self.middle)
        sheet.shapes.append(Stroke(x, top, x, base, theme.BLUE, 0.8, MIDDLE_DASH))
        trace_curve(sheet, held, axis, (top, base), tallest, theme.RUST, ())
        left, right = axis.place(self.low), axis.place(self.high)
        upper, lower = base + BAR_GAP, base + BAR_GAP + BAR
        corners = ((left, upper), (right, upper), (right, lower), (left, lower))
        sheet.shapes.append(Patch(corners, theme.RUST))
        if self.threshold is not None:
            self._write_threshold(sheet, self.threshold, axis, top, foot, width)
        return any(y > tallest for _, y in held)

    def _write_threshold(
        self, sheet: Sheet, threshold: Threshold, axis: Axis, top: float, foot: float, width: float
    ) -> None:
        x = axis.place(threshold.value)
        sheet.shapes.append(Stroke(x, top, x, foot, theme.GREEN, 0.8, THRESHOLD_DASH))
        words = clean_text(f"{declared_text(threshold.value)}: {threshold.words}")
        margin = theme.margin(width)
        (line,) = wrap_text(words, width - 2 * margin, theme.NOTE_SIZE, most=1)
        half = theme.text_width(line, theme.NOTE_SIZE) / 2
        middle = min(max(x, margin + half), width - margin - half)
        full = words if line != words else ""
        sheet.write(line, middle, top - 0.9, theme.NOTE_SIZE, color=theme.GREEN, align="center", full=full)

    def _where(self) -> str:
        if self.threshold is None:
            return ""
        return f"{self.curve.beyond} {declared_text(self.threshold.value)}{captions.unit_words(self.unit)}"

    def _interval(self) -> str:
        numbers = (self.middle, self.low, self.high)
        return interval_text(*numbers, column_decimals([numbers])) + captions.unit_words(self.unit)

    def sentence(self) -> str:
        """Return what the figure says, in one or two sentences."""
        curve = self.curve
        if self.threshold is None or curve.probability is None:
            return f"A new setting: {self._interval()}."
        chance = probability_text(curve.probability)
        chance = f"A new setting lies {self.where} with a probability of {chance}."
        share = curve.share
        if share is None or share.value is None:
            return chance
        known = share.low is not None and share.high is not None
        bounds = (
            f" ({level_text(share.level)} CI {probability_text(share.low)} to {probability_text(share.high)})"
            if known
            else ""
        )
        return f"{chance} Estimated share of settings there: {probability_text(share.value)}{bounds}."

    def _keys(self) -> list[Key]:
        middle = "median setting" if self.curve.spec.is_glmm else "pooled value"
        keys = [
            Key("true value in a new setting", edge=theme.RUST),
            Key(f"{level_text(self.curve.level)} prediction interval", fill=theme.RUST),
            Key(middle, edge=theme.BLUE, dash=MIDDLE_DASH),
        ]
        if self.threshold is not None:
            keys.insert(1, Key(self.where, fill=theme.BLUSH))
        return keys

    def _notes(self, cut: bool) -> list[str]:
        curve = self.curve
        model = MODEL_WORDS[curve.spec.model].name
        made = f"{model[:1].upper()}{model[1:]}, k = {curve.k}"
        if curve.method == "posterior":
            made += "; posterior predictive distribution"
        else:
            kind = "normal distribution"
            if curve.df is not None:
                kind = f"t distribution with {df_text(curve.df)} df"
            scale = "" if self.measure.kind == "generic" else f" of the {self.measure.scale}"
            made += f"; {kind}{scale} about the pooled value, by the uncertainty of the mean and τ² together"
        value = f"Value and {level_text(curve.level)} prediction interval: {self._interval()}."
        notes = [value, f"{made}."]
        share = curve.share
        if share is not None and share.value is not None and share.low is not None:
            notes.append(
                "The probability counts the uncertainty of the mean; the share of settings takes mean and τ² "
                f"as estimated; its interval is from {count_text(share.samples)} bootstrap samples."
            )
        elif share is not None and share.reason is not None:
            notes.append(f"Share of settings: {share.reason.replace('tau2', 'τ²')}.")
        if self.threshold is not None and self.threshold.source:
            notes.append(threshold_note(self.threshold, captions.unit_words(self.unit)))
        if cut:
            notes.append("Where the curve meets the upper edge it rises beyond it and is cut there.")
        return notes
