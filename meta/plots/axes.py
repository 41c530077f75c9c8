"""Axes in the unit of display.

Limits from what is drawn, ticks at numbers people read, places in millimetres.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from meta.plots import theme
from meta.plots.layout import Sheet, Stroke, wrap_text
from meta.plots.theme import Face, text_width
from meta.tables.numbers import number_text

#: By how many times the span of the central range an axis may grow to show a study's value or interval, and
#: then by how many times the span of those to show a pooled or prediction interval; what reaches further gets
#: an arrow. On a linear axis one wide pooled interval does less harm than on a logarithmic one, where it
#: squeezes everything else.
POINT_REACH = 3.0
STUDY_REACH = 2.0
POOLED_REACH = 2.0
POOLED_REACH_LOG = 1.0
#: A span below this, in the unit of display, is no span: nobody reads twelve zeros.
LEAST_SPAN = 1e-12
#: Powers of ten beyond which no logarithmic axis goes: a ratio of a millionth is no longer read but counted
#: in zeros.
LOG_ENDS = (-6.0, 9.0)
#: Log odds beyond which no logit axis goes: one in a million.
LOGIT_END = math.log(1e6)
#: Most ticks on an axis, and the least space between their labels, mm.
MOST_TICKS = 7
TICK_GAP = 1.6
#: Least distance of a label from the edge of the page, mm.
EDGE = 0.5
#: Length of a tick, mm.
TICK = 1.0


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale between two places: limits in the unit of display, places in mm, ticks with their words.

    ``start`` is the place of ``low``, ``end`` that of ``high``; ``end < start`` turns the axis round.
    ``kind`` is ``linear``, ``log``, ``sqrt`` or ``logit``; of the last ``top`` is the value of a share of 1.
    """

    kind: str
    low: float
    high: float
    start: float
    end: float
    ticks: tuple[tuple[float, str], ...]
    top: float = 1.0

    def place(self, value: float) -> float:
        """Return the place of ``value`` in mm, held between the ends of the axis."""
        low, high, at = (
            _forward(self.kind, x, self.top)
            for x in (self.low, self.high, min(max(value, self.low), self.high))
        )
        share = (at - low) / (high - low)
        return self.start + share * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Return whether ``value`` lies on the axis; a hair beyond an end counts as on it."""
        slack = 1e-9 * (abs(self.low) + abs(self.high))
        return self.low - slack <= value <= self.high + slack


def _forward(kind: str, value: float, top: float = 1.0) -> float:
    if kind == "logit":
        if not 0.0 < value < top:
            return -math.inf if value <= 0.0 else math.inf
        return math.log(value) - math.log(top - value)
    if kind == "log":
        return math.log10(value) if value > 0 else -math.inf
    if kind == "sqrt":
        return math.sqrt(value) if value > 0 else 0.0
    return value


def _back(kind: str, value: float) -> float:
    if kind == "log":
        return float(10.0**value)
    return value * value if kind == "sqrt" else value


@dataclass(frozen=True, slots=True)
class Extent:
    """What an axis has to hold, in the unit of display.

    Attributes
    ----------
    studies : sequence of (value, low, high)
        Their central range is always on the axis.
    pooled : sequence of float
        Ends of pooled and prediction intervals: on the axis unless they lie far out.
    always : sequence of float
        Pooled values, null value, threshold.
    floor, ceiling : float or None
        Where the scale itself ends (0 and 100 for a proportion per 100). An axis starts at its floor.
    """

    studies: Sequence[tuple[float, float, float]]
    pooled: Sequence[float] = ()
    always: Sequence[float] = ()
    floor: float | None = None
    ceiling: float | None = None


def _limits(extent: Extent, kind: str) -> tuple[float, float]:
    """Return the limits on the working scale: the central range, widened to what lies near it."""
    log = kind != "linear"
    top_value = extent.ceiling if extent.ceiling is not None else 1.0

    def usable(values: Iterable[float]) -> list[float]:
        return [t for t in (_forward(kind, v, top_value) for v in values) if math.isfinite(t)]

    points = usable(v for v, _, _ in extent.studies)
    lows = usable(low for _, low, _ in extent.studies)
    highs = usable(high for _, _, high in extent.studies)
    always = usable(extent.always)
    if extent.floor is not None and not log:
        always.append(extent.floor)
    core_low = always + [_near_end(v, q) for v, q in ((points, 0.05), (lows, 0.1)) if v]
    core_high = always + [-_near_end([-t for t in v], q) for v, q in ((points, 0.05), (highs, 0.1)) if v]
    if not core_low:
        core_low = core_high = usable(extent.pooled) or [0.0]
    low, high = min(core_low), max(core_high)
    span = max(high - low, 1e-9 * max(abs(low), abs(high)), 1e-300)
    bottom, top = low, high
    for values, reach in ((points, POINT_REACH), (lows + highs, STUDY_REACH)):
        near = [t for t in values if bottom - reach * span <= t <= top + reach * span]
        low, high = min([low, *near]), max([high, *near])
    room = (POOLED_REACH_LOG if log else POOLED_REACH) * max(high - low, span)
    near = [t for t in usable(extent.pooled) if low - room <= t <= high + room]
    low, high = min([low, *near]), max([high, *near])
    if kind == "log":
        low, high = (min(max(end, LOG_ENDS[0]), LOG_ENDS[1]) for end in (low, high))
    if kind == "logit":
        low, high = (min(max(end, -LOGIT_END), LOGIT_END) for end in (low, high))
    if high - low <= max(1e-9 * max(abs(low), abs(high)), LEAST_SPAN):
        pad = 0.15 if log else (abs(high) * 0.1 if abs(high) > LEAST_SPAN else 1.0)
        low, high = low - pad, high + pad
    return low, high


def _near_end(values: Sequence[float], share: float) -> float:
    """Return the value below which a ``share`` lies, without interpolation; of one or two values the lowest.

    Of five intervals the widest alone must not decide; of two there is no telling which is the wide one.
    """
    return min(values) if len(values) < 3 else float(np.quantile(values, share, method="higher"))


def build_axis(extent: Extent, log: bool, start: float, end: float, *, logit: bool = False) -> Axis:
    """Return an axis for what is to be drawn, its ends at round numbers where that costs little room.

    Parameters
    ----------
    extent : Extent
        What it has to hold.
    log : bool
        Logarithmic, for ratios; values that are not positive count as beyond its low end.
    start, end : float
        Places of its ends, mm.
    logit : bool
        On the log odds of shares of ``extent.ceiling``; values at its ends count as beyond.
    """
    low, high = _limits(extent, "logit" if logit else "log" if log else "linear")
    if logit:
        return _logit_axis(low, high, 1.0 if extent.ceiling is None else extent.ceiling, start, end)
    if log:
        return _log_axis(low, high, start, end, extent.ceiling)
    low = low if extent.floor is None else max(low, extent.floor)
    high = high if extent.ceiling is None else min(high, extent.ceiling)
    room = abs(end - start)
    for step in _steps(high - low):
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if extent.floor is not None and first * step < extent.floor:
            first = math.ceil(extent.floor / step - 1e-9)
        if extent.ceiling is not None and last * step > extent.ceiling * (1 + 1e-9):
            last = math.floor(extent.ceiling / step + 1e-9)
        ticks = [(i * step, number_text(i * step, step_decimals(step))) for i in range(first, last + 1)]
        if len(ticks) <= MOST_TICKS and labels_fit(
            [text for _, text in ticks], room / max(len(ticks) - 1, 1)
        ):
            break
    ends = [low, high, ticks[0][0], ticks[-1][0]]
    scale = room / max(max(ends) - min(ends), LEAST_SPAN)
    kept = _thin_ticks([(value, value, text) for value, text in ticks], scale)
    return Axis("linear", min(ends), max(ends), start, end, kept)


def _steps(span: float) -> list[float]:
    """Return steps of 1, 2 and 5 times powers of ten, from a tenth of ``span`` upwards."""
    power = math.floor(math.log10(span)) - 1
    return [mantissa * 10.0**exponent for exponent in range(power, power + 4) for mantissa in (1, 2, 5)]


def step_decimals(step: float) -> int:
    """Return the decimals that show multiples of ``step``, a 1, 2 or 5 times a power of ten."""
    return max(0, -math.floor(math.log10(step) + 1e-9))


def labels_fit(texts: Sequence[str], distance: float) -> bool:
    """Return whether labels that stand ``distance`` mm apart leave a gap between them."""
    widths = [text_width(text) for text in texts]
    return all((a + b) / 2 + TICK_GAP <= distance for a, b in pairwise(widths))


def _logit_axis(low: float, high: float, top: float, start: float, end: float) -> Axis:
    """Return an axis of log odds with ticks at 1, 2, 5 and 10, 20, 50 of 100, and mirrored above the half."""

    def marks(mantissas: Sequence[float], every: int) -> list[tuple[float, float, str]]:
        half = math.log10(top / 2)
        below = _log_marks(math.log10(top) - 7.0, half, mantissas, every)
        shares = [(value, text) for _, value, text in below]
        for value, text in reversed(shares):
            if value < top / 2 * (1 - 1e-9):
                decimals = len(text.partition(".")[2])
                shares.append((top - value, number_text(top - value, decimals)))
        return [(_forward("logit", value, top), value, text) for value, text in shares]

    span = high - low
    ends = [t for t, *_ in marks((1, 2, 5), 1)]
    left = max((t for t in ends if low - span / 8 <= t <= low + 1e-9), default=low - span / 50)
    right = min((t for t in ends if high - 1e-9 <= t <= high + span / 8), default=high + span / 50)
    scale = abs(end - start) / (right - left)
    chosen: list[tuple[float, float, str]] = []
    for mantissas, every in _COARSER:
        inside = [m for m in marks(mantissas, every) if left - 1e-9 <= m[0] <= right + 1e-9]
        if _apart(inside, scale):
            chosen = inside
            break
    low_value, high_value = (top / (1.0 + math.exp(-t)) for t in (left, right))
    if len(chosen) < 3:
        for step in _steps(high_value - low_value):
            first, last = math.ceil(low_value / step - 1e-9), math.floor(high_value / step + 1e-9)
            values = [i * step for i in range(max(first, 1), last + 1) if i * step < top]
            finer = [(_forward("logit", v, top), v, number_text(v, step_decimals(step))) for v in values]
            if len(finer) >= 3 and _apart(finer, scale):
                chosen = finer
                break
    return Axis("logit", low_value, high_value, start, end, _thin_ticks(chosen, scale), top)


def _log_axis(low: float, high: float, start: float, end: float, ceiling: float | None = None) -> Axis:
    """Return a logarithmic axis; ``low`` and ``high`` are powers of ten."""
    span = high - low
    places = [t for t, *_ in _log_marks(low - span / 8, high + span / 8, (1, 2, 5), 1)]
    # an end moves outwards to the next tick if that costs less than an eighth of the axis
    left = max((t for t in places if t <= low + 1e-9), default=low - span / 50)
    right = min((t for t in places if t >= high - 1e-9), default=high + span / 50)
    if ceiling is not None:
        right = min(right, max(math.log10(ceiling), high))
    ticks = _log_ticks(left, right, abs(end - start))
    return Axis("log", _back("log", left), _back("log", right), start, end, ticks)


def _log_ticks(left: float, right: float, room: float) -> tuple[tuple[float, str], ...]:
    """Return ticks at 1, 2 and 5: coarser where labels would touch, finer where they would be too few."""
    scale = room / (right - left)
    chosen: list[tuple[float, float, str]] = []
    for mantissas, every in _COARSER:
        chosen = _log_marks(left, right, mantissas, every)
        if _apart(chosen, scale):
            break
    if len(chosen) < 3:
        for finer in _finer_marks(left, right):
            if len(finer) >= 3 and _apart(finer, scale):
                chosen = finer
                break
    return _thin_ticks(chosen, scale)


def _thin_ticks(marks: Sequence[tuple[float, float, str]], scale: float) -> tuple[tuple[float, str], ...]:
    """Return value and label of ticks, fewer where long numbers on a narrow plot would touch."""
    kept: list[tuple[float, float, str]] = []
    for mark in marks:
        if not kept or _apart([kept[-1], mark], scale):
            kept.append(mark)
    return tuple((value, text) for _, value, text in kept)


def _log_marks(
    left: float, right: float, mantissas: Sequence[float], every: int
) -> list[tuple[float, float, str]]:
    """Return place, value and label of mantissas times each power of ten that ``every`` divides."""
    marks = []
    for exponent in range(math.floor(left) - 1, math.ceil(right) + 1):
        for mantissa in mantissas:
            place = math.log10(mantissa) + exponent
            if exponent % every == 0 and left - 1e-9 <= place <= right + 1e-9:
                decimals = max(-exponent + (0 if float(mantissa).is_integer() else 1), 0)
                value = float(f"{mantissa}e{exponent}")
                marks.append((place, value, number_text(value, decimals)))
    return marks


def _finer_marks(left: float, right: float) -> list[list[tuple[float, float, str]]]:
    """Return sets of ticks for an axis of less than a decade.

    More mantissas, then even steps from fine to coarse.
    """
    low, high = 10.0**left, 10.0**right
    sets = [_log_marks(left, right, (1, 1.5, 2, 3, 5, 7), 1)]
    for step in _steps(high - low):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        values = [i * step for i in range(max(first, 1), last + 1)]
        sets.append([(math.log10(v), v, number_text(v, step_decimals(step))) for v in values])
    return sets


def _apart(marks: Sequence[tuple[float, float, str]], scale: float) -> bool:
    """Return whether the labels of ticks leave a gap between them, at ``scale`` mm a decade."""
    if len(marks) > 2 * MOST_TICKS:
        return False
    widths = [text_width(text) for *_, text in marks]
    return all(
        (b[0] - a[0]) * scale - (wide + next_wide) / 2 >= TICK_GAP
        for (a, b), (wide, next_wide) in zip(pairwise(marks), pairwise(widths), strict=True)
    )


#: Mantissas of ticks and the decades between them, from 1-2-5 to the coarsest.
_COARSER: tuple[tuple[tuple[float, ...], int], ...] = (
    ((1, 2, 5), 1),
    ((1, 3), 1),
    *(((1.0,), every) for every in (1, 2, 3, 5)),
)


def sqrt_axis(high: float, start: float, end: float) -> Axis:
    """Return a square-root axis from 0 to ``high``, for sample sizes.

    Half the standard error at four times the people.
    """
    top = high * 1.04
    room = abs(end - start)
    marks = [m * 10.0**e for e in range(max(math.floor(math.log10(top)) + 1, 1)) for m in (1, 2, 5)]
    # from the top downwards each tick is kept that leaves room to the one above it
    kept: list[tuple[float, str]] = []
    for value in sorted((m for m in marks if m <= top), reverse=True):
        at = math.sqrt(value / top) * room
        above = math.sqrt(kept[-1][0] / top) * room if kept else math.inf
        if above - at >= theme.ROW and at >= theme.ROW:
            kept.append((value, number_text(value, 0)))
    return Axis("sqrt", 0.0, top, start, end, ((0.0, "0"), *reversed(kept)))


def fit_axis(
    extent: Extent, log: bool, start: float, end: float, page_width: float, *, logit: bool = False
) -> Axis:
    """Return a horizontal axis, shortened where the labels at its ends would otherwise leave the page."""
    axis = build_axis(extent, log, start, end, logit=logit)
    for _ in range(3):
        half = [(axis.place(value), text_width(text) / 2) for value, text in axis.ticks]
        left = max((EDGE - (x - w) for x, w in half), default=0.0)
        right = max((x + w - (page_width - EDGE) for x, w in half), default=0.0)
        if left <= 0.0 and right <= 0.0:
            break
        axis = build_axis(extent, log, axis.start + max(left, 0.0), axis.end - max(right, 0.0), logit=logit)
    return axis


def write_axis(sheet: Sheet, axis: Axis, y: float, words: str, page_width: float) -> float:
    """Draw a horizontal axis at ``y`` with its ticks and words; return the y below it, mm."""
    sheet.shapes.append(Stroke(axis.start, y, axis.end, y))
    em = theme.TEXT_SIZE * theme.MM_PER_POINT
    for value, text in axis.ticks:
        x = axis.place(value)
        sheet.shapes.append(Stroke(x, y, x, y + TICK))
        sheet.write(text, x, y + TICK + 0.6 + 0.76 * em, align="center")
    y += TICK + 0.6 + em
    # words may reach a little beyond the ends of the axis, never over the edge of the page
    reach = min(4.0, axis.start - 1.0, page_width - 1.0 - axis.end)
    return write_centred(sheet, words, axis.start - reach, axis.end + reach, y + 0.7)


def write_centred(
    sheet: Sheet, words: str, left: float, right: float, top: float, face: Face = "regular"
) -> float:
    """Write words centred between two places, wrapped there; return the y below, mm."""
    if not words:
        return top
    middle = (left + right) / 2
    y = top
    for line in wrap_text(words, right - left, face=face):
        sheet.write(line, middle, y + 0.8 * theme.LINE_PITCH, face=face, align="center")
        y += theme.LINE_PITCH
    return y
