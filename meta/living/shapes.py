"""What a comparison of two versions of a review says: frozen, finished, in the words of results.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from meta.options import DisplayUnit
from meta.results import to_plain
from meta.sensitivity.threshold import Side

#: Layout of a comparison as JSON; a reader of it checks this first.
CHANGES_FORMAT = "trs-meta-changes@1"


@dataclass(frozen=True, slots=True)
class CellChange:
    """One cell, as text before and after; empty where it holds nothing, or a code for missing."""

    column: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row that came, went or changed.

    ``label`` is what people call it, ``key`` the texts of its key columns (empty without a key). Lines are
    those of the two files; None where there is no such row. ``matched_by`` is None for rows that came or
    went. ``analyses`` are the ids of the analyses that used the row in either version, ``alternatives`` those
    of which only alternatives did.
    """

    what: Literal["came", "went", "changed"]
    label: str
    key: tuple[str, ...]
    old_line: int | None
    new_line: int | None
    matched_by: Literal["key", "content"] | None
    cells: tuple[CellChange, ...]
    analyses: tuple[str, ...]
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SheetChanges:
    """One sheet of the two versions; ``same`` counts the rows of which no cell changed.

    A column that came or went changes no cell. Files are None where a version has no such sheet.
    """

    name: str
    old_file: str | None
    new_file: str | None
    key: tuple[str, ...]
    columns_came: tuple[str, ...]
    columns_went: tuple[str, ...]
    rows: tuple[RowChange, ...]
    same: int


@dataclass(frozen=True, slots=True)
class ChoiceChange:
    """A choice of protocol or profile, or a version of the software, that is another.

    ``where`` is its dotted key, analyses by id (``analyses.trs_total.model.tau2_method``); values are text,
    None where there is none. ``analysis`` is the id of the one analysis it touches, None if it touches all
    or none. ``moves`` says whether it can move a number that both versions have: a caveat or a new
    alternative cannot.
    """

    kind: Literal["protocol", "profile", "software"]
    where: str
    old: str | None
    new: str | None
    analysis: str | None
    moves: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What one analysis, or one group of it, found in one version.

    ``value`` to ``prediction_high`` are natural, ``tau2`` is on the analysis scale, ``i2`` percent. None
    where a number does not exist; ``low`` or ``high`` may be infinite.
    """

    measure: str
    k: int
    status: str
    value: float | None
    low: float | None
    high: float | None
    prediction_low: float | None
    prediction_high: float | None
    tau2: float | None
    tau2_low: float | None
    tau2_high: float | None
    i2: float | None


@dataclass(frozen=True, slots=True)
class GroupChange:
    """One level of a subgroup in the two versions; None where a version has no such group."""

    by: str
    level: str
    old: Standing | None
    new: Standing | None


@dataclass(frozen=True, slots=True)
class RowBehind:
    """A row behind a change of an analysis, and why it matters to it.

    ``what`` adds to came, went and changed: ``now_used`` and ``no_longer_used``, for rows whose own cells
    are the same and that a filter, an exclusion or the overlap rule treats otherwise. ``why`` is a
    sentence, or empty. ``alternatives_only``: the main analysis uses the row in neither version.
    """

    what: Literal["came", "went", "changed", "now_used", "no_longer_used"]
    label: str
    old_line: int | None
    new_line: int | None
    cells: tuple[CellChange, ...]
    why: str
    alternatives_only: bool = False


@dataclass(frozen=True, slots=True)
class ThresholdChange:
    """Where estimate and interval lie beside the declared threshold (in the unit of display), old and new.

    The threshold is the newer version's; a side is None where a version has no estimate, or one of a measure
    of another kind. ``old_value``: the older version's threshold in the newer unit; None where it has none
    of this kind.
    ``crossed``: the estimate lies on the other side. ``interval_changed``: the interval was clear of the
    threshold and includes it now, or the other way round.
    """

    value: float
    old_value: float | None
    words: str
    old_side: Side | None
    new_side: Side | None
    old_interval: Side | None
    new_interval: Side | None
    crossed: bool
    interval_changed: bool


@dataclass(frozen=True, slots=True)
class AnalysisChanges:
    """One analysis in the two versions, over the sheet of this name in the protocol.

    ``what``: ``same`` if no number moved by more than rounding and the rows used are the same, ``changed``,
    ``came``, ``went``. ``groups`` holds every level of a subgroup that moved. ``parts`` names what moved
    beyond estimate and groups, as results.json calls it (``leave_one_out``, ``cumulative``, ``regressions``,
    ``small_study``, ``alternatives``). ``rows`` are the rows behind it, ``choices`` the places (``where``) of
    the choices behind it, a version of the software only where nothing else explains it. All are empty where
    nothing changed.
    """

    id: str
    title: str
    sheet: str
    unit: DisplayUnit
    what: Literal["same", "changed", "came", "went"]
    old: Standing | None
    new: Standing | None
    groups: tuple[GroupChange, ...]
    parts: tuple[str, ...]
    rows: tuple[RowBehind, ...]
    choices: tuple[str, ...]
    threshold: ThresholdChange | None


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything that differs between two versions, ``old`` and ``new`` by name."""

    old: str
    new: str
    old_note: str
    new_note: str
    sheets: tuple[SheetChanges, ...]
    choices: tuple[ChoiceChange, ...]
    analyses: tuple[AnalysisChanges, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain dictionaries and lists, with its format."""
        return {"format": CHANGES_FORMAT, **to_plain(self)}


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """What one analysis found in one version."""

    version: str
    note: str
    standing: Standing
