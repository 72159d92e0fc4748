"""What makes uptake uneven inside tissues: folds of the brain, segments of bowel, gravity, breathing."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from scipy import ndimage

from seganypet.phantom.anatomy.body_map import Anatomy
from seganypet.phantom.anatomy.tissues import TISSUE_IDS
from seganypet.phantom.anatomy.warp import Axes, Field, random_lattice
from seganypet.phantom.lesions.drawing import Lesions
from seganypet.phantom.tracers.uptake import uptake_class
from seganypet.volume import BoolArray

# Log standard deviation of coarse (about 3 cm) and fine (about 1 cm) unevenness. Bowel takes up in segments,
# kidneys in cortex and calyces; muscle and fat are streaked with one another.
_UNEVEN: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "colon": (0.5, 0.25),
        "small_bowel": (0.45, 0.25),
        "duodenum": (0.3, 0.2),
        "stomach": (0.3, 0.15),
        "kidney": (0.1, 0.25),
        "kidney_pelvis": (0.5, 0.3),
        "ureter": (0.9, 0.3),
        "heart_myocardium": (0.2, 0.05),
        "subcutaneous_fat": (0.1, 0.2),
        "torso_fat": (0.15, 0.25),
        "skeletal_muscle": (0.12, 0.15),
        "marrow": (0.1, 0.08),
        "rib": (0.2, 0.1),
        "bone": (0.2, 0.1),
        "urinary_bladder": (0.02, 0.0),
        "blood": (0.02, 0.03),
        "liver": (0.02, 0.02),
        "spleen": (0.03, 0.03),
    }
)
_DEFAULT = (0.08, 0.06)
_LESION = (0.15, 0.15)
_WHITE_MATTER, _VENTRICLES = 0.45, 0.15
_CORTEX_MM = 8.0


def textured_activity(anatomy: Anatomy, lesions: Lesions, rng: np.random.Generator) -> Field:
    """Return the activity of a body and its lesions made uneven, float32 [I, J, K].

    Args:
        anatomy: The body.
        lesions: Its lesions, with the activity of both.
        rng: Source of randomness.
    """
    axes = _axes_mm(anatomy)
    coarse_sd, fine_sd = _spreads(anatomy)
    in_lesion = lesions.instances > 0
    pattern = np.zeros(anatomy.label_map.shape, dtype=np.float32)
    for step_mm, table, lesion_sd in ((32.0, coarse_sd, _LESION[0]), (13.0, fine_sd, _LESION[1])):
        field = _unit_field(axes, rng, step_mm * float(rng.uniform(0.8, 1.2)))
        spread = table[anatomy.label_map]
        spread[in_lesion] = lesion_sd
        pattern += field * spread
    activity = lesions.activity * np.exp(pattern)
    _fold_brain(activity, anatomy, in_lesion, axes, rng)
    _weigh_lungs(activity, anatomy, in_lesion, rng)
    return np.asarray(activity, dtype=np.float32)


def breathe(activity: Field, anatomy: Anatomy, *, amplitude_mm: float) -> Field:
    """Return the activity blurred by breathing along z, most at the liver's dome.

    Args:
        activity: SUV, [I, J, K], on the anatomy's grid.
        anatomy: The body; without a liver nothing moves.
        amplitude_mm: Travel of the dome, in mm; quiet breathing moves it by 5–20 mm.
    """
    dome = np.flatnonzero((anatomy.label_map == TISSUE_IDS["liver"]).any(axis=(0, 1)))
    if not dome.size or amplitude_mm <= 0:
        return activity
    step_mm = anatomy.spacing_mm[2]
    z_mm = (np.arange(activity.shape[2]) - dome[-1]) * step_mm
    # The organs below move along, those above less and less.
    weight = np.exp(-((z_mm / np.where(z_mm > 0, 45.0, 110.0)) ** 2))
    near = np.flatnonzero(weight > 0.02)
    span = slice(int(near[0]), int(near[-1]) + 1)
    # Exhaling lasts longest: a Gaussian of a quarter of the travel on each side of the mean.
    blurred = ndimage.gaussian_filter1d(
        activity[..., span], amplitude_mm / 4 / step_mm, axis=2, mode="nearest"
    )
    moved = activity.copy()
    moved[..., span] += weight[span].astype(np.float32) * (blurred - activity[..., span])
    return moved


def _axes_mm(anatomy: Anatomy) -> Axes:
    x, y, z = (
        np.arange(n, dtype=np.float32) * np.float32(s)
        for n, s in zip(anatomy.label_map.shape, anatomy.spacing_mm, strict=True)
    )
    return x, y, z


def _unit_field(axes: Axes, rng: np.random.Generator, step_mm: float) -> Field:
    """A smooth random field of mean 0 and standard deviation 1."""
    high = [float(axis[-1]) for axis in axes]
    field = random_lattice(rng, (0.0, 0.0, 0.0), high, step_mm=step_mm).on_grid(axes)[0]
    field -= field.mean()
    return np.asarray(field / np.float32(max(float(field.std()), 1e-6)), dtype=np.float32)


def _spreads(anatomy: Anatomy) -> tuple[Field, Field]:
    """Coarse and fine log standard deviation by tissue id."""
    coarse = np.zeros(max(anatomy.names, default=0) + 1, dtype=np.float32)
    fine = np.zeros_like(coarse)
    for identifier, name in anatomy.names.items():
        coarse[identifier], fine[identifier] = _UNEVEN.get(uptake_class(name), _DEFAULT)
    return coarse, fine


def _fold_brain(
    activity: Field, anatomy: Anatomy, in_lesion: BoolArray, axes: Axes, rng: np.random.Generator
) -> None:
    """Lower the white matter and the ventricles, in place: the cortex is a folded rind."""
    brain = anatomy.label_map == TISSUE_IDS["brain"]
    spans = ndimage.find_objects(brain.astype(np.int8))
    if not spans:
        return
    box = spans[0]
    inside = np.pad(brain[box], 1)
    depth = ndimage.distance_transform_edt(inside, sampling=anatomy.spacing_mm)[1:-1, 1:-1, 1:-1]
    local = (axes[0][box[0]], axes[1][box[1]], axes[2][box[2]])
    folds = _unit_field(local, rng, 11.0)
    white = (depth + 3.5 * folds > _CORTEX_MM + 3) & (depth + 2.5 * folds < 34)
    ventricles = depth + 2.0 * folds > 49
    change = np.ones(depth.shape, dtype=np.float32)
    change[white] = _WHITE_MATTER
    change[ventricles] = _VENTRICLES
    change[~brain[box] | in_lesion[box]] = 1.0
    activity[box] *= change


def _weigh_lungs(activity: Field, anatomy: Anatomy, in_lesion: BoolArray, rng: np.random.Generator) -> None:
    """Raise the uptake of the lungs towards the back, where gravity draws blood, in place."""
    ids = [identifier for identifier, name in anatomy.names.items() if name.startswith("lung_")]
    lung = np.isin(anatomy.label_map, ids) & ~in_lesion
    if not lung.any():
        return
    rows = np.flatnonzero(lung.any(axis=(0, 2)))
    back, front = float(rows[0]), float(rows[-1])
    along = np.clip((np.arange(activity.shape[1]) - back) / max(front - back, 1.0), 0, 1)
    slope = float(rng.uniform(0.1, 0.5))
    weight = (1 + slope * (0.5 - along)).astype(np.float32)[None, :, None]
    activity *= np.where(lung, weight, np.float32(1))
