"""Arms of one study that are compared with one control group: kept, and said to depend on each other."""

from __future__ import annotations

from collections.abc import Sequence

from extraction.errors import Problem
from extraction.sheet import Row, Sheet
from meta.effects.measures import MEASURES
from meta.options import CLUSTER_ROBUST
from meta.protocol.plan import Analysis


def shared_control_warnings(sheet: Sheet, labels: Sequence[str], analysis: Analysis) -> tuple[Problem, ...]:
    """Return one warning for each study of which several arms are compared with the same control group.

    Their people differ, so the rows stay; but what happened to the control group is counted once for each.
    Without a model that knows of it the dependence is not modelled; rows of one cluster are under one that
    does (``modelled_dependence``), and give no warning.

    Parameters
    ----------
    sheet : Sheet
        The rows that the analysis uses; its schema says which columns name study, arm and control group.
    labels : sequence of str
        Their labels, in the same order.
    analysis : Analysis
        The plan. Measures of one group of people have no control group.
    """
    overlap, measure = sheet.schema.overlap, MEASURES.get(analysis.measure)
    if overlap is None or measure is None or not (measure.two_groups or measure.code == "GEN"):
        return ()
    if overlap.arm is None or overlap.control is None:
        return ()
    together = modelled_dependence(analysis)
    studies: dict[str, dict[str, list[tuple[str, Row]]]] = {}
    for label, row in zip(labels, sheet.rows, strict=True):
        study, arm, control = (row.values.get(c) for c in (overlap.label, overlap.arm, overlap.control))
        if study not in (None, "") and arm not in (None, "") and control not in (None, ""):
            studies.setdefault(str(study), {}).setdefault(str(control), []).append((label, row))
    found = []
    for study, controls in studies.items():
        shared = {
            control: rows
            for control, rows in controls.items()
            if len({str(row.values[overlap.arm]) for _, row in rows}) > 1 and not _one_cluster(rows, together)
        }
        if shared:
            found.append(_warning(sheet, analysis, study, shared, overlap.label))
    return tuple(found)


def modelled_dependence(analysis: Analysis) -> str | None:
    """Return the column whose rows with one value may share people, since the analysis models it; or None.

    The sampling correlation of ``correlated_effects`` does, and a cluster-robust interval holds whatever the
    dependence within clusters is. A three-level model with a Wald interval takes sampling errors as
    independent, and does not.
    """
    spec = analysis.spec()
    modelled = spec.model == "correlated_effects" or spec.ci_method in CLUSTER_ROBUST
    return spec.cluster if modelled else None


def _one_cluster(rows: Sequence[tuple[str, Row]], column: str | None) -> bool:
    """Say whether rows have one and the same value in ``column``."""
    if column is None:
        return False
    values = {row.values.get(column) for _, row in rows}
    return len(values) == 1 and not values & {None, ""}


def _warning(
    sheet: Sheet, analysis: Analysis, study: str, shared: dict[str, list[tuple[str, Row]]], column: str
) -> Problem:
    """Return the warning for one study."""
    parts = []
    for control, rows in shared.items():
        named = [f"{label!r} (line {row.ref.line})" for label, row in rows]
        parts.append(f"{', '.join(named[:-1])} and {named[-1]} share the control group {control!r}")
    rows = next(iter(shared.values()))
    return Problem(
        sheet.file,
        rows[0][1].ref.line,
        column,
        study,
        "shared-control",
        f"in analysis {analysis.id!r} {'; '.join(parts)}: they are not independent, which is not modelled",
        "combine the arms, or keep one of them",
        "warning",
    )
