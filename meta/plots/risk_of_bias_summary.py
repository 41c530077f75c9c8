"""The summary of risk of bias: one bar a domain, its parts by how much of the analysis each answer holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from matplotlib.figure import Figure

from meta.appraisal import Level, find_tool
from meta.errors import PlotError
from meta.plots import theme
from meta.plots.draw import draw_page
from meta.plots.judgements import BEADS, NOT_JUDGED
from meta.plots.layout import Page, Patch, Sheet, Stroke, clean_text, wrap_text
from meta.plots.panel import write_foot, write_title
from meta.plots.risk_of_bias import write_answers
from meta.plots.table import Bead
from meta.plots.theme import text_width
from meta.sensitivity.judged import OVERALL, DomainShares, JudgementShares, LevelShare
from meta.tables.numbers import percent_text

#: Space between names and bars, mm.
GAP = 3.0

#: Height of a bar and distance of rows, mm; space before the bar of the whole study.
BAR = 5.0
ROW_PITCH = 7.2
OVERALL_GAP = 1.6

#: Widest names of domains, as a share of the page; least width of the bars, mm.
NAMES = 0.42
LEAST_BARS = 40.0

#: What the shares are shares of, in words.
OF_WORDS = {
    "weight": "Share of weight",
    "people": "Share of people",
    "person_time": "Share of person-time",
    "studies": "Share of studies",
}
#: Why it is no weight.
OF_NOTES = {
    "weight": "",
    "people": "The model gives studies no weights: shares are of people.",
    "person_time": "The model gives studies no weights: shares are of person-time.",
    "studies": "Neither weights nor people are known of every study: shares are of studies.",
}


def risk_of_bias_summary_plot(
    shares: JudgementShares,
    *,
    about: str = "",
    title: str | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 170.0,
) -> Figure:
    """Draw for each domain how much of an analysis each answer holds.

    Parameters
    ----------
    shares : JudgementShares
        From :func:`meta.sensitivity.judged.share_judgements`; weights are never a bar of their own.
    about : str
        Where the judgements come from.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    width_mm : float
        Width of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Bars from 0 to 100%; each part has the colour and the glyph of its answer, and its share where there
        is room. What nobody judged is white.

    Raises
    ------
    PlotError
        If the analysis uses no study, or the width has no room for the bars.
    """
    return draw_page(_lay_out(shares, about, title, notes, provenance, width_mm))


def _lay_out(
    shares: JudgementShares,
    about: str,
    title: str | None,
    notes: Sequence[str],
    provenance: str | None,
    width: float,
) -> Page:
    if not shares.k:
        raise PlotError("a summary of risk of bias needs at least one study that the analysis uses")
    left = theme.margin(width)
    names = min(max(text_width(_name(d), face=_face(d)) for d in shares.domains) + 0.1, NAMES * width)
    start, end = left + names + GAP, width - left - 4.0
    if end - start < LEAST_BARS:
        least = width + LEAST_BARS - (end - start)
        raise PlotError(f"width_mm must be at least {least:.0f} for {shares.tool}; got {width:g}")
    sheet = Sheet()
    top = write_title(sheet, title, width)
    marks = [start + (end - start) * x / 100.0 for x in (0, 25, 50, 75, 100)]
    y, hidden = top + 1.0, False
    grid = len(sheet.shapes)
    for domain in shares.domains:
        y += OVERALL_GAP if domain.code == OVERALL else 0.0
        y, cut = _write_domain(sheet, domain, left, names, (start, end), y)
        hidden = hidden or cut
    lines = [Stroke(x, top, x, y, theme.RULE, 0.4) for x in marks]
    sheet.shapes[grid:grid] = lines
    y = _write_axis(sheet, marks, OF_WORDS[shares.of], y)
    y = write_answers(sheet, _answers(shares), left, width - left, y + 1.6)
    said = [f"Risk of bias by {shares.tool} ({find_tool(shares.tool).citation})."]
    said += [f"{about.rstrip('.')}."] if about.strip() else []
    said += [OF_NOTES[shares.of]] if OF_NOTES[shares.of] else []
    if shares.assessed < shares.k:
        said.append(f"Not assessed: {shares.k - shares.assessed} of {shares.k} studies.")
    if hidden:
        said.append("Parts too narrow for it show no number.")
    height = write_foot(sheet, [" ".join(said), *notes], provenance, y + 0.6, width)
    spoken = clean_text(title or f"Risk of bias by {shares.tool}, {OF_WORDS[shares.of].lower()}")
    return sheet.page(width, height, spoken, clean_text(_describe(shares)))


def _name(domain: DomainShares) -> str:
    return domain.words if domain.code == OVERALL else f"{domain.code}  {domain.words}"


def _face(domain: DomainShares) -> theme.Face:
    return "bold" if domain.code == OVERALL else "regular"


def bead_of(level: str) -> Bead:
    """Return glyph and colour of a level; of what nobody judged, none."""
    return BEADS[level] if level in get_args(Level) else NOT_JUDGED  # type: ignore[index]


def _answers(shares: JudgementShares) -> list[tuple[Bead, str]]:
    """Return the legend: every answer of the tool, and none where some study has none."""
    levels = shares.domains[0].levels
    missing = any(domain.levels[-1].studies for domain in shares.domains)
    return [(bead_of(level.level), level.answer) for level in (levels if missing else levels[:-1])]


def _write_domain(
    sheet: Sheet, domain: DomainShares, left: float, names: float, ends: tuple[float, float], top: float
) -> tuple[float, bool]:
    """Write one bar; return the y below, mm, and whether a part had no room for its number."""
    lines = wrap_text(_name(domain), names + 0.01, face=_face(domain))
    height = max(ROW_PITCH, len(lines) * theme.LINE_PITCH + 1.6)
    middle = top + height / 2
    half = theme.CAPITAL * theme.TEXT_SIZE * theme.MM_PER_POINT / 2
    first = middle + half - (len(lines) - 1) * theme.LINE_PITCH / 2
    for i, line in enumerate(lines):
        sheet.write(line, left, first + i * theme.LINE_PITCH, face=_face(domain))
    x, cut = ends[0], False
    for part in domain.levels:
        wide = (ends[1] - ends[0]) * (part.percent or 0.0) / 100.0
        if wide > 0.0:
            cut = _write_part(sheet, part, x, wide, middle) or cut
            x += wide
    return top + height, cut


def _write_part(sheet: Sheet, part: LevelShare, x: float, wide: float, middle: float) -> bool:
    """Draw one part of a bar with glyph and share, as far as they fit; return whether the share did not."""
    bead = bead_of(part.level)
    low, high = middle - BAR / 2, middle + BAR / 2
    edge = theme.GREY if bead is NOT_JUDGED else theme.PAPER
    corners = ((x, low), (x + wide, low), (x + wide, high), (x, high))
    sheet.shapes.append(Patch(corners, bead.fill, edge, 0.6))
    baseline = middle + theme.CAPITAL * theme.TEXT_SIZE * theme.MM_PER_POINT / 2
    both = f"{bead.glyph}  {percent_text(part.percent)}" if bead.glyph else percent_text(part.percent)
    tries: tuple[tuple[str, theme.Face], ...] = ((both, "regular"), (bead.glyph, "bold"))
    for text, face in tries:
        if text and text_width(text, face=face) + 1.4 <= wide:
            sheet.write(text, x + wide / 2, baseline, face=face, color=bead.ink, align="center")
            return text != both
    return True


def _write_axis(sheet: Sheet, marks: Sequence[float], words: str, y: float) -> float:
    """Write ticks from 0 to 100% and what they mean; return the y below, mm."""
    sheet.shapes.append(Stroke(marks[0], y, marks[-1], y, theme.INK, 0.8))
    for x, text in zip(marks, ("0%", "25%", "50%", "75%", "100%"), strict=True):
        sheet.shapes.append(Stroke(x, y, x, y + 1.0, theme.INK, 0.8))
        sheet.write(text, x, y + 3.6, align="center")
    sheet.write(words, (marks[0] + marks[-1]) / 2, y + 7.2, align="center")
    return y + 8.2


def _describe(shares: JudgementShares) -> str:
    """Return the shares in words, domain by domain."""
    rows = []
    for domain in shares.domains:
        parts = [f"{p.answer} {percent_text(p.percent)}" for p in domain.levels if p.percent]
        rows.append(f"{_name(domain)}: {', '.join(parts)}")
    return f"{OF_WORDS[shares.of]} by risk of bias ({shares.tool}). {'; '.join(rows)}."
