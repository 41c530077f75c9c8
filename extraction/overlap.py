"""Rows that share people form a graph; a declared rule keeps a set in which no two rows touch.

Two rows touch when they are one study and one arm, when they carry one overlap group, when one lists the other, or when the protocol
says so. Overlap is a graph and no partition: a consortium touches several cohorts that do not touch one another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from extraction.errors import Problem, ReviewError
from extraction.names import suggest
from extraction.sheet import Row, RowRef, Sheet

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
) -> Chosen:
    """Keep rows of which no two share people: rows named first, then the declared rule, then names.

    The choice is exact, component by component: of the sets without a link that hold every named row, the one that is best by the
    first word of ``rule``; of those the best by the second, and so on. It does not depend on the order of the rows.

    Parameters
    ----------
    sheet : Sheet
        The rows to choose from. Links are seen on ``sheet.whole``, so that a filter hides none.
    rule : sequence of str
        ``most_cohorts`` (the set with the most rows), ``longest_followup`` (the set whose follow-ups, sorted downwards, are
        lexicographically largest, missing last), ``largest_n`` (likewise), in the order in which they decide.
    named : sequence of str
        Labels, or study names, of rows that are kept whatever the rule says.
    links : sequence of pairs of str
        Further links, by label or study name.
    label : str or sequence of str, optional
        Column or columns that name a row; the study column of the sheet's schema where not given.

    Returns
    -------
    Chosen

    Raises
    ------
    OverlapError
        If a rule word is unknown or repeated or its column missing, if a named row does not exist among the rows, or if two
        named rows share people.
    """
    _check_rule(sheet, rule)
    labels = tuple(label_of(row, _label_columns(sheet, label)) for row in sheet.rows)
    graph, warnings = _build_graph(sheet, labels, links, label)
    forced = _find_named(sheet, labels, graph, named)
    order = sorted(
        range(len(sheet)), key=lambda i: (labels[i], sheet.rows[i].ref.hash, sheet.rows[i].ref.line)
    )
    layers = [_layer(word, sheet) for word in rule]
    kept: set[int] = set()
    aside: list[SetAside] = []
    ties: list[str] = []
    for component in _components(graph):
        chosen, decided = _choose_component(
            component, graph, forced, [[layer[i] for layer in layers] for i in range(len(sheet))], order, rule
        )
        kept |= chosen
        for i in sorted(decided, key=order.index):
            because = tuple(sorted({labels[j] for j in graph[i] & chosen}))
            aside.append(SetAside(labels[i], because, decided[i], (sheet.rows[i].ref,)))
        tied = sorted(labels[i] for i, word in decided.items() if word == BY_NAME)
        if tied:
            rivals = sorted(
                {labels[j] for i, word in decided.items() if word == BY_NAME for j in graph[i] & chosen}
            )
            equal = f"equal by {', '.join(rule)}" if rule else "no rule is declared"
            ties.append(f"{_join(rivals)} rather than {_join(tied)}: {equal}, so the name decided")
    result = replace(
        sheet, rows=tuple(row for i, row in enumerate(sheet.rows) if i in kept), whole=sheet.whole or sheet
    )
    aside.sort(key=lambda entry: (entry.label, entry.rows[0].hash, entry.rows[0].line))
    return Chosen(result, tuple(aside), tuple(sorted(ties)), warnings)


def label_of(row: Row, columns: Sequence[str]) -> str:
    """Return the label of a row: the text of its label columns, joined by a comma; the line where there are none."""
    parts = [str(row.values[c]) for c in columns if row.values.get(c) is not None]
    return ", ".join(parts) if parts else f"line {row.ref.line}"


def _label_columns(sheet: Sheet, label: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns that name a row, and refuse those the sheet does not have."""
    if label is None:
        return (sheet.schema.overlap.label,) if sheet.schema.overlap is not None else ()
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
            raise OverlapError(
                f"unknown word in the overlap rule: {word!r}; {suggest(word, RULES)} (all words: {', '.join(RULES)})"
            )
        if list(rule).count(word) > 1:
            raise OverlapError(f"the overlap rule names {word!r} more than once")
        if word != "most_cohorts" and _rule_column(sheet, word) is None:
            raise OverlapError(
                f"{sheet.file}: the overlap rule {word!r} needs a column that this sheet does not have"
            )


def _rule_column(sheet: Sheet, word: str) -> str | None:
    """Return the column that a word of the rule looks at, or None where the sheet lacks it."""
    overlap = sheet.schema.overlap
    if overlap is None:
        return None
    column = overlap.followup if word == "longest_followup" else overlap.n
    return column if column in sheet.columns else None


