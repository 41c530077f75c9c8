"""Inverse-variance fits: single, in batches, leaving one out, permuted; the same outputs on both sides."""

from __future__ import annotations

import numpy as np
from timing import Work, compare_r, fastest, find, report, skip

import meta

#: Estimate, standard error, Wald interval, test and tau2: what PyMARE gives for columns.
WALD = meta.ModelSpec(ci_method="Wald", ci_guard="none", pi_method=None, tau2_ci=None)

#: What the public function gives by default, without the interval of tau2.
HKSJ = meta.ModelSpec(tau2_ci=None)

KERNELS = ("numpy", "fast") if find("numba") is not None else ("numpy",)


def make_studies(k: int, rows: int | None = None, seed: int = 20261124) -> tuple[np.ndarray, np.ndarray]:
    """Return effects and variances, (k,) or (rows, k)."""
    rng = np.random.default_rng(seed)
    v = rng.uniform(0.02, 0.4, k if rows is None else (rows, k))
    return rng.normal(0.2, np.sqrt(v + 0.1)), v


def pymare_columns(y: np.ndarray, v: np.ndarray) -> Work | None:
    """Return REML by PyMARE for (k, B) columns, its intervals included."""
    peer = find("pymare.estimators")
    if peer is None:
        return None
    design = np.ones((y.shape[0], 1))

    def fit() -> object:
        summary = peer.VarianceBasedLikelihoodEstimator(method="REML").fit(y, v, design).summary()
        return summary.get_fe_stats(), summary.tau2

    return fit


def single_peers(y: np.ndarray, v: np.ndarray) -> list[tuple[str, Work | None]]:
    """Return every peer that fits one REML model, or None for those that are not installed."""
    pimeta, analyze, combine = (
        find(n) for n in ("pimeta.pooling", "meta_analyze", "statsmodels.stats.meta_analysis")
    )
    lists = y.tolist(), v.tolist()
    works: dict[str, Work | None] = {"PyMARE, Wald interval only": pymare_columns(y[:, None], v[:, None])}
    works["pimeta, Wald interval only"] = pimeta and (
        lambda: pimeta.pool_yv(*lists, None, "GEN", "random", "REML")
    )
    works["PyMetaAnalysis"] = analyze and (
        lambda: analyze.meta_analysis(
            effect=y, variance=v, model="random", tau2_method="REML", ci_method="hksj"
        )
    )
    works["statsmodels (PM: it has no REML)"] = combine and (
        lambda: combine.combine_effects(y, v, method_re="pm")
    )
    return list(works.items())


def compare_single(k: int) -> None:
    """One REML + HKSJ fit: through ``fit_model`` at k = 20, from arrays (``fit_many``) elsewhere."""
    y, v = make_studies(k)
    effects = meta.EffectSizes.from_arrays(y, v)
    loops = 20 if k <= 1000 else 1
    for name, peer in single_peers(y, v):
        what = f"one REML + HKSJ fit, k = {k:,}"
        if peer is None:
            skip(what, f"{name} is not installed")
        elif name.startswith("pimeta") and k > 1000:
            skip(what, "pimeta works on k by k matrices: minutes")
        else:
            if k == 20:
                times = fastest(lambda: meta.fit_model(effects, HKSJ), peer, 5, loops)
                report(f"{what}, fit_model", *times, name)
            report(f"{what}, arrays", *fastest(lambda: meta.fit_many(y, v, HKSJ), peer, 5, loops), name)
    what = f"one REML + HKSJ fit, k = {k:,}, {'fit_model' if k == 20 else 'arrays'}"
    if k > 1000:
        skip(what, "metafor works on k by k matrices: minutes")
        return
    ours = (lambda: meta.fit_model(effects, HKSJ)) if k == 20 else (lambda: meta.fit_many(y, v, HKSJ))
    # with whole steps its search does not converge on the ten studies
    call = 'rma(y, v, data = d, test = "adhoc", control = list(stepadj = 0.5))'
    compare_r(what, ours, call, as_sheet(y, v), 20 if k <= 100 else 1)


def as_sheet(y: np.ndarray, v: np.ndarray) -> str:
    """Return effects and variances as CSV."""
    return "y,v\n" + "".join(f"{a!r},{b!r}\n" for a, b in zip(y.tolist(), v.tolist(), strict=True))


def compare_batch(rows: int, k: int = 10) -> None:
    """Return many REML fits against PyMARE's columns, and against pimeta in a loop."""
    y, v = make_studies(k, rows)
    columns = pymare_columns(np.ascontiguousarray(y.T), np.ascontiguousarray(v.T))
    pimeta = find("pimeta.pooling")
    some = 200
    for kernel in KERNELS:
        what = f"{rows:,} REML fits of k = {k}, {kernel}"
        if columns is None:
            skip(what, "PyMARE is not installed")
        else:
            turns = 5 if rows <= 100_000 else 2
            ours = lambda kernel=kernel: meta.fit_many(y, v, WALD, kernel=kernel)  # noqa: E731
            report(what, *fastest(ours, columns, turns), "PyMARE, as columns")
        if pimeta is None:
            skip(what, "pimeta is not installed")
        else:
            def loop() -> object:
                for a, b in zip(y[:some].tolist(), v[:some].tolist(), strict=True):
                    pimeta.pool_yv(a, b, None, "GEN", "random", "REML")
                return None

            batch = lambda kernel=kernel: meta.fit_many(y, v, WALD, kernel=kernel)  # noqa: E731
            once, some_fits = fastest(batch, loop, 2)
            report(what, once, some_fits * rows / some, f"pimeta, loop of {some}, scaled up")


def compare_leave_one_out(k: int = 200) -> None:
    """Leave one out by REML: PyMARE gets the data sets as columns."""
    y, v = make_studies(k)
    effects = meta.EffectSizes.from_arrays(y, v)
    keep = ~np.eye(k, dtype=bool)
    columns = pymare_columns(*(np.stack([a[row] for row in keep], axis=1) for a in (y, v)))
    for kernel in KERNELS:
        what = f"leave one out of {k}, REML, {kernel}"
        if columns is None:
            skip(what, "PyMARE is not installed")
        else:
            ours = lambda kernel=kernel: meta.leave_one_out(effects, WALD, kernel=kernel)  # noqa: E731
            report(what, *fastest(ours, columns, 10), "PyMARE, as columns")
    refits = lambda: meta.leave_one_out(effects, WALD)  # noqa: E731
    compare_r(f"leave one out of {k}, REML", refits, "leave1out(rma(y, v, data = d))", as_sheet(y, v))


def compare_permutations(draws: int = 100_000, k: int = 20) -> None:
    """Permuted data sets as rows against PyMARE's columns, and the whole test by ``permute``."""
    y, v = make_studies(k)
    signs = np.random.default_rng(1).choice([-1.0, 1.0], (draws, k))
    flipped, repeated = signs * y, np.broadcast_to(v, (draws, k))
    columns = pymare_columns(np.ascontiguousarray(flipped.T), np.ascontiguousarray(repeated.T))
    what = f"{draws:,} permutations, k = {k}"
    if columns is None:
        skip(what, "PyMARE is not installed")
        return
    for kernel in KERNELS:
        ours = lambda kernel=kernel: meta.fit_many(flipped, v, WALD, kernel=kernel)  # noqa: E731
        report(f"{what}, {kernel}", *fastest(ours, columns, 2), "PyMARE, as columns")
    effects = meta.EffectSizes.from_arrays(y, v)
    test = lambda: meta.permute(effects, WALD, draws=draws)  # noqa: E731
    report(f"{what}, permute", *fastest(test, columns, 2), "PyMARE, as columns")
