"""Priors of tau, as densities per unit of log tau: a change of units leaves them as they are.

``half_normal`` (scale), ``half_cauchy`` (scale), ``uniform`` (upper end, or none: flat on all tau > 0 and
improper), ``log_normal`` (mean and standard deviation of log tau2, as Turner et al. 2015 give them).

References
----------
Gelman (2006), Bayesian Analysis 1, 515-534 (half-Cauchy, uniform); Roever et al. (2021), Research Synthesis
Methods 12, 448-474 (half-normal); Turner et al. (2015), Statistics in Medicine 34, 984-998 (log-normal).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta.errors import ModelError

Floats = NDArray[np.float64]

#: How many standard deviations of log tau2 on either side of its mean hold all but 1e-17 of a log-normal.
LOG_NORMAL_REACH = 8.6

_NAMES = ("half_normal", "half_cauchy", "uniform", "log_normal")


@dataclass(frozen=True, slots=True)
class Prior:
    """A prior of tau in the units of the data; see the module for what the parameters mean.

    Raises
    ------
    ModelError
        If the name or the number of parameters is unknown.
    """

    name: str
    parameters: tuple[float, ...]

    def __post_init__(self) -> None:
        counts = {"half_normal": (1,), "half_cauchy": (1,), "uniform": (0, 1), "log_normal": (2,)}
        if self.name not in _NAMES or len(self.parameters) not in counts[self.name]:
            raise ModelError(f"no prior {self.name!r} with parameters {self.parameters!r}")
        # ldexp of a whole number is a half-precision one
        object.__setattr__(self, "parameters", tuple(float(value) for value in self.parameters))

    @property
    def upper(self) -> float | None:
        """The largest tau of a bounded prior."""
        return self.parameters[0] if self.name == "uniform" and self.parameters else None

    @property
    def proper(self) -> bool:
        """Whether the density integrates to 1."""
        return self.name != "uniform" or bool(self.parameters)

    @property
    def tail(self) -> float:
        """Power a with which the density falls for large tau: like tau^-a; infinite if faster than any."""
        return {"half_cauchy": 2.0, "uniform": 0.0}.get(self.name, np.inf) if self.upper is None else np.inf

    def log_density(self, log_tau: Floats, exponent: NDArray[np.int64]) -> Floats:
        """Return the log of the density per unit of log tau; tau in units of ``2**exponent``, any shape."""
        if self.name == "log_normal":
            mean, sd = self.parameters
            z = (2.0 * (log_tau + exponent * np.log(2.0)) - mean) / sd
            return np.asarray(np.log(2.0 / (sd * np.sqrt(2.0 * np.pi))) - 0.5 * z * z)
        if not self.parameters:
            return np.asarray(log_tau + exponent * np.log(2.0))
        log_ratio = log_tau - np.log(np.ldexp(self.parameters[0], -exponent))
        if self.name == "uniform":
            return np.where(log_ratio <= 0.0, log_ratio, -np.inf)
        square = np.exp(np.minimum(2.0 * log_ratio, 700.0))
        if self.name == "half_normal":
            return np.asarray(0.5 * np.log(2.0 / np.pi) + log_ratio - 0.5 * square)
        return np.asarray(np.log(2.0 / np.pi) + log_ratio - np.logaddexp(0.0, 2.0 * log_ratio))

    def log_ratio(self, log_tau: Floats, anchor: Floats, step: Floats, exponent: NDArray[np.int64]) -> Floats:
        """Return the log of the density less that at ``anchor``; ``step`` is log tau less it, told exactly.

        Far out a half-normal and a narrow log-normal fall so steeply that the difference of their logs would
        have lost every digit.
        """
        if self.name == "half_normal":
            ratio = np.exp(anchor - np.log(np.ldexp(self.parameters[0], -exponent)))
            return np.asarray(step - 0.5 * ratio * ratio * np.expm1(2.0 * step))
        if self.name == "log_normal":
            mean, sd = self.parameters
            from_middle = (log_tau + anchor + 2.0 * exponent * np.log(2.0) - mean) / sd
            return np.asarray(-2.0 * step / sd * from_middle)
        return self.log_density(log_tau, exponent) - self.log_density(anchor, exponent)

    def reach(self, exponent: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return logs between which tau (in units of ``2**exponent``) is at home before any data."""
        if self.name == "log_normal":
            mean, sd = self.parameters
            centre = 0.5 * mean - exponent * np.log(2.0)
            return centre - 0.5 * LOG_NORMAL_REACH * sd, centre + 0.5 * LOG_NORMAL_REACH * sd
        if not self.parameters:
            return np.full(exponent.shape, np.inf), np.full(exponent.shape, -np.inf)
        scale = np.log(np.ldexp(self.parameters[0], -exponent))
        return scale, scale
