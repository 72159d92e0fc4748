"""Refuse DICOM series that are no static PET volume: other modalities, mixed, dynamic, gated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from seganypet.errors import SeriesError
from seganypet.io.dicom_geometry import depths_mm, same_position
from seganypet.io.dicom_pet_tags import PHILIPS, PHILIPS_FACTORS
from seganypet.io.dicom_series import ENHANCED_PET_SOP_CLASS, LEGACY_CONVERTED_PET_SOP_CLASS, PET_SOP_CLASS
from seganypet.io.dicom_values import first_item, number, numbers, private_text, tag_name, text, texts
from seganypet.io.isotopes import SINGLE_PHOTON, identify_nuclide
from seganypet.io.suv_tags import DICOM_NAMES

_SAME_THROUGHOUT: Final = (
    "StudyInstanceUID", "FrameOfReferenceUID", "Rows", "Columns", "Units", "SUVType",
    "DecayCorrection", "CorrectedImage", "SeriesDate", "SeriesTime", "PatientWeight", "PatientSize",
    "PatientSex",
)  # fmt: skip
_SAME_DRUG: Final = (
    "RadionuclideTotalDose", "RadionuclideHalfLife", "RadiopharmaceuticalStartTime",
    "RadiopharmaceuticalStartDateTime",
)  # fmt: skip
# Direction cosines and spacings are stored as rounded decimal text.
_SAME_NUMBERS: Final = {"ImageOrientationPatient": 1e-4, "PixelSpacing": 1e-4}
_WIDE_SPACING = 1.5


def refuse_unless_static_pet(slices: Sequence[Dataset], names: Sequence[str]) -> None:
    """Refuse a series that is no classic, static, single-volume PET.

    Args:
        slices: Its data sets.
        names: File name of each, for messages.

    Raises:
        SeriesError: Another modality or storage class, dynamic, gated, mixed tags, or a position twice.
    """
    for data, name in zip(slices, names, strict=True):
        _check_class(data, name)
        _check_kind(data, name)
    _check_same(slices, names)
    _check_positions(slices, names)


def positions_mm(slices: Sequence[Dataset], names: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return ImagePositionPatient of each slice: float64 [N, 3], LPS, mm.

    Raises:
        SeriesError: A slice has none.
    """
    positions = []
    for data, name in zip(slices, names, strict=True):
        position = numbers(data, "ImagePositionPatient")
        if len(position) != 3:
            raise SeriesError(
                f"{name}: {tag_name('ImagePositionPatient')} is {list(position)}; expected three "
                "numbers in mm; export the series anew"
            )
        positions.append(position)
    return np.array(positions, dtype=np.float64)


def unusual(slices: Sequence[Dataset], spacing_mm: float) -> list[str]:
    """Return what is unusual, yet accepted, about a series.

    Args:
        slices: Its data sets.
        spacing_mm: Distance between slices.
    """
    data, notes = slices[0], []
    drug = first_item(data, "RadiopharmaceuticalInformationSequence")
    codes = first_item(drug, "RadionuclideCodeSequence")
    nuclide = identify_nuclide(
        text(codes, "CodeValue"), text(codes, "CodeMeaning"), text(drug, "Radiopharmaceutical")
    )
    image_type = texts(data, "ImageType")
    if nuclide in SINGLE_PHOTON:
        notes.append(f"the radionuclide is {nuclide}: read as SPECT stored as PET")
    elif any("SPECT" in word or word.endswith("TOMO") for word in image_type):
        notes.append(f"{tag_name('ImageType')} is {chr(92).join(image_type)}: read as SPECT stored as PET")
    stated = number(data, "NumberOfSlices")
    if stated is not None and stated > len(slices):
        notes.append(
            f"{tag_name('NumberOfSlices')} is {stated:g}, found {len(slices)}: the ends may be missing"
        )
    thickness_mm = number(data, "SliceThickness")
    if thickness_mm and spacing_mm > _WIDE_SPACING * thickness_mm:
        notes.append(
            f"slices {thickness_mm:g} mm thick lie {spacing_mm:.4g} mm apart: is every other slice missing?"
        )
    if text(data, "LossyImageCompression") == "01":
        notes.append("pixels were compressed with loss: SUV may be off")
    return notes


