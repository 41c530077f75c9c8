"""What sentences and tables are made of: plain words, and numbers that know their address in results.json."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from meta.tables.numbers import (
    MISSING,
    Number,
    column_decimals,
    count_text,
    decimals_for,
    declared_text,
    df_text,
    difference_text,
    factor_text,
    level_text,
    number_text,
    percent_text,
    probability_text,
    signed_text,
    significant_text,
    tau2_text,
)
from meta.tables.styles import HOUSE_STYLE, NumberStyle

#: Marks that turn the direction of the text around them, and control characters: they would let one cell
#: rewrite its line.
_CONTROLS = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+"
)

#: Longest cell shown whole; the whole text stays in results.json and in the sheet.
LONGEST_TEXT = 600

#: Longest label shown whole: labels stand in sentences, links and first columns.
LONGEST_LABEL = 80

#: Decimals of a ratio, which is read against 1.
RATIO_DECIMALS = 2


def clean_text(value: object, longest: int = LONGEST_TEXT) -> str:
    """Return text on one line without control and direction marks, cut with an ellipsis after ``longest``."""
    text = " ".join(_CONTROLS.sub(" ", str(value)).split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


@dataclass(frozen=True, slots=True)
class Shown:
    """A number as text, its address in results.json and, where given, the anchor of the rows behind it.

    ``style`` is that of the report, for what stands between two numbers.
    """

    text: str
    id: str
    link: str = ""
    style: NumberStyle = field(default=HOUSE_STYLE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Link:
    """Words that lead somewhere: an anchor of this page, a file beside it, or an http address."""

    text: str
    href: str


Piece = str | Shown | Link
Sentence = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A place in results.json: its value and its address; what does not exist is a node without a value.

    ``style`` is how the report that is made of it writes numbers; every place below has the same.
    """

    value: object
    path: str = ""
    style: NumberStyle = field(default=HOUSE_STYLE, compare=False, repr=False)

    def at(self, *keys: str | int) -> Node:
        """Return the place below this one that the keys lead to."""
        value = self.value
        for key in keys:
            if isinstance(value, dict):
                value = value.get(str(key))
            elif isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
                value = value[key]
            else:
                value = None
        path = ".".join([*([self.path] if self.path else []), *map(str, keys)])
        return Node(value, path, self.style)

    @property
    def exists(self) -> bool:
        """Whether there is anything here: not None, not an empty list, dictionary or text."""
        return self.value is not None and self.value not in ([], {}, "")

    def number(self) -> float | None:
        """Return the number here (infinities stand as text in JSON), or None."""
        if isinstance(self.value, bool):
            return None
        if isinstance(self.value, int | float):
            return float(self.value)
        return {"Inf": math.inf, "-Inf": -math.inf}.get(str(self.value))

    def text(self, longest: int = LONGEST_TEXT) -> str:
        """Return the words here on one line; empty where there are none."""
        return "" if self.value is None else clean_text(self.value, longest)

    def label(self) -> str:
        """Return the words here, cut to the length of a label."""
        return self.text(LONGEST_LABEL)

    def is_true(self) -> bool:
        """Return whether a switch stands here and is on."""
        return self.value is True

    def each(self) -> Iterator[Node]:
        """Walk a list."""
        for i, _ in enumerate(self.value if isinstance(self.value, list) else []):
            yield self.at(i)

    def items(self) -> Iterator[tuple[str, Node]]:
        """Walk a dictionary in its own order."""
        for key in self.value if isinstance(self.value, dict) else ():
            yield key, self.at(key)

    def __len__(self) -> int:
        return len(self.value) if isinstance(self.value, list | dict) else 0


def _shown(node: Node, x: Number, write: Callable[[Number], str], link: str) -> Piece:
    """Return the number with its address; a number that does not exist has none."""
    text = write(x)
    return text if text == MISSING else Shown(node.style.mark(text), node.path, link, node.style)


