"""Rows that share people form a graph; a declared rule keeps a set in which no two rows touch.

Two rows touch when they are one study and one arm, when they carry one overlap group, when one lists the
other, or when the protocol says so. Overlap is a graph and no partition: a consortium touches several cohorts
that do not touch one another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from extraction.errors import Problem, ReviewError
from extraction.heaviest_set import HeaviestSet, bits_of, lexicographic_weights
from extraction.names import nearest, suggest
from extraction.sheet import Row, RowRef, Sheet, Value

#: The words a rule may use, in the order in which a review usually names them.
RULES = ("most_cohorts", "longest_followup", "largest_n")

#: What decided about a row that was set aside, beside the words of the rule itself.
BY_NAMING, BY_NAME = "named", "name"


class OverlapError(ReviewError, ValueError):
    """The rule, or a row named in it, cannot be used; the text says which and what is allowed."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that was not kept.

    Attributes
    ----------
    label : str
        Its label.
    because_of : tuple of str
        Labels of the kept rows that share people with it; never empty.
    rule : str
        What decided: ``named``, a word of the rule, or ``name`` where everything else was equal.
    rows : tuple of RowRef
        Where it stands.
    """

    label: str
    because_of: tuple[str, ...]
    rule: str
    rows: tuple[RowRef, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows of which no two share people.

    Attributes
    ----------
    sheet : Sheet
        The kept rows, in the order of the sheet.
    set_aside : tuple of SetAside
        The others, by label.
    ties : tuple of str
        Sentences about choices that only the names decided.
    warnings : tuple of Problem
        Links to rows that do not exist.
    """

    sheet: Sheet
    set_aside: tuple[SetAside, ...]
    ties: tuple[str, ...]
    warnings: tuple[Problem, ...]


def choose_rows(
    sheet: Sheet,
    rule: Sequence[str],
    *,
    named: Sequence[str] = (),
    links: Sequence[Sequence[str]] = (),
    label: str | Sequence[str] | None = None,
    together: str | None = None,
) -> Chosen:
    """Keep rows of which no two share people: rows named first, then the declared rule, then names.

    The choice is exact, component by component: of the sets without a link that hold every named row, the one
    that is best by the first word of ``rule``; of those the best by the second, and so on. It does not depend
    on the order of the rows.

    Parameters
    ----------
    sheet : Sheet
        The rows to choose from. Links are seen on ``sheet.whole``, so that a filter hides none.
    rule : sequence of str
        ``most_cohorts`` (the set with the most rows), ``longest_followup`` (the set whose follow-ups, sorted
        downwards, are lexicographically largest, missing last), ``largest_n`` (likewise), in the order in
        which they decide.
    named : sequence of str
        Labels, or study names, of rows that are kept whatever the rule says.
    links : sequence of pairs of str
        Further links, by label or study name.
    label : str or sequence of str, optional
        Column or columns that name a row; the study column of the sheet's schema where not given.
    together : str, optional
        Column whose rows with one value may stay together although they share people, because the analysis
        models their dependence.

    Returns
    -------
    Chosen

    Raises
    ------
    OverlapError
        If a rule word is unknown or repeated or its column missing, if a named row does not exist among the
        rows, or if two named rows share people.
    """
    _check_rule(sheet, rule)
    columns = _label_columns(sheet, label)
    labels = tuple(label_of(row, columns) for row in sheet.rows)
    graph, warnings = _build_graph(sheet, labels, links, columns)
    if together is not None:
        graph = _cut_within(sheet, graph, together)
    forced = _find_named(sheet, labels, graph, named)
    keys = _keys(sheet, rule)
    place = [(labels[i], row.ref.hash, row.ref.line) for i, row in enumerate(sheet.rows)]
    kept: set[int] = set()
    aside: list[SetAside] = []
    ties: list[str] = []
    for component in _components(graph):
        members = sorted(component, key=place.__getitem__)
        chosen, decided = _choose_component(members, graph, forced, keys, rule)
        kept |= chosen
        because = {i: tuple(sorted({labels[j] for j in graph[i] & chosen})) for i in decided}
        for i, word in decided.items():
            aside.append(SetAside(labels[i], because[i], word, (sheet.rows[i].ref,)))
        tied = [i for i, word in decided.items() if word == BY_NAME]
        if tied:
            rivals = sorted({name for i in tied for name in because[i]})
            ties.append(_tie_text(sorted({labels[i] for i in tied}), rivals, rule))
    rows = tuple(row for i, row in enumerate(sheet.rows) if i in kept)
    aside.sort(key=lambda entry: (entry.label, entry.rows[0].hash, entry.rows[0].line))
    chosen_sheet = replace(sheet, rows=rows, whole=sheet.whole or sheet)
    return Chosen(chosen_sheet, tuple(aside), tuple(sorted(ties)), warnings)


