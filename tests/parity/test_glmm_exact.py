"""GLMMs of one group and of two against likelihoods maximised to high accuracy, at the nodes a case names."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from glmm_cases import fit_pairs_at, infer_pairs_of, of_two_groups, read_counts, read_pairs
from oracle import Tally, load_topic

from meta.kernels.glmm import fit_glmm

#: What the oracle promises, relative to max(1, |golden|). Worst seen: 3.6e-6 relative in the standard error
#: of a rate, which the oracle takes by differences; all else 1e-7.
TOLERANCE = 1e-6
#: The goldens' standard errors are second differences of a log-likelihood: good to 1e-5, by their spread
#: around exact GLM values at tau2 = 0 (3e-6).
SE_TOLERANCE = 1e-5


#: Where the oracle's own computation failed, and why ours is right: the values of ``glmm``, from R.
NO_GOLDEN = "the oracle could not read a data set with studies that lack a group; ours is held to R below"


def test_glmm_exact(open_tally: Callable[[str, float], Tally]) -> None:
    tally = open_tally("glmm_exact", TOLERANCE)
    for case in tally.topic.cases:
        if case["expected"] is None:
            tally.excuse(case, NO_GOLDEN)
            continue
        spec, nodes = case["spec"], None if case["spec"]["method"] == "EE" else case["spec"]["nAGQ"]
        if of_two_groups(case):
            data = read_pairs(tally.topic, case)
            fit, p = fit_pairs_at(case, data, nodes), data.design.shape[1]
        else:
            counts = read_counts(tally.topic, case)
            fit = fit_glmm(*counts.arguments, tau2=0.0 if spec["method"] == "EE" else None, nodes=nodes)
            p = counts.design.shape[1]
        ours = {
            "beta": fit.beta[0],
            "se": np.sqrt(np.diagonal(fit.covariance[0])[:p]),
            "tau2": fit.tau2[0],
            "ll": fit.loglik[0],
        }
        # a note says that tau2 is at its bound
        assert set(case["expected"]) - {"note"} == set(ours)
        assert ("note" in case["expected"]) <= (fit.tau2[0] == 0.0)
        for name in ours:
            golden = case["expected"][name]
            tolerance = SE_TOLERANCE if name == "se" else None
            tally.compare(case, name, ours[name], golden, scale=1.0, tolerance=tolerance)
    tally.check()
    assert len(tally.run) == 80
    assert len(tally.excused) == 10


def test_what_the_oracle_could_not_read_is_what_r_gives() -> None:
    """Its ten cases are of one data set, which R fits: its numbers, tau2 = 0 included, against ours."""
    from_r = {
        (c["spec"]["model"], c["spec"]["method"]): (c, load_topic("glmm").columns(c["data"]))
        for c in load_topic("glmm").cases
        if c["data"] == "yusuf1985_6" and c["expected"] is not None
    }
    failed = [c for c in load_topic("glmm_exact").cases if c["expected"] is None]
    assert {c["data"] for c in failed} == {"yusuf1985_6"}
    for case in failed:
        key = case["spec"]["model"], case["spec"]["method"]
        ours = infer_pairs_of(case, read_pairs(load_topic("glmm_exact"), case))
        golden = from_r.get(key, from_r[key[0], "EE"])[0]["expected"]
        np.testing.assert_allclose(ours.value[0], golden["beta"], rtol=2e-5)
        np.testing.assert_allclose(ours.se[0], golden["se"], rtol=3e-3)
        assert ours.tau2[0] == 0.0


def test_own_nodes_agree_with_the_most_that_were_tried() -> None:
    """With the number of nodes left to the kernel, the fit is that of 30 or 50."""
    topic = load_topic("glmm_exact")
    best = [c for c in topic.cases if c["spec"]["model"] == "one" and c["spec"]["nAGQ"] in (30, 50)]
    assert len(best) == 6
    for case in best:
        fit = fit_glmm(*read_counts(topic, case).arguments)
        golden = case["expected"]
        np.testing.assert_allclose(fit.beta[0], golden["beta"], rtol=1e-8)
        np.testing.assert_allclose(fit.tau2[0], golden["tau2"], rtol=1e-8)
        np.testing.assert_allclose(fit.loglik[0], golden["ll"], rtol=0, atol=1e-9)
