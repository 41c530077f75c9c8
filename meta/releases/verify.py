"""Verifying a release: every hash, every number again from the frozen inputs, and second opinions."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from extraction.errors import Problem, ReviewError
from meta.errors import ReleaseError
from meta.living.archive import MANIFEST_FILE
from meta.pipeline import Computed, Tell
from meta.releases.causes import Cause, entries_of, look, said
from meta.releases.compare import Tally, address, compare_documents
from meta.releases.findings import RESULTS, Findings, figures_of, is_addition, is_software, name_failures
from meta.releases.frozen_cells import FrozenSheet, blame, find_cell_causes, read_sheets
from meta.releases.frozen_choices import find_choice_causes
from meta.releases.hashes import Frozen, follow_chain, read_frozen
from meta.releases.refit import Past, Refit, compute_frozen, read_earlier, refit_release
from meta.releases.restoring import answer_again, restore_review
from meta.releases.verdict import Failure, Verification, plural


def verify_release(
    release: str | Path, *, crosscheck: bool = True, r: bool = True, progress: Tell | None = None
) -> Verification:
    """Check a release against its manifest, and against what its frozen inputs give today.

    Every file is hashed; the review is read and computed again from the frozen sheets, protocol and earlier
    releases, and every number, text and file is compared. Two numbers are the same within 1e-9 of the
    larger; where zero is an ordinary value (an estimate, a limit, tau2, Q), also if they are closer than
    1e-12 of what they are read beside; counts must be equal. Nothing is written but to a temporary folder of
    the system.

    Parameters
    ----------
    release : path
        Folder of a release; those before it are looked up beside it.
    crosscheck : bool
        Whether PyMARE, statsmodels and SciPy are asked about every fit: of the analyses, their subgroups,
        alternatives and regressions.
    r : bool
        Whether R's metafor is asked too, where it is installed.
    progress : callable, optional
        As in :func:`meta.pipeline.run_review`.

    Returns
    -------
    Verification
        Whatever is broken is a failure in it, and everything else is checked all the same.

    Raises
    ------
    ReleaseError
        If there is no such folder, or nothing of a release in it.
    """
    folder = Path(release)
    if not folder.is_dir():
        hint = "name it, as in my-review/releases/2026.11.0"
        raise ReleaseError(f"no release at {folder}: there is no such folder ({hint})")
    frozen = read_frozen(folder)
    if frozen.manifest_sha256 is None and not {RESULTS, frozen.manifest.protocol} & set(frozen.contents):
        raise ReleaseError(f"no release at {folder}: there is no {MANIFEST_FILE} in it")
    failures = list(frozen.failures)
    chain = follow_chain(folder, frozen.manifest)
    failures += chain.failures
    past, skipped = read_earlier(frozen, chain)
    information = [skipped] if skipped else []
    stored = _read_results(frozen, failures)
    failures += _compare_software(frozen, stored)
    if frozen.manifest.version not in ("", folder.resolve().name):
        name = folder.resolve().name
        information.append(f"the folder is called {name!r}, and the manifest is of {frozen.manifest.version}")
    refit = refit_release(frozen, past or (), progress)
    found, computed, more = _find(frozen, stored, refit, past, progress)
    failures += [*more, *name_failures(found)]
    if not found.tally.numbers and not failures:
        failures.append(Failure("refit", str(release), "no number could be compared"))
    information += _software_words(frozen, computed, found)
    opinions = _ask(computed, failures, r=r) if crosscheck and computed is not None else None
    tally = found.tally
    plans = refit.protocol.analyses if refit.protocol is not None else ()
    broken_manifest = any(failure.kind == "manifest" for failure in frozen.failures)
    return Verification(
        release=str(release),
        version=frozen.manifest.version or None,
        manifest_sha256=frozen.manifest_sha256,
        files=len(frozen.manifest.files),
        files_unchanged=frozen.unchanged,
        chain=() if broken_manifest else chain.sentences,
        numbers=tally.numbers,
        exact=tally.exact,
        rounding=tally.rounding,
        differing=sum(difference.kind == "number" for difference in tally.differences),
        largest=tally.largest,
        largest_at=address(tally.where),
        failures=tuple(failures),
        information=tuple(information),
        opinions=opinions,
        titles={plan.id: plan.title for plan in plans},
    )


def _read_results(frozen: Frozen, failures: list[Failure]) -> object:
    """Return results.json; None where there is none that can be read, which is a failure."""
    if RESULTS not in frozen.contents:
        if RESULTS not in frozen.manifest.files:
            failures.append(Failure("missing", RESULTS, "the file is missing"))
        return None
    try:
        found: object = json.loads(frozen.contents[RESULTS].decode("utf-8"), parse_constant=str)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        words = f"this is no JSON ({reason}), so no number can be compared{blame(frozen, RESULTS)}"
        failures.append(Failure("file", RESULTS, words))
        return None
    if not isinstance(found, dict) or not entries_of(found):
        words = f"these are no results: there is no analysis in it{blame(frozen, RESULTS)}"
        failures.append(Failure("file", RESULTS, words))
        return None
    return found


def _compare_software(frozen: Frozen, stored: object) -> list[Failure]:
    """Compare the versions of the software that manifest and results name: they were written together."""
    manifest = frozen.manifest
    if stored is None or not manifest.engine:
        return []
    said_there = {"engine": manifest.engine, "python": manifest.python}
    said_there |= {f"packages.{name}": text for name, text in manifest.packages.items()}
    packages = look(stored, "provenance", "packages")
    said_here = {name: look(stored, "provenance", name) for name in ("engine", "python")}
    said_here |= {f"packages.{n}": t for n, t in packages.items()} if isinstance(packages, Mapping) else {}
    return [
        Failure(
            "manifest",
            f"{MANIFEST_FILE}, {name}",
            f"{said(said_there.get(name))} in the manifest, {said(said_here.get(name))} in results.json"
            + (blame(frozen, RESULTS) if RESULTS in frozen.changed else ""),
        )
        for name in dict.fromkeys((*said_there, *said_here))
        if said_there.get(name) != said_here.get(name)
    ]


def _find(
    frozen: Frozen, stored: object, refit: Refit, past: Past | None, progress: Tell | None
) -> tuple[Findings, Computed | None, list[Failure]]:
    """Find the causes, put back what can be, compare; return what was made again too, and more failures."""
    computed = refit.computed
    sheets = read_sheets(frozen, refit.protocol, refit.review)
    causes = _find_causes(stored, computed, sheets, frozen)
    failures: list[Failure] = []
    leftovers: dict[str, Tally] = {}
    if computed is None:
        computed, failures, causes = _compute_put_back(frozen, stored, refit, sheets, causes, past, progress)
    elif any(cause.analyses for cause in causes):
        leftovers = _put_back(frozen, stored, sheets, causes)
    tally = _compare(stored, computed, with_past=past is not None)
    told = {failure.where.split(" line ")[0] for failure in failures}
    if stored is None or _compare_software(frozen, stored):
        told.add(RESULTS)
    software = look(computed.results, "provenance") if computed is not None else {}
    manifest = frozen.manifest
    same = all(
        look(software, name) == value
        for name, value in (
            ("engine", manifest.engine), ("python", manifest.python), ("packages", dict(manifest.packages))
        )
    )
    found = Findings(
        frozen=frozen,
        stored=stored,
        computed=computed,
        sheets=sheets,
        causes=causes,
        tally=tally,
        leftovers=leftovers,
        same_software=same,
        with_past=past is not None,
        told=frozenset(told),
    )
    return found, computed, failures


def _find_causes(
    stored: object, computed: Computed | None, sheets: Mapping[str, FrozenSheet], frozen: Frozen
) -> list[Cause]:
    """Return the causes that can be named: cells and rows, then choices."""
    if stored is None:
        return []
    results = computed.results if computed is not None else None
    cells = find_cell_causes(stored, results, sheets, frozen)
    return [*cells, *(find_choice_causes(stored, results, frozen) if results is not None else ())]


def _compute_put_back(
    frozen: Frozen,
    stored: object,
    refit: Refit,
    sheets: Mapping[str, FrozenSheet],
    causes: Sequence[Cause],
    past: Past | None,
    progress: Tell | None,
) -> tuple[Computed | None, list[Failure], list[Cause]]:
    """Compute a review that does not read with its cells put back; its problems are told with the cells."""
    computed: Computed | None = None
    mendable = [cause for cause in causes if cause.cell is not None and cause.mendable]
    if mendable and stored is not None:
        try:
            with tempfile.TemporaryDirectory(prefix="meta-verify-") as name:
                review = restore_review(Path(name), frozen, mendable, sheets, stored)
                computed, _failure = compute_frozen(review, frozen, past or (), progress)
        except (ReviewError, OSError, ValueError):
            computed = None
    problems = [str(problem) for problem in refit.problems]
    told = list(causes)
    if computed is not None:
        # what they touched is whole again, so nothing follows from them in what is compared
        reasons = "; ".join([*problems, *([refit.error] if refit.error else [])])
        words = f"; the review does not read ({reasons}); with this put back, the rest was compared"
        told = [replace(c, analyses=frozenset()) if c in mendable else c for c in causes]
        told[told.index(replace(mendable[0], analyses=frozenset()))] = replace(
            mendable[0], analyses=frozenset(), message=mendable[0].message + words
        )
        told += find_choice_causes(stored, computed.results, frozen)
        return computed, [], told
    missing = {failure.where.rpartition("/")[2] for failure in frozen.failures if failure.kind == "missing"}
    failures = [
        Failure("input", *_place_problem(problem, frozen))
        for problem in refit.problems
        if not (problem.rule == "no-such-file" and problem.file in missing)
    ]
    if refit.error and frozen.manifest.protocol in frozen.contents:
        failures.append(Failure("refit", frozen.manifest.protocol, refit.error))
    # where the sheet itself cannot be read, that rows are not in it says nothing more
    broken = {problem.file for problem in refit.problems}
    told = [c for c in told if not (c.kind == "row" and c.file.rpartition("/")[2] in broken)]
    return None, failures, told


def _place_problem(problem: Problem, frozen: Frozen) -> tuple[str, str]:
    """Return a problem's place, its file by its path in the release, and its words."""
    place, _, words = str(problem).partition(": ")
    paths = [n for n in frozen.contents if n.startswith("review/") and n.rpartition("/")[2] == problem.file]
    if not paths:
        return place, words
    changed = blame(frozen, paths[0]) if paths[0] in frozen.changed else ""
    return place.replace(problem.file, paths[0], 1), words + changed