def show_count(node: Node, link: str = "") -> Piece:
    """Show a count; of a list, how many elements it has."""
    return _shown(node, len(node) if isinstance(node.value, list | dict) else node.number(), count_text, link)


def show_declared(node: Node) -> Piece:
    """Show a number that was declared as it was given."""
    return _shown(node, node.number(), declared_text, "")


def show_number(node: Node, decimals: int, factor: float = 1.0, link: str = "") -> Piece:
    """Show a number times the factor of the unit of display."""
    x = node.number()
    return _shown(node, None if x is None else x * factor, lambda v: number_text(v, decimals), link)


def show_shift(node: Node, decimals: int, factor: float) -> Piece:
    """Show how far an estimate moved, in the unit of display: ``+2.8``."""
    x = node.number()
    return _shown(node, None if x is None else x * factor, lambda v: signed_text(v, decimals), "")


def show_factor(node: Node) -> Piece:
    """Show by which factor a ratio moved: ``×1.12``."""
    return _shown(node, node.number(), factor_text, "")


def show_p(node: Node) -> Piece:
    """Show a P value for a sentence."""
    return _shown(node, node.number(), node.style.p, "")


def show_p_cell(node: Node) -> Piece:
    """Show a P value for a column headed P."""
    return _shown(node, node.number(), node.style.p_number, "")


def show_tau2(node: Node) -> Piece:
    """Show a between-study variance or one of its bounds."""
    return _shown(node, node.number(), tau2_text, "")


def show_percent(node: Node) -> Piece:
    """Show a number that is already in percent."""
    return _shown(node, node.number(), percent_text, "")


def show_share(node: Node) -> Piece:
    """Show a fraction in percent; what rounds to nothing, or to all, without being it says so."""
    return _shown(node, node.number(), _share_text, "")


def _share_text(share: float | None) -> str:
    if share is None or not (0.0 < share < 0.005 or 0.995 <= share < 1.0):
        return percent_text(None if share is None else 100.0 * share)
    return "<1%" if share < 0.5 else ">99%"


def show_probability(node: Node) -> Piece:
    """Show a posterior probability, in percent."""
    return _shown(node, node.number(), probability_text, "")


def show_level(node: Node) -> Piece:
    """Show the level of an interval."""
    return _shown(node, node.number(), lambda v: MISSING if v is None else level_text(v), "")


def show_df(node: Node) -> Piece:
    """Show degrees of freedom."""
    return _shown(node, node.number(), df_text, "")


def show_significant(node: Node) -> Piece:
    """Show a number to three significant digits."""
    return _shown(node, node.number(), significant_text, "")


def show_difference(node: Node) -> Piece:
    """Show a relative difference or a tolerance: ``3e-13``."""
    return _shown(node, node.number(), difference_text, "")


def bracketed(value: Piece, low: Piece, high: Piece) -> Sentence:
    """Return ``12.7 [10.9, 14.7]`` or as the report's style has it, each number with its own address."""
    if value == MISSING:
        return (MISSING,)
    if low == MISSING and high == MISSING:
        return (value,)
    style = _style_of(low, high)
    between = style.parted(plain((low,)), plain((high,)))
    return (value, f" {style.opening}", low, between, high, style.closing)


def ranged(low: Piece, high: Piece) -> Sentence:
    """Return ``10.9 to 14.7``, or as the style of the report has it, each number with its own address."""
    if low == MISSING and high == MISSING:
        return (MISSING,)
    style = _style_of(low, high)
    between = style.ranged(plain((low,)), plain((high,)))
    return join(style.range_opening, low, between, high, style.range_closing)


def _style_of(*pieces: Piece) -> NumberStyle:
    """Return the style of the report that numbers belong to."""
    return next((piece.style for piece in pieces if isinstance(piece, Shown)), HOUSE_STYLE)


