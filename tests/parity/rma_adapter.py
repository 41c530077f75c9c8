"""Adapter of the topics made by ``rma``: a case becomes our arrays, and our numbers get metafor's names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from oracle import Tally, numbers
from rma_further import compare_natural, compare_shrunken, tau2_error
from scipy import special

from meta.inference.intervals import hksj_factor, joint_test
from meta.kernels.batch import BatchFit
from meta.kernels.batch_fit import fit_batch
from meta.kernels.status import Status
from meta.models.normal import infer_normal
from meta.models.rows import FittedRows
from meta.options import ModelSpec

#: metafor's name of a method -> (our model, our tau2_method). SJIT goes round the second step of SJ until
#: tau2 = tau2 Q(tau2) / (k - p), which is the equation of PM. So should DLIT, but it does not: see
#: ``rma_iterated``.
METHODS: dict[str, tuple[str, str | None]] = {
    "EE": ("common", None),
    "FE": ("common", None),
    "CE": ("common", None),
    "DL": ("random", "DL"),
    "HE": ("random", "HE"),
    "PM": ("random", "PM"),
    "REML": ("random", "REML"),
    "ML": ("random", "ML"),
    "HS": ("random", "HS"),
    "HSk": ("random", "HSk"),
    "SJ": ("random", "SJ"),
    "SJIT": ("random", "PM"),
    "EB": ("random", "EB"),
    "PMM": ("random", "PMM"),
    "GENQ": ("random", "GENQ"),
    "DLIT": ("random", "PM"),
}


#: metafor's name of a test -> (our ci_method, our guard).
TESTS = {"z": ("Wald", "none"), "t": ("t", "none"), "knha": ("HKSJ", "none"), "adhoc": ("HKSJ", "se")}

#: The prediction interval of ``predict()`` and of ``predict(predtype="Riley")`` under each test.
PREDICTION = {
    "z": ("z", "t_k2"),
    "t": ("t_k1", "t_k2"),
    "knha": ("hk_k1", "hk_k2"),
    "adhoc": ("hk_k1", "hk_k2"),
}

#: Golden fields that no number of this slice answers, with the reason.
LATER_FIELDS = {
    "transf": "name of a transformation",
    "predict.transf": "back-transformation, held by the tests of measures",
}


@dataclass
class Answer:
    """Our numbers on one case: the arrays that went in, the kernel's output, the finished rows."""

    y: np.ndarray
    v: np.ndarray
    mask: np.ndarray
    design: np.ndarray
    spec: ModelSpec
    test: str
    batch: BatchFit
    rows: FittedRows
    weights: np.ndarray | None

    @property
    def status(self) -> Status:
        return Status(int(self.rows.status[0]))

    @property
    def intercept_only(self) -> bool:
        return self.design.shape[1] == 1 and bool((self.design[self.mask[0]] == 1.0).all())


def design_columns(names: list[str], columns: Mapping[str, Any], k: int) -> np.ndarray:
    """Build the design matrix from R's names of its columns; NaN where a cell is missing."""
    return np.column_stack([_product_of(name, columns, k) for name in names])


def _product_of(name: str, columns: Mapping[str, Any], k: int) -> np.ndarray:
    """Return the column of one name; a colon outside brackets is an interaction."""
    out = np.ones(k)
    for part in re.split(r":(?![^(]*\))", name):
        out = out * _factor(part, columns, k)
    return out


def _factor(name: str, columns: Mapping[str, Any], k: int) -> np.ndarray:
    if name == "intrcpt":
        return np.ones(k)
    if name in columns:
        return numbers(columns[name])
    if match := re.fullmatch(r"factor\((\w+)\)(.+)", name):
        return _indicator(columns[match[1]], match[2])
    if name.startswith(("I(", "pmin(")):
        return _expression(name, columns)
    text = max((c for c in columns if name.startswith(c)), key=len)
    return _indicator(columns[text], name[len(text) :])


