"""One door to every model: effects + spec -> ``Fit``, or for many analyses at once -> ``Refits``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meta.effects.measures import find_measure, measure_warning
from meta.effects.sizes import EffectSizes
from meta.errors import ModelError
from meta.kernels.batch_fit import fit_batch
from meta.kernels.fast import check_kernel, choose_kernel
from meta.kernels.priors import Prior
from meta.models.assemble import assemble_fit, assemble_refits, empty_fit
from meta.models.bayes import describe_rows, find_prior, infer_bayes
from meta.models.clusters import cluster_codes
from meta.models.count_pooling import fit_counts, known_counts, pool_counts
from meta.models.design import Design, build_design, design_notes
from meta.models.glmm import infer_glmm
from meta.models.glmm_pairs import fit_pairs, known_pairs
from meta.models.multilevel import infer_multilevel, make_robust
from meta.models.normal import infer_normal
from meta.models.rows import FittedRows
from meta.models.weights import given_weights, inverse_variances
from meta.options import MULTILEVEL, TWO_GROUP_GLMMS, ModelSpec
from meta.results import Fit, Floats, Numbered, Refits

Mask = NDArray[np.bool_]

#: What each GLMM of one group is fitted to: the measure whose scale is that of its linear predictor, and two
#: count columns.
GLMM_DATA = {
    "binomial_normal": ("PLO", "events", "n"),
    "poisson_normal": ("IRLN", "events", "time"),
    "beta_binomial": ("PLO", "events", "n"),
}


def fit_model(effects: EffectSizes, spec: ModelSpec | None = None) -> Fit:
    """Fit one model to one set of studies.

    Parameters
    ----------
    effects : EffectSizes
        The studies.
    spec : ModelSpec, optional
        Every choice; ``ModelSpec()`` (the profile ``house@1``) where none is given.

    Returns
    -------
    Fit
        A model that cannot be fitted is a status (``not_estimable``, ``one_sided``, ...), not an error.

    Raises
    ------
    ModelError
        If there are no studies at all, or the model does not suit the measure.
    """
    chosen = spec if spec is not None else ModelSpec()
    if effects.k == 0 and not effects.excluded:
        raise ModelError("no studies: an analysis needs at least one row")
    if effects.k == 0:
        return empty_fit(effects, chosen)
    design = design_for(effects, chosen)
    mask = np.ones((1, effects.k), dtype=bool)
    rows = fit_rows(effects, chosen, mask, design)
    used = usable_studies(effects, chosen, design)
    null = None
    if not design.intercept_only:
        plain = replace(chosen, moderators=None, tau2_ci=None)
        null = fit_rows(effects, plain, used[None, :], build_design(None, effects.columns, effects.k))
    notes = [warning] if (warning := measure_warning(effects.measure)) else []
    notes += design_notes(design, used)
    notes += [text for text, here in zip(effects.warnings, used, strict=True) if here and text is not None]
    return assemble_fit(effects, chosen, design, rows, 0, used, notes=notes, null=null)


def fit_rows(effects: EffectSizes, spec: ModelSpec, mask: Mask, design: Design) -> FittedRows:
    """Fit the analysis of each row of ``mask``, shape (B, k), under the model of ``spec``."""
    usable = usable_studies(effects, spec, design)
    masks = np.ascontiguousarray(mask & usable)
    matrix = np.where(usable[:, None], design.matrix, 0.0)
    return _WAYS.get(spec.model, _INVERSE_VARIANCE).fit(effects, spec, masks, matrix, design.intercept_only)


def design_for(effects: EffectSizes, spec: ModelSpec) -> Design:
    """Return the design of the moderators of ``spec``; its levels and knots are those of the studies used."""
    known = None if spec.moderators is None else _known_studies(effects, spec)
    return build_design(spec.moderators, effects.columns, effects.k, known=known)


def usable_studies(effects: EffectSizes, spec: ModelSpec, design: Design) -> Mask:
    """Return which studies the model of ``spec`` can use, shape (k,)."""
    return np.asarray(_known_studies(effects, spec) & design.present, dtype=bool)


def _known_studies(effects: EffectSizes, spec: ModelSpec) -> Mask:
    """Return which studies hold what the model of ``spec`` is fitted to, moderators apart, shape (k,)."""
    return _WAYS.get(spec.model, _INVERSE_VARIANCE).known(effects, spec)


def _known_effects(effects: EffectSizes, spec: ModelSpec) -> Mask:
    """Return which studies have an effect size and its variance, and name their cluster where it counts."""
    # an effect size without sampling variance (no event and nothing added) has a reason, and no weight
    without = np.array([reason is None for reason in effects.reasons], dtype=bool)
    known = np.asarray(np.isfinite(effects.y) & np.isfinite(effects.v) & without, dtype=bool)
    return known if spec.cluster is None else known & (cluster_codes(effects, spec) >= 0)


def _fit_effects(
    effects: EffectSizes, spec: ModelSpec, masks: Mask, matrix: Floats, intercept_only: bool
) -> FittedRows:
    if spec.cluster is not None:
        return _fit_clustered(effects, spec, masks, matrix, intercept_only)
    weights = given_weights(effects, spec, np.logical_or.reduce(masks, axis=0))
    centre = None
    if spec.tau2_method == "DL_MH":
        if not intercept_only:
            raise ModelError("tau2_method='DL_MH' takes no moderators")
        centre = pool_counts(effects, masks).value
    return _fit_normal(effects.y, effects.v, masks, matrix, spec, intercept_only, weights, centre)


def _fit_clustered(
    effects: EffectSizes, spec: ModelSpec, masks: Mask, matrix: Floats, intercept_only: bool
) -> FittedRows:
    codes = cluster_codes(effects, spec)
    if spec.model in MULTILEVEL:
        _check_variances(effects.v, masks)
        return infer_multilevel(effects.y, effects.v, masks, matrix, codes, spec, intercept_only)
    # weighted as if rows were independent; only the interval knows better
    rows = _fit_effects(effects, replace(spec, ci_method="Wald", cluster=None), masks, matrix, intercept_only)
    parts = np.zeros_like(rows.tau2), rows.tau2
    return make_robust(rows, effects.y, effects.v, masks, matrix, codes, spec, intercept_only, parts)


def _fit_posterior(
    effects: EffectSizes, spec: ModelSpec, masks: Mask, _matrix: Floats, intercept_only: bool
) -> FittedRows:
    """Integrate the posterior; what only a single analysis shows is left out where tau2 has no interval."""
    if not intercept_only:
        raise ModelError("model='bayes' has one mean and one tau: no moderators, no tau2 shared by subgroups")
    prior = find_prior(spec, effects.measure)
    rows = _integrate(effects.y, effects.v, masks, spec, prior)
    if spec.tau2_ci is None:
        return rows
    return replace(rows, posteriors=describe_rows(effects, spec, masks, rows, prior))


def _integrate(y: Floats, v: Floats, mask: Mask, spec: ModelSpec, prior: Prior) -> FittedRows:
    """Run the kernels of the Bayesian model: the posterior, and Q and the typical variance beside it."""
    _check_variances(v, mask)
    batch = fit_batch(y, v, mask, np.ones((mask.shape[1], 1)), tau2_method=None)
    return infer_bayes(batch, y, v, mask, spec, prior)


def _known_group(effects: EffectSizes, spec: ModelSpec) -> Mask:
    """Return which studies have the counts of their one group."""
    events, size = _glmm_counts(effects, spec)
    return np.asarray(np.isfinite(events) & np.isfinite(size) & (size > 0), dtype=bool)


def _fit_group(
    effects: EffectSizes, spec: ModelSpec, masks: Mask, matrix: Floats, intercept_only: bool
) -> FittedRows:
    events, size = _glmm_counts(effects, spec)
    known = _known_group(effects, spec)
    counts = np.where(known, events, 0.0), np.where(known, size, 1.0)
    return infer_glmm(*counts, masks, matrix, spec, intercept_only)


def fit_many(
    y: ArrayLike,
    v: ArrayLike,
    spec: ModelSpec | None = None,
    *,
    mask: ArrayLike | None = None,
    measure: str = "GEN",
    kernel: str = "numpy",
) -> Refits:
    """Fit B analyses side by side from arrays: simulations, or other people's refits.

    Parameters
    ----------
    y, v : array_like of shape (k,) or (B, k)
        Effect sizes and sampling variances (> 0 where used) on the analysis scale.
    spec : ModelSpec, optional
        An inverse-variance model without moderators; ``ModelSpec()`` where none is given.
    mask : array_like of bool, shape (B, k), optional
        Which studies each analysis uses; all finite ones where none is given.
    measure : str
        Decides the back-transform of the ``natural`` arrays; ``GEN`` does not transform.
    kernel : {"numpy", "fast"}
        ``fast`` needs the extra of that name; it compiles DL, PM, REML and ML for batches of 100 rows and
        more, and leaves the rest to NumPy. ``Refits.kernel`` says which made the numbers.

    Returns
    -------
    Refits
        Labels ``1`` to ``B``.

    Raises
    ------
    ModelError
        If the model is a GLMM or has moderators, shapes do not fit, or a used variance is not positive.
    """
    chosen = spec if spec is not None else ModelSpec()
    if chosen.is_glmm or chosen.moderators is not None:
        raise ModelError(
            "fit_many takes inverse-variance models without moderators; "
            f"got {chosen.model!r}, moderators {chosen.moderators!r}"
        )
    if chosen.cluster is not None:
        raise ModelError(f"fit_many takes no clusters; got cluster={chosen.cluster!r}")
    find_measure(measure)
    check_kernel(kernel)
    ys, vs = (np.asarray(a, dtype=np.float64) for a in (y, v))
    given = np.asarray(True if mask is None else mask, dtype=bool)
    try:
        shape = np.broadcast_shapes((1, 1), ys.shape, vs.shape, given.shape)
    except ValueError as error:
        raise ModelError(
            f"y {ys.shape}, v {vs.shape} and mask {given.shape} do not broadcast to (B, k)"
        ) from error
    if len(shape) != 2:
        raise ModelError(f"y, v and mask must broadcast to (B, k); got {shape}")
    finite = np.isfinite(ys) & np.isfinite(vs) if mask is None else given
    masks = np.broadcast_to(finite, shape)
    if chosen.weights not in (None, "equal"):
        raise ModelError(f"fit_many has no columns; weights must be None or 'equal', got {chosen.weights!r}")
    if chosen.model == "bayes":
        rows = _integrate(ys, vs, masks, replace(chosen, tau2_ci=None), find_prior(chosen, measure))
        return assemble_refits(rows, "many", Numbered(shape[0]), measure, chosen, None)
    weights = np.ones(shape[1]) if chosen.weights == "equal" else None
    lean = replace(chosen, tau2_ci=None)
    ones = np.ones((shape[1], 1))
    made_by = choose_kernel(kernel, lean.tau2_method, ones, weights, shape[0])
    rows = _fit_normal(ys, vs, masks, ones, lean, True, weights, whole=False, kernel=made_by)
    return assemble_refits(rows, "many", Numbered(shape[0]), measure, chosen, None, kernel=made_by)


def refit(
    effects: EffectSizes,
    spec: ModelSpec,
    mask: Mask,
    *,
    kind: str,
    labels: tuple[str, ...],
    notes: tuple[str, ...] = (),
    kernel: str = "numpy",
) -> Refits:
    """Fit the same model to the subset of each row of ``mask`` (B, k); the interval of tau2 is left out.

    ``kernel`` is the one asked for (see ``fit_many``).
    """
    check_kernel(kernel)
    # no refit shows an interval of tau2, and under a GLMM it is the costliest number
    lean = replace(spec, tau2_ci=None)
    design = design_for(effects, spec)
    made_by = "numpy"
    if kernel == "fast" and spec.model == "random" and spec.cluster is None:
        used = given_weights(effects, spec, usable_studies(effects, spec, design))
        made_by = choose_kernel(kernel, spec.tau2_method, design.matrix, used, mask.shape[0])
    if made_by == "fast":
        masks = mask & usable_studies(effects, spec, design)
        rows = _fit_normal(
            effects.y, effects.v, masks, design.matrix, lean, True, None, whole=False, kernel=made_by
        )
    else:
        rows = fit_rows(effects, lean, mask, design)
    harmonic = effects.harmonic_n(mask & usable_studies(effects, spec, design))
    return assemble_refits(rows, kind, labels, effects.measure, spec, harmonic, notes, kernel=made_by)


def trace_tau2(
    effects: EffectSizes, spec: ModelSpec, design: Design, values: Floats, *, restricted: bool
) -> Floats:
    """Return the log-likelihood (n,) of an inverse-variance model at held values of tau2 (n,): one batch."""
    used = usable_studies(effects, spec, design)
    masks = np.repeat(used[None, :], values.size, axis=0)
    matrix = np.where(used[:, None], design.matrix, 0.0)
    _check_variances(effects.v, masks)
    method = "REML" if restricted else "ML"
    return fit_batch(effects.y, effects.v, masks, matrix, tau2_method=method, tau2=values).loglik


def fit_rearranged(
    effects: EffectSizes,
    spec: ModelSpec,
    design: Design,
    used: NDArray[np.intp],
    orders: NDArray[np.intp],
    signs: Floats | None,
    shift: float,
) -> FittedRows:
    """Fit rearrangements of the studies used: the same design, what stands at its rows changed.

    ``orders`` (B, k) says which of the ``used`` studies stands at each row of the design, with its variance
    (its counts) and weight; ``signs`` (B, k) multiplies each effect, from which ``shift`` is taken first.
    """
    if spec.model == "bayes":
        raise ModelError("a permutation test asks for a test statistic; model='bayes' has none")
    matrix = design.matrix[used]
    mask = np.ones(orders.shape, dtype=bool)
    if spec.is_glmm:
        events, size = (counts[used][orders] for counts in _glmm_counts(effects, spec))
        return infer_glmm(events, size, mask, matrix, spec, design.intercept_only)
    y, v = (effects.y[used] - shift)[orders], effects.v[used][orders]
    weights = given_weights(effects, spec, np.isin(np.arange(effects.k), used))
    shuffled = None if weights is None else weights[used][orders]
    changed = y if signs is None else y * signs
    return _fit_normal(changed, v, mask, matrix, spec, design.intercept_only, shuffled, whole=False)


def _fit_normal(
    y: Floats,
    v: Floats,
    mask: Mask,
    matrix: Floats,
    spec: ModelSpec,
    intercept_only: bool,
    weights: Floats | None,
    q_centre: Floats | None = None,
    *,
    whole: bool = True,
    kernel: str = "numpy",
) -> FittedRows:
    """Run the batch kernel and its inference; ``whole``: with what a ``Fit`` holds and ``Refits`` do not."""
    if spec.tau2_method == "DL_MH" and q_centre is None:
        raise ModelError("tau2_method='DL_MH' takes Q about the Mantel-Haenszel estimate: it needs counts")
    _check_variances(v, mask)
    if spec.model == "ivhet":
        weights = inverse_variances(v)
    batch = fit_batch(
        y, v, mask, matrix,
        tau2_method=spec.tau2_method, weights=weights, q_centre=q_centre, likelihood=whole, kernel=kernel,
    )  # fmt: skip
    rival = fit_batch(y, v, mask, matrix, tau2_method="DL") if spec.ci_guard == "iqwig6" else None
    return infer_normal(batch, y, v, mask, matrix, spec, intercept_only, weights, rival, whole)


def _check_variances(v: Floats, mask: Mask) -> None:
    """Refuse a sampling variance that is not positive where it is used."""
    if v.size and v.min() > 0.0:
        return
    bad = mask & ~(v > 0)
    if bad.any():
        row, study = (int(i) for i in np.argwhere(bad)[0])
        value = np.broadcast_to(v, mask.shape)[row, study]
        raise ModelError(
            f"sampling variances must be > 0; analysis {row + 1} uses study {study + 1} with v={value} "
            f"({int(bad.sum())} such values in all)"
        )


def _glmm_counts(effects: EffectSizes, spec: ModelSpec) -> tuple[Floats, Floats]:
    """Return events and the size (people or person-time) of each study for the GLMM of ``spec``."""
    measure, events, size = GLMM_DATA[spec.model]
    if effects.measure != measure:
        raise ModelError(
            f"model={spec.model!r} is fitted to counts of measure {measure}; got measure {effects.measure!r}"
        )
    if effects.k and not (events in effects.counts and size in effects.counts):
        raise ModelError(
            f"model={spec.model!r} needs the counts {events} and {size}; got effect sizes without counts"
        )
    empty = np.empty(0)
    return effects.counts.get(events, empty), effects.counts.get(size, empty)


@dataclass(frozen=True, slots=True)
class _Way:
    """How a kind of model reads the studies: which it can use, (k,), and the fit of each row of a mask."""

    known: Callable[[EffectSizes, ModelSpec], Mask]
    fit: Callable[[EffectSizes, ModelSpec, Mask, Floats, bool], FittedRows]


_INVERSE_VARIANCE = _Way(_known_effects, _fit_effects)
_ONE_GROUP = _Way(_known_group, _fit_group)
_TWO_GROUPS = _Way(known_pairs, fit_pairs)

#: The way of each model; those that are not here weigh (y, v) by inverse variance.
_WAYS: dict[str, _Way] = {
    "binomial_normal": _ONE_GROUP,
    "poisson_normal": _ONE_GROUP,
    "beta_binomial": _ONE_GROUP,
    **dict.fromkeys(TWO_GROUP_GLMMS, _TWO_GROUPS),
    "mantel_haenszel": _Way(known_counts, fit_counts),
    "bayes": _Way(_known_effects, _fit_posterior),
}
