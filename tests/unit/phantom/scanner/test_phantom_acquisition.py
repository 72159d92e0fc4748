from dataclasses import replace

import numpy as np
import pytest
import torch

from seganypet.phantom.anatomy import TISSUE_IDS
from seganypet.phantom.scanner.acquisition import acquire, blur
from seganypet.phantom.scanner.artefacts import breathing_matrix, correction_slips, dome_slice
from seganypet.phantom.scanner.protocols import ARTEFACTS, Examination

SPACING = (4.0, 4.0, 3.0)
QUIET = Examination(
    scanner="test",
    spacing_mm=SPACING,
    orientation="RAS",
    psf_fwhm_mm=(8.0, 8.0, 6.0),
    noise=0.0,
    noise_fwhm_mm=(6.0, 6.0, 4.0),
)


def torso(shape=(100, 60, 60)):
    """A box of muscle with a liver whose dome is slice 30, arms on both sides, and a hip bone."""
    tissues = torch.zeros((1, *shape), dtype=torch.int16)
    tissues[:, 20:80, 10:50] = TISSUE_IDS["skeletal_muscle"]
    tissues[:, 2:14, 20:40] = TISSUE_IDS["skeletal_muscle"]
    tissues[:, 50:75, 15:45, 5:31] = TISSUE_IDS["liver"]
    tissues[:, 60:66, 20:26, 1:4] = TISSUE_IDS["hip_right"]
    return tissues


def slipped(name, image, tissues, seed=0):
    examination = replace(QUIET, artefacts=(name,))
    rng = np.random.default_rng(seed)
    return correction_slips(image.clone(), tissues, examination, SPACING, rng, dome_slice(tissues))


def test_point_spread_has_the_width_asked_for():
    ball = torch.zeros((1, 41, 41, 41))
    ball[0, 20, 20, 20] = 1.0
    image = blur(ball, [QUIET], SPACING, [None])[0].numpy()
    grid = np.indices(image.shape) - 20
    for at, (step, fwhm) in enumerate(zip(SPACING, QUIET.psf_fwhm_mm, strict=True)):
        variance = (image * (grid[at] * step) ** 2).sum() / image.sum()
        assert 2.3548 * np.sqrt(variance) == pytest.approx(fwhm, rel=0.02)


def test_without_noise_a_large_region_keeps_its_suv():
    tissues = torso()
    image = acquire((tissues == TISSUE_IDS["liver"]) * 2.2, tissues, [QUIET], SPACING, [30], rngs(1))
    assert image[0, 62, 30, 15] == pytest.approx(2.2, rel=0.03)


def test_air_far_from_the_body_is_nearly_zero_and_a_haze_lies_about_it():
    tissues = torso((120, 80, 40))
    activity = (tissues > 0) * 0.6
    image = acquire(activity, tissues, [QUIET], SPACING, [None], rngs(1))[0]
    assert image[110, 70, 20] == pytest.approx(0.002, abs=0.001)
    assert 0.004 < image[83, 30, 20] < 0.03  # 14 mm off the skin


def test_nothing_is_reconstructed_outside_the_bore():
    tissues = torch.ones((1, 60, 60, 4), dtype=torch.int16)
    image = acquire(tissues.float(), tissues, [replace(QUIET, bore_mm=200.0)], SPACING, [None], rngs(1))[0]
    assert image[0, 0].sum() == 0
    assert (image[30, 8:52] > 0.9).all()
    assert (image > 0).float().mean() == pytest.approx(np.pi * 100**2 / 240**2, rel=0.02)


def test_breathing_blurs_the_dome_and_leaves_the_pelvis():
    matrix = breathing_matrix(200, 3.0, 120, 20.0)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0)
    assert matrix[120, 120] < 0.3
    assert matrix[10, 10] == pytest.approx(1.0)
    assert matrix[170, 170] > matrix[120, 120]
    distance = (np.arange(200) - 120) * 3.0
    assert np.sqrt((matrix[120] * distance**2).sum()) == pytest.approx(
        5.0, rel=0.02
    )  # a quarter of the travel


@pytest.mark.parametrize(("dome", "travel_mm"), [(None, 20.0), (30, 0.0)])
def test_without_a_liver_or_a_breath_nothing_moves(dome, travel_mm):
    np.testing.assert_array_equal(breathing_matrix(50, 3.0, dome, travel_mm), np.eye(50))


def test_dome_is_the_livers_highest_slice():
    assert dome_slice(torso()[0]) == 30
    assert dome_slice(torch.zeros((4, 4, 4), dtype=torch.int16)) is None


def test_respiratory_mismatch_darkens_a_band_under_the_dome():
    tissues = torso()[0]
    image = torch.ones(tissues.shape)
    result = slipped("respiratory_mismatch", image, tissues)
    assert result[60, 30, 28] < 0.9
    assert result[60, 30, 50] == pytest.approx(1.0, abs=0.01)
    assert result[60, 30, 2] == pytest.approx(1.0, abs=0.01)


def test_arms_outside_the_ct_fade_and_the_trunk_does_not():
    tissues = torch.ones((160, 60, 4), dtype=torch.int16)
    result = slipped("arm_truncation", torch.ones(tissues.shape), tissues)
    assert result[2, 30, 2] < 0.8
    assert result[80, 30, 2] == pytest.approx(1.0, abs=0.01)


def test_metal_has_a_bright_rim_about_it():
    tissues = torso()[0]
    result = slipped("metal", torch.ones(tissues.shape), tissues)
    assert result.max() > 1.2
    assert abs(int(torch.argmax(result.sum((1, 2)))) - 63) < 12
    nothing = torch.zeros_like(tissues)
    assert (slipped("metal", torch.ones(tissues.shape), nothing) == 1).all()


def test_surroundings_of_a_hot_bladder_are_too_dark_in_its_slices_only():
    tissues = torso()[0]
    image = torch.full(tissues.shape, 0.6)
    image[44:56, 24:36, 20:30] = 50.0
    result = slipped("halo", image, tissues)
    assert result[60, 30, 25] < 0.45
    assert result[50, 30, 25] == 50.0
    assert result[60, 30, 45] == pytest.approx(0.6, abs=0.02)


def test_every_artefact_does_something_and_is_reproducible():
    tissues = torso((160, 60, 60))[0]
    image = torch.full(tissues.shape, 0.6)
    image[44:56, 24:36, 20:30] = 50.0
    for name in ARTEFACTS:
        seed = next(s for s in range(30) if not torch.equal(slipped(name, image, tissues, s), image))
        torch.testing.assert_close(slipped(name, image, tissues, seed), slipped(name, image, tissues, seed))


def rngs(count):
    return [np.random.default_rng(seed) for seed in range(count)]


def test_breathing_and_slips_reach_the_image():
    tissues = torso((100, 60, 60))
    activity = torch.where(tissues == TISSUE_IDS["liver"], 2.2, 0.5) * (tissues > 0)
    changes = ({}, {"breathing_mm": 20.0}, {"artefacts": ("respiratory_mismatch",)})
    still, moving, slipping = (
        acquire(activity, tissues, [replace(QUIET, **change)], SPACING, [30], rngs(1))[0]
        for change in changes
    )
    assert moving[62, 30, 33] > 1.1 * still[62, 30, 33]  # above the dome
    assert slipping[62, 30, 26] < 0.9 * still[62, 30, 26]
    assert moving[62, 30, 8] == pytest.approx(float(still[62, 30, 8]), rel=0.05)
