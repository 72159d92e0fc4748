"""Train the compact model: `python -m seganypet.training RUN --minutes 90 [--tumours FOLDER] [--resume]`."""

from __future__ import annotations

import argparse
import multiprocessing
from pathlib import Path

from seganypet.phantom import PhantomConfig
from seganypet.training.build import add_phantoms, add_real_tumours
from seganypet.training.loop import TrainingConfig, train

# By patient: the others validate, see docs/experiments.md.
_TRAINING_TUMOURS = range(2, 25)
_FIRST_CASES = 16


def main() -> None:
    """Simulate cases, then train on them; more cases join while training goes on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder for cases, log and checkpoint")
    parser.add_argument("--minutes", type=float, default=90.0, help="time to train")
    parser.add_argument("--cases", type=int, default=240, help="simulated scans to train on")
    parser.add_argument("--seed", type=int, default=1000, help="seed of the first simulated scan")
    parser.add_argument("--tumours", type=Path, help="folder STS_0NN/pet_suv.nii.gz + gtv_mass.nii.gz")
    parser.add_argument("--resume", action="store_true", help="continue RUN/checkpoint.pt")
    arguments = parser.parse_args()
    phantoms, config = arguments.run / "phantoms", PhantomConfig(tracer="mixed", lesion_count=(8, 25))
    real = _real(arguments.run / "real", arguments.tumours)
    seeds = range(arguments.seed, arguments.seed + arguments.cases)
    add_phantoms(phantoms, seeds[:_FIRST_CASES], config)
    simulation = multiprocessing.get_context("spawn").Process(
        target=add_phantoms, args=(phantoms, seeds, config), daemon=True
    )
    simulation.start()
    train(arguments.run, phantoms, real, TrainingConfig(minutes=arguments.minutes), resume=arguments.resume)


def _real(folder: Path, source: Path | None) -> Path | None:
    """Return the folder of real cases, made from the published crops of the training patients."""
    if source is None:
        return None
    names = [f"STS_{n:03d}" for n in _TRAINING_TUMOURS]
    pairs = [(n, source / n / "pet_suv.nii.gz", source / n / "gtv_mass.nii.gz") for n in names]
    add_real_tumours(folder, pairs, spacing_mm=4.0)
    return folder


if __name__ == "__main__":
    main()
