"""Presets of the forest plot: what journals and programs print, as data.

One entry a preset: columns and their heads, signs around numbers, colours, the rule of the squares, rules,
reference lines, and the lines of text. The house's own is the default of every field, so an entry says only
where it differs. Layouts: RevMan Web (Cochrane), JAMA and BMJ as the R package meta draws them (Balduzzi et
al. 2019, Evidence-Based Mental Health 22, 153-160), metafor (Viechtbauer 2010, J Stat Softw 36(3), 1-48).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from extraction.names import suggest
from meta.errors import PlotError
from meta.options import ForestPreset
from meta.plots import theme
from meta.plots.favours import FavoursStyle
from meta.plots.marks import HOUSE_LOOK, HOUSE_SQUARES, Look, SquareRule
from meta.plots.panel import NULL_RULE, POOLED_RULE, Rule
from meta.plots.table import HOUSE_TABLE, TableStyle
from meta.tables.numbers import MISSING
from meta.tables.styles import HOUSE_STYLE, NumberStyle

Role = Literal["study", "descriptors", "counts", "weight", "estimate", "appraisal"]

#: How a model is called in two words, method and effects: ``IV, Random``.
MODEL_SHORT: Mapping[str, tuple[str, str]] = {
    "random": ("IV", "Random"),
    "common": ("IV", "Fixed"),
    "uwls": ("UWLS", "Fixed"),
    "ivhet": ("IVhet", "Fixed"),
    "mantel_haenszel": ("M-H", "Fixed"),
    "three_level": ("Multilevel", "Random"),
    "correlated_effects": ("Correlated", "Random"),
    "bayes": ("Bayes", "Random"),
    "beta_binomial": ("Beta-binomial", "Random"),
}
#: Any other model is a GLMM.
GLMM_SHORT = ("GLMM", "Random")


@dataclass(frozen=True, slots=True)
class TextLines:
    """Lines of text on heterogeneity and tests, as templates.

    Attributes
    ----------
    tau2, q, i2 : str
        Parts of the line on heterogeneity. Of ``tau2``: ``{tau2}`` (with its sign), ``{bounds}``,
        ``{method}``; of ``q``: ``{q}``, ``{df}``, ``{sub}`` (df as a subscript), ``{p}``; of ``i2``:
        ``{i2}``.
    order, join : tuple of str
        Which of them, in which order, and what stands between one and the next, the last from there on.
    heterogeneity, single : str
        The line, with its ``{parts}``; empty where there is none. ``single`` is that of a single study.
    effect : str
        The test of the overall effect: ``{method}``, ``{kind}`` (z or t), ``{statistic}``, ``{df}``, ``{p}``.
    groups, no_groups : str
        The test between subgroups: ``{kind}``, ``{statistic}``, ``{df}``, ``{p}``; and what stands where
        there are none.
    inside : tuple of str
        Lines under the pooled value of a subgroup: ``heterogeneity``, ``effect``.
    tight : bool
        No spaces around signs of equality.
    capital : bool
        Whether the statistic of a test is a capital letter.
    i2_decimals : int
        Decimals of I2.
    """

    tau2: str = "τ² {tau2}"
    q: str = "χ² = {q}, df = {df}, {p}"
    i2: str = "I² = {i2}"
    order: tuple[str, ...] = ("tau2", "q", "i2")
    join: tuple[str, ...] = ("; ",)
    heterogeneity: str = "Heterogeneity: {parts}"
    single: str = ""
    effect: str = ""
    groups: str = ""
    no_groups: str = ""
    inside: tuple[str, ...] = ("heterogeneity",)
    tight: bool = False
    capital: bool = False
    i2_decimals: int = 0


@dataclass(frozen=True, slots=True)
class Preset:
    """One layout of the forest plot; templates take ``{measure}``, ``{method}``, ``{effects}``, ``{level}``.

    Attributes
    ----------
    left, right : tuple of Role
        Columns to either side of the plot, as far as there is something to put into them.
    study, estimate, estimate_over, weight : str
        Heads of the columns; ``estimate_over`` stands on a line above.
    above : tuple of str
        Lines of a heading above the plot.
    headings : mapping
        Heads of count columns by name, under those that the caller gives.
    merged : mapping
        Which counts of an arm share a cell, and what the column is then called.
    arms : (str, str)
        Names of the arms unless the caller gives them.
    weight_sign : str
        Behind a weight.
    pooled, group, subtotal, prediction : str
        Labels of rows; templates also take ``{k}``, ``{place}``, ``{name}``, ``{short}``, ``{het}``. An empty
        ``pooled`` takes the house's words.
    total_events : bool
        Totals of events on a row of their own, as RevMan has them.
    single_subtotal : bool
        Whether a subgroup of one study has a pooled row too.
    unused, missing : str
        What stands where a study has no estimate (empty: the reason), and where a cell is empty.
    squares : mapping
        Colour of the squares by what is measured: ``events``, ``means``, ``other``.
    text : TextLines or None
        Lines beside the axis; None: the house's notes below the figure.
    axis : str
        Words under the axis of a comparison; empty: those of the unit; a dash: none where favours are given.
    plot : float or None
        Greatest width of the plot, mm.
    overall_gap : float
        Space before the overall row, mm, with a rule where ``overall_rule``.
    """

    name: str
    source: str
    left: tuple[Role, ...] = ("study", "descriptors", "counts", "weight", "estimate")
    right: tuple[Role, ...] = ("appraisal",)
    study: str = "Study"
    estimate: str = "{measure} [{level} CI]"
    estimate_over: str = ""
    weight: str = "Weight"
    weight_sign: str = "%"
    above: tuple[str, ...] = ()
    headings: Mapping[str, str] = field(default_factory=dict)
    merged: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    arms: tuple[str, str] = ("Treatment", "Control")
    pooled: str = ""
    group: str = "{name}"
    subtotal: str = "Subgroup (k = {k})"
    prediction: str = "{level} prediction interval for a new setting"
    total_events: bool = False
    single_subtotal: bool = False
    unused: str = ""
    missing: str = MISSING
    numbers: NumberStyle = HOUSE_STYLE
    squares: Mapping[str, str] = field(
        default_factory=lambda: dict.fromkeys(("events", "means", "other"), theme.BLUE)
    )
    square_rule: SquareRule = HOUSE_SQUARES
    look: Look = HOUSE_LOOK
    table: TableStyle = HOUSE_TABLE
    null: Rule | None = NULL_RULE
    pooled_line: Rule | None = POOLED_RULE
    favours: FavoursStyle = field(default_factory=FavoursStyle)
    text: TextLines | None = None
    axis: str = ""
    plot: float | None = None
    overall_gap: float = 1.2
    overall_rule: bool = True


_BLACK = "#000000"
#: RevMan Web, measured: pixels of 1/96 inch.
_PIXEL = 25.4 / 96.0
_JAMA_DARK, _JAMA_LIGHT = "#1b365d", "#9cc2e5"
_BMJ, _BMJ_GREY = "#6b58a6", "#a7a9ac"
_ONE_COLOUR = ("events", "means", "other")

_PROPORTION = Preset("proportion", "the house's layout")
_RATE = Preset(
    "rate", "the house's layout, with events and person-years", headings={"time": "Person-years"}
)

_REVMAN = Preset(
    "revman",
    "RevMan Web, Cochrane",
    study="Study or Subgroup",
    estimate_over="{measure}",
    estimate="{method}, {effects}, {level} CI",
    above=("{measure}", "{method}, {effects}, {level} CI"),
    headings={"events": "Events", "n": "Total", "mean": "Mean", "sd": "SD", "time": "Person-years"},
    arms=("Experimental", "Control"),
    pooled="Total ({level} CI)",
    group="1.1.{place} {name}",
    subtotal="Subtotal ({level} CI)",
    prediction="{level} prediction interval",
    total_events=True,
    single_subtotal=True,
    unused="Not estimable",
    numbers=NumberStyle(between=" , "),
    squares={"events": "#0000cc", "means": "#00cc00", "other": "#cc0000"},
    square_rule=SquareRule("linear", least=2 * _PIXEL, slope=0.16 * _PIXEL),
    look=Look(
        interval=_BLACK,
        over=True,
        pooled=_BLACK,
        pooled_edge=_BLACK,
        group=_BLACK,
        group_edge=_BLACK,
        prediction=_BLACK,
        prediction_as="line",
    ),
    table=TableStyle(head_rule=_BLACK, head_rule_width=0.75, arm_rule=False),
    null=Rule(_BLACK, 0.75),
    pooled_line=None,
    favours=FavoursStyle(arrows=False, apart=20 * _PIXEL, prefix="Favours "),
    text=TextLines(
        tau2="Tau² {tau2}{bounds}{method}",
        q="Chi² = {q}, df = {df} ({p})",
        effect="Test for overall effect{method}: {kind} = {statistic}{df} ({p})",
        groups="Test for subgroup differences: {kind} = {statistic}, df = {df} ({p})",
        no_groups="Test for subgroup differences: Not applicable",
        single="Heterogeneity: Not applicable",
        inside=("heterogeneity", "effect"),
        capital=True,
    ),
    axis=MISSING,
    plot=210 * _PIXEL,
    overall_gap=theme.ROW,
    overall_rule=False,
)

_JAMA = Preset(
    "jama",
    "JAMA, as the R package meta draws it",
    left=("study", "estimate"),
    study="Source",
    estimate="{measure} ({level} CI)",
    numbers=NumberStyle("(", "-", ")", between_negative=" to ", leading_zero=False, digits="jama"),
    squares=dict.fromkeys(_ONE_COLOUR, _JAMA_DARK),
    look=Look(
        interval=_JAMA_DARK,
        pooled=_JAMA_LIGHT,
        pooled_edge=_JAMA_DARK,
        group=_JAMA_LIGHT,
        group_edge=_JAMA_DARK,
        prediction=_JAMA_DARK,
        prediction_as="line",
    ),
    table=TableStyle(row_rule=theme.RULE),
    null=Rule(theme.INK, 0.7),
    pooled_line=None,
    favours=FavoursStyle("above", "bold", arrows=False, prefix="Favors "),
    text=TextLines(
        q="χ²{sub} = {q} ({p})",
        order=("q", "i2"),
        join=(", ",),
        effect="Test for overall effect: {kind} = {statistic}{df} ({p})",
    ),
    axis="{measure} ({level} CI)",
    plot=80.0,
    overall_rule=False,
    overall_gap=0.0,
)

_BMJ_PRESET = Preset(
    "bmj",
    "BMJ, as the R package meta draws it",
    left=("study", "descriptors", "counts"),
    right=("weight", "estimate", "appraisal"),
    study="Study or subgroup",
    estimate="{measure}, {method}, {effects_lower} ({level} CI)",
    weight="Weight (%)",
    weight_sign="",
    merged={
        ("events", "n"): "No of events / total",
        ("events", "time"): "No of events / person-years",
        ("mean", "sd", "n"): "Mean (SD) / total",
    },
    numbers=NumberStyle("(", " to ", ")", equals="=", below="<"),
    squares=dict.fromkeys(_ONE_COLOUR, _BMJ),
    look=Look(
        interval=_BMJ_GREY,
        square_edge=theme.PAPER,
        pooled=_BMJ,
        pooled_edge=theme.PAPER,
        group=_BMJ,
        group_edge=theme.PAPER,
        prediction=_BMJ,
        prediction_as="line",
    ),
    table=TableStyle(gap=5.0, head_rule=_BMJ_GREY, total_rule=_BMJ_GREY),
    null=Rule(_BMJ_GREY, 0.8),
    pooled_line=None,
    favours=FavoursStyle(face="bold", arrows=False, prefix="Favours "),
    text=TextLines(
        tau2="τ²{tau2}",
        q="χ²={q}, df={df}, {p}",
        i2="I²={i2}",
        heterogeneity="Test for heterogeneity: {parts}",
        effect="Test for overall effect: {kind}={statistic}{df}, {p}",
        groups="Test for subgroup differences: {kind}={statistic}, df={df}, {p}",
        inside=("heterogeneity", "effect"),
        tight=True,
        capital=True,
    ),
    plot=80.0,
)

_METAFOR = Preset(
    "metafor",
    "metafor's forest()",
    left=("study", "descriptors"),
    right=("estimate", "appraisal"),
    study="Author(s) and Year",
    estimate="Estimate [{level} CI]",
    pooled="{short} Model{het}",
    subtotal="{short} Model for Subgroup{het}",
    prediction="Prediction Interval [{level} PI]",
    numbers=NumberStyle(letter="p", leading_zero=False, digits="two"),
    squares=dict.fromkeys(_ONE_COLOUR, _BLACK),
    square_rule=SquareRule(least=1.1, most=3.3, full_share=1e-9, middle=2.2),
    look=Look(
        interval=_BLACK,
        over=True,
        pooled=_BLACK,
        pooled_edge=_BLACK,
        group=_BLACK,
        group_edge=_BLACK,
        prediction=_BLACK,
        prediction_as="line",
        prediction_dash=(1.0, 1.6),
    ),
    table=TableStyle(head_rule=_BLACK, total_rule=_BLACK),
    null=Rule(_BLACK, 0.7, (1.0, 2.2)),
    pooled_line=None,
    text=TextLines(
        q="Q = {q}, df = {df}, {p}",
        order=("q", "i2", "tau2"),
        join=("; ", ", "),
        heterogeneity="",
        inside=(),
        i2_decimals=1,
    ),
    favours=FavoursStyle(arrows=False),
)

_COMPACT = Preset(
    "compact",
    "the house's layout with label, estimate and plot alone",
    left=("study", "estimate"),
    square_rule=SquareRule(most=3.6),
    look=Look(diamond=2.7),
    table=TableStyle(pitch=3.9),
)

PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (_PROPORTION, _RATE, _REVMAN, _JAMA, _BMJ_PRESET, _METAFOR, _COMPACT)
}


def find_preset(name: ForestPreset | None) -> Preset:
    """Return a preset by its name; the house's layout where none is named.

    Raises
    ------
    PlotError
        If there is none of that name.
    """
    if name is None:
        return _PROPORTION
    if name not in PRESETS:
        names = ", ".join(get_args(ForestPreset))
        raise PlotError(f"preset must be one of {names}; got {name!r}; {suggest(name, PRESETS)}")
    return PRESETS[name]


def short_model(model: str) -> tuple[str, str]:
    """Return method and effects of a model in a word each: ``IV``, ``Random``."""
    return MODEL_SHORT.get(model, GLMM_SHORT)
