"""Words for models with moderators: what a meta-regression is, and what it leaves."""

from __future__ import annotations

from collections.abc import Iterable

from meta.options import GLMMS, WITHOUT_TAU2
from meta.report.pieces import Node, Sentence


def moderator_sentences(spec: Node) -> list[Sentence]:
    """Say that moderators enter, by which formula, and what stands in place of a pooled value.

    Parameters
    ----------
    spec : Node
        The ``spec`` of a fit in results.json.

    Returns
    -------
    list of Sentence
        Empty without moderators.
    """
    formula = spec.at("moderators").text()
    if not formula:
        return []
    scale = "on the link scale of the model" if spec.at("model").text() in GLMMS else "on the analysis scale"
    return [
        (
            f"Moderators enter as a meta-regression ({formula.strip()}), linear {scale}: there is no pooled "
            "value and no prediction interval, and each coefficient has an interval of its own. All "
            "coefficients but the intercept are tested together.",
        )
    ]


def residual_sentence(spec: Node) -> Sentence:
    """Say what heterogeneity is in a regression, and what R2 is."""
    whole = "Q over its degrees of freedom" if spec.at("model").text() in WITHOUT_TAU2 else "tau²"
    return (
        f"All of these are of what the moderators leave unexplained; R² is the share of {whole} of the same "
        "model without moderators that they explain (Raudenbush 2009), and 0 where it would be negative.",
    )


def regressions_sentences(spec: Node, regressions: Iterable[Node]) -> list[Sentence]:
    """Say that the protocol's meta-regressions take the model of their analysis.

    Parameters
    ----------
    spec : Node
        The ``spec`` of the analysis.
    regressions : iterable of Node
        Entries of its ``regressions`` in results.json.

    Returns
    -------
    list of Sentence
        Empty where the protocol has none.
    """
    formulas = [regression.at("formula").text().strip() for regression in regressions]
    if not formulas:
        return []
    how = moderator_sentences(Node({**spec_options(spec), "moderators": "; ".join(dict.fromkeys(formulas))}))
    return [("The same model is fitted again with moderators.",), *how, residual_sentence(spec)]


def spec_options(spec: Node) -> dict[str, object]:
    """Return the options of a spec as they stand in results.json."""
    return {name: node.value for name, node in spec.items()}
