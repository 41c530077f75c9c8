"""Results in sentences: the quotable one, and the paragraph on estimate, spread and threshold."""

from __future__ import annotations

from meta.options import TWO_GROUP_GLMMS, WITHOUT_TAU2, interval_names
from meta.report.bayes import posterior_sentences
from meta.report.caveats import leading_caveat
from meta.report.cluster_words import component_sentences, rows_text
from meta.report.glmm_words import rho_text
from meta.report.pieces import (
    Link,
    Node,
    Sentence,
    Unit,
    join,
    listed,
    lower_first,
    plain,
    ranged,
    show_count,
    show_declared,
    show_df,
    show_level,
    show_p,
    show_percent,
    show_significant,
    show_tau2,
    upper_first,
)
from meta.report.thresholds import share_sentence
from meta.report.words import MEASURES
from meta.tables.numbers import MISSING

#: Statuses that leave nothing to quote.
WITHOUT_NUMBER = ("not_estimable", "not_converged")


def studies_text(fit: Node, link: str = "") -> Sentence:
    """Return ``12 studies``, ``1 study``; ``56 rows of 11 studies`` where rows are clustered."""
    if rows := rows_text(fit, link):
        return rows
    k = fit.at("k").number()
    return join(show_count(fit.at("k"), link), " study" if k == 1 else " studies")


def people_text(fit: Node, unit: Unit, link: str = "") -> Sentence:
    """Return who was studied: ``14 210 people``, ``196 against 190 people``, or person-time, or nothing."""
    totals = fit.at("totals")
    if not fit.at("k").number():
        return ()
    time = (
        "person-years" if "person-year" in unit.axis.lower() + unit.after.lower() else "units of person-time"
    )
    if totals.at("n").exists:
        return join(show_count(totals.at("n"), link), " people")
    if totals.at("n1").exists and totals.at("n2").exists:
        return join(
            show_count(totals.at("n1"), link), " against ", show_count(totals.at("n2"), link), " people"
        )
    if totals.at("time").exists:
        return join(show_count(totals.at("time"), link), f" {time}")
    if totals.at("time1").exists and totals.at("time2").exists:
        return join(
            show_count(totals.at("time1"), link),
            " against ",
            show_count(totals.at("time2"), link),
            f" {time}",
        )
    return ()


def basis_text(fit: Node, unit: Unit, link: str = "") -> Sentence:
    """Return ``12 studies with 14 210 people``."""
    people = people_text(fit, unit, link)
    return join(studies_text(fit, link), *((" with ", people) if people else ()))


def estimate_text(fit: Node, unit: Unit, link: str = "", *, words: bool = True) -> Sentence:
    """Return ``17.1 per 100 people (95% CI 13.9 to 21.0)``, ``risk ratio 1.73 (...)``; unit if ``words``."""
    natural, level = fit.at("natural"), show_level(fit.at("spec", "level"))
    before = f"{unit.before} " if unit.before and words else ""
    interval = ranged(unit.show(natural.at("low")), unit.show(natural.at("high")))
    head = join(before, unit.show(natural.at("value"), link), unit.after if words else "")
    return (
        head
        if plain(interval) == MISSING
        else join(head, " (", level, f" {_interval(fit)} ", interval, _null_clause(fit), ")")
    )


def _interval(fit: Node) -> str:
    """Return the short name of a confidence interval; a credible one in full, since fewer know it."""
    short, full = interval_names(fit.at("spec", "model").text())
    return short if short == "CI" else full


def _null_clause(fit: Node) -> str:
    """Return a clause for intervals that include the value of no difference; empty elsewhere."""
    words = MEASURES.get(fit.at("measure").text())
    low, high = fit.at("natural", "low").number(), fit.at("natural", "high").number()
    if words is None or words.null is None or low is None or high is None or not low <= words.null <= high:
        return ""
    return f", which includes {words.null:g}, no difference"


def quotable_sentence(analysis: Node, unit: Unit, *, caveat: bool = True) -> Sentence:
    """Return the sentence to quote: what was found, from whom, for a new setting, and a caveat.

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
        Estimate, number of studies and people lead to the study table of the analysis.
    """
    title = analysis.at("title").text().rstrip(".:")
    sentence = join(Link(title, f"#{anchor_of(analysis)}"), ": ", _finding(analysis, unit))
    worst = leading_caveat(analysis) if caveat else ()
    return join(sentence, " ", worst) if worst else sentence


