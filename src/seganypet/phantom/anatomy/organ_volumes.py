"""Volumes of adults' organs: what bodies are drawn around, and what published values they must agree with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from seganypet.phantom.anatomy.body_map import Anatomy
from seganypet.phantom.anatomy.build import Build
from seganypet.phantom.anatomy.tissues import SIDES, TISSUE_IDS, TISSUES, label_groups


@dataclass(frozen=True, kw_only=True)
class OrganVolume:
    """One organ's volume in adults.

    Attributes:
        male_ml: Mean in men.
        female_ml: Mean in women; 0 where they have none, as for the other sex.
        low_ml: Lower end of what healthy adults show.
        high_ml: Upper end.
        spread: Standard deviation of the logarithm, where the organ is drawn by its volume.
        source: Where the means come from: "ICRP 89" (mass over density), or what else they follow.
    """

    male_ml: float
    female_ml: float
    low_ml: float
    high_ml: float
    spread: float = 0.15
    source: str = "ICRP 89"


def _icrp(
    male_g: float, female_g: float, low_ml: float, high_ml: float, spread: float = 0.15, density: float = 1.05
) -> OrganVolume:
    return OrganVolume(
        male_ml=round(male_g / density, 1),
        female_ml=round(female_g / density, 1),
        low_ml=low_ml,
        high_ml=high_ml,
        spread=spread,
    )


def _approximate(
    male_ml: float, female_ml: float, low_ml: float, high_ml: float, spread: float = 0.15
) -> OrganVolume:
    return OrganVolume(
        male_ml=male_ml,
        female_ml=female_ml,
        low_ml=low_ml,
        high_ml=high_ml,
        spread=spread,
        source="approximate",
    )


# Reference masses of ICRP Publication 89 (2002; reference man and woman), organs with their contents, over their
# densities. One organ of a pair. The ranges are wider than the reference people and approximate: what healthy
# adults of any size show. Means marked approximate follow textbooks and imaging studies to about 20 %: ICRP gives
# the wall without contents, the whole organ, or nothing.
ORGAN_VOLUMES: Mapping[str, OrganVolume] = MappingProxyType(
    {
        "brain": _icrp(1450, 1300, 1050, 1700, 0.07, 1.04),
        "cerebellum": _approximate(145, 130, 95, 190, 0.09),
        "brain_white_matter": _approximate(460, 410, 280, 620, 0.0),
        "brain_ventricle": _approximate(26, 21, 5, 80, 0.4),
        "eye": _icrp(7.5, 7.5, 5, 9.5, 0.06),
        "lacrimal_gland": _approximate(0.8, 0.8, 0.3, 1.6, 0.25),
        "parotid_gland": _icrp(25, 20.6, 10, 50, 0.22),
        "submandibular_gland": _icrp(12.5, 10.3, 5, 22, 0.2),
        "thyroid_gland": _icrp(20, 17, 7, 40, 0.28),
        "thymus": _icrp(25, 20, 6, 45, 0.3),
        "spinal_cord": _approximate(45, 40, 15, 90),
        "trachea": _approximate(42, 32, 18, 80),
        "esophagus": _icrp(40, 35, 18, 80),
        "lung": _approximate(3900, 3000, 1800, 6500),
        "heart": _icrp(840, 620, 380, 1150, 0.14),
        "heart_myocardium": _approximate(135, 100, 60, 230, 0.16),
        "aorta": _approximate(220, 170, 90, 420),
        "liver": _icrp(1800, 1400, 850, 2600, 0.16),
        "gallbladder": _icrp(68, 56, 12, 110, 0.35),
        "spleen": _icrp(150, 130, 60, 420, 0.3),
        "kidney": _icrp(155, 137.5, 85, 240, 0.14),
        "kidney_pelvis": _approximate(7, 6, 1.5, 20, 0.35),
        "adrenal_gland": _icrp(7, 6.5, 2, 11, 0.2),
        "pancreas": _icrp(140, 120, 45, 210, 0.18),
        "stomach": _icrp(400, 370, 130, 900, 0.35),
        "small_bowel": _icrp(1000, 880, 450, 1800, 0.18),
        "colon": _icrp(670, 680, 330, 1500, 0.22),
        "urinary_bladder": _approximate(180, 180, 25, 600, 0.65),
        "prostate": _approximate(30, 0, 12, 90, 0.4),
        "uterus": _icrp(0, 80, 25, 160, 0.3),
        "ovary": _icrp(0, 5.5, 2, 13, 0.3),
        "testis": _icrp(17.5, 0, 8, 28, 0.2),
        "breast": _approximate(0, 100, 20, 320, 0.4),
        "vertebrae_L3": _approximate(62, 50, 25, 100),
        "hip": _approximate(380, 300, 150, 600),
        "gluteus_maximus": _approximate(850, 650, 350, 1350, 0.15),
        "iliopsoas": _approximate(420, 290, 150, 700, 0.15),
        "autochthon": _approximate(720, 520, 300, 1150, 0.14),
        "brown_fat": _approximate(90, 110, 20, 320),
    }
)


def draw_volume_ml(name: str, build: Build, rng: np.random.Generator) -> float:
    """Return a volume for an organ of one body: its sex' mean, its size, and a log-normal spread."""
    organ = ORGAN_VOLUMES[name]
    mean_ml = organ.female_ml if build.female else organ.male_ml
    drawn = mean_ml * build.organ_scale * float(np.exp(organ.spread * rng.normal()))
    return float(np.clip(drawn, 1.1 * organ.low_ml, 0.9 * organ.high_ml))


def organ_volumes_ml(anatomy: Anatomy) -> dict[str, float]:
    """Return the volume of every organ of `ORGAN_VOLUMES` that a body has, in ml; of a pair, the mean."""
    counts = np.bincount(anatomy.label_map.ravel(), minlength=len(TISSUES) + 1)
    groups = {**label_groups(), "small_bowel": [TISSUE_IDS["small_bowel"], TISSUE_IDS["duodenum"]]}
    voxel_ml = float(np.prod(anatomy.spacing_mm)) / 1000.0
    found = {}
    for name in ORGAN_VOLUMES:
        whole = [groups[name]] if name in groups else [groups[f"{name}_{side}"] for side in SIDES]
        volume_ml = voxel_ml * float(np.mean([counts[ids].sum() for ids in whole]))
        if volume_ml > 0:
            found[name] = volume_ml
    return found
