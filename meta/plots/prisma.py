"""The flow diagram of PRISMA 2020: how records became studies, in a new review or in an updated one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.figure import Figure

from meta.plots import theme
from meta.plots.draw import draw_page
from meta.plots.layout import Page, Patch, Sheet, Stroke, clean_text, wrap_text
from meta.plots.panel import write_foot, write_title
from meta.prisma import PRISMA_CITATION, Count, PrismaFlow
from meta.tables.numbers import count_text

#: Least and greatest width of a box, mm; below the least the page grows.
LEAST_BOX = 26.0
WIDEST_BOX = 62.0
#: Space between boxes beside and below one another, inside a box, and before what a line lists, mm.
BESIDE = 5.0
BELOW = 5.0
PAD = 1.6
INDENT = 1.8
#: Width of the bars that name the stages at the left, and their distance from the boxes, mm.
STAGE = 4.6
STAGE_GAP = 2.4
#: Length and half width of an arrow head, mm; width of lines, points.
HEAD = 1.7
HALF_HEAD = 0.75
LINE_WIDTH = 0.8
#: Longest name of a source or of a reason, characters.
MOST_NAME = 120

#: The stages, each with its rows.
STAGES = (("Identification", (0,)), ("Screening", (1, 2, 3)), ("Included", (4, 5, 6)))
_ROWS = 7


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a box: its words with the count in brackets, set in where it belongs to a list."""

    words: str
    count: Count
    inset: bool = False

    def text(self) -> str:
        """Return the line as it is written."""
        return self.words if self.count is None else f"{self.words} (n = {count_text(self.count)})"


