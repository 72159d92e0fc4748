"""Synthetic series through the whole reader: SUV by hand, voxels in their place."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian, RLELossless

from seganypet.errors import SegAnyPETWarning
from seganypet.io.dicom_pet import read_dicom_pet
from seganypet.io.suv import SUVOverrides
from seganypet.volume import Volume
from synthetic_dicom import START_FACTOR, add_private, make_slices, pet_folder, write_series

OBLIQUE = (
    # 30° about z, then 20° about the new x
    0.8660254037844387, 0.5, 0.0,
    -0.4698463103929542, 0.8137976813493738, 0.3420201433256687,
)  # fmt: skip
ORIENTATIONS = {
    "axial": (1, 0, 0, 0, 1, 0),
    "coronal": (1, 0, 0, 0, 0, -1),
    "sagittal": (0, 1, 0, 0, 0, -1),
    "feet first, prone": (-1, 0, 0, 0, -1, 0),
    "mirrored rows": (1, 0, 0, 0, -1, 0),
    "oblique": OBLIQUE,
}


def quiet(path: Path, **kwargs: Any) -> Volume:
    """Read, and fail on any warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_dicom_pet(path, **kwargs)


def stored_pixels() -> np.ndarray:
    return np.random.default_rng(1).integers(1, 1000, (4, 6, 5)).astype(np.int16)


def test_start_series(tmp_path: Path):
    stored = stored_pixels()
    volume = quiet(pet_folder(tmp_path, stored=stored))
    assert volume.shape == (5, 6, 4)  # column, row, slice
    assert volume.array.dtype == np.float32
    np.testing.assert_allclose(volume.array, stored.transpose(2, 1, 0) * 10 * START_FACTOR, rtol=1e-6)
    assert volume.spacing_mm == pytest.approx((5.0, 4.0, 3.0))
    assert volume.to_xyz_mm((0, 0, 0)) == pytest.approx((10.0, 20.0, 30.0))


def test_slope_and_intercept_of_each_slice_come_first(tmp_path: Path):
    def rescale(k: int, data: pydicom.Dataset) -> None:
        data.RescaleSlope, data.RescaleIntercept = str(k + 1), str(100 * k)

    stored = stored_pixels()
    volume = quiet(pet_folder(tmp_path, stored=stored, edit=rescale))
    for k in range(4):
        expected = (stored[k].T * (k + 1) + 100 * k) * START_FACTOR
        np.testing.assert_allclose(volume.array[:, :, k], expected, rtol=1e-6)


@pytest.mark.parametrize("name", ORIENTATIONS)
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "backward"])
def test_planted_marker_keeps_its_place(tmp_path: Path, name: str, reverse: bool):
    stored = np.full((7, 6, 5), 10, dtype=np.int16)
    k, row, column = 5, 1, 3
    stored[k, row, column] = 5000
    slices = make_slices(stored=stored, orientation=ORIENTATIONS[name], origin=(12.5, -40.0, 880.0))
    cosines, (between_rows, between_columns) = slices[k].ImageOrientationPatient, slices[k].PixelSpacing
    lps = (
        np.array(slices[k].ImagePositionPatient)
        + np.array(cosines[:3]) * between_columns * column
        + np.array(cosines[3:]) * between_rows * row
    )
    volume = quiet(write_series(tmp_path, slices[::-1] if reverse else slices))
    hot = np.unravel_index(int(volume.array.argmax()), volume.shape)
    assert hot == (column, row, k)
    assert volume.to_xyz_mm(hot) == pytest.approx((-lps[0], -lps[1], lps[2]), abs=1e-4)


def test_files_are_recorded_in_slice_order(tmp_path: Path):
    volume = quiet(write_series(tmp_path, make_slices(), names=["d", "b", "a", "c"]))
    assert [Path(file).name for file in volume.source.dicom_files] == ["d", "b", "a", "c"]
    assert volume.source.kind == "dicom"
    assert volume.source.path == str(tmp_path)


def test_any_file_of_the_series_reads_the_series(tmp_path: Path):
    folder = pet_folder(tmp_path)
    np.testing.assert_array_equal(quiet(folder / "002.dcm").array, quiet(folder).array)


def test_the_chosen_series_is_read(tmp_path: Path):
    pet_folder(tmp_path / "a")
    chosen = make_slices(PatientWeight="35")
    write_series(tmp_path / "b", chosen)
    volume = quiet(tmp_path, series_uid=chosen[0].SeriesInstanceUID)
    assert volume.source.record["suvbw_factor"] == pytest.approx(START_FACTOR / 2)


def test_record_is_json_without_the_patient(tmp_path: Path):
    folder = pet_folder(tmp_path)
    (folder / "notes.txt").write_text("beside the slices")
    text = json.dumps(quiet(folder).source.record)
    assert "Synthetic" not in text
    record = json.loads(text)
    assert record["ignored_files"] == ["notes.txt"]
    assert record["series"]["number_of_files"] == 4
    assert record["geometry"]["gap_range_mm"] == pytest.approx([3.0, 3.0])
    assert record["warnings"] == []


def private(group: int, creator: str, values: dict[int, tuple[str, Any]]):
    return lambda k, data: add_private(data, group, creator, values)


PHILIPS = "Philips PET Private Group"
STAMPED_ANEW = {"SeriesTime": "150000", "FrameReferenceTime": None}


