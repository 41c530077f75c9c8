"""The rows of a forest plot: studies, subgroups, the pooled value, each with its mark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from meta.effects.measures import SUMMED, Measure
from meta.options import DisplayUnit, ModelSpec
from meta.plots import captions, theme
from meta.plots.layout import Align
from meta.plots.marks import Bar, Bound, Diamond, Mark, Square
from meta.plots.panel import Line
from meta.plots.table import Cell, Column, Row
from meta.results import Excluded, Fit, Study, Subgroups
from meta.tables.numbers import (
    MISSING,
    count_text,
    interval_text,
    level_text,
    number_text,
    percent_text,
    sheet_decimals,
)

#: Heads of the count columns, unless the caller names them.
COUNT_HEADINGS: Mapping[str, str] = {
    "events": "Events",
    "n": "People",
    "time": "Person-time",
    "mean": "Mean",
    "sd": "SD",
    "mean_pre": "Mean before",
    "mean_post": "Mean after",
    "sd_pre": "SD before",
    "sd_post": "SD after",
    "controls": "Variables controlled",
    "r": "r",
}
#: Space before a subgroup and before the overall row, mm.
_BLOCK_GAP = 2.6
_OVERALL_GAP = 1.2


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A column of words about the studies.

    Attributes
    ----------
    heading : str
        Head of the column.
    values : mapping of str to (str or None)
        Text by study label; None, empty or absent shows an en dash.
    align : {"left", "right", "center"}
        Numbers to the right, words to the left.
    marked : collection of str
        Labels whose cell carries ``sign``.
    sign, words : str
        The mark and what a footnote says it means.
    """

    heading: str
    values: Mapping[str, str | None]
    align: Align = "left"
    marked: frozenset[str] = frozenset()
    sign: str = "†"
    words: str = ""


@dataclass(frozen=True, slots=True)
class Shared:
    """What the rows of one forest plot have in common.

    ``counts`` names the counts of each count column; ``measured`` gives the decimals of those that are no
    counts but means, spreads or correlations.
    """

    spec: ModelSpec
    measure: Measure
    unit: DisplayUnit
    descriptors: Sequence[Descriptor]
    counts: tuple[tuple[str, ...], ...]
    weighted: bool
    decimals: int
    sides: Mapping[str, float] = field(default_factory=dict)
    measured: Mapping[str, int] = field(default_factory=dict)

    @property
    def middle(self) -> int:
        """Number of columns between study and weight."""
        return len(self.descriptors) + len(self.counts)


def all_studies(fit: Fit) -> list[Study]:
    """Return the studies of a fit, and whatever it lists as excluded only."""
    known = {s.label for s in fit.studies}
    return [*fit.studies, *(_excluded_study(e) for e in fit.excluded if e.label not in known)]


def _excluded_study(excluded: Excluded) -> Study:
    return Study(
        excluded.label,
        {},
        None,
        None,
        None,
        None,
        None,
        None,
        used=False,
        reason=excluded.reason,
        rows=excluded.rows,
    )


def count_columns(measure: Measure, studies: Sequence[Study], merged: bool) -> tuple[tuple[str, ...], ...]:
    """Return the count columns there are, in the order of the measure, others behind.

    ``merged`` puts the two counts of an arm into one column, where an arm has two.
    """
    there = {name: None for s in studies for name in s.counts}
    names = [*(c for c in measure.columns if c in there), *(c for c in there if c not in measure.columns)]
    arms = [tuple(name for name in names if _arm(name) == arm) for arm in ("1", "2")]
    if merged and len(names) == 4 and all(len(arm) == 2 for arm in arms):
        return tuple(arms)
    return tuple((name,) for name in names)


