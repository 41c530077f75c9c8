"""What an analysis found in one version, and whether two versions found the same."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import astuple
from typing import Any

from meta.living.shapes import GroupChange, Standing
from meta.protocol.plan import Analysis

#: Relative difference up to which two numbers are one. The order of rows moves sums in their last bits, and
#: a search that starts from them too: at most 4e-14 over the shipped review with its rows reversed.
SAME_RTOL = 1e-9

#: Difference up to which two numbers are one where they are zero up to rounding (a tau2 at its bound, the
#: mean of effects that cancel); everything compared is of the size of 1 or said in percent.
SAME_ATOL = 1e-12

#: Parts of an analysis beyond its estimate and its groups.
PARTS = ("leave_one_out", "cumulative", "regressions", "small_study", "alternatives")


def read_number(value: Any) -> float | None:
    """Return a number of results.json, in which infinities stand as text; None where there is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return {"Inf": math.inf, "-Inf": -math.inf}.get(value) if isinstance(value, str) else None


def read_standing(fit: Mapping[str, Any] | None, measure: str) -> Standing:
    """Return what a fit of results.json found.

    Parameters
    ----------
    fit : mapping or None
        ``fit`` of an analysis or of a group; None where no row reached the analysis.
    measure : str
        Code of the measure.
    """
    found = fit or {}
    natural, tau2 = found.get("natural") or {}, found.get("tau2") or {}
    spread = found.get("heterogeneity") or {}
    return Standing(
        measure=measure,
        k=int(found.get("k") or 0),
        status=str(found.get("status") or "not_estimable"),
        value=read_number(natural.get("value")),
        low=read_number(natural.get("low")),
        high=read_number(natural.get("high")),
        prediction_low=read_number(natural.get("prediction_low")),
        prediction_high=read_number(natural.get("prediction_high")),
        tau2=read_number(tau2.get("value")),
        tau2_low=read_number(tau2.get("low")),
        tau2_high=read_number(tau2.get("high")),
        i2=read_number(spread.get("i2")),
    )


def agree(old: Any, new: Any) -> bool:
    """Say whether two values of results.json are the same: numbers up to rounding, anything else exactly."""
    one, two = read_number(old), read_number(new)
    if one is not None and two is not None:
        return math.isclose(one, two, rel_tol=SAME_RTOL, abs_tol=SAME_ATOL)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(agree(old[name], new[name]) for name in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(agree, old, new))
    return bool(old == new)


def standings_agree(old: Standing | None, new: Standing | None) -> bool:
    """Say whether two standings are the same up to rounding."""
    if old is None or new is None:
        return old is new
    return agree(list(astuple(old)), list(astuple(new)))


# Groups and parts -------------------------------------------------------------------------------------------


def group_changes(
    old: Mapping[str, Any], new: Mapping[str, Any], plans: tuple[Analysis, Analysis]
) -> tuple[GroupChange, ...]:
    """Return the levels of the subgroups that both versions declare in which a number moved.

    A level whose words were changed in the protocol is the same level.
    """
    tables = [_levels(entry, plan) for entry, plan in zip((old, new), plans, strict=True)]
    found = []
    for by, after in tables[1].items():
        before = tables[0].get(by)
        if before is None:
            continue
        for code in [*after, *(code for code in before if code not in after)]:
            one, two = before.get(code), after.get(code)
            if not standings_agree(one[1] if one else None, two[1] if two else None):
                words = (two or one or ("", None))[0]
                found.append(GroupChange(by, words, one[1] if one else None, two[1] if two else None))
    return tuple(found)


def _levels(entry: Mapping[str, Any], plan: Analysis) -> dict[str, dict[str, tuple[str, Standing]]]:
    """Return the levels of each subgroup by what stands in the sheet: their words, and what they found."""
    found: dict[str, dict[str, tuple[str, Standing]]] = {}
    names = {group.by: group.names for group in plan.subgroups}
    for group in entry.get("subgroups") or ():
        result, by = group.get("result") or {}, str(group.get("by"))
        codes: dict[str, str] = {}
        for code, words in names.get(by, {}).items():
            codes.setdefault(words, code)
        found[by] = {
            codes.get(level, level): (level, read_standing(fit, str(entry.get("measure"))))
            for level, fit in zip(result.get("levels") or (), result.get("fits") or (), strict=False)
        }
    return found


def moved_parts(old: Mapping[str, Any], new: Mapping[str, Any], labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return which parts that both versions have moved.

    Parameters
    ----------
    old, new : mapping
        The entries of results.json.
    labels : mapping
        From the label of a study in the older version to its label in the newer.
    """
    found = []
    for part in PARTS:
        before, after = ({**dict(_numbers(part, entry))} for entry in (old, new))
        if part == "leave_one_out":
            before = {labels.get(name, name): numbers for name, numbers in before.items()}
        # studies that one version has not show in the rows; formulas and alternatives in the choices
        shared = [name for name in after if name in before]
        if any(not agree(before[name], after[name]) for name in shared):
            found.append(part)
    return tuple(found)


def _numbers(part: str, entry: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Return the numbers of a part of an analysis by the name of what they belong to."""
    value = entry.get(part)
    if not value:
        return
    if part == "leave_one_out":
        arrays = [value[name] for name in ("natural", "natural_low", "natural_high", "tau2")]
        for label, *numbers in zip(value["labels"], *arrays, strict=True):
            yield label, numbers
    elif part == "cumulative":
        yield part, [value[name] for name in ("natural", "natural_low", "natural_high", "tau2", "k")]
    elif part == "regressions":
        for item in value:
            yield item["formula"], _slopes(item)
    elif part == "small_study":
        yield part, _slopes(value)
    else:
        for item in value.get("rows") or ():
            yield item["label"], [item.get(name) for name in ("k", "status", "natural", "tau2")]


def _slopes(item: Mapping[str, Any]) -> list[Any]:
    """Return the coefficients of a regression with their intervals."""
    slopes = (item.get("fit") or {}).get("coefficients") or {}
    return [slopes.get(name) for name in ("names", "value", "low", "high")]
