"""Option values as Literals, and ``ModelSpec``: every choice behind a fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from numbers import Real
from typing import Any, Literal, get_args

from meta.errors import OptionError

Model = Literal[
    "random",
    "common",
    "uwls",
    "ivhet",
    "mantel_haenszel",
    "binomial_normal",
    "poisson_normal",
    "beta_binomial",
    "unconditional_fixed",
    "unconditional_random",
    "conditional_exact",
    "conditional_approximate",
    "bayes",
    "three_level",
    "correlated_effects",
]
CiGuard = Literal["none", "se", "ci", "iqwig6"]
Status = Literal[
    "ok",
    "boundary",
    "several_maxima",
    "single_study",
    "one_sided",
    "not_converged",
    "not_estimable",
    "not_pooled",
]

#: Layouts of the forest plot: the house's, and those of journals and programs.
ForestPreset = Literal["proportion", "rate", "revman", "jama", "bmj", "metafor", "compact"]
#: How the report writes P values and intervals: the house's way, and those of journals.
ReportStyle = Literal["house", "jama", "bmj", "lancet", "nejm", "apa"]
#: Scale of the axis of a forest plot; unless given that of the measure, logarithmic for ratios.
AxisScale = Literal["natural", "log", "logit"]
#: Orders of the studies of a forest plot that every analysis knows, beside those of its columns.
STUDY_ORDERS = ("label", "estimate", "weight", "year")

#: The GLMMs of two groups: odds and rate ratios.
TWO_GROUP_GLMMS = (
    "unconditional_fixed",
    "unconditional_random",
    "conditional_exact",
    "conditional_approximate",
)

#: The models on counts; the rest are inverse-variance models on (y, v).
GLMMS = ("binomial_normal", "poisson_normal", "beta_binomial", *TWO_GROUP_GLMMS)

#: The models that know no tau2: I2 and H2 from Q, but under the beta-binomial, which has a correlation rho.
WITHOUT_TAU2 = ("common", "uwls", "mantel_haenszel", "beta_binomial")

#: The models with variance components between studies and of rows within them.
MULTILEVEL = ("three_level", "correlated_effects")

#: Cluster-robust intervals, for rows clustered in studies.
CLUSTER_ROBUST = ("CR0", "CR1", "CR1p", "CR2")

#: Correlation of the sampling errors of rows of one study where none is given (Pustejovsky & Tipton 2022).
DEFAULT_RHO = 0.6

#: Priors of tau under ``bayes``, with what their parameters are called; those of ``uniform`` may be left out
#: (then it is flat on all tau, and improper).
PRIORS: dict[str, tuple[str, ...]] = {
    "half_normal": ("scale",),
    "half_cauchy": ("scale",),
    "uniform": ("upper end",),
    "log_normal": ("mean of log tau2", "standard deviation of log tau2"),
}

#: Between which a parameter of a prior must lie, where this is not "above 0": far beyond any use of it.
_PRIOR_BOUNDS = {"mean of log tau2": (-100.0, 100.0), "standard deviation of log tau2": (0.01, 20.0)}

#: Options that only some models read, with the type of their values; None where they are not used.
FURTHER_OPTIONS: dict[str, type | tuple[type, ...]] = {
    "weights": str,
    "cluster": str,
    "rho": (int, float),
    "prior": str,
    "prior_parameters": tuple,
    "seed": int,
}

_KIND_WORDS: dict[type | tuple[type, ...], str] = {
    str: "a text",
    (int, float): "a number",
    tuple: "a list of numbers",
    int: "a whole number",
}


def interval_names(model: str) -> tuple[str, str]:
    """Return what the interval of an estimate is called under a model, short and in full."""
    return ("CrI", "credible interval") if model == "bayes" else ("CI", "confidence interval")


def check_option(name: str, value: object, allowed: object) -> None:
    """Raise ``OptionError`` naming the option, the value and every allowed value.

    ``allowed`` is a ``Literal`` or a sequence of values.
    """
    values: tuple[object, ...] = get_args(allowed)
    if not values and isinstance(allowed, Iterable):
        values = tuple(allowed)
    if value not in values:
        listed = ", ".join(repr(v) for v in values)
        raise OptionError(f"{name} must be one of {listed}; got {value!r}")


def _as_float(number: float) -> float:
    """Return a number as a float, infinite where it is too large for one."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