def table_columns(shared: Shared, headings: Mapping[str, str], arms: tuple[str, str]) -> list[Column]:
    """Return the columns from study to estimate."""
    columns = [Column("Study", wraps=True, least=30.0)]
    columns.extend(Column(d.heading, d.align, wraps=True, least=13.0) for d in shared.descriptors)
    for names in shared.counts:
        words = " / ".join(_count_heading(name, headings) for name in names)
        columns.append(Column(words, "right", arm=arms[int(names[0][-1]) - 1] if _arm(names[0]) else ""))
    if shared.weighted:
        columns.append(Column("Weight", "right"))
    level = level_text(shared.spec.level)
    columns.append(Column(f"{shared.unit.heading} [{level} CI]", "right"))
    return columns


def _arm(name: str) -> str:
    """Return the arm that the name of a count ends in, ``1`` or ``2``, or nothing."""
    return name[-1] if name[-1:] in ("1", "2") else ""


def _count_heading(name: str, headings: Mapping[str, str]) -> str:
    base = name.removesuffix(_arm(name)) if _arm(name) else name
    return headings.get(name, headings.get(base, COUNT_HEADINGS.get(base, name)))


def study_lines(shared: Shared, studies: Sequence[Study], indent: bool = False) -> list[Line]:
    """Return a row a study."""
    return [_study_line(shared, s, indent) for s in studies]


def _study_line(shared: Shared, study: Study, indent: bool) -> Line:
    """Return the row of one study and its square; or, in the place of the estimate, why it is not used."""
    color = theme.INK if study.used else theme.GREY
    cells = [Cell(study.label, color=color, indent=2.2 if indent else 0.0)]
    for d in shared.descriptors:
        text = d.values.get(study.label) or MISSING
        sign = d.sign if study.label in d.marked else ""
        cells.append(Cell(text + sign, color=theme.GREY))
    for names in shared.counts:
        there = any(study.counts.get(name) is not None for name in names)
        text = " / ".join(_number(shared, study, name) for name in names) if there else MISSING
        cells.append(Cell(text, color=color))
    factor = shared.unit.factor
    value, low, high = (None if x is None else x * factor for x in (study.value, study.low, study.high))
    if not study.used or value is None:
        words = study.reason or "not estimable"
        cells.append(
            Cell(
                words, "italic", theme.GREY, theme.NOTE_SIZE, "right", 2 if shared.weighted else 1, flows=True
            )
        )
        return Line(Row(tuple(cells)))
    if shared.weighted:
        cells.append(Cell(percent_text(study.weight, 1)))
    cells.append(Cell(interval_text(value, low, high, shared.decimals)))
    side, hollow = shared.sides[study.label], study.recovered is not None
    mark = Square(value, _or_nan(low), _or_nan(high), side, hollow=hollow)
    return Line(Row(tuple(cells)), mark)


def _number(shared: Shared, study: Study, name: str) -> str:
    """Return a count of a study, or a mean with the decimals of its column."""
    x = study.counts.get(name)
    return number_text(x, shared.measured[name]) if name in shared.measured else count_text(x)


def measured_columns(studies: Sequence[Study]) -> dict[str, int]:
    """Return the columns of means, spreads and correlations, each with the decimals that its cells share."""
    names = dict.fromkeys(name for s in studies for name in s.counts if name not in SUMMED)
    return {name: sheet_decimals(s.counts.get(name) for s in studies) for name in names}


def _or_nan(x: float | None) -> float:
    return math.nan if x is None else x


def group_lines(shared: Shared, studies: Sequence[Study], subgroups: Subgroups) -> list[Line]:
    """Return a block a subgroup: header, studies, pooled value; studies without a group come last."""
    lines: list[Line] = []
    by_label = {s.label: s for s in studies}
    placed: set[str] = set()
    for level, fit in zip(subgroups.levels, subgroups.fits, strict=True):
        # the square of a study is as large as in the overall fit, so its row comes from there
        inside = [by_label.get(s.label, s) for s in all_studies(fit)]
        placed.update(s.label for s in inside)
        lines.append(_header_line(shared, level, first=not lines))
        lines.extend(study_lines(shared, inside, indent=True))
        if fit.k != 1:
            lines.extend(_group_summary(shared, fit))
    for used, words in ((True, "Not in a subgroup"), (False, "Not used")):
        rest = [s for s in studies if s.label not in placed and s.used is used]
        if rest:
            lines.append(_header_line(shared, words, first=not lines))
            lines.extend(study_lines(shared, rest, indent=True))
    return lines