def _finding(analysis: Node, unit: Unit) -> Sentence:
    """Return the quotable sentence without its title and caveat, in a form for each status."""
    fit = analysis.at("fit")
    link = f"#{anchor_of(analysis)}-studies"
    status = fit.at("status").text()
    if not fit.exists or status in WITHOUT_NUMBER:
        return _nothing_found(analysis, status)
    if status == "not_pooled":
        return _by_group(analysis, unit, link)
    if status == "one_sided":
        return _one_sided(fit, unit, link)
    if status == "single_study":
        only = next((s.at("label").label() for s in fit.at("studies").each() if s.at("used").is_true()), "")
        people = people_text(fit, unit, link)
        whom = join(" (", people, ")") if people else ()
        return join(
            estimate_text(fit, unit, link),
            " in the one study there is",
            f", {only}" if only else "",
            whom,
            ".",
        )
    median = " in the median setting" if fit.at("population_mean").exists else ""
    basis, setting = basis_text(fit, unit, link), _new_setting(fit, unit)
    return join(estimate_text(fit, unit, link), median, ", from ", basis, setting, ".")


def anchor_of(analysis: Node) -> str:
    """Return the anchor of an analysis: its id without anything that an attribute could trip over."""
    return (
        "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in analysis.at("id").text())
        or "analysis"
    )


def _new_setting(fit: Node, unit: Unit) -> Sentence:
    natural = fit.at("natural")
    if not natural.at("prediction_low").exists:
        return ()
    bounds = unit.range(natural.at("prediction_low"), natural.at("prediction_high"))
    return join(
        "; in a new setting, ", bounds, " (", show_level(fit.at("spec", "level")), " prediction interval)"
    )


def _nothing_found(analysis: Node, status: str) -> Sentence:
    fit = analysis.at("fit")
    if status == "not_converged":
        return join("the model did not converge on ", studies_text(fit), ", so no number is given.")
    reasons: dict[str, list[str]] = {}
    for study in fit.at("studies").each():
        if not study.at("used").is_true():
            reasons.setdefault(study.at("reason").text() or "not usable", []).append(
                study.at("label").label()
            )
    if not reasons:
        return (
            ("not estimable: no row of the sheet passes its filters.",)
            if not len(fit.at("studies"))
            else ("not estimable.",)
        )
    said = [f"{', '.join(labels)} ({reason})" for reason, labels in reasons.items()]
    return (f"not estimable; shown without a number: {'; '.join(said)}.",)


def _by_group(analysis: Node, unit: Unit, link: str) -> Sentence:
    """List the groups of an analysis whose protocol pools nothing across them."""
    result = analysis.at("subgroups", 0, "result")
    parts: list[Sentence] = []
    for i, level in enumerate(result.at("levels").each()):
        fit = result.at("fits", i)
        if fit.at("natural").exists:
            parts.append(
                join(
                    f"{level.label()} ",
                    estimate_text(fit, unit, link, words=not parts),
                    ", ",
                    basis_text(fit, unit, link),
                )
            )
        else:
            parts.append((f"{level.label()} not estimable",))
    if not parts:
        return ("nothing is pooled across these studies.",)
    return join(listed(parts, "; ", "; "), ". Nothing is pooled across the groups.")


def _one_sided(fit: Node, unit: Unit, link: str) -> Sentence:
    """Describe counts without any event (or with nothing but events), of which only one bound is known."""
    natural, level = fit.at("natural"), show_level(fit.at("spec", "level"))
    none = natural.at("value").number() == 0.0
    if fit.at("spec", "model").text() in TWO_GROUP_GLMMS:
        few, side, bound = ("few", "above", "high") if none else ("many", "below", "low")
        return join(
            f"group 1 has as {few} events as the totals allow in each of ",
            basis_text(fit, unit, link),
            f"; the true ratio is unlikely to lie {side} ",
            unit.show(natural.at(bound), link),
            " (exact one-sided ",
            level,
            " bound of a common ratio, given the totals).",
        )
    what, side, bound = ("no event", "above", "high") if none else ("nothing but events", "below", "low")
    return join(
        f"{what} in ",
        basis_text(fit, unit, link),
        f"; the true value is unlikely to lie {side} ",
        unit.show(natural.at(bound), link),
        unit.after,
        " (exact one-sided ",
        level,
        " bound of the pooled count).",
    )


