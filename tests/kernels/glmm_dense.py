"""An independent likelihood for the GLMM tests: a dense trapezoid over z, nothing shared with the kernel."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, logsumexp

#: Half-width of the sum in z: a normal density beyond it is below 1e-38.
REACH = 13.0


def dense_loglik(
    family: str, events: np.ndarray, size: np.ndarray, mu: np.ndarray | float, tau: float
) -> float:
    """Return the marginal log-likelihood with all constants; ``mu`` is a number or one a study."""
    e, n = np.asarray(events, dtype=float), np.asarray(size, dtype=float)
    # an eighth of the narrowest bell, and of the turn of a zero count: the trapezoid rule is exact to
    # rounding there
    narrow = 1.0 + tau * np.sqrt(np.max(np.maximum(e, 1.0)))
    points = int(np.ceil(2.0 * REACH * 8.0 * max(narrow, 1.0))) + 1
    z = np.linspace(-REACH, REACH, points)
    eta = np.reshape(mu, (-1, 1)) + tau * z
    if family == "binomial":
        logs = e[:, None] * eta - n[:, None] * np.logaddexp(0.0, eta)
        constant = gammaln(n + 1.0) - gammaln(e + 1.0) - gammaln(n - e + 1.0)
    else:
        with np.errstate(over="ignore"):
            logs = e[:, None] * (eta + np.log(n)[:, None]) - n[:, None] * np.exp(eta)
        constant = -gammaln(e + 1.0)
    logs = logs - 0.5 * z * z - 0.5 * np.log(2.0 * np.pi)
    width = 2.0 * REACH / (points - 1)
    return float(np.sum(logsumexp(logs, axis=1) + np.log(width) + constant))
