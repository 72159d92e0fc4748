"""Patches of scans that are simulated while training: nothing on disk, no scan seen twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from torch.utils.data import Dataset, get_worker_info

from seganypet.errors import ImageReadError, UsageError
from seganypet.phantom import label_groups
from seganypet.phantom.anatomy import Anatomy
from seganypet.phantom.cohort import read_anatomy
from seganypet.phantom.stream import Block, StreamConfig, blocks, render_blocks
from seganypet.targets import LESION, ORGANS
from seganypet.training.balance import draw_lesion, lesions_by_size
from seganypet.training.cases import CachedCase, Target, targets_of
from seganypet.training.cutting import PatchFormat
from seganypet.training.randomness import Seed, Use, rng_of, seeds_of
from seganypet.training.sample import Sample
from seganypet.training.sampling import SamplingConfig, draw_sample

_MOST_EMPTY: Final = 50


@dataclass(frozen=True, kw_only=True)
class FlyingConfig:
    """How much is simulated for each patch.

    Sample n comes from lane n modulo `lanes`. Each lane goes through bodies of its own, one block after the other, so
    that the samples of a batch come from different bodies, and lanes change bodies at different times. Where `lanes`
    is a multiple of batch size × processes × workers of each, every lane is served by one worker alone, and nothing is
    simulated twice; with other numbers the samples are the same, but some blocks are simulated by several workers.

    Attributes:
        stream: What is simulated.
        spacings_mm: Edges of the blocks' voxels, in mm, by lane in turn: the second lane has the second of them. Blocks
            have the same number of voxels, so finer ones show less of a body. Empty: that of `stream`.
        names: What is a target, "lesion" for the lesions; empty for the organs of `targets.ORGANS` and all lesions. An
            organ that is named twice is drawn twice as often.
        anatomies: Files of organ label maps, as `seganypet simulate --anatomy` takes them.
        given_share: Share of bodies that are made from one of these, at random sizes and in random postures; the others
            are procedural.
        patches_per_block: Patches drawn from a block before the lane goes on to the next.
        lanes: Bodies that patches are drawn from at a time; each costs the worker that serves it about 40 MB.
        batch: Blocks of a lane that are rendered together.
        device: Where they are rendered. On a GPU, samples are prepared in the training process, without workers.

    Raises:
        UsageError: A count below 1, a share outside 0 to 1, or a voxel size below 1 mm.
    """

    stream: StreamConfig = field(default_factory=StreamConfig)
    spacings_mm: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    anatomies: tuple[str, ...] = ()
    given_share: float = 0.25
    patches_per_block: int = 16
    lanes: int = 8
    batch: int = 1
    device: str = "cpu"

    def __post_init__(self) -> None:
        if min(self.patches_per_block, self.lanes, self.batch) < 1:
            raise UsageError(f"{self}: patches_per_block, lanes and batch must be 1 or more")
        if not 0 <= self.given_share <= 1:
            raise UsageError(f"given_share={self.given_share}; expected 0 to 1")
        for lane in range(len(self.spacings_mm)):
            self.stream_of(lane)

    @property
    def blocks_per_body(self) -> int:
        """Blocks that a lane takes of one body."""
        return self.stream.patients_per_body * self.stream.blocks_per_patient

    def stream_of(self, lane: int) -> StreamConfig:
        """Return what a lane simulates."""
        if not self.spacings_mm:
            return self.stream
        edge_mm = self.spacings_mm[lane % len(self.spacings_mm)]
        return replace(self.stream, phantom=replace(self.stream.phantom, spacing_mm=(edge_mm,) * 3))


class SimulatedPatches(Dataset[Sample]):
    """Patches of simulated scans; without end, so it has no length.

    Args:
        config: What is simulated, and how many patches each block gives.
        form: What the network expects; blocks are resampled to it.
        sampling: How patches are drawn; shares of qualities and manifests play no part.
        seed: Of everything.
        names: Which of the targets count, "lesion" for the lesions; empty: as the configuration says.

    Raises:
        UsageError: A name that no simulated body has.
        ImageReadError: There is no such file of an anatomy.
    """

    def __init__(
        self,
        config: FlyingConfig,
        form: PatchFormat,
        sampling: SamplingConfig,
        seed: Seed,
        *,
        names: Sequence[str] = (),
    ) -> None:
        self.config, self.form, self.sampling, self.seed = config, form, sampling, seed
        self._blocks = _Blocks(config, seed, names or config.names)

    def __getitem__(self, number: int) -> Sample:
        """Return a sample by its number, 0 or above.

        Raises:
            UsageError: A worker would have to render on a GPU; or no block holds any target.
        """
        if self.config.device != "cpu" and get_worker_info() is not None:
            raise UsageError(f"scans are simulated on {self.config.device}, by one process; use 0 workers")
        lane, position = number % self.config.lanes, number // self.config.lanes
        # Each lane begins at another block of its first body.
        at = (
            position // self.config.patches_per_block
            + lane * self.config.blocks_per_body // self.config.lanes
        )
        case = self._blocks.case_from(lane, at)
        rng = rng_of(self.seed, Use.SIMULATED_SAMPLE, number)
        target = choose_target(case.targets, self.sampling.lesion_share, rng, self._blocks.often)
        return draw_sample(case, target, self.form, self.sampling, rng)


def choose_target(
    targets: Sequence[Target],
    lesion_share: float | None,
    rng: np.random.Generator,
    often: Mapping[str, int] = MappingProxyType({}),
) -> Target:
    """Return a lesion or an organ of one case, balanced as among the cases of a cohort; see `balance`.

    Args:
        targets: One or more.
        lesion_share: Chance of a lesion where there is a choice; None: by number of targets.
        rng: Source of randomness.
        often: How often organs are drawn, relative to those that are not in it.
    """
    organs = [target for target in targets if target.kind == "organ"]
    lesions = len(targets) - len(organs)
    share = lesions / len(targets) if lesion_share is None else lesion_share
    if lesions and (not organs or rng.random() < share):
        return targets[draw_lesion(lesions_by_size(targets), rng)]
    until = np.cumsum([often.get(target.name, 1) for target in organs])
    return organs[int(np.searchsorted(until, rng.random() * until[-1], side="right"))]


class _Blocks:
    """The rendered blocks of all lanes: each a pure function of seed, lane and number; those in use are kept."""

    def __init__(self, config: FlyingConfig, seed: Seed, names: Sequence[str]) -> None:
        self._config, self._seed = config, seed
        for path in config.anatomies:
            if not Path(path).exists():
                raise ImageReadError(f"{path}: no such label map; give the path of a NIfTI file")
        groups = label_groups()
        for name in names:
            if name != LESION and name not in groups:
                raise UsageError(
                    f"target {name!r}: no simulated body has it; check the name, or use a manifest"
                )
        self._names, self.often = tuple(names), Counter(names)
        self._organs = {name: ids for name, ids in groups.items() if name in (names or ORGANS)}
        self._bodies: dict[int, _Body] = {}
        self._kept: dict[int, dict[tuple[int, int], list[CachedCase]]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what can be simulated again: a worker begins without it."""
        return {**self.__dict__, "_bodies": {}, "_kept": {}}

    def case_from(self, lane: int, number: int) -> CachedCase:
        """Return a lane's first block with a target, from a number on."""
        kept = self._kept.setdefault(lane, {})
        for at in range(number, number + _MOST_EMPTY):
            group, member = self._group_of(at)
            if group not in kept:
                kept[group] = self._render(lane, self._cut(lane, *group))
            case = kept[group][member]
            if case.targets:
                first, _ = self._group_of(number)
                self._kept[lane] = {key: cases for key, cases in kept.items() if first <= key <= group}
                return case
        raise UsageError(
            f"{_MOST_EMPTY} blocks of {self._config.stream.shape} voxels without any target; make them larger"
        )

    def _group_of(self, number: int) -> tuple[tuple[int, int], int]:
        """Return body and group of a lane's block, and its place in the group."""
        chunk, at = divmod(number, self._config.blocks_per_body)
        group, member = divmod(at, self._config.batch)
        return (chunk, group), member

    def _cut(self, lane: int, chunk: int, group: int) -> list[Block]:
        """Return the blocks of a group; a lane's body is kept, and gives them in order."""
        first = group * self._config.batch
        body = self._bodies.get(lane)
        if body is None or body.chunk != chunk or body.given > first:
            seeds = (*seeds_of(self._seed), int(Use.SIMULATED_BODY), lane, chunk)
            stream = self._config.stream_of(lane)
            body = self._bodies[lane] = _Body(chunk, blocks(seeds, stream, self._given(lane, chunk)))
        stop = min(first + self._config.batch, self._config.blocks_per_body)
        found = list(islice(body.blocks, first - body.given, stop - body.given))
        body.given = stop
        return found

    def _given(self, lane: int, chunk: int) -> list[Anatomy]:
        """Return the body of a label map, if that is what a lane's next body is to be."""
        files = self._config.anatomies
        rng = rng_of(self._seed, Use.GIVEN_BODY, lane, chunk)
        if not files or rng.random() >= self._config.given_share:
            return []
        spacing_mm = self._config.stream_of(lane).phantom.spacing_mm or (4.0, 4.0, 4.0)
        path, seed = Path(files[int(rng.integers(len(files)))]), int(rng.integers(2**62))
        return [read_anatomy(path, seed, spacing_mm=spacing_mm)]

    def _render(self, lane: int, batch: Sequence[Block]) -> list[CachedCase]:
        spacing_mm = self._config.stream_of(lane).phantom.spacing_mm or (4.0, 4.0, 4.0)
        affine = np.diag([*spacing_mm, 1.0])
        _, images = render_blocks(batch, spacing_mm, self._config.device)
        suv, instances = images.suv.cpu().numpy(), images.lesions.cpu().numpy()
        cases = []
        for block, image, lesions in zip(batch, suv, instances, strict=True):
            targets, _ = targets_of(block.tissues, lesions, self._organs, affine, names=self._names)
            cases.append(
                CachedCase(
                    suv=image.copy(),  # a part of a larger array, which must not be kept
                    reference=block.tissues,
                    lesions=lesions.copy(),
                    affine=affine,
                    targets=tuple(targets),
                )
            )
        return cases


@dataclass
class _Body:
    """A lane's body: its number, its blocks, and how many of these were taken."""

    chunk: int
    blocks: Iterator[Block]
    given: int = 0
