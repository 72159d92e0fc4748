"""SUV to network input, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seganypet.errors import WeightsError
from seganypet.preprocessing.intensity import normalise


def test_log1p_by_hand():
    patch = np.array([[[0.0, 1.0, math.e - 1, 99.0, -0.5]]])
    out = normalise(patch, "log1p")
    np.testing.assert_allclose(out.ravel(), [0.0, math.log(2), 1.0, math.log(100), 0.0], rtol=1e-6)


def test_zscore_is_over_the_positive_voxels_and_applied_to_all():
    # of 1, 2 and 6: mean 3, squared deviations 4 + 1 + 9 = 14, over N - 1 = 2: deviation sqrt(7)
    out = normalise(np.array([[[1.0, 2.0, 6.0, 0.0, -2.0]]]), "zscore_positive")
    np.testing.assert_allclose(out.ravel(), np.array([-2, -1, 3, -3, -5]) / math.sqrt(7), rtol=1e-6)


@settings(deadline=None)
@given(seed=st.integers(0, 99), factor=st.floats(1e-3, 1e6))
def test_zscore_is_the_same_in_suv_and_in_bq_ml(seed, factor):
    suv = np.random.default_rng(seed).gamma(2.0, 1.5, (6, 7, 8)) - 0.5
    scaled = normalise((factor * suv).astype(np.float32), "zscore_positive")
    np.testing.assert_allclose(scaled, normalise(suv, "zscore_positive"), rtol=1e-5, atol=1e-5)


def test_zscore_sums_many_voxels_without_losing_digits():
    patch = np.full((128, 128, 128), 1e5, dtype=np.float32)
    patch[::2] += 100
    out = normalise(patch, "zscore_positive")  # a sum in float32 would be off by more than the spread
    np.testing.assert_allclose([out[0, 0, 0], out[1, 0, 0]], [1, -1], rtol=1e-4)


def test_zscore_of_air_is_zero():
    assert not normalise(np.zeros((2, 2, 2)), "zscore_positive").any()
    assert not normalise(np.full((2, 2, 2), -0.1), "zscore_positive").any()


@pytest.mark.parametrize("level", [1e-3, 0.1, 7.3, 4e4])
def test_zscore_takes_the_deviation_of_one_level_as_one(level):
    patch = np.zeros((3, 30, 30), dtype=np.float32)
    patch[1] = np.float32(level) * (1 + 1e-7 * np.arange(30))  # the same to the last digit
    out = normalise(patch, "zscore_positive")
    np.testing.assert_allclose(out[1], 0, atol=1e-5 * level)
    np.testing.assert_allclose(out[0], -level, rtol=1e-5)


def test_zscore_of_a_single_positive_voxel():
    out = normalise(np.array([[[0.0, 3.0]]]), "zscore_positive")
    np.testing.assert_array_equal(out.ravel(), [-3, 0])


@pytest.mark.parametrize("normalisation", ["log1p", "zscore_positive"])
@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int16])
def test_returns_float32_of_the_same_shape_and_keeps_its_input(normalisation, dtype):
    patch = np.arange(24).reshape(2, 3, 4).astype(dtype)
    kept = patch.copy()
    out = normalise(patch, normalisation)
    assert out.dtype == np.float32
    assert out.shape == patch.shape
    assert np.isfinite(out).all()
    np.testing.assert_array_equal(patch, kept)


def test_refuses_an_unknown_normalisation():
    with pytest.raises(WeightsError, match='normalisation "minmax" is unknown; expected "log1p" or'):
        normalise(np.ones((1, 1, 1)), "minmax")
