"""Permutation tests: how often data without an effect, or without an association, look like these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.models.design import Design
from meta.models.fitting import design_for, fit_rearranged, usable_studies
from meta.models.formula import parse_formula
from meta.options import ModelSpec, check_option
from meta.results import Floats, to_plain
from meta.sensitivity.arrangements import (
    count_orders,
    draw_orders,
    draw_signs,
    number_orders,
    number_signs,
)

if TYPE_CHECKING:
    import pandas as pd

Quantity = Literal["statistic", "estimate"]

#: Arrangements that are all fitted where no number of draws is asked for: 2^18 flips, 9! orders.
EXACT_LIMIT = 400_000

#: Draws where all arrangements are too many: a Monte Carlo error of 0.2 percentage points at p = 0.05.
DRAWS = 10_000

#: The same under a GLMM, where a fit costs some forty times as much (3,000 a second).
GLMM_EXACT_LIMIT = 10_000
GLMM_DRAWS = 5_000

#: Numbers (draws times studies) that are held at a time.
BATCH_NUMBERS = 1_000_000

#: A statistic counts as extreme where it falls short of the observed one by no more than this share: the same
#: arrangement, summed in another order, differs by rounding.
TIE_RTOL = 1e-8

#: Models whose studies can change places (the GLMMs: with moderators only).
_MODELS = ("random", "common", "uwls", "ivhet", "binomial_normal", "poisson_normal")


@dataclass(frozen=True, slots=True)
class Permutation:
    """What a permutation test found; arrays of shape (p,), one element a coefficient.

    ``kind`` is ``signs`` (no moderators: each study's effect keeps or changes its sign) or ``order``
    (moderators: studies change places against the rows of the design). ``draws`` is how many arrangements
    were fitted, all of them where ``exact``. ``p`` is the share of arrangements that are at least as far from
    0, ``p_error`` its Monte Carlo standard error (0 where exact), ``p_above`` and ``p_below`` the one-sided
    shares. ``test_*`` belong to the joint test of the moderators, None without. ``low`` and ``high`` are the
    values that the test does not refuse (without moderators, where asked for; infinite where no value far
    away is refused). ``failed`` counts arrangements without an estimate, which count as extreme.
    """

    kind: str
    exact: bool
    draws: int
    seed: int | None
    measure: str
    spec: ModelSpec
    k: int
    names: tuple[str, ...]
    statistic: Floats
    p: Floats
    p_error: Floats
    p_above: Floats
    p_below: Floats
    test_statistic: float | None
    test_p: float | None
    test_p_error: float | None
    low: float | None
    high: float | None
    failed: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return every number as plain dictionaries and lists, NaN as None."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    def to_frame(self) -> pd.DataFrame:
        """Return one row a coefficient."""
        import pandas as pd

        return pd.DataFrame(
            {"name": self.names, "statistic": self.statistic, "p": self.p, "p_error": self.p_error}
        )


@dataclass(frozen=True, slots=True)
class _Task:
    """The studies used, their design, and how many arrangements there are."""

    effects: EffectSizes
    spec: ModelSpec
    design: Design
    used: NDArray[np.intp]
    classes: tuple[int, ...]
    all_: int
    quantity: str

    @property
    def signs(self) -> bool:
        return self.design.intercept_only


def permute(
    effects: EffectSizes,
    spec: ModelSpec | None = None,
    *,
    draws: int | None = None,
    seed: int = 1,
    quantity: Quantity = "statistic",
    interval: bool = False,
) -> Permutation:
    """Test by permutation: the pooled value without moderators, coefficients with them.

    Parameters
    ----------
    effects : EffectSizes
        The studies.
    spec : ModelSpec, optional
        The model of the analysis; every arrangement is fitted by it. Under a GLMM with ``profile`` the
        statistics are Wald's: a profile for each arrangement would cost hundreds of fits.
    draws : int, optional
        Random arrangements; all are fitted instead where there are no more than that. Where none is given,
        all up to 400,000, else 10,000 (under a GLMM all up to 10,000, else 5,000).
    seed : int
        Start of the random numbers, one stream a test.
    quantity : {"statistic", "estimate"}
        What is compared of a coefficient: estimate over standard error, or the estimate.
    interval : bool
        Also find the interval of the pooled value: all values that the same test does not refuse at
        ``spec.level`` (no moderators).

    Returns
    -------
    Permutation
        Statistics are those of the coefficients and of the joint test of the moderators. Without moderators
        every pattern of signs is as likely under a distribution symmetric about 0 (analysis
        scale); with them every order of the studies against the rows of the design, if nothing is associated
        with them. The observed arrangement counts among the draws, so that p is never 0.

    Raises
    ------
    ModelError
        If the model cannot be permuted, there is no estimate, or ``draws`` is below 1.

    References
    ----------
    Follmann & Proschan (1999), Biometrics 55, 732-737 (signs); Higgins & Thompson (2004), Statistics in
    Medicine 23, 1663-1682 (order); Phipson & Smyth (2010), Stat Appl Genet Mol Biol 9, 39 (the observed
    arrangement among the draws).
    """
    chosen = spec if spec is not None else ModelSpec()
    task = _prepare(effects, chosen, draws, quantity, interval)
    usual, most = (GLMM_DRAWS, GLMM_EXACT_LIMIT) if chosen.is_glmm else (DRAWS, EXACT_LIMIT)
    exact = task.all_ <= (most if draws is None else draws)
    n = task.all_ if exact else (usual if draws is None else draws)
    counts = _count(task, n, seed, exact=exact)
    shares, test_p = counts.shares(n, exact=exact)
    bounds = _invert(task, n, seed, exact=exact) if interval else (None, None)
    return Permutation(
        kind="signs" if task.signs else "order",
        exact=exact,
        draws=n,
        seed=None if exact else seed,
        measure=effects.measure,
        spec=chosen,
        k=int(task.used.size),
        names=task.design.names,
        statistic=counts.statistic,
        p=shares[0],
        p_error=_error(shares[0], n, exact=exact),
        p_above=shares[1],
        p_below=shares[2],
        test_statistic=None if task.signs else counts.test,
        test_p=None if task.signs else test_p,
        test_p_error=None if task.signs else float(_error(test_p, n, exact=exact)),
        low=bounds[0],
        high=bounds[1],
        failed=counts.failed,
        notes=_notes(task, counts.failed, n, exact=exact),
    )


def refuse_permutation(spec: ModelSpec) -> str | None:
    """Return why a model has no permutation test, whatever the data; None where it has one."""
    if spec.model not in _MODELS:
        return f"model={spec.model!r} has no permutation test; those that have: {', '.join(_MODELS)}"
    if spec.cluster is not None:
        return "rows of one cluster belong together: a permutation test takes a model without cluster"
    if spec.is_glmm and spec.moderators is None:
        reason = "without moderators has no permutation test: counts have no sign to change"
        return f"model={spec.model!r} {reason}"
    if spec.moderators is not None and not parse_formula(spec.moderators).intercept:
        return (
            f"moderators {spec.moderators!r}: without an intercept the order of the studies tests nothing; "
            "leave the intercept in"
        )
    return None


def _prepare(
    effects: EffectSizes, spec: ModelSpec, draws: int | None, quantity: str, interval: bool
) -> _Task:
    """Check what is asked for, and say what is to be rearranged."""
    if draws is not None and (isinstance(draws, bool) or not isinstance(draws, int) or draws < 1):
        raise ModelError(f"draws must be a whole number of at least 1; got {draws!r}")
    check_option("quantity", quantity, Quantity)
    if reason := refuse_permutation(spec):
        raise ModelError(reason)
    if interval and spec.moderators is not None:
        raise ModelError("a permutation interval takes a model without moderators")
    design = design_for(effects, spec)
    used = np.flatnonzero(usable_studies(effects, spec, design))
    lean = _statistics_only(spec)
    if design.intercept_only:
        return _Task(effects, lean, design, used, (), 2 ** int(used.size), quantity)
    _, classes = np.unique(design.matrix[used], axis=0, return_inverse=True)
    kinds = tuple(int(c) for c in classes.ravel())
    return _Task(effects, lean, design, used, kinds, count_orders(kinds), quantity)


def _statistics_only(spec: ModelSpec) -> ModelSpec:
    """Return the spec without the intervals that no arrangement shows; they cost more than its statistic."""
    ci_method = "Wald" if spec.ci_method == "profile" else spec.ci_method
    guard = spec.ci_guard if ci_method == "HKSJ" else "none"
    seed = None if spec.pi_method == "bootstrap" else spec.seed
    return replace(spec, tau2_ci=None, pi_method=None, ci_method=ci_method, ci_guard=guard, seed=seed)


def _fit(
    task: _Task, orders: NDArray[np.intp], signs: Floats | None, shift: float = 0.0
) -> tuple[Floats, Floats, Floats]:
    """Return what is compared of the coefficients (n, p), its unit (n, p), and the joint tests (n,)."""
    rows = fit_rearranged(task.effects, task.spec, task.design, task.used, orders, signs, shift)
    if task.quantity == "estimate":
        return rows.value, rows.se, rows.test_statistic
    return rows.statistic, np.ones(rows.statistic.shape), rows.test_statistic


def _observe(task: _Task, shift: float = 0.0) -> _Counts:
    """Return the studies as they are, against which arrangements will be counted."""
    k = task.used.size
    if k == 0:
        raise ModelError("no studies: a permutation test needs at least one that the model can use")
    signs = np.ones((1, k)) if task.signs else None
    statistic, unit, test = _fit(task, np.arange(k, dtype=np.intp)[None, :], signs, shift)
    if not np.isfinite(statistic).all():
        raise ModelError("the model has no estimate, so there is nothing to permute")
    return _Counts(statistic[0], unit[0], float(test[0]))


def _count(task: _Task, n: int, seed: int, *, exact: bool, shift: float = 0.0) -> _Counts:
    """Fit the arrangements and count those that are at least as extreme as the studies as they are."""
    counts = _observe(task, shift)
    for statistic, test in _statistics(task, n, seed, exact=exact, shift=shift):
        counts.add(statistic, test)
    return counts


def _statistics(
    task: _Task, n: int, seed: int, *, exact: bool, shift: float = 0.0
) -> Iterator[tuple[Floats, Floats]]:
    """Fit the arrangements batch by batch."""
    k = int(task.used.size)
    size = max(1, BATCH_NUMBERS // k)
    rng = np.random.default_rng(seed)
    for start in range(0, n, size):
        count = min(size, n - start)
        numbers = np.arange(start, start + count, dtype=np.int64)
        signs, orders = None, np.broadcast_to(np.arange(k, dtype=np.intp), (count, k))
        if task.signs:
            signs = number_signs(k, numbers) if exact else draw_signs(k, count, rng=rng)
        else:
            orders = number_orders(task.classes, numbers) if exact else draw_orders(k, count, rng=rng)
        statistic, _, test = _fit(task, orders, signs, shift)
        yield statistic, test


class _Counts:
    """How many arrangements are at least as extreme as the observed one."""

    def __init__(self, statistic: Floats, unit: Floats, test: float) -> None:
        self.statistic, self.unit, self.test = statistic, unit, test
        self.counted = np.zeros((3, statistic.size), dtype=np.int64)
        self.beyond = 0
        self.failed = 0

    def add(self, statistic: Floats, test: Floats) -> None:
        """Count a batch; an arrangement without an estimate is extreme on every side."""
        lost = np.asarray(~np.isfinite(statistic).all(axis=1))
        slack = TIE_RTOL * np.maximum(np.abs(self.statistic), self.unit)
        extreme = (
            np.abs(statistic) >= np.abs(self.statistic) - slack,
            statistic >= self.statistic - slack,
            statistic <= self.statistic + slack,
        )
        self.counted += np.stack([np.sum(lost[:, None] | which, axis=0) for which in extreme])
        far = test >= self.test - TIE_RTOL * max(abs(self.test), 1.0)
        self.beyond += int((lost | far).sum())
        self.failed += int(lost.sum())

    def shares(self, n: int, *, exact: bool) -> tuple[Floats, float]:
        """Return the shares of each coefficient (two-sided, above, below), (3, p), and of the joint test."""
        # the observed arrangement is one of all, and joins random ones
        own = 0 if exact else 1
        return (self.counted + own) / (n + own), (self.beyond + own) / (n + own)


def _error(share: Floats | float, n: int, *, exact: bool) -> Floats:
    """Return the Monte Carlo standard error of shares of ``n`` draws and the observed arrangement."""
    found = np.sqrt(np.asarray(share) * (1.0 - np.asarray(share)) / (n + 1))
    return np.asarray(0.0 * found if exact else found, dtype=np.float64)


#: The interval is narrowed until its end is known to this share of the standard error.
INTERVAL_RTOL = 1e-6

#: How often the search for a value that is refused goes twice as far.
DOUBLINGS = 30


def _invert(task: _Task, n: int, seed: int, *, exact: bool) -> tuple[float, float]:
    """Return the ends of the values that the test does not refuse; infinite where all are kept."""
    order = np.arange(task.used.size, dtype=np.intp)[None, :]
    rows = fit_rearranged(task.effects, task.spec, task.design, task.used, order, np.ones(order.shape), 0.0)
    estimate, se = float(rows.value[0, 0]), float(rows.se[0, 0])
    alpha = 1.0 - task.spec.level

    def refused(value: float) -> bool:
        shares, _ = _count(task, n, seed, exact=exact, shift=value).shares(n, exact=exact)
        # a p equal to alpha, up to rounding, refuses
        return float(shares[0, 0]) <= alpha * (1.0 + 1e-12)

    return _find_end(refused, estimate, -se), _find_end(refused, estimate, se)


def _find_end(refused: Callable[[float], bool], estimate: float, step: float) -> float:
    """Go from the estimate in one direction to where values begin to be refused."""
    inside, reach = estimate, step
    for _ in range(DOUBLINGS):
        outside = estimate + reach
        if refused(outside):
            break
        inside, reach = outside, 2.0 * reach
    else:
        return float("inf") if step > 0.0 else float("-inf")
    while abs(outside - inside) > INTERVAL_RTOL * abs(step):
        middle = 0.5 * (inside + outside)
        inside, outside = (inside, middle) if refused(middle) else (middle, outside)
    return 0.5 * (inside + outside)


def _notes(task: _Task, failed: int, n: int, *, exact: bool) -> tuple[str, ...]:
    """Say what the numbers rest on where they do not say it themselves."""
    notes = []
    smallest = (2.0 if task.signs else 1.0) / task.all_
    if smallest > 1.0 - task.spec.level:
        notes.append(
            f"with {task.used.size} studies there are {task.all_} arrangements: no p below {smallest:.3g} is "
            "possible"
        )
    if failed:
        notes.append(f"{failed} of {n} arrangements have no estimate and count as extreme")
    if not exact:
        notes.append(f"{n} of {task.all_:.3g} arrangements, drawn at random")
    return tuple(notes)
