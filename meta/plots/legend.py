"""Keys of colours and lines below a plot, and names beside points where there is room for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meta.plots import theme
from meta.plots.layout import Disc, Patch, Sheet, Stroke, clean_text, wrap_text
from meta.plots.theme import text_width

#: Width and height of a swatch, mm; gap after it and between keys.
SWATCH = 5.0
SWATCH_HEIGHT = 2.4
SWATCH_GAP = 1.2
KEY_GAP = 4.0
#: Distance of the lines of keys, mm.
KEY_PITCH = 3.6

#: Widest name beside a point, mm, and most names that are tried: beyond, a plot is no longer read name by
#: name.
WIDEST_NAME = 34.0
MOST_NAMES = 60


@dataclass(frozen=True, slots=True)
class Key:
    """What one colour, line or circle means: ``fill`` an area, ``edge`` a line (dashed by ``dash``).

    With ``point`` it is a circle of both.
    """

    words: str
    fill: str | None = None
    edge: str | None = None
    dash: tuple[float, ...] = ()
    point: bool = False
    width: float = 1.0


def write_legend(sheet: Sheet, keys: Sequence[Key], left: float, right: float, top: float) -> float:
    """Write keys one after the other, on as many lines as they need; return the y below them, mm."""
    if not keys:
        return top
    x, y = left, top + KEY_PITCH / 2
    for key in keys:
        (words,) = wrap_text(
            clean_text(key.words), right - left - SWATCH - SWATCH_GAP, theme.NOTE_SIZE, most=1
        )
        wide = SWATCH + SWATCH_GAP + text_width(words, theme.NOTE_SIZE)
        if x > left and x + wide > right:
            x, y = left, y + KEY_PITCH
        _draw_key(sheet, key, x, y)
        half = theme.CAPITAL * theme.NOTE_SIZE * theme.MM_PER_POINT / 2
        sheet.write(words, x + SWATCH + SWATCH_GAP, y + half, theme.NOTE_SIZE, color=theme.GREY)
        x += wide + KEY_GAP
    return y + KEY_PITCH / 2


def _draw_key(sheet: Sheet, key: Key, x: float, y: float) -> None:
    half = SWATCH_HEIGHT / 2
    if key.point:
        middle = x + SWATCH / 2
        sheet.shapes.append(Disc(middle, y, 1.05, key.fill or theme.PAPER, key.edge, 0.8))
    elif key.fill is not None:
        corners = ((x, y - half), (x + SWATCH, y - half), (x + SWATCH, y + half), (x, y + half))
        # white on white is no swatch
        sheet.shapes.append(Patch(corners, key.fill, key.edge or theme.RULE, 0.5))
    elif key.edge is not None:
        sheet.shapes.append(Stroke(x, y, x + SWATCH, y, key.edge, key.width, key.dash))


@dataclass(frozen=True, slots=True)
class Named:
    """A point to be named: its place and radius in mm; those of higher ``rank`` are named first."""

    words: str
    x: float
    y: float
    radius: float
    rank: float


#: A rectangle: left, top, right, bottom, mm.
Box = tuple[float, float, float, float]


def write_names(
    sheet: Sheet, points: Sequence[Named], circles: Sequence[tuple[float, float, float]], bounds: Box
) -> int:
    """Write names beside their points where they touch no name, circle or text; return how many found none.

    Parameters
    ----------
    sheet : Sheet
        Its texts are kept clear of.
    points : sequence of Named
        Those without words are not named.
    circles : sequence of (x, y, radius)
        Every circle of the plot, mm.
    bounds : (left, top, right, bottom)
        Where names may stand.
    """
    taken: list[Box] = [(t.x, t.y, t.x + t.w, t.y + t.h) for t in sheet.texts]
    wanted = sorted((p for p in points if p.words), key=lambda p: -p.rank)
    missing = max(len(wanted) - MOST_NAMES, 0)
    for point in wanted[:MOST_NAMES]:
        name = clean_text(point.words)
        (words,) = wrap_text(name, WIDEST_NAME, theme.NOTE_SIZE, most=1)
        wide = text_width(words, theme.NOTE_SIZE)
        box = next((b for b in _places(point, wide) if _is_free(b, taken, circles, bounds)), None)
        if box is None:
            missing += 1
            continue
        taken.append(box)
        baseline = box[1] + theme.ASCENT * theme.NOTE_SIZE * theme.MM_PER_POINT
        sheet.write(
            words, box[0], baseline, theme.NOTE_SIZE, color=theme.GREY, full=name if name != words else ""
        )
    return missing


def _places(point: Named, wide: float) -> list[Box]:
    """Return where a name may stand: right, left, above, below, then the corners."""
    tall = theme.LINE * theme.NOTE_SIZE * theme.MM_PER_POINT
    off = point.radius + 0.5
    right, left = point.x + off, point.x - off - wide
    middle, above, below = point.y - tall / 2, point.y - off - tall, point.y + off
    corner = 0.7 * point.radius + 0.3
    found = [(right, middle), (left, middle), (point.x - wide / 2, above), (point.x - wide / 2, below)]
    found += [(point.x + corner, point.y - corner - tall), (point.x + corner, point.y + corner)]
    found += [
        (point.x - corner - wide, point.y - corner - tall),
        (point.x - corner - wide, point.y + corner),
    ]
    return [(x, y, x + wide, y + tall) for x, y in found]


def _is_free(
    box: Box, taken: Sequence[Box], circles: Sequence[tuple[float, float, float]], bounds: Box
) -> bool:
    left, top, right, bottom = box
    if left < bounds[0] or top < bounds[1] or right > bounds[2] or bottom > bounds[3]:
        return False
    if any(left < b[2] and b[0] < right and top < b[3] and b[1] < bottom for b in taken):
        return False
    # a circle touches the box where its centre is nearer to it than its radius
    return all(
        (max(left - x, 0.0, x - right)) ** 2 + (max(top - y, 0.0, y - bottom)) ** 2 >= radius * radius
        for x, y, radius in circles
    )


def names_note(missing: int) -> str:
    """Return the note on names left out, or nothing."""
    if not missing:
        return ""
    if missing == 1:
        return "1 name is left out where it would collide."
    return f"{missing} names are left out where they would collide."
