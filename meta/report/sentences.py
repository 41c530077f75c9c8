"""Results in sentences: the quotable one, and those on heterogeneity, subgroups, regressions and small studies."""

from __future__ import annotations

from meta.report.caveats import leading_caveat
from meta.report.pieces import (
    Link,
    Node,
    Piece,
    Sentence,
    Unit,
    join,
    listed,
    lower_first,
    plain,
    ranged,
    show_count,
    show_df,
    show_level,
    show_p,
    show_percent,
    show_significant,
    show_tau2,
    squared,
    upper_first,
)
from meta.report.words import MEASURES
from meta.tables.numbers import MISSING

#: Statuses that leave nothing to quote.
WITHOUT_NUMBER = ("not_estimable", "not_converged")


def studies_text(fit: Node, link: str = "") -> Sentence:
    """Return ``12 studies``, ``1 study``."""
    k = fit.at("k").number()
    return join(show_count(fit.at("k"), link), " study" if k == 1 else " studies")


def people_text(fit: Node, unit: Unit, link: str = "") -> Sentence:
    """Return who was studied: ``14 210 people``, ``196 against 190 people``, ``1 265 person-years``; empty where unknown."""
    totals = fit.at("totals")
    if not fit.at("k").number():
        return ()
    time = "person-years" if "person-year" in unit.axis.lower() + unit.after.lower() else "units of person-time"
    if totals.at("n").exists:
        return join(show_count(totals.at("n"), link), " people")
    if totals.at("n1").exists and totals.at("n2").exists:
        return join(show_count(totals.at("n1"), link), " against ", show_count(totals.at("n2"), link), " people")
    if totals.at("time").exists:
        return join(show_count(totals.at("time"), link), f" {time}")
    if totals.at("time1").exists and totals.at("time2").exists:
        return join(show_count(totals.at("time1"), link), " against ", show_count(totals.at("time2"), link), f" {time}")
    return ()


def basis_text(fit: Node, unit: Unit, link: str = "") -> Sentence:
    """Return ``12 studies with 14 210 people``."""
    people = people_text(fit, unit, link)
    return join(studies_text(fit, link), *((" with ", people) if people else ()))


def estimate_text(fit: Node, unit: Unit, link: str = "", *, words: bool = True) -> Sentence:
    """Return ``17.1 per 100 people (95% CI 13.9 to 21.0)`` or ``risk ratio 1.73 (95% CI 0.95 to 3.15)``; the unit if ``words``."""
    natural, level = fit.at("natural"), show_level(fit.at("spec", "level"))
    before = f"{unit.before} " if unit.before and words else ""
    interval = ranged(unit.show(natural.at("low")), unit.show(natural.at("high")))
    head = join(before, unit.show(natural.at("value"), link), unit.after if words else "")
    return head if plain(interval) == MISSING else join(head, " (", level, " CI ", interval, _null_clause(fit), ")")


def _null_clause(fit: Node) -> str:
    """Return a clause for intervals that include the value of no difference; empty elsewhere."""
    words = MEASURES.get(fit.at("measure").text())
    low, high = fit.at("natural", "low").number(), fit.at("natural", "high").number()
    if words is None or words.null is None or low is None or high is None or not low <= words.null <= high:
        return ""
    return f", which includes {words.null:g}, no difference"


