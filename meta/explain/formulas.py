"""What each number is, and the formula behind it, by its place below a fit or an analysis."""

from __future__ import annotations

import re

#: How each model makes its estimate on the analysis scale: formula in words and symbols, and its citation.
ESTIMATES: dict[str, str] = {
    "random": "μ = Σ wᵢ yᵢ / Σ wᵢ with wᵢ = 1 / (vᵢ + τ²) (DerSimonian and Laird 1986, Controlled Clinical "
    "Trials 7, 177-188)",
    "common": "μ = Σ wᵢ yᵢ / Σ wᵢ with wᵢ = 1 / vᵢ (Hedges and Olkin 1985, Statistical Methods for "
    "Meta-Analysis)",
    "uwls": "μ = Σ wᵢ yᵢ / Σ wᵢ with wᵢ = 1 / vᵢ; its standard error is √(1 / Σ wᵢ) times √(Q / (k − 1)) "
    "(Stanley and Doucouliagos 2015, Statistics in Medicine 34, 2116-2127)",
    "ivhet": "μ = Σ wᵢ yᵢ / Σ wᵢ with wᵢ = 1 / vᵢ; its variance is Σ wᵢ² (vᵢ + τ²) / (Σ wᵢ)² (Doi and "
    "colleagues 2015, Contemporary Clinical Trials 45, 130-138)",
    "mantel_haenszel": "the counts of all studies pooled by Mantel and Haenszel's weights (Mantel and "
    "Haenszel 1959, J Natl Cancer Inst 22, 719-748)",
    "binomial_normal": "μ and τ² maximise Σ log ∫ Binomial(eventsᵢ | nᵢ, expit(μ + τ z)) φ(z) dz, each "
    "integral by adaptive Gauss-Hermite quadrature (Stijnen, Hamza and Özdemir 2010, Statistics in "
    "Medicine 29, 3046-3067)",
    "poisson_normal": "μ and τ² maximise Σ log ∫ Poisson(eventsᵢ | timeᵢ exp(μ + τ z)) φ(z) dz, each "
    "integral by adaptive Gauss-Hermite quadrature (Stijnen, Hamza and Özdemir 2010, Statistics in "
    "Medicine 29, 3046-3067)",
    "beta_binomial": "the mean and ρ of a beta distribution of proportions maximise Σ log BetaBinomial"
    "(eventsᵢ | nᵢ, mean, ρ)",
    "unconditional_fixed": "a logistic or Poisson regression of both groups with a level for each study and "
    "a random effect τ², by maximum likelihood (Jackson and colleagues 2018, Statistics in Medicine 37, "
    "1059-1085, model 4)",
    "unconditional_random": "a logistic or Poisson regression of both groups with random levels of studies "
    "and a random effect τ², by maximum likelihood (Jackson and colleagues 2018, Statistics in Medicine "
    "37, 1059-1085, model 5)",
    "conditional_exact": "the events of the treated given all events of a study follow a non-central "
    "hypergeometric (or binomial) distribution with a random log ratio, by maximum likelihood (Stijnen, "
    "Hamza and Özdemir 2010, Statistics in Medicine 29, 3046-3067)",
    "conditional_approximate": "the events of the treated given all events of a study are taken as binomial "
    "with a random log odds ratio, by maximum likelihood (Stijnen, Hamza and Özdemir 2010, Statistics in "
    "Medicine 29, 3046-3067)",
    "three_level": "generalised least squares, μ = (1' W 1)⁻¹ 1' W y with W the inverse of the covariance of "
    "rows within studies and between them (Konstantopoulos 2011, Research Synthesis Methods 2, 61-76)",
    "correlated_effects": "generalised least squares, μ = (1' W 1)⁻¹ 1' W y with W the inverse of the "
    "covariance of rows whose sampling errors correlate by ρ within a study (Pustejovsky and Tipton 2022, "
    "Prevention Science 23, 425-438)",
    "bayes": "the median of the posterior of μ, integrated over τ without random numbers (Röver 2020, "
    "Journal of Statistical Software 93(6), 1-51)",
}

_LIMIT = "an end of the {level} interval of the pooled value, whose method stands below"

