"""Transforms between the natural and the analysis scale, each beside its inverse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit, logit

from meta.results import Floats


def transform(name: str, natural: Floats, size: Floats | None = None) -> Floats:
    """Transform natural values by the transform of that name.

    ``size`` (n of ``double_arcsine``, person-time of ``double_root``) is read by those two only. Values that
    do not exist on the analysis scale (a square root of a negative rate) are NaN; ends of the natural range
    go to -inf and inf where the transform does.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if name == "double_arcsine":
            assert size is not None
            return double_arcsine(natural * size, size)
        if name == "double_root":
            assert size is not None
            return double_root(natural * size, size)
        if name == "identity":
            return natural.copy()
        forward: dict[str, Callable[..., Any]] = {
            "log": np.log,
            "logit": logit,
            "arcsine": _arcsine,
            "square_root": np.sqrt,
            "fisher_z": np.arctanh,
        }
        return np.asarray(forward[name](natural), dtype=np.float64)


def inverse(name: str, scaled: Floats, size: Floats | None = None) -> Floats:
    """Transform values of the analysis scale back by the inverse of the transform of that name.

    NaN stays NaN. A value that lies beyond the image of the transform (a bound of an interval, say) goes to
    the nearer end of the natural range.
    """
    if name == "double_arcsine":
        assert size is not None
        return inverse_double_arcsine(scaled, size)
    if name == "double_root":
        assert size is not None
        return inverse_double_root(scaled, size)
    if name == "identity":
        return scaled.copy()
    backward: dict[str, Callable[..., Any]] = {
        "log": np.exp,
        "logit": expit,
        "arcsine": _inverse_arcsine,
        "square_root": _inverse_root,
        "fisher_z": np.tanh,
    }
    with np.errstate(over="ignore"):
        return np.asarray(backward[name](scaled), dtype=np.float64)


def _arcsine(p: Floats) -> Floats:
    return np.asarray(np.arcsin(np.sqrt(p)), dtype=np.float64)


def _inverse_arcsine(x: Floats) -> Floats:
    """Return sin(x)^2; an ``x`` below 0 is a proportion of 0, one above pi/2 a proportion of 1."""
    return np.asarray(np.square(np.sin(np.clip(x, 0.0, np.pi / 2.0))), dtype=np.float64)


def _inverse_root(x: Floats) -> Floats:
    """Return x^2; an ``x`` below 0 is a rate of 0."""
    return np.asarray(np.square(np.maximum(x, 0.0)), dtype=np.float64)


def double_arcsine(events: Floats, n: Floats) -> Floats:
    """Return the Freeman-Tukey double arcsine of ``events`` out of ``n``: half the sum of its arcsines.

    References
    ----------
    Freeman & Tukey (1950), Annals of Mathematical Statistics 21, 607-611.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.arcsin(np.sqrt(events / (n + 1.0)))
        second = np.arcsin(np.sqrt((events + 1.0) / (n + 1.0)))
    return np.asarray(0.5 * (first + second), dtype=np.float64)


def inverse_double_arcsine(x: Floats, n: Floats) -> Floats:
    """Return the proportion whose double arcsine in ``n`` people is ``x``.

    The double arcsine of 0 out of n is above 0, and that of n out of n below pi/2: an ``x`` beyond them (a
    bound of an interval, say) is 0 or 1.

    References
    ----------
    Miller (1978), The American Statistician 32, 138.
    """
    x, n = np.broadcast_arrays(x, n)
    lowest, highest = double_arcsine(np.zeros(n.shape), n), double_arcsine(n, n)
    inside = np.clip(x, lowest, highest)
    with np.errstate(divide="ignore", invalid="ignore"):
        sine = np.sin(2.0 * inside)
        root = np.sqrt(np.maximum(0.0, 1.0 - np.square(sine + (sine - 1.0 / sine) / n)))
    proportion = 0.5 * (1.0 - np.sign(np.cos(2.0 * inside)) * root)
    # at the two ends rounding would leave 1e-17, or the root of it
    proportion = np.where(x <= lowest, 0.0, np.where(x >= highest, 1.0, proportion))
    return np.asarray(np.where(np.isnan(x) | np.isnan(n), np.nan, proportion), dtype=np.float64)


def double_root(events: Floats, time: Floats) -> Floats:
    """Return the Freeman-Tukey root of a rate: half the sum of the roots of x/t and (x + 1)/t.

    References
    ----------
    Freeman & Tukey (1950), Annals of Mathematical Statistics 21, 607-611.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        total = np.sqrt(events / time) + np.sqrt((events + 1.0) / time)
    return np.asarray(0.5 * total, dtype=np.float64)


def inverse_double_root(x: Floats, time: Floats) -> Floats:
    """Return the rate whose Freeman-Tukey root in ``time`` is ``x``: (1/t - 4x^2)^2 / (16 x^2).

    The root of no event in t is 1 / (2 sqrt(t)): an ``x`` below that is a rate of 0. Solved from
    2x = sqrt(r) + sqrt(r + 1/t), by 2x - sqrt(r) squared.
    """
    x, time = np.broadcast_arrays(x, time)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        lowest = 0.5 / np.sqrt(time)
        inside = np.maximum(x, lowest)
        rate = np.square(inside - 0.25 / (time * inside))
        rate = np.where(x <= lowest, 0.0, rate)
        rate = np.where(np.isposinf(x), np.inf, rate)
    return np.asarray(np.where(np.isnan(x) | np.isnan(time), np.nan, rate), dtype=np.float64)
