"""The Baujat plot: what each study adds to heterogeneity against how far it moves the pooled value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from matplotlib.figure import Figure

from meta.errors import PlotError
from meta.model_words import MODEL_WORDS
from meta.options import check_option
from meta.plots.axes import Extent
from meta.plots.draw import draw_page
from meta.plots.scatter import Frame, Point, lay_out_frame
from meta.sensitivity.contributions import Contributions
from meta.tables.numbers import number_text, percent_text

#: The studies that a description names.
SPOKEN = 3


def baujat_plot(
    contributions: Contributions,
    *,
    about: Literal["common", "model"] = "common",
    title: str | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 120.0,
) -> Figure:
    """Draw each study by what it adds to heterogeneity and how far it moves the pooled value.

    Parameters
    ----------
    contributions : Contributions
        From :func:`meta.sensitivity.contributions.find_contributions`.
    about : {"common", "model"}
        Across: the contribution to Q about the common effect, or the squared Pearson residual under the
        analysis's own model.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    width_mm : float
        Width of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Names stand beside the points where there is room, those of the most influential studies first.

    Raises
    ------
    PlotError
        If no study has both numbers.

    References
    ----------
    Baujat, Mahe, Pignon & Hill (2002), Statistics in Medicine 21, 2641-2652.
    """
    check_option("about", about, ("common", "model"))
    across = contributions.contribution if about == "common" else contributions.squared_residual
    found = [
        (label, float(x), float(y))
        for label, x, y in zip(contributions.labels, across, contributions.influence, strict=True)
        if math.isfinite(x) and math.isfinite(y)
    ]
    if not found:
        raise PlotError("a Baujat plot needs studies with a contribution and an influence; none has both")
    most = max(x for _, x, _ in found), max(y for _, _, y in found)
    points = [Point(x, y, name=label, rank=_rank(x, y, most)) for label, x, y in found]
    x_words = "Contribution to Q about the common effect" if about == "common" else "Squared Pearson residual"
    y_words = "Influence on the pooled value (squared shift over its variance)"
    missing = len(contributions.labels) - len(found)
    frame = Frame(
        points=points,
        curves=[],
        areas=[],
        x_extent=Extent([], always=[0.0, most[0]], floor=0.0),
        y_extent=Extent([], always=[0.0, most[1]], floor=0.0),
        x_log=False,
        vertical="linear",
        x_words=x_words,
        y_words=y_words,
        x_line=None,
        null=None,
        title=title,
        spoken_title=title or "Baujat plot",
        description=_description(points, x_words, y_words),
        notes=[
            _model_note(contributions, about),
            f"Not drawn, without one of the two numbers: {missing}." if missing else "",
            *notes,
        ],
        provenance=provenance,
        width=width_mm,
    )
    return draw_page(lay_out_frame(frame))


def _rank(x: float, y: float, most: tuple[float, float]) -> float:
    """Return how far a point lies from the origin, each axis in units of its largest value."""
    return sum(value / end if end > 0.0 else 0.0 for value, end in zip((x, y), most, strict=True))


def _model_note(contributions: Contributions, about: str) -> str:
    model = MODEL_WORDS[contributions.spec.model].name
    text = f"Upwards: squared shift of the pooled value ({model}) when the study is left out, over its "
    text += "variance then."
    if about == "common" and math.isfinite(contributions.q):
        text += f" Across: the contributions add up to Q = {number_text(contributions.q, 1)}."
    return text


def _description(points: Sequence[Point], x_words: str, y_words: str) -> str:
    """Return what the figure shows, in words."""
    first = sorted(points, key=lambda p: -p.rank)[:SPOKEN]
    total = sum(p.x for p in points)
    named = [
        f"{p.name} ({percent_text(100.0 * p.x / total) if total > 0 else '0%'} across, "
        f"influence {number_text(p.y, 2)})"
        for p in first
    ]
    return (
        f"Baujat plot of {len(points)} studies. Across: {x_words}. Upwards: {y_words}. "
        f"Furthest from the origin: {'; '.join(named)}."
    )
