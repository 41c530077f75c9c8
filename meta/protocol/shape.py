"""From a TOML document to a ``Protocol``: what has the wrong shape is named, and the rest is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from extraction.names import suggest
from extraction.toml_lines import Path
from meta.protocol.judging import (
    Baseline,
    EffectUpgrade,
    ExcludedStudy,
    GradePlan,
    RiskOfBiasPlan,
    Seriousness,
    Suspicion,
    Upgrade,
)
from meta.protocol.plan import (
    Alternative,
    Analysis,
    Descriptor,
    Filter,
    Mark,
    ModelChoices,
    ModeratorPlan,
    NamedRow,
    Overlap,
    Protocol,
    ReportPlan,
    SheetEntry,
    SubgroupPlan,
    Threshold,
    Unit,
)
from meta.protocol.screening import OtherMethodsPlan, PrismaPlan

#: Which model stands at which place; ``*`` is any name or any place in a list.
_MODELS: dict[Path, type[BaseModel]] = {
    (): Protocol,
    ("sheets", "*"): SheetEntry,
    ("targets", "*"): SheetEntry,
    ("report",): ReportPlan,
    ("risk_of_bias",): RiskOfBiasPlan,
    ("prisma",): PrismaPlan,
    ("prisma", "other"): OtherMethodsPlan,
    ("excluded", "*"): ExcludedStudy,
    ("analyses", "*"): Analysis,
    ("analyses", "*", "filters", "*"): Filter,
    ("analyses", "*", "exclude", "*"): NamedRow,
    ("analyses", "*", "overlap"): Overlap,
    ("analyses", "*", "overlap", "named", "*"): NamedRow,
    ("analyses", "*", "subgroups", "*"): SubgroupPlan,
    ("analyses", "*", "moderators", "*"): ModeratorPlan,
    ("analyses", "*", "threshold"): Threshold,
    ("analyses", "*", "alternatives", "*"): Alternative,
    ("analyses", "*", "alternatives", "*", "filters", "*"): Filter,
    ("analyses", "*", "alternatives", "*", "exclude", "*"): NamedRow,
    ("analyses", "*", "alternatives", "*", "overlap"): Overlap,
    ("analyses", "*", "alternatives", "*", "overlap", "named", "*"): NamedRow,
    ("analyses", "*", "alternatives", "*", "model"): ModelChoices,
    ("analyses", "*", "unit"): Unit,
    ("analyses", "*", "model"): ModelChoices,
    ("analyses", "*", "descriptors", "*"): Descriptor,
    ("analyses", "*", "descriptors", "*", "mark"): Mark,
    ("analyses", "*", "grade"): GradePlan,
    ("analyses", "*", "grade", "baselines", "*"): Baseline,
    ("analyses", "*", "grade", "publication_bias"): Suspicion,
    ("analyses", "*", "grade", "large_effect"): EffectUpgrade,
    **{
        ("analyses", "*", "grade", name): Seriousness
        for name in ("risk_of_bias", "inconsistency", "indirectness", "imprecision")
    },
    **{("analyses", "*", "grade", name): Upgrade for name in ("dose_response", "opposing_confounding")},
}

#: What a value of the wrong kind is told, by the type of pydantic's error.
_MESSAGES = {
    "string_type": "must be text in quotes",
    "bool_type": "must be true or false",
    "int_type": "must be a number",
    "float_type": "must be a number",
    "tuple_type": "must be a list in square brackets",
    "dict_type": 'must be a table, such as {events = "cases"}',
    "model_type": "must be a table of keys and values",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "greater_than": "must be above 0",
    "less_than_equal": "must be at most 10^12",
    "finite_number": "must be a number",
    "string_pattern_mismatch": "must be lower-case letters, digits, - and _, at most 60 (it names files)",
}

#: What stands in for a required value that is missing or wrong, so that it hides nothing else; or else text.
_STAND_INS: dict[str | int, Any] = {
    "id": "stand-in",
    "columns": {},
    "value": 0,
    "factor": 1,
    "per_1000": 1,
}

#: Without these nothing can be checked.
_INDISPENSABLE = ("sheets", "analyses")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong at a place of the protocol; the place is a path in the document as it was written."""

    path: Path
    rule: str
    message: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Shaped:
    """A protocol as far as it could be read.

    ``protocol`` is None where nothing usable is left. ``places`` leads from a place in it to the place in the
    document, which differ where an item of a list was left out.
    """

    protocol: Protocol | None
    faults: tuple[Fault, ...]
    places: Mapping[Path, Path] = field(default_factory=dict)

    def original(self, path: Path) -> Path:
        """Return the place in the document of a place in the protocol."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.places:
                return self.places[path[:end]] + path[end:]
        return path


def shape_protocol(raw: Mapping[str, Any]) -> Shaped:
    """Read a document into a protocol, leaving out what has the wrong shape.

    Parameters
    ----------
    raw : mapping
        As ``tomllib`` gives it.
    """
    bad: set[Path] = set()
    replaced: set[Path] = set()
    faults: dict[Path, Fault] = {}
    while True:
        places: dict[Path, Path] = {}
        document = _prune(raw, (), (), bad, places)
        for path in (p for p in replaced if not any(p[:end] in bad for end in range(len(p)))):
            table = look_up(document, _translate(path[:-1], places))
            if isinstance(table, dict):
                table[path[-1]] = _STAND_INS.get(path[-1], "-")
        try:
            return Shaped(Protocol.model_validate(document), tuple(faults.values()), places)
        except ValidationError as error:
            found = _faults(error, document, Shaped(None, (), places))
        for fault in found:
            if not any(fault.path[:end] in bad for end in range(1, len(fault.path) + 1)):
                faults.setdefault(fault.path, fault)
        before = len(bad) + len(replaced)
        for fault in found:
            _set_aside(fault, bad, replaced)
        if len(bad) + len(replaced) == before or () in bad:
            return Shaped(None, tuple(faults.values()), places)


def _set_aside(fault: Fault, bad: set[Path], replaced: set[Path]) -> None:
    """Decide what is left out or replaced for a fault: the value, or what a missing key makes unreadable."""
    path = fault.path
    if fault.rule != "missing-key":
        # a stand-in that is refused as well takes the table around it along
        bad.add(path[:-1] if path in replaced else path)
    elif path in replaced or path[-1] in _INDISPENSABLE:
        bad.add(path[:-1])
    else:
        replaced.add(path)


def _prune(node: Any, here: Path, new: Path, bad: set[Path], places: dict[Path, Path]) -> Any:
    """Copy a document without the places in ``bad``; note where items of lists have moved."""
    if isinstance(node, dict):
        return {
            k: _prune(v, (*here, k), (*new, k), bad, places) for k, v in node.items() if (*here, k) not in bad
        }
    if isinstance(node, list):
        kept = [(i, v) for i, v in enumerate(node) if (*here, i) not in bad]
        items = []
        for place, (i, value) in enumerate(kept):
            places[(*new, place)] = (*here, i)
            items.append(_prune(value, (*here, i), (*new, place), bad, places))
        return items
    return node


def _translate(path: Path, places: Mapping[Path, Path]) -> Path:
    """Return the place in the pruned document of a place in the original one."""
    new: Path = ()
    back = {original: place for place, original in places.items()}
    for end in range(1, len(path) + 1):
        new = back.get(path[:end], (*new, path[end - 1]))
    return new


def look_up(document: Any, path: Path) -> Any:
    """Return what stands at a place of a document; None where nothing does (TOML itself has no null)."""
    node = document
    for part in path:
        if isinstance(node, dict):
            node = node.get(part)
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            node = node[part]
        else:
            return None
    return node


def _faults(error: ValidationError, document: Any, shaped: Shaped) -> list[Fault]:
    """Turn pydantic's errors into faults, one a place."""
    by_place: dict[Path, list[Mapping[str, Any]]] = defaultdict(list)
    for detail in error.errors(include_url=False, include_input=False):
        by_place[shaped.original(_place(detail, document))].append(detail)
    # pydantic counts only valid items: a list is too short only where nothing inside it is wrong
    inside = {path[:end] for path in by_place for end in range(len(path))}
    return [
        _fault(path, details)
        for path, details in by_place.items()
        if not (details[0]["type"] == "too_short" and path in inside)
    ]


