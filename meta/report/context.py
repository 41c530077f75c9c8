"""The context of the report, from results.json alone: every text finished, every number with its address."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from extraction.names import safe_name
from meta.errors import ReportError
from meta.model_words import name_model
from meta.report.bayes import posterior_block, posterior_sentences
from meta.report.caveats import leading_caveat, list_caveats
from meta.report.changes import changes_view
from meta.report.checklist import checklist_block
from meta.report.comparisons import (
    cumulative_sentence,
    left_out_sentence,
    reference_sentence,
    regression_sentences,
    small_study_sentences,
    subgroup_sentences,
)
from meta.report.crosscheck import crosscheck_block
from meta.report.findings import findings_block, grade_block
from meta.report.flow import flow_block
from meta.report.history import history_block
from meta.report.included import characteristics_table, excluded_block, filtered_rows
from meta.report.methods import methods_parts, overlap_sentence
from meta.report.moderator_words import regressions_sentences
from meta.report.origins import (
    bias_table,
    left_out_table,
    problem_table,
    provenance_tables,
    selection_steps,
    set_aside_table,
)
from meta.report.pieces import Link, Node, Sentence, Unit, plain, read_unit, show_count
from meta.report.risk_of_bias import risk_blocks
from meta.report.sensitivity import sensitivity_block
from meta.report.sentences import (
    anchor_of,
    quotable_sentence,
    result_sentences,
)
from meta.report.studies import recovered_table, study_table
from meta.report.styling import style_headings
from meta.report.summaries import (
    coefficient_table,
    covariate_table,
    glance_table,
    reference_table,
    refits_table,
    subgroup_table,
    summary_table,
)
from meta.report.views import AnalysisView, Block, Card, Figure, MethodView, ReportView
from meta.report.words import MEASURES
from meta.tables.styles import find_style

#: The layout of results.json that this report reads.
RESULTS_FORMAT = "trs-meta-results@1"


def build_context(results: Mapping[str, Any], formats: Sequence[str] = ("html", "md")) -> ReportView:
    """Build everything that the templates show.

    Parameters
    ----------
    results : mapping
        The content of results.json.
    formats : sequence of str
        Formats of the report that are written, for the list of files beside the page.

    Returns
    -------
    ReportView
        Texts only; a template that reads it computes nothing.

    Raises
    ------
    ReportError
        If the results have another format, or two analyses would share an anchor.
    """
    if results.get("format") != RESULTS_FORMAT:
        raise ReportError(f"results must have format {RESULTS_FORMAT!r}; got {results.get('format')!r}")
    style = find_style(str((results.get("review") or {}).get("style") or "house"))
    root = Node(dict(results), "", style)
    review = root.at("review")
    analyses = [(analysis, _unit_of(analysis)) for _, analysis in root.at("analyses").items()]
    _check_anchors([anchor_of(analysis) for analysis, _ in analyses])
    methods = _method_views([analysis for analysis, _ in analyses])
    by_analysis = {link.href.removeprefix("#"): method for method in methods for link in method.analyses}
    view = ReportView(
        title=review.at("title").text(),
        question=review.at("question").text(),
        authors=", ".join(author.text() for author in review.at("authors").each()),
        about=review.at("about").text(),
        cards=tuple(_card(analysis, unit) for analysis, unit in analyses),
        glance=glance_table(analyses),
        findings=findings_block(analyses),
        changes=changes_view(root, frozenset(anchor_of(analysis) for analysis, _ in analyses)),
        methods=methods,
        overlap=_overlap_block([analysis for analysis, _ in analyses]),
        analyses=tuple(
            _analysis_view(root, analysis, unit, by_analysis[anchor_of(analysis)])
            for analysis, unit in analyses
        ),
        flow=flow_block(root.at("prisma")),
        bias=_bias_block([analysis for analysis, _ in analyses]),
        excluded=excluded_block(root.at("excluded")),
        problems=_problem_block(root.at("problems")),
        crosscheck=crosscheck_block(root),
        provenance=_provenance_block(root),
        checklist=checklist_block(root),
        files=tuple(Link(name, name) for name in ("results.json", *_beside(formats))),
    )
    return style_headings(view, style)


def _beside(formats: Sequence[str]) -> list[str]:
    """Return the files that hold the report in other formats than the page."""
    return [f"report.{name}" for name in formats if name != "html"]


def _unit_of(analysis: Node) -> Unit:
    words = MEASURES.get(analysis.at("measure").text())
    return read_unit(analysis, ratio=words is not None and words.ratio)


def _check_anchors(anchors: list[str]) -> None:
    """Refuse ids that would lead to one place of the page."""
    doubled = sorted({anchor for anchor in anchors if anchors.count(anchor) > 1})
    if doubled:
        raise ReportError(
            f"ids of analyses must differ in letters and digits; more than one becomes {', '.join(doubled)}"
        )


def _card(analysis: Node, unit: Unit) -> Card:
    return Card(quotable_sentence(analysis, unit, caveat=False), leading_caveat(analysis))


def _spec_of(analysis: Node) -> Node:
    """Return the spec of an analysis, which stands at the analysis itself or in its fit."""
    return analysis.at("spec") if analysis.at("spec").exists else analysis.at("fit", "spec")


def _method_views(analyses: list[Node]) -> tuple[MethodView, ...]:
    """Return the methods once for all analyses that share measure, spec and profile."""
    groups: dict[str, list[Node]] = {}
    for analysis in analyses:
        key = json.dumps(
            [
                analysis.at("measure").value,
                _spec_of(analysis).value,
                analysis.at("profile").value,
                analysis.at("effects").value,
            ],
            sort_keys=True,
        )
        groups.setdefault(key, []).append(analysis)
    views = []
    for number, members in enumerate(groups.values(), start=1):
        first = members[0]
        parts = methods_parts(first.at("measure").text(), _spec_of(first), first.at("effects"))
        regressions = [one for member in members for one in member.at("regressions").each()]
        if again := regressions_sentences(_spec_of(first), regressions):
            parts.append(("Moderators", again))
        views.append(
            MethodView(
                f"methods-{number}",
                _method_title(first),
                tuple((heading, tuple(sentences)) for heading, sentences in parts),
                tuple(Link(m.at("title").text(), f"#{anchor_of(m)}") for m in members),
            )
        )
    return tuple(views)


def _overlap_block(analyses: list[Node]) -> Block:
    """Say once for each rule how rows that share people were chosen."""
    rules = [(analysis.at("selection", "overlap", "rule"), _spec_of(analysis)) for analysis in analyses]
    said = (overlap_sentence(rule, spec) for rule, spec in rules if rule.exists)
    sentences = {plain(sentence): sentence for sentence in said}
    return Block("People counted once", tuple(sentences.values()))


def _method_title(analysis: Node) -> str:
    model = _spec_of(analysis).at("model").text()
    name = analysis.at("measure_name").text() or analysis.at("measure").text()
    profile = analysis.at("profile").text()
    return f"{name[:1].upper()}{name[1:]}: {name_model(model)} (profile {profile})"


def _figure(analysis: Node, kind: str, caption: str) -> Figure | None:
    file = analysis.at("figures", kind).text()
    return Figure(file, caption, f"{caption}: {analysis.at('title').text()}") if file else None


def _analysis_view(root: Node, analysis: Node, unit: Unit, method: MethodView) -> AnalysisView:
    anchor, measure = anchor_of(analysis), analysis.at("measure").text()
    history = _figure(analysis, "history", "Release history")
    blocks = [
        history_block(root, analysis, unit, history),
        *(_subgroup_block(analysis, group, unit) for group in analysis.at("subgroups").each()),
        *(
            _regression_block(analysis, regression, measure, place)
            for place, regression in enumerate(analysis.at("regressions").each(), start=1)
        ),
        posterior_block(
            "Posterior", analysis.at("fit"), unit, _figure(analysis, "posterior", "Posterior"), []
        ),
        sensitivity_block(analysis, unit, _figure(analysis, "alternatives", "Forest of alternatives")),
        *_bayes_blocks(analysis, unit),
        _left_out_block(analysis, unit),
        _cumulative_block(analysis, unit),
        _small_study_block(analysis, measure),
        Block(
            "Outside reference",
            _only(reference_sentence(analysis, unit)),
            None,
            (reference_table(analysis, unit, "Outside references beside our estimate"),),
        ),
        *risk_blocks(
            analysis,
            _figure(analysis, "traffic_light", "Risk of bias, study by study"),
            _figure(analysis, "risk_of_bias", "Risk of bias by share"),
        ),
        grade_block(analysis, unit),
    ]
    selected = Block(
        "How the rows were chosen",
        tuple(selection_steps(analysis)),
        None,
        (set_aside_table(analysis), left_out_table(analysis, filtered_rows(analysis))),
    )
    studies = Block(
        "Studies",
        (),
        None,
        (),
        "Counts, sources and sheet rows of every study",
        (study_table(analysis, unit, anchor), characteristics_table(analysis), recovered_table(analysis)),
    )
    return AnalysisView(
        anchor=anchor,
        title=analysis.at("title").text(),
        question=analysis.at("question").text(),
        method=Link(method.title, f"#{method.anchor}"),
        results=tuple(result_sentences(analysis, unit)),
        caveats=tuple(caveat.text for caveat in list_caveats(analysis)),
        forest=_figure(analysis, "forest", "Forest plot"),
        summary=summary_table(analysis, unit),
        selection=selected,
        blocks=tuple(block for block in blocks if block.exists),
        studies=studies,
        files=_files(analysis),
    )


def _bayes_blocks(analysis: Node, unit: Unit) -> Iterator[Block]:
    """Show the posterior of each Bayesian alternative that estimates the same quantity."""
    for place, one in enumerate(analysis.at("alternatives", "rows").each(), start=1):
        if one.at("posterior").exists and not one.at("unit").exists:
            title = f"Posterior of “{one.at('label').text()}”"
            figure = _figure(analysis, f"posterior-{place}", title)
            measure, threshold = one.at("measure").text(), analysis.at("threshold")
            sentences = posterior_sentences(one.at("posterior"), one.at("spec"), unit, measure, threshold)
            yield posterior_block(title, one, unit, figure, sentences)


def _only(sentence: Sentence) -> tuple[Sentence, ...]:
    return (sentence,) if plain(sentence) else ()


def _subgroup_block(analysis: Node, group: Node, unit: Unit) -> Block:
    by = group.at("by").text() or group.at("result", "by").text()
    title = group.at("title").text() or f"By {by}"
    return Block(
        title,
        tuple(subgroup_sentences(group)),
        _figure(analysis, f"subgroup-{safe_name(by)}", f"Forest plot, {title}"),
        (subgroup_table(group, unit, f"Estimates by {by}"),),
    )


def _regression_block(analysis: Node, regression: Node, measure: str, place: int) -> Block:
    formula = regression.at("formula").text()
    title = regression.at("title").text() or f"Regression {formula}"
    fit = regression.at("fit")
    permuted = regression.at("permutation_test")
    tables = (
        (coefficient_table(fit, measure, f"Coefficients of {formula}", permuted),)
        if fit.at("coefficients").exists
        else ()
    )
    figure = _figure(analysis, f"regression-{place}", f"Regression plot, {title}")
    studies = covariate_table(analysis, regression, f"Studies of {formula}")
    sentences = tuple(regression_sentences(regression, measure))
    return Block(title, sentences, figure, tables, "What the regression rests on, study by study", (studies,))


def _left_out_block(analysis: Node, unit: Unit) -> Block:
    refits = analysis.at("leave_one_out")
    if not refits.exists:
        return Block("Leave one out")
    table = refits_table(refits, unit, "Without", "Leave one out")
    return Block(
        "Leave one out",
        _only(left_out_sentence(refits, unit)),
        _figure(analysis, "leave_one_out", "Leave one out"),
        (),
        "Leave one out as a table",
        (table,),
    )


def _cumulative_block(analysis: Node, unit: Unit) -> Block:
    refits = analysis.at("cumulative")
    if not refits.exists:
        return Block("Cumulative")
    table = refits_table(refits, unit, "Up to and with", "Cumulative")
    return Block(
        "Cumulative",
        _only(cumulative_sentence(refits, unit)),
        _figure(analysis, "cumulative", "Cumulative plot"),
        (),
        "Cumulative results as a table",
        (table,),
    )


def _small_study_block(analysis: Node, measure: str) -> Block:
    check = analysis.at("small_study")
    sentences = tuple(small_study_sentences(check, measure))
    funnel = _figure(analysis, "funnel", "Funnel plot")
    if funnel is not None and not sentences:
        sentences = (
            ("The protocol declares no test for small-study effects here; the plot is for looking at.",),
        )
    tables = (
        (coefficient_table(check.at("fit"), measure, "Coefficients of the regression on 1/n", Node(None)),)
        if check.at("fit", "coefficients").exists
        else ()
    )
    return Block("Small-study effects", sentences, funnel, tables)


def _files(analysis: Node) -> tuple[Link, ...]:
    """Return links to what stands beside the report: effect sizes, and the same fit in R."""
    folder = f"analyses/{anchor_of(analysis)}"
    return (Link("effects.csv", f"{folder}/effects.csv"), Link("analysis.R", f"{folder}/analysis.R"))


def _bias_block(analyses: list[Node]) -> Block:
    table = bias_table([(analysis, anchor_of(analysis)) for analysis in analyses])
    words = "A study counts as assessed where its sheet says so; nothing is inferred from notes on quality."
    return Block("Risk of bias", ((words,),), None, (table,))


def _problem_block(problems: Node) -> Block:
    if not problems.exists:
        return Block("Warnings", (("The checks of sheets and protocol left no warning.",),))
    head: Sentence = (
        "The checks of sheets and protocol left ",
        show_count(problems),
        " warnings; none of them stops an analysis.",
    )
    return Block("Warnings", (head,), None, (), "All warnings", (problem_table(problems),))


def _provenance_block(root: Node) -> Block:
    words = (
        "Every number of the report stands in results.json, under the address that report.html gives it in "
        "its data-id attribute; the same input gives the same bytes.",
    )
    return Block(
        "Provenance",
        (words,),
        None,
        (),
        "Files, versions and profiles",
        tuple(provenance_tables(root.at("provenance"))),
    )
