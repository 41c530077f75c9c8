"""Where numbers come from: the choice of rows, sources, risk of bias, problems, provenance."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from meta.report.pieces import (
    Link,
    Node,
    Piece,
    Sentence,
    clean_text,
    join,
    listed,
    show_count,
    upper_first,
)
from meta.report.views import Column, Row, Table, row
from meta.report.words import NOT_ASSESSED, SET_ASIDE_RULES
from meta.tables.numbers import MISSING


def http_address(text: str) -> str | None:
    """Return an address that may be a link (http or https, a host, no quotes), else None."""
    if re.search(r"[\s<>\"'`\\{}|^]", text) or not text.isprintable():
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return text if parts.scheme in ("http", "https") and parts.hostname else None


def address_pieces(text: str) -> Sentence:
    """Return the addresses of a cell, split at semicolons, as links that show their host, or as text."""
    pieces: list[Piece | Sentence] = []
    for part in (p.strip() for p in re.split(r"\s*;\s*|\s+", text) if p.strip()):
        address = http_address(part)
        pieces.append(Link(str(urlsplit(address).hostname), address) if address else clean_text(part))
    return listed(pieces, last=", ") if pieces else (MISSING,)


def source_cell(source: str, url: str) -> Sentence:
    """Return a source as a link where its address is one."""
    address = http_address(url.strip())
    if address:
        return (Link(source or str(urlsplit(address).hostname), address),)
    return join(source, *((" (", url, ")") if url and source else (url,))) if source or url else (MISSING,)


def rows_text(rows: Node) -> str:
    """Return sheet rows as ``trs_incidence.csv:14``, several with commas."""
    found = [(ref.at("file").text(), ref.at("line").number()) for ref in rows.each()]
    return ", ".join(f"{file}:{line:.0f}" for file, line in found if line is not None) or MISSING


def selection_steps(analysis: Node) -> list[Sentence]:
    """Say how the rows of the sheet became the studies of the analysis, one step a sentence."""
    selection = analysis.at("selection")
    if not selection.exists:
        return []
    steps = [
        join(show_count(selection.at("rows_in_sheet")), f" rows in the sheet {analysis.at('sheet').text()}.")
    ]
    for rule in selection.at("filters").each():
        words = rule.at("text").text() or f"{rule.at('column').text()} {rule.at('test').text()}"
        steps.append(
            join(
                f"Kept where {words}: ",
                show_count(rule.at("removed")),
                " taken away, ",
                show_count(rule.at("left")),
                " left.",
            )
        )
    if selection.at("spread").exists:
        steps.append(_spread_text(selection.at("spread")))
    steps.extend(
        (f"{derived.at('column').text()} = {derived.at('text').text()}.",)
        for derived in selection.at("derived").each()
    )
    for kept in selection.at("named").each():
        steps.append((f"Kept by name: {kept.at('label').label()} ({kept.at('reason').text()}).",))
    if selection.at("excluded").exists:
        steps.append(join(show_count(selection.at("excluded")), " left out by name, with the reasons below."))
    overlap = selection.at("overlap")
    if overlap.exists:
        aside = overlap.at("set_aside")
        count = show_count(aside) if aside.exists else "None"
        steps.append(join(count, " set aside because they share people with a row that is kept."))
        steps.extend((upper_first(tie.text()),) for tie in overlap.at("ties").each())
    steps.append(
        join(
            show_count(selection.at("used")),
            " chosen; ",
            show_count(analysis.at("fit", "k")),
            " of them used by the model.",
        )
        if analysis.at("fit").exists
        else join(show_count(selection.at("used")), " chosen.")
    )
    return steps


def _spread_text(spread: Node) -> Sentence:
    levels = [level.text() for level in spread.at("levels").each()]
    return join(
        f"Rows of one study joined, by {spread.at('column').text()} ({', '.join(levels)}): ",
        show_count(spread.at("rows")),
        " rows become ",
        show_count(spread.at("studies")),
        " studies, each keeping all its sheet rows.",
    )


def set_aside_table(analysis: Node) -> Table:
    """Return the rows set aside, for whom, and by which step of the rule."""
    rows = [
        row(
            aside.at("label").label(),
            ", ".join(name.label() for name in aside.at("because_of").each()) or MISSING,
            SET_ASIDE_RULES.get(aside.at("rule").text(), aside.at("rule").text() or MISSING),
            rows_text(aside.at("rows")),
        )
        for aside in analysis.at("selection", "overlap", "set_aside").each()
    ]
    columns = (
        Column("Set aside"),
        Column("Shares people with", wide=True),
        Column("Decided by", wide=True),
        Column("Sheet rows"),
    )
    return Table("Set aside because they share people", columns, tuple(rows))


def left_out_table(analysis: Node, filtered: Sequence[Row] = ()) -> Table:
    """Return what was excluded by name, the studies shown without being used, and what filters took away."""
    rows = [
        row(out.at("label").label(), out.at("reason").text(), "by the protocol", rows_text(out.at("rows")))
        for out in analysis.at("selection", "excluded").each()
    ]
    rows += [
        row(
            study.at("label").label(),
            study.at("reason").text() or MISSING,
            "shown, not used",
            rows_text(study.at("rows")),
        )
        for study in analysis.at("fit", "studies").each()
        if not study.at("used").is_true()
    ]
    rows += filtered
    columns = (
        Column("Left out", wide=bool(filtered)),
        Column("Reason", wide=True),
        Column("How"),
        Column("Sheet rows", wide=bool(filtered)),
    )
    return Table("Left out, with the reason", columns, tuple(rows))


def bias_table(analyses: list[tuple[Node, str]]) -> Table:
    """Return, one line an analysis, which judgement its studies have, or that they have none."""
    rows = []
    for analysis, anchor in analyses:
        tool = analysis.at("risk_of_bias")
        if tool.exists:
            counts = [show_count(tool.at(name)) for name in ("assessed", "not_assessed")]
            name = tool.at("tool").text()
            said = join(f"{name}: ", counts[0], " assessed, ", counts[1], f" {NOT_ASSESSED}")
            rows.append(row(_title_link(analysis, anchor), show_count(analysis.at("fit", "k")), said))
            continue
        judged: dict[str, list[str]] = {}
        for entry in analysis.at("study_table", "rows").each():
            judged.setdefault(entry.at("risk_of_bias").text() or NOT_ASSESSED, []).append(
                entry.at("label").label()
            )
        if set(judged) <= {NOT_ASSESSED}:
            words = NOT_ASSESSED
        else:
            words = "; ".join(f"{word}: {', '.join(labels)}" for word, labels in sorted(judged.items()))
        rows.append(
            row(_title_link(analysis, anchor), show_count(analysis.at("fit", "k")), words)
        )
    columns = (
        Column("Analysis", wide=True),
        Column("Studies", number=True),
        Column("Risk of bias", wide=True),
    )
    return Table("Risk of bias by analysis", columns, tuple(rows))


def _title_link(analysis: Node, anchor: str) -> Link:
    return Link(analysis.at("title").text(), f"#{anchor}")


def problem_table(problems: Node) -> Table:
    """Return the suspicions that checks of the sheets and the protocol left standing."""
    rows = []
    for problem in problems.each():
        line = problem.at("line").number()
        place = problem.at("file").text() + (f":{line:.0f}" if line is not None else "")
        advice = problem.at("advice").text()
        rows.append(
            row(
                place,
                problem.at("column").text() or MISSING,
                problem.at("value").text() or MISSING,
                problem.at("message").text() + (f"; {advice}" if advice else ""),
                problem.at("rule").text(),
            )
        )
    columns = (
        Column("Place"),
        Column("Column"),
        Column("Value", wide=True),
        Column("What is suspicious", wide=True),
        Column("Rule"),
    )
    return Table("Warnings that stand", columns, tuple(rows))


def provenance_tables(provenance: Node) -> list[Table]:
    """Return files with their hashes, versions, and profiles with the value of every option."""
    files: list[Row] = []
    protocol = provenance.at("protocol")
    if protocol.exists:
        files.append(row(protocol.at("file").text(), "protocol", MISSING, protocol.at("sha256").text()))
    for sheet in provenance.at("sheets").each():
        files.append(
            row(
                sheet.at("file").text(),
                f"sheet {sheet.at('name').text()} ({sheet.at('schema').text()})",
                show_count(sheet.at("rows")),
                sheet.at("sha256").text(),
            )
        )
    for target in provenance.at("targets").each():
        files.append(row(target.at("file").text(), "outside references", MISSING, target.at("sha256").text()))
    for judged in provenance.at("judged").each():
        what = {"risk_of_bias": "judgements of risk of bias", "excluded": "excluded studies"}
        name = judged.at("what").text()
        rows = show_count(judged.at("rows"))
        files.append(row(judged.at("file").text(), what.get(name, name), rows, judged.at("sha256").text()))
    versions = [
        row("engine (trs-meta)", provenance.at("engine").text()),
        row("Python", provenance.at("python").text()),
    ]
    versions += [row(name, version.text()) for name, version in provenance.at("packages").items()]
    tables = [
        Table(
            "Files",
            (Column("File"), Column("What"), Column("Rows", number=True), Column("SHA-256", wide=True)),
            tuple(files),
        ),
        Table("Versions", (Column("Software"), Column("Version")), tuple(versions)),
    ]
    for profile in provenance.at("profiles").each():
        tables.append(_profile_table(profile))
    return tables


def _profile_table(profile: Node) -> Table:
    rows = []
    for name, option in profile.at("options").items():
        detailed = isinstance(option.value, dict)
        value = option.at("value") if detailed else option
        source = (option.at("source") if detailed else profile.at("citations", name)).text()
        rows.append(row(name, value.text() or "none", source or MISSING))
    caption = f"Profile {profile.at('name').text()}, SHA-256 {profile.at('sha256').text()}"
    return Table(caption, (Column("Option"), Column("Value"), Column("Source", wide=True)), tuple(rows))