def join(*parts: Piece | Sentence) -> Sentence:
    """Return pieces and sentences as one sentence; neighbouring words become one piece."""
    out: list[Piece] = []
    for part in parts:
        for piece in part if isinstance(part, tuple) else (part,):
            if isinstance(piece, str) and out and isinstance(out[-1], str):
                out[-1] += piece
            elif piece != "":
                out.append(piece)
    return tuple(out)


def listed(parts: Iterable[Piece | Sentence], last: str = " and ", between: str = ", ") -> Sentence:
    """Return parts with commas between them and a word before the last."""
    items = list(parts)
    out: list[Piece | Sentence] = []
    for i, item in enumerate(items):
        if i:
            out.append(last if i == len(items) - 1 else between)
        out.append(item)
    return join(*out)


def plain(sentence: Sentence) -> str:
    """Return a sentence as bare text."""
    return "".join(piece if isinstance(piece, str) else piece.text for piece in sentence)


def linked(sentence: Sentence, href: str) -> Sentence:
    """Return the sentence with every number leading to ``href``."""
    return tuple(replace(piece, link=href) if isinstance(piece, Shown) else piece for piece in sentence)


@dataclass(frozen=True, slots=True)
class Unit:
    """How numbers of one analysis are shown: factor, decimals, the words after the number and before it."""

    factor: float
    heading: str
    axis: str
    after: str
    before: str
    decimals: int

    def show(self, node: Node, link: str = "") -> Piece:
        """Show a natural value in this unit."""
        return show_number(node, self.decimals, self.factor, link)

    def interval(self, value: Node, low: Node, high: Node) -> Sentence:
        """Show ``12.7 [10.9, 14.7]`` in this unit."""
        return bracketed(self.show(value), self.show(low), self.show(high))

    def range(self, low: Node, high: Node) -> Sentence:
        """Show ``10.9 to 14.7`` in this unit."""
        return ranged(self.show(low), self.show(high))


def read_unit(analysis: Node, *, ratio: bool) -> Unit:
    """Read the unit of display of an analysis; its decimals follow the pooled value, else the studies."""
    unit = analysis.at("unit")
    factor = unit.at("factor").number() or 1.0
    heading, axis = unit.at("heading").text(), unit.at("axis").text()
    per = re.search(r"\bper\b.*", axis) or re.match(r"per\b.*", heading, re.IGNORECASE)
    after = f" {per.group(0)[:1].lower()}{per.group(0)[1:]}" if per else ""
    natural = analysis.at("fit", "natural")
    places = [natural.at(name) for name in ("value", "low", "high")]
    least = RATIO_DECIMALS if ratio else 0
    if natural.exists:
        decimals = decimals_for([scaled(place.number(), factor) for place in places], least=least)
    else:
        studies = [
            [s.at(part) for part in ("value", "low", "high")] for s in analysis.at("fit", "studies").each()
        ]
        decimals = column_decimals(
            [[scaled(x.number(), factor) for x in study] for study in studies], least=least
        )
    before = "" if per else lower_first(heading)
    return Unit(factor, heading, axis, after, before, decimals)


def scaled(x: float | None, factor: float) -> float | None:
    """Return a number in the unit of display; nothing stays nothing."""
    return None if x is None else x * factor


def lower_first(text: str) -> str:
    """Return the text with a small first letter, unless its first word is an abbreviation."""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def upper_first(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]


def full_stop(text: str) -> str:
    """Return the text with a full stop, unless it ends a sentence already."""
    return text if text.endswith((".", "?", "!", "…")) else f"{text}."


def number_pieces(nodes: list[Node], decimals: int) -> tuple[Piece, Piece, Piece]:
    """Show an estimate and its bounds as they stand, with one number of decimals."""
    value, low, high = (show_number(node, decimals) for node in nodes)
    return value, low, high


def squared(text: str) -> str:
    """Return the engine's own words with tau2 and I2 as people write them."""
    return re.sub(r"\b(tau|I)2\b", "\\1²", text)
