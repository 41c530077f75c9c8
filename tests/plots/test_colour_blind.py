"""Colours that stand together are told apart by people with any of the common colour deficiencies.

Simulated by the matrices of Machado, Oliveira and Fernandes (2009), IEEE Transactions on Visualization and
Computer Graphics 15, 1291-1298, at full severity, on linear RGB; distances are CIE 1976 in CIELAB (D65).
"""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from meta.plots import theme
from meta.plots.judgements import BEADS

MATRICES: dict[str, list[list[float]]] = {
    "normal": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
#: sRGB to XYZ of D65, and its white.
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(color: str, kind: str) -> NDArray[np.float64]:
    """Return lightness, a and b of a colour as it is seen."""
    srgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(MATRICES[kind]) @ linear, 0.0, 1.0)
    ratio = (XYZ @ seen) / (XYZ @ np.ones(3))
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(first: str, second: str, kind: str) -> float:
    return float(np.linalg.norm(lab(first, kind) - lab(second, kind)))


def test_the_simulation_leaves_white_and_confuses_what_it_should() -> None:
    for kind in MATRICES:
        assert distance("#ffffff", "#fefefe", kind) < 1.0
        assert lab("#808080", kind)[0] == pytest.approx(53.6, abs=0.5)
    # a red and a green of one lightness, the textbook's pair
    assert distance("#c04000", "#5f7000", "normal") > 50.0
    assert distance("#c04000", "#5f7000", "deuteranopia") < 25.0


#: Lines and marks that stand in one figure: estimates, prediction, thresholds, text and study intervals.
LINES = {"BLUE": theme.BLUE, "RUST": theme.RUST, "GREEN": theme.GREEN, "INK": theme.INK}
#: Least distance of lines and of discs; the least seen are 17.6 (green and ink, deuteranopia) and 16.5
#: (high and critical risk, protanopia).
APART = 15.0
#: Least distance of an area from what it lies on or beside; the least seen is 6.5 (bands of P values).
AREA = 6.0


@pytest.mark.parametrize("kind", list(MATRICES))
def test_lines_of_one_figure_are_told_apart(kind: str) -> None:
    for (first, one), (second, other) in combinations(LINES.items(), 2):
        assert distance(one, other, kind) >= APART, (first, second)


@pytest.mark.parametrize("kind", list(MATRICES))
def test_lines_stand_out_from_the_areas_that_they_cross(kind: str) -> None:
    for line in LINES.values():
        for area in (theme.PAPER, theme.PALE, theme.BLUSH, theme.WASH, *theme.BANDS):
            assert abs(lab(line, kind)[0] - lab(area, kind)[0]) >= 30.0


@pytest.mark.parametrize("kind", list(MATRICES))
def test_areas_are_told_from_the_paper_and_from_one_another(kind: str) -> None:
    for area in (theme.PALE, theme.BLUSH, theme.WASH, theme.BANDS[0], theme.BANDS[1]):
        assert distance(area, theme.PAPER, kind) >= AREA
    assert distance(theme.PALE, theme.BLUSH, kind) >= AREA
    # bands are in order of lightness, for every eye
    lightness = [lab(band, kind)[0] for band in (*theme.BANDS, theme.PAPER)]
    assert all(b - a >= 3.0 for a, b in pairwise(lightness))


@pytest.mark.parametrize("kind", list(MATRICES))
def test_judgements_are_told_apart_by_colour_and_by_glyph(kind: str) -> None:
    for (first, one), (second, other) in combinations(BEADS.items(), 2):
        assert distance(one.fill, other.fill, kind) >= APART, (first, second)
        assert one.glyph != other.glyph
