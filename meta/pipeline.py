"""The chain: protocol and sheets to results, figures and report; the only module that knows every stage."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import meta
from extraction.errors import Problem
from extraction.files import check_folder, write_atomic
from meta.answers import Answer, answer_analysis, answer_to_dict, crosscheck_answers, name_analysis
from meta.crosscheck.summaries import summarise_opinions
from meta.deposit.files import deposit_files
from meta.deposit.manifest import run_manifest
from meta.drawing import draw_answer, draw_changes, draw_flow, draw_history
from meta.errors import OptionError, ReleaseError
from meta.judging import exclusion_entries
from meta.living.archive import (
    MANIFEST_FILE,
    Snapshot,
    list_releases,
    releases_folder,
    require_no_release,
    snapshot_of,
)
from meta.living.changes import compare_snapshots
from meta.living.history import trace_history
from meta.living.past import Version, read_past
from meta.living.summary import describe_changes
from meta.pictures import Pictures
from meta.prisma import flow_entry
from meta.profiles.loader import load_profile
from meta.protocol.plan import Protocol
from meta.protocol.review import Review, read_review
from meta.report.exports import effects_csv, r_script
from meta.report.formats import DEFAULT_FORMATS, Reports, choose_formats, choose_tables, write_reports
from meta.report.references import render_references
from meta.results import to_plain

#: Layout of ``results.json``; a reader of it checks this first.
RESULTS_FORMAT = "trs-meta-results@1"

#: What a version is called that has no name yet.
THIS_VERSION = "this version"

#: Packages whose version can move a number or a byte.
PACKAGES = ("formulaic", "jinja2", "matplotlib", "numpy", "openpyxl", "pandas", "pydantic", "scipy")

#: The figure of the flow of records, without its suffix.
FLOW_FILE = "prisma"

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run wrote: its folder, the report, the content of results.json, and what looked suspicious.

    ``report`` is the page, or the first of the formats asked for; ``report_warnings`` say what a figure or a
    format of the report could not hold.
    """

    out: Path
    report: Path
    results: Mapping[str, Any]
    warnings: tuple[Problem, ...]
    report_warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Computed:
    """A review computed and not yet written: results.json as data, every file by its path, the answers.

    ``warnings`` say what a figure or a format of the report could not hold.
    """

    results: Mapping[str, Any]
    files: Mapping[str, bytes]
    answers: tuple[Answer, ...]
    warnings: tuple[str, ...] = ()


def run_review(
    review: str | Path | None = None,
    *,
    out: str | Path = "out",
    figures: Sequence[str] = ("svg",),
    dpi: int | None = None,
    formats: Sequence[str] = DEFAULT_FORMATS,
    docx_template: str | Path | None = None,
    tables: Sequence[str] = (),
    progress: Tell | None = None,
    crosscheck: bool = False,
    r: bool = True,
) -> RunResult:
    """Check a review, fit every analysis of its protocol, and write results, figures and reports.

    Parameters
    ----------
    review : path, optional
        A ``review.toml`` or its folder; the shipped review where none is given.
    out : path
        Folder for ``results.json``, the report (``report.html``, ...) and ``analyses/<id>/``, and for what an
        archive needs: ``data/`` (sheets as CSV, protocol), ``datapackage.json``, ``ro-crate-metadata.json``,
        ``manifest.json``; made where it does not exist.
    figures : sequence of {"svg", "pdf", "png", "eps", "tiff"}
        Formats of the figures beside the SVG that the report carries.
    dpi : int, optional
        Dots per inch of PNG and TIFF; 300 unless given.
    formats : sequence of {"html", "docx", "pdf", "md"}
        Formats of the report; ``docx`` and ``pdf`` need the extra of that name.
    docx_template : path, optional
        A team's Word template for ``report.docx``, in place of the one that the protocol names.
    tables : sequence of {"csv", "latex"}
        Formats in which every table of the report is written by itself, under ``tables/``.
    progress : callable, optional
        Called with what is being done, how many steps are done, and how many there are.
    crosscheck : bool
        Ask PyMARE, statsmodels and SciPy about every fit, and report how far they differ. A difference beyond
        its tolerance is told in the results (``meta.crosscheck.summaries.find_failures``), and no error here.
    r : bool
        Of second opinions, whether R's metafor is asked too, in one call of Rscript (some seconds). Where it
        is not installed, the results say so.

    Returns
    -------
    RunResult

    Raises
    ------
    ProtocolError
        If there is no protocol, or an analysis asks for what its data or model do not offer.
    ProblemsError
        If sheets or protocol have errors: all of them. Nothing is written before everything is computed.
    ReleaseError
        If a release beside the review cannot be read, or ``out`` is inside a release.
    OptionError
        If a format is not offered, or a Word template is given and no Word document asked for.
    ReportError
        If a format needs a package that is not installed, or the Word template cannot be filled in.
    OutputError
        If ``out`` cannot be written.
    """
    chosen = choose_formats(formats)
    if docx_template is not None and "docx" not in chosen:
        raise OptionError("a Word template is for report.docx; ask for the format docx")
    folder = Path(out)
    require_no_release(folder)
    check_folder(folder)
    checked = read_review(review)
    earlier = read_past(list_releases(releases_folder(review)))
    declared = checked.protocol.report
    named = docx_template or (declared.docx_template and checked.path.parent / declared.docx_template)
    reports = Reports(
        chosen, Path(named) if named else None, declared.docx_figures, choose_tables(tables)
    )
    computed = compute_review(
        checked,
        figures=figures,
        dpi=dpi,
        reports=reports,
        progress=progress,
        earlier=earlier,
        crosscheck=crosscheck,
        r=r,
    )
    written = {**computed.files, MANIFEST_FILE: run_manifest(computed.results, computed.files)}
    for name, content in written.items():
        write_atomic(folder / name, content)
    report = folder / f"report.{chosen[0]}"
    return RunResult(folder, report, computed.results, checked.warnings, computed.warnings)