def quotable_sentence(analysis: Node, unit: Unit, *, caveat: bool = True) -> Sentence:
    """Return the one sentence to quote: what was found, from how many studies and people, for a new setting, and the caveat.

    Parameters
    ----------
    analysis : Node
        An entry of ``analyses`` in results.json.
    unit : Unit
        Its unit of display.
    caveat : bool
        Whether the caveat that matters most is part of it.

    Returns
    -------
    Sentence
        Every number leads to the study table of the analysis.
    """
    fit, title = analysis.at("fit"), analysis.at("title").text().rstrip(".:")
    link = f"#{anchor_of(analysis)}-studies"
    status = fit.at("status").text()
    if not fit.exists or status in WITHOUT_NUMBER:
        body = _nothing_found(analysis, status)
    elif status == "not_pooled":
        body = _by_group(analysis, unit, link)
    elif status == "one_sided":
        body = _one_sided(fit, unit, link)
    elif status == "single_study":
        only = next((s.at("label").label() for s in fit.at("studies").each() if s.at("used").is_true()), "")
        people = people_text(fit, unit, link)
        whom = join(" (", people, ")") if people else ()
        body = join(estimate_text(fit, unit, link), " in the one study there is", f", {only}" if only else "", whom, ".")
    else:
        median = " in the median setting" if fit.at("population_mean").exists else ""
        body = join(estimate_text(fit, unit, link), median, ", from ", basis_text(fit, unit, link), _new_setting(fit, unit), ".")
    sentence = join(Link(title, f"#{anchor_of(analysis)}"), ": ", body)
    worst = leading_caveat(analysis) if caveat else ()
    return join(sentence, " ", worst) if worst else sentence


