"""What SUV is computed from: a file's values (`PETTags`), and what a person knows better (`SUVOverrides`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, time
from types import MappingProxyType
from typing import Any, Final

from seganypet.errors import SUVError

OVERRIDE_OPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "weight_kg": "--weight-kg KG",
        "dose_bq": "--dose-bq BQ or --dose-mbq MBQ",
        "injection_time": "--injection-time HH:MM:SS",
        "reference_time": "--reference-time HH:MM:SS",
        "half_life_s": "--half-life-s S",
        "height_m": "--height-m M",
        "sex": "--sex M|F",
    }
)
"""Command-line option that sets each field of `SUVOverrides`; remedies name both."""

DICOM_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "units": "(0054,1001) Units",
        "suv_type": "(0054,1006) SUVType",
        "decay_correction": "(0054,1102) DecayCorrection",
        "corrected_image": "(0028,0051) CorrectedImage",
        "attenuation_method": "(0054,1101) AttenuationCorrectionMethod",
        "weight_kg": "(0010,1030) PatientWeight",
        "height_m": "(0010,1020) PatientSize",
        "sex": "(0010,0040) PatientSex",
        "dose_bq": "(0018,1074) RadionuclideTotalDose",
        "half_life_s": "(0018,1075) RadionuclideHalfLife",
        "radionuclide": "(0054,0300) RadionuclideCodeSequence",
        "radiopharmaceutical": "(0018,0031) Radiopharmaceutical",
        "series_datetime": "(0008,0021) SeriesDate, (0008,0031) SeriesTime",
        "injection_datetime": "(0018,1078) RadiopharmaceuticalStartDateTime",
        "injection_time": "(0018,1072) RadiopharmaceuticalStartTime",
        "ge_injection_datetime": "(0009,103B) GE administered datetime",
        "ge_scan_datetime": "(0009,100D) GE PET scan datetime",
        "siemens_reference_datetime": "(0071,1022) Siemens decay correction datetime",
        "reference_datetime": "time of decay correction",
        "philips_suv_factor": "(7053,1000) Philips SUV scale factor",
        "philips_activity_factor": "(7053,1009) Philips activity concentration scale factor",
        "acquisition_datetime": "(0008,0022) AcquisitionDate, (0008,0032) AcquisitionTime",
        "duration_s": "(0018,1242) ActualFrameDuration",
        "reference_time_s": "(0054,1300) FrameReferenceTime",
    }
)
"""How errors and the record call each field of `PETTags` and `FrameTags`."""


@dataclass(frozen=True, kw_only=True)
class SUVOverrides:
    """Values that replace those of the file; None leaves the file's own.

    Attributes:
        weight_kg: Body weight.
        dose_bq: Injected activity at the time of injection, in Bq.
        injection_time: Local time of injection: a datetime, "HH:MM:SS" (the last such time before the scan)
            or an ISO date and time.
        reference_time: Local time the activity is decay-corrected to, written likewise. It goes before
            DecayCorrection and every time of the file.
        half_life_s: Half-life of the radionuclide.
        height_m: Body height.
        sex: "M" or "F".
    """

    weight_kg: float | None = None
    dose_bq: float | None = None
    injection_time: datetime | str | None = None
    reference_time: datetime | str | None = None
    half_life_s: float | None = None
    height_m: float | None = None
    sex: str | None = None

    def given(self) -> dict[str, Any]:
        """Return the fields that are set, by name."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class FrameTags:
    """Times of one slice or frame.

    Attributes:
        acquisition_datetime: Start of its acquisition, local time.
        duration_s: ActualFrameDuration, in s (DICOM stores ms).
        reference_time_s: FrameReferenceTime, in s after the series' reference time (DICOM stores ms).
    """

    acquisition_datetime: datetime | None = None
    duration_s: float | None = None
    reference_time_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class PETTags:
    """Values of one PET series from which SUV is computed; None or empty where the file has none.

    Attributes:
        units: Units: "BQML", "GML", "CM2ML" or "CNTS".
        suv_type: SUVType; None means body weight.
        decay_correction: "START", "ADMIN" or "NONE".
        corrected_image: Corrections applied ("ATTN", "DECY", …); None where the file does not say.
        attenuation_method: AttenuationCorrectionMethod.
        weight_kg: Body weight.
        height_m: Body height.
        sex: "M" or "F".
        dose_bq: Injected activity, in Bq at the time of injection.
        half_life_s: Half-life.
        radionuclide: Code and meaning of the radionuclide.
        radiopharmaceutical: Name of the radiopharmaceutical.
        series_datetime: SeriesDate and SeriesTime.
        injection_datetime: RadiopharmaceuticalStartDateTime, local time.
        injection_time: RadiopharmaceuticalStartTime, which has no date.
        ge_injection_datetime: GE private time of administration.
        ge_scan_datetime: GE private time of scan, to which pixels are decay-corrected.
        siemens_reference_datetime: Siemens private time of decay correction.
        reference_datetime: Time of decay correction where a file states it as such (BIDS sidecars do).
        philips_suv_factor: Philips private factor from pixel to SUV.
        philips_activity_factor: Philips private factor from pixel to Bq/ml.
        frames: Times of each slice or frame, in the order of the factors wanted.
        names: What messages call a field, where it is no DICOM tag: {"dose_bq": "InjectedRadioactivity"}.
        warnings: What the reader of the file had to assume.
    """

    units: str | None = None
    suv_type: str | None = None
    decay_correction: str | None = None
    corrected_image: tuple[str, ...] | None = None
    attenuation_method: str | None = None
    weight_kg: float | None = None
    height_m: float | None = None
    sex: str | None = None
    dose_bq: float | None = None
    half_life_s: float | None = None
    radionuclide: str | None = None
    radiopharmaceutical: str | None = None
    series_datetime: datetime | None = None
    injection_datetime: datetime | None = None
    injection_time: time | None = None
    ge_injection_datetime: datetime | None = None
    ge_scan_datetime: datetime | None = None
    siemens_reference_datetime: datetime | None = None
    reference_datetime: datetime | None = None
    philips_suv_factor: float | None = None
    philips_activity_factor: float | None = None
    frames: tuple[FrameTags, ...] = (FrameTags(),)
    names: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def name_of(self, tag: str) -> str:
        """Return what messages call a field: its DICOM tag and keyword, or the name given in `names`."""
        return self.names.get(tag) or DICOM_NAMES[tag]


