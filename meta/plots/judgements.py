"""How judgements of risk of bias are drawn: a glyph and a colour for each level, the same in every figure.

Colours as robvis has them (McGuinness & Higgins 2020, Research Synthesis Methods 12, 55-61). They belong to
the level, not to its place among those that occur, so that one without information moves no other.
"""

from __future__ import annotations

from collections.abc import Mapping

from meta.appraisal import GLYPHS, Level, Tool
from meta.plots import theme
from meta.plots.table import Bead

BEADS: Mapping[Level, Bead] = {
    "low": Bead(GLYPHS["low"], "#02c100", theme.INK),
    "some": Bead(GLYPHS["some"], "#e2df07", theme.INK),
    "high": Bead(GLYPHS["high"], "#bf0000", theme.PAPER),
    "critical": Bead(GLYPHS["critical"], "#820000", theme.PAPER),
    "unknown": Bead(GLYPHS["unknown"], "#4ea1f7", theme.INK),
    "not_applicable": Bead(GLYPHS["not_applicable"], "#cccccc", theme.INK),
}
#: Where nobody has judged: no colour, since no judgement is none of the answers.
NOT_JUDGED = Bead("", theme.PAPER, theme.INK)


def answer_bead(tool: Tool, answer: str) -> Bead:
    """Return the disc of an answer; an empty one is not judged."""
    return BEADS[tool.level(answer)] if answer.strip() else NOT_JUDGED
