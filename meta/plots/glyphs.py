"""Characters that the font of the figures lacks."""

from __future__ import annotations

import unicodedata

from matplotlib.figure import Figure

from meta.plots.draw import Chart
from meta.plots.theme import has_glyph


def missing_glyphs(figure: Figure) -> tuple[str, ...]:
    """Return the characters of a figure that its font cannot draw, each once, in the order of their codes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What a function of ``meta.plots`` returned; of one drawn elsewhere nothing is known.
    """
    if not isinstance(figure, Chart):
        return ()
    used = {(character, box.face) for box in figure.page.texts for character in box.text}
    # joiners and selectors of variants leave no mark of their own
    visible = {(c, face) for c, face in used if unicodedata.category(c) != "Cf"}
    return tuple(sorted({c for c, face in visible if not has_glyph(c, face)}))
