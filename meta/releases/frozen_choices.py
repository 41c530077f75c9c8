"""The choices of a release: protocol and profiles, against what results.json recorded of them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from extraction.toml_lines import find_lines, nearest_line
from meta.effects.choices import EFFECT_CHOICES
from meta.options import SPEC_FIELDS
from meta.profiles.loader import NOTHING, profile_names
from meta.releases.causes import Cause, each_table, entries_of, look, said
from meta.releases.frozen_cells import blame, is_acquitted
from meta.releases.hashes import Frozen

#: Keys of an analysis in results.json that the protocol alone decides.
_PLAIN = ("title", "question", "sheet", "measure", "profile", "arms")
_TABLES = ("columns", "unit", "headings", "threshold")

#: Lists of an analysis in results.json, the protocol's name of each, and which of their keys are choices.
_LISTS: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...] = (
    (("selection", "filters"), "filters", ("text",)),
    (("selection", "derived"), "derived", ("column", "text")),
    (("selection", "excluded"), "exclude", ("label", "reason")),
    (("selection", "named"), "overlap.named", ("label", "reason")),
    (("subgroups",), "subgroups", ("by", "title", "overall", "show_test")),
    (("regressions",), "moderators", ("formula", "title", "show", "caveat", "permutation")),
    (("alternatives", "rows"), "alternatives", ("label", "reason", "measure", "profile", "changes")),
    (("descriptors",), "descriptors", ("column", "heading", "sign", "words")),
)

#: Choices that another choice brings with it: of the measure its unit and formulas, of the profile the
#: model's.
_BROUGHT = {"measure": ("unit", *EFFECT_CHOICES), "profile": ("spec",)}

Choices = dict[str, Any]


def find_choice_causes(stored: object, computed: object, frozen: Frozen) -> list[Cause]:
    """Return every choice that is not what results.json recorded, by its key.

    Parameters
    ----------
    stored, computed
        results.json as released, and as made again from the frozen protocol.
    frozen : Frozen
        The release.
    """
    found = [*_profile_causes(stored, frozen)]
    moved = {cause.file: cause for cause in found}
    if is_acquitted(frozen, frozen.manifest.protocol) and not found:
        return []
    source = _Source(frozen)
    before, after = _review_choices(stored), _review_choices(computed)
    for key in _differing(before, after):
        found.append(source.cause(key, [(key, before.get(key), after.get(key))], frozenset(), ()))
    again = entries_of(computed)
    for name, entry in entries_of(stored).items():
        if name not in again:
            continue
        old, new = analysis_choices(entry), analysis_choices(again[name])
        if "effects" not in entry:
            # a release of an engine that did not record them
            new = {key: value for key, value in new.items() if key.split(".")[-1] not in EFFECT_CHOICES}
        by_head: dict[str, list[str]] = {}
        for key in _differing(old, new):
            by_head.setdefault(_head(key), []).append(key)
        if any(not head.startswith("alternatives.") for head in by_head):
            # an alternative is told beside its main analysis, and changes with it
            by_head = {head: keys for head, keys in by_head.items() if not head.startswith("alternatives.")}
        brought = [head for chosen in by_head for head in _BROUGHT.get(chosen, ()) if head in by_head]
        brought += ["spec"] if f"profiles/{entry.get('profile')}.toml" in moved else []
        for head, keys in by_head.items():
            if head in brought:
                continue
            also = [key for other in _BROUGHT.get(head, ()) for key in by_head.get(other, ())]
            # what is other than in the main analysis is told in words too
            keys = [key for key in keys if not key.endswith(".changes")] or keys
            rows = [(key, old.get(key), new.get(key)) for key in (*keys, *also)]
            found.append(source.cause(f"analyses.{name}.{head}", rows, frozenset({name}), (name, head)))
    return found


def analysis_choices(entry: Mapping[str, Any]) -> Choices:
    """Return the choices of an analysis by dotted key, as far as results.json records them."""
    found: Choices = {key: entry.get(key) for key in _PLAIN}
    for key in _TABLES:
        table = entry.get(key)
        parts = table if isinstance(table, Mapping) else {}
        found.update({f"{key}.{part}": value for part, value in parts.items()} or {key: None})
    found.update({key: look(entry, "effects", key) for key in EFFECT_CHOICES})
    spec = entry.get("spec")
    for key in SPEC_FIELDS:
        found[f"spec.{key}"] = look(spec, key)
    for place, name, keys in _LISTS:
        for i, item in enumerate(each_table(entry, *place), start=1):
            found.update({f"{name}.{i}.{key}": item.get(key) for key in keys if key in item})
            spec = item.get("spec")
            if isinstance(item.get("effects"), Mapping):
                found.update({f"{name}.{i}.{key}": look(item, "effects", key) for key in EFFECT_CHOICES})
            if isinstance(spec, Mapping):
                found.update({f"{name}.{i}.{key}": look(spec, key) for key in SPEC_FIELDS})
    found["spread"] = look(entry, "selection", "spread", "column")
    found["overlap.rule"] = look(entry, "selection", "overlap", "rule")
    caveats = entry.get("caveats")
    for i, text in enumerate(caveats if isinstance(caveats, list) else (), start=1):
        found[f"caveats.{i}"] = text
    return found


def _review_choices(results: object) -> Choices:
    """Return what the protocol says of the review as a whole."""
    review = look(results, "review")
    found = dict(review) if isinstance(review, Mapping) else {}
    for sheet in each_table(results, "provenance", "sheets"):
        found[f"sheets.{sheet.get('name')}.file"] = sheet.get("file")
        found[f"sheets.{sheet.get('name')}.schema"] = sheet.get("schema")
    return found


def _differing(old: Choices, new: Choices) -> list[str]:
    return [key for key in dict.fromkeys((*old, *new)) if old.get(key) != new.get(key)]


def _head(key: str) -> str:
    """Return the choice that a key belongs to: an item of a list with its place, the model as a whole."""
    parts = key.split(".")
    numbers = [i for i, part in enumerate(parts) if part.isdigit()]
    if numbers:
        return ".".join(parts[: numbers[0] + 1])
    return key if parts[0] == "overlap" else parts[0]


class _Source:
    """The frozen protocol, and where its keys stand."""

    def __init__(self, frozen: Frozen) -> None:
        self.frozen = frozen
        self.path = frozen.manifest.protocol
        self.raw: dict[str, Any] = {}
        self.lines: Mapping[Any, int] = {}
        try:
            text = frozen.contents.get(self.path, b"").decode("utf-8-sig")
            self.raw = tomllib.loads(text)
            self.lines = find_lines(text)
        except (ValueError, RecursionError):
            return

    def cause(
        self, where: str, rows: list[tuple[str, Any, Any]], names: frozenset[str], place: tuple[str, ...]
    ) -> Cause:
        """Return the cause for one choice, by its keys, values before and now."""
        keys = [key for key, _, _ in rows]
        prefix = f"{place[1]}." if place else ""
        if len(keys) == 1:
            where = f"analyses.{place[0]}.{keys[0]}" if place else keys[0]
        line = self._line(place, keys)
        origin = f"{self.path}{f' line {line}' if line else ''}"
        texts: list[str] = []
        for key, old, new in rows:
            name = "" if len(keys) == 1 else f"{key.removeprefix(prefix)} "
            # where it comes from is said once
            now = f"now {said(new)}" if texts else f"{said(new)} from {origin}"
            texts.append(f"{name}{said(old)}{'' if texts else ' in results.json'}, {now}")
        specs = names if place and place[1] in ("spec", "profile") else frozenset[str]()
        message = "; ".join(texts) + blame(self.frozen, self.path)
        mendable = bool(specs or not names)
        return Cause("option", self.path, where, message, names, specs=specs, mendable=mendable)

    def _line(self, place: tuple[str, ...], keys: list[str]) -> int | None:
        """Return the line of the protocol that decides a choice, or of its analysis."""
        if not place:
            return nearest_line(self.lines, tuple(keys[0].split(".")))
        plans = self.raw.get("analyses")
        for i, plan in enumerate(plans if isinstance(plans, list) else ()):
            if look(plan, "id") == place[0]:
                for key in keys:
                    path = _toml_path(("analyses", i), plan, key)
                    if path in self.lines:
                        return self.lines[path]
                return nearest_line(self.lines, ("analyses", i))
        return None


def _toml_path(base: tuple[str | int, ...], plan: Mapping[str, Any], key: str) -> tuple[str | int, ...]:
    """Return where the protocol decides what results.json calls ``key``."""
    parts: list[str | int] = [int(part) - 1 if part.isdigit() else part for part in key.split(".")]
    if parts[0] == "spec":
        own = look(plan, "model", *parts[1:]) is not None
        return (*base, "model", *parts[1:]) if own else (*base, "profile")
    numbers = [i for i, part in enumerate(parts) if isinstance(part, int)]
    if parts[0] == "derived":
        return (*base, "derived")
    return (*base, *(parts[: numbers[0] + 1] if numbers else parts[:1]))


def _profile_causes(stored: object, frozen: Frozen) -> Iterator[Cause]:
    """Yield each frozen profile that is not as released, or whose options are not those of this engine's."""
    known = {str(entry.get("name")): entry for entry in each_table(stored, "provenance", "profiles")}
    installed = set(profile_names())
    for path in sorted(frozen.contents):
        name = path.removeprefix("profiles/").removesuffix(".toml")
        if path != f"profiles/{name}.toml" or name not in installed:
            continue
        data = (files("meta.profiles") / f"{name}.toml").read_bytes()
        if frozen.contents[path] == data and path not in frozen.changed:
            continue
        here, now = _options(data), _options(frozen.contents[path])
        if not now:
            yield Cause("profile", path, path, f"this is no profile{blame(frozen, path)}", frozenset())
            continue
        then = look(known.get(name), "options")
        released = dict(then) if isinstance(then, Mapping) else here
        keys = _differing(now, released) or _differing(here, released)
        if not keys and path not in frozen.changed:
            continue
        touched = frozenset(n for n, e in entries_of(stored).items() if e.get("profile") == name)
        moved = _differing(here, released)
        for key in keys:
            message = (
                f"{said(released.get(key))} in results.json, {said(now.get(key))} in the frozen profile, "
                f"{said(here.get(key))} in this engine's{blame(frozen, path)}"
            )
            place = f"{path}, options.{key}"
            yield Cause("profile", path, place, message, touched if moved else frozenset(), specs=touched)
        if not keys:
            message = f"changed in words that are no option{blame(frozen, path)}"
            yield Cause("profile", path, path, message, frozenset())


def _options(data: bytes) -> Choices:
    """Return the options of a profile as results.json writes them; empty where it is no profile."""
    try:
        options = tomllib.loads(data.decode("utf-8")).get("options")
    except (ValueError, RecursionError):
        return {}
    found: Choices = {}
    for key, entry in options.items() if isinstance(options, Mapping) else ():
        value = look(entry, "value")
        found[str(key)] = None if value == NOTHING and key != "ci_guard" else value
    return found
