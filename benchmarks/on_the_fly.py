"""What simulating on the fly costs, as a share of a training step's time on the same machine.

    python benchmarks/on_the_fly.py --patches 400 --steps 20

Patches are simulated on one core (as a data loader's worker does) and trained on as the compact recipe does. Both
are measured in this process, one after the other; keep the machine quiet. The first patch of each lane, for which
a body is made, is told apart: after these, lanes change bodies in turn.
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

import torch
from torch import nn

from seganypet.models.presets import build_network
from seganypet.training.config import TrainingConfig
from seganypet.training.data import patch_format
from seganypet.training.loading import batches
from seganypet.training.objective import Objective
from seganypet.training.on_the_fly import SimulatedPatches
from seganypet.training.recipes import compact, simulated_on_the_fly


class Seconds(NamedTuple):
    """Wall-clock time to get going, and of one patch from then on."""

    start: float
    patch: float


def dataset_of(config: TrainingConfig, network: nn.Module) -> SimulatedPatches:
    """Return the samples that a recipe's network trains on, all simulated."""
    form = patch_format(config, network)
    return SimulatedPatches(simulated_on_the_fly(), form, config.sampling, config.loop.seed)


def seconds_per_patch(dataset: SimulatedPatches, patches: int) -> Seconds:
    """Return the time to simulate and cut patches, on one core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    lanes = dataset.config.lanes
    started = time.perf_counter()
    for number in range(lanes):
        dataset[number]
    begun = time.perf_counter()
    for number in range(lanes, lanes + patches):
        dataset[number]
    ended = time.perf_counter()
    torch.set_num_threads(threads)
    return Seconds(begun - started, (ended - begun) / patches)


def seconds_per_step(
    config: TrainingConfig, network: nn.Module, dataset: SimulatedPatches, steps: int
) -> float:
    """Return wall-clock seconds of the forward and backward passes of a training step, on all cores."""
    objective = Objective(network, config.model, config.episode, config.cpcl, steps=steps + 2, seed=0)
    drawn = batches(
        dataset, batch_size=config.batch_size, accumulation=1, first_step=0, steps=steps + 2, workers=0
    )
    elapsed = []
    for step, batch in enumerate(drawn):
        started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=config.loop.precision == "bfloat16"):
            loss = objective(batch, step).loss
        loss.backward()
        elapsed.append(time.perf_counter() - started)
    return sum(elapsed[2:]) / steps


def main() -> None:
    """Measure both and print their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patches", type=int, default=400, help="patches to simulate (default: %(default)d)")
    parser.add_argument("--steps", type=int, default=20, help="training steps (default: %(default)d)")
    arguments = parser.parse_args()
    config = compact()
    network = build_network(config.model.architecture, config.model.config)
    dataset, batch_size = dataset_of(config, network), config.batch_size
    simulated = seconds_per_patch(dataset, arguments.patches)
    step = seconds_per_step(config, network, dataset, arguments.steps)
    print(f"start:      {simulated.start:.1f} s for the first body of each of {dataset.config.lanes} lanes")
    print(
        f"simulating: {1000 * simulated.patch:.1f} ms a patch, "
        f"{1000 * simulated.patch * batch_size:.0f} ms a batch, one core"
    )
    print(
        f"training:   {1000 * step:.0f} ms a step of {batch_size} patches, {torch.get_num_threads()} threads"
    )
    print(f"share:      {100 * simulated.patch * batch_size / step:.1f} % of a step")


if __name__ == "__main__":
    main()
