"""Bodies from a given label map: renamed, completed, scaled and warped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.errors import GeometryError, UsageError
from seganypet.phantom.anatomy.abdomen import paint_abdomen
from seganypet.phantom.anatomy.body import Build, paint_cavity
from seganypet.phantom.anatomy.body_map import Anatomy, LabelArray
from seganypet.phantom.anatomy.canvas import AxisMap, Canvas
from seganypet.phantom.anatomy.head import paint_head
from seganypet.phantom.anatomy.landmarks import Extent, extents, fit_standard_body
from seganypet.phantom.anatomy.naming import BODY_NAMES, PELVIS_NAMES, tissue_name
from seganypet.phantom.anatomy.procedural import check_spacing
from seganypet.phantom.anatomy.skeleton import paint_skeleton
from seganypet.phantom.anatomy.thorax import paint_myocardium, paint_thorax
from seganypet.phantom.anatomy.tissues import FILLERS, LUNG_LOBES, TISSUE_IDS, TISSUES, VERTEBRAE
from seganypet.phantom.anatomy.warp import Lattice, Points, random_warp
from seganypet.volume import Affine, BoolArray, check_affine

Maps = tuple[AxisMap, AxisMap, AxisMap]
_SCALE = (0.85, 1.15)
_MARGIN_MM = 24.0
_HULL_MM = 60.0  # labels of one body lie closer together than twice this
_SKIN_MM = 14.0
_WHOLE_BODY_MM = 1300.0
_HALF_FIELD_MM = 340.0  # of a scanner with a bore of 70 cm
_BODY_ID = len(TISSUES) + 1
_PELVIS_ID = len(TISSUES) + 2
_HEART = ("heart_myocardium", "heart_blood_pool")
_MUSCLE_AND_BONE = ("skeletal_muscle", "gluteus", "iliopsoas", "rib_", "femur", "humerus", "hip_", "scapula")


@dataclass(frozen=True)
class _Source:
    """A given label map under our ids, RAS+ or not, and what it shows."""

    tissues: LabelArray
    affine: Affine
    present: frozenset[str]
    has_body: bool
    organs: dict[str, Extent]
    body: Extent


def anatomy_from_label_map(
    label_map: npt.NDArray[np.integer],
    affine: npt.ArrayLike,
    names: Mapping[int, str],
    rng: np.random.Generator,
    *,
    spacing_mm: Sequence[float] = (4.0, 4.0, 4.0),
) -> Anatomy:
    """Return a body made of a label map, in a random size and bend.

    Names are those of TotalSegmentator or of the HuBMAP reference organs; labels of other names count as
    muscle. A label "skin" or "body" fills the rest of the body and is carved into fat and muscle; without
    one, the body is the hull of the labels and a skin around it. Where the map shows a whole body, organs it
    leaves out (lungs, brain, bones, vessels…) are added from the standard body, fitted to heart, kidneys and
    liver; spread arms are cut off at the edge of a PET's field of view, and often the legs are, too.

    Args:
        label_map: Integers [I, J, K], 0 outside.
        affine: 4×4, voxel index to RAS+ world in mm; any orientation.
        names: Name of every id.
        rng: Source of randomness: scale 0.85–1.15 along each axis, and a smooth warp. Sides are never
            swapped.
        spacing_mm: Voxel size of the result along x, y, z, in mm.

    Raises:
        GeometryError: The map is not 3D, or affine or voxel size are unusable.
        UsageError: The map is empty, not of whole numbers, or holds an id without a name.
    """
    spacing = check_spacing(spacing_mm)
    source = _read(np.asarray(label_map), check_affine(affine), names)
    whole = source.has_body and float(source.body.high[2] - source.body.low[2]) > _WHOLE_BODY_MM
    fitted = fit_standard_body(source.organs, source.body if whole else None)
    scale = rng.uniform(*_SCALE, 3)
    low, high = _field_of_view(source, fitted if whole else None, rng)
    canvas, warp = _straight_canvas(low * scale, high * scale, scale, spacing, rng)
    tissues = _resample(canvas, source)
    if fitted is not None:
        canvas = Canvas(canvas.affine, tissues.shape, _scaled(fitted, scale), warp)
    body = tissues > 0 if source.has_body else _hull(tissues, canvas.spacing_mm)
    skin = _paint_given(canvas, tissues, body, rng)
    if fitted is not None and whole:
        _complete(canvas, source, skin, rng)
    return canvas.anatomy()


def _read(label_map: npt.NDArray[np.integer], affine: Affine, names: Mapping[int, str]) -> _Source:
    if label_map.ndim != 3:
        raise GeometryError(f"label map of shape {label_map.shape}; expected 3 dimensions (i, j, k)")
    if label_map.dtype.kind not in "iu" or int(label_map.min()) < 0:
        raise UsageError(
            f"label map of type {label_map.dtype}; expected integers of 0 or more (astype(int)?)"
        )
    ids = [int(at) for at in np.flatnonzero(np.bincount(label_map.ravel())) if at]
    if not ids:
        raise UsageError("the label map is empty; expected ids above 0 where there is tissue")
    unnamed = [identifier for identifier in ids if identifier not in names]
    if unnamed:
        raise UsageError(f"label map holds ids {unnamed[:8]} without a name; add them to names")
    table = np.zeros(max(ids) + 1, dtype=np.int16)
    grouped: dict[str, list[int]] = {}
    for identifier in ids:
        name = names[identifier].strip().lower()
        if name in BODY_NAMES:
            table[identifier] = _BODY_ID
        elif name in PELVIS_NAMES:
            table[identifier] = _PELVIS_ID
        else:
            ours = tissue_name(name)
            table[identifier] = TISSUE_IDS[ours]
            grouped.setdefault(ours, []).append(identifier)
    organs = extents(label_map, affine, grouped)
    body = _box_of(label_map > 0, affine)
    has_body = bool((table == _BODY_ID).any())
    return _Source(table[label_map], affine, frozenset(grouped), has_body, organs, body)


def _box_of(mask: BoolArray, affine: Affine) -> Extent:
    """Corners of the voxel box around a mask, in world mm."""
    spans = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {at}))) for at in range(3)]
    corners = np.array([(span[0], span[-1]) for span in spans], dtype=np.float64)
    every = np.stack(np.meshgrid(*corners, indexing="ij"), axis=-1).reshape(-1, 3)
    world = every @ affine[:3, :3].T + affine[:3, 3]
    return Extent(world.mean(axis=0), world.min(axis=0), world.max(axis=0))


def _field_of_view(source: _Source, fitted: Maps | None, rng: np.random.Generator) -> tuple[Points, Points]:
    """Corners of what is imaged, in the source's world."""
    # The body goes on above and below what was labelled, unless the map shows its skin.
    margin = np.array([_MARGIN_MM] * 3) if source.has_body else np.array([2 * _MARGIN_MM, 2 * _MARGIN_MM, 0])
    low, high = source.body.low - margin, source.body.high + margin
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
    """A canvas over the scaled source whose standard coordinates are the source's world."""
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