@dataclass(frozen=True, slots=True)
class _Choices:
    """What one model offers for each option, the default first; None means: not computed.

    ``uses`` names the options beyond these four that the model reads (``weights``, ``cluster``, ...); the
    others must stay None.
    """

    tau2_method: tuple[str | None, ...]
    ci_method: tuple[str | None, ...]
    pi_method: tuple[str | None, ...]
    tau2_ci: tuple[str | None, ...]
    uses: tuple[str, ...] = ()


#: The GLMMs: by maximum likelihood, or with tau2 held at 0 (None), a common effect.
_GLMM = _Choices(
    ("ML", None), ("profile", "Wald", "t"), ("t_k1", "t_k2", "z", None), ("PL", None), ("seed",)
)

_MODEL_CHOICES: dict[str, _Choices] = {
    "random": _Choices(
        ("REML", "DL", "HE", "HS", "HSk", "SJ", "ML", "EB", "PM", "PMM", "GENQ", "DL2", "DL_MH"),
        ("HKSJ", "Wald", "t", *CLUSTER_ROBUST),
        ("t_k1", "t_k2", "z", "hk_k1", "hk_k2", "bootstrap", None),
        ("QP", "PL", "J", "BJ", None),
        ("weights", "cluster", "seed"),
    ),
    "common": _Choices(
        (None,), ("HKSJ", "Wald", "t", *CLUSTER_ROBUST), (None,), (None,), ("weights", "cluster")
    ),
    "uwls": _Choices((None,), ("t",), (None,), (None,)),
    "ivhet": _Choices(("DL",), ("Wald",), (None,), ("QP", None)),
    "mantel_haenszel": _Choices((None,), ("Wald",), (None,), (None,)),
    "binomial_normal": _GLMM,
    "poisson_normal": _GLMM,
    "beta_binomial": _Choices((None,), ("profile", "Wald", "t"), (None,), (None,)),
    "unconditional_fixed": _GLMM,
    "unconditional_random": _GLMM,
    "conditional_exact": _GLMM,
    "conditional_approximate": _GLMM,
    "bayes": _Choices(
        ("posterior",),
        ("posterior",),
        ("posterior", None),
        ("posterior", None),
        ("prior", "prior_parameters"),
    ),
    "three_level": _Choices(
        ("REML", "ML"),
        ("CR2", "CR1", "CR1p", "CR0", "Wald", "t"),
        ("t_k1", "t_k2", "z", None),
        ("PL", None),
        ("cluster",),
    ),
    "correlated_effects": _Choices(
        ("REML", "ML"),
        ("CR2", "CR1", "CR1p", "CR0", "Wald", "t"),
        ("t_k1", "t_k2", "z", None),
        ("PL", None),
        ("cluster", "rho"),
    ),
}


def model_offers(model: str, name: str, value: object) -> bool:
    """Return whether ``model`` may take ``value`` for one of its four methods (``tau2_method``, ...)."""
    return value in getattr(_MODEL_CHOICES[model], name)


def default_method(model: str, name: str) -> str | None:
    """Return what ``model`` takes for one of its four methods where nothing is said."""
    found: tuple[str | None, ...] = getattr(_MODEL_CHOICES[model], name)
    return found[0]


