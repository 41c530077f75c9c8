"""Who is to blame: every difference between a release and what its inputs give, put down to its cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import meta
from extraction.files import sha256
from meta.pipeline import Computed
from meta.releases.causes import Cause, look, said
from meta.releases.compare import ABSENT, Difference, Tally
from meta.releases.frozen_cells import FrozenSheet, columns_gone, rows_untouched
from meta.releases.hashes import Frozen
from meta.releases.verdict import Failure, Kind, listed, plural

RESULTS = "results.json"

#: Most differences of one analysis that are named one by one; beyond it they have one cause, and are counted.
MOST_NAMED = 25

#: Where results.json says what it was made with: another version is told, and is no failure by itself.
_SOFTWARE = ({"engine"}, {"python"}, {"packages"})

#: Parts of results.json that follow from any input: warnings of the check, hashes, and what changed.
_FOLLOWING = ("problems", "provenance", "changes", "review")

#: Parts of a release that are written from results.json, or from other releases.
_WRITTEN = (
    "report.html", "report.md", "references.", "changes/",
    "data/", "datapackage.json", "ro-crate-metadata.json",
)


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known once everything has been computed again.

    ``stored`` is results.json, None where it cannot be read; ``computed`` everything made again, None where
    it cannot be. ``leftovers`` are, by analysis, the differences that stay once the causes are put back;
    an analysis without an entry could not be put back. ``same_software`` says whether versions are those of
    the release, ``with_past`` whether earlier releases were at hand. ``told`` are changed files of which a
    failure has been told already.
    """

    frozen: Frozen
    stored: object
    computed: Computed | None
    sheets: Mapping[str, FrozenSheet]
    causes: Sequence[Cause]
    tally: Tally
    leftovers: Mapping[str, Tally]
    same_software: bool
    with_past: bool
    told: frozenset[str]

    @property
    def same_engine(self) -> bool:
        """Whether the release was made by this version of the engine."""
        return self.frozen.manifest.engine == meta.__version__

    @property
    def touched(self) -> frozenset[str]:
        """The analyses in which a cause was found."""
        return frozenset[str]().union(*(cause.analyses for cause in self.causes))

    @property
    def input_changed(self) -> bool:
        """Whether an input of the release is not what it was."""
        return any(name.startswith(("review/", "profiles/")) for name in self.frozen.changed)


def is_software(difference: Difference) -> bool:
    """Whether a difference is one between versions of the software."""
    return difference.path[:1] == ("provenance",) and set(difference.path[1:2]) in _SOFTWARE


def is_addition(difference: Difference, found: Findings) -> bool:
    """Whether another engine than the one of the release reports something that the release does not know."""
    return difference.stored is ABSENT and not found.same_engine


def name_failures(found: Findings) -> tuple[Failure, ...]:
    """Return every failure of inputs, results and files: each cause once, with what follows from it."""
    follows, own = _sort_differences(found)
    failures, explained = _compare_files(found)
    blamed = {cause.file for cause in found.causes} | found.told
    silent = sorted(n for n in found.frozen.changed - blamed if n.startswith(("review/", "profiles/")))
    loose: list[Difference] = []
    if own and found.input_changed and RESULTS not in found.frozen.changed and silent:
        # results.json is as released: what differs follows from an input, changed where nothing records it
        loose, own = own, []
    named = [_told(cause, found, follows, explained) for cause in found.causes]
    named += _name_differences(own, found)
    for name, tally in found.leftovers.items():
        named += _name_differences(_real(tally.differences), found, put_back=name)
    shown = any(failure.kind in ("number", "text") for failure in named)
    if RESULTS in found.frozen.changed - found.told and not shown:
        named.append(_changed_results(found))
    # the protocol decides more that results.json does not record than any sheet
    silent.sort(key=lambda name: name != found.frozen.manifest.protocol)
    named += [_silent_input(name, found, [] if i else loose) for i, name in enumerate(silent)]
    return (*named, *failures)


def _sort_differences(found: Findings) -> tuple[list[Difference], list[Difference]]:
    """Part the differences into those that follow from a cause, and those that stand alone."""
    follows: list[Difference] = []
    own: list[Difference] = []
    for difference in found.tally.differences:
        if is_software(difference) or is_addition(difference, found):
            continue
        follow = _analysis_of(difference) in found.touched or _is_place(difference, found)
        if difference.path[0] in _FOLLOWING:
            follow = bool(found.causes) or found.input_changed
        (follows if follow else own).append(difference)
    return follows, own


def _is_place(difference: Difference, found: Findings) -> bool:
    """Whether a difference is where a row stands or how many there are, in a sheet that was changed.

    Any change of a row moves its hash, in analyses too that read none of the changed cells.
    """
    analysis = _analysis_of(difference)
    place = difference.path[-1] in ("hash", "line") or difference.path[2:3] == ("selection",)
    return place and analysis is not None and _sheet_changed(analysis, found)


