"""DICOM SEG: voxel for voxel what was written, with codes, and without an error of an independent validator."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest

from seganypet.errors import ImageReadError, OutputError, PromptError
from seganypet.io import read_volume
from seganypet.io.coded_names import coded
from seganypet.io.dicom_seg import write_seg
from seganypet.targets import ORGANS
from seganypet.volume import Mask, Volume
from synthetic_dicom import pet_folder

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of names in the series


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return read_volume(pet_folder(tmp_path / "series"))


def random_mask(volume: Volume, seed: int) -> Mask:
    return volume.like(np.random.default_rng(seed).random(volume.shape) < 0.3)


def read_back(path: Path, volume: Volume) -> np.ndarray:
    """Return the segments, bool [I, J, K, segment], found by the slices that they refer to."""
    slices = [
        pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID for file in volume.source.dicom_files
    ]
    frames = hd.seg.segread(path).get_pixels_by_source_instance(
        slices, combine_segments=False, assert_missing_frames_are_empty=True
    )
    return frames.transpose(2, 1, 0, 3).astype(bool)


def test_masks_come_back_voxel_for_voxel_even_where_they_overlap(tmp_path: Path, volume: Volume) -> None:
    masks = {"liver": random_mask(volume, 1), "lesion 1": random_mask(volume, 2)}
    write_seg(masks, tmp_path / "seg.dcm", version="1.2.3")
    found = read_back(tmp_path / "seg.dcm", volume)
    for n, mask in enumerate(masks.values()):
        assert np.array_equal(found[..., n], mask.array)


def test_segments_are_named_coded_and_tracked(tmp_path: Path, volume: Volume) -> None:
    masks = {name: random_mask(volume, n) for n, name in enumerate(["kidney_left", "lesion 1", "lesion 2"])}
    write_seg(masks, tmp_path / "seg.dcm", version="1.2.3")
    data = pydicom.dcmread(tmp_path / "seg.dcm")
    kidney, first, second = data.SegmentSequence
    assert [s.SegmentLabel for s in data.SegmentSequence] == ["kidney_left", "lesion 1", "lesion 2"]
    assert kidney.SegmentedPropertyTypeCodeSequence[0].CodeValue == "64033007"
    side = kidney.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence[0]
    assert (side.CodeValue, side.CodingSchemeDesignator) == ("7771000", "SCT")
    assert first.SegmentedPropertyTypeCodeSequence[0].CodeValue == "52988006"
    assert first.TrackingUID != second.TrackingUID
    assert kidney.SegmentationAlgorithmIdentificationSequence[0].AlgorithmVersion == "1.2.3"
    own = pydicom.dcmread(volume.source.dicom_files[0], stop_before_pixels=True)
    assert (data.StudyInstanceUID, data.FrameOfReferenceUID) == (
        own.StudyInstanceUID,
        own.FrameOfReferenceUID,
    )
    assert data.SeriesInstanceUID != own.SeriesInstanceUID


@pytest.mark.parametrize("name", ORGANS)
def test_every_organ_has_a_code_of_its_own(name: str) -> None:
    meaning = coded(name)
    assert meaning.category.value == "91723000"
    others = [coded(other) for other in ORGANS if other != name]
    assert (meaning.kind, meaning.side) not in [(other.kind, other.side) for other in others]
    assert (meaning.side is not None) == name.endswith(("_left", "_right"))


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy not found; install dicom3tools")
@pytest.mark.real_data
def test_a_validator_finds_no_error_on_a_real_series(tmp_path: Path, shared_data: Path) -> None:
    volume = read_volume(shared_data / "sts_001" / "dicom_pet")
    inside = np.zeros(volume.shape, dtype=np.bool_)
    inside[40:60, 50:70, 100:140] = True
    path = tmp_path / "seg.dcm"
    write_seg({"liver": volume.like(inside)}, path, version="1.2.3")
    assert np.array_equal(read_back(path, volume)[..., 0], inside)
    told = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    assert "Segmentation" in told.stderr + told.stdout
    assert "Error" not in told.stderr + told.stdout


def test_what_cannot_be_written_is_refused(tmp_path: Path, volume: Volume) -> None:
    mask = random_mask(volume, 1)
    empty = volume.like(np.zeros(volume.shape, dtype=np.bool_))
    with pytest.raises(PromptError, match=r"'spleen' is empty"):
        write_seg({"liver": mask, "spleen": empty}, tmp_path / "seg.dcm", version="1")
    with pytest.raises(PromptError, match="no masks"):
        write_seg({}, tmp_path / "seg.dcm", version="1")
    with pytest.raises(OutputError, match=r"ends in \.dcm"):
        write_seg({"liver": mask}, tmp_path / "seg.nii", version="1")
    with pytest.raises(OutputError, match=r"write \.nii\.gz"):
        write_seg({"liver": Mask(mask.array, mask.affine)}, tmp_path / "seg.dcm", version="1")
    Path(volume.source.dicom_files[0]).unlink()
    with pytest.raises(ImageReadError, match="put the source series back"):
        write_seg({"liver": mask}, tmp_path / "seg.dcm", version="1")
    assert list(tmp_path.glob("*.dcm")) == []
