"""The forest plot.

Every study of a fit beside its numbers, the pooled value as a diamond, prediction as a bar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from meta.appraisal import Appraisal
from meta.effects.measures import default_unit
from meta.errors import PlotError
from meta.options import AxisScale, DisplayUnit, ForestPreset
from meta.plots import theme
from meta.plots.draw import draw_page
from meta.plots.forest_build import USUAL_WIDTH, Forest, build_forest, check_forest
from meta.plots.forest_columns import Descriptor
from meta.plots.forest_order import Value
from meta.plots.layout import Page, Sheet, Stroke, clean_text, wrap_text
from meta.plots.paging import lay_out_pages
from meta.plots.panel import Threshold, lay_out_panel, write_foot, write_title
from meta.plots.presets import find_preset
from meta.results import Fit, Subgroups

#: Most rows of a page.
MOST_ROWS = 40
#: Fewest rows that a page can be asked to hold: a header, a study, and what hangs on it.
LEAST_ROWS = 5


def forest_plot(
    fit: Fit | None,
    *,
    subgroups: Subgroups | None = None,
    overall: bool = True,
    unit: DisplayUnit | None = None,
    descriptors: Sequence[Descriptor] = (),
    title: str | None = None,
    notes: Sequence[str] = (),
    threshold: Threshold | None = None,
    provenance: str | None = None,
    width_mm: float | None = None,
    headings: Mapping[str, str] | None = None,
    arms: tuple[str, str] | None = None,
    favours: tuple[str, str] | None = None,
    reason: str | None = None,
    preset: ForestPreset | None = None,
    models: Mapping[str, Fit] | None = None,
    band: tuple[float, float] | None = None,
    sort: str | Mapping[str, Value] | None = None,
    axis: AxisScale | None = None,
    appraisal: Appraisal | None = None,
) -> Figure:
    """Draw the studies of a fit with their intervals, the pooled value and the prediction interval.

    Every coordinate is a number of the results; nothing is estimated here. Rows that the model cannot use
    stay, with the reason.

    Parameters
    ----------
    fit : Fit or None
        The analysis; None where it could not be fitted at all, which is shown with ``reason``.
    subgroups : Subgroups, optional
        Draw the studies in blocks, each with its own pooled value, and the test between them.
    overall : bool
        Whether the pooled value of all studies is shown.
    unit : DisplayUnit, optional
        How numbers are shown; that of the measure unless given.
    descriptors : sequence of Descriptor
        Further columns; ``jama`` and ``compact`` have none.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    threshold : Threshold, optional
        A value fixed in advance, in the unit of display.
    width_mm : float, optional
        Width of the figure, such as the 85 and 170 mm of journals. Labels wrap, then the counts of an arm
        share a column, then the columns of lowest priority go (descriptors, weights, risk of bias, counts),
        with a warning and a note that name them. Unless given 185 mm, and more where the table needs it.
    headings : mapping, optional
        Heads of count columns by name (``{"events": "Resistant", "time": "Person-years"}``).
    arms : (str, str), optional
        Names of the two arms, the treatment first.
    favours : (str, str), optional
        What lies left and right of the null value.
    reason : str, optional
        Why there is no fit.
    preset : str, optional
        Layout: ``proportion`` (the house's, and the default), ``rate``, ``revman``, ``jama``, ``bmj``,
        ``metafor`` or ``compact``; any of them draws any measure.
    models : mapping of str to Fit, optional
        Further fits of the same measure by what they are called, as diamonds below the overall one.
    band : (float, float), optional
        Effects too small to matter, in the unit of display, as a band behind the marks.
    sort : str or mapping, optional
        ``label``, ``estimate``, ``weight``, ``year``, the heading of a descriptor, the name of a count, or
        values by label; the order of the fit unless given.
    axis : {"natural", "log", "logit"}, optional
        Scale of the axis; that of the measure unless given. Only proportions have log odds, only positive
        numbers logarithms.
    appraisal : Appraisal, optional
        Judgements of risk of bias, as discs with glyphs to the right of the plot.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    PlotError
        If preset, order, axis, band, width or models are none that can be drawn.

    Warns
    -----
    LayoutWarning
        If a column is left out, or the figure is wider than asked for; only where ``width_mm`` is given.
    """
    if fit is None:
        page = _empty_page(title, reason or "not estimable", notes, provenance, width_mm or USUAL_WIDTH)
        return draw_page(page)
    chosen = find_preset(preset)
    panel, fitted = build_forest(
        check_forest(
            Forest(
                fit=fit,
                subgroups=subgroups,
                overall=overall,
                unit=unit or default_unit(fit.measure),
                descriptors=descriptors,
                title=title,
                notes=notes,
                threshold=threshold,
                provenance=provenance,
                width=width_mm,
                headings=headings or {},
                arms=arms or chosen.arms,
                favours=favours,
                preset=chosen,
                models=models or {},
                band=band,
                sort=sort,
                axis=axis,
                appraisal=appraisal,
            )
        )
    )
    return draw_page(lay_out_panel(panel, fitted))


def forest_pages(
    fit: Fit | None,
    *,
    subgroups: Subgroups | None = None,
    overall: bool = True,
    unit: DisplayUnit | None = None,
    descriptors: Sequence[Descriptor] = (),
    title: str | None = None,
    notes: Sequence[str] = (),
    threshold: Threshold | None = None,
    provenance: str | None = None,
    width_mm: float | None = None,
    headings: Mapping[str, str] | None = None,
    arms: tuple[str, str] | None = None,
    favours: tuple[str, str] | None = None,
    reason: str | None = None,
    preset: ForestPreset | None = None,
    models: Mapping[str, Fit] | None = None,
    band: tuple[float, float] | None = None,
    sort: str | Mapping[str, Value] | None = None,
    axis: AxisScale | None = None,
    appraisal: Appraisal | None = None,
    rows: int = MOST_ROWS,
) -> tuple[Figure, ...]:
    """Draw a forest plot on pages of at most ``rows`` rows each, with the same columns and the same axis.

    Headings are repeated, and so is the header of a block that goes on; title and header say "(continued)".
    Notes, legend and tests stand on the last page. All parameters but ``rows`` are those of ``forest_plot``.

    Parameters
    ----------
    rows : int
        Most rows of a page, at least 5; a row whose label wraps counts once.

    Returns
    -------
    tuple of matplotlib.figure.Figure
        At least one.

    Raises
    ------
    PlotError
        As ``forest_plot``, and if a page could not hold a row with its header.
    """
    if rows < LEAST_ROWS:
        raise PlotError(f"rows must be at least {LEAST_ROWS}; got {rows}")
    if fit is None:
        page = _empty_page(title, reason or "not estimable", notes, provenance, width_mm or USUAL_WIDTH)
        return (draw_page(page),)
    chosen = find_preset(preset)
    panel, fitted = build_forest(
        check_forest(
            Forest(
                fit=fit,
                subgroups=subgroups,
                overall=overall,
                unit=unit or default_unit(fit.measure),
                descriptors=descriptors,
                title=title,
                notes=notes,
                threshold=threshold,
                provenance=provenance,
                width=width_mm,
                headings=headings or {},
                arms=arms or chosen.arms,
                favours=favours,
                preset=chosen,
                models=models or {},
                band=band,
                sort=sort,
                axis=axis,
                appraisal=appraisal,
            )
        )
    )
    return tuple(draw_page(page) for page in lay_out_pages(panel, fitted, rows))


def _empty_page(
    title: str | None, reason: str, notes: Sequence[str], provenance: str | None, width: float
) -> Page:
    """Lay out the page of an analysis without any fit: what could not be done, and why."""
    sheet = Sheet()
    y = write_title(sheet, title, width)
    sheet.shapes.append(Stroke(theme.MARGIN, y, width - theme.MARGIN, y, width=0.9))
    words = clean_text(f"Not estimable: {reason}.")
    for line in wrap_text(words, width - 2 * theme.MARGIN):
        y += theme.ROW
        sheet.write(line, theme.MARGIN, y)
    height = write_foot(sheet, notes, provenance, y + 3.0, width)
    return sheet.page(width, height, clean_text(title or "Forest plot"), words)