def label_of(row: Row, columns: Sequence[str]) -> str:
    """Return the label of a row: its label columns, joined by a space; its line where they are empty."""
    text = " ".join(_show(value) for c in columns if (value := row.values.get(c)) is not None).strip()
    return text or f"line {row.ref.line}"


def _show(value: Value) -> str:
    """Return a cell as it reads in a label: 2001, not 2001.0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _label_columns(sheet: Sheet, label: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns that name a row, and refuse those the sheet does not have."""
    if label is None:
        overlap = sheet.schema.overlap
        return (overlap.label,) if overlap is not None and overlap.label in sheet.columns else ()
    columns = (label,) if isinstance(label, str) else tuple(label)
    for column in columns:
        if column not in sheet.columns:
            raise OverlapError(
                f"{sheet.file}: no column {column!r} to label rows by; {suggest(column, sheet.columns)}"
            )
    return columns


def _check_rule(sheet: Sheet, rule: Sequence[str]) -> None:
    """Refuse words that are unknown, said twice, or need a column that the sheet does not have."""
    if isinstance(rule, str):
        raise OverlapError(f"the overlap rule is a list of words, such as ['most_cohorts']; got {rule!r}")
    for word in rule:
        if word not in RULES:
            words = ", ".join(RULES)
            hint = suggest(word, RULES)
            raise OverlapError(f"unknown word in the overlap rule: {word!r}; {hint} (all: {words})")
        if list(rule).count(word) > 1:
            raise OverlapError(f"the overlap rule names {word!r} more than once")
        if word != "most_cohorts" and _rule_column(sheet, word) is None:
            overlap = sheet.schema.overlap
            name = overlap and (overlap.followup if word == "longest_followup" else overlap.n)
            which = f"the column {name!r}, which" if name else "a column that"
            raise OverlapError(
                f"{sheet.file}: the overlap rule {word!r} needs {which} this sheet does not have"
            )


def _rule_column(sheet: Sheet, word: str) -> str | None:
    """Return the column that a word of the rule looks at, or None where the sheet lacks it."""
    overlap = sheet.schema.overlap
    if overlap is None:
        return None
    column = overlap.followup if word == "longest_followup" else overlap.n
    return column if column in sheet.columns else None


def _keys(sheet: Sheet, rule: Sequence[str]) -> list[list[float]]:
    """Return what each word of the rule looks at, row by row; larger is better, minus infinity is missing."""
    found = []
    for row in sheet.rows:
        key = []
        for word in rule:
            column = None if word == "most_cohorts" else _rule_column(sheet, word)
            cell = 0.0 if column is None else row.values.get(column)
            key.append(float(cell) if isinstance(cell, int | float) else float("-inf"))
        found.append(key)
    return found


# The graph ------------------------------------------------------------------------------------------


def _build_graph(
    sheet: Sheet, labels: tuple[str, ...], links: Sequence[Sequence[str]], columns: tuple[str, ...]
) -> tuple[list[set[int]], tuple[Problem, ...]]:
    """Return the neighbours of each row, and a warning for each link that leads nowhere."""
    whole = sheet.whole or sheet
    units = [_unit(sheet, row) for row in sheet.rows]
    groups = _groups_of_units(whole)
    mine = [
        groups.get(unit, set()) | _own_group(sheet, row) for unit, row in zip(units, sheet.rows, strict=True)
    ]
    listed, warnings = _listed_links(whole)
    declared, more = _declared_links(whole, links, set(labels) | _all_names(whole, columns))
    names = [{label, unit[0]} for label, unit in zip(labels, units, strict=True)]
    graph: list[set[int]] = [set() for _ in labels]
    for i in range(len(labels)):
        for j in range(i):
            linked = frozenset((units[i][0], units[j][0])) in listed or any(
                frozenset((a, b)) in declared for a in names[i] for b in names[j]
            )
            if linked or mine[i] & mine[j] or _one_arm(sheet, units[i], units[j]):
                graph[i].add(j)
                graph[j].add(i)
    return graph, warnings + more


