"""The picture of the realism benchmark: STS_001 beside phantoms, real tumours beside simulated ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from scipy import ndimage

from phantom_realism_measures import Mask
from phantom_realism_regions import tissue
from seganypet.io import read_mask, read_volume
from seganypet.phantom import PhantomCase
from seganypet.volume import Volume

Picture = npt.NDArray[np.float32]
# What is shown lies between 560 mm below the liver's dome and 215 mm above it: in STS_001 from the thighs to the
# neck, below the mouth, so that no face is seen.
BELOW_MM, ABOVE_MM = 560.0, 215.0
HALF_WIDTH_MM = 260.0
REAL_DOME_MM = (-320.0, 0.0, -20.0)  # z of the liver's dome, x of the midline, y of the coronal slice, RAS+
AXIAL_BELOW_DOME_MM = 62.0
HALF_CROP_MM = 75.0
RANKS = (0.2, 0.4, 0.6, 0.8)
TUMOUR_SUV = 12.0


class Lesion(NamedTuple):
    """An axial slice through a tumour, with its outline."""

    image: Picture
    mask: Mask
    spacing_mm: tuple[float, float]
    volume_ml: float
    title: str


def draw(path: Path, real: Volume, cases: Sequence[PhantomCase], crops: Path) -> None:
    """Write the picture, PNG: projections, coronal and axial slices of four bodies, and eight tumours."""
    mpl.use("Agg")
    figure = Figure(figsize=(11, 18.5), layout="constrained")
    axes = figure.subplots(5, 4, height_ratios=(1.5, 1.5, 0.72, 1, 1))
    dome, middle, coronal = REAL_DOME_MM
    _body(axes[:3, 0], real, "STS_001 (real)", dome, middle, coronal)
    for column, case in enumerate(cases[:3], start=1):
        liver = np.argwhere(tissue(case, "liver"))
        top = case.volume.to_xyz_mm((0, 0, float(liver[:, 2].max())))[2]
        y = case.volume.to_xyz_mm(liver.mean(axis=0))[1]
        body = np.argwhere(tissue(case, "vertebrae_L3"))
        x = case.volume.to_xyz_mm(body.mean(axis=0))[0]
        _body(axes[:3, column], case.volume, f"phantom {column}", top, x, y)
    for row, lesions in zip(axes[3:], (_real_tumours(crops), _phantom_tumours(cases)), strict=True):
        for place, lesion in zip(row, lesions, strict=False):
            _lesion(place, lesion)
    for place in axes.ravel():
        place.set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=75)


def _body(column: Any, volume: Volume, title: str, dome: float, x_mm: float, y_mm: float) -> None:
    """A projection, a coronal and an axial slice, seen from the front and from the feet."""
    image, low, spacing = _ras(volume)
    spans = []
    for axis, (a, b) in enumerate(
        ((x_mm - HALF_WIDTH_MM, x_mm + HALF_WIDTH_MM), (-1e4, 1e4), (dome - BELOW_MM, dome + ABOVE_MM))
    ):
        at = np.clip(np.rint((np.array((a, b)) - low[axis]) / spacing[axis]), 0, image.shape[axis]).astype(
            int
        )
        spans.append(slice(*at.tolist()))
    shown = image[tuple(spans)]
    j = int(np.rint((y_mm - low[1]) / spacing[1]))
    k = int(np.rint((dome - AXIAL_BELOW_DOME_MM - low[2]) / spacing[2]))
    left = low[0] + spans[0].start * spacing[0] - x_mm
    bottom = low[2] + spans[2].start * spacing[2] - dome
    extent = (left, left + shown.shape[0] * spacing[0], bottom, bottom + shown.shape[2] * spacing[2])
    for place, picture, highest, name in (
        (column[0], shown.max(axis=1), 7.0, f"{title}\nprojection, SUV 0-7"),
        (column[1], image[spans[0], j, spans[2]], 3.5, "coronal, SUV 0-3.5"),
    ):
        place.imshow(picture.T, origin="lower", cmap="gray_r", vmin=0, vmax=highest, extent=extent)
        place.set(title=name, xlim=(HALF_WIDTH_MM, -HALF_WIDTH_MM), ylim=(-BELOW_MM, ABOVE_MM))
    slab = image[spans[0], :, k]
    body = np.flatnonzero((slab > 0.15).any(axis=0))
    center = low[1] + (body[0] + body[-1]) / 2 * spacing[1]
    front = (low[1] - center, low[1] - center + image.shape[1] * spacing[1])
    place = column[2]
    place.imshow(slab.T, origin="lower", cmap="gray_r", vmin=0, vmax=3.5, extent=(*extent[:2], *front))
    place.set(title="axial, SUV 0-3.5", xlim=(HALF_WIDTH_MM, -HALF_WIDTH_MM), ylim=(-190, 190))


def _ras(volume: Volume) -> tuple[Picture, npt.NDArray[np.float64], tuple[float, float, float]]:
    """The image with axes along +x, +y, +z, the position of its first voxel, its voxel size; no oblique grids."""
    image = np.asarray(volume.array)
    order = np.abs(volume.affine[:3, :3]).argmax(axis=1)
    image = image.transpose(order)
    steps = volume.affine[:3, :3][np.arange(3), order]
    low = np.array(volume.affine[:3, 3])
    for axis in range(3):
        if steps[axis] < 0:
            low[axis] += steps[axis] * (image.shape[axis] - 1)
            image = np.flip(image, axis)
    x, y, z = (float(abs(s)) for s in steps)
    return image, low, (x, y, z)


def _ranked(lesions: Sequence[Lesion]) -> list[Lesion]:
    """The lesions at fixed ranks of volume, so that nobody picks the prettiest."""
    by_volume = sorted(lesions, key=lambda lesion: lesion.volume_ml)
    return [by_volume[round(rank * (len(by_volume) - 1))] for rank in RANKS] if by_volume else []


def _real_tumours(folder: Path) -> list[Lesion]:
    found = []
    for case in sorted(folder.glob("STS_*")):
        volume = read_volume(case / "pet_suv.nii.gz")
        mask = read_mask(case / "gtv_mass.nii.gz", like=volume).array
        found.append(_slice(volume, mask, case.name))
    return _ranked(found)


def _phantom_tumours(cases: Sequence[PhantomCase]) -> list[Lesion]:
    found = []
    for case in cases:
        for instance in range(1, int(case.lesions.max()) + 1):
            mask = case.lesions == instance
            if mask.sum() * case.volume.voxel_volume_ml > 17:
                found.append(_slice(case.volume, mask, "simulated"))
    return _ranked(found)


def _slice(volume: Volume, mask: Mask, title: str) -> Lesion:
    """The axial slice that holds most of the mask, 150 mm square around it."""
    k = int(mask.sum(axis=(0, 1)).argmax())
    i, j = (float(c) for c in ndimage.center_of_mass(mask[..., k]))
    sx, sy, _ = volume.spacing_mm
    half = (round(HALF_CROP_MM / sx), round(HALF_CROP_MM / sy))
    corner = (round(i) - half[0], round(j) - half[1])
    pads = [(2 * h, 2 * h) for h in half]
    window = tuple(slice(c + 2 * h, c + 4 * h) for c, h in zip(corner, half, strict=True))
    image = np.pad(volume.array[..., k], pads)[window]
    volume_ml = float(mask.sum()) * volume.voxel_volume_ml
    return Lesion(image, np.pad(mask[..., k], pads)[window], (sx, sy), volume_ml, title)


def _lesion(place: Any, lesion: Lesion) -> None:
    aspect = lesion.spacing_mm[1] / lesion.spacing_mm[0]
    place.imshow(lesion.image.T, origin="lower", cmap="gray_r", vmin=0, vmax=TUMOUR_SUV, aspect=aspect)
    if lesion.mask.any() and not lesion.mask.all():
        place.contour(lesion.mask.T, [0.5], colors="tab:red", linewidths=0.8)
    place.set_title(f"{lesion.title}, {lesion.volume_ml:.0f} ml, SUV 0-{TUMOUR_SUV:g}")