def _place(detail: Mapping[str, Any], document: Any) -> Path:
    """Return the place of an error: pydantic adds names of types to it where a value may be of several."""
    path: Path = detail["loc"]
    if detail["type"] == "missing":
        return path
    while look_up(document, path) is None and path:
        path = path[:-1]
    return path


def _fault(path: Path, details: list[Mapping[str, Any]]) -> Fault:
    """Say what is wrong at one place, in words for the person who wrote the protocol."""
    kind = details[0]["type"]
    if kind == "missing":
        return Fault(path, "missing-key", f"the key {str(path[-1])!r} is missing")
    if kind == "extra_forbidden":
        model = _MODELS.get(_pattern(path[:-1]))
        return Fault(
            path, "unknown-key", f"unknown key {str(path[-1])!r}", suggest(str(path[-1]), _keys(model))
        )
    if kind == "literal_error":
        return Fault(path, "unknown-value", f"must be one of {details[0]['ctx']['expected']}")
    words = dict.fromkeys(_MESSAGES.get(detail["type"], detail["msg"]) for detail in details)
    return Fault(path, "wrong-value", " or ".join(words).replace(" or must be", " or"))


def _pattern(path: Path) -> Path:
    """Return a path with names of sheets and places in lists replaced by ``*``."""
    named = path[:1] in (("sheets",), ("targets",)) and len(path) == 2
    return tuple("*" if isinstance(part, int) or (named and i == 1) else part for i, part in enumerate(path))


def _keys(model: type[BaseModel] | None) -> list[str]:
    """Return the keys of a model, as they are written."""
    return [] if model is None else [info.alias or name for name, info in model.model_fields.items()]
