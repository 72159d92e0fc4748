"""From the names of other label maps to ours: TotalSegmentator, and the HuBMAP reference organs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from seganypet.phantom.anatomy.tissues import TISSUE_IDS

# Labels that stand for the whole body and are filled with fat and muscle.
BODY_NAMES = frozenset({"skin", "body", "body_trunc", "body_extremities", "torso"})
# A bony pelvis in one piece, which is split into its bones.
PELVIS_NAMES = frozenset({"pelvis", "bony_pelvis"})
_OTHER = "skeletal_muscle"
_SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        "intestine_large": "colon",
        "large_intestine": "colon",
        "rectum": "colon",
        "intestine_small": "small_bowel",
        "small_intestine": "small_bowel",
        "heart": "heart_blood_pool",
        "heart_atrium_left": "heart_blood_pool",
        "heart_atrium_right": "heart_blood_pool",
        "heart_ventricle_left": "heart_blood_pool",
        "heart_ventricle_right": "heart_blood_pool",
        "atrial_appendage_left": "heart_blood_pool",
        "pulmonary_artery": "heart_blood_pool",
        "pulmonary_vein": "heart_blood_pool",
        "main_bronchus": "trachea",
        "palatine_tonsil_left": "palatine_tonsils",
        "palatine_tonsil_right": "palatine_tonsils",
        "fallopian_tube_left": "uterus",
        "fallopian_tube_right": "uterus",
        "knee_left": "femur_left",
        "knee_right": "femur_right",
        "bladder": "urinary_bladder",
        "thyroid": "thyroid_gland",
        "gall_bladder": "gallbladder",
        "left_kidney": "kidney_left",
        "right_kidney": "kidney_right",
        "fat": "subcutaneous_fat",
        "muscle": "skeletal_muscle",
        "brachiocephalic_vein_left": "superior_vena_cava",
        "brachiocephalic_vein_right": "superior_vena_cava",
        "brachiocephalic_trunk": "aorta",
        "vertebrae_s1": "sacrum",
        "costal_cartilages": "sternum",
    }
)


def tissue_name(name: str) -> str:
    """Return our name of a tissue of another label map; unknown ones count as muscle.

    Case, blanks and hyphens do not matter; the suffixes _l and _r become _left and _right.
    """
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    for short, side in (("_l", "_left"), ("_r", "_right")):
        if plain.endswith(short):
            plain = plain.removesuffix(short) + side
    plain = _VERTEBRAE.get(plain, plain)
    plain = _SYNONYMS.get(plain, plain)
    return plain if plain in TISSUE_IDS else _OTHER


_VERTEBRAE = {name.lower(): name for name in TISSUE_IDS if name.startswith("vertebrae_")}
