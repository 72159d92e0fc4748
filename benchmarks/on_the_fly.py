"""What simulating on the fly costs, as a share of a training step's time on the same machine.

    python benchmarks/on_the_fly.py --patches 400 --steps 20

Patches are simulated on one core (as a data loader's worker does) and trained on as the compact recipe does. Both
are measured in this process, one after the other; keep the machine quiet.
"""

from __future__ import annotations

import argparse
import itertools
import time

import numpy as np
import torch
from torch.utils.data import default_collate

from seganypet.training.loop import dice_cross_entropy, fresh_state, train_step
from seganypet.training.on_the_fly import SimulatedPatches
from seganypet.training.recipes import compact, simulated_on_the_fly


def seconds_per_patch(patches: int) -> float:
    """Return wall-clock seconds to simulate and cut one patch, on one core."""
    config = compact()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    stream = iter(SimulatedPatches(simulated_on_the_fly(), config.sampling, 1))
    next(stream)  # fills the pool
    started = time.perf_counter()
    for _ in itertools.islice(stream, patches):
        pass
    torch.set_num_threads(threads)
    return (time.perf_counter() - started) / patches


def seconds_per_step(steps: int) -> float:
    """Return wall-clock seconds of a training step of the compact recipe, on all cores."""
    config = compact()
    stream = iter(SimulatedPatches(simulated_on_the_fly(), config.sampling, 2))
    state, loss, rng = fresh_state(config), dice_cross_entropy(), np.random.default_rng(0)
    drawn = [default_collate(list(itertools.islice(stream, config.batch_size))) for _ in range(steps + 2)]
    for batch in drawn[:2]:
        train_step(state, batch, loss, config, rng)
    started = time.perf_counter()
    for batch in drawn[2:]:
        train_step(state, batch, loss, config, rng)
    return (time.perf_counter() - started) / steps


def main() -> None:
    """Measure both and print their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patches", type=int, default=400, help="patches to simulate (default: %(default)d)")
    parser.add_argument("--steps", type=int, default=20, help="training steps (default: %(default)d)")
    arguments = parser.parse_args()
    batch_size = compact().batch_size
    patch, step = seconds_per_patch(arguments.patches), seconds_per_step(arguments.steps)
    print(f"simulating: {1000 * patch:.1f} ms a patch, {1000 * patch * batch_size:.0f} ms a batch, one core")
    print(
        f"training:   {1000 * step:.0f} ms a step of {batch_size} patches, {torch.get_num_threads()} threads"
    )
    print(f"share:      {100 * patch * batch_size / step:.1f} % of a step")


if __name__ == "__main__":
    main()
