"""Shrunken effects of the studies: each is drawn towards what the model says of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def shrink(
    y: Floats, v: Floats, design: Floats, coefficients: Floats, covariance: Floats, tau2: float
) -> tuple[Floats, Floats]:
    """Return the best linear unbiased prediction of each study's true effect, and its standard error.

    With s = tau2 / (tau2 + v) it is s y + (1 - s) x'b; the variance s v + (1 - s)^2 x'Cx carries the
    uncertainty of the coefficients.

    Parameters
    ----------
    y, v : array of shape (k,)
        Effect sizes and sampling variances on the analysis scale.
    design : array of shape (k, p)
        Design matrix.
    coefficients, covariance : array of shape (p,) and (p, p)
        Of the model, after its adjustment.
    tau2 : float
        Between-study variance, squared units of ``y``.

    Returns
    -------
    value, se : arrays of shape (k,)
        Analysis scale.

    References
    ----------
    Raudenbush & Bryk (1985), Journal of Educational Statistics 10, 75-98; Kackar & Harville (1981),
    Communications in Statistics A 10, 1249-1261.
    """
    own = tau2 / (tau2 + v)
    fitted = design @ coefficients
    uncertain = np.einsum("ij,jl,il->i", design, covariance, design)
    return own * y + (1.0 - own) * fitted, np.sqrt(own * v + (1.0 - own) ** 2 * uncertain)
