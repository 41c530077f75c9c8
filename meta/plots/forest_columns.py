"""The columns of a forest plot: which there are, on which side of the plot, and their heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from meta.appraisal import Appraisal
from meta.effects.measures import Measure
from meta.options import DisplayUnit, ModelSpec
from meta.plots.layout import Align
from meta.plots.presets import Preset, Role, short_model
from meta.plots.table import Column
from meta.results import Study
from meta.tables.numbers import level_text

#: Heads of the count columns, unless the preset or the caller names them.
COUNT_HEADINGS: Mapping[str, str] = {
    "events": "Events",
    "n": "People",
    "time": "Person-time",
    "mean": "Mean",
    "sd": "SD",
    "mean_pre": "Mean before",
    "mean_post": "Mean after",
    "sd_pre": "SD before",
    "sd_post": "SD after",
    "controls": "Variables controlled",
    "r": "r",
}
#: Columns left out, by role and name.
Dropped = frozenset[tuple[Role, str]]
#: Code of the judgement of the whole study.
OVERALL_CODE = "All"
#: Least width of the names of studies and of words about them, mm; and on a page as narrow as a column of a
#: journal.
LEAST_WIDTHS = (30.0, 13.0)
NARROW_LEAST_WIDTHS = (14.0, 9.0)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A column of words about the studies.

    Attributes
    ----------
    heading : str
        Head of the column.
    values : mapping of str to (str or None)
        Text by study label; None, empty or absent shows an en dash.
    align : {"left", "right", "center"}
        Numbers to the right, words to the left.
    marked : collection of str
        Labels whose cell carries ``sign``.
    sign, words : str
        The mark and what a footnote says it means.
    """

    heading: str
    values: Mapping[str, str | None]
    align: Align = "left"
    marked: frozenset[str] = frozenset()
    sign: str = "†"
    words: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """One column: its role, which descriptor or counts it shows, and what a warning calls it."""

    role: Role
    descriptor: Descriptor | None = None
    counts: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Shared:
    """What the rows of one forest plot have in common.

    ``slots`` are the columns, of which ``plot_at`` stand to the left of the plot; ``measured`` gives the
    decimals of those that are no counts but means, spreads or correlations.
    """

    spec: ModelSpec
    measure: Measure
    unit: DisplayUnit
    preset: Preset
    slots: tuple[Slot, ...]
    plot_at: int
    decimals: int
    color: str
    appraisal: Appraisal | None = None
    sides: Mapping[str, float] = field(default_factory=dict)
    measured: Mapping[str, int] = field(default_factory=dict)

    def place(self, role: Role) -> int | None:
        """Return the place of the first column of a role, or None."""
        return next((at for at, slot in enumerate(self.slots) if slot.role == role), None)

    @property
    def estimate_at(self) -> int:
        """Place of the column of estimates, which every layout has."""
        at = self.place("estimate")
        assert at is not None
        return at

    @property
    def label_room(self) -> int:
        """Number of columns to the left of estimate and plot, whichever comes first."""
        return min(self.estimate_at, self.plot_at)


def count_columns(
    measure: Measure, studies: Sequence[Study], preset: Preset, merge: bool
) -> tuple[tuple[str, ...], ...]:
    """Return the counts of each count column, in the order of the measure, others behind.

    ``merge`` puts the two counts of an arm into one column, where both arms have two; a preset may join
    others.
    """
    there = {name: None for s in studies for name in s.counts}
    names = [*(c for c in measure.columns if c in there), *(c for c in there if c not in measure.columns)]
    arms = [tuple(name for name in names if arm_of(name) == arm) for arm in ("", "1", "2")]
    if merge and len(names) == 4 and len(arms[1]) == len(arms[2]) == 2:
        return tuple(arms[1:])
    found: list[tuple[str, ...]] = []
    for name in names:
        arm = next(members for members in arms if name in members)
        if tuple(map(base_name, arm)) in preset.merged:
            if arm not in found:
                found.append(arm)
        else:
            found.append((name,))
    return tuple(found)


def arm_of(name: str) -> str:
    """Return the arm that the name of a count ends in, ``1`` or ``2``, or nothing."""
    return name[-1] if name[-1:] in ("1", "2") else ""


def base_name(name: str) -> str:
    """Return the name of a count without its arm."""
    return name.removesuffix(arm_of(name)) if arm_of(name) else name


