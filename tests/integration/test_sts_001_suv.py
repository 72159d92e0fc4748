"""A real whole-body PET against the SUV that the Image Biomarker Standardisation Initiative published."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from seganypet.errors import SegAnyPETWarning
from seganypet.io.dicom_pet import read_dicom_pet
from seganypet.io.dicom_series import list_series
from seganypet.volume import Volume

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def volume(shared_data: Path) -> Volume:
    with pytest.warns(SegAnyPETWarning, match="3.19 to 3.29 mm apart"):
        return read_dicom_pet(shared_data / "sts_001" / "dicom_pet")


def test_factor(volume: Volume):
    # 71 kg × 1000 / (388,777,472 Bq × 2^(-2711 s / 6588 s)), 10:35:00 to 11:20:11
    assert volume.source.record["suvbw_factor"] == pytest.approx(2.42903e-4, rel=1e-6)
    assert volume.source.record["delta_t_s"] == 2711
    assert volume.source.record["branch"] == [
        "units: BQML",
        "decay correction: START",
        "reference time: SeriesDate and SeriesTime",
        "injection time: RadiopharmaceuticalStartTime",
    ]


def test_geometry(volume: Volume):
    assert volume.shape == (128, 128, 267)
    assert volume.spacing_mm == pytest.approx((4.6875, 4.6875, 3.27), abs=1e-6)
    # First voxel of the lowest slice, (-297.65625, -297.65625, -881.3) in LPS.
    assert volume.to_xyz_mm((0, 0, 0)) == pytest.approx((297.65625, 297.65625, -881.3), abs=1e-4)
    assert volume.to_xyz_mm((0, 0, 266))[2] == pytest.approx(-11.479994, abs=1e-4)
    assert volume.source.record["geometry"]["gap_range_mm"] == pytest.approx([3.19, 3.29], abs=1e-3)
    assert volume.source.record["geometry"]["largest_displacement_mm"] < 0.05


def test_suv_equals_the_published_crop(volume: Volume, shared_data: Path):
    crop = nib.load(shared_data / "sts_001" / "ibsi_suv" / "pet_suv_crop.nii.gz")
    published = np.asarray(crop.dataobj)
    to_voxel = np.linalg.inv(volume.affine) @ crop.affine
    np.testing.assert_allclose(to_voxel[:3, :3], np.eye(3), atol=1e-5)
    start = np.round(to_voxel[:3, 3]).astype(int)
    np.testing.assert_allclose(to_voxel[:3, 3], start, atol=1e-3)
    ours = volume.array[tuple(slice(s, s + n) for s, n in zip(start, published.shape, strict=True))]
    assert np.abs(ours - published).max() < 1e-3


def test_files_are_in_slice_order(volume: Volume):
    names = [Path(file).name for file in volume.source.dicom_files]
    assert (names[0], names[-1]) == ("1-267.dcm", "1-001.dcm")  # feet to head


def test_series_beside_the_pet_are_listed_and_passed_over(shared_data: Path, volume: Volume):
    found = list_series(shared_data / "sts_001")
    assert [(s.modality, s.description, s.number_of_files) for s in found] == [
        ("PT", "PET AC", 267),
        ("RTSTRUCT", "RTstruct_PET", 1),
    ]
    with pytest.warns(SegAnyPETWarning, match="mm apart"):
        nested = read_dicom_pet(shared_data / "sts_001")
    np.testing.assert_array_equal(nested.array, volume.array)
