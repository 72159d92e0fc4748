"""Stations: the anatomical places where lesions arise, told from the label map of any body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

# Names of tissues; * stands for anything, a leading ! takes tissues out again.
Patterns = tuple[str, ...]

OUTSIDE = "outside"  # the air around the body
FAT: Patterns = ("torso_fat", "subcutaneous_fat", "intermuscular_fat", "brown_fat")
MUSCLE: Patterns = ("skeletal_muscle", "*_muscle_*", "autochthon_*", "gluteus_*", "iliopsoas_*")
SOFT: Patterns = (*FAT, *MUSCLE)
LUNG: Patterns = ("lung_*",)
BRAIN: Patterns = ("brain", "brain_white_matter", "cerebellum")
BOWEL: Patterns = ("stomach", "duodenum", "small_bowel", "colon")
SPINE: Patterns = ("vertebrae_*", "sacrum")
LONG_BONES: Patterns = ("femur_*", "humerus_*")
# Bones that hold red marrow in adults.
RED_MARROW: Patterns = (*SPINE, "hip_*", "rib_*", "sternum", "scapula_*", "clavicula_*", *LONG_BONES)
NECK: Patterns = ("larynx", "thyroid_gland", "trachea", "submandibular_gland_*", "parotid_gland_*")
CENTRAL: Patterns = ("trachea", "superior_vena_cava", "aorta", "esophagus", "heart_blood_pool")


class Near(NamedTuple):
    """A distance to the nearest voxel of tissues: at least `beyond_mm` and at most `within_mm`."""

    tissues: Patterns
    beyond_mm: float
    within_mm: float = float("inf")


class Bound(NamedTuple):
    """A bound across one world axis, told from where tissues begin and end along it.

    Attributes:
        tissues: What the bound is measured from.
        at: 0 for the tissues' lowest (rearmost) voxel to 1 for their highest (foremost).
        offset_mm: Added to that.
        side: 1 for places above (before) the bound, -1 for those below (behind) it.
        axis: 2, up; 1, forward.
    """

    tissues: Patterns
    at: float
    offset_mm: float = 0.0
    side: int = 1
    axis: int = 2


@dataclass(frozen=True, kw_only=True)
class Region:
    """Voxels of the hosts that meet all conditions; none where the body lacks what they are near to or bound by."""

    hosts: Patterns
    near: tuple[Near, ...] = ()
    bounds: tuple[Bound, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Station:
    """A place where lesions arise.

    Attributes:
        regions: Ways to find it, best first; the first that finds voxels counts.
        confined_to: Tissues that a lesion there may occupy, besides its host's own where `own`; empty: any.
        own: Whether it may occupy its host's organ, or its host's kind of bone, on the host's side.
    """

    regions: tuple[Region, ...]
    confined_to: Patterns = ()
    own: bool = False


def _in(hosts: Patterns, *near: Near, also: Patterns = ()) -> Station:
    return Station(regions=(Region(hosts=hosts, near=near),), confined_to=also, own=True)


def _soft(*regions: Region, also: Patterns = ()) -> Station:
    return Station(regions=regions, confined_to=(*SOFT, *also))


def _beside(tissues: Patterns, hosts: Patterns = SOFT, within_mm: float = 16.0) -> Station:
    return _soft(Region(hosts=hosts, near=(Near(tissues, 3, within_mm),)), also=hosts)


_BELOW_LUNGS = Bound(LUNG, 0.15, side=-1)
_IN_CHEST = (Bound(LUNG, 0.35), Bound(LUNG, 0.97, side=-1))
_NO_ARMS: Patterns = (*SOFT, "!arm_muscle_*")
_GROIN = (Bound(("hip_*",), 0, -15), Bound(("hip_*",), 0.5, side=-1), Bound(("hip_*",), 0.7, axis=1))

_NODES = {
    "cervical": _soft(
        Region(
            hosts=SOFT,
            near=(Near(NECK, 4, 32), Near(SPINE, 12)),
            bounds=(Bound(("skull",), 0.35, side=-1), Bound(("clavicula_*",), 0.8)),
        ),
        Region(hosts=SOFT, near=(Near(("vertebrae_C*",), 18, 55),)),
    ),
    "supraclavicular": _soft(
        Region(
            hosts=SOFT,
            near=(
                Near(("clavicula_*",), 4, 28),
                Near((*SPINE, "trachea"), 15, 75),
                Near((*LUNG, "humerus_*"), 5),
            ),
            bounds=(Bound(("clavicula_*",), 0.4),),
        )
    ),
    "axillary": _soft(
        Region(
            hosts=SOFT,
            near=(
                Near(("scapula_*",), 5, 45),
                Near(("rib_*",), 8, 45),
                Near(SPINE, 100),
                Near((OUTSIDE,), 8),
            ),
            bounds=(
                Bound(("clavicula_*",), 0.5, side=-1),
                Bound(("scapula_*",), 0.15),
                Bound(("scapula_*",), 0.45, axis=1),
            ),
        )
    ),
    "mediastinal": _soft(
        Region(hosts=SOFT, near=(Near(CENTRAL, 2, 20), Near(LUNG, 0, 40)), bounds=_IN_CHEST),
        Region(hosts=LUNG, near=(Near(CENTRAL, 0, 14),), bounds=_IN_CHEST),
        also=LUNG,
    ),
    "hilar": _soft(
        Region(
            hosts=(*SOFT, *LUNG),
            near=(
                Near(("heart_blood_pool", "trachea"), 3, 32),
                Near(LUNG, 0, 10),
                Near(("aorta", *SPINE), 10),
            ),
            bounds=(Bound(("trachea",), 0, -45), Bound(("trachea",), 0, 30, side=-1)),
        ),
        Region(hosts=LUNG, near=(Near(("heart_*",), 0, 25),), bounds=(Bound(("heart_*",), 0.6),)),
        also=LUNG,
    ),
    "para_aortic": _soft(
        Region(hosts=SOFT, near=(Near(("aorta", "inferior_vena_cava"), 2, 20),), bounds=(_BELOW_LUNGS,)),
        Region(hosts=SOFT, near=(Near(("vertebrae_L*",), 12, 35),)),
    ),
    "mesenteric": _soft(Region(hosts=FAT, near=(Near(("small_bowel",), 3, 18), Near(SPINE, 30)))),
    "periportal": _soft(Region(hosts=FAT, near=(Near(("portal_vein_and_splenic_vein", "pancreas"), 2, 18),))),
    "iliac": _soft(
        Region(hosts=SOFT, near=(Near(("iliac_artery_*", "iliac_vena_*"), 2, 18),)),
        Region(
            hosts=SOFT,
            near=(Near(("hip_*",), 4, 25), Near((OUTSIDE,), 60)),
            bounds=(Bound(("hip_*",), 0.35), Bound(("hip_*",), 0.9, side=-1)),
        ),
    ),
    "inguinal": _soft(
        Region(
            hosts=_NO_ARMS,
            near=(Near(("femur_*",), 12, 60), Near((OUTSIDE,), 8, 45), Near(("urinary_bladder",), 25, 85)),
            bounds=_GROIN,
        ),
        Region(hosts=_NO_ARMS, near=(Near(("femur_*",), 12, 50), Near((OUTSIDE,), 8, 45)), bounds=_GROIN),
    ),
}
_BONES = {
    "spine": _in(("vertebrae_*",)),
    "pelvis": _in(("hip_*", "sacrum")),
    "ribs": _in(("rib_*", "sternum")),
    "long_bones": _in((*LONG_BONES, "scapula_*", "clavicula_*")),
    "marrow": _in(RED_MARROW),
}
_ORGANS = {
    "lung": _in(LUNG),
    "central_lung": _in(LUNG, Near(("trachea", "heart_*"), 0, 40), also=FAT),
    "pleura": _in(LUNG, Near(("rib_*",), 0, 10), also=SOFT),
    "liver": _in(("liver",)),
    "spleen": _in(("spleen",)),
    "adrenal": _in(("adrenal_gland_*",), also=FAT),
    "kidney": _in(("kidney_left", "kidney_right"), also=FAT),
    "brain": _in(BRAIN),
    "bowel": _in(BOWEL, also=FAT),
    "prostate": _in(("prostate",)),
    # Mucosa of head and neck.
    "tonsil": _in(("palatine_tonsils",), also=SOFT),
    "larynx": _in(("larynx",), also=SOFT),
    "nasal_mucosa": _in(("nasal_mucosa",), also=SOFT),
    "oropharynx": _soft(
        Region(hosts=SOFT, near=(Near(("palatine_tonsils",), 0, 18),)),
        Region(hosts=SOFT, near=(Near(("larynx",), 0, 25),), bounds=(Bound(("larynx",), 0.5),)),
        also=("palatine_tonsils", "larynx"),
    ),
}
_SOFT_TISSUE = {
    "skin": Station(
        regions=(
            Region(hosts=("skin",)),
            Region(hosts=("subcutaneous_fat",), near=(Near((OUTSIDE,), 0, 8),)),
        ),
        confined_to=("skin", "subcutaneous_fat"),
    ),
    "subcutaneous": _in(("subcutaneous_fat", "breast_*"), also=("skin",)),
    "muscle": _soft(Region(hosts=MUSCLE)),
    "limb_muscle": _soft(
        Region(hosts=("thigh_muscle_*", "arm_muscle_*")),
        Region(
            hosts=MUSCLE,
            near=(Near(LONG_BONES, 8, 55), Near(("urinary_bladder", "colon", *LUNG), 25)),
        ),
        also=("skin",),
    ),
    "trunk_muscle": _soft(
        Region(
            hosts=(*MUSCLE, "!thigh_muscle_*", "!arm_muscle_*"),
            near=(Near(("rib_*", *SPINE, "hip_*"), 0, 45), Near(("skull",), 40)),
        ),
        also=("skin",),
    ),
    "retroperitoneum": _soft(
        Region(
            hosts=SOFT,
            near=(Near(("kidney_*", "pancreas", "vertebrae_L*"), 0, 45), Near((OUTSIDE,), 35)),
            bounds=(_BELOW_LUNGS,),
        )
    ),
}
_BESIDE_HOT_ORGANS = {
    "beside_bladder": _beside(("urinary_bladder",)),
    "beside_kidney": _beside(("kidney_*",)),
    "beside_heart": _beside(("heart_*",), (*SOFT, *LUNG)),
    "beside_liver": _beside(("liver",), (*SOFT, *LUNG, "rib_*")),
    "beside_brain": _beside(BRAIN, (*SOFT, "skull"), 22.0),
    "beside_bowel": _beside(BOWEL),
    "beside_salivary_gland": _beside(("parotid_gland_*", "submandibular_gland_*")),
}
# Lesions do not float in urine or breath.
_TISSUE: Patterns = ("*", "!urinary_bladder", "!kidney_pelvis_*", "!ureter_*", "!trachea")
_ANYWHERE = {
    "organ": Station(regions=(Region(hosts=(*_TISSUE, *(f"!{name}" for name in SOFT), "!skin")),)),
    "body": Station(regions=(Region(hosts=_TISSUE),)),
}
STATIONS: Mapping[str, Station] = MappingProxyType(
    {**_NODES, **_BONES, **_ORGANS, **_SOFT_TISSUE, **_BESIDE_HOT_ORGANS, **_ANYWHERE}
)
