"""R's metafor: ``rma.uni`` for every fit by inverse variance, all of them in one call of Rscript."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from meta.crosscheck.calls import shorten
from meta.crosscheck.opinions import (
    METAFOR,
    METAFOR_BOUNDS,
    METAFOR_FITS,
    Opinion,
    Pair,
    Question,
    compare_pairs,
    decline,
)
from meta.crosscheck.ours import Data, cochran_q, reported, take_data, twin_places, used_places
from meta.crosscheck.regressed import (
    Regressed,
    Regressions,
    contrasts,
    refuse_regression,
    take_groups,
    take_regression,
)
from meta.effects.sizes import EffectSizes
from meta.options import TWO_GROUP_GLMMS
from meta.results import Fit, Floats, Subgroups

#: Seconds after which R is given up: a thousand fits take ten.
PATIENCE = 600

#: Estimators of tau2 that ``rma.uni`` has under our names; GENQ asks for weights, the two-step ones are ours.
METHODS = ("REML", "ML", "DL", "HE", "HS", "HSk", "SJ", "EB", "PM", "PMM")

#: metafor's tests by our interval and guard.
TESTS = {("Wald", "none"): "z", ("t", "none"): "t", ("HKSJ", "none"): "knha", ("HKSJ", "se"): "adhoc"}

#: metafor's tests that give ``predict`` our prediction interval.
PREDICTED = {"t_k1": "t", "z": "z"}

#: The script's head: options as tight as metafor takes them, and what is told of each fit. Weights by inverse
#: variance unless given; ``btt`` are rows of contrasts.
HEAD = """\
if (!requireNamespace("metafor", quietly = TRUE)) { cat("missing\\n"); quit(status = 0) }
suppressPackageStartupMessages(library(metafor))
cat("version", paste0(packageVersion("metafor"), " (R ", getRversion(), ")"), sep = "\\t"); cat("\\n")
tell <- function(id, name, x) for (i in seq_along(x))
  cat(id, name, i, sprintf("%.17g", as.numeric(x[i])), sep = "\\t", fill = 1000)
ask <- function(id, y, v, method, test, level, X = NULL, W = NULL, contrast = NULL, tau2 = NULL,
                bounds = NULL, reach = 100, predicted = NULL) {
  tight <- list(threshold = 1e-12 * min(v, 1), tol = 1e-14, maxiter = 20000, stepadj = 1)
  arguments <- list(yi = y, vi = v, method = method, test = test, level = level, control = tight)
  if (!is.null(X)) arguments <- c(arguments, list(mods = X, intercept = FALSE))
  if (!is.null(W)) arguments$weights <- W
  if (!is.null(tau2)) arguments$tau2 <- tau2
  made <- tryCatch(suppressWarnings(do.call(rma.uni, arguments)), error = function(e) e)
  if (inherits(made, "error")) {
    cat(id, "error", 1, gsub("[[:space:]]+", " ", conditionMessage(made)), sep = "\\t", fill = 10000)
    return(invisible())
  }
  tell(id, "tau2", made$tau2)
  tell(id, "value", made$b)
  tell(id, "se", made$se)
  tell(id, "low", made$ci.lb)
  tell(id, "high", made$ci.ub)
  tell(id, "q", made$QE)
  tell(id, "i2", made$I2)
  if (!is.null(contrast)) {
    moved <- contrast %*% made$b
    form <- drop(t(moved) %*% solve(contrast %*% made$vb %*% t(contrast)) %*% moved)
    tell(id, "form", form)
  }
  if (!is.null(bounds)) {
    found <- tryCatch(suppressWarnings(confint(made, type = bounds,
                      control = list(tol = 1e-13, maxiter = 20000, tau2.max = reach))),
                      error = function(e) NULL)
    if (!is.null(found)) {
      tell(id, "tau2_low", found$random["tau^2", "ci.lb"])
      tell(id, "tau2_high", found$random["tau^2", "ci.ub"])
    }
  }
  if (!is.null(predicted)) {
    arguments$test <- predicted
    new <- predict(suppressWarnings(do.call(rma.uni, arguments)))
    tell(id, "prediction_low", new$pi.lb)
    tell(id, "prediction_high", new$pi.ub)
  }
}
"""


@dataclass(frozen=True, slots=True)
class Expected:
    """A number of ours, and what R calls it: name and place (from 1)."""

    pair: str
    ours: float
    name: str
    place: int
    floor: float
    factor: float = 1.0
    bounds: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One call of ``ask`` in R, and the numbers that its answer is compared with."""

    part: str
    what: str
    arguments: Mapping[str, str]
    expected: tuple[Expected, ...]


