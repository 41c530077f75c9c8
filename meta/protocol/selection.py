"""Which rows an analysis uses: filters counted one by one, rows joined, columns derived, overlap resolved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from extraction.errors import Problem, ProblemsError
from extraction.names import suggest
from extraction.overlap import Chosen, OverlapError, SetAside, choose_rows, label_of
from extraction.sheet import Row, RowRef, Sheet
from meta.protocol.derived import derive_columns, fail, need_column, show_value, with_sum
from meta.protocol.judgements import Judgements
from meta.protocol.plan import Analysis, Filter
from meta.protocol.shared_controls import modelled_dependence, shared_control_warnings
from meta.protocol.spread import spread_rows


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows of one analysis.

    Attributes
    ----------
    sheet : Sheet
        The rows to compute effect sizes from, derived columns included.
    labels : tuple of str
        Their labels, in the same order; unique.
    label : tuple of str
        The columns that make a label, for ``effect_sizes``.
    refs : mapping of label to tuple of RowRef
        The sheet rows behind each label: several where rows were joined.
    set_aside : tuple of SetAside
        Rows that share people with a row that was kept.
    record : dict
        What was done, for ``results.json``: counts of every filter, joins, exclusions, overlap.
    warnings : tuple of Problem
        Suspicions that stop nothing.
    judgements : Judgements or None
        Risk of bias of the rows, by label; None where the protocol declares none.
    """

    sheet: Sheet
    labels: tuple[str, ...]
    label: tuple[str, ...]
    refs: Mapping[str, tuple[RowRef, ...]]
    set_aside: tuple[SetAside, ...]
    record: dict[str, Any]
    warnings: tuple[Problem, ...]
    judgements: Judgements | None = None

    def names(self) -> dict[str, tuple[str, ...]]:
        """Return for each label what its study may be called elsewhere: the label, the study's own name."""
        overlap = self.sheet.schema.overlap
        columns = (*((overlap.label,) if overlap is not None else ()), *self.label)
        return {
            label: (label, *(str(row.values[name]) for name in columns if row.values.get(name)))
            for label, row in self.by_label()
        }

    def by_label(self) -> tuple[tuple[str, Row], ...]:
        """Return the chosen rows with their labels, in the order of the sheet."""
        return tuple(zip(self.labels, self.sheet.rows, strict=True))


def select_rows(sheet: Sheet, analysis: Analysis) -> Selection:
    """Take the rows of an analysis from its sheet.

    Filters come first, then exclusions by label; ``spread`` joins the rows of a study; derived columns are
    computed; of rows that share people the overlap rule keeps some.

    Parameters
    ----------
    sheet : Sheet
        The whole sheet.
    analysis : Analysis
        The plan.

    Returns
    -------
    Selection

    Raises
    ------
    ProblemsError
        If a column does not exist, a filter compares text with numbers, two rows have one label (both lines
        are named), a row named or excluded does not exist, or a join contradicts itself.
    """
    columns = _label_columns(sheet, analysis)
    kept, filters, warnings = _apply_filters(sheet, analysis, columns)
    kept, excluded, more = _exclude(kept, analysis, columns)
    warnings += more
    joined = spread_rows(kept, analysis, columns)
    derived = derive_columns(joined.sheet, analysis)
    _check_labels(derived, analysis, columns)
    chosen, doubts = _choose(derived, analysis, columns)
    warnings += (*chosen.warnings, *doubts)
    refs = {label_of(row, columns): joined.refs.get(row.ref, (row.ref,)) for row in derived.rows}
    labels = tuple(label_of(row, columns) for row in chosen.sheet.rows)
    warnings += shared_control_warnings(chosen.sheet, labels, analysis)
    record = {
        "rows_in_sheet": len(sheet),
        "filters": filters,
        "spread": joined.record,
        "derived": [{"column": name, "text": text} for name, text in analysis.derived.items()],
        "excluded": excluded,
        "named": _named_record(analysis),
        "overlap": _overlap_record(chosen, analysis, refs),
        "used": list(labels),
    }
    used = {label: refs[label] for label in labels}
    aside = tuple(replace(entry, rows=refs[entry.label]) for entry in chosen.set_aside)
    return Selection(chosen.sheet, labels, columns, used, aside, record, warnings)


def filter_text(condition: Filter) -> str:
    """Return a filter in words: ``population is FES or FE-SSD``."""
    ((word, value),) = condition.tests().items()
    column = condition.column
    if word == "present":
        return f"{column} is given" if value else f"{column} is not given"
    if word in ("at_least", "at_most"):
        return f"{column} is {word.replace('_', ' ')} {show_value(value)}"
    options = [show_value(v) for v in value] if isinstance(value, tuple) else [show_value(value)]
    listed = options[0] if len(options) == 1 else f"{', '.join(options[:-1])} or {options[-1]}"
    return f"{column} is {'not ' if word == 'not_in' else ''}{listed}"