def _indicator(cells: list[Any], level: str) -> np.ndarray:
    return np.array([np.nan if cell is None else float(str(cell) == level) for cell in cells])


def _expression(text: str, columns: Mapping[str, Any]) -> np.ndarray:
    """Evaluate an R expression of the golden files (our own, not a user's)."""
    names = {"I": lambda a: a, "log": np.log, "pmin": np.minimum}
    for word in re.findall(r"[A-Za-z_]\w*", text):
        if word in columns:
            names[word] = numbers(columns[word])
    return np.asarray(eval(text.replace("^", "**"), {"__builtins__": {}}, names))


def make_spec(case: Mapping[str, Any], pi_method: str | None = None) -> ModelSpec:
    """Map a case's spec to ours."""
    spec = case["spec"].get("model", case["spec"])
    model, tau2_method = METHODS[spec.get("method", "REML")]
    ci_method, guard = TESTS[spec.get("test", "z")]
    level = case["spec"].get("level", 95) / 100.0
    weights = "equal" if spec.get("weighted") is False else spec.get("weights")
    if model == "common":
        return ModelSpec(model=model, ci_method=ci_method, ci_guard=guard, level=level, weights=weights)
    return ModelSpec(
        model=model,
        tau2_method=tau2_method,
        ci_method=ci_method,
        ci_guard=guard,
        pi_method=pi_method,
        level=level,
        weights=weights,
    )


def answer_case(
    case: Mapping[str, Any],
    columns: Mapping[str, Any],
    names: list[str],
    *,
    tau2: float | None = None,
    pi_method: str | None = None,
    centre: bool = False,
) -> Answer:
    """Fit a case; ``tau2`` fixes it, ``centre`` takes the plain mean out of the effects first."""
    y, v = numbers(columns["yi"]), numbers(columns["vi"])
    if centre:
        y = y - np.nanmean(y)
    design = design_columns(names, columns, y.size)
    present = ~np.isnan(y) & ~np.isnan(v) & ~np.isnan(design).any(axis=1)
    spec = make_spec(case, pi_method)
    test = case["spec"].get("model", case["spec"]).get("test", "z")
    mask = present[None, :]
    weights = None if spec.weights is None else np.ones(y.size)
    if weights is not None and spec.weights != "equal":
        weights = numbers(columns[spec.weights])
    batch = fit_batch(y, v, mask, design, tau2_method=spec.tau2_method, tau2=tau2, weights=weights)
    plain = design.shape[1] == 1 and bool((design[present] == 1.0).all())
    rows = infer_normal(batch, y, v, mask, design, spec, plain, weights)
    return Answer(y, v, mask, design, spec, test, batch, rows, weights)


def log_likelihoods(answer: Answer) -> dict[str, float]:
    """Return both log-likelihoods at the answer's tau2, under metafor's names."""
    return {
        method: float(
            fit_batch(
                answer.y,
                answer.v,
                answer.mask,
                answer.design,
                tau2_method=method,
                tau2=answer.rows.tau2,
                weights=answer.weights,
            ).loglik[0]
        )
        for method in ("ML", "REML")
    }


def score(answer: Answer, tau2: float, method: str) -> float:
    """Return the slope of the log-likelihood in tau2 over its negative part, from plain matrices."""
    used = answer.mask[0]
    x, y, v = answer.design[used], answer.y[used], answer.v[used]
    w = np.diag(1.0 / (v + tau2))
    p = w - w @ x @ np.linalg.solve(x.T @ w @ x, x.T @ w)
    trace = np.trace(p) if method == "REML" else np.trace(w)
    return float((y @ p @ p @ y - trace) / trace)


