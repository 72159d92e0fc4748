"""What is written as DICOM PET reads back as the same SUV at the same places, and other readers accept it."""

import itertools
import shutil
import subprocess
from dataclasses import replace
from datetime import datetime

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seganypet.errors import GeometryError, OutputError, UsageError
from seganypet.io import read_volume
from seganypet.io.dicom_write import PETScan, write_pet_series
from seganypet.volume import Volume

SCAN = PETScan(
    patient_id="SIM-7",
    patient_name="Simulated^Phantom",
    weight_kg=70.0,
    dose_bq=350e6,
    injection=datetime(2024, 2, 29, 9, 10, 13, 800_000),
    start=datetime(2024, 2, 29, 11),  # one half-life of F-18 later
)
SHAPE, SPACING_MM = (4, 5, 6), (2.0, 3.5, 1.25)
ORIENTATIONS = list(itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)))


def oriented(axes, signs, seed=0, turn=None) -> Volume:
    """Return random SUV whose native axes run along the given world axes."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for native, (world, sign) in enumerate(zip(axes, signs, strict=True)):
        affine[world, native] = sign * SPACING_MM[native]
    affine[:3, 3] = (-123.456, 45.6789, 910.1112)
    if turn is not None:
        affine[:3, :3] = turn @ affine[:3, :3]
    suv = np.random.default_rng(seed).uniform(-0.5, 20, SHAPE).astype(np.float32)
    suv[:, :, 2] *= 1e-3  # a slice that one slope for all would spoil
    return Volume(suv, affine)


def rotation(angles) -> np.ndarray:
    """Return a rotation about x, then y, then z."""
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = (n for n in range(3) if n != axis)
        step = np.eye(3)
        step[[a, b, a, b], [a, b, b, a]] = np.cos(angle), np.cos(angle), -np.sin(angle), np.sin(angle)
        turn = step @ turn
    return turn


def assert_comes_back(volume, folder):
    """Read a series and compare with what was written, along k as it was or, on a left-handed grid, flipped."""
    back = read_volume(folder)
    expected, affine = volume.array, np.array(volume.affine)
    if np.linalg.det(affine[:3, :3]) < 0:
        expected = expected[:, :, ::-1]
        affine[:3, 3] += (SHAPE[2] - 1) * affine[:3, 2]
        affine[:3, 2] *= -1
    assert back.farthest_mm(affine) < 1e-3
    np.testing.assert_allclose(back.affine, affine, rtol=0, atol=1e-3)
    step = np.abs(expected).max(axis=(0, 1)) / 32767
    assert (np.abs(back.array - expected) <= 0.5 * step + 2e-6 * np.abs(expected)).all()
    assert back.source.record["warnings"] == []


@pytest.mark.filterwarnings("ignore:.*negative SUV")
@pytest.mark.parametrize(("axes", "signs"), ORIENTATIONS)
def test_every_orientation_comes_back(axes, signs, tmp_path):
    volume = oriented(axes, signs)
    write_pet_series(volume, tmp_path / "dicom", SCAN)
    assert_comes_back(volume, tmp_path / "dicom")


@pytest.mark.filterwarnings("ignore:.*negative SUV")
@settings(max_examples=15, deadline=None)
@given(
    orientation=st.sampled_from(ORIENTATIONS),
    angles=st.tuples(*(st.floats(-3, 3) for _ in range(3))),
    weight_kg=st.floats(3, 200),
    dose_bq=st.floats(1e7, 9e8),
    nuclide=st.sampled_from(["F-18", "Ga-68"]),
    seed=st.integers(0, 99),
)
def test_turned_grids_and_other_doses_come_back(
    tmp_path_factory, orientation, angles, weight_kg, dose_bq, nuclide, seed
):
    folder = tmp_path_factory.mktemp("series")
    volume = oriented(*orientation, seed=seed, turn=rotation(angles))
    scan = replace(SCAN, weight_kg=weight_kg, dose_bq=max(dose_bq, 1e6 * weight_kg), radionuclide=nuclide)
    write_pet_series(volume, folder, scan)
    assert_comes_back(volume, folder)


def test_pixels_are_activity_at_the_start_of_the_scan(tmp_path):
    suv = np.ones((2, 3, 2), dtype=np.float32)
    suv[1, 2, 0] = 2.0
    files = write_pet_series(Volume(suv, np.diag([-2.0, -3.0, 4.0, 1.0])), tmp_path / "dicom", SCAN)
    data = pydicom.dcmread(files[0])
    assert data.pixel_array.shape == (3, 2)
    assert data.pixel_array[2, 1] == 32767
    # 2 g/ml × 175 MBq / 70 kg: half of the dose is left.
    assert data.pixel_array[2, 1] * data.RescaleSlope == pytest.approx(2 * 2500, rel=1e-6)
    assert (data.Rows, data.Columns, data.NumberOfSlices) == (3, 2, 2)
    assert data.PixelSpacing == [3, 2]
    assert data.ImageOrientationPatient == [1, 0, 0, 0, 1, 0]
    assert data.ImagePositionPatient == [0, 0, 0]
    assert pydicom.dcmread(files[1]).ImagePositionPatient == [0, 0, 4]


def test_half_life_and_frame_times_are_those_of_the_radionuclide(tmp_path):
    volume = Volume(np.arange(8, dtype=np.float32).reshape(2, 2, 2), np.eye(4))
    scan = replace(SCAN, radionuclide="Ga-68", duration_s=1200)
    data = pydicom.dcmread(write_pet_series(volume, tmp_path / "dicom", scan)[0])
    drug = data.RadiopharmaceuticalInformationSequence[0]
    assert drug.RadionuclideHalfLife == 4057.7
    assert drug.RadionuclideCodeSequence[0].CodeMeaning == "^68^Gallium"
    assert data.ActualFrameDuration == 1_200_000
    # ln(x / (1 - e^-x)) / λ with λ = ln 2 / 4057.7 s, x = 1200 λ = 0.2049872
    assert data.FrameReferenceTime == pytest.approx(589_754.2, abs=1)
    assert data.DecayFactor == pytest.approx(2 ** (589.754 / 4057.7), abs=1e-5)


def test_an_empty_slice_stays_empty(tmp_path):
    suv = np.ones((2, 2, 3), dtype=np.float32)
    suv[:, :, 1] = 0
    write_pet_series(Volume(suv, np.eye(4)), tmp_path / "dicom", SCAN)
    np.testing.assert_allclose(read_volume(tmp_path / "dicom").array, suv, rtol=1e-6)


def test_the_same_content_has_the_same_bytes_and_other_content_other_uids(tmp_path):
    volume = Volume(np.arange(8, dtype=np.float32).reshape(2, 2, 2), np.eye(4))
    other = Volume(volume.array + 1, np.eye(4))
    for name, image in (("one", volume), ("same", volume), ("other", other)):
        write_pet_series(image, tmp_path / name, SCAN)
    one, same = (sorted(p.read_bytes() for p in (tmp_path / name).iterdir()) for name in ("one", "same"))
    assert one == same
    uids = [
        {data[k].value for data in read(tmp_path / name) for k in ("SOPInstanceUID", "SeriesInstanceUID")}
        for name in ("one", "other")
    ]
    assert len(uids[0]) == 3
    assert not uids[0] & uids[1]


def read(folder):
    return [pydicom.dcmread(path) for path in sorted(folder.iterdir())]


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed (dicom3tools)")
@pytest.mark.parametrize("option", [[], ["-new"]])
@pytest.mark.parametrize("nuclide", ["F-18", "Ga-68"])
def test_dciodvfy_finds_no_error(tmp_path, option, nuclide):
    volume = Volume(np.arange(60, dtype=np.float32).reshape(5, 4, 3), np.diag([-2.0, -3.0, 4.0, 1.0]))
    for file in write_pet_series(volume, tmp_path / "dicom", replace(SCAN, radionuclide=nuclide)):
        found = subprocess.run(["dciodvfy", *option, str(file)], capture_output=True, text=True, check=False)
        assert (
            found.stderr == "PETImage\n"
        )  # its name for what it recognised; errors and warnings would follow
        assert found.returncode == 0


def test_refuses_a_sheared_grid(tmp_path):
    affine = np.eye(4)
    affine[0, 2] = 0.2
    with pytest.raises(GeometryError, match=r"not perpendicular.*1 mm"):
        write_pet_series(Volume(np.arange(24.0).reshape(2, 2, 6), affine), tmp_path / "dicom", SCAN)
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_single_slice(tmp_path):
    with pytest.raises(GeometryError, match=r"\(2, 2, 1\).*two or more"):
        write_pet_series(Volume(np.arange(4.0).reshape(2, 2, 1), np.eye(4)), tmp_path / "dicom", SCAN)


def test_refuses_rows_that_dicom_cannot_count(tmp_path):
    suv = np.zeros((65536, 1, 2), dtype=np.float32)
    suv[0] = 1
    with pytest.raises(GeometryError, match="65535"):
        write_pet_series(Volume(suv, np.eye(4)), tmp_path / "dicom", SCAN)


def test_refuses_a_folder_that_holds_files(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        write_pet_series(Volume(np.arange(8.0).reshape(2, 2, 2), np.eye(4)), tmp_path, SCAN)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_refuses_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_pet_series(
            Volume(np.arange(8.0).reshape(2, 2, 2), np.eye(4)), tmp_path / "file" / "dicom", SCAN
        )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"radionuclide": "Tc-99m"}, "radionuclide 'Tc-99m'; expected one of C-11, F-18"),
        ({"weight_kg": 0.0}, "weight_kg is 0"),
        ({"dose_bq": float("nan")}, "dose_bq is nan"),
        ({"duration_s": -1.0}, "duration_s is -1"),
        ({"start": datetime(2024, 2, 29, 9)}, "before the injection"),
        ({"start": datetime.fromisoformat("2024-02-29T11:00:00+01:00")}, "time zone"),
        ({"patient_sex": "X"}, "patient_sex is 'X'"),
        ({"scanner": "a\\b"}, "backslash"),
        ({"patient_id": "x" * 65}, "64 characters"),
    ],
)
def test_a_scan_refuses_what_makes_no_suv(changed, message):
    with pytest.raises(UsageError, match=message):
        replace(SCAN, **changed)
