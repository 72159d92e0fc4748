"""`seganypet train`: from a manifest, or simulated scans, to weights."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seganypet.cli.messages import progress_bar, progress_lines, say
from seganypet.cli.parsing import count, positive

if TYPE_CHECKING:
    from seganypet.training.config import TrainingConfig

_READING = "reading the cohort"
# Exit code of a run that was stopped before its end; it leaves its weights so far.
STOPPED = 3
# Known here so that --help imports nothing; the same as `training.recipes.RECIPES`, which a test holds it to.
RECIPES = ("compact", "debug", "pets-5k", "petwb-seg11k", "segany-pet-lesion")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "train",
        help="train or fine-tune weights on cohorts, or on scans simulated meanwhile",
        description="Trains by a recipe: compact (our own weights, for a CPU or a GPU), pets-5k and petwb-seg11k (the "
        "papers'), segany-pet-lesion (lesions, from weights), debug (seconds). Under torchrun, processes train "
        "together. Writes RUN/weights.safetensors and everything that tells how they came about.",
    )
    parser.add_argument("recipe", choices=RECIPES, metavar="RECIPE", help=", ".join(RECIPES))
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="RUN", help="run folder")
    _add_data_options(parser.add_argument_group("data"))
    _add_training_options(parser.add_argument_group("training"))
    parser.set_defaults(run=run)


def _add_data_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--manifest",
        type=Path,
        action="append",
        default=[],
        metavar="M.csv",
        help="cohort to train on (split train or empty) and validate on (split val); repeat for several",
    )
    group.add_argument(
        "--on-the-fly",
        action="store_true",
        help="simulate scans while training, beside the manifests or alone",
    )
    group.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="folder of the cached cases, to be shared by runs (default: RUN/cache)",
    )
    group.add_argument(
        "--jobs",
        type=count(least=1),
        default=1,
        metavar="N",
        help="processes that read the cohort (default: %(default)s)",
    )
    group.add_argument(
        "--workers",
        type=count(least=0),
        default=1,
        metavar="N",
        help="processes that prepare patches, for each training process (default: %(default)s)",
    )


def _add_training_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--weights",
        metavar="W",
        help="weights to start from: a name, a .safetensors file, or a .pth checkpoint",
    )
    group.add_argument("--name", help="what the new weights are called (default: as RUN)")
    group.add_argument("--resume", action="store_true", help="continue the run in RUN, exactly")
    group.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a setting of the recipe, such as loop.steps=500 or cpcl.uncertainty_threshold=0.6; repeat",
    )
    group.add_argument(
        "--device", default="auto", metavar="D", help="cpu or cuda; auto takes a GPU if there is one"
    )
    group.add_argument(
        "--minutes",
        type=positive,
        metavar="M",
        help="stop after that long, saved, with the weights so far and exit code 3; --resume goes on",
    )


def run(arguments: argparse.Namespace) -> int:
    """Train, say what was written."""
    from seganypet.training.distributed import joined
    from seganypet.training.run import BEST_NAME, WEIGHTS_NAME, RunOptions, run_training

    config, folder = resolved(arguments), arguments.output
    with joined(arguments.device) as processes, progress_bar(_READING) as bar:
        if arguments.resume:
            processes.on_first(lambda: _check_resume(arguments, config))
        on_case = bar or progress_lines(_READING)
        options = RunOptions(
            folder=folder,
            manifests=tuple(arguments.manifest),
            weights=arguments.weights,
            name=arguments.name,
            resume=arguments.resume,
            cache=arguments.cache,
            workers=arguments.workers,
            jobs=arguments.jobs,
            stop_after_s=None if arguments.minutes is None else 60 * arguments.minutes,
            on_case=on_case if processes.is_first else None,
        )
        state = run_training(config, options, processes)
    if processes.is_first:
        for name in (WEIGHTS_NAME, BEST_NAME):
            if (folder / name).exists():
                say(f"wrote {folder / name}")
    return STOPPED if state.stopped_by else 0


def resolved(arguments: argparse.Namespace) -> TrainingConfig:
    """Return the recipe with the settings that were changed.

    Raises:
        UsageError: A setting that is none, or a value that it cannot have; two lengths of the training, or none.
    """
    from dataclasses import replace

    from seganypet.training.overrides import overridden
    from seganypet.training.recipes import RECIPES as FUNCTIONS
    from seganypet.training.recipes import simulated_on_the_fly

    config = FUNCTIONS[arguments.recipe]()
    if arguments.on_the_fly:
        config = replace(config, on_the_fly=simulated_on_the_fly())
    config, settings = _with_one_length(config, arguments.settings)
    changed: TrainingConfig = overridden(config, settings)
    return changed


def _with_one_length(config: TrainingConfig, settings: Sequence[str]) -> tuple[TrainingConfig, Sequence[str]]:
    """Return the recipe without epochs where steps are set, and the settings without steps where they are none.

    Raises:
        UsageError: Steps and epochs are both set, or the only one that the recipe has is set to none.
    """
    from dataclasses import replace

    from seganypet.errors import UsageError

    parts = [setting.partition("=") for setting in settings]
    values = {name.strip(): text.strip().lower() for name, _, text in parts}  # of two for one, the later
    given = {name: values[name] for name in ("loop.steps", "epochs") if name in values}
    lengths = [name for name, value in given.items() if value != "none"]
    if len(lengths) > 1:
        raise UsageError("loop.steps and epochs both say how long to train; set one of them")
    own, other = ("loop.steps", "epochs") if config.epochs is None else ("epochs", "loop.steps")
    if not lengths and own in given:
        raise UsageError(f"{own}=none, and nothing else says how long to train; add --set {other}=N")
    if "loop.steps" in lengths:
        config = replace(config, epochs=None)
    if given.get("loop.steps") == "none":  # the number of steps will follow from the epochs
        settings = [setting for setting in settings if setting.partition("=")[0].strip() != "loop.steps"]
    return config, settings


def _check_resume(arguments: argparse.Namespace, config: TrainingConfig) -> None:
    """Refuse a resume whose options are not those of the run, before the cohort is read, which can take hours.

    Raises:
        UsageError: Nothing to train on is given.
        TrainingError: The run has other settings.
    """
    from seganypet.errors import UsageError
    from seganypet.training.journal import RUN
    from seganypet.training.starting import require_settings_of

    folder: Path = arguments.output
    if not arguments.manifest and config.on_the_fly is None and (folder / RUN).exists():
        raise UsageError(
            f"nothing to train on; give the options of the run again: its command is in {folder / RUN}"
        )
    require_settings_of(folder, config, arguments.weights)
