"""A results document as the pipeline writes it, made by hand: one analysis for every kind of answer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from extraction.errors import Problem
from extraction.sheet import RowRef
from meta.options import DisplayUnit, ModelSpec
from meta.results import (
    Coefficients,
    Estimate,
    Fit,
    GroupTest,
    Heterogeneity,
    ModeratorTest,
    Natural,
    PopulationMean,
    Prediction,
    Refits,
    Study,
    Subgroups,
    Tau2,
    to_plain,
)

HOSTILE = (
    '<script>alert(1)</script> "><img src=x onerror=alert(2)> =HYPERLINK("http://evil.example") | `code` '
    "**bold** "
    "[link](javascript:alert(3)) {{ 7*7 }} \u202eright to left\u200f & &lt; # heading\n- list\n<!-- --> "
    "http://evil.example $x$ @who"
)

TRS = [
    ("Agid2011", 50, 244, 2, "2011"),
    ("Chan2021", 157, 1234, 3, "2021"),
    ("Demjaha2017", 74, 323, 4, "2017"),
    ("Downs2019", 71, 322, 5, "2019"),
    ("Doyle2017", 28, 171, 6, "2017"),
    ("Lally2016", 81, 246, 7, "2016"),
    ("Lee2024", 37, 764, 8, "2024"),
    ("Mena2018", 31, 118, 9, ""),
    ("Thien2018", 54, 368, 10, "2018"),
]


def refs(line: int) -> tuple[RowRef, ...]:
    return (RowRef("trs_incidence.csv", line, f"{line:064x}"),)


def expit(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def single(
    label: str,
    events: float,
    n: float,
    line: int,
    *,
    weight: float | None = None,
    used: bool = True,
    reason: str | None = None,
) -> Study:
    p = events / n
    half = 1.96 * math.sqrt(max(p * (1 - p), 0.002) / n)
    y = math.log((events + 0.5) / (n - events + 0.5))
    return Study(
        label,
        {"events": events, "n": n},
        p,
        max(p - half, 0.0),
        min(p + half, 1.0),
        weight,
        y,
        0.01,
        used,
        reason,
        refs(line),
    )


def fit_of(
    studies: list[Study],
    spec: ModelSpec,
    *,
    measure: str = "PLO",
    mu: float = -1.58,
    status: str = "ok",
    tau2: float = 0.283,
    natural: Natural | None = None,
    **changes: Any,
) -> Fit:
    """Return a plausible fit; ``changes`` replace its fields."""
    used = [s for s in studies if s.used]
    names = list(studies[0].counts) if studies else []
    fields: dict[str, Any] = {
        "measure": measure,
        "spec": spec,
        "k": len(used),
        "status": status,
        "estimate": Estimate(mu, 0.16, mu - 0.35, mu + 0.36, -9.9, len(used) - 1.0, 0.0004, spec.level),
        "natural": natural
        or Natural(expit(mu), expit(mu - 0.35), expit(mu + 0.36), expit(mu - 1.3), expit(mu + 1.3)),
        "population_mean": PopulationMean(0.1876, 0.1402, 0.2411) if spec.is_glmm else None,
        "tau2": Tau2(tau2, 0.11, 0.94, spec.tau2_method, spec.tau2_ci) if spec.model != "common" else None,
        "heterogeneity": Heterogeneity(
            187.32, max(len(used) - 1, 0), 1e-30, 94.27, 17.4, 0.017, 170.1, len(used) - 1, 1e-28
        )
        if spec.is_glmm
        else Heterogeneity(5.1, max(len(used) - 1, 0), 0.164, 41.3, 1.7, 0.2),
        "prediction": Prediction(mu - 1.3, mu + 1.3, len(used) - 1.0, spec.pi_method or "t_k1"),
        "coefficients": None,
        "covariance": None,
        "moderator_test": None,
        "r2": None,
        "loglik": -41.2,
        "weights": None,
        "studies": tuple(studies),
        "excluded": (),
        "totals": {name: float(sum(s.counts[name] or 0.0 for s in used)) for name in names},
        "notes": (),
    }
    return Fit(**{**fields, **changes})


def refits_of(kind: str, labels: list[str], spec: ModelSpec, notes: tuple[str, ...] = ()) -> Refits:
    b = len(labels)
    mu = np.linspace(-1.7, -1.45, b)
    nat = 1 / (1 + np.exp(-mu))
    nothing = np.full(b, np.nan)
    return Refits(
        kind,
        tuple(labels),
        "PLO",
        spec,
        mu,
        np.full(b, 0.16),
        mu - 0.3,
        mu + 0.3,
        np.full(b, 0.001),
        np.full(b, 0.25),
        np.full(b, 90.0),
        np.arange(b) + 1 if kind == "cumulative" else np.full(b, b - 1),
        nat,
        nat * 0.8,
        nat * 1.2,
        mu - 1,
        mu + 1,
        nat * 0.4 if kind != "cumulative" else nothing,
        nat * 2 if kind != "cumulative" else nothing,
        np.array(["single_study" if kind == "cumulative" and i == 0 else "ok" for i in range(b)]),
        mu[:, None],
        notes or ("",) * b,
    )


def regression_of(
    spec: ModelSpec, names: tuple[str, ...], value: list[float], studies: list[Study], **changes: Any
) -> Fit:
    beta = np.array(value)
    se = np.full(beta.size, 0.03)
    fields: dict[str, Any] = {
        "estimate": None,
        "natural": None,
        "population_mean": None,
        "prediction": None,
        "coefficients": Coefficients(
            names, beta, se, beta - 0.07, beta + 0.07, beta / se, np.full(beta.size, 0.152)
        ),
        "moderator_test": ModeratorTest(2.05, beta.size - 1, None, 0.152),
        "r2": 12.4,
    }
    made = fit_of(studies, spec)
    return Fit(**{f: {**fields, **changes}.get(f, getattr(made, f)) for f in Fit.__slots__})


def analysis_of(name: str, title: str, fit: Fit | None, **extra: Any) -> dict[str, Any]:
    studies = list(fit.studies) if fit is not None else []
    spec = fit.spec if fit is not None else ModelSpec()
    return to_plain(
        {
            "id": name,
            "title": title,
            "question": f"What does {title} ask?",
            "sheet": "trs",
            "measure": fit.measure if fit else "PLO",
            "measure_name": "proportion",
            "profile": "proportions-glmm@1" if spec.is_glmm else "house@1",
            "unit": DisplayUnit(100.0, "Per 100", "Treatment resistant, per 100 people"),
            "columns": {"events": "events", "n": "n"},
            "spec": spec,
            "selection": {
                "rows_in_sheet": 30,
                "filters": [
                    {
                        "text": "onset is total",
                        "column": "onset",
                        "test": "equals",
                        "value": "total",
                        "removed": 12,
                        "left": 18,
                    }
                ],
                "spread": None,
                "derived": [],
                "excluded": [],
                "named": [],
                "overlap": {
                    "rule": ["most_cohorts", "longest_followup", "largest_n"],
                    "set_aside": [
                        {
                            "label": "Smart2022",
                            "because_of": ["Demjaha2017", "Lally2016"],
                            "rule": "most_cohorts",
                            "rows": refs(20),
                        }
                    ],
                    "ties": [],
                },
                "used": [s.label for s in studies],
            },
            "fit": fit,
            "leave_one_out": None,
            "cumulative": None,
            "subgroups": [],
            "regressions": [],
            "small_study": None,
            "targets": [],
            "threshold": None,
            "descriptors": [],
            "study_table": {
                "columns": [{"name": "verification", "heading": "Verified"}],
                "rows": [
                    {
                        "label": s.label,
                        "cells": {"verification": "seen"},
                        "source_url": "https://pubmed.ncbi.nlm.nih.gov/1/ ; https://doi.org/x",
                        "risk_of_bias": None,
                        "rows": s.rows,
                    }
                    for s in studies
                ],
            },
            "caveats": [],
            "figures": {},
            **extra,
        }
    )


def svg_of(words: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" '
        '"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        'viewBox="0 0 525 80" width="525pt" height="80pt" role="img" aria-labelledby="t">'
        '<metadata>x</metadata>'
        '<title id="t">A forest plot</title><defs>'
        '<style type="text/css">*{stroke-linejoin: round}</style>'
        '<clipPath id="c"><rect width="9" height="9"/></clipPath></defs>'
        f'<g clip-path="url(#c)"><text x="10" y="40">{words}</text><use xlink:href="#c" x="1"/></g></svg>'
    )


def make_results() -> dict[str, Any]:
    """Return results with every kind of answer."""
    glmm, house = ModelSpec(model="binomial_normal"), ModelSpec()
    trs = [single(*row[:4]) for row in TRS]
    labels = [s.label for s in trs]
    unused = single("Ucok2016", 9, 93, 11, used=False, reason="followup_years not reported")
    parts = [
        fit_of(trs[:4], glmm),
        fit_of(trs[4:6], glmm, natural=Natural(0.2, 0.1, 0.35, None, None), prediction=None),
        fit_of(
            trs[6:7],
            glmm,
            status="single_study",
            natural=Natural(0.048, 0.034, 0.066, None, None),
            prediction=None,
            population_mean=None,
            tau2=None,
            heterogeneity=None,
        ),
    ]
    groups = Subgroups(
        "definition_type",
        False,
        ("trials", "clozapine", "symptoms"),
        tuple(parts),
        GroupTest(
            6.21,
            1,
            None,
            0.0127,
            "Q between groups, each with its own tau2 (chi-squared)",
            "without symptoms (fewer than two studies, or not estimable)",
        ),
        ("Mena2018",),
    )
    rr = [
        Study(
            name,
            {"events1": a, "n1": b, "events2": c, "n2": d},
            (a / b) / (c / d),
            0.4,
            9.9,
            w,
            0.5,
            0.1,
            True,
            None,
            refs(line),
        )
        for name, a, b, c, d, w, line in (
            ("Kane1988", 37, 122, 5, 135, 21.0, 2),
            ("Bondolfi1998", 28, 43, 29, 43, 33.0, 3),
            ("Wahlbeck2000", 5, 10, 6, 9, 21.5, 4),
            ("Volavka2002", 8, 40, 4, 80, 24.5, 5),
        )
    ]
    rr.append(
        Study(
            "Sacchetti2009",
            {},
            None,
            None,
            None,
            None,
            None,
            None,
            False,
            "events1, n1 not reported",
            refs(6),
        )
    )
    analyses = [
        analysis_of(
            "trs_total",
            "Treatment resistance after a first episode",
            fit_of(trs, glmm),
            leave_one_out=refits_of("leave_one_out", labels, glmm),
            cumulative=refits_of(
                "cumulative",
                ["2011: Agid2011", "2016: Lally2016", "no year: Mena2018"],
                glmm,
                ("", "", "no year"),
            ),
            subgroups=[
                {
                    "title": "By definition",
                    "by": "definition_type",
                    "overall": True,
                    "show_test": True,
                    "result": groups,
                }
            ],
            regressions=[
                {
                    "title": "Against follow-up",
                    "formula": "~ followup_years",
                    "show": ["followup_kind"],
                    "caveat": "Three are maxima",
                    "fit": regression_of(
                        glmm, ("intercept", "followup_years"), [-1.9, 0.041], [*trs, unused]
                    ),
                }
            ],
            small_study={
                "method": "regression on 1/n (Peters' form)",
                "k": 9,
                "fit": None,
                "reason": "not done: 9 studies, and a test needs at least 10",
            },
            targets=[
                {
                    "id": "TRS001",
                    "analysis": "all cohorts",
                    "measure": "proportion",
                    "k": 12,
                    "n": "11958",
                    "estimate": 22.8,
                    "low": 19.1,
                    "high": 27.0,
                    "unit": "percent",
                    "source": "Siskind et al. 2022",
                    "source_url": "https://orca.cardiff.ac.uk/141268/",
                    "note": "",
                }
            ],
            covariates={
                "followup_years": {**dict.fromkeys(labels, 5.5), "Ucok2016": None},
                "followup_kind": dict.fromkeys(labels, "maximum"),
            },
            headings={"events": "Resistant"},
            threshold={"value": 20, "words": "One in five", "source": "the protocol"},
            descriptors=[
                {
                    "column": "followup_years",
                    "heading": "Years",
                    "align": "right",
                    "values": dict.fromkeys(labels, "5"),
                    "marked": ["Agid2011"],
                    "sign": "†",
                    "words": "maximum",
                }
            ],
            caveats=["Definitions differ"],
            figures={
                "forest": "analyses/trs_total/forest.svg",
                "leave_one_out": "analyses/trs_total/leave_one_out.svg",
            },
        ),
        analysis_of(
            "clozapine_rr",
            "Clozapine against other antipsychotics",
            fit_of(rr, house, measure="RR", mu=math.log(1.73), natural=Natural(1.73, 0.95, 3.15, 0.31, 9.6)),
            unit=DisplayUnit(1.0, "Risk ratio", "Risk ratio of response"),
            arms=["Clozapine", "Other"],
        ),
        analysis_of("td_clozapine", "Tardive dyskinesia on clozapine", _not_estimable()),
        analysis_of(
            "two",
            "Two studies",
            fit_of(
                trs[:2],
                glmm,
                status="boundary",
                tau2=0.0,
                natural=Natural(0.2, 0.1, 0.35, None, None),
                prediction=None,
            ),
        ),
        analysis_of(
            "none_had_it",
            "No events at all",
            fit_of(
                [single("A", 0, 40, 12), single("B", 0, 25, 13)],
                glmm,
                status="one_sided",
                natural=Natural(0.0, 0.0, 0.045, None, None),
                estimate=None,
                prediction=None,
                population_mean=None,
                tau2=None,
                heterogeneity=None,
            ),
        ),
        analysis_of(
            "one",
            "One study",
            fit_of(
                trs[:1],
                glmm,
                status="single_study",
                natural=Natural(0.205, 0.156, 0.261, None, None),
                prediction=None,
                population_mean=None,
                tau2=Tau2(0.0, None, None, "ML", "PL"),
                heterogeneity=None,
            ),
        ),
        analysis_of("maxima", "Several maxima", fit_of(trs[:6], house, status="several_maxima")),
        analysis_of("nothing", "Nothing there", None),
        analysis_of(
            "hostile",
            HOSTILE,
            fit_of([single(HOSTILE, 3, 20, 14), *trs[:3]], glmm),
            question=HOSTILE,
            caveats=[HOSTILE],
            targets=[
                {
                    "id": "X",
                    "analysis": HOSTILE,
                    "measure": HOSTILE,
                    "k": HOSTILE,
                    "n": None,
                    "estimate": 1.0,
                    "low": None,
                    "high": None,
                    "unit": HOSTILE,
                    "source": HOSTILE,
                    "source_url": "javascript:alert(1)",
                    "note": HOSTILE,
                }
            ],
            study_table={
                "columns": [{"name": "note", "heading": HOSTILE}],
                "rows": [
                    {
                        "label": HOSTILE,
                        "cells": {"note": HOSTILE},
                        "source_url": 'javascript:alert(1) ; https://ok.example/"onmouseover=1 ; '
                        "https://fine.example/a",
                        "risk_of_bias": HOSTILE,
                        "rows": refs(14),
                    }
                ],
            },
            figures={"forest": "analyses/hostile/forest.svg"},
        ),
    ]
    return to_plain(
        {
            "format": "trs-meta-results@1",
            "review": {
                "title": "A living review",
                "question": "How often?",
                "authors": ["A. Author", "B. Author"],
                "about": "About it.",
            },
            "provenance": {
                "engine": "0.1.0",
                "python": "3.11",
                "packages": {"numpy": "2.4.6"},
                "protocol": {"file": "review.toml", "sha256": "ab" * 32},
                "sheets": [
                    {
                        "name": "trs",
                        "file": "trs_incidence.csv",
                        "schema": "trs_incidence",
                        "sha256": "cd" * 32,
                        "rows": 30,
                    }
                ],
                "targets": [{"file": "trs_targets.csv", "sha256": "ef" * 32}],
                "profiles": [
                    {
                        "name": "house@1",
                        "sha256": "01" * 32,
                        "options": {"model": "random", "pi_method": None},
                    }
                ],
            },
            "problems": [
                Problem(
                    "trs_incidence.csv", 7, "events", HOSTILE, "odd", "looks odd", "look again", "warning"
                ).to_dict()
            ],
            "analyses": {entry["id"]: entry for entry in analyses},
        }
    )


def _not_estimable() -> Fit:
    study = Study(
        "Kane1993",
        {"events": 2.0, "time": None},
        None,
        None,
        None,
        None,
        None,
        None,
        False,
        "person-years not reported",
        refs(9),
    )
    spec = ModelSpec(model="poisson_normal")
    made = fit_of(
        [study],
        spec,
        measure="IRLN",
        status="not_estimable",
        estimate=None,
        population_mean=None,
        tau2=None,
        heterogeneity=None,
        prediction=None,
    )
    return Fit(**{f: None if f == "natural" else getattr(made, f) for f in Fit.__slots__})


def make_figures() -> dict[str, str]:
    """Return the drawings that the results name."""
    return {
        "analyses/trs_total/forest.svg": svg_of("Agid2011"),
        "analyses/trs_total/leave_one_out.svg": svg_of("without Agid2011"),
        "analyses/hostile/forest.svg": svg_of("&lt;script&gt; onerror= javascript:"),
    }
