"""The rules of a protocol beyond its shape: names that must exist, and choices that must go together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path as FilePath
from typing import Any

from extraction.codebook import SCHEMA_NAMES, SheetSchema, extend_schema, find_schema
from extraction.names import safe_name, suggest
from extraction.sheet import check_sheet, read_header
from extraction.toml_lines import Path
from meta.effects.columns import needed_columns
from meta.effects.measures import MEASURES, Measure, column_keywords
from meta.effects.recovered_rows import plan_recovery, recover_keywords, split_columns
from meta.errors import EffectError, MetaError
from meta.models.formula import formula_columns
from meta.options import STUDY_ORDERS
from meta.protocol.alternatives_rules import check_alternatives
from meta.protocol.effect_rules import check_effects
from meta.protocol.expressions import column_and_level, parse_sum
from meta.protocol.figure_rules import check_figure
from meta.protocol.file_rules import check_inside
from meta.protocol.judging_rules import check_grade, check_judging
from meta.protocol.model_rules import check_model
from meta.protocol.plan import Analysis, ModeratorPlan, Protocol, SheetEntry
from meta.protocol.screening import find_flow_faults
from meta.protocol.shape import Fault


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of a sheet, and its codebook; ``names`` is None where the file cannot be read."""

    names: tuple[str, ...] | None
    schema: SheetSchema


def check_rules(protocol: Protocol, folder: FilePath) -> list[Fault]:
    """Return everything that is wrong with a protocol of the right shape.

    Parameters
    ----------
    protocol : Protocol
        As read.
    folder : Path
        The review's folder, in which its files lie.

    Returns
    -------
    list of Fault
        Places are those in ``protocol``.
    """
    faults: list[Fault] = []
    faults += _check_template(protocol.report.docx_template, folder)
    faults += check_judging(protocol, folder)
    faults += [Fault(at, "prisma-counts", message) for at, message in find_flow_faults(protocol.prisma)]
    sheets: dict[str, _Columns] = {}
    for name, entry in protocol.sheets.items():
        found = list(_check_entry(("sheets", name), entry, folder))
        faults += found
        if not found:
            schema = extend_schema(find_schema(entry.schema_name), roles=entry.roles())
            sheets[name] = _Columns(_read_header(folder / entry.file, entry), schema)
    targets: set[str] | None = set()
    for name, entry in protocol.targets.items():
        found = list(_check_entry(("targets", name), entry, folder))
        faults += found
        ids = None if found else _read_ids(folder / entry.file, entry)
        targets = None if ids is None or targets is None else targets | ids
    faults += _check_ids(protocol.analyses)
    for place, analysis in enumerate(protocol.analyses):
        here: Path = ("analyses", place)
        faults += _check_sheet_name(here, analysis, protocol.sheets)
        faults += _check_measure(here, analysis)
        faults += check_model(here, analysis)
        faults += check_effects(here, analysis)
        faults += _check_pooling(here, analysis)
        faults += _check_subgroups(here, analysis)
        faults += check_figure(here, analysis)
        faults += check_grade(here, analysis)
        faults += _check_targets(here, analysis, targets)
        faults += _check_filters(here, analysis, sheets.get(analysis.sheet))
        faults += _check_columns(here, analysis, sheets.get(analysis.sheet))
        check = partial(_check_choices, here, sheets.get(analysis.sheet))
        faults += check_alternatives(here, analysis, check)
    return faults


# Files
# --------------------------------------------------------------------------------------------------------


def _check_entry(here: Path, entry: SheetEntry, folder: FilePath) -> Iterator[Fault]:
    """Refuse files outside the review's folder, unknown schemas, and what does not fit file or schema."""
    yield from check_inside((*here, "file"), entry.file, folder)
    if entry.schema_name not in SCHEMA_NAMES:
        message = f"no sheet schema {entry.schema_name!r}"
        yield Fault((*here, "schema"), "unknown-schema", message, suggest(entry.schema_name, SCHEMA_NAMES))
    elif not find_schema(entry.schema_name).open:
        for key in ("types", "pairs", "study", "arm", "control"):
            if getattr(entry, key):
                message = f"the schema {entry.schema_name!r} has fixed columns and takes no {key}"
                yield Fault((*here, key), "closed-schema", message, 'remove it, or use schema = "generic"')
    if FilePath(entry.file).suffix.lower() == ".xlsx":
        for key in entry.dialect().for_text_only:
            message = f"{key} is only for text files, and {entry.file!r} is a workbook"
            yield Fault((*here, key), "only-for-text", message, "remove it: a workbook knows its cells")