def meets_filter(condition: Filter, row: Row) -> bool:
    """Say whether a row meets a filter; its sheet has the column."""
    ((word, value),) = condition.tests().items()
    return _predicate(condition.column, word, value)(row)


def _label_columns(sheet: Sheet, analysis: Analysis) -> tuple[str, ...]:
    """Return the columns that name a row of this analysis."""
    columns = analysis.label_columns()
    if not columns and sheet.schema.overlap is not None and sheet.schema.overlap.label in sheet.columns:
        columns = (sheet.schema.overlap.label,)
    if not columns:
        raise fail(
            sheet,
            "no-label",
            f"analysis {analysis.id!r} does not say which column names the studies",
            advice='add label = "..."',
        )
    for column in columns:
        need_column(sheet, column, analysis)
    return columns


def _apply_filters(
    sheet: Sheet, analysis: Analysis, columns: tuple[str, ...]
) -> tuple[Sheet, list[dict[str, Any]], tuple[Problem, ...]]:
    """Apply the filters in their order, and count what each takes away."""
    kept, record, warnings = sheet.select(lambda _: True), [], []
    for condition in analysis.filters:
        need_column(sheet, condition.column, analysis)
        ((word, value),) = condition.tests().items()
        warnings += _doubt_filter(sheet, condition, analysis)
        test = _predicate(condition.column, word, value)
        before = kept
        kept = kept.select(test)
        left = {row.ref for row in kept.rows}
        taken = [row for row in before.rows if row.ref not in left]
        record.append(
            {
                "text": filter_text(condition),
                "column": condition.column,
                "test": word,
                "value": list(value) if isinstance(value, tuple) else value,
                "removed": len(taken),
                "left": len(kept),
                "taken": [{"label": label_of(row, columns), "line": row.ref.line} for row in taken],
            }
        )
    return kept, record, tuple(warnings)


def _predicate(column: str, word: str, value: Any) -> Callable[[Row], bool]:
    """Return the test of one filter; an empty cell equals nothing and is in no list."""
    tests: dict[str, Callable[[Any], bool]] = {
        "equals": lambda cell: cell == value,
        "in": lambda cell: cell in value,
        "not_in": lambda cell: cell not in value,
        "at_least": lambda cell: cell is not None and cell >= value,
        "at_most": lambda cell: cell is not None and cell <= value,
        "present": lambda cell: (cell is not None) is value,
    }
    return lambda row: tests[word](row.values[column])


def _doubt_filter(sheet: Sheet, condition: Filter, analysis: Analysis) -> list[Problem]:
    """Refuse to compare text with numbers; warn of a value that no row has."""
    ((word, value),) = condition.tests().items()
    if word == "present":
        return []
    cells = [cell for cell in sheet.column(condition.column) if cell is not None]
    numeric = all(isinstance(cell, int | float) for cell in cells)
    options = value if isinstance(value, tuple) else (value,)
    for option in options if cells else ():
        if isinstance(option, str) is numeric:
            kinds = "numbers" if numeric else "text"
            advice = (
                "write the value without quotes"
                if numeric
                else "write the value in quotes, or give the column a type"
            )
            message = f"analysis {analysis.id!r} compares {option!r} with a column of {kinds}"
            raise fail(sheet, "filter-type", message, column=condition.column, advice=advice)
    if word in ("at_least", "at_most"):
        return []
    present = {show_value(cell) for cell in cells}
    return [
        Problem(
            sheet.file,
            None,
            condition.column,
            show_value(option),
            "filter-finds-nothing",
            f"analysis {analysis.id!r} asks for {show_value(option)!r}, which no row has",
            suggest(show_value(option), present),
            "warning",
        )
        for option in options
        if cells and option not in cells
    ]


def _exclude(
    kept: Sheet, analysis: Analysis, columns: tuple[str, ...]
) -> tuple[Sheet, list[dict[str, Any]], tuple[Problem, ...]]:
    """Leave out the rows that the protocol excludes by label."""
    whole = kept.whole or kept
    known = {label_of(row, columns) for row in whole.rows}
    record, warnings = [], []
    for entry in analysis.exclude:
        if entry.row not in known:
            message = f"analysis {analysis.id!r} excludes {entry.row!r}, which no row is called"
            raise fail(whole, "unknown-row", message, column=columns[0], advice=suggest(entry.row, known))
        rows = [row.ref for row in kept.rows if label_of(row, columns) == entry.row]
        if not rows:
            warnings.append(
                Problem(
                    whole.file,
                    None,
                    columns[0],
                    entry.row,
                    "excluded-already",
                    f"analysis {analysis.id!r} excludes {entry.row!r}, which its filters take away already",
                    "",
                    "warning",
                )
            )
        record.append({"label": entry.row, "reason": entry.reason, "rows": [asdict(ref) for ref in rows]})
    names = {entry.row for entry in analysis.exclude}
    return kept.select(lambda row: label_of(row, columns) not in names), record, tuple(warnings)


