"""How judgements of risk of bias are drawn: a glyph and a colour for each level, the same in every figure.

Colours as robvis has them (McGuinness & Higgins 2020, Research Synthesis Methods 12, 55-61). They belong to
the level, not to its place among those that occur, so that one without information moves no other.
"""

from __future__ import annotations

from collections.abc import Mapping

from meta.appraisal import Level, Tool
from meta.plots import theme
from meta.plots.table import Bead

BEADS: Mapping[Level, Bead] = {
    "low": Bead("+", "#02c100", theme.INK),
    "some": Bead("–", "#e2df07", theme.INK),
    "high": Bead("×", "#bf0000", theme.PAPER),
    "critical": Bead("!", "#820000", theme.PAPER),
    "unknown": Bead("?", "#4ea1f7", theme.INK),
    "not_applicable": Bead("", "#cccccc", theme.INK),
}
#: Where nobody has judged: no colour, since no judgement is none of the answers.
NOT_JUDGED = Bead("", theme.PAPER, theme.INK)


def answer_bead(tool: Tool, answer: str) -> Bead:
    """Return the disc of an answer; an empty one is not judged."""
    return BEADS[tool.level(answer)] if answer.strip() else NOT_JUDGED