#: What a number of a fit is, by its place below the fit; ``{estimate}`` is the formula of the model.
FIT: dict[str, str] = {
    "k": "how many studies (or rows, where they are clustered) the model uses",
    "clusters": "how many studies stand behind the rows that the model uses",
    "estimate.value": "the pooled value on the analysis scale: {estimate}",
    "estimate.se": "the standard error of the pooled value on the analysis scale, as its interval takes it",
    "estimate.low": _LIMIT + ", on the analysis scale",
    "estimate.high": _LIMIT + ", on the analysis scale",
    "estimate.statistic": "the test statistic of the pooled value against the null value: value over "
    "standard error, under profile likelihood the signed root of the likelihood ratio",
    "estimate.df": "the degrees of freedom of the interval and the test of the pooled value",
    "estimate.p": "the two-sided P value of the pooled value against the null value of its scale",
    "estimate.level": "the level of the interval, a choice of the profile or the protocol",
    "natural.value": "the pooled value turned back from the analysis scale: g(μ), g the inverse of the "
    "transform; {estimate}",
    "natural.low": _LIMIT + ", turned back from the analysis scale",
    "natural.high": _LIMIT + ", turned back from the analysis scale",
    "natural.prediction_low": "the lower end of the prediction interval for the true value in a new study, "
    "turned back from the analysis scale",
    "natural.prediction_high": "the upper end of the prediction interval for the true value in a new study, "
    "turned back from the analysis scale",
    "population_mean.value": "the mean over settings, E[g(μ + τ z)] with z standard normal, which is not the "
    "value of the median setting g(μ)",
    "population_mean.low": "the lower end of the interval of the mean over settings, by the delta method "
    "over (μ, τ) on the link scale",
    "population_mean.high": "the upper end of the interval of the mean over settings, by the delta method "
    "over (μ, τ) on the link scale",
    "tau2.value": "the variance τ² of true values between studies, in squared units of the analysis scale, "
    "by the estimator below",
    "tau2.low": "the lower end of the interval of τ²",
    "tau2.high": "the upper end of the interval of τ²",
    "tau2.se": "the standard error of τ², of which no interval here is made",
    "heterogeneity.q": "Q, the weighted sum of squared distances of the studies from the common value, "
    "Σ (yᵢ − μ)² / vᵢ (Cochran 1954, Biometrics 10, 101-129); under a GLMM the likelihood ratio of one "
    "common value against one for each study",
    "heterogeneity.df": "the degrees of freedom of Q: studies less coefficients",
    "heterogeneity.p": "the P value of Q by the chi-squared distribution",
    "heterogeneity.q_wald": "Q by inverse variance, Σ (yᵢ − μ)² / vᵢ, over the studies without a zero cell",
    "heterogeneity.q_wald_df": "the degrees of freedom of Q by inverse variance",
    "heterogeneity.q_wald_p": "the P value of Q by inverse variance",
    "heterogeneity.i2": "I², percent: τ² / (τ² + typical sampling variance), under a common effect from Q "
    "(Higgins and Thompson 2002, Statistics in Medicine 21, 1539-1558)",
    "heterogeneity.h2": "H²: (τ² + typical sampling variance) / typical sampling variance, under a common "
    "effect Q over its degrees of freedom (Higgins and Thompson 2002)",
    "heterogeneity.i2_low": "the lower end of the interval of I², from that of τ²",
    "heterogeneity.i2_high": "the upper end of the interval of I², from that of τ²",
    "heterogeneity.h2_low": "the lower end of the interval of H², from that of τ²",
    "heterogeneity.h2_high": "the upper end of the interval of H², from that of τ²",
    "heterogeneity.typical_variance": "the typical sampling variance, (k − p) / tr(P) with P = W − W X (X' W "
    "X)⁻¹ X' W and W = 1 / v (Higgins and Thompson 2002)",
    "prediction.low": "the lower end of the prediction interval on the analysis scale",
    "prediction.high": "the upper end of the prediction interval on the analysis scale",
    "prediction.df": "the degrees of freedom of the prediction interval",
    "coefficients.value.#": "a coefficient of the regression on the analysis scale; {estimate}, with X β in "
    "the place of μ",
    "coefficients.se.#": "the standard error of a coefficient, as its interval takes it",
    "coefficients.low.#": "the lower end of the interval of a coefficient",
    "coefficients.high.#": "the upper end of the interval of a coefficient",
    "coefficients.statistic.#": "the test statistic of a coefficient against 0",
    "coefficients.p.#": "the two-sided P value of a coefficient against 0",
    "coefficients.df.#": "the degrees of freedom of a coefficient under its cluster-robust interval "
    "(Satterthwaite)",
    "covariance.#.#": "the covariance of two coefficients, after the adjustment of their interval",
    "wald_covariance.#.#": "the Wald covariance of two coefficients, (X' W X)⁻¹",
    "hksj_covariance.#.#": "the covariance of two coefficients by Hartung, Knapp, Sidik and Jonkman, after "
    "the guard",
    "moderator_test.statistic": "the joint test of all coefficients but the intercept: F over df and df2, or "
    "chi-squared where there is no df2",
    "moderator_test.df": "how many coefficients are tested together",
    "moderator_test.df2": "the denominator's degrees of freedom of the joint test",
    "moderator_test.p": "the P value of the joint test of the moderators",
    "r2": "the share of τ² that the moderators account for, percent: 1 − τ² with them over τ² without them, "
    "not below 0",
    "loglik": "the log-likelihood at the estimates, with every constant",
    "information.loglik": "the log-likelihood at the estimates",
    "information.parameters": "how many parameters the model has: coefficients and variance components",
    "information.n": "how many observations AICc counts",
    "information.aic": "AIC: −2 log-likelihood + 2 parameters",
    "information.bic": "BIC: −2 log-likelihood + parameters × log n",
    "information.aicc": "AICc: AIC with the correction for few observations",
    "weights.#": "the weight of a study used, percent",
    "components.#.value": "a variance component, or the correlation ρ of a beta-binomial",
    "components.#.low": "the lower end of the interval of a variance component",
    "components.#.high": "the upper end of the interval of a variance component",
    "components.#.levels": "how many groups the component varies over",
    "components.#.i2": "the share of the component in all variation, percent",
    "posterior.mean": "the mean of the posterior of μ",
    "posterior.sd": "the standard deviation of the posterior of μ",
    "posterior.tau": "the median of the posterior of τ",
    "posterior.tau_low": "the lower end of the equal-tailed interval of τ",
    "posterior.tau_high": "the upper end of the equal-tailed interval of τ",
    "posterior.log_marginal": "the log of the marginal likelihood under density 1 of μ",
    "posterior.null": "the value of no difference on the analysis scale",
    "posterior.tail_mu": "the posterior probability that μ lies above the null value",
    "posterior.tail_new": "the posterior probability that the effect in a new study lies above the null "
    "value",
    "posterior.beyond.threshold": "the declared threshold, on the natural scale",
    "posterior.beyond.mu": "the posterior probability that the pooled value lies above the threshold",
    "posterior.beyond.new": "the posterior probability that the value in a new study lies above the "
    "threshold",
    "posterior.prior_parameters.#": "a parameter of the prior of τ",
    "moderators.factors.#.low": "the smallest value of a moderator among the studies used",
    "moderators.factors.#.high": "the largest value of a moderator among the studies used",
}

