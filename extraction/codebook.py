"""Codebooks: what each column of a sheet means, what may stand in it, and how columns hang together.

A schema is data. The rules that read it are in :mod:`extraction.cells` (one cell), :mod:`extraction.rules`
(one row) and :mod:`extraction.checks` (the sheet).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Literal, cast, get_args

from extraction.dialect import NO_ROLES, Roles
from extraction.errors import SheetError
from extraction.names import suggest

#: How the text of a cell is read. ``text``: anything; ``link``: web addresses, several joined by " ; ";
#: ``category``: one of the allowed values; ``count``: whole number from 0; ``number``: with a decimal point;
#: ``percent``: 0 to 100; ``year``: of publication.
Kind = Literal["text", "link", "category", "count", "number", "percent", "year"]

#: What ``types`` of an open sheet may say of a further column.
FurtherKind = Literal["text", "count", "number", "percent", "year"]

#: The kinds that hold numbers; the others are neutralised against spreadsheet injection when written.
NUMERIC: frozenset[Kind] = frozenset(("count", "number", "percent", "year"))

#: Years outside this span are typing slips. The first: statistics of cohorts hardly go further back. The last
#: lies beyond the life of this version (a clock would make a check depend on the day); raise it when a
#: release comes near.
FIRST_YEAR, LAST_YEAR = 1800, 2035

#: More people than have a sheet to be in; also far below 2**53, so every count is an exact float.
MAX_COUNT = 10**10

#: Sheets that have a codebook, one module of :mod:`extraction.schemas` each.
SCHEMA_NAMES = (
    "trs_incidence",
    "clozapine_response",
    "clozapine_controlled",
    "td_improvement",
    "td_incidence",
    "td_severity",
    "trs_targets",
    "clz_targets",
    "td_targets",
    "generic",
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a sheet.

    Attributes
    ----------
    name : str
        As in the header line, exactly.
    kind : Kind
        How its cells are read.
    meaning : str
        In words, for the person who fills it in.
    unit : str
        Unit of a number; empty where there is none.
    required : bool
        Whether an empty cell (or no such column) is an error.
    allowed : tuple of (value, words)
        Values of a category, each with its meaning (which may be empty).
    low, high : float or None
        Smallest and largest value allowed, both included.
    above : float or None
        Bound that a value must exceed (0 for a variance).
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    required: bool = False
    allowed: tuple[tuple[str, str], ...] = ()
    low: float | None = None
    high: float | None = None
    above: float | None = None

    @property
    def numeric(self) -> bool:
        """Whether its cells are numbers."""
        return self.kind in NUMERIC

    @property
    def values(self) -> tuple[str, ...]:
        """The allowed values of a category."""
        return tuple(value for value, _ in self.allowed)

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """Smallest and largest value, from ``low`` and ``high`` or from the kind."""
        by_kind: dict[Kind, tuple[float, float]] = {
            "count": (0, MAX_COUNT),
            "percent": (0, 100),
            "year": (FIRST_YEAR, LAST_YEAR),
        }
        low, high = by_kind.get(self.kind, (None, None))
        return (low if self.low is None else self.low, high if self.high is None else self.high)


@dataclass(frozen=True, slots=True)
class OverlapColumns:
    """Columns that say which rows may share people, and which of them to prefer.

    Attributes
    ----------
    label : str
        Names the study; rows of one study (and arm) are the same people.
    arm : str or None
        Rows of one study that differ here are different people.
    control : str or None
        Names the control group; rows of one study with the same entry are compared with the same people.
    lists : str or None
        Labels of other rows that share people, joined by "; ".
    group : str or None
        Rows with the same entry are the same people.
    followup : str or None
        Length of follow-up, for the rule ``longest_followup``.
    n : str or None
        People, for the rule ``largest_n``.
    """

    label: str
    arm: str | None = None
    lists: str | None = None
    group: str | None = None
    followup: str | None = None
    n: str | None = None
    control: str | None = None


@dataclass(frozen=True, slots=True)
class RequiredWhen:
    """``column`` must be filled in rows where every column of ``when`` has the value beside it."""

    column: str
    when: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PercentClaim:
    """A reported percentage that ``events`` of ``n`` gives, unless column ``unless[0]`` is ``unless[1]``."""

    percent: str
    events: str
    n: str
    unless: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class RateClaim:
    """A reported rate per 100 that ``events`` over ``time`` should give."""

    rate: str
    events: str
    time: str


@dataclass(frozen=True, slots=True)
class CohortSplit:
    """Rows of one study whose ``events`` are parts of those of its ``whole`` row, all out of one ``n``."""

    study: str
    part: str
    whole: str
    parts: tuple[str, ...]
    events: str
    n: str


@dataclass(frozen=True, slots=True)
class SheetSchema:
    """The codebook of one sheet.

    Attributes
    ----------
    name, title : str
        Name as in a protocol; title in words.
    columns : tuple of Column
        In the order of a fresh sheet.
    open : bool
        Whether other columns may stand in the sheet; they are carried as text.
    pairs : tuple of (events, n)
        Events that must not exceed n.
    overlap : OverlapColumns or None
        Which columns say that rows share people.
    key : tuple of str
        Columns that together name a row: no two rows may agree in all of them. As the protocol declares it,
        else the codebook's own.
    intervals : tuple of (low, estimate, high)
        Limits in order; the estimate should lie within.
    sums : tuple of (whole, parts)
        Counts whose parts in the same row must not add up to more than the whole.
    percents, rates, cohort, required_when
        Further rules, see their classes.
    quotes : tuple of str
        Text columns in which a printed percentage may be quoted beside the counts of the row.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    open: bool = False
    pairs: tuple[tuple[str, str], ...] = ()
    overlap: OverlapColumns | None = None
    key: tuple[str, ...] = ()
    intervals: tuple[tuple[str, str, str], ...] = ()
    sums: tuple[tuple[str, tuple[str, ...]], ...] = ()
    percents: tuple[PercentClaim, ...] = ()
    rates: tuple[RateClaim, ...] = ()
    cohort: CohortSplit | None = None
    required_when: tuple[RequiredWhen, ...] = ()
    quotes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    def find(self, name: str) -> Column | None:
        """Return the column of this name, or None."""
        return next((column for column in self.columns if column.name == name), None)


