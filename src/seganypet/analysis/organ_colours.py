"""What organs look like: their colours, and a view of them through a body of glass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from seganypet.analysis.views import Hanging, Plane, across
from seganypet.errors import GeometryError
from seganypet.volume import Volume

LabelArray = npt.NDArray[np.integer]
Rgb = tuple[float, float, float]


class Paint(NamedTuple):
    """How tissues are shown.

    Attributes:
        title: What the legend calls them.
        colour: Hexadecimal RGB.
        opacity: Share of the light that 1 cm of them stops, 0 to 1.
        beginnings: What their names begin with.
    """

    title: str
    colour: str
    opacity: float
    beginnings: tuple[str, ...]


_BONES: Final = (
    "skull", "vertebrae", "sacrum", "sternum", "rib_", "hip_", "femur", "tibia", "fibula", "patella", "humerus",
    "forearm", "clavicula", "scapula",
)  # fmt: skip
PAINTS: Final = (
    Paint("bones", "#d8cbaa", 0.35, _BONES),
    Paint("brain", "#d982b5", 0.8, ("brain", "cerebellum")),
    Paint("lungs", "#8fc4e8", 0.3, ("lung_",)),
    Paint("heart", "#c8102e", 0.8, ("heart_",)),
    Paint("vessels", "#5b6fd6", 0.6, ("aorta", "inferior_vena", "superior_vena", "portal_vein", "iliac_")),
    Paint("liver", "#8c4a1f", 0.7, ("liver",)),
    Paint("gallbladder", "#4c9a2a", 0.9, ("gallbladder",)),
    Paint("spleen", "#7a2fa3", 0.8, ("spleen",)),
    Paint("pancreas", "#e8b500", 0.9, ("pancreas",)),
    Paint("kidneys", "#f26b21", 0.9, ("kidney",)),
    Paint("ureters, adrenals", "#b8860b", 0.9, ("ureter", "adrenal_gland")),
    Paint("stomach", "#e57373", 0.7, ("stomach", "esophagus", "duodenum")),
    Paint("bowel", "#7fb69a", 0.5, ("small_bowel", "colon")),
    Paint("bladder", "#ffd92f", 0.9, ("urinary_bladder", "urethra")),
    Paint("genitals", "#b07aa1", 0.8, ("prostate", "uterus", "ovary", "testis")),
    Paint(
        "glands",
        "#00a08a",
        0.9,
        ("parotid", "submandibular", "lacrimal", "thyroid", "thymus", "palatine", "breast"),
    ),
)
"""What is coloured, first match first; other tissues are seen through."""

_BODY: Final = Paint("body", "#b8bcc2", 0.012, ())


def organ_projection(
    label_map: LabelArray, labels: Mapping[str, Sequence[int]], volume: Volume, plane: Plane
) -> npt.NDArray[np.float32]:
    """Return organs in colour as seen through a body of glass, RGB 0 to 1, float32 [rows, columns, 3].

    Seen from the front (coronal), the left (sagittal) or the feet (axial); what lies nearer hides what lies behind
    as far as its opacity goes.

    Args:
        label_map: Ids [I, J, K] on the volume's grid.
        labels: {name: ids}; names in TotalSegmentator's style get the colours of `PAINTS`.
        volume: The scan, for its grid.
        plane: "coronal", "sagittal" or "axial".

    Raises:
        GeometryError: The map is not of the volume's shape.
    """
    if label_map.shape != volume.shape:
        raise GeometryError(
            f"label map of shape {label_map.shape} on a volume of shape {volume.shape}; resample it"
        )
    hanging = Hanging.of(volume)
    hung = np.moveaxis(hanging.array(label_map), across(plane), 0)
    # Nearest first: coronal from the front; sagittal from the left and axial from the feet, which come last.
    layers = hung if plane == "coronal" else hung[::-1]
    colours, stopped = _tables(labels, int(label_map.max()), hanging.spacing_mm[across(plane)])
    seen = np.zeros((*hung.shape[1:], 3), dtype=np.float32)
    light = np.ones(hung.shape[1:], dtype=np.float32)
    for layer in layers:
        if not layer.any():
            continue
        taken = light * stopped[layer]
        seen += taken[..., None] * colours[layer]
        light -= taken
    seen += light[..., None]
    return np.clip(seen, 0, 1).transpose(1, 0, 2)


def paints_in(label_map: LabelArray, labels: Mapping[str, Sequence[int]]) -> list[Paint]:
    """Return the paints that occur in a label map, in the order of `PAINTS`.

    Args:
        label_map: Ids [I, J, K].
        labels: {name: ids}.
    """
    present = np.flatnonzero(np.bincount(label_map.ravel())).tolist()
    by_id = _paints(labels)
    found = {by_id[identifier] for identifier in present if identifier in by_id}
    return [paint for paint in PAINTS if paint in found]


def _tables(
    labels: Mapping[str, Sequence[int]], highest: int, depth_mm: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return colour [id, 3] and the share of light one voxel stops [id]; 0 is air."""
    colours = np.ones((highest + 1, 3), dtype=np.float32)
    stopped = np.zeros(highest + 1, dtype=np.float32)
    colours[1:], stopped[1:] = _rgb(_BODY.colour), _through(_BODY.opacity, depth_mm)
    for identifier, paint in _paints(labels).items():
        if identifier <= highest:
            colours[identifier], stopped[identifier] = _rgb(paint.colour), _through(paint.opacity, depth_mm)
    return colours, stopped


def _through(opacity: float, depth_mm: float) -> float:
    """Return the share of light that a depth stops, by Lambert and Beer's law."""
    return float(1 - (1 - opacity) ** (depth_mm / 10))


def _paints(labels: Mapping[str, Sequence[int]]) -> dict[int, Paint]:
    """Return the paint of every id that has one; the smallest group that an id belongs to decides."""
    paints = {}
    for name, ids in sorted(labels.items(), key=lambda entry: -len(entry[1])):
        paint = next((paint for paint in PAINTS if name.startswith(paint.beginnings)), None)
        paints.update({} if paint is None else dict.fromkeys(ids, paint))
    return paints


def _rgb(colour: str) -> Rgb:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue
