"""Prediction intervals for the true effect of a new study; every definition in use, by name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meta.inference.intervals import two_sided_quantile, wald_interval

Floats = NDArray[np.float64]

#: Fewer studies than this give no prediction interval: tau2 rests on one degree of freedom.
FEWEST_STUDIES = 3

#: Degrees of freedom are k less this; None stands for the normal quantile.
_LESS: dict[str, int | None] = {"t_k1": 1, "t_k2": 2, "z": None, "hk_k1": 1, "hk_k2": 2}


def prediction_interval(
    value: Floats, wald_se: Floats, hksj_se: Floats, tau2: Floats, k: Floats, method: str, level: float
) -> tuple[Floats, Floats, Floats]:
    """Return value -+ quantile * sqrt(tau2 + se^2).

    Parameters
    ----------
    value, wald_se, hksj_se, tau2 : arrays of shape (B,)
        Pooled value, its two standard errors (the second after its guard), tau2.
    k : array of shape (B,)
        Studies used.
    method : {"t_k1", "t_k2", "z", "hk_k1", "hk_k2"}
        Quantile of t with k - 1 or k - 2 degrees of freedom, or normal; ``hk``: the HKSJ standard error, else
        the Wald one.
    level : float
        Level of the interval.

    Returns
    -------
    low, high, df : arrays of shape (B,)
        NaN below three studies; ``df`` is NaN under ``z``.

    References
    ----------
    Higgins, Thompson & Spiegelhalter (2009), JRSS A 172, 137-159 (k - 2); Partlett & Riley (2017), Statistics
    in Medicine 36, 301-317 (HKSJ); Veroniki et al. (2019), Research Synthesis Methods 10, 23-43 (k - 1).
    """
    less = _LESS[method]
    enough = k >= FEWEST_STUDIES
    df = np.full(k.shape, np.nan) if less is None else np.where(enough, k - less, np.nan)
    se = hksj_se if method.startswith("hk_") else wald_se
    low, high = wald_interval(value, np.sqrt(tau2 + se * se), two_sided_quantile(level, df))
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan), df
