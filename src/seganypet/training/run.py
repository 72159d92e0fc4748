"""A whole training: from a recipe and manifests to weights that describe themselves."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import nn
from torch.utils.data import Dataset

from seganypet.errors import SegAnyPETWarning, UsageError
from seganypet.io import read_manifest
from seganypet.io.write import write_json
from seganypet.models.device import computes_bfloat16
from seganypet.models.model import Segmenter
from seganypet.models.presets import build_network
from seganypet.models.weights import load_network, sha256_of, weights_path
from seganypet.training.cohort import Cohort, read_cohort
from seganypet.training.cohort_files import OnCase
from seganypet.training.config import TrainingConfig
from seganypet.training.cutting import PatchFormat
from seganypet.training.datasets import CohortPatches, MixedPatches
from seganypet.training.distributed import Processes
from seganypet.training.export import export_weights
from seganypet.training.journal import require_new
from seganypet.training.loading import batches
from seganypet.training.loop import train
from seganypet.training.objective import Objective
from seganypet.training.on_the_fly import SimulatedPatches
from seganypet.training.sample import Sample
from seganypet.training.sampling import SamplingConfig
from seganypet.training.state import State
from seganypet.training.validation import Validation

WEIGHTS_NAME = "weights.safetensors"
BEST_NAME = "best.safetensors"
# Of samples to validate on: the same for every training, and none of a training's own.
_VALIDATION_SEED = 900_000
_FIXED = SamplingConfig(
    lesion_share=0.5,
    deepest_share=1.0,
    near=0.0,
    beside_share=0.0,
    zoom_share=0.0,
    uptake_scale=0.0,
    flips=False,
    box_jitter=0.0,
)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What a training needs besides its recipe; none of it changes what is computed.

    Attributes:
        folder: The run's.
        manifests: Of the cohorts; none where scans are simulated on the fly.
        weights: To start from, by name or path; None: random ones.
        name: What the new weights are called; by default as the run's folder.
        resume: Continue the run in the folder.
        cache: Folder of the cached cases; by default in the run's.
        workers: Processes that prepare samples for each training process.
        jobs: Processes that read the cohort before the first step.
        stop_after_s: Stop after this time, saved.
        on_case: Told how many cases are read, and of how many.
    """

    folder: Path
    manifests: tuple[Path, ...] = ()
    weights: str | None = None
    name: str | None = None
    resume: bool = False
    cache: Path | None = None
    workers: int = 1
    jobs: int = 1
    stop_after_s: float | None = None
    on_case: OnCase | None = None


def run_training(config: TrainingConfig, options: RunOptions, processes: Processes) -> State:
    """Train, and write the weights into the run's folder: the last ones, and those of the best validation.

    Args:
        config: A recipe, perhaps with settings changed.
        options: Data, folder, where to start.
        processes: Those that train together.

    Raises:
        UsageError: Nothing to train on, or a recipe that needs weights and has none.
        ManifestError: A manifest or a file of it cannot be used; everything that is wrong is told at once.
        WeightsError: The weights to start from cannot be used.
        TrainingError: The training cannot go on.
        OutputError: The folder cannot be written to.
    """
    if not options.manifests and config.on_the_fly is None:
        raise UsageError("nothing to train on; give --manifest, or simulate scans with --on-the-fly")
    if config.fine_tunes and options.weights is None:
        raise UsageError(f"recipe {config.recipe} goes on from weights; give --weights")
    processes.on_first(lambda: require_new(options.folder, resume=options.resume))
    network, config = _network(config, options.weights)
    _warn_of_emulation(config, processes)
    training, held_out = _cohorts(config, options, processes)
    targets = sum(len(case.targets) for case in training.cases) if training else 0
    config = config.with_length(targets, processes.world)
    form = _form(config, network)
    dataset = _dataset(config, form, training)
    model = replace(config.model, name=options.name or options.folder.resolve().name)
    export = partial(export_weights, config=replace(config, model=model), cohort=training)

    def export_best(best: nn.Module, step: int, scores: Mapping[str, float]) -> None:
        export(best, step=step, scores=scores, path=options.folder / BEST_NAME)

    state = train(
        options.folder,
        Objective(
            network, config.model, config.episode, config.cpcl, steps=config.loop.steps, seed=config.loop.seed
        ),
        partial(_batches, dataset, config, options.workers, processes),
        config.loop,
        recipe=config.as_dict() | {"weights": options.weights, "world": processes.world},
        resume=options.resume,
        validate=_validation(config, form, held_out, processes),
        on_best=export_best,
        stop_after_s=options.stop_after_s,
        processes=processes,
        inputs=options.manifests,
    )
    if not state.stopped_by:
        path = options.folder / WEIGHTS_NAME
        processes.on_first(lambda: export(state.average, step=state.step, scores={}, path=path))
    return state