def _analysis_of(difference: Difference) -> str | None:
    path = difference.path
    return str(path[1]) if len(path) > 1 and path[0] in ("analyses", "history") else None


def _real(differences: Sequence[Difference]) -> list[Difference]:
    """Leave out hashes of rows, which a cell that is not recorded can change."""
    return [d for d in differences if d.path[-1] not in ("hash", "sha256")]


# Words ------------------------------------------------------------------------------------------------------


def _told(cause: Cause, found: Findings, follows: Sequence[Difference], explained: Sequence[str]) -> Failure:
    """Return the failure of a cause, with what follows from it."""
    names = sorted(cause.analyses)
    if not names:
        return Failure(cause.kind, cause.where, cause.message)
    mine = [d for d in follows if _analysis_of(d) in cause.analyses]
    files = [name for name in explained if _folder_of(name) in cause.analyses]
    shared = any(cause.analyses & other.analyses for other in found.causes if other is not cause)
    message = cause.message
    if mine or files:
        message += f"; {_consequences(mine, files, names, shared=shared)}"
    hidden = [name for name in names if name not in found.leftovers]
    if mine and hidden and RESULTS in found.frozen.changed:
        message += "; what else may have been changed there cannot be told apart until this is mended"
    elif mine and not hidden and not any(found.leftovers[name].differences for name in names):
        message += f"; with {'these' if shared else 'this'} put back, all of it is as stored"
    return Failure(cause.kind, cause.where, message)


def _consequences(
    differences: Sequence[Difference], files: Sequence[str], names: Sequence[str], *, shared: bool = False
) -> str:
    """Say how much follows from a cause, and where it moves a number most."""
    # lines of a sheet move with every row above them
    numbers = [d for d in differences if d.kind == "number" and d.path[-1] != "line"]
    others = [d.address for d in differences if d.kind == "shape"] if not numbers else []
    counts = ((len(numbers), "number"), (len(others), "part"), (len(files), "file"))
    counted = [plural(count, noun) for count, noun in counts if count]
    text = f"{listed(counted or ['words'])} of analys{'is' if len(names) == 1 else 'es'} {listed(names)} "
    text += "follows from it" if sum(count for count, _ in counts) == 1 else "follow from it"
    text += " and from what else was changed there" if shared else ""
    text += f" ({others[0]})" if len(others) == 1 else ""
    apart = [d for d in numbers if d.relative is not None]
    if apart:
        largest = max(apart, key=lambda d: d.relative or 0.0)
        text += f" (largest relative difference {largest.relative:.2g}, at {largest.address})"
    return text


def _name_differences(
    differences: Sequence[Difference], found: Findings, put_back: str | None = None
) -> Iterator[Failure]:
    """Name differences one by one; of a crowd in one analysis only how many there are."""
    by_part: dict[str, list[Difference]] = {}
    for difference in differences:
        by_part.setdefault(_analysis_of(difference) or str(difference.path[0]), []).append(difference)
    for part, crowd in by_part.items():
        if len(crowd) <= MOST_NAMED:
            yield from (_name_difference(d, found, put_back) for d in crowd)
            continue
        numbers = [d for d in crowd if d.relative is not None]
        worst = max(numbers, key=lambda d: d.relative or 0.0, default=crowd[0])
        first = _name_difference(worst, found, put_back)
        message = f"{plural(len(crowd), 'place')} of {part} differ, {worst.address} most: {first.message}"
        yield Failure(first.kind, RESULTS, message)


def _name_difference(difference: Difference, found: Findings, put_back: str | None) -> Failure:
    """Return the failure for a number, text or part of results.json that nothing explains."""
    kind: Kind = "number" if difference.kind == "number" else "text"
    words = f"{said(difference.stored)} stored, {said(difference.computed)} recomputed"
    if isinstance(difference.stored, list) and isinstance(difference.computed, list):
        words = f"{len(difference.stored)} items stored, {len(difference.computed)} recomputed"
    if difference.relative is not None:
        words += f" (relative difference {difference.relative:.2g})"
    if put_back is not None:
        words += ", with what was changed in the inputs put back"
    if RESULTS in found.frozen.changed:
        words += "; results.json was changed since the release"
    elif found.frozen.is_intact(RESULTS):
        words += "; results.json is as released"
    return Failure(kind, difference.address, words)


def _silent_input(name: str, found: Findings, loose: Sequence[Difference]) -> Failure:
    """Return the failure for a changed input in which nothing could be named, with what follows from it."""
    words = _changed_words(name, found)
    names = sorted({_analysis_of(d) or str(d.path[0]) for d in loose})
    if loose:
        words += f"; results.json records nothing of it, but {_consequences(loose, [], names)}"
    elif name == found.frozen.manifest.protocol and found.computed is not None:
        words += "; no choice that results.json records is another, and no number moves"
    elif gone := columns_gone(found.stored, list(found.sheets.values()), name):
        noun = "column" if len(gone) == 1 else "columns"
        words += f"; without the {noun} {listed([repr(column) for column in gone])}, which analyses read"
    elif rows_untouched(found.stored, list(found.sheets.values()), name):
        words += "; changed in a cell that no analysis uses, or in its form: every row in use is as it was"
    return Failure("input", name, words)