def _check_template(file: str | None, folder: FilePath) -> Iterator[Fault]:
    """Refuse a Word template that lies elsewhere, is none by its name, or is not there."""
    here: Path = ("report", "docx_template")
    found = [] if file is None else list(check_inside(here, file, folder))
    yield from found
    if file is None or found:
        return
    if FilePath(file).suffix.lower() != ".docx":
        yield Fault(here, "wrong-value", "a Word template ends in .docx", "save it as a Word document")
    elif not (folder / file).is_file():
        yield Fault(here, "no-file", f"no file {file!r} beside the protocol", "copy it there, or remove it")


def _read_header(path: FilePath, entry: SheetEntry) -> tuple[str, ...] | None:
    """Return the columns of a sheet; None where it cannot be read, which the check of the sheet reports."""
    schema = find_schema(entry.schema_name)
    if not schema.open:
        return schema.names
    return read_header(path, schema.name, entry.dialect())


def _read_ids(path: FilePath, entry: SheetEntry) -> set[str] | None:
    """Return the ids of outside references; None where the file cannot be read."""
    sheet, _ = check_sheet(path, entry.schema_name, dialect=entry.dialect(), roles=entry.roles())
    if sheet is None or "target_id" not in sheet.columns:
        return None
    return {str(cell) for cell in sheet.column("target_id")}


# Analyses
# -----------------------------------------------------------------------------------------------------


def _check_choices(here: Path, sheet: _Columns | None, analysis: Analysis) -> Iterator[Fault]:
    """Check what an alternative may choose otherwise than its analysis."""
    yield from _check_measure(here, analysis)
    yield from check_model(here, analysis)
    yield from check_effects(here, analysis)
    yield from _check_filters(here, analysis, sheet)
    yield from _check_columns(here, analysis, sheet)


def _check_ids(analyses: Iterable[Analysis]) -> Iterator[Fault]:
    """Refuse two analyses with one id."""
    seen: Counter[str] = Counter()
    for place, analysis in enumerate(analyses):
        seen[analysis.id] += 1
        if seen[analysis.id] > 1:
            message = f"the id {analysis.id!r} is used before"
            yield Fault(
                ("analyses", place, "id"), "id-twice", message, "ids name files, so each needs its own"
            )


def _check_sheet_name(here: Path, analysis: Analysis, sheets: Mapping[str, Any]) -> Iterator[Fault]:
    if analysis.sheet not in sheets:
        yield Fault(
            (*here, "sheet"), "unknown-sheet", f"no sheet {analysis.sheet!r}", suggest(analysis.sheet, sheets)
        )


def _check_measure(here: Path, analysis: Analysis) -> Iterator[Fault]:
    """Check the measure and the columns that it reads."""
    measure = MEASURES.get(analysis.measure)
    if measure is None:
        message = f"no measure {analysis.measure!r}"
        yield Fault((*here, "measure"), "unknown-measure", message, suggest(analysis.measure, MEASURES))
        return
    given = analysis.columns
    allowed = (*column_keywords(measure.code), *recover_keywords(measure.code))
    for key in given:
        if key not in allowed:
            message = f"measure {measure.code} reads no {key!r}"
            yield Fault((*here, "columns", key), "unknown-key", message, suggest(key, allowed))
    for key in analysis.headings:
        if key not in given:
            message = f"a heading for {key!r}, which this analysis does not read"
            yield Fault((*here, "headings", key), "unknown-key", message, suggest(key, given))
    yield from _check_complete((*here, "columns"), measure, given, all(key in allowed for key in given))
    if analysis.small_study and "n" not in given:
        message = "a small-study check looks at the sample size n, which this measure does not read"
        yield Fault(
            (*here, "small_study"), "no-sample-size", message, "remove it, or use a measure of events and n"
        )


