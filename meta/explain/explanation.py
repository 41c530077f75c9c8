"""Where a number of results.json comes from: what it is, its fit, formula, studies, rows, steps between."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meta.effects.measures import MEASURES
from meta.errors import ExplainError
from meta.explain.addresses import Place, describe_prefix, find_place, is_number
from meta.explain.scene import Scene, describe_place, read_scene, show_value
from meta.explain.studies import BehindStudy, behind_studies
from meta.options import GLMMS
from meta.report.effect_words import zeros_sentence
from meta.report.methods import methods_sentences
from meta.report.origins import selection_steps
from meta.report.pieces import Node, plain
from meta.results import to_plain

#: Layout of an explanation as JSON; a reader of it checks this first.
EXPLANATION_FORMAT = "trs-meta-explanation@1"

RESULTS_FILE = "results.json"

#: Keys of numbers that are typed in, and so have no steps or studies of their own.
_DECLARED = ("targets", "threshold", "unit", "crosscheck")


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of the fit, its value, and the source that the profile gives for it (or who set it)."""

    option: str
    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a number comes from.

    Attributes
    ----------
    id : str
        Its address in results.json, in full.
    value : object
        What stands there: a number, text, None; of a list or a part, None.
    shown : str
        As reports show it in the unit of display; empty where that is the same.
    what : str
        What it is, with the formula and its citation.
    numbers : mapping of str to object
        Of a part (a study, a fit, an alternative), the numbers it holds, by id.
    analysis : mapping or None
        ``id``, ``title``, ``question``, ``measure`` and its ``sheet``; None outside the analyses.
    part : str
        Which part of the analysis it belongs to.
    choices : tuple of Choice
        The options of its fit.
    profile : str
        Name and SHA-256 of the method profile they come from; empty where there is no fit.
    methods : tuple of str
        How the fit was made, in sentences with citations.
    steps : tuple of str
        What lies between the rows of the sheet and the number.
    studies : tuple of BehindStudy
        The studies behind it.
    sources : tuple of str
        Further sources: a published value's own.
    """

    id: str
    value: object
    shown: str
    what: str
    numbers: Mapping[str, Any]
    analysis: Mapping[str, str] | None
    part: str
    choices: tuple[Choice, ...]
    profile: str
    methods: tuple[str, ...]
    steps: tuple[str, ...]
    studies: tuple[BehindStudy, ...]
    sources: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain dictionaries and lists, with its format."""
        return {"format": EXPLANATION_FORMAT, **to_plain(self)}


