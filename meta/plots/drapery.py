"""The drapery plot: P-value functions of the studies, of the pooled value and of a new setting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from meta.effects.measures import default_unit, find_measure
from meta.model_words import MODEL_WORDS
from meta.models.p_values import PValueCurves
from meta.options import DisplayUnit
from meta.plots import theme
from meta.plots.axes import Extent
from meta.plots.draw import draw_page
from meta.plots.legend import Key
from meta.plots.scatter import Curve, Frame, lay_out_frame
from meta.results import Floats
from meta.tables.numbers import level_text, number_text

#: Below this P value no curve of a study is drawn: it runs along the axis.
LEAST_P = 1e-3
#: Levels whose intervals are marked by lines across, beside that of the analysis.
LEVELS = (0.9, 0.95, 0.99)
#: Beyond so many studies their curves are drawn light and thin.
MANY_STUDIES = 60
#: Share of the studies at either side whose values the axis need not hold.
OUTERMOST = 0.02


def drapery_plot(
    curves: PValueCurves,
    *,
    unit: DisplayUnit | None = None,
    title: str | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 120.0,
) -> Figure:
    """Draw every study as the curve of its P values, the pooled value and a new setting on top.

    Parameters
    ----------
    curves : PValueCurves
        From :func:`meta.models.p_values.trace_p_values`.
    unit : DisplayUnit, optional
        How values are shown; that of the measure unless given.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    width_mm : float
        Width of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Where a curve crosses a line of P = 0.05, the 95% interval ends.

    References
    ----------
    Rucker & Schwarzer (2021), Research Synthesis Methods 12, 13-19.
    """
    measure = find_measure(curves.measure)
    shown = unit or default_unit(curves.measure)
    x = curves.natural * shown.factor
    level = curves.spec.level
    ends = _ends(curves, x, shown.factor)
    lines = sorted({1.0 - level, *(1.0 - other for other in LEVELS)})
    # one long line; where it leaves the axis it is cut, so that many points are needed
    across = [
        Curve(x.tolist(), [p] * x.size, theme.RULE, 0.6, () if abs(p - 1.0 + level) < 1e-9 else (2.0, 2.0))
        for p in lines
    ]
    few = len(curves.labels) <= MANY_STUDIES
    color, width = (theme.GREY, 0.5) if few else (theme.BANDS[0], 0.25)
    studies = [
        _curve(x, p, float(peak) * shown.factor, color, width)
        for p, peak in zip(curves.studies, curves.natural_peaks, strict=True)
    ]
    top = [Curve(x.tolist(), [float(p) for p in curves.pooled], theme.BLUE, 1.6)]
    keys = [
        Key("studies", edge=color, width=0.5),
        Key("pooled value", edge=theme.BLUE, width=1.6),
    ]
    if curves.prediction is not None:
        top.insert(0, Curve(x.tolist(), [float(p) for p in curves.prediction], theme.RUST, 1.2, (3.0, 2.0)))
        keys.append(Key("new setting (prediction)", edge=theme.RUST, dash=(3.0, 2.0), width=1.2))
    frame = Frame(
        points=[],
        curves=[*across, *studies, *top],
        areas=[],
        x_extent=Extent(
            [],
            always=[*ends, *([measure.null] if measure.compares and measure.null is not None else [])],
            floor=measure.low_end,
            ceiling=None if measure.high_end is None else shown.factor * measure.high_end,
        ),
        y_extent=Extent([], always=[0.0, 1.0], floor=0.0, ceiling=1.0),
        x_log=measure.log_axis,
        vertical="linear",
        x_words=shown.axis,
        y_words="P value against each value (two-sided)",
        x_line=None,
        null=measure.null if measure.compares else None,
        title=title,
        spoken_title=title or "Drapery plot",
        description=_description(curves, shown, ends),
        notes=[_note(curves, lines), *notes],
        provenance=provenance,
        width=width_mm,
        keys=keys,
    )
    return draw_page(lay_out_frame(frame))


def _curve(x: Floats, p: Floats, peak: float, color: str, width: float) -> Curve:
    """Return the curve of a study where it is above the axis, its top included."""
    kept = p >= LEAST_P
    places = sorted([*zip(x[kept].tolist(), p[kept].tolist(), strict=True), (peak, 1.0)])
    return Curve([at for at, _ in places], [height for _, height in places], color, width)


def _ends(curves: PValueCurves, x: Floats, factor: float) -> list[float]:
    """Return what the axis has to hold.

    Where pooled value and new setting fall to nothing, and the studies' own values but the outermost.
    """
    widest = curves.pooled if curves.prediction is None else np.maximum(curves.pooled, curves.prediction)
    reach = x[np.nan_to_num(widest) >= 1.0 - max(LEVELS)]
    if curves.peaks.size:
        tops = np.sort(curves.natural_peaks) * factor
        edge = int(OUTERMOST * tops.size)
        reach = np.concatenate([reach, tops[edge : tops.size - edge]])
    return [float(reach.min()), float(reach.max())] if reach.size else [float(x[0]), float(x[-1])]


def _note(curves: PValueCurves, lines: Sequence[float]) -> str:
    level = level_text(curves.spec.level)
    ends = ", ".join(number_text(p, 2 if round(p, 2) == round(p, 6) else 3) for p in lines)
    model = MODEL_WORDS[curves.spec.model].name
    return (
        "A curve is 1 at its estimate; between its two crossings of a line at P lies the interval of level "
        f"1 − P (lines: {ends}; solid: the {level} intervals of this analysis). Model: {model}."
    )


def _description(curves: PValueCurves, unit: DisplayUnit, ends: Sequence[float]) -> str:
    """Return what the figure shows, in words."""
    x = curves.natural * unit.factor
    inside = x[np.nan_to_num(curves.pooled) >= 1.0 - curves.spec.level - 1e-12]
    low, high = float(inside.min()), float(inside.max())
    peak = float(x[np.nanargmax(curves.pooled)])
    digits = 2 if max(abs(e) for e in ends) < 20 else 1
    return (
        f"Drapery plot of {len(curves.labels)} studies. Across: {unit.axis}. Upwards: P value. "
        f"The curve of the pooled value is highest at {number_text(peak, digits)} and above "
        f"{number_text(1.0 - curves.spec.level, 2)} from {number_text(low, digits)} to "
        f"{number_text(high, digits)}."
    )