def _check_labels(sheet: Sheet, analysis: Analysis, columns: tuple[str, ...]) -> None:
    """Refuse rows without a label, and two rows with one label: a choice between them would be a guess."""
    problems = []
    by_label: dict[str, list[int]] = {}
    for row in sheet.rows:
        if all(row.values[column] in (None, "") for column in columns):
            problems.append(
                Problem(
                    sheet.file,
                    row.ref.line,
                    columns[0],
                    None,
                    "no-label",
                    f"a row of analysis {analysis.id!r} has no label",
                )
            )
        by_label.setdefault(label_of(row, columns), []).append(row.ref.line)
    for label, lines in by_label.items():
        if len(lines) > 1:
            listed = f"{', '.join(map(str, lines[:-1]))} and {lines[-1]}"
            message = f"analysis {analysis.id!r} takes {len(lines)} rows labelled {label!r} (lines {listed})"
            advice = "filter to one of them, or label by a further column"
            problems.append(Problem(sheet.file, lines[0], columns[0], label, "label-twice", message, advice))
    if problems:
        raise ProblemsError(problems)


def _choose(sheet: Sheet, analysis: Analysis, columns: tuple[str, ...]) -> tuple[Chosen, tuple[Problem, ...]]:
    """Resolve the overlap as declared; without a rule keep all rows, and warn of those that share people."""
    plan, together = analysis.overlap, modelled_dependence(analysis)
    if (cluster := analysis.spec().cluster) is not None:
        need_column(sheet, cluster, analysis)
    try:
        if plan is not None:
            named = [entry.row for entry in plan.named]
            chosen = choose_rows(
                _with_size(sheet, analysis),
                plan.rule,
                named=named,
                links=plan.links,
                label=columns,
                together=together,
            )
            return _without_size(chosen, sheet), ()
        probe = choose_rows(sheet, (), label=columns, together=together)
    except OverlapError as error:
        message = f"analysis {analysis.id!r}: {error}"
        raise fail(sheet, "overlap", message, advice=_advise_size(sheet, analysis)) from error
    doubts = tuple(
        Problem(
            sheet.file,
            entry.rows[0].line,
            columns[0],
            entry.label,
            "rows-share-people",
            f"{analysis.id!r} uses {entry.label!r} and {', '.join(entry.because_of)}, which share people",
            "declare an overlap rule",
            "warning",
        )
        for entry in probe.set_aside
    )
    return Chosen(sheet, (), (), probe.warnings), doubts


def _with_size(sheet: Sheet, analysis: Analysis) -> Sheet:
    """Let the rule ``largest_n`` look at the analysis's own n, where the sheet has no column for it.

    Of two groups it looks at the people of both together.
    """
    overlap, columns = sheet.schema.overlap, analysis.columns
    if overlap is None or overlap.n in sheet.columns:
        return sheet
    sizes = [columns[key] for key in (("n",) if "n" in columns else ("n1", "n2")) if key in columns]
    if not sizes or any(size not in sheet.columns for size in sizes):
        return sheet
    name = " + ".join(sizes)
    schema = replace(sheet.schema, overlap=replace(overlap, n=name))
    if len(sizes) == 1:
        return replace(sheet, schema=schema)
    rows = tuple(with_sum(sheet, row, name, [(1, size) for size in sizes]) for row in sheet.rows)
    return replace(sheet, schema=schema, columns=(*sheet.columns, name), rows=rows)


def _advise_size(sheet: Sheet, analysis: Analysis) -> str:
    """Say what to do where the rule asks for the largest n, and there is none."""
    overlap = _with_size(sheet, analysis).schema.overlap
    asked = analysis.overlap is not None and "largest_n" in analysis.overlap.rule
    if not asked or (overlap is not None and overlap.n in _with_size(sheet, analysis).columns):
        return ""
    return "an analysis that reads n, or n1 and n2, needs none; else leave largest_n out"


def _without_size(chosen: Chosen, sheet: Sheet) -> Chosen:
    """Return the rows chosen as they stand in ``sheet``, without what the rule alone looked at."""
    kept = {row.ref for row in chosen.sheet.rows}
    rows = tuple(row for row in sheet.rows if row.ref in kept)
    return replace(chosen, sheet=replace(sheet, rows=rows, whole=sheet.whole or sheet))


def _named_record(analysis: Analysis) -> list[dict[str, str]]:
    return [{"label": e.row, "reason": e.reason} for e in analysis.overlap.named] if analysis.overlap else []


def _overlap_record(
    chosen: Chosen, analysis: Analysis, refs: Mapping[str, tuple[RowRef, ...]]
) -> dict[str, Any] | None:
    """Return what the overlap rule did; None where none is declared."""
    if analysis.overlap is None:
        return None
    aside = [
        {
            "label": entry.label,
            "because_of": list(entry.because_of),
            "rule": entry.rule,
            "rows": [asdict(ref) for ref in refs[entry.label]],
        }
        for entry in chosen.set_aside
    ]
    return {"rule": list(analysis.overlap.rule), "set_aside": aside, "ties": list(chosen.ties)}
