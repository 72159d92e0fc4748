from dataclasses import replace

import numpy as np
import pytest

from seganypet.phantom import PhantomConfig, simulate_case
from seganypet.phantom.anatomy import TISSUE_IDS, procedural_anatomy
from seganypet.phantom.scanner.faithful import settings_of
from seganypet.phantom.scanner.protocols import Examination

EXAMINATION = Examination(
    scanner="test",
    spacing_mm=(4.0, 4.0, 3.0),
    orientation="RAS",
    psf_fwhm_mm=(7.0, 7.0, 7.0),
    noise=0.1,
    noise_fwhm_mm=(5.0, 5.0, 5.0),
)


def test_half_the_noise_takes_four_times_the_counts():
    usual, quiet = (settings_of(replace(EXAMINATION, noise=noise)) for noise in (0.1, 0.05))
    assert quiet.counts_per_suv_ml == pytest.approx(4 * usual.counts_per_suv_ml)
    assert usual.counts_per_suv_ml == pytest.approx(25_000 * 0.95**2)


def test_resolution_and_filter_make_up_the_point_spread():
    settings = settings_of(EXAMINATION)
    assert np.hypot(settings.resolution_fwhm_mm, settings.post_filter_fwhm_mm) == pytest.approx(7.0)
    assert settings_of(replace(EXAMINATION, noise_fwhm_mm=(8.0, 8.0, 4.0))).resolution_fwhm_mm == 3.0


def test_a_lighter_filter_of_the_same_noise_takes_more_counts():
    lighter = settings_of(replace(EXAMINATION, noise_fwhm_mm=(5.0, 5.0, 2.5)))
    assert lighter.counts_per_suv_ml == pytest.approx(2 * settings_of(EXAMINATION).counts_per_suv_ml)


def test_both_scanners_show_the_same_body():
    pytest.importorskip("mbirtorch", reason="the faithful scanner needs the extra osem")
    whole = procedural_anatomy(np.random.default_rng(3), spacing_mm=(8.0, 8.0, 8.0))
    config = PhantomConfig(scanner="philips_gemini_tf", lesions="none", artefact_share=0.0)
    fast, faithful = (simulate_case(2, replace(config, faithful=f), whole) for f in (False, True))
    np.testing.assert_array_equal(fast.activity, faithful.activity)
    np.testing.assert_array_equal(fast.reference, faithful.reference)
    for name in ("liver", "skeletal_muscle"):
        where = fast.reference == TISSUE_IDS[name]
        means = [case.volume.array[where].mean() for case in (fast, faithful)]
        assert means[1] == pytest.approx(means[0], rel=0.1), name