#: What a number of one study is, by its place below it.
STUDY: dict[str, str] = {
    "value": "the study's own value on the natural scale, from its cells as they stand in the sheet",
    "low": "the lower end of the study's own interval: Clopper-Pearson for proportions, Poisson for rates, "
    "exact from its counts; Wald elsewhere",
    "high": "the upper end of the study's own interval: Clopper-Pearson for proportions, Poisson for rates, "
    "exact from its counts; Wald elsewhere",
    "weight": "the weight of the study in the pooled value, percent",
    "y": "the effect size of the study on the analysis scale, after any continuity correction",
    "v": "the sampling variance of the study's effect size, in squared units of the analysis scale",
}

#: Which number of a fit a column of refits, or a key of an alternative, is.
SAME_AS: dict[str, str] = {
    "estimate": "estimate.value",
    "se": "estimate.se",
    "low": "estimate.low",
    "high": "estimate.high",
    "p": "estimate.p",
    "tau2": "tau2.value",
    "i2": "heterogeneity.i2",
    "k": "k",
    "natural": "natural.value",
    "natural_low": "natural.low",
    "natural_high": "natural.high",
    "prediction_low": "prediction.low",
    "prediction_high": "prediction.high",
    "natural_prediction_low": "natural.prediction_low",
    "natural_prediction_high": "natural.prediction_high",
    "coefficients": "coefficients.value.#",
}

