"""Bodies from a given label map: renamed, completed, scaled and warped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.phantom.anatomy.body_map import Anatomy, LabelArray
from seganypet.phantom.anatomy.canvas import AxisMap, Canvas
from seganypet.phantom.anatomy.completion import complete, fold_given_brain, hollow_bones
from seganypet.phantom.anatomy.given_map import BODY_ID, GivenMap, read_given_map
from seganypet.phantom.anatomy.given_tissues import paint_given
from seganypet.phantom.anatomy.landmarks import fit_standard_body
from seganypet.phantom.anatomy.naming import check_tissues
from seganypet.phantom.anatomy.procedural import check_spacing
from seganypet.phantom.anatomy.warp import Lattice, Points, random_warp
from seganypet.volume import BoolArray, check_affine

Maps = tuple[AxisMap, AxisMap, AxisMap]
_SCALE = (0.85, 1.15)
_MARGIN_MM = 24.0
_HULL_MM = 60.0  # labels of one body lie closer together than twice this
_SKIN_MM = 14.0
_WHOLE_BODY_MM = 1300.0
_HALF_FIELD_MM = 340.0  # of a scanner with a bore of 70 cm


def anatomy_from_label_map(
    label_map: npt.NDArray[np.integer],
    affine: npt.ArrayLike,
    names: Mapping[int, str],
    rng: np.random.Generator,
    *,
    spacing_mm: Sequence[float] = (4.0, 4.0, 4.0),
    tissues: Mapping[str, str] | None = None,
) -> Anatomy:
    """Return a body made of a label map, in a random size and bend.

    Names are those of TotalSegmentator (all 117 classes of its task `total`, and its other tasks) or of the HuBMAP
    reference organs; labels of other names count as muscle. A label "skin" or "body" fills the rest of the body and
    is carved into skin, fat and muscle; without one, the body is the hull of the labels and a skin around it. Where
    heart and kidneys show how the body lies, organs it leaves out (lungs, brain and its parts, bones, vessels, brown
    fat, muscles of back and thigh…) are added from the standard body, inside the given one. Long bones get their
    marrow cavities, a brain in one piece its parts. Spread arms are cut off at the edge of a PET's field of view,
    and often the legs of a whole body are, too.

    Args:
        label_map: Integers [I, J, K], 0 outside.
        affine: 4×4, voxel index to RAS+ world in mm; any orientation.
        names: Name of every id.
        rng: Source of randomness: scale 0.85–1.15 along each axis, and a smooth warp that folds and tears nothing.
            Sides are never swapped.
        spacing_mm: Voxel size of the result along x, y, z, in mm.
        tissues: One's own table, label name to a name of `TISSUES`, to such a name without its side for a label on
            both sides, or to "body" or "pelvis" (both hip bones and the sacrum in one). It goes before the built-in
            table and need not be complete.

    Raises:
        GeometryError: The map is not 3D, or affine or voxel size are unusable.
        UsageError: The map is empty, not of whole numbers, or holds an id without a name, or `tissues` names a
            tissue that does not exist.
    """
    spacing = check_spacing(spacing_mm)
    check_tissues(tissues)
    given = read_given_map(np.asarray(label_map), check_affine(affine), names, tissues)
    whole = given.has_body and float(given.body.high[2] - given.body.low[2]) > _WHOLE_BODY_MM
    fitted = fit_standard_body(given.organs, given.body if whole else None)
    scale = rng.uniform(*_SCALE, 3)
    low, high = _field_of_view(given, fitted if whole else None, rng)
    canvas, warp = _straight_canvas(low * scale, high * scale, scale, spacing, rng)
    resampled = _resample(canvas, given)
    if fitted is not None:
        canvas = Canvas(canvas.affine, resampled.shape, _scaled(fitted, scale), warp)
    body = resampled > 0 if given.has_body else _hull(resampled, canvas.spacing_mm)
    outermost = paint_given(canvas, resampled, body, rng)
    if fitted is not None:
        complete(canvas, given, outermost, rng)
        fold_given_brain(canvas, given, rng)
    hollow_bones(canvas, given)
    return canvas.anatomy()


def _field_of_view(given: GivenMap, fitted: Maps | None, rng: np.random.Generator) -> tuple[Points, Points]:
    """Corners of what is imaged, in the given map's world."""
    # The body goes on above and below what was labelled, unless the map shows its skin.
    margin = np.array([_MARGIN_MM] * 3) if given.has_body else np.array([2 * _MARGIN_MM, 2 * _MARGIN_MM, 0])
    low, high = given.body.low - margin, given.body.high + margin
    if fitted is not None:
        midline = float(fitted[0].to_world(np.zeros(1))[0])
        low[0], high[0] = max(low[0], midline - _HALF_FIELD_MM), min(high[0], midline + _HALF_FIELD_MM)
        if rng.random() < 0.6:
            thighs = fitted[2].to_world(np.array([rng.uniform(640, 760)]))
            low[2] = max(low[2], float(thighs[0]))
    return low, high


