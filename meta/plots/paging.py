"""A long panel on several pages: the same columns and axis, heads repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from meta.plots.layout import Page
from meta.plots.panel import Line, Panel, grow_panel, lay_out_panel
from meta.plots.table import Fitted, Row

CONTINUED = " (continued)"


def lay_out_pages(panel: Panel, fitted: Fitted, most: int) -> list[Page]:
    """Lay out a panel on pages of at most ``most`` rows each.

    Columns, axis and title are those of the whole panel; pages after the first say "(continued)", and so does
    the header of a block that goes on. Notes, legend and text beside the axis stand on the last page.
    """
    panel, fitted = grow_panel(panel, fitted)
    parts = split_lines(panel.lines, most)
    pages = []
    first = 0
    for place, (lines, repeated) in enumerate(parts):
        last = place == len(parts) - 1
        start, first = first, first + len(lines) - repeated
        at = None if panel.pooled_row is None else panel.pooled_row - start + repeated
        # a page above the pooled value has its line down to the axis, one below it has none
        below = at is not None and at < 0
        title, spoken = panel.title, panel.spoken_title
        if place:
            title, spoken = title + CONTINUED if title else None, spoken + CONTINUED
        part = replace(
            panel,
            lines=lines,
            title=title,
            spoken_title=spoken,
            description=_place_words(place, len(parts)) + panel.description,
            notes=panel.notes if last else (),
            beside=panel.beside if last else (),
            legend=panel.legend if last else (),
            pooled=None if below else panel.pooled,
            pooled_row=at if at is not None and 0 <= at < len(lines) else None,
        )
        pages.append(lay_out_panel(part, fitted))
    return pages


def _place_words(place: int, count: int) -> str:
    return f"Page {place + 1} of {count}. " if count > 1 else ""


def split_lines(lines: Sequence[Line], most: int) -> list[tuple[list[Line], int]]:
    """Return the rows of each page, and how many of them only repeat the header of a block."""
    parts: list[tuple[list[Line], int]] = []
    start = 0
    while start < len(lines) or not parts:
        head = _repeated(lines, start)
        stop = min(start + most - len(head), len(lines))
        end = stop
        while end < len(lines) and end > start + 1 and (lines[end].tied or lines[end - 1].heads):
            end -= 1
        # rows that hang together without end are cut where the page ends
        end = end if end > start + 1 or stop == start + 1 else stop
        parts.append(([*head, *lines[start:end]], len(head)))
        start = max(end, start + 1)
    return parts


def _repeated(lines: Sequence[Line], start: int) -> list[Line]:
    """Return the header of the block that goes on at ``start``, or nothing."""
    if start == 0 or start >= len(lines) or not lines[start].block or lines[start].heads:
        return []
    head = next((line for line in reversed(lines[:start]) if line.heads), None)
    if head is None:
        return []
    first, *others = head.row.cells
    row = Row((replace(first, text=first.text + CONTINUED), *others))
    return [replace(head, row=row)]
