"""Caveats: what a number does not allow, the one that matters most first."""

from __future__ import annotations

from dataclasses import dataclass

from meta.options import WITHOUT_TAU2
from meta.report.cluster_words import studies_node
from meta.report.pieces import Node, Sentence, join, show_level, show_percent, show_tau2, squared
from meta.report.words import MEASURES, NOT_ASSESSED, NUMBER_WORDS

#: From this many studies on, their number needs no caveat of its own (IntHout et al. 2014; FIELD: "k = 2 to
#: 4, with a caveat").
ENOUGH_STUDIES = 5

#: Level below which Cochran's Q (its likelihood-ratio form under a GLMM) is taken to say that studies differ.
Q_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Caveat:
    """One caveat: a code that a program can test, and the sentence that people read."""

    code: str
    text: Sentence


def list_caveats(analysis: Node) -> list[Caveat]:
    """Return the caveats of an analysis, the one that matters most first.

    The order: no number at all; a bound only; one study; two; the words of the review team; three or four
    studies; a likelihood with
    several maxima; a mean that a new setting need not share; tau2 at its boundary; notes of the fit; risk of
    bias not assessed.
    """
    fit = analysis.at("fit")
    status = fit.at("status").text() if fit.exists else "not_estimable"
    found = [_status_caveat(status), _few_caveat(fit, status, (1, 2))]
    found += [Caveat("declared", (_words(caveat),)) for caveat in analysis.at("caveats").each()]
    found += [
        _few_caveat(fit, status, (3, 4)),
        _maxima_caveat(status),
        _dispersion_caveat(analysis, status),
        _boundary_caveat(fit),
    ]
    found += [Caveat("note", (_sentence(squared(note.text())),)) for note in fit.at("notes").each()]
    found.append(_bias_caveat(analysis))
    return [caveat for caveat in found if caveat is not None]


def leading_caveat(analysis: Node) -> Sentence:
    """Return the caveat that matters most; empty where there is none, or it is said already."""
    found = list_caveats(analysis)
    return found[0].text if found and found[0].code not in ("not_estimable", "not_converged") else ()


def _words(caveat: Node) -> str:
    """Return a declared caveat, which is text or a dictionary with ``text``."""
    return _sentence((caveat.at("text") if isinstance(caveat.value, dict) else caveat).text())


def _sentence(text: str) -> str:
    """Return the text with a capital and a full stop."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!", "…")) else f"{text}."


def _status_caveat(status: str) -> Caveat | None:
    if status == "not_estimable":
        return Caveat(
            status,
            (
                "Nothing can be estimated from these rows; they are shown so that their absence from the "
                "numbers is "
                "seen.",
            ),
        )
    if status == "not_converged":
        return Caveat(status, ("The model did not converge, and no number of it is shown.",))
    if status == "one_sided":
        return Caveat(
            status,
            (
                "All studies point one way, so only a one-sided bound exists: it takes the studies as one "
                "sample and "
                "says nothing about how settings differ.",
            ),
        )
    return None


def _few_caveat(fit: Node, status: str, sizes: tuple[int, ...]) -> Caveat | None:
    """Say what a small number of studies does and does not allow."""
    k = studies_node(fit).number()
    if (
        k is None
        or status in ("not_estimable", "not_converged", "one_sided", "not_pooled")
        or int(k) not in sizes
    ):
        return None
    if fit.at("spec", "model").text() == "bayes":
        return _bayes_caveat(int(k))
    if k == 1:
        return Caveat(
            "one_study",
            (
                "One study: this is its own result with its own interval. Nothing is pooled, and how far "
                "settings "
                "differ cannot be seen.",
            ),
        )
    if k == 2:
        return Caveat(
            "two_studies",
            (
                "Two studies: they can be averaged, but how far settings differ can hardly be estimated from "
                "two, and no prediction interval is given.",
            ),
        )
    word = NUMBER_WORDS[int(k)].capitalize()
    return Caveat(
        "few_studies", (f"{word} studies: tau² and the prediction interval are very uncertain with so few.",)
    )


def _bayes_caveat(k: int) -> Caveat:
    """Say what a small number of studies leaves to the prior of tau."""
    studies = f"{NUMBER_WORDS[k].capitalize()} {'study' if k == 1 else 'studies'}"
    if k == 1:
        words = f"{studies}: nothing is pooled; how far settings differ is the prior's word, not the data's."
    else:
        words = (
            f"{studies}: what is known of how far settings differ comes largely from the prior of tau, and "
            "with it the widths of both intervals."
        )
    return Caveat({1: "one_study", 2: "two_studies"}.get(k, "few_studies"), (words,))


def _maxima_caveat(status: str) -> Caveat | None:
    if status != "several_maxima":
        return None
    return Caveat(
        status,
        (
            "The likelihood has more than one maximum; the highest is reported, and the data leave room for "
            "another "
            "answer.",
        ),
    )


def _dispersion_caveat(analysis: Node, status: str) -> Caveat | None:
    """Warn where a new setting need not share the mean: the null in its interval, or differing studies."""
    fit = analysis.at("fit")
    natural = fit.at("natural")
    first, last = natural.at("prediction_low").number(), natural.at("prediction_high").number()
    if status not in ("ok", "several_maxima") or first is None or last is None:
        return None
    words = MEASURES.get(analysis.at("measure").text())
    low, high = natural.at("low").number(), natural.at("high").number()
    null = words.null if words is not None else None
    if (
        null is not None
        and low is not None
        and high is not None
        and not low <= null <= high
        and first <= null <= last
    ):
        return Caveat(
            "prediction_null",
            (f"A new setting may still show no difference: the prediction interval includes {null:g}.",),
        )
    p = fit.at("heterogeneity", "p").number()
    if p is not None and p < Q_LEVEL and fit.at("heterogeneity", "i2").exists:
        i2 = show_percent(fit.at("heterogeneity", "i2"))
        return Caveat(
            "settings_differ",
            join(
                "Settings differ by more than chance (I² ",
                i2,
                "): for a new one the prediction interval counts, not the pooled value.",
            ),
        )
    return None


def _boundary_caveat(fit: Node) -> Caveat | None:
    """Say that tau2 is estimated at zero, and how large it may be all the same."""
    tau2 = fit.at("tau2")
    k = fit.at("k").number() or 0
    if fit.at("spec", "model").text() == "beta_binomial" and fit.at("status").text() == "boundary":
        return Caveat(
            "boundary", ("ρ is estimated at zero, its boundary; this does not show that settings agree.",)
        )
    if tau2.at("value").number() != 0.0 or k < 2 or fit.at("spec", "model").text() in WITHOUT_TAU2:
        return None
    if not fit.at("spec", "tau2_method").text():
        # held at zero, not estimated there
        return None
    upper = tau2.at("high").number()
    if upper is None or upper == 0.0:
        return Caveat(
            "boundary", ("tau² is estimated at zero, its boundary; this does not show that settings agree.",)
        )
    return Caveat(
        "boundary",
        join(
            "tau² is estimated at zero, its boundary; its ",
            show_level(fit.at("spec", "level")),
            " interval reaches ",
            show_tau2(tau2.at("high")),
            ", so that settings may differ all the same.",
        ),
    )


def _bias_caveat(analysis: Node) -> Caveat | None:
    """Say that risk of bias was not assessed, where no study of the table has a judgement."""
    rows = list(analysis.at("study_table", "rows").each())
    judged = [row.at("risk_of_bias").text() for row in rows]
    if not rows or any(word and word != NOT_ASSESSED for word in judged):
        return None
    return Caveat("risk_of_bias", ("The studies' risk of bias has not been assessed.",))
