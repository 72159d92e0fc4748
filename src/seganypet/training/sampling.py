"""Patches to train on: a case, a target in it, a patch around a point of the target, random changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from seganypet.preprocessing.cropping import crop_or_pad
from seganypet.preprocessing.intensity import normalise
from seganypet.training.cases import CachedCase, Target, deepest_of, load_case

Seed = int | tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How patches are drawn.

    Attributes:
        patch_size: Voxels along each side.
        lesion_share: Chance that a case's lesions, rather than its organs, give the target.
        real_share: Chance that the case is a real one, where there are any.
        zoom: Range of the random change of scale, applied to every second patch.
        uptake_scale: Standard deviation of the log of a factor on SUV (weight, dose and scanner differ).
    """

    patch_size: int = 64
    lesion_share: float = 0.6
    real_share: float = 0.15
    zoom: tuple[float, float] = (0.75, 1.3)
    uptake_scale: float = 0.25


class Sample(NamedTuple):
    """A patch to train on.

    Attributes:
        patch: Normalised SUV, [1, P, P, P].
        reference: The target inside the patch, bool [1, P, P, P].
        anchor: A voxel of the target, where a reader may click first, [3].
    """

    patch: Tensor
    reference: Tensor
    anchor: Tensor


def seeds_of(seed: Seed) -> list[int]:
    """Return a seed as the list of its numbers."""
    return [seed] if isinstance(seed, int) else list(seed)


class PatchStream(IterableDataset[Sample]):
    """An endless, seeded stream of samples; cases that appear in the folders later join in."""

    def __init__(self, phantoms: Path | None, real: Path | None, config: SamplingConfig, seed: Seed) -> None:
        self.phantoms, self.real, self.config, self.seed = phantoms, real, config, seed

    def __iter__(self) -> Iterator[Sample]:
        """Yield samples; each worker has its own seed."""
        worker = get_worker_info()
        rng = np.random.default_rng([*seeds_of(self.seed), worker.id if worker else 0])
        phantoms, real, drawn = load_all(self.phantoms), load_all(self.real), 0
        while True:
            pool = real if real and rng.random() < self.config.real_share else phantoms
            yield draw_sample(pool[rng.integers(len(pool))], self.config, rng)
            drawn += 1
            if drawn % 200 == 0:
                phantoms = load_all(self.phantoms)


def draw_sample(case: CachedCase, config: SamplingConfig, rng: np.random.Generator) -> Sample:
    """Return a random patch of a case around a random one of its targets."""
    target = _choose_target(case.targets, config.lesion_share, rng)
    anchor = np.asarray(_deepest(case, target) if rng.random() < 0.4 else _random_voxel(case, target, rng))
    zoom = float(rng.uniform(*config.zoom)) if rng.random() < 0.5 else 1.0
    # Most patches are placed as the first click places them, some as a window beside it.
    reach = 1 / 16 if rng.random() < 0.75 else 3 / 8
    offset = rng.uniform(-reach, reach, 3)
    suv, reference, local = _cut(case, target, anchor, offset, config.patch_size, zoom)
    if not reference[tuple(local)]:  # a target of few voxels that another scale has lost
        suv, reference, local = _cut(case, target, anchor, offset, config.patch_size, 1.0)
    suv = suv * float(np.exp(rng.normal(0, config.uptake_scale)))
    suv, reference, local = _flip(suv, reference, local, rng)
    return Sample(
        torch.from_numpy(normalise(suv, "log1p"))[None],
        torch.from_numpy(np.ascontiguousarray(reference))[None],
        torch.as_tensor(local.copy()),
    )


def _cut(
    case: CachedCase,
    target: Target,
    anchor: npt.NDArray[Any],
    offset: npt.NDArray[Any],
    size: int,
    zoom: float,
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Return SUV, reference and anchor in a patch of `size` voxels a side, `zoom` times that wide in the case."""
    crop = max(8, round(size * zoom))
    start = anchor - crop // 2 + np.round(offset * crop).astype(int)
    suv = crop_or_pad(case.suv, start.tolist(), (crop,) * 3).astype(np.float32)
    reference = np.isin(crop_or_pad(case.map_of(target), start.tolist(), (crop,) * 3), target.ids)
    if crop == size:
        return suv, reference, anchor - start
    local = np.floor((anchor - start + 0.5) * size / crop).astype(int)
    # "nearest" would shift the mask by half a voxel against the image; "nearest-exact" does not.
    return _resize(suv, size, "trilinear"), _resize(reference, size, "nearest-exact") > 0.5, local


def load_all(folder: Path | None) -> list[CachedCase]:
    """Return every complete case of a folder that has a target, in a fixed order."""
    if folder is None:
        return []
    cases = (load_case(done.parent) for done in sorted(folder.glob("*/case.json")))
    return [case for case in cases if case.targets]


def _choose_target(targets: Sequence[Target], lesion_share: float, rng: np.random.Generator) -> Target:
    """Return a lesion or an organ; organs by name with equal chance, so that groups of parts count once."""
    lesions = [t for t in targets if t.kind == "lesion"]
    organs = [t for t in targets if t.kind == "organ"]
    chosen = lesions if lesions and (not organs or rng.random() < lesion_share) else organs
    return chosen[rng.integers(len(chosen))]


def _deepest(case: CachedCase, target: Target) -> tuple[int, int, int]:
    """Return the deepest voxel of a target, looked for if it is not known yet."""
    if target.deepest is not None:
        return target.deepest
    return deepest_of(target, case.map_of(target), case.spacing_mm)


def _random_voxel(case: CachedCase, target: Target, rng: np.random.Generator) -> tuple[int, ...]:
    """Return a voxel of the target, each with equal chance."""
    box = tuple(slice(a, b) for a, b in zip(target.start, target.stop, strict=True))
    mask = np.isin(case.map_of(target)[box], target.ids)
    found = np.flatnonzero(mask)
    local = np.unravel_index(int(found[rng.integers(len(found))]), mask.shape)
    return tuple(int(v) + a for v, a in zip(local, target.start, strict=True))


def _resize(array: npt.NDArray[Any], size: int, mode: str) -> npt.NDArray[np.float32]:
    """Return a cube interpolated to another number of voxels."""
    cube = torch.from_numpy(array.astype(np.float32))[None, None]
    resized: npt.NDArray[np.float32] = torch.nn.functional.interpolate(cube, (size,) * 3, mode=mode)[
        0, 0
    ].numpy()
    return resized


def _flip(
    suv: npt.NDArray[Any], reference: npt.NDArray[Any], voxel: npt.NDArray[Any], rng: np.random.Generator
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Return patch, reference and voxel flipped along a random choice of axes [P1, P2: flips on three axes]."""
    axes = tuple(a for a in range(3) if rng.random() < 0.5)
    flipped = voxel.copy()
    for a in axes:
        flipped[a] = suv.shape[a] - 1 - voxel[a]
    return np.flip(suv, axes), np.flip(reference, axes), flipped
