"""The rules of how an analysis is shown: scale of the axis, and effects too small to matter."""

from __future__ import annotations

from collections.abc import Iterator

from extraction.toml_lines import Path
from meta.effects.measures import MEASURES
from meta.protocol.plan import Analysis
from meta.protocol.shape import Fault


def check_figure(here: Path, analysis: Analysis) -> Iterator[Fault]:
    """Find what is wrong with the axis and the band of an analysis."""
    measure = MEASURES.get(analysis.measure)
    if measure is None:
        return
    scale = analysis.axis or ("log" if measure.log_axis else "natural")
    if scale not in measure.axis_scales:
        message = f"measure {measure.code} ({measure.name}) has no {scale} axis"
        yield Fault((*here, "axis"), "axis-measure", message, f"allowed: {', '.join(measure.axis_scales)}")
    if analysis.band is None:
        return
    low, high = (float(bound) for bound in analysis.band)
    if low >= high:
        message = f"from {low:g} to {high:g} is no range"
        yield Fault((*here, "band"), "band-order", message, "give the lower bound first")
    elif low <= 0 and scale == "log":
        message = f"a band from {low:g} to {high:g} cannot stand on a logarithmic axis"
        yield Fault((*here, "band"), "band-positive", message, "both bounds must be above 0")