def compare_fit(
    tally: Tally, case: Mapping[str, Any], answer: Answer, *, skip: Callable[[str], bool]
) -> None:
    """Compare every field of a fitted model but those the caller accounts for (``skip``)."""
    expected, rows = case["expected"], answer.rows
    se = np.where(rows.se[0] > 0.0, rows.se[0], 1.0)
    typical = float(np.nan_to_num(rows.typical_variance[0]))
    free = float(answer.batch.k[0] - answer.batch.p)
    simple: dict[str, tuple[Any, Any]] = {
        "k": (rows.k[0], 0.0),
        "p": (answer.batch.p, 0.0),
        "beta": (rows.value[0], float(se.max())),
        "se": (rows.se[0], 0.0),
        "zval": (rows.statistic[0], 1.0),
        "pval": (rows.p_value[0], 0.0),
        "ci.lb": (rows.low[0], float(se.max())),
        "ci.ub": (rows.high[0], float(se.max())),
        "ddf": (rows.df[0], 0.0),
        "vcov": (rows.covariance[0], 1e-3 * float(np.abs(rows.covariance[0]).max())),
        "tau2": (rows.tau2[0], 1e-3 * typical),
        "I2": (rows.i2[0], 1.0),
        "H2": (rows.h2[0], 0.0),
        "QE": (rows.q[0], 1.0),
        "QEdf": (rows.q_df[0], 0.0),
        "QEp": (rows.q_p[0], 0.0),
        "weights": (None if rows.weights is None else rows.weights[0][answer.mask[0]], 0.0),
        "s2w": (_factor_of(answer, free), 0.0),
    }
    for name, (ours, scale) in simple.items():
        if name in expected and not skip(name):
            golden = numbers(expected[name])
            if name == "weights":
                golden = golden[~np.isnan(golden)]  # R keeps a place for rows without an effect size
            tally.compare(case, name, ours, golden, scale=scale)
    _compare_joint_test(tally, case, answer, skip)
    if "se.tau2" in expected and not skip("se.tau2"):
        tally.compare(case, "se.tau2", tau2_error(answer), expected["se.tau2"], scale=1e-3 * typical)
    if answer.intercept_only and "predict.transf" in expected and not skip("predict.transf"):
        compare_natural(tally, case, answer)
    if "blup" in expected and not skip("blup"):
        compare_shrunken(tally, case, answer)
    if "fit" in expected and not skip("fit"):
        ours_ll = log_likelihoods(answer)
        for method, block in expected["fit"].items():
            tally.compare(case, f"ll {method}", ours_ll[method], block["ll"], scale=1.0)
    compared = {
        *simple,
        "QM",
        "QMdf",
        "QMp",
        "se.tau2",
        "blup",
        "fit",
        "names",
        "tau2.fixed",
        "predict",
        "predict.riley",
        "predict.new",
        "predict.new.transf",
        "newmods",
        "confint",
        "R2",
    }
    if answer.intercept_only:
        compared |= {"transf", "predict.transf"}
    for name in expected:
        if name in LATER_FIELDS and name not in compared:
            tally.defer_field(name)
        elif name not in compared and not skip(name):
            tally.fail(case, f"nobody looked at the field {name}")


def _factor_of(answer: Answer, free: float) -> float:
    """Return the factor on the Wald covariance."""
    if answer.spec.ci_method != "HKSJ" or answer.status is Status.SINGLE_STUDY:
        return 1.0
    return float(hksj_factor(answer.batch.residual_q, np.array([free]), answer.spec.ci_guard)[0])