@pytest.mark.parametrize(
    ("tags", "factor"),
    [
        ({"Units": "GML"}, 1.0),
        ({"Units": "GML", "SUVType": "BW"}, 1.0),
        ({"Units": "GML", "SUVType": "IBW"}, 70 / 77.68),
        ({"Units": "CM2ML", "PatientWeight": "80"}, 4.00718),
        ({"Units": "CNTS", "edit": private(0x7053, PHILIPS, {0: ("DS", "0.0003")})}, 3e-4),
        ({"Units": "CNTS", "edit": private(0x7053, PHILIPS, {0: ("DS", "0"), 9: ("DS", "2.5")})}, 10e-4),
        ({"DecayCorrection": "ADMIN"}, 2e-4),
        ({"PatientWeight": "35"}, 2e-4),
        ({"RadionuclideTotalDose": "175000000"}, 8e-4),
        (
            {"RadiopharmaceuticalStartTime": None, "RadiopharmaceuticalStartDateTime": "20240229091013.8"},
            4e-4,
        ),
        (
            {
                "RadiopharmaceuticalStartTime": None,
                "edit": private(0x0009, "GEMS_PETD_01", {0x3B: ("DT", "20240229091013.80")}),
            },
            4e-4,
        ),
        ({"AcquisitionDate": None}, 4e-4),
        (
            {
                "AcquisitionDate": None,
                "AcquisitionTime": None,
                "AcquisitionDateTime": "20240229110000.0",
                "SeriesTime": "150000",
                "ActualFrameDuration": "6586200",
                "FrameReferenceTime": "3103638.7",  # 0.4712336 × 6586.2 s: the mean of such a frame
            },
            4e-4,
        ),
        # Midnight: scan at 01:00, injection one half-life earlier at 23:10:13.8.
        (
            {
                "SeriesTime": "010000",
                "AcquisitionTime": "010000",
                "RadiopharmaceuticalStartTime": "231013.8",
            },
            4e-4,
        ),
        ({**STAMPED_ANEW, "edit": private(0x0009, "GEMS_PETD_01", {0x0D: ("DT", "20240229110000")})}, 4e-4),
        (
            {**STAMPED_ANEW, "edit": private(0x0071, "SIEMENS MED PT", {0x22: ("DT", "20240229110000")})},
            4e-4,
        ),
    ],
)
def test_every_branch_by_hand(tmp_path: Path, tags: dict[str, Any], factor: float):
    stored = np.full((3, 4, 4), 20, dtype=np.int16)
    stored[1, 1, 1] = 90
    volume = quiet(pet_folder(tmp_path, stored=stored, RescaleSlope="0.5", **tags))
    assert volume.source.record["suvbw_factor"] == pytest.approx(factor, rel=1e-5)
    assert float(volume.array.max()) == pytest.approx(45 * factor, rel=1e-5)


def test_each_bed_of_an_uncorrected_series_has_its_factor(tmp_path: Path):
    # Two beds, one half-life apart, each lasting one half-life; see the hand computation in test_suv.
    def beds(k: int, data: pydicom.Dataset) -> None:
        data.AcquisitionTime = "110000" if k < 2 else "124946.2"

    tags = {"DecayCorrection": "NONE", "CorrectedImage": ["ATTN"], "ActualFrameDuration": "6586200"}
    stored = stored_pixels()
    volume = quiet(pet_folder(tmp_path, stored=stored, edit=beds, **tags))
    factors = 2e-4 * np.array([2, 2, 4, 4]) * 2 * np.log(2)
    np.testing.assert_allclose(
        volume.array, (stored * 10 * factors[:, None, None]).transpose(2, 1, 0), rtol=1e-6
    )


def test_overrides_reach_the_conversion(tmp_path: Path):
    volume = quiet(pet_folder(tmp_path, PatientWeight=None), overrides=SUVOverrides(weight_kg=35))
    assert volume.source.record["suvbw_factor"] == pytest.approx(START_FACTOR / 2)
    assert volume.source.record["overrides"] == {"weight_kg": 35}


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, RLELossless])
def test_other_transfer_syntaxes(tmp_path: Path, syntax: pydicom.uid.UID):
    stored = stored_pixels()
    slices = make_slices(stored=stored)
    for data in slices:
        if syntax == RLELossless:
            data.compress(RLELossless, generate_instance_uid=False)
        data.file_meta.TransferSyntaxUID = syntax
    volume = quiet(write_series(tmp_path, slices))
    np.testing.assert_allclose(volume.array, stored.transpose(2, 1, 0) * 10 * START_FACTOR, rtol=1e-6)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"gaps": [3.27, 3.19, 3.27]}, "3.19 to 3.27 mm apart"),
        ({"nuclide": "^177^Lutetium", "RadionuclideHalfLife": "574300"}, "Lu-177: read as SPECT"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "RECON TOMO"]}, "ImageType .*RECON TOMO: read as SPECT"),
        ({"NumberOfSlices": 8}, "NumberOfSlices is 8, found 4"),
        ({"SliceThickness": "1.5"}, "1.5 mm thick lie 3 mm apart"),
        ({"LossyImageCompression": "01"}, "compressed with loss"),
        ({"CorrectedImage": None}, "CorrectedImage is missing"),
    ],
)
def test_unusual_series_are_read_with_a_warning(tmp_path: Path, tags: dict[str, Any], message: str):
    with pytest.warns(SegAnyPETWarning, match=message):
        volume = read_dicom_pet(pet_folder(tmp_path, **tags))
    assert len(volume.source.record["warnings"]) == 1
    json.dumps(volume.source.record)


def test_pixels_are_not_copied_into_the_volume(tmp_path: Path):
    array = quiet(pet_folder(tmp_path)).array
    assert not array.flags.writeable
    assert array.flags.f_contiguous  # the slices as they were filled, seen as [I, J, K]