def _straight_canvas(
    low: Points,
    high: Points,
    scale: npt.NDArray[np.float64],
    spacing_mm: Sequence[float],
    rng: np.random.Generator,
) -> tuple[Canvas, Lattice]:
    """A canvas over the scaled map whose standard coordinates are the map's world."""
    shape = np.ceil((high - low) / spacing_mm).astype(int) + 1
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = low
    warp = random_warp(rng, low.tolist(), high.tolist(), amplitude_mm=float(rng.uniform(6, 14)))
    straight = tuple(AxisMap((0.0, 1000.0 * float(s)), (0.0, 1000.0)) for s in scale)
    return Canvas(affine, shape.tolist(), (straight[0], straight[1], straight[2]), warp), warp


def _scaled(maps: Maps, scale: npt.NDArray[np.float64]) -> Maps:
    x, y, z = (
        AxisMap(tuple(w * float(s) for w in axis.world), axis.standard)
        for axis, s in zip(maps, scale, strict=True)
    )
    return x, y, z


def _resample(canvas: Canvas, given: GivenMap) -> LabelArray:
    """The given map's nearest voxels on the canvas' grid."""
    everywhere = (slice(None), slice(None), slice(None))
    world = canvas.coordinates(everywhere)
    inverse = np.linalg.inv(given.affine).astype(np.float32)
    flat = np.zeros(world[0].shape, dtype=np.int64)
    inside = np.ones(world[0].shape, dtype=np.bool_)
    # Where the label map ends above and below, the body goes on: hold the last slice there.
    for at, count in enumerate(given.tissues.shape):
        row = inverse[at]
        index = np.rint(row[0] * world[0] + row[1] * world[1] + row[2] * world[2] + row[3]).astype(np.int64)
        along_z = abs(row[2]) > max(abs(row[0]), abs(row[1]))
        if not (along_z and not given.has_body):
            inside &= (index >= 0) & (index < count)
        flat = flat * count + np.clip(index, 0, count - 1)
    resampled: LabelArray = np.where(inside, given.tissues.ravel()[flat], 0).astype(np.int16)
    return resampled


def _hull(tissues: LabelArray, spacing_mm: npt.NDArray[np.float64]) -> BoolArray:
    """A body for labels that come without one: their closing, and a skin around it."""
    # Without a rim of air, what grows to the grid's edge would not shrink back from there.
    rim = [int(np.ceil(_HULL_MM / step)) + 1 for step in spacing_mm[:2]]
    labelled = np.pad((tissues > 0) & (tissues != BODY_ID), ((rim[0], rim[0]), (rim[1], rim[1]), (0, 0)))
    grown = ndimage.distance_transform_edt(~labelled, sampling=spacing_mm) < _HULL_MM
    labelled |= ndimage.distance_transform_edt(grown, sampling=spacing_mm) > _HULL_MM - _SKIN_MM
    labelled = labelled[rim[0] : -rim[0], rim[1] : -rim[1]]
    filled: BoolArray = np.zeros_like(labelled)
    for k in range(labelled.shape[2]):
        filled[..., k] = ndimage.binary_fill_holes(labelled[..., k])
    return filled
