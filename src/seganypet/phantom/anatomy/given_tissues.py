"""Skin, fat and muscle of a given body, told from the depth below its surface, and the given organs on top."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.special import ndtr

from seganypet.phantom.anatomy.body import SKIN_MM
from seganypet.phantom.anatomy.body_map import LabelArray
from seganypet.phantom.anatomy.canvas import Canvas
from seganypet.phantom.anatomy.given_map import BODY_ID, PELVIS_ID
from seganypet.phantom.anatomy.tissues import FILLERS, TISSUE_IDS, VERTEBRAE
from seganypet.volume import BoolArray

_MUSCLE_AND_BONE = (
    *(
        "skeletal_muscle",
        "gluteus",
        "iliopsoas",
        "autochthon",
        "thigh_muscle",
        "arm_muscle",
        "skin",
        "breast",
    ),
    *("rib_", "femur", "humerus", "tibia", "fibula", "patella", "forearm", "hip_", "scapula", "clavicula"),
    *("brown_fat", "skull", "brain", "testis"),
)
_OUTERMOST_MM = 8.0
_SACRUM_MM = 38.0


def paint_given(canvas: Canvas, tissues: LabelArray, body: BoolArray, rng: np.random.Generator) -> BoolArray:
    """Paint skin, fat, muscle and inner fat by depth, then the given organs.

    Returns:
        The outermost 8 mm of the body, bool [I, J, K].
    """
    fat_mm = float(rng.uniform(7, 20))
    depth = _depth(body, canvas.spacing_mm)
    label_map = canvas.label_map
    label_map[body] = TISSUE_IDS["skeletal_muscle"]
    inner = _organ_bed(tissues, canvas.spacing_mm) & (depth > fat_mm + 8)
    label_map[inner] = TISSUE_IDS["torso_fat"]
    label_map[body & (depth < fat_mm)] = TISSUE_IDS["subcutaneous_fat"]
    given = (tissues > 0) & (tissues < BODY_ID)
    fillers = np.isin(tissues, [TISSUE_IDS[name] for name in FILLERS])
    label_map[given & fillers] = tissues[given & fillers]
    if not (tissues == TISSUE_IDS["skin"]).any():
        label_map[_skin(body, canvas.spacing_mm)] = TISSUE_IDS["skin"]
    label_map[given & ~fillers] = tissues[given & ~fillers]
    _split_pelvis(canvas, tissues == PELVIS_ID)
    outermost: BoolArray = body & (depth < _OUTERMOST_MM)
    return outermost


def _skin(body: BoolArray, spacing_mm: npt.NDArray[np.float64]) -> BoolArray:
    """The voxels whose centres lie less than the skin's thickness under the body's smoothed surface."""
    sigma_mm = float(spacing_mm[:2].max())
    sigmas = [sigma_mm / step for step in spacing_mm[:2]]
    # Across a flat surface a blurred mask is the normal distribution of the depth.
    blurred = ndimage.gaussian_filter(body.astype(np.float32), (*sigmas, 0), truncate=3, mode="nearest")
    skin: BoolArray = body & (blurred < ndtr(SKIN_MM / sigma_mm))
    return skin


def _depth(body: BoolArray, spacing_mm: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Distance to the air in each axial slice, in mm: where the image cuts the body there is no skin."""
    depth = np.zeros(body.shape, dtype=np.float32)
    for k in range(body.shape[2]):
        depth[..., k] = ndimage.distance_transform_edt(body[..., k], sampling=spacing_mm[:2])
    return depth


def _organ_bed(tissues: LabelArray, spacing_mm: npt.NDArray[np.float64]) -> BoolArray:
    """The closing of the inner organs: where fat, not muscle, lies between them."""
    soft = [
        identifier
        for name, identifier in TISSUE_IDS.items()
        if name not in FILLERS and name not in VERTEBRAE and not name.startswith(_MUSCLE_AND_BONE)
    ]
    organs = np.isin(tissues, soft)
    bed = np.zeros_like(organs)
    spans = ndimage.find_objects(organs.astype(np.int8))
    if spans:
        box = tuple(
            slice(max(span.start - int(25 / step), 0), span.stop + int(25 / step))
            for span, step in zip(spans[0], spacing_mm, strict=True)
        )
        grown = ndimage.distance_transform_edt(~organs[box], sampling=spacing_mm) < 25.0
        bed[box] = ndimage.distance_transform_edt(grown, sampling=spacing_mm) > 20.0
    return bed


def _split_pelvis(canvas: Canvas, pelvis: BoolArray) -> None:
    """Name the parts of a bony pelvis in one piece: the sacrum at the back, a hip bone on each side."""
    voxels = np.argwhere(pelvis)
    if not len(voxels):
        return
    middle = (voxels.min(axis=0) + voxels.max(axis=0)) / 2
    x_mm = (voxels[:, 0] - middle[0]) * canvas.spacing_mm[0]
    names = np.where(x_mm > 0, TISSUE_IDS["hip_right"], TISSUE_IDS["hip_left"])
    names[(np.abs(x_mm) < _SACRUM_MM) & (voxels[:, 1] < middle[1])] = TISSUE_IDS["sacrum"]
    canvas.label_map[tuple(voxels.T)] = names