def _put_back(
    frozen: Frozen, stored: object, sheets: Mapping[str, FrozenSheet], causes: Sequence[Cause]
) -> dict[str, Tally]:
    """Compare each touched analysis with all causes put back, where all of them can be."""
    entries = entries_of(stored)
    whole = set[str]().union(*(cause.analyses for cause in causes))
    whole -= set[str]().union(*(cause.analyses for cause in causes if not cause.mendable))
    found: dict[str, Tally] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="meta-verify-") as name:
            review = restore_review(
                Path(name), frozen, [cause for cause in causes if cause.mendable], sheets, stored
            )
            for plan in review.protocol.analyses:
                if plan.id in whole and plan.id in entries:
                    entry = entries[plan.id]
                    again = answer_again(review, plan.id, figures_of(entry))
                    found[plan.id] = compare_documents(entry, again, ("analyses", plan.id))
    except (ReviewError, OSError, ValueError):
        return {}
    return found


def _compare(stored: object, computed: Computed | None, *, with_past: bool) -> Tally:
    """Compare results.json with what was made again; without earlier releases, but for what needs them."""
    if stored is None or computed is None:
        return Tally()
    sides: list[Any] = [stored, computed.results]
    if not with_past:
        sides = [_without_past(side) for side in sides]
    return compare_documents(*sides)


