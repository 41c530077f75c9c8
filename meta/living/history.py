"""What each analysis found, version by version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from meta.living.shapes import HistoryPoint
from meta.living.standing import read_standing

if TYPE_CHECKING:
    from meta.living.archive import Snapshot
    from meta.living.past import Version


def trace_history(versions: Sequence[Snapshot | Version]) -> dict[str, tuple[HistoryPoint, ...]]:
    """Return what the analyses of the last version found in each version that has them.

    Parameters
    ----------
    versions : sequence of Snapshot or Version
        The versions, the oldest first; only their results are read.

    Returns
    -------
    dict of str to tuple of HistoryPoint
        By analysis id, in the order of the last version; empty without a version. A version that lacks an
        analysis gives it no point.
    """
    return {
        name: tuple(
            HistoryPoint(version.name, version.note, read_standing(entry.get("fit"), str(entry["measure"])))
            for version in versions
            if (entry := _analyses(version).get(name))
        )
        for name in (_analyses(versions[-1]) if versions else ())
    }


def _analyses(version: Snapshot | Version) -> Mapping[str, Any]:
    found: Mapping[str, Any] = version.results.get("analyses") or {}
    return found
