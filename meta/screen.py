"""What the shell shows: results on stdout, problems and progress on stderr, nothing a terminal would obey."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import click

from extraction.errors import Problem
from extraction.names import visible

if TYPE_CHECKING:
    from meta.choices import Sensitivity
    from meta.living.shapes import Changes
    from meta.pipeline import RunResult
    from meta.single import SingleFit


def open_screen() -> None:
    """Let no character end a command: what an encoding lacks is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def print_json(content: Mapping[str, Any]) -> None:
    """Print JSON on stdout, in ASCII: valid in every encoding, and harmless on a terminal."""
    click.echo(json.dumps(content, indent=1, allow_nan=False))


def print_problems(problems: Sequence[Problem]) -> None:
    """List errors on stderr, one a line."""
    if problems:
        click.echo(f"{len(problems)} error{'' if len(problems) == 1 else 's'}:", err=True)
    for problem in problems:
        click.echo(f"  {problem}", err=True)


def print_warnings(warnings: Iterable[Problem | str]) -> None:
    """List warnings on stderr, one a line."""
    for problem in warnings:
        words = visible(problem) if isinstance(problem, str) else problem
        click.echo(f"  warning: {words}", err=True)


@contextmanager
def show_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that shows how far a run is, on stderr; silent where stderr is no terminal."""
    # Python has no stderr where the shell closed it
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        # how many steps there are is known once everything is read
        task = bar.add_task("reading", total=None, count="")

        def tell(what: str, done: int, total: int) -> None:
            shown = escape(visible(what))
            bar.update(task, description=shown, completed=done, total=total, count=f"{done}/{total}")

        yield tell


def print_summary(results: Mapping[str, Any]) -> None:
    """Print the report's own table at a glance: one row an analysis."""
    from meta.report.context import build_context
    from meta.report.pieces import plain

    glance = build_context(results).glance
    headings = tuple(column.heading for column in glance.columns)
    rows = [tuple(plain(cell) for cell in row.cells) for row in glance.rows]
    _print_table(headings, rows, numeric={column.heading for column in glance.columns if column.number})


#: Columns of the report's table of changes that a screen has room for.
CHANGED_COLUMNS = ("Analysis", "Studies", "Estimate [CI] before", "Estimate [CI] now", "Unit")


def print_changed(results: Mapping[str, Any]) -> None:
    """Print what changed since the last release, a line an analysis; nothing where there is no release."""
    from meta.report.changes import changes_view
    from meta.report.pieces import Node, plain

    view = changes_view(Node(results), frozenset())
    if view is None:
        return
    click.echo(visible(plain(view.line)))
    if view.table.rows:
        places = [i for i, column in enumerate(view.table.columns) if column.heading in CHANGED_COLUMNS]
        headings = tuple(view.table.columns[i].heading for i in places)
        rows = [tuple(plain(row.cells[i]) for i in places) for row in view.table.rows]
        _print_table(headings, rows, numeric=set(CHANGED_COLUMNS[1:4]))


def print_crosscheck(results: Mapping[str, Any]) -> None:
    """Print the report's own table of second opinions; nothing where none were asked for.

    Numbers beyond their tolerance are left to stderr.
    """
    from meta.report.crosscheck import crosscheck_block
    from meta.report.pieces import Node, plain

    block = crosscheck_block(Node(dict(results)))
    for sentence in block.sentences:
        click.echo(visible(f"\n{plain(sentence)}"))
    for table in (*block.tables[:1], *block.hidden):
        if table.rows:
            click.echo(visible(f"\n{table.caption}"))
            headings = tuple(column.heading for column in table.columns)
            rows = [tuple(plain(cell) for cell in row.cells) for row in table.rows]
            _print_table(headings, rows, numeric={c.heading for c in table.columns if c.number}, inset=2)


def print_differences(results: Mapping[str, Any]) -> bool:
    """Name on stderr every number that differs from another engine's; return whether there is any."""
    from meta.crosscheck.summaries import find_failures

    failures = find_failures({name: entry["crosscheck"] for name, entry in results["analyses"].items()})
    if failures:
        click.echo(f"{len(failures)} number{'' if len(failures) == 1 else 's'} beyond tolerance:", err=True)
    for failure in failures:
        click.echo(visible(f"  {failure}"), err=True)
    return bool(failures)


def run_summary(result: RunResult) -> dict[str, Any]:
    """Return what ``meta run --json`` prints: where things are, and the main numbers of each analysis."""
    analyses = {}
    for name, entry in result.results["analyses"].items():
        fit = entry["fit"] or {}
        analyses[name] = {
            "status": fit.get("status", "not_estimable"),
            "k": fit.get("k", 0),
            "measure": entry["measure"],
            "natural": fit.get("natural"),
            "population_mean": fit.get("population_mean"),
            "tau2": fit.get("tau2"),
        }
    return {
        "crosscheck": result.results["crosscheck"],
        "report": str(result.report),
        "results": str(result.out / "results.json"),
        "warnings": [p.to_dict() for p in result.warnings],
        "report_warnings": list(result.report_warnings),
        "analyses": analyses,
    }


