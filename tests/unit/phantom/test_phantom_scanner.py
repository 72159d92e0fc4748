import numpy as np
import pytest

from seganypet.errors import UsageError
from seganypet.phantom import scan

SPACING = (4.0, 4.0, 3.0)


def rng():
    return np.random.default_rng(2)


def test_point_spread_has_the_width_asked_for():
    point = np.zeros((41, 41, 41), dtype=np.float32)
    point[20, 20, 20] = 1000
    image = scan(point, (2, 2, 2), rng(), psf_fwhm_mm=8.0, noise=0, heterogeneity=0) - 0.03
    line = image[:, 20, 20]
    half = line.max() / 2
    beyond = np.interp(half, [line[23], line[22], line[21], line[20]][:4], [3, 2, 1, 0])
    assert 2 * beyond * 2.0 == pytest.approx(8.0, rel=0.05)
    assert image.sum() == pytest.approx(1000, rel=0.01)


def test_liver_noise_is_the_coefficient_of_variation_asked_for():
    liver = np.full((40, 40, 40), 2.2, dtype=np.float32)
    image = scan(liver, SPACING, rng(), psf_fwhm_mm=6, noise=0.1, heterogeneity=0)
    assert image.std() / image.mean() == pytest.approx(0.1, rel=0.03)


def test_noise_variance_grows_with_the_activity():
    low, high = (np.full((32, 32, 32), suv, dtype=np.float32) for suv in (1.0, 4.0))
    spread = [scan(a, SPACING, rng(), psf_fwhm_mm=6, noise=0.1, heterogeneity=0).var() for a in (low, high)]
    assert spread[1] / spread[0] == pytest.approx(4.0, rel=0.05)


def test_noise_is_correlated_between_neighbours():
    flat = np.full((40, 40, 40), 2.0, dtype=np.float32)
    image = scan(flat, SPACING, rng(), psf_fwhm_mm=0, noise=0.1, noise_fwhm_mm=6, heterogeneity=0) - 2.03
    # White noise through a Gaussian of sigma s has a correlation of exp(-d² / 4 s²) at distance d.
    expected = np.exp(-(4.0**2) / (4 * (6 / 2.3548) ** 2))
    found = np.mean(image[1:] * image[:-1]) / image.var()
    assert found == pytest.approx(expected, abs=0.06)


def test_air_is_about_three_hundredths_and_never_negative():
    image = scan(np.zeros((30, 30, 30), dtype=np.float32), SPACING, rng(), psf_fwhm_mm=6, noise=0.1)
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert np.median(image) == pytest.approx(0.03, abs=0.005)


def test_heterogeneity_is_smooth_and_keeps_the_mean():
    flat = np.full((60, 60, 60), 3.0, dtype=np.float32)
    image = scan(flat, SPACING, rng(), psf_fwhm_mm=0, noise=0, heterogeneity=0.1) - 0.03
    assert image.mean() == pytest.approx(3.0, rel=0.01)
    assert image.std() / image.mean() == pytest.approx(0.1, rel=0.05)
    assert np.abs(np.diff(image, axis=0)).max() < 0.25


@pytest.mark.parametrize(
    "wrong",
    [
        {"noise": -0.1},
        {"psf_fwhm_mm": float("nan")},
        {"noise_fwhm_mm": -1.0},
        {"heterogeneity": float("inf")},
    ],
)
def test_refuses_settings_that_make_no_sense(wrong):
    settings = {"psf_fwhm_mm": 6.0, "noise": 0.1} | wrong
    with pytest.raises(UsageError, match=next(iter(wrong))):
        scan(np.zeros((4, 4, 4), dtype=np.float32), SPACING, rng(), **settings)
