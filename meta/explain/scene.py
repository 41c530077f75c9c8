"""What surrounds a place of results.json: its analysis, the fit it belongs to, the study, what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meta.explain.addresses import Place
from meta.explain.formulas import ANALYSIS, ELSEWHERE, ESTIMATES, FIT, SAME_AS, STUDY, match_words
from meta.report.pieces import Node
from meta.tables.numbers import level_text, significant_text

#: Natural values of a fit or a study, which reports show in the unit of display.
_NATURAL = ("natural.", "population_mean.")


@dataclass(frozen=True, slots=True)
class Scene:
    """What surrounds a place.

    Attributes
    ----------
    place : Place
        The place itself.
    analysis : Node or None
        The analysis it belongs to; None outside the analyses.
    holder : Node or None
        The nearest fit, set of refits or alternative around it: what has a spec of its own.
    kind : str
        What the holder is: ``fit``, ``refits``, ``alternative``; ``analysis`` where there is none.
    field : str
        The place below the holder (or the analysis), ``#`` for places in lists.
    part : str
        Which part of the analysis it belongs to, in words.
    study : Node or None
        The study of a fit around it.
    row : int or None
        Of refits, which of them.
    """

    place: Place
    analysis: Node | None
    holder: Node | None
    kind: str
    field: str
    part: str
    study: Node | None
    row: int | None

    @property
    def spec(self) -> Node | None:
        """The choices behind the number."""
        if self.holder is not None and self.holder.at("spec").exists:
            return self.holder.at("spec")
        if self.analysis is not None and self.field.split(".")[0] in ("share", "subgroups", "spec"):
            return self.analysis.at("spec")
        return None

    @property
    def model(self) -> str:
        """Code of the model behind the number; empty where there is none."""
        return self.spec.at("model").text() if self.spec is not None else ""


def read_scene(place: Place) -> Scene:
    """Find out what surrounds a place."""
    keys = place.keys
    root = Node(dict(place.root))
    if keys[0] != "analyses" or len(keys) < 2:
        return Scene(place, None, None, "elsewhere", place.pattern, "", None, None)
    analysis = root.at(*keys[:2])
    inside = len(keys)
    holder, kind, at = None, "analysis", 2
    for end in range(3, inside + 1):
        value = place.steps[end - 1].value
        if not isinstance(value, Mapping):
            continue
        found = _kind_of(keys[2:end], value)
        if found:
            holder, kind, at = root.at(*keys[:end]), found, end
    field = ".".join("#" if isinstance(key, int) else str(key) for key in keys[at:])
    study: Node | None = None
    row: int | None = None
    if kind == "fit" and len(keys) >= at + 2 and keys[at] == "studies":
        study = root.at(*keys[: at + 2])
    if kind == "fit" and len(keys) == at + 2 and keys[at] == "weights":
        used = [entry for entry in (holder or root).at("studies").each() if entry.at("used").is_true()]
        study = used[int(keys[at + 1])] if int(keys[at + 1]) < len(used) else None
    if kind == "refits" and len(keys) >= at + 2:
        row = int(keys[at + 1]) if isinstance(keys[at + 1], int) else None
    return Scene(place, analysis, holder, kind, field, _name_part(analysis, keys, row), study, row)


def _kind_of(inside: tuple[Any, ...], value: Mapping[str, Any]) -> str:
    """Return what a dictionary below an analysis is: a fit, refits, an alternative, or nothing of these."""
    if "spec" not in value:
        return ""
    if "studies" in value:
        return "fit"
    if "labels" in value and "kind" in value:
        return "refits"
    return "alternative" if inside[:2] == ("alternatives", "rows") else ""


def _name_part(analysis: Node, keys: tuple[Any, ...], row: int | None) -> str:
    """Say which part of the analysis a place belongs to."""
    inside = keys[2:]
    first = str(inside[0]) if inside else ""
    if first == "subgroups" and len(inside) >= 2:
        group = analysis.at("subgroups", int(inside[1]))
        title = group.at("title").text()
        if inside[2:4] == ("result", "fits") and len(inside) >= 5:
            level = group.at("result", "levels", int(inside[4])).text()
            return f"subgroup {level!r} ({title})"
        return f"subgroups: {title}"
    if first == "regressions" and len(inside) >= 2:
        regression = analysis.at("regressions", int(inside[1]))
        return f"meta-regression {regression.at('formula').text()} ({regression.at('title').text()})"
    if first == "alternatives" and len(inside) >= 3:
        return f"alternative {analysis.at('alternatives', 'rows', int(inside[2]), 'label').text()!r}"
    if first in ("leave_one_out", "cumulative"):
        label = analysis.at(first, "labels", row).text() if row is not None else ""
        if first == "leave_one_out":
            return f"leave one out: without {label}" if label else "leave one out"
        return f"cumulative: up to {label}" if label else "cumulative"
    return {
        "fit": "main fit",
        "small_study": "check for small-study effects: regression on 1/n",
        "share": "expected share beyond the threshold",
        "selection": "choice of rows",
        "cells": "rows of the sheet",
        "targets": "published values set beside the estimate",
        "threshold": "threshold",
    }.get(first, "")


def describe_place(scene: Scene) -> str:
    """Say what stands at a place; the words of the formula of its model included."""
    words = _words_of(scene)
    level = scene.spec.at("level").number() if scene.spec is not None else None
    formula = ESTIMATES.get(scene.model, f"the model {scene.model}" if scene.model else "its model")
    return words.replace("{estimate}", formula).replace(
        "{level}", level_text(level) if level is not None else "declared"
    )


def _words_of(scene: Scene) -> str:
    field, pattern = scene.field, scene.place.pattern
    if scene.analysis is None:
        return match_words(ELSEWHERE, pattern) or "a part of results.json"
    if not field and scene.kind == "analysis":
        return "an analysis of the protocol"
    below = pattern.split(".", 2)[2] if scene.kind != "analysis" else field
    if scene.kind == "fit":
        return _fit_words(field, scene)
    if scene.kind == "refits":
        column = field.split(".")[0]
        if column == "labels" or not field:
            return "a refit of the analysis's own model on other studies" if scene.row is not None else (
                "the analysis's own model fitted again on other studies"
            )
        return FIT.get(SAME_AS.get(column, ""), "") or _option_words(field)
    if scene.kind == "alternative":
        if not field:
            return "another choice that the protocol declares, with its reason; the rest as in the analysis"
        return (
            FIT.get(SAME_AS.get(field, field), "")
            or match_words(ANALYSIS, below)
            or _fit_words(field, scene)
        )
    return match_words(ANALYSIS, field) or _option_words(field)


def _fit_words(field: str, scene: Scene) -> str:
    """Return the words of a place below a fit."""
    if not field:
        return "a fit: " + ESTIMATES.get(scene.model, "its model stands below")
    if field in FIT:
        return FIT[field]
    first, _, rest = field.partition(".")
    if first == "studies":
        return _study_words(rest.removeprefix("#").removeprefix("."))
    if first == "totals":
        return "a count added up over the studies used"
    if field.startswith("posterior.shrunken"):
        return (
            "what the Bayesian fit says of the true effect of one study: the median of its posterior or an "
            "end of its interval, drawn towards the mean by the other studies"
        )
    if field.startswith("posterior.density"):
        return "a point of a posterior density, and the density there: a curve of the figure"
    if first == "excluded":
        return "a study that this model cannot use, with the reason"
    if first == "moderators":
        return "how a moderator enters the design of the regression, and its cells"
    return _option_words(field)


def _study_words(rest: str) -> str:
    if not rest:
        return "a study of the fit: its cells, its effect size, its weight"
    if rest.startswith("counts"):
        return "a cell of the sheet, as the measure reads it"
    if rest.startswith("rows"):
        return "where the row of the study stands: file, line (the header is line 1), hash of its cells"
    return STUDY.get(rest, "a part of what is known of the study")


def _option_words(field: str) -> str:
    if field.startswith("spec"):
        return "an option of the model, a choice of the profile or of the protocol"
    if field in ("studies", "notes", "weights", "components"):
        return f"the {field} of the fit"
    return f"a part of what the analysis found ({field})" if field else "a part of results.json"


def show_value(scene: Scene) -> str:
    """Return a natural value in the unit of display, as reports show it; empty for everything else."""
    x = Node(scene.place.value).number()
    if x is None or scene.analysis is None or not _is_natural(scene):
        return ""
    unit = scene.analysis.at("unit")
    if scene.kind == "alternative" and scene.holder is not None and scene.holder.at("unit").exists:
        unit = scene.holder.at("unit")
    factor = unit.at("factor").number() or 1.0
    return f"{significant_text(x * factor)} ({unit.at('heading').text()})"


def _is_natural(scene: Scene) -> bool:
    field = scene.field
    if scene.kind == "refits":
        return field.startswith("natural")
    if scene.study is not None:
        return field.rpartition(".")[2] in ("value", "low", "high")
    return field.startswith(_NATURAL) or (scene.kind == "fit" and ".natural_" in field)