def anchor_of(analysis: Node) -> str:
    """Return the anchor of an analysis: its id with nothing that a fragment or an attribute could trip over."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in analysis.at("id").text()) or "analysis"


def _new_setting(fit: Node, unit: Unit) -> Sentence:
    natural = fit.at("natural")
    if not natural.at("prediction_low").exists:
        return ()
    bounds = unit.range(natural.at("prediction_low"), natural.at("prediction_high"))
    return join("; in a new setting, ", bounds, " (", show_level(fit.at("spec", "level")), " prediction interval)")


def _nothing_found(analysis: Node, status: str) -> Sentence:
    fit = analysis.at("fit")
    if status == "not_converged":
        return join("the model did not converge on ", studies_text(fit), ", so no number is given.")
    reasons: dict[str, list[str]] = {}
    for study in fit.at("studies").each():
        if not study.at("used").is_true():
            reasons.setdefault(study.at("reason").text() or "not usable", []).append(study.at("label").label())
    if not reasons:
        return ("not estimable: no row of the sheet passes its filters.",) if not len(fit.at("studies")) else ("not estimable.",)
    said = [f"{', '.join(labels)} ({reason})" for reason, labels in reasons.items()]
    return (f"not estimable; shown without a number: {'; '.join(said)}.",)


def _by_group(analysis: Node, unit: Unit, link: str) -> Sentence:
    """List the groups of an analysis whose protocol pools nothing across them."""
    result = analysis.at("subgroups", 0, "result")
    parts: list[Sentence] = []
    for i, level in enumerate(result.at("levels").each()):
        fit = result.at("fits", i)
        if fit.at("natural").exists:
            parts.append(join(f"{level.label()} ", estimate_text(fit, unit, link, words=not parts), ", ", basis_text(fit, unit, link)))
        else:
            parts.append((f"{level.label()} not estimable",))
    if not parts:
        return ("nothing is pooled across these studies.",)
    return join(listed(parts, "; ", "; "), ". Nothing is pooled across the groups.")


def _one_sided(fit: Node, unit: Unit, link: str) -> Sentence:
    """Describe counts without any event (or with nothing but events), of which only one bound is known."""
    natural, level = fit.at("natural"), show_level(fit.at("spec", "level"))
    none = natural.at("value").number() == 0.0
    what, side, bound = ("no event", "above", "high") if none else ("nothing but events", "below", "low")
    return join(
        f"{what} in ", basis_text(fit, unit, link), f"; the true value is unlikely to lie {side} ", unit.show(natural.at(bound), link),
        unit.after, " (exact one-sided ", level, " bound of the pooled count).",
    )


def result_sentences(analysis: Node, unit: Unit) -> list[Sentence]:
    """Return the result in full sentences: the estimate, the population mean, the new setting, heterogeneity, the null value."""
    fit = analysis.at("fit")
    status = fit.at("status").text()
    if not fit.exists or status in (*WITHOUT_NUMBER, "not_pooled", "one_sided", "single_study"):
        return [quotable_sentence(analysis, unit, caveat=False)]
    link = f"#{anchor_of(analysis)}-studies"
    people = fit.at("population_mean")
    where = " for the median setting" if people.exists else ""
    out = [join("The pooled value is ", estimate_text(fit, unit), where, ", from ", basis_text(fit, unit, link), ".")]
    if people.exists:
        out.append(
            join("Averaged over settings (population mean) it is ", unit.show(people.at("value")), " (",
                 show_level(fit.at("spec", "level")), " CI ", unit.range(people.at("low"), people.at("high")), ").")
        )
    out.extend(heterogeneity_sentences(fit, unit))
    out.extend(s for s in (_null_sentence(analysis), threshold_sentence(analysis, unit)) if s)
    return out


def heterogeneity_sentences(fit: Node, unit: Unit) -> list[Sentence]:
    """Say how far settings differ: the prediction interval first, then tau2 with its interval, I2 and Q."""
    out: list[Sentence] = []
    natural, level = fit.at("natural"), show_level(fit.at("spec", "level"))
    if natural.at("prediction_low").exists:
        out.append(
            join("The true value in a new setting is expected between ",
                 unit.show(natural.at("prediction_low")), " and ", unit.show(natural.at("prediction_high")), unit.after, " (", level,
                 " prediction interval).")
        )
    tau2, spread = fit.at("tau2"), fit.at("heterogeneity")
    figures: list[Sentence] = []
    if tau2.exists and fit.at("spec", "model").text() != "common":
        bounds = ranged(show_tau2(tau2.at("low")), show_tau2(tau2.at("high")))
        known = plain(bounds) != MISSING
        figures.append(join("tau²\u00a0", show_tau2(tau2.at("value")), *((" (", level, " CI ", bounds, ")") if known else ())))
    if spread.at("i2").exists:
        figures.append(join("I²\u00a0", show_percent(spread.at("i2"))))
    if spread.at("q").exists:
        figures.append(
            join("Q ", show_significant(spread.at("q")), " on ", show_df(spread.at("df")), " df (", show_p(spread.at("p")), ")")
        )
    if figures:
        out.append(join("Between the studies: ", listed(figures, ", "), "."))
    return out


def _null_sentence(analysis: Node) -> Sentence:
    """Say whether an interval that excludes no difference has a prediction interval that includes it."""
    words = MEASURES.get(analysis.at("measure").text())
    natural = analysis.at("fit", "natural")
    if words is None or words.null is None:
        return ()
    low, high = natural.at("low").number(), natural.at("high").number()
    if low is None or high is None:
        return ()
    null = f"{words.null:g}"
    if low <= words.null <= high:
        return ()
    first, last = natural.at("prediction_low").number(), natural.at("prediction_high").number()
    if first is not None and last is not None and first <= words.null <= last:
        return (f"The mean differs from {null} (no difference), but the prediction interval includes it: a new setting may show no "
                "difference, or the opposite one.",)
    return (f"The confidence interval excludes {null}, which means no difference.",)


def threshold_sentence(analysis: Node, unit: Unit) -> Sentence:
    """Compare the interval with the threshold that the protocol declared; empty where there is none."""
    threshold, natural = analysis.at("threshold"), analysis.at("fit", "natural")
    value, low, high = (n.number() for n in (threshold.at("value"), natural.at("low"), natural.at("high")))
    if value is None or low is None or high is None:
        return ()
    low, high = low * unit.factor, high * unit.factor
    where = "lies above" if low > value else "lies below" if high < value else "includes"
    words, source = threshold.at("words").text(), threshold.at("source").text()
    return join(
        f"The confidence interval {where} the threshold of ", show_count(threshold.at("value")), unit.after,
        f" declared in the protocol{f': {lower_first(words.rstrip(chr(46)))}' if words else ''}{f' ({source})' if source else ''}.",
    )


def subgroup_sentences(group: Node) -> list[Sentence]:
    """Say what the test between groups found, or why there is none, and how to read it."""
    result = group.at("result")
    test = result.at("test")
    out: list[Sentence] = []
    if not group.at("show_test").is_true():
        out.append(("No test between the groups is declared: they are shown side by side, not compared.",))
    elif not test.at("statistic").exists:
        out.append((f"{upper_first(test.at('reason').text() or 'no test between the groups was possible')}.",))
    else:
        out.append(join(_test_text("Test between the groups", test), f"; {squared(test.at('method').text())}."))
        if test.at("reason").exists:
            out.append((f"The test is made {test.at('reason').text()}.",))
        out.append(("The comparison is between studies, not within them: groups differ in more than their name.",))
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
        return [join("The regression cannot be fitted on ", studies_text(fit), ".")]
    out = [_slope_sentence(fit, measure)]
    test = fit.at("moderator_test")
    if test.at("df").number() not in (None, 1.0):
        out.append(join(_test_text("All moderators together", test), "."))
    if fit.at("r2").exists:
        out.append(join("Its moderators explain ", show_percent(fit.at("r2")), " of tau² (R²)."))
    unused = [s.at("label").label() for s in fit.at("studies").each() if not s.at("used").is_true()]
    if unused:
        out.append((f"Not in this regression: {', '.join(unused)}.",))
    if regression.at("caveat").exists:
        out.append((_full_stop(regression.at("caveat").text()),))
    return out


def _full_stop(text: str) -> str:
    """Return the text with a full stop, unless it ends a sentence already."""
    return text if text.endswith((".", "?", "!", "…")) else f"{text}."


def _slope_sentence(fit: Node, measure: str) -> Sentence:
    """Describe the one slope of a regression with an intercept; with more coefficients, send the reader to the table."""
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
        f"For each further unit of {names[i]}, {scale} changes by ", show_significant(coefficients.at("value", i)), " (",
        show_level(fit.at("spec", "level")), " CI ", ranged(show_significant(coefficients.at("low", i)),
        show_significant(coefficients.at("high", i))), ", ", show_p(coefficients.at("p", i)), ", ", studies_text(fit), ").", verdict,
    )


def small_study_sentences(check: Node, measure: str) -> list[Sentence]:
    """Say what the check for small-study effects found, or why it was not made."""
    if not check.exists:
        return []
    fit, method = check.at("fit"), check.at("method").text()
    if not fit.exists:
        reason = check.at("reason").text() or "the reason is not recorded"
        return [(f"Small-study effects, {method}: {_full_stop(reason)}",)]
    coefficients = fit.at("coefficients")
    i = len(coefficients.at("names")) - 1
    if i < 1:
        return [(f"Small-study effects, {method}: the regression cannot be fitted.",)]
    low, high = coefficients.at("low", i).number(), coefficients.at("high", i).number()
    unclear = low is None or high is None or low <= 0.0 <= high
    verdict = (
        "No sign that small studies find something else; the test is weak, and this is no proof of completeness."
        if unclear
        else "Small studies find something else than large ones; missing studies are one reason among several, such as other "
        "settings or definitions."
    )
    scale = MEASURES[measure].scale if measure in MEASURES else "the effect"
    return [
        join(f"Small-study effects, {method}: slope of {scale} ", show_significant(coefficients.at("value", i)), " (",
             show_level(fit.at("spec", "level")), " CI ", ranged(show_significant(coefficients.at("low", i)),
             show_significant(coefficients.at("high", i))), ", ", show_p(coefficients.at("p", i)), ", ", studies_text(fit), ")."),
        (verdict,),
    ]


def left_out_sentence(refits: Node, unit: Unit) -> Sentence:
    """Say between which values the estimate moves when one study is left out, and without whom."""
    places = [(x, i) for i, node in enumerate(refits.at("natural").each()) if (x := node.number()) is not None]
    if not places:
        return ()
    lowest, highest = min(places)[1], max(places)[1]
    labels, natural = refits.at("labels"), refits.at("natural")
    return join(
        "Leaving out one study at a time, under the same model, moves the pooled value between ", unit.show(natural.at(lowest)),
        f" (without {labels.at(lowest).label()}) and ", unit.show(natural.at(highest)), f" (without {labels.at(highest).label()}).",
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
    ours = join(" Our own estimate, for comparison: ", estimate_text(fit, unit), ", ", studies_text(fit), ".") \
        if fit.at("natural").exists else ()
    return join("What published syntheses found, as an outside reference and not a reproduction: the study sets differ.", ours)
