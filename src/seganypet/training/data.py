"""What a training is fed with: cohorts of manifests, simulated scans, or both, as data sets of samples."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from torch import nn
from torch.utils.data import Dataset

from seganypet.errors import ManifestError, SegAnyPETWarning, UsageError
from seganypet.io import ManifestRow, read_manifest
from seganypet.models.model import Segmenter
from seganypet.training.cohort import SPLITS_OF, Cohort, check_cohort
from seganypet.training.config import TrainingConfig
from seganypet.training.cutting import PatchFormat
from seganypet.training.datasets import CohortPatches, MixedPatches
from seganypet.training.on_the_fly import SimulatedPatches
from seganypet.training.sample import Sample
from seganypet.training.sampling import SamplingConfig

# Of samples to validate on: the same for every training, and none of a training's own.
_VALIDATION_SEED = 900_000


@dataclass(frozen=True, kw_only=True)
class Cohorts:
    """The cases of the manifests.

    Attributes:
        training: Those to train on; None where there is no manifest.
        held_out: Those to validate on, or None.
    """

    training: Cohort | None = None
    held_out: Cohort | None = None

    @property
    def targets(self) -> int:
        """How many targets there are to train on."""
        return sum(len(case.targets) for case in self.training.cases) if self.training else 0

    def summary(self) -> list[dict[str, Any]]:
        """Return what they hold and what was left out, as JSON holds it."""
        return [cohort.summary() for cohort in (self.training, self.held_out) if cohort is not None]

    def fingerprint(self) -> dict[str, str]:
        """Return a hash of cases, qualities and targets, by split; it does not depend on where the files lie."""
        named = {"train": self.training, "val": self.held_out}
        return {split: _hash_of(cohort) for split, cohort in named.items() if cohort is not None}


def check_cohorts(manifests: Sequence[Path], config: TrainingConfig, cache: Path) -> None:
    """Refuse what can be told without reading an image, which can take hours; nothing is written.

    Args:
        manifests: Of the cohorts; may be none.
        config: Which targets and qualities are needed, and whether to validate.
        cache: Where the cases will be kept.

    Raises:
        ManifestError: Whatever is wrong with the manifests, for all splits.
        UsageError: A quality that the recipe needs is missing.
        OutputError: The cache is a file, or lies in one.
    """
    if not manifests:
        return
    rows = [row for path in manifests for row in read_manifest(path)]
    _require_qualities(rows, config.sampling.hq_share)
    problems: list[str] = []
    for split in _splits(rows, config):
        try:
            check_cohort(manifests, split, cache, names=config.targets)
        except ManifestError as error:
            problems.append(str(error))
    _refuse(problems)


def read_cohorts(manifests: Sequence[Path], config: TrainingConfig, read: Callable[[str], Cohort]) -> Cohorts:
    """Return the cases to train and validate on.

    Args:
        manifests: Of the cohorts; may be none.
        config: Whether to validate.
        read: Returns the cases of a split.

    Raises:
        ManifestError: Whatever is wrong with files and labels, in both splits.
    """
    if not manifests:
        return Cohorts()
    rows = [row for path in manifests for row in read_manifest(path)]
    splits = _splits(rows, config)
    if config.validation is not None and len(splits) == 1 and config.on_the_fly is None:
        text = "no row has split val: nothing is validated, and the last weights are the only ones"
        warnings.warn(text, SegAnyPETWarning, stacklevel=2)
    found: dict[str, Cohort] = {}
    problems: list[str] = []
    for split in splits:
        try:
            found[split] = read(split)
        except ManifestError as error:
            problems.append(str(error))
    _refuse(problems)
    return Cohorts(training=found["train"], held_out=found.get("val"))


def _splits(rows: Sequence[ManifestRow], config: TrainingConfig) -> tuple[str, ...]:
    """Return the splits that are read."""
    validates = config.validation is not None and any(row.split == "val" for row in rows)
    return ("train", "val") if validates else ("train",)


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise ManifestError("; ".join(dict.fromkeys(problems)))


def patch_format(config: TrainingConfig, network: nn.Module) -> PatchFormat:
    """Return what the network expects of a patch."""
    model, segmenter = config.model, cast(Segmenter, network)
    return PatchFormat(
        patch_size=segmenter.patch_size,
        around=(segmenter.field_size - segmenter.patch_size) // 2,
        spacing_mm=model.spacing_mm,
        normalisation=model.normalisation,
        orientation=model.orientation,
    )


def training_samples(config: TrainingConfig, form: PatchFormat, cohorts: Cohorts) -> Dataset[Sample]:
    """Return the samples to train on: of the cohort, simulated, or of both.

    Raises:
        UsageError: There are neither; or shares that the cohort cannot give.
    """
    seed, patches = config.loop.seed, None
    if cohorts.training is not None:
        patches = CohortPatches(cohorts.training, form, config.sampling, seed)
    if config.on_the_fly is None:
        if patches is None:
            raise UsageError("nothing to train on; give --manifest, or simulate scans with --on-the-fly")
        return patches
    simulated = SimulatedPatches(config.on_the_fly, form, config.sampling, seed, names=config.targets)
    return simulated if patches is None else MixedPatches(simulated, patches, config.cohort_share, seed)


def validation_samples(config: TrainingConfig, form: PatchFormat, cohorts: Cohorts) -> Dataset[Sample] | None:
    """Return samples to validate on: the manifests' own, or else simulated ones where training simulates.

    Labels of low quality are looked at only where there are no others.
    """
    held_out = cohorts.held_out
    if held_out is not None:
        good = any(case.hq for case in held_out.cases)
        return CohortPatches(held_out, form, _unchanged(config, 1.0 if good else None), _VALIDATION_SEED)
    if config.on_the_fly is not None:
        return SimulatedPatches(
            config.on_the_fly, form, _unchanged(config, None), _VALIDATION_SEED, names=config.targets
        )
    return None


def _unchanged(config: TrainingConfig, hq_share: float | None) -> SamplingConfig:
    """Return how patches to validate on are drawn: centred on the target's deepest voxel, and left as they are."""
    return SamplingConfig(
        scales=config.sampling.scales,
        scale_share=config.sampling.scale_share,
        hq_share=hq_share,
        lesion_share=0.5,
        deepest_share=1.0,
        near=0.0,
        beside_share=0.0,
        zoom_share=0.0,
        uptake_scale=0.0,
        flips=False,
        box_jitter=0.0,
    )


def _require_qualities(rows: Sequence[ManifestRow], hq_share: float | None) -> None:
    """Refuse shares of qualities of which there is no row, before anything is read."""
    if hq_share is None:
        return
    there = {row.quality or "hq" for row in rows if row.split in SPLITS_OF["train"]}
    for quality, share in (("hq", hq_share), ("lq", 1 - hq_share)):
        if share > 0 and quality not in there:
            raise UsageError(
                f"sampling.hq_share is {hq_share:g}, but no row to train on has quality {quality}; add some, or "
                f"--set sampling.hq_share={'0' if quality == 'hq' else '1'}"
            )


def _hash_of(cohort: Cohort) -> str:
    cases = [
        [case.name, case.manifest, case.hq]
        + [[t.name, t.kind, t.ids, t.start, t.stop, t.voxels] for t in case.targets]
        for case in cohort.cases
    ]
    return hashlib.sha256(json.dumps(cases).encode()).hexdigest()
