from dataclasses import replace

import numpy as np
import pytest

from seganypet.errors import UsageError
from seganypet.phantom.scanner.protocols import ARTEFACTS, PROTOCOLS, draw_examination, protocols_named


def draws(name, count=200, **options):
    rng = np.random.default_rng(0)
    return [draw_examination(protocols_named(name), rng, **options) for _ in range(count)]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_examinations_stay_within_their_protocols(name):
    by_name = {protocol.name: protocol for protocol in PROTOCOLS[name]}
    for examination in draws(name, 50):
        protocol = by_name[examination.scanner]
        assert (examination.spacing_mm[0], examination.spacing_mm[2]) in protocol.voxels_mm
        assert examination.orientation in protocol.orientations
        low, high = protocol.psf_fwhm_mm
        assert low <= examination.psf_fwhm_mm[0] <= high
        assert 3.0 * 0.85 <= examination.psf_fwhm_mm[2] <= 8.0 * 1.15


def test_point_spreads_and_voxels_are_those_of_pet_scanners():
    for protocol in PROTOCOLS["mixed"]:
        assert 3.0 <= protocol.psf_fwhm_mm[0] <= protocol.psf_fwhm_mm[1] <= 8.0
        assert all(1.5 <= voxel <= 5.5 and 2.0 <= slices <= 5.0 for voxel, slices in protocol.voxels_mm)


def test_long_axial_scans_have_little_noise_and_low_doses_much():
    levels = {
        name: np.median([e.noise for e in draws(name)])
        for name in ("clinical", "long_axial", "ultra_low_dose")
    }
    assert levels["long_axial"] < 0.6 * levels["clinical"]
    assert levels["ultra_low_dose"] > 1.5 * levels["clinical"]


def test_noise_grows_with_the_inverse_root_of_the_dose():
    protocol = replace(PROTOCOLS["philips_gemini_tf"][0], noise=(0.1, 0.1), dose_fraction=(0.04,))
    assert draw_examination((protocol,), np.random.default_rng(0)).noise == pytest.approx(0.5)


def test_artefacts_come_at_the_share_asked_for():
    found = [name for e in draws("mixed", 1000, artefact_share=0.3) for name in e.artefacts]
    for name in ARTEFACTS:
        assert found.count(name) / 1000 == pytest.approx(0.3, abs=0.05)
    assert not any(e.artefacts for e in draws("mixed", 50, artefact_share=0.0))


def test_refuses_an_unknown_scanner():
    with pytest.raises(UsageError, match=r"scanner 'ct'; expected one of clinical"):
        protocols_named("ct")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"noise": (0.2, 0.1)}, r"noise is \(0\.2, 0\.1\)"),
        ({"psf_fwhm_mm": (-1.0, 4.0)}, "psf_fwhm_mm"),
        ({"dose_fraction": (1.5,)}, "dose_fraction"),
    ],
)
def test_refuses_protocols_that_make_no_sense(change, message):
    with pytest.raises(UsageError, match=message):
        replace(PROTOCOLS["philips_gemini_tf"][0], **change)
