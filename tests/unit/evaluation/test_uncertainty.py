"""Risk and coverage by hand, and what bounds them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seganypet.errors import GeometryError
from seganypet.evaluation.uncertainty import risk_coverage_area


def test_area_by_hand():
    uncertainty = np.array([0.1, 0.4, 0.2, 0.3], np.float32)
    wrong = np.array([False, True, True, False])
    # surest first: right, wrong, right, wrong: risks 0, 1/2, 1/3, 1/2; at best 0, 0, 1/3, 1/2
    area, best, rate = risk_coverage_area(uncertainty, wrong)
    assert area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert best == pytest.approx((1 / 3 + 1 / 2) / 4)
    assert rate == 0.5


def test_of_equally_sure_voxels_none_comes_first():
    wrong = np.array([True, False, False, True])
    area, _, rate = risk_coverage_area(np.zeros(4, np.float32), wrong)
    assert area == pytest.approx(rate)


@given(
    hnp.arrays(np.bool_, st.integers(1, 40)).flatmap(
        lambda wrong: st.tuples(
            st.just(wrong), hnp.arrays(np.float32, wrong.shape, elements=st.floats(0, 0.6875, width=16))
        )
    )
)
def test_no_map_is_better_than_the_errors_themselves(pair):
    wrong, uncertainty = pair
    area, best, rate = risk_coverage_area(uncertainty, wrong)
    assert best - 1e-9 <= area
    assert risk_coverage_area(wrong.astype(np.float32), wrong)[0] == pytest.approx(best)
    assert best <= rate + 1e-9


def test_refusals():
    with pytest.raises(GeometryError, match="one shape"):
        risk_coverage_area(np.zeros(3, np.float32), np.zeros(4, bool))
    with pytest.raises(GeometryError, match="not empty"):
        risk_coverage_area(np.zeros(0, np.float32), np.zeros(0, bool))