def _cut_within(sheet: Sheet, graph: list[set[int]], column: str) -> list[set[int]]:
    """Drop the links between rows that have one value in ``column``; rows without a value keep theirs."""
    values = [_text(row, column) for row in sheet.rows]
    return [
        {j for j in near if values[i] is None or values[i] != values[j]} for i, near in enumerate(graph)
    ]


def _unit(sheet: Sheet, row: Row) -> tuple[str | None, str | None]:
    """Return the study and the arm of a row."""
    overlap = sheet.schema.overlap
    return (None, None) if overlap is None else (_text(row, overlap.label), _text(row, overlap.arm))


def _one_arm(sheet: Sheet, one: tuple[str | None, str | None], two: tuple[str | None, str | None]) -> bool:
    """Say whether two rows are one study and one arm; an arm that is not given may be any of its study."""
    if one[0] is None or one[0] != two[0]:
        return False
    overlap = sheet.schema.overlap
    has_arms = overlap is not None and overlap.arm is not None and overlap.arm in sheet.columns
    return not has_arms or one[1] is None or two[1] is None or one[1] == two[1]


def _text(row: Row, column: str | None) -> str | None:
    """Return a cell as text, or None where the column or the value is missing."""
    value = row.values.get(column) if column is not None else None
    return None if value is None or value == "" else _show(value)


def _own_group(sheet: Sheet, row: Row) -> set[str]:
    group = _text(row, sheet.schema.overlap.group if sheet.schema.overlap else None)
    return set() if group is None else {group}


def _groups_of_units(whole: Sheet) -> dict[tuple[str | None, str | None], set[str]]:
    """Return the overlap groups of each study and arm: what one row says holds for all rows of its people."""
    found: dict[tuple[str | None, str | None], set[str]] = defaultdict(set)
    overlap = whole.schema.overlap
    if overlap is not None and overlap.group is not None:
        for row in whole.rows:
            found[_text(row, overlap.label), _text(row, overlap.arm)] |= _own_group(whole, row)
    return found


def _listed_links(whole: Sheet) -> tuple[set[frozenset[str | None]], tuple[Problem, ...]]:
    """Return the links between studies that the sheet lists, and a warning for each that leads to no row."""
    overlap = whole.schema.overlap
    if overlap is None or overlap.lists is None:
        return set(), ()
    known = {name for row in whole.rows if (name := _text(row, overlap.label)) is not None}
    found: set[frozenset[str | None]] = set()
    warnings = []
    for row in whole.rows:
        for other in (part.strip() for part in (_text(row, overlap.lists) or "").split(";")):
            if not other or other == _text(row, overlap.label):
                continue
            if other in known:
                found.add(frozenset((_text(row, overlap.label), other)))
            else:
                warnings.append(_dead_link(row.ref.file, row.ref.line, overlap.lists, other, known))
    return found, tuple(warnings)


def _declared_links(
    whole: Sheet, links: Sequence[Sequence[str]], known: set[str]
) -> tuple[set[frozenset[str | None]], tuple[Problem, ...]]:
    """Return the links that the protocol declares, and a warning for each name that no row has."""
    found: set[frozenset[str | None]] = set()
    warnings = []
    for link in links:
        if isinstance(link, str) or len(link) != 2 or link[0] == link[1]:
            raise OverlapError(
                f"a link joins two different rows, such as ['Smith2001', 'Jones2004']; got {link!r}"
            )
        missing = [name for name in link if name not in known]
        warnings += [_dead_link(whole.file, None, "links", name, known) for name in missing]
        if not missing:
            found.add(frozenset(link))
    return found, tuple(warnings)


