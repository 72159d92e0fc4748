"""Series that are no static PET volume, and damaged files: one refusal each, by name, in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import JPEG2000

from seganypet.errors import ImageReadError, ImageValueError, SeriesError, SUVError
from seganypet.io.dicom_pet import read_dicom_pet
from synthetic_dicom import add_private, make_slices, pet_folder, write_series

Edit = Callable[[int, FileDataset], None]


def only(number: int, **tags: Any) -> Edit:
    """Change tags of one slice; those of the drug too."""

    def edit(k: int, data: FileDataset) -> None:
        if k == number:
            for keyword, value in tags.items():
                drug = data.RadiopharmaceuticalInformationSequence[0]
                setattr(drug if keyword.startswith("Radio") else data, keyword, value)

    return edit


def refused(error: type[Exception], message: str, path: Path, **kwargs: Any) -> None:
    with pytest.raises(error, match=message) as caught:
        read_dicom_pet(path, **kwargs)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (
            {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.130"},
            r"\(0008,0016\).*Enhanced PET.*export it as PET Image",
        ),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.128.1"}, r"Legacy Converted PET.*1\.128; export"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "no PET image"),
        ({"NumberOfFrames": 3}, "several frames"),
        (
            {"SeriesType": ["DYNAMIC", "IMAGE"]},
            r"\(0054,1000\) SeriesType is DYNAMIC\\IMAGE.*export one frame",
        ),
        ({"SeriesType": ["GATED", "IMAGE"]}, r"SeriesType is GATED"),
        ({"NumberOfRRIntervals": 8}, r"\(0054,0061\) NumberOfRRIntervals is 8 \(gated\)"),
        ({"NumberOfTimeSlots": 8}, r"\(0054,0071\) NumberOfTimeSlots is 8 \(gated\)"),
        ({"gaps": [3, 6, 3]}, r"1 slice is missing: 6 mm between 001\.dcm .*and 002\.dcm"),
        ({"gaps": [3, 4, 3]}, "uneven slices: 4 mm"),
        ({"gaps": [3, 0, 3]}, r"001\.dcm and 002\.dcm lie at one position"),
        ({"RescaleSlope": None}, r"000\.dcm: \(0028,1053\) RescaleSlope is None"),
        ({"RescaleSlope": "0"}, "RescaleSlope is 0"),
        ({"PixelSpacing": None}, r"\(0028,0030\) PixelSpacing"),
        ({"edit": only(2, Units="GML")}, r"\(0054,1001\) Units is BQML in 000\.dcm, GML in 002\.dcm"),
        ({"edit": only(2, PatientWeight="60")}, r"\(0010,1030\) PatientWeight is 70.* 60"),
        ({"edit": only(1, RadionuclideTotalDose="1e8")}, r"\(0018,1074\) RadionuclideTotalDose is 350"),
        ({"edit": only(1, RadionuclideHalfLife="4000")}, "RadionuclideHalfLife"),
        ({"edit": only(1, SeriesTime="120000")}, "SeriesTime is 110000 in"),
        ({"edit": only(1, DecayCorrection="ADMIN")}, "DecayCorrection is START in"),
        ({"edit": only(1, Rows=3)}, "Rows is 6 in"),
        ({"edit": only(1, PixelSpacing=[4, 4])}, r"PixelSpacing is 4\\5 in"),
        ({"edit": only(1, ImageOrientationPatient=[0, 1, 0, -1, 0, 0])}, "ImageOrientationPatient is 1"),
        (
            {"edit": only(1, ImagePositionPatient=None)},
            r"001\.dcm: \(0020,0032\) ImagePositionPatient is \[\]",
        ),
    ],
)
def test_what_is_no_static_pet_volume_is_refused(tmp_path: Path, tags: dict[str, Any], message: str):
    refused(SeriesError, message, pet_folder(tmp_path, **tags))


def test_a_frame_of_time_twice_is_dynamic(tmp_path: Path):
    def frames(k: int, data: FileDataset) -> None:
        data.FrameReferenceTime = str(60_000 * (1 + k // 2))

    folder = pet_folder(tmp_path, gaps=[3.0, -3.0, 3.0], edit=frames)
    refused(SeriesError, r"2 time frames at position .* dynamic or gated; export one frame", folder)


def test_a_copy_of_a_slice_is_named(tmp_path: Path):
    folder = pet_folder(tmp_path)
    (folder / "copy.dcm").write_bytes((folder / "001.dcm").read_bytes())
    refused(SeriesError, r"001\.dcm and copy\.dcm are copies of one image", folder)


def test_one_slice_is_no_volume(tmp_path: Path):
    refused(SeriesError, "only slice", write_series(tmp_path, make_slices()[:1]))


def test_another_modality_is_refused_even_when_chosen(tmp_path: Path):
    slices = make_slices(Modality="CT")
    folder = write_series(tmp_path, slices)
    refused(SeriesError, r"Modality is CT; expected PT", folder, series_uid=slices[0].SeriesInstanceUID)


def test_unusable_suv_tags_name_the_path(tmp_path: Path):
    refused(SUVError, r"\(0010,1030\) PatientWeight is 0", pet_folder(tmp_path, PatientWeight="0"))


def test_series_without_attenuation_correction_is_refused(tmp_path: Path):
    folder = pet_folder(tmp_path, CorrectedImage=["DECY", "SCAT"])
    refused(SUVError, "without ATTN; read the attenuation-corrected series", folder)


def test_two_tracers_are_refused(tmp_path: Path):
    def add(k: int, data: FileDataset) -> None:
        drugs = data.RadiopharmaceuticalInformationSequence
        drugs.append(make_slices(nuclide="^68^Gallium")[0].RadiopharmaceuticalInformationSequence[0])

    refused(SUVError, r"\(0054,0016\).*2 radiopharmaceuticals", pet_folder(tmp_path, edit=add))


def test_missing_radiopharmaceutical_is_refused(tmp_path: Path):
    def remove(k: int, data: FileDataset) -> None:
        del data.RadiopharmaceuticalInformationSequence

    refused(SUVError, "RadionuclideTotalDose is missing", pet_folder(tmp_path, edit=remove))


def test_private_factors_that_differ_between_slices_are_refused(tmp_path: Path):
    def factor(k: int, data: FileDataset) -> None:
        add_private(data, 0x7053, "Philips PET Private Group", {0: ("DS", "0.001" if k < 2 else "0.002")})

    folder = pet_folder(tmp_path, Units="CNTS", edit=factor)
    refused(SeriesError, r"\(7053,1000\) .* is 0\.001 in 000\.dcm, 0\.002 in 002\.dcm", folder)


def test_empty_image_is_refused(tmp_path: Path):
    folder = pet_folder(tmp_path, stored=np.zeros((3, 4, 4), dtype=np.int16))
    refused(ImageValueError, "every voxel is 0", folder)


@pytest.mark.parametrize("lost", [1, 10, 60, 72, 200, 800])
def test_truncated_file_is_named(tmp_path: Path, lost: int):
    file = pet_folder(tmp_path) / "002.dcm"
    file.write_bytes(file.read_bytes()[:-lost])
    refused(ImageReadError, r"002\.dcm", tmp_path)


def test_undecodable_compression_names_file_and_syntax(tmp_path: Path):
    slices = make_slices()
    for data in slices:
        data.file_meta.TransferSyntaxUID = JPEG2000
        data["PixelData"].VR = "OB"
        data.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\4\0\0\0junk\xfe\xff\xdd\xe0\0\0\0\0"
        data["PixelData"].is_undefined_length = True
    refused(ImageReadError, r"000\.dcm: pixels cannot be decoded .*4\.91\b", write_series(tmp_path, slices))