def _resample(canvas: Canvas, source: _Source) -> LabelArray:
    """The source's nearest voxels on the canvas' grid."""
    everywhere = (slice(None), slice(None), slice(None))
    world = canvas.coordinates(everywhere)
    inverse = np.linalg.inv(source.affine).astype(np.float32)
    flat = np.zeros(world[0].shape, dtype=np.int64)
    inside = np.ones(world[0].shape, dtype=np.bool_)
    # Where the label map ends above and below, the body goes on: hold the last slice there.
    for at, count in enumerate(source.tissues.shape):
        row = inverse[at]
        index = np.rint(row[0] * world[0] + row[1] * world[1] + row[2] * world[2] + row[3]).astype(np.int64)
        along_z = abs(row[2]) > max(abs(row[0]), abs(row[1]))
        if not (along_z and not source.has_body):
            inside &= (index >= 0) & (index < count)
        flat = flat * count + np.clip(index, 0, count - 1)
    resampled: LabelArray = np.where(inside, source.tissues.ravel()[flat], 0).astype(np.int16)
    return resampled


def _hull(tissues: LabelArray, spacing_mm: npt.NDArray[np.float64]) -> BoolArray:
    """A body for labels that come without one: their closing, and a skin around it."""
    # Without a rim of air, what grows to the grid's edge would not shrink back from there.
    rim = [int(np.ceil(_HULL_MM / step)) + 1 for step in spacing_mm[:2]]
    labelled = np.pad(tissues > 0, ((rim[0], rim[0]), (rim[1], rim[1]), (0, 0)))
    grown = ndimage.distance_transform_edt(~labelled, sampling=spacing_mm) < _HULL_MM
    labelled |= ndimage.distance_transform_edt(grown, sampling=spacing_mm) > _HULL_MM - _SKIN_MM
    labelled = labelled[rim[0] : -rim[0], rim[1] : -rim[1]]
    filled: BoolArray = np.zeros_like(labelled)
    for k in range(labelled.shape[2]):
        filled[..., k] = ndimage.binary_fill_holes(labelled[..., k])
    return filled


