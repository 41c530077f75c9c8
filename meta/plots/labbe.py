"""The L'Abbe plot: the risk of each study's treatment arm against that of its control arm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from meta.effects.measures import find_measure
from meta.models.arms import Arms
from meta.options import DisplayUnit, interval_names
from meta.plots import theme
from meta.plots.axes import Extent
from meta.plots.draw import draw_page
from meta.plots.legend import Key
from meta.plots.marks import square_sides
from meta.plots.scatter import Area, Curve, Frame, Point, lay_out_frame, sample
from meta.results import Floats
from meta.tables.numbers import level_text

#: How risks and rates are shown unless said otherwise.
RISK_UNIT = DisplayUnit(100.0, "Per 100", "per 100 people")
RATE_UNIT = DisplayUnit(1.0, "Rate", "per unit of person-time")


def labbe_plot(
    arms: Arms,
    *,
    unit: DisplayUnit | None = None,
    headings: tuple[str, str] = ("Treatment", "Control"),
    log: bool = False,
    title: str | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 110.0,
) -> Figure:
    """Draw each study by the risks (or rates) of its arms, its area by weight.

    Parameters
    ----------
    arms : Arms
        From :func:`meta.models.arms.compare_arms`.
    unit : DisplayUnit, optional
        How risks or rates are shown, its ``axis`` after "Risk" or "Rate"; per 100 people (per unit of
        person-time) unless given.
    headings : (str, str)
        Names of the arms, the treatment first.
    log : bool
        Logarithmic axes, for risks over several powers of ten; an arm without events is not on them.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    width_mm : float
        Width of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        The diagonal is no effect; the curve is what the pooled value makes of each control risk, and the band
        its interval. The two axes are one scale.

    References
    ----------
    L'Abbe, Detsky & O'Rourke (1987), Annals of Internal Medicine 107, 224-233.
    """
    shown = unit or (RISK_UNIT if arms.kind == "risk" else RATE_UNIT)
    f = shown.factor
    radii = [0.5642 * side for side in square_sides([float(s) for s in arms.size])]
    away = _distances(arms)
    points = [
        Point(float(c) * f, float(t) * f, radius, name=label, rank=float(rank))
        for c, t, radius, label, rank in zip(arms.risk2, arms.risk1, radii, arms.labels, away, strict=True)
    ]
    extent = _extent(points, log, f if arms.kind == "risk" else None)
    curves, areas, keys = _expected(arms, f)
    what = arms.kind.capitalize()
    x_words, y_words = (f"{what}, {name}, {shown.axis}" for name in reversed(headings))
    ends = (0.0, 2.0 * max(extent.always))
    diagonal = sample(*ends, float, 801)[0]
    if log:
        diagonal = [x for x in diagonal if x > 0.0]
        diagonal = [min(extent.always) / 2, *diagonal]
    frame = Frame(
        points=points,
        curves=[Curve(diagonal, diagonal, theme.GREY, 0.8, (4.0, 2.0)), *curves],
        areas=areas,
        x_extent=extent,
        y_extent=extent,
        x_log=log,
        vertical="log" if log else "linear",
        x_words=x_words,
        y_words=y_words,
        x_line=None,
        null=None,
        title=title,
        spoken_title=title or "L'Abbé plot",
        description=_description(arms, x_words, y_words),
        notes=[f"Circles: area by {arms.sized}; {arms.kind}s as counted, without corrections.", *notes],
        provenance=provenance,
        width=width_mm,
        height=None,
        keys=[Key("no effect", edge=theme.GREY, dash=(4.0, 2.0), width=0.8), *keys],
    )
    return draw_page(lay_out_frame(frame))


def _extent(points: Sequence[Point], log: bool, ceiling: float | None) -> Extent:
    """Return what either axis has to hold: the risks of both arms."""
    values = [v for p in points for v in (p.x, p.y)]
    if log:
        return Extent([], always=[v for v in values if v > 0.0] or [1.0])
    return Extent([], always=[0.0, 1.02 * max(*values, 1e-12)], floor=0.0, ceiling=ceiling)


def _distances(arms: Arms) -> Floats:
    """Return how far each study lies from what the pooled value expects (from no effect, where none)."""
    if not arms.control.size:
        return np.abs(arms.risk1 - arms.risk2)
    expected = np.interp(arms.risk2, arms.control, np.nan_to_num(arms.pooled, nan=1.0))
    return np.asarray(np.abs(arms.risk1 - expected))


def _expected(arms: Arms, factor: float) -> tuple[list[Curve], list[Area], list[Key]]:
    """Return the curve of the pooled value, the band of its interval, and their keys."""
    if not arms.control.size:
        return [], [], []
    x = [float(c) * factor for c in arms.control]
    pooled = [float(r) * factor for r in arms.pooled]
    curve = Curve(x, pooled, theme.BLUE, 1.1)
    words = f"pooled {find_measure(arms.measure).name}"
    keys = [Key(words, edge=theme.BLUE, width=1.1)]
    lower, upper = (
        [(c, float(r) * factor) for c, r in zip(x, bound, strict=True)] for bound in (arms.low, arms.high)
    )
    area = Area([*lower, *reversed(upper)], theme.WASH)
    name = interval_names(arms.spec.model)[0]
    return [curve], [area], [*keys, Key(f"its {level_text(arms.spec.level)} {name}", fill=theme.WASH)]


def _description(arms: Arms, x_words: str, y_words: str) -> str:
    """Return what the figure shows, in words."""
    below = int(np.sum(arms.risk1 < arms.risk2))
    return (
        f"L'Abbé plot of {len(arms.labels)} studies. Across: {x_words}. Upwards: {y_words}. "
        f"The {arms.kind} is lower in the arm upwards in {below} of {len(arms.labels)}."
    )
