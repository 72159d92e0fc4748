"""`seganypet train`: simulate cases, train on them, write weights."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

_BODIES_OF_A_LABEL_MAP = 30


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser("train", help="train weights on simulated scans and real tumours")
    parser.add_argument("recipe", choices=["compact"], help="what to train")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="RUN", help="run folder")
    parser.add_argument("--minutes", type=float, default=73.0, help="time to train (default: %(default)g)")
    parser.add_argument("--cases", type=int, default=260, help="simulated scans (default: %(default)d)")
    parser.add_argument(
        "--tumours",
        type=Path,
        metavar="FOLDER",
        help="real tumours: STS_0NN/pet_suv.nii.gz and gtv_mass.nii.gz",
    )
    parser.add_argument(
        "--anatomy",
        type=Path,
        action="append",
        default=[],
        metavar="LABELS",
        help="organ labels of a real body; repeat",
    )
    parser.add_argument(
        "--on-the-fly", action="store_true", help="simulate while training, in place of --cases beforehand"
    )
    parser.add_argument("--resume", action="store_true", help="continue RUN/checkpoint.pt")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Simulate, train, write RUN/weights.safetensors."""
    from seganypet.errors import UsageError
    from seganypet.training.build import add_tumours
    from seganypet.training.export import export_weights
    from seganypet.training.loop import train
    from seganypet.training.recipes import compact, simulated_on_the_fly

    if not arguments.minutes > 0:
        raise UsageError(f"--minutes {arguments.minutes:g}: expected more than 0")
    if arguments.cases < 1:
        raise UsageError(f"--cases {arguments.cases}: expected 1 or more")
    if arguments.on_the_fly and arguments.anatomy:
        raise UsageError("--on-the-fly makes procedural bodies; leave out --anatomy, or --on-the-fly")
    folder: Path = arguments.output
    config = compact(minutes=arguments.minutes)
    phantoms = None if arguments.on_the_fly else folder / "phantoms"
    if phantoms is None:
        config = replace(config, on_the_fly=simulated_on_the_fly())
    else:
        _simulate(phantoms, arguments)
    real = None if arguments.tumours is None else add_tumours(folder / "real", arguments.tumours)
    state = train(folder, phantoms, real, config, resume=arguments.resume)
    export_weights(state, config, phantoms, real, arguments.anatomy, folder / "weights.safetensors")
    return 0


def _simulate(phantoms: Path, arguments: argparse.Namespace) -> None:
    """Write the cases that are not there yet."""
    from seganypet.training.build import add_phantoms_in_parallel
    from seganypet.training.recipes import FIRST_TRAINING_SEED, training_phantoms

    seeds = range(FIRST_TRAINING_SEED, FIRST_TRAINING_SEED + arguments.cases)
    add_phantoms_in_parallel(phantoms, seeds, training_phantoms())
    for label_map in arguments.anatomy:
        add_phantoms_in_parallel(phantoms, seeds[:_BODIES_OF_A_LABEL_MAP], training_phantoms(), label_map)