def _layer(word: str, sheet: Sheet) -> list[float]:
    """Return what a word of the rule looks at, row by row; larger is better, and minus infinity stands for missing."""
    if word == "most_cohorts":
        return [0.0] * len(sheet)
    column = _rule_column(sheet, word)
    cells = [row.values.get(column) if column is not None else None for row in sheet.rows]
    return [float(cell) if isinstance(cell, int | float) else float("-inf") for cell in cells]


# The graph -------------------------------------------------------------------------------------------------------------------


def _build_graph(
    sheet: Sheet, labels: tuple[str, ...], links: Sequence[Sequence[str]], label: str | Sequence[str] | None
) -> tuple[list[set[int]], tuple[Problem, ...]]:
    """Return the neighbours of each row, and the links that lead nowhere."""
    whole = sheet.whole or sheet
    overlap = sheet.schema.overlap
    studies = [_text(row, overlap.label if overlap else None) for row in sheet.rows]
    arms = [_text(row, overlap.arm if overlap else None) for row in sheet.rows]
    groups = _groups_of_units(whole)
    mine = [
        groups.get((s, a), set()) | _own_group(sheet, row)
        for s, a, row in zip(studies, arms, sheet.rows, strict=True)
    ]
    listed, warnings = _listed_links(whole)
    declared, more = _declared_links(whole, links, set(labels) | _all_names(whole, label))
    has_arms = overlap is not None and overlap.arm is not None
    graph: list[set[int]] = [set() for _ in labels]
    for i in range(len(labels)):
        for j in range(i):
            one_study = studies[i] is not None and studies[i] == studies[j]
            # an arm that is not given may be any arm of its study
            one_arm = not has_arms or arms[i] is None or arms[j] is None or arms[i] == arms[j]
            names = ({labels[i], studies[i]}, {labels[j], studies[j]})
            linked = frozenset((studies[i], studies[j])) in listed or any(
                frozenset((a, b)) in declared for a in names[0] for b in names[1] if a != b
            )
            if (one_study and one_arm) or mine[i] & mine[j] or linked:
                graph[i].add(j)
                graph[j].add(i)
    return graph, warnings + more


def _text(row: Row, column: str | None) -> str | None:
    """Return a cell as text, or None where the column or the value is missing."""
    value = row.values.get(column) if column is not None else None
    return None if value is None or value == "" else str(value)


def _own_group(sheet: Sheet, row: Row) -> set[str]:
    group = _text(row, sheet.schema.overlap.group if sheet.schema.overlap else None)
    return set() if group is None else {group}


def _groups_of_units(whole: Sheet) -> dict[tuple[str | None, str | None], set[str]]:
    """Return the overlap groups of each study and arm: what one row says of its people holds for every row of them."""
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
            if not other:
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


def _all_names(whole: Sheet, label: str | Sequence[str] | None) -> set[str]:
    """Return every study name and every label of the whole sheet."""
    overlap = whole.schema.overlap
    given = () if label is None else (label,) if isinstance(label, str) else tuple(label)
    names = {name for row in whole.rows if overlap and (name := _text(row, overlap.label)) is not None}
    return names | {label_of(row, given) for row in whole.rows if given}


def _dead_link(file: str, line: int | None, column: str, value: str, known: set[str]) -> Problem:
    return Problem(
        file,
        line,
        column,
        value,
        "link-to-no-row",
        f"{value!r} shares people with this row, but no row has that name",
        suggest(value, known)
        if len(known) <= 12 or suggest(value, known).startswith("did")
        else "check the name, or move it to the publications outside the sheet",
        "warning",
    )


def _find_named(
    sheet: Sheet, labels: tuple[str, ...], graph: list[set[int]], named: Sequence[str]
) -> set[int]:
    """Return the rows that are named; refuse names without a row, and rows that touch each other."""
    column = sheet.schema.overlap.label if sheet.schema.overlap else None
    forced: set[int] = set()
    for name in dict.fromkeys(named):
        found = [i for i, text in enumerate(labels) if text == name]
        found = found or [i for i, row in enumerate(sheet.rows) if _text(row, column) == name]
        if not found:
            whole = sheet.whole or sheet
            elsewhere = any(_text(row, column) == name for row in whole.rows)
            hint = (
                "it is in the sheet, but the filters take it away"
                if elsewhere
                else suggest(name, set(labels))
            )
            raise OverlapError(
                f"{sheet.file}: the row named {name!r} is not among the rows of this analysis; {hint}"
            )
        forced.update(found)
    for i in sorted(forced):
        for j in sorted(graph[i] & forced):
            lines = f"lines {sheet.rows[i].ref.line} and {sheet.rows[j].ref.line}"
            raise OverlapError(
                f"{sheet.file}: the named rows {labels[i]!r} and {labels[j]!r} ({lines}) share people, so that not both can be kept"
            )
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