@dataclass(slots=True)
class Answers:
    """What R said: numbers by id of a call, name and place; errors by id; or why there is nothing."""

    version: str = ""
    reason: str = ""
    numbers: dict[tuple[str, str, int], float] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


Fits = Sequence[tuple[str, EffectSizes, Fit]]


def crosscheck_with_r(asked: Mapping[str, tuple[Fits, Regressions]]) -> dict[str, tuple[Opinion, ...]]:
    """Ask metafor about the fits of all analyses, in one call of Rscript.

    Parameters
    ----------
    asked : mapping of str to (fits, regressions)
        By analysis id; both as :func:`meta.crosscheck.second.crosscheck_fits` and
        :func:`meta.crosscheck.regression_engine.crosscheck_regressions` take them.

    Returns
    -------
    dict of str to tuple of Opinion
        Fits without moderators by inverse variance with all that they report, the twins on effect sizes of
        GLMMs by REML and HKSJ, regressions with coefficients and joint test. What ``rma.uni`` cannot do is
        declined by name. Where R or metafor is missing: one opinion an analysis that says so.
    """
    made: dict[str, list[Call | Opinion]] = {
        name: [*(_call_fit(*fit) for fit in fits), *(_call_regression(*entry) for entry in regressions)]
        for name, (fits, regressions) in asked.items()
    }
    calls = {f"{name}/{i}": c for name, items in made.items() for i, c in enumerate(items)
             if isinstance(c, Call)}
    answers = _run(calls)
    if answers.reason:
        nothing = Question(METAFOR, "", "", METAFOR_FITS)
        return {name: (decline("all fits", nothing, answers.reason),) for name in asked}
    return {
        name: tuple(
            opinion
            for i, item in enumerate(items)
            for opinion in (
                _judge(f"{name}/{i}", item, answers)
                if isinstance(item, Call)
                else [decline(item.part, Question(METAFOR, answers.version, "", METAFOR_FITS), item.reason)]
            )
        )
        for name, items in made.items()
    }


def _decline(part: str, reason: str) -> Opinion:
    return decline(part, Question(METAFOR, "", "", METAFOR_FITS), reason)


def _call_fit(part: str, effects: EffectSizes, fit: Fit) -> Call | Opinion:
    """Return what R is asked of a fit without moderators, or why it is not."""
    spec = fit.spec
    if fit.k < 2:
        return _decline(part, "one study: nothing is pooled" if fit.k == 1 else "no study is used")
    if spec.cluster is not None:
        return _decline(part, "rma.uni has no clusters")
    if spec.model in TWO_GROUP_GLMMS and len(twin_places(effects, fit)) < 2:
        return _decline(part, "fewer than two trials have an event: too few effect sizes")
    if spec.is_glmm or spec.model in ("bayes", "mantel_haenszel"):
        return _twin(part, take_data(effects, fit))
    if spec.tau2_method not in (*METHODS, None):
        return _decline(part, f"rma.uni has no estimator {spec.tau2_method} as it is meant here")
    places = used_places(effects, fit)
    arguments, expected = _ask_of(fit, effects.y[places], effects.v[places])
    return Call(part, "reported numbers by rma.uni", arguments, expected)


def _twin(part: str, data: Data) -> Call:
    """Return what R is asked of the effect sizes of a model that ``rma.uni`` lacks: REML with HKSJ."""
    ours = data.ours["REML", "HKSJ"]
    arguments = _vectors(data.y, data.v, "REML", "knha", data.level)
    rows = (
        ("tau2", ours.tau2, data.typical), ("value", ours.value, data.scale), ("se", ours.se, data.scale),
        ("low", ours.low, data.scale), ("high", ours.high, data.scale),
    )
    expected = tuple(Expected(f"REML, HKSJ: {_WORDS[name]}", x, name, 1, floor) for name, x, floor in rows)
    return Call(part, "inverse-variance twin: REML with HKSJ by rma.uni", arguments, expected)


_WORDS = {
    "tau2": "tau2", "value": "estimate", "se": "standard error", "low": "lower limit", "high": "upper limit",
}


