from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from meta.kernels.quadrature import LADDER, Rule, hermite_rule, panel_rule


@pytest.mark.parametrize("nodes", [1, 2, 7, 15, 25, 61])
def test_hermite_rule_integrates_moments_of_a_normal(nodes: int) -> None:
    x, w = hermite_rule(nodes)
    density = np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi)
    moments = [1.0, 0.0, 1.0, 0.0, 3.0, 0.0, 15.0]
    for power, exact in enumerate(moments[: 2 * nodes]):
        assert np.sum(w * density * x**power) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("panels", [2, 16, 512])
def test_panel_rule_integrates_polynomials_and_a_sharp_turn(panels: int) -> None:
    x, w = panel_rule(panels)
    assert x.shape == (Rule("panels", panels).nodes,)
    assert np.sum(w * x**39) == pytest.approx(1.0 / 40.0, rel=1e-13)
    rate = 4.0 * panels
    assert np.sum(w * expit(rate * (x - 0.5))) == pytest.approx(0.5, abs=1e-12)


def test_each_rung_of_the_ladder_is_finer() -> None:
    nodes = [rule.nodes for rule in LADDER]
    assert nodes == sorted(set(nodes))
