"""The traffic light plot: every judgement of risk of bias, one row a study and one column a domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from meta.appraisal import Appraisal, Tool
from meta.errors import PlotError
from meta.plots import theme
from meta.plots.draw import draw_page
from meta.plots.forest_columns import OVERALL_CODE
from meta.plots.judgements import NOT_JUDGED, answer_bead
from meta.plots.layout import Disc, Page, Sheet, Stroke, clean_text, wrap_text
from meta.plots.panel import write_foot, write_title
from meta.plots.table import Bead
from meta.plots.theme import text_width

#: Radius of a disc, mm, and the size of the glyph on it, points.
RADIUS = 2.3
GLYPH_SIZE = 9.0

#: Distance of columns, mm: the greatest, and the least at which discs still stand apart.
PITCH, LEAST_PITCH = 12.0, 5.2

#: Distance of rows, mm; space before the judgement of the whole.
ROW_PITCH = 6.2
OVERALL_GAP = 2.0

#: Least width for names, mm, and most lines of one.
LEAST_NAME = 22.0
MOST_LINES = 3


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where names and discs stand, mm: left edge, width for names, centres of the columns, right edge."""

    left: float
    names: float
    centres: tuple[float, ...]
    right: float


def traffic_light_plot(
    appraisal: Appraisal,
    labels: Sequence[str] | None = None,
    *,
    title: str | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 170.0,
) -> Figure:
    """Draw the judgements of every study as discs with a glyph each.

    Parameters
    ----------
    appraisal : Appraisal
        What people judged.
    labels : sequence of str, optional
        The studies to show, in this order; one without a judgement has empty discs. Those of the appraisal
        unless given.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its judgements live.
    width_mm : float
        Width of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Domains left to right, the whole study last; below, each answer with its disc and each domain in
        words.

    Raises
    ------
    PlotError
        If there is no study, or the width has no room for names beside the discs.
    """
    return draw_page(_lay_out(appraisal, labels, title, notes, provenance, width_mm))


def _lay_out(
    appraisal: Appraisal,
    labels: Sequence[str] | None,
    title: str | None,
    notes: Sequence[str],
    provenance: str | None,
    width: float,
) -> Page:
    shown = list(appraisal.answers if labels is None else labels)
    if not shown:
        raise PlotError("a traffic light plot needs at least one study")
    frame = _fit(appraisal.tool, shown, width)
    sheet = Sheet()
    y = write_title(sheet, title, width) + theme.LINE_PITCH
    sheet.write("Study", frame.left, y, face="bold")
    for code, x in zip(_codes(appraisal.tool), frame.centres, strict=True):
        sheet.write(code, x, y, face="bold", align="center")
    y += 1.2
    sheet.shapes.append(Stroke(frame.left, y, frame.right, y, theme.INK, 0.9))
    for place, label in enumerate(shown):
        if place:
            sheet.shapes.append(Stroke(frame.left, y, frame.right, y, theme.RULE, 0.4))
        y = _write_study(sheet, appraisal, label, frame, y)
    sheet.shapes.append(Stroke(frame.left, y, frame.right, y, theme.INK, 0.9))
    blank = [label for label in shown if not any(_given(appraisal, label))]
    answers = [(answer_bead(appraisal.tool, answer), answer) for answer in appraisal.tool.answers]
    if any(not answer for label in shown for answer in _given(appraisal, label)):
        answers.append((NOT_JUDGED, "not judged"))
    y = write_answers(sheet, answers, frame.left, width - frame.left, y + 1.8)
    y = write_domains(sheet, appraisal.tool, frame.left, width - frame.left, y + 1.2)
    about = [f"Risk of bias by {appraisal.tool.name} ({appraisal.tool.citation})."]
    if blank:
        about.append(f"Not assessed: {len(blank)} of {len(shown)} studies.")
    about += [f"{appraisal.about.rstrip('.')}."] if appraisal.about.strip() else []
    height = write_foot(sheet, [" ".join(about), *notes], provenance, y, width)
    spoken = clean_text(title or f"Risk of bias by {appraisal.tool.name}")
    return sheet.page(width, height, spoken, clean_text(_describe(appraisal, shown)))


def _codes(tool: Tool) -> list[str]:
    return [code for code, _ in tool.domains] + ([OVERALL_CODE] if tool.has_overall else [])


def _given(appraisal: Appraisal, label: str) -> tuple[str, ...]:
    """Return the answers on a study, one a column; empty for none."""
    tool = appraisal.tool
    answers = tuple(appraisal.answers.get(label, ("",) * len(tool.domains)))
    return answers + ((appraisal.overall.get(label, ""),) if tool.has_overall else ())


