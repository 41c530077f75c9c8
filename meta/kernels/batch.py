"""``BatchFit``: what the batch kernel hands to inference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta.kernels.masks import Floats


@dataclass(frozen=True, slots=True)
class BatchFit:
    """Weighted least squares of each analysis at its tau2, on the analysis scale; NaN where it failed.

    Attributes
    ----------
    coefficients : array of shape (B, p)
    covariance : array of shape (B, p, p)
        (X'WX)^-1: the Wald covariance.
    tau2 : array of shape (B,)
        Squared units of y; 0 under a common effect.
    q : array of shape (B,)
        Cochran's Q: the weighted residual sum of squares at tau2 = 0.
    residual_q : array of shape (B,)
        The same at ``tau2``; the factor of Hartung, Knapp, Sidik and Jonkman is this over k - p.
    typical_variance : array of shape (B,)
        (k - p) / tr(P) at tau2 = 0; NaN where k = p.
    loglik : array of shape (B,)
        Restricted under REML, full otherwise.
    k : array of int, shape (B,)
        Studies used.
    p : int
        Coefficients.
    status : array of int8, shape (B,)
        ``Status`` codes.
    """

    coefficients: Floats
    covariance: Floats
    tau2: Floats
    q: Floats
    residual_q: Floats
    typical_variance: Floats
    loglik: Floats
    k: NDArray[np.int64]
    p: int
    status: NDArray[np.int8]
