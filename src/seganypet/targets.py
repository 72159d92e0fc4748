"""Names of what can be segmented, in TotalSegmentator's style."""

from __future__ import annotations

from typing import Final

LESION: Final = "lesion"
"""The name of every lesion, as of one target among several."""
LESIONS: Final = "lesions"
"""The name of all lesions of a case as one target, their union, as the papers have it."""
MIN_VOXELS: Final = 4
"""Fewest voxels of a target: fewer cannot be told from noise."""

# Organs and organ groups that a reader would click in PET. Groups (heart, lung_left, …) are unions of disjoint parts.
ORGANS: tuple[str, ...] = (
    "brain",
    "parotid_gland_left",
    "parotid_gland_right",
    "submandibular_gland_left",
    "submandibular_gland_right",
    "thyroid_gland",
    "lung_left",
    "lung_right",
    "lung_upper_lobe_left",
    "lung_lower_lobe_left",
    "lung_upper_lobe_right",
    "lung_middle_lobe_right",
    "lung_lower_lobe_right",
    "heart",
    "heart_myocardium",
    "aorta",
    "liver",
    "gallbladder",
    "spleen",
    "kidney_left",
    "kidney_right",
    "pancreas",
    "stomach",
    "duodenum",
    "small_bowel",
    "colon",
    "urinary_bladder",
    "prostate",
    "uterus",
)
