"""Patches of scans that are simulated while training: nothing on disk, no scan seen twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from torch.utils.data import IterableDataset, get_worker_info

from seganypet.errors import UsageError
from seganypet.phantom import label_groups
from seganypet.phantom.anatomy import Anatomy
from seganypet.phantom.stream import Block, StreamConfig, blocks, render_blocks
from seganypet.targets import ORGANS
from seganypet.training.cases import CachedCase, targets_of
from seganypet.training.sampling import Sample, SamplingConfig, Seed, draw_sample, load_all, seeds_of

_MOST_EMPTY = 50


@dataclass(frozen=True, kw_only=True)
class FlyingConfig:
    """How much is simulated for each patch.

    Attributes:
        stream: What is simulated.
        patches_per_block: Patches drawn from a block before it makes place for a new one.
        pool: Blocks that patches are drawn from at a time, so that those of a batch differ.
        batch: Blocks that are rendered together.
        device: Where they are rendered. On a GPU, patches are drawn in the training process, without workers.

    Raises:
        UsageError: A count below 1, or voxels that are not cubic.
    """

    stream: StreamConfig = field(default_factory=StreamConfig)
    patches_per_block: int = 16
    pool: int = 6
    batch: int = 1
    device: str = "cpu"

    def __post_init__(self) -> None:
        if min(self.patches_per_block, self.pool, self.batch) < 1:
            raise UsageError(f"{self}: patches_per_block, pool and batch must be 1 or more")
        spacing = self.stream.phantom.spacing_mm
        if spacing is None or len(set(spacing)) > 1:
            raise UsageError(f"spacing_mm {spacing} of patches to train on; expected cubic voxels")


class SimulatedPatches(IterableDataset[Sample]):
    """An endless, seeded stream of patches of simulated scans; each worker simulates its own.

    Args:
        config: What is simulated, and how many patches each block gives.
        sampling: How patches are drawn.
        seed: Of everything.
        real: Folder of real cases that some of the patches come from, or None.
        anatomies: Bodies to use in place of procedural ones.
    """

    def __init__(
        self,
        config: FlyingConfig,
        sampling: SamplingConfig,
        seed: Seed,
        *,
        real: Path | None = None,
        anatomies: Sequence[Anatomy] = (),
    ) -> None:
        self.config, self.sampling, self.seed, self.real = config, sampling, seed, real
        self.anatomies = anatomies

    def __iter__(self) -> Iterator[Sample]:
        """Yield samples; each worker has its own seed."""
        worker = get_worker_info()
        seeds = [*seeds_of(self.seed), worker.id if worker else 0]
        rng = np.random.default_rng([*seeds, 1])
        source = self._cases(blocks([*seeds, 2], self.config.stream, self.anatomies))
        real, pool = load_all(self.real), list(islice(source, self.config.pool))
        for drawn in range(1, 2**62):
            cases = real if real and rng.random() < self.sampling.real_share else pool
            yield draw_sample(cases[int(rng.integers(len(cases)))], self.sampling, rng)
            if drawn % self.config.patches_per_block == 0:
                pool[(drawn // self.config.patches_per_block) % len(pool)] = next(source)

    def _cases(self, source: Iterator[Block]) -> Iterator[CachedCase]:
        spacing_mm = self.config.stream.phantom.spacing_mm or (4.0, 4.0, 4.0)
        organs = {name: ids for name, ids in label_groups().items() if name in ORGANS}
        empty = 0
        while True:
            batch = list(islice(source, self.config.batch))
            _, images = render_blocks(batch, spacing_mm, self.config.device)
            suv, instances = images.suv.cpu().numpy(), images.lesions.cpu().numpy()
            for block, image, lesions in zip(batch, suv, instances, strict=True):
                targets = targets_of(block.tissues, lesions, organs, spacing_mm[0])
                empty = 0 if targets else empty + 1
                if empty > _MOST_EMPTY:
                    raise UsageError(
                        f"{empty} blocks of {self.config.stream.shape} voxels without any target; make them larger"
                    )
                if targets:
                    yield CachedCase(image, block.tissues, lesions, tuple(targets), spacing_mm[0])