def compute_review(
    checked: Review,
    *,
    figures: Sequence[str] = ("svg",),
    dpi: int | None = None,
    reports: Reports = Reports(),  # noqa: B008  (frozen)
    progress: Tell | None = None,
    earlier: Sequence[Version | Snapshot] = (),
    version: str = THIS_VERSION,
    note: str = "",
    crosscheck: bool = False,
    r: bool = True,
) -> Computed:
    """Answer, draw and report every analysis of a checked review; nothing is written.

    Parameters
    ----------
    checked : Review
        From :func:`meta.protocol.review.read_review`.
    figures, dpi, progress
        As in :func:`run_review`.
    reports : Reports
        Formats of the report, and how they are written.
    earlier : sequence of Version or Snapshot
        What was released before, the oldest first; the last one is whole, since it is compared.
    version, note : str
        Name of this version among them, and why it was made.
    crosscheck, r : bool
        As in :func:`run_review`.

    Raises
    ------
    ProtocolError
        If an analysis asks for what its data or model do not offer.
    ReleaseError
        If the last of ``earlier`` is no whole version.
    """
    tell = progress if progress is not None else lambda _what, _done, _total: None
    steps = len(checked.protocol.analyses) + 1
    files: dict[str, bytes] = {}
    drawn = Pictures(figures, dpi, reports.wants_picture)
    entries: dict[str, Any] = {}
    answers: list[Answer] = []
    if checked.protocol.prisma is not None:
        drawn.add({FLOW_FILE: draw_flow(checked.protocol.prisma.flow())}, "")
    for done, plan in enumerate(checked.protocol.analyses):
        tell(plan.title, done, steps)
        with name_analysis(checked, plan):
            answer = answer_analysis(plan, checked.selections[plan.id], checked.targets)
            shown = draw_answer(answer)
        folder = f"analyses/{plan.id}"
        entry = answer_to_dict(answer, drawn.add(shown, folder))
        files[f"{folder}/effects.csv"] = effects_csv(entry).encode("utf-8")
        files[f"{folder}/analysis.R"] = r_script(entry).encode("utf-8")
        entries[plan.id] = entry
        answers.append(answer)
    if crosscheck:
        tell("second opinions", steps - 1, steps)
    said = tell_opinions(answers, entries, r=r) if crosscheck else None
    tell("report", steps - 1, steps)
    results = _results(checked, entries, said)
    if earlier:
        now = snapshot_of(version, note, checked, results)
        _tell_versions(results, answers, earlier, now, drawn)
    files.update(drawn.files)
    files["results.json"] = results_bytes(results)
    files.update(render_references(results))
    written, warnings = write_reports(results, drawn.drawings, drawn.collect(), reports)
    files.update(written)
    named = None if version == THIS_VERSION else version
    files.update(deposit_files(checked, results, files, version=named))
    return Computed(results, files, tuple(answers), (*drawn.lacking, *warnings))


