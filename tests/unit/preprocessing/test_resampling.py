"""Separable resampling: positions, weights and memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seganypet.errors import GeometryError
from seganypet.preprocessing import axis_weights, resample
from seganypet.preprocessing.resampling import bands, linear_weights


def test_halving_by_hand():
    # outputs lie at 0.5 and 2.5; triangle of half width 2: 0.25, 0.75, 0.75, 0.25 (cut off at the ends)
    weights = axis_weights(4, 2)
    np.testing.assert_allclose(weights, [[3 / 7, 3 / 7, 1 / 7, 0], [0, 1 / 7, 3 / 7, 3 / 7]], atol=1e-7)


def test_doubling_by_hand():
    # outputs lie at -0.25, 0.25, 0.75, 1.25 of two inputs
    np.testing.assert_allclose(axis_weights(2, 4), [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]], atol=1e-7)


def test_equal_grids_give_the_identity():
    np.testing.assert_array_equal(axis_weights(7, 7), np.eye(7, dtype=np.float32))


@pytest.mark.parametrize(("n_in", "n_out", "scale"), [(60, 23, 2.6), (20, 53, 0.38)])
def test_some_rows_are_those_of_all(n_in, n_out, scale):
    some = axis_weights(n_in, n_out, scale=scale, rows=slice(7, 15))
    np.testing.assert_array_equal(some, axis_weights(n_in, n_out, scale=scale)[7:15])


def test_output_that_stands_out_beyond_the_input_takes_its_end():
    # 3 voxels of 2 mm on 4 mm: outputs at 0.5 and 2.5; the second half lies outside
    weights = axis_weights(3, 2, scale=2.0)
    assert weights.shape == (2, 3)
    assert weights[1].argmax() == 2
    np.testing.assert_allclose(weights[1], [0, 1 / 3, 2 / 3], atol=1e-7)


@settings(deadline=None)
@given(n_in=st.integers(1, 60), n_out=st.integers(1, 60), scale=st.one_of(st.none(), st.floats(0.05, 20)))
def test_rows_sum_to_one_and_no_weight_is_negative(n_in, n_out, scale):
    weights = axis_weights(n_in, n_out, scale=scale)
    assert weights.dtype == np.float32
    assert weights.shape == (n_out, n_in)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)


@settings(deadline=None)
@given(n_in=st.integers(8, 60), scale=st.floats(0.2, 3), slope=st.floats(-5, 5))
def test_ramp_is_preserved_in_the_interior(n_in, scale, slope):
    n_out = int(np.ceil(n_in / scale))
    weights = axis_weights(n_in, n_out, scale=scale).astype(np.float64)
    positions = (np.arange(n_out) + 0.5) * scale - 0.5
    reach = max(scale, 1.0)
    interior = (positions >= reach) & (positions <= n_in - 1 - reach)
    # an even number of unequal triangle samples is off by at most a twelfth of an input voxel
    np.testing.assert_allclose(
        (weights @ (slope * np.arange(n_in)))[interior],
        slope * positions[interior],
        atol=abs(slope) / 8 + 1e-5,
    )


@settings(deadline=None)
@given(n_in=st.integers(2, 60), n_out=st.integers(1, 60))
def test_upsampling_is_plain_linear_interpolation(n_in, n_out):
    positions = np.linspace(-0.5, n_in - 0.5, n_out)
    values = np.sin(np.arange(n_in))
    expected = np.interp(positions, np.arange(n_in), values)
    np.testing.assert_allclose(linear_weights(positions, n_in) @ values, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "new_shape"), [((9, 40, 70), (12, 40, 35)), ((70, 41, 9), (33, 20, 3)), ((5, 6, 7), (11, 9, 8))]
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_resample_equals_the_three_products(shape, new_shape, order):
    array = np.random.default_rng(0).random(shape)
    weights = [axis_weights(n_in, n_out) for n_in, n_out in zip(shape, new_shape, strict=True)]
    expected = np.einsum("ai,bj,ck,ijk->abc", *weights, array, optimize=True)
    result = resample(np.asarray(array, order=order), *weights)
    assert result.dtype == np.float32
    assert result.flags.c_contiguous
    np.testing.assert_allclose(result, expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.bool_, np.int16, np.float64, np.float32])
def test_identity_returns_a_copy_as_float32(dtype):
    array = (np.arange(24).reshape(2, 3, 4) % 2).astype(dtype)
    result = resample(array, *(axis_weights(n, n) for n in array.shape))
    assert result.dtype == np.float32
    assert not np.shares_memory(result, array)
    np.testing.assert_array_equal(result, array)


def test_a_constant_stays_constant_to_the_border():
    result = resample(
        np.full((10, 11, 12), 2.5), axis_weights(10, 7), axis_weights(11, 23), axis_weights(12, 5, scale=2.7)
    )
    np.testing.assert_allclose(result, 2.5, rtol=1e-6)


def test_slabs_bound_the_memory(monkeypatch):
    monkeypatch.setattr("seganypet.preprocessing.resampling._SLAB_VOXELS", 100 * 100 * 4)
    array = np.asfortranarray(np.ones((100, 100, 200), dtype=np.float32))
    weights = [axis_weights(n, int(n * 0.4)) for n in array.shape]
    tracemalloc.start()
    resample(array, *weights)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * array.nbytes  # 40 x 40 x 200 in between is 0.16 of the input, the result 0.06


def test_bands_cover_all_rows_and_weights():
    weights = axis_weights(200, 83)
    covered = np.zeros_like(weights)
    for rows, columns in bands(weights, 10):
        assert columns.stop - columns.start < 40
        covered[rows, columns] = weights[rows, columns]
    np.testing.assert_array_equal(covered, weights)


@pytest.mark.parametrize(
    ("n_in", "n_out", "scale"), [(0, 3, None), (3, 0, None), (3, 3, 0.0), (3, 3, float("nan"))]
)
def test_refuses_numbers_that_are_not_positive(n_in, n_out, scale):
    with pytest.raises(GeometryError, match="must be positive"):
        axis_weights(n_in, n_out, scale=scale)


def test_refuses_an_array_that_does_not_fit_the_weights():
    weights = axis_weights(4, 2)
    with pytest.raises(GeometryError, match=r"\(4, 4, 5\).*\(4, 4, 4\)"):
        resample(np.zeros((4, 4, 5)), weights, weights, weights)
