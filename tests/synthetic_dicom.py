"""Make small DICOM PET series on disk, with any tag overridden."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
PET_CLASS = "1.2.840.10008.5.1.4.1.1.128"

# One half-life of F-18, 6586.2 s, lies between injection (09:10:13.8) and series time (11:00:00).
SERIES_TAGS: dict[str, Any] = {
    "SOPClassUID": PET_CLASS,
    "ImageType": ["ORIGINAL", "PRIMARY"],
    "Modality": "PT",
    "Manufacturer": "Synthetic",
    "SeriesDescription": "PET AC",
    "PatientName": "Synthetic^Phantom",
    "PatientID": "SYN",
    "PatientSex": "M",
    "PatientSize": "1.80",
    "PatientWeight": "70",
    "StudyDate": "20240229",
    "SeriesDate": "20240229",
    "SeriesTime": "110000",
    "AcquisitionDate": "20240229",
    "AcquisitionTime": "110000",
    "ActualFrameDuration": "120000",
    "FrameReferenceTime": "60000",
    "SeriesType": ["STATIC", "IMAGE"],
    "Units": "BQML",
    "DecayCorrection": "START",
    "CorrectedImage": ["DECY", "ATTN", "SCAT"],
    "AttenuationCorrectionMethod": "measured",
    "PatientPosition": "HFS",
    "PixelSpacing": [4.0, 5.0],
    "SliceThickness": "3",
    "ImageOrientationPatient": list(AXIAL),
    "RescaleIntercept": "0",
    "RescaleSlope": "10",
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsAllocated": 16,
    "BitsStored": 16,
    "HighBit": 15,
    "PixelRepresentation": 1,
}
DRUG_TAGS: dict[str, Any] = {
    "Radiopharmaceutical": "FDG",
    "RadiopharmaceuticalStartTime": "091013.800000",
    "RadionuclideTotalDose": "350000000",
    "RadionuclideHalfLife": "6586.2",
}
START_FACTOR = 4e-4
"""SUV per Bq/ml of these tags: 70 kg × 1000 / (350 MBq / 2)."""


def make_slices(
    *,
    stored: npt.NDArray[np.int16] | None = None,
    orientation: Sequence[float] = AXIAL,
    origin: Sequence[float] = (-10.0, -20.0, 30.0),
    gaps: Sequence[float] | float = 3.0,
    nuclide: str = "^18^Fluorine",
    edit: Callable[[int, FileDataset], None] | None = None,
    **tags: Any,
) -> list[FileDataset]:
    """Return the data sets of one series, ordered along row × column direction.

    Args:
        stored: Stored pixels, int16 [slice, row, column]; noise of 1 to 1000 by default, 4 × 6 × 5.
        orientation: ImageOrientationPatient.
        origin: ImagePositionPatient of the first slice.
        gaps: Distances between neighbouring slices, or the one distance.
        nuclide: Code meaning of the radionuclide; "" for no code.
        edit: Called with each index and data set, to change single slices.
        tags: Values by keyword; None removes a tag.
    """
    if stored is None:
        stored = np.random.default_rng(0).integers(1, 1000, (4, 6, 5)).astype(np.int16)
    steps = np.full(len(stored) - 1, gaps) if isinstance(gaps, float) else np.asarray(gaps)
    depths = np.concatenate([[0.0], np.cumsum(steps)])
    normal = np.cross(orientation[:3], orientation[3:])
    uids = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()}
    slices = []
    for k, plane in enumerate(stored):
        data = _empty()
        data.update(uids | {"FrameOfReferenceUID": uids["StudyInstanceUID"]})
        data.SOPInstanceUID = generate_uid()
        data.InstanceNumber = k + 1
        data.NumberOfSlices = len(stored)
        _fill(data, {k: v for k, v in SERIES_TAGS.items() if k not in tags})
        data.ImageOrientationPatient = [float(f"{c:.12f}") for c in orientation]
        data.ImagePositionPatient = [round(float(c), 9) for c in np.asarray(origin) + depths[k] * normal]
        data.RadiopharmaceuticalInformationSequence = DicomSequence([_drug(nuclide, tags)])
        _fill(
            data,
            {k: v for k, v in tags.items() if k not in DRUG_TAGS and k != "RadiopharmaceuticalStartDateTime"},
        )
        data.Rows, data.Columns = plane.shape
        data.PixelData = np.ascontiguousarray(plane, dtype="<i2").tobytes()
        if edit:
            edit(k, data)
        slices.append(data)
    return slices


def write_series(folder: Path, slices: Sequence[FileDataset], *, names: Sequence[str] | None = None) -> Path:
    """Write data sets to a folder as 000.dcm, 001.dcm, … or under the given names; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, data in enumerate(slices):
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        data.save_as(folder / (names[k] if names else f"{k:03d}.dcm"), enforce_file_format=True)
    return folder


def pet_folder(folder: Path, **kwargs: Any) -> Path:
    """Write a series made by `make_slices` and return its folder."""
    return write_series(folder, make_slices(**kwargs))


def add_private(data: Dataset, group: int, creator: str, values: Mapping[int, tuple[str, Any]]) -> None:
    """Add private values, {element: (VR, value)}, under a creator."""
    block = data.private_block(group, creator, create=True)
    for element, (vr, value) in values.items():
        block.add_new(element, vr, value)


def _empty() -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)


def _drug(nuclide: str, tags: Mapping[str, Any]) -> Dataset:
    drug = Dataset()
    known = [*DRUG_TAGS, "RadiopharmaceuticalStartDateTime"]
    _fill(drug, DRUG_TAGS | {k: v for k, v in tags.items() if k in known})
    if nuclide:
        code = Dataset()
        code.CodeMeaning = nuclide
        drug.RadionuclideCodeSequence = DicomSequence([code])
    return drug


def _fill(data: Dataset, values: Mapping[str, Any]) -> None:
    for keyword, value in values.items():
        if value is not None:
            setattr(data, keyword, value)
        elif keyword in data:
            delattr(data, keyword)
