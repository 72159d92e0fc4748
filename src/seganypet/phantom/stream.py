"""Simulated scans on the fly: an endless, seeded stream of blocks of bodies, rendered a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from seganypet.errors import GeometryError, UsageError
from seganypet.phantom.anatomy import Anatomy, procedural_anatomy
from seganypet.phantom.anatomy.body_map import LabelArray
from seganypet.phantom.config import PhantomConfig
from seganypet.phantom.render import Images, Patient, render
from seganypet.phantom.simulate import check_anatomy, draw_patient_scan
from seganypet.phantom.view import seen_from

Shape = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class StreamConfig:
    """What is simulated on the fly.

    Attributes:
        phantom: What the scans are like; its spacing, the same along all axes or not, is that of the blocks.
        shape: Voxels of a block along x, y, z.
        blocks_per_patient: Blocks cut from one patient before the next body is made.
        patients_per_body: Patients (uptake, lesions) that share a body.

    Raises:
        UsageError: A count below 1, or no spacing.
    """

    phantom: PhantomConfig = field(
        default_factory=lambda: PhantomConfig(tracer="mixed", lesion_count=(8, 25))
    )
    shape: Shape = (112, 72, 128)
    blocks_per_patient: int = 3
    patients_per_body: int = 4

    def __post_init__(self) -> None:
        if min(*self.shape, self.blocks_per_patient, self.patients_per_body) < 1:
            raise UsageError(f"{self}: shape and counts must be 1 or more")
        if self.phantom.spacing_mm is None:
            raise UsageError("blocks need one voxel size; give the phantom a spacing_mm")
        for name in ("faithful", "as_written", "limited_share"):
            if getattr(self.phantom, name):
                raise UsageError(f"blocks are parts of bodies, RAS+ and imaged fast; leave out {name}")


@dataclass(frozen=True, eq=False)
class Block:
    """A part of a body and what happens to it, before it is rendered.

    Attributes:
        tissues: Label map, int16 [I, J, K], on a RAS+ grid.
        patient: Uptake, lesions (in voxels of the block) and examination.
        seed: Of its texture and noise.
    """

    tissues: LabelArray
    patient: Patient
    seed: int


def blocks(
    seed: Sequence[int] | int, config: StreamConfig, anatomies: Sequence[Anatomy] = ()
) -> Iterator[Block]:
    """Yield blocks without end; the same seed gives the same blocks.

    Args:
        seed: Of everything; several numbers for workers of their own (`[seed, worker]`).
        config: What is simulated.
        anatomies: Bodies to use in turn, on RAS+ grids of the configuration's voxel size; by default each is a
            new procedural one.

    Raises:
        GeometryError: A body's grid is not RAS+ or has another voxel size.
        UsageError: A body holds tissues under other ids than `TISSUE_IDS`.
    """
    root = np.random.default_rng(seed)
    spacing_mm = config.phantom.spacing_mm or (4.0, 4.0, 4.0)
    for anatomy in anatomies:
        check_anatomy(anatomy)
        if not np.allclose(anatomy.spacing_mm, spacing_mm, atol=1e-3):
            raise GeometryError(
                f"a body of voxels of {anatomy.spacing_mm} mm; expected the configuration's {spacing_mm} mm"
            )
    while True:
        rng = root.spawn(1)[0]
        if anatomies:
            anatomy = anatomies[int(rng.integers(len(anatomies)))]
        else:
            anatomy = procedural_anatomy(rng, spacing_mm=spacing_mm)
        for _ in range(config.patients_per_body):
            yield from _blocks_of(anatomy, config, rng)


def render_blocks(
    batch: Sequence[Block], spacing_mm: Sequence[float], device: torch.device | str = "cpu"
) -> tuple[Tensor, Images]:
    """Return the label maps [B, I, J, K], on the device, and the images of a batch of blocks of one shape."""
    tissues = torch.from_numpy(np.stack([block.tissues for block in batch])).to(device)
    rngs = [np.random.default_rng(block.seed) for block in batch]
    return tissues, render(tissues, [block.patient for block in batch], spacing_mm, rngs)


def _blocks_of(anatomy: Anatomy, config: StreamConfig, rng: np.random.Generator) -> Iterator[Block]:
    """Blocks of one patient, each on an examination of its own."""
    phantom = config.phantom
    patient, _ = draw_patient_scan(anatomy, phantom, phantom.draw_examination(rng), rng, rng)
    for _ in range(config.blocks_per_patient):
        start = _start(anatomy.label_map.shape, config.shape, rng)
        examination = replace(phantom.draw_examination(rng), spacing_mm=anatomy.spacing_mm, noisy_ends=False)
        moved = replace(seen_from(patient, start, config.shape), examination=examination)
        yield Block(_cut(anatomy.label_map, start, config.shape), moved, int(rng.integers(2**62)))


def _start(body: Sequence[int], shape: Shape, rng: np.random.Generator) -> Shape:
    """First voxel of a block: anywhere along the body, in its middle across."""
    i, j = ((have - want) // 2 for have, want in zip(body[:2], shape[:2], strict=True))
    room = body[2] - shape[2]
    return i, j, int(rng.integers(room + 1)) if room > 0 else room // 2


def _cut(label_map: LabelArray, start: Shape, shape: Shape) -> LabelArray:
    """Part of a label map, with air where it ends."""
    block = np.zeros(shape, dtype=np.int16)
    here, there = [], []
    for first, want, have in zip(start, shape, label_map.shape, strict=True):
        low, high = max(first, 0), min(first + want, have)
        there.append(slice(low, high))
        here.append(slice(low - first, high - first))
    block[tuple(here)] = label_map[tuple(there)]
    return block
