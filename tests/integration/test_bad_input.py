"""Bad scans through the command line: one line that says what is wrong and what to do, and nothing written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from odd_scans import (
    SHAPE,
    Maker,
    cut,
    dicom,
    nifti,
    one_voxel,
    only_third,
    suv_values,
    two_series,
    two_time_frames,
    without_a_file,
)
from seganypet.cli import main
from seganypet.io import read_mask
from tiny_weights import write_tiny_weights

CLICK = ["--click", "2,2,2"]
SUV_BY_HAND = [
    *("--weight-kg", "70", "--dose-mbq", "350", "--half-life-s", "6586.2"),
    *("--injection-time", "10:00:00", "--reference-time", "11:00:00"),
]


def missing(keyword: str, words: str) -> tuple[Maker, str]:
    return dicom(**{keyword: None}), rf"\(\w{{4}},\w{{4}}\) {words} missing; give .*\(--"


SCANS: dict[str, tuple[Maker, str]] = {
    "CT": (dicom(Modality="CT", SOPClassUID="1.2.840.10008.5.1.4.1.1.2"), "no PET series.*CT 'PET AC' 4 files"),
    "MR": (dicom(Modality="MR", SOPClassUID="1.2.840.10008.5.1.4.1.1.4"), "no PET series.*MR 'PET AC' 4 files"),
    "CT as NIfTI": (nifti(suv_values() * 100 - 1000), "lowest -9.*is this CT or MR.*Pass the PET"),
    "MR as NIfTI": (nifti(suv_values() * 100), "unless this is CT or MR"),
    "Enhanced PET": (
        dicom(SOPClassUID="1.2.840.10008.5.1.4.1.1.130"),
        r"\(0008,0016\) SOPClassUID is .*\(Enhanced PET\).*export it as PET Image Storage, one file a slice",
    ),
    "no weight": missing("PatientWeight", "PatientWeight is"),
    "no dose": missing("RadionuclideTotalDose", "RadionuclideTotalDose is"),
    "no half-life": missing("RadionuclideHalfLife", "RadionuclideHalfLife is"),
    "no injection time": missing("RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartTime are"),
    "no scan time": (
        dicom(SeriesTime=None, AcquisitionTime=None),
        r"SeriesTime and .*AcquisitionTime are missing; give reference_time \(--reference-time",
    ),
    "dose in MBq": (dicom(RadionuclideTotalDose="350"), r"is 350, .*looks like MBq.*--dose-mbq.*3\.5e\+08 Bq if"),
    "dose in kBq": (dicom(RadionuclideTotalDose="350000"), r"is 350000, .*such as 3\.5e\+08 Bq if it is in kBq"),
    "dose in mBq": (dicom(RadionuclideTotalDose="35e13"), r"is 3\.5e\+14 Bq, more than any patient gets"),
    "two series": (two_series, "2 PET series: .*'PET AC'.*'PET NAC'.*--series UID"),
    "mixed units": (dicom(edit=only_third(Units="GML")), "Units is BQML in 000.dcm, GML in 002.dcm; .*separate"),
    "mixed patients": (dicom(edit=only_third(PatientWeight="60")), "PatientWeight is 70 in 000.dcm, 60 in 002.dcm"),
    "missing slice": (without_a_file, "1 slice is missing: 6 mm between 001.dcm .*003.dcm.*copy the whole series"),
    "uneven gap": (dicom(gaps=[3, 3.2, 3]), r"3\.2 mm between 001.dcm .*others are 3 mm .*tolerance 0\.1 mm"),
    "dynamic": (dicom(SeriesType=["DYNAMIC", "IMAGE"]), r"SeriesType is DYNAMIC\\IMAGE; .*export one frame"),
    "dynamic by position": (
        dicom(gaps=[3, -3, 3], edit=two_time_frames),
        "2 time frames at position .*dynamic or gated; export one frame",
    ),
    "gated": (dicom(SeriesType=["GATED", "IMAGE"]), r"SeriesType is GATED\\IMAGE; expected STATIC or WHOLE BODY"),
    "gated by slots": (dicom(NumberOfTimeSlots=8), r"NumberOfTimeSlots is 8 \(gated\); export one gate"),
    "empty DICOM": (dicom(stored=np.zeros((3, 6, 5), np.int16)), "every voxel is 0: the volume is empty"),
    "truncated DICOM": (cut(dicom(), "002.dcm", -40), "002.dcm: pixels cannot be decoded.*copy it anew"),
    "2D": (nifti(suv_values((8, 7))), r"shape \(8, 7\) has 2 dimensions; expected 3.*pass the whole volume"),
    "4D": (nifti(suv_values((*SHAPE, 3))), r"shape \(8, 7, 6, 3\) has 4 dimensions; expected 3.*extract one frame"),
    "zero affine": (
        nifti(sform_code=1, srow_x=0, srow_y=0, srow_z=0),
        r"affine is singular \(voxel size \[0\.0, 0\.0, 0\.0\] mm\).*repair the file's sform or qform",
    ),
    "zero voxel size": (
        nifti(sform_code=0, qform_code=0, pixdim=[1, 0, 0, 0, 0, 0, 0, 0]),
        "no usable voxel size.*non-zero.*repair the header",
    ),
    "negative voxel size": (
        nifti(sform_code=0, qform_code=1, pixdim=[1, -4, 4, 3, 0, 0, 0, 0]),
        "no usable voxel size.*positive.*repair the header",
    ),
    "singular affine": (nifti(sform_code=1, srow_z=[0, 4, 0, 0]), "affine is singular.*repair"),
    "affine of NaN": (nifti(sform_code=1, srow_x=[np.nan, 0, 0, 0]), "not finite: .*nan.*repair"),
    "NaN": (nifti(one_voxel(np.nan)), "1 of 336 voxels are NaN or infinite; repair or crop"),
    "infinity": (nifti(one_voxel(-np.inf)), "1 of 336 voxels are NaN or infinite; repair or crop"),
    "empty NIfTI": (nifti(np.zeros(SHAPE, np.float32)), "every voxel is 0: .*is this the right file"),
    "Bq/ml": (nifti(suv_values() * 5000), r"look like Bq/ml rather than SUV.*--weight-kg KG.*--dose-mbq.*pet\.json"),
    "Bq/ml, no more said": (
        nifti(suv_values() * 5000, sidecar={"Units": "Bq/mL"}),
        "the sidecar lacks BodyWeight, InjectedRadioactivity, .*add it, or give weight_kg",
    ),
    "large negatives": (nifti(one_voxel(-50)), "the lowest voxel is -50; .*is this CT or MR"),
    "truncated NIfTI": (cut(nifti(), "", 500), r"truncated or no NIfTI.*Expected 1344 bytes, got 148.*copy or export"),
    "unknown voxel type": (nifti(datatype=3), "damaged header .data code 3 not recognized.; copy or export"),
    "text": (cut(nifti(), "", 0), "empty, truncated or no NIfTI"),
    "nothing there": (lambda folder: folder / "pet.nii.gz", "no such file or folder; check the path"),
}  # fmt: skip


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_weights(tmp_path_factory.mktemp("weights"))


@pytest.mark.parametrize(("make", "message"), SCANS.values(), ids=SCANS)
def test_a_scan_that_cannot_be_used(refused, weights, tmp_path, make, message):
    scan = make(tmp_path)
    commands = {"segment": [*CLICK, "--weights", weights], "suv": []}
    for verb, argv in commands.items():
        line = refused(verb, scan, *argv, "-o", "new/out.nii.gz")
        assert re.search(message, line), line
        assert str(scan) in line


def test_ct_cannot_be_converted_as_if_it_were_activity(refused, tmp_path):
    scan = nifti(suv_values() * 100 - 1000)(tmp_path)
    assert "is this CT or MR" in refused("suv", scan, *SUV_BY_HAND, "-o", "new/suv.nii.gz")


def test_bq_given_as_mbq(refused, tmp_path):
    line = refused("suv", dicom()(tmp_path), "--dose-mbq", "350000000", "-o", "suv.nii.gz")
    assert "override dose_bq is 3.5e+14 Bq" in line
    assert "was a number in Bq given as MBq" in line


NO_TRANSFORM = "neither sform nor qform is set.*left and right may be swapped"
PASSES: dict[str, tuple[Maker, list[str]]] = {
    "SPECT by nuclide": (
        dicom(nuclide="^99m^Technetium", Radiopharmaceutical="MDP", RadionuclideHalfLife="21624"),
        ["the radionuclide is Tc-99m: read as SPECT stored as PET"],
    ),
    "SPECT by image type": (
        dicom(ImageType=["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]),
        [r"ImageType is .*RECON TOMO.*: read as SPECT stored as PET"],
    ),
    "a gap of 3.19 mm": (
        dicom(stored=np.arange(1, 361, dtype=np.int16).reshape(12, 6, 5), gaps=[3.27] * 5 + [3.19] + [3.27] * 5),
        [r"slices lie 3\.19 to 3\.27 mm apart: the mean, 3\.2627 mm, was taken"],
    ),
    "small negatives": (nifti(one_voxel(-0.3)), [r"negative SUV down to -0\.3 \(resampling\?\): kept"]),
    "trailing dimension of 1": (nifti(suv_values((*SHAPE, 1))), []),
    "two trailing dimensions of 1": (nifti(suv_values((*SHAPE, 1, 1))), []),
    "no orientation": (nifti(sform_code=0, qform_code=0), [NO_TRANSFORM]),
    "odd header": (nifti(qform_code=77), ["odd header: qform_code 77 not valid; setting to 0"]),
    "a value against the rules of DICOM": (dicom(SeriesDescription="PET " * 20), []),
}  # fmt: skip


@pytest.mark.parametrize(("make", "messages"), PASSES.values(), ids=PASSES)
def test_what_is_odd_passes_with_a_warning(weights, tmp_path, capfd, recwarn, make, messages):
    scan, out = make(tmp_path), tmp_path / "out"
    capfd.readouterr()
    recwarn.clear()
    assert main(["segment", str(scan), *CLICK, "--weights", str(weights), "-o", str(out / "m.nii.gz")]) == 0
    assert main(["suv", str(scan), "-o", str(out / "suv.nii.gz")]) == 0
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2 * len(messages)  # once for each command
    for line, message in zip(lines, messages * 2, strict=True):
        assert line.startswith(f"seganypet: warning: {scan}: ")
        assert re.search(message, line), line
    assert [str(warning.message) for warning in recwarn] == []
    assert {path.name for path in out.iterdir()} == {"m.nii.gz", "m.json", "suv.nii.gz", "suv.json"}
    assert read_mask(out / "m.nii.gz").array[2, 2, 2]
    warned = json.loads((out / "m.json").read_text())["warnings"]
    assert [line.removeprefix("seganypet: warning: ") for line in lines[: len(messages)]] == warned