def find_schema(name: str) -> SheetSchema:
    """Return the codebook of this name.

    Raises
    ------
    SheetError
        If there is none; the message names the nearest.
    """
    if name not in SCHEMA_NAMES:
        raise SheetError(f"no sheet schema {name!r}; {suggest(name, SCHEMA_NAMES)}")
    return cast(SheetSchema, import_module(f"extraction.schemas.{name}").SCHEMA)


def extend_schema(
    schema: SheetSchema,
    types: Mapping[str, FurtherKind] | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
    roles: Roles = NO_ROLES,
) -> SheetSchema:
    """Return ``schema`` with further typed columns, (events, n) pairs and roles, as a protocol declares them.

    A column that the schema knows keeps its meaning and takes the new kind. Columns named only in ``pairs``
    are counts. A declared key takes the place of the codebook's.

    Raises
    ------
    SheetError
        If the schema is closed and more than a key is declared, or a type is unknown.
    """
    if roles != NO_ROLES:
        schema = replace(_with_roles(schema, roles), key=roles.key or schema.key)
    if not types and not pairs:
        return schema
    if not schema.open:
        raise SheetError(
            f"sheet schema {schema.name!r} is closed: it takes no further types or pairs (use 'generic')"
        )
    kinds: dict[str, FurtherKind] = dict(types or {})
    for name, kind in kinds.items():
        if kind not in get_args(FurtherKind):
            raise SheetError(
                f"type of column {name!r} must be one of {', '.join(get_args(FurtherKind))}; got {kind!r}"
            )
    for name in (name for pair in pairs or () for name in pair):
        if schema.find(name) is None:
            kinds.setdefault(name, "count")
    known = {column.name: column for column in schema.columns}
    for name, kind in kinds.items():
        meaning = known[name].meaning if name in known else "Column of this review"
        known[name] = Column(name, kind, meaning, required=False)
    return replace(schema, columns=tuple(known.values()), pairs=schema.pairs + tuple(pairs or ()))


