"""What editors and statisticians ask for beside a figure: ``effects.csv``, and the same fits as R code."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from extraction.grid import neutralise
from meta.report.r_code import COUNTS, R_HEAD, R_TAIL, file_name_text, r_string
from meta.report.r_effects import choices_note
from meta.report.r_fits import describe_fit, describe_regression, describe_subgroups

#: Characters that would break a line of the file, or that R cannot read.
_CONTROL = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]+")

#: Columns of ``effects.csv`` before the counts; a further column of one of these names gets a prefix.
_FIXED = ("label", "yi", "vi")
#: Columns after everything else.
_LAST = ("used", "reason")


def effects_csv(analysis: Mapping[str, Any]) -> str:
    """Return the effect sizes of an analysis as CSV, ready for metafor.

    Parameters
    ----------
    analysis : mapping
        An entry of ``results.json``'s ``analyses``.

    Returns
    -------
    str
        One row a study: ``label``, ``yi`` and ``vi`` (analysis scale, after any continuity correction), the
        raw counts, the columns of moderators and subgroups, ``used`` (1 where the fit uses it), and the
        ``reason`` where it does not. Numbers read back exactly. Text that a spreadsheet would run as a
        formula stands behind an apostrophe. Without a fit, the header.
    """
    studies = _studies(analysis)
    counts = _counts(studies)
    covariates = _covariates(analysis)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*_FIXED, *counts, *covariate_headers(analysis).values(), *_LAST])
    for study in studies:
        label = study["label"]
        writer.writerow(
            [
                cell_text(label),
                cell_text(study["y"]),
                cell_text(study["v"]),
                *(_count_text(study["counts"].get(name)) for name in counts),
                *(cell_text(values.get(label)) for values in covariates.values()),
                1 if study["used"] else 0,
                cell_text(study["reason"]),
            ]
        )
    return out.getvalue()


def r_script(analysis: Mapping[str, Any]) -> str:
    """Return an R script that reads ``effects.csv`` beside it, makes the same fits with metafor and compares.

    Parameters
    ----------
    analysis : mapping
        An entry of ``results.json``'s ``analyses``.

    Returns
    -------
    str
        The main fit, the subgroups, the regressions and the small-study check. Every comparison stops the
        script where R and ``results.json`` differ by more than a stated tolerance. Text of the sheets appears
        only as escaped strings, in ASCII.
    """
    headers = covariate_headers(analysis)
    texts = {
        name: {str(value): cell_text(value) for value in values.values() if value is not None}
        for name, values in _covariates(analysis).items()
    }
    numeric = ["yi", "vi", *_counts(_studies(analysis)), "used"]
    lines = [R_HEAD.format(id=file_name_text(str(analysis["id"])), numeric=", ".join(map(r_string, numeric)))]
    fit = analysis["fit"]
    # ready-made effect sizes were made elsewhere, and so were those of a release before this was recorded
    choices = {name: value for name, value in (analysis.get("effects") or {}).items() if value is not None}
    lines += choices_note(analysis)
    if fit is None:
        lines.append("# No row of the sheet reached this analysis: there is nothing to fit.")
    elif fit["spec"]["moderators"] is not None:
        lines += describe_regression("main analysis", fit, headers, texts)
    else:
        lines += describe_fit("main analysis", fit, "dat", headers, choices)
    for group in analysis["subgroups"]:
        lines += describe_subgroups(group["result"], headers, texts, choices)
    for regression in analysis["regressions"]:
        lines += describe_regression("meta-regression", regression["fit"], headers, texts)
    check = analysis["small_study"]
    if check is not None and check["fit"] is not None:
        lines += describe_regression("small-study check", check["fit"], headers, texts)
    lines.append(R_TAIL)
    return "\n".join(lines)


def covariate_headers(analysis: Mapping[str, Any]) -> dict[str, str]:
    """Return for each moderator or subgroup column its name in ``effects.csv``."""
    taken = {*_FIXED, *COUNTS, *_LAST}
    return {name: cell_text(f"column {name}" if name in taken else name) for name in _covariates(analysis)}


def cell_text(value: object) -> str:
    """Return a cell of ``effects.csv``: numbers as they are, text in one line, harmless in a spreadsheet."""
    if value is None:
        return ""
    if isinstance(value, float | int):
        return repr(value)
    return neutralise(_CONTROL.sub(" ", str(value)))


def _studies(analysis: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the studies of the fit; none where nothing was fitted."""
    fit = analysis["fit"]
    studies: Sequence[Mapping[str, Any]] = fit["studies"] if fit is not None else ()
    return studies


def _counts(studies: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the count columns that any study has, in the measure's order (excluded rows have none)."""
    present = {name for study in studies for name in study["counts"]}
    return tuple(name for name in COUNTS if name in present)


def _covariates(analysis: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Return the columns of moderators and subgroups: typed values by label."""
    covariates: Mapping[str, Mapping[str, Any]] = analysis["covariates"]
    return covariates


def _count_text(value: float | None) -> str:
    """Return a count without a decimal point: 12, not 12.0."""
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() else repr(float(value))
