"""What the ablation on phantoms trains on and asks for."""

from __future__ import annotations

from typing import Final

SEEN: Final = ("liver", "kidney_left", "kidney_right", "heart", "spleen")
"""The five organs of PETS-5k [P1 §A.1]."""
UNSEEN: Final = (
    "aorta",
    "lung_lower_lobe_left",
    "lung_lower_lobe_right",
    "lung_upper_lobe_left",
    "lung_upper_lobe_right",
    "lung_middle_lobe_right",
    "prostate",
)
"""P1's seven organs that no training label shows [P1 Table 3]."""
BASE: Final = (
    "lesion",
    "brain",
    "parotid_gland_left",
    "parotid_gland_right",
    "submandibular_gland_left",
    "submandibular_gland_right",
    "thyroid_gland",
    "gallbladder",
    "pancreas",
    "stomach",
    "duodenum",
    "small_bowel",
    "colon",
    "urinary_bladder",
    "uterus",
    "thymus",
    "inferior_vena_cava",
    "sacrum",
    "hip_left",
    "hip_right",
    "femur_left",
    "femur_right",
    "gluteus_maximus_left",
    "gluteus_maximus_right",
    "iliopsoas_left",
    "iliopsoas_right",
)
"""What a start model may know: neither those above, nor a part or a union of them."""
