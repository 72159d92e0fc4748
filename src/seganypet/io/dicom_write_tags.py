"""The tags of a DICOM PET series, all but pixels and geometry: patient, study, tracer, scanner, times."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from pydicom.dataset import Dataset

from seganypet.errors import UsageError
from seganypet.io.dicom_series import PET_SOP_CLASS
from seganypet.io.isotopes import HALF_LIVES_S
from seganypet.io.suv_times import mean_time_s

RADIONUCLIDE_CODES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "C-11": ("40565003", "^11^Carbon"),
        "F-18": ("77004003", "^18^Fluorine"),
        "Cu-64": ("3932008", "^64^Copper"),
        "Ga-68": ("35337001", "^68^Gallium"),
        "Zr-89": ("63360001", "^89^Zirconium"),
    }
)
"""SNOMED CT value and meaning of the radionuclides that are written [DICOM PS3.16 CID 4020]."""

_RECUMBENT = ("102538003", "recumbent")  # CID 19
_SUPINE = ("40199007", "supine")  # CID 20
_HEADFIRST = ("102540008", "headfirst")  # CID 21
_MOST_CHARACTERS = 64  # of LO and of a component of PN


@dataclass(frozen=True, kw_only=True)
class PETScan:
    """Who was injected with what, and when: what SUV is computed from, and the names around it.

    Attributes:
        patient_id: PatientID; 64 characters at most.
        patient_name: PatientName, "Family^Given"; 64 characters at most.
        patient_sex: "M", "F", "O", or "" where unknown.
        weight_kg: Body weight.
        dose_bq: Injected activity at the time of injection, in Bq.
        radionuclide: One of `RADIONUCLIDE_CODES`.
        radiopharmaceutical: Its name, such as "FDG".
        injection: When it was injected, local time.
        start: When the scan began, local time; pixels are decay-corrected to it.
        duration_s: How long the scan took, in s.
        description: SeriesDescription.
        manufacturer: Manufacturer.
        scanner: ManufacturerModelName.

    Raises:
        UsageError: An unknown radionuclide, a number that is not above 0, a time with a time
            zone, a scan before the injection, a name that DICOM cannot hold.
    """

    patient_id: str
    patient_name: str
    patient_sex: str = ""
    weight_kg: float
    dose_bq: float
    radionuclide: str = "F-18"
    radiopharmaceutical: str = "FDG"
    injection: datetime
    start: datetime
    duration_s: float = 600.0
    description: str = "PET AC"
    manufacturer: str = "SegAnyPET"
    scanner: str = "phantom"

    def __post_init__(self) -> None:
        if self.radionuclide not in RADIONUCLIDE_CODES:
            raise UsageError(
                f"radionuclide {self.radionuclide!r}; expected one of {', '.join(RADIONUCLIDE_CODES)}"
            )
        for name in ("weight_kg", "dose_bq", "duration_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise UsageError(f"{name} is {value:g}; expected a number above 0")
        for name in ("injection", "start"):
            if getattr(self, name).tzinfo is not None:
                raise UsageError(
                    f"{name} is {getattr(self, name)}, with a time zone; give local time without"
                )
        if self.start < self.injection:
            raise UsageError(
                f"the scan starts at {self.start}, before the injection at {self.injection}; exchange them"
            )
        if self.patient_sex not in ("M", "F", "O", ""):
            raise UsageError(f"patient_sex is {self.patient_sex!r}; expected M, F, O or nothing")
        for name in (
            "patient_id",
            "patient_name",
            "radiopharmaceutical",
            "description",
            "manufacturer",
            "scanner",
        ):
            _check_text(name, getattr(self, name))

    @property
    def half_life_s(self) -> float:
        """Half-life of the radionuclide, in s."""
        return HALF_LIVES_S[self.radionuclide]

    @property
    def bq_ml_per_suv(self) -> float:
        """Activity concentration at the start of the scan, in Bq/ml, of SUVbw 1, from the values as they are stored."""
        elapsed_s = (self.start - self.injection).total_seconds()
        dose_bq, weight_kg = float(decimal(self.dose_bq)), float(decimal(self.weight_kg))
        return float(dose_bq * 2.0 ** (-elapsed_s / self.half_life_s) / (1000.0 * weight_kg))


def decimal(value: float) -> str:
    """Return a number as DICOM stores it: a decimal string of at most 16 characters [PS3.5 6.2, DS]."""
    return f"{value + 0.0:.10g}"  # no -0


def series_tags(scan: PETScan) -> Dataset:
    """Return the tags that all slices of a static PET series share, without UIDs, geometry and pixels.

    Modules: Patient, General Study, Patient Study, General Series, PET Series, PET Isotope, NM/PET Patient
    Orientation, General Equipment, General Image, PET Image [DICOM PS3.3 A.21].
    """
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID = PET_SOP_CLASS
    data.Modality = "PT"
    data.ImageType = ["ORIGINAL", "PRIMARY"]
    _add_patient(data, scan)
    _add_times(data, scan)
    _add_equipment(data, scan)
    _add_corrections(data, scan)
    data.RadiopharmaceuticalInformationSequence = [_radiopharmaceutical(scan)]
    lying = _code(_RECUMBENT)
    lying.PatientOrientationModifierCodeSequence = [_code(_SUPINE)]
    data.PatientOrientationCodeSequence = [lying]
    data.PatientGantryRelationshipCodeSequence = [_code(_HEADFIRST)]
    return data


def _add_patient(data: Dataset, scan: PETScan) -> None:
    data.PatientName = scan.patient_name
    data.PatientID = scan.patient_id
    data.PatientBirthDate = ""
    data.PatientSex = scan.patient_sex
    data.PatientWeight = decimal(scan.weight_kg)
    data.ReferringPhysicianName = ""
    data.AccessionNumber = ""
    data.StudyID = "1"
    data.StudyDescription = scan.description
    data.SeriesNumber = "1"
    data.SeriesDescription = scan.description
    data.BodyPartExamined = "WHOLEBODY"
    data.PositionReferenceIndicator = ""


def _add_times(data: Dataset, scan: PETScan) -> None:
    for kind in ("Study", "Series", "Acquisition", "Content"):
        setattr(data, f"{kind}Date", scan.start.strftime("%Y%m%d"))
        setattr(data, f"{kind}Time", _clock(scan.start))
    # When the decaying activity equals its mean over the frame [PS3.3 C.8.9.4.1.5].
    middle_s = mean_time_s(scan.duration_s, scan.half_life_s)
    data.ActualFrameDuration = str(round(1000 * scan.duration_s))
    data.FrameReferenceTime = decimal(1000 * middle_s)
    data.DecayFactor = decimal(2.0 ** (middle_s / scan.half_life_s))


def _add_equipment(data: Dataset, scan: PETScan) -> None:
    data.Manufacturer = scan.manufacturer
    data.ManufacturerModelName = scan.scanner
    data.CollimatorType = "NONE"
    data.BurnedInAnnotation = "NO"
    data.LossyImageCompression = "00"


def _add_corrections(data: Dataset, scan: PETScan) -> None:
    """Say that the pixels are Bq/ml with all corrections applied, as those of a simulated image are."""
    data.Units = "BQML"
    data.CountsSource = "EMISSION"
    data.SeriesType = ["STATIC", "IMAGE"]
    data.CorrectedImage = ["DECY", "ATTN", "SCAT", "DTIM", "RAN", "NORM"]
    data.DecayCorrection = "START"
    data.RandomsCorrectionMethod = "DLYD"
    data.AttenuationCorrectionMethod = "simulated"
    data.ScatterCorrectionMethod = "simulated"
    data.ReconstructionMethod = "simulated"
    data.DeadTimeFactor = "1"
    data.ScatterFractionFactor = "0"


def _radiopharmaceutical(scan: PETScan) -> Dataset:
    drug = Dataset()
    drug.Radiopharmaceutical = scan.radiopharmaceutical
    drug.RadiopharmaceuticalStartTime = _clock(scan.injection)
    drug.RadiopharmaceuticalStartDateTime = scan.injection.strftime("%Y%m%d") + _clock(scan.injection)
    drug.RadionuclideTotalDose = decimal(scan.dose_bq)
    drug.RadionuclideHalfLife = decimal(scan.half_life_s)
    drug.RadionuclideCodeSequence = [_code(RADIONUCLIDE_CODES[scan.radionuclide])]
    return drug


def _code(value_and_meaning: tuple[str, str]) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodeMeaning = value_and_meaning
    code.CodingSchemeDesignator = "SCT"
    return code


def _clock(moment: datetime) -> str:
    return moment.strftime("%H%M%S.%f")


def _check_text(name: str, text: str) -> None:
    if len(text) > _MOST_CHARACTERS or "\\" in text or not text.isprintable():
        raise UsageError(
            f"{name} is {text!r}; expected at most {_MOST_CHARACTERS} characters, no backslash, no control characters"
        )
