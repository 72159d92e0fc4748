"""Lesions of lung, head and neck, and prostate cancer.

SUVs are of the viable tumour before the scanner; surveys report the maximum of a noisy image, of which about two
thirds are taken. Values called approximate are ours, of the order that such surveys give.
"""

from __future__ import annotations

from collections.abc import Mapping

from seganypet.phantom.lesions.groups import BONE_SITES, LesionGroup, LogNormal, Range, log_normal


def _suv(fdg: LogNormal, psma: LogNormal | None = None) -> Mapping[str, LogNormal]:
    return {"fdg": fdg} if psma is None else {"fdg": fdg, "psma": psma}


_SMOOTH: Range = (0.05, 0.3)

# Mean diameter of operated tumours 3.7 ± 2.0 cm, a ball of 27 ml (Karaman et al., J Coll Physicians Surg Pak 2022,
# doi:10.29271/jcpsp.2022.06.740). Of metastatic patients, 22 % have bone alone, 20 % lung, 15 % brain, 6 % liver,
# 36 % several (J Cancer 2019, doi:10.7150/jca.30463). SUVs, nodes and adrenals are approximate.
_LUNG_SUV = _suv(log_normal(7.0, 0.5, 2.0, 30.0))
_LUNG_NODES = log_normal(2.5, 1.0, 0.3, 60.0)
LUNG_CANCER = (
    LesionGroup(
        kind="primary",
        stations={"lung": 0.55, "central_lung": 0.25, "pleura": 0.2},
        volume_ml=log_normal(25.0, 1.1, 0.8, 400.0),
        suv=_LUNG_SUV,
        core=0.45,
        infiltrating=0.3,
        bumpiness=(0.2, 0.65),
    ),
    LesionGroup(
        kind="node",
        stations={"hilar": 1.0},
        chance=0.5,
        count=(1, 3),
        same_side=0.95,
        volume_ml=_LUNG_NODES,
        suv=_LUNG_SUV,
        confluent=0.15,
        bumpiness=_SMOOTH,
    ),
    LesionGroup(
        kind="node",
        stations={"mediastinal": 1.0},
        chance=0.65,
        count=(1, 5),
        needs="hilar",
        same_side=0.8,
        volume_ml=_LUNG_NODES,
        suv=_LUNG_SUV,
        cluster=0.5,
        confluent=0.25,
        bumpiness=_SMOOTH,
    ),
    LesionGroup(
        kind="node",
        stations={"supraclavicular": 1.0},
        chance=0.3,
        count=(1, 3),
        needs="mediastinal",
        same_side=0.75,
        volume_ml=_LUNG_NODES,
        suv=_LUNG_SUV,
        bumpiness=_SMOOTH,
    ),
    LesionGroup(
        kind="bone_metastasis",
        stations=BONE_SITES,
        chance=0.2,
        count=(1, 10),
        volume_ml=log_normal(3.0, 1.0, 0.3, 60.0),
        suv=_suv(log_normal(6.0, 0.5, 2.0, 40.0)),
    ),
    LesionGroup(
        kind="lung_metastasis",
        stations={"lung": 0.8, "pleura": 0.2},
        chance=0.2,
        count=(1, 8),
        volume_ml=log_normal(1.0, 0.8, 0.3, 20.0),
        suv=_suv(log_normal(4.0, 0.5, 1.5, 20.0)),
    ),
    LesionGroup(
        kind="brain_metastasis",
        stations={"brain": 1.0},
        chance=0.12,
        count=(1, 4),
        volume_ml=log_normal(2.0, 1.0, 0.3, 40.0),
        contrast=log_normal(1.4, 0.25, 1.1, 2.5),
        faint=0.2,
        cold=0.3,
    ),
    LesionGroup(
        kind="adrenal_metastasis",
        stations={"adrenal": 1.0},
        chance=0.12,
        count=(1, 2),
        volume_ml=log_normal(8.0, 0.9, 1.0, 80.0),
        suv=_suv(log_normal(6.0, 0.5, 2.0, 40.0)),
    ),
    LesionGroup(
        kind="liver_metastasis",
        stations={"liver": 1.0},
        chance=0.1,
        count=(1, 8),
        volume_ml=log_normal(5.0, 1.1, 0.5, 150.0),
        suv=_suv(log_normal(7.0, 0.4, 3.0, 25.0)),
    ),
)

