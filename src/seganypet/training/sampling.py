"""Patches to train on: a point of a target, a patch around it on the network's grid, random changes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seganypet.errors import UsageError
from seganypet.preprocessing.intensity import normalise
from seganypet.prompts import simulated_box
from seganypet.training.cases import CachedCase, Target, Voxel, deepest_of
from seganypet.training.cutting import PatchFormat, cut
from seganypet.training.sample import Sample

# Voxels of a target's box that are looked at, at once, for one that is the target's.
_GUESSES = 64
_MOST_GUESSES = 32
# Of a patch: how much of a finer one a target fills at most, and of one at scale 1 how much of a coarser one at least.
_FILLED, _CROWDED = 0.75, 0.5


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How patches are drawn.

    With `zoom_share`, `uptake_scale`, `near` and `beside_share` at 0, patches are centred on the click and only
    flipped [P1, P2: flips on three axes, crop of 128³].

    Attributes:
        hq_share: Share of patches from cases of high quality; None: as they come.
        manifest_shares: Share of patches from each manifest of the cohort; None: by number of cases.
        lesion_share: Chance of a lesion rather than an organ, where a choice is left; None: by number of targets.
        deepest_share: Chance that a patch is placed by the target's deepest voxel rather than by any of its voxels.
        near: How far from that voxel most patches are centred, at most, as a part of the patch: as a reader's
            first click places them.
        beside: The same for the other patches, as windows beside the first one lie.
        beside_share: Share of these.
        scales: Factors of the working voxel's size that the network works at, 1 among them, as its description says.
        scale_share: Chance of another scale than 1 for a target that fits one: a finer one where it fills at most
            three quarters of a patch there, a coarser one where it is longer than half a patch at scale 1.
        afar_share: Chance of a coarser scale for a target that is too short for one: a reader's first click is looked
            at on all of them, and a small target must not be taken there for what surrounds it.
        zoom_share: Share of patches whose scale is changed a little.
        zoom: Range of the change of the working voxel's size; above 1, a patch holds more of the body.
        uptake_scale: Standard deviation of the log of a factor on SUV (weight, dose and scanner differ).
        flips: Whether patches are flipped along each axis with a chance of a half.
        box_jitter: How far a reader's box is off, see `simulated_box`.

    Raises:
        UsageError: A share outside 0 to 1, shares of manifests that do not make 1, a patch that would not hold its
            point (`near` or `beside` above 0.45), scales without 1, a range of zoom that is none, a negative
            `uptake_scale`, or a `box_jitter` outside 0 to 0.5.
    """

    hq_share: float | None = None
    manifest_shares: tuple[float, ...] | None = None
    lesion_share: float | None = 0.6
    deepest_share: float = 0.4
    near: float = 1 / 16
    beside: float = 3 / 8
    beside_share: float = 0.25
    scales: tuple[float, ...] = (1.0,)
    scale_share: float = 0.5
    afar_share: float = 0.0
    zoom_share: float = 0.5
    zoom: tuple[float, float] = (0.75, 1.3)
    uptake_scale: float = 0.25
    flips: bool = True
    box_jitter: float = 0.1

    def __post_init__(self) -> None:
        for name in (
            "hq_share",
            "lesion_share",
            "deepest_share",
            "beside_share",
            "scale_share",
            "afar_share",
            "zoom_share",
        ):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise UsageError(f"{name} is {value}; expected 0 to 1")
        shares = self.manifest_shares
        if shares is not None and not (min(shares, default=-1) >= 0 and math.isclose(sum(shares), 1)):
            raise UsageError(f"manifest_shares is {shares}; expected one share a manifest, together 1")
        for name in ("near", "beside"):
            if not 0 <= getattr(self, name) <= 0.45:
                raise UsageError(f"{name} is {getattr(self, name)}; expected 0 to 0.45 of the patch")
        if 1 not in self.scales or not all(0 < scale < math.inf for scale in self.scales):
            raise UsageError(f"scales is {self.scales}; expected factors above 0, 1 among them")
        low, high = self.zoom
        if not 0 < low <= high < math.inf:
            raise UsageError(f"zoom is {self.zoom}; expected the lowest, then the highest factor, above 0")
        if not 0 <= self.box_jitter <= 0.5:
            raise UsageError(f"box_jitter is {self.box_jitter}; expected 0 to 0.5 of the box")
        if not 0 <= self.uptake_scale < math.inf:
            raise UsageError(f"uptake_scale is {self.uptake_scale}; expected 0 or more")