def _header_line(shared: Shared, text: str, first: bool) -> Line:
    span = 1 + shared.middle + (1 if shared.weighted else 0) + 1
    return Line(Row((Cell(text, "bold", span=span),), before=0.0 if first else _BLOCK_GAP))


def _group_summary(shared: Shared, fit: Fit) -> list[Line]:
    """Return the pooled row of a subgroup, its heterogeneity beside the name, or below it without columns."""
    words = captions.heterogeneity_text(fit)
    between = shared.middle + (1 if shared.weighted else 0)
    cells = [Cell(f"Subgroup (k = {fit.k})", "italic", indent=2.2)]
    beside = between >= 2
    if beside:
        cells.append(
            Cell(words, color=theme.GREY, size=theme.NOTE_SIZE, align="right", span=between, flows=True)
        )
    elif between:
        cells.append(Cell(span=between))
    text, mark = _pooled(shared, fit, filled=False)
    cells.append(Cell(text, "italic", flows=mark is None))
    lines = [Line(Row(tuple(cells)), mark)]
    if words and not beside:
        cell = Cell(words, color=theme.GREY, size=theme.NOTE_SIZE, span=between + 2, indent=2.2)
        lines.append(Line(Row((cell,), before=-1.2)))
    return lines


def _pooled(shared: Shared, fit: Fit, filled: bool) -> tuple[str, Mark | None]:
    """Return the text and the mark of a pooled value.

    A single study and a one-sided bound are no diamonds.
    """
    natural, factor = fit.natural, shared.unit.factor
    if natural is None:
        return captions.no_value_words(fit), None
    value, low, high = (x * factor for x in (natural.value, natural.low, natural.high))
    text = interval_text(value, low, high, shared.decimals)
    if fit.status == "one_sided":
        return text, Bound(low, high, upper=value == low)
    return text, Diamond(value, low, high, filled) if fit.status != "single_study" else None


def overall_lines(shared: Shared, fit: Fit) -> list[Line]:
    """Return the overall row with its totals, and the row of the prediction interval."""
    sums = [all(name in fit.totals for name in names) for names in shared.counts]
    # columns of means have no total: the label may run over those that come first
    empty = sums.index(True) if any(sums) else len(sums)
    before = 1 + len(shared.descriptors) + empty
    cells = [Cell(captions.overall_label(fit), "bold", span=before, flows=True)]
    for names, summed in zip(shared.counts[empty:], sums[empty:], strict=True):
        cells.append(
            Cell(" / ".join(count_text(fit.totals[name]) for name in names) if summed else "", "bold")
        )
    text, mark = _pooled(shared, fit, filled=True)
    if shared.weighted:
        cells.append(Cell(percent_text(100.0, 1) if mark is not None else "", "bold"))
    if fit.natural is not None:
        cells.append(Cell(text, "bold"))
    else:
        cells.append(Cell(text, "italic", theme.GREY, theme.NOTE_SIZE, flows=True))
    lines = [Line(Row(tuple(cells), before=_OVERALL_GAP, rule=True), mark)]
    natural = fit.natural
    if natural is not None and natural.prediction_low is not None and natural.prediction_high is not None:
        low, high = (x * shared.unit.factor for x in (natural.prediction_low, natural.prediction_high))
        words = f"{level_text(shared.spec.level)} prediction interval for a new setting"
        span = 1 + shared.middle + (1 if shared.weighted else 0)
        row = Row(
            (Cell(words, span=span, flows=True), Cell(captions.prediction_text(low, high, shared.decimals)))
        )
        lines.append(Line(row, Bar(low, high)))
    return lines
