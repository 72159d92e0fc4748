"""Names of organs and lesions as coded concepts, SNOMED CT as DICOM uses it [DICOM PS3.16 CID 7150, 7159]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

_ORGAN_CODES: Final[dict[str, Code]] = {
    "brain": codes.SCT.Brain,
    "parotid_gland": codes.SCT.ParotidGland,
    "submandibular_gland": codes.SCT.SubmandibularGland,
    "thyroid_gland": codes.SCT.Thyroid,
    "lung": codes.SCT.Lung,
    "lung_upper_lobe": codes.SCT.UpperLobeOfLung,
    "lung_middle_lobe": codes.SCT.MiddleLobeOfRightLung,
    "lung_lower_lobe": codes.SCT.LowerLobeOfLung,
    "heart": codes.SCT.Heart,
    "heart_myocardium": Code("74281007", "SCT", "Myocardium"),
    "aorta": codes.SCT.Aorta,
    "liver": codes.SCT.Liver,
    "gallbladder": codes.SCT.Gallbladder,
    "spleen": codes.SCT.Spleen,
    "kidney": codes.SCT.Kidney,
    "pancreas": codes.SCT.Pancreas,
    "stomach": codes.SCT.Stomach,
    "duodenum": codes.SCT.Duodenum,
    "small_bowel": codes.SCT.SmallIntestine,
    "colon": codes.SCT.Colon,
    "urinary_bladder": codes.SCT.Bladder,
    "prostate": codes.SCT.Prostate,
    "uterus": codes.SCT.Uterus,
}
_SIDES: Final = {"_left": codes.SCT.Left, "_right": codes.SCT.Right}


@dataclass(frozen=True, kw_only=True)
class CodedName:
    """What a name means.

    Attributes:
        category: Anatomical structure, or morphologically abnormal structure.
        kind: The organ; or a lesion.
        side: Left or right, where the name says so.
    """

    category: Code
    kind: Code
    side: Code | None = None


def coded(name: str) -> CodedName:
    """Return an organ's code; whatever is no organ's name is a lesion.

    Args:
        name: As in `targets.ORGANS`; or free, as "lesion 3".
    """
    for suffix, side in _SIDES.items():
        if (base := name.removesuffix(suffix)) != name and base in _ORGAN_CODES:
            return CodedName(category=codes.SCT.AnatomicalStructure, kind=_ORGAN_CODES[base], side=side)
    if name in _ORGAN_CODES:
        return CodedName(category=codes.SCT.AnatomicalStructure, kind=_ORGAN_CODES[name])
    return CodedName(category=codes.SCT.MorphologicallyAbnormalStructure, kind=codes.SCT.Lesion)
