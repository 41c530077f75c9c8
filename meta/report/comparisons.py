"""Comparisons in sentences: subgroups, regressions, small studies, refits, outside references."""

from __future__ import annotations

from meta.report.pieces import (
    Node,
    Piece,
    Sentence,
    Unit,
    full_stop,
    join,
    ranged,
    show_count,
    show_df,
    show_level,
    show_p,
    show_percent,
    show_significant,
    squared,
    upper_first,
)
from meta.report.sentences import WITHOUT_NUMBER, estimate_text, studies_text
from meta.report.words import MEASURES


def subgroup_sentences(group: Node) -> list[Sentence]:
    """Say what the test between groups found, or why there is none, and how to read it."""
    result = group.at("result")
    test = result.at("test")
    out: list[Sentence] = []
    if not group.at("show_test").is_true():
        out.append(("No test between the groups is declared: they are shown side by side, not compared.",))
    elif not test.at("statistic").exists:
        out.append(
            (f"{upper_first(test.at('reason').text() or 'no test between the groups was possible')}.",)
        )
    else:
        out.append(
            join(_test_text("Test between the groups", test), f"; {squared(test.at('method').text())}.")
        )
        if test.at("reason").exists:
            out.append((f"The test is made {test.at('reason').text()}.",))
        out.append(
            ("The comparison is between studies, not within them: groups differ in more than their name.",)
        )
    if result.at("common_tau2").is_true():
        out.append(("The groups share one tau².",))
    outside = [label.label() for label in result.at("unlabelled").each()]
    if outside:
        out.append((f"In no group, because the sheet says nothing: {', '.join(outside)}.",))
    return out


def _test_text(what: str, test: Node) -> Sentence:
    """Return ``Test between the groups: chi² 12.1 on 2 df, P = 0.002``."""
    statistic, df, p = show_significant(test.at("statistic")), show_df(test.at("df")), show_p(test.at("p"))
    if test.at("df2").exists:
        return join(f"{what}: F ", statistic, " on ", df, " and ", show_df(test.at("df2")), " df, ", p)
    return join(f"{what}: chi² ", statistic, " on ", df, " df, ", p)


def regression_sentences(regression: Node, measure: str) -> list[Sentence]:
    """Describe a meta-regression: the coefficient or the joint test, what it is per unit of, and R2."""
    fit = regression.at("fit")
    status = fit.at("status").text()
    if status in WITHOUT_NUMBER or not fit.at("coefficients").exists:
        return [join("The regression cannot be fitted on ", studies_text(fit), "."), *_note_sentences(fit)]
    out = [_slope_sentence(fit, measure)]
    test = fit.at("moderator_test")
    if test.at("df").number() not in (None, 1.0):
        out.append(join(_test_text("All moderators together", test), "."))
    out += _permutation_sentences(regression.at("permutation_test"))
    if any(f.at("kind").text() == "spline" for f in fit.at("moderators", "factors").each()):
        out.append(("A coefficient of a spline is the difference from the curve at the lowest value.",))
    if fit.at("r2").exists:
        out.append(join("Its moderators explain ", show_percent(fit.at("r2")), " of tau² (R²)."))
    unused = [s.at("label").label() for s in fit.at("studies").each() if not s.at("used").is_true()]
    if unused:
        out.append((f"Not in this regression: {', '.join(unused)}.",))
    out += _note_sentences(fit)
    if regression.at("caveat").exists:
        out.append((full_stop(regression.at("caveat").text()),))
    return out


def _note_sentences(fit: Node) -> list[Sentence]:
    """Return what the fit itself notes, as sentences."""
    notes = [squared(note.text()) for note in fit.at("notes").each()]
    return [(full_stop(upper_first(note)),) for note in notes]


def _permutation_sentences(test: Node) -> list[Sentence]:
    """Say what a permutation test found: of the moderators together, over which orders of the studies."""
    if not test.exists:
        return []
    words = "orders of the studies against their moderators"
    p = show_p(test.at("test_p"))
    if test.at("exact").is_true():
        how = join("over all ", show_count(test.at("draws")), f" {words}, ", p)
    else:
        error = show_significant(test.at("test_p_error"))
        how = join("over ", show_count(test.at("draws")), f" random {words}, ", p)
        how = join(*how, " (Monte Carlo standard error ", error, ")")
    out = [join("Permutation test of the moderators, ", *how, ".")]
    # how many of the orders were drawn stands in the sentence
    notes = [note.text() for note in test.at("notes").each() if "drawn at random" not in note.text()]
    return out + [(full_stop(upper_first(note)),) for note in notes]