def _paint_given(canvas: Canvas, tissues: LabelArray, body: BoolArray, rng: np.random.Generator) -> BoolArray:
    """Fat, muscle and inner fat from the body's depth, then the given organs; returns the outermost skin."""
    fat_mm = float(rng.uniform(7, 20))
    depth = _depth(body, canvas.spacing_mm)
    canvas.label_map[body] = TISSUE_IDS["skeletal_muscle"]
    inner = _organ_bed(tissues, canvas.spacing_mm) & (depth > fat_mm + 8)
    canvas.label_map[inner] = TISSUE_IDS["torso_fat"]
    canvas.label_map[body & (depth < fat_mm)] = TISSUE_IDS["subcutaneous_fat"]
    given = (tissues > 0) & (tissues < _BODY_ID)
    canvas.label_map[given] = tissues[given]
    _split_pelvis(canvas, tissues == _PELVIS_ID)
    return body & (depth < 8)


def _depth(body: BoolArray, spacing_mm: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Distance to the skin in each axial slice, in mm: where the image cuts the body there is no skin."""
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
    names[(np.abs(x_mm) < 38) & (voxels[:, 1] < middle[1])] = TISSUE_IDS["sacrum"]
    canvas.label_map[tuple(voxels.T)] = names


def _complete(canvas: Canvas, source: _Source, skin: BoolArray, rng: np.random.Generator) -> None:
    """Add what the map leaves out, from the standard body, inside the given one."""
    female = bool({"uterus", "ovary_left", "ovary_right"} & source.present)
    build = Build(
        female=female, height_m=1.75, fat_mm=12, belly_mm=0, arms_up=False, arms=False, lowest_mm=-30
    )
    kept = {name for name in source.present if name not in FILLERS} | set(_HEART)
    if source.present & set(LUNG_LOBES):
        kept |= set(LUNG_LOBES)
    kept |= {"hip_left", "hip_right", "sacrum"} if (canvas.label_map == TISSUE_IDS["sacrum"]).any() else set()
    canvas.kept = frozenset(kept)
    paint_cavity(canvas, build)
    canvas.label_map[skin] = TISSUE_IDS["subcutaneous_fat"]
    paint_skeleton(canvas, build)
    paint_head(canvas, rng)
    if "heart_myocardium" not in source.present:
        canvas.kept -= {"heart_myocardium"}
        paint_myocardium(canvas, rng)
        canvas.kept |= {"heart_myocardium"}
    paint_thorax(canvas, rng)
    paint_abdomen(canvas, build, rng)
