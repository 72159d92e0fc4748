"""A small body with organs, parts, pairs and lesions, on 4 mm voxels."""

from __future__ import annotations

import numpy as np

from seganypet.phantom.anatomy.tissues import TISSUE_IDS, label_groups

SPACING = (4.0, 4.0, 4.0)
LABELS = label_groups()
BOXES = {
    "lung_upper_lobe_left": ((4, 14), (6, 22), (36, 46)),
    "lung_lower_lobe_left": ((4, 14), (6, 22), (26, 36)),
    "heart_blood_pool": ((15, 25), (12, 22), (28, 38)),
    "heart_myocardium": ((15, 25), (8, 12), (28, 38)),
    "liver": ((22, 36), (6, 24), (12, 25)),
    "spleen": ((4, 11), (6, 14), (15, 25)),
    "stomach": ((11, 20), (6, 18), (15, 25)),
    "kidney_left": ((6, 11), (16, 21), (4, 12)),
    "kidney_right": ((28, 33), (16, 21), (2, 10)),
    "colon": ((14, 24), (6, 14), (4, 12)),
}
UPTAKE = {
    "liver": 2.4,
    "spleen": 2.0,
    "stomach": 2.6,
    "colon": 3.5,
    "heart_myocardium": 6.0,
    "torso_fat": 0.5,
}


def small_body() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return reference, lesions and SUV."""
    reference = np.zeros((42, 30, 52), dtype=np.int16)
    reference[2:40, 2:28, 1:51] = TISSUE_IDS["torso_fat"]
    for name, box in BOXES.items():
        reference[tuple(slice(*ends) for ends in box)] = TISSUE_IDS[name]
    suv = np.zeros(reference.shape, dtype=np.float32)
    for name in ("torso_fat", *BOXES):
        suv[reference == TISSUE_IDS[name]] = UPTAKE.get(name, 1.0)
    lesions = np.zeros_like(reference)
    lesions[27:31, 10:14, 16:20] = 1
    lesions[31:33, 16:18, 20:22] = 2
    lesions[8:10, 10:12, 40:42] = 4
    suv[lesions > 0] = 9.0
    noise = np.random.default_rng(0).normal(1.0, 0.05, suv.shape)
    return reference, lesions, (suv * noise).astype(np.float32)