def choose_slots(
    preset: Preset,
    descriptors: Sequence[Descriptor],
    counts: Sequence[tuple[str, ...]],
    weighted: bool,
    appraisal: Appraisal | None,
    dropped: Dropped,
    headings: Mapping[str, str],
) -> tuple[tuple[Slot, ...], int]:
    """Return the columns that a preset shows of what there is, and how many stand left of the plot.

    Parameters
    ----------
    preset : Preset
        Says which roles stand where. Discs of an appraisal stand right of the plot, and push weight and
        estimate to its left.
    descriptors, counts, weighted, appraisal :
        What there is to show.
    dropped : frozenset of (role, name)
        Columns for which there is no room.
    headings : mapping
        Heads of count columns given by the caller.
    """

    def slots(role: Role) -> list[Slot]:
        if role == "descriptors":
            return [Slot(role, descriptor=d, name=d.heading) for d in descriptors]
        if role == "counts":
            return [Slot(role, counts=names, name=_count_words(names, headings, preset)) for names in counts]
        if role == "appraisal":
            return [Slot(role, name="Risk of bias")] if appraisal is not None else []
        if role == "weight":
            return [Slot(role, name="Weight")] if weighted else []
        return [Slot(role)]

    left, right = preset.left, preset.right
    if appraisal is not None and len(right) > 1:
        left, right = (*left, *(role for role in right if role != "appraisal")), ("appraisal",)
    elif appraisal is not None and "appraisal" not in right:
        right = (*right, "appraisal")
    sides = [
        [slot for role in roles for slot in slots(role) if (slot.role, slot.name) not in dropped]
        for roles in (left, right)
    ]
    return (*sides[0], *sides[1]), len(sides[0])


def drop_order(slots: Sequence[Slot]) -> list[Dropped]:
    """Return which columns go together where a page is too narrow, the lowest priority first.

    Descriptors from the last to the first, then weights, discs, and counts: what a study found, and which
    study it is, always stay.
    """
    order: list[Dropped] = [
        frozenset({(slot.role, slot.name)}) for slot in reversed(slots) if slot.role == "descriptors"
    ]
    roles: tuple[Role, ...] = ("weight", "appraisal", "counts")
    for role in roles:
        names: Dropped = frozenset((slot.role, slot.name) for slot in slots if slot.role == role)
        if names:
            order.append(names)
    return order


def table_columns(
    shared: Shared, headings: Mapping[str, str], arms: tuple[str, str], narrow: bool, stacked: bool
) -> list[Column]:
    """Return the columns of a forest plot; ``stacked`` lets an interval go below its estimate."""
    least = NARROW_LEAST_WIDTHS if narrow else LEAST_WIDTHS
    return [_column(shared, slot, headings, arms, least, stacked) for slot in shared.slots]


def _column(
    shared: Shared,
    slot: Slot,
    headings: Mapping[str, str],
    arms: tuple[str, str],
    least: tuple[float, float],
    stacked: bool,
) -> Column:
    preset = shared.preset
    if slot.role == "study":
        return Column(preset.study, wraps=True, least=least[0])
    if slot.descriptor is not None:
        return Column(slot.descriptor.heading, slot.descriptor.align, wraps=True, least=least[1])
    if slot.counts:
        arm = arm_of(slot.counts[0])
        words = _count_words(slot.counts, headings, preset)
        return Column(words, "right", arm=arms[int(arm) - 1] if arm else "")
    if slot.role == "weight":
        return Column(preset.weight, "right")
    if slot.role == "appraisal":
        assert shared.appraisal is not None
        tool = shared.appraisal.tool
        codes = tuple(code for code, _ in tool.domains) + ((OVERALL_CODE,) if tool.has_overall else ())
        return Column("", "center", arm=f"Risk of bias ({tool.name})", codes=codes)
    return Column(
        fill_words(preset.estimate, shared.unit, shared.spec),
        "right",
        wraps=stacked,
        arm=fill_words(preset.estimate_over, shared.unit, shared.spec),
    )


def fill_words(template: str, unit: DisplayUnit, spec: ModelSpec) -> str:
    """Return the words of a head: what is measured, the model in short, the level of the intervals."""
    method, effects = short_model(spec.model)
    return template.format(
        measure=unit.heading,
        method=method,
        effects=effects,
        effects_lower=effects.lower(),
        level=level_text(spec.level),
    )


def _count_words(names: tuple[str, ...], headings: Mapping[str, str], preset: Preset) -> str:
    merged = preset.merged.get(tuple(map(base_name, names)))
    if merged is not None and not any(name in headings or base_name(name) in headings for name in names):
        return merged
    return " / ".join(_count_heading(name, headings, preset) for name in names)


def _count_heading(name: str, headings: Mapping[str, str], preset: Preset) -> str:
    base = base_name(name)
    own = preset.headings.get(base, COUNT_HEADINGS.get(base, name))
    return headings.get(name, headings.get(base, own))
