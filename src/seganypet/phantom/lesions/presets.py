"""Lesions of six diseases, and random ones.

SUVs are of the viable tumour before the scanner; surveys report the maximum of a noisy image, of which about two
thirds are taken. Values called approximate are ours, of the order that such surveys give.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from seganypet.phantom.lesions.carcinomas import HEAD_NECK, LUNG_CANCER, PROSTATE
from seganypet.phantom.lesions.groups import (
    BONE_SITES,
    LesionGroup,
    LesionPreset,
    Range,
    log_normal,
)
from seganypet.phantom.lesions.stations import STATIONS

_SMOOTH: Range = (0.05, 0.3)
_NODES_ABOVE = {"cervical": 0.25, "supraclavicular": 0.2, "axillary": 0.2, "mediastinal": 0.27, "hilar": 0.08}
_NODES_BELOW = {
    "para_aortic": 0.32,
    "iliac": 0.24,
    "inguinal": 0.18,
    "mesenteric": 0.16,
    "periportal": 0.1,
}
_BESIDE_HOT = tuple(name for name in STATIONS if name.startswith("beside_"))
_NODES = {**_NODES_ABOVE, **_NODES_BELOW}

# FDG: hottest lesion of a patient 7.0 ± 3.1 in indolent, 19.6 ± 9.3 in aggressive lymphoma (Schöder et al., J Clin
# Oncol 2005, doi:10.1200/JCO.2005.12.072). Numbers, volumes and shares of the stations are approximate.
_LYMPHOMA_SUV = {"fdg": log_normal(8.0, 0.6, 2.0, 35.0)}
_LYMPHOMA = (
    LesionGroup(
        kind="node",
        stations=_NODES_ABOVE,
        chance=0.85,
        count=(1, 12),
        volume_ml=log_normal(4.0, 1.2, 0.3, 200.0),
        suv=_LYMPHOMA_SUV,
        cluster=0.6,
        confluent=0.25,
        core=0.1,
        bumpiness=_SMOOTH,
    ),
    LesionGroup(
        kind="bulky_node",
        stations={"mediastinal": 0.5, "para_aortic": 0.3, "mesenteric": 0.2},
        chance=0.25,
        volume_ml=log_normal(130.0, 0.7, 40.0, 500.0),
        suv=_LYMPHOMA_SUV,
        confluent=0.9,
        core=0.25,
        infiltrating=0.4,
    ),
    LesionGroup(
        kind="node",
        stations=_NODES_BELOW,
        chance=0.65,
        count=(1, 10),
        volume_ml=log_normal(4.0, 1.2, 0.3, 200.0),
        suv=_LYMPHOMA_SUV,
        cluster=0.6,
        confluent=0.25,
        core=0.1,
        bumpiness=_SMOOTH,
    ),
    LesionGroup(
        kind="spleen_lesion",
        stations={"spleen": 1.0},
        chance=0.2,
        count=(1, 5),
        volume_ml=log_normal(5.0, 1.1, 0.5, 100.0),
        suv=_LYMPHOMA_SUV,
    ),
    LesionGroup(
        kind="bone_lesion",
        stations=BONE_SITES,
        chance=0.25,
        count=(1, 8),
        volume_ml=log_normal(4.0, 1.0, 0.3, 80.0),
        suv=_LYMPHOMA_SUV,
        infiltrating=0.4,
    ),
    LesionGroup(
        kind="extranodal_lesion",
        stations={"bowel": 0.3, "lung": 0.2, "liver": 0.2, "kidney": 0.1, "tonsil": 0.1, "subcutaneous": 0.1},
        chance=0.2,
        count=(1, 3),
        volume_ml=log_normal(6.0, 1.2, 0.5, 150.0),
        suv=_LYMPHOMA_SUV,
        infiltrating=0.4,
    ),
)

# Organs in 216 autopsies: nodes 74 %, lung 71 %, liver 58 %, brain 49 %, bone 49 %, adrenals 47 %, gut 44 % (Patel et
# al., Am J Surg 1978, doi:10.1016/0002-9610(78)90171-X); skin, fat and muscle are more common in the living.
# Numbers, volumes and SUVs are approximate.
_MELANOMA = (
    LesionGroup(
        kind="metastasis",
        stations={
            "subcutaneous": 0.17,
            "skin": 0.08,
            "muscle": 0.08,
            "lung": 0.15,
            "liver": 0.12,
            **{name: 0.1 * weight for name, weight in BONE_SITES.items()},
            "bowel": 0.08,
            "adrenal": 0.03,
            "spleen": 0.02,
            "axillary": 0.06,
            "inguinal": 0.05,
            "iliac": 0.03,
            "cervical": 0.03,
        },
        count=(2, 30),
        volume_ml=log_normal(1.5, 1.1, 0.3, 120.0),
        suv={"fdg": log_normal(6.5, 0.6, 1.5, 35.0)},
        cluster=0.2,
        confluent=0.05,
        bumpiness=_SMOOTH,
    ),
    LesionGroup(
        kind="node",
        stations={"axillary": 0.4, "inguinal": 0.35, "cervical": 0.25},
        chance=0.4,
        count=(1, 5),
        volume_ml=log_normal(3.0, 1.0, 0.3, 80.0),
        suv={"fdg": log_normal(8.0, 0.5, 2.0, 35.0)},
        cluster=0.8,
        confluent=0.15,
        bumpiness=_SMOOTH,
    ),
    LesionGroup(
        kind="brain_metastasis",
        stations={"brain": 1.0},
        chance=0.15,
        count=(1, 4),
        volume_ml=log_normal(1.5, 0.9, 0.3, 30.0),
        contrast=log_normal(1.4, 0.25, 1.1, 2.5),
        faint=0.2,
        cold=0.3,
    ),
)

# Measured in 23 soft-tissue sarcomas, STS_002 to STS_024 (Vallières et al., Phys Med Biol 2015,
# doi:10.1088/0031-9155/60/14/5471): see docs. Sites: limbs 43 %, retroperitoneum 15 %, trunk wall 10 % of all sarcomas
# (NCCN Guidelines for Patients, 2014). Distant spread at first in 9 to 14 % (Nijhuis et al., Eur J Cancer 1999).
_SARCOMA = (
    LesionGroup(
        kind="primary",
        stations={"limb_muscle": 0.63, "retroperitoneum": 0.22, "trunk_muscle": 0.15},
        volume_ml=log_normal(420.0, 1.2, 10.0, 500.0),
        suv={"fdg": log_normal(5.2, 0.6, 1.4, 20.0)},
        contrast=log_normal(5.6, 0.63, 1.6, 17.0),
        faint=0.08,
        confluent=0.2,
        core=0.55,
        infiltrating=0.8,
        reaction=0.3,
        elongation=0.4,
        bumpiness=(0.15, 0.6),
        unevenness=((0.2, 0.4), (0.15, 0.35)),
    ),
    LesionGroup(
        kind="lung_metastasis",
        stations={"lung": 0.8, "pleura": 0.2},
        chance=0.15,
        count=(1, 10),
        volume_ml=log_normal(0.8, 0.8, 0.3, 20.0),
        suv={"fdg": log_normal(3.5, 0.5, 1.5, 15.0)},
    ),
)

# For domain randomisation; after no disease.
_RANDOM = (
    LesionGroup(
        kind="any",
        stations={
            "organ": 0.4,
            "body": 0.25,
            **{name: 0.1 * weight for name, weight in BONE_SITES.items()},
            **{name: 0.25 / len(_BESIDE_HOT) for name in _BESIDE_HOT},
        },
        count=(1, 20),
        volume_ml=log_normal(3.0, 1.6, 0.3, 500.0),
        contrast=log_normal(4.5, 0.7, 1.5, 15.0),
        faint=0.04,
        cold=0.03,
        cluster=0.25,
        confluent=0.15,
        infiltrating=0.25,
        reaction=0.15,
        elongation=0.3,
        bumpiness=(0.05, 0.7),
        unevenness=((0.02, 0.4), (0.02, 0.3)),
    ),
    LesionGroup(
        kind="node",
        stations=_NODES,
        chance=0.5,
        count=(1, 8),
        volume_ml=log_normal(2.5, 1.2, 0.3, 200.0),
        contrast=log_normal(6.0, 0.7, 1.5, 20.0),
        cluster=0.7,
        confluent=0.25,
        bumpiness=_SMOOTH,
    ),
)

PRESETS: Mapping[str, LesionPreset] = MappingProxyType(
    {
        "lymphoma": LesionPreset(groups=_LYMPHOMA, likeness=0.8),
        "lung_cancer": LesionPreset(groups=LUNG_CANCER),
        "head_neck": LesionPreset(groups=HEAD_NECK),
        "melanoma": LesionPreset(groups=_MELANOMA),
        "prostate": LesionPreset(groups=PROSTATE),
        "sarcoma": LesionPreset(groups=_SARCOMA),
        "random": LesionPreset(groups=_RANDOM, likeness=0.2),
        "none": LesionPreset(),
    }
)