def draw_sample(
    case: CachedCase,
    target: Target,
    form: PatchFormat,
    config: SamplingConfig,
    rng: np.random.Generator,
) -> Sample:
    """Return a random patch around a target.

    Args:
        case: Where the target lies; only the voxels that the patch touches are read.
        target: One of the case's.
        form: What the network expects.
        config: How patches are drawn.
        rng: Source of randomness; the same state gives the same sample.
    """
    seed = int(rng.integers(2**63))
    by_depth = rng.random() < config.deepest_share
    point = _deepest(case, target) if by_depth else _random_voxel(case, target, rng)
    zoom = _scale(case, target, form, config, rng)
    zoom *= float(rng.uniform(*config.zoom)) if rng.random() < config.zoom_share else 1.0
    reach = config.beside if rng.random() < config.beside_share else config.near
    offset = np.round(rng.uniform(-reach, reach, 3) * form.patch_size).astype(int)
    patch = cut(case, target, point, form.patch_size // 2 - offset, form, zoom=zoom)
    suv = patch.suv * np.float32(math.exp(rng.normal(0, config.uptake_scale)))
    axes = tuple(a for a in range(3) if rng.random() < 0.5) if config.flips else ()
    reference = np.flip(patch.reference, axes)
    anchor = np.array([form.patch_size - 1 - at if a in axes else at for a, at in enumerate(patch.anchor)])
    box = simulated_box(np.ascontiguousarray(reference), generator=rng, jitter=config.box_jitter)
    return Sample(
        patch=_tensor(np.flip(normalise(suv, form.normalisation), axes)),
        reference=_tensor(reference),
        clean=_tensor(np.flip(patch.clean, axes)),
        known=torch.tensor(case.hq or case.clean_map_of(target) is not None),
        hq=torch.tensor(case.hq),
        anchor=torch.from_numpy(anchor.astype(np.int64)),
        box=torch.tensor((box.ijk_min, box.ijk_max), dtype=torch.float32),
        seed=torch.tensor(seed),
    )


def _scale(
    case: CachedCase,
    target: Target,
    form: PatchFormat,
    config: SamplingConfig,
    rng: np.random.Generator,
) -> float:
    """Return the scale that a target is shown at: 1, or another one that its length fits."""
    spacing_mm = np.linalg.norm(case.affine[:3, :3], axis=0)
    length_mm = float(max(np.subtract(target.stop, target.start) * spacing_mm))
    window_mm = form.patch_size * form.spacing_mm
    if length_mm <= _CROWDED * window_mm and config.afar_share and rng.random() < config.afar_share:
        coarser = [scale for scale in config.scales if scale > 1]
        return coarser[int(rng.integers(len(coarser)))] if coarser else 1.0
    fitting = [
        scale
        for scale in config.scales
        if (scale < 1 and length_mm <= _FILLED * window_mm * scale)
        or (scale > 1 and length_mm > _CROWDED * window_mm)
    ]
    if not fitting or rng.random() >= config.scale_share:
        return 1.0
    return fitting[int(rng.integers(len(fitting)))]


def _tensor(array: npt.NDArray[Any]) -> torch.Tensor:
    """Return a patch with a channel's axis."""
    return torch.from_numpy(np.ascontiguousarray(array))[None]


def _deepest(case: CachedCase, target: Target) -> Voxel:
    """Return the deepest voxel of a target, looked for if it is not known yet."""
    return target.deepest or deepest_of(target, case.map_of(target), case.affine)


def _random_voxel(case: CachedCase, target: Target, rng: np.random.Generator) -> Voxel:
    """Return a voxel of the target, each with equal chance.

    Voxels of its box are tried, so that of a target as long as the body not all has to be read.
    """
    part = case.map_of(target)[target.box]
    for _ in range(_MOST_GUESSES):
        i, j, k = (rng.integers(n, size=_GUESSES) for n in part.shape)
        hits = np.flatnonzero(np.isin(part[i, j, k], target.ids))
        if hits.size:
            return _voxel(target, (i[hits[0]], j[hits[0]], k[hits[0]]))
    found = np.flatnonzero(np.isin(part, target.ids))
    return _voxel(target, np.unravel_index(int(found[rng.integers(len(found))]), part.shape))


def _voxel(target: Target, local: tuple[Any, ...]) -> Voxel:
    i, j, k = (int(at) + first for at, first in zip(local, target.start, strict=True))
    return i, j, k
