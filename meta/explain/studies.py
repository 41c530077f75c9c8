"""The studies behind a number, with weights and effect sizes, and the rows, cells and sources of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from meta.explain.scene import Scene
from meta.report.pieces import Node
from meta.results import to_plain


@dataclass(frozen=True, slots=True)
class BehindRow:
    """A row of a sheet behind a number: where it stands, its cells as they stand there, its source.

    ``cells`` are those that can change a number of the analysis; empty where results.json does not hold the
    row. ``source`` says where in the publication, ``url`` leads to it; both empty where the sheet has none.
    """

    label: str
    file: str
    line: int
    hash: str
    cells: dict[str, str]
    source: str
    url: str


@dataclass(frozen=True, slots=True)
class BehindStudy:
    """A study behind a number.

    ``counts`` are the cells that its measure reads, ``y`` and ``v`` effect size and sampling variance on the
    analysis scale, ``weight`` percent; each None where the model gives none, or another one was fitted than
    the one these belong to. ``reason`` says why it is not used, ``recovered`` how its effect was computed
    from what the paper reports instead; both empty elsewhere.
    """

    label: str
    used: bool
    counts: dict[str, float | None]
    y: float | None
    v: float | None
    weight: float | None
    reason: str
    recovered: str
    rows: tuple[BehindRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        plain: dict[str, Any] = to_plain(self)
        return plain


class RowBook:
    """The cells and sources of the rows of one analysis, by file and line, and by label."""

    def __init__(self, analysis: Node) -> None:
        file = analysis.at("cells", "file").text()
        self._cells = {
            (file, _line(row)): row for row in analysis.at("cells", "rows").each()
        }
        self._sources = {row.at("label").text(): row for row in analysis.at("study_table", "rows").each()}

    def read(self, label: str, ref: Node) -> BehindRow:
        """Return the row at a reference (file, line, hash), with what is known of it."""
        file, line = ref.at("file").text(), _line(ref)
        row = self._cells.get((file, line))
        source = self._sources.get(label)
        return BehindRow(
            label=label,
            file=file,
            line=line,
            hash=ref.at("hash").text(),
            cells={name: cell.text() for name, cell in row.at("cells").items()} if row is not None else {},
            source=source.at("cells", "source_location").text() if source is not None else "",
            url=source.at("source_url").text() if source is not None else "",
        )

    def of_label(self, label: str) -> tuple[BehindRow, ...]:
        """Return the rows that the analysis read under a label."""
        found = []
        for (file, _), row in self._cells.items():
            if row.at("label").text() == label:
                place = Node({"file": file, "line": row.at("line").value, "hash": row.at("hash").value})
                found.append(self.read(label, place))
        return tuple(found)


def _line(node: Node) -> int:
    return int(node.at("line").number() or 0)


def behind_studies(scene: Scene) -> tuple[BehindStudy, ...]:
    """Return the studies behind a number: of its fit, or those that its refit or alternative took.

    Under another model, measure or choice of rows than the main one, effect sizes and weights are not those
    of the main fit, and are left out (results.json does not hold them).
    """
    analysis = scene.analysis
    if analysis is None or scene.field.split(".")[0] in ("targets", "threshold", "unit", "crosscheck"):
        return ()
    book = RowBook(analysis)
    if scene.study is not None:
        return (_read_study(scene.study, book),)
    if (label := _one_label(scene)) is not None:
        fitted = [s for s in analysis.at("fit", "studies").each() if s.at("label").text() == label]
        return tuple(_read_study(study, book) for study in fitted) or (_bare(label, book),)
    if scene.kind == "refits" and scene.row is not None and scene.holder is not None:
        return _refitted(scene, book)
    if scene.kind == "alternative" and scene.holder is not None:
        return _altered(scene.holder, analysis, book)
    fit = scene.holder if scene.kind == "fit" and scene.holder is not None else analysis.at("fit")
    found = [_read_study(study, book) for study in fit.at("studies").each()]
    return tuple(found)


def _one_label(scene: Scene) -> str | None:
    """Return the study that a cell, a covariate or a row of a table belongs to."""
    keys = scene.place.keys[2:]
    analysis = scene.analysis
    if analysis is None or len(keys) < 3:
        return None
    if keys[0] == "covariates":
        return str(keys[2])
    if keys[0] in ("cells", "study_table") and keys[1] == "rows":
        return analysis.at(keys[0], "rows", int(keys[2]), "label").text()
    if keys[:3] == ("selection", "overlap", "set_aside") and len(keys) >= 4:
        return analysis.at(*keys[:4], "label").text()
    if keys[0] == "descriptors" and len(keys) >= 4 and keys[2] == "values":
        return str(keys[3])
    return None


def _read_study(study: Node, book: RowBook, *, own: bool = True) -> BehindStudy:
    """Return a study of a fit; ``own`` where its effect size and weight are those of the number."""
    label = study.at("label").text()
    return BehindStudy(
        label=label,
        used=study.at("used").is_true(),
        counts={name: count.number() for name, count in study.at("counts").items()},
        y=study.at("y").number() if own else None,
        v=study.at("v").number() if own else None,
        weight=study.at("weight").number() if own else None,
        reason=study.at("reason").text(),
        recovered=study.at("recovered").text(),
        rows=tuple(book.read(label, ref) for ref in study.at("rows").each()),
    )


def _bare(label: str, book: RowBook) -> BehindStudy:
    """Return a study of which results.json holds the rows alone."""
    return BehindStudy(label, False, {}, None, None, None, "", "", book.of_label(label))


def _refitted(scene: Scene, book: RowBook) -> tuple[BehindStudy, ...]:
    """Return the studies of one refit: effect sizes are those of the main fit, weights are not."""
    assert scene.holder is not None
    assert scene.analysis is not None
    assert scene.row is not None
    used = [s for s in scene.analysis.at("fit", "studies").each() if s.at("used").is_true()]
    labels = [label.text() for label in scene.holder.at("labels").each()]
    if scene.holder.at("kind").text() == "leave_one_out":
        kept = [s for s in used if not _is_left_out(s, labels[scene.row], scene)]
    else:
        entered = _entered(labels[: scene.row + 1])
        kept = [s for s in used if s.at("label").text() in entered]
    found = [_read_study(study, book) for study in kept]
    return tuple(
        BehindStudy(s.label, s.used, s.counts, s.y, s.v, None, s.reason, s.recovered, s.rows) for s in found
    )


def _is_left_out(study: Node, name: str, scene: Scene) -> bool:
    """Whether leaving ``name`` out takes a study away: itself, or, where rows are clustered, its study."""
    label = study.at("label").text()
    if label == name:
        return True
    cluster = scene.spec.at("cluster").text() if scene.spec is not None else ""
    assert scene.analysis is not None
    return bool(cluster) and scene.analysis.at("covariates", cluster).at(label).text() == name


def _entered(steps: Iterable[str]) -> set[str]:
    """Return the labels that cumulative steps name: ``2016: Lally2016, Ucok2016``."""
    whole = [step.partition(": ")[2] for step in steps]
    return {*whole, *(label for names in whole for label in names.split(", "))}


def _altered(alternative: Node, analysis: Node, book: RowBook) -> tuple[BehindStudy, ...]:
    """Return the studies of an alternative: of the main fit less those that went, and those that came."""
    went = {label.text() for label in alternative.at("went").each()}
    main = [s for s in analysis.at("fit", "studies").each() if s.at("used").is_true()]
    found = [_read_study(s, book, own=False) for s in main if s.at("label").text() not in went]
    came = [label.text() for label in alternative.at("came").each()]
    bare = [_bare(label, book) for label in came]
    return (
        *found,
        *(BehindStudy(s.label, True, s.counts, None, None, None, "", "", s.rows) for s in bare),
    )
