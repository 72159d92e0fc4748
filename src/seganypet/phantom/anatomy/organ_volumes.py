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
        source: Keys of `REFERENCES`, or "approximate".
    """

    male_ml: float
    female_ml: float
    low_ml: float
    high_ml: float
    spread: float = 0.15
    source: str = "icrp89"


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
    return _measured("approximate", male_ml, female_ml, low_ml, high_ml, spread)


def _measured(
    source: str, male_ml: float, female_ml: float, low_ml: float, high_ml: float, spread: float
) -> OrganVolume:
    return OrganVolume(
        male_ml=male_ml, female_ml=female_ml, low_ml=low_ml, high_ml=high_ml, spread=spread, source=source
    )


# Means of one organ of a pair. "icrp89": reference masses, organs with their contents, over their densities; their
# ranges are approximate. "approximate" means follow textbooks and imaging studies to about 20 %, where nothing was
# found that measures the same thing.
ORGAN_VOLUMES: Mapping[str, OrganVolume] = MappingProxyType(
    {
        "brain": _measured("matsumae1996", 1302, 1143, 880, 1582, 0.085),
        "cerebellum": _measured("escalona1991", 122, 104, 79, 162, 0.11),
        "brain_white_matter": _approximate(460, 410, 280, 620, 0.0),
        "brain_ventricle": _approximate(26, 21, 5, 80, 0.4),
        "eye": _icrp(7.5, 7.5, 5, 9.5, 0.06),
        "lacrimal_gland": _measured("bukhari2014", 0.73, 0.73, 0.3, 1.6, 0.25),
        "parotid_gland": _measured("icrp89, medbery2000", 23.8, 19.6, 9.2, 54.1, 0.25),
        "submandibular_gland": _measured("submandibular_ct", 8.1, 8.1, 1.6, 14.5, 0.28),
        "thyroid_gland": _measured("ankara1998", 13.7, 11.1, 4.9, 24.3, 0.26),
        "thymus": _icrp(25, 20, 6, 45, 0.3),
        "spinal_cord": _approximate(45, 40, 15, 90),
        "trachea": _approximate(42, 32, 18, 80),
        "esophagus": _icrp(40, 35, 18, 80),
        "lung": _approximate(3900, 3000, 1800, 6500),
        "heart": _icrp(840, 620, 380, 1150, 0.14),
        "heart_myocardium": _approximate(135, 100, 60, 230, 0.16),
        "aorta": _approximate(220, 170, 90, 420),
        "liver": _measured("abdomen2004, molina2015", 1710, 1411, 738, 2600, 0.17),
        "gallbladder": _measured("gallbladder1992", 18.7, 17, 5, 60, 0.45),
        "spleen": _measured("abdomen2004, caglar2014", 238.4, 179.8, 48, 418, 0.33),
        "kidney": _measured("ship2024", 177, 141, 85, 290, 0.17),
        "kidney_pelvis": _approximate(7, 6, 1.5, 20, 0.35),
        "adrenal_gland": _measured("wang2012", 4.25, 4.25, 2.6, 6.6, 0.17),
        "pancreas": _measured("abdomen2004, pancreas2019", 87.4, 64.4, 18.8, 139.8, 0.25),
        "stomach": _icrp(400, 370, 130, 900, 0.35),
        "small_bowel": _icrp(1000, 880, 450, 1800, 0.18),
        "colon": _icrp(670, 680, 330, 1500, 0.22),
        "urinary_bladder": _approximate(120, 120, 25, 500, 0.6),
        "prostate": _measured("prostate1988", 25, 0, 11.3, 62.1, 0.35),
        "uterus": _icrp(0, 80, 25, 160, 0.3),
        "ovary": _icrp(0, 5.5, 2, 13, 0.3),
        "testis": _measured("testis2010", 18.3, 0, 9, 27.5, 0.18),
        "breast": _approximate(0, 100, 20, 320, 0.4),
        "vertebrae_L3": _approximate(62, 50, 25, 100),
        "hip": _approximate(380, 300, 150, 600),
        "gluteus_maximus": _approximate(850, 650, 350, 1350, 0.15),
        "iliopsoas": _approximate(420, 290, 150, 700, 0.15),
        "autochthon": _approximate(720, 520, 300, 1150, 0.14),
        "brown_fat": _approximate(90, 110, 20, 320),
    }
)

REFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "icrp89": "ICRP Publication 89 (2002), reference man and woman; ranges approximate",
        "matsumae1996": "Matsumae et al., J Neurosurg 1996, 982-991, MRI, 49 adults: 1302 ± 112, 1143 ± 105; ± 2.5 SD",
        "escalona1991": "Escalona et al., AJNR 1991, 12:927, MRI, 37 adults: 122 ± 16, 104 ± 10; ± 2.5 SD",
        "bukhari2014": "Ophthalmic Plast Reconstr Surg 2014, 30:388, MRI, 998 glands, of all ages; range approximate",
        "medbery2000": "Medbery et al. 2000, Variation in parotid gland size, MRI, 32 glands: median 25.3, 9.2-54.1",
        "submandibular_ct": "Quantitative analysis of the submandibular gland using computed tomography, 130 adults: "
        "8.07 ± 2.57; ± 2.5 SD",
        "ankara1998": "Endocrinol Res Pract 1998, 2, ultrasound, 352 students: 13.7 ± 3.4, 11.1 ± 3.2; 4.9-24.3",
        "abdomen2004": "Normal organ volume assessment from abdominal CT, Abdom Imaging 2004, 482-490, 149 adults",
        "molina2015": "Normal organ weights in women II, 2015, doi 10.1097/PAF.0000000000000175, 102 autopsies: liver "
        "775-2395 g, of which the lower end; the upper one is approximate",
        "caglar2014": "Caglar et al., Folia Morphol 2014, CT, 212 adults: 198 ± 88, of which + 2.5 SD; the lower end "
        "of molina2015 (51 g)",
        "gallbladder1992": "Am J Gastroenterol 1992, 87:493, ultrasound, 1703 healthy fasting adults: 18.7, 17.0; "
        "range approximate",
        "ship2024": "SHIP-TREND, J Clin Med 2024, 13:769, MRI, 1815 adults, medians: left 180, 144, right 174, 138; "
        "range approximate",
        "wang2012": "Wang et al., Chin Med Sci J 2012, 27:220, CT, 81 adults: 4.23 ± 0.74, 4.26 ± 0.86; 2.6-6.6",
        "pancreas2019": "Abdom Radiol 2019, 44:958, CT, 204 adults: 77.9 ± 21.7; 18.8-139.8",
        "prostate1988": "Scand J Urol Nephrol Suppl 1988, 107:26, ultrasound, 175 men of 27-70: medians 23.0 without "
        "and 28.0 with adenoma; 11.3-62.1",
        "testis2010": "Urology 2010, ultrasound, 1139 men of 19-27: 18.37 ± 3.62, 18.13 ± 3.85; ± 2.5 SD",
    }
)


def draw_volume_ml(name: str, build: Build, rng: np.random.Generator) -> float:
    """Return a volume for an organ of one body: its sex' mean, its size, and a log-normal spread."""
    organ = ORGAN_VOLUMES[name]
    mean_ml = organ.female_ml if build.female else organ.male_ml
    drawn = mean_ml * build.organ_scale * float(np.exp(organ.spread * rng.normal() - organ.spread**2 / 2))
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
