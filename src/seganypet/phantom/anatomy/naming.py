"""From the labels of other maps to our tissues: TotalSegmentator's tasks, and the HuBMAP reference organs."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from seganypet.errors import UsageError
from seganypet.phantom.anatomy.synonyms import BY_SIDE, SYNONYMS
from seganypet.phantom.anatomy.tissues import SIDES, TISSUE_IDS, TISSUES

# What a table may name besides tissues: a label that is filled with fat and muscle, and a bony pelvis in one
# piece, which is split into sacrum and hip bones.
BODY, PELVIS = "body", "pelvis"
_BODY_NAMES = frozenset({"skin", "body", "body_trunc", "body_extremities", "torso", "face"})
_PELVIS_NAMES = frozenset({"pelvis", "bony_pelvis"})
_OTHER = "skeletal_muscle"
_UNSIDED = frozenset(name.removesuffix("_left") for name in TISSUES if name.endswith("_left"))
_VERTEBRAE = {name.lower(): name for name in TISSUES if name.startswith("vertebrae_")}


def tissue_name(name: str, tissues: Mapping[str, str] | None = None) -> str:
    """Return our name of a label of another map; labels that nobody knows count as muscle.

    Case, blanks and hyphens do not matter; the suffixes _l and _r become _left and _right. Besides tissues the
    result may be "body", "pelvis", or a tissue without its side ("tibia"), which lies on both sides.

    Args:
        name: Name of a label.
        tissues: A table of one's own, label name to tissue name, that goes before the built-in one.
    """
    own = {_plain(label): tissue for label, tissue in (tissues or {}).items()}
    plain = _plain(name)
    if plain in own:
        return own[plain]
    if plain in _BODY_NAMES:
        return BODY
    if plain in _PELVIS_NAMES:
        return PELVIS
    plain = _VERTEBRAE.get(plain, plain)
    plain = SYNONYMS.get(plain, plain)
    for side in SIDES:
        stem = plain.removesuffix(f"_{side}")
        if stem != plain and stem in BY_SIDE:
            plain = f"{BY_SIDE[stem]}_{side}"
    plain = BY_SIDE.get(plain, plain)
    return plain if plain in TISSUE_IDS or plain in _UNSIDED else _OTHER


def check_tissues(tissues: Mapping[str, str] | None) -> None:
    """Refuse a table that names tissues there are not.

    Raises:
        UsageError: A value is no tissue; the message names the closest ones.
    """
    known = (*TISSUES, *sorted(_UNSIDED), BODY, PELVIS)
    for label, tissue in (tissues or {}).items():
        if tissue not in known:
            close = get_close_matches(str(tissue), known, n=3, cutoff=0.4)
            hint = f"did you mean {' or '.join(close)}?" if close else "TISSUES lists all names"
            raise UsageError(f"tissues[{label!r}] is {tissue!r}, which is no tissue; {hint}")


def _plain(name: str) -> str:
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    for short, side in (("_l", "_left"), ("_r", "_right")):
        if plain.endswith(short):
            plain = plain.removesuffix(short) + side
    return plain
