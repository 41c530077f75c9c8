"""Which choices of protocol and profile differ between two versions, and which versions of the software."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from meta.effects.choices import EFFECT_CHOICES
from meta.living.shapes import ChoiceChange
from meta.protocol.plan import Analysis, Filter, NamedRow, Protocol, SheetEntry
from meta.protocol.selection import filter_text

if TYPE_CHECKING:
    from meta.living.archive import Snapshot

Path = tuple[str, ...]
Difference = tuple[Path, str | None, str | None]

#: What the items of a list are known by: which of their keys is their name.
_NAMED_BY = {
    "filters": "column",
    "exclude": "row",
    "named": "row",
    "subgroups": "by",
    "moderators": "formula",
    "alternatives": "label",
    "descriptors": "column",
    "excluded": "study",
}

_NAMES = frozenset(_NAMED_BY.values())

#: Keys of an analysis that no number depends on: words, and what is only shown.
_WORDS = frozenset(
    {"title", "question", "targets", "threshold", "unit", "descriptors", "headings", "arms", "favours"}
    | {"caveats", "preset", "sort", "axis", "band", "characteristics", "grade"}
)

#: Last keys of a place inside an analysis that are words or switch something shown on or off.
_WORDS_INSIDE = frozenset({"reason", "title", "caveat", "show", "test", "permutation"})

#: Parts beside the estimate: one that comes or goes moves no number that both versions have.
_PARTS = frozenset({"alternatives", "cumulative", "moderators", "subgroups"})

#: Keys that switch such a part on or off.
_SWITCHES = frozenset({"leave_one_out", "small_study"})

#: Keys of a sheet's entry that no number depends on: where it lies, and how it is checked and compared.
_SHEET_WORDS = frozenset({"file", "key", "pairs"})

#: Packages that draw, write or check and compute nothing.
_NO_NUMBERS = frozenset({"jinja2", "matplotlib", "pydantic"})

_BARE = re.compile(r"[A-Za-z0-9_@-]+")


def compare_choices(old: Snapshot, new: Snapshot) -> tuple[ChoiceChange, ...]:
    """Return every choice that differs between two versions.

    Both protocols are compared as read, so that a key that appears or vanishes with its default value is no
    change. Items of a list are known by name (a filter by its column, an alternative by its label). What the
    model of an analysis does is compared as it was resolved from profile and protocol:
    ``analyses.<id>.model.tau2_method`` is the estimator in use, whoever chose it.

    Returns
    -------
    tuple of ChoiceChange
        The review, its sheets, its analyses in the order of the newer protocol, profiles, software.
    """
    found = [
        ChoiceChange("protocol", _dotted(path), one, two, None, _moves_all(path))
        for path, one, two in _review_differences(old.review.protocol, new.review.protocol)
    ]
    plans = [{plan.id: plan for plan in side.review.protocol.analyses} for side in (old, new)]
    for name in [*plans[1], *(name for name in plans[0] if name not in plans[1])]:
        before, after = plans[0].get(name), plans[1].get(name)
        if before is None or after is None:
            titles = [None if plan is None else plan.title for plan in (before, after)]
            where = f"analyses.{name}"
            found.append(ChoiceChange("protocol", where, titles[0], titles[1], name, False))
        else:
            found += _analysis_changes(before, after, _spec_of(old, before), _spec_of(new, after))
    sources = [side.results.get("provenance") or {} for side in (old, new)]
    return (*found, *_profile_changes(*sources), *_software_changes(*sources))


def concerns(change: ChoiceChange, old: Analysis, new: Analysis, moved: Sequence[str]) -> bool:
    """Say whether a choice can be behind what moved in an analysis.

    Parameters
    ----------
    change : ChoiceChange
        The choice.
    old, new : Analysis
        The analysis in the two versions.
    moved : sequence of str
        What moved: ``main`` for estimate or rows, ``subgroups``, and the other parts by name.
    """
    if not change.moves or change.kind == "software":
        return False
    parts = change.where.split(".")
    if change.analysis is not None:
        part = {"moderators": "regressions"}.get(parts[2], parts[2]) if len(parts) > 2 else ""
        own = ("subgroups", "regressions", "cumulative", "small_study", "leave_one_out", "alternatives")
        return change.analysis == new.id and (part not in own or part in moved)
    plans = (old, new)
    if parts[0] == "sheets":
        return any(change.where.startswith(f"sheets.{_quoted(plan.sheet)}.") for plan in plans)
    if parts[0] == "profiles":
        return any(change.where.startswith(f"profiles.{_quoted(plan.profile)}.") for plan in plans)
    return True


# The protocol ----------------------------------------------------------------------------------------------


def _review_differences(old: Protocol, new: Protocol) -> Iterator[Difference]:
    """Compare what stands in a protocol outside its analyses."""
    for name in Protocol.model_fields:
        if name != "analyses":
            yield from _differences(getattr(old, name), getattr(new, name), (name,))


def _moves_all(path: Path) -> bool:
    """Say whether a choice outside the analyses can move a number: how a sheet is read can."""
    return path[0] == "sheets" and (len(path) == 2 or path[2] not in _SHEET_WORDS)


def _analysis_changes(
    old: Analysis, new: Analysis, spec: Mapping[str, Any], other: Mapping[str, Any]
) -> Iterator[ChoiceChange]:
    """Compare one analysis; its model is compared as it was resolved."""
    place: Path = ("analyses", new.id)
    resolved = [
        (name, spec.get(name), other.get(name))
        for name in dict.fromkeys([*spec, *other])
        if name != "moderators" and spec.get(name) != other.get(name)
    ]
    for name in Analysis.model_fields:
        if name in ("id", "model", *EFFECT_CHOICES):
            continue
        for path, one, two in _differences(getattr(old, name), getattr(new, name), (name,)):
            moves = bool(resolved) if name == "profile" else _moves(path, one, two)
            yield ChoiceChange("protocol", _dotted(place + path), one, two, new.id, moves)
    for name, before, after in _effect_differences(old, new):
        yield ChoiceChange("protocol", _dotted((*place, name)), _text(before), _text(after), new.id, True)
    for name, before, after in resolved:
        declared = getattr(old.model, name, None) != getattr(new.model, name, None)
        kind: Any = "protocol" if declared or old.profile == new.profile else "profile"
        where = _dotted((*place, "model", name))
        yield ChoiceChange(kind, where, _text(before), _text(after), new.id, True)


def _effect_differences(old: Analysis, new: Analysis) -> Iterator[tuple[str, Any, Any]]:
    """Compare how effect sizes are made, as it was resolved; of two measures only what was declared."""
    sides: list[dict[str, Any]]
    if old.measure == new.measure:
        sides = [asdict(plan.resolved_effects()) for plan in (old, new)]
    else:
        sides = [plan.effect_choices() for plan in (old, new)]
    for name in EFFECT_CHOICES:
        before, after = (side.get(name) for side in sides)
        if before != after:
            yield name, before, after


def _moves(path: Path, old: str | None, new: str | None) -> bool:
    """Say whether a choice of an analysis can move a number that both versions have."""
    if path[0] in _WORDS or path[0] in _SWITCHES:
        return False
    if path[0] in _PARTS and len(path) <= 2 and (old is None or new is None):
        return False
    if path[0] == "subgroups" and path[-1] == "overall":
        return False
    return len(path) == 1 or path[-1] not in _WORDS_INSIDE


def _spec_of(side: Snapshot, plan: Analysis) -> dict[str, Any]:
    """Return the choices of the model that an analysis was computed with."""
    entry = (side.results.get("analyses") or {}).get(plan.id) or {}
    return dict(entry.get("spec") or plan.spec().to_dict())


def _differences(old: Any, new: Any, path: Path) -> Iterator[Difference]:
    """Compare two values of a protocol, down to the places where a single value stands."""
    before, after = _as_table(old, path[-1]), _as_table(new, path[-1])
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*before, *after]):
            yield from _differences(before.get(name), after.get(name), (*path, name))
    elif path[-1] == "caveats":
        yield from _sentences(list(old or ()), list(new or ()), path)
    elif (one := _text(old)) != (two := _text(new)):
        yield path, one, two


def _as_table(value: Any, key: str) -> Any:
    """Return a model or a list of named items as a table; anything else as it is."""
    if isinstance(value, NamedRow):
        return {"reason": value.reason}
    if isinstance(value, Filter):
        return filter_text(value)
    if isinstance(value, BaseModel):
        return {info.alias or name: getattr(value, name) for name, info in type(value).model_fields.items()}
    if key in _NAMED_BY and isinstance(value, tuple):
        table: dict[str, Any] = {}
        for item in value:
            name = str(getattr(item, _NAMED_BY[key]))
            # a column may be filtered twice
            count = sum(known == name or known.startswith(f"{name} (") for known in table)
            table[f"{name} ({count + 1})" if count else name] = item
        return table
    return value


def _sentences(old: list[str], new: list[str], path: Path) -> Iterator[Difference]:
    """Compare lists of sentences: each that is in one only, an edited one beside what it was."""
    gone = [(i, text) for i, text in enumerate(old) if text not in new]
    come = [(i, text) for i, text in enumerate(new) if text not in old]
    for place in range(max(len(gone), len(come))):
        one = gone[place] if place < len(gone) else None
        two = come[place] if place < len(come) else None
        number = two[0] if two is not None else one[0] if one is not None else 0
        yield (*path, str(number + 1)), one[1] if one else None, two[1] if two else None


def _text(value: Any) -> str | None:
    """Return a value of a protocol as text; None where it is empty, or what TOML calls none."""
    if value is None or value in ((), [], {}, ""):
        return None
    if isinstance(value, NamedRow):
        return value.reason
    if isinstance(value, Filter):
        return filter_text(value)
    if isinstance(value, SheetEntry):
        return value.file
    if isinstance(value, BaseModel):
        told = {
            info.alias or name: getattr(value, name)
            for name, info in type(value).model_fields.items()
            if name not in _NAMES and getattr(value, name) != info.default
        }
        return _text(told) or "as by default"
    if isinstance(value, Mapping):
        parts = ((str(name), _text(item)) for name, item in value.items())
        return "; ".join(f"{name} = {text}" for name, text in parts if text is not None) or None
    if isinstance(value, list | tuple):
        return ", ".join(_item_text(item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _item_text(item: Any) -> str:
    """Return an item of a list as text: a row by its name, two rows that share people as a pair."""
    if isinstance(item, NamedRow):
        return item.row
    return " + ".join(map(str, item)) if isinstance(item, tuple) else _text(item) or ""


def _dotted(path: Path) -> str:
    return ".".join(_quoted(part) for part in path)


def _quoted(part: str) -> str:
    """Return a part of a dotted key, in quotes where TOML would want them."""
    return part if _BARE.fullmatch(part) else json.dumps(part, ensure_ascii=False)


# Profiles and software --------------------------------------------------------------------------------------


def _profile_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[ChoiceChange]:
    """Compare what profiles of one name said: a published profile never changes, and here it would show."""
    known = {entry["name"]: entry for entry in old.get("profiles") or ()}
    for entry in new.get("profiles") or ():
        before = known.get(entry["name"])
        if before is None:
            continue
        options = (before.get("options") or {}, entry.get("options") or {})
        place = ("profiles", entry["name"])
        changed = [name for name in dict.fromkeys([*options[0], *options[1]])]
        changed = [name for name in changed if options[0].get(name) != options[1].get(name)]
        for name in changed:
            one, two = (_text(side.get(name)) for side in options)
            yield ChoiceChange("profile", _dotted((*place, name)), one, two, None, True)
        if not changed and before.get("sha256") != entry.get("sha256"):
            one, two = before.get("sha256"), entry.get("sha256")
            yield ChoiceChange("profile", _dotted((*place, "sha256")), one, two, None, False)


def _software_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[ChoiceChange]:
    """Compare versions of the engine, of Python, and of the packages."""
    for name in ("engine", "python"):
        if old.get(name) != new.get(name):
            yield ChoiceChange("software", name, _text(old.get(name)), _text(new.get(name)), None, True)
    packages = (old.get("packages") or {}, new.get("packages") or {})
    for name in sorted({*packages[0], *packages[1]}):
        one, two = (side.get(name) for side in packages)
        if one != two:
            moves = name not in _NO_NUMBERS
            yield ChoiceChange("software", _dotted(("packages", name)), _text(one), _text(two), None, moves)
