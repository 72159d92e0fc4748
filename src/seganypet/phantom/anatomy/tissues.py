"""The tissues a phantom knows: names in TotalSegmentator's style, one fixed id each, and their groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

SIDES = ("left", "right")
VERTEBRAE = tuple(
    f"vertebrae_{region}{number}"
    for region, count in (("L", 5), ("T", 12), ("C", 7))
    for number in range(count, 0, -1)
)
LUNG_LOBES = (
    "lung_upper_lobe_left",
    "lung_lower_lobe_left",
    "lung_upper_lobe_right",
    "lung_middle_lobe_right",
    "lung_lower_lobe_right",
)
_PAIRED_BONES = ("femur", "tibia", "fibula", "patella", "humerus", "forearm", "hip", "clavicula", "scapula")
_PAIRED_ORGANS = (
    "kidney",
    "kidney_pelvis",
    "adrenal_gland",
    "ureter",
    "parotid_gland",
    "submandibular_gland",
    "lacrimal_gland",
    "eye",
    "iliac_artery",
    "iliac_vena",
    "ovary",
    "gluteus_maximus",
    "iliopsoas",
)
_SINGLE = (
    "subcutaneous_fat",
    "skeletal_muscle",
    "torso_fat",
    "skull",
    "sacrum",
    "sternum",
    "spinal_cord",
    "brain",
    "cerebellum",
    *LUNG_LOBES,
    "trachea",
    "esophagus",
    "heart_myocardium",
    "heart_blood_pool",
    "aorta",
    "inferior_vena_cava",
    "superior_vena_cava",
    "portal_vein_and_splenic_vein",
    "liver",
    "gallbladder",
    "spleen",
    "pancreas",
    "stomach",
    "duodenum",
    "small_bowel",
    "colon",
    "urinary_bladder",
    "prostate",
    "uterus",
    "urethra",
    "thyroid_gland",
    "thymus",
    "larynx",
    "palatine_tonsils",
)


def _all_names() -> tuple[str, ...]:
    paired = tuple(f"{name}_{side}" for name in (*_PAIRED_BONES, *_PAIRED_ORGANS) for side in SIDES)
    ribs = tuple(f"rib_{side}_{number}" for side in SIDES for number in range(1, 13))
    return (*_SINGLE, *paired, *VERTEBRAE, *ribs)


TISSUES: tuple[str, ...] = _all_names()
# The same id in every case, so that one labels.json serves a whole cohort.
TISSUE_IDS: Mapping[str, int] = MappingProxyType({name: 1 + at for at, name in enumerate(TISSUES)})
# What an organ may displace: tissue that only fills space.
FILLERS = ("subcutaneous_fat", "skeletal_muscle", "torso_fat")


def label_groups() -> dict[str, list[int]]:
    """Return {name: ids} of every tissue and of the organs that several tissues make up."""
    groups = {name: [identifier] for name, identifier in TISSUE_IDS.items()}
    for side in SIDES:
        groups[f"lung_{side}"] = _ids(name for name in LUNG_LOBES if name.endswith(side))
        # The renal pelvis is part of the kidney that a reader outlines.
        groups[f"kidney_{side}"] = _ids((f"kidney_{side}", f"kidney_pelvis_{side}"))
    groups["lung"] = _ids(LUNG_LOBES)
    groups["kidneys"] = groups["kidney_left"] + groups["kidney_right"]
    groups["heart"] = _ids(("heart_myocardium", "heart_blood_pool"))
    groups["brain"] = _ids(("brain", "cerebellum"))
    groups["spine"] = _ids((*VERTEBRAE, "sacrum"))
    groups["ribs"] = _ids(name for name in TISSUES if name.startswith("rib_"))
    for name in ("parotid_gland", "submandibular_gland", "adrenal_gland", "femur", "humerus", "hip"):
        groups[f"{name}s"] = _ids(f"{name}_{side}" for side in SIDES)
    return groups


def _ids(names: Iterable[str]) -> list[int]:
    return [TISSUE_IDS[name] for name in names]