def _compare_joint_test(
    tally: Tally, case: Mapping[str, Any], answer: Answer, skip: Callable[[str], bool]
) -> None:
    """Compare QM; without moderators metafor tests the intercept, so QM is the square of its statistic."""
    expected, rows = case["expected"], answer.rows
    if "QM" not in expected or skip("QM"):
        return
    if "btt" in case["spec"]:
        chosen = [int(i) - 1 for i in case["spec"]["btt"]]
        df2 = rows.df if answer.spec.ci_method in ("t", "HKSJ") else np.full(rows.df.shape, np.nan)
        statistic, p = joint_test(rows.value[:, chosen], rows.covariance[:, chosen][:, :, chosen], df2)
        ours = (statistic[0], [len(chosen), df2[0]], p[0])
    elif answer.intercept_only:
        ours = (rows.statistic[0, 0] ** 2, [1.0, rows.df[0]], rows.p_value[0, 0])
    else:
        ours = (rows.test_statistic[0], [rows.test_df[0], rows.test_df2[0]], rows.test_p[0])
    for name, value in zip(("QM", "QMdf", "QMp"), ours, strict=True):
        if not skip(name):
            tally.compare(case, name, value, expected[name], scale=1.0 if name == "QM" else 0.0)


def compare_prediction(
    tally: Tally, case: Mapping[str, Any], columns: Mapping[str, Any], tau2: float | None
) -> None:
    """Compare the prediction intervals of a model without moderators, from three studies on."""
    expected, spec = case["expected"], case["spec"]
    methods = PREDICTION[spec.get("test", "z")]
    if "tau2" in spec:
        # where tau2 is given, metafor's Riley interval does not count it among the parameters estimated: k -
        # 1
        methods = methods[0], methods[1].replace("k2", "k1")
    for field, pi_method in zip(("predict", "predict.riley"), methods, strict=True):
        if "pi.lb" not in expected.get(field, {}):
            continue
        if METHODS[spec["method"]][0] == "common":
            tally.fail(case, f"{field}: a prediction interval under a common effect")
            continue
        if expected["k"] < 3:
            tally.excuse_field(case, field, "no prediction interval below three studies (DESIGN section 4)")
            continue
        answer = answer_case(case, columns, expected["names"], tau2=tau2, pi_method=pi_method)
        for name, ours in (("pi.lb", answer.rows.prediction_low), ("pi.ub", answer.rows.prediction_high)):
            width = float(answer.rows.prediction_high[0] - answer.rows.prediction_low[0])
            tally.compare(case, f"{field} {name}", ours[0], expected[field][name], scale=width)


def compare_interval(
    tally: Tally, case: Mapping[str, Any], answer: Answer, golden: Mapping[str, Any]
) -> None:
    """Compare the Q-profile interval of tau2, and of tau, I2 and H2, which follow from it."""
    rows = answer.rows
    typical = float(rows.typical_variance[0])
    empty = bool(rows.tau2_interval_empty[0])
    for name, bound in (("lb", float(rows.tau2_low[0])), ("ub", float(rows.tau2_high[0]))):
        ours = {
            "tau2": bound,
            "tau": bound**0.5,
            "I2": 100.0 * bound / (bound + typical),
            "H2": 1.0 + bound / typical,
        }
        scales = {"tau2": 1e-3 * typical, "tau": 1e-3 * typical**0.5, "I2": 1e-3, "H2": 1.0}
        for number, block in golden.items():
            if number in ours:
                # metafor too reports [0, 0] where no tau2 is compatible
                tally.compare(
                    case, f"confint {number} {name}", ours[number], block[name], scale=scales[number]
                )
    if "ci.null" in golden or empty:
        tally.compare(case, "confint empty", float(empty), float(golden.get("ci.null", False)))


def check_bounds(answer: Answer, level: float) -> None:
    """Substitute both bounds into Q(tau2) = quantile, by plain matrices."""
    used = answer.mask[0]
    x, y, v = answer.design[used], answer.y[used], answer.v[used]
    df = y.size - x.shape[1]
    tail = (1.0 - level) / 2.0
    for tau2, quantile in (
        (float(answer.rows.tau2_low[0]), special.chdtri(df, tail)),
        (float(answer.rows.tau2_high[0]), special.chdtri(df, 1.0 - tail)),
    ):
        w = 1.0 / (v + tau2)
        residual = y - x @ np.linalg.solve(x.T * w @ x, x.T @ (w * y))
        assert float(w @ residual**2) == pytest.approx(quantile, rel=1e-10)
