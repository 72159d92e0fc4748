"""How much of a tracer each tissue takes up: mean SUV with the spread between patients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal

import numpy as np

from seganypet.errors import UsageError

Tracer = Literal["fdg", "psma", "random"]
TRACERS: tuple[Tracer, ...] = ("fdg", "psma", "random")

# Median SUV and log standard deviation, rounded from the ranges that surveys of normal organs report: FDG in
# Wang et al., Mol Imaging Biol 2007, Zincirkeser et al., J Int Med Res 2007, and Ramos et al., Eur J Nucl Med
# 2001; heart and bowel span the range that fasting and drugs give. To be confirmed value by value.
_FDG: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "subcutaneous_fat": (0.25, 0.25),
        "torso_fat": (0.4, 0.25),
        "skeletal_muscle": (0.6, 0.2),
        "bone": (0.75, 0.2),
        "rib": (0.9, 0.2),
        "marrow": (1.3, 0.25),
        "skull": (0.9, 0.2),
        "spinal_cord": (1.3, 0.2),
        "brain": (7.0, 0.3),
        "cerebellum": (6.0, 0.3),
        "lung": (0.48, 0.2),
        "airway": (0.35, 0.3),
        "esophagus": (1.4, 0.3),
        "heart_myocardium": (3.2, 0.75),
        "blood": (1.6, 0.15),
        "liver": (2.25, 0.18),
        "gallbladder": (0.9, 0.3),
        "spleen": (1.85, 0.17),
        "kidney": (2.5, 0.22),
        "kidney_pelvis": (5.0, 0.8),
        "ureter": (3.0, 0.8),
        "adrenal_gland": (1.6, 0.25),
        "pancreas": (1.5, 0.2),
        "stomach": (1.8, 0.35),
        "duodenum": (1.7, 0.35),
        "small_bowel": (1.4, 0.35),
        "colon": (1.5, 0.45),
        "urinary_bladder": (12.0, 0.75),
        "prostate": (1.6, 0.25),
        "uterus": (1.7, 0.35),
        "ovary": (1.4, 0.35),
        "urethra": (3.0, 0.6),
        "thyroid_gland": (1.4, 0.35),
        "thymus": (1.1, 0.3),
        "parotid_gland": (1.7, 0.3),
        "submandibular_gland": (1.9, 0.3),
        "lacrimal_gland": (1.5, 0.3),
        "palatine_tonsils": (3.0, 0.35),
        "eye": (0.9, 0.3),
        "larynx": (1.4, 0.35),
    }
)
# [68Ga]Ga-PSMA-11, likewise, after Prasad et al., Mol Imaging Biol 2016, and Demirci et al., Nucl Med Commun 2016.
_PSMA: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        **_FDG,
        "subcutaneous_fat": (0.25, 0.25),
        "skeletal_muscle": (0.5, 0.2),
        "bone": (0.5, 0.25),
        "rib": (0.6, 0.25),
        "marrow": (0.7, 0.25),
        "skull": (0.5, 0.25),
        "spinal_cord": (0.6, 0.25),
        "brain": (0.2, 0.3),
        "cerebellum": (0.25, 0.3),
        "lung": (0.4, 0.25),
        "heart_myocardium": (1.4, 0.2),
        "blood": (1.5, 0.2),
        "liver": (4.5, 0.3),
        "gallbladder": (2.5, 0.8),
        "spleen": (6.0, 0.45),
        "kidney": (32.0, 0.3),
        "kidney_pelvis": (28.0, 0.4),
        "ureter": (6.0, 0.8),
        "adrenal_gland": (3.5, 0.35),
        "pancreas": (2.0, 0.25),
        "stomach": (2.8, 0.4),
        "duodenum": (9.0, 0.4),
        "small_bowel": (6.0, 0.45),
        "colon": (1.8, 0.4),
        "urinary_bladder": (16.0, 0.9),
        "prostate": (2.2, 0.3),
        "parotid_gland": (12.0, 0.3),
        "submandibular_gland": (12.0, 0.3),
        "lacrimal_gland": (6.0, 0.35),
        "thyroid_gland": (1.2, 0.3),
        "palatine_tonsils": (2.5, 0.3),
    }
)
_TABLES: Mapping[str, Mapping[str, tuple[float, float]]] = MappingProxyType({"fdg": _FDG, "psma": _PSMA})
# Clips that keep a draw inside what scanners show.
_RANGE: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "heart_myocardium": (1.0, 10.0),
        "urinary_bladder": (2.5, 50.0),
        "colon": (0.7, 5.0),
        "brain": (0.1, 14.0),
    }
)
_RANDOM_RANGE = (0.1, 12.0)
_CLASSES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("lung", ("lung_",)),
    ("marrow", ("vertebrae_", "sacrum", "hip_", "sternum")),
    ("rib", ("rib_", "clavicula_", "scapula_")),
    ("bone", ("femur_", "tibia_", "fibula_", "patella_", "humerus_", "forearm_")),
    ("blood", ("heart_blood_pool", "aorta", "inferior_vena", "superior_vena", "portal_vein", "iliac_")),
    ("airway", ("trachea",)),
    ("skeletal_muscle", ("gluteus_", "iliopsoas_", "skeletal_muscle")),
    ("kidney_pelvis", ("kidney_pelvis_",)),
)


def uptake_class(name: str) -> str:
    """Return the class of tissues that take up alike: "vertebrae_L3" is marrow, "aorta" is blood."""
    for kind, starts in _CLASSES:
        if name.startswith(starts):
            return kind
    for side in ("_left", "_right"):
        name = name.removesuffix(side)
    return name


def draw_uptake(names: Iterable[str], rng: np.random.Generator, tracer: Tracer = "fdg") -> dict[str, float]:
    """Return one patient's mean SUV of each tissue.

    Tissues of a class share a draw (both kidneys, all vertebrae), to a few percent.

    Args:
        names: Tissue names; unknown ones take up like muscle.
        rng: Source of randomness.
        tracer: "fdg", "psma", or "random": log-uniform 0.1–12 for every class (domain randomisation).

    Raises:
        UsageError: The tracer is none of these.
    """
    if tracer not in TRACERS:
        raise UsageError(f"tracer {tracer!r}; expected one of {', '.join(TRACERS)}")
    drawn: dict[str, float] = {}
    uptake = {}
    # One factor for the whole body: weight, clearance and calibration move all tissues together.
    whole_body = float(np.exp(rng.normal(0, 0.08)))
    for name in sorted(set(names)):
        kind = uptake_class(name)
        if kind not in drawn:
            drawn[kind] = _draw_random(rng) if tracer == "random" else _draw_class(kind, rng, tracer)
        spread = 0.12 if kind in ("kidney_pelvis", "ureter") else 0.03
        uptake[name] = whole_body * drawn[kind] * float(np.exp(rng.normal(0, spread)))
    return uptake


def _draw_class(kind: str, rng: np.random.Generator, tracer: Tracer) -> float:
    table = _TABLES[tracer]
    median, spread = table.get(kind, table["skeletal_muscle"])
    value = float(median * np.exp(spread * rng.normal()))
    if tracer == "fdg" and kind == "heart_myocardium":
        return float(np.exp(rng.uniform(0, np.log(10))))
    low, high = _RANGE.get(kind, (0.05, 80.0))
    return float(np.clip(value, low, high))


def _draw_random(rng: np.random.Generator) -> float:
    low, high = np.log(_RANDOM_RANGE)
    return float(np.exp(rng.uniform(low, high)))
