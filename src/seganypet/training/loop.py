"""The training loop: exact after a resume, whole in its files, stopped rather than spoilt by numbers that are not."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import nn
from torch.amp.grad_scaler import GradScaler

from seganypet.errors import OutputError, UsageError
from seganypet.training.checkpoint import (
    FILE_NAME,
    as_json,
    read_checkpoint,
    require_same_recipe,
    write_checkpoint,
)
from seganypet.training.distributed import ALONE, Processes
from seganypet.training.journal import Journal, prepare_run_folder
from seganypet.training.loop_config import LoopConfig
from seganypet.training.optimisation import build_optimiser, build_schedule, schedule_factor
from seganypet.training.sample import Sample
from seganypet.training.state import State, averaged
from seganypet.training.step import TERMS, take_step
from seganypet.training.stopping import StopRequests
from seganypet.training.tally import Tally

__all__ = ["Batches", "LoopConfig", "OnBest", "Validate", "train"]

Batches = Callable[[int], Iterator[Sample]]
Validate = Callable[[nn.Module, int], Mapping[str, float]]
OnBest = Callable[[nn.Module, int, Mapping[str, float]], None]


def train(
    run: Path,
    objective: nn.Module,
    batches: Batches,
    config: LoopConfig,
    *,
    recipe: Mapping[str, Any],
    resume: bool,
    validate: Validate | None = None,
    on_best: OnBest | None = None,
    stop_after_s: float | None = None,
    processes: Processes = ALONE,
    inputs: Sequence[Path] = (),
) -> State:
    """Return the state after the last step, or where the training was stopped; `run` tells its story.

    SIGTERM, SIGINT and the time limit let the step finish and save. A run that was stopped or killed and then resumed
    ends with the very weights of one that was not, if the processes, their threads and the machine are the same and,
    on GPUs, as far as their kernels always add in the same order.

    Args:
        run: Folder for the checkpoint and the journal; all processes must see the same.
        objective: What is minimised: its forward takes a batch and the step and returns an `Outcome`; its `network`
            is what is trained.
        batches: Gives this process's batches from a step on, `accumulation` for each step.
        config: How to train.
        recipe: The resolved configuration; a run is resumed with the same one only.
        resume: Continue the run in the folder.
        validate: Returns the scores of a network, the same in all processes; "score" is the one that counts.
        on_best: Called in the first process with the network, the step and the scores, whenever the score is the
            highest so far.
        stop_after_s: Stop after this time, in seconds.
        processes: Those that train together.
        inputs: Files that are trained on, for the record.

    Raises:
        TrainingError: Loss or gradient is not finite; the batches end too early; the folder holds another run, or a
            damaged one.
        UsageError: The network does not have the papers' three parts, or the recipe no JSON form.
        OutputError: The folder cannot be written to.
    """
    loop = _Loop(run, objective, config, recipe, processes)
    has_checkpoint = processes.on_first(lambda: prepare_run_folder(run, recipe, resume=resume))
    if has_checkpoint:
        processes.each(loop.restore)
    state, journal = loop.state, loop.journal
    processes.on_first(lambda: journal.begin(state.step, inputs))
    if resume and not has_checkpoint:
        journal.say(f"{run} has no checkpoint yet: beginning with the first step")
    try:
        with StopRequests(stop_after_s) as stop_requests:
            loop.go_on(batches, stop_requests, validate, on_best)
    except BaseException as error:
        with suppress(OutputError):  # the error that led here is the one to report
            journal.end("failed", f"{type(error).__name__}: {error}", state.step)
        raise
    if state.stopped_by:
        message = f"stopped by {state.stopped_by} after step {state.step}; continue with --resume"
    else:
        message = f"all {state.step} steps are done"
    journal.say(message)
    journal.end("stopped" if state.stopped_by else "finished", message, state.step)
    return state


class _Loop:
    """A training under way in one process."""

    def __init__(
        self,
        run: Path,
        objective: nn.Module,
        config: LoopConfig,
        recipe: Mapping[str, Any],
        processes: Processes,
    ) -> None:
        self.checkpoint, self.config, self.recipe, self.processes = run / FILE_NAME, config, recipe, processes
        self.objective = objective.to(processes.device)
        self.model = processes.wrap(self.objective)  # also gives all processes the first one's weights
        network = self.objective.network
        assert isinstance(network, nn.Module)
        optimiser = build_optimiser(network, config.optimiser)
        self.state = State(
            network=network,
            average=network if config.ema_decay is None else averaged(network),
            optimiser=optimiser,
            schedule=build_schedule(optimiser, config.schedule, config.steps),
            scaler=GradScaler(processes.device.type, enabled=config.precision == "float16"),
        )
        self.journal = Journal(run, recipe, processes, config.steps)
        self._saved = time.monotonic()

    def restore(self) -> None:
        """Continue from the checkpoint."""
        stored = read_checkpoint(self.checkpoint)
        require_same_recipe(as_json(self.recipe), stored["recipe"], self.checkpoint)
        self.state.restore(stored, self.checkpoint)
        if not self.processes.is_first:
            self.state.tally = Tally()  # the first one's holds what all had

    def go_on(
        self,
        batches: Batches,
        stop_requests: StopRequests,
        validate: Validate | None,
        on_best: OnBest | None,
    ) -> None:
        """Train until the last step, or until any process is asked to stop."""
        state, config = self.state, self.config
        self.objective.train()
        source = batches(state.step) if state.step < config.steps else iter(())
        while state.step < config.steps:
            began = time.monotonic()
            stop, save = take_step(
                state,
                self.model,
                source,
                config,
                self.processes,
                wishes=lambda: (bool(stop_requests.reason), self._save_is_due()),
                checkpoint=self.checkpoint,
            )
            self._count(time.monotonic() - began)
            last = state.step == config.steps
            if last or state.step % config.log_every == 0:
                self._log()
            validated = validate is not None and self._validation_is_due()
            if validate is not None and validated:
                self._validate(validate, on_best)
            if save or stop or last or validated:
                self._save()
            if stop and not last:
                reasons = self.processes.gather(stop_requests.reason)
                state.stopped_by = next(reason for reason in reasons if reason)
                return

    def _save_is_due(self) -> bool:
        return self.processes.is_first and time.monotonic() - self._saved >= self.config.save_every_s

    def _validation_is_due(self) -> bool:
        step, every = self.state.step, self.config.validate_every
        return step == self.config.steps or (every > 0 and step % every == 0)

    def _count(self, seconds: float) -> None:
        """Take up the time of a step, by the first process's clock."""
        self.state.seconds += seconds
        if self.processes.is_first:
            self.state.tally.add({"seconds": seconds})
        self.journal.advance(self.state.step)

    def _log(self) -> None:
        """Write what happened since the last line."""
        state, tally = self.state, self.state.tally
        tally.pool(self.processes)
        factor = schedule_factor(self.config.schedule, self.config.steps, state.step - 1)
        terms = (name for name in tally.series if name.startswith(TERMS))
        line: dict[str, Any] = {
            "step": state.step,
            "seconds": round(state.seconds, 2),
            "samples_per_second": _shortened(tally.total("samples") / max(tally.total("seconds"), 1e-9)),
            "loss": _shortened(tally.mean("loss")),
            "terms": {name.removeprefix(TERMS): _shortened(tally.mean(name)) for name in sorted(terms)},
            "gradient_norm": _shortened(tally.mean("gradient_norm")),
            "learning_rate": {
                group["name"]: _shortened(group["initial_lr"] * factor)
                for group in state.optimiser.param_groups
            },
        }
        if self.config.precision == "float16":
            line["skipped_steps"] = state.skipped
        self.processes.on_first(lambda: self.journal.log(line))
        state.tally = Tally()

    def _validate(self, validate: Validate, on_best: OnBest | None) -> None:
        """Score the average, and hand it over where it is the best so far."""
        state = self.state
        state.average.eval()
        scores = dict(validate(state.average, state.step))
        self.objective.train()  # the network may be its own average
        if "score" not in scores:
            raise UsageError(f'the validation gives {", ".join(scores) or "nothing"}; "score" is needed')
        finite = {name: value if math.isfinite(value) else None for name, value in scores.items()}
        self.processes.on_first(lambda: self.journal.validated(state.step, finite))
        score = finite["score"]
        if score is None or (state.best is not None and score <= state.best):
            return
        state.best = score
        if on_best is not None:
            self.processes.on_first(lambda: on_best(state.average, state.step, scores))

    def _save(self) -> None:
        """Write the checkpoint, with the tallies of all processes."""
        self.state.tally.pool(self.processes)
        self.processes.on_first(
            lambda: write_checkpoint(self.checkpoint, self.state.dump(as_json(self.recipe)))
        )
        self._saved = time.monotonic()


def _shortened(value: float | None) -> float | None:
    """Return six digits of a number."""
    return None if value is None else float(f"{value:.6g}")
