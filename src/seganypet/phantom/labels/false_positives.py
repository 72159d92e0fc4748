"""Physiological uptake labelled as lesions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import ndimage

from seganypet.phantom.anatomy.body_map import LabelArray
from seganypet.phantom.labels.boundary import Field, Spacing
from seganypet.phantom.labels.thresholds import hot_spot
from seganypet.phantom.labels.units import padded

# Where physiological uptake is taken for disease most often; names may be absent from a map.
MISTAKEN: tuple[str, ...] = (
    "brown_fat",
    "palatine_tonsils",
    "thyroid_gland",
    "thymus",
    "nasal_mucosa",
    "larynx",
    "parotid_glands",
    "submandibular_glands",
    "esophagus",
    "stomach",
    "duodenum",
    "small_bowel",
    "colon",
    "gallbladder",
    "adrenal_glands",
    "ureter_left",
    "ureter_right",
    "kidney_left",
    "kidney_right",
    "urinary_bladder",
    "urethra",
    "ovary_left",
    "ovary_right",
    "uterus",
    "prostate",
    "testis_left",
    "testis_right",
    "skeletal_muscle",
)
_LEAST_SUV = 2.5
_FRACTION = (0.41, 0.6)
_RADIUS_MM = (6.0, 16.0)
_CLIMB_VOXELS = 10
_TRIES = 5


def add_false_positives(
    label_map: LabelArray,
    lesions: LabelArray,
    reference: LabelArray,
    suv: Field,
    labels: Mapping[str, Sequence[int]],
    spacing_mm: Spacing,
    count: int,
    rng: np.random.Generator,
) -> list[int]:
    """Label hot spots of physiological uptake as lesions; return their new ids. Changes `label_map`.

    A tissue is drawn first, then one of its voxels of SUV 2.5 or more, then the hottest voxel nearby: its
    spot above 41 to 60 % of that SUV, at most 16 mm in radius, becomes a lesion. Nothing is placed on or
    beside a true lesion.

    Args:
        label_map: Instances as labelled so far, int16 [I, J, K].
        lesions: True instances.
        reference: True tissues.
        suv: SUV.
        labels: {name: ids} of tissues and groups.
        spacing_mm: Voxel size along i, j, k, in mm.
        count: How many; fewer come where no hot voxel is found.
        rng: Source of randomness.
    """
    sites = _sites(reference, suv, labels) if count else []
    new_ids: list[int] = []
    last = max(int(lesions.max(initial=0)), int(label_map.max(initial=0)))
    for _ in range(count * _TRIES):
        if len(new_ids) == count or not sites:
            break
        site = sites[rng.integers(len(sites))]
        seed = np.unravel_index(int(rng.choice(site)), suv.shape)
        spot_id = last + len(new_ids) + 1
        if _label_spot(
            label_map, lesions, reference, suv, [int(at) for at in seed], spacing_mm, spot_id, rng
        ):
            new_ids.append(spot_id)
    return new_ids


def _sites(
    reference: LabelArray, suv: Field, labels: Mapping[str, Sequence[int]]
) -> list[np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Return the flat indices of hot voxels, one array for each tissue that has any."""
    names = [name for name in MISTAKEN if labels.get(name)]
    table = np.zeros(
        max(int(reference.max(initial=0)), *(max(labels[name]) for name in names), 0) + 1, np.int16
    )
    for at, name in enumerate(names):
        table[list(labels[name])] = at + 1
    hot = np.flatnonzero(suv >= _LEAST_SUV)
    owner = table[reference.ravel()[hot]]
    sites = [hot[owner == at + 1] for at in range(len(names))]
    return [site for site in sites if site.size]


def _label_spot(
    label_map: LabelArray,
    lesions: LabelArray,
    reference: LabelArray,
    suv: Field,
    seed_ijk: list[int],
    spacing_mm: Spacing,
    spot_id: int,
    rng: np.random.Generator,
) -> bool:
    """Label the hot spot about a seed; return False, with nothing changed, beside a lesion."""
    seed = _climb(suv, seed_ijk)
    i, j, k = (slice(at, at + 1) for at in seed)
    box = padded((i, j, k), suv.shape, spacing_mm, _RADIUS_MM[1] + max(spacing_mm))
    at_i, at_j, at_k = (at - axis.start for at, axis in zip(seed, box, strict=True))
    fraction, radius = rng.uniform(*_FRACTION), rng.uniform(*_RADIUS_MM)
    spot = hot_spot(suv[box], (at_i, at_j, at_k), float(fraction), float(radius), spacing_mm)
    taken = (lesions[box] > 0) | (label_map[box] > 0)
    if (ndimage.binary_dilation(spot) & taken).any() or reference[tuple(seed)] == 0:
        return False
    label_map[box][spot & (reference[box] > 0)] = spot_id
    return True


def _climb(suv: Field, seed_ijk: list[int]) -> list[int]:
    """Return the voxel reached by stepping to the hottest of the 26 neighbours, a few times."""
    at = seed_ijk
    for _ in range(_CLIMB_VOXELS):
        box = tuple(slice(max(one - 1, 0), one + 2) for one in at)
        hottest = np.unravel_index(int(np.argmax(suv[box])), suv[box].shape)
        reached = [int(step) + axis.start for step, axis in zip(hottest, box, strict=True)]
        if reached == at:
            break
        at = reached
    return at