def _check_complete(at: Path, measure: Measure, given: Mapping[str, str], known: bool) -> Iterator[Fault]:
    """Check that a measure has all its columns, its own or some that it can be recovered from."""
    direct, sources = split_columns(measure.code, given)
    try:
        # the ways to recover are the same at any level
        plan = plan_recovery(measure, direct, sources, 0.95)
    except EffectError as error:
        yield Fault(at, "columns-clash", str(error))
        return
    there = {**direct, **{key: key for key in plan.fills}}
    missing = _missing_columns(measure, there)
    if missing:
        message = f"measure {measure.code} needs {missing}"
        yield Fault(at, "missing-key", message, f"given: {', '.join(given) or 'none'}")
    elif plan.ready and known:
        try:
            needed_columns(measure, there)
        except EffectError as error:
            yield Fault(at, "columns-clash", str(error))


def _missing_columns(measure: Measure, given: Mapping[str, str]) -> str | None:
    """Return which columns a measure still needs, in words."""
    if ("y" in given or measure.code == "GEN") and measure.size is None:
        ready = "y" in given and ("v" in given or "se" in given or {"low", "high"} <= given.keys())
        return None if ready else "y with one of v, se, or low and high"
    absent = [key for key in measure.columns if key not in given]
    return ", ".join(absent) or None


def _check_pooling(here: Path, analysis: Analysis) -> Iterator[Fault]:
    """Check that an analysis without an overall estimate asks for nothing that needs one."""
    if analysis.overall:
        return
    if not analysis.subgroups:
        message = "nothing is left to estimate: no overall and no subgroups"
        yield Fault((*here, "overall"), "no-overall", message, "add subgroups, or remove overall = false")
    for place, group in enumerate(analysis.subgroups):
        if group.overall:
            message = "the analysis has no overall estimate to show below the groups"
            yield Fault((*here, "subgroups", place), "no-overall", message, "set overall = false here too")
    for key in ("small_study", "cumulative", "moderators"):
        if getattr(analysis, key):
            message = f"{key} needs an overall estimate, which this analysis does not make"
            yield Fault((*here, key), "no-overall", message)


def _check_subgroups(here: Path, analysis: Analysis) -> Iterator[Fault]:
    """Refuse two sets of subgroups whose figures would have one name."""
    seen: dict[str, str] = {}
    for place, group in enumerate(analysis.subgroups):
        file = safe_name(group.by).casefold()
        if file in seen:
            message = f"{group.by!r} would share its figure with the subgroups by {seen[file]!r} before it"
            advice = "remove one of the two, or rename the column"
            yield Fault((*here, "subgroups", place, "by"), "subgroup-twice", message, advice)
        seen.setdefault(file, group.by)


def _check_targets(here: Path, analysis: Analysis, targets: set[str] | None) -> Iterator[Fault]:
    for place, name in enumerate(analysis.targets):
        if targets is not None and name not in targets:
            advice = suggest(name, targets) if targets else "name their file under [targets]"
            yield Fault((*here, "targets", place), "unknown-target", f"no outside reference {name!r}", advice)


def _check_filters(here: Path, analysis: Analysis, sheet: _Columns | None) -> Iterator[Fault]:
    """Check that each filter makes one test, and asks for values that the column can have."""
    for place, condition in enumerate(analysis.filters):
        tests = condition.tests()
        at = (*here, "filters", place)
        if len(tests) != 1:
            words = "equals, in, not_in, at_least, at_most, present"
            message = f"a filter makes exactly one test ({words}); this makes {', '.join(tests) or 'none'}"
            yield Fault(at, "filter-tests", message)
            continue
        column = sheet.schema.find(condition.column) if sheet is not None else None
        (word, value) = next(iter(tests.items()))
        if column is None or not column.values or word == "present":
            continue
        for option in value if isinstance(value, tuple) else (value,):
            if str(option) not in column.values:
                message = f"{condition.column!r} has no value {str(option)!r}"
                yield Fault((*at, word), "unknown-value", message, suggest(str(option), column.values))


