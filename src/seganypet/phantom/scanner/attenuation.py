"""Attenuation of 511 keV photons by tissue."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from seganypet.phantom.anatomy.body_map import Anatomy
from seganypet.phantom.anatomy.tissues import TISSUE_IDS
from seganypet.volume import FloatArray

# Linear attenuation in 1/mm at 511 keV: mass densities of ICRU Reports 44 (1989) and 46 (1992) times the mass
# attenuation of the NIST tables (Hubbell and Seltzer, NISTIR 5632), where Compton scattering prevails, so that
# it follows electron density. Whole bones hold marrow; the shafts whose marrow is a tissue of its own do not.
WATER_PER_MM = 0.0096
_SOFT_PER_MM = 0.0100
_BY_START: Mapping[str, float] = MappingProxyType(
    {
        "lung_": 0.0026,  # inflated, 0.26 g/cm3
        "trachea": 0.0,
        "stomach_gas": 0.0,
        "colon_gas": 0.0,
        "intermuscular_fat": 0.0091,
        "subcutaneous_fat": 0.0091,  # 0.95 g/cm3
        "torso_fat": 0.0091,
        "brown_fat": 0.0094,
        "breast": 0.0098,  # glandular, 1.02 g/cm3
        "skin": 0.0104,  # 1.09 g/cm3
        "urinary_bladder": WATER_PER_MM,
        "kidney_pelvis": WATER_PER_MM,
        "gallbladder": 0.0098,
        "ureter": WATER_PER_MM,
        "brain_ventricle": 0.0097,
        "femur_marrow": 0.0095,  # yellow marrow, 0.98 g/cm3
        "humerus_marrow": 0.0095,
        "tibia_marrow": 0.0095,
        "femur": 0.0150,
        "humerus": 0.0150,
        "tibia": 0.0150,
        "fibula": 0.0140,
        "forearm": 0.0140,
        "skull": 0.0146,  # cranium, 1.61 g/cm3
        "rib_": 0.0130,  # 1.41 g/cm3
        "clavicula": 0.0130,
        "scapula": 0.0130,
        "patella": 0.0123,
        "vertebrae_": 0.0123,  # 1.33 g/cm3
        "sacrum": 0.0119,  # 1.29 g/cm3
        "hip_": 0.0123,
        "sternum": 0.0113,
    }
)


def attenuation_map(anatomy: Anatomy) -> FloatArray:
    """Return the linear attenuation of a body at 511 keV, in 1/mm, float32 [I, J, K]; 0 outside it.

    Tissues that are neither fat, bone, lung nor fluid count as soft tissue.
    """
    by_id = np.zeros(max(anatomy.names, default=0) + 1, dtype=np.float32)
    for identifier, name in anatomy.names.items():
        if identifier:
            by_id[identifier] = _per_mm(name)
    return np.asarray(by_id[anatomy.label_map])


def water_equivalent(tissues: Tensor) -> Tensor:
    """Return the attenuation of label maps over that of water, float32 of the same shape and on the same device.

    Args:
        tissues: Integers, ids of `TISSUE_IDS`, 0 in air.
    """
    table = torch.zeros(max(TISSUE_IDS.values()) + 1)
    for name, identifier in TISSUE_IDS.items():
        table[identifier] = _per_mm(name) / WATER_PER_MM
    return table.to(tissues.device)[tissues.int()]


def _per_mm(name: str) -> float:
    """The attenuation of the longest start that matches."""
    starts = [start for start in _BY_START if name.startswith(start)]
    return _BY_START[max(starts, key=len)] if starts else _SOFT_PER_MM