def _ask_of(fit: Fit, y: Floats, v: Floats) -> tuple[dict[str, str], tuple[Expected, ...]]:
    """Return arguments for R and what is compared, of a reported fit by inverse variance."""
    spec = fit.spec
    test = "knha" if spec.model == "uwls" else TESTS.get((spec.ci_method or "", spec.ci_guard))
    if spec.model == "common" and spec.ci_method in ("Wald", "t"):
        test = {"Wald": "z", "t": "t"}[spec.ci_method]
    arguments = _vectors(y, v, spec.tau2_method or "EE", test or "z", spec.level)
    if spec.model == "ivhet":
        arguments["W"] = _vector(1.0 / v)
    elif spec.weights is not None:
        arguments["W"] = _vector(np.array([study.weight for study in fit.studies if study.used]))
    typical = float(y.size / np.sum(1.0 / v))
    expected: list[Expected] = []
    if fit.estimate is not None:
        ours = reported(fit)
        scale = math.sqrt(1.0 / float(np.sum(1.0 / (v + ours.tau2))))
        expected = [
            Expected("reported: tau2", ours.tau2, "tau2", 1, typical),
            Expected("reported: estimate", ours.value, "value", 1, scale),
        ]
        if test is not None and not (spec.model == "uwls" and spec.ci_method == "Wald"):
            expected += [
                Expected(f"reported: {_WORDS[name]}", getattr(ours, name), name, 1, scale)
                for name in ("se", "low", "high")
            ]
    if (q := cochran_q(fit)) is not None:
        expected.append(Expected("reported: Q", q, "q", 1, 1.0))
        if fit.heterogeneity is not None and fit.heterogeneity.i2 is not None and spec.model != "ivhet":
            expected.append(Expected("reported: I2", fit.heterogeneity.i2, "i2", 1, 100.0))
    plain = spec.model == "random" and spec.weights is None
    if plain and spec.tau2_ci in ("QP", "PL") and fit.tau2 is not None and fit.tau2.high:
        arguments["bounds"] = f'"{spec.tau2_ci}"'
        # metafor looks no further than 100 unless told
        high = float(fit.tau2.high)
        arguments["reach"] = repr(max(100.0, 2.0 * high if math.isfinite(high) else 100.0))
        expected += [
            Expected(f"reported: {side} limit of tau2", float(limit), name, 1, typical, bounds=True)
            for side, limit, name in (
                ("lower", fit.tau2.low, "tau2_low"), ("upper", fit.tau2.high, "tau2_high")
            )
            if limit is not None and math.isfinite(float(limit))
        ]
    if plain and fit.prediction is not None and fit.prediction.method in PREDICTED:
        arguments["predicted"] = f'"{PREDICTED[fit.prediction.method]}"'
        expected += [
            Expected(f"reported: {side} prediction limit", limit, name, 1, typical**0.5)
            for side, limit, name in (
                ("lower", fit.prediction.low, "prediction_low"),
                ("upper", fit.prediction.high, "prediction_high"),
            )
        ]
    return arguments, tuple(expected)


def _call_regression(part: str, effects: EffectSizes, fitted: Fit | Subgroups) -> Call | Opinion:
    """Return what R is asked of a regression, or of groups that share one tau2, or why it is not."""
    refused = refuse_regression(fitted)
    if refused is not None:
        return _decline(part, refused)
    spec = fitted.fits[0].spec if isinstance(fitted, Subgroups) else fitted.spec
    if spec.is_glmm:
        return _decline(part, "rma.uni has no regression on counts")
    if spec.tau2_method not in (*METHODS, None):
        return _decline(part, f"rma.uni has no estimator {spec.tau2_method} as it is meant here")
    if isinstance(fitted, Subgroups):
        return _regress(part, take_groups(effects, fitted), groups=True)
    return _regress(part, take_regression(effects, fitted), groups=False)


