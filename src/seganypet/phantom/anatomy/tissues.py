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
_LATER_SINGLE = ("skin", "brown_fat", "brain_white_matter", "brain_ventricle", "nasal_mucosa")
MARROW_BONES = ("femur", "humerus", "tibia")
_LATER_PAIRED = (
    *(f"{bone}_marrow" for bone in MARROW_BONES),
    "autochthon",
    "thigh_muscle",
    "arm_muscle",
    "breast",
    "testis",
)


_LAST = ("stomach_gas", "colon_gas", "intermuscular_fat", *(f"pulmonary_vessels_{side}" for side in SIDES))


def _all_names() -> tuple[str, ...]:
    """Every tissue in the order of its id; new ones go to the end, so that ids stay what they were."""
    paired = tuple(f"{name}_{side}" for name in (*_PAIRED_BONES, *_PAIRED_ORGANS) for side in SIDES)
    ribs = tuple(f"rib_{side}_{number}" for side in SIDES for number in range(1, 13))
    later = (*_LATER_SINGLE, *(f"{name}_{side}" for name in _LATER_PAIRED for side in SIDES))
    return (*_SINGLE, *paired, *VERTEBRAE, *ribs, *later, *_LAST)


TISSUES: tuple[str, ...] = _all_names()
# The same id in every case, so that one labels.json serves a whole cohort.
TISSUE_IDS: Mapping[str, int] = MappingProxyType({name: 1 + at for at, name in enumerate(TISSUES)})
# What an organ may displace: tissue that only fills space.
FILLERS = ("subcutaneous_fat", "skeletal_muscle", "torso_fat", "intermuscular_fat")
BRAIN = ("brain", "brain_white_matter", "brain_ventricle", "cerebellum")


def label_groups() -> dict[str, list[int]]:
    """Return {name: ids} of every tissue and of the organs that several tissues make up."""
    groups = {name: [identifier] for name, identifier in TISSUE_IDS.items()}
    for side in SIDES:
        # A reader outlines a lung with its vessels, and a hollow organ with its gas.
        lobes = tuple(name for name in LUNG_LOBES if name.endswith(side))
        groups[f"lung_{side}"] = _ids((*lobes, f"pulmonary_vessels_{side}"))
        # The renal pelvis is part of the kidney that a reader outlines.
        groups[f"kidney_{side}"] = _ids((f"kidney_{side}", f"kidney_pelvis_{side}"))
        for bone in MARROW_BONES:
            groups[f"{bone}_{side}"] = _ids((f"{bone}_{side}", f"{bone}_marrow_{side}"))
    # The aerated tissue of both lungs, without their large vessels.
    groups["lung"] = groups["lung_left"] + groups["lung_right"]
    for name in ("stomach", "colon"):
        groups[name] = _ids((name, f"{name}_gas"))
    groups["kidneys"] = groups["kidney_left"] + groups["kidney_right"]
    groups["heart"] = _ids(("heart_myocardium", "heart_blood_pool"))
    groups["brain"] = _ids(BRAIN)
    groups["spine"] = _ids((*VERTEBRAE, "sacrum"))
    groups["ribs"] = _ids(name for name in TISSUES if name.startswith("rib_"))
    groups["humeri"] = groups["humerus_left"] + groups["humerus_right"]
    for name in ("parotid_gland", "submandibular_gland", "adrenal_gland", "femur", "hip", "breast"):
        groups[f"{name}s"] = groups[f"{name}_left"] + groups[f"{name}_right"]
    return groups


def _ids(names: Iterable[str]) -> list[int]:
    return [TISSUE_IDS[name] for name in names]
