"""`seganypet baseline`: a network trained for a cohort's targets within nnU-Net's framework, and its predictions."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from seganypet.cli.messages import say
from seganypet.cli.parsing import Names, count, numbers, positive

if TYPE_CHECKING:
    from seganypet.evaluation.nnunet.settings import Settings

# Known here so that --help imports nothing; the same as in `evaluation.nnunet.settings`, as a test checks.
NETWORKS = ("nnunet", "stunet", "segresnet", "swinunetr")
OPTIMIZERS = ("sgd", "adamw")
NORMALISATIONS = ("scan", "cohort")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "baseline",
        help="train a network for a cohort's targets within nnU-Net, to compare with",
        description="Trains nnU-Net, STU-Net, SegResNet or SwinUNETR within nnU-Net's framework on the training cases "
        "of a manifest, for seganypet evaluate --methods baseline=DIR, and predicts its test cases: DIR/CASE.nii.gz, "
        "with their ids in DIR/labels.json. Run again with the same options, it goes on where it was stopped. Needs "
        "the extra compare.",
    )
    parser.add_argument("network", choices=NETWORKS, metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument(
        "--manifest",
        type=Path,
        required=True,
        metavar="M.csv",
        help="cohort: cases of split train or none are learned from, those of val only watched, those of test "
        "predicted",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder to write; not moved while it grows",
    )
    parser.add_argument(
        "--targets",
        action=Names,
        default=(),
        metavar="NAME,…",
        help="names of labels.json to segment, and lesion for all lesions, which cover the organs that they lie in "
        "(default: all)",
    )
    _add_training_options(parser.add_argument_group("training"))
    parser.add_argument(
        "--no-predictions",
        action="store_true",
        help="train only; seganypet evaluate --methods baseline=DIR predicts by itself, and times it",
    )
    parser.set_defaults(run=run)


def _add_training_options(group: argparse._ArgumentGroup) -> None:
    number = count(least=1)
    group.add_argument(
        "--epochs", type=number, default=1000, metavar="N", help="as in nnU-Net (default: %(default)s)"
    )
    group.add_argument(
        "--iterations", type=number, default=250, metavar="N", help="batches an epoch (default: %(default)s)"
    )
    group.add_argument(
        "--minutes",
        type=positive,
        metavar="M",
        help="train so long where the epochs take longer; the learning rate falls in time for it",
    )
    group.add_argument(
        "--patch",
        type=numbers("I,J,K"),
        metavar="I,J,K",
        help="voxels of a patch, right to left, back to front, feet to head (default: nnU-Net's choice)",
    )
    group.add_argument(
        "--batch", type=number, metavar="N", help="patches in a batch (default: nnU-Net's choice)"
    )
    group.add_argument(
        "--spacing",
        type=numbers("X,Y,Z"),
        metavar="X,Y,Z",
        help="voxel size in mm to work with (default: nnU-Net's choice)",
    )
    group.add_argument(
        "--width",
        type=number,
        metavar="N",
        help="channels at full resolution (default: nnunet and segresnet 32, swinunetr 48, stunet 16, which is its "
        "small; 32, 64, 96 are base, large, huge)",
    )
    group.add_argument(
        "--optimizer",
        choices=OPTIMIZERS,
        help="adamw learns more in a short budget (default: nnU-Net's sgd; adamw for swinunetr)",
    )
    group.add_argument(
        "--learning-rate",
        type=positive,
        metavar="R",
        help="at the beginning (default: 0.01 with sgd, 0.0005 with adamw)",
    )
    group.add_argument(
        "--normalisation",
        choices=NORMALISATIONS,
        default="scan",
        help="nnU-Net's z-score of each scan, or SUV clipped and scaled alike in the whole cohort, as nnU-Net's "
        "authors did for autoPET II (default: %(default)s)",
    )
    group.add_argument(
        "--no-augmentation",
        action="store_true",
        help="learn from scans as they are: quicker, where there is little time and many scans",
    )
    group.add_argument(
        "--device", default="auto", metavar="D", help="cpu or cuda; auto takes a GPU if there is one"
    )
    group.add_argument(
        "--jobs",
        type=number,
        default=1,
        metavar="N",
        help="processes that read and augment (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Train and predict what is missing, say what was written."""
    from seganypet.evaluation.nnunet.run import RECORD_NAME, BaselineOptions, run_baseline

    options = BaselineOptions(
        device=arguments.device,
        jobs=arguments.jobs,
        predictions=not arguments.no_predictions,
        command=arguments.command_line,
        tell=_tell,
    )
    folder: Path = arguments.output
    record = run_baseline(arguments.manifest, folder, settings_of(arguments), options)
    trained = record["steps"]["train"]
    say(f"  {'parameters':10}  {trained['parameters']:,}")
    say(f"  {'training':10}  {trained['iterations']} iterations, {trained['training_s'] / 60:.1f} min")
    if options.predictions:
        say(f"  {'predicted':10}  {record['cases']['test']} cases")
    say(f"wrote {folder / RECORD_NAME}")
    targets = f" --targets {','.join(arguments.targets)}" if arguments.targets else ""
    say(
        f'compare with: seganypet evaluate --manifest "{arguments.manifest}"{targets} --methods default '
        f'"{arguments.network}:baseline={folder}" -o RESULTS'
    )
    return 0


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Return what the arguments ask for.

    Raises:
        UsageError: A value that the network cannot have.
    """
    from seganypet.errors import UsageError
    from seganypet.evaluation.nnunet.settings import Settings

    patch = arguments.patch
    if patch is not None and any(n != int(n) for n in patch):
        raise UsageError(f"--patch: {patch} are not whole numbers")
    return Settings(
        network=arguments.network,
        targets=arguments.targets,
        epochs=arguments.epochs,
        iterations=arguments.iterations,
        minutes=arguments.minutes,
        patch=None if patch is None else (int(patch[0]), int(patch[1]), int(patch[2])),
        batch=arguments.batch,
        spacing_mm=arguments.spacing,
        width=arguments.width,
        optimizer=arguments.optimizer,
        learning_rate=arguments.learning_rate,
        augmentation=not arguments.no_augmentation,
        normalisation=arguments.normalisation,
    )


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