def print_sensitivity(found: Sensitivity) -> None:
    """Print what the report says of the alternatives: for each analysis its sentences, table and notes."""
    from meta.report.pieces import plain
    from meta.report.sensitivity import read_block

    for i, (name, entry) in enumerate(found.entries.items()):
        if i:
            click.echo()
        click.echo(visible(f"{entry['title']} ({name})"))
        block = read_block(name, entry)
        if not block.exists:
            click.echo("  No alternatives are declared.")
        for sentence in block.sentences:
            click.echo(visible(f"  {plain(sentence)}"))
        for table in (*block.hidden, *block.tables):
            click.echo()
            rows = [tuple(plain(cell) for cell in row.cells) for row in table.rows]
            if any(column.prose for column in table.columns):
                _print_words(rows)
            else:
                headings = tuple(column.heading for column in table.columns)
                numeric = {column.heading for column in table.columns if column.number}
                _print_table(headings, rows, numeric=numeric)
            for note in table.notes:
                click.echo(visible(f"  {plain(note)}"))


def _print_words(rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table of sentences row by row: columns would fold them into a few letters a line."""
    for name, *words in rows:
        click.echo(visible(f"  {name}: {' '.join(words)}"))


def sensitivity_summary(found: Sensitivity) -> dict[str, Any]:
    """Return what ``meta sensitivity --json`` prints: of each analysis its main numbers and alternatives."""
    analyses = {}
    for name, entry in found.entries.items():
        fit = entry["fit"] or {}
        analyses[name] = {
            "title": entry["title"],
            "measure": entry["measure"],
            "unit": entry["unit"],
            "k": fit.get("k", 0),
            "status": fit.get("status", "not_estimable"),
            "natural": fit.get("natural"),
            "threshold": entry["threshold"],
            "alternatives": entry["alternatives"],
        }
    return {"analyses": analyses, "warnings": [p.to_dict() for p in found.warnings]}


def print_fit(result: SingleFit) -> None:
    """Print a fit: the studies in the unit of display, then name and value a line."""
    from meta.effects.measures import SUMMED
    from meta.tables.numbers import column_decimals, count_text, interval_text, number_text, sheet_decimals

    studies, factor = result.fit.studies, result.unit.factor
    counts = list(dict.fromkeys(name for study in studies for name in study.counts))
    shown = [[None if x is None else x * factor for x in (s.value, s.low, s.high)] for s in studies]
    decimals = column_decimals(shown)
    places = {n: sheet_decimals(s.counts.get(n) for s in studies) for n in counts if n not in SUMMED}

    def cell(x: float | None, name: str) -> str:
        return number_text(x, places[name]) if name in places else count_text(x)

    rows = [
        (
            study.label,
            *(cell(study.counts.get(name), name) for name in counts),
            study.reason or interval_text(value, low, high, decimals),
        )
        for study, (value, low, high) in zip(studies, shown, strict=True)
    ]
    _print_table(("study", *counts, result.unit.heading.lower()), rows, numeric=set(counts))
    width = max(len(name) for name, _ in result.lines)
    click.echo()
    for name, text in result.lines:
        click.echo(visible(f"{name.ljust(width)}  {text}"))


def print_changes(changes: Changes) -> None:
    """Print a comparison of two versions: short first, then analyses, rows and choices."""
    from meta.report.changes_text import describe_comparison
    from meta.report.pieces import plain

    for i, part in enumerate(describe_comparison(changes)):
        if i:
            click.echo()
        click.echo(_one_line(part.heading))
        for sentence in part.sentences:
            click.echo(_one_line(f"  {sentence}"))
        if part.table is not None:
            headings = tuple(column.heading for column in part.table.columns)
            rows = [tuple(plain(cell) for cell in row.cells) for row in part.table.rows]
            _print_table(headings, rows, numeric={c.heading for c in part.table.columns if c.number}, inset=2)
        for point in part.points:
            click.echo(_one_line(f"  - {point}"))


def _one_line(text: str) -> str:
    """Return visible text on one line: a reason with line feeds would look like parts of a comparison."""
    return visible(text).replace("\n", "\\n")


def _print_table(
    headings: tuple[str, ...], rows: list[tuple[str, ...]], *, numeric: set[str], inset: int = 0
) -> None:
    """Print a plain table on stdout, set in by some columns; coloured heads only where they are wanted."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        justify: Literal["left", "right"] = "right" if heading in numeric else "left"
        table.add_column(Text(visible(heading)), justify=justify, overflow="fold")
    for row in rows:
        # Text, not markup: a study may be called [red]
        table.add_row(*(Text(visible(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:
        # a pipe has no width; rows must not be folded at 80 columns
        console = Console(width=200)
    with console.capture() as captured:
        console.print(Padding(table, (0, 0, 0, inset), expand=False) if inset else table)
    # by the way of every other line, so that one encoding holds for all
    click.echo(captured.get(), nl=False)