def result_sentences(analysis: Node, unit: Unit) -> list[Sentence]:
    """Return the result in full sentences: estimate, population mean, heterogeneity, threshold."""
    fit = analysis.at("fit")
    status = fit.at("status").text()
    if not fit.exists or status in (*WITHOUT_NUMBER, "not_pooled", "one_sided", "single_study"):
        finding = _finding(analysis, unit)
        head = finding[0]
        first = (upper_first(head), *finding[1:]) if isinstance(head, str) else finding
        return [first, *_posterior(analysis, unit)]
    link = f"#{anchor_of(analysis)}-studies"
    people = fit.at("population_mean")
    where = " for the median setting" if people.exists else ""
    out = [
        join(
            f"The pooled {unit.before or 'value'} is ",
            estimate_text(fit, unit, words=not unit.before),
            where,
            ", from ",
            basis_text(fit, unit, link),
            ".",
        )
    ]
    if people.exists:
        out.append(
            join(
                "Averaged over settings (population mean) it is ",
                unit.show(people.at("value")),
                " (",
                show_level(fit.at("spec", "level")),
                " CI ",
                unit.range(people.at("low"), people.at("high")),
                ").",
            )
        )
    out.extend(heterogeneity_sentences(fit, unit))
    out.extend(_posterior(analysis, unit))
    said = _null_sentence(analysis), threshold_sentence(analysis, unit), share_sentence(analysis)
    out.extend(sentence for sentence in said if sentence)
    return out


def _posterior(analysis: Node, unit: Unit) -> list[Sentence]:
    """Return what the posterior says beside the estimate; nothing under other models."""
    fit = analysis.at("fit")
    if not fit.at("posterior").exists:
        return []
    measure, threshold = analysis.at("measure").text(), analysis.at("threshold")
    return posterior_sentences(fit.at("posterior"), fit.at("spec"), unit, measure, threshold)


def heterogeneity_sentences(fit: Node, unit: Unit) -> list[Sentence]:
    """Say how far settings differ: the prediction interval first, then tau2 with its interval, I2 and Q."""
    out: list[Sentence] = []
    natural, level = fit.at("natural"), show_level(fit.at("spec", "level"))
    if natural.at("prediction_low").exists:
        out.append(
            join(
                "The true value in a new setting is expected between ",
                unit.show(natural.at("prediction_low")),
                " and ",
                unit.show(natural.at("prediction_high")),
                unit.after,
                " (",
                level,
                " prediction interval).",
            )
        )
    tau2, spread = fit.at("tau2"), fit.at("heterogeneity")
    figures: list[Sentence] = []
    # under a GLMM without an estimator tau2 is held at 0
    held = not fit.at("spec", "tau2_method").text()
    if tau2.exists and not held and fit.at("spec", "model").text() not in WITHOUT_TAU2:
        bounds = ranged(show_tau2(tau2.at("low")), show_tau2(tau2.at("high")))
        known = plain(bounds) != MISSING
        figures.append(
            join(
                "tau²\u00a0",
                show_tau2(tau2.at("value")),
                *((" (", level, f" {_interval(fit)} ", bounds, ")") if known else ()),
            )
        )
    figures.extend(rho_text(fit))
    if spread.at("i2").exists:
        bounds = ranged(show_percent(spread.at("i2_low")), show_percent(spread.at("i2_high")))
        inside = (" (", bounds, ")") if plain(bounds) != MISSING else ()
        figures.append(join("I²\u00a0", show_percent(spread.at("i2")), *inside))
    if spread.at("q").exists:
        figures.append(
            join(
                "Q ",
                show_significant(spread.at("q")),
                " on ",
                show_df(spread.at("df")),
                " df (",
                show_p(spread.at("p")),
                ")",
            )
        )
    if figures:
        where = "Between the rows" if fit.at("clusters").exists else "Between the studies"
        out.append(join(f"{where}: ", listed(figures, ", "), "."))
    out.extend(component_sentences(fit))
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
        return (
            f"The mean differs from {null} (no difference), but the prediction interval includes it: a new "
            "setting may show no "
            "difference, or the opposite one.",
        )
    _, interval = interval_names(analysis.at("fit", "spec", "model").text())
    return (f"The {interval} excludes {null}, which means no difference.",)


def threshold_sentence(analysis: Node, unit: Unit) -> Sentence:
    """Compare the interval with the threshold that the protocol declared; empty where there is none."""
    threshold, natural = analysis.at("threshold"), analysis.at("fit", "natural")
    value, low, high = (n.number() for n in (threshold.at("value"), natural.at("low"), natural.at("high")))
    if value is None or low is None or high is None:
        return ()
    low, high = low * unit.factor, high * unit.factor
    _, interval = interval_names(analysis.at("fit", "spec", "model").text())
    where = "lies above" if low > value else "lies below" if high < value else "includes"
    words, source = threshold.at("words").text(), threshold.at("source").text()
    return join(
        f"The {interval} {where} the threshold of ",
        show_declared(threshold.at("value")),
        unit.after,
        " declared in the protocol",
        f": {lower_first(words.rstrip('.'))}" if words else "",
        f" ({source})" if source else "",
        ".",
    )
