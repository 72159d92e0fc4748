"""The tags of a PET series that SUV is computed from, as `PETTags`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydicom.dataset import Dataset

from seganypet.errors import SUVError
from seganypet.io.dicom_values import (
    date_and_time,
    first_item,
    items,
    number,
    private_number,
    private_text,
    tag_name,
    text,
    texts,
    to_datetime,
    to_time,
)
from seganypet.io.suv_tags import DICOM_NAMES, FrameTags, PETTags

_GE, _SIEMENS = "GEMS_PETD_01", "SIEMENS MED PT"
PHILIPS: Final = "Philips PET Private Group"
PHILIPS_FACTORS: Final = ("philips_suv_factor", 0x00), ("philips_activity_factor", 0x09)


def pet_tags(slices: Sequence[Dataset]) -> PETTags:
    """Return what SUV is computed from.

    Args:
        slices: Headers of one series whose series-wide tags agree, in slice order.

    Raises:
        SUVError: A date, time or number is garbled, or there are several radiopharmaceuticals.
    """
    data = slices[0]
    drug = _radiopharmaceutical(data)
    warnings: list[str] = []

    def moment(value: str | None, name: str) -> datetime | None:
        if value is None:
            return None
        parsed, warning = to_datetime(
            value, DICOM_NAMES[name], local_offset=text(data, "TimezoneOffsetFromUTC")
        )
        warnings.extend([warning] if warning else [])
        return parsed

    clock = text(drug, "RadiopharmaceuticalStartTime")
    return PETTags(
        units=text(data, "Units"),
        suv_type=text(data, "SUVType"),
        decay_correction=text(data, "DecayCorrection"),
        corrected_image=texts(data, "CorrectedImage") or None,
        attenuation_method=text(data, "AttenuationCorrectionMethod"),
        weight_kg=number(data, "PatientWeight"),
        height_m=number(data, "PatientSize"),
        sex=text(data, "PatientSex"),
        dose_bq=number(drug, "RadionuclideTotalDose"),
        half_life_s=number(drug, "RadionuclideHalfLife"),
        radionuclide=_codes(drug, "RadionuclideCodeSequence"),
        radiopharmaceutical=text(drug, "Radiopharmaceutical")
        or _codes(drug, "RadiopharmaceuticalCodeSequence"),
        series_datetime=date_and_time(data, "SeriesDate", "SeriesTime"),
        injection_datetime=moment(text(drug, "RadiopharmaceuticalStartDateTime"), "injection_datetime"),
        injection_time=None if clock is None else to_time(clock, DICOM_NAMES["injection_time"]),
        ge_injection_datetime=moment(private_text(data, 0x0009, 0x3B, _GE), "ge_injection_datetime"),
        ge_scan_datetime=moment(private_text(data, 0x0009, 0x0D, _GE), "ge_scan_datetime"),
        siemens_reference_datetime=moment(
            private_text(data, 0x0071, 0x22, _SIEMENS), "siemens_reference_datetime"
        ),
        philips_suv_factor=private_number(data, 0x7053, 0x00, PHILIPS),
        philips_activity_factor=private_number(data, 0x7053, 0x09, PHILIPS),
        frames=tuple(frame_tags(s) for s in slices),
        warnings=tuple(warnings),
    )


def frame_tags(data: Dataset) -> FrameTags:
    """Return the times of one slice.

    Raises:
        SUVError: A date, time or number is garbled.
    """
    acquired = date_and_time(data, "AcquisitionDate", "AcquisitionTime")
    whole = text(data, "AcquisitionDateTime")
    if acquired is None and whole is not None:
        acquired, _ = to_datetime(
            whole, tag_name("AcquisitionDateTime"), local_offset=text(data, "TimezoneOffsetFromUTC")
        )
    if acquired is None:
        acquired = date_and_time(data, "SeriesDate", "AcquisitionTime")
    duration_ms, reference_ms = number(data, "ActualFrameDuration"), number(data, "FrameReferenceTime")
    return FrameTags(
        acquisition_datetime=acquired,
        duration_s=None if duration_ms is None else duration_ms / 1000,
        reference_time_s=None if reference_ms is None else reference_ms / 1000,
    )


def _radiopharmaceutical(data: Dataset) -> Dataset:
    drugs = items(data, "RadiopharmaceuticalInformationSequence")
    if any(drug != drugs[0] for drug in drugs[1:]):
        raise SUVError(
            f"{tag_name('RadiopharmaceuticalInformationSequence')} has {len(drugs)} radiopharmaceuticals; "
            "an image of several has no SUV; read a series of one"
        )
    return drugs[0] if drugs else Dataset()


def _codes(data: Dataset, keyword: str) -> str | None:
    """Return value and meaning of the first code of a code sequence, or None."""
    code = first_item(data, keyword)
    words = text(code, "CodeValue"), text(code, "CodeMeaning")
    return " ".join(word for word in words if word) or None