def read_results(place: str | Path) -> dict[str, Any]:
    """Read the results.json of a run or a release.

    Parameters
    ----------
    place : path
        The folder, or the file itself.

    Raises
    ------
    ExplainError
        If there is none, or it is none of ours.
    """
    path = Path(place)
    file = path / RESULTS_FILE if path.is_dir() else path
    try:
        found = json.loads(file.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise ExplainError(
            f"there is no {RESULTS_FILE} at {path}; name the folder of a run ('meta run' writes out/) or "
            "of a release"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ExplainError(f"{file} cannot be read: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("analyses"), dict):
        raise ExplainError(f"{file} holds no results: there are no analyses in it")
    return found


def explain_number(results: Mapping[str, Any], address: str) -> Explanation:
    """Say where a number of results.json comes from.

    Parameters
    ----------
    results : mapping
        Content of ``results.json``; everything that is told is read from it.
    address : str
        The id of a number as reports carry it (``data-id``), for example
        ``analyses.trs_total.fit.natural.value``; or of something that has numbers: an analysis, a fit, a
        study, a subgroup, a row of refits, an alternative, a change since the last release.

    Returns
    -------
    Explanation

    Raises
    ------
    ExplainError
        If nothing stands there, or it is a mere part of results.json: the text names ids that are near, or
        that begin so.
    """
    place = find_place(results, address)
    scene = read_scene(place)
    if isinstance(place.value, Mapping) and not _is_thing(scene):
        raise ExplainError(describe_prefix(place))
    typed = scene.field.split(".")[0] in _DECLARED
    studies = behind_studies(scene)
    return Explanation(
        id=place.address,
        value=None if isinstance(place.value, Mapping | list) else place.value,
        shown=show_value(scene),
        what=describe_place(scene),
        numbers=_numbers_of(place, scene),
        analysis=_name_analysis(scene),
        part=scene.part,
        choices=_choices(scene),
        profile=_profile(scene),
        methods=_methods(scene),
        steps=() if typed else _steps(scene, studies),
        studies=studies,
        sources=_sources(scene),
    )


def _is_thing(scene: Scene) -> bool:
    """Whether a dictionary is something that people ask about, and not a mere part of results.json."""
    value, keys = scene.place.value, scene.place.keys
    assert isinstance(value, Mapping)
    if isinstance(keys[-1], int) or (keys[0] == "analyses" and len(keys) == 2):
        return True
    if keys[0] == "analyses" and len(keys) == 3:
        return keys[2] in (
            "fit", "leave_one_out", "cumulative", "alternatives", "share", "threshold", "selection"
        )
    return keys[-1] in ("fit", "result", "test", "changes", "permutation_test", "curve")


def _numbers_of(place: Place, scene: Scene) -> dict[str, Any]:
    """Return the numbers right at a part or one level below it, by id; of a row of refits, its own."""
    value, address = place.value, place.address
    if scene.kind == "refits" and scene.row is not None and scene.field == "labels.#":
        assert scene.holder is not None
        return {
            column.at(scene.row).path: column.at(scene.row).value
            for _, column in scene.holder.items()
            if isinstance(column.value, list) and is_number(column.at(scene.row).value)
        }
    if not isinstance(value, Mapping):
        return {}
    found = {f"{address}.{key}": entry for key, entry in value.items() if is_number(entry)}
    for key, entry in value.items():
        if isinstance(entry, Mapping) and key != "spec":
            found |= {f"{address}.{key}.{name}": x for name, x in entry.items() if is_number(x)}
    return found


def _name_analysis(scene: Scene) -> dict[str, str] | None:
    if scene.analysis is None:
        return None
    names = ("id", "title", "question", "sheet", "measure", "measure_name")
    return {name: scene.analysis.at(name).text() for name in names}


def _profile_node(scene: Scene) -> Node:
    """Return the profile of the fit behind a place; a node without a value where it is not recorded."""
    analysis = scene.analysis
    if analysis is None:
        return Node(None)
    own = scene.holder.at("profile").text() if scene.kind == "alternative" and scene.holder else ""
    name = own or analysis.at("profile").text()
    profiles = Node(dict(scene.place.root)).at("provenance", "profiles")
    return next((p for p in profiles.each() if p.at("name").text() == name), Node(None))


def _choices(scene: Scene) -> tuple[Choice, ...]:
    """Return the options of the fit with their sources: of the profile, or the protocol's own."""
    if scene.spec is None:
        return ()
    profile = _profile_node(scene)
    found = []
    for name, option in scene.spec.items():
        if option.value is None:
            continue
        given = profile.at("options", name).value
        if given == option.value:
            source = profile.at("citations", name).text() or "the profile"
        elif name == "moderators":
            source = "the formula of this regression"
        else:
            source = "set by the protocol, or by the model's own default"
        found.append(Choice(name, option.value, source))
    return tuple(found)


def _profile(scene: Scene) -> str:
    profile = _profile_node(scene)
    if scene.spec is None or not profile.exists:
        return ""
    return f"{profile.at('name').text()} (SHA-256 {profile.at('sha256').text()})"


def _measure(scene: Scene) -> str:
    """Return the code of the measure behind a place: an alternative may have one of its own."""
    own = scene.holder.at("measure").text() if scene.holder is not None else ""
    return own or (scene.analysis.at("measure").text() if scene.analysis is not None else "")


def _effect_choices(scene: Scene) -> Node:
    """Return how effect sizes are made (formula of the variance, what is added to zero cells)."""
    if scene.kind == "alternative" and scene.holder is not None:
        return scene.holder.at("effects")
    return scene.analysis.at("effects") if scene.analysis is not None else Node(None)


def _methods(scene: Scene) -> tuple[str, ...]:
    """Return how the fit was made, and how the measure makes an effect size of a row, with citations."""
    if scene.spec is None:
        return ()
    measure = _measure(scene)
    choices = _effect_choices(scene)
    sentences = [plain(sentence) for sentence in methods_sentences(measure, scene.spec, choices)]
    if measure in MEASURES and MEASURES[measure].citation:
        sentences.append(f"The effect size {measure} is defined in: {MEASURES[measure].citation}.")
    return tuple(sentences)


def _steps(scene: Scene, studies: tuple[BehindStudy, ...]) -> tuple[str, ...]:
    """Return what lies between the sheet and the number, in order."""
    if scene.analysis is None:
        return ()
    steps = [plain(sentence) for sentence in selection_steps(scene.analysis)]
    steps += [
        f"Set aside: {aside.at('label').text()}, since it shares people with "
        f"{', '.join(name.text() for name in aside.at('because_of').each())}."
        for aside in scene.analysis.at("selection", "overlap", "set_aside").each()
    ]
    steps += [
        f"Left out by name: {out.at('label').text()} ({out.at('reason').text()})."
        for out in scene.analysis.at("selection", "excluded").each()
    ]
    steps += _altered_steps(scene)
    steps += [f"Recovered: {study.label}: {study.recovered}." for study in studies if study.recovered]
    steps += [f"Not used: {study.label}: {study.reason}." for study in studies if study.reason]
    return (*steps, *_zero_steps(scene, studies))


def _altered_steps(scene: Scene) -> list[str]:
    """Say what an alternative or a refit changes of the main fit."""
    if scene.holder is None:
        return []
    if scene.kind == "refits" and scene.row is not None:
        note = scene.holder.at("notes", scene.row).text()
        return [f"Refitted by the analysis's own model; {scene.part}{f' ({note})' if note else ''}."]
    if scene.kind != "alternative":
        return []
    other = scene.holder
    steps = [f"The steps above are those of the main estimate. Other here: {change.text()}." for change in
             other.at("changes").each()]
    for key, words in (("went", "Studies that went"), ("came", "Studies that came"), ("swapped", "Other "
    "rows of")):
        if labels := [label.text() for label in other.at(key).each()]:
            steps.append(f"{words}: {', '.join(labels)}.")
    steps += [f"Reason: {other.at('reason').text()}"] if other.at("reason").exists else []
    steps += [f"Not estimated: {other.at('failure').text()}."] if other.at("failure").exists else []
    return [*steps, *(f"Note: {remark.text()}." for remark in other.at("remarks").each())]


def _zero_steps(scene: Scene, studies: tuple[BehindStudy, ...]) -> list[str]:
    """Say what was added to zero cells, of which studies; under a GLMM nothing was."""
    measure = MEASURES.get(_measure(scene))
    if measure is None or not measure.counts_events or scene.spec is None:
        return []
    zero = [study.label for study in studies if _has_zero_cell(study.counts)]
    if not zero:
        return ["No study behind this number has a zero cell: no continuity correction."] if studies else []
    if scene.model in GLMMS:
        return [
            f"Zero cells in {', '.join(zero)}: the model takes the counts as they are; y and v, which it "
            "does not read, have the correction."
        ]
    return [f"Zero cells in {', '.join(zero)}: {plain(zeros_sentence(measure, _effect_choices(scene)))}"]


def _has_zero_cell(counts: Mapping[str, float | None]) -> bool:
    """Whether events, or those without one, are none in any group."""
    for events, people in (("events", "n"), ("events1", "n1"), ("events2", "n2")):
        x, n = counts.get(events), counts.get(people)
        if x is not None and (x == 0.0 or x == n):
            return True
    return False


def _sources(scene: Scene) -> tuple[str, ...]:
    """Return the sources of a value that was typed in: a published one, a threshold."""
    analysis, keys = scene.analysis, scene.place.keys
    if analysis is None or len(keys) < 3:
        return ()
    if keys[2] == "threshold" or scene.field.startswith(("share.threshold",)):
        threshold = analysis.at("threshold")
        return tuple(filter(None, (threshold.at("words").text(), threshold.at("source").text())))
    if keys[2] != "targets" or len(keys) < 4:
        return ()
    target = analysis.at("targets", int(keys[3]))
    rows = [f"{ref.at('file').text()} line {ref.at('line').text()}" for ref in target.at("rows").each()]
    return tuple(filter(None, (
        target.at("source").text(), target.at("source_url").text(), target.at("note").text(), *rows
    )))
