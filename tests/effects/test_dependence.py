"""Sampling covariance within studies and rows combined: errors by their text, and what holds for any data."""

from __future__ import annotations

import numpy as np
import pytest

from meta.effects.dependence import combine_rows, constant_correlation
from meta.errors import EffectError

V = [0.1, 0.4, 0.2]
STUDIES = ["a", "b", "a"]


def test_rows_of_one_study_correlate_and_others_do_not():
    covariance = constant_correlation(V, STUDIES, 0.5)
    assert covariance[0, 2] == covariance[2, 0] == pytest.approx(0.5 * np.sqrt(0.1 * 0.2))
    assert covariance[0, 1] == covariance[1, 2] == 0.0
    assert list(np.diag(covariance)) == V


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: constant_correlation(V, ["a"], 0.5), "3 variances but 1 rows have a study"),
        (lambda: constant_correlation([0.1, 0.0], ["a", "a"], 0.5), "sampling variances must be > 0"),
        (lambda: constant_correlation(V, STUDIES, 1.5), "rho must be a correlation, -1 to 1; got 1.5"),
        (lambda: combine_rows([1.0], V, STUDIES, 0.5), "1 effect sizes but 3 variances"),
        (lambda: combine_rows([1, 2, 3], [0.1, 0.4, 0.1], STUDIES, 1.0), "study 'a': rho=1.0 leaves no"),
    ],
)
def test_errors_name_what_is_wrong(call, text: str):
    with pytest.raises(EffectError, match=text):
        call()


def test_studies_stand_in_the_order_of_their_first_rows():
    combined = combine_rows([1.0, 5.0, 3.0], V, ["b", "a", "b"], 0.0)
    assert combined.studies == ("b", "a")
    # by inverse variance: (1 / 0.1 + 3 / 0.2) / (1 / 0.1 + 1 / 0.2)
    assert combined.y[0] == pytest.approx(25.0 / 15.0)
    assert combined.v[0] == pytest.approx(1.0 / 15.0)


def test_the_plain_mean_is_never_more_precise():
    for rho in (0.0, 0.3, 0.9):
        best = combine_rows([1.0, 2.0, 3.0], V, ["a"] * 3, rho)
        plain = combine_rows([1.0, 2.0, 3.0], V, ["a"] * 3, rho, weighted=False)
        assert plain.v[0] >= best.v[0]
        assert plain.y[0] == pytest.approx(2.0)