#: What a number beside the fits of an analysis is, by its place below the analysis.
ANALYSIS: tuple[tuple[str, str], ...] = (
    (r"(alternatives\.rows\.#\.)?unit\.factor", "the factor from the natural scale to the unit of display, "
     "declared in the protocol"),
    (r"(alternatives\.rows\.#\.)?effects(\..*)?", "how effect sizes are made: the formula of the sampling "
     "variance, and what is added to zero cells"),
    (r"selection\.rows_in_sheet", "how many rows the sheet has"),
    (r"selection\.filters\.#\.removed", "how many rows a filter of the protocol took away"),
    (r"selection\.filters\.#\.left", "how many rows were left after a filter of the protocol"),
    (r"selection\.spread\.rows", "how many rows were joined, those of one study into one"),
    (r"selection\.spread\.studies", "how many studies the joined rows became"),
    (r"selection\.used", "the rows that the analysis chose, after filters and overlap"),
    (r"selection\.overlap\.set_aside", "the rows set aside because they share people with a row that is "
     "kept"),
    (r"selection(\..*)?", "the choice of rows of the analysis"),
    (r"cells\.rows\.#\.line", "the line of a row in its sheet, the header being line 1"),
    (r"cells\.rows\.#\..*|cells\.rows\.#", "a row of the sheet that the analysis read, with its cells as "
     "they stand"),
    (r"covariates\..*", "a cell of the sheet, as a subgroup, a moderator or the order of studies reads it"),
    (r"alternatives", "other choices that the protocol declares, each set beside the main estimate"),
    (r"alternatives\.rows", "the declared alternatives of the analysis"),
    (r"alternatives\.most", "the place of the alternative that moves the estimate most"),
    (r"alternatives\.rows\.#\.shift", "how far the alternative moves the pooled value: its own less the main "
     "one in natural units, for ratios the factor between them"),
    (r"targets\.#\..*|targets\.#", "a published value set beside the estimate; it enters no computation"),
    (r"threshold\.value|threshold", "a threshold declared in the protocol, in the unit of display"),
    (r"share\.value|share", "the expected share of settings whose true value lies beyond the threshold, "
     "1 − Φ((threshold − μ) / τ) on the analysis scale (Mathur and VanderWeele 2019, Statistics in "
     "Medicine 38, 1336-1342)"),
    (r"share\.(low|high)", "an end of the bootstrap interval of the expected share"),
    (r"share\.threshold", "the threshold of the expected share, on the natural scale"),
    (r"share\.(samples|seed|level)", "a choice of the bootstrap of the expected share: samples, seed, level"),
    (r"small_study\.k", "how many studies the check for small-study effects would use"),
    (r"subgroups\.#\.result\.test\.statistic|subgroups\.#\.result\.test", "the test between subgroups: "
     "Q = Σ (μ_g − μ̄)² / se_g², each group with its own τ² (chi-squared), or a joint test of the groups "
     "under one τ² (Borenstein and Higgins 2013, Prevention Science 14, 134-143)"),
    (r"subgroups\.#\.result\.test\.(df|df2)", "degrees of freedom of the test between subgroups"),
    (r"subgroups\.#\.result\.test\.p", "the P value of the test between subgroups"),
    (r"regressions\.#\.curve\..*", "a point of the regression curve: the mean at a value of the moderator, "
     "x β, with its interval, √(x' V x) its standard error, and the prediction interval (Knapp and Hartung "
     "2003, Statistics in Medicine 22, 2693-2710)"),
    (r"(regressions\.#\.)?permutation_test(\..*)?", "a permutation test of the moderators: the share of "
     "orders of the studies whose statistic is at least as large (Higgins and Thompson 2004, Statistics in "
     "Medicine 23, 1663-1682)"),
    (r"study_table\..*|descriptors\..*|characteristics\..*", "a cell of the sheet, shown beside the study"),
    (r"risk_of_bias\.(assessed|not_assessed)", "of the studies used, how many have a judgement of risk of "
     "bias, or none"),
    (r"risk_of_bias\.(high|shares\.domains\.#\.levels\.#)\.percent", "the share of studies with this "
     "judgement, percent: their weights over all weights; under a model without weights their people (or "
     "person-time) over all people"),
    (r"risk_of_bias\.shares\.domains\.#\.levels\.#\.studies", "how many studies have this judgement"),
    (r"risk_of_bias\.shares\.k", "how many studies the shares by risk of bias are of"),
    (r"risk_of_bias(\..*)?", "judgements of risk of bias, made by people and read from their sheet"),
    (r"grade\.absolute\.#\.effect\.baseline", "events per 1,000 without the treatment, declared in the "
     "protocol with its source"),
    (r"grade\.absolute\.#\.effect\.difference(_low|_high)?", "events per 1,000 with the treatment less "
     "those without"),
    (r"grade\.absolute\.#\.effect\..*", "events per 1,000 with the treatment: RR p, or OR p / (1 − p + "
     "OR p), p the declared baseline, taken as known (Cochrane Handbook, chapters 14 and 15)"),
    (r"grade\.inputs\.width", "the upper end of the prediction interval less the lower, natural scale; for "
     "ratios the upper over the lower"),
    (r"grade\.inputs\.(left_out_low|left_out_high)", "the smallest or largest pooled value with one study "
     "left out, natural scale"),
    (r"grade\.inputs\.high_risk", "the share of studies at high risk of bias, percent of weight (people "
     "where the model has no weights)"),
    (r"grade\.inputs\.people", "the people of the studies used, both arms together"),
    (r"grade\.(domains|upgrades)\.#\.steps", "by how many levels a judgement, made by people, moves the "
     "certainty of the evidence"),
    (r"grade(\..*)?", "the certainty of the evidence, as people judged it, or a number beside it"),
    (r"crosscheck\.#\.largest", "the largest relative difference between numbers of ours and those of "
     "another engine, over the numbers compared"),
    (r"crosscheck\.#\.tolerance", "how large that difference may be"),
    (r"crosscheck\.#\.quantities", "how many numbers were compared with another engine"),
    (r"crosscheck(\..*)?", "what another engine says of the fits of this analysis"),
)

