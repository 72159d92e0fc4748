from dataclasses import replace

import numpy as np
import pytest
import torch

from seganypet.phantom.scanner.noise import add_noise, relative_sd
from seganypet.phantom.scanner.protocols import Examination

SPACING = (4.0, 4.0, 3.0)
EXAMINATION = Examination(
    scanner="test",
    spacing_mm=SPACING,
    orientation="RAS",
    psf_fwhm_mm=(6.0, 6.0, 6.0),
    noise=0.1,
    noise_fwhm_mm=(6.0, 6.0, 4.0),
    noise_exponent=0.7,
    noisy_ends=False,
)


def uniform(suv=2.2, shape=(70, 60, 60)):
    return torch.full((1, *shape), suv)


def noisy(image, examination=EXAMINATION, seed=0, body=None):
    body = torch.ones(image.shape) if body is None else body
    return add_noise(image, body, [examination], SPACING, [np.random.default_rng(seed)])[0].numpy()


def in_liver(image):
    """A body as thick about each voxel as a trunk is about the liver."""
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(image.shape, generator=generator) < 0.58).float()


def test_noise_in_the_liver_is_that_of_the_examination():
    image = uniform()
    result = noisy(image, body=in_liver(image))
    assert result.std() / result.mean() == pytest.approx(0.1, rel=0.05)
    assert result.mean() == pytest.approx(2.2, rel=0.005)


def test_noise_grows_with_the_power_of_the_suv_that_is_asked_for():
    body = in_liver(uniform())
    low, high = (noisy(uniform(suv), body=body, seed=3).std() for suv in (0.55, 2.2))
    assert high / low == pytest.approx(4**0.7, rel=0.05)


def test_quarter_of_the_dose_doubles_the_noise():
    image = uniform()
    doubled = replace(EXAMINATION, noise=0.1 / 0.25**0.5)
    assert noisy(image, doubled).std() / noisy(image).std() == pytest.approx(2.0, rel=0.03)


def test_noise_is_skewed_like_a_log_normal_one_and_never_negative():
    image = uniform(0.5)
    result = noisy(image, replace(EXAMINATION, noise=0.3))
    relative = result.std() / result.mean()
    skewness = ((result - result.mean()) ** 3).mean() / result.std() ** 3
    assert skewness == pytest.approx(3 * relative + relative**3, rel=0.2)
    assert result.min() > 0


def test_noise_is_longer_front_to_back_and_axially_as_the_filter_has_it():
    result = noisy(uniform(shape=(90, 90, 90)))
    deviation = result - result.mean()

    def correlation(axis, lag=1):
        a = np.moveaxis(deviation, axis, 0)
        return (a[lag:] * a[:-lag]).mean() / (a * a).mean()

    # of Gaussian noise of widths 0.92 and 1.1 times 6 mm and of 4 mm: exp(-lag² / 4 sigma²)
    for axis, (step, fwhm) in enumerate(zip(SPACING, (5.52, 6.6, 4.0), strict=True)):
        expected = np.exp(-(step**2) / (4 * (fwhm / 2.3548) ** 2))
        assert correlation(axis) == pytest.approx(expected, abs=0.03)
    assert abs(correlation(0, 4)) < 0.05


def test_noise_grows_towards_the_middle_of_the_body():
    body = torch.zeros((1, 80, 60, 10))
    body[:, 10:70, 10:50] = 1.0
    sd = relative_sd(uniform(shape=(80, 60, 10)), body, [EXAMINATION], SPACING)[0]
    assert 1.08 * sd[12, 30, 5] < sd[40, 30, 5] < 1.4 * sd[12, 30, 5]


def test_first_and_last_slices_are_noisier_where_the_scan_ends():
    body = torch.ones((1, 20, 20, 100))
    sd = relative_sd(uniform(shape=(20, 20, 100)), body, [replace(EXAMINATION, noisy_ends=True)], SPACING)[
        0, 10, 10
    ].numpy()
    assert sd[0] == pytest.approx(2.0 * sd[50], rel=0.1)
    assert sd[-1] == pytest.approx(sd[0])
    assert sd[8] == pytest.approx(sd[50], rel=0.05)


def test_seams_between_bed_positions_are_noisier():
    body = torch.ones((1, 20, 20, 100))
    sd = relative_sd(uniform(shape=(20, 20, 100)), body, [replace(EXAMINATION, bed_mm=120.0)], SPACING)[
        0, 10, 10
    ].numpy()
    assert np.argsort(sd)[-2:].tolist() in ([40, 80], [80, 40])
    assert sd[40] == pytest.approx(1.35 * sd[60], rel=0.02)


def test_each_sample_of_a_batch_has_its_own_noise():
    image = uniform(shape=(12, 10, 8)).repeat(2, 1, 1, 1)
    body = torch.ones(image.shape)
    rngs = [np.random.default_rng(seed) for seed in (1, 2)]
    both = add_noise(image, body, [EXAMINATION, EXAMINATION], SPACING, rngs)
    alone = add_noise(image[:1], body[:1], [EXAMINATION], SPACING, [np.random.default_rng(2)])
    torch.testing.assert_close(both[1], alone[0])
    assert not torch.equal(both[0], both[1])