def _with_roles(schema: SheetSchema, roles: Roles) -> SheetSchema:
    """Return an open schema in which the given columns name study, arm and control group."""
    if roles.study is None and roles.arm is None and roles.control is None:
        return schema
    if not schema.open or schema.overlap is None:
        raise SheetError(
            f"sheet schema {schema.name!r} is closed: it takes no columns for study, arm and control "
            "(use 'generic')"
        )
    own = schema.overlap
    named = replace(
        own,
        label=roles.study or own.label,
        arm=roles.arm or own.arm,
        control=roles.control or own.control,
    )
    return replace(schema, overlap=named)


def codebook_markdown(schema: SheetSchema) -> str:
    """Return the codebook as Markdown: columns, the values of each category, rules between columns."""
    lines = [f"# {schema.title}", "", f"Sheet schema `{schema.name}`. {_openness(schema)}", ""]
    lines += [
        "| column | type | unit | range | required | meaning |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for column in schema.columns:
        cells = (
            f"`{column.name}`",
            column.kind,
            column.unit,
            _range_text(column),
            "yes" if column.required else "",
            column.meaning,
        )
        lines.append("| " + " | ".join(_escape(cell) for cell in cells) + " |")
    for column in schema.columns:
        if column.allowed:
            lines += ["", f"## Values of `{column.name}`", ""]
            lines += [f"- `{value}`" + (f": {words}" if words else "") for value, words in column.allowed]
    rules = _rules_text(schema)
    if rules:
        lines += ["", "## Rules between columns", "", *(f"- {rule}" for rule in rules)]
    return "\n".join(lines) + "\n"


def _openness(schema: SheetSchema) -> str:
    if schema.open:
        return "Other columns may be added; they are carried as text unless the protocol gives them a type."
    return "No other columns; a column that is not required may be left out."


def _escape(cell: str) -> str:
    return cell.replace("|", "\\|")


def _range_text(column: Column) -> str:
    """Return the range of a number, or the values of a category, in words."""
    if column.allowed:
        return "one of the values below"
    low, high = column.bounds
    if column.above is not None:
        return f"above {column.above:g}" + (f", to {high:g}" if high is not None else "")
    if high == MAX_COUNT:
        return f"from {low:g}"
    parts = [f"from {low:g}" if low is not None else "", f"to {high:g}" if high is not None else ""]
    return " ".join(part for part in parts if part)


def _rules_text(schema: SheetSchema) -> list[str]:
    """Return each rule between columns as a sentence without a full stop."""
    rules = []
    if schema.key:
        rules.append(f"No two rows with the same {' and '.join(f'`{c}`' for c in schema.key)}")
    rules += [f"`{events}` must not exceed `{n}`" for events, n in schema.pairs]
    rules += [
        f"{' + '.join(f'`{p}`' for p in parts)} must not exceed `{whole}`" for whole, parts in schema.sums
    ]
    rules += [
        f"`{low}` must not exceed `{high}`; `{estimate}` lies between them (warning)"
        for low, estimate, high in schema.intervals
    ]
    for needed in schema.required_when:
        when = " and ".join(f"`{column}` is `{value}`" for column, value in needed.when)
        rules.append(f"`{needed.column}` is required where {when}")
    for claim in schema.percents:
        unless = f", except where `{claim.unless[0]}` is `{claim.unless[1]}`" if claim.unless else ""
        rules.append(f"`{claim.percent}` agrees with `{claim.events}` of `{claim.n}`{unless} (warning)")
    rules += [
        f"`{claim.rate}` agrees with `{claim.events}` over `{claim.time}` (warning)" for claim in schema.rates
    ]
    if schema.cohort is not None:
        split = schema.cohort
        rules.append(
            f"Within one `{split.study}`, `{split.events}` of {' and '.join(f'`{p}`' for p in split.parts)} "
            f"rows together must not exceed those of the `{split.whole}` row; "
            f"`{split.n}` is the same in all (warning)"
        )
    if schema.overlap is not None and schema.overlap.lists is not None:
        rules.append(f"`{schema.overlap.lists}` names other `{schema.overlap.label}`s, joined by `; `")
    return rules