#: What a number outside the analyses is, by its whole place.
ELSEWHERE: tuple[tuple[str, str], ...] = (
    (r"excluded(\..*)?", "studies read in full and excluded, declared with their reasons"),
    (r"problems", "what the check of sheets and protocol found suspicious and let stand"),
    (r"problems\.#(\..*)?", "something that the check of sheets and protocol found suspicious and let stand"),
    (r"provenance\.sheets\.#\.rows", "how many rows the sheet has"),
    (r"provenance\.profiles\.#\.options\..*", "an option of a method profile, with its source below"),
    (r"provenance(\..*)?", "what the run was made of: files with their hashes, versions, profiles"),
    (r"crosscheck(\.#)?\.fits", "how many fits another engine made again"),
    (r"crosscheck(\.#)?\.quantities", "how many numbers were compared with another engine"),
    (r"crosscheck(\..*)?", "what another engine says of one analysis, over all its fits"),
    (r"history\..*", "what the analysis found in a version of the review; the number stands at its own "
     "address in the results.json of that release"),
    (r"changes\.counts\..*", "how many of what differs between this version and the release before"),
    (r"changes(\..*)?", "what changed since the release before: both sides are numbers of the results.json "
     "of their versions"),
    (r"review(\..*)?", "what the protocol says of the review"),
)


def match_words(table: tuple[tuple[str, str], ...], pattern: str) -> str | None:
    """Return the words of the first entry whose expression is the whole pattern."""
    return next((words for expression, words in table if re.fullmatch(expression, pattern)), None)
