"""A whole training: from a recipe and manifests to weights that describe themselves."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from torch import nn
from torch.utils.data import Dataset

from seganypet.errors import SegAnyPETWarning, UsageError
from seganypet.io.write import write_json
from seganypet.models.device import computes_bfloat16
from seganypet.training.cohort import read_cohort
from seganypet.training.cohort_files import OnCase
from seganypet.training.config import TrainingConfig
from seganypet.training.data import (
    Cohorts,
    check_cohorts,
    patch_format,
    read_cohorts,
    training_samples,
    validation_samples,
)
from seganypet.training.distributed import Processes
from seganypet.training.export import export_weights
from seganypet.training.folders import locked
from seganypet.training.journal import prepare_run_folder, require_new
from seganypet.training.loading import batches
from seganypet.training.loop import train
from seganypet.training.losses import require_monai
from seganypet.training.objective import Objective
from seganypet.training.sample import Sample
from seganypet.training.starting import starting_network
from seganypet.training.state import State
from seganypet.training.validation import Validation

WEIGHTS_NAME = "weights.safetensors"
BEST_NAME = "best.safetensors"
COHORT_NAME = "cohort.json"


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What a training needs besides its recipe.

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

    A run that is stopped writes its weights too, as far as they are; their description says after how many steps.

    Args:
        config: A recipe, perhaps with settings changed.
        options: Data, folder, where to start.
        processes: Those that train together.

    Raises:
        UsageError: Nothing to train on, settings that do not fit each other or the data, or MONAI is missing.
        ManifestError: A manifest or a file of it cannot be used; everything that is wrong is told at once.
        WeightsError: The weights to start from cannot be used.
        TrainingError: The training cannot go on, or the folder holds another run.
        OutputError: The folder cannot be written to.
    """
    require_monai()
    _require_data(config, options)
    network, config = starting_network(config, options.weights)
    processes.on_first(lambda: check_cohorts(options.manifests, config, _cache(options)))
    if processes.is_first:
        _warn_of_precision(config, processes)
    with locked(options.folder, processes):
        return _train(network, config, options, processes)


def _train(network: nn.Module, config: TrainingConfig, options: RunOptions, processes: Processes) -> State:
    """Do as `run_training`, in a folder that no other run uses."""
    processes.on_first(lambda: require_new(options.folder, resume=options.resume))
    cohorts = processes.on_first(lambda: _read(config, options))
    config = config.with_length(cohorts.targets, processes.world)
    if processes.is_first:
        _warn_of_warm_up(config)
    form = patch_format(config, network)
    dataset, held_out = training_samples(config, form, cohorts), validation_samples(config, form, cohorts)
    recipe = config.as_dict() | {"world": processes.world, "data": cohorts.fingerprint()}
    processes.on_first(lambda: _prepare(options, recipe, cohorts))
    model = replace(config.model, name=options.name or options.folder.resolve().name)
    export = partial(export_weights, config=replace(config, model=model), cohort=cohorts.training)

    def export_best(best: nn.Module, step: int, scores: Mapping[str, float]) -> None:
        export(best, step=step, scores=scores, path=options.folder / BEST_NAME)

    validation = None
    if held_out is not None and config.validation is not None:
        validation = Validation(held_out, config.model, config.validation, processes)
    state = train(
        options.folder,
        Objective(
            network, config.model, config.episode, config.cpcl, steps=config.loop.steps, seed=config.loop.seed
        ),
        partial(_batches, dataset, config, options.workers, processes),
        config.loop,
        recipe=recipe,
        resume=options.resume,
        validate=validation,
        on_best=export_best,
        stop_after_s=options.stop_after_s,
        processes=processes,
        inputs=options.manifests,
        validate_start=options.weights is not None,
    )
    path = options.folder / WEIGHTS_NAME
    processes.on_first(lambda: export(state.average, step=state.step, scores={}, path=path))
    return state


def _require_data(config: TrainingConfig, options: RunOptions) -> None:
    """Refuse what can be told before anything is read."""
    if not options.manifests and config.on_the_fly is None:
        raise UsageError("nothing to train on; give --manifest, or simulate scans with --on-the-fly")
    if config.on_the_fly is not None and config.epochs is not None:
        raise UsageError(
            f"recipe {config.recipe} is {config.epochs:g} epochs long, and scans that are simulated meanwhile have "
            "none; add --set loop.steps=N"
        )


def _warn_of_precision(config: TrainingConfig, processes: Processes) -> None:
    """Warn where another precision is many times as fast."""
    precision, bfloat16 = config.loop.precision, computes_bfloat16(processes.device)
    emulated = processes.device.type == "cpu" and (
        precision == "float16" or (precision == "bfloat16" and not bfloat16)
    )
    if emulated:
        faster = "bfloat16" if bfloat16 else "float32"
        _warn(f"this processor emulates {precision}; --set loop.precision={faster} is faster")


def _warn_of_warm_up(config: TrainingConfig) -> None:
    """Warn where the learning rate rises for most of the training."""
    warm_up, steps = config.loop.schedule.warmup_steps, config.loop.steps
    if 2 * warm_up > steps:
        _warn(
            f"the learning rate rises for {warm_up} steps, and there are {steps}; --set loop.schedule.warmup_steps="
            f"{steps // 10} lets it reach its value sooner"
        )


def _warn(message: str) -> None:
    warnings.warn(message, SegAnyPETWarning, stacklevel=4)


def _cache(options: RunOptions) -> Path:
    return options.cache or options.folder / "cache"


def _read(config: TrainingConfig, options: RunOptions) -> Cohorts:
    read = partial(
        read_cohort,
        options.manifests,
        cache=_cache(options),
        names=config.targets,
        jobs=options.jobs,
        on_case=options.on_case,
    )
    return read_cohorts(options.manifests, config, lambda split: read(split=split))


def _prepare(options: RunOptions, recipe: Mapping[str, object], cohorts: Cohorts) -> None:
    """Check that the folder is this run's, and write what is known before the first step."""
    if not prepare_run_folder(options.folder, recipe, resume=options.resume):
        for name in (WEIGHTS_NAME, BEST_NAME):  # of a run before, whose checkpoint somebody removed
            for suffix in (".safetensors", ".json"):
                (options.folder / name).with_suffix(suffix).unlink(missing_ok=True)
    if cohorts.training is not None:
        write_json(cohorts.summary(), options.folder / COHORT_NAME)


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