def _check_columns(here: Path, analysis: Analysis, sheet: _Columns | None) -> Iterator[Fault]:
    """Check every column that an analysis names, before and after rows are joined and columns derived."""
    if sheet is None or sheet.names is None:
        return
    first = set(sheet.names)
    yield from _unknown(
        first, [((*here, "filters", i, "column"), c.column) for i, c in enumerate(analysis.filters)]
    )
    labels = [((*here, "label"), name) for name in analysis.label_columns()]
    yield from _unknown(first, labels)
    if not labels and (sheet.schema.overlap is None or sheet.schema.overlap.label not in first):
        message = "which column names the studies?"
        yield Fault(here, "no-label", message, 'add label = "...", the name of a column')
    if analysis.spread is not None:
        yield from _unknown(first, [((*here, "spread"), analysis.spread)])
    terms = dict(_derived_terms(analysis))
    split = _split_columns(analysis, terms)
    later = first - split - {analysis.spread} if analysis.spread is not None else set(first)
    for name, text in analysis.derived.items():
        at: Path = (*here, "derived", name)
        if name in later:
            yield Fault(
                at, "derived-exists", f"the sheet already has a column {name!r}", "choose another name"
            )
        if isinstance(terms[name], str):
            yield Fault(at, "derived-form", str(terms[name]))
        else:
            yield from _unknown(later, [(at, term) for term in terms[name]], first & split)
        later = {*later, name}
        del text
    yield from _unknown(later, list(_later_names(here, analysis)), first & split)
    order = sheet.schema.find(analysis.cumulative) if analysis.cumulative is not None else None
    if order is not None and not order.numeric:
        message = f"studies are put in order by numbers, and {order.name!r} holds text"
        yield Fault((*here, "cumulative"), "order-type", message, "name a column of numbers, such as year")
    for place, plan in enumerate(analysis.moderators):
        yield from _check_formula((*here, "moderators", place), plan, later)


def _derived_terms(analysis: Analysis) -> Iterator[tuple[str, tuple[str, ...] | str]]:
    """Return the columns of each derived column, or what is wrong with its text."""
    for name, text in analysis.derived.items():
        try:
            yield name, tuple(column for _, column in parse_sum(text))
        except MetaError as error:
            yield name, str(error)


def _split_columns(analysis: Analysis, terms: Mapping[str, tuple[str, ...] | str]) -> set[str]:
    """Return the columns that become one a level, since the analysis names a level of them."""
    if analysis.spread is None:
        return set()
    names = [
        *analysis.columns.values(),
        *(t for found in terms.values() if not isinstance(found, str) for t in found),
    ]
    return {column for column, level in map(column_and_level, names) if level is not None}


def _later_names(here: Path, analysis: Analysis) -> Iterator[tuple[Path, str]]:
    """Return the columns that are read once rows are joined and columns derived."""
    for key, name in analysis.columns.items():
        yield (*here, "columns", key), name
    for i, group in enumerate(analysis.subgroups):
        yield (*here, "subgroups", i, "by"), group.by
    for i, plan in enumerate(analysis.moderators):
        for j, name in enumerate(plan.show):
            yield (*here, "moderators", i, "show", j), name
    for i, descriptor in enumerate(analysis.descriptors):
        yield (*here, "descriptors", i, "column"), descriptor.column
        if descriptor.mark is not None:
            yield (*here, "descriptors", i, "mark", "column"), descriptor.mark.column
    for i, name in enumerate(analysis.characteristics or ()):
        yield (*here, "characteristics", i), name
    if analysis.cumulative is not None:
        yield (*here, "cumulative"), analysis.cumulative
    if analysis.sort is not None and analysis.sort not in (*STUDY_ORDERS, *analysis.columns):
        yield (*here, "sort"), analysis.sort


def _unknown(
    known: set[str] | set[str | None],
    names: Iterable[tuple[Path, str]],
    split: set[str] | frozenset[str] = frozenset(),
) -> Iterator[Fault]:
    """Name the columns that do not exist; a level of a split column does."""
    columns = {name for name in known if name is not None}
    for at, name in names:
        column, level = column_and_level(name)
        if name in columns or (level is not None and column in split):
            continue
        yield Fault(at, "unknown-column", f"no column {name!r}", suggest(name, columns))


def _check_formula(here: Path, plan: ModeratorPlan, known: set[str] | set[str | None]) -> Iterator[Fault]:
    """Check a formula against the allow-list, and its columns."""
    try:
        names = formula_columns(plan.formula)
    except MetaError as error:
        yield Fault((*here, "formula"), "formula", str(error))
        return
    yield from _unknown(known, [((*here, "formula"), name) for name in names])