@dataclass
class Ledger:
    """Hands out values and keeps the books: the tags and overrides used, what was decided and assumed."""

    tags: PETTags
    overrides: SUVOverrides
    used: dict[str, Any] = field(default_factory=dict)
    overridden: dict[str, Any] = field(default_factory=dict)
    branch: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def tag(self, name: str) -> Any:
        """Return a value of the file, noting its use."""
        value = getattr(self.tags, name)
        self.used[self.tags.name_of(name)] = jsonable(value)
        return value

    def override(self, name: str) -> Any:
        """Return an override, noting its use, or None."""
        value = getattr(self.overrides, name)
        if value is not None:
            self.overridden[name] = jsonable(value)
        return value

    def positive(self, name: str) -> float:
        """Return a number above zero, the override first.

        Raises:
            SUVError: It is missing, not finite, or zero or less.
        """
        value, label = self.override(name), f"override {name}"
        if value is None:
            value, label = self.tag(name), self.tags.name_of(name)
        if value is None:
            raise SUVError(f"{label} is missing; {remedy(name)}")
        if not math.isfinite(value) or value <= 0:
            raise SUVError(f"{label} is {value:g}; expected a number above 0; {remedy(name)}")
        return float(value)

    def label(self, name: str) -> str:
        """Return what to blame for a value: the override if one was given, else the tag."""
        given = getattr(self.overrides, name, None) is not None
        return f"override {name}" if given else self.tags.name_of(name)

    def warn(self, text: str) -> None:
        """Note something unusual that was accepted."""
        if text not in self.warnings:
            self.warnings.append(text)


def remedy(name: str) -> str:
    """Return the words that say how to override a value."""
    return f"give {name} ({OVERRIDE_OPTIONS[name]})"


def jsonable(value: Any) -> Any:
    """Return a tag's value in a form that JSON can hold."""
    if isinstance(value, datetime | time):
        return value.isoformat()
    if isinstance(value, tuple):
        return [jsonable(v) for v in value]
    return value
