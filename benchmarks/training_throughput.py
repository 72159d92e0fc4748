"""Samples per second of a training step of the papers' network beside a plain loop, and where our step's time goes.

    python benchmarks/training_throughput.py --rounds 3
    GOMP_SPINCOUNT=0 python benchmarks/training_throughput.py --threads 1     # beside other work

The plain loop (`plain_training.py`) trains the literal network as the released code does. Both get the same ready
patches of 128³ and as many clicks; reading and cutting scans is in neither. Every measurement is a process of its own,
one step to warm up and some that count, the loops taking turns; ratios are those within a round. Where other work runs
on the machine, trust the CPU seconds, of all threads together, and let waiting threads sleep (`GOMP_SPINCOUNT=0`).
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from plain_training import PlainLoop
from seganypet.evaluation.fresh_process import in_fresh_process, peak_resident_bytes
from seganypet.evaluation.throughput import processor_name
from seganypet.models.presets import PRESETS
from seganypet.models.sam3d import SAM3DConfig
from seganypet.training.cpcl import CPCLConfig
from seganypet.training.episode import EpisodeConfig
from seganypet.training.objective import Objective
from seganypet.training.sample import Sample
from training_parts import PARTS, Seconds, Stopwatch, TimedNetwork

PLAIN = "plain, float32"
OURS = ("float32", "bfloat16", "float32, CPCL", "bfloat16, CPCL")
_RADIUS = 0.15  # of the target, in patch sides
_SEED = 0

Part = dict[str, Seconds]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is trained.

    Attributes:
        network: Its shape.
        batch: Samples of a step.
        clicks: Decoder passes of a step.
        steps: That count; one more comes before them.
    """

    network: SAM3DConfig
    batch: int
    clicks: int
    steps: int


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What a loop took in one process.

    Attributes:
        steps: Time of each step that counts, by part; the plain loop has one part.
        peak_bytes: Most memory the process held; None where the system does not tell.
    """

    steps: tuple[Part, ...]
    peak_bytes: int | None

    @property
    def seconds(self) -> Seconds:
        """Median time of a step."""
        totals = [Seconds(*map(sum, zip(*step.values(), strict=True))) for step in self.steps]
        return Seconds(*(statistics.median(kind) for kind in zip(*totals, strict=True)))


def ready_batch(size: int, batch: int, *, hq: bool) -> Sample:
    """Return a ball in noise, [batch, 1, size, size, size]."""
    generator = torch.Generator().manual_seed(_SEED)
    along = (torch.arange(size) + 0.5) / size - 0.5
    distance = torch.stack(torch.meshgrid(along, along, along, indexing="ij")).square().sum(0).sqrt()
    reference = (distance < _RADIUS).expand(batch, 1, size, size, size).contiguous()
    first, last = (int((0.5 + sign * _RADIUS) * size) for sign in (-1, 1))
    return Sample(
        patch=torch.randn(reference.shape, generator=generator) + 2 * reference,
        reference=reference,
        clean=reference,
        known=torch.ones(batch, dtype=torch.bool),
        hq=torch.full((batch,), hq),
        anchor=torch.full((batch, 3), size // 2),
        box=torch.tensor([[first] * 3, [last] * 3], dtype=torch.float32).expand(batch, 2, 3),
        seed=torch.arange(batch),
    )


def our_objective(network: TimedNetwork, clicks: int, cpcl: CPCLConfig | None = None) -> Objective:
    """Return what our step minimises: so many clicks, each anywhere in error, two of the later ones left out."""
    episode = EpisodeConfig(
        clicks=(clicks, clicks),
        policies=(("uniform", 1.0),),
        mask_only_share=min(2 / max(clicks - 1, 1), 0.5),
    )
    return Objective(network, PRESETS["papers"], episode, cpcl, steps=1000, seed=_SEED)


def measure(loop: str, task: Task) -> Measurement:
    """Return what steps of a loop take, in this process.

    Args:
        loop: `PLAIN`, or one of `OURS`.
        task: What is trained.
    """
    torch.manual_seed(_SEED)
    network = TimedNetwork(task.network)
    batch = ready_batch(task.network.patch_size, task.batch, hq="CPCL" not in loop)
    if loop == PLAIN:
        step = _plain_step(PlainLoop(network, clicks=task.clicks), batch)
        del network
    else:
        step = _our_step(network, loop, batch, task.clicks)
    step(0)
    return Measurement(steps=tuple(step(1 + n) for n in range(task.steps)), peak_bytes=peak_resident_bytes())


def _plain_step(loop: PlainLoop, batch: Sample) -> Callable[[int], Part]:
    def step(_: int) -> Part:
        watch = Stopwatch()
        loop.step(batch)
        watch.lap("optimiser")  # it has no parts
        return watch.seconds

    return step


def _our_step(network: TimedNetwork, loop: str, batch: Sample, clicks: int) -> Callable[[int], Part]:
    objective = our_objective(network, clicks, CPCLConfig() if "CPCL" in loop else None)
    optimiser = torch.optim.AdamW(network.parameters(), lr=8e-4, weight_decay=0.1)

    def step(number: int) -> Part:
        watch = network.restart()
        with torch.autocast("cpu", torch.bfloat16, enabled="bfloat16" in loop):
            outcome = objective(batch, number)
        watch.lap("loss, forward")
        outcome.loss.backward()
        watch.lap("image encoder, backward")
        optimiser.step()
        optimiser.zero_grad()
        watch.lap("optimiser")
        return watch.seconds

    return step


def table(found: dict[str, list[Measurement]], batch: int) -> str:
    """Return loops beside the plain one, in Markdown."""
    rows = [
        "| loop | s per step | samples/s | times plain | CPU s per step | times plain, CPU | peak |",
        "|---|---|---|---|---|---|---|",
    ]
    for loop, rounds in found.items():
        walls, cpus = ([getattr(m.seconds, kind) for m in rounds] for kind in Seconds._fields)
        plain = [m.seconds for m in found[PLAIN]]
        wall_ratios = [there.wall / here for there, here in zip(plain, walls, strict=True)]
        cpu_ratios = [there.cpu / here for there, here in zip(plain, cpus, strict=True)]
        peak = max((m.peak_bytes or 0) for m in rounds) / 2**30
        rows.append(
            f"| {loop} | {_range(walls)} | {batch / statistics.median(walls):.3f} | {_range(wall_ratios)} "
            f"| {_range(cpus)} | {_range(cpu_ratios)} | {peak:.1f} GiB |"
        )
    return "\n".join(rows)


def parts_table(found: dict[str, list[Measurement]]) -> str:
    """Return where the time of our loops goes, in Markdown: median CPU seconds and their share of the step."""
    ours = [loop for loop in found if loop != PLAIN]
    rows = ["| part, CPU s (share) | " + " | ".join(ours) + " |", "|---" * (1 + len(ours)) + "|"]
    medians = {loop: {part: _median_cpu(found[loop], part) for part in PARTS} for loop in ours}
    for part in PARTS:
        cells = [f"{m[part]:.2f} ({m[part] / sum(m.values()):.0%})" for m in medians.values()]
        rows.append(f"| {part} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _median_cpu(rounds: Sequence[Measurement], part: str) -> float:
    return statistics.median(step[part].cpu for measurement in rounds for step in measurement.steps)


def _range(values: Sequence[float]) -> str:
    """Return least to most, or the one value."""
    least, most = f"{min(values):.2f}", f"{max(values):.2f}"
    return least if least == most else f"{least} to {most}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--batch", type=int, default=1, help="samples of a step (default: %(default)d)")
    parser.add_argument("--clicks", type=int, default=11, help="decoder passes (default: %(default)d)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each loop (default: %(default)d)")
    parser.add_argument("--steps", type=int, default=2, help="steps of a turn (default: %(default)d)")
    parser.add_argument("--loops", nargs="*", choices=OURS, default=list(OURS), help="of ours (default: all)")
    arguments = parser.parse_args()
    task = Task(network=SAM3DConfig(), batch=arguments.batch, clicks=arguments.clicks, steps=arguments.steps)
    found: dict[str, list[Measurement]] = {loop: [] for loop in (PLAIN, *arguments.loops)}
    print(f"{processor_name()}, {arguments.threads} threads, torch {torch.__version__}, batch {task.batch}")
    for number in range(arguments.rounds):
        for loop, measurements in found.items():
            measurements.append(in_fresh_process(measure, loop, task, threads=arguments.threads))
            wall, cpu = measurements[-1].seconds
            print(f"round {number + 1}, {loop}: {wall:.2f} s, {cpu:.2f} CPU s", flush=True)
    print(f"\n{table(found, task.batch)}\n\n{parts_table(found)}")


if __name__ == "__main__":
    main()