def _tell_versions(
    results: dict[str, Any],
    answers: Sequence[Answer],
    earlier: Sequence[Version | Snapshot],
    now: Snapshot,
    drawn: Pictures,
) -> None:
    """Put changes and history into the results, and their figures to the others."""
    before = earlier[-1]
    if not isinstance(before, Snapshot):
        raise ReleaseError(f"release {before.name} must be read with its sheets, since it is compared")
    history = trace_history([*earlier, now])
    for answer in answers:
        name = answer.plan.id
        figure = draw_history(answer, history[name], _shared_level([*earlier, now], name))
        if figure is not None:
            results["analyses"][name]["figures"] |= drawn.add({"history": figure}, f"analyses/{name}")
    changes = compare_snapshots(before, now)
    levels = {analysis.id: _shared_level([before, now], analysis.id) for analysis in changes.analyses}
    moved = draw_changes(changes, levels)
    names = drawn.add({name: figure for name, (_, figure) in moved.items()}, "changes", kind="changes")
    results["history"] = to_plain(history)
    results["changes"] = describe_changes(changes)
    results["changes"]["figures"] = [
        {"file": names[name], "unit": words} for name, (words, _) in moved.items()
    ]


def _shared_level(versions: Sequence[Version | Snapshot], name: str) -> float | None:
    """Return the level of the intervals of an analysis in all versions that have it; None if they differ."""
    entries = [(version.results.get("analyses") or {}).get(name) or {} for version in versions]
    levels = {(entry.get("spec") or {}).get("level") for entry in entries if entry}
    return levels.pop() if len(levels) == 1 else None


def compute_results(checked: Review, *, progress: Tell | None = None) -> dict[str, Any]:
    """Return the content of ``results.json`` without figures: for comparing, not for a report.

    Parameters
    ----------
    checked : Review
        From :func:`meta.protocol.review.read_review`.
    progress : callable, optional
        As in :func:`run_review`.

    Raises
    ------
    ProtocolError
        If an analysis asks for what its data or model do not offer.
    """
    entries: dict[str, Any] = {}
    for done, plan in enumerate(checked.protocol.analyses):
        if progress is not None:
            progress(plan.title, done, len(checked.protocol.analyses))
        with name_analysis(checked, plan):
            answer = answer_analysis(plan, checked.selections[plan.id], checked.targets)
        entries[plan.id] = answer_to_dict(answer, {})
    return _results(checked, entries, None)


def tell_opinions(
    answers: Sequence[Answer], entries: Mapping[str, dict[str, Any]], *, r: bool = True
) -> list[dict[str, Any]]:
    """Put the second opinions on every answer into its entry, and return them summed up."""
    said = {
        name: [opinion.to_dict() for opinion in opinions]
        for name, opinions in crosscheck_answers(answers, r=r).items()
    }
    for name, opinions in said.items():
        entries[name]["crosscheck"] = opinions
    return [summary.to_dict() for summary in summarise_opinions(said)]


def results_bytes(results: Mapping[str, Any]) -> bytes:
    """Return ``results.json`` as it is written."""
    return (json.dumps(results, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode("utf-8")


def profiles_used(protocol: Protocol) -> tuple[str, ...]:
    """Return the method profiles of all analyses and of their alternatives, sorted."""
    names = {plan.profile for plan in protocol.analyses}
    names |= {other.profile for plan in protocol.analyses for other in plan.alternatives if other.profile}
    return tuple(sorted(names))


def _results(
    checked: Review, entries: Mapping[str, Any], crosscheck: list[dict[str, Any]] | None
) -> dict[str, Any]:
    """Return the content of results.json; ``crosscheck`` sums up the second opinions."""
    protocol = checked.protocol
    profiles = [load_profile(name) for name in profiles_used(protocol)]
    plain: dict[str, Any] = to_plain(
        {
            "format": RESULTS_FORMAT,
            "review": {
                "title": protocol.title,
                "question": protocol.question,
                "authors": protocol.authors,
                "about": protocol.about,
                **({} if protocol.report.style == "house" else {"style": protocol.report.style}),
            },
            "provenance": {
                "engine": meta.__version__,
                "python": ".".join(platform.python_version_tuple()[:2]),
                "packages": {name: version(name) for name in PACKAGES},
                "protocol": {"file": checked.path.name, "sha256": checked.protocol_sha256},
                "sheets": [
                    {
                        "name": name,
                        "file": sheet.file,
                        "schema": sheet.schema.name,
                        "sha256": sheet.sha256,
                        "rows": len(sheet),
                    }
                    for name, sheet in checked.sheets.items()
                ],
                "targets": [
                    {"file": sheet.file, "sha256": sheet.sha256} for sheet in checked.target_sheets.values()
                ],
                "judged": [
                    {"file": sheet.file, "what": what, "sha256": sheet.sha256, "rows": len(sheet)}
                    for what, sheet in checked.judged.items()
                ],
                "profiles": [asdict(profile) for profile in profiles],
            },
            "excluded": exclusion_entries(checked.exclusions),
            "prisma": None if protocol.prisma is None else flow_entry(protocol.prisma.flow(), FLOW_FILE),
            "problems": [problem.to_dict() for problem in checked.warnings],
            "analyses": entries,
            "crosscheck": crosscheck,
            "changes": None,
            "history": {},
        }
    )
    return plain