def _without_past(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return results without what changed since the release before, and without the history."""
    kept = {name: part for name, part in results.items() if name not in ("changes", "history")}
    kept["analyses"] = {
        name: {
            **entry,
            "figures": {kind: file for kind, file in figures_of(entry).items() if kind != "history"},
        }
        for name, entry in entries_of(results).items()
    }
    return kept


def _software_words(frozen: Frozen, computed: Computed | None, found: Findings) -> list[str]:
    """Say which versions of the software are others, and what could not be held byte by byte."""
    words = [
        f"{'.'.join(map(str, d.path[1:]))}: released with {d.stored}, verified with {d.computed}"
        for d in found.tally.differences
        if is_software(d)
    ]
    added = [d.address for d in found.tally.differences if is_addition(d, found)]
    if added:
        words.append(f"this engine also reports {plural(len(added), 'part')} that the release does not hold")
    if computed is not None and not found.same_software:
        others = [
            name
            for name, data in computed.files.items()
            if name != RESULTS and frozen.is_intact(name) and frozen.contents[name] != data
        ]
        if others:
            words.append(
                f"other versions write other bytes: {plural(len(others), 'file')} made again "
                "differ, and are held by their hashes and by the numbers behind them"
            )
    return words


def _ask(computed: Computed, failures: list[Failure], *, r: bool) -> dict[str, list[dict[str, Any]]]:
    """Ask the other engines; what differs beyond its tolerance is a failure."""
    from meta.answers import crosscheck_answers
    from meta.crosscheck.summaries import find_failures

    opinions = {
        name: [opinion.to_dict() for opinion in asked]
        for name, asked in crosscheck_answers(computed.answers, r=r).items()
    }
    for text in find_failures(opinions):
        where, _, words = text.partition(": ")
        failures.append(Failure("opinion", f"analyses.{where}", words))
    return opinions
