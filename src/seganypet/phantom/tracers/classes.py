"""Classes of tissues that take up alike, and the kin among the classes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

# The first match counts: marrow of long bones before their cortex.
_BY_START: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("lung", ("lung_",)),
    ("marrow", ("vertebrae_", "sacrum", "hip_", "sternum")),
    ("limb_marrow", ("femur_marrow_", "humerus_marrow_", "tibia_marrow_")),
    ("rib", ("rib_", "clavicula_", "scapula_")),
    ("bone", ("femur_", "tibia_", "fibula_", "patella_", "humerus_", "forearm_")),
    (
        "blood",
        (
            "heart_blood_pool",
            "aorta",
            "inferior_vena",
            "superior_vena",
            "portal_vein",
            "iliac_",
            "pulmonary_",
        ),
    ),
    ("torso_fat", ("intermuscular_fat",)),
    ("airway", ("trachea",)),
    (
        "skeletal_muscle",
        ("gluteus_", "iliopsoas_", "skeletal_muscle", "autochthon_", "thigh_muscle_", "arm_muscle_"),
    ),
)
# A tissue without a class of its own takes up like this one.
FALLBACK = "skeletal_muscle"
# Classes made of the same kind of cells share most of what the factors leave open.
KIN: Mapping[str, str] = MappingProxyType(
    {
        "brain": "brain",
        "brain_white_matter": "brain",
        "cerebellum": "brain",
        "subcutaneous_fat": "fat",
        "torso_fat": "fat",
        "brown_fat": "fat",
        "bone": "bone",
        "skull": "bone",
        "marrow": "marrow",
        "rib": "marrow",
        "limb_marrow": "marrow",
        "parotid_gland": "salivary",
        "submandibular_gland": "salivary",
        "lacrimal_gland": "salivary",
        "duodenum": "bowel",
        "small_bowel": "bowel",
        "colon": "bowel",
        "kidney_pelvis": "urine",
        "ureter": "urine",
        "urinary_bladder": "urine",
        "urethra": "urine",
    }
)
KINSHIP = 0.6
# Log standard deviation between the tissues of a class in one patient: the two sides of a pair, all vertebrae.
_WITHIN_CLASS = 0.03
_WITHIN: Mapping[str, float] = MappingProxyType(
    {
        "skeletal_muscle": 0.06,
        "lung": 0.05,
        "lacrimal_gland": 0.06,
        "kidney_pelvis": 0.12,
        "ureter": 0.12,
        "ovary": 0.12,
    }
)


@cache
def uptake_class(name: str) -> str:
    """Return the class of tissues that take up alike: "vertebrae_L3" is marrow, "aorta" is blood."""
    if name.endswith("_gas"):
        return "gas"
    for kind, starts in _BY_START:
        if name.startswith(starts):
            return kind
    return without_side(name)


@cache
def without_side(name: str) -> str:
    """Return a tissue's name without "_left" or "_right" at its end."""
    return name.removesuffix("_left").removesuffix("_right")


def spread_within(kind: str) -> float:
    """Return the log standard deviation between the tissues of a class in one patient."""
    return _WITHIN.get(kind, _WITHIN_CLASS)