def _network(config: TrainingConfig, weights: str | None) -> tuple[nn.Module, TrainingConfig]:
    """Return the network to train, and the configuration with the description of what it starts from."""
    torch.manual_seed(config.loop.seed)
    if weights is None:
        network = build_network(config.model.architecture, config.model.config)
    else:
        network, description = load_network(weights, boxes=config.model.boxes)
        origin = {"name": description.name, "sha256": description.sha256 or sha256_of(weights_path(weights))}
        model = replace(
            description, boxes=config.model.boxes, training={"from": origin}, metrics={}, sha256="", date=""
        )
        config = replace(config, model=model)
    return network.to(memory_format=torch.channels_last_3d), config  # type: ignore[call-overload]


def _warn_of_emulation(config: TrainingConfig, processes: Processes) -> None:
    emulated = config.loop.precision == "bfloat16" and not computes_bfloat16(processes.device)
    if emulated and processes.is_first:
        warnings.warn(
            "this processor emulates bfloat16; --set loop.precision=float32 is faster",
            SegAnyPETWarning,
            stacklevel=3,
        )


def _cohorts(
    config: TrainingConfig, options: RunOptions, processes: Processes
) -> tuple[Cohort | None, Cohort | None]:
    """Return the cases to train on, and those to validate on where the manifests have any."""
    if not options.manifests:
        return None, None
    cache = options.cache or options.folder / "cache"
    read = partial(
        read_cohort,
        options.manifests,
        cache=cache,
        names=config.targets,
        jobs=options.jobs,
        on_case=options.on_case,
    )

    def read_both() -> tuple[Cohort, Cohort | None]:
        found = read(split="train"), _held_out(read)
        summaries = [cohort.summary() for cohort in found if cohort is not None]
        write_json(summaries, options.folder / "cohort.json")
        return found

    return processes.on_first(read_both)


def _held_out(read: partial[Cohort]) -> Cohort | None:
    """Return the cases to validate on, or None where the manifests have none."""
    manifests: Sequence[Path] = read.args[0]
    if not any(row.split == "val" for path in manifests for row in read_manifest(path)):
        return None
    return read(split="val")


def _form(config: TrainingConfig, network: nn.Module) -> PatchFormat:
    model = config.model
    return PatchFormat(
        patch_size=cast(Segmenter, network).patch_size,
        spacing_mm=model.spacing_mm,
        normalisation=model.normalisation,
        orientation=model.orientation,
    )


def _dataset(config: TrainingConfig, form: PatchFormat, cohort: Cohort | None) -> Dataset[Sample]:
    """Return the samples to train on: of the cohort, simulated, or of both."""
    seed = config.loop.seed
    patches = None if cohort is None else CohortPatches(cohort, form, config.sampling, seed)
    if config.on_the_fly is None:
        assert patches is not None
        return patches
    simulated = SimulatedPatches(config.on_the_fly, form, config.sampling, seed)
    return simulated if patches is None else MixedPatches(simulated, patches, config.cohort_share, seed)


def _validation(
    config: TrainingConfig, form: PatchFormat, held_out: Cohort | None, processes: Processes
) -> Validation | None:
    """Return the validation on the manifests' own cases, or else on simulated ones where training simulates."""
    if config.validation is None:
        return None
    dataset: Dataset[Sample]
    if held_out is not None:
        dataset = CohortPatches(held_out, form, _FIXED, _VALIDATION_SEED)
    elif config.on_the_fly is not None:
        dataset = SimulatedPatches(config.on_the_fly, form, _FIXED, _VALIDATION_SEED)
    else:
        return None
    return Validation(dataset, config.model, config.validation, processes)


def _batches(
    dataset: Dataset[Sample], config: TrainingConfig, workers: int, processes: Processes, first_step: int
) -> Iterator[Sample]:
    return batches(
        dataset,
        batch_size=config.batch_size,
        accumulation=config.loop.accumulation,
        first_step=first_step,
        steps=config.loop.steps,
        rank=processes.rank,
        world=processes.world,
        workers=workers,
        pin_memory=processes.device.type == "cuda",
    )
