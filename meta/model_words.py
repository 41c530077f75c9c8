"""What each model is called where a person reads: one entry a model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelWords:
    """Words of one model.

    Attributes
    ----------
    name : str
        In a sentence or a list: ``random effects by inverse variance``.
    pooled : str
        What the pooled value is called under the model: ``median setting``.
    detail : str
        What a caption adds to the name.
    """

    name: str
    pooled: str
    detail: str = ""


_COUNTS = " on counts, no continuity correction"

MODEL_WORDS: dict[str, ModelWords] = {
    "random": ModelWords("random effects by inverse variance", "random effects"),
    "common": ModelWords("common effect by inverse variance", "common effect"),
    "uwls": ModelWords("unrestricted weighted least squares (UWLS)", "UWLS"),
    "ivhet": ModelWords("inverse variance heterogeneity model (IVhet)", "IVhet"),
    "mantel_haenszel": ModelWords("Mantel–Haenszel pooling of counts", "Mantel–Haenszel", ", common effect"),
    "three_level": ModelWords("three-level model of rows within studies", "three-level model"),
    "correlated_effects": ModelWords(
        "correlated and hierarchical effects of rows within studies", "correlated effects"
    ),
    "bayes": ModelWords("Bayesian normal–normal model", "posterior median", ", flat prior of the mean"),
    "binomial_normal": ModelWords("binomial–normal GLMM", "median setting", _COUNTS),
    "poisson_normal": ModelWords("Poisson–normal GLMM", "median setting", _COUNTS),
    "beta_binomial": ModelWords("beta-binomial model", "population mean", _COUNTS),
    "unconditional_fixed": ModelWords("GLMM of two groups, study levels fixed (UM.FS)", "median setting"),
    "unconditional_random": ModelWords("GLMM of two groups, study levels random (UM.RS)", "median setting"),
    "conditional_exact": ModelWords("conditional GLMM, exact likelihood (CM.EL)", "median setting"),
    "conditional_approximate": ModelWords(
        "conditional GLMM, binomial approximation (CM.AL)", "median setting"
    ),
}


def name_model(model: str) -> str:
    """Return the words of a model; the code itself where there are none."""
    words = MODEL_WORDS.get(model)
    return model if words is None else words.name