def _fit(tool: Tool, labels: Sequence[str], width: float) -> _Frame:
    """Find where names and columns stand."""
    left = theme.margin(width)
    count = len(_codes(tool))
    gap = OVERALL_GAP if tool.has_overall else 0.0
    room = width - 2 * left - gap - theme.GAP
    most = room - count * LEAST_PITCH
    if most < LEAST_NAME:
        least = width + LEAST_NAME - most
        raise PlotError(f"width_mm must be at least {least:.0f} for {tool.name}; got {width:g}")
    widest = max(text_width(clean_text(label)) for label in (*labels, "Study "))
    names = min(widest + 0.1, most)
    pitch = min(PITCH, (room - names) / count)
    start = left + names + theme.GAP
    centres = [start + (i + 0.5) * pitch for i in range(count)]
    if tool.has_overall:
        centres[-1] += gap
    return _Frame(left, names, tuple(centres), centres[-1] + pitch / 2)


def _write_study(sheet: Sheet, appraisal: Appraisal, label: str, frame: _Frame, top: float) -> float:
    """Write one row; return the y below it, mm."""
    text = clean_text(label)
    lines = wrap_text(text, frame.names + 0.01, most=MOST_LINES)
    height = max(ROW_PITCH, len(lines) * theme.LINE_PITCH + 1.6)
    middle = top + height / 2
    half = theme.CAPITAL * theme.TEXT_SIZE * theme.MM_PER_POINT / 2
    first = middle + half - (len(lines) - 1) * theme.LINE_PITCH / 2
    for i, line in enumerate(lines):
        cut = line.endswith("…") and not text.endswith("…")
        sheet.write(line, frame.left, first + i * theme.LINE_PITCH, full=text if cut else "")
    for answer, x in zip(_given(appraisal, label), frame.centres, strict=True):
        write_disc(sheet, answer_bead(appraisal.tool, answer), x, middle, RADIUS, GLYPH_SIZE)
    return top + height


def write_disc(sheet: Sheet, bead: Bead, x: float, y: float, radius: float, size: float) -> None:
    """Draw a disc of any size with its glyph around a place, mm; ``size`` of the glyph in points."""
    sheet.shapes.append(Disc(x, y, radius, bead.fill, theme.GREY, 0.4))
    half = theme.CAPITAL * size * theme.MM_PER_POINT / 2
    sheet.write(bead.glyph, x, y + half, size, face="bold", color=bead.ink, align="center")


def write_answers(
    sheet: Sheet, answers: Sequence[tuple[Bead, str]], left: float, right: float, top: float
) -> float:
    """Write each answer beside its disc, as many a line as fit; return the y below, mm."""
    radius, pitch = 1.55, theme.ROW
    x, y = left, top + radius
    for bead, words in answers:
        wide = 2 * radius + 0.9 + text_width(words)
        if x > left and x + wide > right:
            x, y = left, y + pitch
        write_disc(sheet, bead, x + radius, y, radius, theme.TEXT_SIZE)
        half = theme.CAPITAL * theme.TEXT_SIZE * theme.MM_PER_POINT / 2
        sheet.write(words, x + 2 * radius + 0.9, y + half)
        x += wide + 4.0
    return y + radius + 0.6


def write_domains(sheet: Sheet, tool: Tool, left: float, right: float, top: float) -> float:
    """Write what the codes of the domains mean, in as many columns as fit; return the y below, mm."""
    words = [f"{code}  {text}" for code, text in tool.domains]
    words += [f"{OVERALL_CODE}  The study as a whole"] if tool.has_overall else []
    widest = max(text_width(text, theme.NOTE_SIZE) for text in words) + 4.0
    columns = max(1, min(3, int((right - left) // widest)))
    depth = -(-len(words) // columns)
    bottom = top
    for i, text in enumerate(words):
        x = left + (i // depth) * (right - left) / columns
        y = top + (i % depth) * theme.NOTE_PITCH
        (line,) = wrap_text(text, (right - left) / columns - 1.0, theme.NOTE_SIZE, most=1)
        sheet.write(line, x, y + 0.75 * theme.NOTE_PITCH, theme.NOTE_SIZE, color=theme.GREY)
        bottom = max(bottom, y + theme.NOTE_PITCH)
    return bottom + theme.NOTE_GAP


def _describe(appraisal: Appraisal, labels: Sequence[str]) -> str:
    """Return the judgements in words, study by study."""
    codes = _codes(appraisal.tool)
    rows = []
    for label in labels:
        pairs = zip(codes, _given(appraisal, label), strict=True)
        rows.append(f"{label}: " + ", ".join(f"{code} {answer or 'not judged'}" for code, answer in pairs))
    return f"Risk of bias by {appraisal.tool.name}, study by study. {'; '.join(rows)}."
