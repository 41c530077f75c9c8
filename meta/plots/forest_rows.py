"""The rows of a forest plot: studies, subgroups, the pooled value, further models, each with its mark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from meta.effects.measures import SUMMED
from meta.plots import captions, theme
from meta.plots.forest_columns import Shared, base_name
from meta.plots.forest_text import effect_line, heterogeneity_line, pooled_label
from meta.plots.judgements import answer_bead
from meta.plots.marks import FEW, Bar, Bound, Diamond, Mark, Square
from meta.plots.panel import Line
from meta.plots.table import Bead, Cell, Row
from meta.results import Excluded, Fit, Study, Subgroups
from meta.tables.numbers import MISSING, count_text, level_text, number_text, percent_text, sheet_decimals

#: Space before a subgroup, mm.
_BLOCK_GAP = 2.6
#: Label of the prediction interval of a subgroup.
_GROUP_PREDICTION = "{level} prediction interval"
#: Indent of a row inside a subgroup, mm.
_INDENT = 2.2


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


def _cells(shared: Shared, placed: Mapping[int, Cell]) -> tuple[Cell, ...]:
    """Return the cells of a row from those that hold something, by place; the others are blank."""
    cells: list[Cell] = []
    at = 0
    while at < len(shared.slots):
        cell = placed.get(at, Cell())
        cells.append(cell)
        at += cell.span
    return tuple(cells)


def study_lines(shared: Shared, studies: Sequence[Study], block: str = "") -> list[Line]:
    """Return a row a study; those of a ``block`` are indented."""
    return [_study_line(shared, s, block) for s in studies]


def _study_line(shared: Shared, study: Study, block: str) -> Line:
    """Return the row of one study and its square; or, in the place of the estimate, why it is not used."""
    color = theme.INK if study.used else theme.GREY
    placed: dict[int, Cell] = {}
    used = study.used and study.value is not None
    for at, slot in enumerate(shared.slots):
        if slot.role == "study":
            placed[at] = Cell(study.label, color=color, indent=_INDENT if block else 0.0)
        elif slot.descriptor is not None:
            text = slot.descriptor.values.get(study.label) or shared.preset.missing
            sign = slot.descriptor.sign if study.label in slot.descriptor.marked else ""
            placed[at] = Cell(text + sign, color=theme.GREY)
        elif slot.counts:
            placed[at] = Cell(_counts(shared, study, slot.counts), color=color)
        elif slot.role == "weight" and used:
            placed[at] = Cell(_weight(shared, study.weight))
        elif slot.role == "appraisal":
            placed[at] = Cell(beads=study_beads(shared, study.label))
    at, factor = shared.estimate_at, shared.unit.factor
    value, low, high = (None if x is None else x * factor for x in (study.value, study.low, study.high))
    if not used or value is None:
        words = shared.preset.unused or study.reason or "not estimable"
        beside = shared.place("weight") == at - 1 and at != shared.plot_at
        placed[at - 1 if beside else at] = Cell(
            words, "italic", theme.GREY, theme.NOTE_SIZE, "right", 2 if beside else 1, flows=True
        )
        return Line(Row(_cells(shared, placed)), block=block)
    placed[at] = Cell(shared.preset.numbers.interval(value, low, high, shared.decimals))
    side, hollow = shared.sides[study.label], study.recovered is not None
    mark = Square(value, _or_nan(low), _or_nan(high), side, shared.color, hollow=hollow)
    return Line(Row(_cells(shared, placed)), mark, block)


def study_beads(shared: Shared, label: str) -> tuple[Bead, ...]:
    """Return the discs of a study: one a domain, then the judgement of the whole where the tool makes one."""
    appraisal = shared.appraisal
    assert appraisal is not None
    answers = appraisal.answers.get(label, ("",) * len(appraisal.tool.domains))
    overall = (appraisal.overall.get(label, ""),) if appraisal.tool.has_overall else ()
    return tuple(answer_bead(appraisal.tool, answer) for answer in (*answers, *overall))


def _counts(shared: Shared, study: Study, names: Sequence[str]) -> str:
    if not any(study.counts.get(name) is not None for name in names):
        return shared.preset.missing
    texts = [_number(shared, study, name) for name in names]
    if [base_name(name) for name in names] == ["mean", "sd", "n"]:
        return "{} ({}) / {}".format(*texts)
    return " / ".join(texts)


def _weight(shared: Shared, percent: float | None) -> str:
    if percent is None:
        return MISSING
    return percent_text(percent, 1).removesuffix("%") + shared.preset.weight_sign


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
    placed: set[str] = set()
    for place, (level, fit) in enumerate(zip(subgroups.levels, subgroups.fits, strict=True), start=1):
        members = {s.label: s for s in all_studies(fit)}
        # the square of a study is as large as in the overall fit, so its row comes from there, in its order
        inside = [s for s in studies if s.label in members]
        known = {s.label for s in inside}
        inside += [s for s in members.values() if s.label not in known]
        placed.update(members)
        name = shared.preset.group.format(place=place, name=level)
        lines.append(header_line(shared, name, first=not lines))
        lines.extend(study_lines(shared, inside, name))
        if fit.k != 1 or shared.preset.single_subtotal:
            lines.extend(_group_summary(shared, fit, name))
    for used, words in ((True, "Not in a subgroup"), (False, "Not used")):
        rest = [s for s in studies if s.label not in placed and s.used is used]
        if rest:
            lines.append(header_line(shared, words, first=not lines))
            lines.extend(study_lines(shared, rest, words))
    return lines


def header_line(shared: Shared, text: str, first: bool) -> Line:
    """Return the header of a block of rows."""
    span = shared.estimate_at + 1 if shared.estimate_at < shared.plot_at else shared.plot_at
    cells = _cells(shared, {0: Cell(text, "bold", span=span)})
    return Line(Row(cells, before=0.0 if first else _BLOCK_GAP), block=text, heads=True)


def _group_summary(shared: Shared, fit: Fit, block: str) -> list[Line]:
    """Return the pooled row of a subgroup, what is said of it, and its prediction interval."""
    label = pooled_label(fit, shared.preset, shared.preset.subtotal)
    lines = _summary(shared, fit, label, block, plain=shared.preset.text is None)
    if shared.preset.total_events:
        lines.extend(_event_totals(shared, fit, block))
    lines.extend(prediction_lines(shared, fit, block))
    if shared.preset.text is not None:
        said = {"heterogeneity": heterogeneity_line, "effect": effect_line}
        words = [said[name](fit, shared.preset) for name in shared.preset.text.inside]
        lines.extend(_text_line(shared, text, block) for text in words if text)
    return lines


def _text_line(shared: Shared, text: str, block: str) -> Line:
    """Return a row of text in the columns before the plot, or below the estimate."""
    span = shared.estimate_at + 1 if shared.estimate_at < shared.plot_at else shared.plot_at
    cell = Cell(text, "regular", theme.GREY, theme.NOTE_SIZE, "left", span, flows=True, indent=_INDENT)
    return Line(Row(_cells(shared, {0: cell})), block=block, tied=True)


def _summary(shared: Shared, fit: Fit, label: str, block: str, plain: bool) -> list[Line]:
    """Return the row of a pooled value that is not the overall one.

    ``plain``: heterogeneity stands beside the name, or below it where there are no columns. Else the row has
    totals, and the preset's own lines follow.
    """
    words = captions.heterogeneity_text(fit) if plain else ""
    between = shared.label_room - 1
    indent = _INDENT if block else 0.0
    placed = {0: Cell(label, "italic", indent=indent)}
    beside = between >= 2 and plain
    if beside:
        placed[1] = Cell(
            words, color=theme.GREY, size=theme.NOTE_SIZE, align="right", span=between, flows=True
        )
    elif not plain:
        placed = _totals(shared, fit, replace(placed[0], flows=True), "italic")
    text, mark = _pooled(shared, fit, filled=False)
    if shared.preset.single_subtotal and fit.k == 1 and fit.natural is not None and mark is None:
        value, low, high = (
            x * shared.unit.factor for x in (fit.natural.value, fit.natural.low, fit.natural.high)
        )
        mark = Diamond(value, low, high, filled=False)
    placed[shared.estimate_at] = Cell(text, "italic", flows=mark is None)
    lines = [Line(Row(_cells(shared, placed)), mark, block)]
    if words and not beside:
        span = shared.label_room + (1 if shared.estimate_at < shared.plot_at else 0)
        cell = Cell(words, color=theme.GREY, size=theme.NOTE_SIZE, span=span, indent=indent)
        lines.append(Line(Row(_cells(shared, {0: cell}), before=-1.2), block=block, tied=True))
    return lines


def _pooled(shared: Shared, fit: Fit, filled: bool) -> tuple[str, Mark | None]:
    """Return the text and the mark of a pooled value.

    A single study and a one-sided bound are no diamonds.
    """
    natural, factor = fit.natural, shared.unit.factor
    if natural is None:
        return captions.no_value_words(fit), None
    value, low, high = (x * factor for x in (natural.value, natural.low, natural.high))
    text = shared.preset.numbers.interval(value, low, high, shared.decimals)
    if fit.status == "one_sided":
        return text, Bound(low, high, upper=value == low)
    return text, Diamond(value, low, high, filled) if fit.status != "single_study" else None


def _totals(shared: Shared, fit: Fit, label: Cell, face: theme.Face) -> dict[int, Cell]:
    """Return a label over the columns without a total, and the totals behind it.

    Columns of means have none: the label may run over those that come first.
    """
    sums = _sums(shared, fit, own_row=False)
    first = min([*sums, shared.label_room, *([at] if (at := shared.place("weight")) is not None else [])])
    cells = {at: Cell(text, face) for at, text in sums.items()}
    cells[0] = replace(label, span=max(first, 1))
    return cells


def _has_own_row(shared: Shared, names: Sequence[str]) -> bool:
    """Return whether totals of these counts stand on the row of events, which counts in one cell do not."""
    return shared.preset.total_events and [base_name(name) for name in names] == ["events"]


def _event_totals(shared: Shared, fit: Fit, block: str) -> list[Line]:
    """Return the row of the totals of events, where the preset has one and there are any."""
    sums = {at: Cell(text) for at, text in _sums(shared, fit, own_row=True).items()}
    if not sums:
        return []
    label = Cell("Total events:", span=max(min(sums), 1), indent=_INDENT if block else 0.0, flows=True)
    return [Line(Row(_cells(shared, {**sums, 0: label})), block=block, tied=True)]


def _sums(shared: Shared, fit: Fit, own_row: bool) -> dict[int, str]:
    """Return the totals by place: those that stand on the row of events, or the others."""
    return {
        at: " / ".join(count_text(fit.totals[name]) for name in slot.counts)
        for at, slot in enumerate(shared.slots)
        if slot.counts
        and _has_own_row(shared, slot.counts) is own_row
        and all(name in fit.totals for name in slot.counts)
    }


def overall_lines(shared: Shared, fit: Fit, models: Mapping[str, Fit]) -> list[Line]:
    """Return the overall row with its totals, that of the prediction interval, and further models."""
    preset = shared.preset
    label = Cell(pooled_label(fit, preset, preset.pooled), "bold", flows=True)
    placed = _totals(shared, fit, label, "bold")
    text, mark = _pooled(shared, fit, filled=True)
    weight = shared.place("weight")
    if weight is not None and mark is not None:
        placed[weight] = Cell(_weight(shared, 100.0), "bold")
    if fit.natural is not None:
        placed[shared.estimate_at] = Cell(text, "bold")
    else:
        placed[shared.estimate_at] = Cell(text, "italic", theme.GREY, theme.NOTE_SIZE, flows=True)
    row = Row(_cells(shared, placed), before=preset.overall_gap, rule=preset.overall_rule)
    lines = [Line(row, mark)]
    if preset.total_events:
        lines.extend(_event_totals(shared, fit, ""))
    lines.extend(prediction_lines(shared, fit, ""))
    for name, other in models.items():
        rows = _summary(shared, other, f"{name} (k = {other.k})", "", plain=True)
        rows.extend(prediction_lines(shared, other, ""))
        lines.extend(replace(line, tied=True) for line in rows)
    return lines


def prediction_lines(shared: Shared, fit: Fit, block: str) -> list[Line]:
    """Return the row of a prediction interval, where there is one."""
    natural = fit.natural
    if natural is None or natural.prediction_low is None or natural.prediction_high is None:
        return []
    low, high = (x * shared.unit.factor for x in (natural.prediction_low, natural.prediction_high))
    template = _GROUP_PREDICTION if block else shared.preset.prediction
    words = template.format(level=level_text(shared.spec.level))
    placed = {
        0: Cell(words, span=shared.label_room, flows=True, indent=_INDENT if block else 0.0),
        shared.estimate_at: Cell(shared.preset.numbers.bounds(low, high, shared.decimals)),
    }
    return [Line(Row(_cells(shared, placed)), Bar(low, high, fit.k < FEW), block, tied=True)]
