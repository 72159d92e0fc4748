"""A network of 20 weights with the papers' three parts, and synthetic samples, to test the training loop on.

As a script it is what torchrun starts, or what is killed: `python tiny_training.py WHAT FOLDER`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from seganypet.errors import SegAnyPETError
from seganypet.training import checkpoint
from seganypet.training.distributed import ALONE, Processes, joined
from seganypet.training.folders import locked
from seganypet.training.loop import LoopConfig, train
from seganypet.training.optimisation import OptimiserConfig, ScheduleConfig
from seganypet.training.outcome import Outcome
from seganypet.training.sample import Sample
from seganypet.training.shortage import ShortageError

# The only sample with a negative click: of two processes with batches of 2, the first meets it, in the first batch.
HAS_NEGATIVE_CLICK = 1


class TinyPrompts(nn.Module):
    """Embeddings of clicks; nothing ever reaches that of a box's corner."""

    def __init__(self) -> None:
        super().__init__()
        self.positive = nn.Parameter(torch.full((2,), 0.1))
        self.negative = nn.Parameter(torch.full((2,), -0.1))
        self.corner = nn.Parameter(torch.ones(2))


class TinyNetwork(nn.Module):
    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.image_encoder = nn.Sequential(nn.Conv3d(1, 2, 1), nn.Dropout(dropout))
        self.prompt_encoder = TinyPrompts()
        self.mask_decoder = nn.Sequential(nn.ReLU(), nn.Conv3d(2, 1, 1))