def _slope_sentence(fit: Node, measure: str) -> Sentence:
    """Describe the one slope of a regression; with more coefficients, send the reader to the table."""
    coefficients = fit.at("coefficients")
    names = [name.text() for name in coefficients.at("names").each()]
    slopes = [i for i, name in enumerate(names) if name.lower() not in ("intercept", "(intercept)", "1")]
    if len(slopes) != 1:
        return join("The coefficients of ", studies_text(fit), " stand in the table.")
    i = slopes[0]
    scale = MEASURES[measure].scale if measure in MEASURES else "the effect"
    low, high = coefficients.at("low", i).number(), coefficients.at("high", i).number()
    verdict = ""
    if low is not None and high is not None:
        verdict = (
            " The interval includes zero: these studies do not show that the two go together."
            if low <= 0.0 <= high
            else " The interval excludes zero; this is a comparison between studies, not a cause."
        )
    return join(
        f"For each further unit of {names[i]}, {scale} changes by ",
        show_significant(coefficients.at("value", i)),
        " (",
        show_level(fit.at("spec", "level")),
        " CI ",
        ranged(show_significant(coefficients.at("low", i)), show_significant(coefficients.at("high", i))),
        ", ",
        show_p(coefficients.at("p", i)),
        ", ",
        studies_text(fit),
        ").",
        verdict,
    )


def small_study_sentences(check: Node, measure: str) -> list[Sentence]:
    """Say what the check for small-study effects found, or why it was not made."""
    if not check.exists:
        return []
    fit, method = check.at("fit"), check.at("method").text()
    if not fit.exists:
        reason = check.at("reason").text() or "the reason is not recorded"
        return [(f"Small-study effects, {method}: {full_stop(reason)}",)]
    coefficients = fit.at("coefficients")
    i = len(coefficients.at("names")) - 1
    if i < 1:
        return [(f"Small-study effects, {method}: the regression cannot be fitted.",)]
    low, high = coefficients.at("low", i).number(), coefficients.at("high", i).number()
    unclear = low is None or high is None or low <= 0.0 <= high
    verdict = (
        "No sign that small studies find something else; the test is weak, and this is no proof of "
        "completeness."
        if unclear
        else "Small studies find something else than large ones; missing studies are one reason among "
        "several, such as other "
        "settings or definitions."
    )
    scale = MEASURES[measure].scale if measure in MEASURES else "the effect"
    return [
        join(
            f"Small-study effects, {method}: slope of {scale} ",
            show_significant(coefficients.at("value", i)),
            " (",
            show_level(fit.at("spec", "level")),
            " CI ",
            ranged(show_significant(coefficients.at("low", i)), show_significant(coefficients.at("high", i))),
            ", ",
            show_p(coefficients.at("p", i)),
            ", ",
            studies_text(fit),
            ").",
        ),
        (verdict,),
    ]


def left_out_sentence(refits: Node, unit: Unit) -> Sentence:
    """Say between which values the estimate moves when one study is left out, and without whom."""
    places = [
        (x, i) for i, node in enumerate(refits.at("natural").each()) if (x := node.number()) is not None
    ]
    if not places:
        return ()
    lowest, highest = min(places)[1], max(places)[1]
    labels, natural = refits.at("labels"), refits.at("natural")
    return join(
        "Leaving out one study at a time, under the same model, moves the pooled value between ",
        unit.show(natural.at(lowest)),
        f" (without {labels.at(lowest).label()}) and ",
        unit.show(natural.at(highest)),
        f" (without {labels.at(highest).label()}).",
    )


def cumulative_sentence(refits: Node, unit: Unit) -> Sentence:
    """Say where the cumulative analysis began and ended."""
    natural, k = refits.at("natural"), refits.at("k")
    known = [i for i, node in enumerate(natural.each()) if node.number() is not None]
    if len(known) < 2:
        return ()
    first, last = known[0], known[-1]

    def step(i: int) -> tuple[Piece | Sentence, ...]:
        word = " study)" if k.at(i).number() == 1 else " studies)"
        return (unit.show(natural.at(i)), " (", show_count(k.at(i)), word)

    return join("As studies appeared, the pooled value went from ", *step(first), " to ", *step(last), ".")


def reference_sentence(analysis: Node, unit: Unit) -> Sentence:
    """Introduce the outside references: never a reproduction."""
    if not analysis.at("targets").exists:
        return ()
    fit = analysis.at("fit")
    ours = (
        join(" Our own estimate, for comparison: ", estimate_text(fit, unit), ", ", studies_text(fit), ".")
        if fit.at("natural").exists
        else ()
    )
    return join(
        "What published syntheses found, as an outside reference and not a reproduction: the study sets "
        "differ.",
        ours,
    )