def _all_names(whole: Sheet, columns: tuple[str, ...]) -> set[str]:
    """Return every study name and every label of the whole sheet."""
    names = {name for row in whole.rows if (name := _unit(whole, row)[0]) is not None}
    if all(column in whole.columns for column in columns):
        names |= {label_of(row, columns) for row in whole.rows}
    return names


def _dead_link(file: str, line: int | None, column: str, value: str, known: set[str]) -> Problem:
    """Return the warning about a link to a row that does not exist."""
    near = nearest(value, known)
    advice = f"did you mean {near!r}?" if near else "mend the name, or take it out of this column"
    message = f"{value!r} is said to share people, but no row has that name"
    return Problem(file, line, column, value, "link-to-no-row", message, advice, "warning")


def _find_named(
    sheet: Sheet, labels: tuple[str, ...], graph: list[set[int]], named: Sequence[str]
) -> set[int]:
    """Return the rows that are named; refuse names without a row, and rows that touch each other."""
    studies = [_unit(sheet, row)[0] for row in sheet.rows]
    forced: set[int] = set()
    for name in dict.fromkeys(named):
        found = [i for i, text in enumerate(labels) if text == name]
        found = found or [i for i, text in enumerate(studies) if text == name]
        if not found:
            whole = sheet.whole or sheet
            there = name in {_unit(whole, row)[0] for row in whole.rows}
            hint = "the filters of this analysis take it away" if there else suggest(name, set(labels))
            raise OverlapError(f"{sheet.file}: no row named {name!r} to keep in this analysis; {hint}")
        forced.update(found)
    for i in sorted(forced):
        for j in sorted(graph[i] & forced):
            lines = f"lines {sheet.rows[i].ref.line} and {sheet.rows[j].ref.line}"
            pair = f"{labels[i]!r} and {labels[j]!r} ({lines})"
            raise OverlapError(f"{sheet.file}: the named rows {pair} share people; name one of them")
    return forced


def _components(graph: list[set[int]]) -> list[list[int]]:
    """Return the connected components, each sorted, in the order of their first row."""
    seen: set[int] = set()
    found = []
    for start in range(len(graph)):
        if start in seen:
            continue
        stack, component = [start], {start}
        while stack:
            new = graph[stack.pop()] - component
            component |= new
            stack.extend(new)
        seen |= component
        found.append(sorted(component))
    return found


# The choice -----------------------------------------------------------------------------------------------


def _choose_component(
    members: list[int], graph: list[set[int]], forced: set[int], keys: list[list[float]], rule: Sequence[str]
) -> tuple[set[int], dict[int, str]]:
    """Return the rows of a component that are kept, and what decided about each of the others.

    ``members`` are in the order of their names, which decide last.
    """
    decided = {i: BY_NAMING for i in members if i not in forced and graph[i] & forced}
    free = [i for i in members if i not in forced and i not in decided]
    bit_of = {row: bit for bit, row in enumerate(free)}
    near = [sum(1 << bit_of[j] for j in graph[i] if j in bit_of) for i in free]
    free_keys = [keys[i] for i in free]
    finder = HeaviestSet(near, lexicographic_weights(free_keys))
    everything = (1 << len(free)) - 1
    best = finder.within(everything)
    for bit, row in enumerate(free):
        if not best >> bit & 1:
            # what the best set with this row in it would have lost by
            other = finder.within(everything & ~near[bit] & ~(1 << bit)) | 1 << bit
            decided[row] = _first_difference(best, other, free_keys, rule)
    kept = {row for row in members if row in forced} | {free[bit] for bit in bits_of(best)}
    return kept, decided


def _first_difference(best: int, other: int, keys: list[list[float]], rule: Sequence[str]) -> str:
    """Return the first word of the rule by which two sets differ; the name where none does."""
    for layer, word in enumerate(rule):
        one, two = (sorted(keys[bit][layer] for bit in bits_of(chosen)) for chosen in (best, other))
        if one != two:
            return word
    return BY_NAME


def _tie_text(tied: list[str], rivals: list[str], rule: Sequence[str]) -> str:
    """Say that only the names decided between rows."""
    equal = f"equal by {', '.join(rule)}" if rule else "no rule is declared"
    return f"{_join(rivals)} rather than {_join(tied)}: {equal}, so the name decided"


def _join(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