def _changed_results(found: Findings) -> Failure:
    """Return the failure for a results.json that was changed, and in which nothing could be named."""
    open_ones = sorted(found.touched - set(found.leftovers))
    if found.computed is None:
        words = "its numbers could not be compared"
    elif open_ones:
        words = f"what was changed in it cannot be told apart from what follows in {listed(open_ones)}"
    elif not found.with_past:
        words = "every number and text that was computed again is as stored"
    else:
        words = "every number and text in it is as recomputed: it was changed in its form"
    return Failure("file", RESULTS, f"{_changed_words(RESULTS, found)}; {words}")


def _changed_words(name: str, found: Findings) -> str:
    digest = sha256(found.frozen.contents[name])
    return f"changed since the release: its SHA-256 is {digest}, not the manifest's"


# Files ------------------------------------------------------------------------------------------------------


def _compare_files(found: Findings) -> tuple[list[Failure], list[str]]:
    """Compare the bytes of what is made from the inputs: failures, and files that follow from a cause."""
    failures: list[Failure] = []
    explained: list[str] = []
    frozen = found.frozen
    made: Mapping[str, bytes] = found.computed.files if found.computed is not None else {}
    for name in sorted({*frozen.contents, *made} - {RESULTS}):
        there, again = frozen.contents.get(name), made.get(name)
        if name in frozen.changed and _made(name):
            failures.append(_changed_file(name, found, again))
        elif found.computed is None or name.startswith(("review/", "profiles/")) or name in frozen.unknown:
            continue
        elif there == again or (there is None and name in frozen.manifest.files):
            continue  # what is missing has been named
        elif _is_explained(name, found):
            explained.append(name)
        else:
            failures.append(Failure(_file_kind(name), name, _made_otherwise(there, again)))
    return failures, explained


def _made_otherwise(there: bytes | None, again: bytes | None) -> str:
    """Say how a file differs that nobody changed since the release, and that no cause explains."""
    if there is None:
        return "the frozen inputs give this file, and the release has none"
    if again is None:
        return "the frozen inputs give no such file"
    return f"made again from the frozen inputs {_first_byte(there, again)}, and yet every number is as stored"


def _made(name: str) -> bool:
    """Whether a file is written from results, not an input or results.json itself."""
    return not name.startswith(("review/", "profiles/")) and name != RESULTS


def _is_explained(name: str, found: Findings) -> bool:
    """Whether other bytes of a file are no failure of their own: something before it is another already."""
    if not found.same_software or not found.with_past or found.tally.exact < found.tally.numbers:
        return True
    if any(not is_software(d) for d in found.tally.differences) and name.startswith(_WRITTEN):
        return True
    folder = _folder_of(name)
    if folder is not None and _sheet_changed(folder, found):
        return True
    moved = {_analysis_of(d) for d in found.tally.differences}
    return folder in found.touched or folder in moved or (bool(found.causes) and name.startswith(_WRITTEN))


def _sheet_changed(analysis: str, found: Findings) -> bool:
    """Whether the sheet of an analysis was changed: its figures carry the hash of the sheet."""
    file = look(found.stored, "analyses", analysis, "cells", "file")
    return any(n.startswith("review/") and n.rpartition("/")[2] == file for n in found.frozen.changed)


def _changed_file(name: str, found: Findings, again: bytes | None) -> Failure:
    """Return the failure for a figure, a report or a table that is not the file that was released."""
    frozen = found.frozen
    there = frozen.contents[name]
    words = "changed since the release"
    if again is not None and sha256(again) == frozen.manifest.files[name]:
        words += f": made again from the frozen inputs it is as released, and {_first_byte(there, again)}"
    else:
        words += f": its SHA-256 is {sha256(there)}, not the manifest's"
    return Failure(_file_kind(name), name, words)


def _first_byte(there: bytes, again: bytes) -> str:
    """Say where two files part."""
    shorter = min(len(there), len(again))
    first = next((i for i in range(shorter) if there[i] != again[i]), shorter)
    return f"the file differs from byte {first + 1} on (line {there[:first].count(10) + 1})"


def _file_kind(name: str) -> Kind:
    if name.startswith("report."):
        return "report"
    return "figure" if name.endswith((".svg", ".pdf", ".png")) else "file"


def _folder_of(name: str) -> str | None:
    """Return the analysis that a file belongs to."""
    parts = name.split("/")
    return parts[1] if parts[0] == "analyses" and len(parts) > 2 else None


def figures_of(entry: Mapping[str, Any]) -> dict[str, str]:
    """Return the figures that an analysis names, by kind."""
    figures = entry.get("figures")
    return {str(kind): str(name) for kind, name in figures.items()} if isinstance(figures, Mapping) else {}
