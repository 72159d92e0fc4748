"""How uneven uptake is inside tissues: log standard deviations of a coarse and a fine pattern."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

Pair = tuple[float, float]

# Coarse (about 3 cm) and fine (about 1 cm). Estimates: bowel takes up in segments, kidneys in cortex and calyces,
# red marrow lies in islands, muscle and fat are streaked with one another; liver is smooth, since its voxels vary
# by 9-11 % in real FDG PET, most of which is noise.
_EVERY_TRACER: Mapping[str, Pair] = MappingProxyType(
    {
        "colon": (0.5, 0.25),
        "small_bowel": (0.45, 0.25),
        "duodenum": (0.3, 0.2),
        "stomach": (0.3, 0.15),
        "esophagus": (0.2, 0.15),
        "kidney": (0.1, 0.25),
        "kidney_pelvis": (0.5, 0.3),
        "ureter": (0.9, 0.3),
        "urethra": (0.3, 0.2),
        "urinary_bladder": (0.02, 0.0),
        "gallbladder": (0.05, 0.03),
        "heart_myocardium": (0.1, 0.06),
        "subcutaneous_fat": (0.1, 0.2),
        "torso_fat": (0.15, 0.25),
        "brown_fat": (0.15, 0.2),
        "skin": (0.15, 0.2),
        "skeletal_muscle": (0.12, 0.15),
        "marrow": (0.1, 0.08),
        "limb_marrow": (0.35, 0.2),
        "rib": (0.2, 0.1),
        "bone": (0.2, 0.1),
        "skull": (0.2, 0.1),
        "brain": (0.08, 0.08),
        "brain_white_matter": (0.05, 0.05),
        "brain_ventricle": (0.03, 0.03),
        "cerebellum": (0.05, 0.07),
        "blood": (0.02, 0.03),
        "liver": (0.02, 0.02),
        "spleen": (0.03, 0.03),
        "testis": (0.05, 0.05),
        "breast": (0.2, 0.25),
        "uterus": (0.2, 0.2),
        "prostate": (0.15, 0.15),
        "nasal_mucosa": (0.2, 0.2),
        "eye": (0.15, 0.25),
        "larynx": (0.2, 0.2),
    }
)
_DEFAULT: Pair = (0.08, 0.06)
_BY_TRACER: Mapping[str, Mapping[str, Pair]] = MappingProxyType(
    {
        # Fasting hearts take up in parts: the base and the lateral wall keep more.
        "fdg": {"heart_myocardium": (0.25, 0.08)},
        # Uptake falls off along the jejunum; the cortex outshines the medulla.
        "psma": {"small_bowel": (0.6, 0.25), "kidney": (0.1, 0.3), "parotid_gland": (0.1, 0.15)},
        # The head holds more receptors than the tail.
        "dotatate": {"pancreas": (0.3, 0.15), "kidney": (0.1, 0.3), "prostate": (0.2, 0.2)},
        "flt": {"marrow": (0.12, 0.1), "rib": (0.25, 0.12)},
        "fapi": {"uterus": (0.3, 0.2), "skin": (0.25, 0.25)},
    }
)


def unevenness_of(tracer: str, kind: str) -> Pair:
    """Return the coarse and fine log standard deviation inside tissues of a class."""
    return _BY_TRACER.get(tracer, {}).get(kind) or _EVERY_TRACER.get(kind, _DEFAULT)
