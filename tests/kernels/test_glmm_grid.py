"""10,000 random count data sets: a status each, and nowhere on a fine grid a higher likelihood.

Minutes long, so run by name: ``pytest -m simulation``; a slice of it runs in every suite
(tests/kernels/test_glmm_stress.py).
"""

from __future__ import annotations

import numpy as np
import pytest
from glmm_sets import MOST_STUDIES, draw_sets, grid_loglik

from meta.kernels.status import Status
from meta.models.glmm import infer_glmm
from meta.options import ModelSpec

#: Data sets of each family.
SETS = 5000
FITTED = (Status.OK, Status.BOUNDARY, Status.SEVERAL_MAXIMA)


@pytest.mark.simulation
@pytest.mark.parametrize(("family", "seed"), [("binomial", 501), ("poisson", 502)])
def test_no_point_of_a_fine_grid_is_higher(family: str, seed: int) -> None:
    sets = draw_sets(family, SETS, seed)
    rows = infer_glmm(
        sets.events,
        sets.size,
        sets.mask,
        np.ones((MOST_STUDIES, 1)),
        ModelSpec(model=f"{family}_normal"),
        True,
    )
    none = sets.events.sum(axis=1) == 0.0
    fitted = np.flatnonzero(np.isin(rows.status, FITTED))
    assert np.array_equal(rows.status == Status.ONE_SIDED, none)
    assert fitted.size == SETS - none.sum()
    for i in fitted:
        own, best = grid_loglik(
            family, *sets.used(i), rows.value[i, 0], rows.se[i, 0], float(np.sqrt(rows.tau2[i]))
        )
        # worst seen: 9e-10 above, 5e-9 apart
        assert best <= rows.loglik[i] + 1e-8, (i, best - rows.loglik[i])
        assert abs(own - rows.loglik[i]) <= 1e-8, (i, own - rows.loglik[i])