def _check_class(data: Dataset, name: str) -> None:
    modality, sop_class = text(data, "Modality"), text(data, "SOPClassUID")
    if modality != "PT":
        raise SeriesError(f"{name}: {tag_name('Modality')} is {modality}; expected PT; pass the PET series")
    if sop_class == PET_SOP_CLASS:
        if (number(data, "NumberOfFrames") or 1) > 1 or (number(data, "SamplesPerPixel") or 1) != 1:
            raise SeriesError(
                f"{name}: several frames or colours; expected one grey slice a file; export it anew"
            )
        return
    kinds = {ENHANCED_PET_SOP_CLASS: "Enhanced PET", LEGACY_CONVERTED_PET_SOP_CLASS: "Legacy Converted PET"}
    kind = kinds.get(sop_class or "", "no PET image")
    raise SeriesError(
        f"{name}: {tag_name('SOPClassUID')} is {sop_class} ({kind}); expected {PET_SOP_CLASS}; "
        "export it as PET Image Storage, one file a slice"
    )


def _check_kind(data: Dataset, name: str) -> None:
    kind = texts(data, "SeriesType")
    if kind and kind[0] in ("DYNAMIC", "GATED"):
        raise SeriesError(
            f"{name}: {tag_name('SeriesType')} is {chr(92).join(kind)}; expected STATIC or WHOLE BODY; "
            "export one frame, or the mean of all, as a static series"
        )
    for keyword in ("NumberOfRRIntervals", "NumberOfTimeSlots"):
        count = number(data, keyword)
        if count is not None and count > 1:
            raise SeriesError(
                f"{name}: {tag_name(keyword)} is {count:g} (gated); export one gate, or the sum, "
                "as a static series"
            )


def _check_same(slices: Sequence[Dataset], names: Sequence[str]) -> None:
    for keyword in _SAME_THROUGHOUT:
        _refuse_mixed(tag_name(keyword), [text(data, keyword) for data in slices], names)
    drugs = [first_item(data, "RadiopharmaceuticalInformationSequence") for data in slices]
    for keyword in _SAME_DRUG:
        _refuse_mixed(tag_name(keyword), [text(drug, keyword) for drug in drugs], names)
    for name, element in PHILIPS_FACTORS:
        _refuse_mixed(
            DICOM_NAMES[name], [private_text(data, 0x7053, element, PHILIPS) for data in slices], names
        )
    for keyword, tolerance in _SAME_NUMBERS.items():
        values = [numbers(data, keyword) for data in slices]
        if len({len(v) for v in values}) > 1 or np.ptp(np.array(values), axis=0).max(initial=0.0) > tolerance:
            _refuse_mixed(tag_name(keyword), ["\\".join(f"{x:g}" for x in v) for v in values], names)


def _refuse_mixed(tag: str, values: Sequence[str | None], names: Sequence[str]) -> None:
    for value, name in zip(values, names, strict=True):
        if value != values[0]:
            raise SeriesError(
                f"{tag} is {values[0]} in {names[0]}, {value} in {name}; expected one value in "
                "a series; separate the series"
            )


def _check_positions(slices: Sequence[Dataset], names: Sequence[str]) -> None:
    """Refuse two slices at one position, saying whether they are copies, frames of time, or neither."""
    positions = positions_mm(slices, names)
    groups = same_position(depths_mm(positions, numbers(slices[0], "ImageOrientationPatient")))
    if not groups:
        return
    group = groups[0]
    pair = f"{names[group[0]]} and {names[group[1]]}"
    place = f"position {positions[group[0]].tolist()} mm"
    if len({text(slices[i], "SOPInstanceUID") for i in group}) == 1:
        raise SeriesError(f"{pair} are copies of one image; remove the copies")
    if len({_frame_time(slices[i]) for i in group}) > 1:
        raise SeriesError(
            f"{len(group)} time frames at {place} ({pair}): dynamic or gated; export one frame, "
            "or the mean of all, as a static series"
        )
    raise SeriesError(f"{pair} lie at one {place}; remove the files that do not belong to the series")


def _frame_time(data: Dataset) -> tuple[str | None, ...]:
    keywords = (
        "AcquisitionDate",
        "AcquisitionTime",
        "FrameReferenceTime",
        "TriggerTime",
        "TemporalPositionIdentifier",
    )
    return tuple(text(data, keyword) for keyword in keywords)