class TinyObjective(nn.Module):
    """One to three clicks a sample, each with another weight in the loss."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.network = TinyNetwork(dropout)

    def forward(self, batch: Sample, step: int) -> Outcome:
        prompts, losses = self.network.prompt_encoder, []
        for patch, reference, seed in zip(batch.patch, batch.reference, batch.seed.tolist(), strict=True):
            embedding = self.network.image_encoder(patch[None])
            for click in range(1, 2 + seed % 3):
                prompt = prompts.negative if seed == HAS_NEGATIVE_CLICK else prompts.positive
                logits = self.network.mask_decoder(embedding + click * prompt.view(1, 2, 1, 1, 1))
                error = (logits.float() - reference[None].float()).square().mean()
                losses.append(error / (1 + seed % 3))
        loss = torch.stack(losses).sum() / len(batch.seed)
        return Outcome(loss, {"doubled": 2 * loss.detach(), "absent": loss.new_tensor(torch.nan)})


def sample(number: int) -> Sample:
    """Return a sample, a pure function of its number."""
    generator = torch.Generator().manual_seed(number)
    patch = torch.randn(1, 2, 2, 2, generator=generator)
    reference, zero = patch > 0.2, torch.zeros(3)
    return Sample(
        patch,
        reference,
        reference,
        torch.tensor(True),
        torch.tensor(True),
        zero.long(),
        torch.stack([zero, zero + 1]),
        torch.tensor(number),
    )


def stacked(numbers: range) -> Sample:
    return Sample(*(torch.stack(fields) for fields in zip(*map(sample, numbers), strict=True)))


def batches(
    first: int, *, config: LoopConfig, size: int = 2, processes: Processes = ALONE
) -> Iterator[Sample]:
    """Yield the batches of one of the processes: together they see what one with all of their samples would."""
    for n in range(first * config.accumulation, config.steps * config.accumulation):
        begin = (n * processes.world + processes.rank) * size
        yield stacked(range(begin, begin + size))


def recipe_of(**changes: object) -> LoopConfig:
    given = {
        "optimiser": OptimiserConfig(learning_rate=0.05, prompt_and_decoder_factor=0.1),
        "schedule": ScheduleConfig(milestones=(0.5,)),
        "steps": 6,
        "accumulation": 2,
        "ema_decay": 0.9,
        "log_every": 2,
    }
    return LoopConfig(**(given | changes))


RECIPE = {"name": "tiny", "loop": {"steps": 6, "log_every": 2}, "milestones": (0.5,)}


def run_tiny(run: Path, config: LoopConfig, *, resume: bool = False, dropout: float = 0.5, **others: object):
    """Train; `between` is called with the step before each batch is given."""
    between = others.pop("between", lambda step: None)
    size, processes = others.pop("size", 2), others.get("processes", ALONE)

    def given(first: int) -> Iterator[Sample]:
        each = batches(first, config=config, size=size, processes=processes)
        for n, batch in enumerate(each, first * config.accumulation):
            between(n // config.accumulation)
            yield batch

    objective = others.pop("objective", None) or TinyObjective(dropout)
    return train(run, objective, given, config, recipe=RECIPE, resume=resume, **others)


def interrupt_at(step: int, number: signal.Signals, now: int) -> None:
    if now == step:
        os.kill(os.getpid(), number)


def gradients(network: nn.Module) -> dict[str, Tensor | None]:
    return {name: None if p.grad is None else p.grad.clone() for name, p in network.named_parameters()}


def killed_in_a_step(folder: Path) -> None:
    """Train and be killed in step 4, checkpoints being written after each."""
    run_tiny(folder, recipe_of(save_every_s=0.0), between=partial(interrupt_at, 4, signal.SIGKILL))


def killed_while_saving(folder: Path) -> None:
    """Train and be killed when half of the fourth checkpoint is written."""
    whole_save, count = torch.save, iter(range(10))

    def half_save(content: object, file: object) -> None:
        if next(count) == 3:
            file.write(b"PK\x03\x04 half a checkpoint")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        whole_save(content, file)

    checkpoint.torch.save = half_save
    run_tiny(folder, recipe_of(save_every_s=0.0))


def holding(folder: Path) -> None:
    """Hold a run folder, beside a forked process as loads data, until killed; say when."""
    with locked(folder, ALONE):
        if os.fork():
            sys.stdout.write("held\n")
            sys.stdout.flush()
        time.sleep(60)


def run_short(step: int) -> None:
    if step == 3:
        raise ShortageError("a process that prepares patches was ended")


def fail(step: int) -> None:
    if step == 2:
        raise SegAnyPETError("scan.nii.gz cannot be read")


class BrokenInOneProcess(TinyObjective):
    """Its loss is NaN in step 2 of the second process."""

    def __init__(self, rank: int) -> None:
        super().__init__()
        self.rank = rank

    def forward(self, batch: Sample, step: int) -> Outcome:
        outcome = super().forward(batch, step)
        return outcome._replace(loss=outcome.loss * torch.nan) if (step, self.rank) == (2, 1) else outcome


def two_processes(folder: Path) -> None:
    """Do what several processes must do together; leave what came of it in the folder."""
    with joined("cpu") as processes:
        rank = processes.rank
        found: dict[str, object] = {"processes": [rank, processes.world]}
        found["any"] = processes.any(rank == 1, False, True)
        found["gathered"] = processes.gather({"rank": rank})
        found["from first"] = processes.on_first(lambda: f"by {rank}")
        for accumulation in (1, 2):
            config = recipe_of(accumulation=accumulation, steps=1, ema_decay=None)
            state = run_tiny(folder / f"once{accumulation}", config, dropout=0.0, processes=processes)
            torch.save(gradients(state.network), folder / f"gradients{accumulation}_{rank}.pt")
        alone = TinyObjective()
        config = recipe_of(accumulation=1, steps=1)
        alone(next(batches(0, config=config, processes=processes)), 0).loss.backward()
        torch.save(gradients(alone.network), folder / f"alone_{rank}.pt")

        go = partial(run_tiny, config=recipe_of(), processes=processes)
        torch.save(go(folder / "whole").network.state_dict(), folder / f"whole_{rank}.pt")
        go(folder / "plain", dropout=0.0)
        found["refused"] = _refusal(lambda: go(folder / "whole"))
        stop = partial(interrupt_at, 2, signal.SIGTERM) if rank == 1 else lambda step: None
        state = go(folder / "cut", between=stop)
        found["stopped"] = [state.step, state.stopped_by]
        torch.save(go(folder / "cut", resume=True).network.state_dict(), folder / f"cut_{rank}.pt")
        found["broken"] = _refusal(lambda: go(folder / "broken", objective=BrokenInOneProcess(rank)))
        failing = fail if rank == 1 else lambda step: None
        found["unreadable"] = _refusal(lambda: go(folder / "unreadable", between=failing))
        short = run_short if rank == 1 else lambda step: None
        found["short"] = _refusal(lambda: go(folder / "short", between=short))
        go(folder / "short", resume=True)
    tasks = Path("/proc/self/task")  # on Linux
    found["threads"] = [(task / "comm").read_text().strip() for task in tasks.glob("*")]
    (folder / f"found_{rank}.json").write_text(json.dumps(found))


def _refusal(work: object) -> str:
    try:
        work()
    except SegAnyPETError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    torch.set_num_threads(1)
    globals()[sys.argv[1]](Path(sys.argv[2]))