# The choice -------------------------------------------------------------------------------------------------------------------


def _choose_component(
    component: list[int],
    graph: list[set[int]],
    forced: set[int],
    keys: list[list[float]],
    order: list[int],
    rule: Sequence[str],
) -> tuple[set[int], dict[int, str]]:
    """Return the rows of a component that are kept, and what decided about each of the others."""
    rank = {row: place for place, row in enumerate(order)}
    members = sorted(component, key=rank.__getitem__)
    named = [i for i in members if i in forced]
    decided = {i: BY_NAMING for i in members if i not in forced and graph[i] & forced}
    free = [i for i in members if i not in forced and i not in decided]
    bits = {row: bit for bit, row in enumerate(free)}
    near = [sum(1 << bits[j] for j in graph[i] if j in bits) for i in free]
    solve = _Heaviest(near, _weights([keys[i] for i in free]))
    everything = (1 << len(free)) - 1
    best = solve.within(everything)[1]
    for bit, row in enumerate(free):
        if best >> bit & 1:
            continue
        # what the best set with this row in it would have lost by
        other = solve.within(everything & ~near[bit] & ~(1 << bit))[1] | 1 << bit
        decided[row] = _first_difference(best, other, [keys[i] for i in free], rule)
    return {*named, *(row for bit, row in enumerate(free) if best >> bit & 1)}, decided


def _weights(keys: list[list[float]]) -> list[int]:
    """Turn the rule into one whole number a row, whose sum over a set orders sets exactly as the rule does.

    Comparing sorted values lexicographically is comparing how often the largest occurs, then the next, and so on. So each distinct
    value is one digit, more significant the earlier its rule and the larger the value, in a base no count can reach. The last digits
    are the names, the first name most significant. Python's integers have no size limit, so nothing is rounded.
    """
    count = len(keys)
    base = count + 1
    weights = [0] * count
    for layer in range(len(keys[0]) if keys else 0):
        values = sorted({key[layer] for key in keys})
        place = {value: base**digit for digit, value in enumerate(values)}
        shift = base ** len(values)
        weights = [weight * shift + place[key[layer]] for weight, key in zip(weights, keys, strict=True)]
    return [weight * base**count + base ** (count - 1 - i) for i, weight in enumerate(weights)]


def _first_difference(best: int, other: int, keys: list[list[float]], rule: Sequence[str]) -> str:
    """Return the first word of the rule by which two sets differ."""
    for layer, word in enumerate(rule):
        sorted_values = [
            sorted((key[layer] for bit, key in enumerate(keys) if chosen >> bit & 1), reverse=True)
            for chosen in (best, other)
        ]
        if sorted_values[0] != sorted_values[1]:
            return word
    return BY_NAME


class _Heaviest:
    """Heaviest set of rows without a link, exactly: branch on the row with the most links, split into components, remember."""

    def __init__(self, near: list[int], weights: list[int]) -> None:
        self._near = near
        self._weights = weights
        self._known: dict[int, tuple[int, int]] = {0: (0, 0)}

    def within(self, mask: int) -> tuple[int, int]:
        """Return the weight of the heaviest set within the rows of ``mask``, and the set, both as integers."""
        if mask in self._known:
            return self._known[mask]
        part = self._component(mask)
        if part != mask:
            one, two = self.within(part), self.within(mask ^ part)
            result = (one[0] + two[0], one[1] | two[1])
        else:
            pick = max(_bits(mask), key=lambda bit: (self._near[bit] & mask).bit_count())
            rest = self.within(mask & ~(1 << pick) & ~self._near[pick])
            with_pick = (rest[0] + self._weights[pick], rest[1] | 1 << pick)
            result = (
                with_pick if not self._near[pick] & mask else max(with_pick, self.within(mask & ~(1 << pick)))
            )
        self._known[mask] = result
        return result

    def _component(self, mask: int) -> int:
        """Return the rows connected to the lowest row of ``mask``."""
        found = fresh = mask & -mask
        while fresh:
            reached = 0
            for bit in _bits(fresh):
                reached |= self._near[bit]
            fresh = reached & mask & ~found
            found |= fresh
        return found


def _bits(mask: int) -> list[int]:
    """Return the places of the bits that are set, from low to high."""
    return [bit for bit in range(mask.bit_length()) if mask >> bit & 1]


def _join(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
