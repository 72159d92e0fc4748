"""A simulated case as DICOM: a made-up patient whose weight, dose and times give the simulated SUV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from seganypet.io.dicom_write import PETScan, write_pet_series
from seganypet.phantom.anatomy.tissues import LUNG_LOBES, TISSUE_IDS
from seganypet.phantom.case import PhantomCase
from seganypet.preprocessing.orientation import canonical_orientation
from seganypet.volume import Volume


class Injection(NamedTuple):
    """What is injected.

    Attributes:
        radionuclide: Such as "F-18".
        name: The radiopharmaceutical.
        mbq_per_kg: Usual activity.
    """

    radionuclide: str
    name: str
    mbq_per_kg: float


# Activities are approximate, of the order of clinical practice.
_INJECTIONS: Final[Mapping[str, Injection]] = {
    "fdg": Injection("F-18", "FDG", 3.5),
    "psma": Injection("Ga-68", "PSMA-11", 2.0),
    "dotatate": Injection("Ga-68", "DOTATATE", 2.0),
    "fapi": Injection("Ga-68", "FAPI", 2.0),
    "flt": Injection("F-18", "FLT", 3.5),
}
_UNKNOWN: Final = Injection("F-18", "simulated tracer", 3.5)
_INJECTED: Final = datetime(2020, 1, 1, 10)
_UPTAKE: Final = timedelta(minutes=60)
_DURATION_S: Final = 600.0
# Mass of tissue, in g/ml, and the body's share above the middle of the thighs: head, trunk, arms and half of the
# thighs approximate, after de Leva, J Biomech 1996.
_DENSITY, _LUNG_DENSITY = 1.0, 0.3
_SHARE_ABOVE_THIGHS = 0.75
_LEAST_WEIGHT_KG = 40.0  # a label map may show part of a body only


def write_dicom(case: PhantomCase, name: str, cohort_seed: int, folder: Path) -> dict[str, object]:
    """Write a case as a DICOM series, in the voxel order of scanners, and return what its SUV are computed from.

    Args:
        case: The case.
        name: Its name in the cohort.
        cohort_seed: Seed of the cohort, which is part of the patient's ID.
        folder: A new folder.

    Raises:
        OutputError: The folder cannot be written.
    """
    injection = _INJECTIONS.get(case.tracer, _UNKNOWN)
    weight_kg = body_weight_kg(case)
    scan = PETScan(
        patient_id=f"SIMULATED-{cohort_seed}-{name}",
        patient_name=f"Simulated^{name}",
        patient_sex=_sex(case),
        weight_kg=weight_kg,
        dose_bq=round(1e6 * injection.mbq_per_kg * weight_kg),
        radionuclide=injection.radionuclide,
        radiopharmaceutical=injection.name,
        injection=_INJECTED,
        start=_INJECTED + _UPTAKE,
        duration_s=_DURATION_S,
        description=f"SIMULATED PET {case.tracer.upper()}",
        scanner=f"simulated {case.examination.scanner}",
    )
    write_pet_series(_as_scanners_write(case.volume), folder, scan)
    return {
        "patient_id": scan.patient_id,
        "weight_kg": scan.weight_kg,
        "dose_bq": scan.dose_bq,
        "radionuclide": scan.radionuclide,
        "half_life_s": scan.half_life_s,
        "injection": scan.injection.isoformat(),
        "start": scan.start.isoformat(),
    }


def _as_scanners_write(volume: Volume) -> Volume:
    """Return a volume with columns to the left, rows to the back and slices upwards, as scanners write series."""
    oriented = canonical_orientation(volume.affine, volume.shape, "LPS")
    return Volume(oriented.apply(volume.array), oriented.affine)


def body_weight_kg(case: PhantomCase) -> float:
    """Return the mass of the whole body that a case shows, in kg; 40 at least."""
    lungs = _voxels(case, [TISSUE_IDS[name] for name in LUNG_LOBES])
    mass_kg = (
        (np.count_nonzero(case.reference) * _DENSITY - lungs * (_DENSITY - _LUNG_DENSITY))
        * case.volume.voxel_volume_ml
        / 1000
    )
    shows_legs = any(_voxels(case, case.labels.get(f"tibia_{side}", [])) for side in ("left", "right"))
    return round(max(mass_kg / (1.0 if shows_legs else _SHARE_ABOVE_THIGHS), _LEAST_WEIGHT_KG), 1)


def _sex(case: PhantomCase) -> str:
    """Return "M" or "F" by the organs that are shown, "" where they do not tell."""
    for organ, sex in (("prostate", "M"), ("uterus", "F")):
        if _voxels(case, case.labels[organ]):
            return sex
    return ""


def _voxels(case: PhantomCase, ids: Sequence[int]) -> int:
    return int(np.isin(case.reference, ids).sum())
