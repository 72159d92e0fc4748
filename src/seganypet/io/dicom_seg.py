"""Write masks as a DICOM segmentation [DICOM PS3.3 A.51] that refers to the series they were made on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import highdicom as hd
import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from seganypet.errors import ImageReadError, OutputError, PromptError, reason_of
from seganypet.io.coded_names import coded
from seganypet.io.dicom_values import UNREADABLE
from seganypet.io.write import atomic_path
from seganypet.volume import BoolArray, Mask, Source

_MAKER: Final = "SegAnyPET"
_LONGEST_LABEL: Final = 64
# Of type 2: they must be there, and may say nothing; some series leave them out.
_MAY_BE_EMPTY: Final = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber"),
    *("StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"),
)


def write_seg(masks: Mapping[str, Mask], path: str | Path, *, version: str, series_number: int = 900) -> None:
    """Write masks as one DICOM SEG, a binary segment each; they may overlap.

    Names of organs and lesions become codes of SNOMED CT; each segment has a tracking identifier of its own. Patient,
    study and frame of reference are those of the source series.

    Args:
        masks: By name, all on the grid of one DICOM series; empty ones are refused.
        path: A .dcm file; an existing one is replaced.
        version: Of the software, as the segments' algorithm is identified with it.
        series_number: Of the new series.

    Raises:
        OutputError: The masks come from no DICOM series, or another suffix, or the file cannot be written.
        PromptError: There are no masks, or one is empty.
        ImageReadError: A file of the source series is gone or damaged.
    """
    path = Path(path)
    if path.suffix.lower() != ".dcm":
        raise OutputError(f"{path}: unknown suffix {path.suffix!r}; use a name that ends in .dcm")
    if not masks:
        raise PromptError(f"{path}: no masks to write; segment something first")
    empty = [name for name, mask in masks.items() if not mask.array.any()]
    if empty:
        raise PromptError(f"{path}: {', '.join(map(repr, empty))} is empty; a segment must mark something")
    source = next(iter(masks.values())).source
    if source.kind != "dicom":
        raise OutputError(
            f"{path}: a DICOM SEG refers to a DICOM series, and {source.path or 'this image'} is none; write .nii.gz"
        )
    images = _headers(source)
    segmentation = hd.seg.Segmentation(
        source_images=images,
        pixel_array=_pixels([mask.array for mask in masks.values()]),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_described(n, name, version) for n, name in enumerate(masks, start=1)],
        series_instance_uid=generate_uid(),
        series_number=series_number,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer=_MAKER,
        manufacturer_model_name=_MAKER,
        software_versions=version,
        device_serial_number="0",
        content_label="SEGMENTATION",
        content_description="Segmentation of a PET. Research use only",
        series_description="SegAnyPET segmentation",
    )
    with atomic_path(path) as temporary:
        segmentation.save_as(temporary)


def _headers(source: Source) -> list[Dataset]:
    """Return the source's slices in order, without their pixels."""
    found: list[Dataset] = []
    for file in source.dicom_files:
        try:
            data = pydicom.dcmread(file, stop_before_pixels=True)
        except (OSError, *UNREADABLE) as error:
            raise ImageReadError(
                f"{file}: cannot be read any more ({reason_of(error)}); put the source series back"
            ) from error
        for keyword in _MAY_BE_EMPTY:
            if keyword not in data:
                setattr(data, keyword, "")
        found.append(data)
    return found


def _pixels(masks: Sequence[BoolArray]) -> np.ndarray:
    """Return masks [column, row, slice] as frames, uint8 [slice, row, column, segment]."""
    return np.stack([mask.transpose(2, 1, 0) for mask in masks], axis=-1).astype(np.uint8)


def _described(number: int, name: str, version: str) -> hd.seg.SegmentDescription:
    meaning = coded(name)
    description = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=name[:_LONGEST_LABEL],
        segmented_property_category=meaning.category,
        segmented_property_type=meaning.kind,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=_MAKER, family=codes.DCM.ArtificialIntelligence, version=version
        ),
        tracking_uid=generate_uid(),
        tracking_id=f"{number} {name}"[:_LONGEST_LABEL],
    )
    if meaning.side is not None:
        side = hd.sr.CodedConcept.from_code(meaning.side)
        description.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [side]
    return description