def model_uses(model: str, name: str) -> bool:
    """Return whether ``model`` reads one of the further options (``weights``, ``cluster``, ...)."""
    return name in _MODEL_CHOICES[model].uses


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Every choice behind a fit, the model included; what is not given takes the model's default.

    ``ModelSpec()`` is the profile ``house@1``. After construction each field holds the resolved value, so
    that two specs are equal when they mean the same.

    Attributes
    ----------
    model : str
        ``random``, ``common``, ``uwls`` and ``ivhet`` weigh (y, v) by inverse variance. Fitted to counts:
        ``binomial_normal``, ``poisson_normal`` and ``beta_binomial`` for one group, ``unconditional_fixed``
        (UM.FS), ``unconditional_random`` (UM.RS), ``conditional_exact`` (CM.EL) and
        ``conditional_approximate`` (CM.AL) for odds and rate ratios, and ``mantel_haenszel``.
    tau2_method : str or None
        Estimator of tau2: ``REML``, ``ML``, ``DL``, ``DL2`` (two-step), ``HE``, ``HS``, ``HSk``, ``SJ``,
        ``EB``, ``PM``, ``PMM`` (median-unbiased), ``GENQ`` (needs ``weights``) or ``DL_MH`` (Q about the
        Mantel-Haenszel estimate, needs counts of two groups); ``ML`` under a GLMM (or None: held
        at 0, a common effect), None under ``common``.
    ci_method : {"HKSJ", "Wald", "t", "profile", "CR0", "CR1", "CR1p", "CR2"}
        Interval of the mean (of each coefficient, with moderators); ``profile`` only, and by default, under a
        GLMM. The CRs are cluster-robust, with Satterthwaite degrees of freedom; CR2 is the default of
        ``three_level`` and ``correlated_effects``.
    ci_guard : {"se", "ci", "iqwig6", "none"}
        ``se``: the HKSJ standard error is never smaller than the Wald one. ``ci``: the wider of the HKSJ and
        Wald intervals. ``iqwig6``: as ``se``, but only where the HKSJ interval is narrower than the
        DerSimonian-Laird Wald interval. Only where an HKSJ standard error is used.
    pi_method : {"t_k1", "t_k2", "z", "hk_k1", "hk_k2", "bootstrap"} or None
        Prediction interval: quantile (t with k - p or k - p - 1 degrees of freedom, or normal) and standard
        error; or Nagashima's bootstrap.
    tau2_ci : {"QP", "PL", "J", "BJ"} or None
        Interval of tau2: Q-profile, or profile likelihood under a GLMM.
    level : float
        Level of every interval, between 0 and 1.
    moderators : str or None
        Formula over columns of the sheet, for example ``"~ followup_years + C(design)"``; parsed, never
        evaluated.
    weights : str or None
        Column of the sheet that holds the weight of each study in the mean, or ``"equal"``; None: inverse
        variance.
    cluster : str or None
        Column of the sheet that says which rows belong together (rows of one study); for the models
        ``three_level`` and ``correlated_effects`` and the cluster-robust intervals, and needed there.
    rho : float or None
        Correlation, 0 or more and below 1, of the sampling errors of rows of one study under
        ``correlated_effects``; 0.6 unless given.
    prior, prior_parameters : str and tuple of float, or None
        Prior of tau under ``bayes``: ``half_normal`` or ``half_cauchy`` (scale), ``uniform`` (upper end;
        without one flat on all tau, and improper), ``log_normal`` (mean and standard deviation of log tau2).
        None: half-normal with scale 0.5, for measures on a log or logit scale only.
    seed : int or None
        Start of the random numbers of a bootstrap (a prediction interval, an expected share); None: a stated
        constant.

    Raises
    ------
    OptionError
        If a value is not allowed, or the chosen model does not use the option.
    """

    model: str = "random"
    tau2_method: str | None = "default"
    ci_method: str | None = "default"
    ci_guard: str = "default"
    pi_method: str | None = "default"
    tau2_ci: str | None = "default"
    level: float = 0.95
    moderators: str | None = None
    weights: str | None = None
    cluster: str | None = None
    rho: float | None = None
    prior: str | None = None
    prior_parameters: tuple[float, ...] | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        check_option("model", self.model, Model)
        choices = _MODEL_CHOICES[self.model]
        for name in ("tau2_method", "ci_method", "pi_method", "tau2_ci"):
            allowed = getattr(choices, name)
            value = getattr(self, name)
            if self.holds_tau2 and name in ("pi_method", "tau2_ci"):
                allowed = (None,)
            if value == "default":
                object.__setattr__(self, name, allowed[0])
            elif value not in allowed:
                listed = ", ".join(repr(v) for v in allowed)
                raise OptionError(f"{name} under model={self.model!r} must be one of {listed}; got {value!r}")
        self._check_tau2_ci()
        self._resolve_guard()
        if not isinstance(self.level, int | float) or not 0.0 < _as_float(self.level) < 1.0:
            raise OptionError(f"level must lie between 0 and 1 (0.95 for 95%); got {self.level!r}")
        if self.moderators is not None and not isinstance(self.moderators, str):
            raise OptionError(f"moderators must be a formula such as '~ year'; got {self.moderators!r}")
        self._check_further(choices)
        self._check_bootstrap()
        self._check_clusters()
        self._check_moderators()
        if self.model == "bayes":
            self._check_prior()
        if self.tau2_method == "GENQ" and self.weights is None:
            raise OptionError("tau2_method='GENQ' needs weights (a column of the sheet, or 'equal')")

    def _check_moderators(self) -> None:
        """Refuse moderators where the model has one pooled value and no regression."""
        if self.moderators is None:
            return
        if self.model == "mantel_haenszel":
            raise OptionError("model='mantel_haenszel' takes no moderators: it pools counts into one value")
        if self.tau2_method == "DL_MH":
            raise OptionError("tau2_method='DL_MH' takes no moderators: Q is about one pooled value")

    def _check_further(self, choices: _Choices) -> None:
        """Refuse a further option that the model does not read, or that is of the wrong kind."""
        for name, kind in FURTHER_OPTIONS.items():
            value = getattr(self, name)
            if value is None:
                continue
            if name not in choices.uses:
                raise OptionError(f"{name}={value!r} is not used under model={self.model!r}")
            if name == "prior_parameters" and isinstance(value, list | tuple):
                if not all(isinstance(x, Real) and not isinstance(x, bool) for x in value):
                    raise OptionError(f"{name} must be {_KIND_WORDS[kind]}; got {value!r}")
                object.__setattr__(self, name, tuple(_as_float(number) for number in value))
            elif isinstance(value, bool) or not isinstance(value, kind):
                raise OptionError(f"{name} must be {_KIND_WORDS[kind]}; got {value!r}")

    def _check_clusters(self) -> None:
        """Ask for clusters where they are needed, refuse them elsewhere, and give ``rho`` its default."""
        robust = self.ci_method in CLUSTER_ROBUST
        if (robust or self.model in MULTILEVEL) and self.cluster is None:
            why = f"ci_method={self.ci_method!r}" if self.model not in MULTILEVEL else f"model={self.model!r}"
            raise OptionError(f"{why} needs cluster: the column that says which rows are of one study")
        if self.cluster is not None and not robust and self.model not in MULTILEVEL:
            raise OptionError(
                f"cluster={self.cluster!r} is not used under model={self.model!r} with "
                f"ci_method={self.ci_method!r}; name a cluster-robust one ({', '.join(CLUSTER_ROBUST)})"
            )
        if robust and self.weights is not None:
            raise OptionError(f"weights={self.weights!r} have no cluster-robust interval ({self.ci_method})")
        if self.model == "correlated_effects":
            rho = DEFAULT_RHO if self.rho is None else _as_float(self.rho)
            if not 0.0 <= rho < 1.0:
                raise OptionError(f"rho must be 0 or more and below 1; got {self.rho!r}")
            object.__setattr__(self, "rho", rho)

    def _check_prior(self) -> None:
        """Refuse a prior that does not exist, parameters it does not take, and moderators."""
        if self.moderators is not None:
            raise OptionError("model='bayes' takes no moderators: it has one mean and tau")
        given = () if self.prior_parameters is None else self.prior_parameters
        if self.prior is None:
            if given:
                raise OptionError(f"prior_parameters={given!r} belong to no prior; name one with prior")
            return
        check_option("prior", self.prior, tuple(PRIORS))
        names = PRIORS[self.prior]
        named = f"prior_parameters of prior={self.prior!r}"
        if len(given) != len(names) and not (self.prior == "uniform" and not given):
            raise OptionError(f"{named} must be given: {', '.join(names)}; got {given!r}")
        for name, number in zip(names, given, strict=False):
            low, high = _PRIOR_BOUNDS.get(name, (1e-30, 1e30))
            if not low <= number <= high:
                raise OptionError(f"{named}: {name} must lie between {low:g} and {high:g}; got {number:g}")

    def _check_bootstrap(self) -> None:
        """Refuse a negative seed, and the bootstrap prediction interval of a mean it does not describe."""
        if self.seed is not None and self.seed < 0:
            raise OptionError(f"seed must be 0 or more; got {self.seed!r}")
        if self.pi_method == "bootstrap" and self.weights is not None:
            raise OptionError(
                f"pi_method='bootstrap' draws inverse-variance means; weights={self.weights!r} are not used"
            )

    def _check_tau2_ci(self) -> None:
        """Refuse a profile likelihood of tau2 where tau2 is not the maximum of a likelihood."""
        if self.tau2_ci == "PL" and self.tau2_method not in ("ML", "REML"):
            raise OptionError(
                f"tau2_ci='PL' needs tau2_method='REML' or 'ML', a likelihood; got {self.tau2_method!r}"
            )

    def _resolve_guard(self) -> None:
        """Give ``ci_guard`` its default, and refuse a guard where no HKSJ standard error is used."""
        uses_hksj = self.ci_method == "HKSJ" or (self.pi_method or "").startswith("hk_")
        if self.ci_guard == "default":
            object.__setattr__(self, "ci_guard", "se" if uses_hksj else "none")
        check_option("ci_guard", self.ci_guard, CiGuard)
        if self.ci_guard == "iqwig6" and self.model != "random":
            raise OptionError(
                f"ci_guard='iqwig6' compares with a random-effects model; model={self.model!r} has none"
            )
        if self.ci_guard != "none" and not uses_hksj:
            raise OptionError(
                f"ci_guard={self.ci_guard!r} is not used: ci_method={self.ci_method!r} and "
                f"pi_method={self.pi_method!r} take no HKSJ standard error"
            )

    @property
    def holds_tau2(self) -> bool:
        """Whether a GLMM is fitted with tau2 held at 0, as a common-effect model."""
        return self.is_glmm and self.tau2_method is None and self.model not in WITHOUT_TAU2

    @property
    def estimates_tau2(self) -> bool:
        """Whether the model has a tau2 that is not held at 0."""
        return self.model not in WITHOUT_TAU2 and not self.holds_tau2

    @property
    def is_glmm(self) -> bool:
        """Whether the model is fitted to counts rather than to (y, v)."""
        return self.model in GLMMS

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a plain dictionary, without further options that are not used."""
        plain = asdict(self)
        return {
            name: value
            for name, value in plain.items()
            if name not in FURTHER_OPTIONS or value is not None
        }


SPEC_FIELDS: tuple[str, ...] = tuple(f.name for f in fields(ModelSpec))


@dataclass(frozen=True, slots=True)
class DisplayUnit:
    """How numbers of one analysis are shown: natural value times ``factor``, followed by words.

    Attributes
    ----------
    factor : float
        100 for "per 100", 10,000 for "per 10,000", 1 for ratios and differences.
    heading : str
        Head of the estimate column, for example ``Per 100`` or ``Risk ratio``.
    axis : str
        Words under the axis, for example ``Resistant, per 100 people``.
    """

    factor: float
    heading: str
    axis: str
