"""Closed-form estimators of tau2 from quadratic forms y'P_a y with weights a, in the units of the columns.

P_a = A - A X (X'AX)^-1 X'A with A = diag(a), the weights known beforehand. Its expectation is tr(P_a V) +
tau2 tr(P_a), which gives an estimate of tau2 whatever the weights.
"""

from __future__ import annotations

import numpy as np

from meta.kernels.masks import Columns, Floats, add_studies, orthonormalise, remove_fit
from meta.kernels.weighted import Moments, weigh


def dersimonian_laird(at_zero: Moments, free: Floats) -> Floats:
    """Estimate tau2 by the method of moments, cut off at 0.

    References
    ----------
    DerSimonian & Laird (1986), Controlled Clinical Trials 7, 177-188, eq. 8; with moderators Raudenbush
    (2009), eq. 16.37. With Q about another estimate (Mantel-Haenszel): Deeks & Higgins (2010), Statistical
    algorithms in Review Manager 5.
    """
    return np.asarray(np.maximum(0.0, (at_zero.q - free) / at_zero.trace_p))


def hunter_schmidt(at_zero: Moments, k: Floats, free: Floats, *, corrected: bool) -> Floats:
    """Estimate tau2 as (Q - k) / sum(1 / v), cut off at 0; ``corrected``: with Q k / (k - p) in place of Q.

    References
    ----------
    Hunter & Schmidt (1990), Methods of Meta-Analysis; with moderators Viechtbauer et al. (2015),
    Psychological Methods 20, 360-374. Corrected for small samples: Brannick et al. (2019), Organizational
    Research Methods 22, 490-514.
    """
    q = at_zero.q * (k / free) if corrected else at_zero.q
    return np.asarray(np.maximum(0.0, (q - k) / at_zero.trace_w))


def hedges_olkin(columns: Columns) -> Floats:
    """Estimate tau2 from unweighted residuals, cut off at 0: their variance less the mean sampling variance.

    With P = I - X (X'X)^-1 X' it is (y'Py - tr PV) / (k - p).

    References
    ----------
    Hedges & Olkin (1985), Statistical Methods for Meta-Analysis, ch. 9; with moderators Raudenbush (2009),
    eq. 16.34.
    """
    v = np.where(np.isinf(columns.v), 0.0, columns.v)
    if columns.basis is None:
        sampling = add_studies(v) / columns.k
    else:
        leverage = np.add.reduce(columns.basis * columns.basis, axis=0)
        sampling = add_studies(v * np.maximum(1.0 - leverage, 0.0)) / (columns.k - columns.p)
    return np.asarray(np.maximum(0.0, residual_variance(columns) - sampling))


def residual_variance(columns: Columns) -> Floats:
    """Return the variance of the effects about their unweighted fit, in the units of the columns."""
    residual = columns.y
    if columns.basis is None:
        residual = centre(columns.y, columns)
    return np.asarray(add_studies(residual * residual) / (columns.k - columns.p))


def centre(y: Floats, columns: Columns) -> Floats:
    """Return ``y`` less its plain mean over the studies used; 0 where a study is left out."""
    return np.where(np.isinf(columns.v), 0.0, y - add_studies(y) / columns.k)


def crude_variance(columns: Columns, origin: Floats) -> Floats:
    """Return the variance of the effects about their plain mean, divisor k: where ``SJ`` starts.

    ``origin`` is that of the frame: what was taken out of the effects of the columns.
    """
    y = columns.y
    if columns.basis is not None:
        for j in range(columns.p):
            y = y + columns.basis[j] * origin[j]
    about = centre(y, columns)
    return np.asarray(add_studies(about * about) / columns.k)


def sidik_jonkman(columns: Columns, origin: Floats) -> Floats:
    """Estimate tau2 in two steps from the crude variance t of the effects: t Q(t) / (k - p); 0 where t is 0.

    With moderators too the crude variance is that about the plain mean.

    References
    ----------
    Sidik & Jonkman (2005), Applied Statistics 54, 367-384; with moderators Sidik & Jonkman (2005),
    Journal of Biopharmaceutical Statistics 15, 823-838.
    """
    crude = crude_variance(columns, origin)
    q, _, _ = sum_given(columns, weigh(columns, crude))
    return np.asarray(crude * q / (columns.k - columns.p))


def generalised_q(columns: Columns, a: Floats) -> Floats:
    """Estimate tau2 from weights ``a`` (k, B) known beforehand: (y'P_a y - tr P_a V) / tr P_a, cut off at 0.

    References
    ----------
    DerSimonian & Kacker (2007), Contemporary Clinical Trials 28, 105-114; Jackson (2013), Research
    Synthesis Methods 4, 220-229.
    """
    q, sampling, trace = sum_given(columns, a)
    return np.asarray(np.maximum(0.0, (q - sampling) / trace))


def two_step(columns: Columns, first: Floats) -> Floats:
    """Estimate tau2 from weights 1 / (v + first), where ``first`` is an estimate of another kind (``DL``).

    References
    ----------
    DerSimonian & Kacker (2007), Contemporary Clinical Trials 28, 105-114 (DL2).
    """
    return generalised_q(columns, weigh(columns, first))


def sum_given(columns: Columns, a: Floats) -> tuple[Floats, Floats, Floats]:
    """Return y'P_a y, tr(P_a V) and tr(P_a) of each column; ``a`` is 0 where a study is left out."""
    left = np.isinf(columns.v)
    v = np.where(left, 0.0, columns.v)
    if columns.basis is None:
        # the first study may outweigh the others by ten decades: what they weigh together is added up apart
        rest = add_studies(a[1:])
        total = a[0] + rest
        residual = columns.y - add_studies(a * columns.y) / total
        share = (total - a) / total
        share[0] = rest / total
    else:
        q, _, _ = orthonormalise(columns.basis, a)
        residual, _ = remove_fit(columns.y, q, a)
        share = np.maximum(1.0 - a * np.add.reduce(q * q, axis=0), 0.0)
    spread = a * share
    return add_studies(a * residual * residual), add_studies(spread * v), add_studies(spread)