# Interquartile range of the whole tumour volume 17 ml (Tang et al., Int J Radiat Oncol Biol Phys 2012,
# doi:10.1016/j.ijrobp.2011.10.023); the rest is approximate.
_HEAD_NECK_SUV = _suv(log_normal(8.0, 0.45, 2.5, 30.0))
HEAD_NECK = (
    LesionGroup(
        kind="primary",
        stations={"tonsil": 0.4, "oropharynx": 0.3, "larynx": 0.25, "nasal_mucosa": 0.05},
        volume_ml=log_normal(9.0, 0.9, 1.0, 80.0),
        suv=_HEAD_NECK_SUV,
        infiltrating=0.4,
        bumpiness=(0.2, 0.6),
    ),
    LesionGroup(
        kind="node",
        stations={"cervical": 1.0},
        chance=0.75,
        count=(1, 6),
        same_side=0.8,
        volume_ml=log_normal(4.0, 1.0, 0.3, 80.0),
        suv=_HEAD_NECK_SUV,
        cluster=0.5,
        confluent=0.15,
        core=0.5,
        bumpiness=_SMOOTH,
    ),
    LesionGroup(
        kind="node",
        stations={"supraclavicular": 1.0},
        chance=0.12,
        count=(1, 2),
        needs="cervical",
        same_side=0.8,
        volume_ml=log_normal(2.0, 0.8, 0.3, 20.0),
        suv=_HEAD_NECK_SUV,
        bumpiness=_SMOOTH,
    ),
    LesionGroup(
        kind="lung_metastasis",
        stations={"lung": 1.0},
        chance=0.08,
        count=(1, 6),
        volume_ml=log_normal(0.8, 0.7, 0.3, 15.0),
        suv=_suv(log_normal(4.0, 0.5, 1.5, 20.0)),
    ),
)

# PSMA: median maximum and quartiles 24.0 (14.3-37.9) in bone, 16.7 (11.0-28.0) in nodes, 10.1 (7.9-19.9) in
# the prostate bed (152 patients, PMC10241018, table 2); two thirds of the medians, spreads from the quartiles. Of
# metastatic patients, 84 % have bone, 11 % distant nodes, 10 % liver, 9 % thorax (Gandaglia et al., Prostate
# 2014, doi:10.1002/pros.22742). Primaries, volumes and FDG are approximate.
PROSTATE = (
    LesionGroup(
        kind="primary",
        stations={"prostate": 1.0},
        chance=0.75,
        count=(1, 3),
        volume_ml=log_normal(4.0, 0.8, 0.4, 40.0),
        suv=_suv(log_normal(4.0, 0.4, 2.0, 15.0), log_normal(8.0, 0.65, 3.0, 60.0)),
        core=0.05,
        infiltrating=0.3,
    ),
    LesionGroup(
        kind="node",
        stations={"iliac": 0.75, "para_aortic": 0.22, "supraclavicular": 0.03},
        chance=0.6,
        count=(1, 8),
        volume_ml=log_normal(1.2, 0.8, 0.3, 25.0),
        suv=_suv(log_normal(4.0, 0.4, 2.0, 15.0), log_normal(11.0, 0.68, 2.5, 80.0)),
        cluster=0.4,
        core=0.05,
        bumpiness=_SMOOTH,
    ),
    LesionGroup(
        kind="bone_metastasis",
        stations=BONE_SITES,
        chance=0.7,
        count=(1, 25),
        volume_ml=log_normal(3.0, 1.1, 0.3, 80.0),
        suv=_suv(log_normal(4.5, 0.45, 2.0, 20.0), log_normal(16.0, 0.7, 3.0, 80.0)),
        core=0.05,
        confluent=0.1,
        infiltrating=0.3,
    ),
    LesionGroup(
        kind="organ_metastasis",
        stations={"liver": 0.5, "lung": 0.5},
        chance=0.12,
        count=(1, 5),
        volume_ml=log_normal(3.0, 0.9, 0.3, 60.0),
        suv=_suv(log_normal(5.0, 0.4, 2.5, 15.0), log_normal(11.0, 0.7, 3.0, 45.0)),
    ),
)