def _regress(part: str, asked: Regressed, *, groups: bool) -> Call:
    """Return what R is asked of a regression."""
    spec = asked.spec
    test = "knha" if spec.model == "uwls" else TESTS[spec.ci_method or "", spec.ci_guard]
    arguments = _vectors(asked.y, asked.v, spec.tau2_method or "EE", test, spec.level)
    k, p = asked.x.shape
    arguments["X"] = f"matrix({_vector(asked.x.ravel())}, {k}, {p}, byrow = TRUE)"
    typical = float(asked.y.size / np.sum(1.0 / asked.v))
    expected = [Expected("tau2", asked.tau2, "tau2", 1, typical)]
    for j, (name, floor) in enumerate(zip(asked.names, asked.floors, strict=True)):
        rows = (("value", "coefficient"), ("se", "standard error"), ("low", "lower limit"),
                ("high", "upper limit"))
        for key, word in rows:
            x = float(getattr(asked, key)[j])
            if not math.isnan(x):
                least = 0.0 if key == "se" else float(floor)
                expected.append(Expected(f"{name}: {word}", x, key, j + 1, least))
    if asked.statistic is not None:
        lines = contrasts(asked, groups)
        arguments["contrast"] = f"matrix({_vector(lines.ravel())}, {lines.shape[0]}, {p}, byrow = TRUE)"
        factor = 1.0 if asked.df2 is None else 1.0 / len(asked.tested)
        expected.append(Expected("joint test", asked.statistic, "form", 1, 1.0, factor))
    if asked.q is not None:
        expected.append(Expected("residual Q", asked.q, "q", 1, 1.0))
    return Call(part, "regression by rma.uni", arguments, tuple(expected))


def _vectors(y: Floats, v: Floats, method: str, test: str, level: float) -> dict[str, str]:
    return {
        "y": _vector(y), "v": _vector(v), "method": f'"{method}"', "test": f'"{test}"',
        "level": repr(100.0 * level),
    }


def _vector(numbers: Floats) -> str:
    """Return numbers as R reads them back exactly."""
    return f"c({', '.join(repr(float(x)) for x in numbers)})"


def write_script(calls: Mapping[str, Call]) -> str:
    """Return the R script: numbers and fixed words only, no text of a sheet."""
    lines = [HEAD]
    for place, call in enumerate(calls.values()):
        given = ", ".join(f"{name} = {value}" for name, value in call.arguments.items())
        lines.append(f"ask({place}, {given})")
    return "\n".join(lines) + "\n"


def _run(calls: Mapping[str, Call]) -> Answers:
    """Run the script; whatever goes wrong is a reason for having no opinion, never the end of a run."""
    program = shutil.which("Rscript")
    if program is None:
        return Answers(reason="R was not asked: there is no Rscript on this machine")
    command = [program, "--no-save", "--no-restore", "--no-init-file", "-"]
    try:
        done = subprocess.run(
            command, input=write_script(calls), capture_output=True, text=True, encoding="utf-8",
            errors="replace", timeout=PATIENCE, check=False, env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Answers(reason=f"R was not asked: it stopped with {type(error).__name__}")
    if done.stdout.startswith("missing"):
        return Answers(reason="R was not asked: it has no package metafor")
    if done.returncode != 0:
        return Answers(reason=f"R was not asked: it stopped ({shorten(done.stderr) or 'no message'})")
    return read_output(done.stdout, list(calls))


def read_output(text: str, names: Sequence[str]) -> Answers:
    """Read what the script printed; ``names`` are the ids of its calls in order."""
    found = Answers()
    for line in text.splitlines():
        cells = line.split("\t")
        if cells[0] == "version" and len(cells) == 2:
            found.version = cells[1]
        elif len(cells) == 4 and cells[1] == "error":
            found.errors[names[int(cells[0])]] = shorten(cells[3])
        elif len(cells) == 4:
            found.numbers[names[int(cells[0])], cells[1], int(cells[2])] = _number(cells[3])
    return found


def _number(text: str) -> float:
    return math.nan if text == "NA" else float(text)


def _judge(name: str, call: Call, answers: Answers) -> list[Opinion]:
    """Set our numbers beside R's."""
    question = Question(METAFOR, answers.version, call.what, METAFOR_FITS)
    if name in answers.errors:
        return [decline(call.part, question, f"it stopped: {answers.errors[name]}")]
    opinions: list[Opinion] = []
    for bounds in (False, True):
        pairs = [
            Pair(e.pair, e.ours, e.factor * answers.numbers.get((name, e.name, e.place), math.nan), e.floor)
            for e in call.expected
            if e.bounds == bounds
        ]
        asked: Any = question if not bounds else Question(
            METAFOR, answers.version, "interval of tau² by rma.uni", METAFOR_BOUNDS
        )
        opinions += compare_pairs(call.part, asked, pairs) if pairs else []
    return opinions
