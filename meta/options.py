"""Option values as Literals, and ``ModelSpec``: every choice behind a fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from meta.errors import OptionError

Model = Literal["random", "common", "binomial_normal", "poisson_normal"]
Tau2Method = Literal["DL", "HE", "PM", "REML", "ML"]
CiMethod = Literal["Wald", "t", "HKSJ", "profile"]
CiGuard = Literal["none", "se"]
PiMethod = Literal["t_k1", "t_k2", "z", "hk_k1", "hk_k2"]
Tau2Ci = Literal["QP", "PL"]
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

#: The models on counts; the rest are inverse-variance models on (y, v).
GLMMS = ("binomial_normal", "poisson_normal")


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


@dataclass(frozen=True, slots=True)
class _Choices:
    """What one model offers for each option, the default first; None means: not computed."""

    tau2_method: tuple[str | None, ...]
    ci_method: tuple[str | None, ...]
    pi_method: tuple[str | None, ...]
    tau2_ci: tuple[str | None, ...]


_MODEL_CHOICES: dict[str, _Choices] = {
    "random": _Choices(
        ("REML", "DL", "HE", "PM", "ML"),
        ("HKSJ", "Wald", "t"),
        ("t_k1", "t_k2", "z", "hk_k1", "hk_k2", None),
        ("QP", None),
    ),
    "common": _Choices((None,), ("HKSJ", "Wald", "t"), (None,), (None,)),
    "binomial_normal": _Choices(("ML",), ("profile", "Wald", "t"), ("t_k1", "t_k2", "z", None), ("PL", None)),
    "poisson_normal": _Choices(("ML",), ("profile", "Wald", "t"), ("t_k1", "t_k2", "z", None), ("PL", None)),
}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Every choice behind a fit, the model included; what is not given takes the model's default.

    ``ModelSpec()`` is the profile ``house@1``. After construction each field holds the resolved value, so
    that two specs are equal when they mean the same.

    Attributes
    ----------
    model : {"random", "common", "binomial_normal", "poisson_normal"}
        ``random`` and ``common`` weigh (y, v) by inverse variance; the other two are GLMMs on counts.
    tau2_method : {"REML", "DL", "HE", "PM", "ML"} or None
        Estimator of tau2; ``ML`` under a GLMM, None under ``common``.
    ci_method : {"HKSJ", "Wald", "t", "profile"}
        Interval of the mean (of each coefficient, with moderators); ``profile`` only, and by default, under a
        GLMM.
    ci_guard : {"se", "none"}
        ``se``: the HKSJ standard error is never smaller than the Wald one. Only where an HKSJ standard error
        is used.
    pi_method : {"t_k1", "t_k2", "z", "hk_k1", "hk_k2"} or None
        Prediction interval: quantile (t with k - p or k - p - 1 degrees of freedom, or normal) and standard
        error.
    tau2_ci : {"QP", "PL"} or None
        Interval of tau2: Q-profile, or profile likelihood under a GLMM.
    level : float
        Level of every interval, between 0 and 1.
    moderators : str or None
        Formula over columns of the sheet, for example ``"~ followup_years + C(design)"``; parsed, never
        evaluated.

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

    def __post_init__(self) -> None:
        check_option("model", self.model, Model)
        choices = _MODEL_CHOICES[self.model]
        for name in ("tau2_method", "ci_method", "pi_method", "tau2_ci"):
            allowed = getattr(choices, name)
            value = getattr(self, name)
            if value == "default":
                object.__setattr__(self, name, allowed[0])
            elif value not in allowed:
                listed = ", ".join(repr(v) for v in allowed)
                raise OptionError(f"{name} under model={self.model!r} must be one of {listed}; got {value!r}")
        self._resolve_guard()
        if not isinstance(self.level, int | float) or not 0.0 < float(self.level) < 1.0:
            raise OptionError(f"level must lie between 0 and 1 (0.95 for 95%); got {self.level!r}")
        if self.moderators is not None and not isinstance(self.moderators, str):
            raise OptionError(f"moderators must be a formula such as '~ year'; got {self.moderators!r}")

    def _resolve_guard(self) -> None:
        """Give ``ci_guard`` its default, and refuse a guard where no HKSJ standard error is used."""
        uses_hksj = self.ci_method == "HKSJ" or (self.pi_method or "").startswith("hk_")
        if self.ci_guard == "default":
            object.__setattr__(self, "ci_guard", "se" if uses_hksj else "none")
        check_option("ci_guard", self.ci_guard, CiGuard)
        if self.ci_guard != "none" and not uses_hksj:
            raise OptionError(
                f"ci_guard={self.ci_guard!r} is not used: ci_method={self.ci_method!r} and "
                f"pi_method={self.pi_method!r} take no HKSJ standard error"
            )

    @property
    def is_glmm(self) -> bool:
        """Whether the model is fitted to counts rather than to (y, v)."""
        return self.model in GLMMS

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a plain dictionary."""
        return asdict(self)


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
