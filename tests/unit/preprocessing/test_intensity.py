"""SUV to network input, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seganypet.errors import WeightsError
from seganypet.preprocessing.intensity import normalise


def test_log1p_by_hand():
    patch = np.array([[[0.0, 1.0, math.e - 1, 99.0, -0.5]]])
    out = normalise(patch, "log1p")
    np.testing.assert_allclose(out.ravel(), [0.0, math.log(2), 1.0, math.log(100), 0.0], rtol=1e-6)


def test_zscore_is_over_the_positive_voxels_and_applied_to_all():
    out = normalise(np.array([[[1.0, 3.0, 0.0, 0.0]]]), "zscore_positive")  # mean 2, deviation 1
    np.testing.assert_allclose(out.ravel(), [-1.0, 1.0, -2.0, -2.0], rtol=1e-6)


def test_zscore_of_air_is_zero():
    assert not normalise(np.zeros((2, 2, 2)), "zscore_positive").any()


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
