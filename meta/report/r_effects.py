"""How effect sizes were made, in the words of R's ``escalc``, and Mantel-Haenszel pooling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meta.effects.choices import EFFECT_CHOICES
from meta.effects.measures import MEASURES
from meta.report.r_code import r_number, r_string


def choices_note(analysis: Mapping[str, Any]) -> list[str]:
    """Return a comment on how ``yi`` and ``vi`` were made, where that is not as the measure does it."""
    choices, measure = analysis.get("effects") or {}, MEASURES.get(str(analysis.get("measure")))
    if measure is None or choices.get("variance") is None:
        return []
    usual = {"variance": measure.variances[0], "add": measure.add, "to": "only0", "drop00": measure.drop00}
    there = {name: choices.get(name) for name in EFFECT_CHOICES if choices.get(name) is not None}
    if all(value == usual[name] for name, value in there.items()):
        return []
    listed = ", ".join(f"{name} = {_r_value(value)}" for name, value in there.items())
    return ["", f"# yi and vi of effects.csv were made with {listed} (variance is vtype in escalc)."]


def pooled_call(fit: Mapping[str, Any], data: str, choices: Mapping[str, Any]) -> list[str]:
    """Return the call of ``rma.mh``; nothing is added to the cells that are pooled."""
    measure, level = fit["measure"], r_number(100 * fit["spec"]["level"])
    known = MEASURES[measure]
    add = choices.get("add", known.add)
    to, drop00 = choices.get("to") or "only0", choices.get("drop00", known.drop00)
    by_arm = to == "treatment_arm"
    cells = (
        "x1i = events1, t1i = time1, x2i = events2, t2i = time2"
        if measure in ("IRR", "IRD")
        else "ai = events1, n1i = n1, ci = events2, n2i = n2"
    )
    lines = [
        f'fit <- rma.mh(measure = "{measure}", {cells}, data = {data},',
        f'              add = c({r_number(add)}, 0), to = c("{"only0" if by_arm else to}", "none"),',
        f"              drop00 = {_r_value(bool(drop00))}, level = {level})",
    ]
    if by_arm:
        lines += [
            "# metafor has no treatment-arm correction: Q and I2 are taken from yi and vi.",
            f"own <- {data}",
            "fit$QE <- sum((own$yi - fit$b[1])^2 / own$vi, na.rm = TRUE)",
            "fit$I2 <- max(0, 100 * (fit$QE - (sum(!is.na(own$yi)) - 1)) / fit$QE)",
        ]
    return lines


def _r_value(value: object) -> str:
    """Return a choice as R writes it."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return r_string(value) if isinstance(value, str) else f"{value}"
