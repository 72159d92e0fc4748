import numpy as np
import pytest
import torch
from scipy import ndimage

from seganypet.phantom.fields import (
    FWHM_PER_SIGMA,
    apply,
    gaussian_matrices,
    gaussian_matrix,
    smooth_widely,
    spline_weights,
    unit_field,
    white_noise,
)

SPACING = (4.0, 3.0, 2.0)


def rngs(*seeds):
    return [np.random.default_rng(seed) for seed in seeds]


def test_fields_have_mean_0_and_standard_deviation_1():
    field = unit_field((96, 96, 96), SPACING, rngs(0, 1), step_mm=9.0)
    assert field.shape == (2, 96, 96, 96)
    assert field.mean().abs() < 0.03
    assert field.std() == pytest.approx(1.0, abs=0.03)


def test_a_sample_does_not_depend_on_its_batch():
    alone = unit_field((20, 16, 12), SPACING, rngs(5), step_mm=11.0)
    together = unit_field((20, 16, 12), SPACING, rngs(4, 5), step_mm=11.0)
    torch.testing.assert_close(together[1], alone[0])
    torch.testing.assert_close(
        white_noise((5, 4, 3), rngs(4, 5), "cpu")[1], white_noise((5, 4, 3), rngs(5), "cpu")[0]
    )


def test_details_of_a_field_are_as_wide_as_its_step():
    fields = unit_field((60, 60, 200), (6.0, 6.0, 1.0), rngs(3), step_mm=12.0)[0]

    def correlation(lag):
        return float((fields[..., lag:] * fields[..., : 200 - lag]).mean() / (fields**2).mean())

    assert correlation(12) == pytest.approx(1191 / 2416, abs=0.08)  # of the B-spline of order 7
    assert correlation(24) == pytest.approx(120 / 2416, abs=0.08)
    assert correlation(48) == pytest.approx(0.0, abs=0.08)


def test_spline_weights_sum_to_one_and_hit_their_nodes():
    weights = spline_weights(9, 0.5)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(weights[0, :3], (1 / 6, 2 / 3, 1 / 6), atol=1e-12)
    np.testing.assert_allclose(weights[1, :4], (1 / 48, 23 / 48, 23 / 48, 1 / 48), atol=1e-12)


def test_gaussian_matrix_is_the_integral_over_voxels():
    matrix = gaussian_matrix(11, 1.0)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0)
    # Phi(0.5) - Phi(-0.5), Phi(1.5) - Phi(0.5), as tabulated
    np.testing.assert_allclose(matrix[5, 5:7], (0.38292, 0.24173), atol=2e-5)
    np.testing.assert_array_equal(gaussian_matrix(4, 0.0), np.eye(4))


def test_smoothing_has_the_width_asked_for_along_each_axis():
    point = torch.zeros((1, 41, 41, 41))
    point[0, 20, 20, 20] = 1.0
    matrices = gaussian_matrices((41, 41, 41), SPACING, [(16.0, 12.0, 10.0)])
    image = apply(point, matrices)[0].numpy()
    assert image.sum() == pytest.approx(1.0, abs=1e-4)
    grid = np.indices(image.shape) - 20
    for at, (step, fwhm) in enumerate(zip(SPACING, (16.0, 12.0, 10.0), strict=True)):
        variance = (image * (grid[at] * step) ** 2).sum()
        # the integral over a voxel adds step^2 / 12
        assert variance == pytest.approx((fwhm / FWHM_PER_SIGMA) ** 2 + step**2 / 12, rel=0.02)


def test_wide_smoothing_agrees_with_the_exact_one():
    mask = np.zeros((60, 50, 40), dtype=np.float32)
    mask[10:45, 12:40, 5:30] = 1.0
    wide = smooth_widely(torch.from_numpy(mask)[None], (4.0, 4.0, 4.0), (120.0, 120.0, 60.0))[0].numpy()
    sigma = [f / FWHM_PER_SIGMA / 4.0 for f in (120.0, 120.0, 60.0)]
    exact = ndimage.gaussian_filter(mask, sigma, mode="constant", truncate=4)
    weight = ndimage.gaussian_filter(np.ones_like(mask), sigma, mode="constant", truncate=4)
    np.testing.assert_allclose(wide, exact / weight, atol=0.025)