#: What stands in a box.
Entries = tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class _Box:
    """A box at its place, mm."""

    left: float
    top: float
    right: float
    bottom: float
    lines: tuple[tuple[str, bool], ...]

    @property
    def middle(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


def prisma_plot(
    flow: PrismaFlow,
    *,
    title: str | None = None,
    notes: Sequence[str] = (),
    provenance: str | None = None,
    width_mm: float = 170.0,
) -> Figure:
    """Draw a PRISMA 2020 flow diagram; what is not given gets no box.

    Parameters
    ----------
    flow : PrismaFlow
        Its counts fit each other, or it could not have been made.
    title, notes, provenance : optional
        Head of the figure, further notes, and a last line that says where its numbers live.
    width_mm : float
        Greatest width; a diagram of few columns is narrower, and one whose boxes would be too narrow wider.

    Returns
    -------
    matplotlib.figure.Figure
        One column of boxes for databases and registers and one for what was excluded there; a further pair
        for other methods, and a column of previous studies where the review is an update.

    References
    ----------
    Page et al. (2021), BMJ 372, n71, figure 1 and the templates of its website (CC BY 4.0).
    """
    return draw_page(lay_out_flow(flow, title, notes, provenance, width_mm))


def lay_out_flow(
    flow: PrismaFlow, title: str | None, notes: Sequence[str], provenance: str | None, width_mm: float
) -> Page:
    """Compute where everything of a flow diagram stands."""
    grid = flow_boxes(flow)
    columns = sorted({column for _, column in grid} | {"main", "main side"}, key=_COLUMNS.index)
    margin = theme.margin(width_mm)
    free = width_mm - 2 * margin - STAGE - STAGE_GAP
    wide = min((free - BESIDE * (len(columns) - 1)) / len(columns), WIDEST_BOX)
    wide = max(wide, LEAST_BOX)
    left = margin + STAGE + STAGE_GAP
    lefts = {column: left + i * (wide + BESIDE) for i, column in enumerate(columns)}
    width = left + len(columns) * (wide + BESIDE) - BESIDE + margin
    sheet = Sheet()
    top = write_title(sheet, title, width)
    top = _write_groups(sheet, flow, lefts, wide, top)
    boxes, bottom = _place(grid, lefts, wide, top)
    for box in boxes.values():
        _draw_box(sheet, box)
    _draw_arrows(sheet, boxes)
    bottom = max(bottom, _draw_stages(sheet, boxes, margin))
    about = clean_text(flow.about)
    about = about if about.endswith((".", "!", "?")) else f"{about}."
    said = [about, *notes, f"Diagram: PRISMA 2020 ({PRISMA_CITATION})."]
    height = write_foot(sheet, said, provenance, bottom + 4.0, width)
    spoken = f"Flow diagram. {describe_flow(flow)} {said[0]}"
    return sheet.page(width, height, clean_text(title or "Flow of records"), clean_text(spoken))


#: Columns from left to right.
_COLUMNS = ("previous", "main", "main side", "other", "other side")


def _listed(head: str, counts: Mapping[str, int] | None, *, total: bool) -> Entries:
    """Return a head and what it sums up, nothing where nothing is given."""
    if counts is None or not (counts or total):
        return ()
    entries = [Entry(clean_text(name)[:MOST_NAME], n, True) for name, n in counts.items()]
    # the template sums up no sources, and readers count reasons
    whole = Entry(head, sum(counts.values())) if total else Entry(f"{head}:", None)
    return (whole, *entries)


def _one(words: str, count: Count) -> Entries:
    return () if count is None else (Entry(words, count),)


def flow_boxes(flow: PrismaFlow) -> dict[tuple[int, str], Entries]:
    """Return what stands in each box, by row and column; boxes without a count are left out."""
    new = "New studies" if flow.is_update else "Studies"
    reports = "Reports of new included studies" if flow.is_update else "Reports of included studies"
    removed = (
        *_one("Duplicate records removed", flow.duplicates),
        *_one("Records marked as ineligible by automation tools", flow.automation),
        *_one("Records removed for other reasons", flow.other_removed),
    )
    before = tuple(Entry(entry.words, entry.count, True) for entry in removed)
    found = {
        (0, "previous"): (
            *_one("Studies included in previous version of review", flow.previous_studies),
            *_one("Reports of studies included in previous version of review", flow.previous_reports),
        ),
        (0, "main"): _listed("Records identified from", flow.identified, total=False),
        (0, "main side"): (Entry("Records removed before screening:", None), *before) if before else (),
        (1, "main"): _one("Records screened", flow.screened),
        (1, "main side"): _one("Records excluded", flow.excluded),
        (2, "main"): _one("Reports sought for retrieval", flow.sought),
        (2, "main side"): _one("Reports not retrieved", flow.not_retrieved),
        (3, "main"): _one("Reports assessed for eligibility", flow.assessed),
        (3, "main side"): _listed("Reports excluded", flow.reasons, total=True),
        (4, "main"): (*_one(f"{new} included in review", flow.studies), *_one(reports, flow.reports)),
        (5, "main"): (
            *_one("Total studies included in review", flow.total_studies),
            *_one("Reports of total included studies", flow.total_reports),
        ),
        (6, "main"): _one("Studies included in meta-analysis", flow.analysed),
    }
    if flow.other is not None:
        other = flow.other
        found |= {
            (0, "other"): _listed("Records identified from", other.identified, total=False),
            (2, "other"): _one("Reports sought for retrieval", other.sought),
            (2, "other side"): _one("Reports not retrieved", other.not_retrieved),
            (3, "other"): _one("Reports assessed for eligibility", other.assessed),
            (3, "other side"): _listed("Reports excluded", other.reasons, total=True),
        }
    return {place: entries for place, entries in found.items() if entries}


def _group_words(flow: PrismaFlow) -> dict[str, str]:
    """Return the heads above the columns, as the template has them."""
    studies = "new studies" if flow.is_update else "studies"
    return {
        "previous": "Previous studies",
        "main": f"Identification of {studies} via databases and registers",
        "other": f"Identification of {studies} via other methods",
    }


def _write_groups(
    sheet: Sheet, flow: PrismaFlow, lefts: dict[str, float], wide: float, top: float
) -> float:
    """Write the heads of the groups of columns; return the y below them, mm."""
    heads = []
    for group, words in _group_words(flow).items():
        if group in lefts:
            last = lefts.get(f"{group} side", lefts[group])
            lines = wrap_text(words, last + wide - lefts[group] - 2 * PAD, face="bold")
            heads.append((lefts[group], last + wide, lines))
    tall = max(len(lines) for *_, lines in heads) * theme.LINE_PITCH + 2 * PAD
    for left, right, lines in heads:
        corners = ((left, top), (right, top), (right, top + tall), (left, top + tall))
        sheet.shapes.append(Patch(corners, theme.PALE))
        y = top + (tall - len(lines) * theme.LINE_PITCH) / 2
        for i, line in enumerate(lines):
            at = y + (i + 0.78) * theme.LINE_PITCH
            sheet.write(line, (left + right) / 2, at, face="bold", align="center")
    return top + tall + BELOW * 0.8


def _place(
    grid: dict[tuple[int, str], Entries], lefts: dict[str, float], wide: float, top: float
) -> tuple[dict[tuple[int, str], _Box], float]:
    """Return every box at its place, and the y below the last; a row is as high as its highest box."""
    boxes: dict[tuple[int, str], _Box] = {}
    y = top
    for row in range(_ROWS):
        lines = {column: _lines(grid[row, column], wide) for column in lefts if (row, column) in grid}
        if not lines:
            continue
        tall = max(len(found) for found in lines.values()) * theme.LINE_PITCH + 2 * PAD
        for column, found in lines.items():
            own = len(found) * theme.LINE_PITCH + 2 * PAD
            boxes[row, column] = _Box(lefts[column], y, lefts[column] + wide, y + own, found)
        y += tall + BELOW
    return boxes, y - BELOW


def _lines(entries: Entries, wide: float) -> tuple[tuple[str, bool], ...]:
    """Return the wrapped lines of a box, each with whether it is set in."""
    found: list[tuple[str, bool]] = []
    for entry in entries:
        room = wide - 2 * PAD - (INDENT if entry.inset else 0.0)
        found += [(line, entry.inset) for line in wrap_text(clean_text(entry.text()), room)]
    return tuple(found)


def _draw_box(sheet: Sheet, box: _Box) -> None:
    corners = ((box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom))
    sheet.shapes.append(Patch(corners, theme.PAPER, theme.GREY, LINE_WIDTH))
    for i, (line, inset) in enumerate(box.lines):
        x = box.left + PAD + (INDENT if inset else 0.0)
        sheet.write(line, x, box.top + PAD + (i + 0.78) * theme.LINE_PITCH)


def _draw_arrows(sheet: Sheet, boxes: dict[tuple[int, str], _Box]) -> None:
    """Draw the ways down each column, out to its side, and from other methods and previous studies."""
    for way in ("main", "other"):
        column = [boxes[row, way] for row in range(_ROWS) if (row, way) in boxes]
        for upper, lower in pairwise(column):
            _arrow(sheet, [(upper.middle[0], upper.bottom), (lower.middle[0], lower.top)])
        for row in range(_ROWS):
            side, start = boxes.get((row, f"{way} side")), boxes.get((row, way))
            if side is not None and column:
                _leave(sheet, side, start, column)
    included = next((boxes[row, "main"] for row in (4, 5, 6) if (row, "main") in boxes), None)
    last = next((boxes[row, "other"] for row in (3, 2, 0) if (row, "other") in boxes), None)
    if included is not None and last is not None:
        y = included.middle[1]
        _arrow(sheet, [(last.middle[0], last.bottom), (last.middle[0], y), (included.right, y)])
    previous = boxes.get((0, "previous"))
    total = boxes.get((5, "main"), included)
    if previous is not None and total is not None:
        y = total.middle[1]
        _arrow(sheet, [(previous.middle[0], previous.bottom), (previous.middle[0], y), (total.left, y)])


def _leave(sheet: Sheet, side: _Box, start: _Box | None, column: Sequence[_Box]) -> None:
    """Draw the arrow to a box at the side: from the box beside it, else from the line down beside it."""
    if start is not None:
        y = min(start.middle[1], side.bottom - PAD) if start.middle[1] > side.top else side.middle[1]
        _arrow(sheet, [(start.right, y), (side.left, y)])
    elif column[0].bottom < side.middle[1] < column[-1].top:
        _arrow(sheet, [(column[0].middle[0], side.middle[1]), (side.left, side.middle[1])])


def _arrow(sheet: Sheet, points: Sequence[tuple[float, float]]) -> None:
    """Draw a line of level and upright parts with a head at its end."""
    for (x1, y1), (x2, y2) in pairwise(points):
        sheet.shapes.append(Stroke(x1, y1, x2, y2, theme.GREY, LINE_WIDTH))
    (x1, y1), (x, y) = points[-2:]
    dx, dy = (x > x1) - (x < x1), (y > y1) - (y < y1)
    back = (x - HEAD * dx, y - HEAD * dy)
    corners = (
        (x, y),
        (back[0] + HALF_HEAD * dy, back[1] + HALF_HEAD * dx),
        (back[0] - HALF_HEAD * dy, back[1] - HALF_HEAD * dx),
    )
    sheet.shapes.append(Patch(corners, theme.GREY))


def _draw_stages(sheet: Sheet, boxes: dict[tuple[int, str], _Box], left: float) -> float:
    """Draw the bars that name the stages, as long as their boxes or names; return the y below, mm."""
    bottom = 0.0
    for name, rows in STAGES:
        found = [box for (row, _), box in boxes.items() if row in rows]
        if not found:
            continue
        top, end = min(box.top for box in found), max(box.bottom for box in found)
        top = max(top, bottom + 1.0)
        size = theme.NOTE_SIZE
        wide = theme.text_width(name, size, "bold") + 2 * PAD
        if wide > end - top:
            end = top + wide
        corners = ((left, top), (left + STAGE, top), (left + STAGE, end), (left, end))
        sheet.shapes.append(Patch(corners, theme.PALE))
        sheet.write_turned(name, (left + STAGE / 2, (top + end) / 2), size, "bold")
        bottom = end
    return bottom


def describe_flow(flow: PrismaFlow) -> str:
    """Return the diagram as sentences, box by box."""
    said = []
    for entries in flow_boxes(flow).values():
        head, *rest = (entry.text().rstrip(":") for entry in entries)
        said.append(f"{head}: {'; '.join(rest)}." if rest else f"{head}.")
    return " ".join(said)
